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
extern const struct explorer_scenario park_seq, park_asymmetric, park_flag_seq,
	park_flag_asymmetric, park_two_seq, park_two_asymmetric, park_again_seq,
	park_again_asymmetric;
extern const struct explorer_scenario lane_seq, lane_asymmetric, lane_asleep_seq,
	lane_asleep_asymmetric, lane_answers, lane_lives, lane_poisoned;
extern const struct explorer_scenario chunk_pin, chunk_two_readers, chunk_lingers, chunk_gate,
	chunk_follow, chunk_search, chunk_overtaken;
extern const struct explorer_scenario shared_free_list, shared_outcome, shared_two,
	shared_abandoned, shared_next_owner, shared_sleeps_for_buffer, shared_asleep;

#endif
