/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   of many texts those are found that a text begins, or ends, with.
 * Method: drawn ones, few and many, short and long, that share a trunk and begin with one another,
 *         tried one by one; and texts made to have one hash, or one end.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "core/route/ends_hash.h"
#include "core/route/matcher.h"
#include "tests/unit/route/route_bed.h"

static uint64_t seed = 4711;

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

static void add_end(struct wr_ends *ends, struct wr_table *table, const void *bytes, size_t count,
		    uint32_t list)
{
	struct wr_entry *e = wr_table_add(table, 0, WR_DOOR_PREFIX, bytes, count);
	e->list = list;
	cr_assert(wr_ends_add(
		ends, &arena,
		&(struct wr_ends_text){bytes, (uint32_t)count, (uint32_t)(e - table->entries)}));
}

static void add_up(void *context, uint32_t list)
{
	*(uint32_t *)context += list;
}

/* As ends.c hashes the first of two words. */
static uint64_t mixed(uint64_t word)
{
	word *= 0x9e3779b97f4a7c15u;
	return word ^ word >> 29;
}

/*
 * The filter has its last eight bytes, from another one, and its hash is that of the first. All are
 * in one cell with many others.
 */
Test(ends, a_text_with_the_hash_of_another_is_not_that_one, .init = begin, .fini = end)
{
	static uint64_t others[128][2];
	const uint64_t one[2] = {0x1111, 0x2222};
	const uint64_t alike[2] = {0x3311, one[1] ^ mixed(one[0]) ^ mixed(0x3311)};
	const uint64_t same_end[2] = {0x4411, alike[1]};
	struct wr_ends ends = {0};
	struct wr_table table;
	uint32_t found = 0;
	wr_table_init(&table, &arena);
	add_end(&ends, &table, one, sizeof one, 1);
	add_end(&ends, &table, same_end, sizeof same_end, 2);
	for (uint32_t i = 0; i < 128; i++) {
		others[i][0] = i < WR_ENDS_FEW ? 0x11 | (i + 1) << 16 : 0x20 + i;
		others[i][1] = i;
		add_end(&ends, &table, others[i], sizeof others[i], 8);
	}
	cr_assert(wr_ends_finish(&ends, &arena, &arena, &table, false));
	wr_ends_first(&ends, (const uint8_t *)alike, sizeof alike, add_up, &found);
	cr_expect_eq(found, 0, "%u", found);
	wr_ends_first(&ends, (const uint8_t *)one, sizeof one, add_up, &found);
	cr_expect_eq(found, 1, "%u", found);
	wr_ends_first(&ends, (const uint8_t *)same_end, sizeof same_end, add_up, &found);
	cr_expect_eq(found, 3, "%u", found);
	size_t along;
	cr_expect(wr_ends_ask(&ends, (const uint8_t *)alike, sizeof alike, false, &along)->is_many);
}

/* Of such a one the end is looked at, which is that of a longer one. */
Test(ends, a_text_does_not_begin_with_a_longer_one, .init = begin, .fini = end)
{
	const char *text = "xyxyxyxy";
	struct wr_ends ends = {0};
	struct wr_table table;
	uint32_t found = 0;
	wr_table_init(&table, &arena);
	add_end(&ends, &table, text, 8, 1);
	cr_assert(wr_ends_finish(&ends, &arena, &arena, &table, false));
	wr_ends_first(&ends, (const uint8_t *)text, 6, add_up, &found);
	cr_expect_eq(found, 0);
	wr_ends_first(&ends, (const uint8_t *)text, 8, add_up, &found);
	cr_expect_eq(found, 1);
}

#define TEXTS_MAX 160u
#define TEXT_BYTES 280u /* longer than a cell's few may be */
#define WHOLE_MAX 20u

static uint32_t passed, tried; /* texts that nobody noted */

/* Goes along with `from` for a drawn stretch, and then on with few letters. */
static uint32_t draw_text(uint8_t *to, const uint8_t *from, uint32_t from_bytes, uint32_t more)
{
	uint32_t bytes = from_bytes > 0 ? draw(from_bytes + 1) : 0;
	uint32_t end = bytes + draw(more);
	if (bytes > 0)
		memcpy(to, from, bytes);
	while (bytes < end && bytes < TEXT_BYTES)
		to[bytes++] = (uint8_t)('a' + draw(3));
	return bytes;
}

static void turn(uint8_t *text, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes / 2; i++) {
		uint8_t byte = text[i];
		text[i] = text[bytes - 1 - i];
		text[bytes - 1 - i] = byte;
	}
}

static bool has_end(const uint8_t *text, uint32_t bytes, const uint8_t *end, uint32_t end_bytes,
		    bool backwards)
{
	return end_bytes <= bytes &&
	       memcmp(end, backwards ? text + bytes - end_bytes : text, end_bytes) == 0;
}

static uint64_t hash_of(const uint8_t *text, uint32_t bytes)
{
	return wr_window_hash(wr_window_last(text, bytes), bytes);
}

/* Texts beside those that are looked for, and one another: each that was noted is let pass. */
static void try_whole(struct wr_ends *ends, const uint8_t *trunk, uint32_t trunk_bytes)
{
	static uint8_t noted[WHOLE_MAX][TEXT_BYTES], other[TEXT_BYTES];
	uint32_t counts[WHOLE_MAX];
	for (uint32_t i = 0; i < WHOLE_MAX; i++) {
		counts[i] = draw_text(noted[i], trunk, trunk_bytes, TEXT_BYTES);
		wr_ends_note(ends, noted[i], counts[i], hash_of(noted[i], counts[i]));
	}
	for (uint32_t i = 0; i < WHOLE_MAX; i++) {
		size_t along;
		const struct wr_ends_cell *cell =
			wr_ends_ask(ends, noted[i], counts[i], false, &along);
		cr_assert(wr_ends_may_be_noted(cell, hash_of(noted[i], counts[i])) != 0);
		uint32_t bytes = draw_text(other, noted[i], counts[i], TEXT_BYTES);
		cell = wr_ends_ask(ends, other, bytes, false, &along);
		passed += wr_ends_may_be_noted(cell, hash_of(other, bytes)) != 0;
		tried++;
	}
}

/* Of many texts, in steps as a matcher does. */
static uint32_t in_steps(const struct wr_ends *ends, const uint8_t *text, uint32_t bytes)
{
	uint32_t found = 0;
	size_t along;
	const struct wr_ends_cell *cell = wr_ends_ask(ends, text, bytes, false, &along);
	if (wr_ends_may_begin(ends, cell, along, text, bytes))
		wr_ends_first_in(ends, cell, along, text, bytes, add_up, &found);
	return found;
}

/* Texts that share a trunk, and beginnings of one another; more lengths than a set has bits. */
static void try_ends(bool backwards, uint32_t text_count)
{
	static uint8_t texts[TEXTS_MAX][TEXT_BYTES], drawn[2][TEXT_BYTES], asked[TEXT_BYTES];
	uint32_t counts[TEXTS_MAX], trunk_bytes = draw_text(drawn[0], NULL, 0, 1 + draw(40));
	uint32_t more = draw(2) == 0 ? 6 : TEXT_BYTES, lists[TEXTS_MAX] = {0};
	struct wr_ends ends = {0};
	struct wr_table table;
	wr_table_init(&table, &arena);
	for (uint32_t i = 0; i < text_count; i++) {
		bool goes_on = i > 0 && draw(3) == 0;
		counts[i] = draw_text(texts[i], goes_on ? drawn[1] : drawn[0],
				      goes_on ? counts[i - 1] : trunk_bytes, more);
		memcpy(drawn[1], texts[i], counts[i]);
		if (backwards)
			turn(texts[i], counts[i]);
		if (wr_table_find(&table, 0, WR_DOOR_PREFIX, texts[i], counts[i]) != NULL)
			continue; /* each is there once */
		lists[i] = i + 1;
		add_end(&ends, &table, texts[i], counts[i], lists[i]);
	}
	cr_assert(wr_ends_finish(&ends, &arena, &arena, &table, backwards));
	for (uint32_t k = 0; k < 100; k++) {
		uint32_t bytes, other = draw(text_count), found = 0, expected = 0;
		memcpy(drawn[1], texts[other], counts[other]);
		if (backwards)
			turn(drawn[1], counts[other]);
		bytes = draw_text(asked, drawn[k % 2], k % 2 == 0 ? trunk_bytes : counts[other],
				  more);
		if (backwards)
			turn(asked, bytes);
		for (uint32_t i = 0; i < text_count; i++)
			if (has_end(asked, bytes, texts[i], counts[i], backwards))
				expected += lists[i];
		(backwards ? wr_ends_last : wr_ends_first)(&ends, asked, bytes, add_up, &found);
		cr_assert_eq(found, expected, "%u texts, %.*s%s: %u, not %u", text_count,
			     (int)bytes, (const char *)asked, backwards ? " (ends)" : "", found,
			     expected);
		cr_assert(backwards || ends.is_few || in_steps(&ends, asked, bytes) == expected);
	}
	if (!backwards && !ends.is_few)
		try_whole(&ends, drawn[0], trunk_bytes);
}

Test(ends, beginnings_and_ends_are_found_as_trying_each_does, .init = begin, .fini = end)
{
	passed = tried = 0;
	for (uint32_t i = 0; i < 60; i++) {
		try_ends(false, 1 + draw(i % 4 == 0 ? 4 : TEXTS_MAX));
		try_ends(true, 1 + draw(i % 4 == 0 ? 4 : TEXTS_MAX));
	}
	/* That it turns most others away is what it is for. */
	cr_expect_lt(passed * 2, tried, "%u of %u", passed, tried);
}
