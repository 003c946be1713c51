/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is settled: for each row (a partition of a subscription) the next sequence, under which
 * generation, and how many events and bytes were settled so far: the other side of lag (L19, L20).
 *
 * Progress is accepted only from the position that is there, under the generation that is in
 * force. A generation record raises the generation, and may move the position (a seek).
 *
 * One writer; other threads read cells of rows below the row count of the catalog (relaxed: a
 * report may be a moment old).
 */
#ifndef WR_LOG_SETTLE_H
#define WR_LOG_SETTLE_H

#include "core/log/undo.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/section.h"

struct wr_settle_row {
	wr_atomic_u64 position;
	wr_atomic_u64 generation; /* 0: never assigned */
	/*
	 * Settled so far, in the measure of what was ever appended to the partition: lag is the
	 * difference. After a seek, and after progress over a gap, they begin anew at what was
	 * appended by then, and `moved` is the sequence of the record that did it: what lies
	 * between the position and it is counted by the group, once.
	 */
	wr_atomic_u64 events;
	wr_atomic_u64 bytes;
	wr_atomic_u64 moved; /* 0: there is nothing to count */
	/*
	 * Of this run only. H3: the record with which counting began anew, stored last, and the
	 * position that it left; by the group: the record whose count it has begun, and holds (H2).
	 * Until the two agree nobody knows what lag is, and what is to be counted may not leave.
	 */
	wr_atomic_u64 anew_from;
	wr_atomic_u64 anew_seq;
	wr_atomic_u64 seen_seq;
	wr_atomic_u64 later; /* the writer's, in a run: 1 + where its new position waits (undo.h) */
	/* Of whose progress some was refused for its place: whoever wrote it has lost the row. */
	wr_atomic_u64 refused_generation; /* 0: none */
	/* As events and bytes were then: a filtered subscription's are counted from there. */
	wr_atomic_u64 base_events;
	wr_atomic_u64 base_bytes;
	/* Addressed to it so far, beside what was appended to its partition (addressed.h). */
	wr_atomic_u64 to_events;
	wr_atomic_u64 to_bytes;
};

struct wr_settle {
	struct wr_settle_row *rows;
	uint32_t rows_max;
	uint32_t rows_used; /* rows of all subscriptions: set by start, and by load */
};

int wr_settle_init(struct wr_settle *s, struct wr_memory *memory, uint32_t rows_max);
void wr_settle_fini(struct wr_settle *s, struct wr_memory *memory);
void wr_settle_reset(struct wr_settle *s);

/* A new subscription's rows: all at start_seq, nothing settled. */
void wr_settle_start(struct wr_settle *s, uint32_t row_first, uint32_t row_count,
		     uint64_t start_seq);

/*
 * The position of a row whose partition is not in force, as of those of a shared subscription that
 * have none of their own: nothing below it is needed for its sake.
 */
#define WR_POSITION_NONE UINT64_MAX
void wr_settle_no_position(struct wr_settle *s, uint32_t row);
/* Its partition is in force from the record at seq on. */
void wr_settle_row_begin(struct wr_settle *s, uint32_t row, uint64_t seq);

/* Whether a row with this position needs nothing: detached, or not in force. */
static inline bool wr_position_is_nowhere(uint64_t position)
{
	return position >= WR_POSITION_DETACHED;
}

static inline bool wr_position_is_detached(uint64_t position)
{
	return wr_position_is_nowhere(position) && position != WR_POSITION_NONE;
}

/* Where it stands, or stood when it was detached. */
static inline uint64_t wr_position_stood(uint64_t position)
{
	return wr_position_is_detached(position) ? position - WR_POSITION_DETACHED : position;
}

/* 0, WEIR_E_FENCED (generation), WEIR_E_OUT_OF_SEQUENCE (position), -EINVAL (no such row). */
int wr_settle_progress(struct wr_settle *s, struct wr_undo *undo, uint32_t row,
		       const struct wr_control_progress *progress);
/* 0, WEIR_E_FENCED (not the next generation), -EINVAL. */
int wr_settle_generation(struct wr_settle *s, struct wr_undo *undo, uint32_t row,
			 const struct wr_control_generation *generation);

/*
 * The lowest position of all rows in use, and what the group has still to begin to count;
 * UINT64_MAX when there are none: the retention gate. Look at the group's holds after this.
 */
uint64_t wr_settle_needed_seq(struct wr_settle *s);

size_t wr_settle_save_bytes_max(uint32_t rows_max);
void wr_settle_save(struct wr_settle *s, struct wr_sink *sink);
int wr_settle_load(struct wr_settle *s, uint32_t version, const uint8_t *bytes,
		   uint32_t length_bytes);

#endif
