/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of a demo. Figures stand in one column, what explains them beside it; colours only say
 * again what the words say. The plot has "nines" along its x axis, since that is where the
 * interesting part of a latency lies, and a logarithmic y axis.
 */
#include "tools/weir/demo/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/args.h"

#define GREEN "\033[32m"
#define RED "\033[1;31m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

double demo_result_events_per_s(const struct demo_result *result)
{
	if (result->active_ns == 0)
		return 0;
	return (double)result->acked_count * 1e9 / (double)result->active_ns;
}

/* --- the table ----------------------------------------------------------------------------- */

static void row(const char *name, const char *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void row(const char *name, const char *value, const char *format, ...)
{
	va_list arguments;

	printf("  %-28s %14s", name, value);
	va_start(arguments, format);
	if (format[0] != '\0')
		printf("   ");
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* A figure that must be 0. */
static void zero_row(const char *name, uint64_t n, const char *note)
{
	bool color = cli_color(stdout);
	char text[CLI_TEXT_BYTES];

	printf("  %-28s %s%14s%s   %s\n", name, color ? (n == 0 ? GREEN : RED) : "",
	       cli_text_count(text, n), color ? PLAIN : "", note);
}

static void count_row(const char *name, uint64_t n, const char *note)
{
	char text[CLI_TEXT_BYTES];
	row(name, cli_text_count(text, n), "%s", note);
}

static void print_repair(const struct demo_repair *repair)
{
	char note[160];

	if (repair->event_count == 0)
		return;
	snprintf(note, sizeof note, "a consumer with a fault; %llu events parked with their keys",
		 (unsigned long long)repair->parked_count);
	count_row("dead letters", repair->letter_count, note);
	snprintf(note, sizeof note, "%llu redriven once it is mended; %llu books differed before",
		 (unsigned long long)repair->redriven_count,
		 (unsigned long long)repair->unrepaired_count);
	zero_row("wrong after the redrive", repair->wrong_count, note);
}

static void print_counts(const struct demo_result *result)
{
	const struct demo_audit *audit = result->audit;
	char note[160];
	char text[CLI_TEXT_BYTES];

	snprintf(note, sizeof note, "topic %s, %u partitions, %s", DEMO_TOPIC,
		 result->plan->partitions,
		 result->plan->input != NULL ? "from the input" : "64 instruments");
	count_row("events published", result->event_count, note);
	count_row("acknowledged durable", result->acked_count, "");
	zero_row("acknowledged but lost", result->lost_count, "must be 0");
	snprintf(note, sizeof note, "handed over, no answer yet; %s of them were durable",
		 cli_text_count(text, result->in_doubt_found_count));
	count_row("in doubt at the kill", result->in_doubt_count, note);
	zero_row("order violations per key", result->order_violations, "must be 0");
	zero_row("book mismatches", result->book_mismatches,
		 "group's books = journal's = reference without weir");
	snprintf(note, sizeof note, "%s trades on the tape",
		 cli_text_count(text, audit->trade_count));
	zero_row("tape and count mismatches", result->tally_mismatches, note);
	print_repair(&result->repair);
	if (audit->damaged_count + audit->repeated_count + audit->foreign_count +
		    audit->missing_count >
	    0)
		printf("  the journal: %llu damaged, %llu repeated, %llu foreign, %llu missing\n",
		       (unsigned long long)audit->damaged_count,
		       (unsigned long long)audit->repeated_count,
		       (unsigned long long)audit->foreign_count,
		       (unsigned long long)audit->missing_count);
	if (audit->snapshots.level_count > 0) {
		snprintf(text, sizeof text, "%.2f %%",
			 100.0 * (double)audit->snapshots.equal_count /
				 (double)audit->snapshots.level_count);
		row("the exchange's own snapshots", text, "top five levels equal, last 60%%");
	}
	if (audit->source->bad_line_count > 0) {
		snprintf(note, sizeof note, "the first is line %llu (blank ones not counted)",
			 (unsigned long long)audit->source->first_bad_line);
		count_row("lines that are no events", audit->source->bad_line_count, note);
	}
}

/* Words of a long explanation, in the column of explanations. */
static void print_wrapped(const char *text)
{
	const int indent = 2 + 28 + 1 + 14 + 3;
	int room = cli_columns(stdout) - indent;

	if (room < 30)
		room = 30;
	while (*text != '\0') {
		int bytes = (int)strlen(text);
		if (bytes > room) {
			bytes = room;
			while (bytes > 0 && text[bytes] != ' ')
				bytes--;
			if (bytes == 0)
				bytes = room;
		}
		printf("%*s%.*s\n", indent, "", bytes, text);
		text += bytes;
		text += strspn(text, " ");
	}
}

static void print_times(const struct demo_result *result)
{
	const struct weir_info *info = &result->shared->info;
	const struct demo_histogram *ack = &result->shared->ack;
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];

	row("recovery", cli_text_ns(a, result->recovery_ns),
	    "start of the second process to its first durable ack");
	row("", "", "opened after %s, source in place again after %s",
	    cli_text_ns(b, result->open_ns), cli_text_ns(c, result->source_ns));
	row("throughput", cli_text_rate(a, demo_result_events_per_s(result)),
	    "events/s, published and acknowledged durable");
	row("ack latency", cli_text_ns(a, demo_histogram_at(ack, 0.5)),
	    "median   p99 %s   p99.9 %s   max %s", cli_text_ns(b, demo_histogram_at(ack, 0.99)),
	    cli_text_ns(c, demo_histogram_at(ack, 0.999)), cli_text_ns(d, ack->max_ns));
	row("backend", info->backend, "%s; %llu batches in the second life", info->engine,
	    (unsigned long long)info->batches);
	print_wrapped(info->backend_reason);
}

static const char *wait_name(enum weir_wait wait)
{
	static const char *const names[] = {"default", "spin", "adaptive", "yield", "park"};
	return (unsigned)wait < sizeof names / sizeof names[0] ? names[wait] : "?";
}

static void print_threads(const struct weir_info *info)
{
	char text[CLI_TEXT_BYTES];

	printf("\n  %-16s %-9s %-7s %4s %12s\n", "thread", "wait", "pinned", "CPU", "CPU time");
	for (uint32_t i = 0; i < info->thread_count && i < WEIR_THREADS_MAX; i++) {
		const struct weir_thread_info *thread = &info->threads[i];
		printf("  %-16.16s %-9s %-7s %4d %12s\n", thread->name, wait_name(thread->wait),
		       thread->pinned ? "yes" : "no", thread->last_cpu,
		       cli_text_ns(text, thread->cpu_ns));
	}
	if (info->thread_note[0] != '\0')
		printf("\n  %s\n", info->thread_note);
}

/* --- the plot ------------------------------------------------------------------------------ */

#define PLOT_ROWS 8u
#define DECADE_COLUMNS 12u /* of the x axis: 90%, 99%, 99.9% ... */
#define DECADES 5u
#define MAX_COLUMNS 3u /* at the right: the maximum */
#define PLOT_COLUMNS (DECADE_COLUMNS * DECADES + MAX_COLUMNS)

/* 10^(-k/12): what is above the k-th column of a decade. */
static const double above_of_column[DECADE_COLUMNS] = {
	1.0,      0.825404, 0.681292, 0.562341, 0.464159, 0.383119,
	0.316228, 0.261016, 0.215443, 0.177828, 0.146780, 0.121153,
};

static void fill_columns(const struct demo_histogram *ack, uint32_t columns[PLOT_COLUMNS])
{
	double decade = 1.0;
	for (uint32_t i = 0; i < PLOT_COLUMNS; i++) {
		if (i > 0 && i % DECADE_COLUMNS == 0)
			decade /= 10;
		double above = decade * above_of_column[i % DECADE_COLUMNS];
		uint64_t ns = i < DECADE_COLUMNS * DECADES ? demo_histogram_at(ack, 1.0 - above)
							   : ack->max_ns;
		columns[i] = demo_histogram_bucket(ns);
	}
}

static void print_plot(const struct demo_histogram *ack)
{
	uint32_t columns[PLOT_COLUMNS];
	char text[CLI_TEXT_BYTES];
	bool color = cli_color(stdout);

	if (ack->count == 0)
		return;
	fill_columns(ack, columns);
	uint32_t low = columns[0];
	uint32_t high = demo_histogram_bucket(ack->max_ns);
	uint32_t span = high > low ? high - low : 1;

	printf("\n  ack latency by percentile, from the intended time (log)\n");
	for (uint32_t from_top = 0; from_top < PLOT_ROWS; from_top++) {
		uint32_t level = PLOT_ROWS - 1 - from_top;
		uint32_t edge = low + span * level / (PLOT_ROWS - 1);
		printf("  %10s |%s", cli_text_ns(text, demo_histogram_bucket_ns(edge)),
		       color ? GREEN : "");
		uint32_t end = PLOT_COLUMNS;
		while (end > 0 && columns[end - 1] < edge)
			end--;
		for (uint32_t i = 0; i < end; i++)
			putchar(columns[i] >= edge ? '#' : ' ');
		printf("%s\n", color ? PLAIN : "");
	}
	printf("  %10s +%-12s%-12s%-12s%-12s%-12s%s\n", "", "0%", "90%", "99%", "99.9%", "99.99%",
	       "max");
}

int demo_report_text(const struct demo_result *result)
{
	bool color = cli_color(stdout);

	putchar('\n');
	print_counts(result);
	putchar('\n');
	print_times(result);
	print_threads(&result->shared->info);
	print_plot(&result->shared->ack);
	if (result->good)
		printf("\n%sok: killed half-way, and nothing that was acknowledged is missing%s\n",
		       color ? GREEN : "", color ? PLAIN : "");
	else
		printf("\n%sFAILED: see the figures that must be 0%s\n", color ? RED : "",
		       color ? PLAIN : "");
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : -EIO;
}

/* --- progress ------------------------------------------------------------------------------ */

void demo_progress_init(struct demo_progress *progress, bool quiet)
{
	*progress = (struct demo_progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

void demo_progress_show(struct demo_progress *progress, const char *phase, uint64_t count)
{
	uint64_t now = demo_now_ns();
	bool changed = progress->phase == NULL || strcmp(progress->phase, phase) != 0;
	char number[CLI_TEXT_BYTES];
	char rate[CLI_TEXT_BYTES];

	if (progress->quiet || (!changed && (!progress->terminal || now < progress->next_ns)))
		return;
	if (changed) {
		if (progress->open_line)
			fputc('\n', stderr);
		progress->phase = phase;
		progress->open_line = progress->terminal;
		fprintf(stderr, progress->terminal ? "\r%-70s" : "%s\n", phase);
	} else {
		double per_s = (double)(count - progress->last_count) * 1e9 /
			       (double)(now - progress->last_ns);
		char line[160];
		snprintf(line, sizeof line, "%s  %s acknowledged  %s/s", phase,
			 cli_text_count(number, count), cli_text_rate(rate, per_s));
		/* Padded over what stood there: no escape sequence, so NO_COLOR has its way. */
		fprintf(stderr, "\r%-70s", line);
	}
	fflush(stderr);
	progress->last_ns = now;
	progress->last_count = count;
	progress->next_ns = now + UINT64_C(200000000);
}

void demo_progress_end(struct demo_progress *progress)
{
	if (progress->open_line)
		fputc('\n', stderr);
	progress->open_line = false;
	progress->phase = NULL;
}
