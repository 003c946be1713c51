/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   no answer says that an event is in the log when it was refused: whichever door the owner
 *         asks at (wait, callback, progress), in whatever order, however many refusals there were.
 * Method: a name is opened a second time, which fences its first holder: from then on everything
 *         that the first one hands over is refused. The log is read at the end, and holds none.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define REFUSED_COUNT 5u

static struct fixture f;
static uint32_t topic;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE);
	topic = fixture_topic(&f, "orders", 2);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(answers_late, .init = setup, .fini = teardown, .timeout = 60);

struct told {
	uint64_t accepted;
	uint64_t refused;
};

static void count_told(void *context, const struct weir_ack_range *range)
{
	struct told *told = context;
	uint64_t count = range->last_ticket - range->first_ticket + 1;
	if (range->code == 0)
		told->accepted += count;
	else
		told->refused += count;
}

static struct weir_producer *open_named(bool want_sequences, struct told *told)
{
	struct weir_producer_options o;
	struct weir_producer *producer = NULL;
	weir_producer_options_init(&o);
	o.name = "source";
	o.want_sequences = want_sequences;
	if (told != NULL) {
		o.ack_fn = count_told;
		o.ack_context = told;
	}
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, NULL), 0);
	return producer;
}

static uint64_t publish(struct weir_producer *producer, const uint64_t *number)
{
	struct weir_event event = fixture_event(topic, NULL, number);
	uint64_t ticket = 0;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

/* Events in the log, as a new subscription reads them: `least` of them at least. */
static uint32_t events_in_log(uint32_t least)
{
	uint32_t subscription = fixture_subscription(&f, "audit", "orders");
	struct weir_member *member = fixture_member(&f, subscription, NULL);
	uint32_t count = fixture_poll(member, NULL, 0, least, true), more;
	while ((more = fixture_poll_rest(member)) > 0)
		count += more;
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return count;
}

/* A fenced holder that waits for each of its events: every single one was refused. */
static void expect_every_wait_refused(bool want_sequences)
{
	uint64_t numbers[REFUSED_COUNT], tickets[REFUSED_COUNT];
	struct weir_producer *old = open_named(want_sequences, NULL);
	uint64_t first = 1;
	cr_expect_eq(weir_wait(old, publish(old, &first), WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	struct weir_producer *new = open_named(false, NULL);
	for (uint32_t i = 0; i < REFUSED_COUNT; i++) {
		numbers[i] = 100 + i;
		tickets[i] = publish(old, &numbers[i]);
	}
	for (uint32_t i = 0; i < REFUSED_COUNT; i++) {
		/* The callback is never asked: each reply stays where it is, and others come. */
		int rc = weir_wait(old, tickets[i], WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS);
		cr_expect_eq(rc, WEIR_E_FENCED, "wait %u: %s", i, weir_error_name(rc));
	}
	(void)weir_producer_close(old, FIXTURE_LONG_NS);
	cr_expect_eq(weir_producer_close(new, FIXTURE_LONG_NS), 0);
	cr_expect_eq(events_in_log(1), 1);
}

Test(answers_late, each_refused_event_is_refused_to_who_waits_for_it)
{
	expect_every_wait_refused(false);
}

Test(answers_late, also_when_answers_to_accepted_ones_lie_in_front)
{
	expect_every_wait_refused(true);
}

Test(answers_late, a_refusal_that_the_callback_was_told_is_still_one_to_who_waits)
{
	struct told told = {0};
	uint64_t numbers[REFUSED_COUNT], tickets[REFUSED_COUNT];
	struct weir_producer *old = open_named(false, &told);
	uint64_t first = 1;
	uint64_t accepted = publish(old, &first);
	cr_expect_eq(weir_wait(old, accepted, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	struct weir_producer *new = open_named(false, NULL);
	for (uint32_t i = 0; i < REFUSED_COUNT; i++) {
		numbers[i] = 100 + i;
		tickets[i] = publish(old, &numbers[i]);
	}
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (told.accepted + told.refused < 1 + REFUSED_COUNT && fixture_now_ns() < deadline)
		(void)weir_producer_poll_acks(old);
	cr_expect_eq(told.accepted, 1);
	cr_expect_eq(told.refused, REFUSED_COUNT);
	for (uint32_t i = 0; i < REFUSED_COUNT; i++) {
		int rc = weir_wait(old, tickets[i], WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS);
		cr_expect_eq(rc, WEIR_E_FENCED, "wait %u: %s", i, weir_error_name(rc));
	}
	cr_expect_eq(weir_wait(old, accepted, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	(void)weir_producer_close(old, FIXTURE_LONG_NS);
	cr_expect_eq(weir_producer_close(new, FIXTURE_LONG_NS), 0);
	cr_expect_eq(events_in_log(1), 1);
}
