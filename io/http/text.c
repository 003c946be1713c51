/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. */
#include "io/http/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json/utf8.h"

#define ROOM_FIRST 512u
#define FORMAT_BYTES 1024

static bool make_room(struct wr_http_text *t, size_t bytes)
{
	size_t room = t->room != 0 ? t->room : ROOM_FIRST;
	if (t->failed || bytes > SIZE_MAX / 4 - t->bytes) {
		t->failed = true;
		return false;
	}
	while (room < t->bytes + bytes)
		room *= 2;
	if (t->room_max != 0 && room > t->room_max)
		room = t->room_max;
	if (room < t->bytes + bytes) {
		t->failed = t->is_too_large = true;
		return false;
	}
	if (room == t->room)
		return true;
	char *data = realloc(t->data, room);
	if (data == NULL) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->room = room;
	return true;
}

void wr_http_text_put(struct wr_http_text *t, const void *data, size_t bytes)
{
	if (bytes == 0 || !make_room(t, bytes))
		return;
	memcpy(t->data + t->bytes, data, bytes);
	t->bytes += bytes;
}

void wr_http_text_say(struct wr_http_text *t, const char *text)
{
	wr_http_text_put(t, text, strlen(text));
}

void wr_http_text_format(struct wr_http_text *t, const char *format, ...)
{
	char text[FORMAT_BYTES];
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (n > 0)
		wr_http_text_put(t, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void put_character(struct wr_http_text *t, unsigned char c)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	char text[8];
	const char *at = c != '\0' ? strchr(escaped, c) : NULL;
	if (at != NULL) {
		text[0] = '\\';
		text[1] = letters[at - escaped];
		wr_http_text_put(t, text, 2);
		return;
	}
	(void)snprintf(text, sizeof text, "\\u%04x", c);
	wr_http_text_put(t, text, 6);
}

void wr_http_text_json(struct wr_http_text *t, const char *text, size_t bytes)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + bytes, *plain = at;
	wr_http_text_put(t, "\"", 1);
	while (at < end) {
		size_t length = wr_utf8_length(at, (size_t)(end - at));
		if (length > 1 ||
		    (length == 1 && *at >= ' ' && *at != '"' && *at != '\\' && *at != 127)) {
			at += length;
			continue;
		}
		wr_http_text_put(t, plain, (size_t)(at - plain));
		if (length == 0)
			wr_http_text_say(t, "\xEF\xBF\xBD");
		else
			put_character(t, *at);
		plain = ++at;
	}
	wr_http_text_put(t, plain, (size_t)(end - plain));
	wr_http_text_put(t, "\"", 1);
}

void wr_http_text_free(struct wr_http_text *t)
{
	free(t->data);
	*t = (struct wr_http_text){.data = NULL};
}
