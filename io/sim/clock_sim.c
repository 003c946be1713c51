/* SPDX-License-Identifier: Apache-2.0 */
/* See clock_sim.h. Thread: one per clock. */
#include "io/sim/clock_sim.h"

#define NS_PER_SECOND 1000000000ull
#define FIRST_MONO_NS NS_PER_SECOND
#define FIRST_WALL_NS (1000000000ull * NS_PER_SECOND)

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t sim_mono_ns(struct wr_clock *clock)
{
	return ((struct wr_clock_sim *)clock)->mono_ns;
}

static uint64_t sim_boot_ns(struct wr_clock *clock)
{
	const struct wr_clock_sim *sim = (struct wr_clock_sim *)clock;
	return add_saturating(sim->mono_ns, sim->suspended_ns);
}

static uint64_t sim_wall_ns(struct wr_clock *clock)
{
	return ((struct wr_clock_sim *)clock)->wall_ns;
}

static const struct wr_clock_ops sim_ops = {
	.mono_ns = sim_mono_ns,
	.boot_ns = sim_boot_ns,
	.wall_ns = sim_wall_ns,
};

void wr_clock_sim_init(struct wr_clock_sim *clock)
{
	*clock = (struct wr_clock_sim){
		.base = {.ops = &sim_ops},
		.mono_ns = FIRST_MONO_NS,
		.wall_ns = FIRST_WALL_NS,
	};
}

void wr_clock_sim_advance(struct wr_clock_sim *clock, uint64_t ns)
{
	clock->mono_ns = add_saturating(clock->mono_ns, ns);
	clock->wall_ns = add_saturating(clock->wall_ns, ns);
}

void wr_clock_sim_suspend(struct wr_clock_sim *clock, uint64_t ns)
{
	clock->suspended_ns = add_saturating(clock->suspended_ns, ns);
	clock->wall_ns = add_saturating(clock->wall_ns, ns);
}

void wr_clock_sim_jump_wall(struct wr_clock_sim *clock, int64_t ns)
{
	if (ns >= 0) {
		clock->wall_ns = add_saturating(clock->wall_ns, (uint64_t)ns);
		return;
	}
	/* -(ns + 1) + 1 does not overflow for the smallest number. */
	const uint64_t back_ns = (uint64_t) - (ns + 1) + 1;
	clock->wall_ns = clock->wall_ns > back_ns ? clock->wall_ns - back_ns : 0;
}

void wr_clock_sim_reboot(struct wr_clock_sim *clock, uint64_t downtime_ns)
{
	clock->mono_ns = FIRST_MONO_NS;
	clock->suspended_ns = 0;
	clock->wall_ns = add_saturating(clock->wall_ns, downtime_ns);
}
