/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Append time (L17): µs since 1970, stamped once a round, never backwards. It follows the boot
 * clock, which no administrator moves, and is slewed to the wall clock:
 *
 *   wall ahead by d     runs at most 500 ppm faster until it has caught up
 *   wall behind         runs at half speed until the wall has come up to it
 *
 * At open it starts at the wall clock, or at the log's last append time if that is later: then time
 * runs at half speed until the wall has come up.
 */
#ifndef WR_LOG_APPEND_CLOCK_H
#define WR_LOG_APPEND_CLOCK_H

#include "core/port/clock.h"

struct wr_append_clock {
	struct wr_clock *clock;
	uint64_t boot_seen_ns;
	uint64_t wall_read_ns; /* boot time at which the wall clock was read last */
	int64_t ahead_us;      /* of the wall clock, as last read: > 0 means time must wait */
	uint64_t now_us;
	uint64_t rest_ns;       /* boot time not yet turned into whole µs */
	uint64_t correction_ns; /* slew not yet applied */
};

void wr_append_clock_init(struct wr_append_clock *c, struct wr_clock *clock, uint64_t last_time_us);
/* Advances, and returns the time of this round. */
uint64_t wr_append_clock_now_us(struct wr_append_clock *c);

#endif
