/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parking for simulations and unit tests: nobody ever sleeps, sleeps and wakes are counted. The
 * counters are the context of the parkers; several parkers may share one.
 */
#ifndef WR_SIM_PARK_SIM_H
#define WR_SIM_PARK_SIM_H

#include <stdint.h>

#include "core/port/park.h"

struct wr_park_sim {
	uint64_t sleep_count;  /* sleeps asked for while the word was still the announced one */
	uint64_t missed_count; /* and those where a wake had come in between */
	uint64_t wake_count;
	uint64_t slept_ns; /* the sum of the time-outs, those without end not counted */
};

/* The ops to give to wr_parker_init(), with a struct wr_park_sim as the context. */
extern const struct wr_park_ops wr_park_sim_ops;

#endif
