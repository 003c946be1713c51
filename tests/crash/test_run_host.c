/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run` keeps its word whatever it inherits from who starts it, and whatever lies
 *         where a file should: closed standard streams, ignored signals, limits, variables of
 *         another run, a pipe that is followed, an output that is an input under another name. Its
 *         report counts as delivered what the sink has, and no more.
 * Method: as test_run_life.c; run_bed_before() makes the surroundings.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

#define SOURCE "sources: [{name: s, topic: t, from: {file: in}}]\n"
#define NEVER_ENDS "sources: [{name: s, topic: t, from: {generate: {}}, rate: 100/s}]\n"

static int run_with(void (*before)(void), const char *config)
{
	run_bed_before = before;
	int code = run_bed_run(config);
	run_bed_before = NULL;
	return code;
}

static void close_stdin(void)
{
	close(STDIN_FILENO);
	cli_fill_standard_streams();
}

static void close_stdout(void)
{
	close(STDOUT_FILENO);
	cli_fill_standard_streams();
}

static void close_stderr(void)
{
	close(STDERR_FILENO);
	cli_fill_standard_streams();
}

/* Their numbers would be given to files of the journal. */
static void test_closed_streams(void)
{
	run_bed_fresh();
	run_bed_put("in", "1\n2\n3\n");
	run_bed_put("c.yaml", RUN_BED_JOURNAL SOURCE
		    "subscriptions: [{name: o, topics: [t], sink: stdout}]\n");
	int code = run_with(close_stdout, "c.yaml");
	tap_check(code != 0 && run_bed_says("stdout: ") &&
			  run_bed_says("0 delivered, 0 of them perhaps before, 3 left"),
		  "a standard output that is closed is a sink that fails (%d)", code);
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_bytes("stdout") == 6,
		  "nothing of it went elsewhere, and the next run delivers it");
	code = run_with(close_stderr, "c.yaml");
	tap_check(code == 0 && run_bed_bytes("said") == 0, "without standard error it runs (%d)",
		  code);
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: p, topic: t, from: stdin}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: stdout}]\n");
	code = run_with(close_stdin, "c.yaml");
	tap_check(code != 0 && run_bed_says("source p: stdin: "),
		  "a standard input that is closed is a source that fails (%d)", code);
}

static void ignore_children(void)
{
	(void)signal(SIGCHLD, SIG_IGN);
}

static void test_ignored_children(void)
{
	run_bed_fresh();
	run_bed_put("in", "1\n2\n");
	run_bed_put("c.yaml", RUN_BED_JOURNAL SOURCE
		    "subscriptions: [{name: o, topics: [t], session_timeout: 1h, sink: {command: "
		    "[\"false\"], timeout: 2m, retry: {attempts: 1}, on_failure: skip}}]\n");
	int code = run_with(ignore_children, "c.yaml");
	tap_check(code == 0 && run_bed_says("ended with exit status 1") && run_bed_says("2 failed"),
		  "how a command ended is known where SIGCHLD was ignored (%d)", code);
}

static void ignore_hangup(void)
{
	(void)signal(SIGHUP, SIG_IGN);
}

static int terminal = -1; /* the far end of one */

/* In a session of its own, with that terminal. */
static void on_a_terminal(void)
{
	const char *name = ptsname(terminal);
	int fd;
	(void)setsid();
	fd = name != NULL ? open(name, O_RDWR) : -1; // becomes its terminal
	if (fd >= 0)
		close(fd);
	close(terminal);
}

static void test_hangup(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL NEVER_ENDS
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	run_bed_must(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0, "a pty");
	run_bed_before = on_a_terminal;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	run_bed_wait_for_bytes("out", 1);
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 0 taken over");
	close(terminal);
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("the terminal is gone: sources stop") &&
			  run_bed_says(", 0 left"),
		  "a terminal that goes ends it in order, and one that is there does not (%d)",
		  code);
	uint64_t before = run_bed_bytes("out");
	run_bed_before = ignore_hangup;
	child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	run_bed_wait_for_bytes("out", before + 1);
	kill(child, SIGHUP);
	run_bed_wait_for_bytes("out", run_bed_bytes("out") + 1000);
	kill(child, SIGTERM);
	code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("terminated: sources stop") &&
			  strstr(run_bed_said, "reload") == NULL,
		  "under nohup it stays until SIGTERM (%d)", code);
}

static int lines_end = -1; /* of a pipe that nobody reads, for standard error */

static void into_the_pipe(void)
{
	(void)setsid(); // no terminal
	(void)dup2(lines_end, STDERR_FILENO);
}

/* More lines than the pipe has room for, from the thread that watches and from weir's. */
static void test_a_pipe_that_nobody_reads(void)
{
	int ends[2];
	char text[16];
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL NEVER_ENDS
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_must(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	run_bed_must(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0, "the pipe's size");
	lines_end = ends[1];
	run_bed_before = into_the_pipe;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	run_bed_wait_for_bytes("out", 1);
	FILE *file = fopen("c.yaml", "w");
	run_bed_must(file != NULL, "a config");
	fputs(RUN_BED_SMALL "topics: [{name: t, partitions: 2}", file);
	for (int i = 0; i < 60; i++)
		fprintf(file, ", {name: and-one-more-topic-%d}", i);
	fputs("]\n" NEVER_ENDS "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n",
	      file);
	run_bed_must(fclose(file) == 0, "a config");
	kill(child, SIGHUP);
	/* It goes on, and takes a signal, which main does behind the reload. */
	run_bed_wait_for_bytes("out", run_bed_bytes("out") + 1000);
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && read(ends[0], text, 4) == 4 && memcmp(text, "20", 2) == 0,
		  "a pipe that nobody reads holds up neither the run nor its end (%d)", code);
	close(ends[0]);
	close(ends[1]);
}

static void test_followed_pipe(void)
{
	run_bed_fresh();
	run_bed_must(mkfifo("pipe", 0600) == 0, "mkfifo");
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {follow: pipe}}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_word("pipe: no regular file: waiting for it");
	run_bed_must(unlink("pipe") == 0, "unlink");
	run_bed_put("pipe", "1\n");
	run_bed_wait_for_bytes("out", 2);
	run_bed_must(unlink("pipe") == 0 && mkfifo("pipe", 0600) == 0, "mkfifo");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("1 events published"),
		  "a pipe under the name of a followed file is no file, and holds up nothing (%d)",
		  code);
}

static void stdin_is_out(void)
{
	int file = open("stdout", O_RDONLY);
	(void)dup2(file, STDIN_FILENO);
}

static void test_circles(void)
{
	run_bed_fresh();
	run_bed_must(symlink(".", "d") == 0, "symlink");
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {follow: d/x.log}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: ./x.log}}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && run_bed_says("./x.log is read by a source, too") &&
			  access("x.log", F_OK) != 0,
		  "an output that would be an input under another name is refused (%d)", code);
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: stdin}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: stdout}]\n");
	code = run_with(stdin_is_out, "c.yaml");
	tap_check(code == CLI_EXIT_CONFIG &&
			  run_bed_says("standard output is the file that standard input reads"),
		  "so is a standard output that is the standard input (%d)", code);
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {events: 1}}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: d/j/0-00000099.seg}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG &&
			  run_bed_says("d/j/0-00000099.seg lies in the journal's directory") &&
			  access("j/0-00000099.seg", F_OK) != 0,
		  "and one in the journal's directory (%d): %s", code, run_bed_said);
}

static void set_variables(void)
{
	(void)setenv("WEIR_KEY", "theirs", 1);
	(void)setenv("WEIR_HEADER_TYPE", "theirs", 1);
	(void)setenv("WEIR_OF_A_USER", "stays", 1);
}

static void test_variables(void)
{
	run_bed_fresh();
	run_bed_put("in", "1\n");
	run_bed_put("prog",
		    "#!/bin/sh\n"
		    "echo \"${WEIR_KEY-none} ${WEIR_HEADER_TYPE-none} $WEIR_OF_A_USER\" >ran\n");
	run_bed_must(chmod("prog", 0700) == 0, "chmod");
	run_bed_put("c.yaml", RUN_BED_JOURNAL SOURCE
		    "subscriptions: [{name: o, topics: [t], sink: {command: [./prog]}}]\n");
	int code = run_with(set_variables, "c.yaml");
	tap_check(code == 0 && strcmp(run_bed_get("ran"), "none none stays\n") == 0,
		  "a command sees nothing of another run's event: %s", run_bed_text);
}

static void limit_files(void)
{
	const struct rlimit limit = {16u << 18,
				     16u << 18}; /* checkpoints fit, the output does not */
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_limited_files(void)
{
	run_bed_fresh();
	run_bed_put(
		"c.yaml", RUN_BED_JOURNAL
		"sources: [{name: s, topic: t, from: {generate: {events: 10k, payload: 500}}}]\n"
		"subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	int code = run_with(limit_files, "c.yaml");
	tap_check(code != 0 && code < 128 && run_bed_says("subscription o: out: "),
		  "an output beyond ulimit -f is an error, and not the end (%d)", code);
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_bytes("out") == 10000 * UINT64_C(501),
		  "without the limit the rest comes, and nothing twice (%d)", code);
}

int main(void)
{
	test_closed_streams();
	test_ignored_children();
	test_hangup();
	test_a_pipe_that_nobody_reads();
	test_followed_pipe();
	test_circles();
	test_variables();
	test_limited_files();
	run_bed_end_all();
	return tap_end();
}
