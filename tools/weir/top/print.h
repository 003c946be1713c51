/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelines as text and as JSON: what `weir lag`, `weir status` and `weir top` have in common.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TOP_PRINT_H
#define WEIR_TOOLS_TOP_PRINT_H

#include <stdio.h>

#include "tools/weir/json_out.h"
#include "tools/weir/top/find.h"

struct print_lag {
	FILE *to;
	int pipeline_columns; /* 0: without */
	int name_columns;
};

/* The heading, for the rows of all pipelines that follow. */
void print_lag_begin(struct print_lag *p, const struct find *f, FILE *to);
/* The same for one pipeline, without its name in each row. */
void print_lag_begin_one(struct print_lag *p, const struct look *l, FILE *to);
/* `limit`: the text of what it is above, or NULL. */
void print_lag_row(const struct print_lag *p, const struct look *l, const struct look_row *s,
		   const char *limit);

/* How long a subscription's lag will take: "12.00 s", "01:02:03". False: none, or not known. */
bool print_drain(char to[CLI_TEXT_BYTES], const struct look *l, const struct look_row *s);
/* "2 d 03:04:05", "03:04:05" */
char *print_span(char to[CLI_TEXT_BYTES], uint64_t ns);
/* A number of a rule's as what it is: a time, bytes, or a count. */
char *print_alert_number(char to[CLI_TEXT_BYTES], const struct look_row *alert, uint64_t number);
/* All of a pipeline on some lines. */
void print_status(const struct look *l, FILE *to);

/* Fields of the object that is open. */
void print_json_about(struct json_out *j, const struct look *l);
void print_json_lag(struct json_out *j, const struct look *l, const struct look_row *s);
/* The object of a pipeline, with everything. */
void print_json_pipeline(struct json_out *j, const struct look *l);
/* The document of all of them, to standard output: an exit code. */
int print_json_all(const struct find *f);

#endif
