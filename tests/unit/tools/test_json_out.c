/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what json_out writes is JSON, whatever bytes it is given.
 * Method: exact text of small documents, and the escapes of every byte.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/json_out.h"

static char text[4096];

static FILE *open_text(void)
{
	memset(text, 0, sizeof text);
	FILE *f = fmemopen(text, sizeof text - 1, "w");
	cr_assert_not_null(f);
	return f;
}

Test(json_out, nested_documents_are_indented)
{
	FILE *f = open_text();
	struct json_out j;

	json_begin(&j, f, JSON_PRETTY);
	json_object(&j, NULL);
	json_u64(&j, "n", UINT64_MAX);
	json_i64(&j, "i", INT64_MIN);
	json_array(&j, "list");
	json_f64(&j, NULL, 1.25, 1);
	json_f64(&j, NULL, NAN, 1);
	json_bool(&j, NULL, true);
	json_close(&j);
	json_object(&j, "empty");
	json_close(&j);
	json_ready(&j, "ready", "{\"a\": [1]}\n\n", 12);
	json_text(&j, "none", NULL);
	cr_assert_eq(json_end(&j), 0);
	fclose(f);
	cr_assert_str_eq(text,
			 "{\n  \"n\": 18446744073709551615,\n  \"i\": -9223372036854775808,\n"
			 "  \"list\": [\n    1.2,\n    null,\n    true\n  ],\n  \"empty\": {},\n"
			 "  \"ready\": {\"a\": [1]},\n"
			 "  \"none\": null\n}\n");
}

Test(json_out, a_line_stays_one_line)
{
	FILE *f = open_text();
	struct json_out j;

	json_begin(&j, f, JSON_LINE);
	json_object(&j, NULL);
	json_text(&j, "a", "line\nend");
	json_array(&j, "b");
	json_u64(&j, NULL, 1);
	json_u64(&j, NULL, 2);
	json_close(&j);
	cr_assert_eq(json_end(&j), 0);
	fclose(f);
	cr_assert_str_eq(text, "{\"a\":\"line\\nend\",\"b\":[1,2]}\n");
}

Test(json_out, bytes_that_json_or_terminals_mind_are_escaped)
{
	for (unsigned byte = 0; byte < 0x80; byte++) {
		FILE *f = open_text();
		struct json_out j;
		char c = (char)byte;
		json_begin(&j, f, JSON_LINE);
		json_text_n(&j, NULL, &c, 1);
		json_end(&j);
		fclose(f);
		for (const char *p = text; *p != '\0' && *p != '\n'; p++)
			cr_assert(*p >= 0x20 && *p < 0x7f, "byte %02x", byte);
		size_t length = strlen(text);
		bool plain = byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\';
		cr_assert_eq(length == 4, plain, "byte %02x: %s", byte, text);
	}
}

Test(json_out, broken_utf8_is_replaced_and_good_is_kept)
{
	static const struct {
		const char *bytes;
		const char *json;
		bool good;
	} cases[] = {
		{"\xc3\xa9", "\"\xc3\xa9\"\n", true},
		{"\xe2\x82\xac", "\"\xe2\x82\xac\"\n", true},
		{"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"\n", true},
		{"a\x80z", "\"a\\ufffdz\"\n", false},
		{"\xc0\xaf", "\"\\ufffd\\ufffd\"\n", false},            /* overlong */
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n", false}, /* surrogate */
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n", false},
		{"\xe2\x82", "\"\\ufffd\\ufffd\"\n", false}, /* cut off */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		FILE *f = open_text();
		struct json_out j;
		json_begin(&j, f, JSON_LINE);
		json_text(&j, NULL, cases[i].bytes);
		json_end(&j);
		fclose(f);
		cr_assert_str_eq(text, cases[i].json);
		cr_assert_eq(json_is_utf8(cases[i].bytes, strlen(cases[i].bytes)), cases[i].good);
	}
}

Test(json_out, a_stream_that_is_full_is_reported)
{
	FILE *f = fopen("/dev/full", "w");
	struct json_out j;

	cr_assert_not_null(f);
	json_begin(&j, f, JSON_PRETTY);
	json_object(&j, NULL);
	json_u64(&j, "n", 1);
	cr_assert_eq(json_end(&j), -EIO);
	fclose(f);
}
