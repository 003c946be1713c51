/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench everything`: rounds of bench/everything.h, each with a journal of its own in a folder
 * that goes again, and the report.
 *
 * An interrupt ends it properly: rounds that were whole are reported, the folder is removed.
 *
 * Thread: main; bench/everything.c starts and joins the other.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bench/everything.h"
#include "bench/harness.h"
#include "bench/rounds.h"
#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/bench_machine_json.h"
#include "tools/weir/html_page.h"
#include "tools/weir/interrupt.h"

#define QUICK_EVENTS 100000u
#define BESIDE_BYTES 512u /* of an event: what its groups and outputs write beside its payload */
#define SEGMENTS_BESIDE (6ull * 64 << 20)

static struct {
	const char *dir;
	uint64_t events, payload_bytes, window, rounds;
	unsigned wait;
	bool quick, json;
	const char *html;
} choices;

static const char *const wait_names[] = {"adaptive", "park", "yield", "spin", NULL};
static const enum weir_wait waits[] = {WEIR_WAIT_ADAPTIVE, WEIR_WAIT_PARK, WEIR_WAIT_YIELD,
				       WEIR_WAIT_SPIN};

static const struct cli_option options[] = {
	{.name = "dir",
	 .type = CLI_STRING,
	 .target = &choices.dir,
	 .fallback = ".",
	 .value_name = "DIR",
	 .help = "on the disk to measure: works in a folder that it makes there, and removes"},
	{.name = "events",
	 .type = CLI_NUMBER,
	 .target = &choices.events,
	 .fallback = "500k",
	 .min = EVERYTHING_EVENTS_MIN,
	 .max = 1000000000ull,
	 .help = "of each round"},
	{.name = "payload",
	 .type = CLI_SIZE,
	 .target = &choices.payload_bytes,
	 .fallback = "1KiB",
	 .min = 64,
	 .max = 64 << 10,
	 .help = "bytes of each event's payload"},
	{.name = "window",
	 .type = CLI_NUMBER,
	 .target = &choices.window,
	 .fallback = "100k",
	 .min = 1000,
	 .max = 10000000,
	 .help = "idempotency keys that the topic remembers"},
	{.name = "wait",
	 .type = CLI_ENUM,
	 .target = &choices.wait,
	 .choices = wait_names,
	 .fallback = "adaptive",
	 .help = "how weir's threads wait"},
	{.name = "rounds",
	 .type = CLI_NUMBER,
	 .target = &choices.rounds,
	 .fallback = "5",
	 .min = 1,
	 .max = ROUNDS_MAX,
	 .help = "each with a journal of its own"},
	{.name = "quick",
	 .type = CLI_FLAG,
	 .target = &choices.quick,
	 .help = "three rounds of a hundred thousand events"},
	{.name = "html",
	 .type = CLI_STRING,
	 .target = &choices.html,
	 .value_name = "FILE",
	 .help = "write a page with the figures of all rounds, too"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "bench everything",
	.summary = "Measure what an event costs with everything on.",
	.description =
		"Durable acknowledgements, 1 KiB, a schema that is checked at publish, a hundred\n"
		"filters, a window of idempotency keys, five groups (three by partition, one with\n"
		"its outputs in transactions, a queue where a thousandth fails and is tried\n"
		"again), metrics. The figure is events a second of CPU time of the whole process;\n"
		"an event counts once. Sums of all groups and outputs are checked.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

struct report {
	struct bench_machine machine;
	struct everything_round rounds[ROUNDS_MAX];
	uint32_t round_count;
	bool interrupted;
};

enum figure { PER_CPU_SECOND, PER_SECOND, CPU_NS, FIGURES };
static const char *const figure_names[FIGURES] = {"events_per_cpu_s", "events_per_s",
						  "cpu_ns_per_event"};

static double figure_of(const struct everything_round *r, enum figure figure)
{
	double events = (double)r->events;

	switch (figure) {
	case PER_CPU_SECOND:
		return r->cpu_ns > 0 ? events * 1e9 / (double)r->cpu_ns : 0;
	case PER_SECOND:
		return r->elapsed_ns > 0 ? events * 1e9 / (double)r->elapsed_ns : 0;
	default:
		return events > 0 ? (double)r->cpu_ns / events : 0;
	}
}

static struct spread spread_figure(const struct report *r, enum figure figure)
{
	double values[ROUNDS_MAX];

	for (uint32_t i = 0; i < r->round_count; i++)
		values[i] = figure_of(&r->rounds[i], figure);
	return spread_of(values, r->round_count);
}

static const char *const figure_words[FIGURES] = {"events a second of CPU", "events a second",
						  "CPU of an event, ns"};

static void report_text(const struct report *r)
{
	const struct everything_round *last = &r->rounds[r->round_count - 1];

	printf("cpu         %s, %u of %u CPUs%s\nkernel      %s\nfile system %s\n", r->machine.cpu,
	       r->machine.cpus_allowed, r->machine.cpus_online,
	       r->machine.virtual_machine ? ", a virtual machine" : "", r->machine.kernel,
	       r->machine.file_system);
	printf("a round     %llu events of %llu bytes, durable, schema checked; %u filters, %u "
	       "groups\n",
	       (unsigned long long)choices.events, (unsigned long long)choices.payload_bytes,
	       EVERYTHING_FILTERS, EVERYTHING_GROUPS);
	printf("            %llu duplicates refused, %llu failures tried again, %llu outputs in "
	       "%llu transactions\n",
	       (unsigned long long)last->duplicates, (unsigned long long)last->failures,
	       (unsigned long long)last->events, (unsigned long long)last->transactions);
	printf("rounds      %u; medians, and the least and the most; all sums are right\n\n",
	       r->round_count);
	for (unsigned f = 0; f < FIGURES; f++) {
		struct spread s = spread_figure(r, (enum figure)f);
		printf("%-24s %10.0f  (%.0f .. %.0f)\n", figure_words[f], s.median, s.least,
		       s.most);
	}
}

/* What one round had on, and what it cost. */
static void page_rounds(const struct report *r, FILE *to)
{
	fputs("<table><thead><tr><th>round</th>", to);
	for (unsigned f = 0; f < FIGURES; f++)
		html_element(to, "th", figure_words[f]);
	fputs("<th>duplicates</th><th>failures</th><th>transactions</th><th>batches</th></tr>"
	      "</thead><tbody>\n",
	      to);
	for (uint32_t i = 0; i < r->round_count; i++) {
		const struct everything_round *round = &r->rounds[i];
		fprintf(to, "<tr><th>%u</th>", i + 1);
		for (unsigned f = 0; f < FIGURES; f++)
			fprintf(to, "<td>%.0f</td>", figure_of(round, (enum figure)f));
		fprintf(to, "<td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td></tr>\n",
			(unsigned long long)round->duplicates, (unsigned long long)round->failures,
			(unsigned long long)round->transactions,
			(unsigned long long)round->batches);
	}
	fputs("</tbody></table>\n", to);
}

static void report_page(const struct report *r, FILE *to)
{
	char text[160], number[CLI_TEXT_BYTES];

	html_begin(to, "weir bench everything");
	fputs("<div class=\"tiles\">\n", to);
	for (unsigned f = 0; f < FIGURES; f++) {
		struct spread s = spread_figure(r, (enum figure)f);
		(void)snprintf(text, sizeof text, "%s (%.0f to %.0f)", figure_words[f], s.least,
			       s.most);
		(void)snprintf(number, sizeof number, "%.0f", s.median);
		html_tile(to, number, text);
	}
	fputs("</div>\n<table class=\"facts\"><tbody>\n", to);
	(void)snprintf(text, sizeof text,
		       "%llu events of %llu bytes, durable, schema checked; %u filters, %u groups",
		       (unsigned long long)choices.events,
		       (unsigned long long)choices.payload_bytes, EVERYTHING_FILTERS,
		       EVERYTHING_GROUPS);
	html_fact(to, "a round", text);
	html_fact(to, "cpu", r->machine.cpu);
	html_fact(to, "kernel", r->machine.kernel);
	html_fact(to, "file system", r->machine.file_system);
	html_fact(to, "weir", weir_version());
	fputs("</tbody></table>\n", to);
	page_rounds(r, to);
	html_end(to);
}

static int report_json(const struct report *r)
{
	struct json_out j;
	char name[40];

	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "everything");
	json_text(&j, "weir", weir_version());
	json_bool(&j, "interrupted", r->interrupted);
	for (unsigned f = 0; f < FIGURES; f++) {
		struct spread s = spread_figure(r, (enum figure)f);
		json_f64(&j, figure_names[f], s.median, 1);
		(void)snprintf(name, sizeof name, "%s_least", figure_names[f]);
		json_f64(&j, name, s.least, 1);
		(void)snprintf(name, sizeof name, "%s_most", figure_names[f]);
		json_f64(&j, name, s.most, 1);
	}
	json_object(&j, "settings");
	json_u64(&j, "events", choices.events);
	json_u64(&j, "payload_bytes", choices.payload_bytes);
	json_u64(&j, "window", choices.window);
	json_u64(&j, "filters", EVERYTHING_FILTERS);
	json_u64(&j, "groups", EVERYTHING_GROUPS);
	json_text(&j, "wait", wait_names[choices.wait]);
	json_close(&j);
	json_array(&j, "rounds");
	for (uint32_t i = 0; i < r->round_count; i++) {
		const struct everything_round *round = &r->rounds[i];
		json_object(&j, NULL);
		json_u64(&j, "events", round->events);
		json_u64(&j, "elapsed_ns", round->elapsed_ns);
		json_u64(&j, "cpu_ns", round->cpu_ns);
		json_u64(&j, "duplicates", round->duplicates);
		json_u64(&j, "failures", round->failures);
		json_u64(&j, "transactions", round->transactions);
		json_u64(&j, "batches", round->batches);
		json_close(&j);
	}
	json_close(&j);
	bench_machine_json_begin(&j, &r->machine);
	json_text(&j, "file_system", r->machine.file_system);
	json_close(&j);
	return json_end(&j);
}

static int tell(const struct report *r, struct html_file *page)
{
	if (!choices.json)
		report_text(r);
	else if (report_json(r) < 0)
		return cli_fail("writing the report", -EIO, NULL);
	if (choices.html != NULL) {
		report_page(r, page->to);
		int code = html_close(page, true);
		if (code < 0)
			return cli_fail(choices.html, code, NULL);
	}
	return r->interrupted ? INTERRUPT_EXIT : CLI_EXIT_OK;
}

static int one_round(struct report *r, const char *dir, struct weir_problem *problem)
{
	char journal[BENCH_PATH_BYTES + 16];
	const struct everything_settings settings = {
		.dir = journal,
		.events = choices.events,
		.payload_bytes = (uint32_t)choices.payload_bytes,
		.window = (uint32_t)choices.window,
		.wait = waits[choices.wait],
		.interrupted = interrupt_flag(),
	};

	(void)snprintf(journal, sizeof journal, "%s/journal", dir);
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\rround %u of %llu ", r->round_count + 1,
			(unsigned long long)choices.rounds);
	int code = everything_run(&settings, &r->rounds[r->round_count], problem);
	int removed = bench_tree_remove(journal);
	return code != 0 ? code : removed;
}

static int run_in(struct report *r, const char *dir, struct html_file *page)
{
	struct weir_problem problem = {.code = 0};
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];
	uint64_t need = choices.events * (choices.payload_bytes + BESIDE_BYTES) + SEGMENTS_BESIDE;
	uint64_t free_bytes = bench_free_bytes(dir);
	int code = 0;

	if (free_bytes < need) {
		fprintf(stderr, "weir: %s has %s free, and this needs %s (less with --events)\n",
			dir, cli_text_bytes(a, free_bytes), cli_text_bytes(b, need));
		return CLI_EXIT_IO;
	}
	bench_machine_read(dir, &r->machine);
	while (code == 0 && r->round_count < choices.rounds) {
		code = one_round(r, dir, &problem);
		if (code == 0)
			r->round_count++;
	}
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\r%30s\r", "");
	r->interrupted = code == -EINTR;
	if (code == 0 || (r->interrupted && r->round_count > 0))
		return tell(r, page);
	if (r->interrupted)
		return INTERRUPT_EXIT;
	if (code == -EPROTO) {
		fprintf(stderr, "weir: %s: %s\n", problem.field, problem.text);
		return CLI_EXIT_FAILED;
	}
	return cli_fail("measuring everything", code, problem.code != 0 ? &problem : NULL);
}

int cmd_bench_everything(int argc, char **argv)
{
	static struct report report; /* one command line a process; tests run several */
	struct html_file page = {.to = NULL};
	char dir[BENCH_PATH_BYTES];

	memset(&choices, 0, sizeof choices);
	memset(&report, 0, sizeof report);
	int exit_code = cli_parse(&command, argc, argv, NULL);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	if (choices.quick && !cli_given(&command, "rounds"))
		choices.rounds = 3;
	if (choices.quick && !cli_given(&command, "events"))
		choices.events = QUICK_EVENTS;
	interrupt_catch(INTERRUPT_KILLS);
	int code = choices.html != NULL ? html_open(&page, choices.html) : 0;
	if (code < 0)
		return cli_fail(choices.html, code, NULL);
	code = bench_dir_make(choices.dir, dir);
	if (code < 0) {
		(void)html_close(&page, false);
		return cli_fail(choices.dir, code, NULL);
	}
	exit_code = run_in(&report, dir, &page);
	(void)html_close(&page, false);
	code = bench_tree_remove(dir);
	if (code < 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail(dir, code, NULL);
	return exit_code;
}
