/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written of an event: its payload and a line feed, or an envelope of JSON with all that is
 * known of it, a line each. A payload or key that is not UTF-8 is in base64, under a name that says
 * so.
 *
 * Thread: one at a time.
 */
#ifndef WEIR_TOOLS_RUN_OUTPUT_H
#define WEIR_TOOLS_RUN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weir.h>

struct run_output {
	struct weir_pipeline *pipeline; /* for names of topics */
	bool as_json;
	FILE *stream; /* as_json: a memory stream behind text */
	char *text;
	size_t text_bytes;
	char *bytes;
	size_t used;
	size_t room_bytes;
};

/* 0 or -ENOMEM. */
int run_output_init(struct run_output *output, struct weir_pipeline *pipeline, bool as_json);
void run_output_fini(struct run_output *output);

/* Adds an event to bytes[0 .. used). 0 or -ENOMEM. */
int run_output_add(struct run_output *output, const struct weir_item *item);

/* Takes the first bytes away. */
void run_output_drop(struct run_output *output, size_t bytes);

/* Base64 with padding, into malloc()ed text; NULL: no memory. */
char *run_base64(const void *bytes, size_t length_bytes);

#endif
