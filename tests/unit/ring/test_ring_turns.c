/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   handles that lose compare-and-swaps to others stand back, with the adaptive wait only;
 *         where others make little of it, not again for more and more losses; where they make much,
 *         with the next. Waiting pushes and pops tell of what they lost. And no wait yields on
 *         behind its deadline.
 * Method: a host whose yield does what others would, and moves the clock. Then threads of real
 *         ones, until each has lost.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/atomic.h"
#include "core/ring/ring.h"

#define ITEM_BYTES sizeof(uint64_t)
#define YIELD_NS 900u /* three of them are 2 us */

/* ---- one thread, and a host that is made up ---- */

static uint64_t now_ns, yields, pushes_in_yield;
static struct weir_ring_producer *others;

static uint64_t made_up_ns(struct wr_clock *clock)
{
	(void)clock;
	return now_ns;
}

static const struct wr_clock_ops made_up = {
	.mono_ns = made_up_ns, .boot_ns = made_up_ns, .wall_ns = made_up_ns};
static struct wr_clock made_up_clock = {.ops = &made_up};

static void yield_to_others(void)
{
	yields++;
	now_ns += YIELD_NS;
	for (uint64_t i = 0; i < pushes_in_yield; i++)
		cr_assert_eq(weir_ring_push(others, &i, ITEM_BYTES), 0);
}

static void *memory;

static struct weir_ring_producer *make(enum weir_wait wait)
{
	/* Nobody sleeps. */
	const struct wr_ring_host host = {.clock = &made_up_clock, .yield = yield_to_others};
	struct weir_ring_options o;
	struct weir_ring_producer *p;
	uint64_t bytes;
	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.wait = wait;
	cr_assert_eq(weir_ring_memory_bytes(&o, &bytes, NULL), 0);
	memory = aligned_alloc(WEIR_RING_LINE_BYTES, bytes);
	struct weir_ring *ring = &wr_ring_make(memory, &o, &host)->shared;
	cr_assert_eq(weir_ring_producer_open(ring, &p), 0);
	cr_assert_eq(weir_ring_producer_open(ring, &others), 0);
	yields = pushes_in_yield = 0;
	return p;
}

/* A yield may take a time slice: 32 of them, which it makes at most, would be far too late. */
Test(ring_turns, a_wait_looks_at_its_deadline_between_yields)
{
	struct weir_ring_producer *p = make(WEIR_WAIT_ADAPTIVE);
	struct weir_ring_consumer *c;
	uint64_t item;
	cr_assert_eq(weir_ring_consumer_open(p->ring, &c), 0);
	cr_expect_eq(weir_ring_pop_wait(c, &item, ITEM_BYTES, 2 * YIELD_NS), -ETIMEDOUT);
	cr_expect_eq(yields, 2);
	free(memory);
}

/* How many losses it takes until it stands back once more. */
static uint64_t losses_until_yield(struct weir_ring_producer *p)
{
	uint64_t before = yields;
	for (uint64_t losses = 1;; losses++) {
		weir_ring_stand_back(p->ring, &p->ring->tail, &p->turns);
		if (yields != before)
			return losses;
	}
}

Test(ring_turns, a_handle_stands_back_for_2_us_once_it_has_lost_three_times)
{
	struct weir_ring_producer *p = make(WEIR_WAIT_ADAPTIVE);
	cr_assert_eq(losses_until_yield(p), 3);
	cr_assert_eq(yields, 3);
	free(memory);
}

Test(ring_turns, in_vain_it_takes_twice_as_many_losses_each_time_up_to_a_limit)
{
	struct weir_ring_producer *p = make(WEIR_WAIT_ADAPTIVE);
	cr_assert_eq(losses_until_yield(p), 3);
	for (uint64_t patience = 16; patience <= 1024; patience *= 2)
		cr_assert_eq(losses_until_yield(p), patience + 1);
	cr_assert_eq(losses_until_yield(p), 1024 + 1);
	free(memory);
}

Test(ring_turns, where_others_make_much_of_it_the_next_loss_is_enough)
{
	struct weir_ring_producer *p = make(WEIR_WAIT_ADAPTIVE);
	cr_assert_eq(losses_until_yield(p), 3);
	cr_assert_eq(losses_until_yield(p), 17);
	pushes_in_yield = 11; // 33 in 2 us
	cr_assert_eq(losses_until_yield(p), 33);
	cr_assert_eq(losses_until_yield(p), 1);
	pushes_in_yield = 10; // 30: too few of 8 bytes
	cr_assert_eq(losses_until_yield(p), 1);
	cr_assert_eq(losses_until_yield(p), 17);
	free(memory);
}

Test(ring_turns, other_waits_never_yield_for_it)
{
	static const enum weir_wait waits[] = {WEIR_WAIT_SPIN, WEIR_WAIT_YIELD, WEIR_WAIT_PARK};
	for (size_t i = 0; i < WR_ARRAY_COUNT(waits); i++) {
		struct weir_ring_producer *p = make(waits[i]);
		for (unsigned losses = 0; losses < 10000; losses++)
			weir_ring_stand_back(p->ring, &p->ring->tail, &p->turns);
		cr_assert_eq(yields, 0);
		free(memory);
	}
}

/* ---- threads ---- */

struct thread {
	struct weir_ring_producer *producer;
	struct weir_ring_consumer *consumer;
	pthread_t id;
};

static wr_atomic_u32 have_lost;

static bool has_lost(const struct weir_ring_turns *turns)
{
	return turns->patience != WR_RING_FIRST_LOSSES;
}

/* Pushes one and pops one, and stays until both threads have lost with both; then what is left is
 * less than a ring, and nobody waits for an item of one who has gone. */
static void *push_and_pop(void *argument)
{
	struct thread *t = argument;
	uint64_t item = 0;
	bool told = false;
	while (wr_load_acquire(&have_lost) < 2) {
		cr_assert_eq(weir_ring_push_wait(t->producer, &item, ITEM_BYTES, WEIR_FOREVER), 0);
		cr_assert_eq(weir_ring_pop_wait(t->consumer, &item, ITEM_BYTES, WEIR_FOREVER), 0);
		if (!told && has_lost(&t->producer->turns) && has_lost(&t->consumer->turns)) {
			told = true;
			(void)wr_add_acq_rel(&have_lost, 1u);
		}
	}
	return NULL;
}

Test(ring_turns, who_waits_tells_of_what_it_lost)
{
	struct weir_ring_options o;
	struct weir_ring *ring;
	struct thread threads[2];
	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.consumers = WEIR_RING_SHARING_CONSUMERS;
	cr_assert_eq(weir_ring_create(&o, &ring, NULL), 0);
	for (size_t i = 0; i < WR_ARRAY_COUNT(threads); i++) {
		cr_assert_eq(weir_ring_producer_open(ring, &threads[i].producer), 0);
		cr_assert_eq(weir_ring_consumer_open(ring, &threads[i].consumer), 0);
	}
	for (size_t i = 0; i < WR_ARRAY_COUNT(threads); i++)
		cr_assert_eq(pthread_create(&threads[i].id, NULL, push_and_pop, &threads[i]), 0);
	for (size_t i = 0; i < WR_ARRAY_COUNT(threads); i++)
		cr_assert_eq(pthread_join(threads[i].id, NULL), 0);
	weir_ring_destroy(ring);
}
