/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/base/spsc.h: rings of two and four elements that go round. Each element is read once,
 * whole and in order, and is not written again before it was read (Q1, Q2).
 */
#include "core/base/spsc.h"
#include "tests/explorer/scenarios.h"

#define ELEMENTS_MAX 4u
#define ROUNDS 4u
#define PAIRS 3u

struct bed {
	struct wr_spsc q;
	uint64_t elements[ELEMENTS_MAX];
};

static struct bed *bed;

static void set_up(uint64_t elements)
{
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	wr_spsc_init(&bed->q, elements);
}

static void set_up_two(void)
{
	set_up(2);
}

static void set_up_four(void)
{
	set_up(4);
}

static void push_one_by_one(void)
{
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		EXPLORER_AWAIT(wr_spsc_room(&bed->q) > 0);
		bed->elements[wr_spsc_push_index(&bed->q, 0)] = i;
		wr_spsc_push(&bed->q, 1);
	}
}

static void pop_one_by_one(void)
{
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		EXPLORER_AWAIT(wr_spsc_ready(&bed->q) > 0);
		EXPLORER_CHECK(bed->elements[wr_spsc_pop_index(&bed->q, 0)] == i);
		wr_spsc_pop(&bed->q, 1);
	}
}

static void push_pairs(void)
{
	for (uint64_t i = 1; i <= 2 * PAIRS; i += 2) {
		EXPLORER_AWAIT(wr_spsc_room_for(&bed->q, 2) >= 2);
		bed->elements[wr_spsc_push_index(&bed->q, 0)] = i;
		bed->elements[wr_spsc_push_index(&bed->q, 1)] = i + 1;
		wr_spsc_push(&bed->q, 2);
	}
}

static void pop_what_is_there(void)
{
	for (uint64_t i = 1; i <= 2 * PAIRS;) {
		uint64_t ready;
		EXPLORER_AWAIT((ready = wr_spsc_ready_for(&bed->q, 2)) > 0);
		for (uint64_t k = 0; k < ready; k++)
			EXPLORER_CHECK(bed->elements[wr_spsc_pop_index(&bed->q, k)] == i + k);
		i += ready;
		wr_spsc_pop(&bed->q, ready);
	}
}

const struct explorer_scenario spsc_goes_round = {
	.name = "spsc: two elements go round twice",
	.setup = set_up_two,
	.threads = {push_one_by_one, pop_one_by_one},
};

const struct explorer_scenario spsc_in_batches = {
	.name = "spsc: pushed in pairs, popped as they come",
	.setup = set_up_four,
	.threads = {push_pairs, pop_what_is_there},
};
