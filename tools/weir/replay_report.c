/* SPDX-License-Identifier: Apache-2.0 */
/* See replay_report.h; the fields of the JSON are in docs/reference/cli.md. Thread: main. */
#include "tools/weir/replay_report.h"

#include <string.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/bench_machine_json.h"
#include "tools/weir/html_page.h"
#include "tools/weir/json_out.h"
#include "tools/weir/svg_plot.h"

static const char *const way_words[REPLAY_WAYS] = {
	"page cache, events one by one",
	"page cache, many events in a call",
	"page cache, verified only",
	"page cache, read() and nothing else",
	"disk, events one by one",
	"disk, verified only",
	"disk, direct reads of 1 MiB in turn",
	"a subscription, from the oldest",
};

/* --- figures ---------------------------------------------------------------------------------- */

static double figure_of(const struct replay_round *r, enum replay_figure figure)
{
	double seconds = (double)r->elapsed_ns / 1e9;

	switch (figure) {
	case REPLAY_EVENTS_PER_S:
		return seconds > 0 ? (double)r->events / seconds : 0;
	case REPLAY_BYTES_PER_S:
		return seconds > 0 ? (double)r->bytes / seconds : 0;
	case REPLAY_CPU_NS:
		return r->events > 0 ? (double)r->cpu_ns / (double)r->events : 0;
	}
	return 0;
}

struct spread replay_spread(const struct replay_report *report, enum replay_way way,
			    enum replay_figure figure)
{
	double values[ROUNDS_MAX];

	for (uint32_t i = 0; i < report->rounds; i++)
		values[i] = figure_of(&report->ways[way][i], figure);
	return spread_of(values, report->rounds);
}

struct spread replay_limit_spread(const struct replay_report *report)
{
	return spread_of(report->limit, report->point_count > 0 ? report->rounds : 0);
}

double replay_of_limit(const struct replay_report *report, enum replay_way way)
{
	double limit = replay_limit_spread(report).median;

	return limit > 0 ? replay_spread(report, way, REPLAY_BYTES_PER_S).median / limit : 0;
}

static void warnings(const struct replay_report *r, char *text, size_t text_bytes)
{
	(void)snprintf(text, text_bytes, "%s%s%s%s%s",
		       r->journal.direct ? ""
					 : "the file system takes no direct reads: what is called "
					   "cold may come from memory\n",
		       r->machine.virtual_machine ? "a virtual machine: whether its host had the "
						    "files in memory cannot be seen from inside\n"
						  : "",
		       r->point_count == 0 ? "what the disk can do was not measured: " : "",
		       r->point_count == 0 ? r->why : "", r->point_count == 0 ? "\n" : "");
}

/* --- text ------------------------------------------------------------------------------------- */

static void way_row(const struct replay_report *r, enum replay_way way, FILE *to)
{
	struct spread bytes = replay_spread(r, way, REPLAY_BYTES_PER_S);
	struct spread events = replay_spread(r, way, REPLAY_EVENTS_PER_S);
	char rate[24] = "-", cpu[24] = "-";

	if (events.median > 0) {
		(void)snprintf(rate, sizeof rate, "%.2f", events.median / 1e6);
		(void)snprintf(cpu, sizeof cpu, "%.1f",
			       replay_spread(r, way, REPLAY_CPU_NS).median);
	}
	fprintf(to, "%-36s %10s %10s %9.0f  (%.0f .. %.0f)\n", way_words[way], rate, cpu,
		bytes.median / 1e6, bytes.least / 1e6, bytes.most / 1e6);
}

void replay_report_text(const struct replay_report *r, FILE *to)
{
	const struct bench_device *d = &r->device;
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES], careful[512];

	fprintf(to, "cpu         %s, %u of %u CPUs%s\nkernel      %s\n", r->machine.cpu,
		r->machine.cpus_allowed, r->machine.cpus_online,
		r->machine.virtual_machine ? ", a virtual machine" : "", r->machine.kernel);
	fprintf(to, "device      %s (%s)\nfile system %s, %s\n", d->name, d->model, d->file_system,
		d->mount_options);
	fprintf(to,
		"journal     %s events of %s, %s in %llu segments\nrounds      %u, in turn; "
		"medians\n",
		cli_text_count(a, r->choices.events), cli_text_bytes(b, r->choices.payload_bytes),
		cli_text_bytes(c, r->journal.bytes), (unsigned long long)r->journal.segments,
		r->rounds);
	warnings(r, careful, sizeof careful);
	for (char *line = careful; *line != '\0'; line += strcspn(line, "\n") + 1)
		fprintf(to, "careful     %.*s\n", (int)strcspn(line, "\n"), line);
	fprintf(to, "\n%-36s %10s %10s %9s\n", "", "M events/s", "CPU ns/ev", "MB/s");
	for (uint32_t way = 0; way < REPLAY_WAYS; way++)
		way_row(r, (enum replay_way)way, to);
	struct spread limit = replay_limit_spread(r);
	if (limit.median <= 0)
		return;
	const struct limit_point *best = &r->points[r->best];
	fprintf(to, "%-36s %10s %10s %9.0f  (%.0f .. %.0f), %s, %u KiB, %u deep\n",
		"the disk's limit", "-", "-", limit.median / 1e6, limit.least / 1e6,
		limit.most / 1e6, r->tool, best->block_bytes >> 10, best->depth);
	fprintf(to, "%-36s %10s %10s %8.1f%%\n", "events handed out, to it", "", "",
		100 * replay_of_limit(r, REPLAY_COLD));
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void spread_json(struct json_out *j, const char *name, const char *least, const char *most,
			struct spread s)
{
	json_f64(j, name, s.median, 3);
	json_f64(j, least, s.least, 3);
	json_f64(j, most, s.most, 3);
}

static void way_json(struct json_out *j, const struct replay_report *r, enum replay_way way)
{
	bool has_events = way != REPLAY_CACHED_PLAIN && way != REPLAY_COLD_PLAIN;

	json_object(j, replay_way_names[way]);
	if (has_events)
		spread_json(j, "events_per_s", "events_per_s_least", "events_per_s_most",
			    replay_spread(r, way, REPLAY_EVENTS_PER_S));
	spread_json(j, "bytes_per_s", "bytes_per_s_least", "bytes_per_s_most",
		    replay_spread(r, way, REPLAY_BYTES_PER_S));
	if (has_events)
		json_f64(j, "cpu_ns_per_event", replay_spread(r, way, REPLAY_CPU_NS).median, 3);
	if (way >= REPLAY_COLD) {
		if (r->point_count > 0)
			json_f64(j, "of_limit", replay_of_limit(r, way), 4);
		else
			json_null(j, "of_limit");
	}
	json_close(j);
}

static void point_json(struct json_out *j, const struct limit_point *point)
{
	json_u64(j, "block_bytes", point->block_bytes);
	json_u64(j, "depth", point->depth);
}

static void limit_json(struct json_out *j, const struct replay_report *r)
{
	struct spread s = replay_limit_spread(r);

	if (r->point_count == 0) {
		json_null(j, "device_limit");
		return;
	}
	json_object(j, "device_limit");
	spread_json(j, "bytes_per_s", "bytes_per_s_least", "bytes_per_s_most", s);
	json_text(j, "tool", r->tool);
	point_json(j, &r->points[r->best]);
	json_array(j, "sweep");
	for (uint32_t i = 0; i < r->point_count; i++) {
		json_object(j, NULL);
		point_json(j, &r->points[i]);
		json_f64(j, "bytes_per_s", r->points[i].bytes_per_s, 1);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

int replay_report_json(const struct replay_report *r, FILE *to)
{
	char careful[512];
	struct json_out j;

	warnings(r, careful, sizeof careful);
	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "replay");
	json_text(&j, "weir", weir_version());
	json_bool(&j, "interrupted", r->interrupted);
	json_u64(&j, "rounds", r->rounds);
	json_object(&j, "journal");
	json_u64(&j, "events", r->choices.events);
	json_u64(&j, "payload_bytes", r->choices.payload_bytes);
	json_u64(&j, "segment_bytes", r->choices.segment_bytes);
	json_u64(&j, "segments", r->journal.segments);
	json_u64(&j, "bytes", r->journal.bytes);
	json_close(&j);
	json_bool(&j, "direct_reads", r->journal.direct);
	for (uint32_t way = 0; way < REPLAY_WAYS; way++)
		way_json(&j, r, (enum replay_way)way);
	limit_json(&j, r);
	json_text(&j, "warnings", careful[0] != '\0' ? careful : NULL);
	json_object(&j, "device");
	json_text(&j, "name", r->device.name);
	json_text(&j, "model", r->device.model);
	json_text(&j, "scheduler", r->device.scheduler);
	json_text(&j, "rotational", r->device.rotational);
	json_text(&j, "file_system", r->device.file_system);
	json_text(&j, "mount_options", r->device.mount_options);
	json_close(&j);
	bench_machine_json_begin(&j, &r->machine);
	json_text(&j, "file_system", r->machine.file_system);
	json_close(&j);
	return json_end(&j);
}

/* --- the page --------------------------------------------------------------------------------- */

static void plot_row(const char *name, struct spread s, bool is_weir, struct svg_row *row)
{
	*row = (struct svg_row){.count = s.median > 0 ? 1 : 0};
	row->marks[0] = (struct svg_mark){.low = s.least / 1e6,
					  .at = s.median / 1e6,
					  .high = s.most / 1e6,
					  .shape = is_weir ? SVG_DOT : SVG_DIAMOND,
					  .css_class = is_weir ? 'a' : 'b'};
	(void)snprintf(row->label, sizeof row->label, "%s", name);
	(void)snprintf(row->note, sizeof row->note, "%.0f", s.median / 1e6);
	(void)snprintf(row->marks[0].title, sizeof row->marks[0].title, "%s: %.0f MB/s", name,
		       s.median / 1e6);
}

static void plot(const struct replay_report *r, FILE *to)
{
	static struct svg_row rows[REPLAY_WAYS + 1];
	struct svg_rows all = {.title = "Bytes a second",
			       .unit = "MB a second",
			       .rows = rows,
			       .count = REPLAY_WAYS};

	for (uint32_t way = 0; way < REPLAY_WAYS; way++)
		plot_row(way_words[way], replay_spread(r, (enum replay_way)way, REPLAY_BYTES_PER_S),
			 way != REPLAY_CACHED_PLAIN && way != REPLAY_COLD_PLAIN, &rows[way]);
	if (r->point_count > 0) {
		plot_row("disk, the best of fio", replay_limit_spread(r), false,
			 &rows[all.count++]);
		all.reference = replay_limit_spread(r).median / 1e6;
	}
	fputs("<figure>\n", to);
	svg_rows(to, &all);
	fputs("</figure>\n", to);
}

static void table(const struct replay_report *r, FILE *to)
{
	fputs("<table><thead><tr><th class=\"l\">way</th><th>million events/s</th><th>ns of CPU an "
	      "event</th><th>MB/s</th><th>to the disk's limit</th></tr></thead><tbody>\n",
	      to);
	for (uint32_t i = 0; i < REPLAY_WAYS; i++) {
		enum replay_way way = (enum replay_way)i;
		double limit = i >= REPLAY_COLD ? replay_of_limit(r, way) : 0;
		fprintf(to, "<tr><td class=\"l\">%s</td><td>%.2f</td><td>%.1f</td><td>%.0f</td>",
			way_words[i], replay_spread(r, way, REPLAY_EVENTS_PER_S).median / 1e6,
			replay_spread(r, way, REPLAY_CPU_NS).median,
			replay_spread(r, way, REPLAY_BYTES_PER_S).median / 1e6);
		if (limit > 0)
			fprintf(to, "<td>%.1f %%</td></tr>\n", 100 * limit);
		else
			fputs("<td></td></tr>\n", to);
	}
	fputs("</tbody></table>\n", to);
}

void replay_report_html(const struct replay_report *r, FILE *to)
{
	const struct bench_device *d = &r->device;
	char text[400], a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], careful[512];

	warnings(r, careful, sizeof careful);
	html_begin(to, "weir bench replay");
	(void)snprintf(text, sizeof text,
		       "%s events of %llu bytes, written once and read from the first to the last. "
		       "The line, where there is one, is what fio reads of the same files.",
		       cli_text_count(a, r->choices.events),
		       (unsigned long long)r->choices.payload_bytes);
	html_element(to, "p", text);
	html_lines(to, "box", "Careful", careful);
	fputs("<section id=\"numbers\"><h2>Replay</h2>\n", to);
	plot(r, to);
	table(r, to);
	fputs("</section>\n<section id=\"machine\"><h2>Measured on</h2>\n<table class=\"facts\">"
	      "<tbody>\n",
	      to);
	(void)snprintf(text, sizeof text, "%s (%s)", d->name, d->model);
	html_fact(to, "device", text);
	html_fact(to, "file system", d->file_system);
	html_fact(to, "mount options", d->mount_options);
	html_fact(to, "kernel", r->machine.kernel);
	html_fact(to, "CPU", r->machine.cpu);
	(void)snprintf(text, sizeof text, "%s in %llu segments",
		       cli_text_bytes(b, r->journal.bytes),
		       (unsigned long long)r->journal.segments);
	html_fact(to, "journal", text);
	html_fact(to, "weir", weir_version());
	html_fact(to, "when", cli_text_time(a, r->when_us));
	fputs("</tbody></table></section>\n", to);
	html_end(to);
}
