/* SPDX-License-Identifier: Apache-2.0 */
/* See svg_plot.h. Thread: any. */
#include "tools/weir/svg_plot.h"

#include <math.h>
#include <string.h>

#include "core/base/bits.h"
#include "tools/weir/html_page.h"

#define WIDTH 1000.0

double svg_place(const struct svg_axis *axis, double value)
{
	double part = log(value / axis->from) / log(axis->to / axis->from);

	part = part < 0 ? 0 : part > 1 ? 1 : part;
	return axis->at_from + part * (axis->at_to - axis->at_from);
}

static uint32_t take_ticks(const struct svg_axis *axis, const double *steps, uint32_t step_count,
			   double ticks[SVG_TICKS_MAX])
{
	uint32_t count = 0;
	double slack = 1e-9;

	for (double decade = pow(10, floor(log10(axis->from)));
	     decade <= axis->to * (1 + slack) && count < SVG_TICKS_MAX; decade *= 10)
		for (uint32_t i = 0; i < step_count && count < SVG_TICKS_MAX; i++)
			if (decade * steps[i] >= axis->from * (1 - slack) &&
			    decade * steps[i] <= axis->to * (1 + slack))
				ticks[count++] = decade * steps[i];
	return count;
}

uint32_t svg_ticks(const struct svg_axis *axis, uint32_t most, double ticks[SVG_TICKS_MAX])
{
	static const double fine[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};
	static const double steps[] = {1, 2, 5};
	double trial[SVG_TICKS_MAX];
	uint32_t count = take_ticks(axis, steps, 3, ticks);

	if (count > most)
		return take_ticks(axis, steps, 1, ticks);
	/* Less than half a decade: an axis with one number says nothing. */
	if (count < 3 && take_ticks(axis, fine, WR_ARRAY_COUNT(fine), trial) <= most)
		return take_ticks(axis, fine, WR_ARRAY_COUNT(fine), ticks);
	return count;
}

void svg_time_text(char *to, size_t to_bytes, double ns)
{
	static const char *const units[] = {"ns", "µs", "ms", "s"};
	unsigned unit = 0;

	while (unit < 3 && ns >= 999.5) {
		ns /= 1000;
		unit++;
	}
	(void)snprintf(to, to_bytes, "%.3g %s", ns, units[unit]);
}

static void begin(FILE *to, double height, const char *title)
{
	fprintf(to, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
	html_text(to, title);
	fputs("\">\n", to);
}

static void text(FILE *to, double x, double y, const char *anchor, const char *css_class,
		 const char *what)
{
	fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor,
		css_class);
	html_text(to, what);
	fputs("</text>\n", to);
}

static void line(FILE *to, double x1, double y1, double x2, double y2, const char *css_class)
{
	fprintf(to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1,
		y1, x2, y2, css_class);
}

/* --- latency by percentile ------------------------------------------------------------------- */

#define CURVE_LEFT 70.0
#define CURVE_RIGHT 790.0
#define CURVE_TOP 14.0
#define CURVE_BOTTOM 316.0
#define NINES_MAX 5.0 /* 99.999%; the greatest value has a place of its own beyond */
#define NINES_END 5.5

static double curve_x(uint32_t ppm)
{
	double nines = ppm >= 1000000 ? NINES_END : -log10(1 - (double)ppm / 1e6);

	if (ppm < 1000000 && nines > NINES_MAX)
		nines = NINES_MAX;
	return CURVE_LEFT + nines / NINES_END * (CURVE_RIGHT - CURVE_LEFT);
}

static void curve_grid(FILE *to, const struct svg_axis *y)
{
	static const struct {
		uint32_t ppm;
		const char *name;
	} at[] = {{0, "0"},          {500000, "50%"},    {900000, "90%"},     {990000, "99%"},
		  {999000, "99.9%"}, {999900, "99.99%"}, {999990, "99.999%"}, {1000000, "max"}};
	double ticks[SVG_TICKS_MAX];
	char label[32];
	uint32_t count = svg_ticks(y, 14, ticks);

	for (uint32_t i = 0; i < count; i++) {
		double place = svg_place(y, ticks[i]);
		line(to, CURVE_LEFT, place, CURVE_RIGHT, place, "grid");
		svg_time_text(label, sizeof label, ticks[i]);
		text(to, CURVE_LEFT - 8, place + 4, "end", "soft", label);
	}
	for (size_t i = 0; i < WR_ARRAY_COUNT(at); i++) {
		double x = curve_x(at[i].ppm);
		line(to, x, CURVE_TOP, x, CURVE_BOTTOM, "grid");
		text(to, x, CURVE_BOTTOM + 18, "middle", "soft", at[i].name);
	}
}

static void curve_draw(FILE *to, const struct svg_curve *c, const struct svg_axis *y)
{
	const char *dash = c->css_class == 'b'   ? " dash2"
			   : c->css_class == 'c' ? " dash3"
			   : c->css_class == 'd' ? " dash4"
			   : c->css_class == 'o' ? " dash2"
						 : "";
	char time[32];

	fprintf(to, "<g class=\"%c\"><polyline class=\"line%s\" points=\"", c->css_class, dash);
	for (uint32_t i = 0; i < c->count; i++)
		if (c->ns[i] > 0)
			fprintf(to, "%.1f,%.1f ", curve_x(c->ppm[i]),
				svg_place(y, (double)c->ns[i]));
	fputs("\"/>\n", to);
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->ns[i] == 0)
			continue;
		fprintf(to, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>",
			curve_x(c->ppm[i]), svg_place(y, (double)c->ns[i]));
		html_text(to, c->name);
		svg_time_text(time, sizeof time, (double)c->ns[i]);
		fprintf(to, ", %.6g%%: %s</title></circle>\n", (double)c->ppm[i] / 1e4, time);
	}
	fputs("</g>\n", to);
}

/* Names at the right ends, moved apart from the topmost down. */
static void curve_names(FILE *to, const struct svg_curve *curves, uint32_t count,
			const struct svg_axis *y)
{
	bool done[8] = {false};
	double free_from = 0;

	for (uint32_t round = 0; round < count && count <= 8; round++) {
		uint32_t top = count;
		for (uint32_t i = 0; i < count; i++)
			if (!done[i] &&
			    (top == count || curves[i].ns[curves[i].count - 1] >
						     curves[top].ns[curves[top].count - 1]))
				top = i;
		const struct svg_curve *c = &curves[top];
		double at = svg_place(y, (double)c->ns[c->count - 1]) + 4;
		char css_class[2] = {c->css_class, '\0'};
		done[top] = true;
		if (at < free_from)
			at = free_from;
		free_from = at + 16;
		text(to, CURVE_RIGHT + 10, at, "start", css_class, c->name);
	}
}

static bool curve_empty(const struct svg_curve *c)
{
	return c->count == 0 || c->ns[c->count - 1] == 0;
}

void svg_percentiles(FILE *to, const char *title, const struct svg_curve *curves, uint32_t count)
{
	struct svg_curve drawn[8];
	struct svg_axis y = {.from = INFINITY, .at_from = CURVE_BOTTOM, .at_to = CURVE_TOP};
	uint32_t drawn_count = 0;

	for (uint32_t i = 0; i < count && drawn_count < WR_ARRAY_COUNT(drawn); i++) {
		if (curve_empty(&curves[i]))
			continue;
		drawn[drawn_count++] = curves[i];
		for (uint32_t k = 0; k < curves[i].count; k++) {
			double ns = (double)curves[i].ns[k];
			if (ns > 0 && ns < y.from)
				y.from = ns;
			if (ns > y.to)
				y.to = ns;
		}
	}
	if (drawn_count == 0)
		return;
	y.from /= 1.15;
	y.to *= 1.15;
	begin(to, CURVE_BOTTOM + 26, title);
	curve_grid(to, &y);
	for (uint32_t i = drawn_count; i-- > 0;)
		curve_draw(to, &drawn[i], &y);
	curve_names(to, drawn, drawn_count, &y);
	fputs("</svg>\n", to);
}

/* --- rows ------------------------------------------------------------------------------------ */

#define ROW_LEFT 190.0
#define ROW_RIGHT 760.0
#define ROW_HEIGHT 22.0
#define ROW_TOP 6.0

static void mark_shape(FILE *to, const struct svg_mark *m, double x, double y)
{
	switch (m->shape) {
	case SVG_DOT:
		fprintf(to, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\">", x, y);
		break;
	case SVG_RING:
		fprintf(to, "<circle class=\"hole\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\">", x, y);
		break;
	case SVG_DIAMOND:
		fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fl5.5 5.5l-5.5 5.5l-5.5 -5.5z\">", x,
			y - 5.5);
		break;
	case SVG_TICK:
		fprintf(to,
			"<rect class=\"mark\" x=\"%.1f\" y=\"%.1f\" width=\"2.4\" height=\"10\">",
			x - 1.2, y - 5);
		break;
	case SVG_UP:
		fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fl6 10.5l-12 0z\">", x, y - 6);
		break;
	case SVG_DOWN:
		fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fl6 -10.5l-12 0z\">", x, y + 6);
		break;
	}
	html_element(to, "title", m->title);
	fputs(m->shape == SVG_DOT || m->shape == SVG_RING ? "</circle>"
	      : m->shape == SVG_TICK                      ? "</rect>"
							  : "</path>",
	      to);
}

static void row_draw(FILE *to, const struct svg_row *row, uint32_t index, const struct svg_axis *x)
{
	double top = ROW_TOP + index * ROW_HEIGHT;
	double y = top + ROW_HEIGHT / 2;

	text(to, ROW_LEFT - 10, y + 4, "end", "", row->label);
	for (uint32_t i = 0; i < row->count; i++) {
		const struct svg_mark *m = &row->marks[i];
		if (!(m->at > 0))
			continue;
		fprintf(to, "<g class=\"%c\">", m->css_class);
		line(to, svg_place(x, m->low), y, svg_place(x, m->high), y, "whisk");
		mark_shape(to, m, svg_place(x, m->at), y);
		fputs("</g>\n", to);
	}
	if (row->note[0] != '\0')
		text(to, ROW_RIGHT + 14, y + 4, "start", "soft", row->note);
}

static struct svg_axis row_axis(const struct svg_rows *plot)
{
	struct svg_axis x = {.from = INFINITY, .at_from = ROW_LEFT, .at_to = ROW_RIGHT};

	if (plot->reference > 0)
		x.from = x.to = plot->reference;
	for (uint32_t i = 0; i < plot->count; i++)
		for (uint32_t k = 0; k < plot->rows[i].count; k++) {
			const struct svg_mark *m = &plot->rows[i].marks[k];
			if (!(m->low > 0))
				continue;
			x.from = m->low < x.from ? m->low : x.from;
			x.to = m->high > x.to ? m->high : x.to;
		}
	if (x.to > 0) {
		x.from /= 1.12;
		x.to *= 1.12;
	}
	return x;
}

void svg_rows(FILE *to, const struct svg_rows *plot)
{
	struct svg_axis x = row_axis(plot);
	double bottom = ROW_TOP + plot->count * ROW_HEIGHT;
	double ticks[SVG_TICKS_MAX];
	char label[32];

	if (!(x.to > 0))
		return;
	begin(to, bottom + 38, plot->title);
	for (uint32_t i = 0; i < plot->count; i += 2)
		fprintf(to,
			"<rect class=\"band\" x=\"0\" y=\"%.1f\" width=\"%.0f\" "
			"height=\"%.0f\"/>\n",
			ROW_TOP + i * ROW_HEIGHT, WIDTH, ROW_HEIGHT);
	uint32_t count = svg_ticks(&x, 11, ticks);
	for (uint32_t i = 0; i < count; i++) {
		double place = svg_place(&x, ticks[i]);
		line(to, place, ROW_TOP, place, bottom, "grid");
		(void)snprintf(label, sizeof label, "%.4g", ticks[i]);
		text(to, place, bottom + 16, "middle", "soft", label);
	}
	if (plot->reference > 0) {
		double place = svg_place(&x, plot->reference);
		line(to, place, ROW_TOP - 4, place, bottom + 4, "one");
	}
	for (uint32_t i = 0; i < plot->count; i++)
		row_draw(to, &plot->rows[i], i, &x);
	text(to, (ROW_LEFT + ROW_RIGHT) / 2, bottom + 34, "middle", "soft", plot->unit);
	fputs("</svg>\n", to);
}

/* --- over time ------------------------------------------------------------------------------- */

#define TIME_BOTTOM 190.0

static void time_grid(FILE *to, const struct svg_time *plot, const struct svg_axis *y)
{
	double ticks[SVG_TICKS_MAX];
	char label[32];
	double end_ns = (double)plot->window_count * (double)plot->window_ns;
	double scale = (CURVE_RIGHT - CURVE_LEFT) / end_ns;
	uint32_t count = svg_ticks(y, 8, ticks);

	fprintf(to, "<rect class=\"stop\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\"/>\n",
		CURVE_LEFT + (double)plot->band_from_ns * scale, CURVE_TOP,
		(double)(plot->band_to_ns - plot->band_from_ns) * scale, TIME_BOTTOM - CURVE_TOP);
	for (uint32_t i = 0; i < count; i++) {
		double place = svg_place(y, ticks[i]);
		line(to, CURVE_LEFT, place, CURVE_RIGHT, place, "grid");
		svg_time_text(label, sizeof label, ticks[i]);
		text(to, CURVE_LEFT - 8, place + 4, "end", "soft", label);
	}
	double step = pow(10, floor(log10(end_ns)));
	step = end_ns / step < 2 ? step / 5 : end_ns / step < 5 ? step / 2 : step;
	for (double at = 0; at <= end_ns; at += step) {
		svg_time_text(label, sizeof label, at);
		text(to, CURVE_LEFT + at * scale, TIME_BOTTOM + 18, "middle", "soft",
		     at > 0 ? label : "0");
	}
}

void svg_time(FILE *to, const struct svg_time *plot)
{
	struct svg_axis y = {.from = INFINITY, .at_from = TIME_BOTTOM, .at_to = CURVE_TOP};
	double step = (CURVE_RIGHT - CURVE_LEFT) / plot->window_count;

	for (uint32_t k = 0; k < plot->series_count; k++)
		for (uint32_t w = 0; w < plot->window_count; w++) {
			double ns = (double)plot->series[k].ns[w];
			if (!(ns > 0))
				continue;
			y.from = ns < y.from ? ns : y.from;
			y.to = ns > y.to ? ns : y.to;
		}
	if (!(y.to > 0))
		return;
	y.from /= 1.15;
	y.to *= 1.15;
	begin(to, TIME_BOTTOM + 26, plot->title);
	time_grid(to, plot, &y);
	for (uint32_t k = 0; k < plot->series_count; k++) {
		const struct svg_series *s = &plot->series[k];
		char css_class[2] = {s->css_class, '\0'};
		/* A dot, a dash, an upright one. */
		const char *shape = s->css_class == 'b' ? "h4" : s->css_class == 'c' ? "v4" : "h0";
		/* One path of points: thousands of elements would be slow. */
		fprintf(to, "<path class=\"points %s\" d=\"", css_class);
		for (uint32_t w = 0; w < plot->window_count; w++)
			if (s->ns[w] > 0)
				fprintf(to, "M%.1f %.1f%s", CURVE_LEFT + (w + 0.5) * step,
					svg_place(&y, (double)s->ns[w]), shape);
		fputs("\"/>\n", to);
		text(to, CURVE_RIGHT + 10, CURVE_TOP + 10 + 16 * k, "start", css_class, s->name);
	}
	fputs("</svg>\n", to);
}
