/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   of many ranges of numbers those are found that a number is in, each once.
 * Method: drawn ones, narrow and wide, beside and over one another and at both ends of all numbers,
 *         tried one by one at their ends, beside those, and between.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "core/route/ranges.h"
#include "tests/unit/route/route_bed.h"

#define NOTED 12u

static uint64_t seed = 815;

static uint32_t draw(uint32_t below)
{
	return route_bed_draw(&seed, below);
}

static struct wr_arena arena;

static void begin(void)
{
	route_bed_begin(&arena);
}

static void end(void)
{
	wr_arena_fini(&arena);
}

static struct wr_range drawn_range(uint32_t number, uint64_t middle)
{
	uint64_t first = draw(8) == 0 ? 0 : middle + (uint64_t)draw(5000) * draw(1000);
	uint64_t width = draw(4) == 0 ? (uint64_t)draw(1u << 30) << draw(33) : draw(60);
	uint64_t last = draw(8) == 0 || width > UINT64_MAX - first ? UINT64_MAX : first + width;
	return (struct wr_range){.first = first, .last = last, .number = number};
}

/* Found numbers: each range once, and those alone that have it. */
static void expect_ranges(const struct wr_ranges *ranges, const struct wr_table *table,
			  const struct wr_range *list, uint32_t count, uint64_t number)
{
	uint32_t found = 0, wanted = 0;
	for (uint32_t i = 0; i < count; i++)
		wanted += list[i].first <= number && number <= list[i].last;
	for (uint32_t node = wr_ranges_find(ranges, number); node != 0;
	     node = ranges->nodes[node].up)
		for (uint32_t l = ranges->nodes[node].list; l != 0; l = table->links[l - 1].next) {
			const struct wr_range *r = &list[table->links[l - 1].number];
			cr_assert(r->first <= number && number <= r->last);
			found++;
		}
	cr_assert_eq(found, wanted, "%llu: %u of %u", (unsigned long long)number, found, wanted);
	/* What is sent for is there, also for a number that is nowhere. */
	const uint64_t *last =
		&ranges->touched[((ranges->last - ranges->first) >> ranges->touched_shift) /
				 WR_RANGES_STRETCHES];
	const uint64_t *line = wr_ranges_line(ranges, number);
	cr_assert(line >= ranges->touched && line <= last);
}

/* Numbers beside and beyond all ranges: each that was noted may be there, and ranges are found. */
static void try_noted(struct wr_ranges *ranges, const struct wr_table *table,
		      const struct wr_range *list, uint32_t count, const uint64_t *noted)
{
	for (uint32_t i = 0; i < NOTED; i++)
		wr_ranges_note(ranges, noted[i]);
	for (uint32_t i = 0; i < NOTED; i++) {
		cr_assert_neq(wr_ranges_ask(ranges, noted[i]) & WR_RANGES_HAS_NUMBER, 0);
		expect_ranges(ranges, table, list, count, noted[i]);
	}
}

Test(ranges, are_those_that_have_the_number, .init = begin, .fini = end)
{
	static struct wr_range list[300];
	uint64_t noted[NOTED];
	for (uint32_t round = 0; round < 60; round++) {
		struct wr_ranges ranges = {0};
		struct wr_table table;
		uint32_t count = 1 + draw(round < 30 ? 4 : 300);
		uint64_t middle = (uint64_t)draw(1u << 30) << draw(34);
		wr_table_init(&table, &arena);
		for (uint32_t i = 0; i < count; i++) {
			list[i] = drawn_range(i, middle);
			cr_assert(wr_ranges_add(&ranges, &arena, &list[i]));
		}
		for (uint32_t i = 0; i < NOTED && round % 2 == 0; i++) {
			noted[i] = draw(8) == 0 ? (uint64_t)draw(1u << 31) << draw(34)
						: middle + draw(1u << 23);
			wr_ranges_widen(&ranges, noted[i]);
		}
		cr_assert(wr_ranges_finish(&ranges, &arena, &table));
		if (round % 2 == 0)
			try_noted(&ranges, &table, list, count, noted);
		for (uint32_t i = 0; i < count; i++)
			for (uint64_t by = 0; by < 3; by++) {
				expect_ranges(&ranges, &table, list, count, list[i].first + by - 1);
				expect_ranges(&ranges, &table, list, count, list[i].last + by - 1);
			}
		for (uint32_t i = 0; i < 100; i++)
			expect_ranges(&ranges, &table, list, count,
				      middle + (uint64_t)draw(5000) * draw(1000));
		expect_ranges(&ranges, &table, list, count, 0);
		expect_ranges(&ranges, &table, list, count, UINT64_MAX);
	}
}
