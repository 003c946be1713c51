/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench replay`: a journal in a folder of its own, rounds of every way to read it in turn,
 * fio beside them, the report.
 *
 * An interrupt ends it properly: rounds that were whole are reported, the folder is removed.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/replay_report.h"

#define RECORD_BYTES 32u /* beside the payload, at most */
#define SEGMENTS_BESIDE 6u
#define SWEEP_NS 700000000u
#define SWEEP_QUICK_NS 300000000u
#define QUICK_EVENTS 2000000u

static struct replay_choices choices;
static struct html_file page; /* open while it is to be written */

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
	 .fallback = "12M",
	 .min = 1000,
	 .max = 1000000000000ull,
	 .help = "how many the journal has"},
	{.name = "payload",
	 .type = CLI_SIZE,
	 .target = &choices.payload_bytes,
	 .fallback = "64",
	 .min = REPLAY_PAYLOAD_BYTES_MIN,
	 .max = 64 << 10,
	 .help = "bytes of each event's payload"},
	{.name = "segment-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.segment_bytes,
	 .fallback = "64MiB",
	 .min = 1 << 20,
	 .max = 1ull << 32,
	 .help = "of a file of the journal"},
	{.name = "rounds",
	 .type = CLI_NUMBER,
	 .target = &choices.rounds,
	 .fallback = "5",
	 .min = 1,
	 .max = ROUNDS_MAX,
	 .help = "of everything, in turn"},
	{.name = "quick",
	 .type = CLI_FLAG,
	 .target = &choices.quick,
	 .help = "three rounds over two million events"},
	{.name = "no-limit",
	 .type = CLI_FLAG,
	 .target = &choices.no_limit,
	 .help = "no fio sweep for the disk's limit"},
	{.name = "html",
	 .type = CLI_STRING,
	 .target = &choices.html,
	 .value_name = "FILE",
	 .help = "write a page with plots, too"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "bench replay",
	.summary = "Measure how fast a journal is read from its beginning to its end.",
	.description =
		"From the page cache and from the disk, verified and with every event handed out;\n"
		"by a subscription that catches up; beside plain reads, and beside fio's\n"
		"sequential direct reads of the same files.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

static bool interrupted(void)
{
	return interrupt_came() != 0;
}

static void progress(const struct replay_report *r, const char *what)
{
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\rround %u of %llu: %-40s", r->rounds + 1,
			(unsigned long long)r->choices.rounds, what);
}

/* --- the disk's limit ------------------------------------------------------------------------- */

static int one_limit(struct replay_report *r, const char *dir, const struct limit_point *point,
		     double *ret_bytes_per_s)
{
	static char files[LIMIT_FILES_BYTES];
	uint32_t count = replay_files(dir, files, sizeof files);

	if (count == 0) {
		(void)snprintf(r->why, sizeof r->why, "the folder's name is not for fio");
		return -EINVAL;
	}
	progress(r, "fio");
	int code = limit_run(files, count * r->choices.segment_bytes, point,
			     r->choices.quick ? SWEEP_QUICK_NS : SWEEP_NS, ret_bytes_per_s, r->why,
			     sizeof r->why);
	return code == -EINTR || interrupted() ? -EINTR : code;
}

/* All points once; without fio, or when it fails, the report says why and goes without. */
static int sweep(struct replay_report *r, const char *dir)
{
	int code = 0;

	if (r->choices.no_limit) {
		(void)snprintf(r->why, sizeof r->why, "not asked for (--no-limit)");
		return 0;
	}
	limit_version(r->tool, sizeof r->tool);
	if (r->tool[0] == '\0') {
		(void)snprintf(r->why, sizeof r->why, "fio is not here: install the package fio");
		return 0;
	}
	uint32_t count = limit_read_points(r->choices.quick, r->points);
	for (uint32_t i = 0; code == 0 && i < count; i++) {
		code = one_limit(r, dir, &r->points[i], &r->points[i].bytes_per_s);
		if (r->points[i].bytes_per_s > r->points[r->best].bytes_per_s)
			r->best = i;
	}
	r->point_count = code == 0 ? count : 0;
	return code == -EINTR ? code : 0;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static int one_round(struct replay_report *r, const struct replay_settings *settings,
		     struct weir_problem *problem)
{
	int code = 0;

	for (uint32_t way = 0; code == 0 && way < REPLAY_WAYS; way++) {
		progress(r, replay_way_names[way]);
		code = replay_run(settings, (enum replay_way)way, &r->ways[way][r->rounds],
				  problem);
	}
	if (code == 0 && r->point_count > 0)
		code = one_limit(r, settings->dir, &r->points[r->best], &r->limit[r->rounds]);
	return code;
}

static int measure(struct replay_report *r, const char *dir, struct weir_problem *problem)
{
	char journal[BENCH_PATH_BYTES + 16];
	const struct replay_settings settings = {
		.dir = journal,
		.payload_bytes = r->choices.payload_bytes,
		.events = r->choices.events,
		.segment_bytes = r->choices.segment_bytes,
		.interrupted = interrupt_flag(),
	};

	(void)snprintf(journal, sizeof journal, "%s/journal", dir);
	progress(r, "writing the journal");
	int code = replay_make(&settings, &r->journal, problem);
	if (code == 0)
		code = sweep(r, journal);
	while (code == 0 && r->rounds < r->choices.rounds) {
		code = one_round(r, &settings, problem);
		if (code == 0)
			r->rounds++;
	}
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\r%70s\r", "");
	return code;
}

static int tell(const struct replay_report *r)
{
	if (!r->choices.json)
		replay_report_text(r, stdout);
	else if (replay_report_json(r, stdout) < 0)
		return cli_fail("writing the report", -EIO, NULL);
	if (page.to != NULL) {
		replay_report_html(r, page.to);
		int code = html_close(&page, true);
		if (code < 0)
			return cli_fail(r->choices.html, code, NULL);
	}
	return r->interrupted ? INTERRUPT_EXIT : CLI_EXIT_OK;
}

/* Before anything is written: is there room for all of it? */
static int check_space(const struct replay_choices *c, const char *dir)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];
	uint64_t need =
		c->events * (c->payload_bytes + RECORD_BYTES) + SEGMENTS_BESIDE * c->segment_bytes;
	uint64_t free_bytes = bench_free_bytes(dir);

	if (free_bytes >= need)
		return CLI_GO_ON;
	fprintf(stderr, "weir: %s has %s free, and this needs %s (less with --events)\n", dir,
		cli_text_bytes(a, free_bytes), cli_text_bytes(b, need));
	return CLI_EXIT_IO;
}

static int run_in(struct replay_report *r, const char *dir)
{
	struct weir_problem problem = {.code = 0};

	int exit_code = check_space(&r->choices, dir);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	bench_machine_read(dir, &r->machine);
	bench_device_read(dir, &r->device);
	int code = measure(r, dir, &problem);
	r->interrupted = code == -EINTR;
	if (code == 0 || (r->interrupted && r->rounds > 0))
		return tell(r);
	if (r->interrupted)
		return INTERRUPT_EXIT;
	if (code == -EPROTO) {
		fprintf(stderr, "weir: what was read is not what was written\n");
		return CLI_EXIT_FAILED;
	}
	return cli_fail("measuring replay", code, problem.code != 0 ? &problem : NULL);
}

static int run_somewhere(struct replay_report *r)
{
	char dir[BENCH_PATH_BYTES];

	interrupt_catch(INTERRUPT_KILLS);
	int code = bench_dir_make(r->choices.dir, dir);
	if (code < 0)
		return cli_fail(r->choices.dir, code, NULL);
	int exit_code = run_in(r, dir);
	code = bench_tree_remove(dir);
	if (code < 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail(dir, code, NULL);
	return exit_code;
}

int cmd_bench_replay(int argc, char **argv)
{
	struct timespec now;

	memset(&choices, 0, sizeof choices);
	int exit_code = cli_parse(&command, argc, argv, NULL);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	if (choices.quick && !cli_given(&command, "rounds"))
		choices.rounds = 3;
	if (choices.quick && !cli_given(&command, "events"))
		choices.events = QUICK_EVENTS;
	struct replay_report *r = calloc(1, sizeof *r);
	if (r == NULL)
		return cli_fail("making room for results", -ENOMEM, NULL);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	r->when_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
	r->choices = choices;
	int code = choices.html != NULL ? html_open(&page, choices.html) : 0;
	exit_code = code < 0 ? cli_fail(choices.html, code, NULL) : run_somewhere(r);
	(void)html_close(&page, false);
	free(r);
	return exit_code;
}
