/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   append time never goes back, follows the boot clock, and comes to the wall clock at a
 *         bounded rate, whatever the wall clock does. Rule: L17.
 * Method: a clock that the test moves; jumps, suspend, restarts; seeded histories against bounds on
 *         the rate that hold for every step.
 */
#include <criterion/criterion.h>

#include "core/log/append_clock.h"
#include "io/sim/clock_sim.h"
#include "io/sim/prng.h"

#define SECOND_NS 1000000000ull
#define SECOND_US 1000000ull

static struct wr_clock_sim clock_sim;
static struct wr_append_clock append;

static void set_up(void)
{
	wr_clock_sim_init(&clock_sim);
	wr_append_clock_init(&append, &clock_sim.base, 0);
}

TestSuite(append_clock, .init = set_up);

static uint64_t wall_us(void)
{
	return clock_sim.wall_ns / 1000;
}

/* So many seconds, in steps of 10 ms. */
static uint64_t run(uint32_t seconds)
{
	uint64_t now = append.now_us;
	for (uint32_t i = 0; i < seconds * 100; i++) {
		wr_clock_sim_advance(&clock_sim, SECOND_NS / 100);
		now = wr_append_clock_now_us(&append);
	}
	return now;
}

Test(append_clock, starts_at_the_wall_clock_and_keeps_to_it)
{
	cr_expect_eq(append.now_us, wall_us());
	cr_expect_eq(run(60), wall_us());
}

Test(append_clock, the_same_moment_gives_the_same_time)
{
	uint64_t now = wr_append_clock_now_us(&append);
	cr_expect_eq(wr_append_clock_now_us(&append), now);
}

Test(append_clock, parts_of_a_microsecond_are_not_lost)
{
	uint64_t start = append.now_us;
	for (uint32_t i = 0; i < 100000; i++) {
		wr_clock_sim_advance(&clock_sim, 333);
		(void)wr_append_clock_now_us(&append);
	}
	cr_expect_eq(append.now_us - start, 33300);
}

Test(append_clock, time_in_suspend_counts)
{
	uint64_t start = append.now_us;
	wr_clock_sim_suspend(&clock_sim, 3600 * SECOND_NS);
	cr_expect_eq(wr_append_clock_now_us(&append) - start, 3600 * SECOND_US);
}

Test(append_clock, a_wall_clock_set_forwards_is_followed_slowly)
{
	(void)run(1);
	wr_clock_sim_jump_wall(&clock_sim, (int64_t)(SECOND_NS / 10));
	uint64_t start = append.now_us;
	/* 500 ppm: 100 ms take 200 s. */
	uint64_t passed = run(100) - start;
	cr_expect_geq(passed, 100 * SECOND_US + 49000);
	cr_expect_leq(passed, 100 * SECOND_US + 50000);
	(void)run(120);
	cr_expect_leq(wall_us() - append.now_us, 1);
}

Test(append_clock, a_wall_clock_set_back_halves_the_speed_until_it_is_met)
{
	(void)run(1);
	wr_clock_sim_jump_wall(&clock_sim, -(int64_t)(10 * SECOND_NS));
	uint64_t start = append.now_us;
	uint64_t passed = run(10) - start;
	/* At full speed until the wall clock is read again, at most 100 ms later. */
	cr_expect_geq(passed, 5 * SECOND_US);
	cr_expect_leq(passed, 5 * SECOND_US + 60000);
	(void)run(11);
	cr_expect_eq(append.now_us, wall_us());
}

Test(append_clock, a_log_from_the_future_is_waited_for_at_half_speed)
{
	uint64_t last_us = wall_us() + 60 * SECOND_US;
	wr_append_clock_init(&append, &clock_sim.base, last_us);
	cr_expect_eq(append.now_us, last_us);
	cr_expect_eq(run(20) - last_us, 10 * SECOND_US);
	(void)run(101);
	cr_expect_eq(append.now_us, wall_us());
}

Test(append_clock, a_log_from_the_past_counts_its_downtime_at_once)
{
	wr_append_clock_init(&append, &clock_sim.base, wall_us() - 86400 * SECOND_US);
	cr_expect_eq(append.now_us, wall_us());
}

Test(append_clock, a_boot_clock_that_stands_or_goes_back_stops_time)
{
	(void)run(1);
	uint64_t now = append.now_us;
	clock_sim.mono_ns -= SECOND_NS / 2;
	cr_expect_eq(wr_append_clock_now_us(&append), now);
	wr_clock_sim_advance(&clock_sim, SECOND_NS / 2);
	cr_expect_eq(wr_append_clock_now_us(&append), now);
	wr_clock_sim_advance(&clock_sim, 5000);
	cr_expect_eq(wr_append_clock_now_us(&append), now + 5);
}

static void random_history(uint64_t seed)
{
	struct wr_prng prng;
	wr_prng_init(&prng, seed);
	wr_clock_sim_init(&clock_sim);
	uint64_t last = wr_prng_chance(&prng, 500000)
				? wall_us() + wr_prng_below(&prng, 100 * SECOND_US)
				: 0;
	wr_append_clock_init(&append, &clock_sim.base, last);
	uint64_t before = append.now_us, start = before, boot_ns = 0;
	for (uint32_t i = 0; i < 4000; i++) {
		if (wr_prng_chance(&prng, 10000))
			wr_clock_sim_jump_wall(&clock_sim,
					       (int64_t)wr_prng_below(&prng, 100 * SECOND_NS) -
						       (int64_t)(50 * SECOND_NS));
		/* From nothing at all to a second, small steps as often as large ones. */
		uint64_t ns = wr_prng_below(&prng, 1ull << wr_prng_below(&prng, 31));
		wr_clock_sim_advance(&clock_sim, ns);
		boot_ns += ns;
		uint64_t now = wr_append_clock_now_us(&append);
		cr_assert_geq(now, before, "seed %llu step %u", (unsigned long long)seed, i);
		cr_assert_geq(now - start + 2, boot_ns / 2000,
			      "slower than half, seed %llu step %u", (unsigned long long)seed, i);
		cr_assert_leq(now - start, boot_ns / 1000 + boot_ns / 2000000 + 2,
			      "faster than 500 ppm, seed %llu step %u", (unsigned long long)seed,
			      i);
		before = now;
	}
	/* Left alone, it comes to the wall clock from either side. */
	uint64_t ahead = append.now_us > wall_us() ? append.now_us - wall_us() : 0;
	for (uint64_t us = 0; us < 2 * ahead + SECOND_US; us += 50000) {
		wr_clock_sim_advance(&clock_sim, 50000000);
		(void)wr_append_clock_now_us(&append);
	}
	cr_assert_leq(append.now_us, wall_us() + 1, "seed %llu", (unsigned long long)seed);
}

Test(append_clock, is_never_faster_or_slower_than_promised)
{
	for (uint64_t seed = 1; seed <= 50; seed++)
		random_history(seed);
}
