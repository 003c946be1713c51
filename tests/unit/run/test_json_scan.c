/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is JSON is taken and what is none is refused, at the byte that tells; values are
 *         found by path, and come out as they stand in the line; nothing is read beyond its end.
 * Method: tables, after RFC 8259 and the cases of its test suites; every beginning and every
 *         changed byte of a document, in memory that ends with it.
 */
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/run/json_scan.h"

static struct json_scan root;
static size_t bad_at;

/* In a block of its own size: where the text ends, nothing may be read. */
static bool check_n(const char *text, size_t bytes)
{
	static char *copy;
	free(copy);
	copy = malloc(bytes > 0 ? bytes : 1);
	cr_assert_not_null(copy);
	memcpy(copy, text, bytes);
	return json_scan_check(copy, bytes, &root, &bad_at);
}

static bool check(const char *text)
{
	return check_n(text, strlen(text));
}

Test(json_scan, what_is_json_is_taken)
{
	static const char *const good[] = {"{}",
					   "[]",
					   " [ ] ",
					   "{\"a\":{}}",
					   "[[],[[]],{}]",
					   "0",
					   "-0",
					   "-1.5e+3",
					   "1E5",
					   "12.0",
					   "\"\"",
					   "\"\\u0000\"",
					   "\"\\ud834\\udd1e\"",
					   "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
					   "true",
					   "false",
					   "null",
					   "\t{ \"a\" : [ 1 , \"]\" ] , \"a\" : null }\r\n",
					   "\"\x7f\"",
					   "\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\"",
					   "{\"\":0}",
					   "[1,2,{\"a\":[3,{}]},4]"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		cr_assert(check(good[i]), "%s: byte %zu", good[i], bad_at);
}

Test(json_scan, what_is_none_is_refused_where_it_goes_wrong)
{
	static const struct {
		const char *text;
		size_t bad_at;
	} bad[] = {{"", 1},         {" ", 2},         {"{", 2},
		   {"[1,]", 4},     {"{\"a\" 1}", 6}, {"{\"a\":1,}", 8},
		   {"{a:1}", 2},    {"[1 2]", 4},     {"[1]]", 4},
		   {"01", 2},       {"-", 2},         {"1.", 3},
		   {"1e", 3},       {"+1", 1},        {".5", 1},
		   {"nul", 1},      {"nulll", 5},     {"\"a", 3},
		   {"\"\\x\"", 3},  {"\"\\u12\"", 6}, {"\"\t\"", 2},
		   {"[1}", 3},      {"{\"a\":1]", 7}, {"'a'", 1},
		   {"\"\xff\"", 2}, {"[1,\xc3", 4},   {"{\"a\":}", 6},
		   {"[,1]", 2},     {"1 1", 3},       {"\xef\xbb\xbf{}", 1}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		cr_assert_not(check(bad[i].text), "%s", bad[i].text);
		cr_assert_eq(bad_at, bad[i].bad_at, "%s: byte %zu", bad[i].text, bad_at);
	}
	cr_assert_not(check("\"\\ud800\""));
	cr_assert_not(check("\"\\udc00\""));
	cr_assert_not(check("\"\\ud800\\u0041\""));
	cr_assert_not(check_n("{\0}", 3));
	cr_assert_not(check_n("\"\0\"", 3));
}

Test(json_scan, depth_has_a_bound)
{
	static char deep[2 * JSON_SCAN_DEPTH_MAX + 2];
	memset(deep, '[', JSON_SCAN_DEPTH_MAX);
	memset(deep + JSON_SCAN_DEPTH_MAX, ']', JSON_SCAN_DEPTH_MAX);
	cr_assert(check_n(deep, 2 * (size_t)JSON_SCAN_DEPTH_MAX));
	memset(deep, '[', JSON_SCAN_DEPTH_MAX + 1);
	memset(deep + JSON_SCAN_DEPTH_MAX + 1, ']', JSON_SCAN_DEPTH_MAX + 1);
	cr_assert_not(check_n(deep, sizeof deep));
	cr_assert_eq(bad_at, JSON_SCAN_DEPTH_MAX + 2);
}

static void expect_found(const char *path, enum json_scan_kind kind, const char *text)
{
	struct json_scan value = json_scan_find(root, path);
	cr_assert_eq(value.kind, kind, "%s is of kind %d", path, (int)value.kind);
	if (kind == JSON_SCAN_NONE)
		return;
	cr_assert_eq(value.bytes, strlen(text), "%s: %.*s", path, (int)value.bytes, value.at);
	cr_assert_arr_eq(value.at, text, value.bytes);
}

Test(json_scan, values_are_found_by_path)
{
	cr_assert(check(
		" { \"a\" : { \"b\" : [ 10 , { \"c\" : \"x\\\"}\" } , null ] } , \"n\":-1.50 ,"
		"\"\\u0061b\":true,\"d\":1,\"d\":2,\"e\":{\"}\":[1]},\"\":{\"\":5}}"));
	expect_found("a.b.0", JSON_SCAN_NUMBER, "10");
	expect_found("a.b.1.c", JSON_SCAN_TEXT, "\"x\\\"}\"");
	expect_found("a.b.1", JSON_SCAN_OBJECT, "{ \"c\" : \"x\\\"}\" }");
	expect_found("a.b.2", JSON_SCAN_NULL, "null");
	expect_found("a.b.3", JSON_SCAN_NONE, "");
	expect_found("a.b.00", JSON_SCAN_NUMBER, "10");
	expect_found("a.b.x", JSON_SCAN_NONE, "");
	expect_found("a.b.99999999999999999999999", JSON_SCAN_NONE, "");
	expect_found("a.b.0.x", JSON_SCAN_NONE, "");
	expect_found("n", JSON_SCAN_NUMBER, "-1.50");
	expect_found("ab", JSON_SCAN_BOOLEAN, "true");
	expect_found("d", JSON_SCAN_NUMBER, "2");
	expect_found("e.}.0", JSON_SCAN_NUMBER, "1");
	expect_found("a.c", JSON_SCAN_NONE, "");
	expect_found("A", JSON_SCAN_NONE, "");
}

Test(json_scan, a_text_loses_its_escapes_and_a_value_its_space)
{
	char to[100];
	cr_assert(check(
		"{\"t\":\"\\u00e9\\u20ac\\ud834\\udd1e\\n\\/\\u0000.\", \"v\": [ 1, \"a \\\" b\","
		" {\"c\" :\t1.10} ] }"));
	size_t bytes = json_scan_text(json_scan_find(root, "t"), to);
	cr_assert_eq(bytes, 13);
	cr_assert_arr_eq(to, "\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\n/\0.", 13);
	bytes = json_scan_compact(json_scan_find(root, "v"), to);
	cr_assert_eq(bytes, strlen("[1,\"a \\\" b\",{\"c\":1.10}]"));
	cr_assert_arr_eq(to, "[1,\"a \\\" b\",{\"c\":1.10}]", bytes);
}

/* What was taken can be walked, whatever it is. */
static void walk(void)
{
	static const char *const paths[] = {"a", "a.b", "a.b.0", "a.b.1.c", "n", "0", "x", ""};
	char to[200];
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct json_scan value = json_scan_find(root, paths[i]);
		if (value.kind == JSON_SCAN_TEXT)
			cr_assert_leq(json_scan_text(value, to), value.bytes);
		else if (value.kind != JSON_SCAN_NONE)
			cr_assert_leq(json_scan_compact(value, to), value.bytes);
	}
}

Test(json_scan, no_beginning_and_no_changed_byte_leads_beyond_its_end)
{
	static const char text[] = "{\"a\":{\"b\":[10,{\"c\":\"x\\u00e9\\\"\"},null]},\"n\":-1.5e3,"
				   "\"\xc3\xa9\":true}";
	static const char others[] = "{}[],:\"\\u0-e.tn \x80\xff\x01";
	char changed[sizeof text];
	uint32_t taken = 0;
	for (size_t bytes = 0; bytes < sizeof text - 1; bytes++)
		cr_assert_not(check_n(text, bytes), "%zu bytes", bytes);
	for (size_t i = 0; i < sizeof text - 1; i++)
		for (size_t k = 0; k < sizeof others; k++) {
			memcpy(changed, text, sizeof text);
			changed[i] = others[k];
			if (!check_n(changed, sizeof text - 1))
				continue;
			taken++;
			walk();
		}
	cr_assert_gt(taken, 50);
}
