/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line becomes: an event, nothing (a blank line between JSON), or a bad line and why.
 *
 * It is the same code whether the event is published or passed over after a restart: that is what
 * keeps the numbers of events the same. For that, too, what is too large is decided here, by the
 * options, and not by whether a publish is refused.
 *
 * Fields are named by dotted paths into the line's object: "user.id"; a number picks from an array:
 * "items.0.id". A text is taken as it is, numbers, true and false as they are written, digit by
 * digit; null is absent; an object or array is no key, type or time, and compact JSON in a header
 * or payload.
 *
 * Thread: the source's own.
 */
#ifndef WEIR_TOOLS_RUN_EVENT_OF_LINE_H
#define WEIR_TOOLS_RUN_EVENT_OF_LINE_H

#include <weir.h>
#include <weir/config.h>

#include "tools/weir/run/json_scan.h"
#include "tools/weir/run/line_buffer.h"

#define RUN_HEADERS_MAX 66u                  /* those of the file, the type, the place */
#define RUN_OWNED_MAX (RUN_HEADERS_MAX + 7u) /* with the key, the payload and five ids */

struct run_event_maker {
	const struct weir_config_source *source;
	size_t event_bytes_max; /* as weir_event_bytes() counts */
	uint32_t topic;
	struct weir_event event; /* of the last line; lent with it until the next */
	struct weir_header headers[RUN_HEADERS_MAX];
	char key[64]; /* one that was made up, or a number */
	char why[160];
	struct weir_ids ids;
	struct json_scan line;      /* the value that the line is */
	char *owned[RUN_OWNED_MAX]; /* texts that were made of it; freed with it */
	uint32_t owned_count;
};

enum run_made { RUN_MADE_EVENT = 1, RUN_MADE_NOTHING = 0, RUN_MADE_BAD = -1 };

/* The largest event that a pipeline with these options takes, in encoded bytes. */
size_t run_event_bytes_max(const struct weir_options *options);

/* maker->event or maker->why. */
enum run_made run_event_of_line(struct run_event_maker *maker, const struct run_line *line);

/* Adds a header to the event that was made last. The texts are kept by the caller. */
void run_event_add_header(struct run_event_maker *maker, const char *name, const char *value);

/* Gives back what the last event was made of. */
void run_event_done(struct run_event_maker *maker);

/* The JSON half (event_of_json.c): fields of the line into the event. */
enum run_made run_event_of_json(struct run_event_maker *maker, const struct run_line *line);

#endif
