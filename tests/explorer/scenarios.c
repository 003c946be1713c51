/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/explorer/scenarios.h"

const struct explorer_case explorer_scenarios[] = {
	{&spsc_goes_round, 12, 22},
	{&spsc_in_batches, 4, 8},
	{&spinlock_excludes, 78, 84},
	{&park_seq, 7, 1},
	{&park_asymmetric, 14, 2},
	{&park_two_seq, 185, 50},
	{&park_two_asymmetric, 5371, 490},
	{&park_again_seq, 211, 30},
	{&park_again_asymmetric, 1223, 121},
};

const unsigned explorer_scenario_count = sizeof explorer_scenarios / sizeof explorer_scenarios[0];
