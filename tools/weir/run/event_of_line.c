/* SPDX-License-Identifier: Apache-2.0 */
/* See event_of_line.h. */
#include "tools/weir/run/event_of_line.h"

#include <stdio.h>
#include <string.h>

#include "tools/weir/run/source.h"

/* A quarter of a lane or of a chunk (weir/producer.h); less what stands around an event there. */
#define AROUND_BYTES 64u

size_t run_event_bytes_max(const struct weir_options *options)
{
	size_t least = options->lane_bytes < options->chunk_bytes ? options->lane_bytes
								  : options->chunk_bytes;
	return least / 4 - AROUND_BYTES;
}

static bool is_blank(const struct run_line *line)
{
	for (size_t i = 0; i < line->length_bytes; i++)
		if (strchr(" \t\r", line->at[i]) == NULL || line->at[i] == '\0')
			return false;
	return true;
}

static enum run_made refuse_size(struct run_event_maker *m, size_t bytes)
{
	(void)snprintf(m->why, sizeof m->why,
		       "%zu bytes: an event has at most %zu here (a quarter of memory.lane and "
		       "memory.chunk)",
		       bytes, m->event_bytes_max);
	return RUN_MADE_BAD;
}

enum run_made run_event_of_line(struct run_event_maker *m, const struct run_line *line)
{
	const struct weir_config_source *source = m->source;
	bool is_json = source->format == WEIR_CONFIG_FORMAT_JSON &&
		       source->from != WEIR_CONFIG_FROM_GENERATE;
	enum run_made made = RUN_MADE_EVENT;
	run_event_done(m);
	m->event = (struct weir_event){.topic = m->topic,
				       .payload = line->at,
				       .payload_bytes = line->length_bytes,
				       .headers = m->headers};
	if (line->is_too_long)
		return refuse_size(m, line->length_bytes);
	if (is_json) {
		if (is_blank(line))
			return RUN_MADE_NOTHING;
		/* CR LF ends a line of JSON as LF does. */
		if (line->at[line->length_bytes - 1] == '\r')
			m->event.payload_bytes--;
		made = run_event_of_json(m, line);
	} else if (source->from == WEIR_CONFIG_FROM_GENERATE) {
		m->event.key = m->key;
		m->event.key_bytes = run_generated_key(source, line->number, m->key);
	}
	if (made != RUN_MADE_EVENT)
		return made;
	size_t bytes = weir_event_bytes(&m->event);
	if (bytes > m->event_bytes_max || bytes == 0)
		return refuse_size(m, bytes == 0 ? line->length_bytes : bytes);
	return RUN_MADE_EVENT;
}

void run_event_add_header(struct run_event_maker *m, const char *name, const char *value)
{
	m->headers[m->event.header_count++] =
		(struct weir_header){.name = name,
				     .value = value,
				     .name_bytes = (uint16_t)strlen(name),
				     .value_bytes = (uint16_t)strlen(value)};
}
