/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --to-json: a payload as JSON, by the schema that it was written with, which the registry in the
 * same journal has. Avro is decoded; JSON that has a schema is shown as JSON, if it is what that
 * says. What cannot be is shown as it is, with the reason.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_PAYLOAD_JSON_H
#define WEIR_TOOLS_PAYLOAD_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include <weir/journal.h>

#include "tools/weir/json_out.h"

/* Of one event after the other; zeroed to begin with. */
struct payload_json {
	bool is_asked; /* else nothing is ever good, and there is no reason */
	bool is_good;
	char *text; /* on one line, with what plays tricks on terminals as \u00NN */
	size_t bytes;
	size_t room;
	uint32_t schema_id; /* 0: none is named */
	char why[320]; /* it names a schema, and is not what that says; "" where it names none */
};

#define OPTION_TO_JSON(to)                                                                         \
	{                                                                                          \
		.name = "to-json", .type = CLI_FLAG, .target = (to),                               \
		.help = "payloads as JSON, by their schemas in the journal's registry"             \
	}

/* Of an event that was asked for with weir_journal_visitor.schemas. */
void payload_json_make(struct payload_json *p, const struct weir_journal_event *event);
void payload_json_fini(struct payload_json *p);

/* Where it is good: true. Else the payload is for the caller to print, and behind it the reason. */
bool payload_json_print(FILE *to, const struct payload_json *p);
void payload_json_print_why(FILE *to, const struct payload_json *p);
/* Members of an open object: schema_id, payload_json, payload_problem. False: the payload is for
 * the caller. */
bool payload_json_member(struct json_out *j, const struct payload_json *p);

#endif
