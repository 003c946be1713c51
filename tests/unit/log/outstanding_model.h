/* SPDX-License-Identifier: Apache-2.0 */
/* What test_outstanding.c holds the writer's list against: all that was marked, by sequence. */
#ifndef WR_TESTS_OUTSTANDING_MODEL_H
#define WR_TESTS_OUTSTANDING_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/record/share.h"

#define QUEUES 2u /* one by key, one in no order; and a third subscription that is not shared */
#define SEQS 4000u

struct model_event {
	bool out;
	uint32_t row, bytes, generation, attempts, reason, dead;
	uint32_t priority;
	bool said;      /* a record counts an attempt, and none ended that since */
	uint64_t place; /* 0: where it was */
	uint64_t key, first_failed_us, last_failed_us, not_before_us, expires_us;
};

struct model {
	struct model_event events[SEQS];
	uint64_t frontier;
	uint32_t out;
	uint32_t first_generation, top_generation;
	uint64_t moves;
	uint64_t settled_events[16], settled_bytes[16]; /* by row */
};

struct model_counts {
	uint64_t marks, settles, partly, fenced, rejects, full, undone, kept, parked, ended, moved,
		stayed, carried;
};

static inline struct model model_of_none(void)
{
	return (struct model){.frontier = 1, .first_generation = 1, .top_generation = 1};
}

static inline void model_raise(struct model *m, struct model_event *e)
{
	if (++e->generation > m->top_generation)
		m->top_generation = e->generation;
}

/* The model's part: how many it settles, of how many that it names. */
static inline uint32_t settle_model(struct model *m, const struct wr_settle_run *runs,
				    uint32_t count, uint32_t *ret_named)
{
	uint32_t settled = 0;
	*ret_named = 0;
	for (uint32_t i = 0; i < count; i++) {
		*ret_named += runs[i].count;
		for (uint64_t seq = runs[i].first; seq <= runs[i].last; seq++) {
			struct model_event *e = &m->events[seq];
			if (!e->out || e->generation != runs[i].generation)
				continue;
			e->out = false;
			m->settled_events[e->row]++;
			m->settled_bytes[e->row] += e->bytes;
			settled++;
		}
	}
	m->out -= settled;
	return settled;
}

/* One that a move leaves outstanding. */
static inline void model_begin_anew(struct model *m, struct model_event *e)
{
	if (e->first_failed_us != 0)
		e->not_before_us = 0;
	e->generation = m->first_generation;
	e->attempts = e->reason = e->dead = 0;
	e->first_failed_us = e->last_failed_us = e->said = 0;
	m->settled_events[e->row]--;
	m->settled_bytes[e->row] -= e->bytes;
	m->out++;
}

#endif
