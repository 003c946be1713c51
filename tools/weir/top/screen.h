/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir top` shows, as rows of text: a head that stays, and a body of sections that is
 * scrolled. It knows no terminal, so a test compares it, and `weir top --once` prints it.
 *
 * Rows are UTF-8 and at most as wide as they may be; names lose what is no text. Without UTF-8
 * (view.ascii) the curves are drawn with ASCII.
 *
 * Thread: one at a time. Memory is taken as there are more rows.
 */
#ifndef WEIR_TOOLS_TOP_SCREEN_H
#define WEIR_TOOLS_TOP_SCREEN_H

#include "tools/weir/top/find.h"

#define SCREEN_COLUMNS_MAX 200u

enum screen_style { SCREEN_PLAIN, SCREEN_TITLE, SCREEN_HEADING, SCREEN_BAD };

enum screen_sort { SORT_EVENTS, SORT_BYTES, SORT_AGE, SORT_RATE, SORT_NAME, SORTS };

struct screen_row {
	enum screen_style style;
	uint32_t columns;
	uint32_t bytes;
	char text[4 * SCREEN_COLUMNS_MAX + 1];
};

struct screen {
	struct screen_row *rows;
	uint32_t count;
	uint32_t room;
	uint32_t head_count; /* of the rows: those that stay */
	uint32_t columns;
	bool ascii;
};

struct view {
	uint32_t pipeline; /* of those found */
	enum screen_sort sort;
	bool reverse;
	bool paused;
	bool ascii;
	char filter[64]; /* "": rows of all names */
};

extern const char *const screen_sorts[]; /* by enum screen_sort; NULL ends */

/* Builds all rows anew. False: no memory, and rows are missing. */
bool screen_build(struct screen *s, const struct find *f, const struct view *v, uint32_t columns);
void screen_fini(struct screen *s);

/* --- for those who build rows ----------------------------------------------------------------- */

struct screen_row *screen_add(struct screen *s, enum screen_style style);
/* Text, as much as fits; bytes that are no text become "?". */
void screen_put(struct screen *s, struct screen_row *row, const char *text);
void screen_printf(struct screen *s, struct screen_row *row, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* To the left in so many columns, cut; and to the right. */
void screen_left(struct screen *s, struct screen_row *row, uint32_t columns, const char *text);
void screen_right(struct screen *s, struct screen_row *row, uint32_t columns, const char *text);
/* A curve of `count` values, a column each, the greatest at full height. */
void screen_curve(struct screen *s, struct screen_row *row, const double *values, uint32_t count);

#endif
