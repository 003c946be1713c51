/* SPDX-License-Identifier: Apache-2.0 */
/*
 * include/weir/ring_engine.h: many producers announce a run of items by one stamp (RG2), and
 * consumers that share leave to each other what they know of it (RG6). And the word by which
 * consumers that share say that they gave room back: a hint, in rings of 128 slots and more.
 */
#include "tests/explorer/ring_bed.h"

#define TOLD 128u /* the smallest ring whose consumers tell */
#define LONG 96u  /* the shortest long run */

#define SET_UP(id, producers, consumers, capacity)                                                 \
	static void set_up_##id(void)                                                              \
	{                                                                                          \
		ring_bed_set_up(WR_PARK_MEMBARRIER, producers, consumers, capacity);               \
	}
SET_UP(one, WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 2)
SET_UP(shared, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 2)

/* Full. */
static void set_up_told(void)
{
	static const uint64_t items[TOLD];
	ring_bed_set_up(WR_PARK_MEMBARRIER, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS,
			TOLD);
	EXPLORER_CHECK(weir_ring_push_many(ring_bed->producers[0], items, TOLD, sizeof items[0]) ==
		       (int)TOLD);
}

/* A long run went round: the next lap's announcement is written over its own. */
static void set_up_lap(enum weir_ring_consumers consumers)
{
	uint64_t items[TOLD] = {0};
	ring_bed_set_up(WR_PARK_MEMBARRIER, WEIR_RING_MANY_PRODUCERS, consumers, TOLD);
	EXPLORER_CHECK(weir_ring_push_many(ring_bed->producers[0], items, TOLD, sizeof items[0]) ==
		       (int)TOLD);
	EXPLORER_CHECK(weir_ring_pop_many(ring_bed->consumers[0], items, TOLD, sizeof items[0]) ==
		       (int)TOLD);
}

static void set_up_long(void)
{
	set_up_lap(WEIR_RING_ONE_CONSUMER);
}

static void set_up_long_shared(void)
{
	set_up_lap(WEIR_RING_SHARING_CONSUMERS);
}

static void push_longest(void)
{
	uint64_t items[TOLD];
	for (uint64_t i = 0; i < TOLD; i++)
		items[i] = i + 1;
	EXPLORER_CHECK(weir_ring_push_many(ring_bed->producers[0], items, TOLD, sizeof items[0]) ==
		       (int)TOLD);
}

static void push_long_and_one(void)
{
	uint64_t items[LONG];
	for (uint64_t i = 0; i < LONG; i++)
		items[i] = i + 1;
	EXPLORER_CHECK(weir_ring_push_many(ring_bed->producers[0], items, LONG, sizeof items[0]) ==
		       (int)LONG);
	EXPLORER_CHECK(ring_bed_push(0, LONG + 1) == 0);
}

/* Who finds one item of the run finds all of it. */
static void pop_long_and_one(void)
{
	uint64_t items[LONG];
	EXPLORER_CHECK(ring_bed_pop(0, &items[0]) == 0 && items[0] == 1);
	EXPLORER_CHECK(weir_ring_pop_many(ring_bed->consumers[0], items, LONG - 1,
					  sizeof items[0]) == (int)LONG - 1);
	for (uint64_t i = 0; i < LONG - 1; i++)
		EXPLORER_CHECK(items[i] == i + 2);
	EXPLORER_CHECK(ring_bed_pop(0, &items[0]) == 0 && items[0] == LONG + 1);
}

static void push_run(void)
{
	const uint64_t items[2] = {1, 2};
	EXPLORER_CHECK(weir_ring_push_many(ring_bed->producers[0], items, 2, sizeof items[0]) == 2);
}

/* The second slot's stamp is written first in the second lap. */
static void push_run_and_two(void)
{
	push_run();
	EXPLORER_CHECK(ring_bed_push(0, 3) == 0);
	EXPLORER_CHECK(ring_bed_push(0, 4) == 0);
}

static void push_run_and_one(void)
{
	push_run();
	EXPLORER_CHECK(ring_bed_push(0, 3) == 0);
}

/* Two slots, of which `used` are used, and then what is missing to two items. */
static void commit_part(uint32_t used)
{
	void *items = NULL;
	EXPLORER_CHECK(weir_ring_claim(ring_bed->producers[0], 2, 8, &items) == 2);
	memcpy(items, &(const uint64_t[2]){1, UINT64_MAX}, 16);
	EXPLORER_CHECK(weir_ring_commit(ring_bed->producers[0], used) == 0);
	for (uint64_t i = used + 1; i <= 2; i++)
		EXPLORER_CHECK(ring_bed_push(0, i) == 0);
}

static void commit_first(void)
{
	commit_part(1);
}

static void commit_none(void)
{
	commit_part(0);
}

static void push_one(void)
{
	EXPLORER_CHECK(ring_bed_push(0, 1) == 0);
}

static void pop_four(void)
{
	uint64_t value;
	for (uint64_t i = 1; i <= 4; i++)
		EXPLORER_CHECK(ring_bed_pop(0, &value) == 0 && value == i);
}

static void pop_any(unsigned consumer, unsigned count)
{
	uint64_t value;
	for (unsigned i = 0; i < count; i++) {
		EXPLORER_CHECK(ring_bed_pop(consumer, &value) == 0);
		ring_bed->sums[consumer] += value;
	}
}

static void pop_one(void)
{
	pop_any(0, 1);
}

static void pop_one_other(void)
{
	pop_any(1, 1);
}

static void pop_two(void)
{
	pop_any(0, 2);
}

static void pop_two_other(void)
{
	pop_any(1, 2);
}

static void pop_pair(void)
{
	uint64_t items[2];
	EXPLORER_CHECK(weir_ring_pop_many(ring_bed->consumers[0], items, 2, sizeof items[0]) == 2);
}

/* What was given back is far less than what was taken. */
static void hold_one(void)
{
	const void *items = NULL;
	EXPLORER_CHECK(weir_ring_take(ring_bed->consumers[1], 1, 8, &items) == 1);
	weir_ring_release(ring_bed->consumers[1]);
}

static void pop_two_pairs(void)
{
	pop_pair();
	pop_pair();
}

static void sum_is_three(void)
{
	EXPLORER_CHECK(ring_bed->sums[0] + ring_bed->sums[1] == 3);
}

static void sum_is_six(void)
{
	EXPLORER_CHECK(ring_bed->sums[0] + ring_bed->sums[1] == 6);
}

#define RUN_SCENARIO(id, text, set_up_fn, finish_fn, ...)                                          \
	const struct explorer_scenario id = {.name = "ring: " text,                                \
					     .setup = set_up_fn,                                   \
					     .threads = {__VA_ARGS__},                             \
					     .finish = finish_fn}

RUN_SCENARIO(ring_run, "many, one, a run and two laps", set_up_one, NULL, push_run_and_two,
	     pop_four);
RUN_SCENARIO(ring_run_long, "many, one, a long run over one of an earlier lap", set_up_long, NULL,
	     push_long_and_one, pop_long_and_one);
RUN_SCENARIO(ring_run_long_shared, "many, sharing, each takes a part of a long run",
	     set_up_long_shared, sum_is_three, push_longest, pop_one, pop_one_other);
RUN_SCENARIO(ring_run_shared, "many, sharing, each takes a part of a run", set_up_shared,
	     sum_is_three, push_run, pop_one, pop_one_other);
RUN_SCENARIO(ring_run_laps, "many, sharing, a run and the next lap", set_up_shared, sum_is_six,
	     push_run_and_one, pop_one, pop_two_other);
RUN_SCENARIO(ring_run_part, "many, sharing, half of a run is given up", set_up_shared, sum_is_three,
	     commit_first, pop_one, pop_one_other);
RUN_SCENARIO(ring_run_none, "many, sharing, a run is given up", set_up_shared, sum_is_three,
	     commit_none, pop_two);
RUN_SCENARIO(ring_told, "one, sharing, room is told of", set_up_told, NULL, push_one, pop_pair);
RUN_SCENARIO(ring_told_late, "one, sharing, room hangs on one who is late", set_up_told, NULL,
	     push_one, pop_two_pairs, hold_one);
