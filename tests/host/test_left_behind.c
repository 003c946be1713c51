/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what a thread leaves behind holds up nobody: it ends with a producer open, a claim or a
 *         run in hand, items that it never acknowledged.
 * Method: a thread takes them and ends. Others publish, read and close; what it had is taken over
 *         by the main thread, or reported by the close.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define SESSION_NS 300000000u

static struct fixture f;
static uint32_t topic, id;

static void teardown(void)
{
	fixture_end(&f);
}

static void begin(int kind)
{
	struct weir_subscription_options o;
	const char *name = "work";
	fixture_begin(&f, kind);
	topic = fixture_topic(&f, "work", 1);
	weir_subscription_options_init(&o);
	o.name = "reader";
	o.topics = &name;
	o.topic_count = 1;
	o.session_timeout_ns = SESSION_NS;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
}

/* Runs in a thread that is gone when this returns. */
static void in_a_thread(void *(*run)(void *))
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

TestSuite(left_behind, .fini = teardown, .timeout = 60);

/* ---- lanes, claims, runs ---- */

static struct weir_producer *left;
static int left_code;
static uint64_t one = 1, two = 2;
static void *room;

static void *leave_a_lane(void *unused)
{
	(void)unused;
	left = fixture_producer(&f, NULL);
	(void)fixture_publish(left, topic, 0, 10);
	return NULL;
}

static void *leave_a_claim(void *unused)
{
	struct weir_event event = fixture_event(topic, NULL, &one);
	(void)leave_a_lane(unused);
	left_code = weir_claim(left, &event, 8, &room);
	return NULL;
}

static void *leave_a_run(void *unused)
{
	struct weir_event event = fixture_event(topic, NULL, &two);
	(void)leave_a_lane(unused);
	left_code = weir_run_begin(left, 400);
	if (left_code == 0)
		left_code = weir_run_add(left, &event);
	return NULL;
}

/* Another producer, a member and a close go on as if the thread were there. */
static void expect_others_go_on(uint64_t visible)
{
	struct weir_close_report report;
	struct weir_producer *other = fixture_producer(&f, NULL);
	fixture_wait(other, fixture_publish(other, topic, 100, 150));
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_expect_eq(fixture_poll(member, NULL, 0, (uint32_t)visible + 50, true), visible + 50);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fixture_close(&f, &report);
	cr_expect_eq(report.dropped_events, 0);
	cr_expect_eq(report.unread_events, 0);
	cr_expect_eq(report.borrowed_members, 0);
	cr_expect(report.clean);
}

Test(left_behind, a_lane_is_drained_and_its_slot_can_be_given_back_by_another_thread)
{
	begin(FIXTURE_DURABLE);
	for (uint32_t i = 0; i < f.options.producers_max; i++)
		in_a_thread(leave_a_lane);
	struct weir_producer *more;
	cr_expect_eq(weir_producer_open(f.pipeline, NULL, &more, NULL), WEIR_E_FULL);
	cr_assert_eq(weir_producer_close(left, FIXTURE_LONG_NS), 0);
	expect_others_go_on(10 * f.options.producers_max);
}

Test(left_behind, a_claim_is_never_visible)
{
	begin(FIXTURE_DURABLE);
	in_a_thread(leave_a_claim);
	cr_assert_eq(left_code, 0);
	expect_others_go_on(10);
}

Test(left_behind, a_claim_can_be_finished_or_given_up_by_another_thread)
{
	uint64_t ticket;
	begin(FIXTURE_DURABLE);
	in_a_thread(leave_a_claim);
	cr_assert_eq(left_code, 0);
	memcpy(room, &one, sizeof one);
	cr_assert_eq(weir_commit(left, sizeof one, &ticket), 0);
	fixture_wait(left, ticket);
	in_a_thread(leave_a_claim);
	cr_assert_eq(left_code, 0);
	cr_assert_eq(weir_abort(left), 0);
	cr_assert_eq(weir_producer_close(left, FIXTURE_LONG_NS), 0);
	expect_others_go_on(21);
}

Test(left_behind, a_run_is_never_visible)
{
	begin(FIXTURE_DURABLE);
	in_a_thread(leave_a_run);
	cr_assert_eq(left_code, 0);
	expect_others_go_on(10);
}

/* ---- items ---- */

static struct weir_member *gone;
static struct weir_item in_hand[8];
static int in_hand_count;

static void *leave_items(void *unused)
{
	(void)unused;
	gone = fixture_member(&f, id, "gone");
	do
		in_hand_count = weir_poll(gone, in_hand, 8, 1000000000u);
	while (in_hand_count == 0);
	return NULL;
}

static void publish_ten(void)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}

Test(left_behind, items_of_a_thread_that_is_gone_go_to_another_member)
{
	struct weir_item item;
	struct weir_close_report report;
	begin(FIXTURE_DURABLE);
	publish_ten();
	in_a_thread(leave_items);
	cr_assert_gt(in_hand_count, 0);
	/* Its session ends, and its partition moves on: all of it is handed out again. */
	struct weir_member *other = fixture_member(&f, id, "other");
	for (uint64_t i = 0; i < 10; i++) {
		cr_assert_eq(fixture_poll(other, &item, 1, 1, true), 1);
		cr_expect_eq(fixture_number(&item), i);
	}
	cr_assert_eq(weir_ack(gone, &in_hand[0]), 0, "it has not heard of it");
	cr_expect_eq(weir_member_commit(gone, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_assert_eq(weir_member_commit(other, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_member_leave(other, FIXTURE_LONG_NS), 0);
	/* Its chunk stays lent until it is given back: the close ends, and says so. */
	fixture_close(&f, &report);
	cr_expect_eq(report.borrowed_members, 1);
	cr_expect_eq(report.unread_events, 0);
	for (int i = 0; i < in_hand_count; i++)
		cr_expect_eq(fixture_number(&in_hand[i]), (uint64_t)i);
	weir_release(gone); /* by whoever knows that the thread is gone */
}

Test(left_behind, a_member_of_a_thread_that_is_gone_can_leave_by_another)
{
	struct weir_close_report report;
	begin(FIXTURE_DURABLE);
	publish_ten();
	in_a_thread(leave_items);
	cr_assert_eq(weir_member_leave(gone, FIXTURE_LONG_NS), 0);
	fixture_close(&f, &report);
	cr_expect_eq(report.borrowed_members, 0);
	cr_expect_eq(report.unread_events, 10);
}
