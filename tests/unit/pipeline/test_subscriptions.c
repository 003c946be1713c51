/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: subscriptions are made once and found again, begin where they were told to, read the topics
 * that they name, keep their progress over restarts, and refuse each thing that the header names.
 *
 * Method: a manual pipeline with numbered events; the numbers that come out are compared with those
 * that the place says.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static uint32_t topic;
static struct weir_producer *producer;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
	(void)fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static const char *const work[] = {"work", "other", "absent"};

static struct weir_subscription_options options_of(const char *name)
{
	struct weir_subscription_options o;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = work;
	o.topic_count = 1;
	return o;
}

static int create(const struct weir_subscription_options *o, uint32_t *ret,
		  struct weir_problem *problem)
{
	return weir_subscription_create(f.pipeline, o, ret, problem);
}

/* The next numbers that a new member of `id` gets; then nothing. */
static void expect_numbers(uint32_t id, uint64_t first, uint64_t end)
{
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item item;
	for (uint64_t i = first; i < end; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

static uint64_t sequence_of(uint64_t number)
{
	static char name[] = "find-a";
	struct weir_item item = {0};
	uint32_t id;
	struct weir_subscription_options o = options_of(name);
	cr_assert_eq(create(&o, &id, NULL), 0);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER, NULL), 0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	do
		cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	while (fixture_number(&item) != number);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return item.sequence;
}

TestSuite(subscriptions, .init = setup, .fini = teardown, .timeout = 60);

Test(subscriptions, defaults_are_those_of_the_header)
{
	struct weir_subscription_options o;
	struct weir_member_options m;
	weir_subscription_options_init(&o);
	cr_expect_eq(o.struct_bytes, sizeof o);
	cr_expect_eq(o.start, WEIR_START_OLDEST);
	cr_expect_eq(o.gate, WEIR_LEVEL_DEFAULT);
	cr_expect_eq(o.when_slow, WEIR_SLOW_CATCH_UP);
	cr_expect_eq(o.session_timeout_ns, 45000000000u);
	cr_expect(o.lag_events_max == 0 && o.lag_time_max_ns == 0 && o.lag_fn == NULL);
	weir_member_options_init(&m);
	cr_expect_eq(m.struct_bytes, sizeof m);
	cr_expect(m.name == NULL && m.handler == NULL);
	cr_expect_eq(m.items_max, 1024);
	cr_expect_eq(m.unacked_ranges_max, 1024);
}

Test(subscriptions, bad_options_are_refused_by_name)
{
	struct weir_subscription_options good = options_of("reader"), bad[8];
	static const char *const twice[] = {"work", "work"};
	const char *const fields[] = {
		"name",  "name", "topics", "topics", "start", "gate", "session_timeout_ns",
		"topics"};
	for (int i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].name = NULL;
	bad[1].name = "a/..";
	bad[2].topic_count = 0;
	bad[3].topic_count = 65;
	bad[4].start = (enum weir_start)9;
	bad[5].gate = WEIR_LEVEL_WRITTEN;
	bad[6].session_timeout_ns = 0;
	bad[7].topics = twice;
	bad[7].topic_count = 2;
	for (int i = 0; i < 8; i++) {
		struct weir_problem problem = {0};
		uint32_t id = 77;
		cr_expect_eq(create(&bad[i], &id, &problem), -EINVAL, "%d", i);
		cr_expect_eq(id, 77);
		cr_expect_not_null(strstr(problem.field, fields[i]), "%d: %s", i, problem.field);
		cr_expect_str_not_empty(problem.text);
		cr_expect_eq(create(&bad[i], &id, NULL), -EINVAL);
	}
	struct weir_info info;
	fixture_info(&f, &info);
	cr_expect_eq(info.subscription_count, 0);
}

Test(subscriptions, all_topics_have_to_exist)
{
	struct weir_subscription_options o = options_of("reader");
	struct weir_problem problem = {0};
	uint32_t id;
	o.topic_count = 3;
	cr_expect_eq(create(&o, &id, &problem), WEIR_E_UNKNOWN_NAME);
	cr_expect_not_null(strstr(problem.text, "absent"), "%s", problem.text);
}

Test(subscriptions, it_is_found_again_with_the_same_topics_and_refused_with_others)
{
	struct weir_subscription_options o = options_of("reader");
	struct weir_problem problem = {0};
	uint32_t first, again = 77, other = 77;
	cr_assert_eq(create(&o, &first, NULL), 0);
	cr_expect_eq(create(&o, &again, NULL), 0);
	cr_expect_eq(again, first);
	o.topic_count = 2;
	cr_expect_eq(create(&o, &other, &problem), WEIR_E_EXISTS);
	cr_expect_eq(other, 77);
	cr_expect_not_null(strstr(problem.text, "other topics"), "%s", problem.text);
	o.name = "second";
	cr_assert_eq(create(&o, &other, NULL), 0);
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_expect_eq(create(&o, &again, NULL), 0);
	cr_expect_eq(again, other, "the same id after a restart");
	o = options_of("reader");
	cr_expect_eq(create(&o, &again, NULL), 0);
	cr_expect_eq(again, first);
}

Test(subscriptions, subscriptions_max_is_the_end)
{
	struct weir_problem problem = {0};
	char name[] = "s0";
	uint32_t id;
	for (uint32_t i = 0; i < f.options.subscriptions_max; i++) {
		name[1] = (char)('0' + i);
		struct weir_subscription_options o = options_of(name);
		cr_assert_eq(create(&o, &id, NULL), 0);
	}
	struct weir_subscription_options more = options_of("more");
	cr_expect_eq(create(&more, &id, &problem), WEIR_E_FULL);
	cr_expect_str_eq(problem.field, "subscriptions_max");
}

Test(subscriptions, it_begins_where_it_was_told_to)
{
	struct weir_subscription_options o = options_of("oldest");
	uint32_t oldest, newest, sequence, found;
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	cr_assert_eq(create(&o, &oldest, NULL), 0);
	o.name = "newest";
	o.start = WEIR_START_NEWEST;
	cr_assert_eq(create(&o, &newest, NULL), 0);
	o.name = "sequence";
	o.start = WEIR_START_SEQUENCE;
	o.start_at = sequence_of(7);
	cr_assert_eq(create(&o, &sequence, NULL), 0);
	fixture_wait(producer, fixture_publish(producer, topic, 10, 15));
	expect_numbers(oldest, 0, 15);
	expect_numbers(newest, 10, 15);
	expect_numbers(sequence, 7, 15);
	/* A start counts when it is made, not when it is found. */
	o.name = "newest";
	o.start = WEIR_START_OLDEST;
	cr_expect_eq(create(&o, &found, NULL), 0);
	cr_expect_eq(found, newest);
	expect_numbers(newest, 0, 0);
}

Test(subscriptions, it_begins_at_a_time)
{
	struct weir_subscription_options o = options_of("time");
	struct weir_item item;
	uint32_t id;
	fixture_wait(producer, fixture_publish(producer, topic, 0, 5));
	fixture_sleep_ns(20000000u);
	fixture_wait(producer, fixture_publish(producer, topic, 5, 10));
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "all", "work"), NULL);
	cr_assert_eq(fixture_poll(member, &item, 1, 6, true), 6);
	cr_assert_eq(fixture_number(&item), 5);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	o.start = WEIR_START_TIME;
	o.start_at = item.append_time_us;
	cr_assert_eq(create(&o, &id, NULL), 0);
	expect_numbers(id, 5, 10);
	o.name = "future";
	o.start_at = item.append_time_us + 3600000000u;
	cr_assert_eq(create(&o, &id, NULL), 0);
	expect_numbers(id, 0, 0);
}

Test(subscriptions, a_start_beyond_the_end_is_refused)
{
	struct weir_subscription_options o = options_of("reader");
	struct weir_problem problem = {0};
	uint32_t id;
	o.start = WEIR_START_SEQUENCE;
	o.start_at = 1000;
	cr_expect_eq(create(&o, &id, &problem), WEIR_E_TRUNCATED);
	cr_expect_str_not_empty(problem.text);
	o.start_at = 0;
	cr_expect_eq(create(&o, &id, &problem), WEIR_E_TRUNCATED);
}

Test(subscriptions, a_start_that_was_retired_is_refused)
{
	f.options.retention_bytes = 1u << 20;
	f.options.checkpoint_bytes = 1u << 20;
	fixture_close(&f, NULL);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
	struct weir_info info;
	for (uint64_t first = 0; fixture_info(&f, &info), info.segments_recycled == 0;
	     first += 1000) {
		cr_assert_lt(first, 1000000, "nothing is ever recycled");
		fixture_wait(producer, fixture_publish(producer, topic, first, first + 1000));
	}
	struct weir_subscription_options o = options_of("reader");
	uint32_t id;
	o.start = WEIR_START_SEQUENCE;
	o.start_at = 2;
	cr_expect_eq(create(&o, &id, NULL), WEIR_E_TRUNCATED);
	o.start = WEIR_START_OLDEST;
	cr_expect_eq(create(&o, &id, NULL), 0);
	struct weir_item item;
	cr_expect_eq(fixture_poll(fixture_member(&f, id, NULL), &item, 1, 1, true), 1);
	cr_expect_gt(fixture_number(&item), 0, "the first event that is still there");
}

Test(subscriptions, several_topics_are_read_in_the_order_of_the_log)
{
	struct weir_subscription_options o = options_of("both");
	struct weir_item item;
	uint32_t id, other;
	o.topic_count = 2;
	cr_assert_eq(create(&o, &id, NULL), 0);
	cr_assert_eq(weir_topic_find(f.pipeline, "other", &other), 0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 3));
	for (uint64_t i = 0; i < 20; i++)
		(void)fixture_publish(producer, i % 3 == 0 ? other : topic, i, i + 1);
	for (uint64_t i = 0; i < 20; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_expect_eq(fixture_number(&item), i);
		cr_expect_eq(item.topic, i % 3 == 0 ? other : topic);
	}
	(void)fixture_publish(producer, topic, 20, 21);
	struct weir_assignment parts[3];
	cr_expect_eq(weir_member_assignments(member, parts, 3), 3);
}

Test(subscriptions, progress_is_kept_over_restarts_and_what_was_not_acknowledged_comes_again)
{
	uint32_t id = fixture_subscription(&f, "reader", "work");
	struct weir_item item;
	fixture_wait(producer, fixture_publish(producer, topic, 0, 20));
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 12, true), 12);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(fixture_poll(member, NULL, 0, 4, false), 4);
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&f);
	member = fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	for (uint64_t i = 12; i < 20; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_expect_eq(fixture_number(&item), i);
		cr_expect_eq(item.flags & WEIR_ITEM_REDELIVERED, WEIR_ITEM_REDELIVERED,
			     "an earlier run may have handed it out");
	}
	producer = fixture_producer(&f, NULL);
	(void)fixture_publish(producer, topic, 20, 21);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	cr_expect_eq(item.flags & WEIR_ITEM_REDELIVERED, 0, "nobody had this one before");
}

Test(subscriptions, the_memory_gate_shows_events_before_they_are_durable)
{
	struct weir_subscription_options o = options_of("early");
	uint32_t early, late = fixture_subscription(&f, "late", "work");
	o.gate = WEIR_LEVEL_MEMORY;
	cr_assert_eq(create(&o, &early, NULL), 0);
	struct weir_member *fast = fixture_member(&f, early, NULL);
	struct weir_member *slow = fixture_member(&f, late, NULL);
	cr_assert(fixture_owns(fast, 1) && fixture_owns(slow, 1));
	/* The writer is far ahead of the disk after one step: seen by one, not by the other. */
	uint32_t early_first = 0;
	for (uint64_t i = 0; i < 50; i++) {
		struct weir_item items[4];
		struct weir_producer_progress p;
		(void)fixture_publish(producer, topic, i, i + 1);
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
		int seen_early = weir_poll(fast, items, 4, 0);
		int seen_late = weir_poll(slow, items, 4, 0);
		weir_producer_progress(producer, &p);
		cr_expect_eq(seen_early, 1);
		early_first += p.durable <= i && seen_late == 0;
		while (seen_late == 0)
			seen_late = weir_poll(slow, items, 4, 1000000u);
		cr_expect_eq(seen_late, 1);
		cr_expect_eq(fixture_number(&items[0]), i);
	}
	cr_expect_gt(early_first, 0, "the durable gate never held anything back");
}

Test(subscriptions, options_of_a_run_are_set_anew_by_each_call)
{
	struct weir_subscription_options o = options_of("reader");
	struct weir_item items[4];
	uint32_t id;
	o.gate = WEIR_LEVEL_MEMORY;
	cr_assert_eq(create(&o, &id, NULL), 0);
	o.gate = WEIR_LEVEL_DEFAULT; /* durable again */
	cr_assert_eq(create(&o, &id, NULL), 0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 1));
	uint32_t held_back = 0;
	for (uint64_t i = 0; i < 50; i++) {
		(void)fixture_publish(producer, topic, i, i + 1);
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
		int n = weir_poll(member, items, 4, 0);
		held_back += n == 0;
		while (n == 0)
			n = weir_poll(member, items, 4, 1000000u);
	}
	cr_expect_gt(held_back, 0, "the gate is still that of the call before");
}

Test(subscriptions, a_log_in_memory_has_no_durable_gate)
{
	struct fixture memory;
	struct weir_problem problem = {0};
	struct weir_subscription_options o = options_of("reader");
	uint32_t id;
	fixture_begin(&memory, FIXTURE_MEMORY | FIXTURE_MANUAL);
	(void)fixture_topic(&memory, "work", 1);
	o.gate = WEIR_LEVEL_DURABLE;
	cr_expect_eq(weir_subscription_create(memory.pipeline, &o, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "gate");
	o.gate = WEIR_LEVEL_DEFAULT;
	cr_expect_eq(weir_subscription_create(memory.pipeline, &o, &id, NULL), 0);
	fixture_end(&memory);
}
