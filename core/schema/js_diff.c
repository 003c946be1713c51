/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two JSON Schemas: their texts side by side, keyword by keyword. Annotations
 * are no differences, nor is the order of members. What is behind a $ref is compared where it
 * stands.
 *
 * Recursion follows the texts, whose depth is bounded when they are parsed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/schema/js_keywords.h"
#include "core/schema/js_schema.h"
#include "core/schema/js_value.h"
#include "core/schema/trail.h"

#define DIFF_WORK_MAX (UINT64_C(1) << 27)

struct side {
	const struct wr_json_schema *s;
	struct wr_schema_range at;
};

struct diff {
	weir_schema_difference_fn *on_difference;
	void *context;
	uint64_t work;
	int told;
	size_t path_bytes;
	char path[WR_TRAIL_PATH_BYTES];
	char before[WR_TRAIL_TEXT_BYTES];
	char after[WR_TRAIL_TEXT_BYTES];
};

static void compare(struct diff *d, struct side was, struct side now, enum wr_js_shape shape,
		    enum weir_schema_change change);

static void tell(struct diff *d, enum weir_schema_change change, const struct side *was,
		 const struct side *now)
{
	struct weir_schema_difference difference = {
		.change = change, .path = d->path, .before = d->before, .after = d->after};
	d->before[0] = d->after[0] = '\0';
	if (was != NULL)
		wr_trail_say(d->before, "%.*s", (int)(was->at.end - was->at.start),
			     (const char *)was->s->text + was->at.start);
	if (now != NULL)
		wr_trail_say(d->after, "%.*s", (int)(now->at.end - now->at.start),
			     (const char *)now->s->text + now->at.start);
	if (d->path_bytes == 0)
		memcpy(d->path, "/", 2);
	d->told++;
	d->on_difference(d->context, &difference);
}

/* Where the path was before; what has no room is cut. */
static size_t step_in(struct diff *d, const char *text, size_t bytes)
{
	size_t before = d->path_bytes, room = sizeof d->path - before - 1;
	int n = snprintf(d->path + before, room, "/%.*s", (int)bytes, text);
	d->path_bytes += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return before;
}

static void step_out(struct diff *d, size_t before)
{
	d->path_bytes = before;
	d->path[before] = '\0';
}

static struct side value_at(const struct side *in, struct wr_json *j)
{
	struct side value = {.s = in->s};
	value.at.start = in->at.start + (uint32_t)j->start;
	(void)wr_json_skip(j);
	value.at.end = in->at.start + (uint32_t)j->end;
	return value;
}

/* The member with this name; at.end is 0: there is none. */
static struct side member_of(struct diff *d, const struct side *object, const struct wr_json *name)
{
	struct wr_json j;
	wr_js_json_at(object->s, object->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		bool is_it = wr_js_same_string(name, &j);
		(void)wr_json_next(&j);
		d->work += 1 + (j.end - j.start) / 64;
		struct side value = value_at(object, &j);
		if (is_it)
			return value;
	}
	return (struct side){.s = object->s};
}

static enum weir_schema_change change_of(enum wr_js_word word, enum wr_js_shape outer,
					 bool was_there, bool is_there)
{
	if (outer == WR_JS_SHAPE_NAMED)
		return !was_there  ? WEIR_SCHEMA_CHANGE_FIELD_ADDED
		       : !is_there ? WEIR_SCHEMA_CHANGE_FIELD_REMOVED
				   : WEIR_SCHEMA_CHANGE_KEYWORD;
	return word == WR_JS_WORD_TYPE      ? WEIR_SCHEMA_CHANGE_TYPE
	       : word == WR_JS_WORD_DEFAULT ? WEIR_SCHEMA_CHANGE_DEFAULT
					    : WEIR_SCHEMA_CHANGE_KEYWORD;
}

/* The members of `from`: those that are in both are compared if `both`, the others told. */
static void compare_members(struct diff *d, struct side was, struct side now,
			    enum wr_js_shape shape, bool forward)
{
	const struct side *from = forward ? &was : &now, *in = forward ? &now : &was;
	const char *reason;
	struct wr_json j;
	wr_js_json_at(from->s, from->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME && d->work < DIFF_WORK_MAX) {
		struct wr_json name = j;
		enum wr_js_word word = WR_JS_WORD_DEFS;
		enum wr_js_shape inner =
			shape == WR_JS_SHAPE_NAMED ? WR_JS_SHAPE_SCHEMA : WR_JS_SHAPE_VALUE;
		if (shape == WR_JS_SHAPE_SCHEMA) {
			word = wr_js_word_of(&j, &reason);
			inner = wr_js_word_shape(word);
		}
		(void)wr_json_next(&j);
		struct side value = value_at(from, &j);
		struct side other = member_of(d, in, &name);
		if (word == WR_JS_ANNOTATION || word == WR_JS_WORD_SCHEMA)
			continue;
		size_t before = step_in(d, (const char *)name.text + name.start + 1,
					name.end - name.start - 2);
		enum weir_schema_change change = change_of(
			word, shape, forward || other.at.end != 0, !forward || other.at.end != 0);
		if (other.at.end == 0)
			tell(d, change, forward ? &value : NULL, forward ? NULL : &value);
		else if (forward)
			compare(d, value, other, inner, change);
		step_out(d, before);
	}
}

static void compare_lists(struct diff *d, struct side was, struct side now,
			  enum weir_schema_change change)
{
	struct wr_json a, b;
	uint32_t index = 0;
	wr_js_json_at(was.s, was.at, &a);
	wr_js_json_at(now.s, now.at, &b);
	(void)wr_json_next(&a);
	(void)wr_json_next(&b);
	for (; a.token != WR_JSON_ARRAY_END || b.token != WR_JSON_ARRAY_END; index++) {
		bool in_a = a.token != WR_JSON_ARRAY_END, in_b = b.token != WR_JSON_ARRAY_END;
		struct side one = {.s = was.s}, other = {.s = now.s};
		char text[12];
		int n = snprintf(text, sizeof text, "%u", index);
		size_t before = step_in(d, text, (size_t)n);
		if (in_a) {
			one = value_at(&was, &a);
			(void)wr_json_next(&a);
		}
		if (in_b) {
			other = value_at(&now, &b);
			(void)wr_json_next(&b);
		}
		if (in_a && in_b)
			compare(d, one, other, WR_JS_SHAPE_SCHEMA, change);
		else
			tell(d,
			     in_a ? WEIR_SCHEMA_CHANGE_BRANCH_REMOVED
				  : WEIR_SCHEMA_CHANGE_BRANCH_ADDED,
			     in_a ? &one : NULL, in_b ? &other : NULL);
		step_out(d, before);
	}
}

static void compare(struct diff *d, struct side was, struct side now, enum wr_js_shape shape,
		    enum weir_schema_change change)
{
	uint64_t work = DIFF_WORK_MAX;
	struct wr_json a, b;
	wr_js_json_at(was.s, was.at, &a);
	wr_js_json_at(now.s, now.at, &b);
	if (shape != WR_JS_SHAPE_VALUE && a.token == b.token) {
		if (a.token == WR_JSON_ARRAY) {
			compare_lists(d, was, now, change);
			return;
		}
		if (a.token == WR_JSON_OBJECT) {
			enum wr_js_shape inner =
				shape == WR_JS_SHAPE_SCHEMAS ? WR_JS_SHAPE_SCHEMA : shape;
			compare_members(d, was, now, inner, true);
			compare_members(d, was, now, inner, false);
			return;
		}
	}
	if (!wr_js_equal(&a, &b, &work))
		tell(d, change, &was, &now);
	d->work += DIFF_WORK_MAX - work;
}

/* The value of the schema's own text, without the blanks around it. */
static struct side whole(const struct weir_schema *schema)
{
	struct side side = {schema->json, schema->json->documents[0].at};
	struct wr_json j;
	wr_js_json_at(side.s, side.at, &j);
	return value_at(&side, &j);
}

int wr_json_schema_diff(const struct weir_schema *old, const struct weir_schema *next,
			weir_schema_difference_fn *on_difference, void *context)
{
	struct diff d = {.on_difference = on_difference, .context = context};
	compare(&d, whole(old), whole(next), WR_JS_SHAPE_SCHEMA, WEIR_SCHEMA_CHANGE_KEYWORD);
	return d.work < DIFF_WORK_MAX ? d.told : WEIR_E_TOO_BIG;
}
