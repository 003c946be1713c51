/* SPDX-License-Identifier: Apache-2.0 */
/* The report of the journal benchmark for programs: journal_bench_report.h; its fields are in
 * docs/reference/cli.md. Thread: main. */
#include "tools/weir/bench_machine_json.h"
#include "tools/weir/journal_bench_report.h"
#include "tools/weir/json_out.h"

static void spread_json(struct json_out *j, const char *name, const char *least, const char *most,
			struct spread s, double scale)
{
	json_f64(j, name, s.median * scale, 3);
	json_f64(j, least, s.least * scale, 3);
	json_f64(j, most, s.most * scale, 3);
}

static void latency_json(struct json_out *j, const char *key, const struct rounds_latency *latency)
{
	if (latency->count == 0) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	spread_json(j, "p50", "p50_least", "p50_most", spread_of(latency->p50_ns, latency->count),
		    1e-3);
	spread_json(j, "p99", "p99_least", "p99_most", spread_of(latency->p99_ns, latency->count),
		    1e-3);
	spread_json(j, "p999", "p999_least", "p999_most",
		    spread_of(latency->p999_ns, latency->count), 1e-3);
	json_f64(j, "max", (double)latency->all->greatest / 1e3, 3);
	json_u64(j, "samples", latency->all->count);
	json_close(j);
}

static void cpu_json(struct json_out *j, const struct journal_report *r,
		     const struct journal_round *rounds)
{
	json_f64(j, "journal_cpu_ns_per_event",
		 journal_spread(r, rounds, JOURNAL_WRITER_CPU_NS).median, 3);
	json_f64(j, "producer_cpu_ns_per_event",
		 journal_spread(r, rounds, JOURNAL_PRODUCER_CPU_NS).median, 3);
	json_f64(j, "other_cpu_ns_per_event",
		 journal_spread(r, rounds, JOURNAL_OTHER_CPU_NS).median, 3);
	json_f64(j, "syncs_per_s", journal_spread(r, rounds, JOURNAL_SYNCS_PER_S).median, 1);
}

static void saturated_json(struct json_out *j, const struct journal_report *r)
{
	json_object(j, "saturated");
	spread_json(j, "events_per_s", "events_per_s_least", "events_per_s_most",
		    journal_spread(r, r->saturated, JOURNAL_EVENTS_PER_S), 1);
	json_f64(j, "bytes_per_s",
		 journal_spread(r, r->saturated, JOURNAL_PAYLOAD_BYTES_PER_S).median, 1);
	json_f64(j, "device_bytes_per_s",
		 journal_spread(r, r->saturated, JOURNAL_DEVICE_BYTES_PER_S).median, 1);
	json_f64(j, "process_bytes_per_s",
		 journal_spread(r, r->saturated, JOURNAL_PROCESS_BYTES_PER_S).median, 1);
	cpu_json(j, r, r->saturated);
	latency_json(j, "ack_us", &r->saturated_ack);
	json_close(j);
}

static void rates_json(struct json_out *j, const struct journal_report *r)
{
	json_array(j, "at_rate");
	for (uint32_t i = 0; i < r->choices.rate_count; i++) {
		const struct journal_rate_report *at = &r->rates[i];
		uint64_t late_count = 0;
		for (uint32_t k = 0; k < r->rounds; k++)
			late_count += at->rounds[k].late_count;
		json_object(j, NULL);
		json_u64(j, "events_per_s", at->rate);
		json_u64(j, "given_up", late_count);
		latency_json(j, "ack_us", &at->ack);
		latency_json(j, "bare_sync_us", &at->bare);
		cpu_json(j, r, at->rounds);
		json_close(j);
	}
	json_close(j);
}

static void peers_json(struct json_out *j, const struct journal_report *r)
{
	json_array(j, "peers");
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct journal_peer_report *p = &r->peers[i];
		json_object(j, NULL);
		json_text(j, "name", p->peer->name);
		json_text(j, "version", p->version);
		json_text(j, "runs_as", p->peer->settings);
		json_bool(j, "durable", journal_peer_acks_early(p->peer, p->version) == NULL);
		json_text(j, "acks_early", journal_peer_acks_early(p->peer, p->version));
		spread_json(j, "events_per_s", "events_per_s_least", "events_per_s_most",
			    spread_of(p->events_per_s, r->rounds), 1);
		latency_json(j, "ack_us", &p->saturated_ack);
		json_array(j, "at_rate");
		for (uint32_t k = 0; k < r->choices.rate_count; k++) {
			json_object(j, NULL);
			json_u64(j, "events_per_s", r->choices.rates[k]);
			json_u64(j, "given_up", p->late_count[k]);
			latency_json(j, "ack_us", &p->at_rate[k]);
			json_close(j);
		}
		json_close(j);
		json_close(j);
	}
	json_close(j);
}

static void check_json(struct json_out *j, const struct journal_report *r)
{
	const struct journal_check *check = &r->check;

	json_object(j, "ack_check");
	json_bool(j, "ok", !journal_check_failed(r));
	json_u64(j, "events", check->events);
	json_u64(j, "acknowledgements", check->acknowledgements);
	json_u64(j, "durable_writes", check->durable_writes);
	json_u64(j, "uncovered", check->uncovered);
	json_u64(j, "refused", check->refused);
	if (check->flushes_told)
		json_u64(j, "device_flushes", check->device_flushes);
	else
		json_null(j, "device_flushes");
	json_close(j);
}

static void point_json(struct json_out *j, const struct limit_point *point)
{
	json_u64(j, "block_bytes", point->block_bytes);
	json_u64(j, "depth", point->depth);
	json_text(j, "sync", limit_sync_names[point->sync]);
}

static void limit_json(struct json_out *j, const struct journal_report *r)
{
	const struct journal_limit *limit = &r->limit;

	if (limit->best_count == 0) {
		json_null(j, "device_limit");
		return;
	}
	json_object(j, "device_limit");
	spread_json(j, "bytes_per_s", "bytes_per_s_least", "bytes_per_s_most",
		    journal_limit_spread(r), 1);
	json_f64(j, "of_limit", journal_of_limit(r), 4);
	json_text(j, "tool", limit->tool);
	point_json(j, &limit->points[limit->best[0]]);
	json_array(j, "sweep");
	for (uint32_t i = 0; i < limit->point_count; i++) {
		json_object(j, NULL);
		point_json(j, &limit->points[i]);
		json_f64(j, "bytes_per_s", limit->points[i].bytes_per_s, 1);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

static void device_json(struct json_out *j, const struct bench_device *d)
{
	json_object(j, "device");
	json_text(j, "name", d->name);
	json_text(j, "model", d->model);
	json_text(j, "write_cache", d->write_cache);
	json_text(j, "fua", d->fua);
	json_text(j, "scheduler", d->scheduler);
	json_text(j, "rotational", d->rotational);
	json_text(j, "physical_block_bytes", d->physical_block_bytes);
	json_text(j, "below", d->below[0] != '\0' ? d->below : NULL);
	json_text(j, "file_system", d->file_system);
	json_text(j, "mount_options", d->mount_options);
	json_close(j);
}

static void settings_json(struct json_out *j, const struct journal_choices *c)
{
	json_object(j, "settings");
	json_u64(j, "payload_bytes", c->payload_bytes);
	json_u64(j, "producers", c->producers);
	json_f64(j, "seconds", (double)c->length_ns / 1e9, 3);
	json_f64(j, "warmup_seconds", (double)c->warmup_ns / 1e9, 3);
	json_f64(j, "bare_seconds", (double)c->bare_ns / 1e9, 3);
	json_u64(j, "segment_bytes", c->segment_bytes);
	json_u64(j, "retention_bytes", c->retention_bytes);
	json_close(j);
}

int journal_report_json(const struct journal_report *r, FILE *to)
{
	char warnings[1024];
	struct json_out j;

	journal_report_warnings(r, warnings, sizeof warnings);
	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "journal");
	json_text(&j, "weir", weir_version());
	json_bool(&j, "interrupted", r->interrupted);
	json_u64(&j, "rounds", r->rounds);
	saturated_json(&j, r);
	rates_json(&j, r);
	peers_json(&j, r);
	check_json(&j, r);
	limit_json(&j, r);
	json_text(&j, "warnings", warnings[0] != '\0' ? warnings : NULL);
	json_text(&j, "backend", r->info.backend);
	json_text(&j, "engine", r->info.engine);
	json_text(&j, "backend_reason", r->info.reason);
	json_bool(&j, "journal_thread", r->info.journal_thread);
	settings_json(&j, &r->choices);
	device_json(&j, &r->device);
	bench_machine_json_begin(&j, &r->machine);
	json_text(&j, "file_system", r->machine.file_system);
	json_close(&j);
	return json_end(&j);
}
