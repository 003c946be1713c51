/* SPDX-License-Identifier: Apache-2.0 */
/*
 * include/weir/ring.h and core/ring/: rings of one or two items, of every shape. What is pushed
 * is popped once (or by each, in multicast), whole, in its producer's order, and not overwritten
 * before it was read. Slots are plain memory, so anything else is a data race (RG1 to RG6, RG8).
 */
#include "tests/explorer/ring_bed.h"

struct ring_bed *ring_bed;

void ring_bed_set_up(enum wr_park_mode mode, enum weir_ring_producers producers,
		     enum weir_ring_consumers consumers, uint64_t capacity)
{
	struct weir_ring_options o;
	uint64_t bytes;
	wr_park_mode = mode;
	ring_bed = explorer_alloc(sizeof *ring_bed, WR_LINE_BYTES);
	weir_ring_options_init(&o);
	o.producers = producers;
	o.consumers = consumers;
	o.producers_max = o.consumers_max = 2;
	o.capacity = capacity;
	o.wait = WEIR_WAIT_PARK;
	EXPLORER_CHECK(wr_ring_measure(&o, &bytes, NULL) == 0);
	const struct wr_ring_host host = {.park = explorer_park_ops()};
	struct wr_ring *ring = wr_ring_make(explorer_alloc(bytes, WEIR_RING_LINE_BYTES), &o, &host);
	ring->items->context = &ring_bed->item_wakes;
	ring->room.context = &ring_bed->room_wakes;
	ring_bed->ring = &ring->shared;
	for (unsigned i = 0; i < 2 && i < ring->producer_count; i++)
		EXPLORER_CHECK(weir_ring_producer_open(ring_bed->ring, &ring_bed->producers[i]) ==
			       0);
	for (unsigned i = 0; i < 2 && i < ring->consumer_count; i++)
		EXPLORER_CHECK(weir_ring_consumer_open(ring_bed->ring, &ring_bed->consumers[i]) ==
			       0);
}

int ring_bed_push(unsigned producer, uint64_t value)
{
	int code;
	/* A push in vain only looks. */
	EXPLORER_AWAIT((code = weir_ring_push(ring_bed->producers[producer], &value,
					      sizeof value)) != WEIR_E_AGAIN);
	return code;
}

/* Whether a pop that found nothing may find something now; only looks, and orders nothing. */
static bool is_worth_a_try(struct weir_ring_consumer *c)
{
	bool shared = (c->flags & WEIR_RING_SHARED) != 0;
	uint64_t at = weir_ring_load_relaxed(shared ? &c->ring->take : &c->next);
	bool is_known = shared && (at & WEIR_RING_CODE_MAX) != 0;
	if (shared)
		at >>= WEIR_RING_CODE_BITS;
	if (c->stamps == NULL)
		return weir_ring_load_relaxed(c->tail) > at ||
		       (weir_ring_load_relaxed(&c->ring->state) & WEIR_RING_FENCED) != 0;
	uint64_t stamp = is_known ? 0 : weir_ring_load_relaxed(&c->stamps[at & c->mask]);
	if (is_known || weir_ring_run(stamp, at) > 0 || weir_ring_run_void(stamp, at) > 0)
		return true;
	return (weir_ring_load_relaxed(&c->ring->state) & WEIR_RING_FENCED) != 0 &&
	       at >= (weir_ring_load_relaxed(c->tail) & ~WEIR_RING_CLOSED_BIT);
}

int ring_bed_pop(unsigned consumer, uint64_t *ret_value)
{
	struct weir_ring_consumer *c = ring_bed->consumers[consumer];
	for (;;) {
		int code = weir_ring_pop(c, ret_value, sizeof *ret_value);
		if (code != WEIR_E_AGAIN)
			return code;
		EXPLORER_AWAIT(is_worth_a_try(c));
	}
}

/* ---- set up ---- */

#define SET_UP(id, producers, consumers, capacity)                                                 \
	static void set_up_##id(void)                                                              \
	{                                                                                          \
		ring_bed_set_up(WR_PARK_MEMBARRIER, producers, consumers, capacity);               \
	}
SET_UP(spsc, WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER, 2)
SET_UP(mpsc, WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 1)
SET_UP(mpsc_two, WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 2)
SET_UP(spmc, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 1)
SET_UP(spmc_two, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 2)
SET_UP(mpmc_two, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 2)
SET_UP(mpmc, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 1)
SET_UP(multicast, WEIR_RING_ONE_PRODUCER, WEIR_RING_EVERY_CONSUMER, 1)
SET_UP(multicast_many, WEIR_RING_MANY_PRODUCERS, WEIR_RING_EVERY_CONSUMER, 1)

/* ---- producers ---- */

static void push_four(void)
{
	for (uint64_t i = 1; i <= 4; i++)
		EXPLORER_CHECK(ring_bed_push(0, i) == 0);
}

static void push_two(void)
{
	EXPLORER_CHECK(ring_bed_push(0, 1) == 0);
	EXPLORER_CHECK(ring_bed_push(0, 2) == 0);
}

static void push_three(void)
{
	push_two();
	EXPLORER_CHECK(ring_bed_push(0, 3) == 0);
}

static void push_first(void)
{
	EXPLORER_CHECK(ring_bed_push(0, 1) == 0);
}

static void push_second(void)
{
	EXPLORER_CHECK(ring_bed_push(1, 2) == 0);
}

/* In place: one claimed and given up, one claimed and used. */
static void claim_and_commit(void)
{
	struct weir_ring_producer *p = ring_bed->producers[0];
	void *items = NULL;
	int n;
	EXPLORER_AWAIT((n = weir_ring_claim(p, 1, 8, &items)) != WEIR_E_AGAIN);
	*(uint64_t *)items = UINT64_MAX;
	EXPLORER_CHECK(n == 1 && weir_ring_commit(p, 0) == 0);
	EXPLORER_AWAIT((n = weir_ring_claim(p, 1, 8, &items)) != WEIR_E_AGAIN);
	*(uint64_t *)items = 1;
	EXPLORER_CHECK(n == 1 && weir_ring_commit(p, 1) == 0);
}

static void stage_and_flush(void)
{
	struct weir_ring_producer *p = ring_bed->producers[0];
	const uint64_t items[3] = {1, 2, 3};
	EXPLORER_CHECK(weir_ring_stage(p, &items[0], sizeof items[0]) == 0);
	EXPLORER_CHECK(weir_ring_flush(p) == 0);
	int n = weir_ring_push_many(p, &items[1], 2, sizeof items[0]);
	EXPLORER_CHECK(n == 1 || n == 2);
	if (n == 1)
		EXPLORER_CHECK(ring_bed_push(0, 3) == 0);
}

/* ---- consumers ---- */

static void pop_in_order(unsigned consumer, uint64_t count)
{
	uint64_t value;
	for (uint64_t i = 1; i <= count; i++)
		EXPLORER_CHECK(ring_bed_pop(consumer, &value) == 0 && value == i);
}

static void pop_four(void)
{
	pop_in_order(0, 4);
}

static void pop_three(void)
{
	pop_in_order(0, 3);
}

static void pop_two(void)
{
	pop_in_order(0, 2);
}

static void pop_one(void)
{
	pop_in_order(0, 1);
}

static void pop_two_other(void)
{
	pop_in_order(1, 2);
}

/* In any order, and each once: sums. */
static void pop_any(unsigned consumer, unsigned count)
{
	uint64_t value;
	for (unsigned i = 0; i < count; i++) {
		EXPLORER_CHECK(ring_bed_pop(consumer, &value) == 0);
		ring_bed->sums[consumer] += value;
	}
}

static void pop_any_two(void)
{
	pop_any(0, 2);
}

static void pop_any_one(void)
{
	pop_any(0, 1);
}

static void pop_any_one_other(void)
{
	pop_any(1, 1);
}

static void pop_any_three(void)
{
	pop_any(0, 3);
}

static void pop_any_two_other(void)
{
	pop_any(1, 2);
}

/* Lent in place, and read twice. */
static void take_in_place(unsigned consumer)
{
	struct weir_ring_consumer *c = ring_bed->consumers[consumer];
	const void *items = NULL;
	int n;
	for (;;) {
		n = weir_ring_take(c, 1, 8, &items);
		if (n != WEIR_E_AGAIN)
			break;
		EXPLORER_AWAIT(is_worth_a_try(c));
	}
	EXPLORER_CHECK(n == 1);
	ring_bed->sums[consumer] += *(const uint64_t *)items;
	weir_ring_release(c);
}

static void take_one(void)
{
	take_in_place(0);
}

static void take_one_other(void)
{
	take_in_place(1);
}

static void sum_is_three(void)
{
	EXPLORER_CHECK(ring_bed->sums[0] + ring_bed->sums[1] == 3);
}

static void both_saw_all(void)
{
	EXPLORER_CHECK(ring_bed->sums[0] == 3 && ring_bed->sums[1] == 3);
}

/* ---- handles ---- */

static void push_and_close_handle(void)
{
	push_first();
	weir_ring_producer_close(ring_bed->producers[0]);
}

static void open_handle_and_push(void)
{
	struct weir_ring_producer *p;
	EXPLORER_AWAIT(weir_ring_load_relaxed(&ring_bed->producers[0]->is_open) == 0);
	EXPLORER_CHECK(weir_ring_producer_open(ring_bed->ring, &p) == 0);
	EXPLORER_CHECK(ring_bed_push(0, 2) == 0);
}

static void pop_and_close_handle(void)
{
	pop_one();
	weir_ring_consumer_close(ring_bed->consumers[0]);
}

static void open_handle_and_pop(void)
{
	struct weir_ring_consumer *c;
	uint64_t value;
	EXPLORER_AWAIT(weir_ring_load_relaxed(&ring_bed->consumers[0]->is_open) == 0);
	EXPLORER_CHECK(weir_ring_consumer_open(ring_bed->ring, &c) == 0);
	EXPLORER_CHECK(ring_bed_pop(0, &value) == 0 && value == 2);
}

static void leave(void)
{
	weir_ring_consumer_close(ring_bed->consumers[1]);
}

#define RING_SCENARIO(id, text, set_up_fn, finish_fn, ...)                                         \
	const struct explorer_scenario id = {.name = "ring: " text,                                \
					     .setup = set_up_fn,                                   \
					     .threads = {__VA_ARGS__},                             \
					     .finish = finish_fn}

RING_SCENARIO(ring_spsc, "one, one", set_up_spsc, NULL, push_four, pop_four);
RING_SCENARIO(ring_spsc_batch, "one, one, staged and in a batch", set_up_spsc, NULL,
	      stage_and_flush, pop_three);
RING_SCENARIO(ring_spsc_in_place, "one, one, given up and in place", set_up_spsc, NULL,
	      claim_and_commit, pop_one);
RING_SCENARIO(ring_mpsc, "many, one", set_up_mpsc, sum_is_three, push_first, push_second,
	      pop_any_two);
RING_SCENARIO(ring_mpsc_void, "many, one, a slot that is given up", set_up_mpsc_two, sum_is_three,
	      claim_and_commit, push_second, pop_any_two);
RING_SCENARIO(ring_spmc, "one, sharing", set_up_spmc, sum_is_three, push_two, pop_any_one,
	      pop_any_one_other);
RING_SCENARIO(ring_spmc_in_place, "one, sharing, in place", set_up_spmc_two, NULL, push_three,
	      take_one, take_one_other);
RING_SCENARIO(ring_spmc_goes_on, "one, sharing, one goes on", set_up_spmc_two, NULL, push_three,
	      pop_any_three);
RING_SCENARIO(ring_mpmc_void, "many, sharing, a slot that is given up", set_up_mpmc_two, NULL,
	      claim_and_commit, push_second, pop_any_two);
RING_SCENARIO(ring_mpmc, "many, sharing", set_up_mpmc, sum_is_three, push_first, push_second,
	      pop_any_one, pop_any_one_other);
RING_SCENARIO(ring_multicast, "one, every", set_up_multicast, NULL, push_two, pop_two,
	      pop_two_other);
RING_SCENARIO(ring_multicast_many, "many, every", set_up_multicast_many, both_saw_all, push_first,
	      push_second, pop_any_two, pop_any_two_other);
RING_SCENARIO(ring_multicast_leave, "one, every, one leaves", set_up_multicast, NULL, push_two,
	      pop_two, leave);
RING_SCENARIO(ring_producer_handle, "a producer's handle is handed on", set_up_spsc, NULL,
	      push_and_close_handle, open_handle_and_push, pop_two);
RING_SCENARIO(ring_consumer_handle, "a consumer's handle is handed on", set_up_spsc, NULL, push_two,
	      pop_and_close_handle, open_handle_and_pop);
