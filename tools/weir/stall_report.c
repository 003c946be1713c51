/* SPDX-License-Identifier: Apache-2.0 */
/* See stall_report.h. Thread: main. */
#include "tools/weir/stall_report.h"

#include "tools/weir/args.h"
#include "tools/weir/bench_machine_json.h"
#include "tools/weir/html_page.h"
#include "tools/weir/json_out.h"
#include "tools/weir/svg_plot.h"

static const char *const watcher_words[STALL_WATCHERS] = {"producers", "consumers",
							  "consumers, its items"};

const char *stall_shape_name(uint32_t shape)
{
	return shape < RING_SHAPES ? ring_shape_names[shape] : "pipeline";
}

static const char *recovery_text(char to[CLI_TEXT_BYTES], uint64_t ns)
{
	if (ns == STALL_NEVER)
		return "not in this run";
	return ns == 0 ? "at once" : cli_text_ns(to, ns);
}

static void seen_out(const struct stall_run_report *run, uint32_t watcher, FILE *to)
{
	const struct stall_seen *seen = &run->result.seen[watcher];
	char t[6][CLI_TEXT_BYTES];

	if (seen->count == 0)
		return;
	fprintf(to, "%-10s %-9s %4.0f ms  %-20s %10s %9s %9s %9s %9s  %s\n",
		stall_shape_name(run->settings.shape), stall_who_names[run->settings.who],
		(double)run->settings.stop_ns / 1e6, watcher_words[watcher],
		cli_text_ns(t[0], seen->before_p99), cli_text_ns(t[1], seen->p50),
		cli_text_ns(t[2], seen->p99), cli_text_ns(t[3], seen->p9999),
		cli_text_ns(t[4], seen->greatest), recovery_text(t[5], seen->recovery_ns));
}

void stall_report_text(const struct stall_report *r, FILE *to)
{
	fprintf(to, "cpu         %s, %u of %u CPUs, governor %s, isolated %s\nkernel      %s\n",
		r->machine.cpu, r->machine.cpus_allowed, r->machine.cpus_online,
		r->machine.governor, r->machine.isolated, r->machine.kernel);
	if (r->machine.cpus_allowed < 5)
		fprintf(to, "careful     %u CPUs: threads wait for CPUs, too\n",
			r->machine.cpus_allowed);
	fprintf(to, "\n%-10s %-9s %7s  %-20s %10s %9s %9s %9s %9s  %s\n", "", "stopped", "for",
		"what others saw", "before p99", "p50", "p99", "p99.99", "max", "recovered after");
	for (uint32_t i = 0; i < r->run_count; i++)
		for (uint32_t w = 0; w < STALL_WATCHERS; w++)
			seen_out(&r->runs[i], w, to);
}

static void seen_json(struct json_out *j, const struct stall_seen *seen, uint32_t watcher)
{
	json_object(j, NULL);
	json_text(j, "watcher", stall_watcher_names[watcher]);
	json_u64(j, "before_samples", seen->before_count);
	json_u64(j, "before_p50_ns", seen->before_p50);
	json_u64(j, "before_p99_ns", seen->before_p99);
	json_u64(j, "samples", seen->count);
	json_u64(j, "p50_ns", seen->p50);
	json_u64(j, "p99_ns", seen->p99);
	json_u64(j, "p999_ns", seen->p999);
	json_u64(j, "p9999_ns", seen->p9999);
	json_u64(j, "max_ns", seen->greatest);
	if (seen->recovery_ns == STALL_NEVER)
		json_null(j, "recovery_ns");
	else
		json_u64(j, "recovery_ns", seen->recovery_ns);
	json_close(j);
}

int stall_report_json(const struct stall_report *r, FILE *to)
{
	struct json_out j;

	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "stall");
	json_text(&j, "weir", weir_version());
	json_bool(&j, "pinned", r->pinned);
	json_array(&j, "runs");
	for (uint32_t i = 0; i < r->run_count; i++) {
		const struct stall_run_report *run = &r->runs[i];
		json_object(&j, NULL);
		json_text(&j, "shape", stall_shape_name(run->settings.shape));
		json_text(&j, "stopped", stall_who_names[run->settings.who]);
		json_u64(&j, "stop_ns", run->settings.stop_ns);
		json_u64(&j, "stopped_ns", run->result.to_ns - run->result.from_ns);
		json_u64(&j, "rate", run->settings.rate);
		json_u64(&j, "capacity", run->settings.capacity);
		json_array(&j, "seen");
		for (uint32_t w = 0; w < STALL_WATCHERS; w++)
			if (run->result.seen[w].count > 0)
				seen_json(&j, &run->result.seen[w], w);
		json_close(&j);
		json_close(&j);
	}
	json_close(&j);
	bench_machine_json_begin(&j, &r->machine);
	json_close(&j);
	return json_end(&j);
}

/* --- the page -------------------------------------------------------------------------------- */

static void run_plot(const struct stall_run_report *run, FILE *to)
{
	static const char classes[STALL_WATCHERS] = {'b', 'a', 'c'};
	struct svg_series series[STALL_WATCHERS];
	uint32_t count = 0;
	char title[96];

	for (uint32_t w = 0; w < STALL_WATCHERS; w++)
		if (run->result.seen[w].count > 0)
			series[count++] = (struct svg_series){.name = watcher_words[w],
							      .css_class = classes[w],
							      .ns = run->result.seen[w].worst};
	(void)snprintf(title, sizeof title, "%s, %s stopped for %.0f ms",
		       stall_shape_name(run->settings.shape), stall_who_names[run->settings.who],
		       (double)run->settings.stop_ns / 1e6);
	html_element(to, "h3", title);
	fputs("\n<figure>\n", to);
	const struct svg_time plot = {.title = title,
				      .series = series,
				      .series_count = count,
				      .window_count = run->result.window_count,
				      .window_ns = STALL_WINDOW_NS,
				      .band_from_ns = run->result.from_ns,
				      .band_to_ns = run->result.to_ns};
	svg_time(to, &plot);
	fputs("</figure>\n", to);
}

static void table_row(const struct stall_run_report *run, uint32_t watcher, FILE *to)
{
	const struct stall_seen *seen = &run->result.seen[watcher];
	char t[6][CLI_TEXT_BYTES];

	fprintf(to, "<tr><td>%s</td><td class=\"l\">%s</td><td>%.0f ms</td><td class=\"l\">",
		stall_shape_name(run->settings.shape), stall_who_names[run->settings.who],
		(double)run->settings.stop_ns / 1e6);
	html_text(to, watcher_words[watcher]);
	fprintf(to,
		"</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
		cli_text_ns(t[0], seen->before_p99), cli_text_ns(t[1], seen->p50),
		cli_text_ns(t[2], seen->p99), cli_text_ns(t[3], seen->p9999),
		cli_text_ns(t[4], seen->greatest), recovery_text(t[5], seen->recovery_ns));
}

void stall_report_html(const struct stall_report *r, FILE *to)
{
	char time[CLI_TEXT_BYTES];

	html_begin(to, "weir bench stall");
	fputs("<p>One thread is stopped at its worst place; what every other kind of thread saw. "
	      "Latency counts from the time at which an item was due. The grey band is the stop; "
	      "each point is the worst of 100 µs.</p>\n<section id=\"numbers\"><h2>All numbers"
	      "</h2>\n<div class=\"wide\"><table><thead><tr><th></th><th class=\"l\">stopped</th>"
	      "<th>for</th><th class=\"l\">what others saw</th><th>p99 before</th><th>p50</th>"
	      "<th>p99</th><th>p99.99</th><th>max</th><th>recovered after</th></tr></thead>"
	      "<tbody>\n",
	      to);
	for (uint32_t i = 0; i < r->run_count; i++)
		for (uint32_t w = 0; w < STALL_WATCHERS; w++)
			if (r->runs[i].result.seen[w].count > 0)
				table_row(&r->runs[i], w, to);
	fputs("</tbody></table></div></section>\n<section id=\"time\"><h2>Over time</h2>\n", to);
	for (uint32_t i = 0; i < r->run_count; i++)
		run_plot(&r->runs[i], to);
	fputs("</section>\n<section id=\"machine\"><h2>Measured on</h2>\n<table class=\"facts\">"
	      "<tbody>\n",
	      to);
	html_fact(to, "CPU", r->machine.cpu);
	html_fact(to, "kernel", r->machine.kernel);
	html_fact(to, "governor", r->machine.governor);
	html_fact(to, "isolated CPUs", r->machine.isolated);
	html_fact(to, "pinning", r->pinned ? "each thread on one CPU, in turn" : "none");
	html_fact(to, "when", cli_text_time(time, r->when_us));
	fputs("</tbody></table></section>\n", to);
	html_end(to);
}
