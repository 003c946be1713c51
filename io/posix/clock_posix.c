/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's clocks. Each reading is a vDSO call on the kernels weir supports; steps take one a
 * round. CLOCK_BOOTTIME is refused by some sandboxes' kernels: there the monotonic clock stands in,
 * which differs only across a suspend.
 *
 * Thread: any; no state.
 */
#include "io/posix/clock_posix.h"

#include <stdbool.h>
#include <time.h>

static bool read_ns(clockid_t id, uint64_t *ret_ns)
{
	struct timespec now;
	if (clock_gettime(id, &now) != 0 || now.tv_sec < 0)
		return false;
	*ret_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	return true;
}

static uint64_t posix_mono_ns(struct wr_clock *clock)
{
	(void)clock;
	uint64_t ns = 0;
	(void)read_ns(CLOCK_MONOTONIC, &ns);
	return ns;
}

static uint64_t posix_boot_ns(struct wr_clock *clock)
{
	uint64_t ns;
	return read_ns(CLOCK_BOOTTIME, &ns) ? ns : posix_mono_ns(clock);
}

/* A wall clock set before 1970 reads as 1970: the core's times are unsigned. */
static uint64_t posix_wall_ns(struct wr_clock *clock)
{
	(void)clock;
	uint64_t ns = 0;
	(void)read_ns(CLOCK_REALTIME, &ns);
	return ns;
}

struct wr_clock *wr_clock_posix(void)
{
	static const struct wr_clock_ops ops = {
		.mono_ns = posix_mono_ns,
		.boot_ns = posix_boot_ns,
		.wall_ns = posix_wall_ns,
	};
	static struct wr_clock clock = {.ops = &ops};
	return &clock;
}
