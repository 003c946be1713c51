/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a source whose topic has a queue that refuses more than it may have waits for a place
 *         there, and says so: nothing is lost, doubled or out of order, whether it can be read
 *         again or is gone from a pipe. Where nobody makes a place, a signal ends it, and the next
 *         run reads on.
 * Method: queues with three places, and sources of a hundred lines. Prints TAP.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

#define LINES 100u
#define QUEUE "subscriptions: [{name: q, topics: [t], order: none, length: 3, when_long: refuse"
#define TO_FILE ", sink: {file: out}}]\n"
#define WAITS "q is as long as it may be: it waits for a place there"

static void put_lines(void)
{
	FILE *in = fopen("in", "w");
	run_bed_must(in != NULL, "in");
	for (unsigned i = 0; i < LINES; i++)
		(void)fprintf(in, "line %u\n", i);
	run_bed_must(fclose(in) == 0, "in");
}

/* Each line came, once: one member has the queue's events in their order. */
static bool has_all(void)
{
	FILE *out = fopen("out", "r");
	char line[64];
	unsigned i = 0, number;
	run_bed_must(out != NULL, "out");
	while (fgets(line, sizeof line, out) != NULL && sscanf(line, "line %u", &number) == 1 &&
	       number == i)
		i++;
	bool is_over = feof(out) != 0;
	(void)fclose(out);
	return is_over && i == LINES;
}

static void test_a_file(void)
{
	run_bed_fresh();
	put_lines();
	run_bed_put("c.yaml", RUN_BED_JOURNAL QUEUE TO_FILE
		    "sources: [{name: s, topic: t, from: {file: in}}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && has_all() && run_bed_says(WAITS) && run_bed_says("it waited "),
		  "a file's lines all come, in order, through a queue of three, with %d", code);
}

static void read_lines(void)
{
	run_bed_must(freopen("in", "r", stdin) != NULL, "standard input");
}

static void test_a_pipe(void)
{
	run_bed_fresh();
	put_lines();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL QUEUE TO_FILE "sources: [{name: s, topic: t, from: stdin}]\n");
	run_bed_before = read_lines;
	int code = run_bed_run("c.yaml");
	run_bed_before = NULL;
	tap_check(code == 0 && has_all() && run_bed_says(WAITS),
		  "so do those that are gone from where they came, with %d", code);
}

static void test_memory_only(void)
{
	run_bed_fresh();
	put_lines();
	run_bed_put("c.yaml", "name: life\n"
			      "memory: {chunk: 64KiB, pool: 2MiB, lane: 256KiB}\n"
			      "topics: [{name: t}]\n" QUEUE TO_FILE
			      "sources: [{name: s, topic: t, from: {file: in}}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && has_all() && run_bed_says(WAITS),
		  "and those of a log in memory, with %d", code);
}

static void test_nobody_reads(void)
{
	run_bed_fresh();
	put_lines();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL QUEUE "}]\n"
					  "sources: [{name: s, topic: t, from: {file: in}}]\n"
					  "run: {drain_timeout: 1ms}\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_word("it waits for a place there");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code != CLI_EXIT_FAILED &&
			  run_bed_says("events of it are not in the log yet: the next run reads"),
		  "a signal ends who waits for a place that nobody makes, with %d", code);

	run_bed_put("c.yaml", RUN_BED_JOURNAL QUEUE TO_FILE
		    "sources: [{name: s, topic: t, from: {file: in}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && has_all(), "and the next run goes on behind the three, with %d",
		  code);
}

int main(void)
{
	test_a_file();
	test_a_pipe();
	test_memory_only();
	test_nobody_reads();
	run_bed_end_all();
	return tap_end();
}
