/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: where more events wait in a queue than may, the oldest go, to the dead letters or nowhere,
 * and nothing else: not what members have, and nothing twice, over an open, too. Rules: L15, L19.
 *
 * Method: as in test_sharing.c.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/queue_bed.h"

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

TestSuite(queue_length, .init = setup, .fini = queue_end, .timeout = 120);

static void expect_lag(uint32_t id, uint64_t events)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (queue_lag(id) != events && fixture_now_ns() < until)
		;
	cr_expect_eq(queue_lag(id), events);
	/* Nothing more goes. */
	until = fixture_now_ns() + 50 * MS;
	while (fixture_now_ns() < until)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	cr_expect_eq(queue_lag(id), events);
}

/* Those from `first` on, in their order. */
static void expect_rest(struct weir_member *member, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++) {
		struct weir_item item = queue_next(member);
		cr_expect_eq(fixture_number(&item), i);
		cr_assert_eq(weir_ack(member, &item), 0);
		queue_commit(member);
	}
}

Test(queue_length, without_members_the_oldest_are_dropped_and_counted)
{
	queue_bed.options.length_max = 30;
	uint32_t id = queue_make();
	queue_publish(0, 100);
	expect_lag(id, 30);
	cr_expect(queue_counts(id).overflowed == 70 && queue_counts(id).dropped == 70);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	queue_publish(100, 110);
	expect_lag(id, 30);
	cr_expect_eq(queue_counts(id).overflowed, 10, "each once");
	expect_rest(queue_join(id, 1), 80, 110);
	expect_lag(id, 0);
}

Test(queue_length, what_members_have_is_no_part_of_it)
{
	queue_bed.options.length_max = 10;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.order = WEIR_ORDER_KEY;
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 4),
			   *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	for (uint64_t i = 0; i < 4; i++)
		queue_publish_keyed(1 + i, i);
	struct weir_item had[4];
	for (uint32_t i = 0; i < 4; i++)
		had[i] = queue_next(member);
	for (uint64_t i = 4; i < 40; i++) /* behind these and others: the keys are in hand */
		queue_publish_keyed(1 + i % 8, i);
	expect_lag(id, 14);
	for (uint64_t i = 4; i < 30; i++) {
		struct weir_item letter = queue_next(undertaker);
		struct weir_origin origin;
		cr_assert(weir_item_origin(&letter, &origin));
		cr_expect(origin.overflowed && !origin.expired && !origin.by_verdict);
		cr_expect_eq(fixture_number(&letter), i, "the oldest first");
		cr_assert_eq(weir_ack(undertaker, &letter), 0);
	}
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(weir_ack(member, &had[i]), 0);
	queue_commit(member);
	expect_lag(id, 10);
	cr_expect(queue_counts(id).overflowed == 26 && queue_counts(id).dropped == 0);
	uint32_t seen[EVENTS] = {0};
	cr_expect_eq(queue_drain(member, seen, 10), 10);
	for (uint32_t i = 0; i < 40; i++)
		cr_expect_eq(seen[i], i >= 30 ? 1 : 0, "%u", i);
	queue_commit(member);
	expect_lag(id, 0);
}

Test(queue_length, bytes_are_a_limit_too_and_a_limit_can_change)
{
	queue_bed.options.length_bytes_max = 1000;
	uint32_t id = queue_make();
	queue_publish(0, 100);
	struct weir_lag lag = {.bytes = 1001};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag.bytes > 1000 && fixture_now_ns() < until) {
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
		cr_assert_eq(weir_lag(queue_bed.f.pipeline, id, &lag), 0);
	}
	uint64_t each = lag.bytes / lag.events;
	expect_lag(id, 1000 / each);
	queue_bed.options.length_bytes_max = 0;
	queue_bed.options.length_max = 5;
	cr_assert_eq(queue_make(), id);
	expect_lag(id, 5);
	queue_bed.options.length_max = 0;
	cr_assert_eq(queue_make(), id);
	queue_publish(100, 150);
	expect_lag(id, 55);
	expect_rest(queue_join(id, 1), 95, 150);
}

Test(queue_length, more_than_may_be_outstanding_can_go)
{
	queue_bed.options.outstanding_max = 8;
	queue_bed.options.length_max = 20;
	uint32_t id = queue_make();
	queue_publish(0, 200);
	expect_lag(id, 20);
	expect_rest(queue_join(id, 1), 180, 200);
}

Test(queue_length, it_is_for_queues)
{
	uint32_t id;
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	queue_bed.options.length_max = 1;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "order");
}
