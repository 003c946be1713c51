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

#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/journal_bench_html.h"
#include "tools/weir/journal_bench_peers.h"
#include "tools/weir/journal_bench_run.h"

static struct html_file page; /* open while it is to be written */
static bool peers_are_whole = true;

static int tell(const struct journal_report *r)
{
	if (!r->choices.json)
		journal_report_text(r, stdout);
	else if (journal_report_json(r, stdout) < 0)
		return cli_fail("writing the report", -EIO, NULL);
	if (page.to != NULL) {
		journal_report_html(r, page.to);
		int code = html_close(&page, true);
		if (code < 0)
			return cli_fail(r->choices.html, code, NULL);
	}
	if (r->interrupted)
		return INTERRUPT_EXIT;
	bool failed = journal_late_count(r) > 0 || journal_check_failed(r) || !peers_are_whole;
	return failed ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

/* Before anything is written: is there room for all of it? */
static int check_space(const struct journal_choices *c, const char *dir)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];
	uint64_t need = journal_run_bytes(c);
	uint64_t free_bytes = bench_free_bytes(dir);

	if (free_bytes >= need)
		return CLI_GO_ON;
	fprintf(stderr, "weir: %s has %s free, and this needs %s (less with --retention-bytes)\n",
		dir, cli_text_bytes(a, free_bytes), cli_text_bytes(b, need));
	return CLI_EXIT_IO;
}

static int run_in(struct journal_report *report, const char *dir)
{
	struct weir_problem problem = {.code = 0};

	bench_machine_read(dir, &report->machine);
	bench_device_read(dir, &report->device);
	/* Whoever is missing may be the one that is faster. */
	if (report->choices.peers)
		peers_are_whole = journal_peers_find(report) || report->choices.missing_ok;
	int code = journal_run(report, dir, &problem);
	report->interrupted = code == -EINTR;
	if (code == 0 || (report->interrupted && report->rounds > 0))
		return tell(report);
	if (report->interrupted)
		return INTERRUPT_EXIT;
	return cli_fail("measuring the journal", code, problem.code != 0 ? &problem : NULL);
}

/* In a folder that it makes, and removes. */
static int run_somewhere(struct journal_report *report)
{
	char dir[BENCH_PATH_BYTES];

	interrupt_catch(INTERRUPT_KILLS);
	int code = bench_dir_make(report->choices.dir, dir);
	if (code < 0)
		return cli_fail(report->choices.dir, code, NULL);
	int exit_code = check_space(&report->choices, dir);
	if (exit_code == CLI_GO_ON)
		exit_code = run_in(report, dir);
	code = bench_tree_remove(dir);
	if (code < 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail(dir, code, NULL);
	return exit_code;
}

int cmd_bench_journal(int argc, char **argv)
{
	struct journal_choices choices;
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
	int code = choices.html != NULL ? html_open(&page, choices.html) : 0;
	exit_code = code < 0 ? cli_fail(choices.html, code, NULL) : run_somewhere(report);
	(void)html_close(&page, false);
	journal_report_free(report);
	return exit_code;
}
