/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench ring`: options, the cells that they name, rounds of all contenders in turn, round
 * trips, the report.
 *
 * Thread: main; bench/ring.c starts and joins the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bench/ring.h"
#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/ring_compare.h"
#include "tools/weir/ring_html.h"
#include "tools/weir/ring_report.h"
#include "tools/weir/ring_report_peers.h"
#include "tools/weir/ring_threshold.h"

#define RTT_ROUNDS 100000u
#define RTT_ROUNDS_QUICK 20000u

struct ring_choices {
	unsigned shape;
	unsigned payload;
	unsigned batch;
	unsigned wait;
	uint64_t rounds;
	uint64_t length_ns;
	uint64_t capacity;
	uint64_t producers;
	uint64_t consumers;
	bool peers;
	bool missing_ok;
	bool quick;
	bool no_pin;
	bool fifo;
	bool no_rtt;
	bool json;
	const char *html;
	const char *compare;
	struct cli_strings fail_if;
};

static struct ring_choices choices;
static struct ring_threshold thresholds[CLI_STRINGS_MAX];
static struct ring_old old;
static struct ring_comparison comparison;

static const char *const shape_choices[] = {"all",  "spsc",      "mpsc", "spmc",
					    "mpmc", "multicast", NULL};
static const char *const payload_choices[] = {"all", "8", "64", "256", NULL};
static const char *const batch_choices[] = {"all", "1", "32", "256", NULL};
static const char *const wait_choices[] = {"all", "spin", "adaptive", "yield", "park", NULL};
static const uint32_t payloads[] = {8, 64, 256};
static const uint32_t batches[] = {1, 32, 256};

static const struct cli_option options[] = {
	{.name = "shape",
	 .type = CLI_ENUM,
	 .target = &choices.shape,
	 .choices = shape_choices,
	 .fallback = "all",
	 .help = "who pushes and pops"},
	{.name = "payload",
	 .type = CLI_ENUM,
	 .target = &choices.payload,
	 .choices = payload_choices,
	 .fallback = "all",
	 .help = "bytes of an item"},
	{.name = "batch",
	 .type = CLI_ENUM,
	 .target = &choices.batch,
	 .choices = batch_choices,
	 .fallback = "all",
	 .help = "items a call"},
	{.name = "wait",
	 .type = CLI_ENUM,
	 .target = &choices.wait,
	 .choices = wait_choices,
	 .fallback = "adaptive",
	 .help = "how threads wait for room and items"},
	{.name = "rounds",
	 .type = CLI_NUMBER,
	 .target = &choices.rounds,
	 .fallback = "5",
	 .min = 1,
	 .max = RING_ROUNDS_MAX,
	 .help = "of each contender in each cell, in turn"},
	{.name = "time",
	 .type = CLI_DURATION,
	 .target = &choices.length_ns,
	 .fallback = "100ms",
	 .min = 1000000,
	 .max = 60000000000ull,
	 .help = "of a round"},
	{.name = "capacity",
	 .type = CLI_NUMBER,
	 .target = &choices.capacity,
	 .fallback = "65536",
	 .min = 256,
	 .max = 1 << 24,
	 .help = "items in a ring, a power of two"},
	{.name = "producers",
	 .type = CLI_NUMBER,
	 .target = &choices.producers,
	 .fallback = "2",
	 .min = 1,
	 .max = RING_SIDE_MAX,
	 .help = "threads where a shape has many"},
	{.name = "consumers",
	 .type = CLI_NUMBER,
	 .target = &choices.consumers,
	 .fallback = "2",
	 .min = 1,
	 .max = RING_SIDE_MAX,
	 .help = "threads where a shape has many"},
	{.name = "peers",
	 .type = CLI_FLAG,
	 .target = &choices.peers,
	 .help = "other rings beside weir's (of a build with -Dpeers=enabled)"},
	{.name = "missing-ok",
	 .type = CLI_FLAG,
	 .target = &choices.missing_ok,
	 .help = "peers that this build lacks are no failure"},
	{.name = "quick",
	 .type = CLI_FLAG,
	 .target = &choices.quick,
	 .help = "three rounds of 15 ms"},
	{.name = "no-pin",
	 .type = CLI_FLAG,
	 .target = &choices.no_pin,
	 .help = "threads are not pinned to CPUs"},
	{.name = "fifo",
	 .type = CLI_FLAG,
	 .target = &choices.fifo,
	 .help = "SCHED_FIFO where there are CPUs enough: for a machine with other work"},
	{.name = "no-rtt", .type = CLI_FLAG, .target = &choices.no_rtt, .help = "no round trips"},
	{.name = "compare",
	 .type = CLI_STRING,
	 .target = &choices.compare,
	 .value_name = "OLD.json",
	 .help = "beside an earlier run, which --json wrote"},
	{.name = "fail-if",
	 .type = CLI_STRINGS,
	 .target = &choices.fail_if,
	 .value_name = "EXPR",
	 .help = "exit code 9 if it is so: loss, geomean<1.3, rtt>1.15, slower>5% (several)"},
	{.name = "html",
	 .type = CLI_STRING,
	 .target = &choices.html,
	 .value_name = "FILE",
	 .help = "write a page with plots, too"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "bench ring",
	.summary = "Measure the rings of weir/ring.h.",
	.description =
		"Every item is checked: each of its words, the order of each producer's, that\n"
		"none is missing or twice. Contenders run in turn, round by round; the report\n"
		"gives medians and spread, and round trips beside those of one cache line.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

/* What must not be, and the run before: all that can be wrong with them, before anything runs. */
static int prepare(void)
{
	const struct ring_threshold_means means = {
		.peers = choices.peers, .rtt = !choices.no_rtt, .compare = choices.compare != NULL};
	char why[200];

	for (uint32_t i = 0; i < choices.fail_if.count; i++)
		if (ring_threshold_parse(choices.fail_if.items[i], &means, &thresholds[i], why,
					 sizeof why) < 0)
			return cli_usage(&command, "--fail-if: %s", why);
	if (choices.compare == NULL)
		return CLI_GO_ON;
	if (!ring_has_compare())
		return cli_usage(&command, "--compare: weir was built without jansson");
	int code = ring_old_read(choices.compare, &old, why, sizeof why);
	if (code == -EINVAL) {
		fprintf(stderr,
			"weir: --compare: %s is not what weir bench ring --json of this "
			"weir writes: %s\n",
			choices.compare, why);
		return CLI_EXIT_USAGE;
	}
	return code < 0 ? cli_fail(choices.compare, code, NULL) : CLI_GO_ON;
}

static int parse(int argc, char **argv)
{
	choices = (struct ring_choices){0};
	int code = cli_parse(&command, argc, argv, NULL);
	if (code != CLI_GO_ON)
		return code;
	if (!wr_is_power_of_two(choices.capacity))
		return cli_usage(&command, "--capacity: %llu is not a power of two",
				 (unsigned long long)choices.capacity);
	if (choices.peers && ring_peer_count < 2)
		return cli_usage(&command, "--peers: weir was built without them (meson setup "
					   "-Dpeers=enabled)");
	if (choices.quick) {
		choices.rounds = 3;
		choices.length_ns = 15000000;
	}
	return CLI_GO_ON;
}

/* Every combination that was asked for. */
static uint32_t name_cells(struct ring_cell_result *cells)
{
	uint32_t count = 0;
	for (unsigned shape = 0; shape < RING_SHAPES; shape++)
		for (unsigned p = 0; p < WR_ARRAY_COUNT(payloads); p++)
			for (unsigned b = 0; b < WR_ARRAY_COUNT(batches); b++)
				for (unsigned w = WEIR_WAIT_SPIN; w <= WEIR_WAIT_PARK; w++) {
					if ((choices.shape != 0 && choices.shape != shape + 1) ||
					    (choices.payload != 0 && choices.payload != p + 1) ||
					    (choices.batch != 0 && choices.batch != b + 1) ||
					    (choices.wait != 0 && choices.wait != w))
						continue;
					struct ring_cell *cell = &cells[count++].cell;
					*cell = (struct ring_cell){
						.shape = (enum ring_shape)shape,
						.payload_bytes = payloads[p],
						.batch = batches[b],
						.wait = (enum weir_wait)w,
						.capacity = choices.capacity,
					};
					ring_cell_sides(cell, (uint32_t)choices.producers,
							(uint32_t)choices.consumers);
				}
	return count;
}

/* Why a run came to nothing; the exit code. */
static int lost(const struct ring_run *run, int code)
{
	struct weir_problem problem = {.code = code};
	char what[160];

	(void)snprintf(what, sizeof what, "%s, %s, %u B, batches of %u", run->peer->name,
		       ring_shape_names[run->cell.shape], run->cell.payload_bytes, run->cell.batch);
	(void)snprintf(problem.text, sizeof problem.text, "%s", run->why);
	if (code != -EPROTO)
		return cli_fail(what, code, &problem);
	fprintf(stderr, "weir: %s: %s\n", what,
		run->why[0] != '\0' ? run->why : "items were lost, doubled, torn or out of order");
	return CLI_EXIT_FAILED;
}

/* One contender once, if it has the cell. 0, or an exit code. */
static int run_one(const struct ring_report *report, const struct ring_cell *cell,
		   const struct ring_peer *peer, bool *ret_ran, double *ret_mops)
{
	static struct ring_run run;
	if (!peer->has(cell))
		return 0;
	run.peer = peer;
	run.cell = *cell;
	run.length_ns = report->length_ns;
	run.pin = report->pinned;
	run.fifo = report->fifo;
	int code = ring_run(&run);
	if (code < 0)
		return lost(&run, code);
	*ret_ran = true;
	*ret_mops = run.mops;
	return 0;
}

/* All contenders in one cell, one round. 0, or an exit code. */
static int round_of(struct ring_report *report, struct ring_cell_result *cell, uint32_t round)
{
	int exit_code = 0;
	for (uint32_t p = 0; exit_code == 0 && p < report->peer_count; p++) {
		cell->by_producer[p] = ring_peers[p]->by_producer;
		exit_code = run_one(report, &cell->cell, ring_peers[p], &cell->ran[p],
				    &cell->mops[p][round]);
		if (p == 0 && exit_code == 0)
			exit_code = run_one(report, &cell->cell, &ring_peer_weir_fan,
					    &cell->has_fan, &cell->fan_mops[round]);
	}
	return exit_code;
}

static int measure(struct ring_report *report, struct ring_cell_result *cells)
{
	for (uint32_t round = 0; round < report->rounds; round++)
		for (uint32_t i = 0; i < report->cell_count; i++) {
			int exit_code = round_of(report, &cells[i], round);
			if (exit_code != 0)
				return exit_code;
		}
	if (!choices.no_rtt) {
		int code = ring_rtt_run(choices.quick ? RTT_ROUNDS_QUICK : RTT_ROUNDS, choices.fifo,
					&report->rtt);
		if (code < 0)
			return cli_fail("measuring round trips", code, NULL);
		report->has_rtt = true;
	}
	return CLI_EXIT_OK;
}

/* Whoever is missing may be the one that is faster. */
static bool is_complete(const struct ring_report *report)
{
	uint32_t count = ring_report_absent(report);
	for (uint32_t p = 0; p < count; p++)
		fprintf(stderr, "weir: %s was not measured: this build lacks it (it needs %s)\n",
			ring_peers_absent[p]->name, ring_peers_absent[p]->package);
	return count == 0;
}

/* All the reports that were asked for; then the exit code. */
static int tell(struct ring_report *report, struct html_file *page)
{
	if (choices.compare != NULL) {
		ring_compare(report, &old, &comparison);
		report->comparison = &comparison;
	}
	uint32_t crossed = ring_threshold_judge(thresholds, choices.fail_if.count, report);
	report->thresholds = thresholds;
	report->threshold_count = choices.fail_if.count;
	int exit_code = crossed > 0 ? CLI_EXIT_THRESHOLD : CLI_EXIT_OK;
	if (!choices.json)
		ring_report_text(report, stdout);
	else if (ring_report_json(report, stdout) < 0)
		exit_code = cli_fail("writing the report", -EIO, NULL);
	if (choices.html != NULL) {
		int code = ring_html(report, page->to);
		int close_code = html_close(page, code == 0);
		if (code < 0 || close_code < 0)
			exit_code = cli_fail(choices.html, code < 0 ? code : close_code, NULL);
	}
	if (!choices.missing_ok && !is_complete(report) && exit_code == CLI_EXIT_OK)
		exit_code = CLI_EXIT_FAILED;
	return exit_code;
}

static uint64_t time_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int cmd_bench_ring(int argc, char **argv)
{
	struct html_file page = {.to = NULL};
	int exit_code = parse(argc, argv);
	if (exit_code == CLI_GO_ON)
		exit_code = prepare();
	if (exit_code != CLI_GO_ON)
		return exit_code;
	struct ring_cell_result *cells = calloc(RING_CELLS_MAX, sizeof *cells);
	if (cells == NULL)
		return cli_fail("making room for results", -ENOMEM, NULL);
	int code = choices.html != NULL ? html_open(&page, choices.html) : 0;
	if (code < 0) {
		free(cells);
		return cli_fail(choices.html, code, NULL);
	}
	struct ring_report report = {
		.cells = cells,
		.cell_count = name_cells(cells),
		.rounds = (uint32_t)choices.rounds,
		.peers = ring_peers,
		.peer_count = choices.peers ? ring_peer_count : 1,
		.length_ns = choices.length_ns,
		.pinned = !choices.no_pin,
		.fifo = choices.fifo,
		.when_us = time_us(),
	};
	bench_machine_read(NULL, &report.machine);
	if (getloadavg(&report.load, 1) != 1)
		report.load = 0;
	exit_code = measure(&report, cells);
	for (uint32_t p = 0; p < report.peer_count; p++)
		if (ring_peers[p]->end != NULL)
			ring_peers[p]->end();
	if (exit_code == CLI_EXIT_OK)
		exit_code = tell(&report, &page);
	(void)html_close(&page, false);
	free(cells);
	return exit_code;
}
