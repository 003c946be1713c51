/* SPDX-License-Identifier: Apache-2.0 */
/* The segment table: lookups, their edges, and readers beside the writer (T1). */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "core/journal/segment.h"
#include "io/sim/memory_sim.h"
#include "tests/support/case.h"

#define LIVES 2000000u
#define FILES 8u

static struct wr_memory_sim memory;
static struct wr_segment_table table;
static const uint8_t uuid[16] = {1};

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_segment_table_init(&table, &memory.base, 3, 4096, 8192, uuid, FILES), 0);
}

static void tear_down(void)
{
	wr_segment_table_fini(&table, &memory.base);
	cr_assert_eq(memory.live_count, 0);
}

/* File `index` goes live: ids have to ascend. */
static void go_live(uint32_t index, uint64_t segment_id, uint64_t first_seq)
{
	while (wr_load_relaxed(&table.count) <= index)
		(void)wr_segment_add(&table, wr_load_relaxed(&table.count), 0);
	wr_segment_set_live(&table, index, segment_id, first_seq, 0);
}

TestSuite(segment, .init = set_up);

CASE(segment, an_empty_table_finds_nothing)
{
	struct wr_segment_found found;

	cr_assert_not(wr_segment_find(&table, 1, &found));
	cr_assert_not(wr_segment_next(&table, 0, &found));
	cr_assert_eq(wr_segment_oldest_seq(&table), 0);
	cr_assert_eq(table.next_segment_id, 1);
}

CASE(segment, a_sequence_is_found_where_it_is_or_would_be)
{
	struct wr_segment_found found;

	/* Files in no order, as recycling leaves them. */
	go_live(1, 5, 100);
	go_live(2, 6, 200);
	go_live(0, 7, 300);
	cr_assert_not(wr_segment_find(&table, 99, &found));
	cr_assert(wr_segment_find(&table, 100, &found));
	cr_assert_eq(found.segment_id, 5);
	cr_assert_eq(found.first_seq, 100);
	cr_assert_eq(found.file, 1);
	cr_assert(wr_segment_find(&table, 199, &found));
	cr_assert_eq(found.segment_id, 5);
	cr_assert(wr_segment_find(&table, 200, &found));
	cr_assert_eq(found.segment_id, 6);
	cr_assert(wr_segment_find(&table, UINT64_MAX, &found));
	cr_assert_eq(found.segment_id, 7);
	cr_assert_eq(wr_segment_oldest_seq(&table), 100);
}

CASE(segment, of_two_with_the_same_first_sequence_the_later_is_found)
{
	struct wr_segment_found found;

	/* Segment 5 got evidence and fillers only. */
	go_live(1, 5, 100);
	go_live(0, 6, 100);
	cr_assert(wr_segment_find(&table, 100, &found));
	cr_assert_eq(found.segment_id, 6);
}

CASE(segment, next_follows_the_ids_and_ends)
{
	struct wr_segment_found found;

	go_live(1, 4, 100);
	go_live(2, 6, 200);
	go_live(0, 9, 300);
	cr_assert(wr_segment_next(&table, 0, &found));
	cr_assert_eq(found.segment_id, 4);
	cr_assert(wr_segment_next(&table, 4, &found));
	cr_assert_eq(found.segment_id, 6);
	cr_assert(wr_segment_next(&table, 6, &found));
	cr_assert_eq(found.segment_id, 9);
	cr_assert_not(wr_segment_next(&table, 9, &found));
}

CASE(segment, what_is_no_part_of_the_log_is_not_found)
{
	struct wr_segment_found found;

	(void)wr_segment_add(&table, 7, 0);
	go_live(1, 5, 100);
	cr_assert_eq(wr_segment_retire(&table), 1);
	cr_assert_eq(wr_segment_live_count(&table), 0);
	cr_assert_not(wr_segment_find(&table, 1000, &found));
	cr_assert_not(wr_segment_next(&table, 0, &found));
	cr_assert_eq(wr_segment_oldest_seq(&table), 0);
}

/* Every sequence and every id, while the log goes round the table several times. */
CASE(segment, all_are_found_at_any_length_and_after_any_number_of_lives)
{
	struct wr_segment_found found;

	for (uint64_t id = 1; id <= 4 * FILES; id++) {
		uint32_t live = wr_segment_live_count(&table);
		if (live == FILES || (id % 3 == 0 && live > 1))
			cr_assert_eq(wr_segment_retire(&table), (id - live - 1) % FILES);
		go_live((uint32_t)((id - 1) % FILES), id, id * 10);
		uint64_t oldest = id + 1 - wr_segment_live_count(&table);
		cr_assert_eq(wr_segment_oldest_seq(&table), oldest * 10);
		cr_assert_not(wr_segment_find(&table, oldest * 10 - 1, &found));
		for (uint64_t i = oldest; i <= id; i++) {
			cr_assert(wr_segment_find(&table, i * 10 + 9, &found));
			cr_assert_eq(found.segment_id, i);
			cr_assert_eq(found.file, (i - 1) % FILES);
			cr_assert_eq(wr_segment_next(&table, i, &found), i < id);
			cr_assert(i == id || found.segment_id == i + 1);
		}
	}
}

/* Two live ones at most, in files that are used again and again. */
static void *recycle_for_ever(void *unused)
{
	(void)unused;
	for (uint64_t id = 2; id <= LIVES; id++) {
		go_live((uint32_t)(id % 2), id, id * 10);
		(void)wr_segment_retire(&table);
	}
	return NULL;
}

CASE(segment, a_lookup_beside_recycling_never_mixes_two_lives)
{
	pthread_t thread;
	struct wr_segment_found found;

	go_live(1, 1, 10);
	cr_assert_eq(pthread_create(&thread, NULL, recycle_for_ever, NULL), 0);
	for (uint64_t id = 0; id < LIVES;) {
		bool is_there = wr_segment_find(&table, UINT64_MAX, &found);
		if (!is_there || found.first_seq != found.segment_id * 10 ||
		    found.file != found.segment_id % 2 || found.segment_id < id) {
			cr_assert(is_there, "one is live at any time");
			cr_assert_eq(found.first_seq, found.segment_id * 10);
			cr_assert_eq(found.file, found.segment_id % 2);
			cr_assert_geq(found.segment_id, id);
		}
		id = found.segment_id;
		if (wr_segment_next(&table, 0, &found))
			cr_assert_eq(found.first_seq, found.segment_id * 10);
	}
	pthread_join(thread, NULL);
}

CASE(segment, a_table_that_finds_no_memory_says_so)
{
	struct wr_segment_table other;

	wr_memory_sim_fail(&memory, 1, false);
	cr_assert_eq(wr_segment_table_init(&other, &memory.base, 0, 4096, 8192, uuid, FILES), -12);
	wr_segment_table_fini(&other, &memory.base);
}
