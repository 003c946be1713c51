/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a value what a JSON Schema says? The payload is read where it stands, by one reader that goes
 * forward; only where several schemas look at one value it is read once for each. Nothing is
 * allocated. Depth is bounded by the reader and by a count of schemas inside one another, work by a
 * budget that no reasonable payload meets.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <weir/resolver.h>

#include "core/schema/data.h"
#include "core/schema/js_schema.h"
#include "core/schema/js_value.h"

/* Schemas inside one another, on the way to a value. */
#define LEVELS_MAX 256u

struct look {
	const struct wr_json_schema *s;
	uint64_t work; /* what is left of work_max */
	uint64_t work_max;
	uint32_t levels;
	int code;  /* 0: nothing is wrong with the payload as such */
	size_t at; /* the last reason: where, of which schema, and in words */
	uint32_t node;
	char why[112];
};

static bool look_at(struct look *l, uint32_t node, struct wr_json *j);

static bool no(struct look *l, uint32_t node, size_t at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool no(struct look *l, uint32_t node, size_t at, const char *format, ...)
{
	va_list arguments;
	if (l->code != 0)
		return false;
	l->at = at;
	l->node = node;
	va_start(arguments, format);
	(void)vsnprintf(l->why, sizeof l->why, format, arguments);
	va_end(arguments);
	return false;
}

static bool stop(struct look *l, int code, uint32_t node, size_t at, const char *why)
{
	(void)no(l, node, at, "%s", why);
	l->code = l->code == 0 ? code : l->code;
	return false;
}

/* Over the limit. */
static bool give_up(struct look *l, uint32_t node, size_t at)
{
	(void)no(l, node, at, "it takes too much work: more than %llu steps",
		 (unsigned long long)l->work_max);
	l->code = l->code == 0 ? WEIR_E_TOO_BIG : l->code;
	return false;
}

static void spend(struct look *l, uint64_t work)
{
	l->work -= l->work < work ? l->work : work;
}

static bool pass(struct look *l, uint32_t node, struct wr_json *j)
{
	size_t before = j->start;
	if (!wr_json_skip(j))
		return stop(l, -EINVAL, node, j->error_at, "it is no JSON");
	spend(l, (j->end - before) / 16);
	return true;
}

/* --- values without parts --------------------------------------------------------------------- */

static bool is_of_kind(uint8_t kind, enum wr_json_token token)
{
	switch (kind) {
	case WR_JS_NULL:
		return token == WR_JSON_NULL;
	case WR_JS_BOOLEAN:
		return token == WR_JSON_TRUE || token == WR_JSON_FALSE;
	case WR_JS_NUMBER:
		return token == WR_JSON_NUMBER;
	case WR_JS_STRING:
		return token == WR_JSON_STRING;
	case WR_JS_OBJECT:
		return token == WR_JSON_OBJECT;
	default:
		return token == WR_JSON_ARRAY;
	}
}

static const char *kind_word(const struct wr_js_node *n)
{
	static const char *const words[] = {
		[WR_JS_NULL] = "null",        [WR_JS_BOOLEAN] = "a boolean",
		[WR_JS_NUMBER] = "a number",  [WR_JS_STRING] = "a string",
		[WR_JS_OBJECT] = "an object", [WR_JS_ARRAY] = "an array",
	};
	return (n->flags & WR_JS_INTEGER) != 0 ? "an integer" : words[n->kind];
}

static bool look_at_number(struct look *l, uint32_t node, const struct wr_json *j)
{
	static const char *const words[] = {"at least", "at most", "above", "below",
					    "a multiple of"};
	const struct wr_js_node *n = &l->s->nodes[node];
	struct wr_decimal d = wr_decimal_of(j->text + j->start, j->end - j->start);
	if ((n->flags & WR_JS_INTEGER) != 0 && !wr_decimal_is_integer(&d))
		return no(l, node, j->start, "it is no integer");
	for (uint32_t i = 0; i < WR_JS_BOUNDS; i++) {
		struct wr_schema_range at = n->bounds[i];
		if (at.end == 0)
			continue;
		struct wr_decimal bound = wr_js_decimal_at(l->s, at);
		int order = i == WR_JS_MULTIPLE_OF ? 0 : wr_decimal_compare(&d, &bound);
		bool good = i == WR_JS_MINIMUM             ? order >= 0
			    : i == WR_JS_MAXIMUM           ? order <= 0
			    : i == WR_JS_EXCLUSIVE_MINIMUM ? order > 0
			    : i == WR_JS_EXCLUSIVE_MAXIMUM ? order < 0
							   : wr_decimal_is_multiple(&d, &bound);
		if (!good)
			return no(l, node, j->start, "it is not %s %.*s", words[i],
				  (int)(at.end - at.start < 40 ? at.end - at.start : 40),
				  (const char *)l->s->text + at.start);
	}
	return true;
}

static bool look_at_length(struct look *l, uint32_t node, size_t at, uint64_t count,
			   const char *things)
{
	const struct wr_js_node *n = &l->s->nodes[node];
	if (n->least != WR_JS_NO_COUNT && count < n->least)
		return no(l, node, at, "it has %llu %s, fewer than %llu", (unsigned long long)count,
			  things, (unsigned long long)n->least);
	if (n->most != WR_JS_NO_COUNT && count > n->most)
		return no(l, node, at, "it has %llu %s, more than %llu", (unsigned long long)count,
			  things, (unsigned long long)n->most);
	return true;
}

static bool look_at_values(struct look *l, uint32_t node, struct wr_json *j)
{
	const struct wr_js_node *n = &l->s->nodes[node];
	struct wr_json all, one;
	size_t at = j->start;
	bool found = false;
	wr_js_json_at(l->s, n->values, &all);
	if (n->kind == WR_JS_ENUM)
		(void)wr_json_next(&all);
	while (!found && all.token != WR_JSON_ARRAY_END && all.token != WR_JSON_BAD) {
		struct wr_json value = all;
		one = *j;
		found = wr_js_equal(&one, &value, &l->work);
		if (!found && n->kind == WR_JS_ENUM)
			(void)wr_js_pass(&all, &l->work);
		if (l->work == 0)
			return give_up(l, node, at);
		if (found || n->kind == WR_JS_CONST)
			break;
		(void)wr_json_next(&all);
	}
	if (!found)
		return no(l, node, at, "it is not %s",
			  n->kind == WR_JS_ENUM ? "among the values of enum"
						: "the value of const");
	*j = one;
	return true;
}

/* --- objects and arrays ----------------------------------------------------------------------- */

static bool look_at_object(struct look *l, uint32_t node, struct wr_json *j)
{
	const struct wr_js_node *n = &l->s->nodes[node];
	uint64_t seen[WR_JS_PROPERTIES_MAX / 64] = {0}, count = 0;
	size_t at = j->start;
	for (; wr_json_next(j) == WR_JSON_NAME; count++) {
		uint32_t found = n->count > 0 ? wr_js_property_find(l->s, n, j) : WR_SCHEMA_NONE;
		uint32_t child = n->target;
		spend(l, n->count);
		if (found != WR_SCHEMA_NONE) {
			seen[(found - n->first) / 64] |= UINT64_C(1) << (found - n->first) % 64;
			if (l->s->properties[found].node != WR_SCHEMA_NONE)
				child = l->s->properties[found].node;
		}
		bool is_listed =
			found != WR_SCHEMA_NONE && l->s->properties[found].node != WR_SCHEMA_NONE;
		if (!is_listed && (n->flags & WR_JS_CLOSED) != 0)
			return no(l, node, j->start,
				  "no property has this name, and others are not allowed");
		if (child == WR_SCHEMA_NONE ? !pass(l, node, j)
					    : (wr_json_next(j), !look_at(l, child, j)))
			return false;
	}
	if (j->token != WR_JSON_OBJECT_END)
		return stop(l, -EINVAL, node, j->error_at, "it is no JSON");
	for (uint32_t i = 0; i < n->count; i++) {
		const struct wr_js_property *p = &l->s->properties[n->first + i];
		if (p->is_required && (seen[i / 64] >> i % 64 & 1) == 0)
			return no(l, node, at, "%.*s is required, and is not there",
				  (int)(p->name.end - p->name.start < 80
						? p->name.end - p->name.start
						: 80),
				  (const char *)l->s->text + p->name.start);
	}
	return look_at_length(l, node, at, count, "members");
}

/* Is the item that j begins one of those before it? */
static bool was_before(struct look *l, const struct wr_json *array, const struct wr_json *j)
{
	struct wr_json before = *array;
	while (wr_json_next(&before) != WR_JSON_ARRAY_END && before.start < j->start) {
		struct wr_json one = before, other = *j;
		if (wr_js_equal(&one, &other, &l->work))
			return true;
		if (!wr_js_pass(&before, &l->work))
			return false;
	}
	return false;
}

static bool look_at_array(struct look *l, uint32_t node, struct wr_json *j)
{
	const struct wr_js_node *n = &l->s->nodes[node];
	struct wr_json array = *j;
	uint64_t count = 0;
	for (; wr_json_next(j) != WR_JSON_ARRAY_END; count++) {
		uint32_t child = count < n->count             ? l->s->lists[n->first + count]
				 : n->items != WR_SCHEMA_NONE ? n->items
							      : n->target;
		if (j->token == WR_JSON_BAD)
			return stop(l, -EINVAL, node, j->error_at, "it is no JSON");
		if (count >= n->count && (n->flags & WR_JS_CLOSED) != 0)
			return no(l, node, j->start, "there are more items than are allowed");
		if ((n->flags & WR_JS_UNIQUE) != 0 && was_before(l, &array, j))
			return no(l, node, j->start, "this item was there before");
		if (l->work == 0)
			return give_up(l, node, array.start);
		if (child == WR_SCHEMA_NONE ? !pass(l, node, j) : !look_at(l, child, j))
			return false;
	}
	return look_at_length(l, node, array.start, count, "items");
}

/* --- several schemas for one value ------------------------------------------------------------ */

static bool look_at_branches(struct look *l, uint32_t node, struct wr_json *j)
{
	const struct wr_js_node *n = &l->s->nodes[node];
	struct wr_json first = *j;
	uint32_t good = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		*j = first;
		bool one = look_at(l, l->s->lists[n->first + i], j);
		if (l->code != 0 || (!one && n->kind == WR_JS_ALL_OF))
			return false;
		good += one;
		if (one && n->kind == WR_JS_ANY_OF)
			return true;
	}
	if (n->kind == WR_JS_ALL_OF)
		return true;
	if (good == 0 && n->count > 1)
		return no(l, node, first.start, "no branch of %s takes it",
			  n->kind == WR_JS_ANY_OF ? "anyOf" : "oneOf");
	if (good == 0)
		return false;
	if (good > 1)
		return no(l, node, first.start, "%u branches of oneOf take it", good);
	*j = first;
	return pass(l, node, j);
}

static bool look_at_not(struct look *l, uint32_t node, struct wr_json *j)
{
	struct wr_json first = *j;
	bool taken = look_at(l, l->s->nodes[node].target, j);
	if (l->code != 0)
		return false;
	*j = first;
	return taken ? no(l, node, first.start, "it is what `not` refuses") : pass(l, node, j);
}

static bool look_at_kind(struct look *l, uint32_t node, struct wr_json *j)
{
	const struct wr_js_node *n = &l->s->nodes[node];
	switch (n->kind) {
	case WR_JS_ANY:
		return pass(l, node, j);
	case WR_JS_NEVER:
		return no(l, node, j->start, "the schema takes nothing here");
	case WR_JS_ENUM:
	case WR_JS_CONST:
		return look_at_values(l, node, j);
	case WR_JS_NOT:
		return look_at_not(l, node, j);
	case WR_JS_ALL_OF:
	case WR_JS_ANY_OF:
	case WR_JS_ONE_OF:
		return look_at_branches(l, node, j);
	default:
		break;
	}
	if (!is_of_kind(n->kind, j->token))
		return (n->flags & WR_JS_TYPED) != 0
			       ? no(l, node, j->start, "it is not %s", kind_word(n))
			       : pass(l, node, j);
	if (n->kind == WR_JS_NUMBER || n->kind == WR_JS_STRING)
		spend(l, (j->end - j->start) / 16);
	if (n->kind == WR_JS_NUMBER)
		return look_at_number(l, node, j);
	if (n->kind == WR_JS_STRING)
		return (n->least == WR_JS_NO_COUNT && n->most == WR_JS_NO_COUNT) ||
		       look_at_length(l, node, j->start, wr_js_characters(j), "characters");
	if (n->kind == WR_JS_OBJECT)
		return look_at_object(l, node, j);
	return n->kind != WR_JS_ARRAY || look_at_array(l, node, j);
}

static bool look_at(struct look *l, uint32_t node, struct wr_json *j)
{
	node = wr_js_behind(l->s, node);
	if (j->token == WR_JSON_BAD)
		return stop(l, -EINVAL, node, j->error_at, "it is no JSON");
	if (l->work <= 1)
		return give_up(l, node, j->start);
	if (l->levels == LEVELS_MAX)
		return stop(l, WEIR_E_TOO_BIG, node, j->start,
			    "schemas lie too deep inside one another");
	l->work--;
	l->levels++;
	bool good = look_at_kind(l, node, j);
	l->levels--;
	return good;
}

static int tell(const struct look *l, const void *data, size_t data_bytes,
		struct weir_problem *problem)
{
	int code = l->code != 0 ? l->code : -EINVAL;
	char schema_path[64];
	if (problem == NULL)
		return code;
	problem->code = code;
	wr_js_path(data, data_bytes, l->at, problem->field, sizeof problem->field);
	wr_js_schema_path(l->s, l->s->nodes[l->node].at.start, schema_path, sizeof schema_path);
	(void)snprintf(problem->text, sizeof problem->text, "byte %zu: %.110s (schema: %s)", l->at,
		       l->why, schema_path);
	return code;
}

/* The whole is JSON, before anything is said of it. */
int wr_json_schema_validate(const struct weir_schema *schema, const void *data, size_t data_bytes,
			    uint64_t work_max, struct weir_problem *reterr_problem)
{
	if (work_max == 0)
		work_max = WEIR_SCHEMA_VALIDATE_WORK + data_bytes;
	struct look l = {.s = schema->json, .work = work_max, .work_max = work_max};
	struct wr_json j;
	char why[160];
	wr_json_init(&j, data, data_bytes, WEIR_SCHEMA_DATA_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD)
		;
	if (j.token == WR_JSON_BAD) {
		int code = j.error == WR_JSON_E_DEPTH ? WEIR_E_TOO_BIG : -EINVAL;
		if (reterr_problem == NULL)
			return code;
		reterr_problem->code = code;
		(void)snprintf(reterr_problem->field, sizeof reterr_problem->field, "/");
		(void)snprintf(reterr_problem->text, sizeof reterr_problem->text, "%s",
			       wr_json_explain(&j, why, sizeof why));
		return code;
	}
	wr_json_init(&j, data, data_bytes, WEIR_SCHEMA_DATA_DEPTH_MAX);
	(void)wr_json_next(&j);
	return look_at(&l, schema->root, &j) ? 0 : tell(&l, data, data_bytes, reterr_problem);
}

int weir_schema_validate_within(const struct weir_schema *schema, const void *data,
				size_t data_bytes, uint64_t work_max,
				struct weir_problem *reterr_problem)
{
	struct wr_data d;
	if (schema->json != NULL)
		return wr_json_schema_validate(schema, data, data_bytes, work_max, reterr_problem);
	wr_data_begin(&d, data, data_bytes);
	if (wr_data_pass(&d, schema, schema->root) && d.at != d.end)
		(void)wr_data_wrong(&d, -EINVAL, "there are more bytes than the datum has");
	return wr_data_tell(&d, reterr_problem);
}

int weir_schema_validate(const struct weir_schema *schema, const void *data, size_t data_bytes,
			 struct weir_problem *reterr_problem)
{
	return weir_schema_validate_within(schema, data, data_bytes, 0, reterr_problem);
}
