/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventBridge patterns drawn from a seed for events that there are: exact values, prefixes and
 * ranges of the texts and numbers that at least half of a sample of the events have, outside of
 * arrays. One pattern in 1024 asks for what an event of the sample has, the others for something
 * beside it; every second one asks for one more field's value as it is, too. With `is_near` each
 * asks for the values of two fields as they are, mostly of two events: an event that has the one
 * nearly matches it.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_ROUTE_RULES_H
#define WEIR_TOOLS_ROUTE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule_field {
	char path[96];  /* with dots */
	char text[120]; /* the value as JSON, short enough to be changed */
	double number;
	bool is_number;
};

struct rule_source {
	struct rule_field *fields; /* owned */
	size_t count;
	size_t event_count; /* that were added */
	uint64_t seed;
	bool is_near;
};

/* Adds the fields of one event: 0; -EINVAL: it is no JSON object; -ENOMEM. */
int rule_source_add(struct rule_source *source, const char *event, size_t bytes);
/* Leaves out the fields that less than half of the events have. */
void rule_source_settle(struct rule_source *source);
void rule_source_end(struct rule_source *source);

/* A pattern, ending with a 0. There are fields. */
void rule_source_draw(struct rule_source *source, char *to, size_t to_bytes);

#endif
