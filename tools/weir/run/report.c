/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run did. For people to standard error, where it is in nobody's way; as JSON to standard
 * output, or, where events go there, to standard error, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/run.h"

static const char *end_name(enum run_end end)
{
	switch (end) {
	case RUN_END_DONE:
		return "done";
	case RUN_END_SIGNAL:
		return "drained after a signal";
	case RUN_END_FAILED:
		return "failed";
	case RUN_END_TIMEOUT:
		return "not all was delivered in time";
	case RUN_END_ABORTED:
		return "aborted by a second signal";
	}
	return "?";
}

static uint64_t published_by_all(const struct run *run)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < run->source_count; i++)
		sum += wr_load_relaxed(&run->publishers[i].published_events);
	return sum;
}

static double per_second(const struct run *run, uint64_t n)
{
	return run->elapsed_ns > 0 ? (double)n * 1e9 / (double)run->elapsed_ns : 0;
}

/* Published, or, where nothing was, delivered. */
static uint64_t events_of(const struct run *run)
{
	uint64_t n = published_by_all(run);
	for (uint32_t i = 0; i < run->subscription_count && run->source_count == 0; i++)
		n += run_delivered_of(run, i).delivered;
	return n;
}

static const char *state_of(const struct run_publisher *p)
{
	return p->fault.code != 0 ? "failed" : p->is_stopped ? "stopped" : "ended";
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_sources(const struct run *run, FILE *to)
{
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];
	for (uint32_t i = 0; i < run->source_count; i++) {
		const struct run_publisher *p = &run->publishers[i];
		fprintf(to,
			"  source %s: %s lines read, %s events published, %s bad lines; "
			"%s events were in the log; %s\n",
			run->sources[i].name, cli_text_count(a, wr_load_relaxed(&p->read_lines)),
			cli_text_count(b, wr_load_relaxed(&p->published_events)),
			cli_text_count(c, wr_load_relaxed(&p->bad_lines)),
			cli_text_count(d, wr_load_relaxed(&p->resumed_events)), state_of(p));
		if (wr_load_relaxed(&p->full_waits) > 0)
			fprintf(to, "    it waited %s times for a queue that was full\n",
				cli_text_count(a, wr_load_relaxed(&p->full_waits)));
	}
}

static void print_subscriptions(const struct run *run, FILE *to)
{
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		struct run_delivered d = run_delivered_of(run, i);
		if (run->sinks[i].to == WEIR_CONFIG_TO_NONE)
			continue;
		fprintf(to, "  subscription %s: %s delivered, %s of them perhaps before, %s left",
			run->subscriptions[i].name, cli_text_count(a, d.delivered),
			cli_text_count(b, d.redelivered), cli_text_count(c, run->lefts[i].events));
		if (run->lefts[i].parked > 0)
			fprintf(to, ", %s of them parked", cli_text_count(a, run->lefts[i].parked));
		if (d.skipped > 0)
			fprintf(to, ", %s were there already", cli_text_count(a, d.skipped));
		if (d.failed > 0)
			fprintf(to, ", %s failed", cli_text_count(a, d.failed));
		if (d.missed > 0)
			fprintf(to, ", %s were gone", cli_text_count(a, d.missed));
		fprintf(to, "\n");
	}
}

static const char *direction_of(const struct run_bridge *b)
{
	return b->config->direction == WEIR_BRIDGE_SINK ? "sink" : "source";
}

static void print_bridges(const struct run *run, FILE *to)
{
	char texts[4][CLI_TEXT_BYTES];
	for (uint32_t i = 0; i < run->bridges.count; i++) {
		const struct run_bridge *b = &run->bridges.items[i];
		const struct weir_bridge_status *s = &b->status;
		fprintf(to, "  bridge %s: %s %s, %s events, %s of them were there already, %s dead",
			b->config->name, s->system, direction_of(b),
			cli_text_count(texts[0], s->events), cli_text_count(texts[1], s->repeats),
			cli_text_count(texts[2], s->dead_letters));
		if (b->config->direction == WEIR_BRIDGE_SINK)
			fprintf(to, ", %s left", cli_text_count(texts[3], s->lag_events));
		fprintf(to, "%s%s%s\n", b->was_failed ? "; failed" : "",
			s->why[0] != '\0' ? ": " : "", s->why);
	}
}

static uint64_t lost_spans(const struct weir_span_report *r)
{
	return r->missed + r->lost + r->forgotten + r->too_large;
}

static void print_traces(const struct run *run, FILE *to)
{
	char texts[4][CLI_TEXT_BYTES];
	const struct weir_span_report *r = &run->traces.report;
	if (run->traces.path == NULL)
		return;
	fprintf(to, "  traces %s: %s spans of %s events, %s left out", run->traces.path,
		cli_text_count(texts[0], r->spans), cli_text_count(texts[1], r->events),
		cli_text_count(texts[2], lost_spans(r)));
	if (run->traces.unwritten > 0)
		fprintf(to, ", %s lines not written",
			cli_text_count(texts[3], run->traces.unwritten));
	fprintf(to, "\n");
}

static int seen_on(const struct run_thread *thread)
{
	return (int)wr_load_relaxed(&thread->last_cpu) - 1;
}

static void print_thread(FILE *to, const struct run_thread *thread)
{
	fprintf(to, " %s on CPU %d%s,", thread->name, seen_on(thread),
		thread->options.cpu_count > 0 ? " (pinned)" : "");
}

static void print_threads(const struct run *run, FILE *to)
{
	fprintf(to, "  threads:");
	for (uint32_t i = 0; i < run->info.thread_count && i < WEIR_THREADS_MAX; i++)
		fprintf(to, " %s on CPU %d%s,", run->info.threads[i].name,
			run->info.threads[i].last_cpu,
			run->info.threads[i].pinned ? " (pinned)" : "");
	for (uint32_t i = 0; i < run->source_count; i++)
		print_thread(to, &run->publishers[i].thread);
	for (uint32_t i = 0; i < run->deliverer_count; i++)
		print_thread(to, &run->deliverers[i].thread);
	fprintf(to, " all seen last\n");
}

static void report_text(const struct run *run, FILE *to)
{
	char rate[CLI_TEXT_BYTES];
	char sequence[CLI_TEXT_BYTES];
	bool has_journal = run->options.dir != NULL;
	fprintf(to, "%s: %s after %.1f s, %s events/s\n", run->options.name, end_name(run->end),
		(double)run->elapsed_ns / 1e9,
		cli_text_rate(rate, per_second(run, events_of(run))));
	print_sources(run, to);
	print_subscriptions(run, to);
	print_bridges(run, to);
	print_traces(run, to);
	fprintf(to, "  log: sequence %s%s, %s\n",
		cli_text_count(sequence, has_journal ? run->info.durable_sequence
						     : run->info.visible_sequence),
		has_journal ? " durable" : "", run->info.backend);
	print_threads(run, to);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_sources(struct json_out *j, const struct run *run)
{
	json_array(j, "sources");
	for (uint32_t i = 0; i < run->source_count; i++) {
		const struct run_publisher *p = &run->publishers[i];
		json_object(j, NULL);
		json_text(j, "name", run->sources[i].name);
		json_text(j, "state", state_of(p));
		json_text(j, "fault", p->fault.code != 0 ? p->fault.text : NULL);
		json_u64(j, "read_lines", wr_load_relaxed(&p->read_lines));
		json_u64(j, "published", wr_load_relaxed(&p->published_events));
		json_u64(j, "durable", wr_load_relaxed(&p->durable_events));
		json_u64(j, "bad_lines", wr_load_relaxed(&p->bad_lines));
		json_u64(j, "resumed_from", wr_load_relaxed(&p->resumed_events));
		json_u64(j, "full_waits", wr_load_relaxed(&p->full_waits));
		json_i64(j, "cpu", seen_on(&p->thread));
		json_close(j);
	}
	json_close(j);
}

static void put_subscriptions(struct json_out *j, const struct run *run)
{
	json_array(j, "subscriptions");
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		struct run_delivered d = run_delivered_of(run, i);
		if (run->sinks[i].to == WEIR_CONFIG_TO_NONE)
			continue;
		json_object(j, NULL);
		json_text(j, "name", run->subscriptions[i].name);
		json_text(j, "fault", d.fault != NULL ? d.fault->text : NULL);
		json_u64(j, "members", run->sinks[i].members);
		json_u64(j, "delivered", d.delivered);
		json_u64(j, "redelivered", d.redelivered);
		json_u64(j, "skipped", d.skipped);
		json_u64(j, "failed", d.failed);
		json_u64(j, "missed", d.missed);
		json_u64(j, "lag", run->lefts[i].events);
		json_u64(j, "parked", run->lefts[i].parked);
		json_close(j);
	}
	json_close(j);
}

static void put_traces(struct json_out *j, const struct run *run)
{
	const struct weir_span_report *r = &run->traces.report;
	if (run->traces.path == NULL)
		return;
	json_object(j, "traces");
	json_text(j, "file", run->traces.path);
	json_u64(j, "events", r->events);
	json_u64(j, "spans", r->spans);
	json_u64(j, "missed", r->missed);
	json_u64(j, "lost", r->lost);
	json_u64(j, "forgotten", r->forgotten);
	json_u64(j, "too_large", r->too_large);
	json_u64(j, "unwritten_lines", run->traces.unwritten);
	json_close(j);
}

static void put_bridges(struct json_out *j, const struct run *run)
{
	json_array(j, "bridges");
	for (uint32_t i = 0; i < run->bridges.count; i++) {
		const struct run_bridge *b = &run->bridges.items[i];
		json_object(j, NULL);
		json_text(j, "name", b->config->name);
		json_text(j, "system", b->status.system);
		json_text(j, "direction", direction_of(b));
		json_bool(j, "failed", b->was_failed);
		json_text(j, "why", b->status.why[0] != '\0' ? b->status.why : NULL);
		json_u64(j, "events", b->status.events);
		json_u64(j, "bytes", b->status.bytes);
		json_u64(j, "repeats", b->status.repeats);
		json_u64(j, "dead_letters", b->status.dead_letters);
		json_u64(j, "lag", b->status.lag_events);
		json_bool(j, "finished", !b->left_some);
		json_close(j);
	}
	json_close(j);
}

static void put_thread(struct json_out *j, const struct run_thread *thread)
{
	json_object(j, NULL);
	json_text(j, "name", thread->name);
	json_bool(j, "pinned", thread->options.cpu_count > 0);
	json_i64(j, "cpu", seen_on(thread));
	json_close(j);
}

static void put_threads(struct json_out *j, const struct run *run)
{
	json_array(j, "threads");
	for (uint32_t i = 0; i < run->info.thread_count && i < WEIR_THREADS_MAX; i++) {
		const struct weir_thread_info *t = &run->info.threads[i];
		json_object(j, NULL);
		json_text(j, "name", t->name);
		json_bool(j, "pinned", t->pinned);
		json_i64(j, "cpu", t->last_cpu);
		json_f64(j, "cpu_ms", (double)t->cpu_ns / 1e6, 1);
		json_u64(j, "parks", t->parks);
		json_close(j);
	}
	for (uint32_t i = 0; i < run->source_count; i++)
		put_thread(j, &run->publishers[i].thread);
	for (uint32_t i = 0; i < run->deliverer_count; i++)
		put_thread(j, &run->deliverers[i].thread);
	json_close(j);
}

static void report_json(const struct run *run, int exit_code, FILE *to)
{
	struct json_out j;
	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_bool(&j, "ok", exit_code == CLI_EXIT_OK);
	json_i64(&j, "exit_code", exit_code);
	json_text(&j, "end", end_name(run->end));
	json_f64(&j, "seconds", (double)run->elapsed_ns / 1e9, 3);
	json_f64(&j, "events_per_s", per_second(run, events_of(run)), 1);
	put_sources(&j, run);
	put_subscriptions(&j, run);
	put_bridges(&j, run);
	put_traces(&j, run);
	json_u64(&j, "durable_sequence", run->info.durable_sequence);
	json_u64(&j, "visible_sequence", run->info.visible_sequence);
	json_text(&j, "backend", run->info.backend);
	json_text(&j, "backend_reason", run->info.backend_reason);
	json_text(&j, "engine", run->info.engine);
	json_text(&j, "thread_note", run->info.thread_note);
	json_bool(&j, "clean", run->close_report.clean);
	put_threads(&j, run);
	json_close(&j);
	(void)json_end(&j);
}

/* In the place of a report, where lines are for programs. */
static void report_line(const struct run *run, int exit_code)
{
	uint64_t delivered = 0, failed = 0, missed = 0, left = 0, parked = 0;
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		struct run_delivered d = run_delivered_of(run, i);
		delivered += d.delivered;
		failed += d.failed;
		missed += d.missed;
		left += run->lefts[i].events;
		parked += run->lefts[i].parked;
	}
	lines_say(WR_EVENT_RUN_ENDED,
		  WR_FIELDS(wr_field_text("end", end_name(run->end)),
			    wr_field_u64("exit_code", (uint64_t)exit_code),
			    wr_field_u64("published", published_by_all(run)),
			    wr_field_u64("delivered", delivered), wr_field_u64("failed", failed),
			    wr_field_u64("missed", missed), wr_field_u64("left", left),
			    wr_field_u64("parked", parked),
			    wr_field_u64("elapsed_ns", run->elapsed_ns)),
		  "%s after %.1f s", end_name(run->end), (double)run->elapsed_ns / 1e9);
}

/* To standard error by the way of lines: behind those that wait there, and held up by nobody. */
static void report_among_lines(const struct run *run, int exit_code)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	if (to == NULL)
		return;
	if (run->json)
		report_json(run, exit_code, to);
	else
		report_text(run, to);
	if (fclose(to) == 0)
		lines_put(text, bytes);
	free(text);
}

void run_report(const struct run *run, int exit_code)
{
	bool events_to_stdout = false;
	for (uint32_t i = 0; i < run->subscription_count; i++)
		events_to_stdout |= run->sinks[i].to == WEIR_CONFIG_TO_STDOUT;
	if (lines_format() == WEIR_LOG_AS_JSON)
		report_line(run, exit_code);
	if (run->json && !events_to_stdout)
		report_json(run, exit_code, stdout);
	else if (run->json || lines_format() == WEIR_LOG_AS_TEXT)
		report_among_lines(run, exit_code);
}

/* ---- meanwhile ------------------------------------------------------------------------------- */

/* "  bridges 1 of 2 running, 4,711 events, 12 behind" */
static void put_bridges_line(const struct run *run, char *to, size_t room_bytes)
{
	char events[CLI_TEXT_BYTES];
	char left[CLI_TEXT_BYTES];
	uint32_t running = 0;
	uint64_t event_sum = 0, lag_sum = 0;
	for (uint32_t i = 0; i < run->bridges.count; i++) {
		const struct weir_bridge_status *s = &run->bridges.items[i].status;
		running += s->state == WEIR_BRIDGE_RUNNING;
		event_sum += s->events;
		lag_sum += s->lag_events;
	}
	to[0] = '\0';
	if (run->bridges.count > 0)
		(void)snprintf(to, room_bytes, "  bridges %u of %u running, %s events, %s behind",
			       running, run->bridges.count, cli_text_count(events, event_sum),
			       cli_text_count(left, lag_sum));
}

void run_progress_line(const struct run *run)
{
	char bridges[160];
	char published[CLI_TEXT_BYTES];
	char delivered[CLI_TEXT_BYTES];
	char left[CLI_TEXT_BYTES];
	char line[400];
	uint64_t sum = 0;
	uint64_t lag_sum = 0;
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		if (run->sinks[i].to == WEIR_CONFIG_TO_NONE)
			continue;
		sum += run_delivered_of(run, i).delivered;
		struct run_left left_of_it = run_left_of(run, i);
		lag_sum += left_of_it.events - left_of_it.parked;
	}
	put_bridges_line(run, bridges, sizeof bridges);
	(void)snprintf(line, sizeof line, "%6.1f s  published %s  delivered %s  to deliver %s%s",
		       (double)(bench_now_ns() - run->begun_ns) / 1e9,
		       cli_text_count(published, published_by_all(run)),
		       cli_text_count(delivered, sum), cli_text_count(left, lag_sum), bridges);
	lines_show(line);
}
