/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RabbitMQ's headers bindings: the arguments of a binding against the headers of an event, by value
 * and type. Arguments that begin with "x-" count with the two kinds of x-match that say so only,
 * and x-match itself never does.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/json/json_read.h"
#include "core/route/filter.h"

#define ARGUMENTS_MAX 1024u

static bool is_x_match(const struct weir_typed_header *h)
{
	return h->name_bytes == 7 && memcmp(h->name, "x-match", 7) == 0;
}

/* ---- equality ---- */

/* Do both readers stand on the same token? */
static bool same_token(const struct wr_json *a, const struct wr_json *b)
{
	if (a->token != b->token)
		return false;
	if (a->token == WR_JSON_NUMBER) {
		int64_t x, y;
		if (a->integral != b->integral)
			return false;
		if (a->integral && wr_json_i64(a, &x) && wr_json_i64(b, &y))
			return x == y;
		double p = wr_json_f64(a), q = wr_json_f64(b);
		return !(p < q) && !(p > q);
	}
	if (a->token != WR_JSON_NAME && a->token != WR_JSON_STRING)
		return true;
	if (!b->escaped)
		return wr_json_equals(a, b->text + b->start + 1, b->end - b->start - 2);
	if (!a->escaped)
		return wr_json_equals(b, a->text + a->start + 1, a->end - a->start - 2);
	/* Both have escapes. What is longer than this has to be spelled alike as well. */
	char text[4096];
	size_t bytes = wr_json_string(a, text, sizeof text);
	if (bytes <= sizeof text)
		return wr_json_equals(b, text, bytes);
	return a->end - a->start == b->end - b->start &&
	       memcmp(a->text + a->start, b->text + b->start, a->end - a->start) == 0;
}

/* Arrays and objects: the same tokens in the same order. */
static bool same_json(const struct weir_typed_header *a, const struct weir_typed_header *b)
{
	struct wr_json x, y;
	wr_json_init(&x, a->value, a->value_bytes, WR_JSON_DEPTH_MAX);
	wr_json_init(&y, b->value, b->value_bytes, WR_JSON_DEPTH_MAX);
	do {
		(void)wr_json_next(&x);
		(void)wr_json_next(&y);
		if (!same_token(&x, &y) || x.token == WR_JSON_BAD)
			return false;
	} while (x.token != WR_JSON_END);
	return true;
}

static bool same_value(const struct weir_typed_header *a, const struct weir_typed_header *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case WEIR_VALUE_BOOLEAN:
		return a->boolean == b->boolean;
	case WEIR_VALUE_INTEGER:
		return a->integer == b->integer;
	case WEIR_VALUE_REAL:
		return !(a->real < b->real) && !(a->real > b->real);
	case WEIR_VALUE_TEXT:
	case WEIR_VALUE_BINARY:
		return a->value_bytes == b->value_bytes &&
		       (a->value_bytes == 0 || memcmp(a->value, b->value, a->value_bytes) == 0);
	case WEIR_VALUE_JSON:
		return same_json(a, b);
	default:
		return true;
	}
}

/* ---- matching ---- */

static const struct weir_typed_header *find(const struct weir_routed *event,
					    const struct weir_typed_header *wanted)
{
	for (size_t i = 0; i < event->header_count; i++) {
		const struct weir_typed_header *h = &event->headers[i];
		if (h->name_bytes == wanted->name_bytes &&
		    memcmp(h->name, wanted->name, h->name_bytes) == 0)
			return h;
	}
	return NULL;
}

static void tell_argument(const struct weir_filter *filter, const struct wr_argument *argument,
			  const struct weir_typed_header *found, bool is_same, wr_leaf_fn *tell,
			  void *context)
{
	struct weir_leaf told = {
		.path = argument->header.name,
		.path_bytes = argument->header.name_bytes,
		.condition = filter->pattern != NULL ? filter->pattern + argument->at : NULL,
		.condition_bytes = argument->bytes,
		.condition_at = argument->at,
		.verdict = is_same         ? WEIR_LEAF_MATCHED
			   : found == NULL ? WEIR_LEAF_NO_VALUE
					   : WEIR_LEAF_DIFFERENT,
	};
	if (found != NULL && (found->kind == WEIR_VALUE_TEXT || found->kind == WEIR_VALUE_JSON)) {
		told.value = found->value;
		told.value_bytes = found->value_bytes;
	}
	tell(context, &told);
}

int wr_route_match_headers(const struct weir_filter *filter, const struct weir_routed *event,
			   wr_leaf_fn *tell, void *context)
{
	bool any = false, all = true;
	for (size_t i = 0; i < filter->argument_count; i++) {
		const struct wr_argument *argument = &filter->arguments[i];
		const struct weir_typed_header *wanted = &argument->header;
		bool is_x = wanted->name_bytes >= 2 && memcmp(wanted->name, "x-", 2) == 0;
		if (is_x && !filter->with_x)
			continue;
		const struct weir_typed_header *found = find(event, wanted);
		bool is_same = found != NULL &&
			       (wanted->kind == WEIR_VALUE_VOID || same_value(wanted, found));
		if (tell != NULL)
			tell_argument(filter, argument, found, is_same, tell, context);
		any = any || is_same;
		all = all && is_same;
	}
	return filter->headers_match == WR_HEADERS_ALL ? all : any;
}

/* ---- compiling ---- */

static int take_x_match(struct weir_filter *filter, const struct weir_typed_header *h,
			struct weir_problem *problem)
{
	static const char *const names[] = {"all", "any", "all-with-x", "any-with-x"};
	if (h->kind != WEIR_VALUE_TEXT)
		return wr_route_refuse(problem, -EINVAL, "x-match", 7,
				       "x-match is a string: \"all\", \"any\", \"all-with-x\" or "
				       "\"any-with-x\"");
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++) {
		if (strlen(names[i]) != h->value_bytes ||
		    memcmp(names[i], h->value, h->value_bytes) != 0)
			continue;
		filter->headers_match = i % 2 == 0 ? WR_HEADERS_ALL : WR_HEADERS_ANY;
		filter->with_x = i >= 2;
		return 0;
	}
	return wr_route_refuse(problem, -EINVAL, "x-match", 7,
			       "x-match is \"%.*s\": there are \"all\", \"any\", \"all-with-x\" "
			       "and \"any-with-x\"",
			       (int)(h->value_bytes < 40 ? h->value_bytes : 40),
			       (const char *)h->value);
}

static int copy_argument(struct weir_filter *filter, const struct weir_typed_header *from,
			 struct wr_argument *to, struct weir_problem *problem)
{
	if (from->kind < WEIR_VALUE_VOID || from->kind > WEIR_VALUE_JSON ||
	    (from->kind == WEIR_VALUE_REAL && !isfinite(from->real)))
		return wr_route_refuse(
			problem, -EINVAL, from->name, from->name_bytes,
			"the argument's kind is none of enum weir_value_kind, or its "
			"number is not finite");
	to->header = *from;
	to->header.name = wr_arena_copy(&filter->arena, from->name, from->name_bytes);
	to->header.value = wr_arena_copy(&filter->arena, from->value, from->value_bytes);
	return filter->arena.failed ? -ENOMEM : 0;
}

int wr_route_take_arguments(struct weir_filter *filter, const struct weir_typed_header *arguments,
			    size_t count, struct weir_problem *problem)
{
	struct wr_argument *list = wr_arena_take(&filter->arena, count, sizeof *list);
	if (count > ARGUMENTS_MAX + 1)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, "", 0,
				       "there are more than %u arguments", ARGUMENTS_MAX);
	if (list == NULL)
		return -ENOMEM;
	filter->arguments = list;
	for (size_t i = 0; i < count; i++) {
		int rc = is_x_match(&arguments[i])
				 ? take_x_match(filter, &arguments[i], problem)
				 : copy_argument(filter, &arguments[i],
						 &list[filter->argument_count++], problem);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The value that the reader stands on; arrays and objects whole. */
static int value_of(struct weir_filter *filter, struct wr_json *j, struct weir_typed_header *h)
{
	size_t at = j->start;
	switch (j->token) {
	case WR_JSON_NULL:
		h->kind = WEIR_VALUE_VOID;
		return 0;
	case WR_JSON_TRUE:
	case WR_JSON_FALSE:
		h->kind = WEIR_VALUE_BOOLEAN;
		h->boolean = j->token == WR_JSON_TRUE;
		return 0;
	case WR_JSON_NUMBER:
		h->kind = wr_json_i64(j, &h->integer) ? WEIR_VALUE_INTEGER : WEIR_VALUE_REAL;
		h->real = wr_json_f64(j);
		return isfinite(h->real) ? 0 : -EINVAL;
	case WR_JSON_STRING: {
		size_t room = j->end - j->start - 2;
		char *text = wr_arena_take(&filter->arena, room + 1, 1);
		if (text == NULL)
			return -ENOMEM;
		h->kind = WEIR_VALUE_TEXT;
		h->value_bytes = wr_json_string(j, text, room);
		h->value = text;
		return 0;
	}
	default:
		if (!wr_json_skip(j))
			return -EINVAL;
		h->kind = WEIR_VALUE_JSON;
		h->value = j->text + at;
		h->value_bytes = j->end - at;
		return 0;
	}
}

static int bad_object(const struct wr_json *j, struct weir_problem *problem)
{
	char why[160];
	if (j->token != WR_JSON_BAD)
		return wr_route_refuse(problem, -EINVAL, "", 0,
				       "the arguments have to be a JSON object");
	return wr_route_refuse(problem, -EINVAL, "", 0, "the arguments are no JSON: %s",
			       wr_json_explain(j, why, sizeof why));
}

/* One member, the reader on its name. */
static int add_argument(struct weir_filter *filter, struct wr_json *j, struct wr_argument **list,
			size_t *room, struct weir_problem *problem)
{
	void *grown = *list;
	if (filter->argument_count == ARGUMENTS_MAX)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, "", 0,
				       "there are more than %u arguments", ARGUMENTS_MAX);
	if (!wr_arena_grow(&filter->arena, &grown, room, filter->argument_count, sizeof **list))
		return -ENOMEM;
	*list = grown;
	size_t name_room = j->end - j->start - 2;
	char *name = wr_arena_take(&filter->arena, name_room + 1, 1);
	if (name == NULL)
		return -ENOMEM;
	struct weir_typed_header h = {.name = name};
	h.name_bytes = wr_json_string(j, name, name_room);
	if (wr_json_next(j) == WR_JSON_BAD)
		return bad_object(j, problem);
	size_t at = j->start;
	int rc = value_of(filter, j, &h);
	if (rc == -EINVAL && j->token != WR_JSON_BAD)
		return wr_route_refuse(problem, rc, h.name, h.name_bytes,
				       "the number is beyond those of a double");
	if (rc < 0)
		return rc == -EINVAL ? bad_object(j, problem) : rc;
	if (is_x_match(&h))
		return take_x_match(filter, &h, problem);
	/* Of two of one name the last one counts. */
	size_t i = 0;
	while (i < filter->argument_count &&
	       ((*list)[i].header.name_bytes != h.name_bytes ||
		memcmp((*list)[i].header.name, h.name, h.name_bytes) != 0))
		i++;
	(*list)[i] = (struct wr_argument){.header = h, .at = at, .bytes = j->end - at};
	if (i == filter->argument_count)
		filter->argument_count++;
	return 0;
}

int wr_route_compile_headers(struct weir_filter *filter, struct weir_problem *problem)
{
	struct wr_argument *list = NULL;
	size_t room = 0;
	struct wr_json j;
	int rc = 0;
	wr_json_init(&j, filter->pattern, filter->pattern_bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_OBJECT)
		return bad_object(&j, problem);
	while (rc == 0 && wr_json_next(&j) == WR_JSON_NAME)
		rc = add_argument(filter, &j, &list, &room, problem);
	filter->arguments = list;
	if (rc == 0 && (j.token == WR_JSON_BAD || wr_json_next(&j) != WR_JSON_END))
		return bad_object(&j, problem);
	return rc;
}
