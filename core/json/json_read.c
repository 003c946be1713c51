/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of json_read.h. What may come next is one of eight states; which container is the
 * innermost is one bit for each level. Text inside strings is passed over eight bytes at a time
 * while it is plain ASCII.
 */
#include "core/json/json_read.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/json/utf8.h"

enum state {
	STATE_VALUE,           /* at the top, or behind ':' */
	STATE_ELEMENT,         /* behind ',' in an array */
	STATE_ELEMENT_OR_END,  /* behind '[' */
	STATE_NAME,            /* behind ',' in an object */
	STATE_NAME_OR_END,     /* behind '{' */
	STATE_COMMA_OR_END,    /* behind a member or element */
	STATE_DOCUMENT_BEHIND, /* behind the whole value */
	STATE_STOPPED,         /* the end or an error */
};

void wr_json_init(struct wr_json *j, const void *text, size_t bytes, uint32_t depth_max)
{
	memset(j, 0, sizeof *j);
	j->text = text;
	j->bytes = bytes;
	j->depth_max = depth_max < WR_JSON_DEPTH_MAX ? depth_max : WR_JSON_DEPTH_MAX;
	j->state = STATE_VALUE;
}

static enum wr_json_token bad(struct wr_json *j, enum wr_json_error error, size_t at)
{
	j->error = error;
	j->error_at = at;
	j->start = j->end = at;
	j->state = STATE_STOPPED;
	return j->token = WR_JSON_BAD;
}

/* A document that ends here was cut; otherwise what was expected is said. */
static enum wr_json_token bad_or_cut(struct wr_json *j, enum wr_json_error error)
{
	return bad(j, j->at == j->bytes ? WR_JSON_E_CUT : error, j->at);
}

static void pass_blanks(struct wr_json *j)
{
	size_t at = j->at;

	while (at < j->bytes) {
		uint8_t c = j->text[at];
		if (c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
			break;
		at++;
	}
	j->at = at;
}

/* --- strings ---------------------------------------------------------------------------------- */

#define EACH_BYTE(b) (0x0101010101010101ull * (b))

/*
 * How many of eight bytes, from the first one on, are neither quote, backslash, control character
 * nor above ASCII. A subtraction borrows into the high bit of what is below 0x20, or equal (0 after
 * the exclusive or). What borrowed may spoil the bytes above it, never the ones before: the lowest
 * mark is right.
 */
static inline uint32_t plain_bytes(uint64_t w)
{
	uint64_t quote = w ^ EACH_BYTE('"');
	uint64_t backslash = w ^ EACH_BYTE('\\');
	uint64_t marks = ((w - EACH_BYTE(0x20)) & ~w) | ((quote - EACH_BYTE(0x01)) & ~quote) |
			 ((backslash - EACH_BYTE(0x01)) & ~backslash) | w;

	marks &= EACH_BYTE(0x80);
	return marks == 0 ? 8 : (uint32_t)__builtin_ctzll(marks) / 8;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const uint8_t *at)
{
	int32_t n = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

/* At a backslash: 0 and j->at behind the escape, or what is wrong with it. */
static enum wr_json_error pass_escape(struct wr_json *j)
{
	const uint8_t *at = j->text + j->at;
	size_t left = j->bytes - j->at;

	if (left < 2)
		return WR_JSON_E_CUT;
	if (at[1] != 'u') {
		if (memchr("\"\\/bfnrt", at[1], 8) == NULL)
			return WR_JSON_E_ESCAPE;
		j->at += 2;
		return WR_JSON_OK;
	}
	if (left < 6)
		return memchr(at, '"', left) != NULL ? WR_JSON_E_ESCAPE : WR_JSON_E_CUT;
	int32_t unit = hex4(at + 2);
	if (unit < 0)
		return WR_JSON_E_ESCAPE;
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return WR_JSON_E_SURROGATE;
	j->at += 6;
	if (unit < 0xd800 || unit > 0xdbff)
		return WR_JSON_OK;
	int32_t second = left >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8) : -1;
	if (second < 0xdc00 || second > 0xdfff) {
		j->at -= 6;
		return WR_JSON_E_SURROGATE;
	}
	j->at += 6;
	return WR_JSON_OK;
}

/* At its first quote: WR_JSON_OK with start and end, or the error at j->at. */
static enum wr_json_error pass_string(struct wr_json *j)
{
	j->start = j->at++;
	j->escaped = false;
	for (;;) {
		while (j->bytes - j->at >= 8) {
			uint32_t plain = plain_bytes(wr_get_u64(j->text + j->at));
			j->at += plain;
			if (plain < 8)
				break;
		}
		if (j->at == j->bytes)
			return WR_JSON_E_CUT;
		uint8_t c = j->text[j->at];
		if (c == '"') {
			j->end = ++j->at;
			return WR_JSON_OK;
		}
		if (c == '\\') {
			enum wr_json_error error = pass_escape(j);
			if (error != WR_JSON_OK)
				return error;
			j->escaped = true;
		} else if (c < 0x20) {
			return WR_JSON_E_CONTROL;
		} else if (c < 0x80) {
			j->at++;
		} else {
			size_t length = wr_utf8_length(j->text + j->at, j->bytes - j->at);
			if (length == 0)
				return WR_JSON_E_UTF8;
			j->at += length;
		}
	}
}

/* --- other values ----------------------------------------------------------------------------- */

/* Behind the digits that begin at `at`. */
static size_t digits_end(const struct wr_json *j, size_t at)
{
	while (at < j->bytes && j->text[at] >= '0' && j->text[at] <= '9')
		at++;
	return at;
}

/* At '-' or a digit: WR_JSON_OK with start and end, or the error at j->at. */
static enum wr_json_error pass_number(struct wr_json *j)
{
	size_t at = j->start = j->at;

	j->integral = true;
	if (j->text[at] == '-')
		at++;
	size_t end = digits_end(j, at);
	bool good = end > at && (j->text[at] != '0' || end == at + 1);
	if (!good && end > at) {
		j->at = at;
		return WR_JSON_E_NUMBER;
	}
	at = end;
	if (good && at < j->bytes && j->text[at] == '.') {
		j->integral = false;
		end = digits_end(j, at + 1);
		good = end > at + 1;
		at = end;
	}
	if (good && at < j->bytes && (j->text[at] | 0x20) == 'e') {
		j->integral = false;
		at++;
		if (at < j->bytes && (j->text[at] == '+' || j->text[at] == '-'))
			at++;
		end = digits_end(j, at);
		good = end > at;
		at = end;
	}
	j->at = j->end = at;
	if (good)
		return WR_JSON_OK;
	return at == j->bytes ? WR_JSON_E_CUT : WR_JSON_E_NUMBER;
}

static enum wr_json_token pass_word(struct wr_json *j, const char *word, size_t bytes,
				    enum wr_json_token token)
{
	size_t left = j->bytes - j->at;

	if (left < bytes && memcmp(j->text + j->at, word, left) == 0)
		return bad(j, WR_JSON_E_CUT, j->bytes);
	if (left < bytes || memcmp(j->text + j->at, word, bytes) != 0)
		return bad(j, WR_JSON_E_VALUE, j->at);
	j->start = j->at;
	j->end = j->at += bytes;
	return token;
}

static bool in_object(const struct wr_json *j)
{
	uint32_t level = j->depth - 1;

	return (j->is_object[level / 64] >> (level % 64) & 1) != 0;
}

static enum wr_json_token begin(struct wr_json *j, bool object)
{
	if (j->depth == j->depth_max)
		return bad(j, WR_JSON_E_DEPTH, j->at);
	uint64_t bit = 1ull << (j->depth % 64);
	uint64_t *word = &j->is_object[j->depth / 64];
	*word = object ? *word | bit : *word & ~bit;
	j->depth++;
	j->start = j->at;
	j->end = ++j->at;
	j->state = object ? STATE_NAME_OR_END : STATE_ELEMENT_OR_END;
	return object ? WR_JSON_OBJECT : WR_JSON_ARRAY;
}

static void value_is_whole(struct wr_json *j)
{
	j->state = j->depth == 0 ? STATE_DOCUMENT_BEHIND : STATE_COMMA_OR_END;
}

static enum wr_json_token end_container(struct wr_json *j)
{
	enum wr_json_token token = in_object(j) ? WR_JSON_OBJECT_END : WR_JSON_ARRAY_END;

	j->depth--;
	j->start = j->at;
	j->end = ++j->at;
	value_is_whole(j);
	return token;
}

/* What is wrong where a value should be and none begins. */
static enum wr_json_token no_value(struct wr_json *j)
{
	static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};

	if (j->at == 0 && j->bytes >= 3 && memcmp(j->text, bom, 3) == 0)
		return bad(j, WR_JSON_E_BOM, 0);
	if (j->state == STATE_ELEMENT && j->text[j->at] == ']')
		return bad(j, WR_JSON_E_LAST_COMMA, j->at);
	return bad(j, WR_JSON_E_VALUE, j->at);
}

static enum wr_json_token value(struct wr_json *j)
{
	enum wr_json_token token;
	enum wr_json_error error;

	if (j->at == j->bytes)
		return bad(j, j->depth == 0 ? WR_JSON_E_EMPTY : WR_JSON_E_CUT, j->at);
	switch (j->text[j->at]) {
	case '{':
		return begin(j, true);
	case '[':
		return begin(j, false);
	case '"':
		token = WR_JSON_STRING;
		error = pass_string(j);
		break;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		token = WR_JSON_NUMBER;
		error = pass_number(j);
		break;
	case 't':
		token = pass_word(j, "true", 4, WR_JSON_TRUE);
		error = j->error;
		break;
	case 'f':
		token = pass_word(j, "false", 5, WR_JSON_FALSE);
		error = j->error;
		break;
	case 'n':
		token = pass_word(j, "null", 4, WR_JSON_NULL);
		error = j->error;
		break;
	default:
		return no_value(j);
	}
	if (error != WR_JSON_OK)
		return token == WR_JSON_BAD ? token : bad(j, error, j->at);
	value_is_whole(j);
	return token;
}

/* A member's name, and the ':' behind it. */
static enum wr_json_token name(struct wr_json *j)
{
	if (j->at == j->bytes || j->text[j->at] != '"') {
		bool comma = j->state == STATE_NAME && j->at < j->bytes && j->text[j->at] == '}';
		return bad_or_cut(j, comma ? WR_JSON_E_LAST_COMMA : WR_JSON_E_NAME);
	}
	enum wr_json_error error = pass_string(j);
	if (error != WR_JSON_OK)
		return bad(j, error, j->at);
	pass_blanks(j);
	if (j->at == j->bytes || j->text[j->at] != ':')
		return bad_or_cut(j, WR_JSON_E_COLON);
	j->at++;
	j->state = STATE_VALUE;
	return WR_JSON_NAME;
}

/* Behind a member or an element. */
static enum wr_json_token comma_or_end(struct wr_json *j)
{
	bool object = in_object(j);

	if (j->at < j->bytes && j->text[j->at] == ',') {
		j->at++;
		j->state = object ? STATE_NAME : STATE_ELEMENT;
		pass_blanks(j);
		return object ? name(j) : value(j);
	}
	if (j->at < j->bytes && j->text[j->at] == (object ? '}' : ']'))
		return end_container(j);
	return bad_or_cut(j, object ? WR_JSON_E_OBJECT : WR_JSON_E_ARRAY);
}

enum wr_json_token wr_json_next(struct wr_json *j)
{
	pass_blanks(j);
	bool more = j->at < j->bytes;
	switch ((enum state)j->state) {
	case STATE_VALUE:
	case STATE_ELEMENT:
		return j->token = value(j);
	case STATE_ELEMENT_OR_END:
		return j->token = more && j->text[j->at] == ']' ? end_container(j) : value(j);
	case STATE_NAME:
		return j->token = name(j);
	case STATE_NAME_OR_END:
		return j->token = more && j->text[j->at] == '}' ? end_container(j) : name(j);
	case STATE_COMMA_OR_END:
		return j->token = comma_or_end(j);
	case STATE_DOCUMENT_BEHIND:
		if (more)
			return bad(j, WR_JSON_E_MORE, j->at);
		j->state = STATE_STOPPED;
		j->start = j->end = j->at;
		return j->token = WR_JSON_END;
	case STATE_STOPPED:
		break;
	}
	return j->token;
}

bool wr_json_skip(struct wr_json *j)
{
	if (j->token == WR_JSON_NAME)
		wr_json_next(j);
	if (j->token == WR_JSON_OBJECT || j->token == WR_JSON_ARRAY) {
		uint32_t outside = j->depth - 1;
		while (j->token != WR_JSON_BAD && j->depth > outside)
			wr_json_next(j);
	}
	return j->token != WR_JSON_BAD;
}
