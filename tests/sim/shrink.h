/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a failing seed smaller: switches classes of its swarm off and shortens it, for as long as
 * it still fails. Each try is a process of its own, so a seed may fail by abort, by signal or by
 * hanging.
 */
#ifndef WR_SIM_SHRINK_H
#define WR_SIM_SHRINK_H

#include "tests/sim/swarm.h"

/* Runs the seed with this swarm; false: it fails. Its output goes nowhere. */
typedef bool (*shrink_run)(uint64_t seed, const struct swarm *swarm);

/* `swarm` fails when it comes in, and is the smallest that was found when it goes out. How many
 * tries that took; no more begin after `seconds_max`. */
uint32_t shrink_seed(uint64_t seed, struct swarm *swarm, shrink_run run, double seconds_max);

#endif
