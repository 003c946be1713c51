/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/append_clock.h"

#include "core/base/bits.h"

#define WALL_EVERY_NS 100000000u
#define SLEW_PPM 500u

void wr_append_clock_init(struct wr_append_clock *c, struct wr_clock *clock, uint64_t last_time_us)
{
	uint64_t wall_us = wr_clock_wall_ns(clock) / 1000;
	c->clock = clock;
	c->boot_seen_ns = wr_clock_boot_ns(clock);
	c->wall_read_ns = c->boot_seen_ns;
	c->now_us = wr_max_u64(wall_us, last_time_us);
	c->ahead_us = (int64_t)(c->now_us - wall_us);
	c->rest_ns = 0;
	c->correction_ns = 0;
}

/* Whole µs of a correction that grows by share_ns, at most `most_us`; the rest is kept. */
static uint64_t correct_by(struct wr_append_clock *c, uint64_t share_ns, uint64_t most_us)
{
	c->correction_ns += share_ns;
	uint64_t us = wr_min_u64(c->correction_ns / 1000, most_us);
	c->correction_ns = us == most_us ? 0 : c->correction_ns - us * 1000;
	return us;
}

uint64_t wr_append_clock_now_us(struct wr_append_clock *c)
{
	uint64_t boot_ns = wr_clock_boot_ns(c->clock);
	if (boot_ns <= c->boot_seen_ns)
		return c->now_us;
	uint64_t elapsed_ns = boot_ns - c->boot_seen_ns + c->rest_ns;
	c->boot_seen_ns = boot_ns;
	uint64_t elapsed_us = elapsed_ns / 1000;
	c->rest_ns = elapsed_ns % 1000;

	int64_t correction = 0;
	if (c->ahead_us > 0) {
		correction = -(int64_t)correct_by(c, elapsed_us * 500, (uint64_t)c->ahead_us);
	} else if (c->ahead_us < 0) {
		correction = (int64_t)correct_by(c, elapsed_us * SLEW_PPM / 1000,
						 (uint64_t)-c->ahead_us);
	}
	c->now_us += elapsed_us + (uint64_t)correction;
	c->ahead_us += correction;

	if (boot_ns - c->wall_read_ns >= WALL_EVERY_NS) {
		c->wall_read_ns = boot_ns;
		c->ahead_us = (int64_t)(c->now_us - wr_clock_wall_ns(c->clock) / 1000);
	}
	return c->now_us;
}
