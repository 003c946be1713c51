/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults, by fallback.h. One walk does both: without a sink it only looks.
 *
 * Trying the branches of unions can take a number of steps that grows with the power of the depth,
 * so the steps are counted: a schema whose defaults take more than WORK_MAX is refused.
 */
#include "core/schema/fallback.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/varint.h"

#define WORK_MAX (1u << 24)
#define DEPTH_MAX 128u

struct work {
	const struct weir_schema *s;
	struct wr_sink *sink; /* NULL: only looked at */
	uint64_t left;
	uint32_t depth;
	bool is_own; /* what comes next is a field's own default, not a part of one */
};

/* 1: it fits and is written; 0: it does not fit; WEIR_E_TOO_BIG. */
static int value_walk(struct work *w, uint32_t node, struct wr_schema_range at);

static void put_long(struct work *w, int64_t n)
{
	uint8_t bytes[WR_VARINT_BYTES_MAX];

	if (w->sink != NULL)
		wr_sink_bytes(w->sink, bytes, wr_varint_put(n, bytes));
}

static void put_bytes(struct work *w, const void *bytes, size_t count)
{
	if (w->sink != NULL)
		wr_sink_bytes(w->sink, bytes, count);
}

static struct wr_schema_range range_of(struct wr_schema_range outer, size_t start, size_t end)
{
	return (struct wr_schema_range){outer.start + (uint32_t)start, outer.start + (uint32_t)end};
}

/* A string as it is: into the sink itself, with its length before it. */
static void put_string(struct work *w, const struct wr_json *j)
{
	size_t bytes = wr_json_string(j, NULL, 0);

	put_long(w, (int64_t)bytes);
	uint8_t *to = w->sink != NULL ? wr_put(w->sink, bytes) : NULL;
	if (to != NULL)
		wr_json_string(j, to, bytes);
}

/* The characters of a string as bytes. How many; -1: one is above U+00FF. */
static int64_t latin_bytes(const struct wr_json *j, struct wr_sink *sink)
{
	struct wr_json one;
	int64_t count = 0;

	/* Piece by piece: a string of one character or escape at a time. */
	for (size_t at = j->start + 1; at < j->end - 1; count++) {
		const uint8_t *from = j->text + at;
		char quoted[16] = "\"";
		char character[4];
		size_t length = 1;
		if (*from == '\\')
			length = from[1] == 'u' ? 6 : 2;
		else if (*from >= 0xe0)
			return -1;
		else if (*from >= 0xc0)
			length = 2;
		memcpy(quoted + 1, from, length);
		quoted[1 + length] = '"';
		wr_json_init(&one, quoted, length + 2, 0);
		if (wr_json_next(&one) != WR_JSON_STRING)
			return -1;
		size_t bytes = wr_json_string(&one, character, sizeof character);
		uint32_t c = (uint8_t)character[0];
		if (bytes == 2)
			c = (c & 0x1f) << 6 | ((uint8_t)character[1] & 0x3f);
		if (bytes > 2 || c > 0xff)
			return -1;
		uint8_t byte = (uint8_t)c;
		if (sink != NULL)
			wr_sink_bytes(sink, &byte, 1);
		at += length;
	}
	return count;
}

static int bytes_walk(struct work *w, const struct wr_schema_node *n, const struct wr_json *j)
{
	if (j->token != WR_JSON_STRING)
		return 0;
	int64_t count = latin_bytes(j, NULL);
	if (count < 0 || (n->type == WEIR_SCHEMA_FIXED && count != (int64_t)n->size))
		return 0;
	if (n->type == WEIR_SCHEMA_BYTES)
		put_long(w, count);
	latin_bytes(j, w->sink);
	return 1;
}

/* "NaN", "Infinity", "-Infinity", or a number in quotes. */
static bool float_text(const struct wr_json *j, double *ret_n)
{
	char text[64];
	struct wr_json inner;
	size_t bytes = wr_json_string(j, text, sizeof text);
	bool minus = bytes > 0 && bytes <= sizeof text && text[0] == '-';
	size_t sign = minus ? 1 : 0;

	if (bytes > sizeof text)
		return false;
	if (bytes - sign == 3 && memcmp(text + sign, "NaN", 3) == 0) {
		*ret_n = (double)NAN;
		return true;
	}
	if (bytes - sign == 8 && memcmp(text + sign, "Infinity", 8) == 0) {
		*ret_n = minus ? -HUGE_VAL : HUGE_VAL;
		return true;
	}
	wr_json_init(&inner, text, bytes, 0);
	if (wr_json_next(&inner) != WR_JSON_NUMBER)
		return false;
	*ret_n = wr_json_f64(&inner);
	return wr_json_next(&inner) == WR_JSON_END;
}

static int number_walk(struct work *w, uint8_t type, const struct wr_json *j, bool is_own)
{
	int64_t n;
	double d;

	if (type == WEIR_SCHEMA_INT || type == WEIR_SCHEMA_LONG) {
		if (j->token != WR_JSON_NUMBER || !wr_json_i64(j, &n) ||
		    (type == WEIR_SCHEMA_INT && (n < INT32_MIN || n > INT32_MAX)))
			return 0;
		put_long(w, n);
		return 1;
	}
	if (j->token == WR_JSON_NUMBER)
		d = wr_json_f64(j);
	else if (!is_own || j->token != WR_JSON_STRING || !float_text(j, &d))
		return 0;
	float f = (float)d;
	if (type == WEIR_SCHEMA_FLOAT)
		put_bytes(w, &f, sizeof f);
	else
		put_bytes(w, &d, sizeof d);
	return 1;
}

static int enum_walk(struct work *w, const struct wr_schema_node *n, const struct wr_json *j)
{
	if (j->token != WR_JSON_STRING)
		return 0;
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t bytes;
		const char *text = wr_schema_text_of(w->s, w->s->lists[n->first + i], &bytes);
		if (wr_json_equals(j, text, bytes)) {
			put_long(w, i);
			return 1;
		}
	}
	return 0;
}

/* An array, or an object that stands for a map: one block, and its end. */
static int items_walk(struct work *w, const struct wr_schema_node *n, struct wr_json *j,
		      struct wr_schema_range at)
{
	bool map = n->type == WEIR_SCHEMA_MAP;
	struct wr_json counted = *j;
	int64_t count = 0;

	if (j->token != (map ? WR_JSON_OBJECT : WR_JSON_ARRAY))
		return 0;
	enum wr_json_token end = map ? WR_JSON_OBJECT_END : WR_JSON_ARRAY_END;
	for (; wr_json_next(&counted) != end; count++)
		wr_json_skip(&counted);
	if (count > 0)
		put_long(w, count);
	while (wr_json_next(j) != end) {
		if (map) {
			put_string(w, j);
			wr_json_next(j);
		}
		size_t start = j->start;
		wr_json_skip(j);
		int fits = value_walk(w, n->first, range_of(at, start, j->end));
		if (fits != 1)
			return fits;
	}
	put_long(w, 0);
	return 1;
}

/* The member of an object that has this name. */
static bool member_find(struct work *w, struct wr_schema_range object, uint32_t name,
			struct wr_schema_range *ret_at)
{
	struct wr_json j;
	uint32_t bytes;
	const char *text = wr_schema_text_of(w->s, name, &bytes);
	uint64_t cost = (object.end - object.start) / 64;

	w->left -= cost < w->left ? cost : w->left;
	wr_schema_json_at(w->s, object, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		bool found = wr_json_equals(&j, text, bytes);
		wr_json_next(&j);
		size_t start = j.start;
		wr_json_skip(&j);
		if (found) {
			*ret_at = range_of(object, start, j.end);
			return true;
		}
	}
	return false;
}

static int record_walk(struct work *w, const struct wr_schema_node *n, const struct wr_json *j,
		       struct wr_schema_range at)
{
	if (j->token != WR_JSON_OBJECT)
		return 0;
	for (uint32_t i = 0; i < n->count; i++) {
		const struct wr_schema_field *field = &w->s->fields[n->first + i];
		struct wr_schema_range value;
		if (!member_find(w, at, field->name, &value)) {
			if (field->fallback.end == 0)
				return 0;
			/* It is looked at as that field's own. */
			if (w->sink == NULL)
				continue;
			value = field->fallback;
			w->is_own = true;
		}
		int fits = value_walk(w, field->node, value);
		if (fits != 1)
			return fits;
	}
	return 1;
}

static int union_walk(struct work *w, const struct wr_schema_node *n, struct wr_schema_range at)
{
	for (uint32_t i = 0; i < n->count; i++) {
		size_t used_bytes = w->sink != NULL ? w->sink->used_bytes : 0;
		put_long(w, i);
		int fits = value_walk(w, w->s->lists[n->first + i], at);
		if (fits != 0)
			return fits;
		if (w->sink != NULL && !w->sink->failed)
			w->sink->used_bytes = used_bytes;
	}
	return 0;
}

static int value_of_type(struct work *w, uint32_t node, struct wr_schema_range at)
{
	const struct wr_schema_node *n = &w->s->nodes[node];
	bool is_own = w->is_own;
	struct wr_json j;

	w->is_own = false;
	if (n->type == WEIR_SCHEMA_UNION)
		return union_walk(w, n, at);
	wr_schema_json_at(w->s, at, &j);
	switch ((enum weir_schema_type)n->type) {
	case WEIR_SCHEMA_NULL:
		return j.token == WR_JSON_NULL;
	case WEIR_SCHEMA_BOOLEAN:
		if (j.token != WR_JSON_TRUE && j.token != WR_JSON_FALSE)
			return 0;
		put_bytes(w, j.token == WR_JSON_TRUE ? "\1" : "\0", 1);
		return 1;
	case WEIR_SCHEMA_INT:
	case WEIR_SCHEMA_LONG:
	case WEIR_SCHEMA_FLOAT:
	case WEIR_SCHEMA_DOUBLE:
		return number_walk(w, n->type, &j, is_own);
	case WEIR_SCHEMA_BYTES:
	case WEIR_SCHEMA_FIXED:
		return bytes_walk(w, n, &j);
	case WEIR_SCHEMA_STRING:
		if (j.token != WR_JSON_STRING)
			return 0;
		put_string(w, &j);
		return 1;
	case WEIR_SCHEMA_ENUM:
		return enum_walk(w, n, &j);
	case WEIR_SCHEMA_ARRAY:
	case WEIR_SCHEMA_MAP:
		return items_walk(w, n, &j, at);
	case WEIR_SCHEMA_RECORD:
		return record_walk(w, n, &j, at);
	case WEIR_SCHEMA_UNION:
	case WEIR_SCHEMA_JSON_VALUE: // no node of Avro's is one
		break;
	}
	return 0;
}

static int value_walk(struct work *w, uint32_t node, struct wr_schema_range at)
{
	if (w->left == 0 || w->depth == DEPTH_MAX || (w->sink != NULL && w->sink->failed))
		return WEIR_E_TOO_BIG;
	w->left--;
	w->depth++;
	int fits = value_of_type(w, node, at);
	w->depth--;
	return fits;
}

int wr_schema_fallback_encode(const struct weir_schema *s, uint32_t node, struct wr_schema_range at,
			      struct wr_sink *sink)
{
	struct work w = {.s = s, .sink = sink, .left = WORK_MAX, .is_own = true};
	int fits = value_walk(&w, node, at);

	if (fits < 0 || sink->failed)
		return WEIR_E_TOO_BIG;
	return fits == 1 ? 0 : -EINVAL;
}

/* What a default of the type would look like. */
static const char *wanted(uint8_t type)
{
	switch ((enum weir_schema_type)type) {
	case WEIR_SCHEMA_NULL:
		return "null, without quotes";
	case WEIR_SCHEMA_BOOLEAN:
		return "true or false, without quotes";
	case WEIR_SCHEMA_INT:
		return "a whole number from -2147483648 to 2147483647";
	case WEIR_SCHEMA_LONG:
		return "a whole number of 64 bits";
	case WEIR_SCHEMA_FLOAT:
	case WEIR_SCHEMA_DOUBLE:
		return "a number";
	case WEIR_SCHEMA_STRING:
		return "a string";
	case WEIR_SCHEMA_BYTES:
		return "a string of characters up to \\u00ff";
	case WEIR_SCHEMA_FIXED:
		return "a string of as many characters up to \\u00ff as its size";
	case WEIR_SCHEMA_ENUM:
		return "one of its symbols";
	case WEIR_SCHEMA_ARRAY:
		return "an array of such items";
	case WEIR_SCHEMA_MAP:
		return "an object of such values";
	case WEIR_SCHEMA_RECORD:
		return "an object with a value for each field that has no default";
	case WEIR_SCHEMA_UNION:
	case WEIR_SCHEMA_JSON_VALUE: // no node of Avro's is one
		break;
	}
	return "a value of one of its branches";
}

int wr_schema_fallbacks_check(struct wr_schema_parser *p)
{
	struct weir_schema *s = p->s;
	struct work w = {.s = s, .left = WORK_MAX};

	for (uint32_t i = 0; i < s->field_count; i++) {
		const struct wr_schema_field *field = &s->fields[i];
		if (field->fallback.end == 0)
			continue;
		w.is_own = true;
		int fits = value_walk(&w, field->node, field->fallback);
		if (fits == 1)
			continue;
		char type[120];
		uint32_t bytes;
		const char *name = wr_schema_text_of(s, field->name, &bytes);
		wr_schema_full_name(s, field->node, type, sizeof type);
		wr_schema_path_to_field(p, i);
		wr_schema_step_in(p, "default", WR_SCHEMA_NONE);
		if (fits < 0)
			return wr_schema_wrong(p, fits, field->fallback.start,
					       "the defaults take too long to check: there are too "
					       "many, or too many ways to read them");
		return wr_schema_wrong(p, -EINVAL, field->fallback.start,
				       "the default of field \"%.*s\" is no %s: that is %s",
				       (int)(bytes < 60 ? bytes : 60), name, type,
				       wanted(s->nodes[field->node].type));
	}
	return 0;
}
