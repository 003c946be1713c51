/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the counting in a parker: the flag is 0 only when nobody sleeps, the barrier is shared by
 *         those who came after it, a wake between the look and the sleep is not missed.
 *         Rule: L41. What threads see of each other is tests/stress/park.c's to show.
 * Method: parkers whose operations count, in both modes, stepped by one thread in every order.
 */
#include <criterion/criterion.h>

#include "core/port/park.h"
#include "io/sim/park_sim.h"

static struct wr_park_sim parks;
static struct wr_parker parker;
static uint32_t barriers;

static void count_barrier(void)
{
	barriers++;
}

static struct wr_park_ops ops;

static void set_up(void)
{
	ops = wr_park_sim_ops;
	ops.barrier = count_barrier;
	wr_parker_init(&parker, &ops, &parks);
}

static void set_up_barriers(void)
{
	set_up();
	wr_park_mode = WR_PARK_MEMBARRIER;
}

TestSuite(park_seq_cst, .init = set_up);
TestSuite(park_membarrier, .init = set_up_barriers);

Test(park_seq_cst, who_publishes_wakes_nobody_when_nobody_sleeps)
{
	wr_park_notify(&parker);
	cr_expect_eq(parks.wake_count, 0);
	(void)wr_park_announce(&parker);
	cr_expect(wr_park_has_sleeper(&parker));
	wr_park_notify(&parker);
	cr_expect_eq(parks.wake_count, 1);
	wr_park_cancel(&parker);
	cr_expect_not(wr_park_has_sleeper(&parker));
}

Test(park_seq_cst, needs_no_barrier)
{
	(void)wr_park_announce(&parker);
	wr_park_cancel(&parker);
	cr_expect_eq(barriers, 0);
}

Test(park_seq_cst, a_wake_between_the_look_and_the_sleep_is_not_missed)
{
	uint32_t word = wr_park_announce(&parker);
	wr_park_notify(&parker);
	wr_park_sleep(&parker, word, 1000);
	cr_expect_eq(parks.missed_count, 1);
	cr_expect_eq(parks.sleep_count, 0);
	word = wr_park_announce(&parker);
	wr_park_sleep(&parker, word, 1000);
	cr_expect_eq(parks.sleep_count, 1);
	cr_expect_eq(parks.slept_ns, 1000);
	cr_expect_not(wr_park_has_sleeper(&parker), "who slept is not there any more");
}

Test(park_seq_cst, every_sleeper_counts)
{
	for (uint32_t i = 0; i < 5; i++)
		(void)wr_park_announce(&parker);
	for (uint32_t i = 0; i < 5; i++) {
		cr_expect(wr_park_has_sleeper(&parker));
		wr_park_cancel(&parker);
	}
	cr_expect_not(wr_park_has_sleeper(&parker));
}

Test(park_membarrier, the_first_sleeper_has_a_barrier_and_shares_it)
{
	(void)wr_park_announce(&parker);
	cr_expect_eq(barriers, 1);
	(void)wr_park_announce(&parker);
	(void)wr_park_announce(&parker);
	cr_expect_eq(barriers, 1);
	wr_park_cancel(&parker);
	(void)wr_park_announce(&parker);
	cr_expect_eq(barriers, 1, "the flag was not 0 since");
}

Test(park_membarrier, the_last_one_takes_the_fence_with_it)
{
	for (uint32_t round = 1; round <= 3; round++) {
		(void)wr_park_announce(&parker);
		(void)wr_park_announce(&parker);
		cr_expect_eq(barriers, round);
		wr_park_cancel(&parker);
		cr_expect(wr_park_has_sleeper(&parker));
		wr_park_cancel(&parker);
		cr_expect_not(wr_park_has_sleeper(&parker));
		cr_expect_eq(wr_load_relaxed(&parker.sleepers), 0);
	}
}

Test(park_membarrier, a_symmetric_parker_has_no_barrier)
{
	wr_parker_init_symmetric(&parker, &ops, &parks);
	uint32_t word = wr_park_announce(&parker);
	cr_expect(wr_park_has_sleeper(&parker));
	cr_expect_eq(barriers, 0);
	cr_expect_eq(wr_load_relaxed(&parker.sleepers), 1, "no fence to share");
	wr_park_notify(&parker);
	wr_park_sleep(&parker, word, UINT64_MAX);
	cr_expect_eq(parks.missed_count, 1);
	cr_expect_eq(wr_load_relaxed(&parker.sleepers), 0);
}

Test(park_membarrier, a_publishers_look_is_what_the_sleeper_fenced_for)
{
	wr_atomic_u64 place;
	wr_store_relaxed(&place, 0u);
	uint32_t word = wr_park_announce(&parker);
	cr_expect_eq(wr_park_look_u64(&place), 0);
	wr_publish_u64(&place, 7);
	wr_park_notify(&parker);
	cr_expect_eq(wr_park_look_u64(&place), 7);
	wr_park_sleep(&parker, word, UINT64_MAX);
	cr_expect_eq(parks.missed_count, 1);
}
