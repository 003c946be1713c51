/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_bench_report.h. Thread: main. */
#include "tools/weir/journal_bench_report.h"

#include <stdlib.h>
#include <string.h>

#include "tools/weir/args.h"

void journal_report_free(struct journal_report *report)
{
	for (uint32_t i = 0; i < JOURNAL_RATES_MAX; i++) {
		rounds_fini(&report->rates[i].ack);
		rounds_fini(&report->rates[i].bare);
		for (uint32_t p = 0; p < JOURNAL_PEERS_MAX; p++)
			rounds_fini(&report->peers[p].at_rate[i]);
	}
	for (uint32_t p = 0; p < JOURNAL_PEERS_MAX; p++)
		rounds_fini(&report->peers[p].saturated_ack);
	rounds_fini(&report->saturated_ack);
	free(report);
}

bool journal_check_failed(const struct journal_report *report)
{
	const struct journal_check *check = &report->check;

	return check->events == 0 || check->uncovered > 0 || check->refused > 0 ||
	       journal_check_flushes_lack(check, &report->device);
}

double journal_figure(const struct journal_round *r, enum journal_figure figure,
		      uint64_t payload_bytes)
{
	double seconds = (double)r->elapsed_ns / 1e9;
	double events = (double)r->cpu_events;

	if (!(seconds > 0) || !(events > 0))
		return 0;
	switch (figure) {
	case JOURNAL_EVENTS_PER_S:
		return events / seconds;
	case JOURNAL_PAYLOAD_BYTES_PER_S:
		return events * (double)payload_bytes / seconds;
	case JOURNAL_DEVICE_BYTES_PER_S:
		return (double)r->batch_bytes / seconds;
	case JOURNAL_PROCESS_BYTES_PER_S:
		return (double)r->process_write_bytes / seconds;
	case JOURNAL_SYNCS_PER_S:
		return (double)r->syncs / seconds;
	case JOURNAL_WRITER_CPU_NS:
		return (double)(r->log_cpu_ns + r->journal_cpu_ns) / events;
	case JOURNAL_LOG_CPU_NS:
		return (double)r->log_cpu_ns / events;
	case JOURNAL_JOURNAL_CPU_NS:
		return (double)r->journal_cpu_ns / events;
	case JOURNAL_PRODUCER_CPU_NS:
		return (double)r->producer_cpu_ns / events;
	case JOURNAL_OTHER_CPU_NS:
		return (double)r->other_cpu_ns / events;
	}
	return 0;
}

struct spread journal_spread(const struct journal_report *report,
			     const struct journal_round *rounds, enum journal_figure figure)
{
	double values[ROUNDS_MAX];

	for (uint32_t i = 0; i < report->rounds; i++)
		values[i] = journal_figure(&rounds[i], figure, report->choices.payload_bytes);
	return spread_of(values, report->rounds);
}

uint64_t journal_late_count(const struct journal_report *report)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < report->choices.rate_count; i++)
		for (uint32_t k = 0; k < report->rounds; k++)
			count += report->rates[i].rounds[k].late_count;
	return count;
}

void journal_limit_best(struct journal_limit *limit)
{
	limit->best_count = 0;
	for (uint32_t k = 0; k < WR_ARRAY_COUNT(limit->best) && k < limit->point_count; k++) {
		uint32_t best = UINT32_MAX;
		for (uint32_t i = 0; i < limit->point_count; i++)
			if ((k == 0 || i != limit->best[0]) &&
			    (best == UINT32_MAX ||
			     limit->points[i].bytes_per_s > limit->points[best].bytes_per_s))
				best = i;
		limit->best[limit->best_count++] = best;
	}
}

struct spread journal_limit_spread(const struct journal_report *report)
{
	if (report->limit.best_count == 0)
		return (struct spread){.median = 0};
	return spread_of(report->limit.bytes_per_s, report->rounds);
}

double journal_of_limit(const struct journal_report *report)
{
	double limit = journal_limit_spread(report).median;

	if (!(limit > 0))
		return 0;
	return journal_spread(report, report->saturated, JOURNAL_DEVICE_BYTES_PER_S).median / limit;
}

void journal_report_warnings(const struct journal_report *r, char *text, size_t text_bytes)
{
	const struct bench_machine *m = &r->machine;
	size_t at = 0;

	text[0] = '\0';
	if (journal_check_failed(r))
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "acknowledgements without a sync: %llu of %llu events, %llu "
				       "refused, the device did %llu flushes\n",
				       (unsigned long long)r->check.uncovered,
				       (unsigned long long)r->check.events,
				       (unsigned long long)r->check.refused,
				       (unsigned long long)r->check.device_flushes);
	if (at < text_bytes && journal_of_limit(r) > 1)
		at += (size_t)snprintf(
			text + at, text_bytes - at,
			"%.0f%% of the device's limit: more than all there is cannot "
			"be, so the limit was measured too low, or at another time "
			"of a shared disk: run it again, for longer\n",
			100 * journal_of_limit(r));
	if (at < text_bytes && r->limit.best_count == 0)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "the device's limit was not measured: %s\n", r->limit.why);
	if (at < text_bytes && journal_late_count(r) > 0)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "%llu events were due and given up: a rate is too high\n",
				       (unsigned long long)journal_late_count(r));
	if (at < text_bytes && m->cpus_allowed < 4)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "%u CPUs: producers, the journal and the kernel's workers "
				       "wait for each other\n",
				       m->cpus_allowed);
	if (at < text_bytes && m->virtual_machine)
		(void)snprintf(text + at, text_bytes - at,
			       "a virtual machine: whether its host's flush reaches the medium "
			       "cannot be seen from inside\n");
}

/* --- text ------------------------------------------------------------------------------------ */

static void latency_row(const char *name, const struct rounds_latency *latency, FILE *to)
{
	char t[5][CLI_TEXT_BYTES];
	struct spread p50 = spread_of(latency->p50_ns, latency->count);
	struct spread p99 = spread_of(latency->p99_ns, latency->count);
	struct spread p999 = spread_of(latency->p999_ns, latency->count);

	if (latency->count == 0)
		return;
	fprintf(to, "%-24s %9s %9s %9s   p99 %s .. %s\n", name,
		cli_text_ns(t[0], (uint64_t)p50.median), cli_text_ns(t[1], (uint64_t)p99.median),
		cli_text_ns(t[2], (uint64_t)p999.median), cli_text_ns(t[3], (uint64_t)p99.least),
		cli_text_ns(t[4], (uint64_t)p99.most));
}

static void rate_rows(const struct journal_report *r, FILE *to)
{
	char rate[CLI_TEXT_BYTES];
	char name[64];

	fprintf(to, "\n%-24s %9s %9s %9s\n", "events a second, due", "p50", "p99", "p99.9");
	for (uint32_t i = 0; i < r->choices.rate_count; i++) {
		const struct journal_rate_report *at = &r->rates[i];
		(void)snprintf(name, sizeof name, "%s  ack", cli_text_count(rate, at->rate));
		latency_row(name, &at->ack, to);
		latency_row("  bare write+fdatasync", &at->bare, to);
		struct spread a = spread_of(at->ack.p50_ns, at->ack.count);
		struct spread b = spread_of(at->bare.p50_ns, at->bare.count);
		struct spread a99 = spread_of(at->ack.p99_ns, at->ack.count);
		struct spread b99 = spread_of(at->bare.p99_ns, at->bare.count);
		if (b.median > 0 && b99.median > 0)
			fprintf(to, "%-24s %8.2fx %8.2fx   %.0f ns of CPU an event, %.0f syncs/s\n",
				"  ratio", a.median / b.median, a99.median / b99.median,
				journal_spread(r, at->rounds, JOURNAL_WRITER_CPU_NS).median,
				journal_spread(r, at->rounds, JOURNAL_SYNCS_PER_S).median);
	}
}

static void saturated_rows(const struct journal_report *r, FILE *to)
{
	static const struct {
		const char *name;
		enum journal_figure figure;
		const char *unit;
		double scale;
	} rows[] = {
		{"events", JOURNAL_EVENTS_PER_S, "M/s", 1e-6},
		{"payload", JOURNAL_PAYLOAD_BYTES_PER_S, "MB/s", 1e-6},
		{"batches on the device", JOURNAL_DEVICE_BYTES_PER_S, "MB/s", 1e-6},
		{"written by the process", JOURNAL_PROCESS_BYTES_PER_S, "MB/s", 1e-6},
		{"syncs", JOURNAL_SYNCS_PER_S, "/s", 1},
		{"CPU of log and journal", JOURNAL_WRITER_CPU_NS, "ns an event", 1},
		{"CPU of producers", JOURNAL_PRODUCER_CPU_NS, "ns an event", 1},
		{"CPU of the rest", JOURNAL_OTHER_CPU_NS, "ns an event", 1},
	};

	fprintf(to, "\nsaturated, %llu B, %llu producers\n",
		(unsigned long long)r->choices.payload_bytes,
		(unsigned long long)r->choices.producers);
	for (size_t i = 0; i < WR_ARRAY_COUNT(rows); i++) {
		struct spread s = journal_spread(r, r->saturated, rows[i].figure);
		fprintf(to, "  %-24s %10.2f %-12s (%.2f .. %.2f)\n", rows[i].name,
			s.median * rows[i].scale, rows[i].unit, s.least * rows[i].scale,
			s.most * rows[i].scale);
	}
	latency_row("  ack", &r->saturated_ack, to);
}

static void limit_rows(const struct journal_report *r, FILE *to)
{
	const struct journal_limit *limit = &r->limit;
	struct spread s = journal_limit_spread(r);

	if (limit->best_count == 0)
		return;
	const struct limit_point *best = &limit->points[limit->best[0]];
	fprintf(to, "  %-24s %10.2f %-12s (%.2f .. %.2f), %s, %u KiB, %u deep, a sync %s\n",
		"the device's limit", s.median / 1e6, "MB/s", s.least / 1e6, s.most / 1e6,
		limit->tool, best->block_bytes >> 10, best->depth, limit_sync_names[best->sync]);
	fprintf(to, "  %-24s %10.1f %%\n", "batches to it", 100 * journal_of_limit(r));
}

static void check_row(const struct journal_report *r, FILE *to)
{
	const struct journal_check *k = &r->check;
	char t[3][CLI_TEXT_BYTES];

	fprintf(to, "checked     %s events in %s acknowledgements, %s durable writes: %s\n",
		cli_text_count(t[0], k->events), cli_text_count(t[1], k->acknowledgements),
		cli_text_count(t[2], k->durable_writes),
		journal_check_failed(r) ? "FAILED" : "each event was in one before");
	if (k->flushes_told)
		fprintf(to, "            the device did %s flushes meanwhile\n",
			cli_text_count(t[0], k->device_flushes));
}

static void peer_rows(const struct journal_report *r, FILE *to)
{
	char t[3][CLI_TEXT_BYTES];

	if (r->peer_count > 0)
		fprintf(to, "\n%-24s %12s %9s %9s %9s\n", "peers", "events/s", "p50", "p99",
			"p99.9");
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct journal_peer_report *p = &r->peers[i];
		fprintf(to, "%s %s: %s\n", p->peer->name, p->version, p->peer->settings);
		if (journal_peer_acks_early(p->peer, p->version) != NULL)
			fprintf(to, "  NOT DURABLE: %s\n",
				journal_peer_acks_early(p->peer, p->version));
		for (uint32_t k = 0; k <= r->choices.rate_count; k++) {
			bool at_rate = k < r->choices.rate_count;
			const struct rounds_latency *l =
				at_rate ? &p->at_rate[k] : &p->saturated_ack;
			double rate = at_rate ? (double)r->choices.rates[k]
					      : spread_of(p->events_per_s, r->rounds).median;
			fprintf(to, "  %-22s %12.0f %9s %9s %9s%s\n",
				at_rate ? "at a rate" : "saturated", rate,
				cli_text_ns(t[0], (uint64_t)spread_of(l->p50_ns, l->count).median),
				cli_text_ns(t[1], (uint64_t)spread_of(l->p99_ns, l->count).median),
				cli_text_ns(t[2], (uint64_t)spread_of(l->p999_ns, l->count).median),
				at_rate && p->late_count[k] > 0 ? "  cannot" : "");
		}
	}
}

void journal_report_text(const struct journal_report *r, FILE *to)
{
	const struct bench_device *d = &r->device;
	char warnings[1024];

	fprintf(to, "cpu         %s, %u of %u CPUs%s\nkernel      %s\n", r->machine.cpu,
		r->machine.cpus_allowed, r->machine.cpus_online,
		r->machine.virtual_machine ? ", a virtual machine" : "", r->machine.kernel);
	fprintf(to, "device      %s (%s), write cache %s, FUA %s\n", d->name, d->model,
		d->write_cache, d->fua);
	fprintf(to, "file system %s, %s\n", d->file_system, d->mount_options);
	fprintf(to, "journal     %s, %s%s\nrounds      %u, in turn; medians\n", r->info.backend,
		r->info.engine,
		r->info.journal_thread ? ", a thread of its own" : ", on the log's thread",
		r->rounds);
	journal_report_warnings(r, warnings, sizeof warnings);
	for (char *line = warnings; *line != '\0'; line += strcspn(line, "\n") + 1)
		fprintf(to, "careful     %.*s\n", (int)strcspn(line, "\n"), line);
	check_row(r, to);
	rate_rows(r, to);
	saturated_rows(r, to);
	limit_rows(r, to);
	peer_rows(r, to);
}
