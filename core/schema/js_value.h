/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of JSON as they stand in their text: are two of them equal, how long is a string, where is
 * a value. Equal is as JSON Schema has it: objects whatever the order of their members, numbers by
 * what they are, strings by their characters.
 *
 * Thread: the caller's. No allocation. Depth is bounded by the readers', work is counted.
 */
#ifndef WR_SCHEMA_JS_VALUE_H
#define WR_SCHEMA_JS_VALUE_H

#include "core/json/json_read.h"

/* Characters of the current string or name. */
uint64_t wr_js_characters(const struct wr_json *j);

/* Are the current strings or names the same characters? */
bool wr_js_same_string(const struct wr_json *a, const struct wr_json *b);

/* Below, at or above 0: by their characters. */
int wr_js_string_order(const struct wr_json *a, const struct wr_json *b);

/* The current string with its quotes and as few escapes as may be: never longer than it is. */
size_t wr_js_string_write(const struct wr_json *j, char *to);

/*
 * Are the values that the current tokens begin equal? Both readers are behind their values then;
 * where they are not equal, anywhere. *work counts down; at 0 the answer is false.
 */
bool wr_js_equal(struct wr_json *a, struct wr_json *b, uint64_t *work);

/* Past the current value, which costs as it is long. false: it is broken, or *work is at 0. */
bool wr_js_pass(struct wr_json *j, uint64_t *work);

/*
 * Where the byte `at` of a text stands: "/properties/total/minimum", "/" for the root. Cut at its
 * end where there is no room; returns `to`. to_bytes is at least 8.
 */
char *wr_js_path(const void *text, size_t bytes, size_t at, char *to, size_t to_bytes);

#endif
