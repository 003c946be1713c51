/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a named producer survives restarts with its own dense sequence, so that a source neither
 * loses nor repeats; a newer holder of the name fences the older.
 *
 * Method: a source of numbered events is run over several lives of the pipeline, each of which ends
 * at another place and in another way; whatever the life left in doubt, the source goes on behind
 * weir_producer_last(). At the end the log holds each number once, in order.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static uint32_t topic;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_producer_last last_of(struct weir_producer *producer)
{
	struct weir_producer_last last = {0};
	cr_assert_eq(weir_producer_last(producer, &last), 0);
	return last;
}

static void abort_and_open(void)
{
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&f);
}

TestSuite(named, .init = setup, .fini = teardown, .timeout = 60);

Test(named, an_unnamed_producer_has_no_last_event)
{
	struct weir_producer_last last;
	cr_expect_eq(weir_producer_last(fixture_producer(&f, NULL), &last), -EINVAL);
}

Test(named, a_new_name_begins_at_nothing)
{
	struct weir_producer_last last = last_of(fixture_producer(&f, "source"));
	cr_expect_eq(last.producer_sequence, 0);
	cr_expect_eq(last.sequence, 0);
	cr_expect_eq(last.epoch, 1);
}

Test(named, the_last_event_is_known_to_the_next_holder)
{
	struct weir_producer *first = fixture_producer(&f, "source");
	struct weir_item item;
	fixture_wait(first, fixture_publish(first, topic, 0, 7));
	cr_expect_eq(last_of(first).producer_sequence, 0, "as of when it was opened");
	cr_expect_eq(weir_producer_close(first, FIXTURE_LONG_NS), 0);
	struct weir_producer_last last = last_of(fixture_producer(&f, "source"));
	cr_expect_eq(last.producer_sequence, 7);
	cr_expect_eq(last.epoch, 2);
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	cr_assert_eq(fixture_poll(member, &item, 1, 7, true), 7);
	cr_expect_eq(fixture_number(&item), 6);
	cr_expect_eq(last.sequence, item.sequence);
}

Test(named, names_are_told_apart)
{
	struct weir_producer *a = fixture_producer(&f, "a"), *b = fixture_producer(&f, "b");
	fixture_wait(a, fixture_publish(a, topic, 0, 3));
	fixture_wait(b, fixture_publish(b, topic, 0, 5));
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_expect_eq(last_of(fixture_producer(&f, "b")).producer_sequence, 5);
	cr_expect_eq(last_of(fixture_producer(&f, "a")).producer_sequence, 3);
	cr_expect_eq(last_of(fixture_producer(&f, "c")).producer_sequence, 0);
}

Test(named, named_producers_max_names_are_ever_made)
{
	struct weir_producer_options o;
	struct weir_producer *producer = NULL;
	struct weir_problem problem = {0};
	char name[] = "n0";
	weir_producer_options_init(&o);
	for (uint32_t i = 0; i < f.options.named_producers_max; i++) {
		name[1] = (char)('0' + i);
		cr_assert_eq(weir_producer_close(fixture_producer(&f, name), FIXTURE_LONG_NS), 0);
	}
	o.name = "more";
	int rc = WEIR_E_FULL;
	/* Slots of closed producers come back a little later: that is not what is looked for. */
	for (int i = 0; i < 1000; i++) {
		rc = weir_producer_open(f.pipeline, &o, &producer, &problem);
		cr_assert_eq(rc, WEIR_E_FULL);
		if (problem.field[0] == 'n')
			break;
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
	}
	cr_expect_str_eq(problem.field, "named_producers_max", "%s", problem.text);
	o.name = "n2";
	for (int i = 0; i < 1000 && rc == WEIR_E_FULL; i++) {
		rc = weir_producer_open(f.pipeline, &o, &producer, NULL);
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
	}
	cr_expect_eq(rc, 0, "a name that is there is opened");
}

Test(named, an_older_holder_is_fenced_and_writes_nothing_more)
{
	struct weir_producer *old = fixture_producer(&f, "source");
	struct weir_item item;
	fixture_wait(old, fixture_publish(old, topic, 0, 3));
	uint64_t undecided = fixture_publish(old, topic, 3, 5);
	struct weir_producer *new = fixture_producer(&f, "source");
	uint64_t done = last_of(new).producer_sequence;
	cr_expect(done == 3 || done == 5, "%llu", (unsigned long long)done);
	(void)fixture_publish(old, topic, 5, 6);
	cr_expect_eq(weir_wait(old, undecided + 1, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS),
		     WEIR_E_FENCED);
	fixture_wait(new, fixture_publish(new, topic, done, 10));
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	for (uint64_t i = 0; i < 10; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(named, a_run_or_claim_that_is_given_up_uses_no_sequence)
{
	struct weir_producer *producer = fixture_producer(&f, "source");
	uint64_t number = 0, ticket;
	void *room;
	struct weir_event event = fixture_event(topic, NULL, &number);
	cr_assert_eq(weir_run_begin(producer, 500), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_abort(producer), 0);
	cr_assert_eq(weir_claim(producer, &event, 8, &room), 0);
	cr_assert_eq(weir_abort(producer), 0);
	cr_assert_eq(weir_run_begin(producer, 500), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_run_commit(producer, &ticket), 0);
	fixture_wait(producer, ticket); /* else: out of sequence */
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
	cr_expect_eq(last_of(fixture_producer(&f, "source")).producer_sequence, 3);
}

/* Lives that end in every way: the source goes on where the log says. */
Test(named, a_source_over_many_lives_loses_and_repeats_nothing)
{
	uint64_t next = 0;
	for (uint32_t life = 0; life < 12; life++) {
		struct weir_producer *producer = fixture_producer(&f, "source");
		cr_assert_eq(last_of(producer).epoch, life + 1);
		uint64_t in_log = last_of(producer).producer_sequence;
		/* What it was told is there; what it was not told may be. */
		cr_assert_geq(in_log, next);
		uint64_t ticket = fixture_publish(producer, topic, in_log, in_log + 20 + life);
		if (life % 3 != 0) {
			fixture_wait(producer, ticket);
			next = in_log + 20 + life;
		} else {
			next = in_log;
			for (uint32_t i = 0; i < life; i++)
				cr_assert_geq(weir_step(f.pipeline, 0), 0);
		}
		if (life % 2 == 0) {
			abort_and_open();
		} else {
			fixture_close(&f, NULL);
			fixture_open(&f);
		}
	}
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	struct weir_item item;
	uint64_t in_log = last_of(fixture_producer(&f, "source")).producer_sequence;
	cr_expect_geq(in_log, next);
	for (uint64_t i = 0; i < in_log; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}
