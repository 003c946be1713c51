/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a run that is ended while its log has no room for what its source has published says so,
 *         and it is no failure of the source's: the next run reads that again. Only what came from
 *         a pipe is lost, and that is told.
 * Method: a journal of 64 files of 64 KiB that nobody reads, and a source of more than that. What
 *         is waited for is that more lies in the source's lane than a chunk could still take, as
 *         the metrics say. Prints TAP.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>
#include <weir/metrics.h>

#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

#define PATIENCE_S 120
#define EVENTS 6000 /* of 1 KiB, and a line feed in a file */
#define CHUNK_BYTES (16u << 10)
#define CONFIG                                                                                     \
	"name: full\n"                                                                             \
	"journal: {dir: j, segment: 64KiB}\n"                                                      \
	"memory: {chunk: 16KiB, pool: 2MiB, undurable: 64KiB, lane: 64KiB, member_lane: 16KiB}\n"  \
	"metrics: {dir: m}\n"                                                                      \
	"topics: [{name: t}]\n"
#define FULL CONFIG "limits: {segments: 64}\nsubscriptions: [{name: keep, topics: [t]}]\n"
#define SOURCE "sources: [{name: s, topic: t, from: {generate: {events: 6000, payload: 1KiB}}}]\n"

/* ---- what the run's metrics say -------------------------------------------------------------- */

static uint64_t value_of(const struct weir_metrics *metrics, const char *kind, const char *name)
{
	struct weir_metrics_object object;
	uint32_t at = 0;
	int index = weir_metrics_find(metrics, name);
	return index >= 0 && weir_metrics_next(metrics, kind, &at, &object)
		       ? weir_metrics_value(metrics, &object, (uint32_t)index)
		       : 0;
}

static bool is_held_back(pid_t child)
{
	char path[32];
	struct weir_metrics *metrics;
	(void)snprintf(path, sizeof path, "m/full.%d", (int)child);
	if (weir_metrics_open(path, &metrics, NULL) != 0)
		return false;
	bool is = value_of(metrics, "pipeline", "weir_no_room") == 1 &&
		  value_of(metrics, "producer", "weir_producer_waiting_bytes") > 2 * CHUNK_BYTES;
	weir_metrics_close(metrics);
	return is;
}

/* A run whose source waits for room, which nobody makes. */
static pid_t start_held_back(void)
{
	const struct timespec moment = {.tv_nsec = 10000000};
	time_t end = time(NULL) + PATIENCE_S;
	(void)unlink("said");
	pid_t child = run_bed_start("c.yaml");
	while (!is_held_back(child)) {
		run_bed_must(time(NULL) < end, "a source that is held back");
		(void)nanosleep(&moment, NULL);
	}
	return child;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void test_read_again(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", FULL SOURCE "run: {drain_timeout: 1ms}\n");
	pid_t child = start_held_back();
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == CLI_EXIT_UNDRAINED && run_bed_says("drain_timeout is over") &&
			  run_bed_says("events of it are not in the log yet: the next run reads"),
		  "a drain that ends while the log has no room is one that ran out, with %d", code);

	run_bed_put("c.yaml", FULL SOURCE "run: {drain_timeout: 1h}\n");
	child = start_held_back();
	kill(child, SIGTERM);
	run_bed_wait_for_word("terminated");
	kill(child, SIGTERM);
	code = run_bed_end(child);
	tap_check(code == 128 + SIGTERM &&
			  run_bed_says("events of it are not in the log yet: the next run reads"),
		  "so it is for a second signal, with %d", code);

	run_bed_put("c.yaml", CONFIG SOURCE
		    "subscriptions: [{name: keep, topics: [t], sink: {file: out}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_bytes("out") == EVENTS * 1025,
		  "with room the next run has all of them once, with %d", code);
}

static void read_lines(void)
{
	run_bed_must(freopen("in", "r", stdin) != NULL, "standard input");
}

static void test_a_pipe(void)
{
	run_bed_fresh();
	FILE *in = fopen("in", "w");
	run_bed_must(in != NULL, "in");
	for (int i = 0; i < EVENTS; i++)
		(void)fprintf(in, "%01024d\n", i);
	run_bed_must(fclose(in) == 0, "in");
	run_bed_put("c.yaml", FULL "sources: [{name: s, topic: t, from: stdin}]\n"
				   "run: {drain_timeout: 1ms}\n");
	run_bed_before = read_lines;
	pid_t child = start_held_back();
	run_bed_before = NULL;
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == CLI_EXIT_FAILED && run_bed_says("events of it are lost: the log did not"),
		  "what came from a pipe is gone, which is a failure, with %d", code);
}

int main(void)
{
	test_read_again();
	test_a_pipe();
	run_bed_end_all();
	return tap_end();
}
