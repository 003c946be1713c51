/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the parts that patterns are matched with do what their headers say.
 * Method: headers bindings through the public API with types that JSON has not; the cost of
 *         wildcards against the numbers of AWS's evaluator, and against all beginnings tried one by
 *         one on drawn texts; topic keys and array consistency against the definition, tried
 *         exhaustively, on drawn inputs.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>

#include "core/base/bits.h"
#include "core/route/case_fold.h"
#include "core/route/join.h"
#include "core/route/matcher.h"
#include "core/route/topic_key.h"
#include "core/route/wildcard.h"
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

/* ---- headers ---- */

#define TEXT(n, v)                                                                                 \
	{                                                                                          \
		.name = (n), .name_bytes = sizeof(n) - 1, .kind = WEIR_VALUE_TEXT, .value = (v),   \
		.value_bytes = sizeof(v) - 1                                                       \
	}
#define INTEGER(n, v)                                                                              \
	{                                                                                          \
		.name = (n), .name_bytes = sizeof(n) - 1, .kind = WEIR_VALUE_INTEGER,              \
		.integer = (v)                                                                     \
	}
#define VOID(n)                                                                                    \
	{                                                                                          \
		.name = (n), .name_bytes = sizeof(n) - 1, .kind = WEIR_VALUE_VOID                  \
	}

static int headers_match(const struct weir_typed_header *arguments, size_t argument_count,
			 const struct weir_typed_header *headers, size_t header_count)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	int rc = weir_filter_create_headers(arguments, argument_count, NULL, &filter, &problem);
	if (rc < 0)
		return rc;
	cr_assert_eq(weir_filter_kind_of(filter), WEIR_FILTER_HEADERS);
	struct weir_routed event = {.headers = headers, .header_count = header_count};
	rc = weir_filter_match(filter, &event, &problem);
	weir_filter_destroy(filter);
	return rc;
}

#define MATCH(a, h) headers_match((a), WR_ARRAY_COUNT(a), (h), WR_ARRAY_COUNT(h))

Test(route_parts, headers_match_by_value_and_type)
{
	const struct weir_typed_header event[] = {TEXT("a", "x"),
						  INTEGER("n", 5),
						  VOID("v"),
						  {.name = "b",
						   .name_bytes = 1,
						   .kind = WEIR_VALUE_BINARY,
						   .value = "x",
						   .value_bytes = 1},
						  {.name = "j",
						   .name_bytes = 1,
						   .kind = WEIR_VALUE_JSON,
						   .value = "[1, {\"k\": 2.50}]",
						   .value_bytes = 16},
						  TEXT("x-y", "z")};
	const struct weir_typed_header both[] = {TEXT("a", "x"), INTEGER("n", 5)};
	const struct weir_typed_header half[] = {TEXT("a", "x"), INTEGER("n", 6)};
	const struct weir_typed_header half_any[] = {TEXT("x-match", "any"), TEXT("a", "x"),
						     INTEGER("n", 6)};
	const struct weir_typed_header types[] = {TEXT("b", "x")};
	const struct weir_typed_header real[] = {
		{.name = "n", .name_bytes = 1, .kind = WEIR_VALUE_REAL, .real = 5}};
	const struct weir_typed_header present[] = {VOID("a"), VOID("n"), VOID("v")};
	const struct weir_typed_header absent[] = {VOID("q")};
	const struct weir_typed_header json[] = {{.name = "j",
						  .name_bytes = 1,
						  .kind = WEIR_VALUE_JSON,
						  .value = "[1,{\"\\u006b\":25e-1}]",
						  .value_bytes = 20}};
	const struct weir_typed_header x_out[] = {TEXT("x-y", "other"), TEXT("a", "x")};
	const struct weir_typed_header x_in[] = {TEXT("x-match", "all-with-x"),
						 TEXT("x-y", "other"), TEXT("a", "x")};
	const struct weir_typed_header x_any[] = {TEXT("x-match", "any-with-x"), TEXT("x-y", "z")};
	const struct weir_typed_header x_any_out[] = {TEXT("x-match", "any"), TEXT("x-y", "z")};
	const struct weir_typed_header none_any[] = {TEXT("x-match", "any")};
	cr_expect_eq(MATCH(both, event), 1);
	cr_expect_eq(MATCH(half, event), 0);
	cr_expect_eq(MATCH(half_any, event), 1);
	cr_expect_eq(MATCH(types, event), 0);
	cr_expect_eq(MATCH(real, event), 0);
	cr_expect_eq(MATCH(present, event), 1);
	cr_expect_eq(MATCH(absent, event), 0);
	cr_expect_eq(MATCH(json, event), 1);
	cr_expect_eq(MATCH(x_out, event), 1);
	cr_expect_eq(MATCH(x_in, event), 0);
	cr_expect_eq(MATCH(x_any, event), 1);
	cr_expect_eq(MATCH(x_any_out, event), 0);
	cr_expect_eq(MATCH(none_any, event), 0);
	cr_expect_eq(headers_match(NULL, 0, event, 6), 1);
}

Test(route_parts, a_bad_x_match_is_refused)
{
	const struct weir_typed_header word[] = {TEXT("x-match", "most")};
	const struct weir_typed_header type[] = {INTEGER("x-match", 1)};
	const struct weir_typed_header kind[] = {{.name = "a", .name_bytes = 1, .kind = 99}};
	cr_expect_eq(MATCH(word, word), -EINVAL);
	cr_expect_eq(MATCH(type, word), -EINVAL);
	cr_expect_eq(MATCH(kind, word), -EINVAL);
}

/* ---- wildcards ---- */

static struct wr_wildcard parsed(const char *text)
{
	struct wr_wildcard w;
	size_t at;
	cr_assert_null(wr_wildcard_parse(&arena, text, strlen(text), &w, &at), "%s", text);
	cr_assert_not_null(w.tokens);
	return w;
}

static unsigned cost_of(const char *a, const char *b)
{
	struct wr_wildcard first = parsed(a), second = parsed(b != NULL ? b : "");
	const struct wr_wildcard *const list[] = {&first, &second};
	return wr_wildcard_cost(&arena, list, b != NULL ? 2 : 1);
}

/* What AWS documents for its evaluator, which counts without the quotes; they add nothing here. */
Test(route_parts, wildcards_cost_what_aws_says, .init = begin, .fini = end)
{
	cr_expect_eq(cost_of("*", NULL), 2); /* the quote behind it is a place, too */
	cr_expect_eq(cost_of("*aa", NULL), 3);
	cr_expect_eq(cost_of("a*bbb", NULL), 4);
	cr_expect_eq(cost_of("*ab*ad", NULL), 4);
	cr_expect_eq(cost_of("a*b*bb", NULL), 5);
	cr_expect_eq(cost_of("*ab*b*b*", NULL), 7);
	cr_expect_eq(cost_of("a*aaa", "aa*aa"), 7);
	cr_expect_eq(cost_of("*abc", "*abcde"), 4);
	cr_expect_eq(cost_of("*:*:*:*:*:event-bus/*", NULL), WR_WILDCARD_COST_MAX + 1);
	cr_expect_eq(cost_of("*a*a*a*a*a*a*a*a*", NULL), WR_WILDCARD_COST_MAX + 1);
}

/* How many beginnings of the pattern match the whole text? */
static unsigned beginnings(const struct wr_wildcard *w, const char *text, size_t bytes)
{
	unsigned n = 0;
	for (size_t count = 1; count <= w->count; count++) {
		struct wr_wildcard part = *w;
		part.count = count;
		n += wr_wildcard_matches(&part, (const uint8_t *)text, bytes);
	}
	return n;
}

Test(route_parts, no_text_is_in_more_places_than_the_cost, .init = begin, .fini = end)
{
	for (int round = 0; round < 300; round++) {
		char pattern[10], text[12];
		size_t count = 1 + draw(8);
		for (size_t i = 0; i < count; i++) {
			pattern[i] = "ab*"[draw(3)];
			if (i > 0 && pattern[i] == '*' && pattern[i - 1] == '*')
				pattern[i] = 'a';
		}
		pattern[count] = '\0';
		struct wr_wildcard w = parsed(pattern);
		unsigned cost = cost_of(pattern, NULL);
		for (int try = 0; try < 40; try++) {
			size_t bytes = draw(12);
			for (size_t i = 0; i < bytes; i++)
				text[i] = "abc"[draw(3)];
			cr_assert(beginnings(&w, text, bytes) <= cost, "%s on %.*s", pattern,
				  (int)bytes, text);
		}
	}
}

static bool matches_by_trying(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*')
		return matches_by_trying(pattern + 1, text) ||
		       (*text != '\0' && matches_by_trying(pattern, text + 1));
	return *pattern == *text && matches_by_trying(pattern + 1, text + 1);
}

Test(route_parts, wildcards_match_as_trying_everything_does, .init = begin, .fini = end)
{
	for (int round = 0; round < 20000; round++) {
		char pattern[9] = "", text[10] = "";
		for (size_t i = 0, n = draw(8); i < n; i++)
			pattern[i] =
				i > 0 && pattern[i - 1] == '*' ? "ab"[draw(2)] : "ab*"[draw(3)];
		for (size_t i = 0, n = draw(10); i < n; i++)
			text[i] = "ab"[draw(2)];
		struct wr_wildcard w = parsed(pattern);
		cr_assert_eq(wr_wildcard_matches(&w, (const uint8_t *)text, strlen(text)),
			     matches_by_trying(pattern, text), "%s on %s", pattern, text);
	}
}

/* ---- topic keys ---- */

static bool words_match(const char **pattern, size_t pattern_count, const char **key,
			size_t key_count)
{
	if (pattern_count == 0)
		return key_count == 0;
	if (strcmp(pattern[0], "#") == 0)
		return words_match(pattern + 1, pattern_count - 1, key, key_count) ||
		       (key_count > 0 &&
			words_match(pattern, pattern_count, key + 1, key_count - 1));
	return key_count > 0 && (strcmp(pattern[0], "*") == 0 || strcmp(pattern[0], key[0]) == 0) &&
	       words_match(pattern + 1, pattern_count - 1, key + 1, key_count - 1);
}

static size_t draw_key(char *to, const char **words, bool is_pattern)
{
	static const char *const all[] = {"a", "b", "", "#", "*", "ab"};
	size_t count = draw(7), at = 0;
	/* One empty word has no text of its own: the empty key has none. */
	for (size_t i = 0; i < count; i++) {
		words[i] = all[draw(is_pattern ? 6 : 3)];
		if (count == 1 && words[0][0] == '\0')
			words[0] = "a";
		if (i > 0)
			to[at++] = '.';
		memcpy(to + at, words[i], strlen(words[i]));
		at += strlen(words[i]);
	}
	to[at] = '\0';
	return count;
}

Test(route_parts, topic_keys_match_as_trying_everything_does)
{
	for (int round = 0; round < 20000; round++) {
		char pattern[40], key[40];
		const char *pattern_words[8], *key_words[8];
		size_t pattern_count = draw_key(pattern, pattern_words, true);
		size_t key_count = draw_key(key, key_words, false);
		cr_assert_eq(wr_topic_key_matches(pattern, strlen(pattern), key, strlen(key)),
			     words_match(pattern_words, pattern_count, key_words, key_count),
			     "\"%s\" on \"%s\"", pattern, key);
	}
}

/* ---- array consistency ---- */

static bool agree(const struct wr_context *contexts, uint32_t a, uint32_t b)
{
	for (uint32_t x = a; x != 0; x = contexts[x].parent)
		for (uint32_t y = b; y != 0; y = contexts[y].parent)
			if (contexts[x].array == contexts[y].array && x != y)
				return false;
	return true;
}

static bool join_by_trying(const struct wr_context *contexts, const struct wr_hit *hits,
			   size_t hit_count, uint32_t slot, uint32_t slot_count, uint32_t *chosen)
{
	if (slot == slot_count)
		return true;
	for (size_t i = 0; i < hit_count; i++) {
		bool good = hits[i].slot == slot;
		for (uint32_t k = 0; k < slot && good; k++)
			good = agree(contexts, chosen[k], hits[i].context);
		chosen[slot] = hits[i].context;
		if (good && join_by_trying(contexts, hits, hit_count, slot + 1, slot_count, chosen))
			return true;
	}
	/* By absence: each value is at odds with what was chosen before; nothing is chosen. */
	bool any = false, absent = true;
	for (size_t i = 0; i < hit_count; i++) {
		bool at_odds = false;
		if (hits[i].slot != (slot | WR_HIT_IN_THE_WAY))
			continue;
		for (uint32_t k = 0; k < slot && !at_odds; k++)
			at_odds = !agree(contexts, chosen[k], hits[i].context);
		any = true;
		absent = absent && at_odds;
	}
	chosen[slot] = 0;
	return any && absent &&
	       join_by_trying(contexts, hits, hit_count, slot + 1, slot_count, chosen);
}

Test(route_parts, fields_join_as_trying_everything_does)
{
	struct wr_join join;
	void *memory = calloc(1, wr_join_bytes(64, 4096));
	int matches = 0;
	cr_assert_not_null(memory);
	wr_join_place(&join, memory, 64, 4096);
	for (int round = 0; round < 20000; round++) {
		struct wr_context contexts[16] = {{0, 0}};
		struct wr_hit hits[12];
		uint32_t chosen[4], array_parent[24] = {0};
		uint32_t context_count = 1 + draw(12), array_count = 0;
		for (uint32_t i = 1; i < context_count; i++) {
			uint32_t parent = draw(i), array = 0;
			for (uint32_t a = 1; a <= array_count && array == 0; a++)
				if (array_parent[a] == parent && draw(3) > 0)
					array = a;
			if (array == 0) {
				array = ++array_count;
				array_parent[array] = parent;
			}
			contexts[i] = (struct wr_context){parent, array};
		}
		uint32_t slot_count = 2 + draw(3), hit_count = 1 + draw(10);
		for (uint32_t i = 0; i < hit_count; i++)
			hits[i] = (struct wr_hit){draw(slot_count), draw(context_count)};
		bool is = join_by_trying(contexts, hits, hit_count, 0, slot_count, chosen);
		cr_assert_eq(wr_join_run(&join, contexts, hits, hit_count, slot_count), (int)is,
			     "round %d", round);
		matches += is;
	}
	cr_assert(matches > 1000 && matches < 19000);
	free(memory);
}

/* Objects of three kinds of field in arrays of arrays: each field lies in elements of its depth. */
Test(route_parts, absences_join_as_trying_everything_does)
{
	struct wr_join join;
	void *memory = calloc(1, wr_join_bytes(64, 4096));
	int matches = 0;
	cr_assert_not_null(memory);
	wr_join_place(&join, memory, 64, 4096);
	for (int round = 0; round < 20000; round++) {
		struct wr_context contexts[16] = {{0, 0}};
		struct wr_hit hits[48];
		uint32_t chosen[4], depths[16] = {0};
		uint32_t context_count = 1 + draw(12), slot_count = 1 + draw(4);
		size_t hit_count = 0;
		/* One array in each object: of the event 1, of object n the array n + 1. */
		for (uint32_t i = 1; i < context_count; i++) {
			uint32_t parent = draw(i);
			contexts[i] = (struct wr_context){parent, parent + 1};
			depths[i] = depths[parent] + 1;
		}
		for (uint32_t slot = 0; slot < slot_count; slot++) {
			uint32_t depth = draw(4), wants_absent = draw(2);
			bool in_event = false;
			size_t before = hit_count;
			for (uint32_t c = 0; c < context_count; c++) {
				if (depths[c] != depth || draw(3) == 0)
					continue;
				in_event = in_event || c == 0;
				if (wants_absent == 0 || draw(4) == 0)
					hits[hit_count++] = (struct wr_hit){slot, c};
				if (wants_absent != 0)
					hits[hit_count++] =
						(struct wr_hit){slot | WR_HIT_IN_THE_WAY, c};
			}
			if (in_event) /* a value that belongs to everything: absent is out */
				hit_count = before;
			if (in_event && wants_absent == 0)
				hits[hit_count++] = (struct wr_hit){slot, 0};
			if (!in_event && wants_absent != 0 && hit_count == before)
				hits[hit_count++] = (struct wr_hit){slot, 0};
		}
		bool is = join_by_trying(contexts, hits, hit_count, 0, slot_count, chosen);
		cr_assert_eq(wr_join_run(&join, contexts, hits, hit_count, slot_count), (int)is,
			     "round %d", round);
		matches += is;
	}
	cr_assert(matches > 1000 && matches < 19000, "%d", matches);
	free(memory);
}

/* ---- case ---- */

Test(route_parts, cases_are_taken_from_both_ends)
{
	static const struct {
		const char *pattern, *text;
		size_t begins, ends;
	} rows[] = {
		{"ab", "ABc", 2, WR_CASE_NONE},
		{"BC", "abc", WR_CASE_NONE, 2},
		{"\303\237", "SSx", 2, WR_CASE_NONE},
		{"\303\237", "xSS", WR_CASE_NONE, 2},
		{"\303\204", "\303\244", 2, 2},
		{"\377", "\377", 1, 1},
		{"", "x", 0, 0},
		{"\360\237\230\200", "\360\237\230\200", 4, 4},
		{"a", "", WR_CASE_NONE, WR_CASE_NONE},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(rows); i++) {
		const uint8_t *pattern = (const uint8_t *)rows[i].pattern;
		const uint8_t *text = (const uint8_t *)rows[i].text;
		size_t pattern_bytes = strlen(rows[i].pattern), bytes = strlen(rows[i].text);
		cr_expect_eq(wr_case_begins(pattern, pattern_bytes, text, bytes), rows[i].begins,
			     "row %zu", i);
		cr_expect_eq(wr_case_ends(pattern, pattern_bytes, text, bytes), rows[i].ends,
			     "row %zu", i);
	}
}
