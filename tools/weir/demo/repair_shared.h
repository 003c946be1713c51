/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of demo/repair.h know of each other: the events, fixed before the first fork,
 * and what handlers have done, in memory that outlives a child that is killed.
 */
#ifndef WEIR_TOOLS_DEMO_REPAIR_SHARED_H
#define WEIR_TOOLS_DEMO_REPAIR_SHARED_H

#include "tools/weir/demo/repair.h"

#define REPAIR_EVENTS_MAX 2000u
#define REPAIR_TOPIC "billing"
#define REPAIR_DEAD "billing.dead"
#define REPAIR_EVERY 200u /* one order in so many is poisoned */

struct repair_shared {
	wr_atomic_u32 phase;         /* by children: REPAIR_* */
	wr_atomic_u32 applied_count; /* by handlers */
	wr_atomic_u32 seen[REPAIR_EVENTS_MAX];
	uint32_t applied[REPAIR_EVENTS_MAX];
	uint64_t parked_count;
	uint64_t letter_count, redriven_count;
	int failure;
	char what[64];
	struct weir_problem problem;
};

enum { REPAIR_RUNS = 0, REPAIR_STUCK = 1 /* all that can be processed is */ };

/* The events, in the order of the source. */
struct repair_work {
	const struct demo_plan *plan;
	struct repair_shared *shared;
	uint32_t count;
	struct demo_event events[REPAIR_EVENTS_MAX];
	uint64_t keys[REPAIR_EVENTS_MAX];
	uint64_t indexes[REPAIR_EVENTS_MAX]; /* in the source */
};

/* The faulty handler's orders. */
static inline bool repair_is_poisoned(uint32_t ordinal)
{
	return ordinal % REPAIR_EVERY == 0;
}

/* The three children; exit codes. The first one does not end by itself. */
int repair_child_faulty(struct repair_work *work);
int repair_child_redrive(struct repair_work *work);
int repair_child_mended(struct repair_work *work);

#endif
