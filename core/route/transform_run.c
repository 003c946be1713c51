/* SPDX-License-Identifier: Apache-2.0 */
/* What a transformer writes: text of its template, and what the event has for the rest. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/json/utf8.h"
#include "core/route/filter.h"
#include "core/route/transform.h"

struct output {
	uint8_t *to;
	size_t room, bytes;
	bool full;
	const uint8_t *payload;
	bool in_string; /* of the place in hand */
	bool first;     /* of several values: none was written yet */
};

static void put(struct output *o, const void *text, size_t bytes)
{
	if (o->full || bytes > o->room - o->bytes) {
		o->full = true;
		return;
	}
	if (bytes > 0)
		memcpy(o->to + o->bytes, text, bytes);
	o->bytes += bytes;
}

/* JSON as it is, or as it is within a string. */
static void put_mark(struct output *o, char c)
{
	if (o->in_string && (c == '"' || c == '\\'))
		put(o, "\\", 1);
	put(o, &c, 1);
}

/* JSON without the spaces between its parts. */
static void put_minified(struct output *o, struct wr_value_range range)
{
	const uint8_t *p = o->payload;
	bool quoted = false;
	for (size_t i = range.start; i < range.end && !o->full;) {
		size_t first = i;
		/* Most of it needs no look at each byte by itself. */
		while (i < range.end && p[i] != '"' && p[i] != '\\' && (quoted || p[i] > ' '))
			i++;
		put(o, p + first, i - first);
		if (i == range.end)
			break;
		if (p[i] == '"')
			quoted = !quoted;
		if (p[i] > ' ')
			put_mark(o, (char)p[i]);
		if (p[i] == '\\')
			put_mark(o, (char)p[++i]); /* a string does not end behind one */
		i++;
	}
}

/* A value; of a string inside of quotes what is between its own. */
static void put_json(struct output *o, struct wr_value_range range)
{
	if (o->in_string && o->payload[range.start] == '"')
		put(o, o->payload + range.start + 1, range.end - range.start - 2);
	else
		put_minified(o, range);
}

/* A text of the event as a JSON string, or within one. */
static int put_text(struct output *o, const void *text, size_t bytes, const char *what,
		    struct weir_problem *problem)
{
	const uint8_t *at = text;
	char escape[8];
	if (bytes > 0 && wr_utf8_good_bytes(text, bytes) != bytes)
		return wr_route_refuse(problem, -EINVAL, what, strlen(what),
				       "it is not UTF-8, and so cannot be in JSON");
	if (!o->in_string)
		put(o, "\"", 1);
	for (size_t i = 0; i < bytes && !o->full;) {
		size_t first = i;
		while (i < bytes && at[i] >= ' ' && at[i] != '"' && at[i] != '\\')
			i++;
		put(o, at + first, i - first);
		if (i == bytes)
			break;
		if (at[i] < ' ')
			(void)snprintf(escape, sizeof escape, "\\u%04x", at[i]);
		else
			(void)snprintf(escape, sizeof escape, "\\%c", at[i]);
		put(o, escape, strlen(escape));
		i++;
	}
	if (!o->in_string)
		put(o, "\"", 1);
	return 0;
}

static void put_missing(struct output *o)
{
	if (!o->in_string)
		put(o, "\"\"", 2);
}

/* ---- variables ---- */

/* In an array a string keeps its quotes. */
static bool put_one_of(void *context, const struct wr_value_range *value)
{
	struct output *o = context;
	if (!o->first)
		put(o, ",", 1);
	o->first = false;
	put_minified(o, *value);
	return !o->full;
}

static int put_variable(struct output *o, const struct weir_transform *t,
			const struct wr_variable *variable, const struct wr_value_range *ranges,
			struct weir_problem *problem)
{
	const struct wr_value_path *path = &variable->path;
	struct wr_value_range range = ranges[variable->slot];
	if (range.end == 0 && t->must_be_there)
		return wr_route_refuse(problem, -ENOENT, "InputPath", 9,
				       "the payload has nothing there");
	if (range.end == 0) {
		put_missing(o);
	} else if (path->plain_count == path->step_count) {
		put_json(o, range);
	} else {
		o->first = true;
		put(o, "[", 1);
		wr_transform_walk(o->payload, range, path->steps + path->plain_count,
				  path->step_count - path->plain_count, put_one_of, o);
		put(o, "]", 1);
	}
	return 0;
}

/* ---- what is known of an event ---- */

/* Of a Gregorian calendar whose years begin in March, so that a leap day is the last. */
static void put_time(struct output *o, uint64_t us)
{
	char text[96];
	uint64_t seconds = us / 1000000, days = seconds / 86400 + 719468;
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	uint64_t month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	(void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)year,
		       (unsigned)month, (unsigned)day + 1, (unsigned)(seconds / 3600 % 24),
		       (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
		       (unsigned)(us % 1000000));
	(void)put_text(o, text, strlen(text), "", NULL);
}

static void put_number(struct output *o, uint64_t n)
{
	char text[24];
	put(o, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)n));
}

/* AWS's event without `detail`; what is no object is as it is. */
static void put_without_detail(struct output *o, size_t bytes)
{
	struct wr_json j;
	wr_json_init(&j, o->payload, bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_OBJECT) {
		size_t start = j.start;
		(void)wr_json_skip(&j);
		put_json(o, (struct wr_value_range){start, j.end});
		return;
	}
	o->first = true;
	put(o, "{", 1);
	while (wr_json_next(&j) == WR_JSON_NAME && !o->full) {
		size_t start = j.start;
		bool is_left_out = wr_json_equals(&j, "detail", 6);
		(void)wr_json_skip(&j);
		if (is_left_out)
			continue;
		if (!o->first)
			put(o, ",", 1);
		o->first = false;
		put_minified(o, (struct wr_value_range){start, j.end});
	}
	put(o, "}", 1);
}

static void put_payload(struct output *o, size_t bytes)
{
	struct wr_json j;
	wr_json_init(&j, o->payload, bytes, WR_JSON_DEPTH_MAX);
	(void)wr_json_next(&j);
	size_t start = j.start;
	(void)wr_json_skip(&j);
	put_json(o, (struct wr_value_range){start, j.end});
}

static int put_name(struct output *o, const char *name, const char *what,
		    struct weir_problem *problem)
{
	return put_text(o, name, name != NULL ? strlen(name) : 0, what, problem);
}

static int put_fact(struct output *o, enum wr_fact fact, const struct weir_transform_event *event,
		    struct weir_problem *problem)
{
	switch (fact) {
	case WR_FACT_KEY:
		return put_text(o, event->key, event->key_bytes, "weir.key", problem);
	case WR_FACT_EVENT_ID:
		return put_text(o, event->event_id, event->event_id_bytes, "weir.event-id",
				problem);
	case WR_FACT_CORRELATION_ID:
		return put_text(o, event->correlation_id, event->correlation_id_bytes,
				"weir.correlation-id", problem);
	case WR_FACT_TOPIC:
		return put_name(o, event->topic, "weir.topic", problem);
	case WR_FACT_SUBSCRIPTION:
	case WR_FACT_AWS_RULE_NAME:
		return put_name(o, event->subscription, "weir.subscription", problem);
	case WR_FACT_PARTITION:
		put_number(o, event->partition);
		return 0;
	case WR_FACT_SEQUENCE:
		put_number(o, event->sequence);
		return 0;
	case WR_FACT_TIME:
	case WR_FACT_AWS_TIME:
		put_time(o, event->append_time_us);
		return 0;
	case WR_FACT_EVENT:
		put_without_detail(o, event->payload_bytes);
		return 0;
	default:
		put_payload(o, event->payload_bytes);
		return 0;
	}
}

int64_t weir_transform_run(const struct weir_transform *transform,
			   const struct weir_transform_event *event, void *to, size_t to_bytes,
			   struct weir_problem *problem)
{
	struct wr_value_range ranges[WEIR_TRANSFORM_VARIABLES_MAX];
	struct output o = {.to = to, .room = to_bytes, .payload = event->payload};
	int rc = 0;
	if (transform->reads_payload)
		rc = wr_transform_read(transform, event->payload, event->payload_bytes, ranges,
				       problem);
	for (size_t i = 0; i < transform->part_count && rc == 0 && !o.full; i++) {
		const struct wr_part *part = &transform->parts[i];
		o.in_string = part->in_string;
		if (part->kind == WR_PART_TEXT)
			put(&o, part->text, part->text_bytes);
		else if (part->kind == WR_PART_FACT)
			rc = put_fact(&o, (enum wr_fact)part->index, event, problem);
		else
			rc = put_variable(&o, transform, &transform->variables[part->index], ranges,
					  problem);
	}
	if (rc == 0 && o.full)
		rc = wr_route_refuse(problem, WEIR_E_TOO_BIG, "", 0,
				     "what comes out has more than the %zu bytes that there are",
				     to_bytes);
	return rc == 0 ? (int64_t)o.bytes : rc;
}
