/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what many producers announce by a stamp: batches of every length that is a case of its
 *         own come out whole and in order, wherever in the ring they begin, however much is popped
 *         at once; slots that were claimed and not used leave nothing; stamps of earlier laps
 *         inside of runs are not taken for new ones; what was there at the close is drained.
 * Method: one thread plays all sides. Items are their own number, so that what comes is compared
 *         with a count.
 */
#include <criterion/criterion.h>

#include <weir/ring.h>

#include "core/base/bits.h"
#include "io/sim/prng.h"

#define CAPACITY 4096u
#define ITEM_BYTES sizeof(uint64_t)

static struct weir_ring *ring;
static struct weir_ring_producer *producer;
static struct weir_ring_consumer *consumer[2];
static uint32_t consumer_count;
static uint64_t pushed, popped;

/* Consumers that share take turns; of those that see everything one is enough. */
static void make(enum weir_ring_consumers consumers)
{
	struct weir_ring_options o;
	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.consumers = consumers;
	o.capacity = CAPACITY;
	consumer_count = consumers == WEIR_RING_SHARING_CONSUMERS ? 2 : 1;
	o.consumers_max = consumer_count;
	cr_assert_eq(weir_ring_create(&o, &ring, NULL), 0);
	cr_assert_eq(weir_ring_producer_open(ring, &producer), 0);
	for (uint32_t i = 0; i < consumer_count; i++)
		cr_assert_eq(weir_ring_consumer_open(ring, &consumer[i]), 0);
	pushed = popped = 0;
}

static void number(uint64_t *items, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		items[i] = pushed + i;
}

/* In as few calls as the ring's end allows. */
static void push_run(uint32_t count)
{
	static uint64_t items[CAPACITY];
	while (count > 0) {
		number(items, count);
		int n = weir_ring_push_many(producer, items, count, ITEM_BYTES);
		cr_assert_gt(n, 0);
		pushed += (uint32_t)n;
		count -= (uint32_t)n;
	}
}

/* Claims `count`, uses some, gives the others up. How many were claimed. */
static uint32_t commit_part(uint32_t count, uint32_t used)
{
	void *slots = NULL;
	int n = weir_ring_claim(producer, count, ITEM_BYTES, &slots);
	cr_assert_gt(n, 0);
	used = (uint32_t)wr_min_u64(used, (uint32_t)n);
	number(slots, used);
	cr_assert_eq(weir_ring_commit(producer, used), 0);
	pushed += used;
	return (uint32_t)n;
}

static void seen(void *context, const void *items, uint32_t count)
{
	const uint64_t *item = items;
	(void)context;
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(item[i], popped + i, "%llu in place of %llu",
			     (unsigned long long)item[i], (unsigned long long)(popped + i));
	popped += count;
}

/* True: nothing was there. */
static bool pop_some(uint32_t turn, uint32_t batch)
{
	static uint64_t items[CAPACITY];
	int n = weir_ring_pop_many(consumer[turn % consumer_count], items, batch, ITEM_BYTES);
	if (n == WEIR_E_AGAIN)
		return true;
	cr_assert_gt(n, 0);
	seen(NULL, items, (uint32_t)n);
	return false;
}

static void pop_all(uint32_t batch)
{
	for (uint32_t turn = 0; !pop_some(turn, batch); turn++)
		;
	cr_assert_eq(popped, pushed, "%llu of %llu came", (unsigned long long)popped,
		     (unsigned long long)pushed);
}

static const enum weir_ring_consumers kinds[] = {
	WEIR_RING_ONE_CONSUMER, WEIR_RING_SHARING_CONSUMERS, WEIR_RING_EVERY_CONSUMER};
#define FOR_EACH_KIND(kind) for (size_t kind = 0; kind < WR_ARRAY_COUNT(kinds); kind++)

Test(ring_runs, one_stamp_announces_up_to_1024_items)
{
	static const struct {
		uint32_t count, first_run;
	} cases[] = {{1, 1},      {2, 2},       {63, 63},     {64, 64},     {65, 64},
		     {95, 64},    {96, 96},     {127, 96},    {128, 128},   {256, 256},
		     {1023, 992}, {1024, 1024}, {1025, 1024}, {1088, 1024}, {2048, 1024}};
	FOR_EACH_KIND(k)
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		make(kinds[k]);
		push_run(cases[i].count);
		cr_assert_eq(weir_ring_run(weir_ring_load_relaxed(producer->stamps), 0),
			     cases[i].first_run, "%u items, kind %zu", cases[i].count, k);
		pop_all(CAPACITY);
		weir_ring_destroy(ring);
	}
}

/* How many stamps announce `count` items from `first` on. */
static uint32_t stamps_of(uint64_t first, uint64_t count, bool anywhere)
{
	uint32_t stamps = 0;
	for (uint64_t n, code; count > 0; first += n, count -= n) {
		n = weir_ring_next_run(first, count, anywhere, &code);
		cr_assert_gt(n, 0);
		cr_assert_leq(n, count);
		cr_assert_leq(code, WEIR_RING_CODE_MAX);
		cr_assert_eq(weir_ring_run(weir_ring_stamp(first, code), first), n);
		cr_assert_eq(weir_ring_run_void(weir_ring_stamp(first, code), first), 0);
		cr_assert_eq(weir_ring_run(weir_ring_stamp(first, code), first + 1), 0);
		if (!anywhere && n > WEIR_RING_RUN_MAX)
			cr_assert_eq((first + n) % WEIR_RING_UNIT, 0);
		stamps++;
	}
	return stamps;
}

Test(ring_runs, no_batch_takes_more_stamps_for_its_long_runs)
{
	for (uint64_t first = 4096; first < 4096 + 2 * WEIR_RING_UNIT; first++)
		for (uint64_t count = 1; count < 2300; count++) {
			uint64_t by_short = (count + 63) / 64;
			cr_assert_leq(stamps_of(first, count, true), by_short);
			cr_assert_leq(stamps_of(first, count, false), by_short, "%llu from %llu on",
				      (unsigned long long)count, (unsigned long long)first);
		}
}

Test(ring_runs, the_word_of_consumers_that_share_says_how_much_is_known)
{
	for (uint64_t position = 1ull << 56; position < (1ull << 56) + 64; position++)
		for (uint64_t known = 0; known <= 1056; known++) {
			uint64_t end = position + known;
			if (known >= WEIR_RING_LONG && end % WEIR_RING_UNIT != 0)
				continue;
			uint64_t word = weir_ring_take_word(position, known);
			if (end - position / 32 * 32 > 1056)
				continue;
			cr_assert_eq(weir_ring_take_position(word), position);
			cr_assert_eq(weir_ring_take_known(word), end);
		}
}

Test(ring_runs, batches_of_any_length_come_out_wherever_they_begin_and_whatever_is_popped_at_once)
{
	static const uint32_t counts[] = {1,   63,  64,  65,   95,   96,   97,   127, 128,
					  160, 255, 256, 1023, 1024, 1025, 1184, 2500};
	static const uint32_t begins[] = {0, 1, CAPACITY - 1, CAPACITY - 96, CAPACITY - 1024};
	static const uint32_t batches[] = {1, 7, 64, 65, 256, CAPACITY};
	FOR_EACH_KIND(k)
	for (size_t b = 0; b < WR_ARRAY_COUNT(begins); b++) {
		make(kinds[k]);
		for (size_t i = 0; i < WR_ARRAY_COUNT(counts); i++)
			for (size_t j = 0; j < WR_ARRAY_COUNT(batches); j++) {
				uint32_t to_begin = begins[b] - (uint32_t)pushed;
				push_run(to_begin % CAPACITY);
				pop_all(256);
				push_run(counts[i]);
				push_run(1);
				pop_all(batches[j]);
			}
		weir_ring_destroy(ring);
	}
}

Test(ring_runs, what_was_claimed_and_not_used_is_stepped_over)
{
	static const struct {
		uint32_t claimed, used;
	} cases[] = {{1, 0},       {32, 0},      {33, 0},    {64, 1},    {96, 0},
		     {97, 96},     {128, 96},    {200, 96},  {200, 100}, {1024, 0},
		     {1024, 1023}, {1120, 1024}, {2000, 96}, {2000, 1},  {2000, 1999}};
	FOR_EACH_KIND(k)
	{
		uint64_t at = 0;
		make(kinds[k]);
		for (unsigned lap = 0; lap < 4; lap++)
			for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
				at += commit_part(cases[i].claimed, cases[i].used);
				push_run(1);
				pop_all(256);
				cr_assert_eq(weir_ring_load_relaxed(&ring->tail), ++at);
			}
		weir_ring_destroy(ring);
	}
}

static void walk(struct wr_prng *r)
{
	uint32_t room = CAPACITY - (uint32_t)(pushed - popped);
	uint64_t count = 1 + wr_prng_below(r, wr_prng_below(r, 2) == 0 ? 1300 : 100);
	switch (wr_prng_below(r, 3)) {
	case 0:
		/* Half of the ring is left to what is given up, and to what is not given back. */
		if (room > CAPACITY / 2 + 1300)
			push_run((uint32_t)count);
		break;
	case 1:
		if (room == CAPACITY)
			(void)commit_part((uint32_t)count, (uint32_t)wr_prng_below(r, count));
		break;
	default:
		(void)pop_some((uint32_t)wr_prng_below(r, 2), (uint32_t)count);
	}
}

Test(ring_runs, stamps_of_earlier_laps_inside_of_runs_are_not_taken_for_new_ones)
{
	struct wr_prng r;
	wr_prng_init(&r, 1024);
	FOR_EACH_KIND(k)
	{
		make(kinds[k]);
		for (unsigned step = 0; step < 20000; step++)
			walk(&r);
		pop_all(256);
		cr_assert_gt(pushed, 100 * CAPACITY);
		weir_ring_destroy(ring);
	}
}

Test(ring_runs, a_long_run_is_there_after_the_close_and_so_is_what_comes_of_an_open_claim)
{
	FOR_EACH_KIND(k)
	{
		void *slots = NULL;
		uint64_t item;
		make(kinds[k]);
		push_run(1025);
		cr_assert_eq(weir_ring_claim(producer, 300, ITEM_BYTES, &slots), 300);
		weir_ring_close(ring);
		cr_assert_eq(weir_ring_drain(consumer[0], 1000, ITEM_BYTES, seen, NULL), 1000);
		cr_assert_eq(weir_ring_drain(consumer[0], 1000, ITEM_BYTES, seen, NULL), 25);
		cr_assert_eq(weir_ring_pop(consumer[0], &item, ITEM_BYTES), WEIR_E_AGAIN);
		number(slots, 128);
		cr_assert_eq(weir_ring_commit(producer, 128), 0);
		pushed += 128;
		cr_assert_eq(weir_ring_drain(consumer[0], 1000, ITEM_BYTES, seen, NULL), 128);
		cr_assert_eq(popped, pushed);
		cr_assert_eq(weir_ring_pop(consumer[0], &item, ITEM_BYTES), WEIR_E_CLOSED);
		weir_ring_destroy(ring);
	}
}
