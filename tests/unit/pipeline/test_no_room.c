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

static void on_line(void *context, const char *text)
{
	(void)context;
	lines++;
	if (strstr(text, "room runs low") != NULL && low_lines++ == 0)
		low_at = lines;
	if (strstr(text, "no room for another segment") != NULL && starved_lines++ == 0)
		starved_at = lines;
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
	cr_expect_lt(low_at, starved_at);
}

Test(no_room, a_policy_that_is_none_is_refused_by_name)
{
	struct weir_memory_plan plan;
	struct weir_problem problem = {0};
	struct weir_options options;

	weir_options_init(&options);
	cr_expect_eq(options.when_no_room, WEIR_NO_ROOM_WAIT);
	options.when_no_room = (enum weir_when_no_room)2;
	cr_expect_eq(weir_memory_plan(&options, &plan, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "when_no_room");
}
