/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a contender in a process of its own is run, placed and judged as one in this process is;
 *         one that dies, hangs, lies or says something else fails the run, with a cause, and is
 *         gone afterwards.
 * Method: tests/peers/fake_child.sh, which does wrong in one way at a time. Where a JDK was found,
 *         the program that runs rings of Java, with a queue that comes with it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ring_child.h"

#define PATIENCE_NS 100000000000ull
#define LENGTH_NS 1000000ull

static struct ring_child child;
static struct ring_run run;

static int child_run(struct ring_run *r)
{
	return ring_child_run(&child, r);
}

static const struct ring_peer peer = {.name = "fake", .version = "1", .run = child_run};

static void begin(const char *way)
{
	static const char *argv[3];
	static char script[512];
	const char *root = getenv("WEIR_TEST_SOURCE");
	cr_assert_not_null(root);
	(void)snprintf(script, sizeof script, "%s/tests/peers/fake_child.sh", root);
	argv[0] = script;
	argv[1] = way;
	child = (struct ring_child){.argv = argv, .patience_ns = PATIENCE_NS};
	run.peer = &peer;
	run.length_ns = LENGTH_NS;
	run.pin = true;
	run.cell = (struct ring_cell){.shape = RING_SPSC,
				      .payload_bytes = 8,
				      .batch = 1,
				      .wait = WEIR_WAIT_ADAPTIVE,
				      .producers = 1,
				      .consumers = 1,
				      .capacity = 256};
}

/* Gone, and the next run would start it again. */
static void is_over(void)
{
	cr_assert_eq(child.pid, 0);
	cr_assert_eq(child.fd, 0);
}

Test(ring_child, it_lives_through_all_runs_and_ends_when_told, .timeout = 180)
{
	begin("whole");
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	cr_assert_eq(run.items, 100);
	cr_assert_float_eq(run.mops, 0.1, 1e-9, "100 items in a millisecond");
	pid_t pid = child.pid;
	for (unsigned shape = 0; shape < RING_SHAPES; shape++) {
		run.cell.shape = (enum ring_shape)shape;
		ring_cell_sides(&run.cell, 3, 2);
		cr_assert_eq(ring_run(&run), 0, "%s: %s", ring_shape_names[shape], run.why);
		cr_assert_eq(run.items, 100 * (2 + shape) * run.cell.producers);
		cr_assert_eq(child.pid, pid);
	}
	ring_child_close(&child);
	is_over();
	cr_assert(kill(pid, 0) != 0 && errno == ESRCH);
	ring_child_close(&child);
	cr_assert_eq(ring_run(&run), 0, "and it starts again: %s", run.why);
	ring_child_close(&child);
}

Test(ring_child, its_threads_are_placed_like_those_of_this_process, .timeout = 180)
{
	cpu_set_t placed, mine;
	begin("whole");
	run.pin = false;
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	cr_assert_eq(sched_getaffinity(0, sizeof mine, &mine), 0);
	cr_assert_eq(sched_getaffinity(child.pid, sizeof placed, &placed), 0);
	cr_assert(CPU_EQUAL(&placed, &mine));
	run.pin = true;
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	/* Its one thread is the producer and the consumer, which is placed last. */
	cr_assert_eq(sched_getaffinity(child.pid, sizeof placed, &placed), 0);
	cr_assert_eq(CPU_COUNT(&placed), 1);
	cr_assert(CPU_ISSET(run.cpus[1 % run.cpu_count], &placed));
	cr_assert_eq(sched_getaffinity(0, sizeof placed, &placed), 0);
	cr_assert(CPU_EQUAL(&placed, &mine), "this thread is not");
	ring_child_close(&child);
}

Test(ring_child, one_that_lies_is_found_out, .timeout = 180)
{
	static const char *const ways[] = {"loses",  "doubles", "changes",
					   "faulty", "early",   "late"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(ways); i++) {
		begin(ways[i]);
		cr_assert_eq(ring_run(&run), -EPROTO, "%s", ways[i]);
		/* About time weir has more to say. */
		cr_assert_eq(run.why[0] != '\0', i >= 4, "%s: %s", ways[i], run.why);
		ring_child_close(&child);
		run.cell.shape = RING_MULTICAST;
		ring_cell_sides(&run.cell, 1, 2);
		cr_assert_eq(ring_run(&run), -EPROTO, "%s", ways[i]);
		ring_child_close(&child);
		is_over();
	}
}

Test(ring_child, one_that_goes_wrong_fails_the_run_with_a_cause, .timeout = 180)
{
	static const struct {
		const char *way;
		int code;
		const char *why;
	} cases[] = {
		{"stranger", -EBADMSG, "weir-ring-peer 2"},
		{"flood", -EBADMSG, "more than a line holds"},
		{"refuses", -ECANCELED, "out of memory"},
		{"babbles", -EBADMSG, "`ready` and 3 numbers"},
		{"takes_another", -EBADMSG, "has no thread 1"},
		{"rambles", -EBADMSG, "done and dusted"},
		{"is_killed", -EPIPE, "was ended by signal 9"},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		begin(cases[i].way);
		int code = ring_run(&run);
		cr_assert_eq(code, cases[i].code, "%s: %d, %s", cases[i].way, code, run.why);
		cr_assert_not_null(strstr(run.why, cases[i].why), "%s: %s", cases[i].way, run.why);
		is_over();
	}
}

Test(ring_child, one_that_dies_between_runs_fails_the_next_and_is_started_again, .timeout = 180)
{
	begin("dies_second");
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	cr_assert_eq(ring_run(&run), -EPIPE);
	cr_assert_not_null(strstr(run.why, "ended with exit code 3"), "%s", run.why);
	is_over();
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	cr_assert_eq(run.items, 100);
	ring_child_close(&child);
}

Test(ring_child, one_that_hangs_is_killed_when_patience_ends, .timeout = 180)
{
	begin("mute");
	child.patience_ns = LENGTH_NS;
	cr_assert_eq(ring_run(&run), -ETIMEDOUT);
	cr_assert_not_null(strstr(run.why, "gave no answer"), "%s", run.why);
	is_over();
	begin("hangs_second");
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	pid_t pid = child.pid;
	child.patience_ns = LENGTH_NS;
	cr_assert_eq(ring_run(&run), -ETIMEDOUT);
	is_over();
	cr_assert(kill(pid, 0) != 0 && errno == ESRCH);
	begin("stays");
	cr_assert_eq(ring_run(&run), 0, "%s", run.why);
	pid = child.pid;
	child.patience_ns = LENGTH_NS;
	ring_child_close(&child);
	is_over();
	cr_assert(kill(pid, 0) != 0 && errno == ESRCH);
}

Test(ring_child, a_program_that_is_not_there_is_named, .timeout = 180)
{
	static const char *const nothing[] = {"/nowhere/a-ring", NULL};
	begin("whole");
	child.argv = nothing;
	/* An emulated spawn does not know what its child met. */
	cr_assert_eq(ring_run(&run), getenv("WEIR_TEST_EMULATED") == NULL ? -ENOENT : -EPIPE);
	cr_assert_not_null(strstr(run.why, "/nowhere/a-ring"), "%s", run.why);
	is_over();
}

Test(ring_child, rings_of_java_run_in_each_shape, .timeout = 180)
{
	const char *java = getenv("WEIR_TEST_JAVA"), *classes = getenv("WEIR_TEST_JAVA_CLASSES");
	static const uint32_t payloads[] = {8, 64, 256};
	static const uint32_t batches[] = {1, 32, 256};
	if (java == NULL || classes == NULL)
		cr_skip_test("no JDK, or a build without peers");
	char path[512];
	(void)snprintf(path, sizeof path, "%s/", classes);
	const char *argv[] = {java,  "-Xmx64m",   "-XX:TieredStopAtLevel=1",
			      "-cp", classes,     "RingPeer",
			      path,  "TestQueue", NULL};
	begin("whole");
	child.argv = argv;
	for (unsigned shape = 0; shape < RING_MULTICAST; shape++)
		for (unsigned i = 0; i < 6; i++) {
			run.cell.shape = (enum ring_shape)shape;
			run.cell.payload_bytes = payloads[i % 3];
			run.cell.batch = batches[(i + i / 3) % 3];
			ring_cell_sides(&run.cell, 2, 2);
			cr_assert_eq(ring_run(&run), 0, "%s, %u B, %u: %s", ring_shape_names[shape],
				     run.cell.payload_bytes, run.cell.batch, run.why);
			cr_assert_gt(run.items, 0);
			cr_assert_gt(run.mops, 0);
		}
	run.cell.shape = RING_MULTICAST;
	ring_cell_sides(&run.cell, 1, 2);
	cr_assert_eq(ring_run(&run), -EPROTO, "a queue gives an item to one consumer");
	ring_child_close(&child);
	argv[7] = "NoSuchQueue";
	cr_assert_eq(ring_run(&run), -ECANCELED);
	cr_assert_not_null(strstr(run.why, "NoSuchQueue"), "%s", run.why);
	is_over();
}
