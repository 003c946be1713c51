/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   every shape of ring, with one thread playing all sides: what goes in comes out, in
 *         order, once (multicast: once each), never more than the capacity, for any capacity and
 *         slot size; in place as by copy; aborted claims leave nothing; close, drain, handles.
 * Method: a table of shapes; items carry position and a pattern over all of their bytes. The walk
 *         against a model draws push, pop, claim, take and their sizes from a seed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/ring.h>

#include "core/base/bits.h"
#include "io/sim/prng.h"

#define CONSUMERS 3u
#define ITEM_BYTES_MAX 300u

struct shape {
	enum weir_ring_producers producers;
	enum weir_ring_consumers consumers;
};

static const struct shape shapes[] = {
	{WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER},
	{WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER},
	{WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS},
	{WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS},
	{WEIR_RING_ONE_PRODUCER, WEIR_RING_EVERY_CONSUMER},
	{WEIR_RING_MANY_PRODUCERS, WEIR_RING_EVERY_CONSUMER},
};
#define SHAPES WR_ARRAY_COUNT(shapes)

static struct weir_ring *ring;
static struct weir_ring_producer *producer;
static struct weir_ring_consumer *consumer[CONSUMERS];
static uint32_t consumer_count;

static struct weir_ring_options options_of(size_t shape, uint64_t capacity, uint32_t slot_bytes)
{
	struct weir_ring_options o;
	weir_ring_options_init(&o);
	o.producers = shapes[shape].producers;
	o.consumers = shapes[shape].consumers;
	o.producers_max = 2;
	o.consumers_max = CONSUMERS;
	o.capacity = capacity;
	o.slot_bytes = slot_bytes;
	return o;
}

static void make(size_t shape, uint64_t capacity, uint32_t slot_bytes)
{
	struct weir_ring_options o = options_of(shape, capacity, slot_bytes);
	struct weir_problem why;
	cr_assert_eq(weir_ring_create(&o, &ring, &why), 0, "%s %s", why.field, why.text);
	cr_assert_eq(weir_ring_producer_open(ring, &producer), 0);
	consumer_count = o.consumers == WEIR_RING_ONE_CONSUMER ? 1 : CONSUMERS;
	for (uint32_t i = 0; i < consumer_count; i++)
		cr_assert_eq(weir_ring_consumer_open(ring, &consumer[i]), 0);
}

static bool is_multicast(size_t shape)
{
	return shapes[shape].consumers == WEIR_RING_EVERY_CONSUMER;
}

static void fill(uint8_t *item, uint32_t bytes, uint64_t position)
{
	for (uint32_t i = 0; i < bytes; i++)
		item[i] = (uint8_t)((position >> (8 * (i & 3))) + i);
}

static void check(const uint8_t *item, uint32_t bytes, uint64_t position)
{
	uint8_t wanted[ITEM_BYTES_MAX];
	fill(wanted, bytes, position);
	cr_assert_arr_eq(
		item, wanted, bytes, "item %llu of %u bytes, capacity %llu, stamps %d, flags %u",
		(unsigned long long)position, bytes, (unsigned long long)consumer[0]->mask + 1,
		producer->stamps != NULL, consumer[0]->flags);
}

/* By a push mostly, in place or staged now and then. */
static void push_somehow(uint64_t position, uint32_t bytes)
{
	uint8_t item[ITEM_BYTES_MAX];
	void *place = NULL;
	fill(item, bytes, position);
	if (position % 5 == 3) {
		cr_assert_eq(weir_ring_claim(producer, 1, bytes, &place), 1);
		memcpy(place, item, bytes);
		cr_assert_eq(weir_ring_commit(producer, 1), 0);
	} else if (position % 7 == 4) {
		cr_assert_eq(weir_ring_stage(producer, item, bytes), 0);
		cr_assert_eq(weir_ring_flush(producer), 0);
	} else {
		cr_assert_eq(weir_ring_push(producer, item, bytes), 0);
	}
}

static void go_to_and_fro(size_t shape, uint32_t bytes)
{
	const uint32_t readers = is_multicast(shape) ? CONSUMERS : 1;
	uint8_t got[ITEM_BYTES_MAX];
	make(shape, 8, bytes);
	for (uint64_t at = 0; at < 1000; at++) {
		push_somehow(at, bytes);
		for (uint32_t c = 0; c < readers; c++) {
			memset(got, 0xaa, sizeof got);
			cr_assert_eq(weir_ring_pop(consumer[c], got, bytes), 0);
			check(got, bytes, at);
			cr_assert_eq(got[bytes], 0xaa);
		}
		cr_assert_eq(weir_ring_pop(consumer[0], got, bytes), WEIR_E_AGAIN);
	}
	push_somehow(1000, bytes);
	cr_assert_eq(weir_ring_pop(consumer[0], got, bytes + 1), -EINVAL);
	weir_ring_destroy(ring);
}

/* One at a time: small ones are taken from beside `tail`, others from their slots. */
Test(ring, items_to_and_fro)
{
	static const uint32_t sizes[] = {1, 7, 8, 9, 16, 17, 24, 25, 64};
	for (size_t shape = 0; shape < SHAPES; shape++)
		for (size_t i = 0; i < WR_ARRAY_COUNT(sizes); i++)
			go_to_and_fro(shape, sizes[i]);
}

Test(ring, is_empty_at_first_and_takes_its_capacity_and_no_more)
{
	for (size_t s = 0; s < SHAPES; s++)
		for (uint64_t capacity = 1; capacity <= 32; capacity *= 2) {
			uint64_t item;
			make(s, capacity, sizeof item);
			for (uint32_t c = 0; c < consumer_count; c++)
				cr_assert_eq(weir_ring_pop(consumer[c], &item, sizeof item),
					     WEIR_E_AGAIN);
			for (uint64_t lap = 0; lap < 3; lap++) {
				for (uint64_t i = 0; i < capacity; i++) {
					item = lap * capacity + i;
					cr_assert_eq(weir_ring_push(producer, &item, sizeof item),
						     0);
				}
				cr_assert_eq(weir_ring_push(producer, &item, sizeof item),
					     WEIR_E_AGAIN, "shape %zu capacity %llu", s,
					     (unsigned long long)capacity);
				for (uint32_t c = 0; c < (is_multicast(s) ? CONSUMERS : 1); c++)
					for (uint64_t i = 0; i < capacity; i++) {
						cr_assert_eq(weir_ring_pop(consumer[c], &item,
									   sizeof item),
							     0);
						cr_assert_eq(item, lap * capacity + i);
					}
				for (uint32_t c = 0; c < consumer_count; c++)
					cr_assert_eq(weir_ring_pop(consumer[c], &item, sizeof item),
						     WEIR_E_AGAIN);
			}
			weir_ring_destroy(ring);
		}
}

/* One producer against the positions that each consumer stands at. */
struct model {
	uint64_t pushed;
	uint64_t read[CONSUMERS]; /* shared and single: [0] of all */
};

static void walk_push(struct wr_prng *r, struct model *m, uint64_t capacity, uint32_t bytes)
{
	static uint8_t items[64 * ITEM_BYTES_MAX];
	uint32_t want = 1 + (uint32_t)wr_prng_below(r, wr_min_u64(capacity + 1, 64));
	uint64_t least = UINT64_MAX;
	for (uint32_t c = 0; c < CONSUMERS; c++)
		least = wr_min_u64(least, m->read[c]);
	uint64_t room = capacity - (m->pushed - least);
	uint64_t kind = wr_prng_below(r, 4);
	int n;

	if (kind == 0) {
		fill(items, bytes, m->pushed);
		n = weir_ring_push(producer, items, bytes);
		n = n == 0 ? 1 : n;
	} else if (kind == 1) {
		for (uint32_t i = 0; i < want; i++)
			fill(items + i * bytes, bytes, m->pushed + i);
		n = weir_ring_push_many(producer, items, want, bytes);
	} else {
		void *slots = NULL;
		n = weir_ring_claim(producer, want, bytes, &slots);
		uint32_t used = n > 0 && kind == 2 ? (uint32_t)n
				: n > 0            ? (uint32_t)wr_prng_below(r, (uint64_t)n)
						   : 0;
		for (uint32_t i = 0; i < used; i++)
			fill((uint8_t *)slots + i * bytes, bytes, m->pushed + i);
		if (n > 0)
			cr_assert_eq(weir_ring_commit(producer, used), 0);
		m->pushed += used;
		cr_assert(n > 0 || n == WEIR_E_AGAIN);
		return;
	}
	if (n < 0) {
		cr_assert_eq(n, WEIR_E_AGAIN);
		return;
	}
	cr_assert_geq(n, 1);
	cr_assert_leq((uint64_t)n, room);
	m->pushed += (uint64_t)n;
}

static void walk_pop(struct wr_prng *r, struct model *m, bool multicast, uint32_t bytes)
{
	static uint8_t items[64 * ITEM_BYTES_MAX];
	uint32_t c = (uint32_t)wr_prng_below(r, consumer_count);
	uint64_t *read = &m->read[multicast ? c : 0];
	uint32_t want = 1 + (uint32_t)wr_prng_below(r, 64);
	const void *lent = items;
	uint64_t kind = wr_prng_below(r, 3);
	int n;

	if (kind == 0) {
		n = weir_ring_pop(consumer[c], items, bytes);
		n = n == 0 ? 1 : n;
	} else if (kind == 1) {
		n = weir_ring_pop_many(consumer[c], items, want, bytes);
	} else {
		n = weir_ring_take(consumer[c], want, bytes, &lent);
	}
	if (n < 0) {
		cr_assert_eq(n, WEIR_E_AGAIN);
		cr_assert_eq(*read, m->pushed, "nothing there, but %llu of %llu read",
			     (unsigned long long)*read, (unsigned long long)m->pushed);
		return;
	}
	for (uint32_t i = 0; i < (uint32_t)n; i++)
		check((const uint8_t *)lent + i * bytes, bytes, *read + i);
	if (kind == 2)
		weir_ring_release(consumer[c]);
	*read += (uint64_t)n;
	cr_assert_leq(*read, m->pushed);
	for (uint32_t i = 0; !multicast && i < CONSUMERS; i++)
		m->read[i] = *read;
}

Test(ring, every_shape_agrees_with_a_model, .timeout = 120)
{
	static const uint32_t sizes[] = {1, 3, 8, 24, 64, 100, ITEM_BYTES_MAX};
	struct wr_prng r;
	wr_prng_init(&r, 4711);
	for (size_t s = 0; s < SHAPES; s++)
		for (uint64_t capacity = 1; capacity <= 256; capacity *= 4)
			for (size_t b = 0; b < WR_ARRAY_COUNT(sizes); b++) {
				struct model m = {0};
				make(s, capacity, sizes[b]);
				for (unsigned step = 0; step < 1000; step++)
					if (wr_prng_below(&r, 2) == 0)
						walk_push(&r, &m, capacity, sizes[b]);
					else
						walk_pop(&r, &m, is_multicast(s), sizes[b]);
				cr_assert_gt(m.pushed, 20);
				weir_ring_destroy(ring);
			}
}

Test(ring, what_is_staged_is_seen_when_flushed_or_by_itself_after_64)
{
	uint64_t item = 0;
	make(0, 256, sizeof item);
	cr_assert_eq(weir_ring_stage(producer, &item, sizeof item), 0);
	cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), WEIR_E_AGAIN);
	cr_assert_eq(weir_ring_flush(producer), 0);
	cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), 0);
	for (item = 1; item <= 64; item++)
		cr_assert_eq(weir_ring_stage(producer, &item, sizeof item), 0);
	for (uint64_t i = 1; i <= 64; i++) {
		cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), 0);
		cr_assert_eq(item, i);
	}
	/* A ring that is full of staged items publishes them, or nobody would ever make room. */
	weir_ring_destroy(ring);
	make(0, 16, sizeof item);
	for (item = 0; item < 16; item++)
		cr_assert_eq(weir_ring_stage(producer, &item, sizeof item), 0);
	cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), WEIR_E_AGAIN);
	cr_assert_eq(weir_ring_stage(producer, &item, sizeof item), WEIR_E_AGAIN);
	cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), 0);
	weir_ring_destroy(ring);
}

Test(ring, room_that_was_not_given_back_yet_is_found_by_who_tries_again)
{
	uint64_t item = 0;
	make(0, 4096, sizeof item);
	for (item = 0; item < 4096; item++)
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
	/* One item: less than a 32nd of the ring. */
	cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), 0);
	unsigned tries = 1;
	while (weir_ring_push(producer, &item, sizeof item) == WEIR_E_AGAIN && tries < 10000)
		tries++;
	cr_assert_leq(tries, 1024);
	cr_assert_gt(tries, 1, "consumers give back at every pop: the line moves too often");
	weir_ring_destroy(ring);
}

Test(ring, a_consumer_holds_back_what_it_took_until_it_releases)
{
	for (size_t s = 0; s < SHAPES; s++) {
		uint64_t item = 0;
		const void *lent = NULL;
		make(s, 8, sizeof item);
		for (item = 0; item < 8; item++)
			cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
		for (uint32_t c = 0; c < (is_multicast(s) ? CONSUMERS : 1); c++)
			cr_assert_eq(weir_ring_take(consumer[c], 3, sizeof item, &lent), 3);
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), WEIR_E_AGAIN);
		for (uint32_t c = 0; c < (is_multicast(s) ? CONSUMERS : 1); c++)
			weir_ring_release(consumer[c]);
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0, "shape %zu", s);
		weir_ring_destroy(ring);
	}
}

Test(ring, a_consumer_that_shares_and_holds_stops_no_other_consumer)
{
	uint64_t item = 0;
	const void *lent = NULL;
	make(2, 8, sizeof item);
	for (item = 0; item < 8; item++)
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
	cr_assert_eq(weir_ring_take(consumer[0], 1, sizeof item, &lent), 1);
	for (uint64_t i = 1; i < 8; i++) {
		cr_assert_eq(weir_ring_pop(consumer[1], &item, sizeof item), 0);
		cr_assert_eq(item, i);
	}
	cr_assert_eq(weir_ring_push(producer, &item, sizeof item), WEIR_E_AGAIN);
	weir_ring_release(consumer[0]);
	cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
	weir_ring_destroy(ring);
}

static void add_up(void *context, const void *items, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t value;
		memcpy(&value, (const uint8_t *)items + i * sizeof value, sizeof value);
		*(uint64_t *)context += value;
	}
}

Test(ring, consumers_get_what_was_accepted_before_the_close_and_then_the_end)
{
	for (size_t s = 0; s < SHAPES; s++) {
		uint64_t item, sum = 0;
		make(s, 64, sizeof item);
		for (item = 1; item <= 40; item++)
			cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
		weir_ring_close(ring);
		weir_ring_close(ring);
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), WEIR_E_CLOSED);
		cr_assert_eq(weir_ring_push_wait(producer, &item, sizeof item, WEIR_FOREVER),
			     WEIR_E_CLOSED);
		for (uint32_t c = 0; c < (is_multicast(s) ? CONSUMERS : 1); c++) {
			sum = 0;
			cr_assert_eq(weir_ring_drain(consumer[c], 10, sizeof item, add_up, &sum),
				     10);
			cr_assert_eq(
				weir_ring_drain(consumer[c], UINT64_MAX, sizeof item, add_up, &sum),
				30);
			cr_assert_eq(sum, 40 * 41 / 2);
		}
		for (uint32_t c = 0; c < consumer_count; c++) {
			cr_assert_eq(weir_ring_pop(consumer[c], &item, sizeof item), WEIR_E_CLOSED);
			cr_assert_eq(
				weir_ring_pop_wait(consumer[c], &item, sizeof item, WEIR_FOREVER),
				WEIR_E_CLOSED);
			cr_assert_eq(weir_ring_drain(consumer[c], 1, sizeof item, add_up, &sum),
				     WEIR_E_CLOSED);
		}
		weir_ring_destroy(ring);
	}
}

Test(ring, a_claim_that_is_open_when_the_ring_closes_is_refused_or_delivered)
{
	for (size_t s = 0; s < SHAPES; s++)
		for (unsigned looked = 0; looked < 2; looked++) {
			uint64_t item = 7;
			void *slots = NULL;
			bool many = shapes[s].producers == WEIR_RING_MANY_PRODUCERS;
			make(s, 8, sizeof item);
			cr_assert_eq(weir_ring_claim(producer, 1, sizeof item, &slots), 1);
			memcpy(slots, &item, sizeof item);
			weir_ring_close(ring);
			/* Who finds the ring empty for good before the commit has the last word; a
			 * claim of many producers is accepted already. */
			if (looked == 1)
				cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item),
					     many ? WEIR_E_AGAIN : WEIR_E_CLOSED);
			int code = weir_ring_commit(producer, 1);
			cr_assert_eq(code, looked == 1 && !many ? WEIR_E_CLOSED : 0, "shape %zu",
				     s);
			item = 0;
			cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item),
				     code == 0 ? 0 : WEIR_E_CLOSED);
			cr_assert_eq(item, code == 0 ? 7u : 0u);
			weir_ring_destroy(ring);
		}
}

/* Closed with two items staged, which a consumer's look comes before, or not. */
static int stage_two_and_close(bool is_looked_at)
{
	uint64_t item = 1;
	make(0, 8, sizeof item);
	cr_assert_eq(weir_ring_stage(producer, &item, sizeof item), 0);
	cr_assert_eq(weir_ring_stage(producer, &item, sizeof item), 0);
	weir_ring_close(ring);
	return is_looked_at ? weir_ring_pop(consumer[0], &item, sizeof item) : 0;
}

Test(ring, a_flush_says_what_became_of_what_was_staged_when_the_ring_closed)
{
	uint64_t item = 1;
	for (int by_wait = 0; by_wait < 2; by_wait++)
		for (int looked = 0; looked < 2; looked++) {
			uint64_t left = WEIR_FOREVER;
			int gone = looked == 1 ? WEIR_E_CLOSED : 0;
			cr_assert_eq(stage_two_and_close(looked == 1), gone);
			/* Whether these publish the two, or not: they do not say. */
			cr_assert_eq(by_wait == 1 ? weir_ring_wait_room(producer, &left)
						  : weir_ring_push(producer, &item, sizeof item),
				     WEIR_E_CLOSED);
			for (int again = 0; again < 2; again++)
				cr_assert_eq(weir_ring_flush(producer), gone);
			for (int i = 0; i < 2 && looked == 0; i++)
				cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), 0);
			cr_assert_eq(weir_ring_pop(consumer[0], &item, sizeof item), WEIR_E_CLOSED);
			weir_ring_destroy(ring);
		}
}

Test(ring, handles_are_as_many_as_was_said_and_come_back)
{
	struct weir_ring_producer *second, *third;
	struct weir_ring_consumer *c;
	make(3, 8, 8);
	cr_assert_eq(weir_ring_producer_open(ring, &second), 0);
	cr_assert_eq(weir_ring_producer_open(ring, &third), WEIR_E_FULL);
	weir_ring_producer_close(second);
	cr_assert_eq(weir_ring_producer_open(ring, &third), 0);
	cr_assert_eq(weir_ring_consumer_open(ring, &c), WEIR_E_FULL);
	weir_ring_consumer_close(consumer[1]);
	cr_assert_eq(weir_ring_consumer_open(ring, &c), 0);
	cr_assert_eq(c, consumer[1]);
	weir_ring_destroy(ring);
	make(0, 8, 8);
	cr_assert_eq(weir_ring_producer_open(ring, &second), WEIR_E_FULL);
	cr_assert_eq(weir_ring_consumer_open(ring, &c), WEIR_E_FULL);
	weir_ring_destroy(ring);
	weir_ring_destroy(NULL);
	weir_ring_producer_close(NULL);
	weir_ring_consumer_close(NULL);
}

Test(ring, a_multicast_consumer_holds_the_ring_until_it_leaves)
{
	uint64_t item = 0;
	make(4, 4, sizeof item);
	for (item = 0; item < 4; item++)
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
	for (uint32_t c = 0; c < 2; c++)
		for (unsigned i = 0; i < 4; i++)
			cr_assert_eq(weir_ring_pop(consumer[c], &item, sizeof item), 0);
	cr_assert_eq(weir_ring_push(producer, &item, sizeof item), WEIR_E_AGAIN);
	weir_ring_consumer_close(consumer[2]);
	cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
	struct weir_ring_consumer *again;
	cr_assert_eq(weir_ring_consumer_open(ring, &again), WEIR_E_FULL);
	weir_ring_consumer_close(consumer[0]);
	weir_ring_consumer_close(consumer[1]);
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
	weir_ring_destroy(ring);
}

Test(ring, a_handle_that_is_closed_gives_up_its_claim_and_what_it_took)
{
	for (size_t s = 0; s < SHAPES; s++) {
		uint64_t item = 3;
		void *slots = NULL;
		const void *lent = NULL;
		make(s, 4, sizeof item);
		cr_assert_eq(weir_ring_claim(producer, 2, sizeof item, &slots), 2);
		weir_ring_producer_close(producer);
		cr_assert_eq(weir_ring_producer_open(ring, &producer), 0);
		cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0);
		if (!is_multicast(s)) {
			cr_assert_eq(weir_ring_take(consumer[0], 1, sizeof item, &lent), 1);
			weir_ring_consumer_close(consumer[0]);
			cr_assert_eq(weir_ring_consumer_open(ring, &consumer[0]), 0);
			for (unsigned i = 0; i < 4; i++)
				cr_assert_eq(weir_ring_push(producer, &item, sizeof item), 0,
					     "shape %zu item %u", s, i);
		}
		weir_ring_destroy(ring);
	}
}

Test(ring, waits_end_at_their_time)
{
	uint64_t item = 0;
	for (size_t s = 0; s < SHAPES; s++)
		for (unsigned wait = WEIR_WAIT_DEFAULT; wait <= WEIR_WAIT_PARK; wait++) {
			struct weir_ring_options o = options_of(s, 1, sizeof item);
			o.wait = (enum weir_wait)wait;
			cr_assert_eq(weir_ring_create(&o, &ring, NULL), 0);
			cr_assert_eq(weir_ring_producer_open(ring, &producer), 0);
			cr_assert_eq(weir_ring_consumer_open(ring, &consumer[0]), 0);
			cr_assert_eq(weir_ring_pop_wait(consumer[0], &item, sizeof item, 1000000),
				     -ETIMEDOUT);
			cr_assert_eq(weir_ring_push_wait(producer, &item, sizeof item, 0), 0);
			cr_assert_eq(weir_ring_push_wait(producer, &item, sizeof item, 1000000),
				     -ETIMEDOUT);
			cr_assert_eq(weir_ring_push_wait(producer, &item, sizeof item, 0),
				     -ETIMEDOUT);
			uint64_t two[2] = {1, 2};
			cr_assert_eq(weir_ring_push_many_wait(producer, two, 2, 8, 1000),
				     -ETIMEDOUT);
			cr_assert_eq(weir_ring_pop_wait(consumer[0], &item, sizeof item, 0), 0);
			if (!is_multicast(s))
				cr_assert_eq(weir_ring_push_many_wait(producer, two, 2, 8, 1000), 1,
					     "as many as there was room for");
			weir_ring_destroy(ring);
		}
}

Test(ring, an_item_of_another_size_is_refused)
{
	for (size_t s = 0; s < SHAPES; s++) {
		uint64_t item[2] = {0};
		void *slots = NULL;
		const void *lent = NULL;
		make(s, 4, sizeof item[0]);
		cr_assert_eq(weir_ring_push(producer, item, 16), -EINVAL);
		cr_assert_eq(weir_ring_push_many(producer, item, 1, 4), -EINVAL);
		cr_assert_eq(weir_ring_claim(producer, 1, 4, &slots), -EINVAL);
		cr_assert_eq(weir_ring_push(producer, item, 8), 0);
		cr_assert_eq(weir_ring_pop(consumer[0], item, 16), -EINVAL);
		cr_assert_eq(weir_ring_pop_many(consumer[0], item, 1, 4), -EINVAL);
		cr_assert_eq(weir_ring_take(consumer[0], 1, 4, &lent), -EINVAL);
		cr_assert_eq(weir_ring_drain(consumer[0], 1, 4, add_up, item), -EINVAL);
		cr_assert_eq(weir_ring_pop(consumer[0], item, 8), 0);
		weir_ring_destroy(ring);
	}
}
