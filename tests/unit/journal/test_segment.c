/* SPDX-License-Identifier: Apache-2.0 */
/* The segment table: lookups, their edges, and readers beside the writer (T1). */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "core/journal/segment.h"
#include "io/sim/memory_sim.h"
#include "tests/support/case.h"

#define LIVES 2000000u

static struct wr_memory_sim memory;
static struct wr_segment_table table;
static const uint8_t uuid[16] = {1};

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_segment_table_init(&table, &memory.base, 3, 4096, 8192, uuid), 0);
}

static void tear_down(void)
{
	wr_segment_table_fini(&table, &memory.base);
	cr_assert_eq(memory.live_count, 0);
}

static void set_entry(uint32_t index, uint64_t segment_id, uint64_t first_seq)
{
	struct wr_segment *segment = &table.segments[index];

	wr_store_release(&segment->segment_id, 0u);
	wr_store_release(&segment->first_seq, first_seq);
	wr_store_release(&segment->file, index);
	wr_store_release(&segment->segment_id, segment_id);
	if (wr_load_relaxed(&table.count) <= index)
		wr_store_release(&table.count, index + 1);
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
	set_entry(0, 7, 300);
	set_entry(1, 5, 100);
	set_entry(2, 6, 200);
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
	set_entry(0, 6, 100);
	set_entry(1, 5, 100);
	cr_assert(wr_segment_find(&table, 100, &found));
	cr_assert_eq(found.segment_id, 6);
}

CASE(segment, next_follows_the_ids_and_ends)
{
	struct wr_segment_found found;

	set_entry(0, 9, 300);
	set_entry(1, 4, 100);
	set_entry(2, 6, 200);
	cr_assert(wr_segment_next(&table, 0, &found));
	cr_assert_eq(found.segment_id, 4);
	cr_assert(wr_segment_next(&table, 4, &found));
	cr_assert_eq(found.segment_id, 6);
	cr_assert(wr_segment_next(&table, 6, &found));
	cr_assert_eq(found.segment_id, 9);
	cr_assert_not(wr_segment_next(&table, 9, &found));
}

CASE(segment, what_has_no_id_or_no_batch_is_not_found)
{
	struct wr_segment_found found;

	set_entry(0, 0, 100);
	set_entry(1, 5, 0);
	cr_assert_not(wr_segment_find(&table, 1000, &found));
	cr_assert_not(wr_segment_next(&table, 0, &found));
	cr_assert_eq(wr_segment_oldest_seq(&table), 0);
}

static void *recycle_for_ever(void *unused)
{
	(void)unused;
	for (uint64_t id = 2; id <= LIVES; id++)
		set_entry(0, id, id * 10);
	return NULL;
}

CASE(segment, a_lookup_beside_recycling_never_mixes_two_lives)
{
	pthread_t thread;
	struct wr_segment_found found;

	/* One entry, so that a lookup meets a change as often as can be. */
	set_entry(0, 1, 10);
	cr_assert_eq(pthread_create(&thread, NULL, recycle_for_ever, NULL), 0);
	for (uint64_t id = 0; id < LIVES;) {
		if (!wr_segment_find(&table, UINT64_MAX, &found))
			continue;
		if (found.first_seq != found.segment_id * 10)
			cr_assert_eq(found.first_seq, found.segment_id * 10);
		id = found.segment_id;
	}
	pthread_join(thread, NULL);
}

CASE(segment, a_table_that_finds_no_memory_says_so)
{
	struct wr_segment_table other;

	wr_memory_sim_fail(&memory, 1, false);
	cr_assert_eq(wr_segment_table_init(&other, &memory.base, 0, 4096, 8192, uuid), -12);
	wr_segment_table_fini(&other, &memory.base);
}
