/* SPDX-License-Identifier: Apache-2.0 */
/* See screen.h: rows, and what stands in them. */
#include "tools/weir/top/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where memory is missing rows go here, and are not shown. */
static struct screen_row nowhere;

struct screen_row *screen_add(struct screen *s, enum screen_style style)
{
	if (s->count == s->room) {
		uint32_t room = s->room == 0 ? 64 : 2 * s->room;
		struct screen_row *rows = realloc(s->rows, room * sizeof *rows);
		if (rows == NULL) {
			nowhere.columns = nowhere.bytes = 0;
			return &nowhere;
		}
		s->rows = rows;
		s->room = room;
	}
	struct screen_row *row = &s->rows[s->count++];
	row->style = style;
	row->columns = row->bytes = 0;
	row->text[0] = '\0';
	return row;
}

void screen_fini(struct screen *s)
{
	free(s->rows);
	memset(s, 0, sizeof *s);
}

/* Bytes of the character at `text`; 0: it is none that can be shown. */
static uint32_t character(const char *text, bool ascii)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : 3;

	if (at[0] >= 0xf0)
		bytes = at[0] < 0xf5 ? 4 : 0;
	if (bytes == 1)
		return at[0] >= 0x20 && at[0] != 0x7f;
	for (uint32_t i = 1; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* U+0080 .. U+009F are controls, too. */
	if (ascii || (at[0] == 0xc2 && at[1] < 0xa0))
		return 0;
	return bytes;
}

void screen_put(struct screen *s, struct screen_row *row, const char *text)
{
	while (*text != '\0' && row->columns < s->columns) {
		uint32_t bytes = character(text, s->ascii);
		if (bytes == 0) {
			row->text[row->bytes++] = '?';
			/* One for a whole character that is not shown. */
			for (text++; (*text & 0xc0) == 0x80;)
				text++;
		} else {
			memcpy(row->text + row->bytes, text, bytes);
			row->bytes += bytes;
			text += bytes;
		}
		row->columns++;
	}
	row->text[row->bytes] = '\0';
}

void screen_printf(struct screen *s, struct screen_row *row, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	screen_put(s, row, text);
}

static uint32_t columns_of(const char *text)
{
	uint32_t columns = 0;

	for (; *text != '\0'; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

void screen_left(struct screen *s, struct screen_row *row, uint32_t columns, const char *text)
{
	uint32_t end = row->columns + columns, whole = s->columns;

	if (end < whole)
		s->columns = end;
	screen_put(s, row, text);
	while (row->columns < s->columns && row->columns < end)
		screen_put(s, row, " ");
	s->columns = whole;
}

void screen_right(struct screen *s, struct screen_row *row, uint32_t columns, const char *text)
{
	for (uint32_t n = columns_of(text); n < columns; n++)
		screen_put(s, row, " ");
	screen_put(s, row, text);
}

void screen_curve(struct screen *s, struct screen_row *row, const double *values, uint32_t count)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const marks[] = {"_", ".", ",", "-", "~", "=", "+", "#"};
	double greatest = 0;

	for (uint32_t i = 0; i < count; i++)
		greatest = values[i] > greatest ? values[i] : greatest;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t level = greatest > 0 ? (uint32_t)(values[i] / greatest * 7.99) : 0;
		screen_put(s, row, (s->ascii ? marks : bars)[level < 8 ? level : 7]);
	}
}
