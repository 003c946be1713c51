/* SPDX-License-Identifier: Apache-2.0 */
/*
 * include/weir/ring_engine.h: small items beside `tail` (RG10). A consumer to whom few items come
 * at a time takes them from there, and never one that belongs to another position: not while the
 * place is written over, and not where items in between were published without it.
 */
#include "tests/explorer/ring_bed.h"

/* Consumers that have found that letting items come together is for nothing. */
static void set_up(enum wr_park_mode mode, enum weir_ring_consumers consumers, uint64_t capacity)
{
	ring_bed_set_up(mode, WEIR_RING_ONE_PRODUCER, consumers, capacity);
	for (unsigned i = 0; i < 2; i++)
		if (ring_bed->consumers[i] != NULL)
			ring_bed->consumers[i]->patience = 64;
	weir_ring_store_relaxed(&ring_bed->ring->echo_asked, 1u);
}

static void set_up_two(void)
{
	set_up(WR_PARK_MEMBARRIER, WEIR_RING_ONE_CONSUMER, 2);
}

static void set_up_four(void)
{
	set_up(WR_PARK_MEMBARRIER, WEIR_RING_ONE_CONSUMER, 4);
}

static void set_up_four_seq(void)
{
	set_up(WR_PARK_SEQ_CST, WEIR_RING_ONE_CONSUMER, 4);
}

static void set_up_every(void)
{
	set_up(WR_PARK_MEMBARRIER, WEIR_RING_EVERY_CONSUMER, 4);
}

static void push(uint64_t value)
{
	EXPLORER_CHECK(ring_bed_push(0, value) == 0);
}

static void commit(uint64_t value)
{
	void *items = NULL;
	int n;
	EXPLORER_AWAIT((n = weir_ring_claim(ring_bed->producers[0], 1, 8, &items)) != WEIR_E_AGAIN);
	*(uint64_t *)items = value;
	EXPLORER_CHECK(n == 1 && weir_ring_commit(ring_bed->producers[0], 1) == 0);
}

static void stage(uint64_t value)
{
	EXPLORER_CHECK(weir_ring_stage(ring_bed->producers[0], &value, sizeof value) == 0);
}

static void push_four(void)
{
	for (uint64_t i = 1; i <= 4; i++)
		push(i);
}

static void push_three(void)
{
	for (uint64_t i = 1; i <= 3; i++)
		push(i);
}

/* The third would stand where the first did, and does not stand there. */
static void push_and_commit(void)
{
	push(1);
	commit(2);
	commit(3);
	push(4);
}

/* `tail` is behind the third by two when it is pushed. */
static void push_and_stage(void)
{
	push(1);
	stage(2);
	push(3);
	push(4);
}

static void pop(unsigned consumer, uint64_t count)
{
	uint64_t value;
	for (uint64_t i = 1; i <= count; i++)
		EXPLORER_CHECK(ring_bed_pop(consumer, &value) == 0 && value == i);
}

static void pop_four(void)
{
	pop(0, 4);
}

static void pop_three(void)
{
	pop(0, 3);
}

static void pop_one_other(void)
{
	pop(1, 1);
}

static void push_until_closed(void)
{
	if (ring_bed_push(0, 1) == 0)
		ring_bed->accepted++;
}

static void pop_until_closed(void)
{
	uint64_t value;
	while (ring_bed_pop(0, &value) == 0)
		EXPLORER_CHECK(value == ++ring_bed->popped);
}

static void close_ring(void)
{
	weir_ring_close(ring_bed->ring);
}

static void accepted_was_popped(void)
{
	EXPLORER_CHECK(ring_bed->accepted == ring_bed->popped);
}

#define ECHO_SCENARIO(id, text, set_up_fn, finish_fn, ...)                                         \
	const struct explorer_scenario id = {.name = "ring: beside the tail, " text,               \
					     .setup = set_up_fn,                                   \
					     .threads = {__VA_ARGS__},                             \
					     .finish = finish_fn}

ECHO_SCENARIO(ring_echo, "one by one", set_up_two, NULL, push_four, pop_four);
ECHO_SCENARIO(ring_echo_wide, "with room", set_up_four, NULL, push_four, pop_four);
ECHO_SCENARIO(ring_echo_commit, "some in place", set_up_four, NULL, push_and_commit, pop_four);
ECHO_SCENARIO(ring_echo_stage, "some staged", set_up_four, NULL, push_and_stage, pop_four);
ECHO_SCENARIO(ring_echo_every, "one, every", set_up_every, NULL, push_three, pop_three,
	      pop_one_other);
ECHO_SCENARIO(ring_echo_close, "closed by a third", set_up_four, accepted_was_popped,
	      push_until_closed, pop_until_closed, close_ring);
ECHO_SCENARIO(ring_echo_close_seq, "closed by a third, seq_cst", set_up_four_seq,
	      accepted_was_popped, push_until_closed, pop_until_closed, close_ring);
