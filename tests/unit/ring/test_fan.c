/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   fans, with one thread playing all sides: each producer's items come out in its order,
 *         once (multicast: once each), whatever the others do; a busy branch starves no other; full
 *         and empty branches, handles that are closed and opened again, the close; memory is used
 *         as far as was said.
 * Method: small cases, and a walk against a model of one counter for each branch, from a seed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/ring_fan.h>

#include "core/base/bits.h"
#include "core/ring/fan.h"
#include "io/sim/prng.h"

#define BRANCHES 3u
#define CONSUMERS 2u
#define GUARD 4096u

struct item {
	uint64_t branch;
	uint64_t number;
};

static struct weir_ring_fan *fan;
static struct weir_ring_producer *producers[BRANCHES];
static struct weir_ring_fan_consumer *consumers[CONSUMERS];
static uint32_t consumer_count;

static const enum weir_ring_consumers kinds[] = {
	WEIR_RING_ONE_CONSUMER, WEIR_RING_SHARING_CONSUMERS, WEIR_RING_EVERY_CONSUMER};

static struct weir_ring_options options_of(enum weir_ring_consumers kind, uint64_t capacity)
{
	struct weir_ring_options o;
	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.consumers = kind;
	o.producers_max = BRANCHES;
	o.consumers_max = CONSUMERS;
	o.slot_bytes = sizeof(struct item);
	o.capacity = capacity;
	return o;
}

static void make(enum weir_ring_consumers kind, uint64_t capacity, uint32_t opened)
{
	struct weir_ring_options o = options_of(kind, capacity);
	struct weir_problem why;
	cr_assert_eq(weir_ring_fan_create(&o, &fan, &why), 0, "%s %s", why.field, why.text);
	for (uint32_t i = 0; i < opened; i++)
		cr_assert_eq(weir_ring_fan_producer_open(fan, &producers[i]), 0);
	consumer_count = kind == WEIR_RING_ONE_CONSUMER ? 1 : CONSUMERS;
	for (uint32_t i = 0; i < consumer_count; i++)
		cr_assert_eq(weir_ring_fan_consumer_open(fan, &consumers[i]), 0);
}

static int push(uint32_t branch, uint64_t number)
{
	const struct item item = {branch, number};
	return weir_ring_push(producers[branch], &item, sizeof item);
}

static int pop(uint32_t consumer, struct item *item)
{
	return weir_ring_fan_pop(consumers[consumer], item, sizeof *item);
}

static void is_refused(const struct weir_ring_options *o, const char *field)
{
	struct weir_problem why = {.field = ""};
	uint64_t bytes;
	cr_expect_eq(weir_ring_fan_memory_bytes(o, &bytes, &why), -EINVAL);
	cr_expect_str_eq(why.field, field);
	cr_expect_neq(why.text[0], '\0');
	cr_expect_eq(weir_ring_fan_create(o, &fan, NULL), -EINVAL);
}

#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		struct weir_ring_options o = options_of(WEIR_RING_ONE_CONSUMER, 8);                \
		o.field = (value);                                                                 \
		is_refused(&o, #field);                                                            \
	} while (0)

Test(fan, a_wrong_option_is_refused_by_name)
{
	REFUSED(struct_bytes, 0);
	REFUSED(producers, WEIR_RING_ONE_PRODUCER);
	REFUSED(consumers, (enum weir_ring_consumers)4);
	REFUSED(producers_max, 0);
	REFUSED(consumers_max, 4097);
	REFUSED(slot_bytes, 0);
	REFUSED(capacity, 3);
	REFUSED(wait, (enum weir_wait)5);
	is_refused(NULL, "struct_bytes");
	/* Each branch would do, all of them are too much. */
	struct weir_ring_options o = options_of(WEIR_RING_ONE_CONSUMER, 1u << 18);
	o.slot_bytes = 16u << 20;
	o.producers_max = 1;
	uint64_t bytes;
	cr_assert_eq(weir_ring_fan_memory_bytes(&o, &bytes, NULL), -EINVAL);
	o.capacity /= 2;
	cr_assert_eq(weir_ring_fan_memory_bytes(&o, &bytes, NULL), 0);
	o.producers_max = 2;
	is_refused(&o, "capacity");
}

Test(fan, memory_of_the_caller_is_used_as_far_as_was_said)
{
	struct weir_ring_options o = options_of(WEIR_RING_SHARING_CONSUMERS, 8);
	struct weir_problem why = {.field = ""};
	uint64_t bytes;
	cr_assert_eq(weir_ring_fan_memory_bytes(&o, &bytes, NULL), 0);
	uint8_t *memory = aligned_alloc(WEIR_RING_LINE_BYTES,
					wr_round_up(bytes, WEIR_RING_LINE_BYTES) + 2 * GUARD);
	cr_assert_not_null(memory);
	memset(memory, 0xaa, bytes + 2 * GUARD);
	cr_assert_eq(weir_ring_fan_init(memory + 8, bytes, &o, &fan, &why), -EINVAL);
	cr_assert_str_eq(why.field, "memory");
	cr_assert_eq(weir_ring_fan_init(memory + GUARD, bytes - 1, &o, &fan, &why), -EINVAL);
	cr_assert_str_eq(why.field, "memory_bytes");
	cr_assert_eq(weir_ring_fan_init(memory + GUARD, bytes, &o, &fan, &why), 0);
	for (uint32_t i = 0; i < BRANCHES; i++) {
		cr_assert_eq(weir_ring_fan_producer_open(fan, &producers[i]), 0);
		cr_assert_eq((uintptr_t)producers[i] % WEIR_RING_LINE_BYTES, 0);
		while (push(i, 0) == 0)
			;
	}
	for (uint32_t i = 0; i < GUARD; i++)
		cr_assert(memory[i] == 0xaa && memory[GUARD + bytes + i] == 0xaa, "byte %u", i);
	free(memory);
}

Test(fan, each_lane_has_the_capacity_and_the_rest_is_empty)
{
	for (size_t k = 0; k < WR_ARRAY_COUNT(kinds); k++)
		for (uint64_t capacity = 1; capacity <= 16; capacity *= 4) {
			uint64_t next[BRANCHES] = {0};
			struct item item;
			make(kinds[k], capacity, BRANCHES);
			cr_assert_eq(pop(0, &item), WEIR_E_AGAIN);
			for (uint32_t branch = 0; branch < BRANCHES; branch++) {
				for (uint64_t i = 0; i < capacity; i++)
					cr_assert_eq(push(branch, i), 0);
				cr_assert_eq(push(branch, 0), WEIR_E_AGAIN);
			}
			for (uint64_t i = 0; i < BRANCHES * capacity; i++) {
				cr_assert_eq(pop(0, &item), 0);
				cr_assert_lt(item.branch, BRANCHES);
				cr_assert_eq(item.number, next[item.branch]++);
			}
			cr_assert_eq(pop(0, &item), WEIR_E_AGAIN);
			weir_ring_fan_destroy(fan);
		}
}

Test(fan, a_busy_lane_starves_no_other)
{
	for (size_t k = 0; k < WR_ARRAY_COUNT(kinds); k++) {
		struct item item = {0};
		uint64_t pushed = 0, before = 0;
		make(kinds[k], 64, BRANCHES);
		while (push(0, pushed) == 0)
			pushed++;
		cr_assert_eq(pop(0, &item), 0);
		cr_assert_eq(push(2, 7), 0);
		for (before = 0; item.branch == 0; before++) {
			cr_assert_eq(pop(0, &item), 0);
			for (uint32_t c = 1; kinds[k] == WEIR_RING_EVERY_CONSUMER && c < CONSUMERS;
			     c++) {
				struct item other;
				while (pop(c, &other) == 0)
					;
			}
			while (push(0, pushed) == 0)
				pushed++;
		}
		cr_assert_eq(item.number, 7);
		cr_assert_leq(before, 257);
		weir_ring_fan_destroy(fan);
	}
}

Test(fan, consumers_that_share_go_to_lanes_of_their_own)
{
	struct item item;
	make(WEIR_RING_SHARING_CONSUMERS, 64, BRANCHES);
	for (uint64_t i = 0; i < 32; i++)
		for (uint32_t branch = 0; branch < 2; branch++)
			cr_assert_eq(push(branch, i), 0);
	cr_assert_eq(pop(0, &item), 0);
	uint64_t first = item.branch;
	cr_assert_eq(pop(1, &item), 0);
	cr_assert_neq(item.branch, first);
	for (uint64_t i = 1; i < 32; i++) {
		cr_assert_eq(pop(0, &item), 0);
		cr_assert(item.branch == first && item.number == i);
		cr_assert_eq(pop(1, &item), 0);
		cr_assert(item.branch != first && item.number == i);
	}
	/* One branch is left with items: both take them, each once. */
	for (uint64_t i = 32; i < 64; i++)
		cr_assert_eq(push(0, i), 0);
	for (uint64_t i = 32; i < 64; i++) {
		cr_assert_eq(pop(i % 2, &item), 0);
		cr_assert(item.branch == 0 && item.number == i);
	}
	weir_ring_fan_destroy(fan);
}

Test(fan, handles_are_lent_and_a_lane_outlives_its_producer)
{
	struct weir_ring_producer *more;
	struct weir_ring_fan_consumer *other;
	struct item item;
	make(WEIR_RING_SHARING_CONSUMERS, 8, BRANCHES);
	cr_assert_eq(weir_ring_fan_producer_open(fan, &more), WEIR_E_FULL);
	cr_assert_eq(weir_ring_fan_consumer_open(fan, &other), WEIR_E_FULL);
	cr_assert_eq(push(1, 1), 0);
	weir_ring_producer_close(producers[1]);
	cr_assert_eq(weir_ring_fan_producer_open(fan, &more), 0);
	cr_assert_eq(more, producers[1]);
	cr_assert_eq(push(1, 2), 0);
	weir_ring_fan_consumer_close(consumers[0]);
	weir_ring_fan_consumer_close(NULL);
	cr_assert_eq(weir_ring_fan_consumer_open(fan, &other), 0);
	cr_assert_eq(other, consumers[0]);
	cr_assert(pop(0, &item) == 0 && item.number == 1);
	cr_assert(pop(1, &item) == 0 && item.number == 2);
	weir_ring_fan_destroy(fan);
	weir_ring_fan_destroy(NULL);
}

static void add(void *context, const void *items, uint32_t count)
{
	uint64_t *sum = context;
	for (uint32_t i = 0; i < count; i++)
		*sum += ((const struct item *)items)[i].number;
}

Test(fan, in_place_in_batches_and_with_a_time_limit)
{
	struct item items[8];
	const void *lent;
	uint64_t left = 1000000, sum = 0;
	make(WEIR_RING_ONE_CONSUMER, 8, BRANCHES);
	cr_assert_eq(weir_ring_fan_pop_wait(consumers[0], items, sizeof items[0], 1000),
		     -ETIMEDOUT);
	cr_assert_eq(weir_ring_fan_pop_many_wait(consumers[0], items, 8, sizeof items[0], 1000),
		     -ETIMEDOUT);
	cr_assert_eq(weir_ring_fan_wait_items(consumers[0], &left), -ETIMEDOUT);
	cr_assert_eq(left, 0);
	for (uint64_t i = 1; i <= 4; i++)
		cr_assert_eq(push(0, i), 0);
	for (uint64_t i = 5; i <= 8; i++)
		cr_assert_eq(push(2, i), 0);
	left = WEIR_FOREVER;
	cr_assert_eq(weir_ring_fan_wait_items(consumers[0], &left), 0);
	cr_assert_eq(weir_ring_fan_pop_many(consumers[0], items, 0, sizeof items[0]), 0);
	cr_assert_eq(weir_ring_fan_pop(consumers[0], items, 8), -EINVAL);
	cr_assert_eq(weir_ring_fan_take(consumers[0], 2, sizeof items[0], &lent), 2);
	add(&sum, lent, 2);
	weir_ring_fan_release(consumers[0]);
	weir_ring_fan_release(consumers[0]);
	/* Of one branch, whatever the others have. */
	cr_assert_eq(weir_ring_fan_pop_many_wait(consumers[0], items, 8, sizeof items[0], 0), 2);
	add(&sum, items, 2);
	cr_assert_eq(weir_ring_fan_drain(consumers[0], 3, sizeof items[0], add, &sum), 3);
	cr_assert_eq(weir_ring_fan_drain(consumers[0], 3, sizeof items[0], add, &sum), 1);
	cr_assert_eq(weir_ring_fan_drain(consumers[0], 3, sizeof items[0], add, &sum), 0);
	cr_assert_eq(sum, 36);
	weir_ring_fan_close(fan);
	cr_assert_eq(weir_ring_fan_drain(consumers[0], 3, sizeof items[0], add, &sum),
		     WEIR_E_CLOSED);
	weir_ring_fan_destroy(fan);
}

Test(fan, a_close_refuses_pushes_and_gives_out_what_was_accepted)
{
	for (size_t k = 0; k < WR_ARRAY_COUNT(kinds); k++) {
		uint32_t readers = kinds[k] == WEIR_RING_EVERY_CONSUMER ? CONSUMERS : 1;
		struct weir_ring_producer *late;
		struct item item = {0};
		make(kinds[k], 8, 2);
		cr_assert_eq(push(0, 1), 0);
		cr_assert_eq(push(1, 2), 0);
		weir_ring_fan_close(fan);
		weir_ring_fan_close(fan);
		cr_assert_eq(push(0, 3), WEIR_E_CLOSED);
		cr_assert_eq(weir_ring_fan_producer_open(fan, &late), 0);
		cr_assert_eq(weir_ring_push(late, &item, sizeof item), WEIR_E_CLOSED);
		for (uint32_t c = 0; c < readers; c++) {
			uint64_t sum = 0;
			while (weir_ring_fan_pop_wait(consumers[c], &item, sizeof item,
						      WEIR_FOREVER) == 0)
				sum += item.number;
			cr_assert_eq(sum, 3);
			cr_assert_eq(pop(c, &item), WEIR_E_CLOSED);
		}
		weir_ring_fan_destroy(fan);
		/* Where no branch was ever used. */
		make(kinds[k], 8, 0);
		cr_assert_eq(pop(0, &item), WEIR_E_AGAIN);
		weir_ring_fan_close(fan);
		cr_assert_eq(weir_ring_fan_pop_wait(consumers[0], &item, sizeof item, WEIR_FOREVER),
			     WEIR_E_CLOSED);
		weir_ring_fan_destroy(fan);
	}
}

/* What each consumer (shared and single: [0] of all) has had of each branch. */
struct model {
	uint64_t pushed[BRANCHES];
	uint64_t read[CONSUMERS][BRANCHES];
};

static void walk_pop(struct wr_prng *r, struct model *m, bool multicast)
{
	struct item items[32];
	uint32_t c = (uint32_t)wr_prng_below(r, consumer_count);
	uint64_t *read = m->read[multicast ? c : 0];
	uint32_t want = 1 + (uint32_t)wr_prng_below(r, 32);
	int n = want % 2 == 0 ? weir_ring_fan_pop_many(consumers[c], items, want, sizeof items[0])
			      : weir_ring_fan_pop(consumers[c], items, sizeof items[0]);
	n = n == 0 ? 1 : n;
	if (n == WEIR_E_AGAIN)
		for (uint32_t branch = 0; branch < BRANCHES; branch++)
			cr_assert_eq(read[branch], m->pushed[branch]);
	for (int i = 0; i < n; i++) {
		cr_assert_lt(items[i].branch, BRANCHES);
		cr_assert_eq(items[i].number, read[items[i].branch]++);
	}
}

Test(fan, a_walk_agrees_with_a_model, .timeout = 120)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		enum weir_ring_consumers kind = kinds[seed % 3];
		struct model m = {{0}, {{0}}};
		struct wr_prng r;
		wr_prng_init(&r, seed);
		make(kind, 1ull << (seed % 7), BRANCHES);
		for (unsigned step = 0; step < 4000; step++) {
			uint32_t branch = (uint32_t)wr_prng_below(&r, BRANCHES);
			if (wr_prng_below(&r, 3) == 0)
				walk_pop(&r, &m, kind == WEIR_RING_EVERY_CONSUMER);
			else if (push(branch, m.pushed[branch]) == 0)
				m.pushed[branch]++;
		}
		weir_ring_fan_destroy(fan);
	}
}
