/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event of a queue is handed out when its delay is over and not before, the queue's or its
 * own; not when its time to live is; and the most urgent one first. Each is so after an open, with
 * and without a checkpoint. Rules: L15, L17, L19.
 *
 * Method: as in test_sharing.c, with delays below a second where one has to end, and of hours where
 * none may. What has to come is waited for, so that a slow machine fails nothing; that
 * it did not come too soon is read off append times.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/queue_bed.h"

#define HOUR (3600000 * MS)

static char told[256];

static void on_log(void *context, const struct weir_log_line *line)
{
	(void)context;
	(void)snprintf(told, sizeof told, "%s", line->message);
}

static void open_again(void)
{
	queue_bed.f.options.checkpoint_bytes = 1; /* as often as it may be */
	queue_bed.f.options.outstanding_max = 256;
	queue_bed.f.options.log_fn = on_log;
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
}

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_close(&queue_bed.f, NULL);
	open_again();
	told[0] = '\0';
}

TestSuite(queue_terms, .init = setup, .fini = queue_end, .timeout = 120);

static uint64_t append_now_us(void)
{
	struct weir_info info;
	fixture_info(&queue_bed.f, &info);
	return info.append_time_us;
}

/* One event on its terms, durable. */
static void publish(uint64_t number, const uint64_t *key, struct weir_delivery delivery)
{
	struct weir_event event = fixture_event(queue_bed.topic, key, &number);
	uint64_t ticket;
	event.delivery = &delivery;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
}

static void delayed(uint64_t number, uint64_t delay_ns)
{
	publish(number, NULL, (struct weir_delivery){.delay_ns = delay_ns});
}

static void living(uint64_t number, uint64_t time_to_live_ns)
{
	publish(number, NULL, (struct weir_delivery){.time_to_live_ns = time_to_live_ns});
}

static void urgent(uint64_t number, uint8_t priority)
{
	publish(number, NULL, (struct weir_delivery){.priority = priority});
}

/* The next one is this, is acknowledged, and was appended so long ago. */
static void expect_next(struct weir_member *member, uint64_t number, uint64_t age_ns)
{
	struct weir_item item = queue_next(member);
	uint64_t now_us = append_now_us();
	cr_expect_eq(fixture_number(&item), number, "%u and not %u",
		     (unsigned)fixture_number(&item), (unsigned)number);
	cr_expect_eq(item.attempts, 1);
	cr_expect_geq((now_us - item.append_time_us) * 1000, age_ns, "%u came too soon",
		      (unsigned)number);
	cr_assert_eq(weir_ack(member, &item), 0);
}

/* Time passes, with everything running. */
static void pass(uint64_t for_ns)
{
	uint64_t until = fixture_now_ns() + for_ns;
	while (fixture_now_ns() < until)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
}

static void expect_nothing(struct weir_member *member, uint64_t for_ns)
{
	struct weir_item item;
	uint64_t until = fixture_now_ns() + for_ns;
	while (fixture_now_ns() < until)
		cr_assert_eq(weir_poll(member, &item, 1, MS), 0);
}

static void expect_delayed(uint32_t id, uint64_t count)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (queue_counts(id).delayed != count && fixture_now_ns() < until)
		;
	cr_expect_eq(queue_counts(id).delayed, count);
}

static void expect_expired(uint32_t id, uint64_t count, uint64_t dropped)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (queue_counts(id).expired < count && fixture_now_ns() < until)
		;
	cr_expect_eq(queue_counts(id).expired, count);
	cr_expect_eq(queue_counts(id).dropped, dropped);
}

/* What an open goes by: records alone, or a checkpoint and the records behind it. */
enum way { RECORDS, CHECKPOINT, WAYS };

static void reopen(enum way way)
{
	struct weir_info info;
	fixture_info(&queue_bed.f, &info);
	uint64_t before = info.checkpoints;
	for (uint32_t i = 0; way == CHECKPOINT && i < 4000 && info.checkpoints < before + 2; i++) {
		fixture_wait(queue_bed.producer,
			     fixture_publish(queue_bed.producer, queue_bed.dead_topic, 0, 200));
		fixture_info(&queue_bed.f, &info);
	}
	cr_assert(way != CHECKPOINT || info.checkpoints > before + 1);
	cr_assert_eq(weir_close(queue_bed.f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL), 0);
	queue_bed.f.pipeline = NULL;
	open_again();
}

/* ---- delay ---- */

Test(queue_terms, an_event_waits_for_its_own_delay_and_lets_the_others_pass)
{
	for (enum way way = RECORDS; way < WAYS; way++) {
		uint32_t id = queue_make();
		struct weir_member *member = queue_join(id, 8);
		delayed(1, 600 * MS);
		delayed(2, HOUR);
		delayed(3, 0);
		delayed(4, 20 * MS);
		expect_next(member, 3, 0);
		expect_next(member, 4, 20 * MS);
		queue_commit(member);
		expect_delayed(id, 2);
		cr_expect_eq(queue_lag(id), 2 + (uint64_t)way);
		reopen(way);
		cr_assert_eq(queue_make(), id);
		member = queue_join(id, 8);
		expect_next(member, 1, 600 * MS);
		queue_commit(member);
		expect_nothing(member, 10 * MS);
		expect_delayed(id, 1 + (uint64_t)way);
		cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	}
}

Test(queue_terms, while_nobody_has_the_log_open_a_delay_goes_on)
{
	uint32_t id = queue_make();
	delayed(1, 400 * MS);
	uint64_t began_ns = fixture_now_ns();
	(void)queue_join(id, 1);
	expect_delayed(id, 1);
	fixture_close(&queue_bed.f, NULL);
	while (fixture_now_ns() < began_ns + 450 * MS)
		fixture_sleep_ns(5 * MS);
	open_again();
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(queue_counts(id).delayed, 0);
	expect_next(queue_join(id, 1), 1, 400 * MS);
}

Test(queue_terms, what_a_queue_delays_waits_where_it_is)
{
	queue_bed.options.delay_ns = 100 * MS;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 300);
	queue_publish(0, 20);
	delayed(20, 10 * MS); /* the longer one counts */
	delayed(21, 600 * MS);
	delayed(22, 0);
	cr_expect_eq(queue_counts(id).delayed, 0, "none is taken");
	cr_expect_eq(queue_lag(id), 23);
	for (uint64_t i = 0; i < 21; i++)
		expect_next(member, i, 100 * MS);
	expect_next(member, 22, 100 * MS);
	expect_next(member, 21, 600 * MS);
	queue_commit(member);
	queue_bed.options.delay_ns = HOUR;
	cr_assert_eq(queue_make(), id);
	queue_publish(30, 35);
	expect_nothing(member, 20 * MS);
	reopen(RECORDS);
	cr_assert_eq(queue_make(), id);
	member = queue_join(id, 300);
	expect_nothing(member, 20 * MS);
	queue_bed.options.delay_ns = 0; /* from now on */
	cr_assert_eq(queue_make(), id);
	for (uint64_t i = 30; i < 35; i++)
		expect_next(member, i, 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_terms, a_delayed_event_holds_its_key_back_and_no_other)
{
	queue_bed.options.order = WEIR_ORDER_KEY;
	for (enum way way = RECORDS; way < WAYS; way++) {
		uint32_t id = queue_make();
		const uint64_t one = 1, two = 2;
		publish(1, &one, (struct weir_delivery){.delay_ns = 500 * MS});
		publish(2, &one, (struct weir_delivery){0});
		publish(3, &one, (struct weir_delivery){.delay_ns = 1});
		publish(4, &two, (struct weir_delivery){0});
		struct weir_member *member = queue_join(id, 8);
		expect_next(member, 4, 0);
		queue_commit(member);
		cr_expect_eq(queue_counts(id).behind, 2);
		reopen(way);
		cr_assert_eq(queue_make(), id);
		member = queue_join(id, 8);
		expect_next(member, 1, 500 * MS);
		expect_next(member, 2, 0);
		expect_next(member, 3, 0);
		queue_commit(member);
		cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	}
}

/* ---- time to live ---- */

Test(queue_terms, without_members_and_dead_letters_it_expires_is_counted_and_told)
{
	queue_bed.options.time_to_live_ns = 40 * MS;
	uint32_t id = queue_make();
	queue_publish(0, 20);
	cr_expect_eq(queue_lag(id), 20);
	expect_expired(id, 20, 20);
	cr_expect_eq(queue_lag(id), 0);
	cr_expect_not_null(strstr(told, "outlived their time to live"), "%s", told);
	queue_bed.options.time_to_live_ns = HOUR;
	cr_assert_eq(queue_make(), id);
	queue_publish(20, 21);
	expect_next(queue_join(id, 8), 20, 0);
}

Test(queue_terms, what_expires_goes_to_the_dead_letters_also_from_behind)
{
	const uint64_t key = 9;
	struct weir_origin origin;
	struct weir_delivery delivery;
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 8),
			   *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	publish(1, &key, (struct weir_delivery){0});
	publish(2, &key,
		(struct weir_delivery){.time_to_live_ns = 40 * MS, .delay_ns = 7, .priority = 5});
	publish(3, &key, (struct weir_delivery){0});
	struct weir_item held = queue_next(member), letter = queue_next(undertaker);
	cr_expect_eq(fixture_number(&held), 1);
	cr_expect_eq(fixture_number(&letter), 2, "the one before it is still in hand");
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect(origin.expired && !origin.by_verdict);
	cr_expect_eq(origin.attempts, 0);
	weir_item_delivery(&letter, &delivery);
	cr_expect(delivery.delay_ns == 0 && delivery.time_to_live_ns == 0, "both are over");
	cr_expect_eq(delivery.priority, 5);
	expect_expired(id, 1, 0);
	cr_assert_eq(weir_ack(member, &held), 0);
	expect_next(member, 3, 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_terms, what_was_taken_expires_after_an_open_once)
{
	queue_bed.options.dead_letters = "dead";
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	for (enum way way = RECORDS; way < WAYS; way++) {
		uint32_t id = queue_make();
		/* The shorter one counts. */
		queue_bed.options.time_to_live_ns = HOUR;
		cr_assert_eq(queue_make(), id);
		living(1, 700 * MS);
		living(2, 2 * HOUR);
		struct weir_member *member = queue_join(id, 8);
		struct weir_item item = queue_next(member);
		cr_expect_eq(fixture_number(&item), 1);
		reopen(way);
		cr_assert_eq(queue_make(), id);
		pass(20 * MS);
		expect_expired(id, 1, 0);
		reopen(RECORDS);
		cr_assert_eq(queue_make(), id);
		pass(20 * MS);
		cr_expect_eq(queue_counts(id).expired, 0, "it is settled");
		member = queue_join(id, 8);
		expect_next(member, 2, 0);
		queue_commit(member);
		cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	}
	struct weir_member *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	struct weir_item letters[64];
	uint32_t count = 0;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	for (int got = 0; got > 0 || (count < WAYS && fixture_now_ns() < until);) {
		got = weir_poll(undertaker, letters, 64, 20 * MS);
		cr_assert_geq(got, 0);
		for (int i = 0; i < got; i++) {
			struct weir_origin origin;
			if (weir_item_origin(&letters[i], &origin))
				count++;
		}
	}
	cr_expect_eq(count, WAYS, "each once");
}

Test(queue_terms, what_is_in_hand_expires_when_it_comes_back)
{
	queue_bed.options.time_to_live_ns = 500 * MS;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish(1, 3);
	struct weir_item one = queue_next(member), two = queue_next(member);
	pass(550 * MS);
	cr_expect_eq(queue_counts(id).expired, 0);
	cr_assert_eq(weir_ack(member, &one), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 1);
	cr_assert_eq(weir_reject(member, &two, NULL), 0);
	expect_expired(id, 1, 1);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_terms, what_expires_before_it_is_polled_holds_its_key_back_no_longer)
{
	const uint64_t key = 9;
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.lease_ns = HOUR;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	publish(1, &key, (struct weir_delivery){.time_to_live_ns = 500 * MS});
	publish(2, &key, (struct weir_delivery){0});
	while (queue_counts(id).leased + queue_counts(id).expired < 1)
		;
	pass(550 * MS);
	expect_next(member, 2, 0);
	expect_expired(id, 1, 1);
}

Test(queue_terms, what_was_given_to_a_member_that_does_not_poll_expires_unpolled)
{
	queue_bed.options.time_to_live_ns = 500 * MS;
	queue_bed.options.lease_ns = 1200 * MS;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish(1, 3);
	while (queue_counts(id).leased < 2)
		;
	pass(550 * MS);
	cr_expect_eq(queue_counts(id).expired, 0, "it is in the member's name");
	expect_nothing(member, 10 * MS);
	expect_expired(id, 2, 2);
}

/* ---- priorities ---- */

Test(queue_terms, the_most_urgent_is_first_and_stays_so)
{
	queue_bed.options.priorities = true;
	for (enum way way = RECORDS; way < WAYS; way++) {
		uint32_t id = queue_make();
		for (uint32_t i = 0; i < 64; i++) /* two of each; the number says which and when */
			urgent(i, (uint8_t)(i * 7 % 32));
		struct weir_member *member = queue_join(id, 1);
		struct weir_item item;
		for (uint32_t k = 0; k < 20; k++) {
			item = queue_next(member);
			cr_expect_eq(fixture_number(&item) * 7 % 32, 31 - k / 2);
			cr_expect_eq(fixture_number(&item) / 32, k % 2, "else as they came");
			if (k == 7) {
				/* Once it is durable that it failed it is before all below it. */
				uint64_t number = fixture_number(&item);
				cr_assert_eq(weir_reject(member, &item, NULL), 0);
				queue_commit(member);
				item = queue_next(member);
				if (fixture_number(&item) != number) {
					cr_expect_eq(fixture_number(&item) * 7 % 32, 31 - ++k / 2);
					cr_assert_eq(weir_ack(member, &item), 0);
					queue_commit(member);
					item = queue_next(member);
				}
				cr_expect_eq(fixture_number(&item), number);
				cr_expect_eq(item.attempts, 2);
			}
			cr_assert_eq(weir_ack(member, &item), 0);
			queue_commit(member);
		}
		reopen(way);
		cr_assert_eq(queue_make(), id);
		member = queue_join(id, 1);
		for (uint32_t k = 20; k < 64; k++) {
			item = queue_next(member);
			cr_expect_eq(fixture_number(&item) * 7 % 32, 31 - k / 2, "%u", k);
			cr_assert_eq(weir_ack(member, &item), 0);
			queue_commit(member);
		}
		cr_expect_eq(queue_lag(id), 0);
		cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	}
}

Test(queue_terms, without_the_option_all_are_the_same)
{
	uint32_t id = queue_make();
	for (uint32_t i = 0; i < 10; i++)
		urgent(i, (uint8_t)i);
	struct weir_member *member = queue_join(id, 1);
	for (uint32_t i = 0; i < 10; i++) {
		expect_next(member, i, 0);
		queue_commit(member);
	}
}

/* ---- refusals ---- */

Test(queue_terms, bad_terms_are_refused)
{
	const struct {
		const char *field;
		enum weir_order order;
		uint64_t delay_ns, time_to_live_ns;
		bool priorities;
	} bad[] = {
		{"order", WEIR_ORDER_PARTITION, 1, 0, false},
		{"time_to_live_ns", WEIR_ORDER_PARTITION, 0, 1, false},
		{"order", WEIR_ORDER_PARTITION, 0, 0, true},
		{"delay_ns", WEIR_ORDER_NONE, WEIR_DELAY_NS_MAX + 1, 0, false},
		{"time_to_live_ns", WEIR_ORDER_KEY, 0, WEIR_TIME_TO_LIVE_NS_MAX + 1, false},
		{"priorities", WEIR_ORDER_KEY, 0, 0, true},
	};
	uint32_t id;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct weir_subscription_options o = queue_bed.options;
		o.order = bad[i].order;
		o.delay_ns = bad[i].delay_ns;
		o.time_to_live_ns = bad[i].time_to_live_ns;
		o.priorities = bad[i].priorities;
		cr_expect_eq(
			weir_subscription_create(queue_bed.f.pipeline, &o, &id, &queue_bed.problem),
			-EINVAL);
		cr_expect_str_eq(queue_bed.problem.field, bad[i].field);
	}
	const struct weir_delivery terms[] = {
		{.delay_ns = WEIR_DELAY_NS_MAX + 1},
		{.time_to_live_ns = WEIR_TIME_TO_LIVE_NS_MAX + 1},
		{.priority = WEIR_PRIORITY_MAX + 1},
	};
	uint64_t number = 1, ticket;
	for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
		struct weir_event event = fixture_event(queue_bed.topic, NULL, &number);
		event.delivery = &terms[i];
		cr_expect_eq(weir_publish(queue_bed.producer, &event, &ticket), -EINVAL);
	}
	struct weir_queue_counts none;
	id = fixture_subscription(&queue_bed.f, "ordered", "work");
	cr_expect_eq(weir_queue_counts(queue_bed.f.pipeline, id, &none), -EINVAL);
	cr_expect_eq(weir_queue_counts(queue_bed.f.pipeline, 99, &none), WEIR_E_UNKNOWN_NAME);
}

Test(queue_terms, an_item_says_on_which_terms_it_was_published)
{
	struct weir_delivery delivery;
	uint32_t id = queue_make();
	publish(1, NULL,
		(struct weir_delivery){.delay_ns = 1, .time_to_live_ns = HOUR + 1, .priority = 31});
	queue_publish(2, 3);
	struct weir_member *member = queue_join(id, 8);
	struct weir_item item = queue_next(member);
	weir_item_delivery(&item, &delivery);
	cr_expect_eq(delivery.delay_ns, 1000, "whole microseconds, up");
	cr_expect_eq(delivery.time_to_live_ns, HOUR + 1000);
	cr_expect_eq(delivery.priority, 31);
	item = queue_next(member);
	weir_item_delivery(&item, &delivery);
	cr_expect(delivery.delay_ns == 0 && delivery.time_to_live_ns == 0 &&
		  delivery.priority == 0);
}
