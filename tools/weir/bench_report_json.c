/* SPDX-License-Identifier: Apache-2.0 */
/* The report of the pipeline benchmark for programs: bench_report.h; its fields are in
 * docs/reference/cli.md. Thread: main. */
#include <string.h>

#include "tools/weir/bench_cpus.h"
#include "tools/weir/bench_machine_json.h"
#include "tools/weir/bench_report.h"
#include "tools/weir/json_out.h"

static const char *const paces[] = {"yield", "spin", "sleep"};
static const char *const acks[] = {"all", "each"};
static const char *const progresses[] = {"poll", "commit"};
static const char *const slows[] = {"catch_up", "block", "gap"};
static const char *const levels[] = {"default", "memory", "written", "durable"};
static const char *const huges[] = {"off", "transparent", "try", "require"};
static const char *const journal_threads[] = {"auto", "on", "off"};
static const char *const waits[] = {"default", "spin", "adaptive", "yield", "park"};

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

static void latencies_json(struct json_out *j, const struct pipeline_latency *latency)
{
	latency_json(j, "publish_us", latency->publish);
	latency_json(j, "ack_us", latency->ack);
	latency_json(j, "handle_us", latency->handle);
	latency_json(j, "settle_us", latency->settle);
}

static void bare_json(struct json_out *j, const struct bench_report *r)
{
	struct histogram *bare = bench_bare_together(r);

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

static void streams_json(struct json_out *j, const struct bench_report *r)
{
	const struct pipeline_settings *s = r->settings;

	json_array(j, "streams");
	for (uint32_t i = 0; i < s->stream_count; i++) {
		const struct pipeline_stream *stream = &s->streams[i];
		json_object(j, NULL);
		json_text(j, "topic", s->topics[stream->topic].name);
		json_u64(j, "partitions", s->topics[stream->topic].partitions);
		json_u64(j, "producers", stream->producer_count);
		if (s->input != NULL)
			json_u64(j, "input_lines", s->input->line_count);
		else
			json_u64(j, "payload_bytes", stream->payload_bytes);
		json_u64(j, "keys", stream->key_count);
		if (stream->rate == PIPELINE_RATE_MAX)
			json_text(j, "rate", "max");
		else
			json_u64(j, "rate", stream->rate);
		json_text(j, "key_field", s->input != NULL ? s->input->key_field : NULL);
		bench_cpus_list_json(j, &stream->cpus);
		latency_json(j, "publish_us", r->result->streams[i].publish);
		latency_json(j, "ack_us", r->result->streams[i].ack);
		json_close(j);
	}
	json_close(j);
}

static void readers_json(struct json_out *j, const struct bench_report *r)
{
	const struct pipeline_settings *s = r->settings;

	json_array(j, "readers");
	for (uint32_t i = 0; i < s->subscription_count; i++) {
		const struct weir_subscription_options *subscription = &s->subscriptions[i];
		json_object(j, NULL);
		json_text(j, "subscription", subscription->name);
		json_array(j, "topics");
		for (uint32_t k = 0; k < subscription->topic_count; k++)
			json_text(j, NULL, subscription->topics[k]);
		json_close(j);
		json_u64(j, "members", s->readers[i].member_count);
		json_text(j, "gate", levels[subscription->gate]);
		json_text(j, "when_slow", slows[subscription->when_slow]);
		bench_cpus_list_json(j, &s->readers[i].cpus);
		latency_json(j, "handle_us", r->result->readers[i].handle);
		latency_json(j, "settle_us", r->result->readers[i].settle);
		json_close(j);
	}
	json_close(j);
}

static void settings_json(struct json_out *j, const struct bench_report *r)
{
	const struct pipeline_settings *s = r->settings;
	const struct weir_options *o = &s->options;

	json_object(j, "settings");
	json_bool(j, "memory", r->dir == NULL);
	json_text(j, "config", r->config);
	json_u64(j, "producers", pipeline_producer_count(s));
	json_u64(j, "members", pipeline_member_count(s));
	json_f64(j, "seconds", (double)s->length_ns / 1e9, 3);
	json_f64(j, "warmup_seconds", (double)s->warmup_ns / 1e9, 3);
	json_text(j, "level", levels[s->level]);
	json_text(j, "pace", paces[s->pace]);
	json_text(j, "ack", acks[s->ack]);
	json_text(j, "progress", progresses[s->progress]);
	json_text(j, "wait", waits[o->log.wait]);
	json_text(j, "journal_thread", journal_threads[o->journal_thread]);
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
	bench_machine_json_begin(j, m);
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
	json_f64(&j, "events_per_s", bench_per_second(x->events, x->elapsed_ns), 1);
	json_f64(&j, "published_per_s", bench_per_second(x->events, x->publish_ns), 1);
	json_f64(&j, "events_per_cpu_s", bench_per_second(x->events, x->cpu_ns), 1);
	json_f64(&j, "cpu_ns_per_event", x->events == 0 ? 0 : (double)x->cpu_ns / (double)x->events,
		 3);
	json_f64(&j, "elapsed_s", (double)x->elapsed_ns / 1e9, 6);
	json_f64(&j, "cpu_s", (double)x->cpu_ns / 1e9, 6);
	latencies_json(&j, &x->all);
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
	streams_json(&j, r);
	readers_json(&j, r);
	settings_json(&j, r);
	machine_json(&j, &r->machine);
	threads_json(&j, &x->info);
	json_text(&j, "thread_note", x->info.thread_note[0] != '\0' ? x->info.thread_note : NULL);
	json_text(&j, "memory_note", x->info.memory_note[0] != '\0' ? x->info.memory_note : NULL);
	return json_end(&j);
}
