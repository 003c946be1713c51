/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures for a report in HTML, as SVG inside the page: latency by percentile, and values with
 * their spread in rows. Axes of values are logarithmic. The classes of lines and marks are those of
 * html_page.c's style: "a" .. "d" and "o" (others), each with a dash or a shape of its own, so that
 * they are told apart without colour. Every mark has its numbers in a <title>, which browsers show
 * under the pointer.
 *
 * Thread: any; each call writes one <svg>.
 */
#ifndef WEIR_TOOLS_SVG_PLOT_H
#define WEIR_TOOLS_SVG_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* --- axes ------------------------------------------------------------------------------------ */

/* Values from..to onto at_from..at_to, logarithmic; values above 0. */
struct svg_axis {
	double from;
	double to;
	double at_from;
	double at_to;
};

double svg_place(const struct svg_axis *axis, double value);

/*
 * Ticks at 1, 2 and 5 of each decade, or at decades alone where those would be more than `most`.
 * How many, in `ticks`.
 */
#define SVG_TICKS_MAX 40u
uint32_t svg_ticks(const struct svg_axis *axis, uint32_t most, double ticks[SVG_TICKS_MAX]);

/* "250 ns", "1.5 µs", "10 ms" */
void svg_time_text(char *to, size_t to_bytes, double ns);

/* --- latency by percentile ------------------------------------------------------------------- */

struct svg_curve {
	const char *name;
	char css_class;      /* 'a' .. 'd', 'o' */
	uint32_t count;      /* of points */
	const uint32_t *ppm; /* ascending parts of a million; 1000000: the greatest value */
	const uint64_t *ns;
};

/* The x axis in nines, as HdrHistogram draws it. Curves without a value above 0 are left out. */
void svg_percentiles(FILE *to, const char *title, const struct svg_curve *curves, uint32_t count);

/* --- rows ------------------------------------------------------------------------------------ */

enum svg_shape { SVG_DOT, SVG_DIAMOND, SVG_TICK, SVG_UP, SVG_DOWN, SVG_RING };

struct svg_mark {
	double low;
	double at;
	double high;
	enum svg_shape shape;
	char css_class;
	char title[96];
};

#define SVG_MARKS_MAX 20u

struct svg_row {
	char label[64];
	char note[80];                        /* at the right; "" */
	struct svg_mark marks[SVG_MARKS_MAX]; /* the last is drawn on top */
	uint32_t count;
};

struct svg_rows {
	const char *title;
	const char *unit; /* under the axis */
	const struct svg_row *rows;
	uint32_t count;
	double reference; /* a line at this value; 0: none */
};

/* Draws nothing when there are no marks. */
void svg_rows(FILE *to, const struct svg_rows *plot);

/* --- over time ------------------------------------------------------------------------------- */

struct svg_series {
	const char *name;
	char css_class;
	const uint64_t *ns; /* by window; 0: nothing there */
};

struct svg_time {
	const char *title;
	const struct svg_series *series;
	uint32_t series_count;
	uint32_t window_count;
	uint64_t window_ns;
	uint64_t band_from_ns; /* what is marked, from the first window's beginning */
	uint64_t band_to_ns;
};

/* A point for each window that has a value. Draws nothing when none has. */
void svg_time(FILE *to, const struct svg_time *plot);

#endif
