/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a queue is moved by a seek like any subscription: what lies before the place does not come,
 * what lies behind it comes, all of it and once; what members had is fenced, also where it was
 * taken again meanwhile; parked keys and delays end; and all of that is so after an open, and the
 * lag is right. Rules: L15, L19, L20.
 *
 * Method: as in test_sharing.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/support/queue_bed.h"

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

TestSuite(queue_seek, .init = setup, .fini = queue_end, .timeout = 120);

static void seek(uint32_t id, enum weir_seek_to to, uint64_t at)
{
	cr_assert_eq(weir_subscription_seek(queue_bed.f.pipeline, id, to, at, FIXTURE_LONG_NS,
					    &queue_bed.problem),
		     0, "%s", queue_bed.problem.text);
}

/* Numbers first .. end - 1 come, each once and no other; how many were marked as had before. */
static uint32_t expect_exactly(struct weir_member *member, uint64_t first, uint64_t end)
{
	uint32_t seen[EVENTS] = {0}, redelivered = 0, count = 0;
	struct weir_item items[64];
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (count < end - first && fixture_now_ns() < until) {
		int got = weir_poll(member, items, 64, MS);
		cr_assert_geq(got, 0);
		for (int i = 0; i < got; i++, count++) {
			seen[fixture_number(&items[i])]++;
			redelivered += (items[i].flags & WEIR_ITEM_REDELIVERED) != 0;
			cr_expect_eq(items[i].attempts, 1);
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
	}
	for (uint64_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], i >= first && i < end ? 1 : 0, "%u came %u times",
			     (unsigned)i, seen[i]);
	cr_expect_eq(weir_poll(member, items, 64, MS), 0);
	queue_commit(member);
	return redelivered;
}

/* The sequence of a number, found by a subscription of its own. */
static uint64_t sequence_of(uint64_t number)
{
	uint32_t id = fixture_subscription(&queue_bed.f, "looker", "work");
	struct weir_member *looker = fixture_member(&queue_bed.f, id, NULL);
	struct weir_item item;
	cr_assert_eq(weir_subscription_seek(queue_bed.f.pipeline, id, WEIR_SEEK_OLDEST, 0,
					    FIXTURE_LONG_NS, NULL),
		     0);
	do
		item = queue_next(looker);
	while (fixture_number(&item) != number);
	uint64_t sequence = item.sequence;
	cr_assert_eq(weir_member_leave(looker, FIXTURE_LONG_NS), 0);
	return sequence;
}

Test(queue_seek, all_places_are_gone_to_and_the_lag_is_right)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 256);
	queue_publish(0, 100);
	uint64_t sixty = sequence_of(60);
	cr_expect_eq(expect_exactly(member, 0, 100), 0);
	seek(id, WEIR_SEEK_SEQUENCE, sixty);
	cr_expect_eq(queue_lag(id), 40);
	cr_expect_eq(expect_exactly(member, 60, 100), 40, "all of them came before");
	cr_expect_eq(queue_lag(id), 0);
	seek(id, WEIR_SEEK_OLDEST, 0);
	cr_expect_eq(queue_lag(id), 100);
	seek(id, WEIR_SEEK_NEWEST, 0);
	cr_expect_eq(queue_lag(id), 0);
	queue_publish(100, 110);
	cr_expect_eq(expect_exactly(member, 100, 110), 0, "these are new");
	seek(id, WEIR_SEEK_TIME, 1);
	cr_expect_eq(expect_exactly(member, 0, 110), 110);
	cr_expect_eq(queue_lag(id), 0);
	cr_expect_eq(weir_subscription_seek(queue_bed.f.pipeline, id, WEIR_SEEK_SEQUENCE, 1u << 30,
					    FIXTURE_LONG_NS, &queue_bed.problem),
		     WEIR_E_TRUNCATED);
}

Test(queue_seek, it_is_moved_without_members_and_over_an_open)
{
	uint32_t id = queue_make();
	queue_publish(0, 50);
	uint64_t thirty = sequence_of(30);
	struct weir_member *member = queue_join(id, 8);
	struct weir_item item = queue_next(member); /* eight are outstanding */
	cr_assert_eq(weir_reject(member, &item, NULL), 0);
	queue_commit(member);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	seek(id, WEIR_SEEK_SEQUENCE, thirty);
	cr_expect_eq(queue_lag(id), 20);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(queue_lag(id), 20);
	cr_expect_eq(expect_exactly(queue_join(id, 8), 30, 50), 20, "an open marks all before it");
	cr_expect_eq(queue_lag(id), 0);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(queue_lag(id), 0);
}

/* Who had an event before is fenced, whatever he says of it and though somebody has it anew. */
Test(queue_seek, what_was_in_hand_is_fenced_and_comes_anew)
{
	uint32_t id = queue_make();
	struct weir_member *old = queue_join(id, 4);
	queue_publish(0, 4);
	struct weir_item had[4];
	for (uint32_t i = 0; i < 4; i++)
		had[i] = queue_next(old);
	cr_assert_eq(weir_ack(old, &had[0]), 0); /* not handed over yet: the seek comes first */
	seek(id, WEIR_SEEK_OLDEST, 0);
	cr_expect_eq(weir_ack(old, &had[1]), WEIR_E_FENCED);
	cr_expect_eq(weir_reject(old, &had[2], NULL), WEIR_E_FENCED);
	cr_expect_eq(weir_extend(old, &had[3], 1000 * MS), WEIR_E_FENCED);
	struct weir_member *other = queue_join(id, 4);
	struct weir_item again[4];
	uint32_t count = 0;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	/* The first of the two to have room gets them: both poll. */
	struct weir_member *has[4];
	while (count < 4 && fixture_now_ns() < until) {
		struct weir_member *who = count % 2 == 0 ? old : other;
		if (weir_poll(who, &again[count], 1, MS) == 1)
			has[count++] = who;
		else if (weir_poll(who == old ? other : old, &again[count], 1, MS) == 1)
			has[count++] = who == old ? other : old;
	}
	cr_assert_eq(count, 4);
	cr_expect_eq(weir_member_commit(old, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED,
		     "that it was refused is told, once");
	cr_expect_eq(queue_lag(id), 4, "none of it counted");
	for (uint32_t i = 0; i < 4; i++) {
		cr_expect_gt(again[i].generation, had[0].generation);
		cr_expect_eq(again[i].attempts, 1);
		cr_assert_eq(weir_ack(has[i], &again[i]), 0);
	}
	queue_commit(old);
	queue_commit(other);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_seek, what_was_given_and_not_polled_does_not_come)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 64);
	queue_publish(0, 20);
	for (int i = 0; i < 20; i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	seek(id, WEIR_SEEK_NEWEST, 0);
	queue_publish(20, 25);
	cr_expect_eq(expect_exactly(member, 20, 25), 0);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_seek, often_within_a_lease_it_never_runs_out_of_hands)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish(0, 8);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 8; i++)
			(void)queue_next(member);
		seek(id, WEIR_SEEK_OLDEST, 0);
	}
	cr_expect_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS),
		     WEIR_E_FENCED);
	(void)expect_exactly(member, 0, 8);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_seek, parked_keys_delays_and_attempts_are_forgotten)
{
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	for (uint64_t i = 0; i < 3; i++)
		queue_publish_keyed(1, i);
	queue_publish_keyed(2, 3);
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD},
			      later = {.delay_ns = 3600000 * MS};
	for (uint32_t i = 0; i < 2; i++) {
		struct weir_item item = queue_next(member);
		bool first = fixture_number(&item) == 0;
		cr_assert_eq(weir_reject(member, &item, first ? &dead : &later), 0);
	}
	struct weir_queue_counts counts = queue_counts(id);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while ((counts.parked != 1 || counts.delayed != 1) && fixture_now_ns() < until)
		counts = queue_counts(id);
	cr_assert(counts.parked == 1 && counts.delayed == 1 && counts.behind == 2);
	seek(id, WEIR_SEEK_OLDEST, 0);
	cr_expect_eq(expect_exactly(member, 0, 4), 4);
	counts = queue_counts(id);
	cr_expect(counts.parked == 0 && counts.delayed == 0 && counts.behind == 0);
	cr_expect_eq(queue_lag(id), 0);
}
