/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, as the core asks for it. io/posix reads the system's clocks; io/sim has one that a seed
 * drives. Called once a round by steps, and on cold paths; never once an event.
 */
#ifndef WR_PORT_CLOCK_H
#define WR_PORT_CLOCK_H

#include <stdint.h>

struct wr_clock;

struct wr_clock_ops {
	uint64_t (*mono_ns)(struct wr_clock *clock); /* deadlines, leases: stops in suspend */
	uint64_t (*boot_ns)(
		struct wr_clock *clock); /* runs on in suspend: append time follows it */
	uint64_t (*wall_ns)(struct wr_clock *clock); /* since 1970, may jump */
};

struct wr_clock {
	const struct wr_clock_ops *ops;
};

static inline uint64_t wr_clock_mono_ns(struct wr_clock *clock)
{
	return clock->ops->mono_ns(clock);
}

static inline uint64_t wr_clock_boot_ns(struct wr_clock *clock)
{
	return clock->ops->boot_ns(clock);
}

static inline uint64_t wr_clock_wall_ns(struct wr_clock *clock)
{
	return clock->ops->wall_ns(clock);
}

#endif
