/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is told of events of partitions that fail: attempts and dead letters in the metrics,
 * dead letters by an alert; and of one that is erased on its way to the dead letters nothing: it is
 * settled at once, without a letter. While a subscription has no dead letters the group step is
 * not woken for one that was asked for before: the event comes again.
 *
 * Method: manual pipelines with a journal; a look into the group's state for the moment in which a
 * letter is on its way.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <weir/alerts.h>
#include <weir/dead_letters.h>
#include <weir/metrics.h>

#include "core/pipeline/metrics.h"
#include "core/pipeline/retry.h"
#include "tests/support/queue_bed.h"
#include "tests/unit/pipeline/metrics_rounds.h"

#define NUMBERS 12u
#define ATTEMPTS 3u

static struct {
	uint32_t raised, cleared;
	char subscription[64];
	uint64_t value;
} heard;
static uint32_t refused_lines;

static void hear(void *context, const struct weir_alert *alert)
{
	(void)context;
	heard.raised += alert->raised;
	heard.cleared += !alert->raised;
	heard.value = alert->value;
	(void)snprintf(heard.subscription, sizeof heard.subscription, "%s", alert->subscription);
}

static void log_line(void *context, const struct weir_log_line *line)
{
	(void)context;
	refused_lines += strcmp(line->event, "dead_letter.refused") == 0 ? 1 : 0;
}

static void setup(void)
{
	static const struct weir_alert_rule rule = {
		.name = "dying", .kind = WEIR_ALERT_DEAD_LETTERS, .raise_at = 2, .clear_at = 0};
	memset(&heard, 0, sizeof heard);
	refused_lines = 0;
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.f.options.alerts = &rule;
	queue_bed.f.options.alert_count = 1;
	queue_bed.f.options.alert_fn = hear;
	queue_bed.f.options.log_fn = log_line;
	queue_bed.f.options.pack = WEIR_PACK_PADDING;
	queue_bed.f.options.erasures_max = 100;
	queue_reopen();
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = ATTEMPTS;
}

TestSuite(partition_retry_told, .init = setup, .fini = queue_end, .timeout = 120);

static uint64_t told(const char *name)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	uint32_t at = 0;
	cr_assert_eq(weir_metrics_open_own(queue_bed.f.pipeline, &m, NULL), 0);
	int metric = weir_metrics_find(m, name);
	cr_assert_geq(metric, 0, "%s", name);
	cr_assert(weir_metrics_next(m, "subscription", &at, &o));
	cr_assert_str_eq(o.label_values[0], "queue");
	uint64_t value = weir_metrics_value(m, &o, (uint32_t)metric);
	weir_metrics_close(m);
	return value;
}

/* Handles what comes until `count` items have; each attempt at the first `fails` numbers fails. */
static void handle(struct weir_member *member, uint32_t count, uint64_t fails)
{
	const struct weir_rejection again = {.delay_ns = 0};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t come = 0;
	while (come < count && fixture_now_ns() < until) {
		struct weir_item item;
		if (weir_poll(member, &item, 1, MS) != 1)
			continue;
		come++;
		if (fixture_number(&item) < fails)
			cr_assert_eq(weir_reject(member, &item, &again), 0);
		else
			cr_assert_eq(weir_ack(member, &item), 0);
	}
	cr_assert_eq(come, count);
	cr_expect_eq(fixture_poll_rest(member), 0);
	queue_commit(member);
}

Test(partition_retry_told, attempts_and_dead_letters_are_counted_and_raise_an_alert)
{
	uint32_t id = queue_make();
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	metrics_rounds(queue_bed.f.pipeline, 2);
	for (uint64_t i = 0; i < NUMBERS; i++)
		queue_publish_keyed(i, i);
	handle(member, NUMBERS + ATTEMPTS - 1, 1);
	metrics_rounds(queue_bed.f.pipeline, 3);
	cr_expect_eq(told("weir_subscription_dead_letters"), 1);
	cr_expect_eq(told("weir_subscription_redeliveries"), ATTEMPTS - 1);
	cr_expect_eq(heard.raised, 0, "it is raised at two");
	for (uint64_t i = 0; i < NUMBERS; i++)
		queue_publish_keyed(i, i);
	handle(member, NUMBERS + 2 * (ATTEMPTS - 1), 2);
	metrics_rounds(queue_bed.f.pipeline, 3);
	cr_expect_eq(told("weir_subscription_dead_letters"), 3);
	cr_expect_eq(told("weir_subscription_redeliveries"), 3 * (ATTEMPTS - 1));
	cr_expect(heard.raised == 1 && heard.value == 3, "%u, %lu", heard.raised,
		  (unsigned long)heard.value);
	cr_expect_str_eq(heard.subscription, "queue");
	cr_expect_eq(refused_lines, 0);
}

/* The group has read the event, and its letter is not decided yet. */
static bool is_on_its_way(uint32_t id)
{
	const struct wr_subscription_live *live = &queue_bed.f.pipeline->subscriptions[id];
	for (uint32_t row = 0; row < live->group.row_count; row++)
		if (live->failures.letters[row].state == WR_ROW_LETTER_ON_WAY)
			return true;
	return false;
}

Test(partition_retry_told, what_is_erased_on_its_way_is_settled_without_a_letter_at_once)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	const uint64_t key = 4;
	uint32_t id = queue_make();
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	struct weir_member *undertaker = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "undertaker", "dead"), NULL);
	queue_publish_keyed(key, 1);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_reject(member, &item, &dead), 0);
	for (uint32_t i = 0; i < 1000 && !is_on_its_way(id); i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, 0), 0);
	cr_assert(is_on_its_way(id));
	/* It stands in the log before the letter. */
	cr_assert_eq(weir_erase_key(queue_bed.f.pipeline, queue_bed.topic, &key, sizeof key, NULL,
				    &queue_bed.problem),
		     0, "%s", queue_bed.problem.text);
	/* What is behind it comes: the partition goes on. */
	queue_publish_keyed(key, 2);
	item = queue_next(member);
	cr_expect_eq(fixture_number(&item), 2);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
	cr_expect_eq(refused_lines, 0, "it is no trouble");
}

Test(partition_retry_told, while_there_are_no_dead_letters_nobody_is_woken_for_one)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	uint32_t id = queue_make();
	struct wr_subscription_live *live = &queue_bed.f.pipeline->subscriptions[id];
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	queue_publish_keyed(1, 1);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_reject(member, &item, &dead), 0);
	/* As if its event could not be read, just now. */
	uint64_t later_ns = fixture_now_ns() + 1000 * FIXTURE_LONG_NS;
	live->failures.letters_after_ns = later_ns;
	for (uint32_t i = 0; i < 1000 && live->failures.wanted_count == 0; i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, 0), 0);
	cr_expect_eq(wr_row_letters_due_ns(live), later_ns);
	queue_bed.options.dead_letters = NULL;
	queue_bed.options.attempts_max = 0;
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(wr_row_letters_due_ns(live), UINT64_MAX);
	item = queue_next(member);
	cr_expect(fixture_number(&item) == 1 && item.attempts == 2);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	/* With dead letters again, it is found that there is nothing to bury. */
	queue_bed.options.dead_letters = "dead";
	cr_assert_eq(queue_make(), id);
	live->failures.letters_after_ns = 0;
	metrics_rounds(queue_bed.f.pipeline, 1);
	cr_expect_eq(live->failures.wanted_count, 0);
	cr_expect_eq(wr_row_letters_due_ns(live), UINT64_MAX);
	cr_expect_eq(told("weir_subscription_dead_letters"), 0);
}
