/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run` ends as it says, and what users try of sources and configs ends well: signals,
 *         bad lines, files that changed, followed files, events that a log in memory lost.
 * Method: the command in a child process (run_bed.h), judged by exit code, what it says, and what
 *         is in its outputs. What is waited for is a fact (a file that has grown, a line that was
 *         said), however long it takes. Prints TAP.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

static void test_signals(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {}}, rate: 2k/s}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 1);
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("drained after a signal") && run_bed_says(", 0 left"),
		  "a signal ends a source without end, and all is delivered");
	uint64_t bytes = run_bed_bytes("out");
	child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", bytes + 1);
	kill(child, SIGINT);
	code = run_bed_end(child);
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

/* It is in its first event for as long as the folder is there. */
#define BUSY                                                                                       \
	"subscriptions:\n"                                                                         \
	"  - name: o\n"                                                                            \
	"    topics: [t]\n"                                                                        \
	"    session_timeout: 1h\n"                                                                \
	"    sink:\n"                                                                              \
	"      command: [sh, -c, 'echo x >>ran; while test -d j; do sleep 0.1; done']\n"           \
	"      timeout: 10m\n"                                                                     \
	"      retry: {attempts: 1}\n"

static void test_second_signal(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n" BUSY
				    "run: {drain_timeout: 1h}\n");
	run_bed_put("in", "a\nb\n");
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("ran", 1);
	kill(child, SIGTERM);
	run_bed_wait_for_word("terminated");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 128 + SIGTERM && run_bed_says("aborted by a second signal") &&
			  run_bed_says("2 left"),
		  "a second signal leaves what is not delivered, with %d", code);
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_bytes("out") == run_bed_bytes("in"),
		  "the next run delivers it, to another sink and without a source");
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: x, topic: t, from: {file: in}}]\n" BUSY
				    "run: {drain_timeout: 1ms}\n");
	unlink("ran");
	child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("ran", 1);
	kill(child, SIGTERM);
	code = run_bed_end(child);
	tap_check(code == 12 && run_bed_says("drain_timeout is over"),
		  "so does the end of drain_timeout, with %d", code);
}

static void test_bad_lines(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {file: in}, format: json,"
				    " on_bad_line: stop}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_put("in", "{\"n\":1}\n\n{\"n\":2}\nnot json\n{\"n\":3}");
	int code = run_bed_run("c.yaml");
	tap_check(code == 1 && run_bed_says("in:4: not JSON") &&
			  run_bed_says("2 events published") &&
			  strcmp(run_bed_get("out"), "{\"n\":1}\n{\"n\":2}\n") == 0,
		  "a bad line stops the source, and what was before it is delivered");
	code = run_bed_run("c.yaml");
	tap_check(code == 1 && run_bed_says("in:4: not JSON") &&
			  run_bed_says("2 events were in the log"),
		  "the next run stops there again");
	run_bed_put("in", "{\"n\":1}\n\n{\"n\":2}\n{\"n\":2.5}\n{\"n\":3}");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("2 events published"), "until the line is mended");

	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {file: in}, format: json,"
				    " on_bad_line: skip}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_put("in", "x\n{\"n\":1}\nx\nx\n{\"n\":2}\nx\nx\nx\nx\n{\"n\":3}\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("in:6: not JSON, at byte 1 of the line: skipped\n") &&
			  run_bed_says("in:7:") && run_bed_says("more of them are only counted") &&
			  run_bed_says("7 bad lines") && strstr(run_bed_said, "in:8:") == NULL,
		  "bad lines are skipped and counted, and the first five told");
	FILE *file = fopen("in", "a");
	run_bed_must(file != NULL, "in");
	fputs("{\"n\":4}\n", file);
	fclose(file);
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("1 events published") &&
			  run_bed_says("3 events were in the log") &&
			  run_bed_bytes("out") == 4 * strlen("{\"n\":1}\n"),
		  "and a restart counts the same events");
}

static void test_long_line(void)
{
	static char text[200001];
	run_bed_fresh();
	memset(text, 'x', sizeof text - 1);
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {file: in}, on_bad_line: skip}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_put("in", "a\r\n\n%s\nb", text);
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("in:3: 200000 bytes: an event has at most") &&
			  run_bed_bytes("out") == 6,
		  "a line that is larger than an event may be is a bad line");
}

static void test_changed_input(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {file: in}}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_put("in", "1\n2\n3\n");
	int code = run_bed_run("c.yaml");
	run_bed_put("in", "1\n2\n");
	int second = run_bed_run("c.yaml");
	tap_check(
		code == 0 && second == 1 &&
			run_bed_says(
				"it has 2 events, and 3 of it are in the log: it is not the file"),
		"a file that has become shorter is refused");
	run_bed_put("in", "1\n2\n4\n5\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 1 && run_bed_says("in:3: event 3 of it is another one in the log") &&
			  run_bed_says("0 events published") && run_bed_bytes("out") == 6,
		  "so is one that was changed before its place");
	run_bed_put("in", "1\n2\n3\n5\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("1 events published") && run_bed_bytes("out") == 8,
		  "put back, it goes on");
	run_bed_put("in", "1\n2\n");
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: other, topic: t, from: {file: in}}]\n"
				    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("2 events published") &&
			  run_bed_says("0 events were in the log"),
		  "under another name it is published again");
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: other, topic: t, from: {file: gone}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_NOT_FOUND && run_bed_says("source other: gone: no such file"),
		  "a file that is not there is told");
	run_bed_must(mkfifo("pipe", 0600) == 0, "mkfifo");
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources: [{name: other, topic: t, from: {file: pipe}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 1 && run_bed_says("pipe is no regular file"),
		  "a stream is not taken for a file that can be read again");
	run_bed_must(symlink("in", "alias") == 0, "symlink");
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: other, topic: t, from: {file: in}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: alias}}]\n");
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && run_bed_says("alias is read by a source, too"),
		  "a source is not read and written in a circle");
}

static void append_lines(const char *name, uint32_t from, uint32_t end)
{
	FILE *file = fopen(name, "a");
	run_bed_must(file != NULL, name);
	for (uint32_t i = from; i < end; i++)
		fprintf(file, "%06u\n", i);
	run_bed_must(fclose(file) == 0, name);
}

/* Killed each time, once before a rotation, once before a truncation. */
static void test_followed_file(void)
{
	static char expected[7 * 4000 + 1];
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_SMALL "topics: [{name: t}]\n"
				  "sources: [{name: s, topic: t, from: {follow: app.log}}]\n"
				  "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	append_lines("app.log", 0, 1000);
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 7 * 500);
	kill(child, SIGKILL);
	(void)run_bed_end(child);
	append_lines("app.log", 1000, 2000);
	run_bed_must(rename("app.log", "app.log.1") == 0, "rename");
	append_lines("app.log", 2000, 3000);
	child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 7 * 3000);
	bool went_on = strstr(run_bed_get("said"), "which it was rotated to") != NULL;
	kill(child, SIGKILL);
	(void)run_bed_end(child);
	run_bed_must(truncate("app.log", 0) == 0, "truncate");
	append_lines("app.log", 3000, 3500);
	child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 7 * 3500);
	append_lines("app.log", 3500, 4000);
	run_bed_wait_for_bytes("out", 7 * 4000);
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	/* One partition, so in order; and no line twice, or it would be longer. */
	for (uint32_t i = 0; i < 4000; i++)
		(void)snprintf(expected + 7 * (size_t)i, 8, "%06u\n", i);
	tap_check(
		code == 0 && went_on && run_bed_says("truncated") &&
			strcmp(run_bed_get("out"), expected) == 0,
		"a followed file comes through kills, a rotation and a truncation, each line once");
}

static uint32_t count_of(const char *text, const char *what)
{
	uint32_t count = 0;
	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		count++;
	return count;
}

/* Each event's spans are in one of the files, whole, and the run does not end for a full disk. */
static void test_traces(void)
{
	static const char config[] =
		"sources: [{name: s, topic: t, from: {generate: {}}, rate: 2/s}]\n"
		"subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n";
	uint32_t published = 0, processed = 0;
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "%straces: {file: spans, service: shop, events: 1k}\n", config);
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("spans", 1);
	run_bed_must(rename("spans", "spans.1") == 0, "rename");
	run_bed_wait_for_bytes("spans", 1);
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	bool whole = true;
	for (int i = 0; i < 2; i++) {
		const char *text = run_bed_get(i == 0 ? "spans.1" : "spans");
		size_t bytes = strlen(text);
		whole = whole && bytes > 0 && text[bytes - 1] == '\n' &&
			strncmp(text, "{\"resourceSpans\":", 17) == 0;
		published += count_of(text, "\"name\":\"publish t\"");
		processed += count_of(text, "\"name\":\"process t\"");
	}
	tap_check(code == 0 && whole && published > 0 && published == processed &&
			  run_bed_says("traces spans: ") && run_bed_says(" 0 left out"),
		  "spans of a run go on into a new file when theirs is renamed");

	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: u, topic: t, from: {generate: {events: 5}}}]\n"
		    "traces: {file: /dev/full}\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("traces: /dev/full: ") &&
			  run_bed_says("lines not written"),
		  "what cannot be written is told, and counted");

	run_bed_put("c.yaml", RUN_BED_JOURNAL "%straces: {file: nowhere/spans}\n", config);
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_NOT_FOUND && run_bed_says("traces.file: nowhere/spans"),
		  "a folder that is not there is refused");

	int made = mkfifo("pipe", 0600);
	run_bed_put("c.yaml", RUN_BED_JOURNAL "%straces: {file: pipe}\n", config);
	code = run_bed_run("c.yaml");
	tap_check(made == 0 && code != 0 &&
			  run_bed_says("traces.file: pipe: a pipe, which nobody may read"),
		  "a pipe is refused: nobody may read it");
}

static void test_configs(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", "topics: [{name: t}]\nsources: [{name: s, topic: u, from: stdin}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && run_bed_says("there is no topic \"u\"") &&
			  run_bed_says("1 error; nothing was started"),
		  "a config with errors is told, and nothing is started");
	run_bed_put("c.yaml", RUN_BED_JOURNAL);
	code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && run_bed_says("nothing to run") &&
			  access("j", F_OK) != 0,
		  "so is one with nothing to run");
	run_bed_put("c.yaml", "topics: [{name: t, partitions: 4}]\n"
			      "sources: [{name: s, topic: t, from: {generate: {events: 3000}}}]\n"
			      "subscriptions: [{name: o, topics: [t], when_slow: block, members: 3,"
			      " sink: {file: out-%%m, commit: after}}]\n");
	code = run_bed_run("c.yaml");
	uint64_t sum = run_bed_bytes("out-0") + run_bed_bytes("out-1") + run_bed_bytes("out-2");
	tap_check(code == 0 && sum == 3000 * 129 && access("out-2", F_OK) == 0,
		  "several members have a file each, without a journal, too");
}

static void test_lost_events(void)
{
	run_bed_fresh();
	/* The command waits in its first event until all of them are published. */
	run_bed_put(
		"c.yaml",
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
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("all", 2000 * 3073);
	run_bed_put("go", "now");
	int code = run_bed_end(child);
	tap_check(code == 1 &&
			  run_bed_says("warning: without a journal a sink that is slow loses") &&
			  run_bed_says("subscription slow: ") &&
			  run_bed_says(" events were gone before they were read"),
		  "events that a log in memory has lost are told, and no success");
}

static void test_real_data(void)
{
	char path[TEST_PATH_BYTES];
	run_bed_fresh();
	if (!real_data_find("github-events/events.jsonl", path)) {
		tap_skip("the data is not here");
		return;
	}
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {file: %s}, format: json, key: actor.id,"
		    " on_bad_line: skip}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: stdout}]\n",
		    path);
	int code = run_bed_run("c.yaml");
	/* Lines of more than a quarter of a chunk are bad lines here: 64 KiB chunks. */
	bool all = run_bed_says("1 000 lines read");
	tap_check(code == 0 && all && run_bed_says(", 0 left"),
		  "real events of GitHub come out again");
}

int main(void)
{
	test_configs();
	test_signals();
	test_second_signal();
	test_bad_lines();
	test_long_line();
	test_changed_input();
	test_followed_file();
	test_traces();
	test_lost_events();
	test_real_data();
	run_bed_end_all();
	return tap_end();
}
