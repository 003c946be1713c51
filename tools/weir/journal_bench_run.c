/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_bench_run.h. */
#include "tools/weir/journal_bench_run.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bench/bare_sync.h"
#include "bench/filled_file.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/journal_bench_peers.h"

#define FILL_NS 20000000000ull
#define BARE_SYNCS_MAX 1000000u
#define SEGMENTS_BESIDE 6u        /* ahead, in reserve, and the one that is being zero-written */
#define BESIDE_BYTES (160u << 20) /* the check's journal, which is gone before the other is made */
#define CHECK_EVENTS 200000u
#define CHECK_NS 1000000000u
#define LIMIT_FILE "limit"
#define LIMIT_FILE_BYTES (256u << 20)
#define SWEEP_NS 1000000000u
#define SWEEP_QUICK_NS 400000000u

/* What one run has open. */
struct run {
	struct journal_report *report;
	const char *dir; /* of its own */
	struct journal_bench *bench;
	struct histogram *latency; /* of one round */
	struct weir_problem *problem;
	bool shows_progress;
};

uint64_t journal_run_bytes(const struct journal_choices *c)
{
	return c->retention_bytes + SEGMENTS_BESIDE * c->segment_bytes + BESIDE_BYTES +
	       (c->no_limit ? 0 : LIMIT_FILE_BYTES) + (c->peers ? journal_peers_bytes(c) : 0);
}

static bool interrupted(void)
{
	return interrupt_came() != 0;
}

static void progress(const struct run *run, const char *what)
{
	if (run->shows_progress)
		fprintf(stderr, "\rround %u of %llu: %-40s", run->report->rounds + 1,
			(unsigned long long)run->report->choices.rounds, what);
}

/* --- the journal and the bare sync ----------------------------------------------------------- */

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

/* The journal in a folder of its own. */
static int open_journal(struct run *run)
{
	const struct journal_choices *c = &run->report->choices;
	char dir[BENCH_PATH_BYTES + 16];
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
		.interrupted = interrupt_flag(),
	};

	(void)snprintf(dir, sizeof dir, "%s/journal", run->dir);
	progress(run, "filling the journal");
	int code = journal_bench_open(&settings, &run->bench, run->problem);
	if (code == 0)
		code = journal_bench_fill(run->bench, FILL_NS);
	if (code == 0)
		journal_bench_info(run->bench, &run->report->info);
	return code;
}

/* Does each acknowledgement follow a sync? On a journal of its own, before anything is measured. */
static int check(struct run *run)
{
	const struct journal_choices *c = &run->report->choices;
	char dir[BENCH_PATH_BYTES + 16];
	const struct journal_check_settings settings = {
		.dir = dir,
		.io = (enum weir_io)c->io,
		.payload_bytes = c->payload_bytes,
		.events = CHECK_EVENTS,
		.time_max_ns = wr_min_u64(c->length_ns, CHECK_NS),
		.interrupted = interrupt_flag(),
	};

	(void)snprintf(dir, sizeof dir, "%s/check", run->dir);
	progress(run, "checking acknowledgements");
	int code = journal_check_run(&settings, &run->report->device, &run->report->check,
				     run->problem);
	int remove_code = bench_tree_remove(dir);
	return code == 0 ? remove_code : code;
}

/* --- the device's limit ---------------------------------------------------------------------- */

static int one_limit(struct run *run, const struct limit_point *point, uint64_t length_ns,
		     double *ret_bytes_per_s)
{
	struct journal_limit *limit = &run->report->limit;
	char file[BENCH_PATH_BYTES + 16];

	(void)snprintf(file, sizeof file, "%s/" LIMIT_FILE, run->dir);
	int code = limit_run(file, LIMIT_FILE_BYTES, point, length_ns, ret_bytes_per_s, limit->why,
			     sizeof limit->why);
	return code == -EINTR || interrupted() ? -EINTR : code;
}

/* All points once; without fio, or when it fails, the report says why and goes without. */
static int sweep(struct run *run)
{
	const struct journal_choices *c = &run->report->choices;
	struct journal_limit *limit = &run->report->limit;
	int code = 0;

	if (c->no_limit) {
		(void)snprintf(limit->why, sizeof limit->why, "not asked for (--no-limit)");
		return 0;
	}
	limit_version(limit->tool, sizeof limit->tool);
	if (limit->tool[0] == '\0') {
		(void)snprintf(limit->why, sizeof limit->why,
			       "fio is not here: install the package fio");
		return 0;
	}
	int dir_fd = open(run->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir_fd < 0 ? -errno : filled_file_make(dir_fd, LIMIT_FILE, LIMIT_FILE_BYTES);
	if (dir_fd >= 0)
		(void)close(dir_fd);
	if (fd < 0)
		return fd;
	(void)close(fd);
	uint32_t count = limit_points(c->quick, limit->points);
	for (uint32_t i = 0; code == 0 && i < count; i++) {
		progress(run, "fio sweep");
		code = one_limit(run, &limit->points[i], c->quick ? SWEEP_QUICK_NS : SWEEP_NS,
				 &limit->points[i].bytes_per_s);
	}
	limit->point_count = code == 0 ? count : 0;
	journal_limit_best(limit);
	return code == -EINTR ? code : 0;
}

/* The sweep's best two again: what is the limit of this round? */
static int round_limit(struct run *run)
{
	struct journal_limit *limit = &run->report->limit;
	double most = 0;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < limit->best_count; i++) {
		double rate = 0;
		progress(run, "fio");
		code = one_limit(run, &limit->points[limit->best[i]],
				 wr_min_u64(run->report->choices.length_ns, SWEEP_NS), &rate);
		most = rate > most ? rate : most;
	}
	limit->bytes_per_s[run->report->rounds] = most;
	return code == -EINTR ? code : 0;
}

/* --- rounds ---------------------------------------------------------------------------------- */

static void tell(const void *context, const char *name)
{
	progress(context, name);
}

static int one_round(struct run *run)
{
	struct journal_report *r = run->report;
	char text[CLI_TEXT_BYTES];
	char what[80];
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < r->choices.rate_count; i++) {
		struct journal_rate_report *at = &r->rates[i];
		progress(run, "bare write + fdatasync");
		code = one_bare(run, &at->bare);
		(void)snprintf(what, sizeof what, "%s events/s", cli_text_count(text, at->rate));
		progress(run, what);
		if (code == 0)
			code = one_load(run, at->rate, &at->rounds[r->rounds], &at->ack);
	}
	progress(run, "saturated");
	if (code == 0)
		code = one_load(run, JOURNAL_SATURATED, &r->saturated[r->rounds],
				&r->saturated_ack);
	if (code == 0)
		code = round_limit(run);
	if (code == 0)
		code = journal_peers_round(r, run->dir, run->latency, tell, run, run->problem);
	return code == 0 && interrupted() ? -EINTR : code;
}

int journal_run(struct journal_report *report, const char *dir, struct weir_problem *problem)
{
	struct run run = {.report = report, .dir = dir, .problem = problem};

	run.latency = histogram_create();
	if (run.latency == NULL)
		return -ENOMEM;
	run.shows_progress = isatty(STDERR_FILENO) == 1;
	int code = check(&run);
	if (code == 0)
		code = sweep(&run);
	if (code == 0)
		code = open_journal(&run);
	while (code == 0 && report->rounds < report->choices.rounds) {
		code = one_round(&run);
		if (code == 0)
			report->rounds++;
	}
	int close_code = journal_bench_close(run.bench);
	histogram_destroy(run.latency);
	if (run.shows_progress)
		fprintf(stderr, "\r%70s\r", "");
	return code == 0 ? close_code : code;
}
