/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running seeds of the simulated world (world.h), for the programs that do: one seed and what it
 * says when it fails, signals and hangs included, and what a run was in.
 */
#ifndef WR_SIM_SEEDS_H
#define WR_SIM_SEEDS_H

#include "tests/sim/world.h"

/* Says how a seed is run again, as a command; for the line of a failure. */
typedef void (*sim_replay)(uint64_t seed, char *text, size_t text_bytes);

/* Signals, and what a failure is followed by. */
void sim_seeds_begin(sim_replay replay);
/* False: it failed, and said so. One seed in a hundred runs twice: both leave one trace (I18). */
bool sim_seed_run(uint64_t seed);
/* No alarm any more. */
void sim_seeds_end(void);
/* Prints how often each situation was there. True: each was; with a swarm, its own too. */
bool sim_seeds_say_situations(bool swarm);
const char *sim_situation_text(uint32_t which);
/* How many of them a run may be in; */
uint32_t sim_situation_count(bool swarm);
/* and whether it is to be in this one. */
bool sim_situation_is_of(uint32_t which, bool swarm);

#endif
