/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir config plan` and `weir topology --config` place the threads of a file on this
 *         machine or another, tell mistakes at their place, and say in the exit code whether the
 *         pipeline would open.
 * Method: config files written here, commands in a child process, judged by text and exit code.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <sys/resource.h>

#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"

static struct capture c;
static char config[] = "/tmp/weir-plan-XXXXXX";
static char machine[PATH_MAX];

#define PLAN(...) CAPTURE(&c, cmd_config_plan, "plan", __VA_ARGS__)

static void write_config(const char *text)
{
	FILE *file = fopen(config, "we");
	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static void set_up(void)
{
	int fd = mkstemp(config);
	cr_assert_geq(fd, 0);
	cr_assert_eq(close(fd), 0);
	cr_assert_eq(setenv("LC_ALL", "C", 1), 0);
	(void)snprintf(machine, sizeof machine, "%s/tests/data/topology/two_sockets.xml",
		       getenv("WEIR_TEST_SOURCE"));
}

static void tear_down(void)
{
	cr_assert_eq(unlink(config), 0);
}

TestSuite(config_plan, .init = set_up, .fini = tear_down);

#define ORDERS                                                                                     \
	"version: 1\n"                                                                             \
	"journal: {dir: /tmp/weir-orders-of-a-test, retention: 128MiB}\n"                          \
	"threads:\n"                                                                               \
	"  log: {wait: spin}\n"                                                                    \
	"  group: {cpus: \"l3:1\"}\n"                                                              \
	"  handler: {cpus: [9, 10], wait: spin}\n"

/* By hand: the group's list is the second cache, so the log's core, which nobody else may run on,
 * is in the first, and the journal is beside the group. The numbers are those of test_plan.c. */
Test(config_plan, threads_of_a_file_on_another_machine)
{
	write_config(ORDERS);
	PLAN("--from", machine, config);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert_str_eq(c.err, "");
	cr_assert(capture_has(c.out,
			      "threads\n"
			      "  thread         CPUs               waits\n"
			      "  log            1                  spin      a core of its own\n"
			      "  journal        4                  adaptive  a core that group may "
			      "use, too\n"
			      "  group          4-7,20-23          adaptive  any of these\n"
			      "  handler x 2    9-10               spin      a core each\n"
			      "  helpers        0,16               park      files made ahead, "
			      "workers of io_uring\n"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "  at open          263.6 MiB  4 segments of 64.0 MiB ahead"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "  at most                 50  8 segments, 10 others"), "%s",
		  c.out);
	/* Of another machine nobody knows what it lacks; and that is said. */
	cr_assert(capture_has(c.out, "the machine lacks\n  unknown: "), "%s", c.out);
	PLAN("--json", "--from", machine, config);
	cr_assert(capture_has(c.out, "\"lacks\": null"), "%s", c.out);
	CAPTURE(&c, cmd_topology, "topology", "--from", machine, "--config", config);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "| helpers  | log!     |          |          |"), "%s", c.out);
	cr_assert(capture_has(c.out, "|          | handler! | handler! |          |"));
}

Test(config_plan, mistakes_are_told_at_their_place)
{
	write_config("version: 1\n"
		     "machine: {avoid: \"40\"}\n"
		     "threads:\n"
		     "  log: {cpus: [1, 64]}\n"
		     "  group: {cpus: \"node:7\", wiat: park}\n");
	PLAN("--from", machine, config);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert_str_eq(c.out, "");
	cr_assert(capture_has(c.err, ":2:19: error: CPU 40 does not exist"), "%s", c.err);
	cr_assert(capture_has(c.err, ":4:19: error: CPU 64 does not exist"), "%s", c.err);
	cr_assert(capture_has(c.err, ":5:23: error: NUMA node 7 does not exist"), "%s", c.err);
	cr_assert(capture_has(c.err, ":5:27: error: unknown key"), "%s", c.err);
	cr_assert(capture_has(c.err, "\n4 errors\n"), "%s", c.err);
	CAPTURE(&c, cmd_topology, "topology", "--from", machine, "--config", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert(capture_has(c.err, ":4:19: error: CPU 64 does not exist"), "%s", c.err);
}

Test(config_plan, files_that_are_not_there)
{
	PLAN("/nonexistent.yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
	PLAN("--from", "/nonexistent.xml", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
	PLAN("--from", config, config);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG, "%s", c.err);
	CAPTURE(&c, cmd_config_plan, "plan", "--json");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
}

Test(config_plan, what_this_machine_lacks_is_in_the_exit_code)
{
	struct rlimit few = {.rlim_cur = 25, .rlim_max = 25};
	/* 18 segments before the first event, and four that it keeps and writes to. */
	write_config("version: 1\n"
		     "journal: {dir: /tmp/weir-orders-of-a-test, retention: 128MiB, "
		     "segments_ahead: 16}\n");
	PLAN(config);
	cr_assert_eq(c.exit_code, 0, "%s", c.out);
	cr_assert(capture_has(c.out, "the machine lacks\n"));
	cr_assert(capture_has(c.out, "  free  "), "%s", c.out);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	PLAN(config);
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.out);
	cr_assert(capture_has(c.out, "  stops  weir takes up to 64 descriptors"), "%s", c.out);
	cr_assert(capture_has(c.out, "         fix: LimitNOFILE=64"), "%s", c.out);
	PLAN("--json", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_assert(capture_has(c.out, "\"id\": \"descriptors\",\n      \"weight\": \"stops\","),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "\"at_most_bytes\": 1484414976,"), "%s", c.out);
}

/* Chunks of 64 MiB, 16 lanes of 4 MiB and 18 MiB for catching up, in pages of 2 MiB. */
Test(config_plan, memory_and_classes_that_a_file_asks_for)
{
	write_config("version: 1\n"
		     "journal: {dir: /tmp/weir-orders-of-a-test, io: posix}\n"
		     "memory: {lane: 4MiB, lock: yes, huge_pages: require}\n"
		     "threads:\n"
		     "  log: {scheduler: fifo, priority: 5}\n"
		     "  group: {scheduler: batch}\n");
	PLAN("--from", machine, config);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "a core of its own, fifo 5\n"), "%s", c.out);
	cr_assert(capture_has(c.out, "a core of its own, batch\n"));
	cr_assert(capture_has(c.out,
			      "  helpers        0,16               park      files made ahead, "
			      "writes and syncs\n"));
	cr_assert(capture_has(c.out, "  huge pages       146.0 MiB  73 pages of 2 MiB"), "%s",
		  c.out);
	cr_assert(capture_has(c.out, "never swapped, and counted by the limit memlock"));
	PLAN("--json", "--from", machine, config);
	cr_assert(capture_has(c.out, "\"huge_bytes\": 153092096,"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"scheduler\": \"fifo\",\n      \"priority\": 5,"));
	write_config("version: 1\n");
	PLAN("--from", machine, config);
	cr_assert(capture_has(c.out, "there are none without a journal\n"), "%s", c.out);
	cr_assert_not(capture_has(c.out, "locked"));
}

/* Of `try` the rest is small pages; nothing is what nobody means. */
Test(config_plan, huge_pages_that_nothing_is_as_large_as)
{
	write_config("memory: {huge_pages: try, huge_page_size: 1GiB}\n");
	PLAN(config);
	cr_assert(capture_has(c.out, "pool and lanes are each smaller than a huge page of 1 GiB"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "a memory.pool of 1GiB, or memory.huge_page_size: 2MiB"), "%s",
		  c.out);
	write_config("memory: {huge_pages: \"off\", huge_page_size: 1GiB}\n");
	PLAN(config);
	cr_assert(!capture_has(c.out, "smaller than a huge page"), "%s", c.out);
	write_config("memory: {huge_pages: try}\n");
	PLAN(config);
	cr_assert(!capture_has(c.out, "smaller than a huge page"), "%s", c.out);
}

Test(config_plan, an_empty_file_is_a_log_in_memory)
{
	PLAN("--json", "--from", machine, config);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "\"disk\": null"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"segments\": 0,"));
	cr_assert(capture_has(c.out, "\"allowed\": null"));
}
