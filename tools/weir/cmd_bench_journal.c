/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench journal`: a folder of its own, rounds of every load in turn, the bare sync beside
 * them, the report.
 *
 * An interrupt ends it properly: rounds that were whole are reported, the folder is removed.
 *
 * Thread: main; bench/journal.c starts and joins the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench/bare_sync.h"
#include "bench/harness.h"
#include "bench/journal.h"
#include "tools/weir/args.h"
#include "tools/weir/bench_interrupt.h"
#include "tools/weir/journal_bench_report.h"

#define FILL_NS 20000000000ull
#define BARE_SYNCS_MAX 1000000u
#define SEGMENTS_BESIDE 6u /* ahead, in reserve, and the one that is being zero-written */

/* What one run has open. */
struct run {
	struct journal_report *report;
	const char *dir; /* of its own */
	struct journal_bench *bench;
	struct histogram *latency; /* of one round */
	struct weir_problem problem;
	bool shows_progress;
};

static bool interrupted(void)
{
	return wr_load_relaxed(bench_interrupt_flag()) != 0;
}

static void progress(const struct run *run, uint32_t round, const char *what)
{
	if (run->shows_progress)
		fprintf(stderr, "\rround %u of %llu: %-40s", round + 1,
			(unsigned long long)run->report->choices.rounds, what);
}

/* One load; its latencies into `latency`. */
static int one_load(struct run *run, uint64_t rate, struct journal_round *ret_round,
		    struct rounds_latency *latency)
{
	const struct journal_choices *c = &run->report->choices;
	const struct journal_load load = {
		.rate = rate,
		.producer_count = rate == JOURNAL_SATURATED ? (uint32_t)c->producers : 1,
		.warmup_ns = c->warmup_ns,
		.length_ns = c->length_ns,
	};

	histogram_reset(run->latency);
	*ret_round = (struct journal_round){.ack = run->latency};
	int code = journal_bench_run(run->bench, &load, ret_round);
	ret_round->ack = NULL;
	return code == 0 ? rounds_add(latency, run->latency) : code;
}

static int one_bare(struct run *run, struct rounds_latency *latency)
{
	struct bare_sync bare = {.latency = run->latency};

	histogram_reset(run->latency);
	int code = bare_sync_run(run->dir, BARE_SYNCS_MAX, run->report->choices.bare_ns, &bare);
	run->report->bare_direct = bare.direct;
	return code == 0 ? rounds_add(latency, run->latency) : code;
}

static int one_round(struct run *run, uint32_t round)
{
	struct journal_report *r = run->report;
	char text[CLI_TEXT_BYTES];
	char what[80];
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < r->choices.rate_count; i++) {
		struct journal_rate_report *at = &r->rates[i];
		progress(run, round, "bare write + fdatasync");
		code = one_bare(run, &at->bare);
		(void)snprintf(what, sizeof what, "%s events/s", cli_text_count(text, at->rate));
		progress(run, round, what);
		if (code == 0)
			code = one_load(run, at->rate, &at->rounds[round], &at->ack);
	}
	progress(run, round, "saturated");
	if (code == 0)
		code = one_load(run, JOURNAL_SATURATED, &r->saturated[round], &r->saturated_ack);
	return code == 0 && interrupted() ? -EINTR : code;
}

/* The journal in a folder of its own. */
static int open_journal(struct run *run, const char *dir)
{
	const struct journal_choices *c = &run->report->choices;
	const struct journal_settings settings = {
		.dir = dir,
		.io = (enum weir_io)c->io,
		.payload_bytes = c->payload_bytes,
		.segment_bytes = c->segment_bytes,
		.retention_bytes = c->retention_bytes,
		.undurable_bytes = c->undurable_bytes,
		.lane_bytes = c->lane_bytes,
		.batches_in_flight = c->batches_in_flight,
		.wait = (enum weir_wait)c->wait,
		.interrupted = bench_interrupt_flag(),
	};
	int code = journal_bench_open(&settings, &run->bench, &run->problem);

	if (code == 0)
		code = journal_bench_fill(run->bench, FILL_NS);
	if (code == 0)
		journal_bench_info(run->bench, &run->report->info);
	return code;
}

static int measure(struct run *run)
{
	struct journal_report *r = run->report;
	char dir[BENCH_PATH_BYTES + 16];

	run->latency = histogram_create();
	if (run->latency == NULL)
		return -ENOMEM;
	(void)snprintf(dir, sizeof dir, "%s/journal", run->dir);
	progress(run, 0, "filling the journal");
	int code = open_journal(run, dir);
	while (code == 0 && r->rounds < r->choices.rounds) {
		code = one_round(run, r->rounds);
		if (code == 0)
			r->rounds++;
	}
	int close_code = journal_bench_close(run->bench);
	histogram_destroy(run->latency);
	if (run->shows_progress)
		fprintf(stderr, "\r%70s\r", "");
	return code == 0 ? close_code : code;
}

static int tell(const struct journal_report *r)
{
	if (!r->choices.json)
		journal_report_text(r, stdout);
	else if (journal_report_json(r, stdout) < 0)
		return cli_fail("writing the report", -EIO, NULL);
	if (r->interrupted)
		return BENCH_INTERRUPTED_EXIT;
	return journal_late_count(r) > 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

/* Before anything is written: is there room for all of it? */
static int check_space(const struct journal_choices *c, const char *dir)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];
	uint64_t need = c->retention_bytes + SEGMENTS_BESIDE * c->segment_bytes + (64u << 20);
	uint64_t free_bytes = bench_free_bytes(dir);

	if (free_bytes >= need)
		return CLI_GO_ON;
	fprintf(stderr, "weir: %s has %s free, and this needs %s (less with --retention-bytes)\n",
		dir, cli_text_bytes(a, free_bytes), cli_text_bytes(b, need));
	return CLI_EXIT_IO;
}

static int run_in(struct journal_report *report, const char *dir)
{
	struct run run = {.report = report, .dir = dir};

	run.shows_progress = isatty(STDERR_FILENO) == 1;
	bench_machine_read(dir, &report->machine);
	int code = measure(&run);
	report->interrupted = code == -EINTR;
	if (code == 0 || (report->interrupted && report->rounds > 0))
		return tell(report);
	if (report->interrupted)
		return BENCH_INTERRUPTED_EXIT;
	return cli_fail("measuring the journal", code, run.problem.code != 0 ? &run.problem : NULL);
}

static void report_free(struct journal_report *report)
{
	for (uint32_t i = 0; i < JOURNAL_RATES_MAX; i++) {
		rounds_fini(&report->rates[i].ack);
		rounds_fini(&report->rates[i].bare);
	}
	rounds_fini(&report->saturated_ack);
	free(report);
}

int cmd_bench_journal(int argc, char **argv)
{
	struct journal_choices choices;
	char dir[BENCH_PATH_BYTES];
	struct timespec now;

	int exit_code = journal_bench_options_parse(argc, argv, &choices);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	struct journal_report *report = calloc(1, sizeof *report);
	if (report == NULL)
		return cli_fail("making room for results", -ENOMEM, NULL);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	report->when_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
	report->choices = choices;
	for (uint32_t i = 0; i < choices.rate_count; i++)
		report->rates[i].rate = choices.rates[i];
	bench_interrupt_catch();
	int code = bench_dir_make(choices.dir, dir);
	if (code < 0) {
		report_free(report);
		return cli_fail(choices.dir, code, NULL);
	}
	exit_code = check_space(&choices, dir);
	if (exit_code == CLI_GO_ON)
		exit_code = run_in(report, dir);
	code = bench_tree_remove(dir);
	if (code < 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail(dir, code, NULL);
	report_free(report);
	return exit_code;
}
