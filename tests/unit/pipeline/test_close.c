/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a close drains or drops, ends at its deadline, wakes who waits, keeps what is borrowed, and
 * reports each; the same process opens the directory again at once.
 *
 * Method: manual pipelines where the counts of the report have to be exact, pipelines with threads
 * where somebody has to be woken. What was drained is read after the next open.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/pipeline/route_rules.h"
#include "io/host.h"
#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;

static void begin(int kind)
{
	fixture_begin(&f, kind);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* The next open finds numbers 0 .. count - 1 and no more. */
static void expect_after_open(uint64_t count, bool clean)
{
	struct weir_info info;
	struct weir_item item;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_eq(info.recovery.clean, clean);
	struct weir_member *member = fixture_member(&f, id, NULL);
	for (uint64_t i = 0; i < count; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}

TestSuite(close, .fini = teardown, .timeout = 60);

Test(close, closing_nothing_is_allowed)
{
	cr_expect_eq(weir_close(NULL, WEIR_CLOSE_DRAIN, 0, NULL), 0);
}

Test(close, a_mode_that_is_none_closes_nothing)
{
	begin(FIXTURE_DURABLE);
	cr_expect_eq(weir_close(f.pipeline, (enum weir_close_mode)0, 0, NULL), -EINVAL);
	cr_expect_eq(weir_close(f.pipeline, (enum weir_close_mode)7, 0, NULL), -EINVAL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	fixture_close(&f, NULL);
}

Test(close, a_drain_makes_what_was_published_durable_and_says_how_much)
{
	struct weir_close_report report;
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 30));
	(void)fixture_publish(producer, topic, 30, 100); /* in the lane only */
	fixture_close(&f, &report);
	cr_expect_eq(report.drained_events, 70);
	cr_expect_eq(report.dropped_events, 0);
	cr_expect_eq(report.undurable_events, 0);
	cr_expect_eq(report.unread_events, 100);
	cr_expect_eq(report.borrowed_members, 0);
	cr_expect(report.clean);
	expect_after_open(100, true);
}

Test(close, an_abort_drops_what_is_in_the_lanes_and_says_how_much)
{
	struct weir_close_report report;
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 30));
	(void)fixture_publish(producer, topic, 30, 100);
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, &report), 0);
	cr_expect_eq(report.drained_events, 0);
	cr_expect_eq(report.dropped_events, 70);
	cr_expect(!report.clean);
	expect_after_open(30, false);
}

Test(close, a_claim_that_is_held_is_given_up)
{
	struct weir_close_report report;
	uint64_t number = 30;
	void *room;
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	(void)fixture_publish(producer, topic, 0, 30);
	struct weir_event event = fixture_event(topic, NULL, &number);
	cr_assert_eq(weir_claim(producer, &event, 8, &room), 0);
	fixture_close(&f, &report);
	cr_expect_eq(report.dropped_events, 0, "nothing of it was ever visible");
	expect_after_open(30, true);
}

Test(close, acknowledgements_in_hand_are_made_durable_by_a_leave_and_a_drain)
{
	struct weir_close_report report;
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	(void)fixture_publish(producer, topic, 0, 30);
	cr_assert_eq(fixture_poll(member, NULL, 0, 20, true), 20);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fixture_close(&f, &report);
	cr_expect_eq(report.unread_events, 10);
	fixture_open(&f);
	struct weir_item item;
	member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), 20);
}

Test(close, a_log_in_memory_is_drained_and_gone)
{
	struct weir_close_report report;
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	(void)fixture_publish(producer, topic, 0, 40);
	fixture_close(&f, &report);
	cr_expect_eq(report.drained_events, 40);
	cr_expect_eq(report.unread_events, 40);
}

Test(close, one_process_opens_several_and_the_same_one_again)
{
	struct fixture other;
	for (int round = 0; round < 3; round++) {
		if (round == 0)
			begin(FIXTURE_DURABLE);
		else
			fixture_open(&f);
		fixture_begin(&other, FIXTURE_DURABLE);
		uint32_t t = fixture_topic(&other, "else", 1);
		struct weir_producer *second = fixture_producer(&other, NULL);
		producer = fixture_producer(&f, NULL);
		uint64_t first = (uint64_t)round * 10;
		uint64_t ticket = fixture_publish(producer, topic, first, first + 10);
		fixture_wait(second, fixture_publish(second, t, 0, 10));
		fixture_wait(producer, ticket);
		fixture_end(&other);
		fixture_close(&f, NULL);
	}
	expect_after_open(30, true);
}

/* ---- who waits is woken ---- */

static wr_atomic_u32 waiting;
static int poll_code, publish_code;
static struct weir_member *sleeper;
static struct weir_producer *blocked;

static void *wait_in_poll(void *unused)
{
	struct weir_item item;
	(void)unused;
	(void)wr_add_seq(&waiting, 1u);
	poll_code = weir_poll(sleeper, &item, 1, WEIR_FOREVER);
	return NULL;
}

static void *wait_in_publish(void *unused)
{
	uint64_t number = 1;
	struct weir_event event = fixture_event(topic, NULL, &number);
	(void)unused;
	(void)wr_add_seq(&waiting, 1u);
	while ((publish_code = weir_publish(blocked, &event, NULL)) == 0)
		;
	return NULL;
}

Test(close, who_waits_in_a_poll_or_for_room_is_woken)
{
	struct weir_producer_options o;
	pthread_t threads[2];
	begin(FIXTURE_MEMORY);
	uint32_t quiet = fixture_subscription(&f, "quiet", "work");
	sleeper = fixture_member(&f, quiet, NULL);
	(void)fixture_topic(&f, "other", 1);
	weir_producer_options_init(&o);
	o.want_sequences = true; /* nobody takes its answers: it comes to a halt */
	o.block_timeout_ns = FIXTURE_LONG_NS;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &blocked, NULL), 0);
	cr_assert_eq(pthread_create(&threads[1], NULL, wait_in_publish, NULL), 0);
	fixture_sleep_ns(50000000u);
	while (fixture_poll_rest(sleeper) > 0)
		;
	cr_assert_eq(pthread_create(&threads[0], NULL, wait_in_poll, NULL), 0);
	/* Both are inside, and not on their way. */
	while (wr_load_seq(&waiting) < 2 || wr_load_seq(&f.pipeline->callers) < 2)
		fixture_sleep_ns(1000000u);
	fixture_sleep_ns(20000000u);
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL), 0);
	f.pipeline = NULL;
	cr_assert_eq(pthread_join(threads[0], NULL), 0);
	cr_assert_eq(pthread_join(threads[1], NULL), 0);
	cr_expect_eq(poll_code, WEIR_E_CLOSED, "%s", weir_error_name(poll_code));
	cr_expect_eq(publish_code, WEIR_E_CLOSED, "%s", weir_error_name(publish_code));
}

/* ---- a join ---- */

static wr_atomic_u32 group_is_held, group_may_go, handled_late;
static int join_code, group_close_code;
static struct weir_member *joined;

/* The group's thread tells of an event that filters cannot look at: here it stays. */
static void hold_group(void *unused, const struct weir_log_line *line)
{
	(void)unused;
	if (strcmp(line->event, "filter.event_too_large") != 0)
		return;
	wr_store_seq(&group_is_held, 1u);
	while (wr_load_seq(&group_may_go) == 0)
		fixture_sleep_ns(1000000u);
}

static enum weir_handled count_late(void *context, struct weir_member *member,
				    const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	(void)wr_add_seq(&handled_late, 1u);
	return WEIR_HANDLED_OK;
}

static void *join_with_a_handler(void *unused)
{
	struct weir_member_options o;
	(void)unused;
	weir_member_options_init(&o);
	o.handler = count_late;
	join_code = weir_member_join(f.pipeline, id, &o, &joined, NULL);
	return NULL;
}

static void *close_without_a_drain(void *unused)
{
	(void)unused;
	group_close_code = weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	return NULL;
}

static void publish_what_filters_cannot_look_at(void)
{
	static struct weir_header headers[WR_ROUTE_HEADERS_MAX + 1];
	static char names[WR_ARRAY_COUNT(headers)][8];
	static const uint64_t number = 1;
	struct weir_event event = fixture_event(topic, NULL, &number);
	uint64_t ticket;
	for (size_t i = 0; i < WR_ARRAY_COUNT(headers); i++) {
		int bytes = snprintf(names[i], sizeof names[i], "h%zu", i);
		headers[i] = (struct weir_header){.name = names[i],
						  .name_bytes = (uint16_t)bytes,
						  .value = "red",
						  .value_bytes = 3};
	}
	headers[WR_ARRAY_COUNT(headers) - 1].name = "color";
	headers[WR_ARRAY_COUNT(headers) - 1].name_bytes = 5;
	event.headers = headers;
	event.header_count = WR_ARRAY_COUNT(headers);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
}

/* Its wait ends with the close, and what it touches behind that is there until it has gone. */
Test(close, a_join_that_waits_for_the_group_is_refused_and_starts_no_handler)
{
	const char *topics[] = {"work"};
	const struct weir_filter_term term = {
		.kind = WEIR_FILTER_HEADERS, .pattern = "{\"color\":\"red\"}", .pattern_bytes = 15};
	const struct weir_subscription_filter filter = {.terms = &term, .term_count = 1};
	struct weir_subscription_options o;
	pthread_t threads[2];
	uint32_t filtered;
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.log_fn = hold_group;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
	weir_subscription_options_init(&o);
	o.name = "reds";
	o.topics = topics;
	o.topic_count = 1;
	o.filter = &filter;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &filtered, NULL), 0);
	publish_what_filters_cannot_look_at();
	while (wr_load_seq(&group_is_held) == 0)
		fixture_sleep_ns(1000000u);
	cr_assert_eq(pthread_create(&threads[0], NULL, join_with_a_handler, NULL), 0);
	while (wr_load_seq(&f.pipeline->callers) == 0)
		fixture_sleep_ns(1000000u);
	cr_assert_eq(pthread_create(&threads[1], NULL, close_without_a_drain, NULL), 0);
	cr_assert_eq(pthread_join(threads[0], NULL), 0);
	cr_expect_eq(join_code, WEIR_E_CLOSED, "%d", join_code);
	cr_expect_null(joined);
	cr_expect_eq(wr_load_seq(&handled_late), 0);
	wr_store_seq(&group_may_go, 1u);
	cr_assert_eq(pthread_join(threads[1], NULL), 0);
	cr_expect_eq(group_close_code, 0);
	f.pipeline = NULL;
}

/* ---- what is borrowed ---- */

static struct weir_item in_hand[8];
static int in_hand_count;

static void *poll_some(void *member)
{
	do
		in_hand_count = weir_poll(member, in_hand, 8, 1000000000u);
	while (in_hand_count == 0);
	return NULL;
}

Test(close, items_in_hand_stay_good_until_their_holder_comes_back)
{
	struct weir_close_report report;
	pthread_t holder;
	begin(FIXTURE_DURABLE);
	struct weir_member *member = fixture_member(&f, id, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 5));
	cr_assert_eq(pthread_create(&holder, NULL, poll_some, member), 0);
	(void)pthread_join(holder, NULL);
	cr_assert_gt(in_hand_count, 0);
	fixture_close(&f, &report);
	cr_expect_eq(report.borrowed_members, 1);
	for (int i = 0; i < in_hand_count; i++)
		cr_expect_eq(fixture_number(&in_hand[i]), (uint64_t)i);
	/* The directory is free already. */
	fixture_open(&f);
	for (int i = 0; i < in_hand_count; i++)
		cr_expect_eq(fixture_number(&in_hand[i]), (uint64_t)i);
	cr_expect_eq(weir_poll(member, in_hand, 8, 0), WEIR_E_CLOSED, "it comes back");
}

Test(close, what_the_closing_thread_polled_itself_is_given_back_by_the_close)
{
	struct weir_close_report report;
	begin(FIXTURE_DURABLE);
	struct weir_member *member = fixture_member(&f, id, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 5));
	(void)poll_some(member);
	cr_assert_gt(in_hand_count, 0);
	fixture_close(&f, &report);
	cr_expect_eq(report.borrowed_members, 0);
}

/* ---- handlers ---- */

static wr_atomic_u32 in_handler, may_go;
static int close_in_handler;

static enum weir_handled sleep_in_handler(void *context, struct weir_member *member,
					  const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	close_in_handler = weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	wr_store_seq(&in_handler, 1u);
	while (wr_load_seq(&may_go) == 0)
		fixture_sleep_ns(1000000u);
	return WEIR_HANDLED_OK;
}

/* When the close waits for it, and for nothing else: the time of a drain is over. */
static void *let_go_later(void *pipeline)
{
	struct wr_io_host *h = ((struct weir_pipeline *)pipeline)->host.context;
	bool is_awaited = false;
	while (!is_awaited) {
		fixture_sleep_ns(1000000u);
		wr_spinlock_lock(&h->handlers_lock);
		is_awaited = h->handlers_over;
		wr_spinlock_unlock(&h->handlers_lock);
	}
	wr_store_seq(&may_go, 1u);
	return NULL;
}

/* It polled more than it was let handle: the pin of its thread is nobody's to give back. */
Test(close, a_handler_that_had_not_handled_all_keeps_nothing)
{
	struct weir_member_options o;
	struct weir_member *member;
	struct weir_close_report report;
	pthread_t thread;
	begin(FIXTURE_DURABLE);
	weir_member_options_init(&o);
	o.handler = sleep_in_handler;
	fixture_wait(producer, fixture_publish(producer, topic, 0, 5));
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	while (wr_load_seq(&in_handler) == 0)
		fixture_sleep_ns(1000000u);
	cr_assert_eq(pthread_create(&thread, NULL, let_go_later, f.pipeline), 0);
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, &report), 0);
	f.pipeline = NULL;
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_eq(report.borrowed_members, 0);
}

Test(close, a_drain_ends_at_its_deadline_and_a_handler_cannot_close)
{
	struct weir_member_options o;
	struct weir_member *member;
	struct weir_close_report report;
	pthread_t thread;
	begin(FIXTURE_DURABLE);
	weir_member_options_init(&o);
	o.handler = sleep_in_handler;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	while (wr_load_seq(&in_handler) == 0)
		fixture_sleep_ns(1000000u);
	cr_expect_eq(close_in_handler, -EDEADLK);
	cr_assert_eq(pthread_create(&thread, NULL, let_go_later, f.pipeline), 0);
	uint64_t before = fixture_now_ns();
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_DRAIN, 20000000u, &report), -ETIMEDOUT);
	f.pipeline = NULL;
	cr_expect_geq(fixture_now_ns() - before, 20000000u);
	cr_expect_neq(wr_load_seq(&may_go), 0, "a handler that runs is waited for");
	cr_expect_eq(report.borrowed_members, 0, "what it had in hand is back");
	cr_assert_eq(pthread_join(thread, NULL), 0);
	fixture_open(&f);
}

/* One member neither polls nor leaves, and its session is far from its end. */
static void drain_what_is_held(int kind)
{
	static const char *const topics[] = {"work"};
	struct weir_close_report report;
	struct weir_subscription_options o;
	struct weir_producer_options po;
	struct weir_producer *held = NULL;
	uint64_t number = 7, count = 0;
	begin(kind);
	weir_subscription_options_init(&o);
	o.name = "reader";
	o.topics = topics;
	o.topic_count = 1;
	o.when_slow = WEIR_SLOW_BLOCK;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 1));
	weir_producer_options_init(&po);
	po.block_timeout_ns = 200000000u;
	cr_assert_eq(weir_producer_open(f.pipeline, &po, &held, NULL), 0);
	struct weir_event event = fixture_event(topic, NULL, &number);
	int rc = 0;
	for (; rc == 0 && count < 10000000; count++)
		rc = weir_publish(held, &event, NULL);
	cr_assert_eq(rc, -ETIMEDOUT, "held back");
	uint64_t before = fixture_now_ns();
	fixture_close(&f, &report);
	cr_expect_lt(fixture_now_ns() - before, 20000000000u, "not until its session is over");
	cr_expect_eq(report.dropped_events, 0);
	cr_expect_eq(report.unread_events, count - 1);
}

Test(close, a_drain_does_not_wait_for_a_member_that_holds_producers_back)
{
	drain_what_is_held(FIXTURE_DURABLE);
}

Test(close, nor_does_it_without_a_journal_where_what_is_held_ends_with_the_log)
{
	drain_what_is_held(FIXTURE_MEMORY);
}
