/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two cases of a character never begin alike, nor end alike, so the first one that fits is the
 * only one that does, and a text is walked once.
 */
#include "core/route/case_fold.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/route/case_table.h"

#define CASE_BYTES_MAX 8u

/* Both cases of one character, as UTF-8. */
struct cases {
	uint8_t bytes[2][CASE_BYTES_MAX];
	uint8_t length[2];
};

static size_t utf8_put(uint32_t c, uint8_t *to)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	to[0] = (uint8_t)(0xe0 | c >> 12);
	to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c & 0x3f));
	return 3;
}

static bool continues(const uint8_t *at, size_t bytes)
{
	for (size_t i = 1; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* The character at `at`, up to U+FFFF, and its bytes; anything else is one byte, as a "character"
 * that has no cases. */
static size_t take(const uint8_t *at, size_t bytes, uint32_t *ret_character)
{
	*ret_character = UINT32_MAX;
	if (at[0] < 0x80) {
		*ret_character = at[0];
		return 1;
	}
	if (at[0] >= 0xc2 && at[0] < 0xe0 && bytes >= 2 && continues(at, 2)) {
		*ret_character = (uint32_t)(at[0] & 0x1f) << 6 | (at[1] & 0x3f);
		return 2;
	}
	if (at[0] >= 0xe0 && at[0] < 0xf0 && bytes >= 3 && continues(at, 3)) {
		*ret_character = (uint32_t)(at[0] & 0x0f) << 12 | (uint32_t)(at[1] & 0x3f) << 6 |
				 (at[2] & 0x3f);
		return 3;
	}
	return 1;
}

/* Where the last character of the text begins. */
static size_t last_start(const uint8_t *text, size_t bytes)
{
	for (size_t back = 1; back <= 3 && back <= bytes; back++) {
		uint32_t character;
		size_t at = bytes - back;
		if ((text[at] & 0xc0) == 0x80)
			continue;
		return take(text + at, back, &character) == back ? at : bytes - 1;
	}
	return bytes - 1;
}

static const struct case_run *run_of(uint32_t c)
{
	size_t low = 0, high = WR_ARRAY_COUNT(case_runs);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (case_runs[middle].last < c)
			low = middle + 1;
		else
			high = middle;
	}
	/* Runs of every second character lie in one another, two deep at most. */
	for (size_t i = low; i < WR_ARRAY_COUNT(case_runs) && i < low + 2; i++)
		if (c >= case_runs[i].first && c <= case_runs[i].last &&
		    (c - case_runs[i].first) % case_runs[i].step == 0)
			return &case_runs[i];
	return NULL;
}

static void put_text(struct cases *cases, int which, const char *text)
{
	cases->length[which] = (uint8_t)strlen(text);
	memcpy(cases->bytes[which], text, cases->length[which]);
}

static void put_character(struct cases *cases, int which, uint32_t c)
{
	cases->length[which] = (uint8_t)utf8_put(c, cases->bytes[which]);
}

/* The cases of the character in these bytes. */
static void cases_of(const uint8_t *at, size_t bytes, uint32_t c, struct cases *ret_cases)
{
	const struct case_run *run = NULL;
	if (c < 0x80) {
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		put_character(ret_cases, 0, letter ? c | 0x20 : c);
		put_character(ret_cases, 1, letter ? c & ~0x20u : c);
		return;
	}
	if (c <= 0xffff) {
		for (size_t i = 0; i < WR_ARRAY_COUNT(case_texts); i++) {
			if (case_texts[i].character != c)
				continue;
			put_text(ret_cases, 0, case_texts[i].lower);
			put_text(ret_cases, 1, case_texts[i].upper);
			return;
		}
		run = run_of(c);
	}
	if (run != NULL) {
		put_character(ret_cases, 0, (uint32_t)((int32_t)c + run->lower));
		put_character(ret_cases, 1, (uint32_t)((int32_t)c + run->upper));
		return;
	}
	for (int which = 0; which < 2; which++) {
		memcpy(ret_cases->bytes[which], at, bytes);
		ret_cases->length[which] = (uint8_t)bytes;
	}
}

size_t wr_case_begins(const uint8_t *pattern, size_t pattern_bytes, const uint8_t *text,
		      size_t text_bytes)
{
	size_t done = 0;
	for (size_t at = 0; at < pattern_bytes;) {
		struct cases cases;
		uint32_t c;
		size_t bytes = take(pattern + at, pattern_bytes - at, &c);
		cases_of(pattern + at, bytes, c, &cases);
		size_t taken = 0;
		for (int which = 0; which < 2 && taken == 0; which++)
			if (cases.length[which] <= text_bytes - done &&
			    memcmp(text + done, cases.bytes[which], cases.length[which]) == 0)
				taken = cases.length[which];
		if (taken == 0)
			return WR_CASE_NONE;
		done += taken;
		at += bytes;
	}
	return done;
}

size_t wr_case_ends(const uint8_t *pattern, size_t pattern_bytes, const uint8_t *text,
		    size_t text_bytes)
{
	size_t done = 0;
	for (size_t left = pattern_bytes; left > 0;) {
		struct cases cases;
		uint32_t c;
		size_t at = last_start(pattern, left);
		(void)take(pattern + at, left - at, &c);
		cases_of(pattern + at, left - at, c, &cases);
		size_t taken = 0;
		for (int which = 0; which < 2 && taken == 0; which++)
			if (cases.length[which] <= text_bytes - done &&
			    memcmp(text + text_bytes - done - cases.length[which],
				   cases.bytes[which], cases.length[which]) == 0)
				taken = cases.length[which];
		if (taken == 0)
			return WR_CASE_NONE;
		done += taken;
		left = at;
	}
	return done;
}
