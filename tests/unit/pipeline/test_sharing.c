/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a shared subscription is a queue: every event is handed to one member at a time, settled
 * out of order, again when its lease ends or it is rejected, in order by key where that was asked
 * for, and to the dead letters with its origin when it was tried often enough; across opens nothing
 * is lost, and what was settled does not come back.
 *
 * Method: manual pipelines with a journal and in memory, small limits, short leases. Events are
 * numbers; who got what is counted.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline/rejection.h"
#include "tests/support/queue_bed.h"

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

TestSuite(sharing, .init = setup, .fini = queue_end, .timeout = 120);

Test(sharing, every_event_goes_to_one_member)
{
	uint32_t id = queue_make(), seen[EVENTS] = {0};
	struct weir_member *members[] = {queue_join(id, 8), queue_join(id, 8)};
	uint32_t of[2] = {0};
	queue_publish(0, EVENTS);
	for (uint32_t i = 0; of[0] + of[1] < EVENTS; i++) {
		struct weir_item item;
		if (weir_poll(members[i % 2], &item, 1, MS) != 1)
			continue;
		seen[fixture_number(&item)]++;
		cr_assert_eq(item.attempts, 1);
		cr_assert_eq(weir_ack(members[i % 2], &item), 0);
		of[i % 2]++;
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	cr_expect(of[0] > 0 && of[1] > 0, "%u and %u", of[0], of[1]);
	queue_commit(members[0]);
	queue_commit(members[1]);
	cr_expect_eq(queue_lag(id), 0);
}

Test(sharing, what_is_settled_out_of_order_does_not_come_back_after_an_open)
{
	uint32_t id = queue_make(), seen[EVENTS] = {0};
	struct weir_member *member = queue_join(id, EVENTS);
	queue_publish(0, EVENTS);
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct weir_item item = queue_next(member);
		if (fixture_number(&item) % 3 != 0)
			cr_assert_eq(weir_ack(member, &item), 0);
	}
	queue_commit(member);
	cr_expect_eq(queue_lag(id), EVENTS / 3);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(queue_lag(id), EVENTS / 3);
	member = queue_join(id, EVENTS);
	for (uint32_t i = 0; i < EVENTS / 3; i++) {
		struct weir_item item = queue_next(member);
		cr_expect_neq(item.flags & WEIR_ITEM_REDELIVERED, 0);
		cr_expect_eq(item.attempts, 1, "nothing failed");
		seen[fixture_number(&item)]++;
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], i % 3 == 0 ? 1 : 0, "%u came %u times", i, seen[i]);
	cr_expect_eq(fixture_poll_rest(member), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
}

Test(sharing, a_lease_that_ends_is_anothers_and_fences_the_first)
{
	queue_bed.options.lease_ns = 20 * MS;
	uint32_t id = queue_make();
	struct weir_member *slow = queue_join(id, 1);
	queue_publish(7, 8);
	struct weir_item first = queue_next(slow);
	struct weir_member *next = queue_join(id, 1);
	struct weir_item second = queue_next(next);
	cr_expect_eq(fixture_number(&second), 7);
	cr_expect_eq(second.attempts, 2);
	cr_expect_neq(second.flags & WEIR_ITEM_REDELIVERED, 0);
	cr_assert_eq(weir_ack(slow, &first), 0, "it is decided by the log");
	cr_expect_eq(weir_member_commit(slow, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_assert_eq(weir_ack(next, &second), 0);
	queue_commit(next);
	cr_expect_eq(queue_lag(id), 0);
}

Test(sharing, a_lease_that_is_extended_does_not_end)
{
	queue_bed.options.lease_ns = 50 * MS;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 1), *other = queue_join(id, 1);
	queue_publish(7, 8);
	struct weir_item item = queue_next(member), stolen;
	cr_assert_eq(weir_extend(member, &item, 3600000 * MS), 0);
	uint64_t until = fixture_now_ns() + 200 * MS;
	while (fixture_now_ns() < until)
		cr_assert_eq(weir_poll(other, &stolen, 1, MS), 0);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(weir_extend(member, &item, MS), WEIR_E_FENCED);
}

Test(sharing, ending_a_lease_by_hand_counts_as_an_attempt)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 1);
	queue_publish(7, 8);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_extend(member, &item, 0), 0);
	item = queue_next(member);
	cr_expect_eq(item.attempts, 2);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
}

Test(sharing, a_rejected_event_comes_again_after_its_delay)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4);
	struct weir_rejection later = {.delay_ns = 100 * MS, .reason = 5, .text = "not yet"};
	queue_publish(7, 8);
	struct weir_item item = queue_next(member);
	uint64_t began = fixture_now_ns();
	cr_assert_eq(weir_reject(member, &item, &later), 0);
	cr_expect_eq(weir_ack(member, &item), WEIR_E_FENCED, "it has it no more");
	cr_expect_eq(weir_reject(member, &item, NULL), WEIR_E_FENCED);
	item = queue_next(member);
	cr_expect_geq(fixture_now_ns() - began, 100 * MS);
	cr_expect_eq(item.attempts, 2);
	struct weir_rejection untried = {.verdict = WEIR_VERDICT_RELEASE};
	cr_assert_eq(weir_reject(member, &item, &untried), 0);
	item = queue_next(member);
	cr_expect_eq(item.attempts, 2, "that was none");
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
}

Test(sharing, attempts_and_delays_survive_an_open)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4);
	struct weir_rejection later = {.delay_ns = 300 * MS};
	queue_publish(7, 8);
	struct weir_item item = queue_next(member);
	uint64_t began = fixture_now_ns();
	cr_assert_eq(weir_reject(member, &item, &later), 0);
	queue_commit(member);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	member = queue_join(id, 4);
	item = queue_next(member);
	cr_expect_eq(item.attempts, 2);
	cr_expect_geq(fixture_now_ns() - began, 290 * MS, "clocks differ by their grain");
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
}

/* The delay before the attempt that follows `attempts` failed ones of the n-th event. */
static uint64_t delay_of(struct weir_member *member, uint64_t n, uint32_t attempts)
{
	const struct weir_rejection again = {.delay_ns = WEIR_DELAY_DEFAULT};
	const struct weir_item item = {.sequence = n};
	uint64_t delay_ns = 0;
	(void)wr_rejection_of(member, &item, &again, attempts, &delay_ns);
	return delay_ns;
}

Test(sharing, delays_double_up_to_the_longest_with_a_jitter_of_half)
{
	queue_bed.options.retry_delay_min_ns = 100 * MS;
	queue_bed.options.retry_delay_max_ns = 1000 * MS;
	struct weir_member *member = queue_join(queue_make(), 4);
	uint64_t whole_ns = 100 * MS;
	for (uint32_t attempts = 1; attempts < 40; attempts++) {
		uint64_t least_ns = UINT64_MAX, most_ns = 0;
		for (uint64_t n = 1; n <= 200; n++) {
			uint64_t delay_ns = delay_of(member, n, attempts);
			cr_assert_eq(delay_of(member, n, attempts), delay_ns, "the same again");
			least_ns = delay_ns < least_ns ? delay_ns : least_ns;
			most_ns = delay_ns > most_ns ? delay_ns : most_ns;
		}
		cr_expect(least_ns >= whole_ns / 2 && least_ns < whole_ns * 6 / 10, "%u: %llu ns",
			  attempts, (unsigned long long)least_ns);
		cr_expect(most_ns <= whole_ns && most_ns > whole_ns * 9 / 10, "%u: %llu ns",
			  attempts, (unsigned long long)most_ns);
		whole_ns = whole_ns < 500 * MS ? 2 * whole_ns : 1000 * MS;
	}
}

Test(sharing, bad_rejections_are_refused)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4);
	queue_publish(7, 8);
	struct weir_item item = queue_next(member), nothing = {0};
	char text[WEIR_REASON_TEXT_MAX + 2];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct weir_rejection r = {.text = text};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL, "too long");
	r = (struct weir_rejection){.verdict = (enum weir_verdict)9};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL);
	r = (struct weir_rejection){.delay_ns = 13 * 3600000 * MS};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL);
	r = (struct weir_rejection){.verdict = WEIR_VERDICT_DEAD};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL, "there are no dead letters");
	cr_expect_eq(weir_reject(member, &nothing, NULL), -EINVAL);
	cr_expect_eq(weir_extend(member, &item, 13 * 3600000 * MS), -EINVAL);
	cr_expect_eq(weir_ack(member, &nothing), -EINVAL);
	cr_assert_eq(weir_ack(member, &item), 0, "none of it did anything");
	queue_commit(member);
}

Test(sharing, an_event_that_fails_too_often_is_a_dead_letter)
{
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 3;
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 4),
			   *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	uint64_t key = 11, number = 7;
	struct weir_header header = {
		.name = "h", .name_bytes = 1, .value = "value", .value_bytes = 5};
	struct weir_event event = fixture_event(queue_bed.topic, &key, &number);
	event.headers = &header;
	event.header_count = 1;
	uint64_t ticket, sequence = 0;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
	for (uint32_t i = 1; i <= 3; i++) {
		struct weir_item item = queue_next(member);
		struct weir_rejection r = {.reason = 40 + i, .text = "no such customer"};
		cr_expect_eq(item.attempts, i);
		sequence = item.sequence;
		cr_assert_eq(weir_reject(member, &item, &r), 0);
	}
	struct weir_item letter = queue_next(undertaker);
	struct weir_origin origin;
	struct weir_header found;
	cr_expect_eq(fixture_number(&letter), 7);
	cr_expect_eq(letter.key_bytes, sizeof key);
	cr_expect_eq(memcmp(letter.key, &key, sizeof key), 0);
	cr_expect_neq(weir_item_header(&letter, 0, &found), 0);
	cr_expect(found.value_bytes == 5 && memcmp(found.value, "value", 5) == 0);
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_eq(origin.sequence, sequence);
	cr_expect_eq(origin.topic, queue_bed.topic);
	cr_expect_eq(origin.subscription, id);
	cr_expect_eq(origin.attempts, 3);
	cr_expect_eq(origin.reason, 43);
	cr_expect_not(origin.by_verdict);
	cr_expect_leq(origin.first_failed_us, origin.last_failed_us);
	cr_expect_eq(origin.text_bytes, strlen("no such customer"));
	cr_expect_eq(memcmp(origin.text, "no such customer", origin.text_bytes), 0);
	cr_expect_eq(queue_lag(id), 0, "it is settled");
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(sharing, what_is_rejected_as_dead_goes_at_once)
{
	queue_bed.options.dead_letters = "dead";
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 4),
			   *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	queue_publish(0, 10);
	for (uint32_t i = 0; i < 10; i++) {
		struct weir_item item = queue_next(member);
		struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD};
		if (fixture_number(&item) % 2 == 0)
			cr_assert_eq(weir_reject(member, &item, &r), 0);
		else
			cr_assert_eq(weir_ack(member, &item), 0);
	}
	for (uint32_t i = 0; i < 5; i++) {
		struct weir_item letter = queue_next(undertaker);
		struct weir_origin origin;
		cr_expect_eq(fixture_number(&letter) % 2, 0);
		cr_assert(weir_item_origin(&letter, &origin));
		cr_expect(origin.by_verdict);
		cr_assert_eq(weir_ack(undertaker, &letter), 0);
	}
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
}

Test(sharing, what_was_dead_before_an_open_is_not_handed_out)
{
	struct weir_origin origin;
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 4);
	queue_publish(7, 8);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_reject(member, &item, NULL), 0);
	queue_commit(member);
	queue_reopen();
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 1;
	cr_assert_eq(queue_make(), id);
	member = queue_join(id, 4);
	cr_assert_eq(weir_poll(member, &item, 1, 50 * MS), 0, "once was too often");
	item = queue_next(fixture_member(&queue_bed.f, dead_id, NULL));
	cr_expect_eq(fixture_number(&item), 7);
	cr_assert(weir_item_origin(&item, &origin));
	cr_expect(!origin.by_verdict && origin.attempts == 1);
	cr_expect_eq(queue_lag(id), 0);
}

Test(sharing, while_an_event_of_a_key_is_out_nobody_gets_the_next)
{
	queue_bed.options.order = WEIR_ORDER_KEY;
	uint32_t id = queue_make();
	struct weir_member *a = queue_join(id, 8), *b = queue_join(id, 8);
	for (uint64_t i = 0; i < 4; i++)
		queue_publish_keyed(1, i);
	queue_publish_keyed(2, 100);
	struct weir_item first = queue_next(a);
	struct weir_item rest = queue_next(b);
	if (fixture_number(&first) == 100) {
		struct weir_item swap = first;
		first = rest;
		rest = swap;
	}
	cr_expect_eq(fixture_number(&first), 0);
	cr_expect_eq(fixture_number(&rest), 100);
	struct weir_item item;
	cr_expect_eq(weir_poll(a, &item, 1, 50 * MS), 0);
	cr_expect_eq(weir_poll(b, &item, 1, 50 * MS), 0);
	/* Whoever had it gives it back: it is still the first. */
	struct weir_rejection r = {.verdict = WEIR_VERDICT_RETRY};
	struct weir_member *owner = weir_reject(a, &first, &r) == 0 ? a : b;
	if (owner == b)
		cr_assert_eq(weir_reject(b, &first, &r), 0);
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
		struct weir_member *who = NULL;
		while (who == NULL && fixture_now_ns() < until)
			who = weir_poll(a, &item, 1, MS) == 1   ? a
			      : weir_poll(b, &item, 1, MS) == 1 ? b
								: NULL;
		cr_assert_not_null(who);
		cr_expect_eq(fixture_number(&item), i);
		cr_assert_eq(weir_ack(who, &item), 0);
		queue_commit(who);
	}
}

Test(sharing, no_more_is_outstanding_than_was_said)
{
	queue_bed.options.outstanding_max = 5;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 100);
	queue_publish(0, 20);
	struct weir_item items[20];
	uint32_t count = 0;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (count < 5 && fixture_now_ns() < until)
		count += (uint32_t)weir_poll(member, items + count, 20 - count, MS);
	count += (uint32_t)weir_poll(member, items + count, 20 - count, 20 * MS);
	cr_expect_eq(count, 5);
	cr_assert_eq(weir_ack(member, &items[2]), 0);
	items[5] = queue_next(member);
	cr_expect_eq(weir_poll(member, items, 1, 20 * MS), 0);
}

Test(sharing, a_member_that_leaves_gives_back_what_it_has)
{
	uint32_t id = queue_make(), seen[10] = {0};
	struct weir_member *a = queue_join(id, 10);
	queue_publish(0, 10);
	struct weir_item item = queue_next(a);
	cr_assert_eq(weir_ack(a, &item), 0);
	seen[fixture_number(&item)]++;
	(void)queue_next(a);
	cr_assert_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	struct weir_member *b = queue_join(id, 10);
	for (uint32_t i = 0; i < 9; i++) {
		item = queue_next(b);
		cr_expect_eq(item.attempts, 1, "leaving is no failure");
		seen[fixture_number(&item)]++;
		cr_assert_eq(weir_ack(b, &item), 0);
	}
	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(seen[i], 1);
	cr_expect_eq(fixture_poll_rest(b), 0);
}

Test(sharing, with_a_single_active_member_the_others_wait)
{
	queue_bed.options.single_active = true;
	uint32_t id = queue_make();
	struct weir_member *first = queue_join(id, 4), *second = queue_join(id, 4);
	queue_publish(0, 10);
	struct weir_item item = queue_next(first);
	cr_expect_eq(weir_poll(second, &item, 1, 50 * MS), 0);
	cr_assert_eq(weir_member_leave(first, FIXTURE_LONG_NS), 0);
	uint32_t seen[10] = {0};
	cr_expect_eq(queue_drain(second, seen, 10), 10, "what the first had, too");
	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(seen[i], 1);
}

Test(sharing, far_behind_it_is_read_from_disk)
{
	queue_bed.options.start = WEIR_START_OLDEST;
	uint32_t id = queue_make();
	uint32_t *seen = calloc(30000, sizeof *seen);
	queue_publish(0, 30000);
	struct weir_member *member = queue_join(id, 64);
	cr_expect_eq(queue_drain(member, seen, 30000), 30000);
	for (uint32_t i = 0; i < 30000; i++)
		cr_assert_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
	free(seen);
}

Test(sharing, options_that_contradict_each_other_are_refused)
{
	uint32_t id;
	queue_bed.options.attempts_max = 3;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "attempts_max");
	queue_bed.options.dead_letters = "work";
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "dead_letters");
	queue_bed.options.dead_letters = "nowhere";
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     WEIR_E_UNKNOWN_NAME);
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.lease_ns = 0;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "lease_ns");
	queue_bed.options.lease_ns = 30000 * MS;
	queue_bed.options.outstanding_max = queue_bed.f.options.outstanding_max + 1;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "outstanding_max");
	queue_bed.options.outstanding_max = 10;
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	queue_bed.options.single_active = true;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "order");
	queue_bed.options.single_active = false;
	queue_bed.options.order = WEIR_ORDER_KEY;
	id = queue_make();
	queue_bed.options.order = WEIR_ORDER_NONE;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     WEIR_E_EXISTS);
}
