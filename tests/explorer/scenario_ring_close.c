/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The close of rings of one producer and several consumers, by another thread during a push (RG9):
 * what was accepted is consumed, and what was refused no consumer has seen, wherever the others
 * stand when they find the end.
 */
#include "tests/explorer/ring_bed.h"

static void push_one(void)
{
	if (ring_bed_push(0, 1) == 0)
		ring_bed->accepted++;
}

/* Visible together, so accepted or refused together. */
static void push_two(void)
{
	const uint64_t items[2] = {1, 2};
	int n = weir_ring_push_many(ring_bed->producers[0], items, 2, sizeof items[0]);
	EXPLORER_CHECK(n == 2 || n == WEIR_E_CLOSED);
	if (n == 2)
		ring_bed->accepted += 2;
}

/* One try, while others push and close. */
static void pop_once(unsigned consumer)
{
	uint64_t value = 0;
	int code = weir_ring_pop(ring_bed->consumers[consumer], &value, sizeof value);
	EXPLORER_CHECK(code == 0 || code == WEIR_E_AGAIN || code == WEIR_E_CLOSED);
	if (code == 0)
		ring_bed->sums[consumer] += value;
}

static void pop_first(void)
{
	pop_once(0);
}

static void pop_second(void)
{
	pop_once(1);
}

static void close_ring(void)
{
	weir_ring_close(ring_bed->ring);
}

static void close_and_pop(void)
{
	close_ring();
	pop_first();
}

/* Who closes stands still between its two steps, as long as the others run. */
static void refuse_and_pop(void)
{
	wr_ring_refuse(wr_ring_of(ring_bed->ring));
	pop_first();
}

static uint64_t accepted_sum(void)
{
	return ring_bed->accepted == 2 ? 3 : ring_bed->accepted;
}

/* What is left is there, and then the end. */
static void pop_rest(unsigned consumer)
{
	uint64_t value = 0;
	int code;
	while ((code = weir_ring_pop(ring_bed->consumers[consumer], &value, sizeof value)) == 0)
		ring_bed->sums[consumer] += value;
	EXPLORER_CHECK(code == WEIR_E_CLOSED);
}

static void one_has_each(void)
{
	wr_ring_end(wr_ring_of(ring_bed->ring));
	pop_rest(0);
	pop_rest(1);
	EXPLORER_CHECK(ring_bed->sums[0] + ring_bed->sums[1] == accepted_sum());
}

static void both_have_all(void)
{
	wr_ring_end(wr_ring_of(ring_bed->ring));
	pop_rest(0);
	pop_rest(1);
	EXPLORER_CHECK(ring_bed->sums[0] == accepted_sum());
	EXPLORER_CHECK(ring_bed->sums[1] == accepted_sum());
}

static void set_up_shared(enum wr_park_mode mode)
{
	ring_bed_set_up(mode, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 2);
}

static void set_up_every(enum wr_park_mode mode)
{
	ring_bed_set_up(mode, WEIR_RING_ONE_PRODUCER, WEIR_RING_EVERY_CONSUMER, 2);
}

/* Both take small items beside `tail`. */
static void set_up_echo(enum wr_park_mode mode)
{
	set_up_every(mode);
	ring_bed->consumers[0]->patience = ring_bed->consumers[1]->patience = 64;
	weir_ring_store_relaxed(&ring_bed->ring->echo_asked, 1u);
}

#define CLOSE_BOTH(id, text, set_up_fn, finish_fn, ...)                                            \
	static void set_up_##id##_seq(void)                                                        \
	{                                                                                          \
		set_up_fn(WR_PARK_SEQ_CST);                                                        \
	}                                                                                          \
	static void set_up_##id##_asymmetric(void)                                                 \
	{                                                                                          \
		set_up_fn(WR_PARK_MEMBARRIER);                                                     \
	}                                                                                          \
	const struct explorer_scenario id##_seq = {.name = "ring, seq_cst: " text,                 \
						   .setup = set_up_##id##_seq,                     \
						   .threads = {__VA_ARGS__},                       \
						   .finish = finish_fn};                           \
	const struct explorer_scenario id##_asymmetric = {.name = "ring, membarrier: " text,       \
							  .setup = set_up_##id##_asymmetric,       \
							  .threads = {__VA_ARGS__},                \
							  .finish = finish_fn}

CLOSE_BOTH(ring_close_shared, "one, sharing, one closes and pops", set_up_shared, one_has_each,
	   push_two, pop_second, close_and_pop);
CLOSE_BOTH(ring_close_shared_still, "one, sharing, who closes stands still", set_up_shared,
	   one_has_each, push_one, pop_second, refuse_and_pop);
CLOSE_BOTH(ring_close_shared_third, "one, sharing, closed by a third", set_up_shared, one_has_each,
	   push_two, pop_first, pop_second, close_ring);
CLOSE_BOTH(ring_close_every, "one, every, one closes and pops", set_up_every, both_have_all,
	   push_one, pop_second, close_and_pop);
CLOSE_BOTH(ring_close_every_still, "one, every, who closes stands still", set_up_every,
	   both_have_all, push_one, pop_second, refuse_and_pop);
CLOSE_BOTH(ring_close_every_third, "one, every, closed by a third", set_up_every, both_have_all,
	   push_one, pop_first, pop_second, close_ring);
CLOSE_BOTH(ring_close_every_echo, "one, every, beside the tail, one closes and pops", set_up_echo,
	   both_have_all, push_one, pop_second, close_and_pop);
