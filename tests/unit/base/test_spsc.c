/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   positions of a bounded queue: never more in it than it has elements, nothing read before
 *         it was pushed, everywhere on the way round and where the 64-bit positions wrap.
 * Method: one thread plays both sides, against a model of two counters; positions set near their
 *         end.
 */
#include <criterion/criterion.h>

#include "core/base/spsc.h"
#include "io/sim/prng.h"

#define SLOTS 8u

static struct wr_spsc q;
static uint64_t slots[SLOTS];

static void start_at(uint64_t position)
{
	wr_spsc_init(&q, SLOTS);
	q.tail_own = q.head_own = q.tail_seen = q.head_seen = position;
	wr_store_relaxed(&q.tail, position);
	wr_store_relaxed(&q.head, position);
}

static void set_up(void)
{
	start_at(0);
}

TestSuite(spsc, .init = set_up);

static void push(uint64_t value)
{
	cr_assert_gt(wr_spsc_room(&q), 0);
	slots[wr_spsc_push_index(&q, 0)] = value;
	wr_spsc_push(&q, 1);
}

static uint64_t pop(void)
{
	cr_assert_gt(wr_spsc_ready(&q), 0);
	uint64_t value = slots[wr_spsc_pop_index(&q, 0)];
	wr_spsc_pop(&q, 1);
	return value;
}

Test(spsc, is_empty_and_has_all_its_room_at_first)
{
	cr_expect_eq(wr_spsc_ready(&q), 0);
	cr_expect_eq(wr_spsc_room(&q), SLOTS);
}

Test(spsc, takes_as_many_as_it_has_slots_and_no_more)
{
	for (uint64_t i = 0; i < SLOTS; i++)
		push(i);
	cr_expect_eq(wr_spsc_room(&q), 0);
	for (uint64_t i = 0; i < SLOTS; i++)
		cr_expect_eq(pop(), i);
	cr_expect_eq(wr_spsc_ready(&q), 0);
	cr_expect_eq(wr_spsc_room(&q), SLOTS);
}

Test(spsc, keeps_the_order_all_the_way_round)
{
	uint64_t pushed = 0, popped = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		for (uint32_t k = 0; k < 1 + i % SLOTS; k++)
			push(pushed++);
		while (wr_spsc_ready(&q) > 0)
			cr_assert_eq(pop(), popped++);
	}
	cr_expect_eq(popped, pushed);
}

Test(spsc, positions_may_wrap)
{
	start_at(UINT64_MAX - 3);
	for (uint64_t i = 0; i < 4 * SLOTS; i++) {
		push(i);
		cr_expect_eq(wr_spsc_room_for(&q, SLOTS), SLOTS - 1);
		cr_expect_eq(pop(), i);
	}
	start_at(UINT64_MAX - 3);
	for (uint64_t i = 0; i < SLOTS; i++)
		push(i);
	cr_expect_eq(wr_spsc_room_for(&q, SLOTS), 0);
	cr_expect_eq(wr_spsc_ready_for(&q, SLOTS), SLOTS);
	for (uint64_t i = 0; i < SLOTS; i++)
		cr_expect_eq(pop(), i);
}

Test(spsc, several_become_visible_together)
{
	for (uint64_t i = 0; i < 5; i++)
		slots[wr_spsc_push_index(&q, i)] = i;
	cr_expect_eq(wr_spsc_ready(&q), 0);
	wr_spsc_push(&q, 5);
	cr_expect_eq(wr_spsc_ready(&q), 5);
	for (uint64_t i = 0; i < 5; i++)
		cr_expect_eq(slots[wr_spsc_pop_index(&q, i)], i);
	wr_spsc_pop(&q, 3);
	cr_expect_eq(wr_spsc_ready(&q), 2);
}

/* What room() says may be old, and is then too little; who needs more asks for it. */
Test(spsc, looks_at_the_other_side_only_when_it_seems_short)
{
	for (uint64_t i = 0; i < 6; i++)
		push(i);
	for (uint64_t i = 0; i < 6; i++)
		(void)pop();
	cr_expect_eq(wr_spsc_room(&q), 2, "as known");
	cr_expect_eq(wr_spsc_room_for(&q, 2), 2);
	cr_expect_eq(wr_spsc_room_for(&q, 3), SLOTS, "as it is");
	cr_expect_eq(wr_spsc_room(&q), SLOTS);
	push(0);
	cr_expect_eq(wr_spsc_ready(&q), 1);
	push(1);
	cr_expect_eq(wr_spsc_ready(&q), 1, "as known");
	cr_expect_eq(wr_spsc_ready_for(&q, 2), 2, "as it is");
}

Test(spsc, agrees_with_two_counters)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct wr_prng prng;
		wr_prng_init(&prng, seed);
		uint64_t start = seed % 2 == 0 ? UINT64_MAX - 50 : 0, pushed = 0, popped = 0;
		start_at(start);
		for (uint32_t i = 0; i < 2000; i++) {
			uint64_t n = wr_prng_between(&prng, 1, SLOTS);
			if (wr_prng_chance(&prng, 500000)) {
				uint64_t room = wr_spsc_room_for(&q, n);
				cr_assert_leq(room, SLOTS - (pushed - popped), "seed %llu",
					      (unsigned long long)seed);
				cr_assert(room >= n || room == SLOTS - (pushed - popped));
				if (room < n)
					continue;
				for (uint64_t k = 0; k < n; k++)
					slots[wr_spsc_push_index(&q, k)] = pushed++;
				wr_spsc_push(&q, n);
			} else {
				uint64_t ready = wr_spsc_ready_for(&q, n);
				cr_assert_leq(ready, pushed - popped);
				cr_assert(ready >= n || ready == pushed - popped);
				if (ready < n)
					continue;
				for (uint64_t k = 0; k < n; k++)
					cr_assert_eq(slots[wr_spsc_pop_index(&q, k)], popped++);
				wr_spsc_pop(&q, n);
			}
		}
	}
}
