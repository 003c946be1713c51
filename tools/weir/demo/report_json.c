/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a demo as one JSON object: for CI, and for whoever compares runs. */
#include <stdio.h>

#include "tools/weir/demo/report.h"
#include "tools/weir/json_out.h"

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static void put_latency(struct json_out *j, const struct demo_histogram *ack)
{
	json_object(j, "ack_us");
	json_f64(j, "p50", us(demo_histogram_at(ack, 0.5)), 1);
	json_f64(j, "p90", us(demo_histogram_at(ack, 0.9)), 1);
	json_f64(j, "p99", us(demo_histogram_at(ack, 0.99)), 1);
	json_f64(j, "p999", us(demo_histogram_at(ack, 0.999)), 1);
	json_f64(j, "p9999", us(demo_histogram_at(ack, 0.9999)), 1);
	json_f64(j, "max", us(ack->max_ns), 1);
	json_close(j);
}

static void put_threads(struct json_out *j, const struct weir_info *info)
{
	json_array(j, "threads");
	for (uint32_t i = 0; i < info->thread_count && i < WEIR_THREADS_MAX; i++) {
		const struct weir_thread_info *thread = &info->threads[i];
		json_object(j, NULL);
		json_text(j, "name", thread->name);
		json_bool(j, "pinned", thread->pinned);
		json_i64(j, "cpu", thread->last_cpu);
		json_f64(j, "cpu_ms", (double)thread->cpu_ns / 1e6, 3);
		json_u64(j, "parks", thread->parks);
		json_close(j);
	}
	json_close(j);
}

static void put_journal(struct json_out *j, const struct demo_audit *audit)
{
	json_object(j, "journal");
	json_u64(j, "events", audit->event_count);
	json_u64(j, "damaged", audit->damaged_count);
	json_u64(j, "repeated", audit->repeated_count);
	json_u64(j, "foreign", audit->foreign_count);
	json_u64(j, "missing", audit->missing_count);
	json_u64(j, "trades", audit->trade_count);
	json_close(j);
	if (audit->snapshots.level_count == 0)
		return;
	json_object(j, "exchange_snapshots");
	json_u64(j, "snapshots", audit->snapshots.snapshot_count);
	json_u64(j, "levels", audit->snapshots.level_count);
	json_u64(j, "equal", audit->snapshots.equal_count);
	json_close(j);
}

/* What somebody saw who looked while it ran. */
static void put_live(struct json_out *j, const struct demo_result *result)
{
	const struct demo_seen *seen = &result->shared->seen;

	json_object(j, "live");
	json_text(j, "url", result->url);
	json_bool(j, "top", seen->top);
	json_u64(j, "page_bytes", seen->page_bytes);
	json_u64(j, "events", seen->events[1]);
	json_f64(j, "events_per_s", seen->events_per_s, 1);
	json_u64(j, "subscriptions", seen->subscriptions);
	json_close(j);
}

int demo_report_json(const struct demo_result *result)
{
	const struct demo_plan *plan = result->plan;
	const struct weir_info *info = &result->shared->info;
	struct json_out j;

	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_bool(&j, "ok", result->good);
	json_u64(&j, "events", result->event_count);
	json_u64(&j, "acked", result->acked_count);
	json_u64(&j, "lost", result->lost_count);
	json_u64(&j, "in_doubt", result->in_doubt_count);
	json_u64(&j, "in_doubt_found", result->in_doubt_found_count);
	json_u64(&j, "order_violations", result->order_violations);
	json_u64(&j, "book_mismatches", result->book_mismatches);
	json_u64(&j, "tally_mismatches", result->tally_mismatches);
	json_object(&j, "failing_consumer");
	json_u64(&j, "events", result->repair.event_count);
	json_u64(&j, "dead_letters", result->repair.letter_count);
	json_u64(&j, "parked", result->repair.parked_count);
	json_u64(&j, "redriven", result->repair.redriven_count);
	json_u64(&j, "books_without_redrive", result->repair.unrepaired_count);
	json_u64(&j, "wrong", result->repair.wrong_count);
	json_close(&j);
	json_f64(&j, "recovery_ms", (double)result->recovery_ns / 1e6, 3);
	json_f64(&j, "open_ms", (double)result->open_ns / 1e6, 3);
	json_f64(&j, "events_per_s", demo_result_events_per_s(result), 1);
	put_latency(&j, &result->shared->ack);
	json_text(&j, "backend", info->backend);
	json_text(&j, "backend_reason", info->backend_reason);
	json_text(&j, "engine", info->engine);
	json_text(&j, "thread_note", info->thread_note);
	put_live(&j, result);
	put_threads(&j, info);
	put_journal(&j, result->audit);
	json_object(&j, "settings");
	json_text(&j, "source", plan->input != NULL ? "input" : "generator");
	json_u64(&j, "seed", plan->seed);
	json_u64(&j, "rate", plan->rate_per_s);
	json_u64(&j, "partitions", plan->partitions);
	json_text(&j, "level", "durable");
	json_close(&j);
	json_close(&j);
	return json_end(&j);
}
