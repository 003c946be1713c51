/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as it is written, to a stdio stream, without a tree: the reports of the commands (one
 * object, indented) and NDJSON (one object a line).
 *
 *   struct json_out j;
 *   json_begin(&j, stdout, JSON_PRETTY);
 *   json_object(&j, NULL);
 *   json_u64(&j, "events", n);
 *   json_object(&j, "ack_us");
 *   json_f64(&j, "p50", 12.3, 1);
 *   json_close(&j);
 *   json_close(&j);
 *   if (json_end(&j) < 0) ...
 *
 * `key` is NULL in arrays and at the top. Keys are written as they are given: plain names.
 * Numbers keep all 64 bits. Text that is not UTF-8 gets U+FFFD where it is broken.
 *
 * Thread: one at a time. Errors of the stream are kept and told by json_end().
 */
#ifndef WEIR_TOOLS_JSON_OUT_H
#define WEIR_TOOLS_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16

enum json_style { JSON_PRETTY, JSON_LINE };

struct json_out {
	FILE *to;
	enum json_style style;
	unsigned depth;
	bool empty[JSON_DEPTH_MAX];
	char closer[JSON_DEPTH_MAX];
};

void json_begin(struct json_out *j, FILE *to, enum json_style style);
void json_object(struct json_out *j, const char *key);
void json_array(struct json_out *j, const char *key);
/* Ends the innermost object or array. */
void json_close(struct json_out *j);

/* NULL writes null. */
void json_text(struct json_out *j, const char *key, const char *text);
void json_text_n(struct json_out *j, const char *key, const void *text, size_t bytes);
void json_hex(struct json_out *j, const char *key, const void *bytes, size_t length_bytes);
/* A value that is JSON already, as it is but for line ends behind it. */
void json_ready(struct json_out *j, const char *key, const char *json, size_t json_bytes);
void json_u64(struct json_out *j, const char *key, uint64_t n);
void json_i64(struct json_out *j, const char *key, int64_t n);
/* `digits` behind the point; null when it is no finite number. */
void json_f64(struct json_out *j, const char *key, double n, int digits);
void json_bool(struct json_out *j, const char *key, bool b);
void json_null(struct json_out *j, const char *key);

/*
 * Closes what is open and ends the line; JSON_PRETTY flushes (a line is one of many). 0, or -EIO
 * when the stream refused something.
 */
int json_end(struct json_out *j);

/* Are these bytes UTF-8 through and through (no overlong forms, no surrogates)? */
bool json_is_utf8(const void *bytes, size_t length_bytes);

/* How many bytes of it are, from its beginning. */
size_t json_utf8_bytes(const void *bytes, size_t length_bytes);

#endif
