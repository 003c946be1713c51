/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_html.h: the sections with pictures. Thread: main. */
#include <math.h>

#include "tools/weir/html_page.h"
#include "tools/weir/ring_compare.h"
#include "tools/weir/ring_html.h"
#include "tools/weir/svg_plot.h"

void ring_html_rtt(const struct ring_report *r, FILE *to)
{
	struct svg_curve curves[] = {
		{.name = "weir, two rings",
		 .css_class = 'a',
		 .count = RING_RTT_POINTS,
		 .ppm = ring_rtt_ppm,
		 .ns = r->rtt.weir.curve},
		{.name = "one cache line alone",
		 .css_class = 'b',
		 .count = RING_RTT_POINTS,
		 .ppm = ring_rtt_ppm,
		 .ns = r->rtt.line.curve},
		{.name = "a cache line each way",
		 .css_class = 'c',
		 .count = RING_RTT_POINTS,
		 .ppm = ring_rtt_ppm,
		 .ns = r->rtt.pair.curve},
	};

	if (!r->has_rtt)
		return;
	fputs("<section id=\"rtt\"><h2>Round trip</h2>\n<p>One item of 8 bytes there and back "
	      "through two rings of one producer and one consumer; one cache line that two threads "
	      "hand to and fro: the floor; and two lines, one for each way, the floor of any two "
	      "queues. In turns; every trip is timed.</p>\n<figure>\n",
	      to);
	svg_percentiles(to, "Round trip time by percentile", curves, 3);
	fputs("<figcaption>Percentiles in nines, so that the tail has room; time is logarithmic."
	      "</figcaption></figure></section>\n",
	      to);
}

/* Cells of one shape do not name it. */
static void label_cell(const struct ring_report *r, uint32_t index, bool with_shape,
		       struct svg_row *row)
{
	const struct ring_cell *c = &r->cells[index].cell;

	(void)snprintf(row->label, sizeof row->label, "%s%s%u B × %u, %s",
		       with_shape ? ring_shape_names[c->shape] : "", with_shape ? " " : "",
		       c->payload_bytes, c->batch, ring_wait_names[c->wait]);
}

static void add_mark(struct svg_row *row, const struct svg_mark *mark)
{
	if (row->count < SVG_MARKS_MAX)
		row->marks[row->count++] = *mark;
}

static void throughput_mark(const struct ring_report *r, const struct ring_summary *s, uint32_t p,
			    struct svg_row *row)
{
	struct svg_mark mark = {.low = s->least[p],
				.at = s->median[p],
				.high = s->most[p],
				.shape = p == 0                   ? SVG_DOT
					 : (int)p == s->best_peer ? SVG_DIAMOND
								  : SVG_TICK,
				.css_class = p == 0                   ? 'a'
					     : (int)p == s->best_peer ? 'b'
								      : 'o'};

	(void)snprintf(mark.title, sizeof mark.title, "%s: %.2f (%.2f .. %.2f)", r->peers[p]->name,
		       s->median[p], s->least[p], s->most[p]);
	add_mark(row, &mark);
}

/* Of the fan: weir's, too. */
static void fan_mark(const struct ring_summary *s, struct svg_row *row)
{
	struct svg_mark mark = {.low = s->fan_least,
				.at = s->fan_median,
				.high = s->fan_most,
				.shape = SVG_RING,
				.css_class = 'a'};

	(void)snprintf(mark.title, sizeof mark.title, "weir fan: %.2f (%.2f .. %.2f)",
		       s->fan_median, s->fan_least, s->fan_most);
	add_mark(row, &mark);
}

static void throughput_row(const struct ring_report *r, uint32_t index, struct svg_row *row)
{
	const struct ring_cell_result *cell = &r->cells[index];
	struct ring_summary s;

	*row = (struct svg_row){.count = 0};
	label_cell(r, index, false, row);
	ring_summarize(cell, r->peer_count, r->rounds, &s);
	for (uint32_t p = 1; p < r->peer_count; p++)
		if (cell->ran[p] && (int)p != s.best_peer)
			throughput_mark(r, &s, p, row);
	if (s.best_peer >= 0)
		throughput_mark(r, &s, (uint32_t)s.best_peer, row);
	throughput_mark(r, &s, 0, row);
	if (cell->has_fan)
		fan_mark(&s, row);
	if (s.best_peer >= 0)
		(void)snprintf(row->note, sizeof row->note, "%s%.1f, %s %.1f",
			       s.with_fan ? "fan " : "", s.with_fan ? s.fan_median : s.median[0],
			       r->peers[s.best_peer]->name, s.median[s.best_peer]);
	else
		(void)snprintf(row->note, sizeof row->note, "%.1f (%.1f .. %.1f)", s.median[0],
			       s.least[0], s.most[0]);
}

void ring_html_throughput(const struct ring_report *r, struct svg_row *rows, FILE *to)
{
	char title[64];

	fputs("<section id=\"throughput\"><h2>Throughput</h2>\n<p>Million items a second "
	      "(multicast: at each consumer): the median of the rounds, and a line from the least "
	      "to the most.</p>\n",
	      to);
	if (r->peer_count > 1)
		fputs("<p class=\"soft\"><span class=\"a\">●</span> weir, "
		      "<span class=\"a\">○</span> weir's fan, "
		      "<span class=\"b\">◆</span> the best peer of the cell, "
		      "<span class=\"o\">▮</span> other peers (their names under the pointer, and "
		      "in the table).</p>\n",
		      to);
	for (uint32_t shape = 0; shape < RING_SHAPES; shape++) {
		struct svg_rows plot = {
			.title = title, .unit = "million items a second", .rows = rows};
		const struct ring_cell *first = NULL;
		for (uint32_t i = 0; i < r->cell_count; i++) {
			if (r->cells[i].cell.shape != shape)
				continue;
			first = first != NULL ? first : &r->cells[i].cell;
			throughput_row(r, i, &rows[plot.count++]);
		}
		if (first == NULL)
			continue;
		(void)snprintf(title, sizeof title, "%s, %u to %u threads", ring_shape_names[shape],
			       first->producers, first->consumers);
		html_element(to, "h3", title);
		fputs("\n<figure>\n", to);
		svg_rows(to, &plot);
		fputs("</figure>\n", to);
	}
	fputs("</section>\n", to);
}

/* --- ratios ---------------------------------------------------------------------------------- */

static void ratio_row(struct svg_row *row, const struct ring_ratio *ratio, const char *verdict,
		      enum ring_verdict way)
{
	struct svg_mark mark = {
		.low = ratio->low,
		.at = ratio->median,
		.high = ratio->high,
		.shape = way == RING_WIN    ? SVG_UP
			 : way == RING_LOSS ? SVG_DOWN
					    : SVG_RING,
		.css_class = way == RING_WIN    ? 'a'
			     : way == RING_LOSS ? 'b'
						: 'o',
	};

	(void)snprintf(row->note, sizeof row->note, "×%.2f (%.2f .. %.2f) %s", ratio->median,
		       ratio->low, ratio->high, verdict);
	(void)snprintf(mark.title, sizeof mark.title, "×%.3f (%.3f .. %.3f) %s", ratio->median,
		       ratio->low, ratio->high, verdict);
	add_mark(row, &mark);
}

static void peer_html(const struct ring_report *r, uint32_t peer, struct svg_row *rows, FILE *to)
{
	struct svg_rows plot = {.title = "weir's throughput to this peer's, by cell",
				.unit = "weir to the peer: right of the line weir is faster",
				.rows = rows,
				.reference = 1};
	uint32_t verdicts[4] = {0};
	double logs = 0;

	for (uint32_t i = 0; i < r->cell_count; i++) {
		struct ring_ratio ratio;
		struct svg_row *row = &rows[plot.count];
		ring_ratio_to(&r->cells[i], peer, r->rounds, &ratio);
		if (ratio.verdict == RING_ALONE)
			continue;
		*row = (struct svg_row){.count = 0};
		label_cell(r, i, true, row);
		ratio_row(row, &ratio, ring_verdict_names[ratio.verdict], ratio.verdict);
		verdicts[ratio.verdict]++;
		logs += log(ratio.median);
		plot.count++;
	}
	fprintf(to, "<details%s><summary><b>", peer == 1 ? " open" : "");
	html_text(to, r->peers[peer]->name);
	fputs("</b> ", to);
	html_text(to, r->peers[peer]->version);
	if (plot.count > 0)
		fprintf(to,
			": %u won, %u tied, %u lost of %u cells; geometric mean ×%.2f</summary>\n"
			"<figure>\n",
			verdicts[RING_WIN], verdicts[RING_TIE], verdicts[RING_LOSS], plot.count,
			exp(logs / plot.count));
	else
		fputs(": has none of these cells</summary>\n<figure>\n", to);
	svg_rows(to, &plot);
	fputs("</figure></details>\n", to);
}

void ring_html_peers(const struct ring_report *r, struct svg_row *rows, FILE *to)
{
	if (r->peer_count < 2)
		return;
	fputs("<section id=\"peers\"><h2>Against each peer</h2>\n<p>The ratio of weir to the peer, "
	      "round by round: the median, and its interval. <span class=\"a\">▲</span> win and "
	      "<span class=\"b\">▼</span> loss: the whole interval is on one side of 1; "
	      "<span class=\"o\">○</span> tie.</p>\n",
	      to);
	for (uint32_t p = 1; p < r->peer_count; p++)
		peer_html(r, p, rows, to);
	fputs("</section>\n", to);
}

void ring_html_compare(const struct ring_report *r, struct svg_row *rows, FILE *to)
{
	static const enum ring_verdict ways[] = {RING_ALONE, RING_TIE, RING_WIN, RING_LOSS};
	const struct ring_comparison *c = r->comparison;
	struct svg_rows plot = {.title = "Throughput now to then, by cell",
				.unit = "now to then: right of the line it is faster now",
				.rows = rows,
				.reference = 1};

	if (c == NULL)
		return;
	fputs("<section id=\"compare\"><h2>Against ", to);
	html_text(to, c->old->file);
	fputs(" (weir ", to);
	html_text(to, c->old->weir);
	fputs(")</h2>\n", to);
	html_lines(to, c->other_machine ? "box loud" : "box",
		   c->other_machine ? "ANOTHER MACHINE: the ratios say nothing about weir"
				    : "It was measured in another way",
		   c->differences);
	for (uint32_t i = 0; i < r->cell_count; i++) {
		const struct ring_cell_change *change = &c->cells[i];
		struct ring_ratio ratio = {
			.median = change->ratio, .low = change->low, .high = change->high};
		struct svg_row *row = &rows[plot.count];
		if (change->change == RING_NEW)
			continue;
		*row = (struct svg_row){.count = 0};
		label_cell(r, i, true, row);
		ratio_row(row, &ratio, ring_change_names[change->change], ways[change->change]);
		plot.count++;
	}
	fprintf(to,
		"<p>%u better, %u worse, %u the same, %u new, %u not measured now. Every round of "
		"now against every round of then: the median of the quotients, and its 95%% "
		"interval.",
		c->counts[RING_BETTER], c->counts[RING_WORSE], c->counts[RING_SAME],
		c->counts[RING_NEW], c->gone);
	if (c->rtt_ratio > 0)
		fprintf(to, " Round trip p50: ×%.3f.", c->rtt_ratio);
	fputs("</p>\n<figure>\n", to);
	svg_rows(to, &plot);
	fputs("</figure></section>\n", to);
}
