/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the parts that patterns are matched with do what their headers say.
 * Method: headers bindings through the public API with types that JSON has not; the cost of
 *         wildcards against the numbers of AWS's evaluator, and against all beginnings tried one by
 *         one on drawn texts; topic keys and array consistency against the definition, tried
 *         exhaustively, on drawn inputs; beginnings and ends against all texts tried one by one,
 *         and with texts made to have one hash.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>

#include "core/base/bits.h"
#include "core/route/case_fold.h"
#include "core/route/ends_hash.h"
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

/* ---- ends ---- */

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

/* The filter has its last eight bytes, from another one, and its hash is that of the first. */
Test(route_parts, a_text_with_the_hash_of_another_is_not_that_one, .init = begin, .fini = end)
{
	const uint64_t one[2] = {0x1111, 0x2222};
	const uint64_t alike[2] = {0x3333, one[1] ^ mixed(one[0]) ^ mixed(0x3333)};
	const uint64_t same_end[2] = {0x4444, alike[1]};
	struct wr_ends ends = {0};
	struct wr_table table;
	uint32_t found = 0;
	wr_table_init(&table, &arena);
	add_end(&ends, &table, one, sizeof one, 1);
	add_end(&ends, &table, same_end, sizeof same_end, 2);
	add_end(&ends, &table, same_end, 3, 4);
	cr_assert(wr_ends_finish(&ends, &arena, &arena, &table, false));
	wr_ends_first(&ends, (const uint8_t *)alike, sizeof alike, add_up, &found);
	cr_expect_eq(found, 0, "%u", found);
	wr_ends_first(&ends, (const uint8_t *)one, sizeof one, add_up, &found);
	cr_expect_eq(found, 1, "%u", found);
	wr_ends_first(&ends, (const uint8_t *)same_end, sizeof same_end, add_up, &found);
	cr_expect_eq(found, 7, "%u", found);
}

#define TEXTS_MAX 160u
#define TEXT_BYTES 120u
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
	}
	if (!backwards)
		try_whole(&ends, drawn[0], trunk_bytes);
}

Test(route_parts, beginnings_and_ends_are_found_as_trying_each_does, .init = begin, .fini = end)
{
	passed = tried = 0;
	for (uint32_t i = 0; i < 60; i++) {
		try_ends(false, 1 + draw(i % 4 == 0 ? 4 : TEXTS_MAX));
		try_ends(true, 1 + draw(i % 4 == 0 ? 4 : TEXTS_MAX));
	}
	/* That it turns most others away is what it is for. */
	cr_expect_lt(passed * 2, tried, "%u of %u", passed, tried);
}
