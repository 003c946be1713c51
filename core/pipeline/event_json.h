/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What patterns and transformers look at of a payload whose schema is known: Avro as JSON, and what
 * stands behind the id before it. They are written for fields, not for how these are encoded.
 *
 * What a payload follows, and whether an id stands before it, the topic says that the event was
 * published to: a copy elsewhere is read as what it is of.
 */
#ifndef WR_PIPELINE_EVENT_JSON_H
#define WR_PIPELINE_EVENT_JSON_H

#include "core/pipeline/pipeline.h"
#include "core/record/record.h"

struct wr_event_json {
	const void *bytes;
	size_t count;
};

/*
 * Makes JSON of an event's payload in `room`, which is in use as long as what it returns is; or
 * lends the payload where it stands: behind the id, or, of a topic that follows no subject and of
 * what is no datum of its schema, as it is. Any thread. Allocates: never.
 * @return 0; WEIR_E_TOO_BIG: its JSON is larger than the room, or it is too deep, or too much work
 *         for so few bytes; WEIR_E_UNKNOWN_SCHEMA: its schema cannot be read here
 */
int wr_event_json(struct weir_pipeline *p, const struct wr_record *record,
		  const struct wr_record_view *view, char *room, size_t room_bytes,
		  struct wr_event_json *ret_json);

/* Why that was not 0, in words. The code. */
int wr_event_json_refuse(struct weir_problem *problem, int code);

#endif
