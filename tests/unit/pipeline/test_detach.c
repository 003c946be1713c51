/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a subscription that is above the limit of WEIR_SLOW_DETACH is told so by each poll, holds
 * nothing any more, over opens, and goes on behind a seek from where that says, and not before.
 *
 * Method: a manual pipeline; events are numbers, from 0. What the group does is waited for as a
 * state.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/pipeline/metrics_rounds.h"

#define LIMIT 100u
#define STEP_NS 1000000u
#define FILLS_MAX 30u /* some segments each: one was enough */

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;
static struct weir_member *member;
static struct weir_subscription_options options;
static char said[256];
/* As a look at lag found it; how often it rose, and how much of that the test has seen. */
static bool is_above;
static uint32_t rises, rises_seen;

static void hear(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strcmp(line->event, "subscription.detached") == 0)
		(void)snprintf(said, sizeof said, "%s", line->message);
}

static void see_lag(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	(void)context;
	(void)lag;
	if (subscription != id)
		return;
	is_above = above;
	rises += above;
}

static void wait_until_risen(void)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (rises == rises_seen && fixture_now_ns() < until_ns)
		cr_assert_geq(weir_step(f.pipeline, STEP_NS), 0);
	cr_assert_gt(rises, rises_seen);
	rises_seen = rises;
}

static void wait_until_fallen(void)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (is_above && fixture_now_ns() < until_ns)
		cr_assert_geq(weir_step(f.pipeline, STEP_NS), 0);
	cr_assert_not(is_above);
}

static int make(void)
{
	struct weir_problem problem;
	return weir_subscription_create(f.pipeline, &options, &id, &problem);
}

static void come_back(void)
{
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
	cr_assert_eq(make(), 0);
	member = fixture_member(&f, id, NULL);
}

static void begin(int kind)
{
	static const char *const topics[] = {"work"};
	fixture_init(&f, kind | FIXTURE_MANUAL);
	fixture_small_segments(&f);
	f.options.retention_bytes = 1;
	f.options.log_fn = hear;
	said[0] = '\0';
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	weir_subscription_options_init(&options);
	options.name = "reader";
	options.topics = topics;
	options.topic_count = 1;
	options.when_slow = WEIR_SLOW_DETACH;
	options.lag_events_max = LIMIT;
	options.lag_fn = see_lag;
	is_above = false;
	rises = rises_seen = 0;
	producer = fixture_producer(&f, NULL);
	cr_assert_eq(make(), 0);
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 4));
}

static void setup(void)
{
	begin(FIXTURE_DURABLE);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(detach, .init = setup, .fini = teardown, .timeout = 120);

static void publish(uint64_t first, uint64_t end)
{
	fixture_wait(producer, fixture_publish(producer, topic, first, end));
}

static struct weir_subscription_info info_of(void)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	return info;
}

/* Until all of its partitions are where they are to be, and a member was told. */
static void wait_until_detached(void)
{
	struct weir_item item;
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = {.events = 1};
	wait_until_risen();
	/* The look that finds it so begins with that, before it tells. */
	cr_assert(info_of().detached ||
		  f.pipeline->subscriptions[id].group.rows[0].seek_position != WR_SEEK_NONE);
	while ((!info_of().detached || lag.events != 0) && fixture_now_ns() < until_ns) {
		cr_assert_geq(weir_step(f.pipeline, STEP_NS), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	}
	cr_assert(info_of().detached);
	int rc = 0;
	while ((rc = weir_poll(member, &item, 1, STEP_NS)) == 0 && fixture_now_ns() < until_ns)
		;
	cr_assert_eq(rc, WEIR_E_DETACHED, "%s", weir_error_name(rc));
}

/* Of so many partitions none stands anywhere. */
static void wait_until_each_is_detached(uint32_t partitions)
{
	const struct wr_subscription *s = &f.pipeline->tables.catalog.subscriptions[id];
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t detached = 0;
	while (detached < partitions && fixture_now_ns() < until_ns) {
		cr_assert_geq(weir_step(f.pipeline, STEP_NS), 0);
		detached = 0;
		for (uint32_t row = 0; row < partitions; row++)
			detached += wr_position_is_detached(
				wr_load_relaxed(&wr_position_row(f.pipeline, s, row)->position));
	}
	cr_assert_eq(detached, partitions);
}

static int seek(enum weir_seek_to to, uint64_t at)
{
	struct weir_problem problem;
	return weir_subscription_seek(f.pipeline, id, to, at, FIXTURE_LONG_NS, &problem);
}

/* Each number of first .. end - 1 comes, and nothing else; all are acknowledged. */
static void expect_all(uint64_t first, uint64_t end)
{
	struct weir_item item;
	uint64_t sum = 0;
	for (uint64_t i = first; i < end; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
		cr_expect(fixture_number(&item) >= first && fixture_number(&item) < end);
		sum += fixture_number(&item) - i;
	}
	cr_expect_eq(sum, 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(detach, who_is_too_slow_is_told_and_holds_nothing)
{
	struct weir_item item;
	struct weir_problem problem;
	struct weir_lag lag;
	publish(0, 20);
	expect_all(0, 20);
	publish(20, 20 + LIMIT);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	cr_expect_not(info_of().detached, "as much as it may have");
	publish(20 + LIMIT, 25 + LIMIT);
	wait_until_detached();
	cr_expect_eq(info_of().position <= item.sequence, true, "it stood before what is in hand");
	cr_expect_not_null(strstr(said, "reader was too slow"), "%s", said);
	cr_expect_lt(weir_ack(member, &item), 0, "what is in hand is nobody's");
	weir_member_problem(member, &problem);
	cr_expect_eq(problem.code, WEIR_E_DETACHED);
	cr_expect_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), WEIR_E_DETACHED, "at once");
	wait_until_fallen();
	publish(25 + LIMIT, 30 + LIMIT);
	cr_expect_eq(weir_poll(member, &item, 1, STEP_NS), WEIR_E_DETACHED);
	cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	cr_expect_eq(lag.events, 5, "what came since");
	cr_expect_eq(lag.time_ns, 0, "nobody waits for it");
}

Test(detach, a_seek_to_where_it_stood_leaves_nothing_out)
{
	publish(0, 20);
	expect_all(0, 20);
	publish(20, 25 + 2 * LIMIT);
	wait_until_detached();
	wait_until_fallen();
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, info_of().position), 0);
	/* It is above its limit once more, and has the time to work that off. */
	wait_until_risen();
	cr_expect_not(info_of().detached);
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag;
	uint32_t came[25 + 2 * LIMIT] = {0};
	do {
		struct weir_item item;
		int rc = weir_poll(member, &item, 1, STEP_NS);
		cr_assert(rc == 0 || rc == 1, "%s", weir_error_name(rc));
		if (rc == 1) {
			came[fixture_number(&item)]++;
			cr_assert_eq(weir_ack(member, &item), 0);
		}
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	} while ((lag.events > 0 || !lag.exact) && fixture_now_ns() < until_ns);
	for (uint32_t i = 20; i < 25 + 2 * LIMIT; i++)
		cr_expect_eq(came[i], 1, "%u came %u times", i, came[i]);
	/* Below half of it again: the next time counts. */
	wait_until_fallen();
	publish(25 + 2 * LIMIT, 30 + 3 * LIMIT);
	wait_until_detached();
}

Test(detach, it_stays_so_over_an_open_and_until_a_seek)
{
	struct weir_item item;
	publish(0, 5 + LIMIT);
	wait_until_detached();
	uint64_t stood = info_of().position;
	fixture_close(&f, NULL);
	come_back();
	cr_expect(info_of().detached);
	cr_expect_eq(info_of().position, stood);
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	int rc;
	while ((rc = weir_poll(member, &item, 1, STEP_NS)) == 0 && fixture_now_ns() < until_ns)
		;
	cr_expect_eq(rc, WEIR_E_DETACHED);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	cr_expect_not(info_of().detached);
	publish(5 + LIMIT, 10 + LIMIT);
	expect_all(5 + LIMIT, 10 + LIMIT);
	fixture_close(&f, NULL);
	come_back();
	cr_expect_not(info_of().detached);
	publish(10 + LIMIT, 15 + LIMIT);
	expect_all(10 + LIMIT, 15 + LIMIT);
}

static uint64_t oldest(void)
{
	return wr_segment_oldest_seq(&f.pipeline->segments);
}

Test(detach, retention_takes_what_it_had_not_read)
{
	uint64_t number = 7, stood;
	publish(0, 5 + LIMIT);
	wait_until_detached();
	stood = info_of().position;
	for (uint32_t i = 0; i < FILLS_MAX && oldest() <= stood; i++)
		fixture_fill(producer, topic, 300);
	cr_assert_gt(oldest(), stood, "it goes, though nobody has read it");
	cr_expect_eq(seek(WEIR_SEEK_SEQUENCE, stood), WEIR_E_TRUNCATED, "something is left out");
	cr_assert_eq(seek(WEIR_SEEK_OLDEST, 0), 0);
	/* A journal that an open takes: its positions lie in what is there. */
	fixture_close(&f, NULL);
	come_back();
	cr_expect_not(info_of().detached);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	publish(number, number + 1);
	expect_all(number, number + 1);
}

#if !defined(WR_NO_METRICS)
static uint64_t counted(const char *name)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	uint32_t at = 0;
	metrics_rounds(f.pipeline, 2);
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	int metric = weir_metrics_find(m, name);
	cr_assert_geq(metric, 0, "%s", name);
	cr_assert(weir_metrics_next(m, "subscription", &at, &o));
	uint64_t value = weir_metrics_value(m, &o, (uint32_t)metric);
	weir_metrics_close(m);
	return value;
}

Test(detach, metrics_say_that_it_is_and_how_often_it_came_to_that)
{
	cr_expect_eq(counted("weir_subscription_detached"), 0);
	cr_expect_eq(counted("weir_subscription_detachments"), 0);
	publish(0, 5 + LIMIT);
	wait_until_detached();
	cr_expect_eq(counted("weir_subscription_detached"), 1);
	cr_expect_eq(counted("weir_subscription_detachments"), 1);
	wait_until_fallen();
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	cr_expect_eq(counted("weir_subscription_detached"), 0);
	publish(5 + LIMIT, 10 + 2 * LIMIT);
	wait_until_detached();
	cr_expect_eq(counted("weir_subscription_detached"), 1);
	cr_expect_eq(counted("weir_subscription_detachments"), 2);
	fixture_close(&f, NULL);
	come_back();
	cr_expect_eq(counted("weir_subscription_detached"), 1);
	cr_expect_eq(counted("weir_subscription_detachments"), 0, "of this open");
}
#endif

/* ---- filters, growing topics ---- */

/* Numbers of a stretch, of a key or another one in turn. */
static void publish_in_turn(uint64_t first, uint64_t end)
{
	uint64_t ticket = 0;
	for (uint64_t number = first; number < end; number++) {
		struct weir_event event = fixture_event(topic, NULL, &number);
		event.key = number % 2 == 0 ? "even" : "odd";
		event.key_bytes = strlen(event.key);
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	}
	fixture_wait(producer, ticket);
}

Test(detach, of_a_filtered_one_what_it_wants_counts)
{
	static const struct weir_filter_term terms[] = {
		{.kind = WEIR_FILTER_DIRECT, .pattern = "even", .pattern_bytes = 4}};
	const struct weir_subscription_filter filter = {.terms = terms, .term_count = 1};
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = {0};
	struct weir_item item;
	uint32_t came = 0;
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	options.name = "other";
	options.filter = &filter;
	cr_assert_eq(make(), 0);
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 4));
	/* As many of these as it may have, and as many that it does not want. */
	publish_in_turn(0, 2 * LIMIT);
	while (lag.events < LIMIT && fixture_now_ns() < until_ns) {
		cr_assert_geq(weir_step(f.pipeline, STEP_NS), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	}
	cr_expect_eq(lag.events, LIMIT);
	cr_expect_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_expect_not(info_of().detached);
	publish_in_turn(2 * LIMIT, 2 * LIMIT + 10);
	wait_until_detached();
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, info_of().position), 0);
	while (came < LIMIT + 5 && fixture_poll(member, &item, 1, 1, true) == 1)
		cr_expect_eq(fixture_number(&item), 2 * (uint64_t)came++);
	cr_expect_eq(came, LIMIT + 5);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(detach, partitions_that_come_by_growing_follow_the_others)
{
	static const char *const topics[] = {"grows"};
	struct weir_topic_options t;
	struct weir_problem problem;
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	weir_topic_options_init(&t);
	t.name = "grows";
	t.partitions = 2;
	t.partitions_max = 4;
	cr_assert_eq(weir_topic_create(f.pipeline, &t, &topic, &problem), 0);
	options.name = "other";
	options.topics = topics;
	cr_assert_eq(make(), 0);
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 2));
	publish(0, 5 + LIMIT);
	wait_until_detached();
	uint64_t stood = info_of().position;
	cr_assert_eq(weir_topic_grow(f.pipeline, topic, 4, &problem), 0);
	publish(5 + LIMIT, 2 * LIMIT);
	wait_until_each_is_detached(4);
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, stood), 0);
	expect_all(0, 2 * LIMIT);
	cr_expect(fixture_owns(member, 4));
}

Test(detach, a_subscription_may_be_too_old_instead)
{
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	options.name = "other";
	options.lag_events_max = 0;
	options.lag_time_max_ns = 1;
	cr_assert_eq(make(), 0);
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 4));
	publish(0, 1);
	wait_until_detached();
}

Test(detach, it_needs_a_limit)
{
	options.name = "other";
	options.lag_events_max = 0;
	cr_expect_eq(make(), -EINVAL);
	options.order = WEIR_ORDER_NONE;
	cr_expect_eq(make(), -EINVAL);
}

TestSuite(detach_memory, .fini = teardown, .timeout = 120);

Test(detach_memory, who_is_too_slow_is_told_without_a_journal)
{
	begin(FIXTURE_MEMORY);
	publish(0, 5 + LIMIT);
	wait_until_detached();
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	publish(5 + LIMIT, 10 + LIMIT);
	expect_all(5 + LIMIT, 10 + LIMIT);
}
