/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what becomes of tickets is told as producer.h says: by waiting, by callback, by descriptor
 * and by looking, at each level, in order, refusals included.
 *
 * Method: a manual pipeline: nothing moves unless the test runs the steps. A refusal is made by
 * taking a named producer's name away. "Survives" is tested by a close that drops everything that
 * was not told.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

#define RANGES_MAX 64u

struct heard {
	struct weir_ack_range ranges[RANGES_MAX];
	uint32_t count;
};

static struct fixture f;
static uint32_t topic;
static struct heard heard;

static void hear(void *context, const struct weir_ack_range *range)
{
	struct heard *h = context;
	cr_assert_lt(h->count, RANGES_MAX);
	h->ranges[h->count++] = *range;
}

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_producer *hearing(const char *name, enum weir_level level, bool sequences)
{
	struct weir_producer_options options;
	struct weir_producer *producer = NULL;
	weir_producer_options_init(&options);
	options.name = name;
	options.level = level;
	options.when_full = WEIR_FULL_TRY;
	options.want_sequences = sequences;
	options.ack_fn = hear;
	options.ack_context = &heard;
	cr_assert_eq(weir_producer_open(f.pipeline, &options, &producer, NULL), 0);
	return producer;
}

/* Steps until all tickets are told. */
static void hear_all(struct weir_producer *producer, uint64_t tickets)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	for (uint64_t told = 0; told < tickets;) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		told += (uint64_t)weir_producer_poll_acks(producer);
		cr_assert_lt(fixture_now_ns(), deadline);
	}
}

/* A producer "source" that has lost its name behind its second event. */
static struct weir_producer *fenced(uint64_t *ret_last)
{
	struct weir_producer *old = hearing("source", WEIR_LEVEL_DEFAULT, false);
	fixture_wait(old, fixture_publish(old, topic, 0, 2));
	(void)fixture_producer(&f, "source");
	*ret_last = fixture_publish(old, topic, 2, 5);
	return old;
}

TestSuite(answers, .init = setup, .fini = teardown, .timeout = 60);

Test(answers, producer_options_have_the_defaults_of_the_header)
{
	struct weir_producer_options o;
	weir_producer_options_init(&o);
	cr_expect_eq(o.struct_bytes, sizeof o);
	cr_expect_null(o.name);
	cr_expect_eq(o.level, WEIR_LEVEL_DEFAULT);
	cr_expect_eq(o.when_full, WEIR_FULL_BLOCK);
	cr_expect_eq(o.block_timeout_ns, WEIR_FOREVER);
	cr_expect(!o.no_acks && !o.want_sequences && o.ack_fn == NULL);
}

Test(answers, bad_producer_options_are_refused_by_name)
{
	struct weir_producer_options o;
	struct weir_problem problem;
	struct weir_producer *producer = NULL;
	weir_producer_options_init(&o);
	o.name = "a/b";
	cr_expect_eq(weir_producer_open(f.pipeline, &o, &producer, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "name");
	o.name = NULL;
	o.level = (enum weir_level)9;
	cr_expect_eq(weir_producer_open(f.pipeline, &o, &producer, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "level");
	o.level = WEIR_LEVEL_DEFAULT;
	o.when_full = (enum weir_when_full)9;
	cr_expect_eq(weir_producer_open(f.pipeline, &o, &producer, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "when_full");
	o.when_full = WEIR_FULL_TRY;
	o.no_acks = o.want_sequences = true;
	cr_expect_eq(weir_producer_open(f.pipeline, &o, &producer, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "no_acks");
	cr_expect_null(producer);
}

Test(answers, producers_max_are_open_at_once_and_a_closed_one_makes_room)
{
	struct weir_producer *producers[4], *more = NULL;
	struct weir_producer_options o;
	struct weir_problem problem = {0};
	weir_producer_options_init(&o);
	for (uint32_t i = 0; i < f.options.producers_max; i++)
		producers[i] = fixture_producer(&f, NULL);
	cr_expect_eq(weir_producer_open(f.pipeline, &o, &more, &problem), WEIR_E_FULL);
	cr_expect_str_eq(problem.field, "producers_max");
	(void)fixture_publish(producers[1], topic, 0, 10);
	cr_expect_eq(weir_producer_close(producers[1], FIXTURE_LONG_NS), 0);
	/* Its slot is free once all that it handed over is durable. */
	int rc = WEIR_E_FULL;
	for (int i = 0; i < 10000 && rc == WEIR_E_FULL; i++) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		rc = weir_producer_open(f.pipeline, &o, &more, NULL);
	}
	cr_assert_eq(rc, 0);
	uint64_t ticket = fixture_publish(more, topic, 0, 1);
	cr_expect_eq(ticket, 1, "tickets begin at 1 again");
	fixture_wait(more, ticket);
	cr_expect_eq(weir_producer_close(NULL, 0), 0);
}

Test(answers, each_level_is_reached_in_its_order)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_producer_progress p;
	uint64_t ticket = fixture_publish(producer, topic, 0, 100);
	weir_producer_progress(producer, &p);
	cr_expect_eq(p.handed_over, 100);
	cr_expect(p.ordered == 0 && p.written == 0 && p.durable == 0, "no step was run");
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_MEMORY, 0), -ETIMEDOUT);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	weir_producer_progress(producer, &p);
	cr_expect_eq(p.ordered, 100);
	cr_expect(p.durable <= p.written && p.written <= p.ordered);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_WRITTEN, FIXTURE_LONG_NS), 0);
	weir_producer_progress(producer, &p);
	cr_expect_eq(p.written, 100);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	weir_producer_progress(producer, &p);
	cr_expect_eq(p.durable, 100);
	cr_expect_eq(p.refused_count, 0);
	cr_expect_eq(p.first_refusal, 0);
	cr_expect_eq(weir_wait(producer, 1, WEIR_LEVEL_DURABLE, 0), 0, "an earlier one, too");
}

Test(answers, a_wait_has_to_make_sense)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t ticket = fixture_publish(producer, topic, 0, 1);
	cr_expect_eq(weir_wait(producer, 0, WEIR_LEVEL_MEMORY, 0), -EINVAL);
	cr_expect_eq(weir_wait(producer, ticket + 1, WEIR_LEVEL_MEMORY, 0), -EINVAL);
	cr_expect_eq(weir_wait(producer, ticket, (enum weir_level)7, 0), -EINVAL);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
}

Test(answers, what_was_told_durable_is_there_after_an_abort)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_close_report report;
	uint32_t id = fixture_subscription(&f, "reader", "work");
	fixture_wait(producer, fixture_publish(producer, topic, 0, 50));
	(void)fixture_publish(producer, topic, 50, 90); /* never told */
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, &report), 0);
	cr_expect_eq(report.dropped_events, 40);
	fixture_open(&f);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item item;
	for (uint64_t i = 0; i < 50; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(answers, a_range_is_told_once_for_all_tickets_with_the_same_outcome)
{
	struct weir_producer *producer = hearing(NULL, WEIR_LEVEL_DURABLE, false);
	cr_expect_eq(weir_producer_poll_acks(producer), 0);
	(void)fixture_publish(producer, topic, 1, 101); /* 0 would poll answers itself */
	cr_expect_eq(weir_producer_poll_acks(producer), 0, "nothing is durable yet");
	hear_all(producer, 100);
	uint64_t next = 1;
	for (uint32_t i = 0; i < heard.count; i++) {
		cr_expect_eq(heard.ranges[i].first_ticket, next);
		cr_expect_eq(heard.ranges[i].code, 0);
		cr_expect_eq(heard.ranges[i].sequence, 0, "not asked for");
		next = heard.ranges[i].last_ticket + 1;
	}
	cr_expect_eq(next, 101);
	cr_expect_lt(heard.count, 20, "ranges, not tickets");
	cr_expect_eq(weir_producer_poll_acks(producer), 0, "once");
}

Test(answers, acks_carry_the_sequence_for_those_who_ask)
{
	struct weir_producer *producer = hearing(NULL, WEIR_LEVEL_DURABLE, true);
	struct weir_producer *other = fixture_producer(&f, NULL);
	struct weir_item item;
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	for (uint64_t i = 1; i <= 30; i++) {
		(void)fixture_publish(producer, topic, i, i + 1);
		if (i % 10 == 0)
			(void)fixture_publish(other, topic, 1001, 1003);
	}
	hear_all(producer, 30);
	/* The events' own sequences, as a reader sees them, by ticket. */
	uint64_t sequences[31] = {0};
	for (uint32_t i = 0; i < 36; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		if (fixture_number(&item) <= 30)
			sequences[fixture_number(&item)] = item.sequence;
	}
	uint64_t told = 0;
	for (uint32_t r = 0; r < heard.count; r++) {
		const struct weir_ack_range *range = &heard.ranges[r];
		for (uint64_t t = range->first_ticket; t <= range->last_ticket; t++, told++)
			cr_expect_eq(range->sequence + (t - range->first_ticket), sequences[t]);
	}
	cr_expect_eq(told, 30);
}

Test(answers, who_asks_for_sequences_has_to_take_them)
{
	struct weir_producer *producer = hearing(NULL, WEIR_LEVEL_MEMORY, true);
	uint64_t number = 1, count = 0;
	struct weir_event event = fixture_event(topic, NULL, &number);
	/* Each answer has its room reserved: no room for an answer is a full lane. */
	for (int rc = 0; rc == 0 && count < 100000; count++) {
		rc = weir_publish(producer, &event, NULL);
		cr_assert(rc == 0 || rc == WEIR_E_AGAIN);
		if (rc == WEIR_E_AGAIN)
			break;
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
	}
	cr_expect_lt(count, 100000);
	heard.count = 0;
	cr_expect_gt(weir_producer_poll_acks(producer), 0);
	cr_expect_eq(weir_publish(producer, &event, NULL), 0);
}

Test(answers, without_answers_nothing_has_to_be_taken)
{
	struct weir_producer_options o;
	struct weir_producer *producer = NULL;
	uint64_t number = 1, ticket = 0;
	struct weir_event event = fixture_event(topic, NULL, &number);
	weir_producer_options_init(&o);
	o.no_acks = true;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, NULL), 0);
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_expect_eq(ticket, 20000);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}

Test(answers, a_refusal_is_told_by_range_wait_progress_and_close)
{
	struct weir_producer_progress p;
	uint64_t last;
	struct weir_producer *old = fenced(&last);
	cr_expect_eq(last, 5);
	cr_expect_eq(weir_wait(old, 3, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_expect_eq(weir_wait(old, last, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_expect_eq(weir_wait(old, 2, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
	weir_producer_progress(old, &p);
	cr_expect_eq(p.ordered, 5);
	cr_expect_eq(p.refused_count, 3);
	cr_expect_eq(p.first_refusal, WEIR_E_FENCED);
	cr_expect_eq(p.first_refused_ticket, 3);
	hear_all(old, 5);
	cr_assert_geq(heard.count, 2);
	cr_expect_eq(heard.ranges[0].code, 0);
	cr_expect_eq(heard.ranges[heard.count - 1].code, WEIR_E_FENCED);
	cr_expect_eq(heard.ranges[heard.count - 1].last_ticket, 5);
	cr_expect_eq(weir_wait(old, last, WEIR_LEVEL_DEFAULT, 0), WEIR_E_FENCED, "told already");
	cr_expect_eq(weir_producer_close(old, FIXTURE_LONG_NS), 0, "told already");
}

Test(answers, a_close_returns_the_refusal_that_nobody_was_told_of)
{
	uint64_t last;
	struct weir_producer *old = fenced(&last);
	cr_expect_eq(weir_producer_close(old, FIXTURE_LONG_NS), WEIR_E_FENCED);
	struct weir_info info;
	fixture_info(&f, &info);
	cr_expect_eq(info.refused_events, 3);
}

Test(answers, who_was_told_that_it_is_fenced_is_refused_at_once)
{
	uint64_t last, number = 9;
	struct weir_event event = fixture_event(topic, NULL, &number);
	struct weir_producer *old = fenced(&last);
	cr_expect_eq(weir_publish(old, &event, NULL), 0, "not told yet");
	hear_all(old, 6);
	cr_expect_eq(weir_publish(old, &event, NULL), WEIR_E_FENCED);
	cr_expect_eq(weir_run_begin(old, 100), WEIR_E_FENCED);
}

Test(answers, who_never_listens_learns_that_it_is_fenced_when_the_room_is_used_up)
{
	uint64_t last, number = 9;
	struct weir_event event = fixture_event(topic, NULL, &number);
	struct weir_producer *old = fenced(&last);
	int rc = 0;
	for (int i = 0; i < 100000 && rc == 0; i++) {
		rc = weir_publish(old, &event, NULL);
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
	}
	cr_expect_eq(rc, WEIR_E_FENCED, "%s", weir_error_name(rc));
}

Test(answers, a_blocking_publish_ends_at_its_deadline)
{
	/* Answers that nobody takes keep the lane full, although the wait runs the steps. */
	struct fixture full;
	struct weir_producer_options o;
	struct weir_producer *producer = NULL;
	uint64_t number = 1;
	int rc = 0;
	fixture_begin(&full, FIXTURE_MEMORY | FIXTURE_MANUAL);
	uint32_t t = fixture_topic(&full, "work", 1);
	struct weir_event event = fixture_event(t, NULL, &number);
	weir_producer_options_init(&o);
	o.want_sequences = true; /* its answers are not taken: the lane stays full */
	o.block_timeout_ns = 20000000u;
	cr_assert_eq(weir_producer_open(full.pipeline, &o, &producer, NULL), 0);
	for (int i = 0; i < 100000 && rc == 0; i++)
		rc = weir_publish(producer, &event, NULL);
	cr_expect_eq(rc, -ETIMEDOUT, "%s", weir_error_name(rc));
	uint64_t before = fixture_now_ns();
	cr_expect_eq(weir_publish(producer, &event, NULL), -ETIMEDOUT);
	cr_expect_geq(fixture_now_ns() - before, 20000000u);
	fixture_end(&full);
}

/* ---- the descriptor ---- */

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void read_fd(int fd)
{
	uint64_t value;
	cr_assert_eq(read(fd, &value, sizeof value), sizeof value);
}

Test(answers, a_descriptor_says_that_answers_have_come)
{
	struct weir_producer *producer = hearing(NULL, WEIR_LEVEL_DURABLE, false);
	int fd = weir_producer_eventfd(producer);
	cr_assert_geq(fd, 0);
	cr_expect_eq(weir_producer_eventfd(producer), fd, "one for each producer");
	if (readable(fd)) /* asked for late: one poll in vain is allowed */
		read_fd(fd);
	cr_expect_eq(weir_producer_poll_acks(producer), 0);
	for (int round = 0; round < 3; round++) {
		uint64_t told = 0, deadline = fixture_now_ns() + FIXTURE_LONG_NS;
		cr_expect(!readable(fd), "nothing was published");
		(void)fixture_publish(producer, topic, 1, 11);
		while (told < 10 && fixture_now_ns() < deadline) {
			cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
			if (!readable(fd))
				continue;
			read_fd(fd);
			told += (uint64_t)weir_producer_poll_acks(producer);
		}
		cr_expect_eq(told, 10, "the descriptor alone was enough to get all");
		while (weir_step(f.pipeline, 0) > 0)
			;
		while (readable(fd)) {
			read_fd(fd);
			cr_expect_eq(weir_producer_poll_acks(producer), 0);
		}
	}
}

/* Refusals move no sequence, and in memory no journal. */
static void descriptor_says_refusals(enum weir_level level)
{
	struct weir_producer *old = hearing("source", level, false);
	int fd = weir_producer_eventfd(old);
	cr_assert_geq(fd, 0);
	(void)fixture_producer(&f, "source");
	while (weir_step(f.pipeline, 0) > 0)
		;
	while (readable(fd)) {
		read_fd(fd);
		cr_expect_eq(weir_producer_poll_acks(old), 0);
	}
	(void)fixture_publish(old, topic, 0, 1);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!readable(fd) && fixture_now_ns() < deadline)
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
	cr_assert(readable(fd), "level %d", level);
	read_fd(fd);
	cr_expect_eq(weir_producer_poll_acks(old), 1);
	cr_expect_eq(heard.ranges[heard.count - 1].code, WEIR_E_FENCED);
}

Test(answers, a_descriptor_says_that_a_refusal_has_come)
{
	descriptor_says_refusals(WEIR_LEVEL_DURABLE);
}

Test(answers, a_descriptor_says_that_a_refusal_in_memory_has_come)
{
	descriptor_says_refusals(WEIR_LEVEL_MEMORY);
}

/* ---- in memory ---- */

Test(answers, a_log_in_memory_has_one_level)
{
	struct fixture memory;
	struct weir_producer_options o;
	struct weir_producer *producer = NULL;
	struct weir_producer_progress p;
	struct weir_problem problem;
	fixture_begin(&memory, FIXTURE_MEMORY | FIXTURE_MANUAL);
	uint32_t t = fixture_topic(&memory, "work", 1);
	weir_producer_options_init(&o);
	o.level = WEIR_LEVEL_WRITTEN;
	cr_expect_eq(weir_producer_open(memory.pipeline, &o, &producer, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "level");
	producer = fixture_producer(&memory, NULL);
	uint64_t ticket = fixture_publish(producer, t, 0, 10);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, 0), -EINVAL);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_WRITTEN, 0), -EINVAL);
	fixture_wait(producer, ticket);
	weir_producer_progress(producer, &p);
	cr_expect(p.ordered == 10 && p.written == 0 && p.durable == 0);
	fixture_end(&memory);
}

Test(answers, who_would_wait_for_ever_for_room_for_answers_is_told_to_take_them)
{
	struct weir_producer_options o;
	uint64_t number = 1, ticket = 0;
	int rc = 0;
	uint32_t t = fixture_topic(&f, "many", 1);
	struct weir_event event = fixture_event(t, NULL, &number);
	struct weir_producer *asking = NULL;
	weir_producer_options_init(&o);
	o.want_sequences = true;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &asking, NULL), 0);
	for (int round = 0; round < 3; round++) {
		for (rc = 0; rc == 0;)
			rc = weir_publish(asking, &event, &ticket);
		cr_assert_eq(rc, WEIR_E_AGAIN, "%s", weir_error_name(rc));
		cr_expect_gt(weir_producer_poll_acks(asking), 0);
	}
	cr_expect_eq(weir_publish(asking, &event, &ticket), 0);
	fixture_wait(asking, ticket);
}

/* ---- inside the callback ---- */

static struct {
	struct weir_producer *producer;
	uint32_t count;
	int poll_code, close_code, wait_code;
	uint64_t published;
} inside;

static void call_from_callback(void *context, const struct weir_ack_range *range)
{
	(void)context;
	if (inside.count++ > 0)
		return;
	inside.poll_code = weir_producer_poll_acks(inside.producer);
	inside.close_code = weir_producer_close(inside.producer, 0);
	inside.wait_code =
		weir_wait(inside.producer, range->last_ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS);
	inside.published = fixture_publish(inside.producer, topic, 1, 2);
}

Test(answers, the_callback_may_publish_and_wait_and_not_poll_or_close)
{
	struct weir_producer_options o;
	weir_producer_options_init(&o);
	o.ack_fn = call_from_callback;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &inside.producer, NULL), 0);
	fixture_wait(inside.producer, fixture_publish(inside.producer, topic, 1, 11));
	cr_expect_eq(weir_producer_poll_acks(inside.producer), 10);
	cr_expect_eq(inside.count, 1);
	cr_expect_eq(inside.poll_code, WEIR_E_AGAIN, "%s", weir_error_name(inside.poll_code));
	cr_expect_eq(inside.close_code, -EDEADLK, "%s", weir_error_name(inside.close_code));
	cr_expect_eq(inside.wait_code, 0, "%s", weir_error_name(inside.wait_code));
	cr_expect_eq(inside.published, 11);
	fixture_wait(inside.producer, 11);
	cr_expect_eq(weir_producer_poll_acks(inside.producer), 1);
	cr_expect_eq(weir_producer_close(inside.producer, FIXTURE_LONG_NS), 0);
}

Test(answers, who_makes_something_without_a_place_for_it_is_told)
{
	struct weir_problem problem = {0};
	struct weir_topic_options t;
	weir_topic_options_init(&t);
	t.name = "nowhere";
	cr_expect_eq(weir_topic_create(f.pipeline, &t, NULL, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "result");
	cr_expect_eq(weir_topic_create(f.pipeline, NULL, &topic, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "options");
	cr_expect_eq(weir_producer_open(f.pipeline, NULL, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_member_join(f.pipeline, 0, NULL, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_subscription_create(f.pipeline, NULL, &topic, &problem), -EINVAL);
	cr_expect_eq(weir_open(NULL, &f.pipeline, &problem), -EINVAL);
	cr_expect_eq(weir_open(&f.options, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_memory_plan(&f.options, NULL, &problem), -EINVAL);
}
