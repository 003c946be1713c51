/* SPDX-License-Identifier: Apache-2.0 */
/* See park_sim.h. Thread: the simulation's. */
#include "io/sim/park_sim.h"

static void sim_barrier(void)
{
	/* One thread sees its own stores in order. */
}

static void sim_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	struct wr_park_sim *sim = parker->context;

	if (wr_load_relaxed(&parker->word) != word) {
		sim->missed_count++;
		return;
	}
	sim->sleep_count++;
	if (timeout_ns != UINT64_MAX)
		sim->slept_ns += timeout_ns;
}

static void sim_wake(struct wr_parker *parker)
{
	((struct wr_park_sim *)parker->context)->wake_count++;
}

const struct wr_park_ops wr_park_sim_ops = {
	.barrier = sim_barrier,
	.sleep = sim_sleep,
	.wake = sim_wake,
};
