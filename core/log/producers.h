/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named producers: one question, "is this the event that comes next from this producer?" (L10).
 *
 * A name gets its id by a record; each opening of the name raises its epoch, which fences the
 * holder before. Events carry {id, epoch, sequence}; sequences are dense from 1 over all epochs. A
 * refusal leaves the expected one where it is, so that all later ones are refused too, until it
 * is sent again or passed over by a record that says so: its owner's, or, behind a duplicate by
 * its idempotency key, the writer's.
 *
 * One writer; other threads read the cells of a row whose id is below the count (B1 as in
 * catalog.h).
 */
#ifndef WR_LOG_PRODUCERS_H
#define WR_LOG_PRODUCERS_H

#include "core/log/undo.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/section.h"

struct wr_producer_row {
	wr_atomic_u64 epoch;
	wr_atomic_u64 last_producer_seq; /* accepted last; 0: none */
	wr_atomic_u64 last_seq;          /* where that stands in the log */
	uint32_t name_bytes;
	char name[WR_NAME_BYTES_MAX + 1];
};

struct wr_producers {
	struct wr_producer_row *rows;
	wr_atomic_u64 count; /* B1 */
	uint32_t rows_max;
};

int wr_producers_init(struct wr_producers *p, struct wr_memory *memory, uint32_t rows_max);
void wr_producers_fini(struct wr_producers *p, struct wr_memory *memory);
void wr_producers_reset(struct wr_producers *p);

/* Any thread: rows below it have names that do not change, and cells. */
static inline uint64_t wr_producers_count(struct wr_producers *p)
{
	return wr_load_acquire(&p->count); /* B1 */
}

/* A PRODUCER record: finds or adds the name, raises its epoch. 0, WEIR_E_FULL, -EINVAL. */
int wr_producers_open(struct wr_producers *p, struct wr_undo *undo,
		      const struct wr_record_view *view, uint32_t *ret_id, uint32_t *ret_epoch);
/* An event with a stamp: 0, WEIR_E_FENCED, WEIR_E_OUT_OF_SEQUENCE, WEIR_E_UNKNOWN_NAME. */
int wr_producers_check(struct wr_producers *p, const struct wr_producer_stamp *stamp);
/* Takes in one that was checked. */
void wr_producers_take(struct wr_producers *p, struct wr_undo *undo,
		       const struct wr_producer_stamp *stamp, uint64_t seq);
/* Both. */
static inline int wr_producers_event(struct wr_producers *p, struct wr_undo *undo,
				     const struct wr_producer_stamp *stamp, uint64_t seq)
{
	int rc = wr_producers_check(p, stamp);
	if (rc == 0)
		wr_producers_take(p, undo, stamp, seq);
	return rc;
}

/*
 * A PRODUCER_SKIP record: the next sequence is the one behind it. 0; WEIR_E_UNKNOWN_NAME,
 * WEIR_E_FENCED; WEIR_E_OUT_OF_SEQUENCE: it would go back; -EINVAL.
 */
int wr_producers_skip(struct wr_producers *p, struct wr_undo *undo,
		      const struct wr_record_view *view);

size_t wr_producers_save_bytes_max(uint32_t rows_max);
void wr_producers_save(struct wr_producers *p, struct wr_sink *sink);
int wr_producers_load(struct wr_producers *p, uint32_t version, const uint8_t *bytes,
		      uint32_t length_bytes);

#endif
