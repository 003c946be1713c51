/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a queue at its limits: lanes and tables that are smaller than what it would like, leases of
 * what nobody polled, counts after an open, a memory-only log that is full, deaths of the process
 * that somebody looks at before the next life (L33).
 *
 * Method: as in test_sharing.c.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "core/base/atomic.h"
#include "tests/support/queue_bed.h"

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

TestSuite(queue_limits, .init = setup, .fini = queue_end, .timeout = 120);

Test(queue_limits, more_acknowledgements_than_the_lane_has_room_for_go_in_turns)
{
	fixture_close(&queue_bed.f, NULL);
	queue_bed.f.options.member_lane_bytes = 4096;
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 1000);
	struct weir_item items[64];
	queue_publish(0, 1000);
	/* Every other one: no two of them are one run. */
	uint32_t got = 0;
	while (got < 1000) {
		int count = weir_poll(member, items, 64, MS);
		for (int i = 0; i < count; i++, got++)
			if (got % 2 == 0)
				cr_assert_eq(weir_ack(member, &items[i]), 0);
	}
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 500);
}

Test(queue_limits, a_log_with_fewer_places_than_the_queue_was_made_with_hands_out_all_the_same)
{
	queue_bed.options.outstanding_max = 2000;
	uint32_t id = queue_make(), seen[EVENTS] = {0};
	queue_publish(0, EVENTS);
	fixture_close(&queue_bed.f, NULL);
	queue_bed.f.options.outstanding_max = 16;
	fixture_open(&queue_bed.f);
	queue_bed.options.outstanding_max = 0;
	cr_assert_eq(queue_make(), id);
	struct weir_member *member = queue_join(id, 1000);
	cr_expect_eq(queue_drain(member, seen, EVENTS), EVENTS);
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
}

Test(queue_limits, lag_is_right_after_an_open_where_it_began_in_the_middle)
{
	queue_publish(0, 100);
	queue_bed.options.start = WEIR_START_SEQUENCE;
	queue_bed.options.start_at = 60;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 1000);
	uint64_t whole = queue_lag(id);
	cr_expect(whole > 20 && whole < 60);
	struct weir_item items[64];
	uint32_t count = 0, done = 0;
	while (count < whole) {
		int polled = weir_poll(member, items, 64, MS);
		for (int i = 0; i < polled; i++, count++)
			if (count % 3 == 0) {
				cr_assert_eq(weir_ack(member, &items[i]), 0);
				done++;
			}
	}
	queue_commit(member);
	queue_publish(100, 110);
	cr_expect_eq(queue_lag(id), whole - done + 10);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(queue_lag(id), whole - done + 10);
	uint32_t seen[EVENTS] = {0};
	member = queue_join(id, 1000);
	cr_expect_eq(queue_drain(member, seen, (uint32_t)(whole - done + 10)), whole - done + 10);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
}

/* The lease of what waits unpolled behind slow work runs out, too: that is no attempt. */
Test(queue_limits, what_nobody_polled_has_not_failed)
{
	queue_bed.options.lease_ns = 30 * MS;
	queue_bed.options.attempts_max = 2;
	queue_bed.options.dead_letters = "dead";
	uint32_t id = queue_make();
	struct weir_member *slow = queue_join(id, 64);
	queue_publish(0, 10);
	uint64_t until = fixture_now_ns() + 200 * MS;
	while (fixture_now_ns() < until)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	uint32_t seen[EVENTS] = {0};
	queue_bed.options.lease_ns = 3600000 * MS;
	cr_assert_eq(queue_make(), id);
	cr_expect_eq(queue_drain(slow, seen, 10), 10, "none of them is dead");
	queue_commit(slow);
	cr_expect_eq(queue_lag(id), 0);
}

/* The same where the member itself finds that they are over, and leaves them out. */
Test(queue_limits, what_a_slow_member_left_out_has_not_failed)
{
	queue_bed.options.lease_ns = 200 * MS;
	queue_bed.options.attempts_max = 2;
	queue_bed.options.dead_letters = "dead";
	uint32_t id = queue_make(), seen = 0;
	struct weir_member *slow = queue_join(id, 64);
	queue_publish(0, 10);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (seen < 10 && fixture_now_ns() < until) {
		struct weir_item item;
		if (weir_poll(slow, &item, 1, MS) != 1)
			continue;
		seen++;
		cr_assert_eq(weir_ack(slow, &item), 0);
		queue_commit(slow);
		fixture_sleep_ns(70 * MS);
	}
	cr_expect_eq(seen, 10, "none of them is dead");
	cr_expect_eq(queue_lag(id), 0);
}

static wr_atomic_u32 handled[2];

static enum weir_handled take_long(void *context, struct weir_member *member,
				   const struct weir_item *item)
{
	uint64_t number = fixture_number(item);
	(void)context;
	(void)wr_add_seq(&handled[number], 1u);
	if (number == 1) {
		cr_assert_eq(weir_extend(member, item, 3600000 * MS), 0);
		fixture_sleep_ns(600 * MS);
	}
	return WEIR_HANDLED_OK;
}

Test(queue_limits, what_a_handler_has_done_is_settled_before_its_next_item)
{
	fixture_close(&queue_bed.f, NULL);
	queue_bed.f.options.manual = false;
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	queue_bed.options.lease_ns = 200 * MS;
	uint32_t id = queue_make();
	queue_publish(0, 2);
	struct weir_member_options member_options;
	struct weir_member *member;
	weir_member_options_init(&member_options);
	member_options.handler = take_long;
	cr_assert_eq(weir_member_join(queue_bed.f.pipeline, id, &member_options, &member, NULL), 0);
	struct weir_lag lag = {.events = 1};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag.events > 0 && fixture_now_ns() < until) {
		cr_assert_eq(weir_lag(queue_bed.f.pipeline, id, &lag), 0);
		fixture_sleep_ns(MS);
	}
	cr_expect_eq(lag.events, 0);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_expect_eq(wr_load_seq(&handled[0]), 1);
}

/* --- in memory ------------------------------------------------------------------------------- */

static void setup_memory(void)
{
	queue_begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
}

TestSuite(sharing_memory, .init = setup_memory, .fini = queue_end, .timeout = 120);

/* Publishes until the log takes no more: one beyond the last number. */
static uint64_t fill_up(uint64_t first)
{
	struct weir_producer_options impatient;
	struct weir_producer *other;
	uint64_t number = first, ticket;
	struct weir_event event = fixture_event(queue_bed.topic, NULL, &number);
	weir_producer_options_init(&impatient);
	impatient.when_full = WEIR_FULL_FAIL;
	cr_assert_eq(weir_producer_open(queue_bed.f.pipeline, &impatient, &other, NULL), 0);
	for (int idle = 0; number < 1000000 && idle < 100;) {
		int rc = weir_publish(other, &event, &ticket);
		idle = rc == 0 ? 0 : idle + 1;
		number += rc == 0 ? 1 : 0;
		if (rc != 0)
			cr_assert_geq(weir_step(queue_bed.f.pipeline, 100000u), 0);
	}
	return number;
}

Test(sharing_memory, what_is_not_taken_holds_producers_back)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 64);
	uint64_t end = fill_up(0);
	cr_expect_lt(end, 1000000, "the log has an end");
	uint32_t *seen = calloc(end, sizeof *seen);
	cr_expect_eq(queue_drain(member, seen, (uint32_t)end), end, "and nothing was overtaken");
	for (uint64_t i = 0; i < end; i++)
		cr_assert_eq(seen[i], 1, "%u came %u times", (unsigned)i, seen[i]);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
	free(seen);
}

/* Acknowledgements have what producers leave to members; a seek is a record for each partition. */
Test(sharing_memory, what_is_overrun_by_seeks_comes_as_a_gap)
{
	queue_bed.options.lease_ns = 43200000 * MS;
	uint32_t id = queue_make();
	uint32_t other = fixture_subscription(&queue_bed.f, "seeks", "work");
	struct weir_member *member = queue_join(id, 64);
	queue_publish(0, 1);
	struct weir_item stuck = queue_next(member), item;
	uint64_t end = fill_up(1);
	uint32_t *seen = calloc(end, sizeof *seen);
	cr_expect_eq(queue_drain(member, seen, (uint32_t)end - 1), end - 1, "all but that one");
	for (uint64_t i = 1; i < end; i++)
		cr_assert_eq(seen[i], 1, "%u came %u times", (unsigned)i, seen[i]);
	for (uint32_t i = 0; i < 8000; i++)
		cr_assert_eq(weir_subscription_seek(queue_bed.f.pipeline, other, WEIR_SEEK_NEWEST,
						    0, FIXTURE_LONG_NS, NULL),
			     0);
	cr_assert_eq(weir_reject(member, &stuck, NULL), 0);
	item = queue_next(member);
	cr_expect_eq(item.kind, WEIR_ITEM_GAP);
	cr_expect_eq(item.sequence, stuck.sequence);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
	free(seen);
}

/* Attempts of the event that is handed out next, and then the process dies. */
static uint32_t live_and_die(void)
{
	queue_bed.options.order = WEIR_ORDER_NONE;
	struct weir_member *member = queue_join(queue_make(), 8);
	uint32_t attempts = queue_next(member).attempts;
	for (uint32_t i = 0; i < 10; i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	(void)weir_close(queue_bed.f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&queue_bed.f);
	return attempts;
}

/* As `weir dlq ls` does: nothing is stepped. */
Test(queue_limits, a_look_between_two_lives_hides_no_death)
{
	(void)queue_make();
	queue_publish(0, 1);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(live_and_die(), 1, "alone from the third on");
	fixture_close(&queue_bed.f, NULL);
	fixture_open(&queue_bed.f);
	cr_expect_eq(live_and_die(), 2, "the third was an attempt of what was in hand");
}
