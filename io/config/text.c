/* SPDX-License-Identifier: Apache-2.0 */
/* Text into a room that may be too small. */
#include "io/config/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t left_of(const struct wr_config_text *text)
{
	return text->bytes < text->room_bytes ? text->room_bytes - text->bytes : 0;
}

void wr_config_put(struct wr_config_text *text, const char *format, ...)
{
	size_t left = left_of(text);
	va_list list;
	va_start(list, format);
	int bytes = vsnprintf(left > 0 ? text->to + text->bytes : NULL, left, format, list);
	va_end(list);
	text->bytes += bytes > 0 ? (size_t)bytes : 0;
}

void wr_config_put_n(struct wr_config_text *text, const char *from, size_t bytes)
{
	size_t left = left_of(text);
	if (left > 0) {
		size_t fits = bytes < left ? bytes : left - 1;
		memcpy(text->to + text->bytes, from, fits);
		text->to[text->bytes + fits] = '\0';
	}
	text->bytes += bytes;
}

void wr_config_put_repeat(struct wr_config_text *text, char c, size_t count)
{
	char some[64];
	memset(some, c, sizeof some);
	for (size_t bytes; count > 0; count -= bytes) {
		bytes = count < sizeof some ? count : sizeof some;
		wr_config_put_n(text, some, bytes);
	}
}

void wr_config_put_json(struct wr_config_text *text, const char *from)
{
	wr_config_put_n(text, "\"", 1);
	for (; *from != '\0'; from++) {
		if (*from == '"' || *from == '\\')
			wr_config_put(text, "\\%c", *from);
		else if ((unsigned char)*from < 0x20)
			wr_config_put(text, "\\u%04x", (unsigned)(unsigned char)*from);
		else
			wr_config_put_n(text, from, 1);
	}
	wr_config_put_n(text, "\"", 1);
}

size_t wr_config_character(const char *text, size_t bytes)
{
	const uint8_t *b = (const uint8_t *)text;
	if (bytes == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	size_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4 || length > bytes)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF: all show in the second byte. */
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
	    (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return length;
}

void wr_config_put_shown(struct wr_config_text *text, const char *from, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		const uint8_t *b = (const uint8_t *)from + at;
		size_t length = wr_config_character(from + at, bytes - at);
		bool hidden = length == 0 || (b[0] < 0x20 && b[0] != '\t') || b[0] == 0x7f ||
			      (b[0] == 0xc2 && b[1] < 0xa0);
		length = length > 0 ? length : 1;
		wr_config_put_n(text, hidden ? "?" : from + at, hidden ? 1 : length);
		at += length;
	}
}

char *wr_config_quote(char to[WR_CONFIG_QUOTE_BYTES], const char *from, size_t bytes)
{
	struct wr_config_text text = {.to = to, .room_bytes = WR_CONFIG_QUOTE_BYTES};
	size_t fits = bytes;
	if (bytes > 48) {
		for (fits = 44; fits > 0 && ((uint8_t)from[fits] & 0xc0) == 0x80;)
			fits--;
	}
	wr_config_put_n(&text, "\"", 1);
	wr_config_put_shown(&text, from, fits);
	wr_config_put(&text, "%s\"", fits < bytes ? "..." : "");
	return to;
}
