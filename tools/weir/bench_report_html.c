/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of the pipeline benchmark as a page: rates, latency by percentile at each place of an
 * event's way beside the bare sync, and how it was measured.
 *
 * Thread: main.
 */
#include "bench/ring.h"
#include "tools/weir/args.h"
#include "tools/weir/bench_report.h"
#include "tools/weir/html_page.h"
#include "tools/weir/svg_plot.h"

#define CURVES 5u

struct place {
	const char *name;
	char css_class;
	const struct histogram *h;
	uint64_t ns[RING_RTT_POINTS];
};

static void tiles(const struct bench_report *r, FILE *to)
{
	const struct pipeline_result *result = r->result;
	char text[CLI_TEXT_BYTES];

	fputs("<div class=\"tiles\">\n", to);
	html_tile(to, cli_text_rate(text, bench_per_second(result->events, result->elapsed_ns)),
		  "events a second, handled, with progress at the level");
	html_tile(to, cli_text_rate(text, bench_per_second(result->events, result->publish_ns)),
		  "events a second handed over");
	html_tile(to, cli_text_ns(text, histogram_quantile(result->all.ack, 500000)),
		  "p50 until an event is acknowledged");
	html_tile(to, pipeline_has_faults(&result->faults) ? "FAULTS" : "no faults",
		  "each event's bytes and order, none missing or twice");
	fputs("</div>\n", to);
}

static void latency(struct place *places, FILE *to)
{
	struct svg_curve curves[CURVES];
	uint32_t count = 0;

	for (uint32_t i = 0; i < CURVES; i++) {
		struct place *p = &places[i];
		if (p->h == NULL || p->h->count == 0)
			continue;
		for (uint32_t k = 0; k < RING_RTT_POINTS; k++)
			p->ns[k] = histogram_quantile(p->h, ring_rtt_ppm[k]);
		curves[count++] = (struct svg_curve){.name = p->name,
						     .css_class = p->css_class,
						     .count = RING_RTT_POINTS,
						     .ppm = ring_rtt_ppm,
						     .ns = p->ns};
	}
	fputs("<section id=\"latency\"><h2>Latency</h2>\n<p>With a rate, from the time at which an "
	      "event was due; else from the moment of hand-over.</p>\n<figure>\n",
	      to);
	svg_percentiles(to, "Latency by percentile", curves, count);
	fputs("<figcaption>Percentiles in nines, so that the tail has room; time is logarithmic."
	      "</figcaption></figure>\n<div class=\"wide\"><table><thead><tr><th></th>"
	      "<th>samples</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>p99.99</th>"
	      "<th>max</th></tr></thead><tbody>\n",
	      to);
	for (uint32_t i = 0; i < CURVES; i++) {
		static const uint32_t ppm[] = {500000, 900000, 990000, 999000, 999900, 1000000};
		const struct place *p = &places[i];
		char text[CLI_TEXT_BYTES];
		if (p->h == NULL || p->h->count == 0)
			continue;
		fprintf(to, "<tr><td>%s</td><td>%llu</td>", p->name,
			(unsigned long long)p->h->count);
		for (uint32_t k = 0; k < WR_ARRAY_COUNT(ppm); k++)
			html_element(to, "td", cli_text_ns(text, histogram_quantile(p->h, ppm[k])));
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table></div></section>\n", to);
}

static void circumstances(const struct bench_report *r, FILE *to)
{
	const struct pipeline_settings *s = r->settings;
	char text[256];

	fputs("<section id=\"machine\"><h2>Measured on</h2>\n<table class=\"facts\"><tbody>\n", to);
	html_fact(to, "CPU", r->machine.cpu);
	(void)snprintf(text, sizeof text, "%u of %u%s", r->machine.cpus_allowed,
		       r->machine.cpus_online,
		       r->machine.virtual_machine ? ", of a virtual machine" : "");
	html_fact(to, "CPUs allowed", text);
	html_fact(to, "isolated CPUs", r->machine.isolated);
	html_fact(to, "governor", r->machine.governor);
	html_fact(to, "kernel", r->machine.kernel);
	html_fact(to, "file system", r->dir != NULL ? r->machine.file_system : "memory only");
	html_fact(to, "acknowledged when", bench_level_text(s->level));
	(void)snprintf(text, sizeof text, "%u producers, %u members", pipeline_producer_count(s),
		       pipeline_member_count(s));
	html_fact(to, "threads", text);
	(void)snprintf(text, sizeof text, "%.1f s after %.1f s of warm-up%s",
		       (double)s->length_ns / 1e9, (double)s->warmup_ns / 1e9,
		       r->interrupted ? ", interrupted" : "");
	html_fact(to, "measured", text);
	if (r->config != NULL)
		html_fact(to, "config", r->config);
	html_fact(to, "weir", weir_version());
	fputs("</tbody></table></section>\n", to);
}

void bench_report_html(const struct bench_report *r, FILE *to)
{
	struct histogram *bare = bench_bare_together(r);
	const struct pipeline_latency *all = &r->result->all;
	struct place places[CURVES] = {
		{.name = "bare sync, without weir", .css_class = 'o', .h = bare},
		{.name = "publish", .css_class = 'c', .h = all->publish},
		{.name = "ack", .css_class = 'a', .h = all->ack},
		{.name = "handle", .css_class = 'b', .h = all->handle},
		{.name = "settle", .css_class = 'd', .h = all->settle},
	};

	html_begin(to, "weir bench pipeline");
	tiles(r, to);
	latency(places, to);
	circumstances(r, to);
	html_end(to);
	histogram_destroy(bare);
}
