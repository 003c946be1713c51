/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventBridge patterns and SNS filter policies: objects, fields, $or.
 *
 * $or multiplies: every alternative so far goes on once with each of its members. A field that is
 * named twice in one alternative counts as it was named last. A $or that is no list of at least two
 * objects, or whose objects have an operator's name for a field, is a field of that name: patterns
 * from before there was $or mean what they meant.
 */
#include "core/route/compile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"

struct choice {
	struct wr_alternative *list;
	size_t count;
	size_t room;
};

static int compile_object(struct wr_compile *c, struct choice *choice);

/* ---- saying no ---- */

int wr_route_refuse(struct weir_problem *problem, int code, const char *where, size_t where_bytes,
		    const char *format, ...)
{
	va_list arguments;
	if (problem == NULL)
		return code;
	*problem = (struct weir_problem){.code = code};
	size_t room = sizeof problem->field - 1;
	if (where_bytes > room) {
		memcpy(problem->field, "...", 3);
		memcpy(problem->field + 3, where + where_bytes - (room - 3), room - 3);
	} else if (where_bytes > 0) {
		memcpy(problem->field, where, where_bytes);
	}
	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
	va_end(arguments);
	return code;
}

int wr_compile_refuse(struct wr_compile *c, const char *format, ...)
{
	char where[160], text[sizeof c->problem->text];
	va_list arguments;
	size_t kept = c->path_bytes < 64 ? c->path_bytes : 64;
	size_t at = kept;
	if (kept > 0)
		memcpy(where, c->path + c->path_bytes - kept, kept);
	if (c->index > 0)
		at += (size_t)snprintf(where + at, 24, "[%zu]", c->index - 1);
	if (c->operator!= NULL)
		at += (size_t)snprintf(where + at, 40, ".%s", c->operator);
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return wr_route_refuse(c->problem, -EINVAL, where, at, "%s", text);
}

int wr_compile_next(struct wr_compile *c)
{
	char why[160];
	if (wr_json_next(&c->json) != WR_JSON_BAD)
		return 0;
	return wr_compile_refuse(c, "the pattern is no JSON: %s",
				 wr_json_explain(&c->json, why, sizeof why));
}

char *wr_compile_string(struct wr_compile *c, size_t *ret_bytes)
{
	size_t room = c->json.end - c->json.start - 2;
	char *text = wr_arena_take(&c->filter->arena, room + 1, 1);
	*ret_bytes = 0;
	if (text != NULL)
		*ret_bytes = wr_json_string(&c->json, text, room);
	return text;
}

const char *wr_compile_token_name(const struct wr_compile *c)
{
	switch (c->json.token) {
	case WR_JSON_OBJECT:
		return "an object";
	case WR_JSON_ARRAY:
		return "a list";
	case WR_JSON_STRING:
		return "a string";
	case WR_JSON_NUMBER:
		return "a number";
	case WR_JSON_TRUE:
	case WR_JSON_FALSE:
		return "a boolean";
	case WR_JSON_NULL:
		return "null";
	case WR_JSON_ARRAY_END:
		return "the end of the list";
	default:
		return "nothing";
	}
}

/* ---- alternatives ---- */

static int no_memory(const struct wr_compile *c)
{
	return c->filter->arena.failed ? -ENOMEM : 0;
}

static int too_many(struct wr_compile *c, const char *what, unsigned most)
{
	return wr_route_refuse(c->problem, WEIR_E_TOO_BIG, c->path, c->path_bytes,
			       "there are more than %u %s: split the pattern", most, what);
}

static int choice_add(struct wr_compile *c, struct choice *choice,
		      const struct wr_alternative *alternative)
{
	void *list = choice->list;
	if (choice->count == WEIR_PATTERN_ALTERNATIVES_MAX)
		return too_many(c, "alternatives", WEIR_PATTERN_ALTERNATIVES_MAX);
	if (!wr_arena_grow(&c->filter->arena, &list, &choice->room, choice->count,
			   sizeof *choice->list))
		return -ENOMEM;
	choice->list = list;
	struct wr_alternative *to = &choice->list[choice->count];
	*to = (struct wr_alternative){.leaf_count = alternative->leaf_count,
				      .leaf_room = alternative->leaf_count};
	if (alternative->leaf_count > 0) {
		to->leaves = wr_arena_take(&c->filter->arena, alternative->leaf_count,
					   sizeof(struct wr_leaf *));
		if (to->leaves == NULL)
			return -ENOMEM;
		memcpy(to->leaves, alternative->leaves,
		       alternative->leaf_count * sizeof(struct wr_leaf *));
	}
	choice->count++;
	return 0;
}

static int put_leaf(struct wr_compile *c, struct choice *choice, const struct wr_leaf *leaf)
{
	for (size_t i = 0; i < choice->count; i++) {
		struct wr_alternative *a = &choice->list[i];
		size_t at = 0;
		void *leaves = a->leaves;
		while (at < a->leaf_count &&
		       (a->leaves[at]->path_bytes != leaf->path_bytes ||
			memcmp(a->leaves[at]->path, leaf->path, leaf->path_bytes) != 0))
			at++;
		if (at == WEIR_PATTERN_FIELDS_MAX)
			return too_many(c, "fields in one alternative", WEIR_PATTERN_FIELDS_MAX);
		if (at == a->leaf_count) {
			if (!wr_arena_grow(&c->filter->arena, &leaves, &a->leaf_room, at,
					   sizeof(struct wr_leaf *)))
				return -ENOMEM;
			a->leaves = leaves;
			a->leaf_count++;
		}
		a->leaves[at] = leaf;
	}
	return 0;
}

/* ---- fields ---- */

static int compile_condition(struct wr_compile *c, struct wr_condition *ret_condition)
{
	switch (c->json.token) {
	case WR_JSON_STRING:
		return wr_compile_text(c, ret_condition);
	case WR_JSON_NUMBER:
		return wr_compile_number(c, ret_condition);
	case WR_JSON_TRUE:
	case WR_JSON_FALSE:
	case WR_JSON_NULL:
		ret_condition->kind = WR_CONDITION_LITERAL;
		ret_condition->literal = c->json.token == WR_JSON_TRUE    ? WR_VALUE_TRUE
					 : c->json.token == WR_JSON_FALSE ? WR_VALUE_FALSE
									  : WR_VALUE_NULL;
		return 0;
	case WR_JSON_OBJECT:
		return wr_compile_expression(c, ret_condition);
	default:
		return wr_compile_refuse(c, "a list in the list: write its values side by side");
	}
}

/* The list of a field, behind its '['. */
static int compile_leaf(struct wr_compile *c, struct choice *choice)
{
	struct wr_arena *arena = &c->filter->arena;
	struct wr_condition *conditions = NULL;
	size_t room = 0, count = 0;
	size_t at = c->json.start;
	bool wants_absent = false;
	int rc;
	for (;;) {
		void *list = conditions;
		if ((rc = wr_compile_next(c)) < 0)
			return rc;
		if (c->json.token == WR_JSON_ARRAY_END)
			break;
		if (!wr_arena_grow(arena, &list, &room, count, sizeof *conditions))
			return -ENOMEM;
		conditions = list;
		conditions[count] = (struct wr_condition){0};
		c->index = count + 1;
		if ((rc = compile_condition(c, &conditions[count])) < 0)
			return rc;
		wants_absent = wants_absent || conditions[count].kind == WR_CONDITION_ABSENT;
		count++;
	}
	c->index = 0;
	if (count == 0)
		return wr_compile_refuse(c, "the list of values is empty: write what is wanted, or "
					    "{\"exists\": true} for any value");
	struct wr_leaf *leaf = wr_arena_take(arena, 1, sizeof *leaf);
	if (leaf == NULL)
		return -ENOMEM;
	*leaf = (struct wr_leaf){
		.path = wr_arena_copy(arena, c->path, c->path_bytes),
		.path_bytes = c->path_bytes,
		.conditions = conditions,
		.condition_count = count,
		.wants_absent = wants_absent,
		.depth = c->depth,
		.at = at,
		.bytes = c->json.end - at,
		.id = c->filter->leaf_count++,
	};
	return no_memory(c) < 0 ? -ENOMEM : put_leaf(c, choice, leaf);
}

/* ---- $or ---- */

/* Is the list that the reader stands in front of an "or"? Looks ahead with a reader of its own. */
static bool is_or(const struct wr_compile *c)
{
	struct wr_json j = c->json;
	size_t count = 0;
	if (wr_json_next(&j) != WR_JSON_ARRAY)
		return false;
	for (; wr_json_next(&j) == WR_JSON_OBJECT; count++) {
		while (wr_json_next(&j) == WR_JSON_NAME) {
			char name[32];
			size_t bytes = wr_json_string(&j, name, sizeof name);
			if (bytes <= sizeof name && wr_compile_is_reserved(name, bytes))
				return false;
			if (!wr_json_skip(&j))
				return false;
		}
		if (j.token != WR_JSON_OBJECT_END)
			return false;
	}
	return j.token == WR_JSON_ARRAY_END && count >= 2;
}

static int compile_or(struct wr_compile *c, struct choice *choice)
{
	struct choice before = *choice, all = {0};
	int rc = wr_compile_next(c); /* '[': is_or() has seen it */
	c->or_depth++;
	while (rc == 0 && (rc = wr_compile_next(c)) == 0 && c->json.token == WR_JSON_OBJECT) {
		struct choice one = {0};
		for (size_t i = 0; i < before.count && rc == 0; i++)
			rc = choice_add(c, &one, &before.list[i]);
		if (rc == 0)
			rc = compile_object(c, &one);
		for (size_t i = 0; i < one.count && rc == 0; i++)
			rc = choice_add(c, &all, &one.list[i]);
	}
	c->or_depth--;
	*choice = all;
	return rc;
}

/* ---- objects ---- */

static int compile_member(struct wr_compile *c, struct choice *choice)
{
	size_t before = c->path_bytes, name_bytes = 0;
	if (c->depth == 0 && c->or_depth == 0)
		c->top_name_count++;
	if (wr_json_equals(&c->json, "$or", 3) && is_or(c))
		return compile_or(c, choice);
	if (c->depth > 0)
		c->path[c->path_bytes++] = '.';
	name_bytes = wr_json_string(&c->json, c->path + c->path_bytes, SIZE_MAX);
	c->path_bytes += name_bytes;
	c->depth++;
	if (c->or_depth > 0 &&
	    wr_compile_is_reserved(c->path + c->path_bytes - name_bytes, name_bytes))
		return wr_compile_refuse(c, "inside $or a field cannot have the name of an "
					    "operator: an operator stands in a field's list");
	int rc = wr_compile_next(c);
	if (rc == 0 && c->json.token == WR_JSON_ARRAY)
		rc = compile_leaf(c, choice);
	else if (rc == 0 && c->json.token == WR_JSON_OBJECT && c->is_flat)
		rc = wr_compile_refuse(c, "attributes do not nest: give the attribute a list of "
					  "values, or use the scope \"body\"");
	else if (rc == 0 && c->json.token == WR_JSON_OBJECT)
		rc = compile_object(c, choice);
	else if (rc == 0)
		rc = wr_compile_refuse(c,
				       "%s stands for a field: write a list of values, [...], or "
				       "an object of fields",
				       wr_compile_token_name(c));
	c->path_bytes = before;
	c->depth--;
	return rc;
}

/* Behind its '{', to its '}'. */
static int compile_object(struct wr_compile *c, struct choice *choice)
{
	bool is_empty = true;
	int rc;
	if (c->json.depth > WR_COMPILE_DEPTH_MAX)
		return wr_compile_refuse(c, "objects nest deeper than %u", WR_COMPILE_DEPTH_MAX);
	while ((rc = wr_compile_next(c)) == 0 && c->json.token == WR_JSON_NAME) {
		is_empty = false;
		if ((rc = compile_member(c, choice)) < 0)
			return rc;
	}
	/* A policy without names is SNS's way to want everything. */
	if (rc == 0 && is_empty && !(c->is_sns && c->json.depth == 0))
		rc = wr_compile_refuse(c, "the object is empty: write the fields that are wanted");
	return rc;
}

int wr_route_compile_json(struct weir_filter *filter, struct weir_problem *problem)
{
	struct wr_compile c = {
		.filter = filter,
		.problem = problem,
		.is_sns = filter->kind == WEIR_FILTER_SNS_ATTRIBUTES ||
			  filter->kind == WEIR_FILTER_SNS_BODY,
		.is_flat = filter->kind == WEIR_FILTER_SNS_ATTRIBUTES,
	};
	struct choice choice = {0};
	int rc = choice_add(&c, &choice, &(struct wr_alternative){0});
	c.path = wr_arena_take(&filter->arena, filter->pattern_bytes + 1, 1);
	if (rc < 0 || c.path == NULL)
		return -ENOMEM;
	wr_json_init(&c.json, filter->pattern, filter->pattern_bytes, WR_JSON_DEPTH_MAX);
	rc = wr_compile_next(&c);
	if (rc == 0 && c.json.token != WR_JSON_OBJECT)
		rc = wr_compile_refuse(&c, "the pattern is %s: it has to be an object of fields",
				       wr_compile_token_name(&c));
	if (rc == 0)
		rc = compile_object(&c, &choice);
	if (rc == 0)
		rc = wr_compile_next(&c);
	for (size_t i = 0; i < choice.count && rc == 0; i++)
		rc = wr_compile_rank(&c, &choice.list[i]);
	filter->alternatives = choice.list;
	filter->alternative_count = choice.count;
	if (rc == 0)
		rc = wr_compile_check_cost(&c);
	if (rc == 0 && c.is_sns)
		rc = wr_compile_check_sns(&c);
	return rc == 0 ? no_memory(&c) : rc;
}
