/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   attempts at a row's first event that is not settled: counted under the row's generation,
 *         forgotten by progress and by a move; a crash counts for what is in hand alone, and the
 *         second one at one place has events go alone. They are all in a checkpoint, and bytes that
 *         are none are refused. Rule: L33.
 * Method: a table of two subscriptions' rows, step by step, from cases; saved and loaded after each
 *         step; each byte of a section changed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/log/attempts.h"

#define ROWS 6u

static struct wr_attempts attempts;
static struct wr_settle settle_rows;
static struct wr_attempts_row cells[ROWS], loaded[ROWS];
static struct wr_settle_row row_cells[ROWS];
/* Rows 0 and 1 are another one's. */
static const struct wr_subscription of = {.row_first = 2, .row_count = 4};
static uint8_t section[4096];

static bool is_idle(void *context, uint32_t row)
{
	return (*(const uint32_t *)context >> row & 1u) != 0;
}

static void begin(void)
{
	attempts = (struct wr_attempts){.rows = cells, .rows_max = ROWS};
	settle_rows = (struct wr_settle){.rows = row_cells, .rows_max = ROWS};
	wr_attempts_reset(&attempts);
	wr_settle_start(&settle_rows, 0, ROWS, 10);
	for (uint32_t r = 0; r < ROWS; r++)
		wr_store_relaxed(&row_cells[r].generation, 1u);
}

/* Into a section, and back. */
static uint32_t save_and_load(void)
{
	struct wr_sink sink = {.bytes = section, .capacity_bytes = sizeof section};
	struct wr_section_header header = {0};
	struct wr_attempts other = {.rows = loaded, .rows_max = ROWS};
	wr_attempts_reset(&other);
	wr_attempts_save(&attempts, ROWS, &sink);
	if (sink.used_bytes > 0) {
		memcpy(&header, section, sizeof header);
		cr_assert_eq(header.module, WR_SECTION_ATTEMPTS);
		cr_assert_leq(sink.used_bytes, wr_attempts_save_bytes_max(ROWS));
		cr_assert_eq(wr_attempts_load(&other, header.version, ROWS, section + sizeof header,
					      header.bytes),
			     0);
	}
	cr_assert_eq(memcmp(cells, loaded, sizeof cells), 0);
	return header.bytes;
}

enum what { SAY, PROGRESS, RAISE, MOVE, DIE };

/* One step, and what the row is then. */
static const struct step {
	enum what what;
	uint32_t row, generation;
	uint64_t seq; /* SAY; PROGRESS, MOVE: where to; DIE: idle rows, one bit each */
	enum wr_verdict verdict;
	int code;
	uint64_t then_seq;
	uint32_t then_attempts;
	bool then_alone, then_dead;
} steps[] = {
	{SAY, 0, 2, 12, WR_VERDICT_RETRY, WEIR_E_FENCED, 0, 0, false, false},
	{SAY, 0, 1, 9, WR_VERDICT_RETRY, WEIR_E_FENCED, 0, 0, false, false},
	{SAY, 0, 1, 0, WR_VERDICT_RETRY, -EINVAL, 0, 0, false, false},
	{SAY, 0, 1, 1000, WR_VERDICT_RETRY, -EINVAL, 0, 0, false, false},
	{SAY, 4, 1, 12, WR_VERDICT_RETRY, -EINVAL, 0, 0, false, false},
	{SAY, 0, 1, 12, WR_VERDICT_PARKED, -EINVAL, 0, 0, false, false},
	{SAY, 0, 1, 12, WR_VERDICT_RETRY, 0, 12, 1, false, false},
	{SAY, 0, 1, 13, WR_VERDICT_RETRY, WEIR_E_OUT_OF_SEQUENCE, 12, 1, false, false},
	{SAY, 0, 1, 12, WR_VERDICT_RELEASED, 0, 12, 1, false, false},
	{SAY, 1, 1, 14, WR_VERDICT_RETRY, 0, 14, 1, false, false},
	{RAISE, 0, 0, 0, 0, 0, 12, 1, false, false},
	{SAY, 0, 1, 12, WR_VERDICT_RETRY, WEIR_E_FENCED, 12, 1, false, false},
	{SAY, 0, 2, 12, WR_VERDICT_DEAD, 0, 12, 2, false, true},
	{PROGRESS, 0, 2, 13, 0, 0, 0, 0, false, false},
	{SAY, 0, 2, 13, WR_VERDICT_EXPIRED, 0, 13, 1, false, true},
	{MOVE, 0, 0, 10, 0, 0, 0, 0, false, false},
	/* Row 2 has nothing to do, row 3 goes on between two deaths: only row 0 stays. */
	{DIE, 0, 0, 1u << 2, 0, 0, 0, 0, false, false},
	{PROGRESS, 3, 1, 11, 0, 0, 0, 0, false, false},
	{DIE, 2, 0, 1u << 2, 0, 0, 0, 0, false, false},
	{PROGRESS, 2, 1, 11, 0, 0, 0, 0, false, false},
	{SAY, 0, 3, 12, WR_VERDICT_IN_HAND, 0, 12, 0, true, false},
	{SAY, 1, 1, 14, WR_VERDICT_IN_HAND, WEIR_E_FULL, 14, 1, true, false},
	/* Row 3 has gone on, and may have done it: now it goes alone, too. */
	{DIE, 0, 0, 1u << 2, 0, 0, 12, 0, true, false},
	{PROGRESS, 3, 1, 11, 0, 0, 0, 0, true, false},
	{SAY, 0, 3, 12, WR_VERDICT_IN_HAND, 0, 12, 0, true, false},
	{DIE, 0, 0, 1u << 2, 0, 0, 12, 1, true, false},
	{SAY, 1, 1, 14, WR_VERDICT_IN_HAND, 0, 14, 1, true, false},
	{SAY, 0, 3, 12, WR_VERDICT_IN_HAND, WEIR_E_FULL, 12, 1, true, false},
	{PROGRESS, 1, 1, 15, 0, 0, 0, 0, false, false},
	{SAY, 0, 3, 12, WR_VERDICT_IN_HAND, 0, 12, 1, true, false},
	{SAY, 0, 3, 0, WR_VERDICT_OUT_OF_HAND, 0, 12, 1, true, false},
	{DIE, 0, 0, 1u << 2, 0, 0, 12, 1, true, false},
	{SAY, 0, 3, 12, WR_VERDICT_IN_HAND, 0, 12, 1, true, false},
	{RAISE, 0, 0, 0, 0, 0, 12, 1, true, false},
	{DIE, 0, 0, 1u << 2, 0, 0, 12, 1, true, false},
	{SAY, 0, 4, 12, WR_VERDICT_IN_HAND, 0, 12, 1, true, false},
	{DIE, 0, 0, 1u << 2, 0, 0, 12, 2, true, false},
	{PROGRESS, 0, 4, 13, 0, 0, 0, 0, false, false},
};

static int take(const struct step *step)
{
	struct wr_undo none = {0};
	struct wr_settle_row *row = &row_cells[of.row_first + (step->row < 4 ? step->row : 0)];
	struct wr_reject r = {.seq = step->seq,
			      .generation = step->generation,
			      .verdict = step->verdict,
			      .failed_us = 7,
			      .reason = 3};
	uint32_t idle = (uint32_t)step->seq;
	switch (step->what) {
	case SAY:
		return wr_attempts_decide(&attempts, &settle_rows, &none, &of, step->row, &r, 500);
	case PROGRESS:
		wr_store_relaxed(&row->position, step->seq);
		return 0;
	case RAISE:
	case MOVE:
		wr_store_relaxed(&row->generation, wr_load_relaxed(&row->generation) + 1);
		if (step->what == MOVE)
			wr_store_relaxed(&row->position, step->seq);
		wr_attempts_raised(&attempts, &settle_rows, &none, of.row_first + step->row,
				   step->what == MOVE);
		return 0;
	case DIE:
		r = (struct wr_reject){.verdict = WR_VERDICT_CRASHED, .failed_us = 8};
		wr_attempts_crashed(&attempts, &settle_rows, &of, &r, 501, is_idle, &idle);
		return 0;
	}
	return -1;
}

Test(attempts, a_row_has_those_of_its_first_event)
{
	begin();
	cr_expect_eq(save_and_load(), 0, "nothing failed: nothing is said");
	for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		const struct step *step = &steps[i];
		struct wr_attempts_entry e;
		cr_expect_eq(take(step), step->code, "step %u", i);
		wr_attempts_read(&attempts, &settle_rows,
				 of.row_first + (step->row < 4 ? step->row : 0), &e);
		cr_expect_eq(e.seq, step->then_seq, "step %u: of %llu", i,
			     (unsigned long long)e.seq);
		cr_expect_eq(e.attempts, step->then_attempts, "step %u: %u", i, e.attempts);
		cr_expect_eq(e.alone, step->then_alone, "step %u", i);
		cr_expect_eq(e.dead || e.expired, step->then_dead, "step %u", i);
		(void)save_and_load();
	}
	for (uint32_t i = 0; i < 2 * sizeof cells[0]; i++)
		cr_assert_eq(((const uint8_t *)cells)[i], 0, "another subscription's rows");
}

/* Row 0 is alone, row 1 is not, and the others have nothing to do. */
static void die_beside(uint32_t idle, uint32_t attempts_then)
{
	const struct step in_hand = {SAY, 0, 1, 12, WR_VERDICT_IN_HAND, 0, 0, 0, true, false};
	struct step die = {DIE, 0, 0, idle, 0, 0, 0, 0, true, false};
	struct wr_attempts_entry e;

	cr_assert_eq(take(&in_hand), 0);
	cr_assert_eq(take(&die), 0);
	wr_attempts_read(&attempts, &settle_rows, of.row_first, &e);
	cr_expect_eq(e.attempts, attempts_then, "%u", e.attempts);
	cr_expect(e.alone && !e.in_hand && e.seq == 12);
}

Test(attempts, what_another_row_may_have_done_is_not_counted_but_for_ever)
{
	const struct step on = {PROGRESS, 1, 1, 11, 0, 0, 0, 0, false, false};
	const struct step die = {DIE, 0, 0, 0xc, 0, 0, 0, 0, false, false};
	const struct step clean = {SAY, 0, 1, 0, WR_VERDICT_OUT_OF_HAND, 0, 0, 0, false, false};

	begin();
	(void)take(&die);
	(void)take(&on);
	(void)take(&die);
	die_beside(0xc, 0); /* row 1 was at two places */
	die_beside(0xc, 1); /* by now it goes alone */
	die_beside(0x0, 2); /* twice is enough, whoever is new */
	/* Of a row that has gone on since, and was closed as it should, nothing is known. */
	begin();
	(void)take(&die);
	(void)take(&die);
	(void)take(&on);
	(void)take(&clean);
	die_beside(0xc, 0);
	begin();
	(void)take(&die);
	(void)take(&die);
	(void)take(&on);
	die_beside(0xc, 0); /* nor as it was killed */
	/* One that was in hand and is settled: the next one goes alone, too, with this owner. */
	const struct step hand = {SAY, 1, 1, 10, WR_VERDICT_IN_HAND, 0, 0, 0, true, false};
	const struct step raise_row = {RAISE, 1, 0, 0, 0, 0, 0, 0, false, false};
	begin();
	(void)take(&die);
	(void)take(&die);
	(void)take(&hand);
	(void)take(&on);
	die_beside(0xc, 1);
	begin();
	(void)take(&die);
	(void)take(&die);
	(void)take(&hand);
	(void)take(&on);
	(void)take(&raise_row);
	die_beside(0xc, 0);
	/* Who has nothing to do is not suspected. */
	begin();
	(void)take(&die);
	(void)take(&die);
	die_beside(0xe, 1);
}

/* docs/guide/consuming.md: what kills its process comes to its third attempt so late at most. */
Test(attempts, the_third_attempt_ends_with_the_fifth_crash_and_the_seventh_at_most)
{
	const struct step on = {PROGRESS, 1, 1, 11, 0, 0, 0, 0, false, false};
	const struct step die = {DIE, 0, 0, 0xc, 0, 0, 0, 0, false, false};

	begin();
	(void)take(&die);
	(void)take(&die);
	for (uint32_t crash = 3; crash <= 5; crash++)
		die_beside(0xc, crash - 2);
	/* Another row that may have done it at the third, and one at the fourth. */
	begin();
	(void)take(&die);
	(void)take(&on);
	(void)take(&die);
	die_beside(0xc, 0);
	die_beside(0x8, 0);
	/* A third one is not believed. */
	for (uint32_t crash = 5; crash <= 7; crash++)
		die_beside(0x0, crash - 4);
}

Test(attempts, bytes_that_are_none_are_refused)
{
	struct wr_attempts other = {.rows = loaded, .rows_max = ROWS};
	begin();
	for (uint32_t i = 0; i < 10; i++)
		(void)take(&steps[i]);
	uint32_t bytes = save_and_load();
	const uint8_t *body = section + sizeof(struct wr_section_header);
	cr_assert_gt(bytes, 8);
	cr_expect_eq(wr_attempts_load(&other, 2, ROWS, body, bytes), WEIR_E_FORMAT);
	cr_expect_eq(wr_attempts_load(&other, 1, 3, body, bytes), WEIR_E_CORRUPT, "no such row");
	for (uint32_t length = 0; length < bytes; length++)
		cr_expect_eq(wr_attempts_load(&other, 1, ROWS, body, length), WEIR_E_CORRUPT,
			     "%u bytes", length);
	for (uint32_t at = 0; at < bytes; at++) {
		section[sizeof(struct wr_section_header) + at] ^= 0x41;
		int rc = wr_attempts_load(&other, 1, ROWS, body, bytes);
		cr_expect(rc == 0 || rc == WEIR_E_CORRUPT, "byte %u: %d", at, rc);
		cr_expect(at >= 16 || rc == WEIR_E_CORRUPT, "byte %u", at);
		section[sizeof(struct wr_section_header) + at] ^= 0x41;
	}
}

/*
 * The group has moved the row on meanwhile, since it is nobody's (pass.c): what its last owner
 * takes for settled is not, and would be passed over by who is told to begin with what failed.
 */
Test(attempts, who_was_refused_progress_rejects_nothing_behind_it, .init = begin)
{
	static const struct wr_reject rejected = {
		.seq = 14, .generation = 1, .verdict = WR_VERDICT_RETRY, .failed_us = 7};
	struct wr_control_progress ahead = {.generation = 1, .from = 11, .to = 12};
	struct wr_undo_entry entries[WR_UNDO_CELLS];
	struct wr_undo none = {0}, run = {.entries = entries, .capacity = WR_UNDO_CELLS};
	struct wr_reject next = rejected;
	/* A transaction that is refused comes again, all of it. */
	cr_expect_eq(wr_settle_progress(&settle_rows, &run, 2, &ahead), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(wr_attempts_decide(&attempts, &settle_rows, &none, &of, 0, &rejected, 500), 0);
	ahead.from = 8;
	cr_expect_eq(wr_settle_progress(&settle_rows, &none, 2, &ahead), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(wr_attempts_decide(&attempts, &settle_rows, &none, &of, 0, &rejected, 500),
		     WEIR_E_FENCED);
	wr_store_relaxed(&row_cells[2].generation, 2u);
	next.generation = 2;
	cr_expect_eq(wr_attempts_decide(&attempts, &settle_rows, &none, &of, 0, &next, 500), 0);
}
