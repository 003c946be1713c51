/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   chunks are given out in log order; one that is pinned, held, not durable or still being
 *         written is never written to again; the writer never waits for a pin.
 *         Rules: L6 (column), L21 (pins), L22 (who reads pins), L23 (the pool).
 * Method: a pool of a few chunks and pins, opened and closed by hand; a seeded run of opens, pins
 *         and unpins against a model that knows for each slot who may still read it.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "core/base/bytes.h"
#include "core/log/chunk.h"
#include "io/sim/memory_sim.h"
#include "io/sim/prng.h"
#include "tests/support/case.h"

#define CHUNK_BYTES 16384u
#define CHUNKS 8u
#define PINS 4u
#define PER_CHUNK 10u /* records, in these tests */

static struct wr_memory_sim memory;
static struct wr_chunks chunks;
static const struct wr_chunk_limits anything = {.reusable_seq = UINT64_MAX,
						.commits_done = UINT64_MAX};
static const struct wr_chunk_limits nothing = {.reusable_seq = 0, .commits_done = UINT64_MAX};

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_chunks_init(&chunks, &memory.base, CHUNK_BYTES, CHUNKS, PINS), 0);
}

static void tear_down(void)
{
	wr_chunks_fini(&chunks, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(chunk, .init = set_up);

/* Opens the next chunk, ten sequences behind the last; that is closed first. NULL: not now. */
static struct wr_chunk *open_next(const struct wr_chunk_limits *limits, uint32_t keep_free)
{
	uint64_t head = wr_load_relaxed(&chunks.head);
	if (head > 0) {
		struct wr_chunk *last = wr_chunks_by_ordinal(&chunks, head - 1);
		wr_store_release(&last->end_seq, head * PER_CHUNK + 1);
	}
	return wr_chunks_open(&chunks, limits, head * PER_CHUNK + 1, keep_free);
}

static uint64_t chunk_floor(void)
{
	return wr_load_relaxed(&chunks.floor);
}

CASE(chunk, ordinals_are_dense_and_found_by_number)
{
	for (uint64_t i = 0; i < CHUNKS; i++) {
		struct wr_chunk *chunk = open_next(&nothing, 0);
		cr_assert_not_null(chunk);
		cr_expect_eq(chunk->ordinal, i);
		cr_expect_eq(wr_chunks_by_ordinal(&chunks, i), chunk);
	}
	cr_expect_null(wr_chunks_by_ordinal(&chunks, CHUNKS));
}

CASE(chunk, chunks_do_not_overlap_and_have_room_for_the_smallest_records)
{
	cr_expect_eq(chunks.column_count, CHUNK_BYTES / 24);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		struct wr_chunk *chunk = open_next(&nothing, 0);
		memset(chunk->writable, (int)i, CHUNK_BYTES);
		for (uint32_t k = 0; k < chunks.column_count; k++)
			chunk->column[k] = i;
		for (uint32_t k = 0; k < CHUNK_BYTES / WR_BLOCK_BYTES; k++)
			chunk->batches[k] = (struct wr_chunk_batch){i, i};
	}
	for (uint32_t i = 0; i < CHUNKS; i++) {
		struct wr_chunk *chunk = wr_chunks_by_ordinal(&chunks, i);
		for (uint32_t k = 0; k < CHUNK_BYTES; k++)
			cr_assert_eq(chunk->readable[k], i);
		for (uint32_t k = 0; k < chunks.column_count; k++)
			cr_assert_eq(chunk->column[k], i);
		for (uint32_t k = 0; k < CHUNK_BYTES / WR_BLOCK_BYTES; k++)
			cr_assert_eq(chunk->batches[k].place_bytes, i);
	}
}

CASE(chunk, places_and_tags_share_an_entry_at_every_size)
{
	tear_down();
	for (uint32_t bytes = 4096; bytes <= 16u << 20; bytes *= 2) {
		wr_memory_sim_init(&memory, NULL);
		cr_assert_eq(wr_chunks_init(&chunks, &memory.base, bytes, 2, 1), 0);
		uint32_t last = bytes / 8 - 1, mask = wr_chunks_tag_mask(&chunks);
		uint32_t entry = last << chunks.tag_bits | mask;
		cr_expect_eq(wr_column_place(&chunks, entry), bytes - 8);
		cr_expect_eq(entry & mask, mask);
		cr_expect_geq(chunks.tag_bits, 11);
		cr_expect_leq(chunks.tag_bits, 16);
		cr_expect_leq(chunks.block_bytes, wr_chunks_table_bytes(bytes, 2, 1));
		wr_chunks_fini(&chunks, &memory.base);
	}
	set_up();
}

CASE(chunk, what_lies_in_memory_stays_until_room_is_needed)
{
	for (uint32_t i = 0; i < CHUNKS; i++)
		cr_assert_not_null(open_next(&anything, 0));
	cr_expect_eq(chunk_floor(), 0);
	cr_assert_not_null(open_next(&anything, 0));
	cr_expect_eq(chunk_floor(), 4, "several at once, for one look at the pins");
	cr_expect_eq(wr_chunks_free(&chunks), 3);
}

CASE(chunk, what_nobody_reads_is_used_again_while_it_is_warm)
{
	struct wr_chunk_limits limits = anything;
	uint64_t slots = 0;
	limits.live_max = 2;
	for (uint64_t i = 0; i < 10ull * CHUNKS; i++) {
		slots |= UINT64_C(1) << open_next(&limits, 0)->slot;
		cr_expect_leq(i + 1 - chunk_floor(), 3);
	}
	cr_expect_eq(__builtin_popcountll(slots), 3, "though others were free all the time");
	/* A reader that stands in one keeps what it has before it, as far as the pool goes. */
	uint64_t floor = chunk_floor() + 1;
	cr_assert_not_null(wr_chunks_pin(&chunks, &chunks.pins[0], floor));
	for (uint32_t i = 0; i < CHUNKS - 3; i++)
		cr_assert_not_null(open_next(&limits, 0));
	cr_expect_eq(chunk_floor(), floor);
	wr_chunks_unpin(&chunks.pins[0]);
	for (uint32_t i = 0; i < CHUNKS; i++)
		cr_assert_not_null(open_next(&limits, 0));
	cr_expect_leq(wr_load_relaxed(&chunks.head) - chunk_floor(), 3);
}

CASE(chunk, what_nobody_reads_but_is_not_durable_stays)
{
	struct wr_chunk_limits limits = nothing;
	limits.live_max = 2;
	for (uint32_t i = 0; i < CHUNKS; i++)
		cr_assert_not_null(open_next(&limits, 0));
	cr_expect_eq(chunk_floor(), 0);
}

CASE(chunk, only_what_is_closed_durable_and_written_may_go)
{
	for (uint32_t i = 0; i < CHUNKS; i++)
		cr_assert_not_null(open_next(&nothing, 0));
	wr_chunks_by_ordinal(&chunks, 1)->last_commit = 7;
	struct wr_chunk_limits limits = {.reusable_seq = PER_CHUNK, .commits_done = 7};
	cr_expect_null(wr_chunks_open(&chunks, &limits, 81, 0), "one short of its end");
	limits.reusable_seq++;
	cr_expect_not_null(wr_chunks_open(&chunks, &limits, 81, 0));
	cr_expect_eq(chunk_floor(), 1);
	limits = (struct wr_chunk_limits){.reusable_seq = UINT64_MAX, .commits_done = 6};
	cr_expect_null(wr_chunks_open(&chunks, &limits, 91, 0), "a commit is in flight");
	limits.commits_done = 7;
	cr_expect_not_null(wr_chunks_open(&chunks, &limits, 91, 0));
}

CASE(chunk, an_open_chunk_never_goes)
{
	for (uint32_t i = 0; i < CHUNKS - 1; i++)
		cr_assert_not_null(open_next(&nothing, 0));
	/* The last is open: all but it may go. */
	cr_expect_not(wr_chunks_keep_free(&chunks, &anything, CHUNKS));
	cr_expect(wr_chunks_keep_free(&chunks, &anything, CHUNKS - 1));
	cr_expect_not_null(wr_chunks_by_ordinal(&chunks, CHUNKS - 2));
}

CASE(chunk, some_are_kept_for_those_who_ask_with_less)
{
	for (uint32_t i = 0; i < CHUNKS - 2; i++)
		cr_assert_not_null(open_next(&nothing, 2));
	cr_expect_null(open_next(&nothing, 2));
	cr_expect_not_null(open_next(&nothing, 1));
	cr_expect_null(open_next(&nothing, 1));
	cr_expect_not_null(open_next(&nothing, 0));
	cr_expect_null(open_next(&nothing, 0));
}

CASE(chunk, a_pinned_chunk_lingers_and_another_is_taken)
{
	struct wr_pin *pin = &chunks.pins[2];
	struct wr_chunk *held = open_next(&nothing, 0);
	cr_assert_eq(wr_chunks_pin(&chunks, pin, 0), held);
	memset(held->writable, 0x77, CHUNK_BYTES);
	for (uint32_t i = 1; i < 100; i++) {
		struct wr_chunk *chunk = open_next(&anything, 0);
		cr_assert_not_null(chunk, "the writer waits for nobody");
		cr_assert_neq(chunk, held);
		memset(chunk->writable, 0x11, CHUNK_BYTES);
	}
	for (uint32_t i = 0; i < CHUNK_BYTES; i++)
		cr_assert_eq(held->readable[i], 0x77);
	wr_chunks_unpin(pin);
	bool used_again = false;
	for (uint32_t i = 0; i < 3 * CHUNKS; i++)
		used_again |= open_next(&anything, 0) == held;
	cr_expect(used_again, "it comes back into the pool");
}

CASE(chunk, every_chunk_but_one_may_be_pinned)
{
	tear_down();
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_chunks_init(&chunks, &memory.base, CHUNK_BYTES, PINS + 2, PINS), 0);
	for (uint32_t i = 0; i < PINS; i++) {
		cr_assert_not_null(open_next(&anything, 0));
		cr_assert_not_null(wr_chunks_pin(&chunks, &chunks.pins[i], i));
	}
	for (uint32_t i = 0; i < 50; i++)
		cr_assert_not_null(open_next(&anything, 0));
}

CASE(chunk, below_the_floor_nothing_is_pinned)
{
	for (uint32_t i = 0; i < CHUNKS + 1; i++)
		cr_assert_not_null(open_next(&anything, 0));
	uint64_t floor = chunk_floor();
	cr_assert_gt(floor, 0);
	for (uint64_t o = 0; o < floor; o++) {
		cr_expect_null(wr_chunks_pin(&chunks, &chunks.pins[0], o));
		cr_expect_eq(wr_load_relaxed(&chunks.pins[0].value), WR_PIN_NONE);
	}
	cr_expect_not_null(wr_chunks_pin(&chunks, &chunks.pins[0], floor));
}

CASE(chunk, a_reader_that_lingers_keeps_reading_while_others_are_refused)
{
	struct wr_chunk *held = open_next(&nothing, 0);
	cr_assert_eq(wr_chunks_pin(&chunks, &chunks.pins[0], 0), held);
	for (uint32_t i = 0; i < CHUNKS; i++)
		cr_assert_not_null(open_next(&anything, 0));
	cr_expect_null(wr_chunks_pin(&chunks, &chunks.pins[1], 0), "it is below the floor");
	cr_expect_eq(wr_load_relaxed(&chunks.pins[0].value), 1, "the first pin stands");
}

CASE(chunk, a_sequence_is_found_in_the_chunk_that_holds_it_or_will)
{
	struct wr_pin *pin = &chunks.pins[0];
	uint64_t ordinal;
	cr_expect_not(wr_chunks_find(&chunks, pin, 1, &ordinal), "there is none yet");
	for (uint32_t i = 0; i < CHUNKS + 3; i++)
		cr_assert_not_null(open_next(&anything, 0));
	uint64_t first = chunk_floor() * PER_CHUNK + 1, head = wr_load_relaxed(&chunks.head);
	for (uint64_t seq = 1; seq < head * PER_CHUNK + 5; seq++) {
		bool found = wr_chunks_find(&chunks, pin, seq, &ordinal);
		cr_expect_eq(found, seq >= first, "sequence %llu", (unsigned long long)seq);
		if (found)
			cr_expect_eq(ordinal, wr_min_u64((seq - 1) / PER_CHUNK, head - 1));
		cr_expect_eq(wr_load_relaxed(&pin->value), WR_PIN_NONE);
	}
}

CASE(chunk, its_end_is_the_gate_until_it_is_closed)
{
	struct wr_chunk *chunk = open_next(&nothing, 0);
	cr_expect_eq(wr_chunk_end(chunk, 0), 1);
	cr_expect_eq(wr_chunk_end(chunk, 7), 8);
	wr_store_release(&chunk->end_seq, 11u);
	cr_expect_eq(wr_chunk_end(chunk, 7), 8, "closed beyond the gate");
	cr_expect_eq(wr_chunk_end(chunk, 10), 11);
	cr_expect_eq(wr_chunk_end(chunk, 50), 11);
}

CASE(chunk, every_failed_request_for_memory_is_returned)
{
	struct wr_chunks other;
	for (uint64_t k = 1; k <= 2; k++) {
		wr_memory_sim_fail(&memory, k, false);
		cr_expect_eq(wr_chunks_init(&other, &memory.base, CHUNK_BYTES, CHUNKS, PINS),
			     -ENOMEM);
		cr_expect_eq(memory.live_count, 2);
		wr_chunks_fini(&other, &memory.base);
	}
}

/* ---- against a model ---- */

/* Ordinals that pins hold, + 1; and for each slot the ordinal that it had last. */
struct model {
	uint64_t pinned[PINS];
	uint64_t opened;
	uint64_t reusable_seq;
};

static void model_open(struct model *model, struct wr_prng *prng)
{
	uint64_t last_end = model->opened * PER_CHUNK + 1;
	if (wr_prng_chance(prng, 500000))
		model->reusable_seq =
			wr_max_u64(model->reusable_seq,
				   last_end > 30 ? last_end - wr_prng_below(prng, 30) : last_end);
	struct wr_chunk_limits limits = {.reusable_seq = model->reusable_seq,
					 .commits_done = UINT64_MAX,
					 .live_max = wr_prng_below(prng, 4)};
	struct wr_chunk *chunk = open_next(&limits, (uint32_t)wr_prng_below(prng, 3));
	if (chunk == NULL)
		return;
	cr_assert_eq(chunk->ordinal, model->opened);
	model->opened++;
	/* Whoever is still pinned reads what it pinned, not this. */
	wr_put_u64(chunk->writable, chunk->ordinal);
}

static void model_pin(struct model *model, struct wr_prng *prng)
{
	uint32_t i = (uint32_t)wr_prng_below(prng, PINS);
	if (model->pinned[i] != 0 || model->opened == 0) {
		wr_chunks_unpin(&chunks.pins[i]);
		model->pinned[i] = 0;
		return;
	}
	uint64_t ordinal = wr_prng_below(prng, model->opened);
	struct wr_chunk *chunk = wr_chunks_pin(&chunks, &chunks.pins[i], ordinal);
	cr_assert_eq(chunk != NULL, ordinal >= chunk_floor());
	model->pinned[i] = chunk != NULL ? ordinal + 1 : 0;
}

static void check_model(const struct model *model, uint64_t seed)
{
	uint64_t floor = chunk_floor();
	for (uint64_t o = floor; o < model->opened; o++) {
		struct wr_chunk *chunk = wr_chunks_by_ordinal(&chunks, o);
		cr_assert_not_null(chunk, "seed %llu", (unsigned long long)seed);
		cr_assert_eq(wr_get_u64(chunk->readable), o, "seed %llu", (unsigned long long)seed);
	}
	/* Below the floor everything may have been used again. */
	if (floor > 0)
		cr_assert_leq((floor - 1) * PER_CHUNK + PER_CHUNK + 1, model->reusable_seq);
	for (uint32_t i = 0; i < PINS; i++) {
		bool found = model->pinned[i] == 0;
		for (uint32_t slot = 0; slot < CHUNKS && !found; slot++)
			found = wr_get_u64(chunks.chunks[slot].readable) == model->pinned[i] - 1;
		cr_assert(found, "seed %llu: pinned chunk %llu was written over",
			  (unsigned long long)seed, (unsigned long long)model->pinned[i] - 1);
	}
	cr_assert_leq(chunks.free_count + chunks.lingering_count + (model->opened - floor), CHUNKS);
}

CASE(chunk, nothing_pinned_is_ever_written_over)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct model model = {0};
		struct wr_prng prng;
		wr_prng_init(&prng, seed);
		tear_down();
		set_up();
		for (uint32_t i = 0; i < 2000; i++) {
			if (wr_prng_chance(&prng, 500000))
				model_open(&model, &prng);
			else
				model_pin(&model, &prng);
			check_model(&model, seed);
		}
		cr_assert_gt(model.opened, 50, "seed %llu", (unsigned long long)seed);
	}
}
