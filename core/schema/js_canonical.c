/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of a JSON Schema: members sorted by their characters, no blanks, strings with
 * as few escapes as there may be, numbers as digits and a power of ten (15e-1, 1e2), and without
 * the keywords that say nothing of what is valid (title, format, x-..., $schema). `default` stays,
 * and the order of lists. Equal for schemas that are the same but for these.
 *
 * Recursion follows the text, whose depth is bounded when it is parsed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/js_keywords.h"
#include "core/schema/js_schema.h"
#include "core/schema/js_value.h"

struct canonical {
	struct weir_schema *schema;
	const struct wr_json_schema *s;
	char *to;
	size_t used;
	int code;
};

/* What stands in a place: any JSON, or schemas in one of the ways that keywords have them. */
struct member {
	const uint8_t *text;
	struct wr_schema_range name;
	struct wr_schema_range value;
	enum wr_js_shape shape;
};

static void write_value(struct canonical *c, struct wr_schema_range at, enum wr_js_shape shape);

static void put(struct canonical *c, const char *text, size_t bytes)
{
	memcpy(c->to + c->used, text, bytes);
	c->used += bytes;
}

static void put_number(struct canonical *c, struct wr_schema_range at)
{
	struct wr_decimal d = wr_js_decimal_at(c->s, at);
	char exponent[24];
	if (d.first == NULL) {
		put(c, "0", 1);
		return;
	}
	if (d.is_negative)
		put(c, "-", 1);
	for (const uint8_t *digit = d.first; digit <= d.last; digit++)
		if (*digit != '.')
			put(c, (const char *)digit, 1);
	int n = snprintf(exponent, sizeof exponent, "e%lld", (long long)d.exponent);
	if (d.exponent != 0)
		put(c, exponent, (size_t)n);
}

static struct wr_json name_of(const struct member *m)
{
	return (struct wr_json){
		.text = m->text, .start = m->name.start, .end = m->name.end, .escaped = true};
}

static int by_name(const void *a, const void *b)
{
	struct wr_json x = name_of(a), y = name_of(b);
	int order = wr_js_string_order(&x, &y);
	if (order != 0)
		return order;
	/* The same name twice, in a value: by where they stand. */
	return ((const struct member *)a)->name.start < ((const struct member *)b)->name.start ? -1
											       : 1;
}

/* Of a schema the keywords that count; of anything else all. */
static uint32_t take_members(struct canonical *c, struct wr_schema_range at, enum wr_js_shape shape,
			     struct member *members)
{
	const char *reason;
	struct wr_json j;
	uint32_t count = 0;
	wr_js_json_at(c->s, at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		struct member *m = &members[count];
		*m = (struct member){.text = c->s->text};
		m->name.start = at.start + (uint32_t)j.start;
		m->name.end = at.start + (uint32_t)j.end;
		m->shape = shape == WR_JS_SHAPE_NAMED ? WR_JS_SHAPE_SCHEMA : WR_JS_SHAPE_VALUE;
		if (shape == WR_JS_SHAPE_SCHEMA) {
			enum wr_js_word word = wr_js_word_of(&j, &reason);
			m->shape = wr_js_word_shape(word);
			count -= word == WR_JS_ANNOTATION || word == WR_JS_WORD_SCHEMA;
		}
		(void)wr_json_next(&j);
		m->value.start = at.start + (uint32_t)j.start;
		(void)wr_json_skip(&j);
		m->value.end = at.start + (uint32_t)j.end;
		count++;
	}
	return count;
}

static void write_object(struct canonical *c, struct wr_schema_range at, enum wr_js_shape shape)
{
	const struct weir_allocator *a = &c->schema->allocator;
	size_t room = 1;
	struct wr_json j;
	wr_js_json_at(c->s, at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME && wr_json_skip(&j))
		room++;
	struct member *members = wr_schema_alloc(a, room * sizeof *members);
	if (members == NULL) {
		c->code = -ENOMEM;
		return;
	}
	uint32_t count = take_members(c, at, shape, members);
	qsort(members, count, sizeof *members, by_name);
	put(c, "{", 1);
	for (uint32_t i = 0; i < count && c->code == 0; i++) {
		struct wr_json name = name_of(&members[i]);
		if (i > 0)
			put(c, ",", 1);
		c->used += wr_js_string_write(&name, c->to + c->used);
		put(c, ":", 1);
		write_value(c, members[i].value, members[i].shape);
	}
	put(c, "}", 1);
	wr_schema_free(a, members, room * sizeof *members);
}

static void write_array(struct canonical *c, struct wr_schema_range at, enum wr_js_shape shape)
{
	enum wr_js_shape inside =
		shape == WR_JS_SHAPE_SCHEMAS ? WR_JS_SHAPE_SCHEMA : WR_JS_SHAPE_VALUE;
	struct wr_json j;
	uint32_t count = 0;
	wr_js_json_at(c->s, at, &j);
	put(c, "[", 1);
	while (wr_json_next(&j) != WR_JSON_ARRAY_END && j.token != WR_JSON_BAD && c->code == 0) {
		struct wr_schema_range one = {.start = at.start + (uint32_t)j.start};
		(void)wr_json_skip(&j);
		one.end = at.start + (uint32_t)j.end;
		if (count++ > 0)
			put(c, ",", 1);
		write_value(c, one, inside);
	}
	put(c, "]", 1);
}

static void write_value(struct canonical *c, struct wr_schema_range at, enum wr_js_shape shape)
{
	struct wr_json j;
	wr_js_json_at(c->s, at, &j);
	switch (j.token) {
	case WR_JSON_OBJECT:
		write_object(c, at, shape == WR_JS_SHAPE_SCHEMAS ? WR_JS_SHAPE_SCHEMA : shape);
		break;
	case WR_JSON_ARRAY:
		write_array(c, at, shape);
		break;
	case WR_JSON_STRING:
		c->used += wr_js_string_write(&j, c->to + c->used);
		break;
	case WR_JSON_NUMBER:
		put_number(c, at);
		break;
	default:
		put(c, (const char *)c->s->text + at.start, at.end - at.start);
	}
}

int wr_json_schema_canonical_make(struct weir_schema *schema)
{
	const struct weir_allocator *a = &schema->allocator;
	struct wr_json_schema *s = schema->json;
	struct canonical c = {.schema = schema, .s = s};
	struct wr_schema_range at = s->documents[0].at;
	struct wr_json j;
	/* A number grows by 2 bytes for each 3 at most, anything else only shrinks. */
	size_t room = 2 * (size_t)(at.end - at.start) + 32;
	wr_js_json_at(s, at, &j);
	at.start += (uint32_t)j.start;
	c.to = wr_schema_alloc(a, room);
	if (c.to == NULL)
		return -ENOMEM;
	write_value(&c, at, WR_JS_SHAPE_SCHEMA);
	if (c.code == 0) {
		s->canonical = wr_schema_alloc(a, c.used);
		s->canonical_bytes = c.used;
		if (s->canonical != NULL)
			memcpy(s->canonical, c.to, c.used);
		else
			c.code = -ENOMEM;
	}
	wr_schema_free(a, c.to, room);
	return c.code;
}
