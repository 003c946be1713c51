/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the scheduling classes of a thread plan can be had here, and whether they leave the
 * machine alive. After wr_affinity_check(), which has degraded spinners that got no CPU.
 *
 * Thread: any, at open. Nothing here has state.
 */
#ifndef WR_THREAD_SCHEDULING_H
#define WR_THREAD_SCHEDULING_H

#include "io/thread/affinity.h"

struct wr_scheduling_rules {
	bool strict;                      /* a class that is refused is an error */
	const struct wr_cpu_set *helpers; /* where helper threads may run; NULL: there are none */
	int (*try_class)(enum weir_scheduler scheduler, uint32_t priority); /* 0 or a code */
};

/*
 * A class that is refused becomes OTHER, or is an error when `strict`. A FIFO or RR thread that
 * spins (SPIN, YIELD) on a CPU that any other thread of the plan, or a helper, may use is refused.
 *
 * @param ret_problem  may be NULL; filled in when the result is not 0: the error, or the note
 *                     about the first thread that was degraded (code 0)
 * @return how many were degraded, or -EINVAL, or (strict) the code of the class that was refused;
 *         the plan is unchanged then
 */
int wr_scheduling_check(const struct wr_affinity *affinity, struct wr_thread_plan *plans,
			uint32_t plan_count, const struct wr_scheduling_rules *rules,
			struct weir_problem *ret_problem);

#endif
