/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a matcher of many rules says of an event what each of their filters says by itself.
 * Method: all patterns of the tables of cases in one matcher, and all their events; then rules and
 *         events drawn from a seed, of all kinds at once; and many rules that events nearly match.
 *         The masks of the quick scanner are compared with those of the plain one. WEIR_TEST_SEED
 *         draws others, WEIR_TEST_RULES so many near ones: 100000 take a minute.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>

#include "core/base/bits.h"
#include "core/route/matcher.h"
#include "core/route/scan.h"
#include "tests/unit/route/cases.h"
#include "tests/unit/route/drawn.h"
#include "tests/unit/route/drawn_near.h"

#define RULES_MAX 200000u

static struct weir_filter *filters[RULES_MAX];
static char *patterns[RULES_MAX];
static uint32_t filter_count;
static struct weir_matcher *matcher;
static struct weir_match *match;

static void add(enum weir_filter_kind kind, const char *pattern)
{
	struct weir_problem problem;
	cr_assert(filter_count < RULES_MAX);
	if (weir_filter_create(kind, pattern, strlen(pattern), NULL, &filters[filter_count],
			       &problem) == 0)
		patterns[filter_count++] = strdup(pattern);
}

static void make(size_t payload_bytes_max)
{
	struct weir_problem problem = {0};
	cr_assert_eq(weir_matcher_create((const struct weir_filter *const *)filters, filter_count,
					 NULL, &matcher, &problem),
		     0);
	cr_assert_gt(weir_matcher_bytes(matcher), sizeof *matcher);
	cr_assert_eq(weir_match_create(matcher, payload_bytes_max, NULL, &match, &problem), 0);
}

static void drop(void)
{
	weir_match_destroy(match);
	weir_matcher_destroy(matcher);
	for (uint32_t i = 0; i < filter_count; i++) {
		weir_filter_destroy(filters[i]);
		free(patterns[i]);
	}
	filter_count = 0;
}

/* How many rules want it. */
static uint32_t compare(const struct weir_routed *event)
{
	static uint32_t rules[RULES_MAX];
	static uint8_t wanted[RULES_MAX];
	uint32_t expected = 0;
	int count = weir_match_run(match, event, rules, RULES_MAX);
	cr_assert(count >= 0, "%.*s: %d", (int)event->payload_bytes, (const char *)event->payload,
		  count);
	memset(wanted, 0, filter_count);
	for (int i = 0; i < count; i++) {
		cr_assert(rules[i] < filter_count && wanted[rules[i]] == 0);
		wanted[rules[i]] = 1;
	}
	for (uint32_t i = 0; i < filter_count; i++) {
		int alone = weir_filter_match(filters[i], event, NULL);
		cr_assert((alone > 0) == (wanted[i] != 0), "rule %s on payload %.*s, key %.*s: %d",
			  patterns[i], (int)event->payload_bytes,
			  event->payload != NULL ? (const char *)event->payload : "",
			  (int)event->key_bytes, event->key != NULL ? event->key : "", alone);
		expected += alone > 0;
	}
	cr_assert_eq(expected, (uint32_t)count);
	return expected;
}

static void add_cases(const struct route_case *cases, size_t count)
{
	static const enum weir_filter_kind kinds[] = {['e'] = WEIR_FILTER_EVENTBRIDGE,
						      ['t'] = WEIR_FILTER_TOPIC,
						      ['b'] = WEIR_FILTER_SNS_BODY,
						      ['s'] = WEIR_FILTER_SNS_ATTRIBUTES};
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(cases[i].pattern, cases[i - 1].pattern) != 0)
			add(kinds[(unsigned char)cases[i].kind], cases[i].pattern);
}

static void compare_cases(const struct route_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = cases[i].event;
		struct weir_routed event = {.key = "a.b", .key_bytes = 3};
		if (cases[i].kind == 't') {
			event.key = text;
			event.key_bytes = strlen(text);
		} else {
			event.payload = text;
			event.payload_bytes = strlen(text);
		}
		compare(&event);
	}
}

Test(matcher, all_cases_at_once_as_each_alone)
{
	add(WEIR_FILTER_FANOUT, "");
	add(WEIR_FILTER_DIRECT, "a.b");
	add(WEIR_FILTER_DIRECT, "");
	add_cases(topic_cases, topic_case_count);
	add_cases(path_cases, path_case_count);
	add_cases(operator_cases, operator_case_count);
	add_cases(sns_cases, sns_case_count);
	cr_assert_gt(filter_count, 100);
	make(4096);
	compare_cases(topic_cases, topic_case_count);
	compare_cases(path_cases, path_case_count);
	compare_cases(operator_cases, operator_case_count);
	compare_cases(sns_cases, sns_case_count);
	drop();
}

/* Headers as attributes and as headers, of drawn kinds. */
static void draw_headers(struct drawn *d, struct weir_typed_header *headers, size_t count)
{
	static const char *const names[] = {"a", "b", "c", "d", "a.b"};
	static const char *const texts[] = {"a", "ab", "", "10.0.0.1", "B"};
	static const char *const lists[] = {"[\"a\",1,null]", "[]", "[[1],\"ab\"]", "{\"a\":1}",
					    "[true,\"a\\u0062\"]"};
	for (size_t i = 0; i < count; i++) {
		const char *text = texts[drawn_below(d, 5)];
		headers[i] = (struct weir_typed_header){
			.name = names[i],
			.name_bytes = strlen(names[i]),
			.kind = (enum weir_value_kind)(1 + drawn_below(d, 7)),
			.boolean = drawn_below(d, 2) == 0,
			.integer = (int64_t)drawn_below(d, 4) - 1,
			.real = drawn_below(d, 5) / 2.0};
		if (headers[i].kind == WEIR_VALUE_JSON)
			text = lists[drawn_below(d, 5)];
		headers[i].value = text;
		headers[i].value_bytes = strlen(text);
	}
}

static void add_headers(struct drawn *d)
{
	static const char *const modes[] = {"all", "any", "all-with-x", "any-with-x"};
	struct weir_typed_header arguments[4];
	struct weir_problem problem;
	const char *mode = modes[drawn_below(d, 4)];
	size_t count = drawn_below(d, 4);
	draw_headers(d, arguments, count);
	arguments[count] = (struct weir_typed_header){.name = "x-match",
						      .name_bytes = 7,
						      .kind = WEIR_VALUE_TEXT,
						      .value = mode,
						      .value_bytes = strlen(mode)};
	cr_assert_eq(weir_filter_create_headers(arguments, count + 1, NULL, &filters[filter_count],
						&problem),
		     0);
	patterns[filter_count++] = strdup(mode);
}

static uint64_t seed_of_test(void)
{
	const char *given = getenv("WEIR_TEST_SEED");
	return given != NULL ? strtoull(given, NULL, 10) * 2 + 1 : 20261126;
}

Test(matcher, drawn_rules_at_once_as_each_alone, .timeout = 120)
{
	static struct drawn pattern, event, key;
	uint64_t matches = 0, events = 0;
	pattern.seed = event.seed = key.seed = seed_of_test();
	for (int round = 0; round < 25; round++) {
		for (int i = 0; i < 60; i++) {
			drawn_pattern(&pattern, 0);
			add(i % 8 == 0 ? WEIR_FILTER_SNS_BODY : WEIR_FILTER_EVENTBRIDGE,
			    pattern.text);
		}
		for (int i = 0; i < 20; i++) {
			drawn_pattern(&pattern, 1);
			add(WEIR_FILTER_SNS_ATTRIBUTES, pattern.text);
			if (i % 2 == 0) {
				drawn_pattern(&pattern, 0);
				add(WEIR_FILTER_EVENTBRIDGE_HEADERS, pattern.text);
			}
			drawn_key(&key, 1);
			add(i % 3 == 0 ? WEIR_FILTER_DIRECT : WEIR_FILTER_TOPIC, key.text);
			add_headers(&pattern);
		}
		make(DRAWN_BYTES_MAX);
		for (int i = 0; i < 60; i++) {
			struct weir_typed_header headers[5];
			drawn_event(&event);
			drawn_key(&key, 0);
			draw_headers(&event, headers, 5);
			if (event.bytes == DRAWN_BYTES_MAX - 1)
				continue; /* cut */
			struct weir_routed routed = {.key = key.text,
						     .key_bytes = key.bytes,
						     .payload = event.text,
						     .payload_bytes = event.bytes,
						     .headers = headers,
						     .header_count = drawn_below(&event, 6)};
			matches += compare(&routed);
			events++;
		}
		drop();
	}
	cr_assert(matches > events && events > 1000, "%llu of %llu", (unsigned long long)matches,
		  (unsigned long long)events);
}

Test(matcher, rules_that_are_nearly_matched_as_each_alone, .timeout = 3600)
{
	static struct drawn pattern, event;
	const char *given = getenv("WEIR_TEST_RULES");
	uint32_t rules = given != NULL ? (uint32_t)strtoul(given, NULL, 10) : 1500, matches = 0;
	pattern.seed = event.seed = seed_of_test();
	cr_assert(rules > 0 && rules <= RULES_MAX);
	while (filter_count < rules) {
		uint32_t before = filter_count;
		drawn_near_pattern(&pattern);
		add(WEIR_FILTER_EVENTBRIDGE, pattern.text);
		cr_assert_eq(filter_count, before + 1, "%s", pattern.text);
	}
	make(DRAWN_BYTES_MAX);
	for (int i = 0; i < 50; i++) {
		drawn_near_event(&event);
		struct weir_routed routed = {.payload = event.text, .payload_bytes = event.bytes};
		matches += compare(&routed);
	}
	cr_assert_gt(matches, rules / 100);
	drop();
}

Test(matcher, what_is_too_large_is_told)
{
	static const char payload[] = "{\"a\":[1,2,3,4,5,6,7,8,9]}";
	struct weir_routed event = {.payload = payload, .payload_bytes = sizeof payload - 1};
	uint32_t rule = 0;
	add(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[9]}");
	add(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[8]}");
	make(sizeof payload - 2);
	cr_assert_eq(weir_match_run(match, &event, &rule, 1), WEIR_E_TOO_BIG);
	weir_match_destroy(match);
	cr_assert_eq(weir_match_create(matcher, sizeof payload - 1, NULL, &match, NULL), 0);
	/* More than there is room for: all are counted. */
	cr_assert_eq(weir_match_run(match, &event, &rule, 1), 2);
	cr_assert_eq(weir_match_run(match, &event, NULL, 0), 2);
	drop();
}

Test(matcher, a_number_of_a_rule_that_is_not_there_stays_free)
{
	static const char payload[] = "{\"a\":9}";
	struct weir_routed event = {.payload = payload, .payload_bytes = sizeof payload - 1};
	uint32_t rule = 0;
	struct weir_filter *filter = NULL;
	cr_assert_eq(
		weir_filter_create(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[9]}", 9, NULL, &filter, NULL),
		0);
	const struct weir_filter *const holes[] = {NULL, NULL, filter};
	cr_assert_eq(weir_matcher_create(holes, 3, NULL, &matcher, NULL), 0);
	weir_filter_destroy(filter);
	cr_assert_eq(weir_match_create(matcher, 0, NULL, &match, NULL), 0);
	cr_assert_eq(weir_match_run(match, &event, &rule, 1), 1);
	cr_assert_eq(rule, 2);
	drop();
}

Test(matcher, damage_is_no_match_and_no_crash)
{
	static const char whole[] = "{\"a\":{\"b\":[1,{\"c\":\"x\\u0041\"}]},\"d\":true}";
	add(WEIR_FILTER_EVENTBRIDGE, "{\"d\":[true]}");
	add(WEIR_FILTER_EVENTBRIDGE, "{\"a\":{\"b\":{\"c\":[\"xA\"]}}}");
	make(sizeof whole);
	for (size_t bytes = 0; bytes < sizeof whole - 1; bytes++) {
		char *cut = malloc(bytes + 1);
		memcpy(cut, whole, bytes);
		struct weir_routed event = {.payload = cut, .payload_bytes = bytes};
		cr_assert_eq(weir_match_run(match, &event, NULL, 0), 0, "%zu", bytes);
		free(cut);
	}
	struct weir_routed event = {.payload = whole, .payload_bytes = sizeof whole - 1};
	cr_assert_eq(weir_match_run(match, &event, NULL, 0), 2);
	drop();
}

Test(matcher, quick_masks_are_the_plain_ones)
{
	static uint8_t bytes[200];
	struct wr_scan_block quick[4], plain[4];
	struct drawn d = {.seed = 7};
	for (int round = 0; round < 2000; round++) {
		size_t count = 1 + drawn_below(&d, sizeof bytes);
		for (size_t i = 0; i < count; i++)
			bytes[i] = round % 2 == 0 ? (uint8_t)drawn_below(&d, 256)
						  : (uint8_t) "{}[]\".\\a"[drawn_below(&d, 8)];
		bool is_whole = wr_scan_plain()->run(bytes, count, plain);
		cr_assert_eq(wr_scan_best()->run(bytes, count, quick), is_whole);
		cr_assert_eq(memcmp(quick, plain, wr_scan_block_count(count) * sizeof *quick), 0);
		for (size_t i = 0; i < count; i++)
			if ((plain[i / 64].opens >> (i % 64) & 1) != 0)
				cr_assert_eq(wr_scan_best()->end_of(quick, i, count),
					     wr_scan_plain()->end_of(plain, i, count));
	}
}

/* Digits are read eight at a time where there is room behind them. */
Test(matcher, whole_numbers_are_read_by_their_digits)
{
	static const char digits[] = "90817263545362718";
	static const char *const tails[] = {
		"}",
		",\"b\":0}",
		",\"b\":\"so long that eight bytes may be read twice\"}",
		" ,\"b\":\"so long that eight bytes may be read twice\"}",
		"]",
		"],\"b\":\"so long that eight bytes may be read twice\"}",
		".0,\"b\":\"so long that eight bytes may be read twice\"}",
		"e0,\"b\":\"so long that eight bytes may be read twice\"}",
		"/,\"b\":\"so long that eight bytes may be read twice\"}",
		":,\"b\":\"so long that eight bytes may be read twice\"}",
		"\300,\"b\":\"so long that eight bytes may be read twice\"}",
		"\1,\"b\":\"so long that eight bytes may be read twice\"}",
	};
	static const char *const heads[] = {"", "-", "0", "00000000"};
	char text[128];
	uint32_t matches = 0;
	for (int count = 0; count < (int)sizeof digits; count++) {
		snprintf(text, sizeof text, "{\"a\":[%.*s]}", count > 0 ? count : 1,
			 count > 0 ? digits : "0");
		add(WEIR_FILTER_EVENTBRIDGE, text);
	}
	make(sizeof text);
	for (size_t head = 0; head < WR_ARRAY_COUNT(heads); head++) {
		for (int count = 0; count < (int)sizeof digits; count++) {
			for (size_t tail = 0; tail < WR_ARRAY_COUNT(tails); tail++) {
				int bytes = snprintf(text, sizeof text, "{\"a\":%s%.*s%s",
						     heads[head], count, digits, tails[tail]);
				struct weir_routed event = {.payload = text,
							    .payload_bytes = (size_t)bytes};
				matches += compare(&event);
			}
		}
	}
	/* Of each rule six: 1 to 4, and with ".0" and "e0"; of 0 its own, and "-0". */
	cr_assert_eq(matches, (sizeof digits - 1) * 6 + 6);
	drop();
}

/* Each byte looked at by itself. */
static size_t end_slowly(const char *text, size_t at, size_t bytes)
{
	int depth = 0, inside = 0;
	for (; at < bytes; at++) {
		if (inside && text[at] == '\\')
			at++;
		else if (text[at] == '"')
			inside = !inside;
		else if (!inside && strchr("{[", text[at]) != NULL)
			depth++;
		else if (!inside && strchr("}]", text[at]) != NULL && --depth == 0)
			return at;
	}
	return bytes;
}

Test(matcher, brackets_end_where_looking_at_each_byte_says)
{
	static struct drawn event;
	static struct wr_scan_block blocks[DRAWN_BYTES_MAX / 64 + 1];
	event.seed = 11;
	for (int round = 0; round < 500; round++) {
		drawn_event(&event);
		if (event.bytes == DRAWN_BYTES_MAX - 1 ||
		    !wr_scan_best()->run((const uint8_t *)event.text, event.bytes, blocks))
			continue;
		for (size_t at = 0; at < event.bytes; at++)
			if ((blocks[at / 64].opens >> (at % 64) & 1) != 0)
				cr_assert_eq(wr_scan_best()->end_of(blocks, at, event.bytes),
					     end_slowly(event.text, at, event.bytes));
	}
}

static void compare_string(const char *text, size_t bytes, const struct wr_scan_block *blocks,
			   size_t at)
{
	struct wr_scan_string told = wr_scan_string(blocks, at, bytes);
	bool has_dot = false, has_slash = false;
	size_t end = at;
	for (; end < bytes && text[end] != '"'; end++) {
		end += text[end] == '\\';
		has_slash = has_slash || text[end - 1] == '\\';
		has_dot = has_dot || text[end] == '.';
	}
	cr_assert_eq(told.end, end);
	cr_assert_eq(told.dots != 0, has_dot);
	cr_assert_eq(told.slashes != 0, has_slash);
}

Test(matcher, strings_end_where_looking_at_each_byte_says)
{
	static char text[300];
	struct wr_scan_block blocks[WR_ARRAY_COUNT(text) / 64 + 1];
	struct drawn d = {.seed = 13};
	for (int round = 0; round < 2000; round++) {
		size_t bytes = 2 + drawn_below(&d, sizeof text - 1);
		for (size_t i = 0; i < bytes; i++) {
			uint32_t c = drawn_below(&d, 60);
			text[i] = c < 3 ? ".\\\""[c] : 'a';
		}
		text[0] = '"';
		if (!wr_scan_best()->run((const uint8_t *)text, bytes, blocks))
			continue;
		compare_string(text, bytes, blocks, 1);
	}
}
