/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   through the public API: low_space_bytes is told before producers are held back, and
 *         when_no_room decides whether they are, or the oldest events that nobody needs go.
 * Method: a real directory and a mark that no file system can keep, so that no file is made behind
 *         those of the open.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define ROUND_EVENTS 200u
#define PAYLOAD_BYTES 600u

static struct fixture f;
static uint32_t topic;
static struct weir_producer *producer;
static struct weir_member *member;
/* Said by weir's thread; looked at when that has ended. */
static unsigned low_lines, starved_lines, lines;
static unsigned low_at, starved_at; /* the number of the first such line */
static bool is_named;               /* who holds the log */

static void on_line(void *context, const struct weir_log_line *line)
{
	(void)context;
	lines++;
	if (strstr(line->message, "room runs low") != NULL && low_lines++ == 0)
		low_at = lines;
	if (strstr(line->message, "no room for another segment") != NULL && starved_lines++ == 0)
		starved_at = lines;
	is_named = is_named ||
		   strstr(line->message, "furthest behind is subscription reader,") != NULL;
}

static void begin(enum weir_when_no_room policy, enum weir_when_full when_full)
{
	struct weir_producer_options options;

	fixture_init(&f, FIXTURE_DURABLE);
	f.options.segment_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f.options.checkpoint_bytes = 256u << 10;
	f.options.low_space_bytes = UINT64_MAX / 2;
	f.options.when_no_room = policy;
	f.options.log_fn = on_line;
	fixture_open(&f);
	topic = fixture_topic(&f, "numbers", 1);
	uint32_t id = fixture_subscription(&f, "reader", "numbers");
	weir_producer_options_init(&options);
	options.when_full = when_full;
	cr_assert_eq(weir_producer_open(f.pipeline, &options, &producer, NULL), 0);
	member = fixture_member(&f, id, NULL);
}

static int publish_one(uint64_t *ret_ticket)
{
	static const char payload[PAYLOAD_BYTES];
	const struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = sizeof payload};

	return weir_publish(producer, &event, ret_ticket);
}

static struct weir_info info(void)
{
	struct weir_info i;

	fixture_info(&f, &i);
	return i;
}

/* Whatever there is, and it is done: then nobody needs it. */
static uint64_t read_all(void)
{
	struct weir_item items[64];
	uint64_t count = 0;
	int n;

	while ((n = weir_poll(member, items, 64, 1000000)) > 0) {
		cr_assert_eq(weir_ack_all(member), 0);
		count += (uint64_t)n;
	}
	cr_assert_eq(n, 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	return count;
}

/* The reader is the same thread: where it is what holds the oldest, it reads and tries again. */
Test(no_room, the_oldest_goes_when_nobody_needs_it_and_the_log_goes_on)
{
	begin(WEIR_NO_ROOM_DROP_OLDEST, WEIR_FULL_FAIL);
	uint64_t files = info().segments_live + info().segments_spare, ticket = 0;
	uint64_t deadline = fixture_now_ns() + 3 * FIXTURE_LONG_NS, published = 0, read = 0;

	while (info().segments_dropped < 5 && fixture_now_ns() < deadline) {
		for (uint32_t i = 0; i < ROUND_EVENTS; i++) {
			int rc = publish_one(&ticket);
			cr_assert(rc == 0 || rc == WEIR_E_FULL, "%d", rc);
			published += rc == 0;
		}
		read += read_all();
	}
	cr_expect_geq(info().segments_dropped, 5);
	cr_expect_leq(info().segments_live + info().segments_spare, files + 1);
	cr_expect(info().low_space);
	cr_expect_gt(info().free_bytes, 0);
	while (read < published && fixture_now_ns() < deadline)
		read += read_all();
	cr_expect_eq(read, published, "what was accepted is read, whatever was dropped");
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fixture_end(&f);
	cr_expect_eq(low_lines, 1);
}

Test(no_room, producers_are_held_back_and_that_is_told_before)
{
	begin(WEIR_NO_ROOM_WAIT, WEIR_FULL_FAIL);
	uint64_t ticket = 0, deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	int rc = 0;
	/* A lane can be full for a moment; in the end nothing moves any more. */
	while (fixture_now_ns() < deadline && !(rc == WEIR_E_FULL && info().starved)) {
		rc = publish_one(&ticket);
		cr_assert(rc == 0 || rc == WEIR_E_FULL, "%d", rc);
	}
	cr_expect_eq(rc, WEIR_E_FULL);
	cr_expect_eq(info().starved_code, -ENOSPC);
	cr_expect(info().low_space);
	cr_expect_eq(info().segments_dropped, 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL);
	f.pipeline = NULL;
	fixture_end(&f);
	cr_expect_eq(low_lines, 1);
	cr_expect_eq(starved_lines, 1);
	cr_expect(is_named, "who holds the log");
	cr_expect_lt(low_at, starved_at);
}

/* What is there already is read and goes: then there are files to go on in. */
static uint64_t begin_with_some_segments(void)
{
	static const char payload[PAYLOAD_BYTES];
	struct weir_producer *first;
	struct weir_problem why;
	struct weir_event event = {.payload = payload, .payload_bytes = sizeof payload};
	const uint64_t count = 12 * 4 * FIXTURE_CHUNK_BYTES / PAYLOAD_BYTES;
	uint64_t ticket = 0;

	fixture_init(&f, FIXTURE_DURABLE);
	f.options.segment_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f.options.checkpoint_bytes = 256u << 10;
	fixture_open(&f);
	event.topic = topic = fixture_topic(&f, "numbers", 1);
	uint32_t id = fixture_subscription(&f, "reader", "numbers");
	first = fixture_producer(&f, NULL);
	cr_expect_eq(weir_pipeline_room(f.pipeline, &why), 0);
	for (uint64_t i = 0; i < count; i++)
		cr_assert_eq(weir_publish(first, &event, &ticket), 0);
	fixture_wait(first, ticket);
	fixture_close(&f, NULL);
	f.options.low_space_bytes = UINT64_MAX / 2;
	f.options.when_no_room = WEIR_NO_ROOM_REFUSE;
	f.options.retention_bytes = 1;
	f.options.log_fn = on_line;
	fixture_open(&f);
	cr_assert_eq(weir_producer_open(f.pipeline, NULL, &producer, NULL), 0);
	member = fixture_member(&f, id, NULL);
	return count;
}

/* The producer would wait for ever; it is told instead, with its lane empty or full. */
Test(no_room, events_are_refused_at_once_and_the_cause_is_told_in_bytes)
{
	struct weir_problem why = {0};
	uint64_t ticket = 0, count = begin_with_some_segments(),
		 deadline = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	int rc = 0;

	/* None is taken where the disk was slower than the life before: it left no files. */
	while (fixture_now_ns() < deadline && (rc = publish_one(&ticket)) == 0)
		count++;
	cr_assert_eq(rc, WEIR_E_NO_ROOM, "%d", rc);
	cr_expect_eq(weir_pipeline_room(f.pipeline, &why), WEIR_E_NO_ROOM);
	cr_expect_eq(why.code, WEIR_E_NO_ROOM);
	cr_expect_str_eq(why.field, "low_space_bytes");
	cr_expect_not_null(strstr(why.text, "266240 bytes"), "%s", why.text); /* a segment */
	cr_expect_not_null(strstr(why.text, "keeps 9223372036854775807"), "%s", why.text);
	cr_expect_not_null(strstr(why.text, "make room on the disk"), "%s", why.text);
	/* Every door, and none of them waits. */
	const uint64_t number = 1;
	const struct weir_event event = fixture_event(topic, NULL, &number);
	struct weir_producer *other;
	struct weir_producer_options options;
	void *payload;
	weir_producer_options_init(&options);
	options.name = "named";
	cr_assert_eq(weir_producer_open(f.pipeline, &options, &other, NULL), 0);
	cr_expect_eq(weir_publish(other, &event, NULL), WEIR_E_NO_ROOM);
	cr_expect_eq(weir_publish_many(other, &event, 1, NULL), WEIR_E_NO_ROOM);
	cr_expect_eq(weir_claim(other, &event, 8, &payload), WEIR_E_NO_ROOM);
	cr_expect_eq(weir_run_begin(other, 100), WEIR_E_NO_ROOM);
	cr_expect_eq(weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, WEIR_FOREVER, NULL),
		     WEIR_E_NO_ROOM);
	cr_assert_eq(weir_producer_close(other, FIXTURE_LONG_NS), 0);
	/* Acknowledgements go on, and retention gives room back; then events are taken again. */
	uint64_t read = 0;
	while (fixture_now_ns() < deadline && (rc = publish_one(&ticket)) != 0) {
		cr_assert_eq(rc, WEIR_E_NO_ROOM, "%d", rc);
		read += read_all();
	}
	cr_expect_eq(rc, 0);
	count++;
	while (fixture_now_ns() < deadline && read < count)
		read += read_all();
	cr_expect_eq(read, count, "what was taken is read, and nothing else");
	const uint64_t recycled = info().segments_recycled;
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL);
	f.pipeline = NULL;
	fixture_end(&f);
	/* It is told anew only where room was given back in between, not with each refusal. */
	cr_expect_geq(starved_lines, 1);
	cr_expect_leq(starved_lines, 1 + recycled);
}

Test(no_room, a_policy_that_is_none_is_refused_by_name)
{
	struct weir_memory_plan plan;
	struct weir_problem problem = {0};
	struct weir_options options;

	weir_options_init(&options);
	cr_expect_eq(options.when_no_room, WEIR_NO_ROOM_WAIT);
	options.when_no_room = (enum weir_when_no_room)3;
	cr_expect_eq(weir_memory_plan(&options, &plan, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "when_no_room");
}
