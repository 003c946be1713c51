/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a member publishes in a transaction and what it acknowledges with it are in the log
 * together, or none of it: when an output is refused, when the member is fenced, when it gives up,
 * across an open. Several may be on their way; those that build on one that is refused go with it,
 * and what they had comes again. Rules: L7, L9, L11, L13, L19.
 *
 * Method: a manual pipeline: topic "work" of two partitions, read by a group and by a queue;
 * outputs go to "out", which remembers idempotency keys and versions. A second group counts what is
 * there.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define MS 1000000ull
#define PARTITIONS 2u

static struct fixture f;
static uint32_t work, out, id, queue, sink;
static struct weir_producer *producer;
static struct weir_member *reader; /* of what there is in "out" */

static uint32_t subscribe(const char *name, const char *topic, enum weir_order order)
{
	struct weir_subscription_options o;
	uint32_t subscription = 0;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.order = order;
	o.lease_ns = order != WEIR_ORDER_PARTITION ? 3600000 * MS : 0;
	o.retry_delay_min_ns = o.retry_delay_max_ns = 0;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &subscription, NULL), 0);
	return subscription;
}

static void make(void)
{
	struct weir_topic_options o;
	work = fixture_topic(&f, "work", PARTITIONS);
	weir_topic_options_init(&o);
	o.name = "out";
	o.idempotency_keys = 64;
	o.versioned_keys = 64;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &out, NULL), 0);
	id = fixture_subscription(&f, "group", "work");
	queue = subscribe("queue", "work", WEIR_ORDER_NONE);
	sink = fixture_subscription(&f, "sink", "out");
	producer = fixture_producer(&f, NULL);
	reader = fixture_member(&f, sink, NULL);
}

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.idempotency_keys_max = 64;
	f.options.versioned_keys_max = 64;
	fixture_open(&f);
	make();
	cr_assert(fixture_owns(reader, 1));
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(transactions, .init = setup, .fini = teardown, .timeout = 120);

/* Numbers first .. end - 1 into partition 0. */
static void publish(uint64_t first, uint64_t end)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end; n++) {
		struct weir_event event = fixture_event(work, NULL, &n);
		event.partition_set = true;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	}
	fixture_wait(producer, ticket);
}

static struct weir_member *join(uint32_t subscription)
{
	struct weir_member *member = fixture_member(&f, subscription, NULL);
	cr_assert(subscription != id || fixture_owns(member, PARTITIONS));
	return member;
}

static void begin(struct weir_member *member)
{
	cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
}

static void output(struct weir_member *member, uint64_t number)
{
	struct weir_event event = fixture_event(out, NULL, &number);
	cr_assert_eq(weir_transaction_publish(member, &event), 0);
}

/* An output that is in its topic once. */
static void output_once(struct weir_member *member, uint64_t number)
{
	struct weir_ids ids = {.idempotency_key = &number, .idempotency_key_bytes = sizeof number};
	struct weir_event event = fixture_event(out, NULL, &number);
	event.ids = &ids;
	cr_assert_eq(weir_transaction_publish(member, &event), 0);
}

static void ack(struct weir_member *member, const struct weir_item *item)
{
	cr_assert_eq(weir_transaction_ack(member, item), 0);
}

static uint64_t commit(struct weir_member *member)
{
	uint64_t ticket;
	cr_assert_eq(weir_transaction_commit(member, &ticket), 0);
	return ticket;
}

static int finish(struct weir_member *member, uint64_t ticket,
		  struct weir_transaction_outcome *outcome)
{
	return weir_transaction_wait(member, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS, outcome);
}

/* So many outputs have come, and no more. */
static void expect_outputs(uint32_t count)
{
	cr_expect_eq(fixture_poll(reader, NULL, 0, count, true), count);
	cr_expect_eq(fixture_poll_rest(reader), 0);
}

static uint64_t lag(uint32_t subscription)
{
	struct weir_lag now = {0};
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		(void)weir_step(f.pipeline, 0);
		cr_assert_eq(weir_lag(f.pipeline, subscription, &now), 0);
	} while (!now.exact && fixture_now_ns() < deadline);
	return now.events;
}

/* ---- taken ---- */

Test(transactions, outputs_and_progress_are_in_the_log_together_also_after_an_open)
{
	struct weir_item items[3];
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(id);
	publish(0, 5);
	cr_assert_eq(fixture_poll(member, items, 3, 3, false), 3);
	begin(member);
	for (uint32_t i = 0; i < 3; i++) {
		output(member, i);
		output(member, 10 + i);
		ack(member, &items[i]);
	}
	uint64_t ticket = commit(member);
	cr_assert_eq(finish(member, ticket, &outcome), 0);
	cr_expect_eq(outcome.ticket, ticket);
	cr_expect_eq(lag(id), 2);
	struct weir_item seen[6];
	cr_assert_eq(fixture_poll(reader, seen, 6, 6, false), 6);
	for (uint32_t i = 0; i < 6; i++)
		cr_expect_eq(seen[i].sequence, outcome.sequence + i, "they stand together");
	/* Nobody commits: what was durable stays so. */
	cr_assert_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL), 0);
	f.pipeline = NULL;
	fixture_open(&f);
	make();
	cr_expect_eq(lag(id), 2);
	expect_outputs(6);
	member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, items, 2, 2, true), 2);
	cr_expect_eq(fixture_number(&items[0]), 3);
}

Test(transactions, many_may_be_on_their_way_and_each_is_told_once_in_order)
{
	struct weir_item items[8];
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(id);
	publish(0, 8);
	cr_assert_eq(fixture_poll(member, items, 8, 8, false), 8);
	uint64_t first = 0, last = 0;
	for (uint32_t i = 0; i < 8; i++) {
		begin(member);
		output(member, i);
		ack(member, &items[i]);
		last = commit(member);
		first = first != 0 ? first : last;
	}
	cr_expect_eq(weir_transaction_wait(member, last, WEIR_LEVEL_MEMORY, 0, NULL), -ETIMEDOUT);
	cr_assert_eq(finish(member, first + 2, &outcome), 0);
	cr_expect_eq(outcome.ticket, first + 2);
	cr_expect_eq(finish(member, first, NULL), -EINVAL, "it was told");
	while (weir_transaction_wait(member, last, WEIR_LEVEL_DURABLE, 0, NULL) == -ETIMEDOUT)
		(void)weir_step(f.pipeline, 0);
	cr_expect_eq(weir_transaction_next(member, WEIR_LEVEL_DURABLE, &outcome), 0);
	expect_outputs(8);
	cr_expect_eq(lag(id), 0);
}

Test(transactions, acknowledgements_without_it_keep_their_place)
{
	struct weir_item items[5];
	struct weir_member *member = join(id);
	publish(0, 5);
	cr_assert_eq(fixture_poll(member, items, 5, 5, false), 5);
	cr_assert_eq(weir_ack(member, &items[0]), 0);
	cr_assert_eq(weir_ack(member, &items[2]), 0, "out of order");
	begin(member);
	output(member, 1);
	ack(member, &items[1]);
	cr_expect_eq(weir_ack(member, &items[3]), -EBUSY);
	cr_expect_eq(weir_ack_all(member), -EBUSY);
	cr_expect_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, 0), -EBUSY);
	struct weir_item item;
	cr_expect_eq(weir_poll(member, &item, 1, 0), -EBUSY);
	uint64_t ticket = commit(member);
	cr_assert_eq(weir_ack(member, &items[3]), 0, "behind one that is on its way");
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(lag(id), 1);
	cr_expect_eq(finish(member, ticket, NULL), 0);
	expect_outputs(1);
}

Test(transactions, inside_one_the_order_of_acknowledgements_is_free_but_for_a_hole)
{
	struct weir_item items[4];
	struct weir_member *member = join(id);
	publish(0, 4);
	cr_assert_eq(fixture_poll(member, items, 4, 4, false), 4);
	begin(member);
	output(member, 0);
	ack(member, &items[3]);
	ack(member, &items[0]);
	ack(member, &items[1]);
	uint64_t ticket;
	cr_expect_eq(weir_transaction_commit(member, &ticket), WEIR_E_OUT_OF_SEQUENCE);
	ack(member, &items[2]);
	ack(member, &items[2]);
	ticket = commit(member);
	cr_expect_eq(finish(member, ticket, NULL), 0);
	cr_expect_eq(lag(id), 0);
	expect_outputs(1);
}

/* ---- refused ---- */

Test(transactions, one_output_that_is_a_duplicate_refuses_all_of_it)
{
	struct weir_item items[2];
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(id);
	publish(0, 2);
	cr_assert_eq(fixture_poll(member, items, 2, 2, false), 2);
	begin(member);
	output_once(member, 7);
	cr_assert_eq(finish(member, commit(member), NULL), 0, "outputs alone");
	expect_outputs(1);
	begin(member);
	output(member, 1);
	output_once(member, 8);
	output_once(member, 7);
	ack(member, &items[0]);
	cr_expect_eq(finish(member, commit(member), &outcome), WEIR_E_DUPLICATE);
	cr_expect_eq(outcome.refused, 2);
	expect_outputs(0);
	cr_expect_eq(lag(id), 2);
	/* Again with what is in hand, without the output: the key of the other is still free. */
	begin(member);
	output_once(member, 8);
	ack(member, &items[0]);
	cr_expect_eq(finish(member, commit(member), NULL), 0);
	expect_outputs(1);
	cr_expect_eq(lag(id), 1);
	cr_assert_eq(fixture_poll(member, items, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&items[0]), 1, "what was polled and not acknowledged");
	cr_expect_eq(items[0].flags & WEIR_ITEM_REDELIVERED, WEIR_ITEM_REDELIVERED);
}

Test(transactions, a_version_that_conflicts_is_told)
{
	struct weir_item item;
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(id);
	uint64_t key = 3, number = 0;
	publish(0, 1);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	struct weir_event event = fixture_event(out, &key, &number);
	begin(member);
	cr_assert_eq(weir_transaction_publish(member, &event), 0);
	event.expected_version = 1;
	cr_assert_eq(weir_transaction_publish(member, &event), 0, "its own first makes that");
	cr_assert_eq(finish(member, commit(member), NULL), 0);
	begin(member);
	cr_assert_eq(weir_transaction_publish(member, &event), 0);
	ack(member, &item);
	cr_expect_eq(finish(member, commit(member), &outcome), WEIR_E_CONFLICT);
	cr_expect_eq(outcome.version, 2);
	cr_expect_eq(outcome.refused, 0);
	cr_expect_eq(lag(id), 1);
	expect_outputs(2);
}

/* It is refused when the output was there before. */
static void make_of(struct weir_member *member, const struct weir_item *item, uint64_t number)
{
	begin(member);
	output_once(member, number);
	ack(member, item);
}

Test(transactions, an_open_one_that_builds_on_a_refused_one_can_only_be_given_up)
{
	struct weir_item items[3];
	struct weir_member *member = join(id);
	uint64_t ticket;
	publish(0, 3);
	cr_assert_eq(fixture_poll(member, items, 3, 3, false), 3);
	begin(member);
	output_once(member, 7);
	cr_assert_eq(finish(member, commit(member), NULL), 0);
	make_of(member, &items[0], 7);
	uint64_t refused = commit(member);
	make_of(member, &items[1], 8);
	cr_expect_eq(finish(member, refused, NULL), WEIR_E_DUPLICATE, "told while one is open");
	ack(member, &items[2]);
	cr_expect_eq(weir_transaction_commit(member, &ticket), WEIR_E_OUT_OF_SEQUENCE);
	cr_assert_eq(weir_transaction_abort(member), 0);
	expect_outputs(1);
	cr_expect_eq(lag(id), 3);
	make_of(member, &items[0], 9);
	ack(member, &items[1]);
	cr_expect_eq(finish(member, commit(member), NULL), 0, "the next one begins anew");
	cr_expect_eq(lag(id), 1);
	expect_outputs(1);
	/* Neither is all acknowledged over a refusal that is not told yet. */
	make_of(member, &items[2], 7);
	refused = commit(member);
	cr_expect_eq(lag(id), 1);
	begin(member);
	cr_assert_eq(weir_transaction_abort(member) + weir_ack_all(member), 0);
	cr_expect_eq(finish(member, refused, NULL), WEIR_E_DUPLICATE);
	cr_expect_eq(fixture_poll(member, items, 1, 1, true), 1, "it comes again");
}

Test(transactions, those_that_build_on_a_refused_one_go_with_it_and_come_again)
{
	struct weir_item items[6];
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(id);
	uint64_t number = 7, other = 100;
	struct weir_event event = fixture_event(work, NULL, &other);
	event.partition_set = true;
	event.partition = 1;
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	publish(0, 5);
	begin(member);
	output_once(member, number);
	cr_assert_eq(finish(member, commit(member), NULL), 0);
	cr_assert_eq(fixture_poll(member, items, 6, 6, false), 6);
	int codes[6] = {0};
	uint64_t last = 0;
	/* 100 | 0 | 1: refused | 2 | 3 | 4 */
	for (uint32_t i = 0; i < 6; i++) {
		begin(member);
		output(member, i);
		if (i == 2)
			output_once(member, number);
		ack(member, &items[i]);
		last = commit(member);
	}
	for (uint32_t i = 0; i < 6; i++) {
		codes[i] = finish(member, last - 5 + i, &outcome);
		cr_assert_eq(outcome.ticket, last - 5 + i);
	}
	cr_expect_eq(codes[0], 0);
	cr_expect_eq(codes[1], 0);
	cr_expect_eq(codes[2], WEIR_E_DUPLICATE);
	for (uint32_t i = 3; i < 6; i++)
		cr_expect_eq(codes[i], WEIR_E_OUT_OF_SEQUENCE, "%u: %d", i, codes[i]);
	expect_outputs(3);
	cr_expect_eq(lag(id), 4);
	uint32_t count = 0;
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     count < 4 && fixture_now_ns() < until;)
		count += (uint32_t)weir_poll(member, items + count, 4 - count, 10 * MS);
	cr_assert_eq(count, 4);
	begin(member);
	for (uint32_t i = 0; i < 4; i++) {
		cr_expect_eq(fixture_number(&items[i]), 1 + i);
		cr_expect_eq(items[i].flags, WEIR_ITEM_REDELIVERED);
		ack(member, &items[i]);
	}
	cr_assert_eq(finish(member, commit(member), NULL), 0);
	cr_expect_eq(lag(id), 0);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(transactions, who_waits_in_a_poll_gets_what_a_refusal_gives_back)
{
	struct weir_item item;
	struct weir_member *member = join(id);
	publish(0, 1);
	begin(member);
	output_once(member, 7);
	cr_assert_eq(finish(member, commit(member), NULL), 0);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	begin(member);
	output_once(member, 7);
	ack(member, &item);
	(void)commit(member);
	cr_expect_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(item.flags, WEIR_ITEM_REDELIVERED);
}

Test(transactions, a_zombie_is_fenced_and_none_of_its_outputs_appear)
{
	struct weir_item items[2];
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(id);
	publish(0, 2);
	cr_assert_eq(fixture_poll(member, items, 2, 2, false), 2);
	begin(member);
	output(member, 1);
	ack(member, &items[0]);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS, NULL),
		0);
	uint64_t ticket = commit(member);
	cr_expect_eq(finish(member, ticket, &outcome), WEIR_E_FENCED);
	cr_expect_eq(outcome.refused, WEIR_TRANSACTION_NO_OUTPUT);
	expect_outputs(0);
	begin(member);
	cr_expect_eq(weir_transaction_ack(member, &items[1]), WEIR_E_FENCED);
	cr_expect_eq(weir_transaction_abort(member), 0);
	cr_assert_eq(fixture_poll(member, items, 2, 2, true), 2, "under the new generation");
}

Test(transactions, what_is_given_up_was_never_there)
{
	struct weir_item items[2];
	struct weir_member *member = join(id);
	publish(0, 2);
	cr_assert_eq(fixture_poll(member, items, 2, 2, false), 2);
	cr_expect_eq(weir_transaction_abort(member), -EINVAL);
	begin(member);
	cr_expect_eq(weir_transaction_begin(member, 0, 0), -EBUSY);
	cr_expect_eq(weir_member_rewind(member), -EBUSY);
	output(member, 1);
	ack(member, &items[0]);
	cr_assert_eq(weir_transaction_abort(member), 0);
	expect_outputs(0);
	cr_assert_eq(weir_ack(member, &items[0]), 0);
	cr_assert_eq(weir_member_rewind(member), 0);
	cr_assert_eq(fixture_poll(member, items, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&items[0]), 1);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(lag(id), 0);
}

Test(transactions, what_comes_again_is_not_acknowledged_by_what_was_out_of_order)
{
	struct weir_item items[3];
	struct weir_member *member = join(id);
	publish(0, 3);
	cr_assert_eq(fixture_poll(member, items, 3, 3, false), 3);
	cr_assert_eq(weir_member_rewind(member), 0);
	cr_assert_eq(weir_ack(member, &items[2]), 0);
	for (uint64_t i = 0; i < 2; i++) {
		cr_assert_eq(weir_poll(member, items, 1, FIXTURE_LONG_NS), 1);
		cr_expect_eq(fixture_number(&items[0]), i);
		cr_assert_eq(weir_ack(member, &items[0]), 0);
	}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(lag(id), 1);
	cr_assert_eq(weir_poll(member, items, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(fixture_number(&items[0]), 2);
}

Test(transactions, its_size_is_known_before)
{
	struct weir_item item;
	struct weir_member *member = join(id);
	uint64_t number = 0;
	struct weir_event event = fixture_event(out, NULL, &number);
	size_t one = weir_event_bytes(&event);
	publish(0, 1);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	cr_expect_eq(weir_transaction_begin(member, FIXTURE_LANE_BYTES, 0), WEIR_E_TOO_BIG);
	cr_assert_eq(weir_transaction_begin(member, one + WEIR_TRANSACTION_ACK_BYTES, 0), 0);
	cr_expect_eq(weir_transaction_commit(member, NULL), -EINVAL, "it is empty");
	cr_assert_eq(weir_transaction_publish(member, &event), 0);
	ack(member, &item);
	cr_expect_eq(weir_transaction_publish(member, &event), WEIR_E_TOO_BIG);
	event.topic = 99;
	cr_expect_eq(weir_transaction_publish(member, &event), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(finish(member, commit(member), NULL), 0, "it stayed open");
	expect_outputs(1);
	cr_expect_eq(weir_transaction_publish(member, &event), -EINVAL);
	cr_expect_eq(weir_transaction_ack(member, &item), -EINVAL);
	cr_expect_eq(weir_transaction_commit(member, NULL), -EINVAL);
}

Test(transactions, outcomes_that_nobody_takes_are_told_at_a_begin)
{
	struct weir_member_options o;
	struct weir_member *member;
	struct weir_transaction_outcome outcome;
	weir_member_options_init(&o);
	o.transactions_max = 2;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	for (uint32_t i = 0; i < 2; i++) {
		begin(member);
		output(member, i);
		(void)commit(member);
	}
	cr_expect_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), WEIR_E_FULL);
	while (weir_transaction_next(member, WEIR_LEVEL_DEFAULT, &outcome) != 1)
		(void)weir_step(f.pipeline, 0);
	cr_expect_eq(outcome.code, 0);
	begin(member);
	expect_outputs(2);
}

/* ---- queues ---- */

Test(transactions, of_a_queue_all_events_are_settled_or_none)
{
	struct weir_item items[4];
	struct weir_transaction_outcome outcome;
	struct weir_member *member = join(queue);
	publish(0, 4);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(fixture_poll(member, &items[i], 1, 1, false), 1);
	begin(member);
	output_once(member, 7);
	ack(member, &items[2]);
	ack(member, &items[0]);
	ack(member, &items[0]);
	uint64_t ticket = commit(member);
	cr_expect_eq(weir_ack(member, &items[0]), -EBUSY);
	cr_expect_eq(weir_reject(member, &items[2], NULL), -EBUSY);
	cr_expect_eq(finish(member, ticket, &outcome), 0);
	expect_outputs(1);
	cr_expect_eq(lag(queue), 2);
	begin(member);
	output_once(member, 7);
	ack(member, &items[1]);
	cr_expect_eq(weir_reject(member, &items[3], NULL), -EBUSY);
	cr_expect_eq(finish(member, commit(member), &outcome), WEIR_E_DUPLICATE);
	cr_expect_eq(outcome.refused, 0);
	expect_outputs(0);
	cr_expect_eq(lag(queue), 2);
	cr_expect_eq(weir_reject(member, &items[1], NULL), 0, "the member has it as before");
	cr_expect_eq(weir_ack(member, &items[3]), 0);
	cr_assert_eq(fixture_poll(member, &items[1], 1, 1, true), 1);
	cr_expect_eq(items[1].attempts, 2);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(lag(queue), 0);
}

Test(transactions, one_event_whose_lease_is_over_refuses_all_of_it)
{
	struct weir_item items[2], again;
	struct weir_member *member = join(queue);
	publish(0, 2);
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(fixture_poll(member, &items[i], 1, 1, false), 1);
	struct weir_member *other = join(queue);
	begin(member);
	output(member, 1);
	ack(member, &items[0]);
	ack(member, &items[1]);
	cr_assert_eq(weir_extend(member, &items[1], 0), 0);
	cr_assert_eq(fixture_poll(other, &again, 1, 1, false), 1);
	cr_expect_eq(finish(member, commit(member), NULL), WEIR_E_FENCED);
	expect_outputs(0);
	cr_expect_eq(lag(queue), 2);
	/* The new one's is good. */
	begin(other);
	output(other, 1);
	ack(other, &again);
	cr_expect_eq(finish(other, commit(other), NULL), 0);
	expect_outputs(1);
	begin(member);
	ack(member, &items[0]);
	cr_expect_eq(finish(member, commit(member), NULL), 0,
		     "of the other it still has the lease");
	cr_expect_eq(lag(queue), 0);
}
