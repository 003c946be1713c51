/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops that every contender runs, with its own calls inlined into them: written once, compiled
 * for each payload and batch as constants. Who includes this defines before,
 * as RING_ALWAYS_INLINE,
 *
 *   void peer_push_all(struct ring_side *, const uint64_t *items, uint32_t batch,
 *                      uint32_t payload_bytes);             waits for room
 *   uint32_t peer_pop(struct ring_side *, uint64_t *items, uint32_t batch,
 *                     uint32_t payload_bytes);              waits; 0: the end
 *
 * and gets loop_produce() and loop_consume(). An item's first word is its producer and its number,
 * every other word is that and its place.
 */
#ifndef WEIR_BENCH_RING_LOOP_H
#define WEIR_BENCH_RING_LOOP_H

#include <sched.h>

#include "bench/harness.h"
#include "bench/ring.h"

#define RING_ALIGNED_64 __attribute__((aligned(64)))

#if defined(__x86_64__)
#define RING_PAUSE() __builtin_ia32_pause()
#else
#define RING_PAUSE() ring_pause()
#endif

/* How a contender without waits of its own waits: what its users would write. */
RING_ALWAYS_INLINE void ring_idle(enum weir_wait wait, uint32_t *tries)
{
	if (wait == WEIR_WAIT_SPIN || (wait == WEIR_WAIT_ADAPTIVE && (*tries)++ < 64)) {
		RING_PAUSE();
		return;
	}
	(void)sched_yield();
}

RING_ALWAYS_INLINE void item_fill(uint64_t *item, uint32_t words, uint64_t first)
{
	for (uint32_t w = 0; w < words; w++)
		item[w] = first + w;
}

RING_ALWAYS_INLINE bool item_is_whole(const uint64_t *item, uint32_t words, uint64_t first)
{
	uint64_t wrong = 0;
	for (uint32_t w = 0; w < words; w++)
		wrong |= item[w] ^ (first + w);
	return wrong == 0;
}

RING_ALWAYS_INLINE void produce_items(struct ring_side *s, uint32_t payload_bytes, uint32_t batch)
{
	RING_ALIGNED_64 uint64_t items[RING_BATCH_MAX * RING_PAYLOAD_MAX / 8];
	uint32_t words = payload_bytes / 8;
	uint64_t first = (uint64_t)s->index << RING_PRODUCER_SHIFT;
	uint64_t number = 0;

	/* Once at least: a rate of nothing could not be compared. */
	do {
		for (uint32_t i = 0; i < batch; i++)
			item_fill(items + i * words, words, first + number + i);
		peer_push_all(s, items, batch, payload_bytes);
		number += batch;
	} while (weir_ring_load_relaxed(&s->run->stop) == 0);
	s->count = number;
	s->sum = ring_sum_of(s->index, number);
}

/* `exact`: one producer, and this consumer sees all of it. */
RING_ALWAYS_INLINE void consume_items(struct ring_side *s, uint32_t payload_bytes, uint32_t batch,
				      bool exact)
{
	RING_ALIGNED_64 uint64_t items[RING_BATCH_MAX * RING_PAYLOAD_MAX / 8];
	uint64_t next[RING_SIDE_MAX] = {0};
	uint32_t words = payload_bytes / 8;
	uint64_t expected = 0, count = 0, sum = 0, faults = 0;
	uint32_t n;

	while ((n = peer_pop(s, items, batch, payload_bytes)) > 0) {
		for (uint32_t i = 0; i < n; i++) {
			uint64_t first = exact ? expected++ : items[i * words];
			faults += !item_is_whole(items + i * words, words, first);
			sum += first;
			if (exact)
				continue;
			uint64_t who = (first >> RING_PRODUCER_SHIFT) % RING_SIDE_MAX;
			uint64_t number = first & ((1ull << RING_PRODUCER_SHIFT) - 1);
			faults += number < next[who];
			next[who] = number + 1;
		}
		count += n;
	}
	s->end_ns = bench_now_ns();
	s->count = count;
	s->sum = sum;
	s->faults = faults;
}

#define RING_LOOP_BATCHES(body, payload_bytes)                                                     \
	(s->run->cell.batch == 1    ? body(s, payload_bytes, 1)                                    \
	 : s->run->cell.batch == 32 ? body(s, payload_bytes, 32)                                   \
				    : body(s, payload_bytes, 256))
#define RING_LOOP_CASES(body)                                                                      \
	(s->run->cell.payload_bytes == 8    ? RING_LOOP_BATCHES(body, 8)                           \
	 : s->run->cell.payload_bytes == 64 ? RING_LOOP_BATCHES(body, 64)                          \
					    : RING_LOOP_BATCHES(body, 256))
#define CONSUME_EXACT(s, payload_bytes, batch) consume_items(s, payload_bytes, batch, true)
#define CONSUME_MIXED(s, payload_bytes, batch) consume_items(s, payload_bytes, batch, false)

static void loop_produce(struct ring_side *s)
{
	RING_LOOP_CASES(produce_items);
}

static void loop_consume(struct ring_side *s)
{
	bool sharing = s->run->cell.shape == RING_SPMC || s->run->cell.shape == RING_MPMC;
	if (s->run->cell.producers == 1 && !sharing)
		RING_LOOP_CASES(CONSUME_EXACT);
	else
		RING_LOOP_CASES(CONSUME_MIXED);
}

#endif
