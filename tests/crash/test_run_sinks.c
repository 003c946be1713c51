/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the sinks of `weir run` keep their word when somebody else has a hand in it: outputs that
 *         are truncated, removed, renamed, written to or on a full disk; programs that are missing,
 *         fail or take too long; two runs at once.
 * Method: as test_run_life.c. The full disk is a small tmpfs in a mount namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

static mode_t mode_of(const char *name)
{
	struct stat status;
	run_bed_must(stat(name, &status) == 0, name);
	return status.st_mode & 07777;
}

static void test_touched_output(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_put("in", "1\n2\n3\n");
	run_bed_put("out", "mine");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("it has 4 bytes already: events go behind them") &&
			  strncmp(run_bed_get("out"), "mine\n", 5) == 0 &&
			  run_bed_bytes("out") == 11,
		  "what an output had before stays");
	run_bed_must(truncate("out", 8) == 0, "truncate");
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_IO &&
			  run_bed_says("out was truncated, and out.weir says that 11 bytes"),
		  "a truncated output is refused");
	run_bed_must(unlink("out") == 0, "unlink");
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_IO && run_bed_says("out is gone, and out.weir says") &&
			  access("out", F_OK) != 0,
		  "so is one that was removed: no other is made");
	run_bed_must(unlink("out.weir") == 0, "unlink");
	run_bed_put("in", "1\n2\n3\n4\n");
	mode_t mask = umask(0);
	code = run_bed_run("c.yaml");
	(void)umask(mask);
	tap_check(code == 0 && strcmp(run_bed_get("out"), "4\n") == 0,
		  "without its side file a new one is begun, with what was not acknowledged");
	tap_check(mode_of("out") == 0666 && mode_of("out.weir") == 0600,
		  "the umask says whose the output is; the side file is its owner's only (%o, %o)",
		  mode_of("out"), mode_of("out.weir"));
	rename("out", "o2");
	rename("out.weir", "o2.weir");
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "subscriptions: [{name: p, topics: [t], sink: {file: o2}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 1 && run_bed_says("o2.weir belongs to another subscription") &&
			  strcmp(run_bed_get("o2"), "4\n") == 0,
		  "an output of another subscription is left alone");
}

static void test_output_while_it_runs(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {}}, rate: 1k/s}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 1000);
	run_bed_must(rename("out", "moved") == 0, "rename");
	int code = run_bed_end(child);
	tap_check(code == CLI_EXIT_IO &&
			  run_bed_says("out was removed or renamed while it was written"),
		  "an output that is renamed while it is written ends the run");
	run_bed_must(rename("moved", "out") == 0, "rename");
	child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", run_bed_bytes("out") + 1000);
	FILE *file = fopen("out", "a");
	run_bed_must(file != NULL && fputs("x", file) >= 0 && fclose(file) == 0, "out");
	code = run_bed_end(child);
	tap_check(code == CLI_EXIT_IO && run_bed_says("out was written to by somebody else"),
		  "so does one that others write to");
}

static void test_two_at_once(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {}}, rate: 1k/s}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_put("d.yaml", "topics: [{name: t}]\n"
			      "sources: [{name: s, topic: t, from: {generate: {events: 5}}}]\n"
			      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 1);
	rename("said", "said.first");
	int code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_IN_USE && run_bed_says("owns this directory"),
		  "a second run on the same journal is refused, with %d", code);
	code = run_bed_run("d.yaml");
	tap_check(code == CLI_EXIT_IN_USE && run_bed_says("out: another run writes to it"),
		  "so is a second run to the same output");
	kill(child, SIGTERM);
	tap_check(run_bed_end(child) == 0, "the first one takes no notice");
}

static void test_commands(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [./gone]}}]\n");
	run_bed_put("in", "ok\nfail\nok\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_NOT_FOUND && run_bed_says("there is no program ./gone") &&
			  strstr(run_bed_said, "published") == NULL,
		  "a program that is not there is told before anything is published");
	run_bed_put("prog", "#!/bin/sh\nread -r line\n"
			    "echo \"$WEIR_TOPIC $WEIR_ATTEMPT $line\" >>ran\n"
			    "grep SigIgn /proc/self/status >ignored\n"
			    "case $line in fail) exit 3;; slow) sleep 1000;; esac\n");
	run_bed_must(chmod("prog", 0700) == 0, "chmod");
	run_bed_put(
		"c.yaml", RUN_BED_JOURNAL
		"sources: [{name: s, topic: t, from: {file: in}}]\n"
		"subscriptions: [{name: o, topics: [t], session_timeout: 1h, sink: {command:"
		" [./prog], timeout: 2m, retry: {attempts: 2, backoff: 1ms}, on_failure: skip}}]"
		"\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("ended with exit status 3, 2 times: passed over") &&
			  run_bed_says("2 delivered") && run_bed_says("1 failed"),
		  "one that fails is tried again, and passed over");
	run_bed_get("ran");
	tap_check(strstr(run_bed_text, "t 1 ok\n") != NULL &&
			  strstr(run_bed_text, "t 1 fail\n") != NULL &&
			  strstr(run_bed_text, "t 2 fail\n") != NULL &&
			  strstr(run_bed_text, "t 3") == NULL,
		  "its environment says which attempt it is");
	uint64_t own = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
	run_bed_get("ignored");
	tap_check(strncmp(run_bed_text, "SigIgn:", 7) == 0 &&
			  (strtoull(run_bed_text + 7, NULL, 16) & own) == 0,
		  "and no signal is ignored because the run ignores it");
	run_bed_put("slow", "slow\n");
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: x, topic: t, from: {file: slow}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [./prog],"
		    " timeout: 500ms, retry: {attempts: 2, backoff: 1ms}}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 1 &&
			  run_bed_says("took longer than its timeout and was killed, 2 times") &&
			  run_bed_says("1 left"),
		  "one that takes too long is killed; after the last attempt the run ends");
}

static unsigned times_said(const char *text)
{
	unsigned count = 0;
	for (const char *at = run_bed_said; (at = strstr(at, text)) != NULL; at += strlen(text))
		count++;
	return count;
}

/* And what has no sink is nothing that the run left. */
static void test_skipped_events(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "log: {format: json, rate: 0}\n"
		    "sources: [{name: s, topic: t, from: {generate: {events: 5}}}]\n"
		    "subscriptions:\n"
		    "  - {name: other, topics: [t]}\n"
		    "  - {name: o, topics: [t], session_timeout: 1h, sink: {command: [\"false\"],"
		    " retry: {attempts: 1}, on_failure: skip}}\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && times_said("\"event\":\"sink.event_skipped\"") == 5 &&
			  run_bed_says("\"delivered\":0,\"failed\":5,\"missed\":0,\"left\":0,"),
		  "each event that is passed over is told, and the end says how many (%d)", code);
}

#define PARKING(events, more)                                                                      \
	RUN_BED_SMALL                                                                              \
		"topics: [{name: t}, {name: dead}]\n"                                              \
		"sources: [{name: s, topic: t,"                                                    \
		" from: {generate: {events: " events ", keys: 3}}}]\n"                             \
		"subscriptions:\n"                                                                 \
		"  - {name: seen, topics: [t], sink: {file: out}}\n"                               \
		"  - {name: o, topics: [t], order: key, dead_letters: dead, when_dead: park,"      \
		" session_timeout: 1h, retry: {attempts: 1, delay: 1ms}" more ","                  \
		" sink: {command: [\"false\"], retry: {attempts: 1}, on_failure: reject}}\n"

/* Nobody can redrive it while the run goes on. */
static void test_parked(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", PARKING("10", ""));
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("0 delivered, 0 of them perhaps before, 10 left, "
					    "10 of them parked\n"),
		  "a run does not wait for what is parked (%d)", code);
	uint64_t bytes = run_bed_bytes("out");
	run_bed_put("c.yaml", PARKING("13", "") "run: {stay: yes, drain_timeout: 1h}\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", bytes + 1);
	kill(child, SIGTERM);
	code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says(" of them parked\n"), "nor does a drain (%d)", code);
	run_bed_fresh();
	run_bed_put("c.yaml", PARKING("10", ", outstanding: 4"));
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_UNDRAINED && run_bed_says(" 10 left, 4 of them parked\n"),
		  "what a queue that is full of it has not taken is left (%d)", code);
}

/* A command that hangs, with a child of its own that holds the write end of a pipe: that ends when
 * both are gone. */
static void test_hung_command(void)
{
	char byte;
	run_bed_fresh();
	run_bed_must(mkfifo("held", 0600) == 0, "mkfifo");
	int held = open("held", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	run_bed_must(held >= 0, "held");
	run_bed_put("in", "a\n");
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], session_timeout: 1h, sink: {command:"
		    " [sh, -c, 'exec 3>held; sleep 1000 & echo x >ran; sleep 1000'],"
		    " timeout: 10m, retry: {attempts: 1}}}]\n"
		    "run: {drain_timeout: 1ms}\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("ran", 1);
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	struct pollfd end = {.fd = held, .events = POLLIN};
	tap_check(code == CLI_EXIT_UNDRAINED && run_bed_says("1 left") &&
			  poll(&end, 1, 60000) == 1 && read(held, &byte, 1) == 0,
		  "the end of drain_timeout ends a command, and what it has started (%d)", code);
	(void)close(held);
}

/* The same lines to a file by partitions, and to one from a queue; the second is no JSON. */
static void test_transformed(void)
{
	static const char way[] = "transform: '{\"InputPathsMap\": {\"n\": \"$.n\"}, "
				  "\"InputTemplate\": \"[<n>]\"}', sink: {file: out}";
	char yaml[512];
	run_bed_fresh();
	(void)snprintf(yaml, sizeof yaml,
		       RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
				       "subscriptions: [{name: o, topics: [t], %s}]\n",
		       way);
	run_bed_put("c.yaml", "%s", yaml);
	run_bed_put("in", "{\"n\": 1}\n{\"n\": \"two\"}\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && strcmp(run_bed_get("out"), "[1]\n[\"two\"]\n") == 0,
		  "a sink gets what its subscription's transformer makes");
	run_bed_put("in", "{\"n\": 1}\n{\"n\": \"two\"}\nno JSON\n{\"n\": 3}\n");
	code = run_bed_run("c.yaml");
	tap_check(code != 0 && run_bed_says("cannot be transformed: ") &&
			  strcmp(run_bed_get("out"), "[1]\n[\"two\"]\n") == 0,
		  "what cannot be transformed ends the run, and nothing behind it is delivered");
	run_bed_fresh();
	(void)snprintf(yaml, sizeof yaml,
		       RUN_BED_SMALL
		       "topics: [{name: t}, {name: dead}]\n"
		       "sources: [{name: s, topic: t, from: {file: in}}]\n"
		       "subscriptions: [{name: o, topics: [t], order: key, dead_letters: dead, %s},"
		       "{name: d, topics: [dead], sink: {file: lost}}]\n",
		       way);
	run_bed_put("c.yaml", "%s", yaml);
	run_bed_put("in", "{\"n\": 1}\nno JSON\n{\"n\": 3}\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && strcmp(run_bed_get("out"), "[1]\n[3]\n") == 0,
		  "a queue goes on without it");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && strcmp(run_bed_get("lost"), "no JSON\n") == 0,
		  "and has it among its dead letters, as it is");
}

#define FAULTY_EVERY 7

/* Lines of keys 0 to 4, numbered; each seventh has no number. */
static void put_faulty_lines(int lines)
{
	FILE *file = fopen("in", "w");
	run_bed_must(file != NULL, "in");
	for (int i = 0; i < lines; i++)
		fprintf(file,
			i % FAULTY_EVERY == 3 ? "{\"k\":%d,\"bad\":%d}\n" : "{\"k\":%d,\"n\":%d}\n",
			i % 5, i);
	run_bed_must(fclose(file) == 0, "in");
}

/* Each number that is faulty, or each that is not, is in `name` once, and of a key in order. */
static bool is_all_there(const char *name, const char *form, int lines, bool faulty)
{
	FILE *file = fopen(name, "r");
	char line[64];
	int number, last[5] = {-1, -1, -1, -1, -1}, wanted = 0, count = 0;
	for (int i = 0; i < lines; i++)
		wanted += (i % FAULTY_EVERY == 3) == faulty;
	run_bed_must(file != NULL, name);
	while (fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, form, &number) != 1 || number < 0 || number <= last[number % 5] ||
		    (number % FAULTY_EVERY == 3) != faulty)
			break;
		last[number % 5] = number;
		count++;
	}
	bool good = feof(file) && count == wanted;
	(void)fclose(file);
	return good;
}

/* By partitions, too: what cannot be transformed is in the dead letters, the rest is in order. */
static void test_rejected_in_place(void)
{
	const int lines = 300;
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_SMALL
		    "topics: [{name: t, partitions: 3}, {name: dead}]\n"
		    "sources: [{name: s, topic: t, from: {file: in}, format: json, key: k}]\n"
		    "subscriptions: [{name: o, topics: [t], dead_letters: dead, sink: {file: out},"
		    " transform: '{\"InputPath\": \"$.n\"}'}]\n");
	put_faulty_lines(lines);
	run_bed_put("d.yaml", "%s%s", RUN_BED_SMALL,
		    "topics: [{name: t, partitions: 3}, {name: dead}]\n"
		    "subscriptions: [{name: d, topics: [dead], sink: {file: lost}}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && is_all_there("out", "%d", lines, false),
		  "a partition goes on without what cannot be transformed, in order (%d)", code);
	code = run_bed_run("d.yaml");
	tap_check(code == 0 && is_all_there("lost", "{\"k\":%*d,\"bad\":%d}", lines, true),
		  "and has it among its dead letters, once (%d)", code);
}

/* A program that fails at its second event, twice: it is tried again in its place. */
static void test_rejected_by_a_command(void)
{
	run_bed_fresh();
	run_bed_put(
		"prog",
		"#!/bin/sh\nread -r line\necho \"$line\" >>ran\n"
		"case $line in never) exit 3;; later) [ -e seen ] || { >seen; exit 4; };; esac\n");
	run_bed_must(chmod("prog", 0700) == 0, "chmod");
	run_bed_put("c.yaml",
		    RUN_BED_SMALL "topics: [{name: t}, {name: dead}]\n"
				  "sources: [{name: s, topic: t, from: {file: in}}]\n"
				  "subscriptions: [{name: o, topics: [t], dead_letters: dead,"
				  "  retry: {attempts: 2, delay: 1ms}, sink: {command: [./prog],"
				  "  retry: {attempts: 1}, on_failure: reject}},"
				  " {name: d, topics: [dead], sink: {file: lost}}]\n");
	run_bed_put("in", "1\nlater\nnever\n2\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 &&
			  strcmp(run_bed_get("ran"), "1\nlater\nlater\nnever\nnever\n2\n") == 0,
		  "what a command refuses is tried again in its place, and then passed (%d)", code);
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && strcmp(run_bed_get("lost"), "never\n") == 0,
		  "it is a dead letter then (%d)", code);
}

/* How many lines of `name` there are of so many numbered ones; -1: one is there twice. */
static int numbers_in(const char *name, int most)
{
	FILE *file = fopen(name, "r");
	char *seen = calloc(1, (size_t)most);
	char line[64];
	int number, count = 0;
	run_bed_must(file != NULL && seen != NULL, name);
	while (count >= 0 && fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "{\"k\":%*d,\"n\":%d}", &number) != 1 || number < 0 ||
		    number >= most || seen[number]++ > 0)
			count = -1;
		else
			count++;
	}
	free(seen);
	(void)fclose(file);
	return count;
}

/*
 * Nobody is given partitions of a queue: sources begin all the same. And its events come in no one
 * order, so that none may be passed over because a later one is in the output.
 */
static void test_queues(void)
{
	const int most = 4000;
	run_bed_fresh();
	run_bed_put("c.yaml",
		    "journal: {dir: j, segment: 16MiB}\n"
		    "topics: [{name: t, partitions: 4}]\n"
		    "sources: [{name: s, topic: t, from: {file: in}, format: json, key: k}]\n"
		    "subscriptions:\n"
		    "  - {name: k, topics: [t], order: key, sink: {file: by_key}}\n"
		    "  - {name: n, topics: [t], order: none, sink: {file: any}}\n");
	FILE *file = fopen("in", "w");
	run_bed_must(file != NULL, "in");
	for (int i = 0; i < most; i++)
		fprintf(file, "{\"k\":%d,\"n\":%d}\n", i / 20 % 50, i);
	run_bed_must(fclose(file) == 0, "in");
	int code = run_bed_run("c.yaml");
	int by_key = numbers_in("by_key", most), any = numbers_in("any", most);
	tap_check(code == 0 && by_key == most && any == most,
		  "sinks of queues get all that the sources of the same run have (%d, %d, %d)",
		  code, by_key, any);
}

static void test_full_disk(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: disk/out}}]\n");
	FILE *file = fopen("in", "w");
	run_bed_must(file != NULL, "in");
	for (int i = 0; i < 50000; i++)
		fprintf(file, "line %08d\n", i);
	run_bed_must(fclose(file) == 0, "in");
	run_bed_must(mkdir("disk", 0700) == 0, "mkdir");
	pid_t keeper = fork();
	run_bed_must(keeper >= 0, "fork");
	if (keeper == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", "disk", "tmpfs", 0, "size=256k") < 0)
			_exit(77);
		pid_t child = run_bed_start("c.yaml");
		run_bed_wait_for_word("waiting for room");
		if (mount("tmpfs", "disk", "tmpfs", MS_REMOUNT, "size=4m") < 0)
			_exit(78);
		int code = run_bed_end(child);
		/* What is in the namespace goes with it. */
		char line[64];
		int i = 0;
		FILE *out = fopen("disk/out", "r");
		while (out != NULL && fgets(line, sizeof line, out) != NULL)
			i++;
		_exit(code != 0                                             ? 1
		      : i != 50000                                          ? 2
		      : strstr(run_bed_said, "there is room again") == NULL ? 3
									    : 0);
	}
	int status = 0;
	run_bed_must(waitpid(keeper, &status, 0) == keeper, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		tap_skip("mounts are refused here");
		return;
	}
	tap_check(status == 0, "a full disk is waited for, said, and then all is there (%d)",
		  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(void)
{
	test_touched_output();
	test_output_while_it_runs();
	test_two_at_once();
	test_commands();
	test_skipped_events();
	test_parked();
	test_hung_command();
	test_transformed();
	test_rejected_in_place();
	test_rejected_by_a_command();
	test_queues();
	test_full_disk();
	run_bed_end_all();
	return tap_end();
}
