/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   docs/reference/journal-format.md says what a journal is: a reader that was written from
 *         it alone (read_journal.py) finds the same records as `weir journal dump`, and sees
 *         damage where that sees it.
 * Method: journals made through the public API: with keys, tombstones, empty payloads, explicit
 *         partitions, ids, headers, runs and progress; over lives that were killed and lives that
 *         were closed; with segments that were retired and used again. The script compares field
 *         by field. Then one bit of a batch in the middle is flipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"
#include "tools/weir/args.h"

static struct fixture f;

/* Runs `body` in a child process; its exit status, or 128 + the signal that ended it. */
static int in_child(void (*body)(const char *argument), const char *argument)
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	fixture_need(child >= 0, "fork");
	if (child == 0) {
		body(argument);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		fixture_need(errno == EINTR, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void path_of(char to[TEST_PATH_BYTES], const char *name)
{
	fixture_need(snprintf(to, TEST_PATH_BYTES, "%s/%s", f.dir, name) < TEST_PATH_BYTES, name);
}

/* --- lives ------------------------------------------------------------------------------------ */

static void publish_every_kind(struct weir_producer *producer, uint32_t topic, uint32_t partitions,
			       uint64_t life)
{
	static const char *const names[] = {"content-type", "n"};
	for (uint64_t i = 0; i < 120; i++) {
		const uint64_t key = life << 32 | i % 7;
		const struct weir_header headers[] = {
			{.name = names[0], .name_bytes = 12, .value = "text", .value_bytes = 4},
			{.name = names[1], .name_bytes = 1, .value = &i, .value_bytes = sizeof i},
		};
		const struct weir_ids ids = {.event_id = &i,
					     .event_id_bytes = sizeof i,
					     .correlation_id = "flow",
					     .correlation_id_bytes = 4};
		char payload[300];
		memset(payload, (int)i, sizeof payload);
		struct weir_event event = {.topic = topic,
					   .key = i % 5 == 0 ? NULL : &key,
					   .key_bytes = i % 5 == 0 ? 0 : 1 + i % sizeof key,
					   .payload = i % 11 == 0 ? NULL : payload,
					   .payload_bytes = i % 11 == 0 ? 0 : i * 7 % 300,
					   .ids = i % 3 == 0 ? &ids : NULL,
					   .headers = headers,
					   .header_count = i % 4 % 3};
		if (i % 13 == 0) {
			event.partition_set = true;
			event.partition = (uint32_t)(i % partitions);
		}
		event.event_time_us = i % 2 == 0 ? 1700000000000000u + i : 0;
		fixture_need(weir_publish(producer, &event, NULL) == 0, "an event");
		if (i % 20 != 0)
			continue;
		fixture_need(weir_run_begin(producer, 2 * weir_event_bytes(&event)) == 0 &&
				     weir_run_add(producer, &event) == 0 &&
				     weir_run_add(producer, &event) == 0 &&
				     weir_run_commit(producer, NULL) == 0,
			     "a run");
	}
}

/* Opens, publishes, reads and acknowledges; dies or closes. */
static void live(const char *how)
{
	uint64_t life = (uint64_t)how[0];
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "first", 3);
	uint32_t other = fixture_topic(&f, "second", 1);
	uint32_t id = fixture_subscription(&f, "reader", "first");
	struct weir_producer *named = fixture_producer(&f, "named");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	publish_every_kind(named, topic, 3, life);
	publish_every_kind(producer, other, 1, life);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 50));
	struct weir_member *member = fixture_member(&f, id, NULL);
	fixture_need(fixture_poll(member, NULL, 0, 20, true) >= 20, "events to acknowledge");
	fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
		     "progress");
	if (how[1] == 'k') {
		(void)fixture_publish(producer, topic, 0, 500); /* in flight */
		(void)raise(SIGKILL);
	}
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_close(&f, NULL);
}

/* Enough to retire segments and use them again, many times. */
static void live_long(const char *unused)
{
	(void)unused;
	f.options.retention_bytes = 1u << 20;
	f.options.checkpoint_bytes = 256u << 10;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "first", 3);
	uint32_t id = fixture_subscription(&f, "reader", "first");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_info info = {.segments_recycled = 0};
	for (uint32_t round = 0; round < 400 && info.segments_recycled < 4; round++) {
		fixture_wait(producer, fixture_publish(producer, topic, 0, 500));
		(void)fixture_poll(member, NULL, 0, 500, true);
		fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
			     "progress");
		fixture_info(&f, &info);
	}
	fixture_need(info.segments_recycled >= 4, "segments that were used again");
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_close(&f, NULL);
}

/* --- the two readers -------------------------------------------------------------------------- */

static void dump(const char *to)
{
	char command[] = "journal", verb[] = "dump", json[] = "--json", control[] = "--control",
	     hex[] = "--hex";
	char *arguments[] = {command, verb, f.dir, json, control, hex, NULL};
	if (freopen(to, "w", stdout) == NULL)
		_exit(99);
	int code = cmd_journal(6, arguments);
	fflush(NULL);
	_exit(code);
}

static void run_script(const char *dump_path)
{
	const char *source = getenv("WEIR_TEST_SOURCE");
	char script[TEST_PATH_BYTES];
	(void)snprintf(script, sizeof script, "%s/tests/format/read_journal.py",
		       source != NULL ? source : ".");
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (dump_path == NULL) {
		if (nowhere >= 0) {
			(void)dup2(nowhere, STDOUT_FILENO);
			(void)dup2(nowhere, STDERR_FILENO);
		}
		execlp("python3", "python3", script, f.dir, (char *)NULL);
	} else {
		(void)dup2(STDERR_FILENO, STDOUT_FILENO); /* its words are no TAP */
		execlp("python3", "python3", script, f.dir, "--compare", dump_path, (char *)NULL);
	}
	_exit(127);
}

static bool both_read_the_same(void)
{
	char path[TEST_PATH_BYTES];
	path_of(path, "dump.json");
	int dumped = in_child(dump, path);
	int compared = in_child(run_script, path);
	if (dumped != 0 || compared != 0)
		tap_note("dump ended with %d, the script with %d", dumped, compared);
	return dumped == 0 && compared == 0;
}

/* A bit of the batch in the middle of the first segment: block by block, the first that holds. */
static void flip_a_bit(void)
{
	char path[TEST_PATH_BYTES];
	uint8_t block[4096];
	path_of(path, "0-00000000.seg");
	int file = open(path, O_RDWR | O_CLOEXEC);
	fixture_need(file >= 0, path);
	for (off_t at = 5 * 4096;; at += 4096) {
		fixture_need(pread(file, block, sizeof block, at) == sizeof block, "a batch");
		if (memcmp(block, "WEIR", 4) != 0 || block[6] != 1)
			continue;
		block[200] ^= 4;
		fixture_need(pwrite(file, block, sizeof block, at) == sizeof block, "a write");
		break;
	}
	(void)close(file);
}

/* Away with the newest segment that holds batches, of a copy, and back. */
static bool newest_is_missed(void)
{
	char path[TEST_PATH_BYTES], aside[TEST_PATH_BYTES], newest[TEST_PATH_BYTES] = "";
	uint64_t newest_id = 0;
	uint8_t blocks[2 * 4096];

	for (unsigned number = 0; number < 64; number++) {
		char name[32];
		uint64_t id;
		(void)snprintf(name, sizeof name, "0-%08u.seg", number);
		path_of(path, name);
		int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		bool whole = pread(file, blocks, sizeof blocks, 0) == sizeof blocks;
		(void)close(file);
		memcpy(&id, blocks + 4096 + 88, sizeof id);
		if (!whole || memcmp(blocks + 4096, "WEIR", 4) != 0 || id <= newest_id)
			continue;
		newest_id = id;
		memcpy(newest, path, sizeof newest);
	}
	path_of(path, "dump.json");
	path_of(aside, "aside");
	fixture_need(newest_id != 0 && rename(newest, aside) == 0, "a segment");
	int dumped = in_child(dump, path), read = in_child(run_script, NULL);
	fixture_need(rename(aside, newest) == 0, "the segment again");
	if (dumped != 6 || read != 1)
		tap_note("without %s: %d and %d", newest, dumped, read);
	return dumped == 6 && read == 1;
}

int main(void)
{
	if (system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null") !=
	    0) {
		tap_skip("there is no python3");
		return tap_end();
	}
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_need(in_child(live, "1k") == 128 + SIGKILL, "a life that is killed");
	tap_check(both_read_the_same(), "a journal whose owner was killed");
	tap_check(newest_is_missed(), "its newest segment is missed by both, if it is lost");
	fixture_need(in_child(live, "2c") == 0 && in_child(live, "3k") == 128 + SIGKILL &&
			     in_child(live, "4c") == 0,
		     "lives of both kinds");
	tap_check(both_read_the_same(), "four lives, closed and killed by turns");
	flip_a_bit();
	char path[TEST_PATH_BYTES];
	path_of(path, "dump.json");
	tap_check(in_child(dump, path) == 6 && in_child(run_script, NULL) == 1,
		  "a bit in the middle is damage to both");
	fixture_end(&f);
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_need(in_child(live_long, NULL) == 0, "a long life");
	tap_check(both_read_the_same(), "segments that were retired and used again");
	fixture_end(&f);
	return tap_end();
}
