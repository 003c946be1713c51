/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/ring/ring_wait.c and the close of core/ring/ring.c: nobody sleeps for ever, in both modes
 * of parking, and what was accepted when another thread closes the ring is what is consumed (RG7,
 * RG9).
 */
#include "tests/explorer/ring_bed.h"

/* ---- asleep ---- */

static void push_asleep(unsigned producer, uint64_t value)
{
	EXPLORER_CHECK(weir_ring_push_wait(ring_bed->producers[producer], &value, sizeof value,
					   WEIR_FOREVER) == 0);
}

static uint64_t pop_asleep(unsigned consumer)
{
	uint64_t value = 0;
	EXPLORER_CHECK(weir_ring_pop_wait(ring_bed->consumers[consumer], &value, sizeof value,
					  WEIR_FOREVER) == 0);
	return value;
}

static void push_one(void)
{
	EXPLORER_CHECK(ring_bed_push(0, 1) == 0);
}

static void push_other(void)
{
	EXPLORER_CHECK(ring_bed_push(1, 2) == 0);
}

static void push_both(void)
{
	const uint64_t items[2] = {1, 2};
	EXPLORER_CHECK(weir_ring_push_many(ring_bed->producers[0], items, 2, sizeof items[0]) == 2);
}

/* Two laps of a ring of one, through the other consumer or the sleeper. */
static void push_pop_push(void)
{
	uint64_t value;
	push_one();
	int code = weir_ring_pop(ring_bed->consumers[1], &value, sizeof value);
	EXPLORER_CHECK(code == WEIR_E_AGAIN || (code == 0 && value == 1));
	EXPLORER_CHECK(ring_bed_push(0, 2) == 0);
}

/* Behind the one that fills the ring. */
static void push_second_asleep(void)
{
	push_asleep(0, 2);
}

static void push_other_asleep(void)
{
	push_asleep(1, 2);
}

/* One try, which steps over the slot; the item may come too late for it. */
static void pop_once(void)
{
	uint64_t value;
	int code = weir_ring_pop(ring_bed->consumers[0], &value, sizeof value);
	EXPLORER_CHECK(code == WEIR_E_AGAIN || (code == 0 && value == 2));
}

static void push_third(void)
{
	EXPLORER_CHECK(ring_bed_push(1, 3) == 0);
}

static void push_third_asleep(void)
{
	push_asleep(1, 3);
}

static void pop_first_asleep(void)
{
	EXPLORER_CHECK(pop_asleep(0) == 1);
}

static void pop_one_asleep(void)
{
	(void)pop_asleep(0);
}

static void pop_one_asleep_other(void)
{
	(void)pop_asleep(1);
}

static void pop_one_other(void)
{
	uint64_t value;
	EXPLORER_CHECK(ring_bed_pop(1, &value) == 0);
}

static void pop_two(void)
{
	uint64_t value;
	EXPLORER_CHECK(ring_bed_pop(0, &value) == 0 && value == 1);
	EXPLORER_CHECK(ring_bed_pop(0, &value) == 0 && value == 2);
}

static void pop_both(void)
{
	uint64_t items[2];
	EXPLORER_CHECK(weir_ring_pop_many(ring_bed->consumers[0], items, 2, sizeof items[0]) == 2);
	EXPLORER_CHECK(items[0] == 1 && items[1] == 2);
}

static void pop_first(void)
{
	uint64_t value;
	EXPLORER_CHECK(ring_bed_pop(0, &value) == 0 && value == 1);
}

static void leave(void)
{
	weir_ring_consumer_close(ring_bed->consumers[1]);
}

/* ---- closed by another thread ---- */

static void push_until_closed(void)
{
	for (uint64_t i = 1; i <= 2; i++) {
		if (ring_bed_push(0, i) == WEIR_E_CLOSED)
			return;
		ring_bed->accepted++;
	}
}

static void pop_until_closed(void)
{
	uint64_t value;
	while (ring_bed_pop(0, &value) == 0)
		EXPLORER_CHECK(value == ++ring_bed->popped);
}

static void pop_asleep_until_closed(void)
{
	uint64_t value;
	while (weir_ring_pop_wait(ring_bed->consumers[0], &value, sizeof value, WEIR_FOREVER) == 0)
		EXPLORER_CHECK(value == ++ring_bed->popped);
}

static void push_once_until_closed(void)
{
	if (ring_bed_push(0, 1) == 0)
		ring_bed->accepted++;
}

static void push_asleep_until_closed(void)
{
	uint64_t value = 2;
	EXPLORER_CHECK(weir_ring_push_wait(ring_bed->producers[0], &value, sizeof value,
					   WEIR_FOREVER) == WEIR_E_CLOSED);
}

static void close_ring(void)
{
	weir_ring_close(ring_bed->ring);
}

static void accepted_was_popped(void)
{
	EXPLORER_CHECK(ring_bed->accepted == ring_bed->popped);
}

/* `filled` items are there when it begins. */
#define RING_SET_UP(id, producers, consumers, capacity, filled)                                    \
	static void set_up_##id##_seq(void)                                                        \
	{                                                                                          \
		ring_bed_set_up(WR_PARK_SEQ_CST, producers, consumers, capacity);                  \
		for (uint64_t i = 1; i <= (filled); i++)                                           \
			EXPLORER_CHECK(ring_bed_push(0, i) == 0);                                  \
	}                                                                                          \
	static void set_up_##id##_asymmetric(void)                                                 \
	{                                                                                          \
		ring_bed_set_up(WR_PARK_MEMBARRIER, producers, consumers, capacity);               \
		for (uint64_t i = 1; i <= (filled); i++)                                           \
			EXPLORER_CHECK(ring_bed_push(0, i) == 0);                                  \
	}

RING_SET_UP(spsc, WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER, 1, 0)
RING_SET_UP(spsc_full, WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER, 1, 1)
RING_SET_UP(mpsc, WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 2, 0)
RING_SET_UP(mpsc_full, WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 2, 2)
RING_SET_UP(spmc, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 2, 0)
RING_SET_UP(mpmc, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 1, 0)
RING_SET_UP(every_full, WEIR_RING_ONE_PRODUCER, WEIR_RING_EVERY_CONSUMER, 1, 1)
RING_SET_UP(spmc_full, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 1, 1)

/* The one slot was claimed and not used. */
static void give_up_a_slot(void)
{
	void *items;
	EXPLORER_CHECK(weir_ring_claim(ring_bed->producers[0], 1, 8, &items) == 1);
	EXPLORER_CHECK(weir_ring_commit(ring_bed->producers[0], 0) == 0);
}

static void set_up_mpmc_void_seq(void)
{
	set_up_mpmc_seq();
	give_up_a_slot();
}

static void set_up_mpmc_void_asymmetric(void)
{
	set_up_mpmc_asymmetric();
	give_up_a_slot();
}

#define RING_BOTH(id, text, set_up_id, finish_fn, ...)                                             \
	const struct explorer_scenario id##_seq = {.name = "ring, seq_cst: " text,                 \
						   .setup = set_up_id##_seq,                       \
						   .threads = {__VA_ARGS__},                       \
						   .finish = finish_fn};                           \
	const struct explorer_scenario id##_asymmetric = {.name = "ring, membarrier: " text,       \
							  .setup = set_up_id##_asymmetric,         \
							  .threads = {__VA_ARGS__},                \
							  .finish = finish_fn}

RING_BOTH(ring_items_asleep, "one, one, asleep for an item", set_up_spsc, NULL, push_one,
	  pop_first_asleep);
RING_BOTH(ring_room_asleep, "one, one, asleep for room", set_up_spsc_full, NULL, push_second_asleep,
	  pop_first);
RING_BOTH(ring_items_asleep_many, "many, one, asleep for an item", set_up_mpsc, NULL, push_one,
	  push_other, pop_one_asleep);
RING_BOTH(ring_room_asleep_many, "many, one, two asleep for room", set_up_mpsc_full, NULL,
	  push_second_asleep, push_third_asleep, pop_both);
RING_BOTH(ring_room_asleep_other, "many, one, one asleep for room", set_up_mpsc_full, NULL,
	  push_second_asleep, push_third, pop_both);
RING_BOTH(ring_items_asleep_other, "one, sharing, one asleep for an item", set_up_spmc, NULL,
	  push_both, pop_one_asleep, pop_one_other);
RING_BOTH(ring_items_asleep_shared, "one, sharing, two asleep for items", set_up_spmc, NULL,
	  push_both, pop_one_asleep, pop_one_asleep_other);
RING_BOTH(ring_items_asleep_lap, "many, sharing, asleep while the ring goes round", set_up_mpmc,
	  NULL, push_pop_push, pop_one_asleep);
RING_BOTH(ring_void_room, "many, sharing, asleep for a slot that is given up", set_up_mpmc_void,
	  NULL, push_other_asleep, pop_once);
RING_BOTH(ring_room_asleep_shared, "one, sharing, asleep for room", set_up_spmc_full, NULL,
	  push_second_asleep, pop_two);
RING_BOTH(ring_room_asleep_last, "one, sharing, asleep for room, no pop follows", set_up_spmc_full,
	  NULL, push_second_asleep, pop_first);
RING_BOTH(ring_room_asleep_leave, "one, every, asleep for room, one leaves", set_up_every_full,
	  NULL, push_second_asleep, pop_first, leave);
RING_BOTH(ring_close, "one, one, closed by a third", set_up_spsc, accepted_was_popped,
	  push_until_closed, pop_until_closed, close_ring);
RING_BOTH(ring_close_one, "one, one, one item, closed by a third", set_up_spsc, accepted_was_popped,
	  push_once_until_closed, pop_until_closed, close_ring);
RING_BOTH(ring_close_one_many, "many, one, one item, closed by a third", set_up_mpsc,
	  accepted_was_popped, push_once_until_closed, pop_until_closed, close_ring);
RING_BOTH(ring_close_asleep_many, "many, one, closed over a consumer asleep", set_up_mpsc,
	  accepted_was_popped, pop_asleep_until_closed, close_ring);
RING_BOTH(ring_close_many, "many, one, closed by a third", set_up_mpsc, accepted_was_popped,
	  push_until_closed, pop_until_closed, close_ring);
RING_BOTH(ring_close_items_asleep, "one, one, closed over a consumer asleep", set_up_spsc,
	  accepted_was_popped, push_once_until_closed, pop_asleep_until_closed, close_ring);
RING_BOTH(ring_close_asleep, "one, one, closed over a consumer asleep, nothing pushed", set_up_spsc,
	  accepted_was_popped, pop_asleep_until_closed, close_ring);
RING_BOTH(ring_close_room_asleep, "one, one, closed over a producer asleep", set_up_spsc_full, NULL,
	  push_asleep_until_closed, close_ring);
