/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of an answer, as it grows. Once memory is not to be had, or is more than the answer may
 * take, everything that is put is left out, and `failed` says so: who answers looks once, at the
 * end.
 *
 * Thread: one at a time.
 */
#ifndef WR_HTTP_TEXT_H
#define WR_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_http_text {
	char *data; /* from malloc(); not terminated */
	size_t bytes;
	size_t room;
	size_t room_max; /* 0: any */
	bool failed;
	bool is_too_large; /* with failed: for room_max */
};

void wr_http_text_put(struct wr_http_text *t, const void *data, size_t bytes);
void wr_http_text_say(struct wr_http_text *t, const char *text);
/* At most 1023 bytes. */
void wr_http_text_format(struct wr_http_text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A JSON string, its quotes included. What is not UTF-8 becomes U+FFFD. */
void wr_http_text_json(struct wr_http_text *t, const char *text, size_t bytes);
void wr_http_text_free(struct wr_http_text *t);

#endif
