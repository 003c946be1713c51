/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: keys that are parked, a lease that lasts and a disk with little room raise their alerts,
 * and each is over when that is.
 *
 * Method: a queue in a pipeline that is driven by hand, with one rule.
 */
#include <criterion/criterion.h>

#include "tests/support/queue_bed.h"
#include "tests/unit/pipeline/alerts_heard.h"

/* Until the callback came so often, or for long. */
static void await(const uint32_t *count, uint32_t wanted)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (*count < wanted && fixture_now_ns() < until)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	cr_assert_eq(*count, wanted);
}

static void begin(const struct weir_alert_rule *rule)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.f.options.alerts = rule;
	queue_bed.f.options.alert_count = 1;
	queue_bed.f.options.alert_fn = hear;
	queue_bed.f.options.alert_context = &heard;
	queue_bed.f.options.metrics_dir = "none";
	queue_reopen();
}

TestSuite(alerts_kinds, .timeout = 120);

Test(alerts_kinds, keys_that_are_parked)
{
	static const struct weir_alert_rule rule = {
		.name = "keys", .kind = WEIR_ALERT_PARKED, .raise_at = 4, .clear_at = 0};
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD, .reason = 5};

	begin(&rule);
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 1;
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item first = queue_next(member);
	cr_assert_eq(weir_reject(member, &first, &dead), 0);
	for (uint64_t number = 11; number < 14; number++)
		queue_publish_keyed(1, number);
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     heard.raised == 0 && fixture_now_ns() < until;)
		(void)fixture_poll_rest(member);
	cr_assert_eq(heard.raised, 1);
	cr_expect_eq(heard.value, 4, "the event that failed, and three behind it");
	cr_expect_str_eq(heard.subscription, "queue");
	cr_assert_eq(weir_parked_give_up(queue_bed.f.pipeline, id, first.sequence), 0);
	for (uint64_t number = 11; number < 14; number++) {
		struct weir_item item = queue_next(member);
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	queue_commit(member);
	await(&heard.cleared, 1);
	cr_expect(heard.raised == 1 && heard.value == 0);
	queue_end();
}

Test(alerts_kinds, a_lease_that_lasts)
{
	static const struct weir_alert_rule rule = {.name = "slow",
						    .kind = WEIR_ALERT_LEASE_AGE,
						    .raise_at = 200 * MS,
						    .clear_at = 100 * MS};

	begin(&rule);
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish(0, 1);
	uint64_t given_ns = fixture_now_ns();
	struct weir_item item = queue_next(member);
	await(&heard.raised, 1);
	cr_expect_geq(heard.value, 200 * MS);
	cr_expect_leq(heard.value, fixture_now_ns() - given_ns);
	cr_expect_str_eq(heard.subscription, "queue");
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	await(&heard.cleared, 1);
	cr_expect(heard.raised == 1 && heard.value == 0);
	queue_end();
}

/* Of the disk that the journal is on: how much there is nobody knows, so the marks move. */
Test(alerts_kinds, a_disk_with_little_room)
{
	struct weir_alert_rule rule = {.name = "room",
				       .kind = WEIR_ALERT_FREE_BYTES,
				       .raise_at = UINT64_MAX - 1,
				       .clear_at = UINT64_MAX};

	begin(&rule);
	await(&heard.raised, 1);
	cr_expect_gt(heard.value, 0);
	cr_expect_str_eq(heard.subscription, "");
	rule.raise_at = 0;
	rule.clear_at = 1;
	cr_assert_eq(weir_pipeline_alerts_set(queue_bed.f.pipeline, &rule, 1, &queue_bed.problem),
		     0, "%s", queue_bed.problem.text);
	await(&heard.cleared, 1);
	cr_expect_eq(heard.raised, 1);
	queue_end();
}
