/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   of whole texts and numbers each is found with its list, and nothing else is.
 * Method: drawn ones of all lengths around the words that stand beside the list, each in a block of
 *         its own length; texts that differ only in the middle, few and so many that they are
 *         placed by the whole text; asked for what is there and for what is beside it.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "core/route/equals.h"
#include "tests/unit/route/route_bed.h"

#define TEXTS_MAX 200u
#define BYTES_MAX 40u

static uint64_t seed = 2742;

static uint32_t draw(uint32_t below)
{
	return route_bed_draw(&seed, below);
}

static struct wr_arena arena;
static uint8_t *texts[TEXTS_MAX];
static size_t lengths[TEXTS_MAX];
static uint32_t count;

static void begin(void)
{
	route_bed_begin(&arena);
}

static void drop(void)
{
	while (count > 0)
		free(texts[--count]);
}

static void end(void)
{
	drop();
	wr_arena_fini(&arena);
}

static uint64_t hash_of(uint32_t i)
{
	return wr_window_hash(wr_window_last(texts[i], lengths[i]), lengths[i]);
}

/* Not one that is there. */
static void keep(const uint8_t *text, size_t bytes)
{
	for (uint32_t i = 0; i < count; i++)
		if (lengths[i] == bytes && (bytes == 0 || memcmp(texts[i], text, bytes) == 0))
			return;
	texts[count] = malloc(bytes + (bytes == 0));
	cr_assert(texts[count] != NULL);
	if (bytes > 0)
		memcpy(texts[count], text, bytes);
	lengths[count++] = bytes;
}

/* Every second one; those between are asked for, too. */
static bool add_all(struct wr_equals *equals)
{
	for (uint32_t i = 0; i < count; i += 2)
		if (!wr_equals_add_text(equals, texts[i], lengths[i], hash_of(i), i + 1))
			return false;
	return true;
}

static void expect_texts(const struct wr_equals *equals)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t list = wr_equals_find_text(equals, texts[i], lengths[i], hash_of(i));
		cr_assert_eq(list, i % 2 == 0 ? i + 1 : 0, "%u of %u: %u", i, count, list);
	}
}

Test(equals, of_texts_each_is_found_and_none_beside_it, .init = begin, .fini = end)
{
	for (uint32_t round = 0; round < 60; round++) {
		struct wr_equals equals = {0};
		while (count < 2 + round * 3) {
			uint8_t text[BYTES_MAX];
			size_t bytes = draw(BYTES_MAX + 1);
			for (size_t i = 0; i < bytes; i++)
				text[i] = (uint8_t)('a' + draw(2));
			keep(text, bytes);
		}
		cr_assert(wr_equals_make(&equals, &arena, count / 2 + 1));
		cr_assert(add_all(&equals) || add_all(&equals));
		expect_texts(&equals);
		drop();
	}
}

Test(equals, texts_that_differ_in_the_middle_are_told_apart, .init = begin, .fini = end)
{
	for (uint32_t wanted = 1; wanted < 100; wanted++) {
		struct wr_equals equals = {0};
		bool is_many = (wanted + 1) / 2 > WR_EQUALS_ALIKE_MAX;
		for (uint32_t i = 0; i < wanted; i++) {
			char text[] = "beginning xxx that all have";
			text[10] = (char)('a' + i % 5);
			text[11] = (char)('a' + i / 5 % 5);
			text[12] = (char)('a' + i / 25);
			keep((const uint8_t *)text, sizeof text - 1);
		}
		cr_assert(wr_equals_make(&equals, &arena, count));
		cr_assert_eq(add_all(&equals), !is_many);
		cr_assert(!is_many || add_all(&equals));
		cr_assert_eq(equals.is_deep, is_many);
		expect_texts(&equals);
		drop();
	}
}

Test(equals, of_numbers_each_is_found_and_none_beside_it, .init = begin, .fini = end)
{
	struct wr_equals equals = {0};
	const uint64_t by = 0x9e3779b97f4a7c15u;
	cr_assert(wr_equals_make(&equals, &arena, 501));
	wr_equals_add_number(&equals, UINT64_MAX, UINT64_MAX * by, 1000);
	for (uint64_t n = 0; n < 500; n++)
		wr_equals_add_number(&equals, n * n * 3, n * n * 3 * by, (uint32_t)n + 1);
	for (uint64_t n = 0; n < 500; n++) {
		uint64_t number = n * n * 3;
		cr_assert_eq(wr_equals_find_number(&equals, number, number * by), n + 1);
		cr_assert_eq(wr_equals_find_number(&equals, number + 1, (number + 1) * by), 0);
	}
	cr_assert_eq(wr_equals_find_number(&equals, UINT64_MAX, UINT64_MAX * by), 1000);
}
