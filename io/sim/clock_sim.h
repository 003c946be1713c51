/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that stands still until the simulator moves it. Time passes when a storage poll waits,
 * when a test says so, and by jumps: the three clocks of core/port/clock.h then part ways as they
 * do on a real machine (suspend moves boot and wall, an administrator moves wall alone).
 */
#ifndef WR_SIM_CLOCK_SIM_H
#define WR_SIM_CLOCK_SIM_H

#include <stdint.h>

#include "core/port/clock.h"

struct wr_clock_sim {
	struct wr_clock base;
	uint64_t mono_ns;
	uint64_t suspended_ns; /* boot - mono */
	uint64_t wall_ns;
};

/* Starts at a fixed moment (mono and boot 1 s, wall in 2001), so that runs are alike. */
void wr_clock_sim_init(struct wr_clock_sim *clock);
/* All three go on. Times saturate, they never wrap. */
void wr_clock_sim_advance(struct wr_clock_sim *clock, uint64_t ns);
/* The machine sleeps: boot and wall go on, mono stands. */
void wr_clock_sim_suspend(struct wr_clock_sim *clock, uint64_t ns);
/* The wall clock is set, by so much forwards or back; not below 0. */
void wr_clock_sim_jump_wall(struct wr_clock_sim *clock, int64_t ns);
/* A reboot: mono and boot start again from 1 s, wall goes on after downtime_ns. */
void wr_clock_sim_reboot(struct wr_clock_sim *clock, uint64_t downtime_ns);

#endif
