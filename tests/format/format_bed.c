/* SPDX-License-Identifier: Apache-2.0 */
/* See format_bed.h. */
#include "tests/format/format_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/codec/codecs.h"
#include "tools/weir/args.h"

struct fixture format_fixture;

int format_in_child(void (*body)(const char *argument), const char *argument)
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

void format_path(char to[TEST_PATH_BYTES], const char *name)
{
	fixture_need(snprintf(to, TEST_PATH_BYTES, "%s/%s", format_fixture.dir, name) <
			     TEST_PATH_BYTES,
		     name);
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

void format_live(const char *how)
{
	uint64_t life = (uint64_t)how[0];
	fixture_open(&format_fixture);
	uint32_t topic = fixture_topic(&format_fixture, "first", 3);
	uint32_t other = fixture_topic(&format_fixture, "second", 1);
	uint32_t id = fixture_subscription(&format_fixture, "reader", "first");
	struct weir_producer *named = fixture_producer(&format_fixture, "named");
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	publish_every_kind(named, topic, 3, life);
	publish_every_kind(producer, other, 1, life);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 50));
	struct weir_member *member = fixture_member(&format_fixture, id, NULL);
	fixture_need(fixture_poll(member, NULL, 0, 20, true) >= 20, "events to acknowledge");
	fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
		     "progress");
	if (how[1] == 'k') {
		(void)fixture_publish(producer, topic, 0, 500); /* in flight */
		(void)raise(SIGKILL);
	}
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_close(&format_fixture, NULL);
}

/* Whole ones: a draft is none. */
static uint32_t packed_count(void)
{
	uint32_t count = 0;
	for (uint32_t number = 0; number < 256; number++) {
		char path[TEST_PATH_BYTES], name[32];
		uint8_t head[12] = {0};
		(void)snprintf(name, sizeof name, "0-%08u.seg", number);
		format_path(path, name);
		int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		count += pread(file, head, sizeof head, 0) == sizeof head &&
			 memcmp(head, "WEIRPACK", 8) == 0 && head[10] == 1;
		(void)close(file);
	}
	return count;
}

void format_live_packed(const char *segments)
{
	uint32_t wanted = packed_count() + (uint32_t)strtoul(segments, NULL, 10);
	format_fixture.options.pack = WEIR_PACK_PADDING;
	fixture_open(&format_fixture);
	uint32_t topic = fixture_topic(&format_fixture, "first", 3);
	uint32_t other = fixture_topic(&format_fixture, "second", 1);
	struct weir_producer *named = fixture_producer(&format_fixture, "named");
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	publish_every_kind(named, topic, 3, wanted);
	publish_every_kind(producer, other, 1, wanted);
	/* One at a time: each in a batch of its own. */
	for (uint32_t i = 0; i < 100; i++)
		fixture_wait(producer, fixture_publish(producer, topic, i, i + 1));
	for (uint32_t i = 0; i < 6000 && packed_count() < wanted; i++)
		fixture_sleep_ns(10000000);
	fixture_need(packed_count() >= wanted, "segments that were packed");
	fixture_close(&format_fixture, NULL);
}

bool format_has_codec(char how)
{
	return wr_codecs()[how == 'l' ? WR_CODEC_LZ4 : WR_CODEC_ZSTD] != NULL;
}

void format_live_compressed(const char *how)
{
	uint32_t wanted = packed_count() + 2;
	format_fixture.options.pack = how[0] == 'l' ? WEIR_PACK_LZ4 : WEIR_PACK_ZSTD;
	fixture_open(&format_fixture);
	uint32_t topic = fixture_topic(&format_fixture, "second", 1);
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	for (uint32_t i = 0; i < 600 && packed_count() < wanted; i++) {
		fixture_wait(producer, fixture_publish(producer, topic, i * 200, i * 200 + 200));
		fixture_sleep_ns(50000000);
	}
	fixture_need(packed_count() >= wanted, "segments that were packed");
	fixture_close(&format_fixture, NULL);
}

static uint32_t growing_topic(void)
{
	struct weir_topic_options o;
	uint32_t topic;
	if (weir_topic_find(format_fixture.pipeline, "first", &topic) == 0)
		return topic;
	weir_topic_options_init(&o);
	o.name = "first";
	o.partitions = 3;
	o.partitions_max = 12;
	fixture_need(weir_topic_create(format_fixture.pipeline, &o, &topic, NULL) == 0, "a topic");
	return topic;
}

void format_live_grown(const char *how)
{
	uint64_t life = (uint64_t)how[0];
	uint32_t partitions, most;
	fixture_open(&format_fixture);
	uint32_t topic = growing_topic();
	uint32_t id = fixture_subscription(&format_fixture, "reader", "first");
	struct weir_producer *named = fixture_producer(&format_fixture, "named");
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	fixture_need(weir_topic_partitions(format_fixture.pipeline, topic, &partitions, &most) == 0,
		     "a number of partitions");
	publish_every_kind(named, topic, partitions, life);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 500));
	fixture_need(weir_topic_grow(format_fixture.pipeline, topic, 2 * partitions, NULL) == 0,
		     "a growth");
	publish_every_kind(producer, topic, 2 * partitions, life + 2);
	struct weir_member *member = fixture_member(&format_fixture, id, NULL);
	fixture_need(fixture_poll(member, NULL, 0, 200, true) >= 200, "events to acknowledge");
	fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
		     "progress");
	if (how[1] == 'k') {
		(void)fixture_publish(producer, topic, 0, 500); /* in flight */
		(void)raise(SIGKILL);
	}
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_close(&format_fixture, NULL);
}

void format_live_compacted(const char *unused)
{
	struct weir_topic_options o;
	struct weir_info info = {.left_out_events = 0};
	uint64_t number = 0, ticket = 0;
	uint32_t topic;

	(void)unused;
	format_fixture.options.pack = WEIR_PACK_PADDING;
	format_fixture.options.compaction_keys = 1024;
	format_fixture.options.pool_bytes = 4 * format_fixture.options.chunk_bytes;
	format_fixture.options.checkpoint_bytes = 64u << 10;
	fixture_open(&format_fixture);
	weir_topic_options_init(&o);
	o.name = "states";
	o.compact = true;
	fixture_need(weir_topic_create(format_fixture.pipeline, &o, &topic, NULL) == 0, "a topic");
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	for (uint32_t round = 0; round < 400 && info.left_out_events < 500; round++) {
		for (uint64_t key = 1; key <= 100; key++, number++) {
			struct weir_event event = fixture_event(topic, &key, &number);
			fixture_need(weir_publish(producer, &event, &ticket) == 0, "an event");
			if (key % 10 == 0)
				fixture_wait(producer, ticket);
		}
		fixture_sleep_ns(10000000);
		fixture_info(&format_fixture, &info);
	}
	fixture_need(info.left_out_events >= 500, "events that left");
	fixture_close(&format_fixture, NULL);
}

/* Events once more for one subscription. */
static void replay_some(uint32_t topic)
{
	uint32_t id = fixture_subscription(&format_fixture, "chosen", "first");

	fixture_need(fixture_replay_to(&format_fixture, "again", id, topic) > 0,
		     "events that were replayed");
}

/* An event of a partition fails, and that is on record. */
static void fail_one(void)
{
	const struct weir_rejection again = {.verdict = WEIR_VERDICT_RETRY, .text = "not today"};
	uint32_t id = fixture_subscription(&format_fixture, "tries", "first");
	struct weir_member *member = fixture_member(&format_fixture, id, NULL);
	struct weir_item item;

	fixture_need(fixture_poll(member, &item, 1, 1, false) == 1, "an event that fails");
	fixture_need(weir_reject(member, &item, &again) == 0, "its rejection");
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
}

void format_live_erased(const char *unused)
{
	struct weir_erase_status status = {.erased_sequence = 0};
	uint64_t number = 0, ticket = 0, sequence = 0;
	const uint64_t erased = 3;

	(void)unused;
	format_fixture.options.pack = WEIR_PACK_PADDING;
	format_fixture.options.erasures_max = 10;
	format_fixture.options.pool_bytes = 4 * format_fixture.options.chunk_bytes;
	fixture_open(&format_fixture);
	uint32_t topic = fixture_topic(&format_fixture, "first", 3);
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	for (uint64_t key = 1; number < 300; key = key % 10 + 1, number++) {
		struct weir_event event = fixture_event(topic, &key, &number);
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "an event");
		if (key == 10)
			fixture_wait(producer, ticket);
	}
	fixture_need(weir_erase_key(format_fixture.pipeline, topic, &erased, sizeof erased,
				    &sequence, NULL) == 0,
		     "a key that is erased");
	for (uint32_t i = 0; i < 3000 && status.erased_sequence < sequence; i++) {
		fixture_sleep_ns(10000000);
		fixture_need(weir_erase_status(format_fixture.pipeline, &status) == 0, "a status");
	}
	fixture_need(status.erased_sequence >= sequence, "nothing that is left of it");
	replay_some(topic);
	fail_one();
	fixture_close(&format_fixture, NULL);
}

void format_live_long(const char *unused)
{
	(void)unused;
	fixture_open(&format_fixture);
	uint32_t topic = fixture_topic(&format_fixture, "first", 3);
	uint32_t id = fixture_subscription(&format_fixture, "reader", "first");
	struct weir_producer *producer = fixture_producer(&format_fixture, NULL);
	struct weir_member *member = fixture_member(&format_fixture, id, NULL);
	struct weir_info info = {.segments_recycled = 0};
	for (uint32_t round = 0; round < 400 && info.segments_recycled < 4; round++) {
		fixture_wait(producer, fixture_publish(producer, topic, 0, 500));
		(void)fixture_poll(member, NULL, 0, 500, true);
		fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
			     "progress");
		fixture_info(&format_fixture, &info);
	}
	fixture_need(info.segments_recycled >= 4, "segments that were used again");
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_close(&format_fixture, NULL);
}

/* --- the two readers -------------------------------------------------------------------------- */

void format_dump(const char *to)
{
	char command[] = "journal", verb[] = "dump", json[] = "--json", control[] = "--control",
	     hex[] = "--hex";
	char *arguments[] = {command, verb, format_fixture.dir, json, control, hex, NULL};
	if (freopen(to, "w", stdout) == NULL)
		_exit(99);
	int code = cmd_journal(6, arguments);
	fflush(NULL);
	_exit(code);
}

void format_run_script(const char *dump_path)
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
		execlp("python3", "python3", script, format_fixture.dir, (char *)NULL);
	} else {
		(void)dup2(STDERR_FILENO, STDOUT_FILENO); /* its words are no TAP */
		execlp("python3", "python3", script, format_fixture.dir, "--compare", dump_path,
		       (char *)NULL);
	}
	_exit(127);
}

void format_check_both(const char *what)
{
	char path[TEST_PATH_BYTES];
	format_path(path, "dump.json");
	int dumped = format_in_child(format_dump, path);
	int compared = format_in_child(format_run_script, path);
	if (dumped == 0 && compared == FORMAT_NOT_READ_HERE) {
		tap_skip("Zstandard is not here for Python: the script read nothing");
		return;
	}
	if (dumped != 0 || compared != 0)
		tap_note("dump ended with %d, the script with %d", dumped, compared);
	tap_check(dumped == 0 && compared == 0, "weir's dump and the script say the same: %s",
		  what);
}
