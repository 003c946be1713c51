/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of a line of JSON into an event, through jansson. Only files of this name include it.
 *
 * What jansson refuses is a bad line: what is no JSON, no UTF-8, nested deeper than 2048. What a
 * text says of bytes of the line is left out of the reason: it is for logs that others read.
 */
#include "tools/weir/run/event_of_line.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/moment.h"

#define HEADER_BYTES_MAX 60000u
#define KEY_BYTES_MAX 65535u

bool run_has_json(void)
{
	return true;
}

void run_event_of_json_done(struct run_event_maker *m)
{
	json_decref(m->document);
	m->document = NULL;
	for (uint32_t i = 0; i < m->owned_count; i++)
		free(m->owned[i]);
	m->owned_count = 0;
}

/* The value at "user.id"; NULL: it is not there, or is null. */
static const json_t *find(const json_t *value, const char *path)
{
	while (value != NULL && *path != '\0') {
		size_t bytes = strcspn(path, ".");
		if (json_is_array(value)) {
			char *end;
			unsigned long index = strtoul(path, &end, 10);
			bool is_index = path[0] >= '0' && path[0] <= '9' && end == path + bytes;
			value = is_index ? json_array_get(value, index) : NULL;
		} else {
			value = json_object_getn(value, path, bytes);
		}
		path += bytes + (path[bytes] == '.' ? 1 : 0);
	}
	return json_is_null(value) ? NULL : value;
}

struct text {
	const char *at;
	size_t bytes;
};

static enum run_made bad(struct run_event_maker *m, const char *field, const char *why)
{
	(void)snprintf(m->why, sizeof m->why, "%.80s %s", field, why);
	return RUN_MADE_BAD;
}

/*
 * The text of a value. NOTHING: it is absent, and that is allowed. `scalars_only`: an object or
 * array is a fault.
 */
static enum run_made take(struct run_event_maker *m, const char *path, bool scalars_only,
			  struct text *ret_text)
{
	const json_t *value = find(m->document, path);
	if (value == NULL && m->source->missing_is_bad)
		return bad(m, path, "is not there");
	if (value == NULL)
		return RUN_MADE_NOTHING;
	if (json_is_string(value)) {
		*ret_text = (struct text){json_string_value(value), json_string_length(value)};
		return RUN_MADE_EVENT;
	}
	if (scalars_only && (json_is_object(value) || json_is_array(value)))
		return bad(m, path, "is an object or a list, not a single value");
	char *made = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (made == NULL)
		return bad(m, path, "cannot be written: out of memory");
	m->owned[m->owned_count++] = made;
	*ret_text = (struct text){made, strlen(made)};
	return RUN_MADE_EVENT;
}

static enum run_made set_key(struct run_event_maker *m)
{
	struct text text;
	enum run_made made = take(m, m->source->key, true, &text);
	if (made != RUN_MADE_EVENT)
		return made;
	if (text.bytes == 0 && m->source->missing_is_bad)
		return bad(m, m->source->key, "is empty");
	if (text.bytes > KEY_BYTES_MAX)
		return bad(m, m->source->key, "is longer than a key may be: 65535 bytes");
	if (text.bytes > 0) {
		m->event.key = text.at;
		m->event.key_bytes = text.bytes;
	}
	return RUN_MADE_EVENT;
}

static enum run_made set_header(struct run_event_maker *m, const char *name, const char *field)
{
	struct text text;
	enum run_made made = take(m, field, false, &text);
	if (made != RUN_MADE_EVENT)
		return made;
	if (text.bytes > HEADER_BYTES_MAX)
		return bad(m, field, "is longer than a header may be: 60000 bytes");
	m->headers[m->event.header_count++] =
		(struct weir_header){.name = name,
				     .value = text.at,
				     .name_bytes = (uint16_t)strlen(name),
				     .value_bytes = (uint16_t)text.bytes};
	return RUN_MADE_EVENT;
}

/* Numbers of today in seconds have 10 digits, in ms 13, in µs 16, in ns 19. */
static uint64_t us_of_number(uint64_t n)
{
	if (n < UINT64_C(100000000000))
		return n * 1000000;
	if (n < UINT64_C(100000000000000))
		return n * 1000;
	return n < UINT64_C(100000000000000000) ? n : n / 1000;
}

static enum run_made set_time(struct run_event_maker *m)
{
	const char *path = m->source->time;
	const json_t *value = find(m->document, path);
	if (value == NULL)
		return m->source->missing_is_bad ? bad(m, path, "is not there") : RUN_MADE_EVENT;
	if (json_is_string(value) &&
	    wr_moment_parse(json_string_value(value), &m->event.event_time_us) == 0)
		return RUN_MADE_EVENT;
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		m->event.event_time_us = us_of_number((uint64_t)json_integer_value(value));
		return RUN_MADE_EVENT;
	}
	if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 1e11) {
		m->event.event_time_us = (uint64_t)(json_real_value(value) * 1e6 + 0.5);
		return RUN_MADE_EVENT;
	}
	return bad(m, path, "is no time: RFC 3339, or a number of s, ms, us or ns since 1970");
}

static enum run_made set_payload(struct run_event_maker *m)
{
	struct text text = {"", 0};
	enum run_made made = take(m, m->source->payload, false, &text);
	if (made == RUN_MADE_BAD)
		return made;
	/* Absent: an event without one. */
	m->event.payload = made == RUN_MADE_EVENT ? text.at : NULL;
	m->event.payload_bytes = text.bytes;
	return RUN_MADE_EVENT;
}

enum run_made run_event_of_json(struct run_event_maker *m, const struct run_line *line)
{
	const struct weir_config_source *source = m->source;
	json_error_t error;
	m->document = json_loadb(line->at, line->length_bytes, JSON_ALLOW_NUL, &error);
	if (m->document == NULL) {
		(void)snprintf(m->why, sizeof m->why, "not JSON, at byte %d of the line",
			       error.position);
		return RUN_MADE_BAD;
	}
	if (!json_is_object((json_t *)m->document)) {
		(void)snprintf(m->why, sizeof m->why, "a list, and not an object");
		return RUN_MADE_BAD;
	}
	enum run_made made = RUN_MADE_EVENT;
	if (source->key != NULL)
		made = set_key(m);
	if (source->time != NULL && made != RUN_MADE_BAD)
		made = set_time(m);
	if (source->type != NULL && made != RUN_MADE_BAD)
		made = set_header(m, "type", source->type);
	for (uint32_t i = 0; i < source->header_count && made != RUN_MADE_BAD; i++)
		made = set_header(m, source->headers[i].name, source->headers[i].field);
	if (source->payload != NULL && made != RUN_MADE_BAD)
		made = set_payload(m);
	return made == RUN_MADE_BAD ? RUN_MADE_BAD : RUN_MADE_EVENT;
}
