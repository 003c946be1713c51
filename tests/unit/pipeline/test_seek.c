/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a subscription is moved to the oldest, the newest, a sequence or a time, in memory and on
 * disk; what was in hand is fenced, what comes again is marked; places that are gone are refused;
 * who cannot be moved at once is waited for no longer than was said, and moved later.
 *
 * Method: a manual pipeline with numbered events, some of them no longer in memory. After each seek
 * the next number tells where the subscription stands, and lag what is left from there.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 200u
#define OLD 30000u /* so many that the first are on disk only */

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;
static struct weir_member *member;
static struct weir_problem problem;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
	member = fixture_member(&f, id, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_item next_item(void)
{
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	return item;
}

static struct weir_item item_of(uint64_t number)
{
	struct weir_item item = next_item();
	while (fixture_number(&item) != number)
		item = next_item();
	return item;
}

static int seek(enum weir_seek_to to, uint64_t at)
{
	return weir_subscription_seek(f.pipeline, id, to, at, FIXTURE_LONG_NS, &problem);
}

static uint64_t exact_lag(void)
{
	struct weir_lag lag;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	} while (!lag.exact && fixture_now_ns() < deadline);
	cr_expect(lag.exact);
	return lag.events;
}

static void expect_next(uint64_t number, uint64_t of, bool redelivered)
{
	cr_expect_eq(exact_lag(), of - number, "what is left from there");
	struct weir_item item = next_item();
	cr_expect_eq(fixture_number(&item), number);
	cr_expect_eq((item.flags & WEIR_ITEM_REDELIVERED) != 0, redelivered, "flags of %llu",
		     (unsigned long long)number);
}

static void publish(uint64_t first, uint64_t end)
{
	fixture_wait(producer, fixture_publish(producer, topic, first, end));
}

TestSuite(seek, .init = setup, .fini = teardown, .timeout = 60);

Test(seek, an_unknown_subscription_is_refused)
{
	cr_expect_eq(weir_subscription_seek(f.pipeline, 3, WEIR_SEEK_OLDEST, 0, 0, &problem),
		     WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(problem.code, WEIR_E_UNKNOWN_NAME);
	cr_expect_str_eq(problem.field, "subscription");
	cr_expect_eq(weir_subscription_seek(f.pipeline, UINT32_MAX, WEIR_SEEK_OLDEST, 0, 0, NULL),
		     WEIR_E_UNKNOWN_NAME);
}

Test(seek, to_the_oldest_hands_everything_out_again)
{
	publish(0, EVENTS);
	(void)item_of(EVENTS - 1);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(seek(WEIR_SEEK_OLDEST, 0), 0);
	expect_next(0, EVENTS, true);
	(void)item_of(EVENTS - 1);
	cr_expect_eq(fixture_poll_rest(member), 0, "and then nothing");
}

Test(seek, to_the_newest_leaves_out_what_is_there)
{
	publish(0, EVENTS);
	(void)item_of(10);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	cr_expect_eq(exact_lag(), 0);
	cr_expect_eq(fixture_poll_rest(member), 0);
	publish(EVENTS, EVENTS + 5);
	struct weir_item item = next_item();
	cr_expect_eq(fixture_number(&item), EVENTS);
}

Test(seek, to_a_sequence_back_and_forth)
{
	publish(0, EVENTS);
	struct weir_item item = item_of(50);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence + 100), 0);
	expect_next(150, EVENTS, true);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence), 0);
	expect_next(50, EVENTS, true);
}

Test(seek, beyond_the_end_or_before_the_beginning_is_refused)
{
	publish(0, EVENTS);
	struct weir_item item = item_of(EVENTS - 1);
	cr_expect_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence + 100000), WEIR_E_TRUNCATED);
	cr_expect_eq(seek(WEIR_SEEK_SEQUENCE, UINT64_MAX), WEIR_E_TRUNCATED);
	cr_expect_eq(seek(WEIR_SEEK_SEQUENCE, 0), WEIR_E_TRUNCATED);
	cr_expect_eq(problem.code, WEIR_E_TRUNCATED);
	cr_expect_str_eq(problem.field, "at");
	cr_expect_eq(seek((enum weir_seek_to)9, 0), -EINVAL);
	cr_expect_str_eq(problem.field, "to");
	publish(EVENTS, EVENTS + 1);
	item = next_item();
	cr_expect_eq(fixture_number(&item), EVENTS, "a refused seek moves nothing");
}

Test(seek, to_a_time_is_the_first_event_then_or_later)
{
	uint64_t times[4];
	for (uint64_t i = 0; i < 4; i++) {
		publish(i * 10, i * 10 + 10);
		struct weir_item item = item_of(i * 10);
		times[i] = item.append_time_us;
		fixture_sleep_ns(5000000u);
	}
	for (uint64_t i = 4; i-- > 0;) {
		cr_assert_eq(seek(WEIR_SEEK_TIME, times[i]), 0);
		expect_next(i * 10, 40, true);
		cr_assert_eq(seek(WEIR_SEEK_TIME, times[i] - 1), 0);
		expect_next(i * 10, 40, true);
	}
	cr_assert_eq(seek(WEIR_SEEK_TIME, 0), 0);
	expect_next(0, 40, true);
	cr_assert_eq(seek(WEIR_SEEK_TIME, times[3] + 3600000000u), 0);
	cr_expect_eq(exact_lag(), 0);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(seek, what_is_only_on_disk_is_found_by_sequence_and_by_time)
{
	publish(0, 100);
	struct weir_item early = item_of(70);
	fixture_sleep_ns(3000000u);
	for (uint64_t i = 100; i < OLD; i += 500) {
		publish(i, i + 500 < OLD ? i + 500 : OLD);
		(void)item_of((i + 500 < OLD ? i + 500 : OLD) - 1);
	}
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, early.sequence), 0);
	expect_next(70, OLD, true);
	cr_assert_eq(seek(WEIR_SEEK_TIME, early.append_time_us), 0);
	struct weir_item item = next_item();
	cr_expect_leq(fixture_number(&item), 70);
	cr_expect_geq(item.append_time_us, early.append_time_us);
	cr_assert_eq(seek(WEIR_SEEK_OLDEST, 0), 0);
	uint64_t next = 0;
	for (; next < OLD; next++) {
		item = next_item();
		cr_assert_eq(fixture_number(&item), next);
	}
	/* The seeks came before the log was told of some acks. */
	cr_expect_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	cr_expect_eq(exact_lag(), 0);
}

Test(seek, what_was_in_hand_is_fenced)
{
	publish(0, EVENTS);
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence + 100), 0);
	expect_next(100, EVENTS, true);
	cr_expect_eq(weir_ack(member, &item), WEIR_E_FENCED);
	cr_expect_eq(weir_member_assignments(member, NULL, 0), 1, "it keeps its partition");
}

Test(seek, a_seek_is_kept_over_a_restart)
{
	publish(0, EVENTS);
	struct weir_item item = item_of(120);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence - 20), 0);
	fixture_close(&f, NULL);
	fixture_open(&f);
	id = fixture_subscription(&f, "reader", "work");
	member = fixture_member(&f, id, NULL);
	expect_next(100, EVENTS, true);
}

Test(seek, it_works_without_members)
{
	publish(0, EVENTS);
	struct weir_item item = item_of(120);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence - 20), 0);
	member = fixture_member(&f, id, NULL);
	expect_next(100, EVENTS, true);
}

Test(seek, in_a_log_in_memory_too)
{
	struct fixture durable = f;
	fixture_begin(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
	member = fixture_member(&f, id, NULL);
	publish(0, EVENTS);
	struct weir_item item = item_of(50);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence + 50), 0);
	expect_next(100, EVENTS, true);
	cr_assert_eq(seek(WEIR_SEEK_TIME, item.append_time_us), 0);
	cr_assert_eq(seek(WEIR_SEEK_OLDEST, 0), 0);
	expect_next(0, EVENTS, true);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	cr_expect_eq(exact_lag(), 0);
	fixture_end(&f);
	f = durable;
}

/* ---- a member that does not poll ---- */

/* Polls again, and is moved there: what still came from the place before is passed over. */
static void expect_moved_to(uint64_t number)
{
	struct weir_item item;
	do
		cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	while (fixture_number(&item) != number);
	cr_expect_neq(item.flags & WEIR_ITEM_REDELIVERED, 0);
	cr_assert_eq(weir_ack(member, &item), 0);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), number + 1, "and goes on from there");
}

/* What a member that does not poll has room for. */
static void seek_twice(void)
{
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
}

Test(seek, a_third_one_without_a_poll_ends_at_its_deadline_and_is_ordered_with_the_poll)
{
	publish(0, EVENTS);
	(void)item_of(50);
	seek_twice();
	uint64_t before = fixture_now_ns();
	cr_expect_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, 20000000u, &problem),
		-ETIMEDOUT);
	cr_expect_geq(fixture_now_ns() - before, 20000000u);
	cr_expect_eq(problem.code, -ETIMEDOUT);
	cr_expect_str_eq(problem.field, "timeout_ns");
	expect_moved_to(0);
}

Test(seek, one_that_still_waits_is_replaced_by_the_next)
{
	publish(0, EVENTS);
	struct weir_item item = item_of(50);
	seek_twice();
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, 0, NULL),
		     -ETIMEDOUT);
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_SEQUENCE, item.sequence + 70,
					    1000000u, NULL),
		     -ETIMEDOUT);
	expect_moved_to(120);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, item.sequence), 0, "and seeks work as before");
	expect_next(50, EVENTS, true);
}

static uint64_t recycled(void)
{
	struct weir_info info;
	fixture_info(&f, &info);
	return info.segments_recycled;
}

/* So much that what is not needed leaves the journal. */
static void publish_and_handle(uint64_t first, uint64_t end, struct weir_member *reader)
{
	for (uint64_t i = first; i < end; i += 500) {
		publish(i, i + 500);
		if (reader == NULL)
			continue;
		cr_assert_eq(fixture_poll(reader, NULL, 0, 500, true), 500);
		cr_assert_eq(weir_member_commit(reader, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	}
}

Test(seek, the_place_of_one_that_still_waits_stays_in_the_journal)
{
	fixture_end(&f);
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.retention_bytes = 1;
	f.options.checkpoint_bytes = 1u << 20;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
	member = fixture_member(&f, id, NULL);
	publish_and_handle(0, 2 * OLD, member);
	struct weir_item item;
	cr_assert_eq(seek(WEIR_SEEK_OLDEST, 0), 0);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	uint64_t oldest = fixture_number(&item);
	seek_twice();
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_SEQUENCE, item.sequence, 0, NULL),
		-ETIMEDOUT);
	uint64_t before = recycled();
	publish_and_handle(2 * OLD, 6 * OLD, NULL);
	cr_expect_eq(recycled(), before, "nothing is retired before it is ordered");
	expect_moved_to(oldest);
	/* Before the next seek: what it would fence, the next commit would tell of. */
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	publish_and_handle(6 * OLD, 9 * OLD, member);
	cr_expect_gt(recycled(), before, "and afterwards it goes on");
}

static void *seek_to_the_oldest(void *ret)
{
	*(int *)ret = seek(WEIR_SEEK_OLDEST, 0);
	return NULL;
}

Test(seek, while_one_waits_other_calls_go_on)
{
	pthread_t thread;
	int rc = 1;
	fixture_end(&f);
	fixture_begin(&f, FIXTURE_DURABLE);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
	member = fixture_member(&f, id, NULL);
	publish(0, EVENTS);
	(void)item_of(50);
	seek_twice();
	cr_assert_eq(pthread_create(&thread, NULL, seek_to_the_oldest, &rc), 0);
	fixture_sleep_ns(30000000u); /* it waits by then; if not, it will */
	cr_expect_eq(fixture_topic(&f, "other", 1), topic + 1);
	struct weir_item item = item_of(0);
	cr_expect_neq(item.flags & WEIR_ITEM_REDELIVERED, 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_eq(rc, 0, "it did not wait for its deadline: %s", weir_error_name(rc));
}

/* A named open on a full disk, for instance. */
Test(seek, a_call_that_stands_still_does_not_keep_it_beyond_its_deadline)
{
	wr_control_lock(f.pipeline);
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, 0, &problem),
		     -ETIMEDOUT);
	cr_expect_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, 20000000u, &problem),
		-ETIMEDOUT);
	cr_expect_str_eq(problem.field, "timeout_ns");
	cr_expect_not_null(strstr(problem.text, "not asked for"), "%s", problem.text);
	wr_control_unlock(f.pipeline);
	cr_expect_eq(seek(WEIR_SEEK_OLDEST, 0), 0);
}
