/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   progress is accepted only from where it is, under the generation in force; a generation
 *         only if it is the next; both can be taken back, and come out of a checkpoint as they went
 *         in. Rules: L15 (a function of the records), L19 (from, to, generation), L20 (next
 *         sequences, counts), L30 (sections).
 * Method: single cases; every position of a small window from every other, in every order; a seeded
 *         run of random records against a model of plain integers.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include <weir/error.h>

#include "core/log/settle.h"
#include "io/sim/memory_sim.h"
#include "io/sim/prng.h"
#include "tests/support/case.h"
#include "tests/support/section_case.h"

#define ROWS 8u

static struct wr_memory_sim memory;
static struct wr_settle settle;
static struct wr_undo none;

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_settle_init(&settle, &memory.base, ROWS), 0);
}

static void tear_down(void)
{
	wr_settle_fini(&settle, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(settle, .init = set_up);

static uint64_t position(uint32_t row)
{
	return wr_load_relaxed(&settle.rows[row].position);
}

static int progress(uint32_t row, uint32_t generation, uint64_t from, uint64_t to)
{
	struct wr_control_progress p = {
		.generation = generation, .from = from, .to = to, .events = to - from, .bytes = 8};
	return wr_settle_progress(&settle, &none, row, &p);
}

static int raise_generation(uint32_t row, uint32_t generation, uint64_t to)
{
	struct wr_control_generation g = {.generation = generation, .position = to};
	return wr_settle_generation(&settle, &none, row, &g);
}

CASE(settle, rows_start_where_their_subscription_does)
{
	wr_settle_start(&settle, 0, 3, 17);
	wr_settle_start(&settle, 3, 2, 5);
	cr_expect_eq(position(2), 17);
	cr_expect_eq(position(3), 5);
	cr_expect_eq(settle.rows_used, 5);
	cr_expect_eq(wr_settle_needed_seq(&settle), 5);
}

CASE(settle, nothing_is_needed_when_nobody_subscribes)
{
	cr_expect_eq(wr_settle_needed_seq(&settle), UINT64_MAX);
}

CASE(settle, a_row_of_nobody_takes_nothing)
{
	wr_settle_start(&settle, 0, 2, 1);
	cr_expect_eq(progress(2, 0, 0, 1), -EINVAL);
	cr_expect_eq(raise_generation(2, 1, WR_POSITION_KEEP), -EINVAL);
	cr_expect_eq(progress(UINT32_MAX, 0, 0, 1), -EINVAL);
}

CASE(settle, a_window_is_settled_in_order_whatever_order_it_is_tried_in)
{
	/* From every place to every place: only what begins at the position is taken. */
	for (uint64_t at = 1; at < 12; at++) {
		for (uint64_t from = 0; from < 14; from++) {
			for (uint64_t to = from; to < 14; to++) {
				wr_settle_start(&settle, 0, 1, at);
				int rc = progress(0, 0, from, to);
				cr_expect_eq(rc, from == at ? 0 : WEIR_E_OUT_OF_SEQUENCE);
				cr_expect_eq(position(0), from == at ? to : at);
			}
		}
	}
}

CASE(settle, a_second_settle_of_the_same_events_is_refused)
{
	wr_settle_start(&settle, 0, 1, 1);
	cr_expect_eq(progress(0, 0, 1, 10), 0);
	cr_expect_eq(progress(0, 0, 1, 10), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(progress(0, 0, 5, 12), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(wr_load_relaxed(&settle.rows[0].events), 9);
}

CASE(settle, only_the_next_generation_is_raised)
{
	wr_settle_start(&settle, 0, 1, 1);
	for (uint32_t g = 0; g < 5; g++)
		if (g != 1)
			cr_expect_eq(raise_generation(0, g, WR_POSITION_KEEP), WEIR_E_FENCED);
	cr_expect_eq(raise_generation(0, UINT32_MAX, WR_POSITION_KEEP), WEIR_E_FENCED);
	cr_expect_eq(raise_generation(0, 1, WR_POSITION_KEEP), 0);
	cr_expect_eq(raise_generation(0, 1, WR_POSITION_KEEP), WEIR_E_FENCED);
	cr_expect_eq(raise_generation(0, 2, WR_POSITION_KEEP), 0);
}

CASE(settle, progress_of_another_generation_is_fenced)
{
	wr_settle_start(&settle, 0, 1, 1);
	cr_assert_eq(raise_generation(0, 1, WR_POSITION_KEEP), 0);
	cr_expect_eq(progress(0, 0, 1, 2), WEIR_E_FENCED);
	cr_expect_eq(progress(0, 2, 1, 2), WEIR_E_FENCED);
	/* The generation is looked at first: who is fenced learns that, wherever he stands. */
	cr_expect_eq(progress(0, 2, 9, 9), WEIR_E_FENCED);
	cr_expect_eq(progress(0, 1, 1, 2), 0);
}

CASE(settle, a_seek_moves_both_ways_and_fences)
{
	wr_settle_start(&settle, 0, 1, 1);
	cr_assert_eq(raise_generation(0, 1, WR_POSITION_KEEP), 0);
	cr_assert_eq(progress(0, 1, 1, 50), 0);
	cr_expect_eq(raise_generation(0, 2, 10), 0);
	cr_expect_eq(position(0), 10);
	cr_expect_eq(progress(0, 1, 50, 60), WEIR_E_FENCED);
	cr_expect_eq(progress(0, 2, 50, 60), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(raise_generation(0, 3, 70), 0);
	cr_expect_eq(progress(0, 3, 70, 71), 0);
}

/* Others do not see it before: they would believe it for good. */
CASE(settle, what_a_run_changes_is_there_when_the_run_is_kept)
{
	struct wr_undo_entry entries[16];
	struct wr_undo undo = {.entries = entries, .capacity = 16};
	wr_settle_start(&settle, 0, 1, 1);
	for (uint32_t kept = 0; kept < 2; kept++) {
		struct wr_control_progress p = {.from = 1, .to = 2, .events = 1, .bytes = 9};
		for (; p.from < 5; p.from++, p.to++)
			cr_assert_eq(wr_settle_progress(&settle, &undo, 0, &p), 0);
		cr_expect_eq(wr_settle_progress(&settle, &undo, 0, &p), 0);
		cr_expect_eq(wr_settle_progress(&settle, &undo, 0, &p), WEIR_E_OUT_OF_SEQUENCE);
		cr_expect_eq(position(0), 1);
		cr_expect_eq(wr_load_relaxed(&settle.rows[0].events), 0);
		if (kept)
			wr_undo_keep(&undo);
		else
			wr_undo_all(&undo);
		cr_expect_eq(position(0), kept ? 6 : 1);
		cr_expect_eq(wr_load_relaxed(&settle.rows[0].events), kept ? 5 : 0);
		cr_expect_eq(wr_load_relaxed(&settle.rows[0].bytes), kept ? 45 : 0);
		cr_expect_eq(wr_load_relaxed(&settle.rows[0].later), 0);
	}
}

/* ---- checkpoints ---- */

SECTION_SAVE_AND_LOAD(settle, WR_SECTION_SETTLE, wr_settle_save, wr_settle_load)

CASE(settle, a_full_table_fits_what_was_promised_and_comes_back)
{
	uint8_t before[1024], after[1024];
	size_t most = wr_settle_save_bytes_max(ROWS);
	cr_assert_leq(most, sizeof before);
	wr_settle_start(&settle, 0, ROWS, UINT64_MAX - 7);
	for (uint32_t r = 0; r < ROWS; r++) {
		cr_assert_eq(raise_generation(r, 1, 100 + r), 0);
		cr_assert_eq(progress(r, 1, 100 + r, 200 + r), 0);
		wr_store_relaxed(&settle.rows[r].moved, r);
	}
	size_t bytes = save(before, most);
	wr_settle_reset(&settle);
	cr_expect_eq(wr_settle_needed_seq(&settle), UINT64_MAX);
	cr_assert_eq(load(before, bytes), 0);
	cr_expect_eq(save(after, most), bytes);
	cr_expect_arr_eq(before, after, bytes);
	cr_expect_eq(wr_settle_needed_seq(&settle), 200);
}

CASE(settle, sections_that_contradict_themselves_are_refused)
{
	uint8_t section[1024];
	wr_settle_start(&settle, 0, 3, 1);
	size_t bytes = save(section, sizeof section);
	uint8_t *body = section + sizeof(struct wr_section_header);
	uint32_t body_bytes = 4 + 3 * 40;
	cr_assert_leq(sizeof(struct wr_section_header) + body_bytes, bytes);
	cr_expect_eq(wr_settle_load(&settle, 2, body, body_bytes), WEIR_E_FORMAT);
	for (uint32_t cut = 0; cut < body_bytes; cut++)
		cr_expect_eq(wr_settle_load(&settle, 1, body, cut), WEIR_E_CORRUPT, "cut %u", cut);
	for (uint32_t rows = 0; rows < 20; rows++) {
		wr_put_u32(body, rows);
		int rc = wr_settle_load(&settle, 1, body, body_bytes);
		cr_expect_eq(rc, rows == 3 ? 0 : rows > ROWS ? WEIR_E_FULL : WEIR_E_CORRUPT);
	}
	wr_put_u32(body, UINT32_MAX);
	cr_expect_eq(wr_settle_load(&settle, 1, body, body_bytes), WEIR_E_FULL);
}

CASE(settle, a_failed_allocation_is_returned)
{
	struct wr_settle other;
	wr_memory_sim_fail(&memory, 1, false);
	cr_expect_eq(wr_settle_init(&other, &memory.base, ROWS), -ENOMEM);
	wr_settle_fini(&other, &memory.base);
}

/* ---- against a model ---- */

struct model_row {
	uint64_t position, events, bytes;
	uint32_t generation;
};

static void random_records(uint64_t seed)
{
	struct wr_prng prng;
	struct model_row model[ROWS];
	wr_prng_init(&prng, seed);
	wr_settle_start(&settle, 0, ROWS, 1);
	for (uint32_t r = 0; r < ROWS; r++)
		model[r] = (struct model_row){.position = 1};
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t row = (uint32_t)wr_prng_below(&prng, ROWS + 1);
		struct model_row *m = &model[row % ROWS];
		uint32_t generation = m->generation + (uint32_t)wr_prng_below(&prng, 3) - 1;
		uint64_t from = m->position + wr_prng_below(&prng, 3) - 1;
		uint64_t to = from + wr_prng_below(&prng, 5);
		int want = row == ROWS ? -EINVAL : 0;
		if (wr_prng_chance(&prng, 300000)) {
			bool seek = wr_prng_chance(&prng, 500000);
			uint64_t place = seek ? to : WR_POSITION_KEEP;
			if (want == 0 && generation != m->generation + 1)
				want = WEIR_E_FENCED;
			cr_assert_eq(raise_generation(row, generation, place), want,
				     "seed %llu record %u", (unsigned long long)seed, i);
			if (want == 0) {
				m->generation++;
				m->position = seek ? place : m->position;
			}
		} else {
			if (want == 0 && generation != m->generation)
				want = WEIR_E_FENCED;
			else if (want == 0 && from != m->position)
				want = WEIR_E_OUT_OF_SEQUENCE;
			cr_assert_eq(progress(row, generation, from, to), want,
				     "seed %llu record %u", (unsigned long long)seed, i);
			if (want == 0) {
				m->position = to;
				m->events += to - from;
				m->bytes += 8;
			}
		}
		uint64_t needed = UINT64_MAX;
		for (uint32_t r = 0; r < ROWS; r++) {
			cr_assert_eq(position(r), model[r].position);
			cr_assert_eq(wr_load_relaxed(&settle.rows[r].events), model[r].events);
			cr_assert_eq(wr_load_relaxed(&settle.rows[r].bytes), model[r].bytes);
			needed = wr_min_u64(needed, model[r].position);
		}
		cr_assert_eq(wr_settle_needed_seq(&settle), needed);
	}
}

CASE(settle, agrees_with_a_model_of_plain_numbers)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		random_records(seed);
}
