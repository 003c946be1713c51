/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/explorer/scenarios.h"

const struct explorer_case explorer_scenarios[] = {
	{&spsc_goes_round, 12, 22},
	{&spsc_in_batches, 4, 8},
	{&spinlock_excludes, 78, 84},
	{&park_seq, 7, 1},
	{&park_asymmetric, 14, 2},
	{&park_flag_seq, 7, 1},
	{&park_flag_asymmetric, 14, 2},
	{&park_two_seq, 185, 50},
	{&park_two_asymmetric, 5371, 490},
	{&park_again_seq, 211, 30},
	{&park_again_asymmetric, 1223, 121},
	{&lane_seq, 1, 3},
	{&lane_asymmetric, 1, 3},
	{&lane_asleep_seq, 497, 80},
	{&lane_asleep_asymmetric, 4215, 551},
	{&lane_answers, 16, 12},
	{&lane_lives, 36, 46},
	{&lane_poisoned, 3, 16},
	{&chunk_pin, 9, 0},
	{&chunk_two_readers, 127, 0},
	{&chunk_lingers, 96, 0},
	{&chunk_gate, 195, 0},
	{&chunk_follow, 114, 0},
	{&chunk_search, 190, 0},
	{&chunk_overtaken, 101, 0},
	{&shared_free_list, 137, 9},
	{&shared_outcome, 1, 2},
	{&shared_two, 584, 536},
	{&shared_abandoned, 2, 1},
	{&shared_next_owner, 14, 17},
	{&shared_sleeps_for_buffer, 24, 6},
	{&shared_asleep, 747, 114},
};

const unsigned explorer_scenario_count = sizeof explorer_scenarios / sizeof explorer_scenarios[0];
