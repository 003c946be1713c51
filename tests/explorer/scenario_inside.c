/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/journal/inside.h: what was taken out is written over by plain stores when its round is over,
 * so a reader that still has it is a data race (T3).
 */
#include "core/journal/inside.h"

#include "core/base/bits.h"
#include "tests/explorer/scenarios.h"

#define THINGS 3u

struct bed {
	struct wr_inside inside;
	wr_atomic_u32 now; /* which of the things is in the table */
	uint64_t things[THINGS];
};

static struct bed *bed;

static uint64_t word_of(uint32_t thing)
{
	return thing * 5u + 2u;
}

static void set_up(void)
{
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	bed->things[0] = word_of(0);
}

/* The next one instead of this one, which is written over if nobody has it. */
static void take_out(uint32_t thing, unsigned looks)
{
	bed->things[thing + 1] = word_of(thing + 1);
	wr_store_release(&bed->now, thing + 1);
	wr_inside_round_begin(&bed->inside);
	for (unsigned i = 0; i < looks; i++) {
		if (wr_inside_round_ends(&bed->inside)) {
			bed->things[thing] = 0;
			return;
		}
	}
}

static void take_out_one(void)
{
	take_out(0, 2);
}

static void take_out_two(void)
{
	take_out(0, 2);
	take_out(1, 2);
}

static void take_out_two_at_once(void)
{
	take_out(0, 1);
	take_out(1, 1);
}

static void read_now(void)
{
	uint32_t side = wr_inside_enter(&bed->inside);
	uint32_t thing = wr_load_acquire(&bed->now);

	EXPLORER_CHECK(bed->things[thing] == word_of(thing));
	wr_inside_leave(&bed->inside, side);
}

static void read_twice(void)
{
	read_now();
	read_now();
}

const struct explorer_scenario inside_one = {
	.name = "inside: what somebody has is left alone",
	.setup = set_up,
	.threads = {take_out_one, read_now, read_now},
};

const struct explorer_scenario inside_late = {
	.name = "inside: one who is late by a round",
	.setup = set_up,
	.threads = {take_out_two, read_now},
};

const struct explorer_scenario inside_turns = {
	.name = "inside: one after the other, over two rounds",
	.setup = set_up,
	.threads = {take_out_two_at_once, read_twice, read_now},
};
