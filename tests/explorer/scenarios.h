/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenarios on weir's own structures, one file for each structure. scenarios.c has the list.
 *
 * The files scenario_*.c and the sources of weir that they use are compiled with
 * -fsanitize=thread, whose runtime is the explorer (plain.c): they must not call what was not
 * compiled so with memory that is shared between threads.
 */
#ifndef WR_EXPLORER_SCENARIOS_H
#define WR_EXPLORER_SCENARIOS_H

#include "tests/explorer/explorer.h"

/* How many executions there are: lost coverage shows, and so does a change of the sources. */
struct explorer_case {
	const struct explorer_scenario *scenario;
	uint64_t executions, blocked;
};

extern const struct explorer_case explorer_scenarios[];
extern const unsigned explorer_scenario_count;

extern const struct explorer_scenario spsc_goes_round, spsc_in_batches;
extern const struct explorer_scenario spinlock_excludes;
extern const struct explorer_scenario park_seq, park_asymmetric, park_two_seq, park_two_asymmetric,
	park_again_seq, park_again_asymmetric;

#endif
