/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's tables, and the one place where it is decided what may be appended.
 *
 * The tables are a pure function of the records in log order (L15): the writer decides a candidate
 * and takes it in with the same function that recovery replays the log with. A record that is in
 * the log but would be refused on replay means that the log is not this log: WEIR_E_CORRUPT.
 */
#ifndef WR_LOG_DECIDE_H
#define WR_LOG_DECIDE_H

#include "core/base/bug.h"
#include "core/log/attempts.h"
#include "core/log/catalog.h"
#include "core/log/erasures.h"
#include "core/log/filters.h"
#include "core/log/keys.h"
#include "core/log/lengths.h"
#include "core/log/outstanding.h"
#include "core/log/producers.h"
#include "core/log/schemas.h"
#include "core/log/settle.h"
#include "core/log/versions.h"

struct wr_tables {
	struct wr_catalog catalog;
	struct wr_producers producers;
	struct wr_settle settle;
	struct wr_attempts attempts;
	struct wr_keys keys;
	struct wr_versions versions;
	/* Append time of what is decided next: whoever decides sets it before. */
	uint64_t now_us;
	struct wr_outstanding outstanding;
	struct wr_schemas schemas;
	struct wr_filters filters;
	struct wr_erasures erasures;
	struct wr_lengths lengths;    /* no part of the log: options of this run */
	uint64_t saved_rare_bytes;    /* in the last checkpoint */
	uint64_t captured_keys_bytes; /* of the windows: what comes behind are versions */
	/* Events may have been left out: what there is from the beginning has to be counted. */
	bool may_lack_events;
};

struct wr_tables_limits {
	struct wr_catalog_limits catalog;
	uint32_t named_producers_max;
	uint32_t idempotency_keys_max;
	uint32_t versioned_keys_max;
	uint32_t run_records_max;
	uint32_t outstanding_max; /* of all shared subscriptions together */
	uint32_t schemas_max;
	uint32_t schema_bytes_max;
	uint32_t filter_bytes_max;
	uint32_t erasures_max;
};

/* What the writer fills into a record that it accepts, and answers. */
struct wr_decision {
	/*
	 * TOPIC, SUBSCRIPTION, PRODUCER: its id: given, or found with WEIR_E_EXISTS. PROGRESS,
	 * GENERATION: the row; of a shared subscription the generation in which what is taken
	 * begins. SETTLE: entries that count for nothing. REJECT: the generation in
	 * force, 0: it is settled. TYPE: the number of a version that is registered. EVENT, with
	 * WEIR_E_QUEUE_FULL: the subscription that is full.
	 */
	uint32_t id;
	uint32_t epoch;    /* PRODUCER */
	bool asked;        /* with WEIR_E_CONFLICT: that is the answer, and nothing was refused */
	bool tell;         /* even an asker who wants no answer: it was taken in part only */
	bool same;         /* with WEIR_E_EXISTS: what is there is what was asked for */
	uint32_t features; /* that its batch's readers must know */
	uint32_t tag;      /* of the record in the column, before it is cut to the tag's bits */
	/* SUBSCRIPTION, GENERATION: where positions begin, or move to; UINT64_MAX: nowhere. */
	uint64_t moved_to;
	/* WEIR_E_DUPLICATE: where the first event of the key, or this very one, stands;
	 * WEIR_E_CONFLICT: the key's last one, 0: it has none. */
	uint64_t first_seq;
	uint64_t version;               /* of the event in its key; WEIR_E_CONFLICT: the key's */
	struct wr_schemas_given schema; /* TYPE */
};

int wr_tables_init(struct wr_tables *t, struct wr_memory *memory,
		   const struct wr_tables_limits *limits);
void wr_tables_fini(struct wr_tables *t, struct wr_memory *memory);
void wr_tables_reset(struct wr_tables *t);
size_t wr_tables_bytes(const struct wr_tables_limits *limits);

/*
 * Decides one record that would get `seq`, and takes it in if it is accepted. `replay`: the record
 * stands in the log; ids and epochs in it must come out the same.
 * 0, or why it is refused: -EINVAL, WEIR_E_UNKNOWN_NAME, _EXISTS, _FULL, _FENCED, _OUT_OF_SEQUENCE,
 * _DUPLICATE, _CONFLICT. Never on replay: WEIR_E_QUEUE_FULL (lengths.h); -ENOENT and -ESTALE, what
 * it is a copy of was erased; WEIR_E_AGAIN, not now, a checkpoint needs what it would overwrite.
 * -ESTALE is for a copy that is addressed (addressed.h): who made it passes it over, and does not
 * look again.
 */
int wr_decide(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
	      uint64_t seq, bool replay, struct wr_decision *ret_decision);

/*
 * Before the first record of a run is decided; when one of them was refused: all that the others
 * did is taken back; when none was: it is for good.
 */
static inline void wr_tables_run_begin(struct wr_tables *t, struct wr_undo *undo)
{
	undo->count = undo->later_count = 0;
	wr_keys_begin(&t->keys);
}
/*
 * What is settled of a row from here on is counted from what was appended so far, for a position
 * that was moved by the record at `seq`.
 */
void wr_tables_count_from(struct wr_tables *t, struct wr_undo *undo,
			  const struct wr_subscription *s, uint32_t row, uint64_t position,
			  uint64_t seq);
/* A PARTITION_MAP record, for wr_decide(). */
int wr_decide_growth(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		     uint64_t seq, struct wr_decision *d);
/* A FILTER record, for wr_decide(). */
int wr_decide_filter(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		     uint64_t seq, struct wr_decision *d);
/* Whether a subscription may have such a filter, and what its batch's readers must know. */
int wr_decide_filter_of(struct wr_tables *t, const struct wr_subscription *s,
			const struct wr_filter_view *filter, struct wr_decision *d);
/* It will be given one. */
void wr_decide_filter_given(struct wr_tables *t, const struct wr_filter_view *filter);
void wr_tables_run_undo(struct wr_tables *t, struct wr_undo *undo);
void wr_tables_run_keep(struct wr_tables *t, struct wr_undo *undo);

/* Counts an accepted event: what the writer's fast path and wr_decide share. Returns its tag. */
static inline uint32_t wr_tables_count_event(struct wr_tables *t, const struct wr_topic *topic,
					     const struct wr_record *r)
{
	uint32_t partition = wr_record_partition(
		r, WR_BUG(OLD_COUNT_PLACES) ? topic->made_with : wr_topic_in_force(topic));
	struct wr_partition_cells *cell = &t->catalog.cells[topic->first_cell + partition];
	wr_store_relaxed(&cell->events, wr_load_relaxed(&cell->events) + 1);
	wr_store_relaxed(&cell->bytes, wr_load_relaxed(&cell->bytes) + r->bytes);
	return topic->tag_base + partition;
}

/*
 * The body of a checkpoint: all of it, or all but the windows of idempotency keys and the versions
 * of keys, which are large and come behind it piece by piece: wr_tables_capture() says how many
 * bytes, and wr_tables_copy() gives them, in order, to who writes the checkpoint, until the writer
 * has seen the end of that (wr_tables_release()).
 */
size_t wr_tables_save_bytes_max(const struct wr_tables_limits *limits);

/* Of these what most logs have nothing of: attempts of partitions, addressed events, carried ones.
 * How far checkpoints are from one another follows from it (tables.saved_rare_bytes). */
size_t wr_tables_save_rare_bytes_max(const struct wr_tables_limits *limits);
void wr_tables_save(struct wr_tables *t, struct wr_sink *sink);
void wr_tables_save_small(struct wr_tables *t, struct wr_sink *sink);
/* What windows and versions take at most, and now. */
uint64_t wr_tables_keys_bytes_max(const struct wr_tables_limits *limits);
uint64_t wr_tables_capture(struct wr_tables *t);
static inline void wr_tables_release(struct wr_tables *t)
{
	wr_keys_release(&t->keys);
	wr_versions_release(&t->versions);
}
static inline bool wr_tables_captured(const struct wr_tables *t)
{
	return t->keys.captured || t->versions.of.captured;
}
/* context: the tables. */
void wr_tables_copy(void *context, uint64_t at, uint8_t *to, uint32_t bytes);
/* One section of it; sections of unknown modules are refused: WEIR_E_FORMAT. */
int wr_tables_load(struct wr_tables *t, uint32_t module, uint32_t version, uint32_t part,
		   const uint8_t *bytes, uint32_t length_bytes);

#endif
