/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is JSON is read token by token and what is none is refused at the byte that tells;
 *         text and numbers come out exact; nothing is read beyond the document's end.
 * Method: tables after RFC 8259 and the cases of its test suites; each document lies in a block of
 *         its own size. Numbers are compared with what the C library reads.
 */
#include <criterion/criterion.h>

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json/json_read.h"
#include "core/json/utf8.h"

static struct wr_json j;

/* In a block of its own size: where the text ends, nothing may be read. */
static void begin_n(const char *text, size_t bytes, uint32_t depth_max)
{
	static char *copy;

	free(copy);
	copy = malloc(bytes > 0 ? bytes : 1);
	cr_assert_not_null(copy);
	memcpy(copy, text, bytes);
	wr_json_init(&j, copy, bytes, depth_max);
}

static void begin(const char *text)
{
	begin_n(text, strlen(text), WR_JSON_DEPTH_MAX);
}

/* One letter a token: { } [ ] k s n t f 0 (null) . (end) ! (bad). */
static const char *tokens(void)
{
	static const char letters[] = "?{}[]ksntf0.!";
	static char out[256];
	size_t n = 0;

	do {
		wr_json_next(&j);
		out[n++] = letters[j.token];
	} while (j.token != WR_JSON_END && j.token != WR_JSON_BAD && n + 1 < sizeof out);
	out[n] = 0;
	return out;
}

Test(json_read, tokens_come_in_order)
{
	static const struct {
		const char *text;
		const char *tokens;
	} cases[] = {
		{"{}", "{}."},
		{" [ ] \r\n\t", "[]."},
		{"[[],[[]],{}]", "[[][[]]{}]."},
		{"{\"a\":1,\"b\":[true,false,null],\"a\":\"x\"}", "{knk[tf0]ks}."},
		{"\"\"", "s."},
		{"-0", "n."},
		{"\t null ", "0."},
		{"[1,-2.5e+10,0.0,1E-5]", "[nnnn]."},
		{"{\"\":{\"\":[]}}", "{k{k[]}}."},
		{"\"\\u0000\\ud834\\udd1e\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "s."},
		{"\"\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"
		 "\x7f\"",
		 "s."},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin(cases[i].text);
		cr_expect_str_eq(tokens(), cases[i].tokens, "%s", cases[i].text);
		cr_expect_eq(wr_json_next(&j), WR_JSON_END);
	}
}

static const struct {
	const char *text;
	enum wr_json_error error;
	size_t at;
} refused[] = {
	{"", WR_JSON_E_EMPTY, 0},
	{" \n", WR_JSON_E_EMPTY, 2},
	{"\xef\xbb\xbf{}", WR_JSON_E_BOM, 0},
	{"{", WR_JSON_E_CUT, 1},
	{"[", WR_JSON_E_CUT, 1},
	{"[1", WR_JSON_E_CUT, 2},
	{"[1,", WR_JSON_E_CUT, 3},
	{"{\"a", WR_JSON_E_CUT, 3},
	{"{\"a\"", WR_JSON_E_CUT, 4},
	{"{\"a\":", WR_JSON_E_CUT, 5},
	{"{\"a\":1", WR_JSON_E_CUT, 6},
	{"{\"a\":1,", WR_JSON_E_CUT, 7},
	{"tru", WR_JSON_E_CUT, 3},
	{"\"\\", WR_JSON_E_CUT, 1},
	{"\"\\u12", WR_JSON_E_CUT, 1},
	{"-", WR_JSON_E_CUT, 1},
	{"1.", WR_JSON_E_CUT, 2},
	{"1e", WR_JSON_E_CUT, 2},
	{"1e+", WR_JSON_E_CUT, 3},
	{"[1,]", WR_JSON_E_LAST_COMMA, 3},
	{"{\"a\":1,}", WR_JSON_E_LAST_COMMA, 7},
	{"[,1]", WR_JSON_E_VALUE, 1},
	{"[1,,2]", WR_JSON_E_VALUE, 3},
	{"{\"a\":}", WR_JSON_E_VALUE, 5},
	{"truth", WR_JSON_E_VALUE, 0},
	{"True", WR_JSON_E_VALUE, 0},
	{"nul]", WR_JSON_E_VALUE, 0},
	{"NaN", WR_JSON_E_VALUE, 0},
	{"+1", WR_JSON_E_VALUE, 0},
	{".5", WR_JSON_E_VALUE, 0},
	{"'a'", WR_JSON_E_VALUE, 0},
	{"// x\n1", WR_JSON_E_VALUE, 0},
	{"\f1", WR_JSON_E_VALUE, 0},
	{"{a:1}", WR_JSON_E_NAME, 1},
	{"{1:1}", WR_JSON_E_NAME, 1},
	{"{,}", WR_JSON_E_NAME, 1},
	{"{\"a\" 1}", WR_JSON_E_COLON, 5},
	{"{\"a\":1 \"b\":2}", WR_JSON_E_OBJECT, 7},
	{"{\"a\":1]", WR_JSON_E_OBJECT, 6},
	{"[1}", WR_JSON_E_ARRAY, 2},
	{"[1 2]", WR_JSON_E_ARRAY, 3},
	{"[true1]", WR_JSON_E_ARRAY, 5},
	{"[1x]", WR_JSON_E_ARRAY, 2},
	{"{} {}", WR_JSON_E_MORE, 3},
	{"1 2", WR_JSON_E_MORE, 2},
	{"]", WR_JSON_E_VALUE, 0},
	{"\"a\nb\"", WR_JSON_E_CONTROL, 2},
	{"\"\x1f\"", WR_JSON_E_CONTROL, 1},
	{"\"\\a\"", WR_JSON_E_ESCAPE, 1},
	{"\"\\u12g4\"", WR_JSON_E_ESCAPE, 1},
	{"\"\\u123\"", WR_JSON_E_ESCAPE, 1},
	{"\"\\U1234\"", WR_JSON_E_ESCAPE, 1},
	{"\"\\ud800\"", WR_JSON_E_SURROGATE, 1},
	{"\"\\udc00\"", WR_JSON_E_SURROGATE, 1},
	{"\"\\ud800\\n....\"", WR_JSON_E_SURROGATE, 1},
	{"\"\\ud800\\ud800\"", WR_JSON_E_SURROGATE, 1},
	{"\"x\xff\"", WR_JSON_E_UTF8, 2},
	{"\"\x80\"", WR_JSON_E_UTF8, 1},
	{"\"\xc0\x80\"", WR_JSON_E_UTF8, 1},
	{"\"\xc1\xbf\"", WR_JSON_E_UTF8, 1},
	{"\"\xe0\x9f\xbf\"", WR_JSON_E_UTF8, 1},
	{"\"\xed\xa0\x80\"", WR_JSON_E_UTF8, 1},
	{"\"\xf0\x8f\xbf\xbf\"", WR_JSON_E_UTF8, 1},
	{"\"\xf4\x90\x80\x80\"", WR_JSON_E_UTF8, 1},
	{"\"\xf5\x80\x80\x80\"", WR_JSON_E_UTF8, 1},
	{"\"\xe2\x82\"", WR_JSON_E_UTF8, 1},
	{"\"12345678\xe2\x82\xac, 12345678, \xe2\x28\xa1\"", WR_JSON_E_UTF8, 24},
	{"\"\xe2\x82", WR_JSON_E_UTF8, 1},
	{"01", WR_JSON_E_NUMBER, 0},
	{"-01", WR_JSON_E_NUMBER, 1},
	{"[-x]", WR_JSON_E_NUMBER, 2},
	{"[1.e5]", WR_JSON_E_NUMBER, 3},
	{"[1e5.0]", WR_JSON_E_ARRAY, 4},
	{"[1e]", WR_JSON_E_NUMBER, 3},
};

Test(json_read, what_is_no_json_is_refused_where_it_shows)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		begin(refused[i].text);
		const char *seen = tokens();
		cr_expect_eq(seen[strlen(seen) - 1], '!', "%s is taken: %s", refused[i].text, seen);
		cr_expect_eq(j.error, refused[i].error, "%s: %s", refused[i].text,
			     wr_json_error_text(j.error));
		cr_expect_eq(j.error_at, refused[i].at, "%s: at %zu", refused[i].text, j.error_at);
		cr_expect_eq(wr_json_next(&j), WR_JSON_BAD);
	}
}

Test(json_read, a_reason_has_a_place_that_a_person_finds)
{
	char why[160];

	begin("{\n \"\xc3\xa4\" x");
	tokens();
	cr_expect_str_eq(
		wr_json_explain(&j, why, sizeof why),
		"line 2, column 6 (byte 8): ':' was expected after a member's name, not 'x'");
	begin("[1 \x7f");
	tokens();
	cr_expect_str_eq(wr_json_explain(&j, why, sizeof why),
			 "line 1, column 4 (byte 3): ',' or ']' was expected after an element, not "
			 "byte 0x7f");
	begin("");
	tokens();
	cr_expect_str_eq(wr_json_explain(&j, why, sizeof why),
			 "line 1, column 1 (byte 0): there is no value: the document is empty");
	cr_expect_eq(strlen(wr_json_explain(&j, why, 10)), 9);
}

Test(json_read, depth_is_bounded)
{
	char text[2 * (WR_JSON_DEPTH_MAX + 1)];

	begin_n("[{\"a\":[]}]", 10, 3);
	cr_expect_str_eq(tokens(), "[{k[]}].");
	begin_n("[{\"a\":[]}]", 10, 2);
	cr_expect_str_eq(tokens(), "[{k!");
	cr_expect_eq(j.error, WR_JSON_E_DEPTH);
	begin_n("1", 1, 0);
	cr_expect_str_eq(tokens(), "n.");
	for (uint32_t depth = WR_JSON_DEPTH_MAX; depth <= WR_JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		begin_n(text, 2 * depth, UINT32_MAX);
		wr_json_next(&j);
		cr_expect_eq(wr_json_skip(&j), depth == WR_JSON_DEPTH_MAX);
		cr_expect_eq(wr_json_next(&j),
			     depth == WR_JSON_DEPTH_MAX ? WR_JSON_END : WR_JSON_BAD);
	}
}

Test(json_read, ranges_are_those_of_the_text)
{
	begin(" {\"ab\" : -1.5 , \"c\":[ \"x\\n\" ] } ");
	static const struct {
		enum wr_json_token token;
		size_t start, end;
		uint32_t depth;
	} expected[] = {
		{WR_JSON_OBJECT, 1, 2, 1},      {WR_JSON_NAME, 2, 6, 1},
		{WR_JSON_NUMBER, 9, 13, 1},     {WR_JSON_NAME, 16, 19, 1},
		{WR_JSON_ARRAY, 20, 21, 2},     {WR_JSON_STRING, 22, 27, 2},
		{WR_JSON_ARRAY_END, 28, 29, 1}, {WR_JSON_OBJECT_END, 30, 31, 0},
		{WR_JSON_END, 32, 32, 0},
	};

	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		cr_expect_eq(wr_json_next(&j), expected[i].token);
		cr_expect_eq(j.start, expected[i].start, "token %zu starts at %zu", i, j.start);
		cr_expect_eq(j.end, expected[i].end, "token %zu ends at %zu", i, j.end);
		cr_expect_eq(j.depth, expected[i].depth);
	}
}

Test(json_read, what_is_not_wanted_is_skipped)
{
	begin("{\"a\":{\"x\":[1,{}]},\"b\":2,\"c\":[[]],\"d\":\"e\"}");
	cr_assert_eq(wr_json_next(&j), WR_JSON_OBJECT);
	for (const char *name = "abcd"; *name != 0; name++) {
		cr_expect_eq(wr_json_next(&j), WR_JSON_NAME);
		cr_expect(wr_json_equals(&j, name, 1), "%s", name);
		cr_expect(wr_json_skip(&j));
	}
	cr_expect_eq(wr_json_next(&j), WR_JSON_OBJECT_END);
	cr_expect(wr_json_skip(&j));
	cr_expect_eq(wr_json_next(&j), WR_JSON_END);
	begin("{\"a\":[1,}");
	wr_json_next(&j);
	wr_json_next(&j);
	cr_expect_not(wr_json_skip(&j));
}

Test(json_read, text_comes_without_its_escapes)
{
	static const struct {
		const char *text;
		const char *plain;
		size_t bytes;
	} cases[] = {
		{"\"\"", "", 0},
		{"\"abc\"", "abc", 3},
		{"\"a\\u0000b\"", "a\0b", 3},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
		{"\"\\u00e4\\u20AC\\uD834\\udd1e!\"", "\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e!", 10},
		{"\"\\uffff\\u007f\\u0080\\u07ff\\u0800\"",
		 "\xef\xbf\xbf\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80", 11},
		{"\"x\\ty\\tz and a long tail\"", "x\ty\tz and a long tail", 21},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[64] = "????";
		size_t bytes = cases[i].bytes;
		begin(cases[i].text);
		cr_assert_eq(wr_json_next(&j), WR_JSON_STRING);
		cr_expect_eq(wr_json_string(&j, out, bytes), bytes, "%s", cases[i].text);
		cr_expect_eq(memcmp(out, cases[i].plain, bytes), 0, "%s", cases[i].text);
		cr_expect(wr_json_equals(&j, cases[i].plain, bytes), "%s", cases[i].text);
		cr_expect_not(wr_json_equals(&j, "abcx", 4));
		cr_expect(bytes == 0 || !wr_json_equals(&j, cases[i].plain, bytes - 1));
		if (bytes > 0) {
			memset(out, '?', sizeof out);
			cr_expect_eq(wr_json_string(&j, out, bytes - 1), bytes);
			cr_expect_eq(out[0], '?', "what does not fit is not begun");
		}
		cr_expect_eq(wr_json_string(&j, NULL, 0), bytes);
	}
}

Test(json_read, integers_are_exact_or_refused)
{
	static const struct {
		const char *text;
		bool has_i64;
		int64_t i64;
		bool has_u64;
		uint64_t u64;
	} cases[] = {
		{"0", true, 0, true, 0},
		{"-0", true, 0, true, 0},
		{"-1", true, -1, false, 0},
		{"9007199254740993", true, 9007199254740993, true, 9007199254740993u},
		{"9223372036854775807", true, INT64_MAX, true, INT64_MAX},
		{"9223372036854775808", false, 0, true, 9223372036854775808u},
		{"-9223372036854775808", true, INT64_MIN, false, 0},
		{"-9223372036854775809", false, 0, false, 0},
		{"18446744073709551615", false, 0, true, UINT64_MAX},
		{"18446744073709551616", false, 0, false, 0},
		{"99999999999999999999999", false, 0, false, 0},
		{"1.0", false, 0, false, 0},
		{"1e2", false, 0, false, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t i64 = 0;
		uint64_t u64 = 0;
		begin(cases[i].text);
		cr_assert_eq(wr_json_next(&j), WR_JSON_NUMBER);
		cr_expect_eq(wr_json_i64(&j, &i64), cases[i].has_i64, "%s", cases[i].text);
		cr_expect_eq(wr_json_u64(&j, &u64), cases[i].has_u64, "%s", cases[i].text);
		cr_expect_eq(i64, cases[i].i64, "%s", cases[i].text);
		cr_expect_eq(u64, cases[i].u64, "%s", cases[i].text);
	}
}

static double read_double(const char *text)
{
	begin(text);
	cr_assert_eq(wr_json_next(&j), WR_JSON_NUMBER, "%s", text);
	return wr_json_f64(&j);
}

Test(json_read, doubles_are_rounded_as_the_c_library_rounds)
{
	static const char *const cases[] = {
		"0",
		"-0",
		"-0.0e5",
		"0.1",
		"1e22",
		"1e23",
		"8.41e21",
		"123456789012345678",
		"9007199254740993",
		"2.2250738585072011e-308",
		"2.2250738585072014e-308",
		"4.9e-324",
		"2.4703282292062327e-324",
		"2.4703282292062328e-324",
		"1.7976931348623157e308",
		"1.7976931348623159e308",
		"1e400",
		"-1e400",
		"1e-400",
		"1e99999999999999999999",
		"1e-99999999999999999999",
		"0e99999999999999999999",
		"0.000000000000000000000000000000000000000001234e30",
		"6929495644600919.5",
		"3.1415926535897932384626433832795028841971",
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		double got = read_double(cases[i]);
		double expected = strtod(cases[i], NULL);
		cr_expect_eq(memcmp(&got, &expected, sizeof got), 0, "%s: %a, not %a", cases[i],
			     got, expected);
	}
	uint64_t draw = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		char text[64];
		double number;
		draw ^= draw << 13;
		draw ^= draw >> 7;
		draw ^= draw << 17;
		memcpy(&number, &draw, sizeof number);
		if (!isfinite(number))
			continue;
		snprintf(text, sizeof text, "%.*g", 1 + i % 20, number);
		double got = read_double(text);
		double expected = strtod(text, NULL);
		cr_expect_eq(memcmp(&got, &expected, sizeof got), 0, "%s", text);
	}
}

Test(json_read, digits_without_end_are_rounded_right)
{
	/* Half-way between two doubles, then a digit far behind that decides; long zeros. */
	char text[4000];
	int n = snprintf(text, sizeof text, "9007199254740993.%02000d", 0);

	cr_expect_eq(read_double(text), 9007199254740992.0);
	text[n - 1] = '1';
	cr_expect_eq(read_double(text), 9007199254740994.0);
	text[0] = '0';
	text[1] = '.';
	memset(text + 2, '0', 1500);
	memcpy(text + 1502, "25e1501", 8);
	cr_expect_eq(read_double(text), 2.5);
	memset(text, '7', 1000);
	memcpy(text + 1000, "e-999", 6);
	cr_expect_eq(read_double(text), strtod(text, NULL));
}

Test(json_read, the_locale_of_the_process_does_not_matter)
{
	const char *set = setlocale(LC_NUMERIC, "de_DE.UTF-8");

	if (set == NULL)
		cr_skip_test("there is no locale with a decimal comma here");
	cr_expect_eq(read_double("0.12345678901234567890"), 0x1.f9add3746f65fp-4);
	cr_expect_eq(read_double("1.5"), 1.5);
}

Test(json_read, utf8_is_measured)
{
	cr_expect_eq(wr_utf8_good_bytes("", 0), 0);
	cr_expect_eq(wr_utf8_good_bytes("a\xe2\x82\xac", 4), 4);
	cr_expect_eq(wr_utf8_good_bytes("a\xe2\x82\xac", 3), 1);
	cr_expect_eq(wr_utf8_good_bytes("\xff", 1), 0);
}
