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
#include "core/base/tally.h"
#include "core/metrics/layout.h"

struct wr_metrics {
	struct wr_metrics_layout layout;
	uint8_t *base;        /* of layout.bytes; zeroed before init */
	uint64_t generations; /* given so far */
	uint64_t rounds;
	uint64_t errors_used;
	uint64_t errors_left;
	uint64_t left_out; /* objects that are there and have no place; told with the round */
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
			      const struct wr_tally *tally);
/* One more, which stands for `weight`, in a histogram that is kept in the file itself. */
void wr_metrics_add_time(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric,
			 uint64_t value, uint64_t weight);
void wr_metrics_end(wr_atomic_u64 *slot);
/* Nobody's, if it is somebody's. */
void wr_metrics_drop(struct wr_metrics *m, enum wr_metrics_scope_id scope, uint64_t index);

/* Counts an error among those with the same text, or as a new one while there is room. */
void wr_metrics_note(struct wr_metrics *m, int code, const char *text, uint64_t wall_ns);

#endif
