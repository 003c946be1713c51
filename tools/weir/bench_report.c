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

struct histogram *bench_bare_together(const struct bench_report *r)
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

/* Nothing where it was not measured. */
static void latency_row(FILE *to, const char *name, const struct histogram *h)
{
	static const uint32_t ppm[] = {500000, 900000, 990000, 999000, 999900};
	char text[CLI_TEXT_BYTES];

	if (h == NULL)
		return;

	if (h->count == 0) {
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

static void stream_text(const struct bench_report *r, uint32_t index, FILE *to)
{
	const struct pipeline_settings *s = r->settings;
	const struct pipeline_stream *stream = &s->streams[index];
	const struct weir_topic_options *topic = &s->topics[stream->topic];
	char keys[CLI_TEXT_BYTES + 8] = "no keys";
	char rate[CLI_TEXT_BYTES + 16] = "as fast as it goes";
	char text[CLI_TEXT_BYTES];

	if (s->input != NULL && s->input->key_field != NULL)
		(void)snprintf(keys, sizeof keys, "keys of %.20s", s->input->key_field);
	else if (stream->key_count > 0)
		(void)snprintf(keys, sizeof keys, "%s keys",
			       cli_text_count(text, stream->key_count));
	if (stream->rate != PIPELINE_RATE_MAX)
		(void)snprintf(rate, sizeof rate, "%s/s, open loop",
			       cli_text_rate(text, (double)stream->rate));
	fprintf(to, "publish     %s: producers %u, ", topic->name, stream->producer_count);
	if (s->input != NULL)
		fprintf(to, "%s recorded lines", cli_text_count(text, s->input->line_count));
	else
		fprintf(to, "%llu-byte events", (unsigned long long)stream->payload_bytes);
	fprintf(to, ", %s, partitions %u; %s\n", keys, topic->partitions, rate);
}

static void reader_text(const struct bench_report *r, uint32_t index, FILE *to)
{
	const struct weir_subscription_options *subscription = &r->settings->subscriptions[index];

	fprintf(to, "read        %s: members %u; topics", subscription->name,
		r->settings->readers[index].member_count);
	for (uint32_t i = 0; i < subscription->topic_count; i++)
		fprintf(to, "%s %s", i > 0 ? "," : "", subscription->topics[i]);
	fputc('\n', to);
}

static void heading_text(const struct bench_report *r, FILE *to)
{
	const struct pipeline_settings *s = r->settings;
	const struct weir_info *info = &r->result->info;
	char length[CLI_TEXT_BYTES];
	char warmup[CLI_TEXT_BYTES];

	fprintf(to, "machine     %s; %u of %u CPUs; kernel %s; governor %s%s%s\n", r->machine.cpu,
		r->machine.cpus_allowed, r->machine.cpus_online, r->machine.kernel,
		r->machine.governor, r->machine.file_system[0] != '\0' ? "; " : "",
		r->machine.file_system);
	fprintf(to, "run         %s after %s%s%s\n", cli_text_ns(length, s->length_ns),
		cli_text_ns(warmup, s->warmup_ns), r->config != NULL ? ", by " : "",
		r->config != NULL ? r->config : "");
	for (uint32_t i = 0; i < s->stream_count; i++)
		stream_text(r, i, to);
	for (uint32_t i = 0; i < s->subscription_count; i++)
		reader_text(r, i, to);
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

static void latency_rows(FILE *to, const struct pipeline_latency *latency)
{
	latency_row(to, "publish", latency->publish);
	latency_row(to, "ack", latency->ack);
	latency_row(to, "handle", latency->handle);
	latency_row(to, "settle", latency->settle);
}

/* Of each stream and reader, where there are several. */
static void parts_text(const struct bench_report *r, FILE *to)
{
	const struct pipeline_settings *s = r->settings;

	for (uint32_t i = 0; i < s->stream_count && s->stream_count > 1; i++) {
		fprintf(to, "\n  into %s (%u)\n", s->topics[s->streams[i].topic].name, i + 1);
		latency_rows(to, &r->result->streams[i]);
	}
	for (uint32_t i = 0; i < s->subscription_count && s->subscription_count > 1; i++) {
		if (s->readers[i].member_count == 0)
			continue;
		fprintf(to, "\n  by %s\n", s->subscriptions[i].name);
		latency_rows(to, &r->result->readers[i]);
	}
}

void bench_report_text(const struct bench_report *r, FILE *to)
{
	const struct pipeline_result *x = r->result;
	struct histogram *bare = bench_bare_together(r);
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];

	heading_text(r, to);
	fprintf(to,
		"events      %s in %s: %s/s handled, progress at the level (published at %s/s)\n",
		cli_text_count(a, x->events), cli_text_ns(b, x->elapsed_ns),
		cli_text_rate(c, bench_per_second(x->events, x->elapsed_ns)),
		cli_text_rate(d, bench_per_second(x->events, x->publish_ns)));
	fprintf(to, "cpu         %s: %s events a CPU second, %.1f ns an event\n",
		cli_text_ns(a, x->cpu_ns), cli_text_rate(b, bench_per_second(x->events, x->cpu_ns)),
		x->events == 0 ? 0 : (double)x->cpu_ns / (double)x->events);
	if (r->dir != NULL)
		fprintf(to, "journal     %s batches, %s, %s writes, %s syncs\n",
			cli_text_count(a, x->batches), cli_text_bytes(b, x->batch_bytes),
			cli_text_count(c, x->journal_writes), cli_text_count(d, x->syncs));
	fprintf(to, "memory      %s reserved at open", cli_text_bytes(a, x->info.memory_bytes));
	if (x->info.huge_page_bytes > 0)
		fprintf(to, ", %s of it in huge pages", cli_text_bytes(a, x->info.huge_page_bytes));
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
	latency_rows(to, &x->all);
	latency_row(to, "bare sync", bare);
	parts_text(r, to);
	fputs("\nFrom the time that an event is due until it is handed over (publish), its\n"
	      "ticket is acknowledged (ack), a member has it (handle)",
	      to);
	if (x->all.settle != NULL)
		fputs(", its progress has the level (settle)", to);
	fputs(".\n", to);
	if (x->all.ack->count > 0) {
		fprintf(to, "\nack latency by percentile\n");
		bench_plot(to, x->all.ack, cli_columns(to), utf8_terminal());
	}
	if (r->interrupted)
		fprintf(to, "\ninterrupted: the run was shorter than asked for\n");
	histogram_destroy(bare);
}
