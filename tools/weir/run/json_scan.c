/* SPDX-License-Identifier: Apache-2.0 */
/* See json_scan.h. The check keeps a bit for each level instead of calling itself: depth costs no
 * stack. What runs after it relies on it, and looks at no more than it needs. */
#include "tools/weir/run/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "tools/weir/json_out.h"

struct scanner {
	const char *at;
	const char *end;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void pass_space(struct scanner *s)
{
	while (s->at < s->end && is_space(*s->at))
		s->at++;
}

static bool take(struct scanner *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static int hex_of(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind "\u". */
static bool take_hex4(struct scanner *s, uint32_t *ret_unit)
{
	uint32_t unit = 0;
	for (uint32_t i = 0; i < 4; i++, s->at++) {
		int digit = s->at < s->end ? hex_of(*s->at) : -1;
		if (digit < 0)
			return false;
		unit = unit << 4 | (uint32_t)digit;
	}
	*ret_unit = unit;
	return true;
}

/* Behind a backslash. */
static bool take_escape(struct scanner *s, uint32_t *ret_character)
{
	static const char escapes[] = "b\bt\tn\nf\fr\r\"\"\\\\//";
	uint32_t low;
	if (s->at == s->end)
		return false;
	char c = *s->at;
	for (size_t i = 0; escapes[i] != '\0'; i += 2)
		if (escapes[i] == c) {
			s->at++;
			*ret_character = (uint8_t)escapes[i + 1];
			return true;
		}
	if (!take(s, 'u') || !take_hex4(s, ret_character))
		return false;
	uint32_t high = *ret_character;
	if (high < 0xd800 || high > 0xdfff)
		return true;
	if (high > 0xdbff || !take(s, '\\') || !take(s, 'u') || !take_hex4(s, &low) ||
	    low < 0xdc00 || low > 0xdfff)
		return false;
	*ret_character = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static bool take_text(struct scanner *s)
{
	uint32_t character;
	if (!take(s, '"'))
		return false;
	while (s->at < s->end && (uint8_t)*s->at >= 0x20) {
		if (take(s, '"'))
			return true;
		if (!take(s, '\\'))
			s->at++;
		else if (!take_escape(s, &character))
			return false;
	}
	return false;
}

static bool take_digits(struct scanner *s)
{
	const char *from = s->at;
	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	return s->at > from;
}

static bool take_number(struct scanner *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !take_digits(s))
		return false;
	if (take(s, '.') && !take_digits(s))
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '+'))
		(void)take(s, '-');
	return take_digits(s);
}

static bool take_word(struct scanner *s, const char *word)
{
	size_t bytes = strlen(word);
	if ((size_t)(s->end - s->at) < bytes || memcmp(s->at, word, bytes) != 0)
		return false;
	s->at += bytes;
	return true;
}

/* A value that has no parts. */
static bool take_scalar(struct scanner *s)
{
	if (s->at == s->end)
		return false;
	switch (*s->at) {
	case '"':
		return take_text(s);
	case 't':
		return take_word(s, "true");
	case 'f':
		return take_word(s, "false");
	case 'n':
		return take_word(s, "null");
	default:
		return take_number(s);
	}
}

static enum json_scan_kind kind_of(char first)
{
	switch (first) {
	case '"':
		return JSON_SCAN_TEXT;
	case 't':
	case 'f':
		return JSON_SCAN_BOOLEAN;
	case 'n':
		return JSON_SCAN_NULL;
	case '[':
		return JSON_SCAN_ARRAY;
	case '{':
		return JSON_SCAN_OBJECT;
	default:
		return JSON_SCAN_NUMBER;
	}
}

/* ---- a whole value --------------------------------------------------------------------------- */

struct levels {
	uint8_t is_object[JSON_SCAN_DEPTH_MAX / 8];
	uint32_t depth;
};

static bool in_object(const struct levels *l)
{
	return (l->is_object[(l->depth - 1) / 8] >> (l->depth - 1) % 8 & 1) != 0;
}

static bool enter(struct levels *l, bool is_object)
{
	if (l->depth == JSON_SCAN_DEPTH_MAX)
		return false;
	uint8_t bit = (uint8_t)(1u << l->depth % 8);
	uint8_t *byte = &l->is_object[l->depth / 8];
	*byte = is_object ? (uint8_t)(*byte | bit) : (uint8_t)(*byte & ~bit);
	l->depth++;
	return true;
}

static bool take_name(struct scanner *s)
{
	if (!take_text(s))
		return false;
	pass_space(s);
	if (!take(s, ':'))
		return false;
	pass_space(s);
	return true;
}

/* Into arrays and objects, up to a value that has no parts, or an empty one, and behind it. */
static bool take_first(struct scanner *s, struct levels *l)
{
	for (;;) {
		bool is_object = take(s, '{');
		if (!is_object && !take(s, '['))
			return take_scalar(s);
		if (!enter(l, is_object))
			return false;
		pass_space(s);
		if (take(s, is_object ? '}' : ']')) {
			l->depth--;
			return true;
		}
		if (is_object && !take_name(s))
			return false;
	}
}

static bool take_value(struct scanner *s)
{
	struct levels levels = {.depth = 0};
	for (;;) {
		if (!take_first(s, &levels))
			return false;
		/* Behind a value: out of what ends here, then on behind a comma. */
		for (;;) {
			if (levels.depth == 0)
				return true;
			pass_space(s);
			if (take(s, ','))
				break;
			if (!take(s, in_object(&levels) ? '}' : ']'))
				return false;
			levels.depth--;
		}
		pass_space(s);
		if (in_object(&levels) && !take_name(s))
			return false;
	}
}

bool json_scan_check(const char *text, size_t bytes, struct json_scan *ret_value,
		     size_t *ret_bad_at)
{
	struct scanner s = {text, text + bytes};
	size_t good_bytes = json_utf8_bytes(text, bytes);
	if (good_bytes < bytes) {
		*ret_bad_at = good_bytes + 1;
		return false;
	}
	pass_space(&s);
	const char *from = s.at;
	bool good = take_value(&s);
	const char *end = s.at;
	if (good)
		pass_space(&s);
	if (!good || s.at != s.end) {
		*ret_bad_at = (size_t)(s.at - text) + 1;
		return false;
	}
	*ret_value = (struct json_scan){kind_of(*from), from, (size_t)(end - from)};
	return true;
}

/* ---- parts of what is good ------------------------------------------------------------------- */

/* Over a text: to behind its end. */
static const char *behind_text(const char *at)
{
	for (at++; *at != '"'; at++)
		at += *at == '\\' ? 1 : 0;
	return at + 1;
}

static bool is_end_of_scalar(char c)
{
	return is_space(c) || c == ',' || c == ']' || c == '}';
}

static const char *behind_value(const char *at, const char *end)
{
	size_t depth = 0;
	do {
		if (*at == '"') {
			at = behind_text(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		at++;
		/* A number or a word is more than its first byte. */
		while (depth == 0 && at < end && at[-1] != '}' && at[-1] != ']' &&
		       !is_end_of_scalar(*at))
			at++;
	} while (depth > 0);
	return at;
}

static struct json_scan value_at(struct scanner *s)
{
	pass_space(s);
	const char *from = s->at;
	s->at = behind_value(from, s->end);
	return (struct json_scan){kind_of(*from), from, (size_t)(s->at - from)};
}

static size_t put_utf8(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	size_t bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(marks[bytes] | c);
	return bytes;
}

/* The next piece of a text, up to the quote that `end` points at. */
static size_t next_piece(struct scanner *s, char to[4])
{
	uint32_t character = 0;
	if (!take(s, '\\')) {
		to[0] = *s->at++;
		return 1;
	}
	(void)take_escape(s, &character);
	return put_utf8(character, to);
}

size_t json_scan_text(struct json_scan value, char *to)
{
	struct scanner s = {value.at + 1, value.at + value.bytes - 1};
	char piece[4];
	size_t used = 0;
	while (s.at < s.end) {
		size_t n = next_piece(&s, piece);
		memcpy(to + used, piece, n);
		used += n;
	}
	return used;
}

/* Is this text, in quotes, that name? */
static bool is_name(struct json_scan text, const char *name, size_t name_bytes)
{
	struct scanner s = {text.at + 1, text.at + text.bytes - 1};
	char piece[4];
	size_t same = 0;
	while (s.at < s.end) {
		size_t n = next_piece(&s, piece);
		if (n > name_bytes - same || memcmp(piece, name + same, n) != 0)
			return false;
		same += n;
	}
	return same == name_bytes;
}

static struct json_scan member_of(struct json_scan object, const char *name, size_t name_bytes)
{
	struct scanner s = {object.at + 1, object.at + object.bytes - 1};
	struct json_scan found = {.kind = JSON_SCAN_NONE};
	for (pass_space(&s); s.at < s.end; pass_space(&s)) {
		struct json_scan text = value_at(&s);
		pass_space(&s);
		s.at++; // the colon
		struct json_scan value = value_at(&s);
		if (is_name(text, name, name_bytes))
			found = value;
		pass_space(&s);
		(void)take(&s, ',');
	}
	return found;
}

static struct json_scan item_of(struct json_scan array, const char *index, size_t index_bytes)
{
	struct scanner s = {array.at + 1, array.at + array.bytes - 1};
	uint64_t left = 0;
	for (size_t i = 0; i < index_bytes; i++) {
		if (!is_digit(index[i]) || left > UINT32_MAX)
			return (struct json_scan){.kind = JSON_SCAN_NONE};
		left = left * 10 + (uint64_t)(index[i] - '0');
	}
	for (pass_space(&s); s.at < s.end && index_bytes > 0; pass_space(&s)) {
		struct json_scan value = value_at(&s);
		if (left-- == 0)
			return value;
		pass_space(&s);
		(void)take(&s, ',');
	}
	return (struct json_scan){.kind = JSON_SCAN_NONE};
}

struct json_scan json_scan_find(struct json_scan value, const char *path)
{
	while (*path != '\0' && value.kind != JSON_SCAN_NONE) {
		size_t bytes = strcspn(path, ".");
		if (value.kind == JSON_SCAN_OBJECT)
			value = member_of(value, path, bytes);
		else if (value.kind == JSON_SCAN_ARRAY)
			value = item_of(value, path, bytes);
		else
			value = (struct json_scan){.kind = JSON_SCAN_NONE};
		path += bytes + (path[bytes] == '.' ? 1 : 0);
	}
	return value;
}

size_t json_scan_compact(struct json_scan value, char *to)
{
	const char *end = value.at + value.bytes;
	size_t used = 0;
	for (const char *at = value.at; at < end;) {
		const char *next = *at == '"' ? behind_text(at) : at + 1;
		if (*at == '"' || !is_space(*at)) {
			memcpy(to + used, at, (size_t)(next - at));
			used += (size_t)(next - at);
		}
		at = next;
	}
	return used;
}
