/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of a line of JSON into an event. A text without escapes, and a number, is lent from the
 * line; what is not in it as it has to be, is made (`owned`).
 *
 * What a reason says is without bytes of the line: it is for logs that others read.
 */
#include "tools/weir/run/event_of_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/moment.h"

#define HEADER_BYTES_MAX 60000u
#define KEY_BYTES_MAX 65535u

void run_event_done(struct run_event_maker *m)
{
	for (uint32_t i = 0; i < m->owned_count; i++)
		free(m->owned[i]);
	m->owned_count = 0;
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

/* The value at `path`; kind NONE: it is not there, or is null. */
static struct json_scan find(const struct run_event_maker *m, const char *path)
{
	struct json_scan value = json_scan_find(m->line, path);
	if (value.kind == JSON_SCAN_NULL)
		value.kind = JSON_SCAN_NONE;
	return value;
}

static enum run_made text_of(struct run_event_maker *m, const char *path, struct json_scan value,
			     struct text *ret_text)
{
	bool is_text = value.kind == JSON_SCAN_TEXT;
	bool is_list = value.kind == JSON_SCAN_OBJECT || value.kind == JSON_SCAN_ARRAY;
	if (is_text && memchr(value.at, '\\', value.bytes) == NULL) {
		*ret_text = (struct text){value.at + 1, value.bytes - 2};
		return RUN_MADE_EVENT;
	}
	if (!is_text && !is_list) {
		*ret_text = (struct text){value.at, value.bytes};
		return RUN_MADE_EVENT;
	}
	char *made = malloc(value.bytes);
	if (made == NULL)
		return bad(m, path, "cannot be read: out of memory");
	m->owned[m->owned_count++] = made;
	*ret_text = (struct text){made, is_text ? json_scan_text(value, made)
						: json_scan_compact(value, made)};
	return RUN_MADE_EVENT;
}

/*
 * The text of a value. NOTHING: it is absent, and that is allowed. `scalars_only`: an object or
 * array is a fault.
 */
static enum run_made take(struct run_event_maker *m, const char *path, bool scalars_only,
			  struct text *ret_text)
{
	struct json_scan value = find(m, path);
	if (value.kind == JSON_SCAN_NONE)
		return m->source->missing_is_bad ? bad(m, path, "is not there") : RUN_MADE_NOTHING;
	if (scalars_only && (value.kind == JSON_SCAN_OBJECT || value.kind == JSON_SCAN_ARRAY))
		return bad(m, path, "is an object or a list, not a single value");
	return text_of(m, path, value, ret_text);
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

static enum run_made set_id(struct run_event_maker *m, const char *field, const void **id,
			    uint16_t *id_bytes)
{
	struct text text = {"", 0};
	if (field == NULL)
		return RUN_MADE_EVENT;
	enum run_made made = take(m, field, true, &text);
	if (made != RUN_MADE_EVENT)
		return made;
	if (text.bytes > HEADER_BYTES_MAX)
		return bad(m, field, "is longer than an id may be: 60000 bytes");
	*id = text.at;
	*id_bytes = (uint16_t)text.bytes;
	return RUN_MADE_EVENT;
}

static enum run_made set_ids(struct run_event_maker *m)
{
	const struct weir_config_source *source = m->source;
	struct weir_ids *ids = &m->ids;
	const void *parent = NULL, *state = NULL;
	*ids = (struct weir_ids){0};
	m->event.ids = ids;
	enum run_made made = set_id(m, source->event_id, &ids->event_id, &ids->event_id_bytes);
	if (made != RUN_MADE_BAD)
		made = set_id(m, source->correlation_id, &ids->correlation_id,
			      &ids->correlation_id_bytes);
	if (made != RUN_MADE_BAD)
		made = set_id(m, source->causation_id, &ids->causation_id,
			      &ids->causation_id_bytes);
	if (made != RUN_MADE_BAD)
		made = set_id(m, source->traceparent, &parent, &ids->traceparent_bytes);
	if (made != RUN_MADE_BAD)
		made = set_id(m, source->tracestate, &state, &ids->tracestate_bytes);
	ids->traceparent = parent;
	ids->tracestate = state;
	return made;
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

/* The thresholds of us_of_number(), for what has a fraction or an exponent. */
static bool us_of_real(const struct text *number, uint64_t *ret_us)
{
	char digits[64];
	if (number->bytes >= sizeof digits)
		return false;
	memcpy(digits, number->at, number->bytes);
	digits[number->bytes] = '\0';
	double n = strtod(digits, NULL);
	if (!(n >= 0) || n >= 9e18)
		return false;
	double us = n < 1e11 ? n * 1e6 : n < 1e14 ? n * 1e3 : n < 1e17 ? n : n / 1e3;
	*ret_us = (uint64_t)(us + 0.5);
	return true;
}

static bool us_of(const struct text *number, uint64_t *ret_us)
{
	uint64_t n = 0;
	for (size_t i = 0; i < number->bytes; i++) {
		char c = number->at[i];
		/* 9e18 has 19 digits: one more does not overflow. */
		if (c < '0' || c > '9' || n >= UINT64_C(900000000000000000))
			return us_of_real(number, ret_us);
		n = n * 10 + (uint64_t)(c - '0');
	}
	*ret_us = us_of_number(n);
	return true;
}

static enum run_made set_time(struct run_event_maker *m)
{
	const char *path = m->source->time;
	struct json_scan value = find(m, path);
	struct text text;
	char moment[64];
	if (value.kind == JSON_SCAN_NONE)
		return m->source->missing_is_bad ? bad(m, path, "is not there") : RUN_MADE_EVENT;
	if (text_of(m, path, value, &text) == RUN_MADE_BAD)
		return RUN_MADE_BAD;
	if (value.kind == JSON_SCAN_NUMBER && us_of(&text, &m->event.event_time_us))
		return RUN_MADE_EVENT;
	if (value.kind == JSON_SCAN_TEXT && text.bytes < sizeof moment) {
		memcpy(moment, text.at, text.bytes);
		moment[text.bytes] = '\0';
		if (wr_moment_parse(moment, &m->event.event_time_us) == 0)
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
	size_t bad_at = 0;
	if (!json_scan_check(line->at, line->length_bytes, &m->line, &bad_at)) {
		(void)snprintf(m->why, sizeof m->why, "not JSON, at byte %zu of the line", bad_at);
		return RUN_MADE_BAD;
	}
	if (m->line.kind != JSON_SCAN_OBJECT) {
		(void)snprintf(m->why, sizeof m->why, "%s, and not an object",
			       m->line.kind == JSON_SCAN_ARRAY ? "a list" : "a single value");
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
	if (made != RUN_MADE_BAD)
		made = set_ids(m);
	if (source->payload != NULL && made != RUN_MADE_BAD)
		made = set_payload(m);
	return made == RUN_MADE_BAD ? RUN_MADE_BAD : RUN_MADE_EVENT;
}
