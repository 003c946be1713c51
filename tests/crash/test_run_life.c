/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run` ends as it says, and what users try ends well: signals, bad lines, changed
 *         configs, outputs that somebody touched, full disks, programs that fail, two runs at once.
 * Method: the command in a child process with its own folder as working directory; judged by exit
 *         code, what it says, and what is in its outputs. What is waited for is a fact (a file that
 *         has grown, a line that was said), however long it takes. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define PATIENCE_S 120

static char dir[TEST_PATH_BYTES];
static char said[16384]; /* what the last command wrote to standard error */
static char wrote[65536];

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- files of the folder --------------------------------------------------------------------- */

static void put(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(const char *name, const char *format, ...)
{
	va_list list;
	FILE *file = fopen(name, "w");
	must(file != NULL, name);
	va_start(list, format);
	(void)vfprintf(file, format, list);
	va_end(list);
	must(fclose(file) == 0, name);
}

static const char *get(const char *name)
{
	FILE *file = fopen(name, "r");
	size_t n = file != NULL ? fread(wrote, 1, sizeof wrote - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	wrote[n] = '\0';
	return wrote;
}

static uint64_t size_of(const char *name)
{
	struct stat status;
	return stat(name, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* A fresh folder, and the journal's part of a config. */
#define SMALL                                                                                      \
	"name: life\n"                                                                             \
	"journal: {dir: j, segment: 1MiB}\n"                                                       \
	"memory: {chunk: 64KiB, pool: 2MiB, undurable: 1MiB, lane: 256KiB, member_lane: 64KiB}\n"
#define JOURNAL SMALL "topics: [{name: t, partitions: 2}]\n"

static void fresh(void)
{
	static bool is_there;
	if (is_there) {
		must(chdir("/") == 0, "chdir");
		test_dir_remove(dir);
	}
	is_there = true;
	test_dir_make(dir);
	must(chdir(dir) == 0, "chdir");
}

/* ---- the command ----------------------------------------------------------------------------- */

static pid_t start(const char *config)
{
	char word[] = "run";
	char name[64];
	char *argv[] = {word, name, NULL};
	(void)snprintf(name, sizeof name, "%s", config);
	fflush(NULL);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child != 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int error = open("said", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)dup2(error, STDERR_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	int exit_code = cmd_run(2, argv);
	fflush(NULL);
	_exit(exit_code);
}

static int end(pid_t child)
{
	int status = 0;
	must(waitpid(child, &status, 0) == child, "waitpid");
	(void)snprintf(said, sizeof said, "%s", get("said"));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *config)
{
	return end(start(config));
}

static bool says(const char *text)
{
	bool has = strstr(said, text) != NULL;
	if (!has)
		tap_note("no \"%s\" in: %.1500s", text, said);
	return has;
}

static void nap(void)
{
	const struct timespec time = {.tv_nsec = 5000000};
	(void)nanosleep(&time, NULL);
}

static void wait_for_bytes(const char *name, uint64_t bytes)
{
	time_t begun = time(NULL);
	while (size_of(name) < bytes) {
		nap();
		must(time(NULL) - begun < PATIENCE_S, "a file that does not grow");
	}
}

static void wait_for_word(const char *word)
{
	time_t begun = time(NULL);
	while (strstr(get("said"), word) == NULL) {
		nap();
		must(time(NULL) - begun < PATIENCE_S, word);
	}
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void test_signals(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {generate: {}}, rate: 2k/s}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = start("c.yaml");
	wait_for_bytes("out", 1);
	kill(child, SIGTERM);
	int code = end(child);
	tap_check(code == 0 && says("drained after a signal") && says(", 0 left"),
		  "a signal ends a source without end, and all is delivered");
	uint64_t bytes = size_of("out");
	child = start("c.yaml");
	wait_for_bytes("out", bytes + 1);
	kill(child, SIGINT);
	code = end(child);
	uint64_t lines = 0;
	bool in_order = true;
	char line[256];
	FILE *file = fopen("out", "r");
	/* Two partitions: each of them in order, all numbers once. */
	uint64_t sum = 0;
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		unsigned long long n = 0;
		in_order = in_order && sscanf(line, "{\"n\":%llu,", &n) == 1;
		sum += n;
		lines++;
	}
	if (file != NULL)
		fclose(file);
	tap_check(code == 0 && in_order && sum == lines * (lines + 1) / 2 && lines > 0,
		  "the next run goes on with the next number: 1 to %llu are there once",
		  (unsigned long long)lines);
}

static void test_second_signal(void)
{
	fresh();
	put("c.yaml",
	    JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [sh, -c, 'echo x >>ran;"
		    " exec sleep 1000'], timeout: 30s, retry: {attempts: 1}}}]\n"
		    "run: {drain_timeout: 1h}\n");
	put("in", "a\nb\n");
	pid_t child = start("c.yaml");
	wait_for_bytes("ran", 1);
	kill(child, SIGTERM);
	wait_for_word("terminated");
	kill(child, SIGTERM);
	int code = end(child);
	tap_check(code == 128 + SIGTERM && says("aborted by a second signal") && says("2 left"),
		  "a second signal leaves what is not delivered, with %d", code);
	put("c.yaml", JOURNAL "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	code = run("c.yaml");
	tap_check(code == 0 && strcmp(get("out"), "a\nb\n") == 0 && size_of("out") == size_of("in"),
		  "the next run delivers it, to another sink and without a source");
	put("c.yaml",
	    JOURNAL "sources: [{name: x, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [sh, -c, 'echo x >>ran;"
		    " exec sleep 1000'], timeout: 30s, retry: {attempts: 1}}}]\n"
		    "run: {drain_timeout: 1ms}\n");
	unlink("ran");
	child = start("c.yaml");
	wait_for_bytes("ran", 1);
	kill(child, SIGTERM);
	code = end(child);
	tap_check(code == 1 && says("drain_timeout is over"), "so does the end of drain_timeout");
}

static void test_bad_lines(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {file: in}, format: json,"
			      " on_bad_line: stop}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	put("in", "{\"n\":1}\n\n{\"n\":2}\nnot json\n{\"n\":3}");
	int code = run("c.yaml");
	tap_check(code == 1 && says("in:4: not JSON") && says("2 events published") &&
			  strcmp(get("out"), "{\"n\":1}\n{\"n\":2}\n") == 0,
		  "a bad line stops the source, and what was before it is delivered");
	code = run("c.yaml");
	tap_check(code == 1 && says("in:4: not JSON") && says("2 events were in the log"),
		  "the next run stops there again");
	put("in", "{\"n\":1}\n\n{\"n\":2}\n{\"n\":2.5}\n{\"n\":3}");
	code = run("c.yaml");
	tap_check(code == 0 && says("2 events published"), "until the line is mended");

	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {file: in}, format: json,"
			      " on_bad_line: skip}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	put("in", "x\n{\"n\":1}\nx\nx\n{\"n\":2}\nx\nx\nx\nx\n{\"n\":3}\n");
	code = run("c.yaml");
	tap_check(code == 0 && says("in:6: not JSON, at byte 1 of the line: skipped\n") &&
			  says("in:7:") && says("more of them are only counted") &&
			  says("7 bad lines") && strstr(said, "in:8:") == NULL,
		  "bad lines are skipped and counted, and the first five told");
	FILE *file = fopen("in", "a");
	must(file != NULL, "in");
	fputs("{\"n\":4}\n", file);
	fclose(file);
	code = run("c.yaml");
	tap_check(code == 0 && says("1 events published") && says("3 events were in the log") &&
			  size_of("out") == 4 * strlen("{\"n\":1}\n"),
		  "and a restart counts the same events");
}

static void test_long_line(void)
{
	static char text[200001];
	fresh();
	memset(text, 'x', sizeof text - 1);
	put("c.yaml",
	    JOURNAL "sources: [{name: s, topic: t, from: {file: in}, on_bad_line: skip}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	put("in", "a\r\n\n%s\nb", text);
	int code = run("c.yaml");
	tap_check(code == 0 && says("in:3: 200000 bytes: an event has at most") &&
			  size_of("out") == 6,
		  "a line that is larger than an event may be is a bad line");
}

static void test_changed_input(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	put("in", "1\n2\n3\n");
	int code = run("c.yaml");
	put("in", "1\n2\n");
	int second = run("c.yaml");
	tap_check(code == 0 && second == 1 &&
			  says("it has 2 events, and 3 of it are in the log: it is not the file"),
		  "a file that has become shorter is refused");
	put("c.yaml", JOURNAL "sources: [{name: other, topic: t, from: {file: in}}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	code = run("c.yaml");
	tap_check(code == 0 && says("2 events published") && says("0 events were in the log"),
		  "under another name it is published again");
	put("c.yaml", JOURNAL "sources: [{name: other, topic: t, from: {file: gone}}]\n");
	code = run("c.yaml");
	tap_check(code == CLI_EXIT_NOT_FOUND && says("source other: gone: no such file"),
		  "a file that is not there is told");
	must(mkfifo("pipe", 0600) == 0, "mkfifo");
	put("c.yaml", JOURNAL "sources: [{name: other, topic: t, from: {file: pipe}}]\n");
	code = run("c.yaml");
	tap_check(code == 1 && says("pipe is no regular file"),
		  "a stream is not taken for a file that can be read again");
	must(symlink("in", "alias") == 0, "symlink");
	put("c.yaml", JOURNAL "sources: [{name: other, topic: t, from: {file: in}}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: alias}}]\n");
	code = run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && says("alias is read by a source, too"),
		  "a source is not read and written in a circle");
}

static void test_touched_output(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	put("in", "1\n2\n3\n");
	put("out", "mine");
	int code = run("c.yaml");
	tap_check(code == 0 && says("it has 4 bytes already: events go behind them") &&
			  strncmp(get("out"), "mine\n", 5) == 0 && size_of("out") == 11,
		  "what an output had before stays");
	must(truncate("out", 8) == 0, "truncate");
	code = run("c.yaml");
	tap_check(code == CLI_EXIT_IO && says("out was truncated, and out.weir says that 11 bytes"),
		  "a truncated output is refused");
	must(unlink("out") == 0, "unlink");
	code = run("c.yaml");
	tap_check(code == CLI_EXIT_IO && says("out is gone, and out.weir says") &&
			  access("out", F_OK) != 0,
		  "so is one that was removed: no other is made");
	must(unlink("out.weir") == 0, "unlink");
	put("in", "1\n2\n3\n4\n");
	code = run("c.yaml");
	tap_check(code == 0 && strcmp(get("out"), "4\n") == 0,
		  "without its side file a new one is begun, with what was not acknowledged");
	rename("out", "o2");
	rename("out.weir", "o2.weir");
	put("c.yaml", JOURNAL "subscriptions: [{name: p, topics: [t], sink: {file: o2}}]\n");
	code = run("c.yaml");
	tap_check(code == 1 && says("o2.weir belongs to another subscription") &&
			  strcmp(get("o2"), "4\n") == 0,
		  "an output of another subscription is left alone");
}

static void test_output_while_it_runs(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {generate: {}}, rate: 1k/s}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = start("c.yaml");
	wait_for_bytes("out", 1000);
	must(rename("out", "moved") == 0, "rename");
	int code = end(child);
	tap_check(code == CLI_EXIT_IO && says("out was removed or renamed while it was written"),
		  "an output that is renamed while it is written ends the run");
	must(rename("moved", "out") == 0, "rename");
	child = start("c.yaml");
	wait_for_bytes("out", size_of("out") + 1000);
	FILE *file = fopen("out", "a");
	must(file != NULL && fputs("x", file) >= 0 && fclose(file) == 0, "out");
	code = end(child);
	tap_check(code == CLI_EXIT_IO && says("out was written to by somebody else"),
		  "so does one that others write to");
}

static void test_two_at_once(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {generate: {}}, rate: 1k/s}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	put("d.yaml", "topics: [{name: t}]\n"
		      "sources: [{name: s, topic: t, from: {generate: {events: 5}}}]\n"
		      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = start("c.yaml");
	wait_for_bytes("out", 1);
	rename("said", "said.first");
	int code = run("c.yaml");
	tap_check(code == CLI_EXIT_IN_USE && says("owns this directory"),
		  "a second run on the same journal is refused, with %d", code);
	code = run("d.yaml");
	tap_check(code == CLI_EXIT_IN_USE && says("out: another run writes to it"),
		  "so is a second run to the same output");
	kill(child, SIGTERM);
	tap_check(end(child) == 0, "the first one takes no notice");
}

static void append_lines(const char *name, uint32_t from, uint32_t end)
{
	FILE *file = fopen(name, "a");
	must(file != NULL, name);
	for (uint32_t i = from; i < end; i++)
		fprintf(file, "%06u\n", i);
	must(fclose(file) == 0, name);
}

/* Killed each time, once before a rotation, once before a truncation. */
static void test_followed_file(void)
{
	static char expected[7 * 4000 + 1];
	fresh();
	put("c.yaml", SMALL "topics: [{name: t}]\n"
			    "sources: [{name: s, topic: t, from: {follow: app.log}}]\n"
			    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	append_lines("app.log", 0, 1000);
	pid_t child = start("c.yaml");
	wait_for_bytes("out", 7 * 500);
	kill(child, SIGKILL);
	(void)end(child);
	append_lines("app.log", 1000, 2000);
	must(rename("app.log", "app.log.1") == 0, "rename");
	append_lines("app.log", 2000, 3000);
	child = start("c.yaml");
	wait_for_bytes("out", 7 * 3000);
	bool went_on = strstr(get("said"), "which it was rotated to") != NULL;
	kill(child, SIGKILL);
	(void)end(child);
	must(truncate("app.log", 0) == 0, "truncate");
	append_lines("app.log", 3000, 3500);
	child = start("c.yaml");
	wait_for_bytes("out", 7 * 3500);
	append_lines("app.log", 3500, 4000);
	wait_for_bytes("out", 7 * 4000);
	kill(child, SIGTERM);
	int code = end(child);
	/* One partition, so in order; and no line twice, or it would be longer. */
	for (uint32_t i = 0; i < 4000; i++)
		(void)snprintf(expected + 7 * (size_t)i, 8, "%06u\n", i);
	tap_check(
		code == 0 && went_on && says("truncated") && strcmp(get("out"), expected) == 0,
		"a followed file comes through kills, a rotation and a truncation, each line once");
}

static void test_commands(void)
{
	fresh();
	put("c.yaml",
	    JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [./gone]}}]\n");
	put("in", "ok\nfail\nslow\nok\n");
	int code = run("c.yaml");
	tap_check(code == CLI_EXIT_NOT_FOUND && says("there is no program ./gone") && says("\n") &&
			  strstr(said, "published") == NULL,
		  "a program that is not there is told before anything is published");
	put("prog", "#!/bin/sh\nread -r line\n"
		    "echo \"$WEIR_TOPIC $WEIR_ATTEMPT $line\" >>ran\n"
		    "case $line in fail) exit 3;; slow) sleep 1000;; esac\n");
	must(chmod("prog", 0700) == 0, "chmod");
	put("c.yaml",
	    JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [./prog],"
		    " timeout: 1s, retry: {attempts: 2, backoff: 1ms}, on_failure: skip}}]\n");
	code = run("c.yaml");
	tap_check(code == 0 && says("ended with exit status 3, 2 times: passed over") &&
			  says("took longer than its timeout and was killed, 2 times") &&
			  says("2 delivered") && says("2 failed"),
		  "one that fails or takes too long is tried again, and passed over");
	get("ran");
	tap_check(strstr(wrote, "t 1 ok\n") != NULL && strstr(wrote, "t 1 fail\n") != NULL &&
			  strstr(wrote, "t 2 fail\n") != NULL &&
			  strstr(wrote, "t 2 slow\n") != NULL && strstr(wrote, "t 3") == NULL,
		  "its environment says which attempt it is");
}

static void test_full_disk(void)
{
	fresh();
	put("c.yaml", JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: disk/out}}]\n");
	FILE *file = fopen("in", "w");
	must(file != NULL, "in");
	for (int i = 0; i < 50000; i++)
		fprintf(file, "line %08d\n", i);
	must(fclose(file) == 0, "in");
	must(mkdir("disk", 0700) == 0, "mkdir");
	pid_t keeper = fork();
	must(keeper >= 0, "fork");
	if (keeper == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", "disk", "tmpfs", 0, "size=256k") < 0)
			_exit(77);
		pid_t child = start("c.yaml");
		wait_for_word("waiting for room");
		if (mount("tmpfs", "disk", "tmpfs", MS_REMOUNT, "size=4m") < 0)
			_exit(78);
		int code = end(child);
		/* What is in the namespace goes with it. */
		char line[64];
		int i = 0;
		FILE *out = fopen("disk/out", "r");
		while (out != NULL && fgets(line, sizeof line, out) != NULL)
			i++;
		_exit(code != 0                                     ? 1
		      : i != 50000                                  ? 2
		      : strstr(said, "there is room again") == NULL ? 3
								    : 0);
	}
	int status = 0;
	must(waitpid(keeper, &status, 0) == keeper, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		tap_skip("mounts are refused here");
		return;
	}
	tap_check(status == 0, "a full disk is waited for, said, and then all is there (%d)",
		  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void test_configs(void)
{
	fresh();
	put("c.yaml", "topics: [{name: t}]\nsources: [{name: s, topic: u, from: stdin}]\n");
	int code = run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && says("there is no topic \"u\"") &&
			  says("1 error; nothing was started"),
		  "a config with errors is told, and nothing is started");
	put("c.yaml", JOURNAL);
	code = run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && says("nothing to run") && access("j", F_OK) != 0,
		  "so is one with nothing to run");
	put("c.yaml", "topics: [{name: t, partitions: 4}]\n"
		      "sources: [{name: s, topic: t, from: {generate: {events: 3000}}}]\n"
		      "subscriptions: [{name: o, topics: [t], when_slow: block, members: 3,"
		      " sink: {file: out-%%m, commit: after}}]\n");
	code = run("c.yaml");
	uint64_t sum = size_of("out-0") + size_of("out-1") + size_of("out-2");
	tap_check(code == 0 && sum == 3000 * 129 && size_of("out-0") > 0 && size_of("out-2") > 0,
		  "several members have a file each, without a journal, too");
}

static void test_lost_events(void)
{
	fresh();
	/* The command waits in its first event until all of them are published. */
	put("c.yaml",
	    "memory: {chunk: 16KiB, pool: 64KiB, lane: 64KiB, member_lane: 16KiB}\n"
	    "topics: [{name: t}]\n"
	    "sources: [{name: s, topic: t, from: {generate: {events: 2000, payload: 3KiB}}}]\n"
	    "subscriptions:\n"
	    "  - {name: all, topics: [t], when_slow: block, sink: {file: all}}\n"
	    "  - name: slow\n"
	    "    topics: [t]\n"
	    "    session_timeout: 1h\n"
	    "    sink: {command: [sh, -c, 'until test -e go; do sleep 0.1; done'], timeout: 5m,"
	    " retry: {attempts: 1}}\n");
	pid_t child = start("c.yaml");
	wait_for_bytes("all", 2000 * 3073);
	put("go", "now");
	int code = end(child);
	tap_check(code == 1 && says("warning: without a journal a sink that is slow loses") &&
			  says("subscription slow: ") &&
			  says(" events were gone before they were read"),
		  "events that a log in memory has lost are told, and no success");
}

static void test_real_data(void)
{
	char path[TEST_PATH_BYTES];
	fresh();
	if (!real_data_find("github-events/events.jsonl", path)) {
		tap_skip("the data is not here");
		return;
	}
	put("c.yaml",
	    JOURNAL "sources: [{name: s, topic: t, from: {file: %s}, format: json, key: actor.id,"
		    " on_bad_line: skip}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: stdout}]\n",
	    path);
	int code = run("c.yaml");
	/* Lines of more than a quarter of a chunk are bad lines here: 64 KiB chunks. */
	bool all = says("1 000 lines read");
	tap_check(code == 0 && all && says(", 0 left"), "real events of GitHub come out again");
}

int main(void)
{
	test_configs();
	test_signals();
	test_second_signal();
	test_bad_lines();
	test_long_line();
	test_changed_input();
	test_touched_output();
	test_output_while_it_runs();
	test_two_at_once();
	test_followed_file();
	test_commands();
	test_full_disk();
	test_lost_events();
	test_real_data();
	must(chdir("/") == 0, "chdir");
	test_dir_remove(dir);
	return tap_end();
}
