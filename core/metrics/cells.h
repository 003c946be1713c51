/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half: the owner's view of the file, which is memory that the host mapped. One thread
 * writes (the group step's); layout.h has the rule, ME1.
 *
 *   slot = wr_metrics_begin(m, scope, index, labels)     stamp odd; named, if it is new
 *   wr_metrics_put(m, slot, WR_METRIC_..., value) ...
 *   wr_metrics_end(slot)                                 stamp even
 */
#ifndef WR_METRICS_CELLS_H
#define WR_METRICS_CELLS_H

#include "core/base/atomic.h"
#include "core/metrics/layout.h"

/* A histogram in the memory of whoever counts; one thread records, others look (relaxed). */
struct wr_metric_histogram {
	wr_atomic_u64 count, sum, greatest;
	wr_atomic_u64 buckets[WR_METRICS_BUCKETS];
};

struct wr_metrics {
	struct wr_metrics_layout layout;
	uint8_t *base;        /* of layout.bytes; zeroed before init */
	uint64_t generations; /* given so far */
	uint64_t rounds;
	uint64_t errors_used;
	uint64_t errors_left;
};

struct wr_metrics_identity {
	const char *name;
	const char *dir; /* "": in memory */
	uint64_t pid, pid_start, pid_space;
	uint64_t opened_wall_ns;
	uint64_t interval_ns;
};

/* Writes head and tables; the magic last. */
void wr_metrics_init(struct wr_metrics *m, void *base, const struct wr_metrics_layout *layout,
		     const struct wr_metrics_identity *identity);

/* The end of a round: heartbeat and state. */
void wr_metrics_round(struct wr_metrics *m, uint64_t state, uint64_t boot_ns, uint64_t wall_ns);

/*
 * A slot to be filled in; NULL when it has no place. `fresh`: another object than the one that is
 * there, though its labels be the same. A new one has all cells 0.
 */
wr_atomic_u64 *wr_metrics_begin(struct wr_metrics *m, enum wr_metrics_scope_id scope,
				uint64_t index, const char *const *labels, bool fresh);
void wr_metrics_put(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric,
		    uint64_t value);
void wr_metrics_put_histogram(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric,
			      const struct wr_metric_histogram *h);
void wr_metrics_end(wr_atomic_u64 *slot);
/* Nobody's, if it is somebody's. */
void wr_metrics_drop(struct wr_metrics *m, enum wr_metrics_scope_id scope, uint64_t index);

/* Counts an error among those with the same text, or as a new one while there is room. */
void wr_metrics_note(struct wr_metrics *m, int code, const char *text, uint64_t wall_ns);

/* Own. */
static inline void wr_metric_count(wr_atomic_u64 *cell, uint64_t more)
{
	wr_store_relaxed(cell, wr_load_relaxed(cell) + more);
}

static inline void wr_metric_record_many(struct wr_metric_histogram *h, uint64_t value,
					 uint64_t count)
{
	wr_metric_count(
		&h->buckets[wr_histogram_index(value, WR_METRICS_SUB_BITS, WR_METRICS_VALUE_BITS)],
		count);
	wr_metric_count(&h->sum, value * count);
	if (value > wr_load_relaxed(&h->greatest)) /* own */
		wr_store_relaxed(&h->greatest, value);
	wr_metric_count(&h->count, count);
}

static inline void wr_metric_record(struct wr_metric_histogram *h, uint64_t value)
{
	wr_metric_record_many(h, value, 1);
}

#endif
