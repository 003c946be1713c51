/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of the pipeline benchmark. Rates are over the whole time until everything was handled
 * and its progress at the level: nothing is rounded up by leaving the drain out.
 *
 * Thread: main.
 */
#include "tools/weir/bench_report.h"

#include <stdlib.h>
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/bench_cpus.h"
#include "tools/weir/json_out.h"

static const char *const paces[] = {"yield", "spin", "sleep"};
static const char *const acks[] = {"all", "each"};
static const char *const progresses[] = {"poll", "commit"};
static const char *const slows[] = {"catch_up", "block", "gap"};
static const char *const levels[] = {"default", "memory", "written", "durable"};
static const char *const huges[] = {"off", "transparent", "try", "require"};
static const char *const waits[] = {"default", "spin", "adaptive", "yield", "park"};

const char *bench_level_text(enum weir_level level)
{
	switch (level) {
	case WEIR_LEVEL_MEMORY:
		return "memory: ordered and visible; survives nothing";
	case WEIR_LEVEL_WRITTEN:
		return "written: handed to the kernel; survives the death of the process";
	case WEIR_LEVEL_DURABLE:
		return "durable: written and flushed; survives power loss, on a device that "
		       "honours flush";
	case WEIR_LEVEL_DEFAULT:
		break;
	}
	return "default";
}

static double per_second(uint64_t count, uint64_t ns)
{
	return ns == 0 ? 0 : (double)count * 1e9 / (double)ns;
}

static bool utf8_terminal(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	/* The first that is set decides, as in setlocale(). */
	for (size_t i = 0; i < 3; i++) {
		const char *value = getenv(names[i]);
		if (value == NULL || value[0] == '\0')
			continue;
		return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
	}
	return false;
}

/* Both measurements of the bare sync as one; NULL when there is none. The caller destroys it. */
static struct histogram *bare_together(const struct bench_report *r)
{
	struct histogram *h;

	if (r->before.latency == NULL || r->before.count + r->after.count == 0)
		return NULL;
	h = histogram_create();
	if (h == NULL)
		return NULL;
	histogram_add(h, r->before.latency);
	if (r->after.latency != NULL)
		histogram_add(h, r->after.latency);
	return h;
}

/* --- for people ------------------------------------------------------------------------------- */

static void latency_row(FILE *to, const char *name, const struct histogram *h)
{
	static const uint32_t ppm[] = {500000, 900000, 990000, 999000, 999900};
	char text[CLI_TEXT_BYTES];

	if (h == NULL || h->count == 0) {
		fprintf(to, "  %-10s %10s\n", name, "n/a");
		return;
	}
	fprintf(to, "  %-10s", name);
	for (size_t i = 0; i < sizeof ppm / sizeof ppm[0]; i++)
		fprintf(to, " %10s", cli_text_ns(text, histogram_quantile(h, ppm[i])));
	fprintf(to, " %10s", cli_text_ns(text, h->greatest));
	fprintf(to, " %13s\n", cli_text_count(text, h->count));
}

static void faults_text(const struct bench_report *r, FILE *to)
{
	const struct pipeline_faults *f = &r->result->faults;
	const struct {
		const char *text;
		uint64_t count;
	} faults[] = {
		{"published, but never handled", f->lost},
		{"with bytes that were not published", f->damaged},
		{"out of order", f->disordered},
		{"handed out twice without being marked", f->repeated},
		{"missing (gap or loss items)", f->missing},
		{"refused", f->refused},
		{"without an answer at the end", f->unanswered},
	};
	char text[CLI_TEXT_BYTES];

	if (!pipeline_has_faults(f)) {
		fprintf(to,
			"checked     each byte and the order: nothing lost, damaged or repeated\n");
		return;
	}
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (faults[i].count > 0)
			fprintf(to, "FAULT       %s events %s\n",
				cli_text_count(text, faults[i].count), faults[i].text);
}

static void heading_text(const struct bench_report *r, FILE *to)
{
	const struct pipeline_settings *s = r->settings;
	const struct weir_info *info = &r->result->info;
	char rate[CLI_TEXT_BYTES] = "as fast as it goes";
	char length[CLI_TEXT_BYTES];
	char warmup[CLI_TEXT_BYTES];

	if (s->rate != PIPELINE_RATE_MAX) {
		cli_text_rate(rate, (double)s->rate);
		strncat(rate, "/s, open loop", sizeof rate - strlen(rate) - 1);
	}
	fprintf(to, "machine     %s; %u of %u CPUs; kernel %s; governor %s%s%s\n", r->machine.cpu,
		r->machine.cpus_allowed, r->machine.cpus_online, r->machine.kernel,
		r->machine.governor, r->machine.file_system[0] != '\0' ? "; " : "",
		r->machine.file_system);
	fprintf(to,
		"run         %llu-byte events, %s; producers %llu, members %llu, partitions %llu; "
		"%s after %s\n",
		(unsigned long long)s->payload_bytes, rate, (unsigned long long)s->producer_count,
		(unsigned long long)s->member_count, (unsigned long long)s->partition_count,
		cli_text_ns(length, s->length_ns), cli_text_ns(warmup, s->warmup_ns));
	fprintf(to, "backend     %s%s%s", info->backend, info->engine[0] != '\0' ? ", " : "",
		info->engine);
	if (info->backend_reason[0] != '\0')
		fprintf(to, " (%s)", info->backend_reason);
	fputc('\n', to);
	bench_cpus_text(s, to);
	fprintf(to, "an ack      %s\n", bench_level_text(s->level));
	if (info->thread_note[0] != '\0')
		fprintf(to, "note        %s\n", info->thread_note);
	if (info->memory_note[0] != '\0')
		fprintf(to, "note        %s\n", info->memory_note);
	fputc('\n', to);
}

void bench_report_text(const struct bench_report *r, FILE *to)
{
	const struct pipeline_result *x = r->result;
	struct histogram *bare = bare_together(r);
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];

	heading_text(r, to);
	fprintf(to,
		"events      %s in %s: %s/s handled, progress at the level (published at %s/s)\n",
		cli_text_count(a, x->events), cli_text_ns(b, x->elapsed_ns),
		cli_text_rate(c, per_second(x->events, x->elapsed_ns)),
		cli_text_rate(d, per_second(x->events, x->publish_ns)));
	fprintf(to, "cpu         %s: %s events a CPU second, %.1f ns an event\n",
		cli_text_ns(a, x->cpu_ns), cli_text_rate(b, per_second(x->events, x->cpu_ns)),
		x->events == 0 ? 0 : (double)x->cpu_ns / (double)x->events);
	if (r->dir != NULL)
		fprintf(to, "journal     %s batches, %s, %s writes, %s syncs\n",
			cli_text_count(a, x->batches), cli_text_bytes(b, x->batch_bytes),
			cli_text_count(c, x->journal_writes), cli_text_count(d, x->syncs));
	fprintf(to, "memory      %s reserved at open", cli_text_bytes(a, x->info.memory_bytes));
	if (x->info.huge_page_bytes > 0)
		fprintf(to, ", %s of it in huge pages",
			cli_text_bytes(a, x->info.huge_page_bytes));
	fprintf(to, "; tables by %s", r->arena->name);
	if (r->arena->allocated_bytes > 0)
		fprintf(to, ": %s allocated, %s resident",
			cli_text_bytes(b, r->arena->allocated_bytes),
			cli_text_bytes(c, r->arena->resident_bytes));
	fputc('\n', to);
	faults_text(r, to);
	if (x->redelivered > 0)
		fprintf(to, "note        %s events came again, marked as redelivered\n",
			cli_text_count(a, x->redelivered));
	fprintf(to, "\n  %-10s %10s %10s %10s %10s %10s %10s %13s\n", "", "p50", "p90", "p99",
		"p99.9", "p99.99", "max", "samples");
	latency_row(to, "ack", x->ack);
	latency_row(to, "handle", x->handle);
	if (bare != NULL)
		latency_row(to, "bare sync", bare);
	if (x->ack->count > 0) {
		fprintf(to, "\nack latency by percentile\n");
		bench_plot(to, x->ack, cli_columns(to), utf8_terminal());
	}
	if (r->interrupted)
		fprintf(to, "\ninterrupted: the run was shorter than asked for\n");
	histogram_destroy(bare);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void latency_json(struct json_out *j, const char *key, const struct histogram *h)
{
	if (h == NULL || h->count == 0) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	json_f64(j, "p50", (double)histogram_quantile(h, 500000) / 1e3, 3);
	json_f64(j, "p90", (double)histogram_quantile(h, 900000) / 1e3, 3);
	json_f64(j, "p99", (double)histogram_quantile(h, 990000) / 1e3, 3);
	json_f64(j, "p999", (double)histogram_quantile(h, 999000) / 1e3, 3);
	json_f64(j, "p9999", (double)histogram_quantile(h, 999900) / 1e3, 3);
	json_f64(j, "max", (double)h->greatest / 1e3, 3);
	json_f64(j, "mean", histogram_mean(h) / 1e3, 3);
	json_u64(j, "samples", h->count);
	json_close(j);
}

static void bare_json(struct json_out *j, const struct bench_report *r)
{
	struct histogram *bare = bare_together(r);

	if (bare == NULL) {
		json_null(j, "bare_sync_us");
		return;
	}
	json_object(j, "bare_sync_us");
	json_f64(j, "p50", (double)histogram_quantile(bare, 500000) / 1e3, 3);
	json_f64(j, "p99", (double)histogram_quantile(bare, 990000) / 1e3, 3);
	json_f64(j, "max", (double)bare->greatest / 1e3, 3);
	json_f64(j, "p50_before", (double)histogram_quantile(r->before.latency, 500000) / 1e3, 3);
	if (r->after.latency != NULL && r->after.count > 0)
		json_f64(j, "p50_after", (double)histogram_quantile(r->after.latency, 500000) / 1e3,
			 3);
	else
		json_null(j, "p50_after");
	json_u64(j, "samples", bare->count);
	json_bool(j, "direct", r->before.direct);
	json_close(j);
	histogram_destroy(bare);
}

static void settings_json(struct json_out *j, const struct bench_report *r)
{
	const struct pipeline_settings *s = r->settings;
	const struct weir_options *o = &s->options;

	json_object(j, "settings");
	json_bool(j, "memory", r->dir == NULL);
	json_u64(j, "payload_bytes", s->payload_bytes);
	json_u64(j, "producers", s->producer_count);
	json_u64(j, "members", s->member_count);
	json_u64(j, "partitions", s->partition_count);
	json_u64(j, "keys", s->key_count);
	if (s->rate == PIPELINE_RATE_MAX)
		json_text(j, "rate", "max");
	else
		json_u64(j, "rate", s->rate);
	json_f64(j, "seconds", (double)s->length_ns / 1e9, 3);
	json_f64(j, "warmup_seconds", (double)s->warmup_ns / 1e9, 3);
	json_text(j, "level", levels[s->level]);
	json_text(j, "gate", levels[s->gate]);
	json_text(j, "when_slow", slows[s->when_slow]);
	json_text(j, "pace", paces[s->pace]);
	json_text(j, "ack", acks[s->ack]);
	json_text(j, "progress", progresses[s->progress]);
	json_text(j, "wait", waits[o->log.wait]);
	json_bool(j, "journal_thread", o->journal_thread);
	json_u64(j, "chunk_bytes", o->chunk_bytes);
	json_u64(j, "pool_bytes", o->pool_bytes);
	json_u64(j, "undurable_bytes", o->undurable_bytes);
	json_u64(j, "lane_bytes", o->lane_bytes);
	json_u64(j, "segment_bytes", o->segment_bytes);
	json_u64(j, "retention_bytes", o->retention_bytes);
	json_u64(j, "batches_in_flight_max", o->batches_in_flight_max);
	json_u64(j, "sample_every", r->result->sample_every);
	json_text(j, "huge_pages", huges[o->huge_pages]);
	bench_cpus_json(s, j);
	json_close(j);
}

static void machine_json(struct json_out *j, const struct bench_machine *m)
{
	json_object(j, "machine");
	json_text(j, "cpu", m->cpu);
	json_u64(j, "cpus_allowed", m->cpus_allowed);
	json_u64(j, "cpus_online", m->cpus_online);
	json_text(j, "kernel", m->kernel);
	json_text(j, "governor", m->governor);
	json_text(j, "file_system", m->file_system[0] != '\0' ? m->file_system : NULL);
	json_close(j);
}

static void threads_json(struct json_out *j, const struct weir_info *info)
{
	json_array(j, "threads");
	for (uint32_t i = 0; i < info->thread_count && i < WEIR_THREADS_MAX; i++) {
		const struct weir_thread_info *t = &info->threads[i];
		json_object(j, NULL);
		json_text_n(j, "name", t->name, strnlen(t->name, sizeof t->name));
		json_text(j, "wait",
			  (size_t)t->wait < sizeof waits / sizeof waits[0] ? waits[t->wait] : NULL);
		json_bool(j, "pinned", t->pinned);
		json_i64(j, "last_cpu", t->last_cpu);
		json_u64(j, "cpu_ns", t->cpu_ns);
		json_u64(j, "loops", t->loops);
		json_u64(j, "parks", t->parks);
		json_close(j);
	}
	json_close(j);
}

static void faults_json(struct json_out *j, const struct pipeline_faults *f)
{
	json_object(j, "faults");
	json_u64(j, "lost", f->lost);
	json_u64(j, "damaged", f->damaged);
	json_u64(j, "disordered", f->disordered);
	json_u64(j, "repeated", f->repeated);
	json_u64(j, "missing", f->missing);
	json_u64(j, "refused", f->refused);
	json_u64(j, "unanswered", f->unanswered);
	json_close(j);
}

static void allocator_json(struct json_out *j, const struct cli_arena *arena)
{
	json_object(j, "allocator");
	json_text(j, "name", arena->name);
	if (arena->allocated_bytes > 0) {
		json_u64(j, "allocated_bytes", arena->allocated_bytes);
		json_u64(j, "resident_bytes", arena->resident_bytes);
	} else {
		json_null(j, "allocated_bytes");
		json_null(j, "resident_bytes");
	}
	json_close(j);
}

int bench_report_json(const struct bench_report *r, FILE *to)
{
	const struct pipeline_result *x = r->result;
	struct json_out j;

	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "pipeline");
	json_text(&j, "weir", weir_version());
	json_bool(&j, "ok", !pipeline_has_faults(&x->faults));
	json_bool(&j, "interrupted", r->interrupted);
	json_u64(&j, "events", x->events);
	json_u64(&j, "events_with_warmup", x->total_events);
	json_f64(&j, "events_per_s", per_second(x->events, x->elapsed_ns), 1);
	json_f64(&j, "published_per_s", per_second(x->events, x->publish_ns), 1);
	json_f64(&j, "events_per_cpu_s", per_second(x->events, x->cpu_ns), 1);
	json_f64(&j, "cpu_ns_per_event", x->events == 0 ? 0 : (double)x->cpu_ns / (double)x->events,
		 3);
	json_f64(&j, "elapsed_s", (double)x->elapsed_ns / 1e9, 6);
	json_f64(&j, "cpu_s", (double)x->cpu_ns / 1e9, 6);
	latency_json(&j, "ack_us", x->ack);
	latency_json(&j, "handle_us", x->handle);
	bare_json(&j, r);
	json_u64(&j, "syncs", x->syncs);
	json_u64(&j, "batches", x->batches);
	json_u64(&j, "batch_bytes", x->batch_bytes);
	json_u64(&j, "journal_writes", x->journal_writes);
	json_u64(&j, "submissions", x->submissions);
	json_text(&j, "backend", x->info.backend);
	json_text(&j, "engine", x->info.engine);
	json_text(&j, "backend_reason", x->info.backend_reason);
	json_text(&j, "acknowledged_when", bench_level_text(r->settings->level));
	json_bool(&j, "written_equals_durable", x->info.written_equals_durable);
	json_u64(&j, "memory_bytes", x->info.memory_bytes);
	json_u64(&j, "huge_page_bytes", x->info.huge_page_bytes);
	allocator_json(&j, r->arena);
	json_u64(&j, "redelivered", x->redelivered);
	json_u64(&j, "ack_samples_dropped", x->ack_samples_dropped);
	faults_json(&j, &x->faults);
	settings_json(&j, r);
	machine_json(&j, &r->machine);
	threads_json(&j, &x->info);
	json_text(&j, "thread_note", x->info.thread_note[0] != '\0' ? x->info.thread_note : NULL);
	json_text(&j, "memory_note", x->info.memory_note[0] != '\0' ? x->info.memory_note : NULL);
	return json_end(&j);
}
