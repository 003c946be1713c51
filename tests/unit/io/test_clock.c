/* SPDX-License-Identifier: Apache-2.0 */
/* The system's clocks: each is the one it says it is, and moves as it should. */
#include <criterion/criterion.h>
#include <time.h>

#include "io/posix/clock_posix.h"

static uint64_t now_ns(clockid_t id)
{
	struct timespec now;
	cr_assert_eq(clock_gettime(id, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* A reading lies between two of the system's own. */
static void assert_is_clock(clockid_t id, uint64_t (*read)(struct wr_clock *))
{
	uint64_t before = now_ns(id);
	uint64_t reading = read(wr_clock_posix());
	uint64_t after = now_ns(id);
	cr_assert(before <= reading && reading <= after, "clock %d: %llu not in %llu .. %llu",
		  (int)id, (unsigned long long)reading, (unsigned long long)before,
		  (unsigned long long)after);
}

Test(clock, mono_is_the_monotonic_clock)
{
	assert_is_clock(CLOCK_MONOTONIC, wr_clock_mono_ns);
}

Test(clock, boot_is_the_clock_that_runs_on_in_suspend)
{
	assert_is_clock(CLOCK_BOOTTIME, wr_clock_boot_ns);
}

Test(clock, wall_counts_from_1970)
{
	assert_is_clock(CLOCK_REALTIME, wr_clock_wall_ns);
	uint64_t seconds = wr_clock_wall_ns(wr_clock_posix()) / 1000000000ull;
	cr_assert_gt(seconds, 1600000000ull);
}

Test(clock, mono_and_boot_never_go_back)
{
	struct wr_clock *clock = wr_clock_posix();
	uint64_t mono = 0;
	uint64_t boot = 0;
	for (int i = 0; i < 10000; i++) {
		uint64_t mono_now = wr_clock_mono_ns(clock);
		uint64_t boot_now = wr_clock_boot_ns(clock);
		cr_assert(mono_now >= mono && boot_now >= boot);
		mono = mono_now;
		boot = boot_now;
	}
}
