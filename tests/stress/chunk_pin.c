/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what a reader has pinned stays as it was until it lets go, however fast the writer uses
 *         chunks again, and the writer never waits for a reader (L21).
 * Method: one thread opens chunk after chunk from a small pool. It poisons each before it writes
 *         to it, so that whoever still reads a recycled one sees poison or a foreign number. Two
 *         readers pin, compare every word, wait a little and compare again; a third sleeps on its
 *         pin until the pool has gone round several times. Under ThreadSanitizer the plain reads
 *         and writes are checked as well: a pin that does not order them is a race.
 *         The last test is about the watching itself: a reader that pins nothing must see poison.
 *
 * usage: chunk_pin [seconds]
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/pause.h"
#include "core/base/sanitizer.h"
#include "core/log/chunk.h"
#include "io/sim/memory_sim.h"

#define CHUNK_BYTES WR_BLOCK_BYTES
#define WORDS (CHUNK_BYTES / 8)
#define CHUNKS 7u
#define READERS 2u
#define SLEEPER READERS /* index of its pin */
#define SEARCHER (READERS + 1u)
#define PINS (READERS + 2u)
#define RECORDS 16u /* of a chunk, for sequences */
/*
 * There are fewer pins than chunks, but pins that move may be met on each chunk in turn while the
 * writer looks. It is not so again and again; a reader that sleeps would be met thousands of times.
 */
#define REFUSALS_MAX 8u
#define POISON 0xdeaddeaddeaddeadull
#define SECONDS_MAX 40u

static struct wr_chunks chunks;
static wr_atomic_u64 visible; /* chunks that are complete: stands for the gate (G1) */
static wr_atomic_u32 stop;
static wr_atomic_u64 pinned, overtaken, naps, searches, faults;
static uint64_t refusals_in_a_row, refusals_most; /* the writer's own */

static void fault(const char *what, uint64_t ordinal, uint64_t found)
{
	if (wr_add_relaxed(&faults, 1u) < 10)
		(void)printf("# chunk %llu: %s (%llx)\n", (unsigned long long)ordinal, what,
			     (unsigned long long)found);
}

/* What stands in word `i` of a chunk: its ordinal, mixed, so that no two chunks are alike. */
static uint64_t word_of(uint64_t ordinal, uint32_t i)
{
	return (ordinal + 1) * 0x9e3779b97f4a7c15ull ^ i;
}

static void fill(struct wr_chunk *chunk)
{
	uint64_t *words = (uint64_t *)(void *)chunk->writable;
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = POISON;
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = word_of(chunk->ordinal, i);
	for (uint32_t i = 0; i < RECORDS; i++)
		chunk->column[i] = (uint32_t)chunk->ordinal + i;
}

static void *write_for_ever(void *unused)
{
	uint64_t next_seq = 1;
	(void)unused;
	while (wr_load_relaxed(&stop) == 0) {
		/* By turns of 64 chunks: used again early, and late. */
		const struct wr_chunk_limits limits = {.reusable_seq = next_seq,
						       .commits_done = UINT64_MAX,
						       .live_max = next_seq / RECORDS / 64 % 2};
		struct wr_chunk *chunk = wr_chunks_open(&chunks, &limits, next_seq, 0);
		if (chunk == NULL) {
			refusals_most = wr_max_u64(refusals_most, ++refusals_in_a_row);
			wr_pause();
			continue;
		}
		refusals_in_a_row = 0;
		fill(chunk);
		next_seq += RECORDS;
		wr_store_release(&chunk->end_seq, next_seq);    /* C2 */
		wr_store_release(&visible, chunk->ordinal + 1); /* pairs with newest() */
	}
	return NULL;
}

static uint64_t newest(void)
{
	return wr_load_acquire(&visible); /* pairs with write_for_ever() */
}

static bool is_whole(const struct wr_chunk *chunk, uint64_t ordinal)
{
	const uint64_t *words = (const uint64_t *)(const void *)chunk->readable;
	if (chunk->ordinal != ordinal || chunk->first_seq != 1 + ordinal * RECORDS) {
		fault("pinned, but it is another one", ordinal, chunk->ordinal);
		return false;
	}
	for (uint32_t i = 0; i < WORDS; i++) {
		if (words[i] != word_of(ordinal, i)) {
			fault("pinned, but written over", ordinal, words[i]);
			return false;
		}
	}
	for (uint32_t i = 0; i < RECORDS; i++) {
		if (chunk->column[i] != (uint32_t)ordinal + i) {
			fault("its column was written over", ordinal, chunk->column[i]);
			return false;
		}
	}
	return true;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* Pins old and new chunks; the oldest of them are mostly gone. */
static void *read_for_ever(void *argument)
{
	struct wr_pin *pin = argument;
	uint64_t seed = (uint64_t)(pin - chunks.pins) + 7;
	while (wr_load_relaxed(&stop) == 0) {
		uint64_t end = newest(), back = 1 + next_random(&seed) % (CHUNKS + 2);
		if (end < back)
			continue;
		struct wr_chunk *chunk = wr_chunks_pin(&chunks, pin, end - back);
		if (chunk == NULL) {
			(void)wr_add_relaxed(&overtaken, 1u);
			continue;
		}
		(void)wr_add_relaxed(&pinned, 1u);
		bool good = is_whole(chunk, end - back);
		if (next_random(&seed) % 8 == 0)
			(void)sched_yield();
		if (good)
			(void)is_whole(chunk, end - back);
		wr_chunks_unpin(pin);
	}
	return NULL;
}

/* Holds one until the writer has gone through the whole pool several times. */
static void *sleep_on_pins(void *unused)
{
	struct wr_pin *pin = &chunks.pins[SLEEPER];
	(void)unused;
	while (wr_load_relaxed(&stop) == 0) {
		uint64_t end = newest();
		struct wr_chunk *chunk = end > 0 ? wr_chunks_pin(&chunks, pin, end - 1) : NULL;
		if (chunk == NULL)
			continue;
		while (newest() < end + 4ull * CHUNKS && wr_load_relaxed(&stop) == 0)
			(void)sched_yield();
		(void)is_whole(chunk, end - 1);
		wr_chunks_unpin(pin);
		(void)wr_add_relaxed(&naps, 1u);
	}
	return NULL;
}

/* A search may be overtaken, but what it finds was live, and right when it is still there. */
static void *search_for_ever(void *unused)
{
	struct wr_pin *pin = &chunks.pins[SEARCHER];
	uint64_t seed = 99;
	(void)unused;
	while (wr_load_relaxed(&stop) == 0) {
		uint64_t end = newest(), ordinal;
		if (end < CHUNKS)
			continue;
		uint64_t seq = 1 + (end - 1 - next_random(&seed) % 4) * RECORDS +
			       next_random(&seed) % RECORDS;
		if (!wr_chunks_find(&chunks, pin, seq, &ordinal))
			continue;
		struct wr_chunk *chunk = wr_chunks_pin(&chunks, pin, ordinal);
		if (chunk == NULL)
			continue;
		uint64_t found_end = wr_load_acquire(&chunk->end_seq); /* C2 */
		if (chunk->first_seq > seq || (found_end != 0 && found_end <= seq))
			fault("found for a sequence that it does not hold", ordinal, seq);
		wr_chunks_unpin(pin);
		(void)wr_add_relaxed(&searches, 1u);
	}
	return NULL;
}

/* The same comparison without a pin: sees that chunks are really recycled under it. */
static bool sees_poison_without_a_pin(void)
{
	for (uint64_t tries = 0; tries < 100000000u; tries++) {
		uint64_t end = newest();
		if (end < CHUNKS)
			continue;
		struct wr_chunk *chunk = wr_chunks_by_ordinal(&chunks, end - CHUNKS / 2);
		if (chunk == NULL)
			continue;
		const uint64_t *words = (const uint64_t *)(const void *)chunk->readable;
		for (uint32_t i = 0; i < WORDS; i++)
			if (words[i] != word_of(end - CHUNKS / 2, i))
				return true;
		(void)sched_yield();
	}
	return false;
}

static bool saw_enough(void)
{
	return wr_load_relaxed(&pinned) > 500 && wr_load_relaxed(&overtaken) > 20 &&
	       wr_load_relaxed(&naps) > 20 && wr_load_relaxed(&searches) > 100;
}

static unsigned tests_run, tests_failed;

static void tap(bool ok, const char *what)
{
	tests_run++;
	tests_failed += ok ? 0 : 1;
	(void)printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, what);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2;
	struct wr_memory_sim memory;
	pthread_t writer, readers[READERS], sleeper, searcher;

	wr_memory_sim_init(&memory, NULL);
	(void)printf("1..4\n");
	if (wr_chunks_init(&chunks, &memory.base, CHUNK_BYTES, CHUNKS, PINS) != 0 ||
	    pthread_create(&writer, NULL, write_for_ever, NULL) != 0 ||
	    pthread_create(&sleeper, NULL, sleep_on_pins, NULL) != 0 ||
	    pthread_create(&searcher, NULL, search_for_ever, NULL) != 0) {
		(void)printf("Bail out! cannot start\n");
		return 1;
	}
	for (unsigned i = 0; i < READERS; i++) {
		if (pthread_create(&readers[i], NULL, read_for_ever, &chunks.pins[i]) != 0) {
			(void)printf("Bail out! cannot start\n");
			return 1;
		}
	}
	const struct timespec one_second = {.tv_sec = 1};
	unsigned passed = 0;
	do
		(void)nanosleep(&one_second, NULL);
	while (++passed < seconds || (!saw_enough() && passed < SECONDS_MAX));
	bool sees = WR_UNDER_TSAN != 0 || sees_poison_without_a_pin();
	wr_store_relaxed(&stop, 1u);
	(void)pthread_join(writer, NULL);
	(void)pthread_join(sleeper, NULL);
	(void)pthread_join(searcher, NULL);
	for (unsigned i = 0; i < READERS; i++)
		(void)pthread_join(readers[i], NULL);
	(void)printf("# %llu chunks, %llu pinned, %llu overtaken, %llu held for long, %llu found\n",
		     (unsigned long long)newest(), (unsigned long long)wr_load_relaxed(&pinned),
		     (unsigned long long)wr_load_relaxed(&overtaken),
		     (unsigned long long)wr_load_relaxed(&naps),
		     (unsigned long long)wr_load_relaxed(&searches));
	/*
	 * qemu-user 7.2 on x86 lets an LDAR pass the STLR before it, which neither C11 nor ARMv8
	 * does: two threads that each store and then load saw both zeros 14,131 times in 3 million.
	 */
	bool emulated = getenv("WEIR_TEST_EMULATED") != NULL;
	tap(wr_load_relaxed(&faults) == 0 || emulated,
	    emulated ? "what is pinned stays as it was # SKIP an emulator: it reorders seq_cst"
		     : "what is pinned stays as it was");
	tap(refusals_most <= REFUSALS_MAX, "the writer never waits for a reader");
	tap(saw_enough(), "readers were pinned, overtaken and held chunks for long");
	if (WR_UNDER_TSAN)
		(void)printf(
			"ok 4 - without a pin the same comparison sees poison # SKIP a race\n");
	else
		tap(sees, "without a pin the same comparison sees poison");
	wr_chunks_fini(&chunks, &memory.base);
	return tests_failed == 0 && memory.live_count == 0 ? 0 : 1;
}
