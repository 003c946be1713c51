/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: who sleeps for a chunk from disk is told when it is there, also when it was brought for
 * somebody else, or ahead of being asked for.
 *
 * Method: two subscriptions whose members are behind what is in memory, in a pipeline that the test
 * steps: both look in vain at the same place, and sleep on their descriptors; each must become
 * readable though one read from disk serves both. And with threads: a member that waits without end
 * reads all of a journal in which nobody publishes. Who leaves, or loses what it had, has nothing
 * read for it any more: what the group keeps for its members is looked at.
 */
#include <criterion/criterion.h>

#include "core/pipeline/catchup.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 60000u

static struct fixture f;
static uint32_t topic, first, second;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(catchup_wakes, .fini = teardown, .timeout = 180);

/* A journal that begins far below what memory holds; opened again, nobody publishes. */
static void begin(int kind)
{
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	first = fixture_subscription(&f, "first", "work");
	second = fixture_subscription(&f, "second", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
	fixture_close(&f, NULL);
	f.options.manual = (kind & FIXTURE_MANUAL) != 0;
	fixture_open(&f);
	first = fixture_subscription(&f, "first", "work");
	second = fixture_subscription(&f, "second", "work");
}

Test(catchup_wakes, one_read_for_two_wakes_both)
{
	struct weir_item items[16];
	begin(FIXTURE_MANUAL);
	struct weir_member *a = fixture_member(&f, first, NULL);
	struct weir_member *b = fixture_member(&f, second, NULL);
	int fd_a = weir_member_eventfd(a), fd_b = weir_member_eventfd(b);
	cr_assert(fd_a >= 0 && fd_b >= 0);
	uint32_t got_a = 0, got_b = 0;
	/* As an event loop does it: polls when a descriptor says so, and once to arm it. */
	cr_assert_eq(weir_poll(a, items, 16, 0), 0);
	cr_assert_eq(weir_poll(b, items, 16, 0), 0);
	while (got_a < EVENTS || got_b < EVENTS) {
		fixture_settle(&f);
		bool wake_a = fixture_signalled(fd_a), wake_b = fixture_signalled(fd_b);
		cr_assert(wake_a || got_a == EVENTS, "nobody wakes the first, at %u", got_a);
		cr_assert(wake_b || got_b == EVENTS, "nobody wakes the second, at %u", got_b);
		int n;
		/* In turn, so that both come to the end of what is there together. */
		do {
			n = weir_poll(a, items, 16, 0);
			cr_assert_geq(n, 0);
			got_a += (uint32_t)n;
			int m = weir_poll(b, items, 16, 0);
			cr_assert_geq(m, 0);
			got_b += (uint32_t)m;
			n += m;
		} while (n > 0);
	}
	weir_release(a);
	weir_release(b);
	fixture_close(&f, NULL);
}

Test(catchup_wakes, who_waits_without_end_reads_it_all)
{
	static struct weir_item items[1024];
	begin(FIXTURE_DURABLE);
	for (int round = 0; round < 4; round++) {
		uint32_t got = 0;
		struct weir_member *member = fixture_member(&f, first, NULL);
		while (got < EVENTS) {
			int n = weir_poll(member, items, 1024, FIXTURE_LONG_NS);
			cr_assert_gt(n, 0, "round %d: nothing more after %u: %s", round, got,
				     weir_error_name(n));
			got += (uint32_t)n;
		}
		weir_release(member);
		cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	}
	fixture_close(&f, NULL);
}

/* Members for which the group keeps what is on disk, and reads on. */
static uint32_t wanting(void)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < f.options.members_max; i++)
		count += wr_load_acquire(&f.pipeline->members[i].wanted_seq) != 0; /* U1 */
	return count;
}

/* A member that stands far behind what is in memory, with items in hand. */
static struct weir_member *stand_behind(uint32_t subscription)
{
	struct weir_item items[16];
	struct weir_member *member = fixture_member(&f, subscription, NULL);
	int n = 0;
	for (int round = 0; round < 100 && n == 0; round++) {
		fixture_settle(&f);
		n = weir_poll(member, items, 16, 0);
	}
	cr_assert_gt(n, 0);
	return member;
}

Test(catchup_wakes, nothing_is_read_for_who_has_left)
{
	begin(FIXTURE_MANUAL);
	struct weir_member *a = stand_behind(first), *b = stand_behind(second);
	cr_expect_eq(wanting(), 2);
	cr_assert_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(wanting(), 1);
	/* Not even by one that does not wait until the group has seen it. */
	(void)weir_member_leave(b, 0);
	cr_expect_eq(wanting(), 0);
	fixture_settle(&f);
	uint64_t loads = f.pipeline->catchup->next_generation;
	fixture_settle(&f);
	cr_expect_eq(f.pipeline->catchup->next_generation, loads);
	fixture_close(&f, NULL);
}

Test(catchup_wakes, nothing_is_read_for_who_has_no_partition_any_more)
{
	struct weir_item item;
	begin(FIXTURE_MANUAL);
	/* One partition: of two members, by their names, the first has it. */
	struct weir_member_options options;
	weir_member_options_init(&options);
	struct weir_member *late = stand_behind(first);
	cr_expect_eq(wanting(), 1);
	options.name = "a";
	struct weir_member *owner;
	cr_assert_eq(weir_member_join(f.pipeline, first, &options, &owner, NULL), 0);
	for (int round = 0; round < 100 && wanting() > 0; round++) {
		fixture_settle(&f);
		cr_assert_geq(weir_poll(late, &item, 1, 0), 0);
		weir_release(late);
	}
	cr_expect_eq(wanting(), 0, "and it still polls");
	cr_assert_eq(weir_member_leave(late, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_member_leave(owner, FIXTURE_LONG_NS), 0);
	fixture_close(&f, NULL);
}

/* A sequence in each extent, of more extents than there are slots. */
static uint32_t find_extents(uint64_t *seqs, uint32_t count)
{
	struct wr_catchup *c = f.pipeline->catchup;
	struct weir_problem problem;
	uint32_t found = 0;
	for (uint64_t seq = 1; seq < EVENTS && found < count; found++) {
		seqs[found] = seq;
		cr_assert_eq(wr_catchup_load(c, &f.pipeline->reader, &f.pipeline->tables.catalog,
					     seq, EVENTS, &seq, 1, &problem),
			     0);
		seq = wr_catchup_holds(c, seq);
	}
	return found;
}

/* As a queue does: what was read last is not what gives way. Rules: L22. */
Test(catchup_wakes, who_goes_to_and_fro_reads_nothing_again)
{
	uint64_t seqs[64];
	begin(FIXTURE_MANUAL);
	struct wr_catchup *c = f.pipeline->catchup;
	struct weir_problem problem;
	cr_assert_lt(c->slot_count, 60);
	uint32_t count = find_extents(seqs, c->slot_count + 3);
	cr_assert_eq(count, c->slot_count + 3);
	uint64_t loads = c->next_generation;
	for (uint32_t i = 0; i < 60; i++) {
		uint64_t seq = seqs[count - 1 - i % 3]; /* the last three */
		if (wr_catchup_holds(c, seq) == 0)
			cr_assert_eq(wr_catchup_load(c, &f.pipeline->reader,
						     &f.pipeline->tables.catalog, seq, EVENTS, &seq,
						     1, &problem),
				     0);
	}
	cr_expect_eq(c->next_generation, loads, "%lu reads", c->next_generation - loads);
	fixture_close(&f, NULL);
}
