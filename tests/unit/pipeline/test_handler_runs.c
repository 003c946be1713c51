/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a handler publishes is a run with the acknowledgement of its item: it is there once
 * for each item that it said was done, and not for others; a run that is refused is another attempt
 * of a queue's event, and the end of a partition's member; where a queue of the topic is full it is
 * neither, and comes again. Rules: L7, L13.
 *
 * Method: a manual pipeline, whose steps run the handler on the test's thread; each number has one
 * output, whose idempotency key is that number; some were published before.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define MS 1000000ull
#define EVENTS 40u

static struct fixture f;
static uint32_t work, out, dead, sink;
static struct weir_producer *producer;

/* What the handler does. */
static struct {
	uint32_t calls;
	uint64_t later_at; /* number that it leaves for later */
	struct weir_item kept;
	uint32_t attempts; /* of the last item */
	int codes[4];
	char said[256]; /* to log_fn */
} is;

static void log_line(void *context, const struct weir_log_line *line)
{
	(void)context;
	(void)snprintf(is.said, sizeof is.said, "%s", line->message);
}

static void setup(void)
{
	struct weir_topic_options o;
	memset(&is, 0, sizeof is);
	is.later_at = UINT64_MAX;
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.idempotency_keys_max = 1024;
	f.options.log_fn = log_line;
	fixture_open(&f);
	work = fixture_topic(&f, "work", 2);
	dead = fixture_topic(&f, "dead", 1);
	weir_topic_options_init(&o);
	o.name = "out";
	o.idempotency_keys = 1024;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &out, NULL), 0);
	sink = fixture_subscription(&f, "sink", "out");
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(handler_runs, .init = setup, .fini = teardown, .timeout = 120);

static struct weir_event keyed(const uint64_t *number, struct weir_ids *ids)
{
	struct weir_event event = fixture_event(out, NULL, number);
	*ids = (struct weir_ids){.idempotency_key = number,
				 .idempotency_key_bytes = sizeof *number};
	event.ids = ids;
	return event;
}

static enum weir_handled copy(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	struct weir_ids ids;
	uint64_t number = fixture_number(item);
	struct weir_event event = keyed(&number, &ids);
	(void)context;
	is.calls++;
	is.attempts = item->attempts;
	is.codes[0] |= weir_transaction_begin(member, 0, 0) != -EBUSY;
	is.codes[0] |= weir_transaction_commit(member, NULL) != -EBUSY;
	is.codes[0] |= weir_transaction_abort(member) != -EBUSY;
	is.codes[0] |= weir_transaction_publish(member, &event);
	if (number == is.later_at) {
		is.kept = *item;
		return WEIR_HANDLED_LATER;
	}
	if (is.kept.kind != 0 && item->partition == is.kept.partition) {
		is.codes[0] |= weir_transaction_ack(member, &is.kept);
		number = is.later_at;
		event = keyed(&number, &ids);
		is.codes[0] |= weir_transaction_publish(member, &event);
		is.kept = (struct weir_item){0};
	}
	return WEIR_HANDLED_OK;
}

static struct weir_member *join_with(uint32_t id, uint32_t transactions_max)
{
	struct weir_member_options o;
	struct weir_member *member;
	weir_member_options_init(&o);
	o.handler = copy;
	o.transaction_bytes_max = 1024;
	o.items_max = 8;
	o.transactions_max = transactions_max;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	return member;
}

static struct weir_member *join(uint32_t id)
{
	return join_with(id, 0);
}

static uint32_t make_queue(uint32_t attempts_max)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = topics;
	o.topic_count = 1;
	o.order = WEIR_ORDER_NONE;
	o.attempts_max = attempts_max;
	o.dead_letters = "dead";
	o.retry_delay_min_ns = o.retry_delay_max_ns = 0;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	return id;
}

static uint64_t lag(uint32_t id)
{
	struct weir_lag now = {0};
	cr_assert_eq(weir_lag(f.pipeline, id, &now), 0);
	return now.events;
}

/* Steps until there is no lag, or nothing happened for long. */
static uint64_t drain(uint32_t id)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag(id) > 0 && fixture_now_ns() < until)
		(void)weir_step(f.pipeline, MS);
	return lag(id);
}

/* How often each number is in "out", which has so many. */
static void count_outputs(uint32_t *seen, uint32_t count)
{
	struct weir_item items[EVENTS];
	struct weir_member *reader = fixture_member(&f, sink, NULL);
	memset(seen, 0, EVENTS * sizeof *seen);
	cr_assert_leq(count, EVENTS);
	cr_expect_eq(fixture_poll(reader, items, EVENTS, count, false), count);
	for (uint32_t i = 0; i < count; i++)
		seen[fixture_number(&items[i])]++;
	cr_expect_eq(fixture_poll_rest(reader), 0);
}

/* A number whose output is there already. */
static void publish_output(uint64_t number)
{
	struct weir_ids ids;
	struct weir_event event = keyed(&number, &ids);
	uint64_t ticket;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
}

Test(handler_runs, each_item_has_its_output_once_also_one_that_was_left_for_later)
{
	uint32_t id = fixture_subscription(&f, "group", "work"), seen[EVENTS];
	is.later_at = 11;
	fixture_wait(producer, fixture_publish(producer, work, 0, EVENTS));
	struct weir_member *member = join(id);
	cr_expect_eq(drain(id), 0);
	cr_expect_eq(is.calls, EVENTS);
	cr_expect_eq(is.codes[0], 0);
	count_outputs(seen, EVENTS);
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u: %u", i, seen[i]);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

/* Its rest of 100 ms is for want of room alone. */
Test(handler_runs, one_whose_answers_are_on_their_way_goes_on_as_soon_as_they_are_told)
{
	uint32_t id = fixture_subscription(&f, "group", "work");
	fixture_wait(producer, fixture_publish(producer, work, 0, EVENTS));
	struct weir_member *member = join_with(id, 1);
	uint64_t began_ns = fixture_now_ns();
	cr_expect_eq(drain(id), 0);
	cr_expect_lt(fixture_now_ns() - began_ns, (EVENTS - 10) * 100 * MS);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

Test(handler_runs, of_partitions_a_refused_one_ends_the_member_and_nothing_behind_it_is_there)
{
	static const char *const topics[] = {"one"};
	uint32_t seen[EVENTS], id;
	struct weir_subscription_options o;
	work = fixture_topic(&f, "one", 1);
	weir_subscription_options_init(&o);
	o.name = "one";
	o.topics = topics;
	o.topic_count = 1;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	publish_output(20);
	fixture_wait(producer, fixture_publish(producer, work, 0, EVENTS));
	struct weir_member *member = join(id);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (is.said[0] == '\0' && fixture_now_ns() < until)
		(void)weir_step(f.pipeline, MS);
	cr_expect_not_null(strstr(is.said, weir_strerror(WEIR_E_DUPLICATE)), "\"%s\"", is.said);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_expect_eq(lag(id), EVENTS - 20);
	count_outputs(seen, 21);
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], i <= 20 ? 1 : 0, "%u: %u", i, seen[i]);
	/* Who comes next gets on with it. */
	is.later_at = UINT64_MAX;
	member = fixture_member(&f, id, NULL);
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), 20);
}

Test(handler_runs, of_a_queue_a_refused_one_is_an_attempt_and_a_dead_letter_in_the_end)
{
	uint32_t id = make_queue(3), seen[EVENTS];
	publish_output(20);
	fixture_wait(producer, fixture_publish(producer, work, 0, EVENTS));
	struct weir_member *member = join(id);
	cr_expect_eq(drain(id), 0);
	cr_expect_eq(is.calls, EVENTS + 2, "%u", is.calls);
	count_outputs(seen, EVENTS);
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u: %u", i, seen[i]);
	uint32_t letters = fixture_subscription(&f, "letters", "dead");
	struct weir_member *reader = fixture_member(&f, letters, NULL);
	struct weir_item item;
	struct weir_origin origin;
	cr_assert_eq(weir_poll(reader, &item, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(fixture_number(&item), 20);
	cr_assert(weir_item_origin(&item, &origin));
	cr_expect_eq(origin.attempts, 3);
	cr_expect_eq(strncmp(origin.text, "its run was refused", 19), 0, "%.*s",
		     (int)origin.text_bytes, origin.text);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

/* A queue of "out" that has places for three, and whose member is slow. */
static void drain_by_three(uint32_t id)
{
	static const char *const topics[] = {"out"};
	struct weir_subscription_options o;
	struct weir_queue_counts counts;
	uint32_t seen[EVENTS] = {0}, out_queue, count = 0;
	weir_subscription_options_init(&o);
	o.name = "slow";
	o.topics = topics;
	o.topic_count = 1;
	o.order = WEIR_ORDER_NONE;
	o.length_max = 3;
	o.when_long = WEIR_LONG_REFUSE;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &out_queue, NULL), 0);
	struct weir_member *slow = fixture_member(&f, out_queue, NULL), *member = join(id);
	fixture_wait(producer, fixture_publish(producer, work, 0, EVENTS));
	for (uint64_t until = fixture_now_ns() + 2 * FIXTURE_LONG_NS;
	     count < EVENTS && fixture_now_ns() < until;) {
		struct weir_item item;
		if (weir_poll(slow, &item, 1, MS) != 1)
			continue;
		seen[fixture_number(&item)]++;
		count++;
		cr_assert_eq(weir_ack(slow, &item), 0);
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u: %u", i, seen[i]);
	cr_expect_eq(drain(id), 0);
	cr_assert_eq(weir_queue_counts(f.pipeline, out_queue, &counts), 0);
	cr_expect_gt(counts.refused, 0);
	cr_expect_eq(fixture_poll_rest(slow), 0);
	uint32_t letters = fixture_subscription(&f, "letters", "dead");
	cr_expect_eq(fixture_poll_rest(fixture_member(&f, letters, NULL)), 0, "a dead letter");
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

Test(handler_runs, where_a_queue_is_full_no_attempt_of_the_event_is_counted)
{
	drain_by_three(make_queue(1));
}

Test(handler_runs, where_a_queue_is_full_the_member_of_a_partition_goes_on_later)
{
	drain_by_three(fixture_subscription(&f, "group", "work"));
}

Test(handler_runs, a_run_that_no_lane_has_room_for_is_refused_at_the_join)
{
	struct weir_member_options o;
	struct weir_member *member = NULL;
	struct weir_problem problem = {0};
	weir_member_options_init(&o);
	o.handler = copy;
	o.transaction_bytes_max = FIXTURE_LANE_BYTES;
	uint32_t id = fixture_subscription(&f, "group", "work");
	cr_expect_eq(weir_member_join(f.pipeline, id, &o, &member, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "transaction_bytes_max");
	o.transaction_bytes_max = 0;
	o.transactions_max = 65537;
	cr_expect_eq(weir_member_join(f.pipeline, id, &o, &member, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "transactions_max");
}
