/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a gap is told for every partition that has one, also to who takes one item at a time: no
 *         event goes missing without a word (P6). Who still has items of what comes again as a gap
 *         may acknowledge them with it in any order: progress goes on behind it.
 * Method: a log in memory whose reader is overtaken at once, so that every partition has lost its
 *         first events. Partitions with nothing in hand are moved on after a few events instead of
 *         a million: that must not move them over what they are still to be told.
 */
#include <criterion/criterion.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define PARTITIONS 8u
#define EVENTS 40000u

static struct fixture f;

static void setup(void)
{
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.pool_bytes = 1; /* as few chunks as there can be */
	fixture_open(&f);
	f.pipeline->pass_every = 16;
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(gaps, .init = setup, .fini = teardown, .timeout = 60);

/* Reads to the end; how often each partition was told of a gap. */
static void read_all(struct weir_member *member, size_t items_max, bool ack, uint32_t *gaps)
{
	struct weir_item items[64];
	uint32_t events = 0;
	int count;
	while ((count = weir_poll(member, items, items_max, 1000000)) > 0) {
		for (int i = 0; i < count; i++) {
			const struct weir_item *item = &items[i];
			cr_assert_lt(item->partition, PARTITIONS);
			if (item->kind == WEIR_ITEM_GAP)
				gaps[item->partition]++;
			else
				events++;
			if (ack)
				cr_assert_eq(weir_ack(member, item), 0);
		}
	}
	cr_assert_eq(count, 0);
	cr_expect_lt(events, EVENTS, "the reader has to be overtaken");
}

static void overtake_and_read(size_t items_max, bool ack)
{
	uint32_t gaps[PARTITIONS] = {0};
	uint32_t topic = fixture_topic(&f, "orders", PARTITIONS);
	uint32_t subscription = fixture_subscription(&f, "books", "orders");
	struct weir_member *member = fixture_member(&f, subscription, "only");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	cr_assert(fixture_owns(member, (int)PARTITIONS));
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
	read_all(member, items_max, ack, gaps);
	for (uint32_t i = 0; i < PARTITIONS; i++)
		cr_expect_eq(gaps[i], 1, "partition %u: %u gaps told", i, gaps[i]);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}

Test(gaps, each_partition_is_told_to_who_takes_many)
{
	overtake_and_read(64, true);
}

Test(gaps, each_partition_is_told_to_who_takes_one_by_one)
{
	overtake_and_read(1, true);
}

Test(gaps, also_without_acknowledging)
{
	overtake_and_read(3, false);
}

/* ---- a gap over what is still in hand ---- */

#define HELD 3u
#define GAP HELD

static const struct in_hand {
	const char *what;
	int order[HELD + 1];     /* of held ones, GAP: the gap; -1: nothing */
	uint32_t in_transaction; /* so many of these, from the first */
} in_hands[] = {
	{"the gap alone", {GAP, -1, -1, -1}, 0},
	{"all of them, and the gap", {0, 1, 2, GAP}, 0},
	{"the gap, and what it stands for", {GAP, 0, 1, 2}, 0},
	{"some, and the gap over the hole", {0, 2, GAP, 1}, 0},
	{"out of order, so that the gap joins them", {2, 1, GAP, 0}, 0},
	{"a transaction of all", {0, 1, 2, GAP}, 4},
	{"a transaction with a hole that the gap fills", {2, 0, GAP, 1}, 3},
};

static void ack(struct weir_member *member, const struct weir_item *item, bool in_transaction)
{
	cr_assert_eq(in_transaction ? weir_transaction_ack(member, item) : weir_ack(member, item),
		     0);
}

static void ack_in_order(struct weir_member *member, const struct in_hand *c,
			 const struct weir_item *items)
{
	if (c->in_transaction > 0)
		cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
	for (uint32_t i = 0; i <= HELD && c->order[i] >= 0; i++) {
		if (c->in_transaction > 0 && i == c->in_transaction) {
			cr_assert_eq(weir_transaction_commit(member, NULL), 0, "%s", c->what);
		}
		ack(member, &items[c->order[i]], i < c->in_transaction);
	}
	if (c->in_transaction > HELD)
		cr_assert_eq(weir_transaction_commit(member, NULL), 0, "%s", c->what);
}

/* What it reads from here on is acknowledged as it comes: progress has to follow. */
static void expect_nothing_left(struct weir_member *member, const char *what)
{
	struct weir_assignment assignment;
	uint64_t last_seq = 0;
	struct weir_item item;
	while (weir_poll(member, &item, 1, 1000000) == 1) {
		cr_assert_eq(weir_ack(member, &item), 0, "%s", what);
		last_seq = item.sequence;
	}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_member_assignments(member, &assignment, 1), 1);
	cr_expect_gt(assignment.position, last_seq, "%s: it stands at %llu", what,
		     (unsigned long long)assignment.position);
}

Test(gaps, what_comes_again_as_one_is_acknowledged_whatever_of_it_is_in_hand)
{
	uint32_t topic = fixture_topic(&f, "orders", 1);
	uint32_t subscription = fixture_subscription(&f, "books", "orders");
	struct weir_member *member = fixture_member(&f, subscription, "only");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_item items[HELD + 1];
	cr_assert(fixture_owns(member, 1));
	for (size_t i = 0; i < sizeof in_hands / sizeof in_hands[0]; i++) {
		const struct in_hand *c = &in_hands[i];
		fixture_wait(producer, fixture_publish(producer, topic, 0, HELD));
		cr_assert_eq(fixture_poll(member, items, HELD, HELD, false), HELD);
		cr_assert_eq(weir_member_rewind(member), 0);
		weir_release(member);
		fixture_wait(producer, fixture_publish(producer, topic, HELD, EVENTS));
		cr_assert_eq(weir_poll(member, &items[GAP], 1, 1000000), 1);
		cr_assert_eq(items[GAP].kind, WEIR_ITEM_GAP, "%s", c->what);
		cr_assert_leq(items[GAP].from_sequence, items[0].from_sequence);
		ack_in_order(member, c, items);
		expect_nothing_left(member, c->what);
	}
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}
