/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   with when_dead PARK the later events of a dead one's key wait behind it, in order, in the
 *         log and over opens, while others go on; they go on when it is given up, and what is not
 *         parked is refused; where everything is parked nothing is left out.
 * Method: the queue bed, one thread; who got what, what lag says, opens from the log alone and from
 *         a checkpoint.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/queue_bed.h"

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 1;
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
}

TestSuite(parked, .init = setup, .fini = queue_end, .timeout = 120);

static struct weir_lag lag_of(uint32_t id)
{
	struct weir_lag lag;
	(void)queue_lag(id);
	cr_assert_eq(weir_lag(queue_bed.f.pipeline, id, &lag), 0);
	return lag;
}

/* Numbers first .. first + count - 1 of a key. */
static void publish(uint64_t key, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		queue_publish_keyed(key, first + i);
}

/* The next one fails for good, and its letter is written. Its sequence. */
static uint64_t fail_next(struct weir_member *member, uint32_t id, uint64_t number)
{
	struct weir_item item = queue_next(member);
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD, .reason = 5, .text = "poison"};
	cr_assert_eq(fixture_number(&item), number);
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	uint64_t parked = lag_of(id).parked, until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag_of(id).parked <= parked && fixture_now_ns() < until)
		;
	return item.sequence;
}

/* What comes, which are the numbers from `first` on, and nothing else. */
static void expect_rest(struct weir_member *member, uint64_t first, uint64_t count)
{
	queue_take(member, first, count);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(parked, a_key_waits_behind_its_dead_event_and_others_go_on)
{
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 8),
			   *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	struct weir_origin origin;
	publish(1, 10, 1);
	uint64_t dead = fail_next(member, id, 10);
	publish(1, 11, 4);
	publish(2, 20, 3);
	expect_rest(member, 20, 3);
	struct weir_lag lag = lag_of(id);
	cr_expect_eq(lag.events, 5);
	cr_expect_eq(lag.parked, 5);
	struct weir_item letter = queue_next(undertaker);
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect(origin.parked && origin.by_verdict);
	cr_expect_eq(origin.sequence, dead);
	cr_expect_eq(origin.reason, 5);
	cr_expect_eq(fixture_poll_rest(undertaker), 0, "those behind it are no letters");
	cr_assert_eq(weir_ack(undertaker, &letter), 0);
	cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead), 0);
	expect_rest(member, 11, 4);
	lag = lag_of(id);
	cr_expect(lag.events == 0 && lag.parked == 0);
}

/* Events without a key that carry something. */
static uint32_t filled;

static void fill_until_checkpoint(void)
{
	static char text[2000];
	struct weir_info info = {.struct_bytes = sizeof info};
	uint64_t ticket, until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_event event = {
		.topic = queue_bed.topic, .payload = text, .payload_bytes = sizeof text};
	filled = 0;
	do {
		cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
		fixture_wait(queue_bed.producer, ticket);
		filled++;
		cr_assert_eq(weir_pipeline_info(queue_bed.f.pipeline, &info), 0);
	} while (info.checkpoints == 0 && fixture_now_ns() < until);
	cr_assert_gt(info.checkpoints, 0);
}

Test(parked, they_wait_over_opens_also_from_a_checkpoint)
{
	queue_bed.f.options.checkpoint_bytes = 1;
	queue_reopen();
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	publish(1, 10, 1);
	uint64_t dead = fail_next(member, id, 10);
	publish(1, 11, 3);
	publish(2, 20, 1);
	expect_rest(member, 20, 1);
	for (uint32_t i = 0; i < 3; i++) {
		/* The third open begins at a checkpoint that has all of it. */
		if (i == 2)
			fill_until_checkpoint();
		queue_reopen();
		cr_assert_eq(queue_make(), id);
		cr_expect_eq(lag_of(id).parked, 4);
	}
	member = queue_join(id, 8);
	queue_publish_keyed(1, 14);
	uint32_t seen[EVENTS] = {0};
	cr_expect_eq(queue_drain(member, seen, filled), filled);
	queue_commit(member);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(lag_of(id).parked, 5);
	cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead), 0);
	expect_rest(member, 11, 4);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(lag_of(id).events, 0);
}

Test(parked, each_key_has_its_own)
{
	enum { KEYS = 3 };
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 1);
	uint64_t dead[KEYS];
	for (uint64_t k = 0; k < KEYS; k++) {
		publish(k + 1, 100 * (k + 1), 1);
		dead[k] = fail_next(member, id, 100 * (k + 1));
		publish(k + 1, 100 * (k + 1) + 1, 2);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
	for (uint32_t k = KEYS; k-- > 0;) {
		cr_expect_eq(lag_of(id).parked, 3 * (k + 1));
		cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead[k]), 0);
		expect_rest(member, 100 * (k + 1) + 1, 2);
	}
	/* A second one of a key that was parked before. */
	publish(1, 7, 1);
	dead[0] = fail_next(member, id, 7);
	publish(1, 8, 1);
	cr_expect_eq(lag_of(id).parked, 2);
	cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead[0]), 0);
	expect_rest(member, 8, 1);
}

Test(parked, what_is_not_parked_cannot_be_given_up)
{
	uint32_t id = queue_make();
	uint32_t plain = fixture_subscription(&queue_bed.f, "plain", "work");
	struct weir_pipeline *p = queue_bed.f.pipeline;
	struct weir_member *member = queue_join(id, 8);
	publish(1, 10, 2);
	uint64_t dead = fail_next(member, id, 10);
	cr_expect_eq(weir_parked_give_up(p, id, dead + 1), -ENOENT, "it waits behind one");
	cr_expect_eq(weir_parked_give_up(p, id, 0), -ENOENT);
	cr_expect_eq(weir_parked_give_up(p, id, UINT64_MAX), -ENOENT);
	cr_expect_eq(weir_parked_give_up(p, plain, dead), -EINVAL);
	cr_expect_eq(weir_parked_give_up(p, 99, dead), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(lag_of(id).parked, 2);
	cr_expect_eq(weir_parked_give_up(p, id, dead), 0);
	cr_expect_eq(weir_parked_give_up(p, id, dead), -ENOENT, "it was already");
	expect_rest(member, 11, 1);
}

Test(parked, without_a_key_it_passes)
{
	uint32_t id = queue_make();
	uint32_t dead_id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	struct weir_member *member = queue_join(id, 8),
			   *undertaker = fixture_member(&queue_bed.f, dead_id, NULL);
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_origin origin;
	queue_publish(1, 2);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	struct weir_item letter = queue_next(undertaker);
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_not(origin.parked);
	cr_expect_eq(lag_of(id).events, 0);
}

Test(parked, where_all_is_parked_it_waits_and_nothing_is_left_out)
{
	queue_bed.options.outstanding_max = 4;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	publish(1, 10, 1);
	uint64_t dead = fail_next(member, id, 10);
	publish(1, 11, 5);
	publish(2, 20, 2);
	cr_expect_eq(fixture_poll_rest(member), 0, "there is no room for another key");
	cr_expect_eq(lag_of(id).parked, 4);
	cr_expect_eq(lag_of(id).events, 8);
	cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead), 0);
	uint32_t seen[EVENTS] = {0};
	cr_expect_eq(queue_drain(member, seen, 7), 7);
	for (uint64_t i = 11; i < 16; i++)
		cr_expect_eq(seen[i], 1);
	cr_expect(seen[20] == 1 && seen[21] == 1);
}

Test(parked, a_key_stays_parked_when_the_subscription_passes_from_then_on)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	publish(1, 10, 2);
	uint64_t dead = fail_next(member, id, 10);
	queue_bed.options.when_dead = WEIR_DEAD_PASS;
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead), 0);
	expect_rest(member, 11, 1);
}

Test(parked, options_that_do_not_go_with_it_are_refused)
{
	static const struct {
		enum weir_order order;
		const char *dead_letters;
		uint32_t attempts_max;
		unsigned when_dead;
		const char *field;
	} cases[] = {
		{WEIR_ORDER_NONE, "dead", 1, WEIR_DEAD_PARK, "when_dead"},
		{WEIR_ORDER_KEY, NULL, 0, WEIR_DEAD_PARK, "when_dead"},
		{WEIR_ORDER_PARTITION, NULL, 0, WEIR_DEAD_PARK, "order"},
		{WEIR_ORDER_KEY, "dead", 1, 2, "when_dead"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct weir_subscription_options *o = &queue_bed.options;
		uint32_t id;
		o->order = cases[i].order;
		o->dead_letters = cases[i].dead_letters;
		o->attempts_max = cases[i].attempts_max;
		o->when_dead = (enum weir_when_dead)cases[i].when_dead;
		cr_expect_eq(
			weir_subscription_create(queue_bed.f.pipeline, o, &id, &queue_bed.problem),
			-EINVAL);
		cr_expect_str_eq(queue_bed.problem.field, cases[i].field, "case %zu", i);
	}
}

Test(parked, in_memory_alone_it_is_refused, .init = NULL, .fini = NULL)
{
	uint32_t id;
	queue_begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					      &queue_bed.problem),
		     -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "when_dead");
	queue_end();
}
