/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a named producer's events are accepted densely and once, by the latest holder of the name
 *         only; the table says when it is full; a restart goes on where the log ended.
 *         Rules: L10 (dense sequences, no hidden latch, the last durable event), L15, L30.
 * Method: single cases on a table of four names; checkpoints cut at every length.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>

#include <weir/error.h>

#include "core/log/producers.h"
#include "io/sim/memory_sim.h"
#include "tests/support/case.h"
#include "tests/support/section_case.h"

#define ROWS 4u

static struct wr_memory_sim memory;
static struct wr_producers producers;
static struct wr_undo none;

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_producers_init(&producers, &memory.base, ROWS), 0);
}

static void tear_down(void)
{
	wr_producers_fini(&producers, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(producers, .init = set_up);

static int open_bytes(const char *name, size_t name_bytes, uint32_t *ret_id, uint32_t *ret_epoch)
{
	_Alignas(8) uint8_t record[512];
	struct wr_control_producer control = {0};
	struct wr_record_view view;
	wr_control_write(record, WR_KIND_PRODUCER, 0, 0, name, (uint32_t)name_bytes, &control,
			 sizeof control);
	cr_assert(wr_record_view(record, sizeof record, &view));
	return wr_producers_open(&producers, &none, &view, ret_id, ret_epoch);
}

/* Its id; the epoch must be the one expected. */
static uint32_t open_name(const char *name, uint32_t epoch)
{
	uint32_t id = 99, got = 99;
	cr_assert_eq(open_bytes(name, strlen(name), &id, &got), 0);
	cr_assert_eq(got, epoch);
	return id;
}

static int event(uint32_t id, uint32_t epoch, uint64_t sequence, uint64_t seq)
{
	struct wr_producer_stamp stamp = {.id = id, .epoch = epoch, .sequence = sequence};
	return wr_producers_event(&producers, &none, &stamp, seq);
}

CASE(producers, a_name_keeps_its_id_and_each_opening_raises_its_epoch)
{
	cr_expect_eq(open_name("a", 1), 0);
	cr_expect_eq(open_name("b", 1), 1);
	cr_expect_eq(open_name("a", 2), 0);
	cr_expect_eq(open_name("a", 3), 0);
	cr_expect_eq(open_name("b", 2), 1);
}

CASE(producers, names_that_begin_alike_are_different)
{
	cr_expect_eq(open_name("till", 1), 0);
	cr_expect_eq(open_name("till-1", 1), 1);
	cr_expect_eq(open_name("til", 1), 2);
	cr_expect_eq(open_name("till", 2), 0);
}

CASE(producers, a_full_table_refuses_new_names_and_no_old_one)
{
	uint32_t id, epoch;
	char name[8];
	for (uint32_t i = 0; i < ROWS; i++) {
		(void)snprintf(name, sizeof name, "p%u", i);
		(void)open_name(name, 1);
	}
	cr_expect_eq(open_bytes("one-more", 8, &id, &epoch), WEIR_E_FULL);
	cr_expect_eq(open_name("p3", 2), 3);
	cr_expect_eq(wr_load_relaxed(&producers.count), ROWS);
}

CASE(producers, sequences_are_dense_from_one)
{
	uint32_t id = open_name("a", 1);
	cr_expect_eq(event(id, 1, 0, 10), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(event(id, 1, 2, 10), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(event(id, 1, UINT64_MAX, 10), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(event(id, 1, 1, 10), 0);
	cr_expect_eq(event(id, 1, 1, 11), WEIR_E_OUT_OF_SEQUENCE, "a duplicate");
	cr_expect_eq(event(id, 1, 2, 11), 0);
	cr_expect_eq(wr_load_relaxed(&producers.rows[id].last_producer_seq), 2);
	cr_expect_eq(wr_load_relaxed(&producers.rows[id].last_seq), 11);
}

CASE(producers, a_refusal_leaves_the_expected_sequence_where_it_is)
{
	uint32_t id = open_name("a", 1);
	for (uint64_t s = 2; s < 50; s++)
		cr_expect_eq(event(id, 1, s, s), WEIR_E_OUT_OF_SEQUENCE);
	for (uint64_t s = 1; s < 50; s++)
		cr_expect_eq(event(id, 1, s, s), 0, "no latch: it is sent again, and goes on");
}

CASE(producers, a_newer_opening_fences_the_holder_before)
{
	uint32_t id = open_name("a", 1);
	cr_assert_eq(event(id, 1, 1, 5), 0);
	(void)open_name("a", 2);
	cr_expect_eq(event(id, 1, 2, 6), WEIR_E_FENCED);
	cr_expect_eq(event(id, 3, 2, 6), WEIR_E_FENCED, "an epoch that nobody was given");
	cr_expect_eq(event(id, 2, 2, 6), 0, "sequences go on over epochs");
}

CASE(producers, a_stamp_of_no_name_is_refused)
{
	cr_expect_eq(event(0, 1, 1, 5), WEIR_E_UNKNOWN_NAME);
	(void)open_name("a", 1);
	cr_expect_eq(event(1, 1, 1, 5), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(event(UINT32_MAX, 1, 1, 5), WEIR_E_UNKNOWN_NAME);
}

CASE(producers, names_that_could_be_paths_are_refused)
{
	uint32_t id, epoch;
	const char *names[] = {"",     ".",       "..",  "a/b", "/",
			       "../a", ".hidden", "a b", "a\n", "\xc3\xa4"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++)
		cr_expect_eq(open_bytes(names[i], strlen(names[i]), &id, &epoch), -EINVAL, "'%s'",
			     names[i]);
	cr_expect_eq(open_bytes("a\0b", 3, &id, &epoch), -EINVAL);
	cr_expect_eq(wr_load_relaxed(&producers.count), 0);
}

CASE(producers, a_name_has_at_most_200_bytes)
{
	uint32_t id, epoch;
	char name[201];
	memset(name, 'n', sizeof name);
	cr_expect_eq(open_bytes(name, 201, &id, &epoch), -EINVAL);
	cr_expect_eq(open_bytes(name, 200, &id, &epoch), 0);
	cr_expect_eq(producers.rows[id].name_bytes, 200);
	cr_expect_eq(producers.rows[id].name[200], '\0');
}

CASE(producers, an_opening_in_a_refused_run_is_taken_back)
{
	struct wr_undo_entry entries[8];
	struct wr_undo undo = {.entries = entries, .capacity = 8};
	uint32_t id = open_name("a", 1);
	struct wr_producer_stamp stamp = {.id = id, .epoch = 1, .sequence = 1};
	cr_assert_eq(wr_producers_event(&producers, &undo, &stamp, 7), 0);
	stamp.sequence = 2;
	cr_assert_eq(wr_producers_event(&producers, &undo, &stamp, 8), 0);
	wr_undo_all(&undo);
	cr_expect_eq(event(id, 1, 1, 7), 0);
}

/* ---- checkpoints ---- */

SECTION_SAVE_AND_LOAD(producers, WR_SECTION_PRODUCERS, wr_producers_save, wr_producers_load)

CASE(producers, a_full_table_of_long_names_fits_what_was_promised)
{
	uint8_t before[2048], after[2048];
	char name[200];
	uint32_t id, epoch;
	size_t most = wr_producers_save_bytes_max(ROWS);
	cr_assert_leq(most, sizeof before);
	for (uint32_t i = 0; i < ROWS; i++) {
		memset(name, (int)('a' + i), sizeof name);
		cr_assert_eq(open_bytes(name, sizeof name, &id, &epoch), 0);
		for (uint64_t s = 1; s <= i; s++)
			cr_assert_eq(event(id, 1, s, 100 + s), 0);
	}
	size_t bytes = save(before, most);
	wr_producers_reset(&producers);
	cr_assert_eq(load(before, bytes), 0);
	cr_expect_eq(save(after, most), bytes);
	cr_expect_arr_eq(before, after, bytes);
	/* A producer that opens its name again goes on behind what the log holds. */
	memset(name, 'd', sizeof name);
	cr_assert_eq(open_bytes(name, sizeof name, &id, &epoch), 0);
	cr_expect_eq(epoch, 2);
	cr_expect_eq(wr_load_relaxed(&producers.rows[id].last_producer_seq), 3);
	cr_expect_eq(wr_load_relaxed(&producers.rows[id].last_seq), 103);
	cr_expect_eq(event(id, 2, 4, 200), 0);
}

CASE(producers, sections_that_contradict_themselves_are_refused)
{
	uint8_t section[1024];
	(void)open_name("a", 1);
	(void)open_name("bb", 1);
	(void)save(section, sizeof section);
	uint8_t *body = section + sizeof(struct wr_section_header);
	uint32_t body_bytes = 4 + (28 + 1) + (28 + 2);
	cr_expect_eq(wr_producers_load(&producers, 2, body, body_bytes), WEIR_E_FORMAT);
	for (uint32_t cut = 0; cut <= body_bytes; cut++) {
		wr_producers_reset(&producers);
		cr_expect_eq(wr_producers_load(&producers, 1, body, cut),
			     cut == body_bytes ? 0 : WEIR_E_CORRUPT, "cut %u", cut);
	}
	wr_put_u32(body, ROWS + 1);
	cr_expect_eq(wr_producers_load(&producers, 1, body, body_bytes), WEIR_E_FULL);
	wr_put_u32(body, 2);
	body[8] = '/';
	wr_producers_reset(&producers);
	cr_expect_eq(wr_producers_load(&producers, 1, body, body_bytes), WEIR_E_CORRUPT);
}

CASE(producers, a_failed_allocation_is_returned)
{
	struct wr_producers other;
	wr_memory_sim_fail(&memory, 1, false);
	cr_expect_eq(wr_producers_init(&other, &memory.base, ROWS), -ENOMEM);
	wr_producers_fini(&other, &memory.base);
}
