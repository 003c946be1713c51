/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a queue that is as long as it may be has what is published to its topics refused, to the
 * event, and told which queue it is; nothing of it is anywhere, nothing else is refused, and it
 * ends when enough is settled: over opens and seeks, in runs and in memory-only logs, too. What
 * weir itself puts there waits, and comes once. Rules: L5, L15.
 *
 * Method: as in test_sharing.c. What was refused is in no replay of the log either.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <weir/binding.h>
#include <weir/dead_letters.h>
#include <weir/transaction.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/queue_bed.h"

#define LIMIT 10u

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.length_max = LIMIT;
	queue_bed.options.when_long = WEIR_LONG_REFUSE;
}

static void setup_memory(void)
{
	queue_begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	queue_bed.options.length_max = LIMIT;
	queue_bed.options.when_long = WEIR_LONG_REFUSE;
}

TestSuite(queue_refuses, .init = setup, .fini = queue_end, .timeout = 120);

static int what_became(struct weir_producer *producer, uint64_t ticket)
{
	enum weir_level level = queue_bed.f.dir[0] != '\0' ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	return weir_wait(producer, ticket, level, FIXTURE_LONG_NS);
}

/* What became of one event to a topic. */
static int publish_to(uint32_t topic, uint64_t number)
{
	struct weir_event event = fixture_event(topic, NULL, &number);
	uint64_t ticket;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	return what_became(queue_bed.producer, ticket);
}

/* How many of `count` are taken, from number `first` on: the others find it full. */
static uint32_t publish_some(uint64_t first, uint32_t count)
{
	uint32_t taken = 0;
	for (uint32_t i = 0; i < count; i++) {
		int rc = publish_to(queue_bed.topic, first + i);
		cr_expect(rc == 0 || rc == WEIR_E_QUEUE_FULL, "%s", weir_error_name(rc));
		taken += rc == 0;
	}
	return taken;
}

Test(queue_refuses, a_full_queue_refuses_until_some_is_settled)
{
	uint32_t id = queue_make(), other = fixture_subscription(&queue_bed.f, "other", "work");
	struct weir_member *member = queue_join(id, 4);
	cr_expect_eq(publish_some(0, LIMIT + 5), LIMIT);
	cr_expect_eq(queue_counts(id).refused, 5);
	cr_expect_eq(publish_to(queue_bed.dead_topic, 7), 0, "another topic");
	/* What a member has counts, what it has settled does not. */
	struct weir_item item = queue_next(member);
	cr_expect_eq(publish_to(queue_bed.topic, 50), WEIR_E_QUEUE_FULL);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(publish_some(10, 3), 1);
	queue_take(member, 1, LIMIT);
	cr_expect_eq(queue_lag(id), 0);
	cr_expect_eq(publish_some(11, LIMIT + 1), LIMIT);
	/* Nobody has what was refused. */
	struct weir_item seen[64];
	struct weir_member *reader = fixture_member(&queue_bed.f, other, NULL);
	cr_assert_eq(fixture_poll(reader, seen, 64, 2 * LIMIT + 1, true), 2 * LIMIT + 1);
	cr_expect_eq(fixture_poll_rest(reader), 0);
}

Test(queue_refuses, all_at_once_are_taken_up_to_the_limit)
{
	uint32_t id = queue_make();
	uint64_t last = fixture_publish(queue_bed.producer, queue_bed.topic, 0, 3 * LIMIT);
	cr_expect_eq(what_became(queue_bed.producer, last), WEIR_E_QUEUE_FULL);
	cr_expect_eq(queue_lag(id), LIMIT);
	cr_expect_eq(queue_counts(id).refused, 2 * LIMIT);
	queue_take(queue_join(id, 4), 0, LIMIT);
}

static struct weir_ack_range told;

static void tell(void *context, const struct weir_ack_range *range)
{
	(void)context;
	if (range->code != 0)
		told = *range;
}

Test(queue_refuses, who_published_is_told_which_queue_it_is)
{
	static const char *const topics[] = {"dead"};
	queue_bed.options.length_max = 1000;
	(void)queue_make();
	queue_bed.options.name = "second";
	queue_bed.options.topics = topics;
	queue_bed.options.length_max = 1;
	uint32_t id = queue_make();
	struct weir_producer_options options;
	struct weir_producer *producer;
	uint64_t number = 0, ticket;
	weir_producer_options_init(&options);
	options.ack_fn = tell;
	cr_assert_eq(
		weir_producer_open(queue_bed.f.pipeline, &options, &producer, &queue_bed.problem),
		0);
	struct weir_event event = fixture_event(queue_bed.dead_topic, NULL, &number);
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_assert_eq(what_became(producer, ticket), WEIR_E_QUEUE_FULL);
	(void)weir_producer_poll_acks(producer);
	cr_expect(told.code == WEIR_E_QUEUE_FULL && told.subscription == id &&
		  told.first_ticket == 2 && told.last_ticket == 2);
}

/* One output that has a place, and one that has none, behind an acknowledgement. */
static struct weir_transaction_outcome transact(struct weir_member *member,
						const struct weir_item *item, uint32_t full_topic)
{
	struct weir_transaction_outcome outcome = {.code = 1};
	const uint32_t topics[] = {queue_bed.topic, full_topic};
	uint64_t number = 9, ticket;
	cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct weir_event event = fixture_event(topics[i], NULL, &number);
		cr_assert_eq(weir_transaction_publish(member, &event), 0);
	}
	cr_assert_eq(weir_transaction_ack(member, item), 0);
	cr_assert_eq(weir_transaction_commit(member, &ticket), 0);
	int rc = weir_transaction_wait(member, ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS,
				       &outcome);
	cr_expect_eq(rc, outcome.code);
	return outcome;
}

Test(queue_refuses, a_transaction_is_told_which_queue_and_which_output)
{
	static const char *const topics[] = {"dead"};
	struct weir_item item;
	uint32_t queue = queue_make();
	uint32_t reader = fixture_subscription(&queue_bed.f, "reader", "work");
	queue_bed.options.name = "second";
	queue_bed.options.topics = topics;
	queue_bed.options.length_max = 1;
	uint32_t second = queue_make();
	struct weir_member *of_queue = queue_join(queue, 4);
	struct weir_member *of_reader = fixture_member(&queue_bed.f, reader, NULL);
	cr_assert_eq(publish_to(queue_bed.topic, 0), 0);
	cr_assert_eq(publish_to(queue_bed.dead_topic, 0), 0);
	cr_assert_eq(fixture_poll(of_reader, &item, 1, 1, false), 1);
	struct weir_item taken = queue_next(of_queue);
	for (uint32_t i = 0; i < 2; i++) {
		struct weir_member *member = i == 0 ? of_reader : of_queue;
		struct weir_transaction_outcome outcome =
			transact(member, i == 0 ? &item : &taken, queue_bed.dead_topic);
		cr_expect_eq(outcome.code, WEIR_E_QUEUE_FULL, "%s", weir_error_name(outcome.code));
		cr_expect_eq(outcome.subscription, second);
		cr_expect_eq(outcome.refused, 1);
	}
	cr_expect_eq(queue_lag(queue), 1, "nothing of them is there, nothing acknowledged");
	cr_expect_eq(queue_lag(reader), 1);
}

Test(queue_refuses, a_limit_by_bytes_is_passed_by_one_event_at_most)
{
	queue_bed.options.length_max = 0;
	queue_bed.options.length_bytes_max = 300;
	uint32_t id = queue_make();
	uint32_t taken = publish_some(0, 100);
	struct weir_lag lag;
	cr_expect_eq(queue_lag(id), taken);
	cr_assert_eq(weir_lag(queue_bed.f.pipeline, id, &lag), 0);
	cr_expect(taken > 0 && lag.bytes >= 300 && lag.bytes - lag.bytes / taken < 300);
}

Test(queue_refuses, it_is_as_long_behind_an_open_and_after_a_change_of_options)
{
	uint32_t id = queue_make();
	cr_expect_eq(publish_some(0, LIMIT + 1), LIMIT);
	queue_reopen();
	/* Of a queue that was not created since the open nothing is refused. */
	cr_expect_eq(publish_to(queue_bed.topic, LIMIT), 0);
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(publish_some(100, 1), 0);
	queue_bed.options.length_max = LIMIT + 3;
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(publish_some(LIMIT + 1, 5), 2);
	queue_bed.options.when_long = WEIR_LONG_DROP;
	queue_bed.options.length_max = 0;
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(publish_some(LIMIT + 3, 5), 5);
	queue_take(queue_join(id, 4), 0, LIMIT + 8);
}

/* In a run all of it, or nothing: a place that was taken back is there for the next. */
Test(queue_refuses, a_run_that_does_not_fit_is_refused_whole)
{
	uint32_t id = queue_make();
	uint64_t numbers[LIMIT + 1], ticket;
	cr_expect_eq(publish_some(0, LIMIT - 2), LIMIT - 2);
	for (uint32_t count = 3; count >= 2; count--) {
		cr_assert_eq(weir_run_begin(queue_bed.producer, 1000), 0);
		for (uint32_t i = 0; i < count; i++) {
			numbers[i] = LIMIT - 2 + i;
			struct weir_event event = fixture_event(queue_bed.topic, NULL, &numbers[i]);
			cr_assert_eq(weir_run_add(queue_bed.producer, &event), 0);
		}
		cr_assert_eq(weir_run_commit(queue_bed.producer, &ticket), 0);
		cr_expect_eq(what_became(queue_bed.producer, ticket),
			     count == 3 ? WEIR_E_QUEUE_FULL : 0);
	}
	cr_expect_eq(publish_some(100, 1), 0);
	queue_take(queue_join(id, 4), 0, LIMIT);
}

static void seek(uint32_t id, enum weir_seek_to to, uint64_t at)
{
	cr_assert_eq(weir_subscription_seek(queue_bed.f.pipeline, id, to, at, FIXTURE_LONG_NS,
					    &queue_bed.problem),
		     0, "%s", queue_bed.problem.text);
}

Test(queue_refuses, after_a_seek_it_is_as_long_as_what_is_to_come_again)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4);
	cr_expect_eq(publish_some(0, LIMIT), LIMIT);
	queue_take(member, 0, LIMIT);
	cr_expect_eq(publish_some(LIMIT, 4), 4);
	seek(id, WEIR_SEEK_OLDEST, 0);
	cr_expect_eq(queue_lag(id), LIMIT + 4);
	cr_expect_eq(publish_some(100, 2), 0);
	queue_take(member, 0, 5);
	cr_expect_eq(publish_some(LIMIT + 4, 2), 1);
	queue_take(member, 5, LIMIT);
}

/* Its place is known again when what lies before the seek is counted. */
Test(queue_refuses, after_a_seek_to_a_place_between_too)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 1);
	uint64_t fifth = 0;
	cr_expect_eq(publish_some(0, LIMIT), LIMIT);
	for (uint32_t i = 0; i < LIMIT; i++) {
		struct weir_item item = queue_next(member);
		fifth = i == 4 ? item.sequence : fifth;
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	queue_commit(member);
	seek(id, WEIR_SEEK_SEQUENCE, fifth);
	for (uint32_t i = 0; i < 2; i++) {
		/* Also over an open, which counts it anew. */
		cr_expect_eq(queue_lag(id), LIMIT - 4);
		for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
		     wr_load_relaxed(&queue_bed.f.pipeline->tables.lengths.of[id].told_seq) == 0 &&
		     fixture_now_ns() < until;)
			cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
		if (i == 0) {
			queue_reopen();
			cr_assert_eq(queue_make(), id);
		}
	}
	cr_expect_eq(publish_some(LIMIT, 6), 4);
	queue_take(queue_join(id, 4), 4, LIMIT);
}

Test(queue_refuses, a_memory_only_log_refuses_as_well, .init = setup_memory)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4);
	cr_expect_eq(publish_some(0, LIMIT + 5), LIMIT);
	for (uint32_t i = 0; i < 3; i++) {
		struct weir_item item = queue_next(member);
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	cr_expect_eq(publish_some(LIMIT, 5), 3);
	cr_expect_eq(queue_lag(id), LIMIT);
}

/* Three letters for a queue that has two places: the third waits until one is settled. */
Test(queue_refuses, dead_letters_wait_for_a_place_and_come_once)
{
	static const char *const topics[] = {"dead"};
	queue_bed.options.name = "undertaker";
	queue_bed.options.topics = topics;
	queue_bed.options.length_max = 2;
	uint32_t letters = queue_make();
	queue_bed.options.name = "queue";
	queue_bed.options.topics = (const char *const[]){"work"};
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.length_max = 0;
	queue_bed.options.when_long = WEIR_LONG_DROP;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4), *undertaker = queue_join(letters, 4);
	cr_expect_eq(publish_some(0, 3), 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct weir_item item = queue_next(member);
		struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD};
		cr_assert_eq(weir_reject(member, &item, &r), 0);
	}
	queue_commit(member);
	struct weir_item first = queue_next(undertaker), second = queue_next(undertaker);
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
	cr_expect_eq(queue_lag(id), 1, "it stays where it was");
	cr_assert_eq(weir_ack(undertaker, &first), 0);
	cr_assert_eq(weir_ack(undertaker, &second), 0);
	struct weir_item third = queue_next(undertaker);
	cr_expect_eq(fixture_number(&first) + fixture_number(&second) + fixture_number(&third), 3);
	cr_assert_eq(weir_ack(undertaker, &third), 0);
	queue_commit(undertaker);
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_refuses, a_binding_copies_when_there_is_a_place)
{
	struct weir_binding_options options;
	uint32_t binding, exchange = fixture_topic(&queue_bed.f, "exchange", 1);
	uint32_t id = queue_make();
	weir_binding_options_init(&options);
	options.name = "bound";
	options.source = exchange;
	options.target = queue_bed.topic;
	cr_assert_eq(
		weir_binding_create(queue_bed.f.pipeline, &options, &binding, &queue_bed.problem),
		0, "%s", queue_bed.problem.text);
	for (uint64_t i = 0; i < LIMIT + 5; i++)
		cr_expect_eq(publish_to(exchange, i), 0);
	/* Their order is that of the log. */
	queue_take(queue_join(id, 4), 0, LIMIT + 5);
}

Test(queue_refuses, what_it_needs_is_said)
{
	uint32_t id;
	struct weir_filter_term term = {
		.kind = WEIR_FILTER_FANOUT, .pattern = "a", .pattern_bytes = 1};
	struct weir_subscription_filter filter = {.terms = &term, .term_count = 1};
	queue_bed.options.length_max = 0;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "when_long");
	queue_bed.options.length_max = LIMIT;
	queue_bed.options.filter = &filter;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	queue_bed.options.filter = NULL;
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	queue_bed.options.order = WEIR_ORDER_NONE;
	id = queue_make();
	cr_expect_eq(weir_subscription_set_filter(queue_bed.f.pipeline, id, &filter, NULL,
						  &queue_bed.problem),
		     -EINVAL);
}
