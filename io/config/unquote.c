/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes of quoted scalars. An escape is never shorter than what it stands for, so the text fits
 * where its source did. */
#include "io/config/unquote.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

size_t wr_config_unquote_single(const char *from, size_t bytes, char *to)
{
	size_t used = 0;
	for (size_t i = 0; i < bytes; i++) {
		to[used++] = from[i];
		if (from[i] == '\'' && i + 1 < bytes && from[i + 1] == '\'')
			i++;
	}
	return used;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* UTF-8 of a code point, 1 to 4 bytes. */
static size_t put_code_point(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = length - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)((length == 2 ? 0xc0u : length == 3 ? 0xe0u : 0xf0u) | c);
	return length;
}

static bool is_character(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	return (c < 0x7f || c >= 0xa0) && (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
}

static int refuse(struct wr_config_fault *fault, size_t at, size_t bytes, const char *why)
{
	*fault = (struct wr_config_fault){.at = at, .bytes = bytes};
	(void)snprintf(fault->why, sizeof fault->why, "%s", why);
	(void)snprintf(fault->help, sizeof fault->help,
		       "\\\\ \\\" \\/ \\t \\n \\r \\xNN \\uNNNN are known");
	return -EINVAL;
}

/* The escape at from[at], a backslash. Bytes that it takes, or -EINVAL. */
static int take_escape(const char *from, size_t bytes, size_t at, uint32_t *ret_character,
		       struct wr_config_fault *fault)
{
	char c = at + 1 < bytes ? from[at + 1] : '\0';
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	uint32_t n = 0;
	switch (c) {
	case '\\':
	case '"':
	case '/':
		*ret_character = (uint32_t)c;
		return 2;
	case 't':
		*ret_character = '\t';
		return 2;
	case 'n':
		*ret_character = '\n';
		return 2;
	case 'r':
		*ret_character = '\r';
		return 2;
	default:
		break;
	}
	if (digits == 0)
		return refuse(fault, at, bytes - at > 1 ? 2 : 1, "this escape is not known");
	if (bytes - at < 2 + digits)
		return refuse(fault, at, bytes - at, "an escape that is not complete");
	for (size_t i = 0; i < digits; i++) {
		int digit = hex_digit(from[at + 2 + i]);
		if (digit < 0)
			return refuse(fault, at, 2 + digits, "an escape that is not complete");
		n = n << 4 | (uint32_t)digit;
	}
	if (!is_character(n))
		return refuse(fault, at, 2 + digits, "this escape is no character of a text");
	*ret_character = n;
	return (int)(2 + digits);
}

int wr_config_unquote_double(const char *from, size_t bytes, char *to, size_t *ret_bytes,
			     struct wr_config_fault *ret_fault)
{
	size_t used = 0;
	for (size_t at = 0; at < bytes;) {
		char character[4] = {from[at]};
		size_t length = 1;
		if (from[at] == '\\') {
			uint32_t c = 0;
			int taken = take_escape(from, bytes, at, &c, ret_fault);
			if (taken < 0)
				return taken;
			at += (size_t)taken;
			length = put_code_point(character, c);
		} else {
			at++;
		}
		for (size_t i = 0; i < length && to != NULL; i++)
			to[used + i] = character[i];
		used += length;
	}
	*ret_bytes = used;
	return 0;
}
