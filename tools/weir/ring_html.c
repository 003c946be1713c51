/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_html.h: the page, its summary, its tables. Thread: main. */
#include "tools/weir/ring_html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/ring_compare.h"
#include "tools/weir/ring_threshold.h"
#include "tools/weir/svg_plot.h"

static void peer_tiles(const struct ring_report *r, FILE *to)
{
	uint32_t verdicts[4] = {0};
	uint32_t lost;
	char number[48];
	double mean = ring_report_geomean(r, &lost);

	for (uint32_t i = 0; i < r->cell_count; i++) {
		struct ring_summary s;
		ring_summarize(&r->cells[i], r->peer_count, r->rounds, &s);
		verdicts[s.verdict]++;
	}
	if (!(mean > 0))
		return;
	(void)snprintf(number, sizeof number, "×%.2f", mean);
	html_tile(to, number, "weir to the best peer of each cell, geometric mean");
	(void)snprintf(number, sizeof number, "%u / %u / %u", verdicts[RING_WIN],
		       verdicts[RING_TIE], verdicts[RING_LOSS]);
	html_tile(to, number, "cells won, tied, lost against the best peer");
}

static void summary(const struct ring_report *r, FILE *to)
{
	char number[48];
	char text[96];

	fputs("<div class=\"tiles\">\n", to);
	peer_tiles(r, to);
	if (r->has_rtt) {
		(void)snprintf(number, sizeof number, "%llu ns",
			       (unsigned long long)r->rtt.weir.p50);
		(void)snprintf(text, sizeof text,
			       "round trip, p50; one cache line alone: %llu ns (×%.2f), a "
			       "line each way: %llu ns",
			       (unsigned long long)r->rtt.line.p50,
			       (double)r->rtt.weir.p50 /
				       (double)(r->rtt.line.p50 > 0 ? r->rtt.line.p50 : 1),
			       (unsigned long long)r->rtt.pair.p50);
		html_tile(to, number, text);
	}
	if (r->comparison != NULL) {
		(void)snprintf(number, sizeof number, "%u / %u / %u",
			       r->comparison->counts[RING_BETTER], r->comparison->counts[RING_SAME],
			       r->comparison->counts[RING_WORSE]);
		html_tile(to, number, "cells better, the same, worse than before");
	}
	(void)snprintf(number, sizeof number, "%u", r->cell_count);
	html_tile(to, number, "cells measured; every item of every round was checked");
	fputs("</div>\n", to);
}

static void thresholds(const struct ring_report *r, FILE *to)
{
	char value[48];

	if (r->threshold_count == 0)
		return;
	fputs("<section id=\"thresholds\"><h2>What must not be</h2>\n<table class=\"facts\">"
	      "<thead><tr><th>fail if</th><th>value</th><th></th></tr></thead><tbody>\n",
	      to);
	for (uint32_t i = 0; i < r->threshold_count; i++) {
		const struct ring_threshold *t = &r->thresholds[i];
		fputs("<tr>", to);
		html_element(to, "td", t->text);
		(void)snprintf(value, sizeof value, "%.4g", t->value);
		html_element(to, "td", isnan(t->value) ? "cannot be told" : value);
		html_element(to, "td", t->crossed ? "✗ failed" : "✓ good");
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table></section>\n", to);
}

static void numbers_row(const struct ring_report *r, const struct ring_cell_result *cell,
			const struct ring_summary *s, uint32_t p, FILE *to)
{
	const struct ring_cell *c = &cell->cell;
	struct ring_ratio ratio = {.verdict = RING_ALONE};

	if (p > 0)
		ring_ratio_to(cell, p, r->rounds, &ratio);
	fprintf(to,
		"<tr%s><td>%s</td><td>%u</td><td>%u</td><td class=\"l\">%s</td><td>%u:%u</td>"
		"<td class=\"l\">",
		p == 0 ? " class=\"us\"" : "", ring_shape_names[c->shape], c->payload_bytes,
		c->batch, ring_wait_names[c->wait], c->producers, c->consumers);
	html_text(to, r->peers[p]->name);
	fprintf(to, "</td><td>%.2f</td><td>%.2f</td><td>%.2f</td>", s->median[p], s->least[p],
		s->most[p]);
	if (ratio.verdict == RING_ALONE)
		fputs("<td></td><td></td><td></td></tr>\n", to);
	else
		fprintf(to, "<td>×%.3f</td><td>%.3f .. %.3f</td><td class=\"l\">%s%s</td></tr>\n",
			ratio.median, ratio.low, ratio.high, ring_verdict_names[ratio.verdict],
			(int)p != s->best_peer ? ""
			: s->with_fan          ? " of the fan, the best peer"
					       : ", the best peer");
}

static void numbers_of_fan(const struct ring_cell *c, const struct ring_summary *s, FILE *to)
{
	fprintf(to,
		"<tr class=\"us\"><td>%s</td><td>%u</td><td>%u</td><td class=\"l\">%s</td>"
		"<td>%u:%u</td><td class=\"l\">weir fan</td><td>%.2f</td><td>%.2f</td>"
		"<td>%.2f</td><td></td><td></td><td></td></tr>\n",
		ring_shape_names[c->shape], c->payload_bytes, c->batch, ring_wait_names[c->wait],
		c->producers, c->consumers, s->fan_median, s->fan_least, s->fan_most);
}

static void trip_row(const char *name, const struct ring_trip_times *t, FILE *to)
{
	fprintf(to, "<tr><th>%s</th><td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td></tr>\n",
		name, (unsigned long long)t->p50, (unsigned long long)t->p99,
		(unsigned long long)t->p999, (unsigned long long)t->curve[RING_RTT_POINTS - 1]);
}

static void numbers(const struct ring_report *r, FILE *to)
{
	fputs("<section id=\"numbers\"><h2>All numbers</h2>\n<div class=\"wide\"><table><caption>"
	      "Million items a second; ratios are of weir to the contender of the row: of its fan "
	      "where that has no order among producers, else of its ring.</caption>\n"
	      "<thead><tr><th>shape</th><th>bytes</th><th>batch</th><th class=\"l\">wait</th>"
	      "<th>threads</th><th class=\"l\">contender</th><th>median</th><th>least</th>"
	      "<th>most</th><th>ratio</th><th>interval</th><th class=\"l\">verdict</th></tr>"
	      "</thead><tbody>\n",
	      to);
	for (uint32_t i = 0; i < r->cell_count; i++) {
		const struct ring_cell_result *cell = &r->cells[i];
		struct ring_summary s;
		ring_summarize(cell, r->peer_count, r->rounds, &s);
		for (uint32_t p = 0; p < r->peer_count; p++)
			if (cell->ran[p])
				numbers_row(r, cell, &s, p, to);
		if (cell->has_fan)
			numbers_of_fan(&cell->cell, &s, to);
	}
	fputs("</tbody></table></div>\n", to);
	if (r->has_rtt) {
		fputs("<table class=\"facts\"><caption>Round trip, ns</caption><thead><tr><th></th>"
		      "<th>p50</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead><tbody>\n",
		      to);
		trip_row("weir, two rings", &r->rtt.weir, to);
		trip_row("one cache line", &r->rtt.line, to);
		trip_row("a line each way", &r->rtt.pair, to);
		fputs("</tbody></table>\n", to);
	}
	fputs("</section>\n", to);
}

static void contenders(const struct ring_report *r, FILE *to)
{
	fputs("<table class=\"facts\"><thead><tr><th>contender</th><th>version</th><th>cells</th>"
	      "<th>compiled with</th><th>has other than weir</th></tr></thead><tbody>\n",
	      to);
	for (uint32_t p = 0; p < r->peer_count; p++) {
		const struct ring_peer *peer = r->peers[p];
		uint32_t cells = 0;
		for (uint32_t i = 0; i < r->cell_count; i++)
			cells += r->cells[i].ran[p];
		fputs("<tr>", to);
		html_element(to, "th", peer->name);
		html_element(to, "td", peer->version);
		fprintf(to, "<td>%u of %u</td>", cells, r->cell_count);
		html_element(to, "td", peer->flags != NULL ? peer->flags : "");
		html_element(to, "td", peer->differs != NULL ? peer->differs : "");
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table>\n", to);
}

static void circumstances(const struct ring_report *r, FILE *to)
{
	const struct bench_machine *m = &r->machine;
	char text[256];
	char time[CLI_TEXT_BYTES];

	fputs("<section id=\"machine\"><h2>Measured on</h2>\n<table class=\"facts\"><tbody>\n", to);
	html_fact(to, "CPU", m->cpu);
	(void)snprintf(text, sizeof text, "%u of %u%s", m->cpus_allowed, m->cpus_online,
		       m->virtual_machine ? ", of a virtual machine" : "");
	html_fact(to, "CPUs allowed", text);
	html_fact(to, "isolated CPUs", m->isolated);
	html_fact(to, "governor", m->governor);
	html_fact(to, "kernel", m->kernel);
	(void)snprintf(text, sizeof text, "%.2f", r->load);
	html_fact(to, "load before", text);
	html_fact(to, "pinning", r->pinned ? "each thread on one CPU, dealt out in turn" : "none");
	html_fact(to, "scheduler",
		  r->fifo ? "SCHED_FIFO where there are CPUs enough" : "as it comes");
	(void)snprintf(text, sizeof text, "%u of %.0f ms, contenders in turn", r->rounds,
		       (double)r->length_ns / 1e6);
	html_fact(to, "rounds", text);
	(void)snprintf(text, sizeof text, "%llu items",
		       (unsigned long long)(r->cell_count > 0 ? r->cells[0].cell.capacity : 0));
	html_fact(to, "capacity", text);
	html_fact(to, "when", cli_text_time(time, r->when_us));
	fputs("</tbody></table>\n", to);
	contenders(r, to);
	fputs("</section>\n", to);
}

int ring_html(const struct ring_report *r, FILE *to)
{
	struct svg_row *rows = calloc(RING_CELLS_MAX, sizeof *rows);
	char warnings[512];

	if (rows == NULL)
		return -ENOMEM;
	ring_report_warnings(r, warnings, sizeof warnings);
	html_begin(to, "weir bench ring");
	fputs("<p class=\"soft\">", to);
	html_text(to, r->machine.cpu);
	fputs("</p>\n", to);
	summary(r, to);
	html_lines(to, "box", "Careful", warnings);
	thresholds(r, to);
	ring_html_rtt(r, to);
	ring_html_compare(r, rows, to);
	ring_html_throughput(r, rows, to);
	ring_html_peers(r, rows, to);
	numbers(r, to);
	circumstances(r, to);
	html_end(to);
	free(rows);
	return 0;
}
