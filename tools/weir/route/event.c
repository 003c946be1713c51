/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/route/event.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json/json_read.h"

/* The object of headers or attributes while it is read. */
struct reading {
	struct route_event *event;
	struct wr_json json;
	struct weir_problem *problem;
	const char *name;
	size_t name_bytes;
};

static int refuse(const struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const struct reading *r, const char *format, ...)
{
	va_list arguments;
	*r->problem = (struct weir_problem){.code = -EINVAL};
	snprintf(r->problem->field, sizeof r->problem->field, "%.*s",
		 (int)(r->name_bytes < 40 ? r->name_bytes : 40), r->name != NULL ? r->name : "");
	va_start(arguments, format);
	(void)vsnprintf(r->problem->text, sizeof r->problem->text, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int no_json(const struct reading *r)
{
	char why[160];
	return refuse(r, "the event is no JSON: %s", wr_json_explain(&r->json, why, sizeof why));
}

/* The current string or name without its escapes. There is room: no text grows by it. */
static const char *keep_text(struct route_event *event, const struct wr_json *j, size_t *ret_bytes)
{
	char *to = event->texts + event->texts_bytes;
	*ret_bytes = wr_json_string(j, to, SIZE_MAX);
	event->texts_bytes += *ret_bytes;
	return to;
}

/* The value that the reader stands on; arrays and objects whole. */
static int take_value(struct reading *r, struct weir_typed_header *h)
{
	struct wr_json *j = &r->json;
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
		return isfinite(h->real) ? 0 : refuse(r, "the number is beyond those of a double");
	case WR_JSON_STRING:
		h->kind = WEIR_VALUE_TEXT;
		h->value = keep_text(r->event, j, &h->value_bytes);
		return 0;
	case WR_JSON_OBJECT:
	case WR_JSON_ARRAY:
		if (!wr_json_skip(j))
			return no_json(r);
		h->kind = WEIR_VALUE_JSON;
		h->value = j->text + at;
		h->value_bytes = j->end - at;
		return 0;
	default:
		return no_json(r);
	}
}

/* ---- attributes with a type ---- */

static bool is_name(const struct wr_json *j, const char *one, const char *other, const char *third)
{
	return wr_json_equals(j, one, strlen(one)) || wr_json_equals(j, other, strlen(other)) ||
	       wr_json_equals(j, third, strlen(third));
}

/* {"Type": T, "Value": V} behind its '{'; T into *type, V into *h. */
static int take_typed(struct reading *r, struct weir_typed_header *type,
		      struct weir_typed_header *h)
{
	struct wr_json *j = &r->json;
	while (wr_json_next(j) == WR_JSON_NAME) {
		bool is_type = is_name(j, "Type", "DataType", "Type");
		bool is_value = is_name(j, "Value", "StringValue", "BinaryValue");
		if (!is_type && !is_value)
			return refuse(r, "an attribute is {\"Type\": ..., \"Value\": ...} or a "
					 "plain value: it has no other members");
		if (wr_json_next(j) == WR_JSON_BAD)
			return no_json(r);
		int rc = take_value(r, is_type ? type : h);
		if (rc < 0)
			return rc;
	}
	return j->token == WR_JSON_OBJECT_END ? 0 : no_json(r);
}

static bool type_is(const struct weir_typed_header *type, const char *name)
{
	size_t bytes = strlen(name);
	const char *text = type->value;
	return type->value_bytes >= bytes && memcmp(text, name, bytes) == 0 &&
	       (type->value_bytes == bytes || text[bytes] == '.');
}

/* A Number that is written as a string, as SNS has it. */
static int number_of_text(struct reading *r, struct weir_typed_header *h)
{
	struct wr_json number;
	if (h->kind != WEIR_VALUE_TEXT)
		return h->kind == WEIR_VALUE_INTEGER || h->kind == WEIR_VALUE_REAL
			       ? 0
			       : refuse(r, "the value of a Number is a number");
	wr_json_init(&number, h->value, h->value_bytes, 0);
	if (wr_json_next(&number) != WR_JSON_NUMBER)
		return refuse(r, "the value of a Number is a number, as in \"12.5\"");
	h->real = wr_json_f64(&number);
	h->kind = WEIR_VALUE_REAL;
	if (wr_json_next(&number) != WR_JSON_END || !isfinite(h->real))
		return refuse(r, "the value of a Number is one number, as in \"12.5\"");
	return 0;
}

static int apply_type(struct reading *r, const struct weir_typed_header *type,
		      struct weir_typed_header *h)
{
	if (type->kind != WEIR_VALUE_TEXT || h->kind == 0)
		return refuse(r, "an attribute has a Type and a Value");
	if (type_is(type, "String.Array")) {
		if (h->kind != WEIR_VALUE_TEXT && h->kind != WEIR_VALUE_JSON)
			return refuse(r, "the value of a String.Array is a list, as in "
					 "\"[\\\"a\\\", 1]\"");
		h->kind = WEIR_VALUE_JSON;
		return 0;
	}
	if (type_is(type, "Number"))
		return number_of_text(r, h);
	if (type_is(type, "Binary")) {
		h->kind = WEIR_VALUE_BINARY;
		return 0;
	}
	if (!type_is(type, "String"))
		return refuse(r,
			      "there are the types String, Number, String.Array and Binary, "
			      "not \"%.*s\"",
			      (int)(type->value_bytes < 40 ? type->value_bytes : 40),
			      (const char *)type->value);
	return h->kind == WEIR_VALUE_TEXT ? 0 : refuse(r, "the value of a String is a string");
}

/* Has the object, behind whose '{' a copy of the reader stands, a type? */
static bool looks_typed(const struct wr_json *at)
{
	struct wr_json j = *at;
	while (wr_json_next(&j) == WR_JSON_NAME) {
		if (is_name(&j, "Type", "DataType", "Type"))
			return true;
		if (!wr_json_skip(&j))
			return false;
	}
	return false;
}

static int take_attribute(struct reading *r, struct weir_typed_header *h)
{
	struct weir_typed_header type = {0};
	if (r->json.token != WR_JSON_OBJECT)
		return take_value(r, h);
	if (!looks_typed(&r->json))
		return refuse(r,
			      "an attribute is {\"Type\": ..., \"Value\": ...} or a plain value; "
			      "for what nests there is --scope body");
	int rc = take_typed(r, &type, h);
	return rc == 0 ? apply_type(r, &type, h) : rc;
}

/* ---- the object ---- */

static int add_member(struct reading *r, bool is_attribute)
{
	struct route_event *e = r->event;
	struct weir_typed_header h = {0};
	h.name = keep_text(e, &r->json, &h.name_bytes);
	r->name = h.name;
	r->name_bytes = h.name_bytes;
	if (wr_json_next(&r->json) == WR_JSON_BAD)
		return no_json(r);
	int rc = is_attribute ? take_attribute(r, &h) : take_value(r, &h);
	if (rc < 0)
		return rc;
	/* Of two of one name the last one counts. */
	size_t i = 0;
	while (i < e->routed.header_count &&
	       (e->headers[i].name_bytes != h.name_bytes ||
		memcmp(e->headers[i].name, h.name, h.name_bytes) != 0))
		i++;
	e->headers[i] = h;
	if (i == e->routed.header_count)
		e->routed.header_count++;
	return 0;
}

static int read_headers(struct route_event *event, const char *text, size_t bytes,
			bool is_attribute, struct weir_problem *problem)
{
	struct reading r = {.event = event, .problem = problem};
	/* A member has at least four characters. */
	event->headers = calloc(bytes / 4 + 1, sizeof *event->headers);
	event->texts = malloc(bytes + 1);
	if (event->headers == NULL || event->texts == NULL)
		return -ENOMEM;
	wr_json_init(&r.json, text, bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&r.json) != WR_JSON_OBJECT)
		return r.json.token == WR_JSON_BAD
			       ? no_json(&r)
			       : refuse(&r, "the event is not a JSON object of %s",
					is_attribute ? "attributes" : "headers");
	while (wr_json_next(&r.json) == WR_JSON_NAME) {
		int rc = add_member(&r, is_attribute);
		if (rc < 0)
			return rc;
	}
	r.name_bytes = 0;
	if (r.json.token == WR_JSON_BAD || wr_json_next(&r.json) != WR_JSON_END)
		return no_json(&r);
	event->routed.headers = event->headers;
	return 0;
}

int route_event_begin(struct route_event *event, enum weir_filter_kind kind, const char *text,
		      size_t bytes, struct weir_problem *problem)
{
	*event = (struct route_event){0};
	if (kind == WEIR_FILTER_HEADERS || kind == WEIR_FILTER_SNS_ATTRIBUTES ||
	    kind == WEIR_FILTER_EVENTBRIDGE_HEADERS)
		return read_headers(event, text, bytes, kind == WEIR_FILTER_SNS_ATTRIBUTES,
				    problem);
	if (kind == WEIR_FILTER_EVENTBRIDGE || kind == WEIR_FILTER_SNS_BODY) {
		event->routed.payload = text;
		event->routed.payload_bytes = bytes;
	} else {
		event->routed.key = text;
		event->routed.key_bytes = bytes;
	}
	return 0;
}

void route_event_end(struct route_event *event)
{
	free(event->headers);
	free(event->texts);
	*event = (struct route_event){0};
}
