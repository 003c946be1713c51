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

/* How long it takes, and so when it runs. */
enum explorer_size {
	SMALL = 0, /* with every push, and with each mutant that comes by */
	MEDIUM,    /* with every push */
	LARGE,     /* takes seconds: structures --all, tools/soak */
};

/* How many executions there are: lost coverage shows, and so does a change of the sources. */
struct explorer_case {
	const struct explorer_scenario *scenario;
	uint64_t executions, blocked;
	enum explorer_size size;
};

extern const struct explorer_case explorer_scenarios[];
extern const unsigned explorer_scenario_count;

extern const struct explorer_scenario spsc_goes_round, spsc_in_batches;
extern const struct explorer_scenario spinlock_excludes;
extern const struct explorer_scenario route_bits;
extern const struct explorer_scenario stamp_one_change, stamp_two_changes, stamp_another_object;
extern const struct explorer_scenario version_changed_twice, version_behind_the_copy,
	version_given_to_another;
extern const struct explorer_scenario park_symmetric, park_flag_symmetric, park_two_symmetric,
	park_again_symmetric, park_seq, park_asymmetric, park_flag_seq, park_flag_asymmetric,
	park_two_seq, park_two_asymmetric, park_again_seq, park_again_asymmetric;
extern const struct explorer_scenario sleepers_one, sleepers_later, sleepers_share,
	sleepers_share_both, sleepers_apart, sleepers_woken_twice, sleepers_left, sleepers_mail;
extern const struct explorer_scenario lane_seq, lane_asymmetric, lane_asleep_seq,
	lane_asleep_asymmetric, lane_answers, lane_lives, lane_poisoned;
extern const struct explorer_scenario inside_one, inside_late, inside_turns;
extern const struct explorer_scenario chunk_pin, chunk_two_readers, chunk_lingers, chunk_gate,
	chunk_follow, chunk_search, chunk_overtaken;
extern const struct explorer_scenario shared_free_list, shared_outcome, shared_two,
	shared_abandoned, shared_next_owner, shared_sleeps_for_buffer, shared_asleep;

extern const struct explorer_scenario fan_opened_seq, fan_opened_asymmetric, fan_opened_beside_seq,
	fan_opened_beside_asymmetric, fan_two_seq, fan_two_asymmetric, fan_close_seq,
	fan_close_asymmetric, fan_close_none_seq, fan_close_none_asymmetric, fan_close_opened_seq,
	fan_close_opened_asymmetric, fan_shared_seq, fan_shared_asymmetric;

extern const struct explorer_scenario fan_consumer_handle_seq, fan_consumer_handle_asymmetric;

extern const struct explorer_scenario ring_echo, ring_echo_wide, ring_echo_commit, ring_echo_stage,
	ring_echo_every, ring_echo_close, ring_echo_close_seq;
extern const struct explorer_scenario ring_run, ring_run_long, ring_run_long_shared,
	ring_run_shared, ring_run_laps, ring_run_part, ring_run_none, ring_told, ring_told_late;
extern const struct explorer_scenario ring_spsc, ring_spsc_batch, ring_spsc_in_place, ring_mpsc,
	ring_mpsc_void, ring_spmc, ring_spmc_in_place, ring_spmc_goes_on, ring_mpmc_void, ring_mpmc,
	ring_multicast, ring_multicast_many, ring_multicast_leave, ring_producer_handle,
	ring_consumer_handle;
extern const struct explorer_scenario ring_items_asleep_seq, ring_items_asleep_asymmetric,
	ring_room_asleep_seq, ring_room_asleep_asymmetric, ring_items_asleep_many_seq,
	ring_items_asleep_many_asymmetric, ring_room_asleep_many_seq,
	ring_room_asleep_many_asymmetric, ring_room_asleep_other_seq,
	ring_room_asleep_other_asymmetric, ring_items_asleep_other_seq,
	ring_items_asleep_other_asymmetric, ring_items_asleep_shared_seq,
	ring_items_asleep_shared_asymmetric, ring_items_asleep_lap_seq,
	ring_items_asleep_lap_asymmetric, ring_void_room_seq, ring_void_room_asymmetric,
	ring_room_asleep_shared_seq, ring_room_asleep_shared_asymmetric, ring_room_asleep_last_seq,
	ring_room_asleep_last_asymmetric, ring_room_asleep_leave_seq,
	ring_room_asleep_leave_asymmetric, ring_close_seq, ring_close_asymmetric,
	ring_close_one_seq, ring_close_one_asymmetric, ring_close_one_many_seq,
	ring_close_one_many_asymmetric, ring_close_asleep_many_seq,
	ring_close_asleep_many_asymmetric, ring_close_many_seq, ring_close_many_asymmetric,
	ring_close_items_asleep_seq, ring_close_items_asleep_asymmetric, ring_close_asleep_seq,
	ring_close_asleep_asymmetric, ring_close_room_asleep_seq, ring_close_room_asleep_asymmetric;
extern const struct explorer_scenario ring_close_shared_seq, ring_close_shared_asymmetric,
	ring_close_shared_still_seq, ring_close_shared_still_asymmetric,
	ring_close_shared_third_seq, ring_close_shared_third_asymmetric, ring_close_every_seq,
	ring_close_every_asymmetric, ring_close_every_still_seq, ring_close_every_still_asymmetric,
	ring_close_every_third_seq, ring_close_every_third_asymmetric, ring_close_every_echo_seq,
	ring_close_every_echo_asymmetric;

#endif
