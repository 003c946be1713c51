/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the current token of a reader stands for: text without escapes, exact integers, doubles,
 * and what is wrong, for a person.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/json/json_read.h"

/* --- text ------------------------------------------------------------------------------------- */

static uint32_t hex_value(uint8_t c)
{
	return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
}

static uint32_t hex4_value(const uint8_t *at)
{
	return hex_value(at[0]) << 12 | hex_value(at[1]) << 8 | hex_value(at[2]) << 4 |
	       hex_value(at[3]);
}

static size_t utf8_put(uint32_t c, uint8_t to[4])
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
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * The piece of the string at *at: an escape, or all up to the next one. Its bytes are in the text
 * or in `own`. The reader has looked at the escapes already.
 */
static const uint8_t *piece_next(const struct wr_json *j, size_t *at, uint8_t own[4],
				 size_t *ret_bytes)
{
	static const char letters[] = "bfnrt";
	static const uint8_t controls[] = {'\b', '\f', '\n', '\r', '\t'};
	const uint8_t *from = j->text + *at;
	size_t left = j->end - 1 - *at;

	if (*from != '\\') {
		const uint8_t *escape = memchr(from, '\\', left);
		*ret_bytes = escape == NULL ? left : (size_t)(escape - from);
		*at += *ret_bytes;
		return from;
	}
	if (from[1] != 'u') {
		const char *letter = memchr(letters, from[1], sizeof letters - 1);
		own[0] = letter == NULL ? from[1] : controls[letter - letters];
		*ret_bytes = 1;
		*at += 2;
		return own;
	}
	uint32_t c = hex4_value(from + 2);
	*at += 6;
	if (c >= 0xd800 && c <= 0xdbff) {
		c = 0x10000 + ((c - 0xd800) << 10) + (hex4_value(from + 8) - 0xdc00);
		*at += 6;
	}
	*ret_bytes = utf8_put(c, own);
	return own;
}

bool wr_json_equals(const struct wr_json *j, const void *text, size_t bytes)
{
	const uint8_t *with = text;
	size_t at = j->start + 1;
	uint8_t own[4];

	WR_DEBUG(j->token == WR_JSON_STRING || j->token == WR_JSON_NAME);
	if (!j->escaped)
		return j->end - 1 - at == bytes && memcmp(j->text + at, with, bytes) == 0;
	while (at < j->end - 1) {
		size_t piece_bytes;
		const uint8_t *piece = piece_next(j, &at, own, &piece_bytes);
		if (piece_bytes > bytes || memcmp(piece, with, piece_bytes) != 0)
			return false;
		with += piece_bytes;
		bytes -= piece_bytes;
	}
	return bytes == 0;
}

size_t wr_json_string(const struct wr_json *j, void *to, size_t to_bytes)
{
	size_t length = j->end - j->start - 2;
	uint8_t *out = to;
	uint8_t own[4];

	WR_DEBUG(j->token == WR_JSON_STRING || j->token == WR_JSON_NAME);
	if (!j->escaped) {
		if (length <= to_bytes && length > 0)
			memcpy(out, j->text + j->start + 1, length);
		return length;
	}
	/* Measured first: what does not fit as a whole is not begun. */
	length = 0;
	for (size_t at = j->start + 1; at < j->end - 1;) {
		size_t piece_bytes;
		piece_next(j, &at, own, &piece_bytes);
		length += piece_bytes;
	}
	if (length > to_bytes)
		return length;
	for (size_t at = j->start + 1; at < j->end - 1;) {
		size_t piece_bytes;
		const uint8_t *piece = piece_next(j, &at, own, &piece_bytes);
		memcpy(out, piece, piece_bytes);
		out += piece_bytes;
	}
	return length;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The digits of an integer without its sign; false when they do not fit. */
static bool digits_value(const uint8_t *at, const uint8_t *end, uint64_t *ret_n)
{
	uint64_t n = 0;

	for (; at < end; at++) {
		uint64_t digit = (uint64_t)(*at - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret_n = n;
	return true;
}

bool wr_json_u64(const struct wr_json *j, uint64_t *ret_n)
{
	bool minus = j->text[j->start] == '-';
	uint64_t n;

	WR_DEBUG(j->token == WR_JSON_NUMBER);
	if (!j->integral ||
	    !digits_value(j->text + j->start + (minus ? 1 : 0), j->text + j->end, &n) ||
	    (minus && n != 0))
		return false;
	*ret_n = n;
	return true;
}

bool wr_json_i64(const struct wr_json *j, int64_t *ret_n)
{
	bool minus = j->text[j->start] == '-';
	uint64_t n;

	WR_DEBUG(j->token == WR_JSON_NUMBER);
	if (!j->integral ||
	    !digits_value(j->text + j->start + (minus ? 1 : 0), j->text + j->end, &n) ||
	    n > (uint64_t)INT64_MAX + (minus ? 1 : 0))
		return false;
	*ret_n = minus ? (n == 0 ? 0 : -(int64_t)(n - 1) - 1) : (int64_t)n;
	return true;
}

/*
 * A double needs at most 767 digits to be rounded right; of further ones only counts whether one of
 * them is not 0.
 */
#define DIGITS_MAX 780
#define EXPONENT_FAR 100000

struct decimal { /* DIGITS * 10^exponent */
	char digits[DIGITS_MAX + 2];
	uint32_t count; /* without leading zeros; 0 for a zero */
	int64_t exponent;
	bool minus;
};

static void number_take(const struct wr_json *j, struct decimal *d)
{
	const uint8_t *at = j->text + j->start;
	const uint8_t *end = j->text + j->end;
	bool behind_point = false;
	bool sticky = false;

	d->count = 0;
	d->exponent = 0;
	d->minus = *at == '-';
	for (at += d->minus ? 1 : 0; at < end && (*at | 0x20) != 'e'; at++) {
		if (*at == '.') {
			behind_point = true;
			continue;
		}
		bool kept = d->count < DIGITS_MAX;
		if (kept && (d->count > 0 || *at != '0'))
			d->digits[d->count++] = (char)*at;
		else if (!kept)
			sticky = sticky || *at != '0';
		d->exponent += (kept ? 0 : 1) - (behind_point ? 1 : 0);
	}
	if (sticky) {
		d->digits[d->count++] = '1';
		d->exponent--;
	}
	if (at == end)
		return;
	at++;
	bool minus = *at == '-';
	int64_t power = 0;
	for (at += *at == '-' || *at == '+' ? 1 : 0; at < end; at++)
		power = power < INT64_MAX / 100 ? power * 10 + (*at - '0') : power;
	d->exponent += minus ? -power : power;
}

double wr_json_f64(const struct wr_json *j)
{
	static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	struct decimal d;
	char text[DIGITS_MAX + 32];
	double n;

	WR_DEBUG(j->token == WR_JSON_NUMBER);
	number_take(j, &d);
	if (d.count == 0) {
		n = 0;
	} else if (d.count <= 15 && d.exponent >= -22 && d.exponent <= 22) {
		/* Both are exact as doubles, so the one operation rounds right. */
		n = 0;
		for (uint32_t i = 0; i < d.count; i++)
			n = n * 10 + (d.digits[i] - '0');
		n = d.exponent < 0 ? n / tens[-d.exponent] : n * tens[d.exponent];
	} else {
		/* Without a point it is the same number in every locale. */
		if (d.exponent > EXPONENT_FAR)
			d.exponent = EXPONENT_FAR;
		if (d.exponent < -EXPONENT_FAR)
			d.exponent = -EXPONENT_FAR;
		d.digits[d.count] = 0;
		snprintf(text, sizeof text, "%se%d", d.digits, (int)d.exponent);
		n = strtod(text, NULL);
	}
	return d.minus ? -n : n;
}

/* --- what is wrong ---------------------------------------------------------------------------- */

const char *wr_json_error_text(enum wr_json_error error)
{
	switch (error) {
	case WR_JSON_OK:
		return "";
#define WR_JSON_ERROR_TEXT(name, text)                                                             \
	case WR_JSON_E_##name:                                                                     \
		return text;
		WR_JSON_ERROR_MAP(WR_JSON_ERROR_TEXT)
#undef WR_JSON_ERROR_TEXT
	}
	return "";
}

void wr_json_place(const struct wr_json *j, size_t at, uint32_t *ret_line, uint32_t *ret_column)
{
	uint32_t line = 1;
	uint32_t column = 1;

	for (size_t i = 0; i < at && i < j->bytes; i++) {
		if (j->text[i] == '\n') {
			line++;
			column = 1;
		} else if ((j->text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

char *wr_json_explain(const struct wr_json *j, char *to, size_t to_bytes)
{
	uint32_t line;
	uint32_t column;
	char found[24] = "";

	wr_json_place(j, j->error_at, &line, &column);
	if (j->error_at < j->bytes) {
		unsigned c = j->text[j->error_at];
		if (c > ' ' && c < 0x7f)
			snprintf(found, sizeof found, ", not '%c'", (int)c);
		else
			snprintf(found, sizeof found, ", not byte 0x%02x", c);
	}
	bool tells = j->error == WR_JSON_E_VALUE || j->error == WR_JSON_E_NAME ||
		     j->error == WR_JSON_E_COLON || j->error == WR_JSON_E_OBJECT ||
		     j->error == WR_JSON_E_ARRAY;
	snprintf(to, to_bytes, "line %u, column %u (byte %zu): %s%s", line, column, j->error_at,
		 wr_json_error_text(j->error), tells ? found : "");
	return to;
}
