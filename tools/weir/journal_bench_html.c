/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_bench_html.h. Thread: main. */
#include "tools/weir/journal_bench_html.h"

#include <string.h>

#include "bench/ring.h"
#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/svg_plot.h"

static void tiles(const struct journal_report *r, FILE *to)
{
	char number[80], text[CLI_TEXT_BYTES];

	fputs("<div class=\"tiles\">\n", to);
	html_tile(to,
		  cli_text_rate(text, journal_spread(r, r->saturated, JOURNAL_EVENTS_PER_S).median),
		  "events a second, each acknowledged as durable");
	if (journal_of_limit(r) > 0) {
		(void)snprintf(number, sizeof number, "%.0f %%", 100 * journal_of_limit(r));
		html_tile(to, number, "of the device's limit, in bytes of batches");
	}
	(void)snprintf(number, sizeof number, "%.1f ns",
		       journal_spread(r, r->saturated, JOURNAL_WRITER_CPU_NS).median);
	html_tile(to, number, "CPU of log and journal threads, an event, saturated");
	for (uint32_t i = 0; i < r->choices.rate_count; i++) {
		const struct journal_rate_report *at = &r->rates[i];
		struct spread ack = spread_of(at->ack.p50_ns, at->ack.count);
		struct spread bare = spread_of(at->bare.p50_ns, at->bare.count);
		char label[160];
		(void)snprintf(label, sizeof label,
			       "p50 of an acknowledgement at %s events/s; the bare sync ×%.2f",
			       cli_text_count(text, at->rate),
			       bare.median > 0 ? ack.median / bare.median : 0);
		html_tile(to, cli_text_ns(text, (uint64_t)ack.median), label);
	}
	fputs("</div>\n", to);
}

#define CURVES_MAX (2u + JOURNAL_PEERS_MAX)

/* --- latency --------------------------------------------------------------------------------- */

struct curve {
	const char *name;
	char css_class;
	const struct rounds_latency *latency;
	uint64_t ns[RING_RTT_POINTS];
};

static void draw_curves(const char *title, struct curve *from, uint32_t count, FILE *to)
{
	struct svg_curve curves[CURVES_MAX];
	uint32_t drawn = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (from[i].latency->count == 0)
			continue;
		for (uint32_t k = 0; k < RING_RTT_POINTS; k++)
			from[i].ns[k] = histogram_quantile(from[i].latency->all, ring_rtt_ppm[k]);
		curves[drawn++] = (struct svg_curve){.name = from[i].name,
						     .css_class = from[i].css_class,
						     .count = RING_RTT_POINTS,
						     .ppm = ring_rtt_ppm,
						     .ns = from[i].ns};
	}
	html_element(to, "h3", title);
	fputs("\n<figure>\n", to);
	svg_percentiles(to, title, curves, drawn);
	fputs("</figure>\n", to);
}

static void latency_row(const char *name, const char *what, const struct rounds_latency *l,
			FILE *to)
{
	char t[6][CLI_TEXT_BYTES];

	if (l->count == 0)
		return;
	struct spread p50 = spread_of(l->p50_ns, l->count);
	struct spread p99 = spread_of(l->p99_ns, l->count);
	struct spread p999 = spread_of(l->p999_ns, l->count);
	fprintf(to,
		"<tr><td>%s</td><td class=\"l\">%s</td><td>%s</td><td>%s</td><td>%s .. %s</td>"
		"<td>%s</td><td>%s</td><td>%llu</td></tr>\n",
		name, what, cli_text_ns(t[0], (uint64_t)p50.median),
		cli_text_ns(t[1], (uint64_t)p99.median), cli_text_ns(t[2], (uint64_t)p99.least),
		cli_text_ns(t[3], (uint64_t)p99.most), cli_text_ns(t[4], (uint64_t)p999.median),
		cli_text_ns(t[5], l->all->greatest), (unsigned long long)l->all->count);
}

static void latency_table(const struct journal_report *r, FILE *to)
{
	char name[CLI_TEXT_BYTES];

	fputs("<div class=\"wide\"><table><caption>Medians of the rounds; max and samples of all "
	      "of them.</caption><thead><tr><th>events/s</th><th class=\"l\"></th><th>p50</th>"
	      "<th>p99</th><th>p99 of a round</th><th>p99.9</th><th>max</th><th>samples</th></tr>"
	      "</thead><tbody>\n",
	      to);
	for (uint32_t i = 0; i < r->choices.rate_count; i++) {
		const struct journal_rate_report *at = &r->rates[i];
		(void)cli_text_count(name, at->rate);
		latency_row(name, "weir, acknowledged", &at->ack, to);
		latency_row("", "bare write + fdatasync", &at->bare, to);
		for (uint32_t p = 0; p < r->peer_count; p++)
			latency_row(r->peers[p].late_count[i] > 0 ? "cannot" : "",
				    r->peers[p].peer->name, &r->peers[p].at_rate[i], to);
	}
	latency_row("saturated", "weir, acknowledged", &r->saturated_ack, to);
	for (uint32_t p = 0; p < r->peer_count; p++)
		latency_row("", r->peers[p].peer->name, &r->peers[p].saturated_ack, to);
	fputs("</tbody></table></div>\n", to);
}

static void latency(const struct journal_report *r, FILE *to)
{
	fputs("<section id=\"latency\"><h2>Latency of an acknowledgement</h2>\n<p>At a rate, from "
	      "the time at which an event was due, whatever happened before, until its producer "
	      "has the acknowledgement; every event. Beside it a bare write of 4 KiB and "
	      "fdatasync, one at a time on a file of written zeros, in turn with it.</p>\n",
	      to);
	for (uint32_t i = 0; i < r->choices.rate_count; i++) {
		const struct journal_rate_report *at = &r->rates[i];
		static const char classes[] = "cdo";
		static struct curve curves[CURVES_MAX];
		curves[0] = (struct curve){
			.name = "weir, acknowledged", .css_class = 'a', .latency = &at->ack};
		curves[1] = (struct curve){
			.name = "bare write + fdatasync", .css_class = 'b', .latency = &at->bare};
		for (uint32_t p = 0; p < r->peer_count; p++)
			curves[2 + p] = (struct curve){
				.name = r->peers[p].peer->name,
				.css_class = classes[wr_min_u64(p, strlen(classes) - 1)],
				.latency = &r->peers[p].at_rate[i]};
		char text[CLI_TEXT_BYTES], title[80];
		(void)snprintf(title, sizeof title, "%s events a second",
			       cli_text_count(text, at->rate));
		draw_curves(title, curves, 2 + r->peer_count, to);
	}
	latency_table(r, to);
	fputs("</section>\n", to);
}

/* --- throughput ------------------------------------------------------------------------------ */

static void figure_row(const struct journal_report *r, const char *name, enum journal_figure figure,
		       double scale, const char *unit, FILE *to)
{
	struct spread s = journal_spread(r, r->saturated, figure);

	fprintf(to, "<tr><th>%s</th><td>%.2f %s</td><td>%.2f .. %.2f</td></tr>\n", name,
		s.median * scale, unit, s.least * scale, s.most * scale);
}

static void throughput(const struct journal_report *r, FILE *to)
{
	fprintf(to,
		"<section id=\"throughput\"><h2>As much as goes</h2>\n<p>%llu producers publish "
		"events of %llu bytes as fast as there is room.</p>\n<table "
		"class=\"facts\"><tbody>\n",
		(unsigned long long)r->choices.producers,
		(unsigned long long)r->choices.payload_bytes);
	figure_row(r, "events, durable", JOURNAL_EVENTS_PER_S, 1e-6, "million/s", to);
	figure_row(r, "payload", JOURNAL_PAYLOAD_BYTES_PER_S, 1e-6, "MB/s", to);
	figure_row(r, "batches, by the journal's counter", JOURNAL_DEVICE_BYTES_PER_S, 1e-6, "MB/s",
		   to);
	figure_row(r, "written by the process, by the kernel's", JOURNAL_PROCESS_BYTES_PER_S, 1e-6,
		   "MB/s", to);
	figure_row(r, "syncs", JOURNAL_SYNCS_PER_S, 1, "/s", to);
	figure_row(r, "CPU of the log thread", JOURNAL_LOG_CPU_NS, 1, "ns an event", to);
	figure_row(r, "CPU of the journal's thread", JOURNAL_JOURNAL_CPU_NS, 1, "ns an event", to);
	figure_row(r, "CPU of producers", JOURNAL_PRODUCER_CPU_NS, 1, "ns an event", to);
	figure_row(r, "CPU of the rest of the process", JOURNAL_OTHER_CPU_NS, 1, "ns an event", to);
	fputs("</tbody></table>\n<p>", to);
	const struct journal_check *check = &r->check;
	fprintf(to,
		"Before, on a journal of its own: %llu events in %llu acknowledgements and %llu "
		"durable writes, of which %llu were told before a write that had them in it was "
		"durable.",
		(unsigned long long)check->events, (unsigned long long)check->acknowledgements,
		(unsigned long long)check->durable_writes, (unsigned long long)check->uncovered);
	if (check->flushes_told)
		fprintf(to, " The device did %llu flushes meanwhile.",
			(unsigned long long)check->device_flushes);
	fputs("</p></section>\n", to);
}

static void limit(const struct journal_report *r, struct svg_row *rows, FILE *to)
{
	const struct journal_limit *limit = &r->limit;
	struct svg_rows plot = {
		.title = "Bytes a second written durably",
		.unit = "MB a second",
		.rows = rows,
		.count = limit->point_count,
		.reference =
			journal_spread(r, r->saturated, JOURNAL_DEVICE_BYTES_PER_S).median / 1e6};

	if (limit->best_count == 0)
		return;
	for (uint32_t i = 0; i < limit->point_count; i++) {
		const struct limit_point *p = &limit->points[i];
		double at = p->bytes_per_s / 1e6;
		rows[i] = (struct svg_row){.count = at > 0 ? 1 : 0};
		rows[i].marks[0] = (struct svg_mark){.low = at,
						     .at = at,
						     .high = at,
						     .shape = SVG_DIAMOND,
						     .css_class = i == limit->best[0] ? 'b' : 'o'};
		(void)snprintf(rows[i].label, sizeof rows[i].label, "%u KiB × %u, %s",
			       p->block_bytes >> 10, p->depth, limit_sync_names[p->sync]);
		(void)snprintf(rows[i].note, sizeof rows[i].note, "%.0f", at);
		(void)snprintf(rows[i].marks[0].title, sizeof rows[i].marks[0].title, "%.0f MB/s",
			       at);
	}
	struct spread s = journal_limit_spread(r);
	fprintf(to,
		"<section id=\"limit\"><h2>What the device can do</h2>\n<p>%s, direct I/O over "
		"a file "
		"of written zeros in the same folder: block size × depth, and when it syncs. "
		"The best "
		"two ran again in each round: %.0f MB/s (%.0f .. %.0f). The line is what weir's "
		"batches took: %.1f %% of it.</p>\n<figure>\n",
		limit->tool, s.median / 1e6, s.least / 1e6, s.most / 1e6,
		100 * journal_of_limit(r));
	svg_rows(to, &plot);
	fputs("</figure></section>\n", to);
}

/* --- peers ----------------------------------------------------------------------------------- */

static void peer_row(const char *name, struct spread s, bool is_weir, struct svg_row *row)
{
	*row = (struct svg_row){.count = s.median > 0 ? 1 : 0};
	row->marks[0] = (struct svg_mark){.low = s.least / 1e6,
					  .at = s.median / 1e6,
					  .high = s.most / 1e6,
					  .shape = is_weir ? SVG_DOT : SVG_DIAMOND,
					  .css_class = is_weir ? 'a' : 'b'};
	(void)snprintf(row->label, sizeof row->label, "%s", name);
	(void)snprintf(row->note, sizeof row->note, "%.2f (%.2f .. %.2f)", s.median / 1e6,
		       s.least / 1e6, s.most / 1e6);
	(void)snprintf(row->marks[0].title, sizeof row->marks[0].title, "%s: %.2f", name,
		       s.median / 1e6);
}

static void peers(const struct journal_report *r, struct svg_row *rows, FILE *to)
{
	const struct svg_rows plot = {.title = "Acknowledged events a second, saturated",
				      .unit = "million events a second",
				      .rows = rows,
				      .count = 1 + r->peer_count};

	if (r->peer_count == 0)
		return;
	fputs("<section id=\"peers\"><h2>Beside others</h2>\n<p>Each as its documentation says "
	      "that it is fastest, every acknowledgement after a sync but where it is said, in "
	      "turn with weir on the same disk: acknowledged events a second, the median of the "
	      "rounds and a line from the least to the most. A peer is one thread that publishes "
	      "and commits.</p>\n<figure>\n",
	      to);
	peer_row("weir", journal_spread(r, r->saturated, JOURNAL_EVENTS_PER_S), true, &rows[0]);
	for (uint32_t p = 0; p < r->peer_count; p++)
		peer_row(r->peers[p].peer->name, spread_of(r->peers[p].events_per_s, r->rounds),
			 false, &rows[1 + p]);
	svg_rows(to, &plot);
	fputs("</figure>\n<table class=\"facts\"><thead><tr><th>peer</th><th>version</th>"
	      "<th>run as</th><th>acknowledges</th></tr></thead><tbody>\n",
	      to);
	for (uint32_t p = 0; p < r->peer_count; p++) {
		fputs("<tr>", to);
		html_element(to, "th", r->peers[p].peer->name);
		html_element(to, "td", r->peers[p].version);
		html_element(to, "td", r->peers[p].peer->settings);
		const char *early = journal_peer_acks_early(r->peers[p].peer, r->peers[p].version);
		html_element(to, "td", early != NULL ? early : "after a sync");
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table></section>\n", to);
}

/* --- circumstances --------------------------------------------------------------------------- */

static void circumstances(const struct journal_report *r, FILE *to)
{
	const struct bench_machine *m = &r->machine;
	const struct bench_device *d = &r->device;
	char text[400], time[CLI_TEXT_BYTES];

	fputs("<section id=\"machine\"><h2>Measured on</h2>\n<table class=\"facts\"><tbody>\n", to);
	(void)snprintf(text, sizeof text, "%s (%s)%s%s", d->name, d->model,
		       d->below[0] != '\0' ? ", on " : "", d->below);
	html_fact(to, "device", text);
	html_fact(to, "write cache", d->write_cache);
	html_fact(to, "FUA", d->fua);
	html_fact(to, "scheduler", d->scheduler);
	html_fact(to, "rotational", d->rotational);
	html_fact(to, "physical block", d->physical_block_bytes);
	html_fact(to, "file system", d->file_system);
	html_fact(to, "mount options", d->mount_options);
	html_fact(to, "virtual machine",
		  m->virtual_machine ? "yes: whether the host's flush reaches the medium cannot be "
				       "seen from inside"
				     : "no hypervisor says so");
	html_fact(to, "kernel", m->kernel);
	html_fact(to, "CPU", m->cpu);
	(void)snprintf(text, sizeof text, "%u of %u", m->cpus_allowed, m->cpus_online);
	html_fact(to, "CPUs allowed", text);
	html_fact(to, "governor", m->governor);
	(void)snprintf(text, sizeof text, "%s, %s: %s", r->info.backend, r->info.engine,
		       r->info.reason);
	html_fact(to, "journal", text);
	html_fact(to, "its thread", r->info.journal_thread ? "one of its own" : "the log's");
	(void)snprintf(text, sizeof text, "%u, everything in turn; loads of %.1f s", r->rounds,
		       (double)r->choices.length_ns / 1e9);
	html_fact(to, "rounds", text);
	html_fact(to, "weir", weir_version());
	html_fact(to, "when", cli_text_time(time, r->when_us));
	fputs("</tbody></table></section>\n", to);
}

void journal_report_html(const struct journal_report *r, FILE *to)
{
	static struct svg_row rows[LIMIT_POINTS_MAX];
	char warnings[1024];

	journal_report_warnings(r, warnings, sizeof warnings);
	html_begin(to, "weir bench journal");
	fputs("<p class=\"soft\">", to);
	html_text(to, r->machine.cpu);
	fputs(", ", to);
	html_text(to, r->device.name);
	fputs("</p>\n", to);
	tiles(r, to);
	html_lines(to, "box", "Careful", warnings);
	latency(r, to);
	throughput(r, to);
	limit(r, rows, to);
	peers(r, rows, to);
	circumstances(r, to);
	html_end(to);
}
