/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir demo` does what it says: it kills its child, loses nothing, says so in figures that
 *         a program can read, and answers wrong input with the exit code that belongs to it.
 * Method: cmd_demo() in a child process for each case, small and quick; stdout is kept and its
 *         figures are looked up by name with the demo's own JSON walker.
 *
 * Plain main(), TAP: the demo forks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"
#include "tools/weir/demo/text.h"

#define OUTPUT_BYTES 65536

static char output[OUTPUT_BYTES];
static size_t output_bytes;

/* Runs `weir demo ARGUMENTS...` (NULL ends); stdin is `input`, NULL: /dev/null. The exit code. */
static int run_demo(const char *input, char *const *arguments)
{
	char *argv[24] = {"demo"};
	char out_path[] = "/var/tmp/weir-demo-out-XXXXXX";
	int argc = 1;
	int status = 0;

	while (*arguments != NULL && argc < 20)
		argv[argc++] = *arguments++;
	char *io = getenv("WEIR_TEST_IO");
	if (io != NULL) {
		argv[argc++] = "--io";
		argv[argc++] = io;
	}
	int out = mkstemp(out_path);
	if (out < 0)
		return -1;
	unlink(out_path);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int in = open(input != NULL ? input : "/dev/null", O_RDONLY);
		int nowhere = open("/dev/null", O_WRONLY);
		if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		    dup2(nowhere, STDERR_FILENO) < 0)
			_exit(99);
		int exit_code = cmd_demo(argc, argv);
		fflush(NULL);
		_exit(exit_code);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	ssize_t got = pread(out, output, sizeof output, 0);
	output_bytes = got > 0 ? (size_t)got : 0;
	close(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define DEMO(input, ...) run_demo((input), (char *[]){__VA_ARGS__, NULL})

/* A number of an object; UINT64_MAX: there is none. */
static uint64_t part(struct demo_text of, const char *name)
{
	struct demo_text value;
	int64_t value_e8;
	if (!demo_json_member(of, name, &value) || !demo_text_decimal_e8(value, &value_e8))
		return UINT64_MAX;
	return (uint64_t)(value_e8 / 100000000);
}

/* The same, of the report at its top level. */
static uint64_t figure(const char *name)
{
	return part((struct demo_text){.at = output, .bytes = output_bytes}, name);
}

static void check_report(int exit_code, const char *name)
{
	bool zeros = figure("lost") == 0 && figure("order_violations") == 0 &&
		     figure("book_mismatches") == 0 && figure("tally_mismatches") == 0;
	tap_check(exit_code == 0 && zeros, "%s: exit 0, nothing lost, out of order or wrong", name);
	struct demo_text report = {.at = output, .bytes = output_bytes}, act;
	/* Without a key there is nothing to park, and the act is left out. */
	bool repaired = demo_json_member(report, "failing_consumer", &act) &&
			(part(act, "events") == 0 || part(act, "dead_letters") > 0) &&
			part(act, "wrong") == 0 &&
			part(act, "redriven") == part(act, "dead_letters") &&
			part(act, "parked") >= part(act, "dead_letters");
	tap_check(repaired, "%s: what a faulty consumer left is redriven, and the books are right",
		  name);
	if (exit_code != 0)
		tap_note("exit code %d, report: %.*s", exit_code, (int)output_bytes, output);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

static const char few_lines[] =
	"{\"key\":\"A\",\"type\":\"order_created\",\"id\":1,\"price\":\"1.5\",\"amount\":2,"
	"\"order_type\":0}\n"
	"{\"key\":\"A\",\"type\":\"trade\",\"id\":9,\"price\":\"1.5\",\"amount\":1}\n"
	"not an event\n"
	"{\"key\":\"A\",\"type\":\"order_changed\",\"id\":1,\"price\":\"1.5\",\"amount\":1,"
	"\"order_type\":0}\n"
	"{\"no key\":true}\n";

/* What somebody saw who looked while it ran: as weir top, and as the page does. */
static void check_live(void)
{
	struct demo_text report = {.at = output, .bytes = output_bytes}, live, url;
	bool is_told =
		demo_json_member(report, "live", &live) && demo_json_member(live, "url", &url);
#ifdef WR_NO_METRICS
	tap_check(is_told, "generator: without metrics nobody looks");
#else
	if (fixture_emulated()) { /* other processes have other start times there */
		tap_check(is_told, "generator: the look does not harm the demo");
		return;
	}
	struct demo_text top;
	tap_check(is_told && demo_json_member(live, "top", &top) && demo_text_is(top, "true"),
		  "generator: weir top shows the pipeline while it runs");
#ifdef WR_HAVE_SERVE
	tap_check(is_told && demo_text_is(demo_json_scalar(url), "null") == false &&
			  part(live, "page_bytes") > 10000 && part(live, "events") > 1000 &&
			  part(live, "events") <= 20000 && part(live, "subscriptions") == 3,
		  "generator: its page is there, and is told of events and groups");
#endif
#endif
}

static void run_generator(void)
{
	int exit_code = DEMO(NULL, "--seconds", "1", "--rate", "20000", "--json");
	check_report(exit_code, "generator");
	check_live();
	tap_check(figure("events") == 20000 && figure("acked") <= 20000 &&
			  figure("acked") + figure("in_doubt_found") >= 20000,
		  "generator: as many events as rate times seconds, all confirmed");
	struct demo_text report = {.at = output, .bytes = output_bytes};
	struct demo_text value, act;
	tap_check(demo_json_member(report, "failing_consumer", &act) &&
			  part(act, "events") == 2000 && part(act, "dead_letters") == 10 &&
			  part(act, "books_without_redrive") > 0,
		  "generator: without the redrive books would be wrong");
	tap_check(figure("recovery_ms") < 60000 && figure("in_doubt") != UINT64_MAX &&
			  figure("events_per_s") > 0 &&
			  demo_json_member(report, "ack_us", &value) &&
			  demo_json_member(value, "p999", &value) &&
			  demo_json_member(report, "backend", &value) &&
			  demo_json_member(report, "threads", &value),
		  "generator: the report has all the figures that it promises");
	exit_code = DEMO(NULL, "--seconds", "0.5", "--rate", "max", "--partitions", "3", "--seed",
			 "7", "--json", "--listen", "none");
	check_report(exit_code, "as fast as it goes");
}

static void run_inputs(const char *dir)
{
	char few[TEST_PATH_BYTES + 16];
	char one[TEST_PATH_BYTES + 16];
	char journal[TEST_PATH_BYTES + 16];
	char path[TEST_PATH_BYTES];

	snprintf(few, sizeof few, "%s/few", dir);
	snprintf(one, sizeof one, "%s/one", dir);
	snprintf(journal, sizeof journal, "%s/journal", dir);
	write_file(few, few_lines);
	write_file(one, "{\"key\":1}\n");
	int exit_code = DEMO(NULL, "--input", few, "--json", "--dir", journal);
	check_report(exit_code, "four lines and one that is no event");
	tap_check(figure("events") == 4, "four lines: four events");
	tap_check(DEMO(NULL, "--dir", journal) == CLI_EXIT_USAGE,
		  "the journal was kept, and a directory that is not empty is refused");
	exit_code = DEMO(few, "--input", "-", "--json", "--listen", "none");
	check_report(exit_code, "from stdin");
	tap_check(DEMO(NULL, "--input", one) == CLI_EXIT_USAGE,
		  "an input too short to be killed in is refused");
	if (!real_data_find("github-events/events.jsonl", path)) {
		tap_skip("no real JSON lines to run on");
		return;
	}
	exit_code = DEMO(NULL, "--input", path, "--rate", "5000", "--json", "--listen", "none");
	check_report(exit_code, "real JSON lines of up to 30 KB");
	tap_check(figure("events") == 1000, "real JSON lines: 1,000 events");
}

int main(void)
{
	char dir[TEST_PATH_BYTES];

	test_dir_make(dir);
	tap_check(DEMO(NULL, "--rate", "0") == CLI_EXIT_USAGE, "a rate of 0 is refused");
	tap_check(DEMO(NULL, "--partitions", "100000") == CLI_EXIT_USAGE,
		  "too many partitions are refused");
	tap_check(DEMO(NULL, "--input", "/nonexistent/file") == CLI_EXIT_NOT_FOUND,
		  "an input that is not there is not found");
	run_generator();
	run_inputs(dir);
	test_dir_remove(dir);
	return tap_end();
}
