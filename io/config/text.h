/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that is written into the caller's room, as snprintf() does it: what does not fit is counted
 * and dropped, and the text ends in NUL wherever there is room for one. So the same code measures
 * and writes. Reports, the schema, the reference page and `explain` are made with it.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_TEXT_H
#define WR_CONFIG_TEXT_H

#include <stddef.h>

struct wr_config_text {
	char *to; /* may be NULL when room_bytes is 0 */
	size_t room_bytes;
	size_t bytes; /* of the whole text, without the NUL */
};

void wr_config_put(struct wr_config_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void wr_config_put_n(struct wr_config_text *text, const char *from, size_t bytes);
void wr_config_put_repeat(struct wr_config_text *text, char c, size_t count);

/* A JSON string with its quotes. */
void wr_config_put_json(struct wr_config_text *text, const char *from);

/* Text from a file as a terminal may have it: what is no character, or controls it, becomes "?". */
void wr_config_put_shown(struct wr_config_text *text, const char *from, size_t bytes);

/* The same in quotes, short enough for a sentence; what is too long ends in "...". Returns `to`. */
#define WR_CONFIG_QUOTE_BYTES 64
char *wr_config_quote(char to[WR_CONFIG_QUOTE_BYTES], const char *from, size_t bytes);

/* The length in bytes of the character at *text, 1 to 4; 0: not UTF-8. */
size_t wr_config_character(const char *text, size_t bytes);

#endif
