/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a queue that is above the limit of WEIR_SLOW_DETACH is told so by each poll, has nothing
 * outstanding and holds nothing any more, over opens, and goes on behind a seek, with whatever
 * nobody had acknowledged where it stood.
 *
 * Method: as in test_sharing.c; what the group does is waited for as a state.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/queue_bed.h"

#define LIMIT 50u
#define FILLS_MAX 30u /* some segments each: one was enough */

static uint32_t id;

static void begin(int kind, enum weir_order order)
{
	queue_begin(kind | FIXTURE_MANUAL);
	queue_bed.options.order = order;
	queue_bed.options.when_slow = WEIR_SLOW_DETACH;
	queue_bed.options.lag_events_max = LIMIT;
	id = queue_make();
}

static void setup(void)
{
	begin(FIXTURE_DURABLE, WEIR_ORDER_NONE);
}

static void setup_keyed(void)
{
	begin(FIXTURE_DURABLE, WEIR_ORDER_KEY);
}

static void setup_memory(void)
{
	begin(FIXTURE_MEMORY, WEIR_ORDER_NONE);
}

TestSuite(queue_detach, .init = setup, .fini = queue_end, .timeout = 120);

static struct weir_subscription_info info_of(void)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(weir_subscription_info(queue_bed.f.pipeline, id, &info), 0);
	return info;
}

static void wait_until_detached(void)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!info_of().detached && fixture_now_ns() < until_ns)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	cr_assert(info_of().detached);
}

/* What it had granted before is none of it. */
static void expect_told(struct weir_member *member)
{
	struct weir_item item;
	int rc = 0;
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (rc >= 0 && fixture_now_ns() < until_ns)
		rc = weir_poll(member, &item, 1, MS);
	cr_assert_eq(rc, WEIR_E_DETACHED, "%s", weir_error_name(rc));
	cr_expect_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), WEIR_E_DETACHED, "at once");
}

static int seek(enum weir_seek_to to, uint64_t at)
{
	return weir_subscription_seek(queue_bed.f.pipeline, id, to, at, FIXTURE_LONG_NS,
				      &queue_bed.problem);
}

static void is_told_and_has_nothing(void)
{
	struct weir_member *member = queue_join(id, 8);
	struct weir_item items[3];
	uint32_t seen[LIMIT + 20] = {0};
	queue_publish(0, LIMIT);
	for (uint32_t i = 0; i < 3; i++)
		items[i] = queue_next(member);
	cr_assert_eq(weir_ack(member, &items[1]), 0);
	queue_commit(member);
	cr_expect_not(info_of().detached, "as much as it may have");
	queue_publish(LIMIT, LIMIT + 10);
	wait_until_detached();
	cr_expect_eq(info_of().outstanding, 0);
	cr_expect_eq(info_of().position, items[0].sequence, "the first that nobody settled");
	expect_told(member);
	cr_expect_eq(weir_ack(member, &items[0]), WEIR_E_FENCED, "what is in hand is nobody's");
	cr_expect_eq(queue_lag(id), 0);
	queue_publish(LIMIT + 10, LIMIT + 15);
	cr_expect_eq(queue_lag(id), 5, "what came since");
	expect_told(member);
	/* It stands there again: all but what was settled before the place. */
	cr_assert_eq(seek(WEIR_SEEK_SEQUENCE, info_of().position), 0);
	cr_expect_not(info_of().detached);
	cr_expect_eq(queue_drain(member, seen, LIMIT + 15), LIMIT + 15);
	for (uint32_t i = 0; i < LIMIT + 15; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(queue_detach, who_is_too_slow_is_told_and_has_nothing)
{
	is_told_and_has_nothing();
}

Test(queue_detach, one_by_key_is_told_as_well, .init = setup_keyed)
{
	is_told_and_has_nothing();
}

Test(queue_detach, it_stays_so_over_an_open_and_until_a_seek)
{
	queue_publish(0, LIMIT + 10);
	wait_until_detached();
	uint64_t stood = info_of().position;
	struct weir_member *member = NULL;
	for (uint32_t i = 0; i < 2; i++) {
		queue_reopen();
		cr_expect_eq(queue_make(), id);
		cr_expect(info_of().detached);
		cr_expect_eq(info_of().position, stood);
		member = queue_join(id, 4);
		expect_told(member);
	}
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	queue_publish(LIMIT + 10, LIMIT + 15);
	struct weir_item item = queue_next(member);
	cr_expect(fixture_number(&item) == LIMIT + 10 && item.flags == 0, "not a second time");
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_take(member, LIMIT + 11, 4);
	queue_reopen();
	cr_expect_eq(queue_make(), id);
	cr_expect_not(info_of().detached);
	queue_publish(LIMIT + 15, LIMIT + 20);
	queue_take(queue_join(id, 4), LIMIT + 15, 5);
}

Test(queue_detach, one_that_refuses_takes_what_comes)
{
	queue_bed.options.length_max = LIMIT + 20;
	queue_bed.options.when_long = WEIR_LONG_REFUSE;
	cr_assert_eq(queue_make(), id);
	queue_publish(0, LIMIT + 10);
	wait_until_detached();
	queue_publish(LIMIT + 10, 5 * LIMIT);
	cr_expect_eq(queue_counts(id).refused, 0);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	queue_publish(5 * LIMIT, 5 * LIMIT + 1);
	queue_take(queue_join(id, 4), 5 * LIMIT, 1);
}

Test(queue_detach, without_a_journal_too, .init = setup_memory)
{
	struct weir_member *member = queue_join(id, 4);
	queue_publish(0, LIMIT + 10);
	wait_until_detached();
	expect_told(member);
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	queue_publish(LIMIT + 10, LIMIT + 11);
	struct weir_item item = queue_next(member);
	cr_expect_eq(fixture_number(&item), LIMIT + 10);
	cr_assert_eq(weir_ack(member, &item), 0);
}

static void setup_small(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_close(&queue_bed.f, NULL);
	fixture_small_segments(&queue_bed.f);
	queue_bed.f.options.retention_bytes = 1;
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	queue_bed.options.when_slow = WEIR_SLOW_DETACH;
	queue_bed.options.lag_events_max = LIMIT;
	id = queue_make();
}

Test(queue_detach, retention_takes_what_it_had_not_handled, .init = setup_small)
{
	queue_publish(0, LIMIT + 10);
	wait_until_detached();
	uint64_t stood = info_of().position;
	for (uint32_t i = 0;
	     i < FILLS_MAX && wr_segment_oldest_seq(&queue_bed.f.pipeline->segments) <= stood; i++)
		fixture_fill(queue_bed.producer, queue_bed.topic, 300);
	cr_assert_gt(wr_segment_oldest_seq(&queue_bed.f.pipeline->segments), stood);
	cr_expect_eq(seek(WEIR_SEEK_SEQUENCE, stood), WEIR_E_TRUNCATED, "something is left out");
	cr_assert_eq(seek(WEIR_SEEK_NEWEST, 0), 0);
	queue_reopen();
	cr_expect_eq(queue_make(), id);
	queue_publish(7, 8);
	queue_take(queue_join(id, 4), 7, 1);
}
