/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/js_value.h"

#include <stdio.h>
#include <string.h>

#include "core/json/utf8.h"
#include "core/schema/js_decimal.h"

/* --- characters ------------------------------------------------------------------------------- */

struct characters {
	const uint8_t *at;
	const uint8_t *end;
};

static struct characters characters_of(const struct wr_json *j)
{
	return (struct characters){j->text + j->start + 1, j->text + j->end - 1};
}

static uint32_t hex_at(const uint8_t *at)
{
	uint32_t n = 0;
	for (int i = 0; i < 4; i++) {
		uint8_t c = at[i];
		n = n << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return n;
}

static uint32_t escape(struct characters *c)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	uint8_t letter = c->at[1];
	if (letter != 'u') {
		const char *found = strchr(letters, letter);
		c->at += 2;
		return found != NULL ? (uint32_t)meant[found - letters] : letter;
	}
	uint32_t high = hex_at(c->at + 2);
	c->at += 6;
	if (high < 0xd800 || high > 0xdbff)
		return high;
	uint32_t low = hex_at(c->at + 2);
	c->at += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* The reader has looked at it: what begins is whole. */
static uint32_t next_character(struct characters *c)
{
	if (*c->at == '\\')
		return escape(c);
	size_t bytes = wr_utf8_length(c->at, (size_t)(c->end - c->at));
	uint32_t n = bytes == 1 ? *c->at : *c->at & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++)
		n = n << 6 | (c->at[i] & 0x3fu);
	c->at += bytes;
	return n;
}

uint64_t wr_js_characters(const struct wr_json *j)
{
	struct characters c = characters_of(j);
	uint64_t count = 0;
	for (; c.at < c.end; count++)
		(void)next_character(&c);
	return count;
}

int wr_js_string_order(const struct wr_json *a, const struct wr_json *b)
{
	struct characters x = characters_of(a), y = characters_of(b);
	while (x.at < x.end && y.at < y.end) {
		uint32_t one = next_character(&x), other = next_character(&y);
		if (one != other)
			return one < other ? -1 : 1;
	}
	return (x.at < x.end) - (y.at < y.end);
}

static size_t put_character(char *to, uint32_t c)
{
	static const char letters[] = "bfnrt\"\\", meant[] = "\b\f\n\r\t\"\\";
	const char *found = c != 0 && c < 0x80 ? strchr(meant, (int)c) : NULL;
	if (found != NULL) {
		to[0] = '\\';
		to[1] = letters[found - meant];
		return 2;
	}
	if (c < 0x20) {
		memcpy(to, "\\u00", 4);
		to[4] = (char)('0' + (c >> 4));
		to[5] = "0123456789abcdef"[c & 15];
		return 6;
	}
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	size_t bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(0xf00u >> bytes | c);
	return bytes;
}

size_t wr_js_string_write(const struct wr_json *j, char *to)
{
	struct characters c = characters_of(j);
	size_t bytes = 0;
	to[bytes++] = '"';
	while (c.at < c.end)
		bytes += put_character(to + bytes, next_character(&c));
	to[bytes++] = '"';
	return bytes;
}

bool wr_js_same_string(const struct wr_json *a, const struct wr_json *b)
{
	struct characters x = characters_of(a), y = characters_of(b);
	if (!a->escaped && !b->escaped)
		return x.end - x.at == y.end - y.at &&
		       memcmp(x.at, y.at, (size_t)(x.end - x.at)) == 0;
	while (x.at < x.end && y.at < y.end)
		if (next_character(&x) != next_character(&y))
			return false;
	return x.at == x.end && y.at == y.end;
}

/* --- equal ------------------------------------------------------------------------------------ */

static bool spend(uint64_t *work, uint64_t amount)
{
	*work = *work > amount ? *work - amount : 0;
	return *work > 0;
}

static bool same_number(const struct wr_json *a, const struct wr_json *b)
{
	struct wr_decimal x = wr_decimal_of(a->text + a->start, a->end - a->start);
	struct wr_decimal y = wr_decimal_of(b->text + b->start, b->end - b->start);
	return wr_decimal_compare(&x, &y) == 0;
}

static bool same_array(struct wr_json *a, struct wr_json *b, uint64_t *work)
{
	for (;;) {
		enum wr_json_token token = wr_json_next(a), other = wr_json_next(b);
		if (token == WR_JSON_ARRAY_END || other == WR_JSON_ARRAY_END ||
		    token == WR_JSON_BAD || other == WR_JSON_BAD)
			return token == WR_JSON_ARRAY_END && token == other;
		if (!wr_js_equal(a, b, work))
			return false;
	}
}

bool wr_js_pass(struct wr_json *j, uint64_t *work)
{
	size_t before = j->start;
	return wr_json_skip(j) && spend(work, (j->end - before) / 16);
}

/* From the beginning of an object to its member with this name. */
static bool find_member(const struct wr_json *name, struct wr_json *object, uint64_t *work)
{
	while (wr_json_next(object) == WR_JSON_NAME && spend(work, 1)) {
		if (wr_js_same_string(name, object))
			return true;
		if (!wr_js_pass(object, work))
			return false;
	}
	return false;
}

/* The value of a's current name is that of the same name in the object that `b` begins. */
static bool has_same_member(struct wr_json *a, struct wr_json b, uint64_t *work)
{
	if (!find_member(a, &b, work))
		return false;
	(void)wr_json_next(a);
	(void)wr_json_next(&b);
	return wr_js_equal(a, &b, work);
}

/* The usual case: b's next member has that name, too. Anywhere, if it has not. */
static bool is_next_member(const struct wr_json *a, struct wr_json *b)
{
	return wr_json_next(b) == WR_JSON_NAME && wr_js_same_string(a, b);
}

/* One that comes twice in `a` stands for no other one of b: b's names are all looked for, too. */
static bool same_object(struct wr_json *a, struct wr_json *b, uint64_t *work)
{
	uint64_t count = 0, other = 0;
	bool in_order = true;
	struct wr_json all = *a, first = *b, next = *b;
	for (; wr_json_next(a) == WR_JSON_NAME; count++) {
		if (!is_next_member(a, &next)) {
			in_order = false;
			(void)wr_json_skip(&next);
			if (!has_same_member(a, first, work))
				return false;
			continue;
		}
		(void)wr_json_next(a);
		(void)wr_json_next(&next);
		if (!wr_js_equal(a, &next, work))
			return false;
	}
	for (; wr_json_next(b) == WR_JSON_NAME; other++) {
		struct wr_json from = all;
		if (other == count || (!in_order && !find_member(b, &from, work)) ||
		    !wr_js_pass(b, work))
			return false;
	}
	return count == other && a->token == WR_JSON_OBJECT_END && b->token == WR_JSON_OBJECT_END;
}

bool wr_js_equal(struct wr_json *a, struct wr_json *b, uint64_t *work)
{
	if (!spend(work, 1 + (a->end - a->start) / 64) || a->token != b->token)
		return false;
	switch (a->token) {
	case WR_JSON_STRING:
		return wr_js_same_string(a, b);
	case WR_JSON_NUMBER:
		return same_number(a, b);
	case WR_JSON_ARRAY:
		return same_array(a, b, work);
	case WR_JSON_OBJECT:
		return same_object(a, b, work);
	default:
		return a->token != WR_JSON_BAD;
	}
}

/* --- where ------------------------------------------------------------------------------------ */

struct writing {
	char *to;
	size_t room;
	size_t used;
};

static void put_step(struct writing *w, const uint8_t *text, size_t bytes)
{
	if (w->used + bytes + 5 > w->room) {
		if (w->room - w->used >= 5) {
			memcpy(w->to + w->used, "/...", 5);
			w->used = w->room;
		}
		return;
	}
	w->to[w->used++] = '/';
	memcpy(w->to + w->used, text, bytes);
	w->used += bytes;
	w->to[w->used] = '\0';
}

static void put_index(struct writing *w, uint32_t index)
{
	char text[12];
	int n = snprintf(text, sizeof text, "%u", index);
	put_step(w, (const uint8_t *)text, (size_t)n);
}

/* Goes down into whatever the byte is part of. */
char *wr_js_path(const void *text, size_t bytes, size_t at, char *to, size_t to_bytes)
{
	struct writing w = {.to = to, .room = to_bytes};
	struct wr_json j;
	to[0] = '\0';
	wr_json_init(&j, text, bytes, WR_JSON_DEPTH_MAX);
	(void)wr_json_next(&j);
	while (j.token == WR_JSON_OBJECT || j.token == WR_JSON_ARRAY) {
		bool is_object = j.token == WR_JSON_OBJECT, found = false;
		uint32_t index = 0;
		for (; !found; index++) {
			enum wr_json_token token = wr_json_next(&j);
			if (token == WR_JSON_OBJECT_END || token == WR_JSON_ARRAY_END ||
			    token == WR_JSON_BAD || token == WR_JSON_END || j.start > at)
				break;
			struct wr_json first = j, name = j;
			if (is_object)
				(void)wr_json_next(&first);
			bool good = wr_json_skip(&j);
			found = good && at < j.end;
			if (!found)
				continue;
			if (is_object)
				put_step(&w, name.text + name.start + 1, name.end - name.start - 2);
			else
				put_index(&w, index);
			j = first;
		}
		if (!found || j.start >= at)
			break;
	}
	if (w.used == 0)
		memcpy(to, "/", 2);
	return to;
}
