/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as it is written (RFC 8259): a line is checked once, and then its values are pieces of the
 * line. A number keeps its digits: an id of 20 digits is JSON, and a key; a library that makes a
 * double or an int64 of it changes it, or refuses the line.
 *
 *   if (json_scan_check(line, bytes, &root, &bad_at)) { v = json_scan_find(root, "user.id"); ... }
 *
 * Refused: what is no UTF-8, half a surrogate pair, and what is nested deeper than
 * JSON_SCAN_DEPTH_MAX. Of members with the same name the last one counts.
 *
 * Nothing is allocated. Thread: any.
 */
#ifndef WEIR_TOOLS_RUN_JSON_SCAN_H
#define WEIR_TOOLS_RUN_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_SCAN_DEPTH_MAX 2048u

enum json_scan_kind {
	JSON_SCAN_NONE, /* it is not there */
	JSON_SCAN_NULL,
	JSON_SCAN_BOOLEAN,
	JSON_SCAN_NUMBER,
	JSON_SCAN_TEXT, /* with its quotes */
	JSON_SCAN_ARRAY,
	JSON_SCAN_OBJECT,
};

/* Of a line that was checked: lent as long as the line is there. */
struct json_scan {
	enum json_scan_kind kind;
	const char *at;
	size_t bytes;
};

/* One value, with space around it. False: it is none, and this byte (from 1) tells. */
bool json_scan_check(const char *text, size_t bytes, struct json_scan *ret_value,
		     size_t *ret_bad_at);

/* The value at "user.id" or "items.0.id"; kind NONE: it is not there. */
struct json_scan json_scan_find(struct json_scan value, const char *path);

/* The text of a JSON_SCAN_TEXT, without quotes and escapes, into `to`, which has room for
 * value.bytes. How many bytes. */
size_t json_scan_text(struct json_scan value, char *to);

/* The value without the space between its parts, into `to`, which has room for value.bytes. */
size_t json_scan_compact(struct json_scan value, char *to);

#endif
