/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   traceparent and tracestate are told apart from what is none as W3C's own cases tell them
 *         apart; positions become text and come back; nothing is read beyond a text.
 * Method: tables of texts, each in a block of exactly its length; every cut and every byte of a
 *         good one.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/trace.h>

#define TRACE "12345678901234567890123456789012"
#define SPAN "1234567890123456"
#define GOOD "00-" TRACE "-" SPAN "-01"

static int parse_n(const char *text, size_t bytes, struct weir_traceparent *ret)
{
	char *copy = malloc(bytes + (bytes == 0));
	memcpy(copy, text, bytes);
	int rc = weir_traceparent_parse(copy, bytes, ret);
	free(copy);
	return rc;
}

static int check_n(const char *text, size_t bytes)
{
	char *copy = malloc(bytes + (bytes == 0));
	memcpy(copy, text, bytes);
	int rc = weir_tracestate_check(copy, bytes);
	free(copy);
	return rc;
}

static int check(const char *text)
{
	return check_n(text, strlen(text));
}

Test(trace, traceparents_that_are_valid)
{
	static const char *const texts[] = {
		GOOD,
		"00-" TRACE "-" SPAN "-00",
		"00-" TRACE "-" SPAN "-ff", /* flags that are not known */
		"00-" TRACE "-" SPAN "-02",
		"cc-" TRACE "-" SPAN "-01",
		"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like",
		"cc-" TRACE "-" SPAN "-01-",
		"fe-" TRACE "-" SPAN "-00",
		" " GOOD,
		"\t" GOOD,
		GOOD " ",
		GOOD "\t",
		"\t " GOOD " \t",
		"00-00000000000000000000000000000001-0000000000000001-00",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cr_expect_eq(parse_n(texts[i], strlen(texts[i]), NULL), 0, "\"%s\"", texts[i]);
}

Test(trace, traceparents_that_are_not)
{
	static const char *const texts[] = {
		"",
		" ",
		"00",
		"00-" TRACE "-" SPAN "-01-what-the-future-will-not-be-like",
		"00-" TRACE "-" SPAN "-01-",
		"00-" TRACE "-" SPAN "-01.",
		"00-" TRACE "-" SPAN "-010",
		"cc-" TRACE "-" SPAN "-01.what-the-future-will-not-be-like",
		"cc-" TRACE "-" SPAN "-0100",
		"ff-" TRACE "-" SPAN "-01",
		"FF-" TRACE "-" SPAN "-01",
		".0-" TRACE "-" SPAN "-01",
		"0.-" TRACE "-" SPAN "-01",
		"000-" TRACE "-" SPAN "-01",
		"0-" TRACE "-" SPAN "-01",
		"00-" TRACE "0-" SPAN "-01",
		"00-1234567890123456789012345678901-" SPAN "-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-.2345678901234567890123456789012-" SPAN "-01",
		"00-1234567890123456789012345678901.-" SPAN "-01",
		"00-1234567890abcdefABCDEF0123456789-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-" TRACE "-123456789012345-01",
		"00-" TRACE "-12345678901234567-01",
		"00-" TRACE "-.234567890123456-01",
		"00-" TRACE "-123456789012345A-01",
		"00-" TRACE "-" SPAN "-.0",
		"00-" TRACE "-" SPAN "-0.",
		"00-" TRACE "-" SPAN "-0A",
		"00-" TRACE "-" SPAN "-1",
		"00-" TRACE "-" SPAN,
		"00-" TRACE "-" SPAN "-",
		"00_" TRACE "-" SPAN "-01",
		"00-" TRACE "_" SPAN "-01",
		"00-" TRACE "-" SPAN "_01",
		GOOD "," GOOD, /* two of them */
		"\n" GOOD,
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cr_expect_eq(parse_n(texts[i], strlen(texts[i]), NULL), -EINVAL, "\"%s\"",
			     texts[i]);
}

Test(trace, every_cut_and_every_other_byte_of_a_traceparent_is_judged)
{
	static const char text[] = "00-" TRACE "-" SPAN "-01";
	for (size_t bytes = 0; bytes < 55; bytes++)
		cr_expect_eq(parse_n(text, bytes, NULL), -EINVAL, "%zu bytes", bytes);
	for (size_t at = 0; at < 55; at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			char other[56];
			memcpy(other, text, sizeof other);
			other[at] = (char)byte;
			bool is_dash = at == 2 || at == 35 || at == 52;
			bool is_hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
			bool good = is_dash ? byte == '-' : is_hex;
			cr_expect_eq(parse_n(other, 55, NULL), good ? 0 : -EINVAL, "byte %zu: %u",
				     at, byte);
		}
	}
}

Test(trace, a_traceparent_is_taken_apart_and_put_together)
{
	struct weir_traceparent t = {0};
	char text[WEIR_TRACEPARENT_BYTES];
	cr_assert_eq(parse_n("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-x", 57, &t),
		     0);
	cr_expect_eq(t.version, 0xcc);
	cr_expect_eq(t.flags, 3);
	cr_expect_eq(t.flags & WEIR_TRACE_SAMPLED, 1);
	cr_expect_eq(t.trace_id[0], 0x0a);
	cr_expect_eq(t.trace_id[15], 0x9c);
	cr_expect_eq(t.parent_id[7], 0x31);
	cr_assert_eq(weir_traceparent_format(&t, text), 55);
	cr_expect_str_eq(text, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
	memset(t.parent_id, 0, sizeof t.parent_id);
	cr_expect_eq(weir_traceparent_format(&t, text), -EINVAL);
}

Test(trace, tracestates_that_are_valid)
{
	static const struct {
		const char *text;
		int members;
	} cases[] = {
		{"", 0},
		{" ", 0},
		{",", 0},
		{"foo=1", 1},
		{"foo=1,bar=2", 2},
		{"foo=1,", 1},
		{",foo=1", 1},
		{"foo=1, ,bar=2", 2},
		{"foo=1 \t , \t bar=2, \t baz=3", 3},
		{"foo=1\t \t,\t \tbar=2,\t \tbaz=3", 3},
		{" foo=1", 1},
		{"\tfoo=1", 1},
		{"foo=1 ", 1},
		{"\t foo=1 \t", 1},
		{"f=1", 1},
		{"0fw529a3039@dt=FfwAAAAB", 1},
		{"fw529a3039@dt=FfwAAAAB,foo-_*/bar=a b", 2},
		{"t/-_*=@!\"#$%&'()*+-./0123456789:;<>?@ABCXYZ[\\]^_`abcxyz{|}~", 1},
		{"foo= a", 1}, /* a blank may begin a value */
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(check(cases[i].text), cases[i].members, "\"%s\"", cases[i].text);
}

Test(trace, tracestates_that_are_not)
{
	static const char *const texts[] = {
		"foo",
		"=1",
		"foo=",
		"foo= ",
		"foo=,bar=3",
		"foo =1",
		"FOO=1",
		"foo.bar=1",
		"foo@=1,bar=2",
		"@foo=1,bar=2",
		"foo@@bar=1,bar=2",
		"foo@bar@baz=1,bar=2",
		"foo@1bar=1",
		"0foo=1",
		"_foo=1",
		"foo=bar=baz",
		"foo=1,foo=1",
		"foo=1,foo=2",
		"foo=1,bar=2,foo=3",
		"foo=\x01",
		"foo=a\x7f",
		"foo=a\tb",
		"foo=\xc3\xa4",
		"\n=1",
		"foo=1;bar=2=3",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cr_expect_eq(check(texts[i]), -EINVAL, "\"%s\"", texts[i]);
	cr_expect_eq(check_n("foo=a\0b", 7), -EINVAL);
}

/* A key of `key` letters, with `system` more of them behind an @, and a value of `value`. */
static int check_lengths(size_t key, size_t system, size_t value)
{
	char text[1200];
	char *to = text;
	memset(to, 'z', key);
	to += key;
	if (system > 0) {
		*to++ = '@';
		memset(to, 'v', system);
		to += system;
	}
	*to++ = '=';
	memset(to, '1', value);
	return check_n(text, (size_t)(to - text) + value);
}

Test(trace, lengths_of_keys_and_values_have_their_limits)
{
	cr_expect_eq(check_lengths(256, 0, 1), 1);
	cr_expect_eq(check_lengths(257, 0, 1), -EINVAL);
	cr_expect_eq(check_lengths(241, 14, 1), 1);
	cr_expect_eq(check_lengths(242, 14, 1), -EINVAL);
	cr_expect_eq(check_lengths(241, 15, 1), -EINVAL);
	cr_expect_eq(check_lengths(1, 0, 256), 1);
	cr_expect_eq(check_lengths(1, 0, 257), -EINVAL);
}

Test(trace, one_member_more_than_the_standard_has_is_taken)
{
	for (int count = 31; count <= 34; count++) {
		char text[512] = "";
		size_t used = 0;
		for (int i = 0; i < count; i++)
			used += (size_t)snprintf(text + used, sizeof text - used, "k%d=%d,", i, i);
		cr_expect_eq(check(text), count <= 33 ? count : -EINVAL, "%d members", count);
	}
}

Test(trace, positions_become_text_and_come_back)
{
	static const struct weir_pos positions[] = {
		{.sequence = 0},
		{.sequence = 1, .epoch = 1},
		{.sequence = 10, .epoch = 20, .log = 30},
		{.sequence = UINT64_MAX, .epoch = UINT32_MAX, .log = UINT32_MAX},
	};
	char text[WEIR_POS_TEXT_BYTES];
	for (size_t i = 0; i < 4; i++) {
		struct weir_pos got = {.sequence = 7};
		uint32_t bytes = weir_pos_text(&positions[i], text);
		cr_assert_eq(bytes, strlen(text));
		cr_assert_eq(weir_pos_parse(text, bytes, &got), 0, "%s", text);
		cr_expect_eq(weir_pos_compare(&got, &positions[i]), 0, "%s", text);
		for (uint32_t cut = 0; cut < bytes; cut++)
			if (cut < 5 || text[cut] == ':' || text[cut - 1] == ':')
				cr_expect_eq(weir_pos_parse(text, cut, &got), -EINVAL, "%.*s",
					     (int)cut, text);
	}
	cr_expect_str_eq(text, "weir:4294967295:4294967295:18446744073709551615");
	static const char *const bad[] = {"weir:0:1:18446744073709551616",
					  "weir:4294967296:1:1",
					  "weir:0:1:01",
					  "weir:00:1:1",
					  "weir:0:1:1 ",
					  "weir:0:1:-1",
					  "weir:0:1:1:1",
					  "Weir:0:1:1",
					  "weir:::",
					  "42"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct weir_pos got;
		cr_expect_eq(weir_pos_parse(bad[i], strlen(bad[i]), &got), -EINVAL, "%s", bad[i]);
	}
}
