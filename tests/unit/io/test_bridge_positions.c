/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions of a source are in the log with their events or not at all: another connection, another
 * process and another bridge go on where the log is, also where retention has let go of all that
 * was there when they were written. Method: manual bridges (bridge_bed.h) on a small pipeline.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <weir.h>

#include "core/pipeline/pipeline.h"
#include "tests/unit/io/bridge_bed.h"

static uint32_t positions_topic(struct fixture *f)
{
	struct weir_topic_options options;
	uint32_t topic;
	weir_topic_options_init(&options);
	options.name = "positions";
	options.versioned_keys = 8;
	fixture_need(weir_topic_create(f->pipeline, &options, &topic, NULL) == 0, "a topic");
	return topic;
}

static void begin_source(struct fixture *f, struct weir_bridge_options *o)
{
	fixture_init(f, FIXTURE_DURABLE);
	f->options.versioned_keys_max = 16;
	fixture_open(f);
	o->positions = positions_topic(f);
	((struct driver *)o->self)->topic = fixture_topic(f, "t", 1);
}

/* Events of the topic, which have to be 0, 1, 2 ... */
static uint64_t count_events(struct fixture *f, const char *reader)
{
	struct weir_item items[64];
	uint64_t events = 0;
	struct weir_member *member =
		fixture_member(f, fixture_subscription(f, reader, "t"), reader);
	for (int count = 1; count > 0;) {
		count = weir_poll(member, items, 64, 200 * MILLISECOND_NS);
		for (int i = 0; i < count; i++, events++)
			cr_assert_eq(fixture_number(&items[i]), events);
		(void)weir_ack_all(member);
	}
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	return events;
}

Test(bridge, has_positions_in_the_log_with_their_events)
{
	struct fixture f;
	struct driver d = {.publish = 5, .key = "g/t/0"};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SOURCE);
	begin_source(&f, &o);
	struct weir_bridge *bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	for (int i = 0; i < 4; i++)
		cr_assert_gt(weir_bridge_step(bridge, 0), 0);
	cr_expect_eq(look(bridge).events, 20);
	d.step_answer = -1;
	step_to(bridge, WEIR_BRIDGE_RETRYING);
	d.step_answer = 0;
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(d.next, 20, "another connection goes on where the log is");
	cr_expect_eq(weir_bridge_stop(bridge), 0);

	fixture_close(&f, NULL);
	fixture_open(&f);
	o.positions = positions_topic(&f);
	d.topic = fixture_topic(&f, "t", 1);
	bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(d.next, 20, "and so does another process");
	cr_assert_gt(weir_bridge_step(bridge, 0), 0);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_expect_eq(count_events(&f, "r"), 25);
	fixture_end(&f);
}

struct kept {
	struct fixture f;
	struct driver d;
	struct weir_bridge_options o;
	struct weir_bridge *bridge;
	struct weir_producer *producer; /* of large events of another topic */
	uint32_t other;
	uint64_t seq; /* the position stands before it */
};

/* One position, and nothing new on the other side from then on. */
static void begin_kept(struct kept *k)
{
	struct weir_producer_options options;
	struct weir_info info;
	*k = (struct kept){.d = {.publish = 5, .key = "g/t/0"}};
	k->o = options_of(&k->d, WEIR_BRIDGE_SOURCE);
	fixture_init(&k->f, FIXTURE_DURABLE);
	fixture_small_segments(&k->f);
	k->f.options.versioned_keys_max = 16;
	k->f.options.segments_max = 64;
	k->f.options.retention_bytes = 2 * k->f.options.segment_bytes;
	fixture_open(&k->f);
	k->o.positions = positions_topic(&k->f);
	k->d.topic = fixture_topic(&k->f, "t", 1);
	k->other = fixture_topic(&k->f, "other", 1);
	weir_producer_options_init(&options);
	options.when_full = WEIR_FULL_TRY;
	cr_assert_eq(weir_producer_open(k->f.pipeline, &options, &k->producer, NULL), 0);
	k->bridge = start(&k->f, &k->o);
	step_to(k->bridge, WEIR_BRIDGE_RUNNING);
	cr_assert_gt(weir_bridge_step(k->bridge, 0), 0);
	k->d.publish = 0;
	fixture_info(&k->f, &info);
	k->seq = info.visible_sequence;
}

/* Large events of others come, and the bridge is where it is, until its segment has left. */
static void expect_to_leave(struct kept *k)
{
	static const uint8_t filler[4000];
	const struct weir_event event = {
		.topic = k->other, .payload = filler, .payload_bytes = sizeof filler};
	uint64_t oldest = 0, end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (oldest <= k->seq && fixture_now_ns() < end_ns) {
		for (int i = 0; i < 40 && weir_publish(k->producer, &event, NULL) == 0; i++)
			;
		cr_assert_geq(weir_bridge_step(k->bridge, MILLISECOND_NS), 0);
		oldest = wr_segment_oldest_seq(&k->f.pipeline->segments);
	}
	cr_expect_gt(oldest, k->seq, "it holds its segment");
}

static void end_kept(struct kept *k)
{
	k->d.next = 0;
	k->d.open_answer = k->d.step_answer = 0;
	cr_assert_eq(weir_bridge_resume(k->bridge), 0);
	weir_bridge_retry(k->bridge);
	step_to(k->bridge, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(k->d.next, 5, "and is as it was");
	cr_expect_eq(weir_bridge_stop(k->bridge), 0);
	(void)weir_producer_close(k->producer, WEIR_FOREVER);
	fixture_end(&k->f);
}

Test(bridge, a_position_that_retention_waits_for_is_written_anew)
{
	struct kept k;
	begin_kept(&k);
	expect_to_leave(&k);
	k.d.step_answer = -1;
	step_to(k.bridge, WEIR_BRIDGE_RETRYING);
	end_kept(&k);
}

Test(bridge, a_position_is_written_anew_while_the_other_side_is_away)
{
	struct kept k;
	begin_kept(&k);
	k.d.open_answer = WEIR_BRIDGE_LOST;
	k.d.step_answer = -1;
	step_to(k.bridge, WEIR_BRIDGE_RETRYING);
	expect_to_leave(&k);
	end_kept(&k);
}

Test(bridge, a_position_is_written_anew_while_it_is_paused)
{
	struct kept k;
	begin_kept(&k);
	cr_assert_eq(weir_bridge_pause(k.bridge), 0);
	step_to(k.bridge, WEIR_BRIDGE_PAUSED);
	expect_to_leave(&k);
	end_kept(&k);
}

/* Nobody looked after it until data found no room any more: it has room that data has not. */
Test(bridge, a_position_that_holds_a_log_without_room_is_written_anew)
{
	static const uint8_t filler[4000];
	struct kept k;
	struct weir_info info;
	begin_kept(&k);
	cr_assert_eq(weir_bridge_stop(k.bridge), 0);
	const struct weir_event event = {
		.topic = k.other, .payload = filler, .payload_bytes = sizeof filler};
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		while (weir_publish(k.producer, &event, NULL) == 0)
			;
		fixture_sleep_ns(MILLISECOND_NS);
		fixture_info(&k.f, &info);
	} while (!info.starved && fixture_now_ns() < end_ns);
	cr_assert(info.starved, "data has no room");
	k.bridge = start(&k.f, &k.o);
	step_to(k.bridge, WEIR_BRIDGE_RUNNING);
	expect_to_leave(&k);
	k.d.step_answer = -1;
	step_to(k.bridge, WEIR_BRIDGE_RETRYING);
	end_kept(&k);
}

Test(bridge, of_two_that_read_the_same_the_one_behind_is_refused_whole)
{
	struct fixture f;
	struct driver first = {.publish = 5, .key = "g/t/0"}, second;
	struct weir_bridge_options o = options_of(&first, WEIR_BRIDGE_SOURCE), o2;
	begin_source(&f, &o);
	second = first;
	o2 = o;
	o2.name = "b2";
	o2.self = &second;
	struct weir_bridge *a = start(&f, &o), *b = start(&f, &o2);
	step_to(a, WEIR_BRIDGE_RUNNING);
	step_to(b, WEIR_BRIDGE_RUNNING);
	cr_assert_gt(weir_bridge_step(a, 0), 0);
	cr_assert_gt(weir_bridge_step(b, 0), 0, "it is told that it did something: it lost");
	cr_expect_eq(look(b).state, WEIR_BRIDGE_RETRYING);
	cr_expect(strstr(look(b).why, "another bridge") != NULL, "%s", look(b).why);
	step_to(b, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(second.next, 5, "it goes on where the first one is");
	cr_assert_gt(weir_bridge_step(b, 0), 0);
	cr_assert_gt(weir_bridge_step(a, 0), 0);
	cr_expect_eq(look(a).state, WEIR_BRIDGE_RETRYING);
	cr_expect_eq(weir_bridge_stop(a), 0);
	cr_expect_eq(weir_bridge_stop(b), 0);
	cr_expect_eq(count_events(&f, "r"), 10);
	fixture_end(&f);
}

/* The run behind a refused one expects the version that the other bridge has made meanwhile. */
Test(bridge, a_run_behind_a_refused_one_is_refused_too)
{
	struct fixture f;
	struct driver first = {.publish = 2, .key = "g/t/0"}, second;
	struct weir_bridge_options o = options_of(&first, WEIR_BRIDGE_SOURCE), o2;
	begin_source(&f, &o);
	second = first;
	second.publish = 5;
	second.runs = 3;
	o2 = o;
	o2.name = "b2";
	o2.self = &second;
	struct weir_bridge *a = start(&f, &o), *b = start(&f, &o2);
	step_to(a, WEIR_BRIDGE_RUNNING);
	step_to(b, WEIR_BRIDGE_RUNNING);
	cr_assert_gt(weir_bridge_step(a, 0), 0);
	cr_assert_gt(weir_bridge_step(b, 0), 0);
	cr_expect_eq(look(b).state, WEIR_BRIDGE_RETRYING);
	cr_expect(strstr(look(b).why, "another bridge") != NULL, "%s", look(b).why);
	step_to(b, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(second.next, 2, "none of its runs is in the log");
	cr_assert_gt(weir_bridge_step(b, 0), 0);
	cr_expect_eq(look(b).events, 15);
	cr_expect_eq(weir_bridge_stop(a), 0);
	cr_expect_eq(weir_bridge_stop(b), 0);
	cr_expect_eq(count_events(&f, "r"), 17);
	fixture_end(&f);
}
