/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event to try a filter on, out of a text: a routing key, a payload, headers or attributes.
 *
 * Headers are a JSON object, a value of its own type each. Attributes are one, too: each is
 * {"Type": "String" | "Number" | "String.Array" | "Binary", "Value": ...} (or with the names that
 * SNS's API has, DataType, StringValue, BinaryValue), or a plain JSON value.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_ROUTE_EVENT_H
#define WEIR_TOOLS_ROUTE_EVENT_H

#include <weir/route.h>

struct route_event {
	struct weir_routed routed;
	struct weir_typed_header *headers; /* owned */
	char *texts;                       /* owned: what headers point into */
	size_t texts_bytes;
};

/* The text is borrowed until the next route_event_end(). 0, or a negative code and the problem. */
int route_event_begin(struct route_event *event, enum weir_filter_kind kind, const char *text,
		      size_t bytes, struct weir_problem *problem);
void route_event_end(struct route_event *event);

#endif
