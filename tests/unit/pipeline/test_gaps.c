/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a gap is told for every partition that has one, also to who takes one item at a time: no
 *         event goes missing without a word (P6).
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
