/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what `weir config plan` says of a whole run is what `weir run` then does: with the
 *         descriptors and the address space that are planned it runs, and with little less it does
 *         not; a file, folder or program that it misses is one that stops the run, told with its
 *         place; and over a journal that is there it plans with the sizes that the journal keeps.
 * Method: both commands over the same config, in folders of their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/sanitizer.h"
#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

/* What makes it a run. */
#define RUN                                                                                        \
	"sources: [{name: s, topic: t, from: {generate: {events: 1}}}]\n"                          \
	"subscriptions: [{name: o, topics: [t], sink: \"null\"}]\n"
#define RUN_AND_TOPIC "topics: [{name: t, partitions: 2}]\n" RUN

static struct capture c;

/* The number behind the n-th of this name in what was planned. */
static uint64_t planned(const char *name)
{
	char quoted[64];
	(void)snprintf(quoted, sizeof quoted, "\"%s\": ", name);
	const char *at = strstr(c.out, quoted);
	run_bed_must(at != NULL, quoted);
	return strtoull(at + strlen(quoted), NULL, 10);
}

static void plan(const char *config, bool json)
{
	if (json)
		CAPTURE(&c, cmd_config_plan, "plan", "--json", config);
	else
		CAPTURE(&c, cmd_config_plan, "plan", config);
}

static bool plans(const char *text)
{
	if (capture_has(c.out, text))
		return true;
	printf("# not planned: %s\n# %s%s\n", text, c.err, c.out);
	return false;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static rlim_t descriptors;

/* With nothing open but the standard streams. */
static void limit_descriptors(void)
{
	const struct rlimit limit = {descriptors, descriptors};
	for (int fd = 3; fd < 64; fd++)
		(void)close(fd);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_with(rlim_t count)
{
	descriptors = count;
	run_bed_before = limit_descriptors;
	int code = run_bed_run("c.yaml");
	run_bed_before = NULL;
	return code;
}

static void put_all_kinds(void)
{
	run_bed_fresh();
	run_bed_put("in", "1\n2\n3\n");
	run_bed_put("in2", "4\n");
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources:\n"
		    "  - {name: a, topic: t, from: {files: [in, in2]}}\n"
		    "  - {name: b, topic: t, from: {generate: {events: 20}}}\n"
		    "subscriptions:\n"
		    "  - {name: o, topics: [t], sink: {file: out.jsonl}}\n"
		    "  - {name: p, topics: [t], members: 2, sink: {file: out-%%m, commit: after}}\n"
		    "  - {name: q, topics: [t], members: 2, sink: {command: [\"true\"]}}\n"
		    "  - {name: r, topics: [t], sink: stdout}\n");
}

static void test_descriptors(void)
{
	put_all_kinds();
	plan("c.yaml", true);
	/* By hand: one file at a time; output and side file, two outputs, two commands. */
	tap_check(c.exit_code == 0 && planned("sources") == 1 && planned("sinks") == 2 + 2 + 4 &&
			  planned("others") == 7,
		  "descriptors of all kinds of sources and sinks are planned");
	uint64_t first = planned("fixed") + planned("segments_ahead") + 1 + 8 + 7;
	tap_check(planned("at_most") ==
			  planned("fixed") + planned("segments") + planned("events") + 1 + 8 + 7,
		  "and they are in the sum");
	int code = run_with(first);
	tap_check(code == 0 && run_bed_bytes("out.jsonl") > 0,
		  "with as many as it has to begin with it runs (%d)", code);
	/* And no more than that: what is planned too large is no plan either. */
	put_all_kinds();
	code = run_with(first - 10);
	tap_check(code == CLI_EXIT_FAILED && run_bed_says("too many open files"),
		  "with ten less it does not (%d)", code);
}

/* Its clients have theirs later: beside a server it runs without. */
static void test_descriptors_of_serve(void)
{
#if defined(WR_NO_METRICS) || !defined(WR_HAVE_SERVE)
	tap_skip("no server, or no alerts, in this build");
	return;
#endif
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL RUN
		    "serve: {listen: '127.0.0.1:0', no_token: yes, connections: 100}\n"
		    "alerts: [{name: stuck, when: {stuck_age: {raise_at: 5s, clear_at: 1s}}}]\n");
	plan("c.yaml", true);
	tap_check(c.exit_code == 0 && planned("connections") == 100 &&
			  planned("at_most") == planned("fixed") + planned("segments") +
							planned("events") + planned("serve") + 100 +
							planned("others"),
		  "descriptors of the server and of its clients are planned");
	tap_check(plans("\"name\": \"serve\",\n      \"count\": 2,") &&
			  plans("\"name\": \"watch\",\n      \"count\": 1,"),
		  "so are its threads, and the one that watches");
	uint64_t first = planned("fixed") + planned("segments_ahead") + 1 + planned("serve") +
			 planned("others");
	int code = run_with(first);
	tap_check(code == 0, "with as many as it has to begin with it runs (%d)", code);
	plan("c.yaml", false);
	tap_check(plans("  serve x 2 ") && plans("  watch ") && plans(", 104 of serve, 7 others\n"),
		  "to people, too");
}

/* ---- address space --------------------------------------------------------------------------- */

static uint64_t address_bytes;

/* So much beside what the process has. */
static bool limit_addresses(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	bool is_read = file != NULL && fscanf(file, "%llu", &pages) == 1;
	run_bed_must(is_read && fclose(file) == 0, "statm");
	rlim_t bytes = pages * (rlim_t)sysconf(_SC_PAGESIZE) + address_bytes;
	const struct rlimit limit = {bytes, bytes};
	return setrlimit(RLIMIT_AS, &limit) == 0 &&
	       mmap(NULL, address_bytes + (64u << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED;
}

static void limit_or_leave(void)
{
	if (!limit_addresses())
		_exit(99);
}

static int run_in(uint64_t bytes)
{
	address_bytes = bytes;
	run_bed_before = limit_or_leave;
	int code = run_bed_run("c.yaml");
	run_bed_before = NULL;
	return code;
}

static void test_address_space(void)
{
	if (WR_UNDER_ASAN || WR_UNDER_TSAN) {
		tap_skip("a sanitizer maps more than any limit");
		return;
	}
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL RUN);
	plan("c.yaml", true);
	uint64_t whole = planned("address_bytes");
	/* The command reads the config, and its allocator takes 2 MiB and more for each thread. */
	int code = run_in(whole + (24u << 20));
	if (code == 99) {
		tap_skip("an emulator: it does not enforce RLIMIT_AS");
		return;
	}
	tap_check(code == 0, "with the address space that is planned it runs (%d)", code);
	/* How it ends is not weir's alone: jemalloc has been seen to die of it. */
	code = run_in(whole - whole / 8);
	tap_check(code != 0, "with an eighth less it does not (%d)", code);
}

/* ---- what is not there ----------------------------------------------------------------------- */

static void test_paths(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL "sources:\n"
				    "  - {name: a, topic: t, from: {files: [in, late]}}\n"
				    "  - {name: b, topic: t, from: {follow: new.log}}\n"
				    "  - {name: c, topic: t, from: {follow: logs/x}}\n"
				    "subscriptions:\n"
				    "  - {name: o, topics: [t], sink: {file: far/out}}\n"
				    "  - {name: p, topics: [t], sink: {command: [./prog, x]}}\n"
				    "run: {stay: no}\n");
	plan("c.yaml", false);
	tap_check(c.exit_code == CLI_EXIT_FAILED &&
			  plans("  stops  c.yaml:6:40: source a: in: no such file") &&
			  plans("  later  c.yaml:6:44: source a: late: no such file") &&
			  plans("  slows  c.yaml:8:40: source c: logs/x: no such file") &&
			  plans("  stops  c.yaml:10:41: subscription o: far: there is no such "
				"folder\n         fix: mkdir -p far;") &&
			  plans("  stops  c.yaml:11:45: subscription p: ./prog: no program"),
		  "what a run misses is told, each at its place");
	tap_check(!capture_has(c.out, "new.log"), "a followed file may come later");
	plan("c.yaml", true);
	tap_check(plans("\"id\": \"subscription\",\n      \"weight\": \"stops\",\n      \"line\": "
			"10,\n      \"column\": 41,"),
		  "to programs, too");
	int code = run_bed_run("c.yaml");
	tap_check(code != 0 && run_bed_says("subscription o: far/out: no such file"),
		  "and the run does not begin (%d)", code);
	run_bed_must(mkdir("far", 0700) == 0 && mkdir("logs", 0700) == 0, "mkdir");
	run_bed_put("in", "1\n");
	run_bed_put("late", "2\n");
	run_bed_put("prog", "#!/bin/sh\n");
	run_bed_must(chmod("prog", 0700) == 0, "chmod");
	plan("c.yaml", false);
	tap_check(!capture_has(c.out, "c.yaml:"), "with all of it there nothing of that is told");
	/* A folder where a file is to be, and a file where a folder is. */
	run_bed_must(unlink("late") == 0 && mkdir("late", 0700) == 0 && rmdir("far") == 0,
		     "late and far");
	run_bed_put("far", "x");
	plan("c.yaml", false);
	tap_check(plans("source a: late: no regular file") &&
			  plans("subscription o: far: no folder that takes files"),
		  "what is of the wrong kind is told, too");
}

static void test_serve(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL RUN "serve: {listen: 'unix:no/s', token_file: token}\n");
	plan("c.yaml", false);
	tap_check(c.exit_code == CLI_EXIT_FAILED &&
			  plans("  stops  c.yaml:7:17: serve: no: there is no such folder") &&
			  plans("  stops  c.yaml:7:42: serve: token: no such file"),
		  "what the server of a run misses is told at its place");
	run_bed_must(mkdir("no", 0700) == 0, "mkdir");
	run_bed_put("token", "%s", "");
	plan("c.yaml", false);
	tap_check(plans("serve: token: there is no token in it") &&
			  !capture_has(c.out, "serve: no:"),
		  "so is a file without a token");
	run_bed_put("token", "sesame\n");
	plan("c.yaml", false);
	tap_check(plans("  stops  c.yaml:7:42: serve: token: a token is 16 to 512 printable "
			"characters without blanks\n"),
		  "one that is too short, too");
#if defined(WR_HAVE_SERVE)
	int code = run_bed_run("c.yaml");
	tap_check(code == CLI_EXIT_CONFIG && run_bed_says("token: token: a token is 16 to 512 "),
		  "and the run that it stops names the file (%d)", code);
#endif
	run_bed_put("token", "a_token_of_sixteen\n");
	plan("c.yaml", false);
	tap_check(!capture_has(c.out, "c.yaml:"), "with both nothing of that is told");
}

static void test_traces(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL RUN "traces: {file: far/spans}\n");
	plan("c.yaml", false);
	tap_check(c.exit_code == CLI_EXIT_FAILED &&
			  plans("  stops  c.yaml:7:16: traces: far: there is no such folder\n") &&
			  run_bed_run("c.yaml") == CLI_EXIT_NOT_FOUND,
		  "a file of spans without its folder is told, and stops the run");
	run_bed_must(mkdir("far", 0700) == 0, "mkdir");
	plan("c.yaml", false);
	tap_check(!capture_has(c.out, "c.yaml:") && run_bed_run("c.yaml") == 0,
		  "with its folder neither");
}

static void test_many_paths(void)
{
	char text[8192] = "subscriptions:\n";
	size_t used = strlen(text);
	run_bed_fresh();
	for (unsigned i = 0; i < 19; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
					 "  - {name: s%u, topics: [t], sink: {file: no/%u}}\n", i,
					 i);
	run_bed_put("c.yaml", "limits: {members: 20, subscriptions: 20}\n" RUN_BED_JOURNAL "%s",
		    text);
	plan("c.yaml", false);
	tap_check(plans("subscription s15: no: there is no such folder") &&
			  !capture_has(c.out, "subscription s16: no") &&
			  plans("  stops  3 more files, folders and programs"),
		  "of very many the rest are counted");
}

/* ---- a journal that is there ----------------------------------------------------------------- */

static void test_journal_sizes(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL RUN);
	int code = run_bed_run("c.yaml");
	plan("c.yaml", true);
	tap_check(code == 0 && planned("segment_file_bytes") == (1u << 20) + 4096 &&
			  plans("\"journal\": {\n      \"chunk_bytes\": 65536,\n      "
				"\"segment_bytes\": 1048576\n    }"),
		  "the journal's own sizes are told (%d)", code);
	/* No disk here takes 64 segments of 32 GiB, and none has to. */
	run_bed_put("c.yaml",
		    "journal: {dir: j, segment: 32GiB, segments_ahead: 16}\n"
		    "memory: {chunk: 64KiB, pool: 2MiB, undurable: 1MiB}\n" RUN_AND_TOPIC);
	plan("c.yaml", true);
	tap_check(c.exit_code == 0 && planned("segment_file_bytes") == (1u << 20) + 4096 &&
			  planned("at_open_bytes") < 64u << 20,
		  "other segments in the config change nothing of it");
	plan("c.yaml", false);
	tap_check(
		plans("  made with          1.0 MiB  segments of the journal that is there, which "
		      "keeps them: journal.segment, 32.0 GiB, is of new ones\n") &&
			run_bed_run("c.yaml") == 0,
		"it is said, and it runs");
	run_bed_put("c.yaml",
		    "journal: {dir: j, segment: 4MiB}\nmemory:\n  chunk: 2MiB\n" RUN_AND_TOPIC);
	plan("c.yaml", false);
	code = run_bed_run("c.yaml");
	tap_check(c.exit_code == CLI_EXIT_FAILED &&
			  plans("  stops  c.yaml:3:10: memory.chunk is 2048 KiB, the journal in j "
				"has chunks of 64 KiB, and keeps them\n         fix: memory.chunk: "
				"64KiB,") &&
			  code == CLI_EXIT_CONFIG && run_bed_says("c.yaml:3:10: "),
		  "other chunks stop it: the plan says it, and so does the run (%d)", code);
	/* By default, and so at no place. */
	run_bed_put("c.yaml", "journal: {dir: j}\n" RUN_AND_TOPIC);
	plan("c.yaml", false);
	tap_check(plans("  stops  memory.chunk is 1024 KiB, "), "those of a default, too");
	run_bed_must(truncate("j/JOURNAL", 0) == 0, "truncate");
	plan("c.yaml", false);
	code = run_bed_run("c.yaml");
	tap_check(c.exit_code == CLI_EXIT_FAILED && plans("  stops  the journal in j: ") &&
			  code != 0,
		  "one that is damaged is told (%d)", code);
}

int main(void)
{
	test_descriptors();
	test_descriptors_of_serve();
	test_address_space();
	test_paths();
	test_serve();
	test_traces();
	test_many_paths();
	test_journal_sizes();
	run_bed_end_all();
	return tap_end();
}
