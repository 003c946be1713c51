/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   partitions are assigned as Kafka's assignors assign them, so that a group keeps its
 *         placement behind a bridge, and the sticky one moves no more than it must.
 * Method: range: the formula as Kafka writes it (start and length for each consumer) recomputed
 *         here for every 1 to 9 members and 0 to 70 partitions, alone and several topics together;
 *         the example of Kafka's own documentation. Sticky: the cases that Kafka's tests name, for
 *         members that all read the same; and random churn, where balance and the number of moves
 *         are compared with the least that is possible.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "core/group/assign.h"
#include "io/sim/prng.h"

#define GUARD 0xa5a5a5a5u

/*
 * org.apache.kafka.clients.consumer.RangeAssignor, of consumer i of a sorted list:
 *   start  = numPartitionsPerConsumer * i + min(i, consumersWithExtraPartition)
 *   length = numPartitionsPerConsumer + (i + 1 > consumersWithExtraPartition ? 0 : 1)
 */
static uint32_t kafkas_owner(uint32_t partitions, uint32_t consumers, uint32_t partition)
{
	uint32_t each = partitions / consumers, with_extra = partitions % consumers;
	for (uint32_t i = 0; i < consumers; i++) {
		uint32_t start = each * i + (i < with_extra ? i : with_extra);
		uint32_t length = each + (i + 1 > with_extra ? 0 : 1);
		if (partition >= start && partition < start + length)
			return i;
	}
	return UINT32_MAX;
}

Test(assign, is_kafkas_for_every_count_of_members_and_partitions)
{
	/* Slots in no order: the list is by name. */
	const uint32_t members[9] = {7, 3, 8, 0, 5, 1, 6, 2, 4};
	for (uint32_t m = 1; m <= 9; m++) {
		for (uint32_t p = 0; p <= 70; p++) {
			uint32_t owners[71];
			for (uint32_t i = 0; i < 71; i++)
				owners[i] = GUARD;
			wr_assign_range(&p, 1, members, m, owners);
			for (uint32_t i = 0; i < p; i++)
				cr_assert_eq(owners[i], members[kafkas_owner(p, m, i)],
					     "partition %u of %u, %u members", i, p, m);
			cr_assert_eq(owners[p], GUARD, "nothing is written beyond");
		}
	}
}

Test(assign, each_topic_is_dealt_out_by_itself)
{
	const uint32_t members[3] = {0, 1, 2};
	for (uint32_t a = 0; a <= 12; a++) {
		for (uint32_t b = 0; b <= 12; b++) {
			const uint32_t topics[3] = {a, b, a};
			uint32_t owners[37];
			wr_assign_range(topics, 3, members, 3, owners);
			for (uint32_t i = 0; i < a; i++) {
				cr_assert_eq(owners[i], kafkas_owner(a, 3, i));
				cr_assert_eq(owners[a + b + i], kafkas_owner(a, 3, i));
			}
			for (uint32_t i = 0; i < b; i++)
				cr_assert_eq(owners[a + i], kafkas_owner(b, 3, i));
		}
	}
}

/* Two consumers, two topics of three partitions: C0 gets t0p0 t0p1 t1p0 t1p1, C1 t0p2 t1p2. */
Test(assign, the_example_of_kafkas_documentation)
{
	const uint32_t topics[2] = {3, 3}, members[2] = {0, 1}, want[6] = {0, 0, 1, 0, 0, 1};
	uint32_t owners[6];
	wr_assign_range(topics, 2, members, 2, owners);
	cr_expect_arr_eq(owners, want, sizeof want);
}

Test(assign, without_members_everything_is_nobodys)
{
	const uint32_t topics[2] = {2, 3};
	uint32_t owners[6] = {0, 0, 0, 0, 0, GUARD};
	wr_assign_range(topics, 2, NULL, 0, owners);
	for (uint32_t i = 0; i < 5; i++)
		cr_expect_eq(owners[i], WR_MEMBER_NONE);
	cr_expect_eq(owners[5], GUARD);
}

Test(assign, members_beyond_the_partitions_get_nothing)
{
	const uint32_t topics[1] = {2}, members[5] = {4, 3, 2, 1, 0};
	uint32_t owners[2];
	wr_assign_range(topics, 1, members, 5, owners);
	cr_expect_eq(owners[0], 4);
	cr_expect_eq(owners[1], 3);
}

/* ---- round robin ---- */

Test(assign, round_robin_deals_over_all_topics)
{
	const uint32_t members[2] = {5, 3}, want[6] = {5, 3, 5, 3, 5, 3};
	uint32_t owners[7] = {[6] = GUARD};
	wr_assign_round_robin(6, members, 2, owners);
	cr_expect_arr_eq(owners, want, sizeof want);
	cr_expect_eq(owners[6], GUARD);
	wr_assign_round_robin(6, members, 0, owners);
	for (uint32_t r = 0; r < 6; r++)
		cr_expect_eq(owners[r], WR_MEMBER_NONE);
}

/* ---- sticky ---- */

#define IDS 24u
#define ROWS_MAX 200u

static struct {
	uint32_t rows, owners[ROWS_MAX], before[ROWS_MAX];
	uint32_t members[IDS], member_count;
} g;

static bool is_member(uint32_t id)
{
	for (uint32_t i = 0; i < g.member_count; i++)
		if (g.members[i] == id)
			return true;
	return false;
}

static uint32_t count_of(const uint32_t *owners, uint32_t id)
{
	uint32_t n = 0;
	for (uint32_t r = 0; r < g.rows; r++)
		n += owners[r] == id;
	return n;
}

/*
 * The least number of rows that leave a member who stays: the members with the most rows keep the
 * shares that are larger by one.
 */
static uint32_t least_moves(void)
{
	uint32_t counts[IDS], moves = 0;
	uint32_t share = g.rows / g.member_count, extra = g.rows % g.member_count;
	for (uint32_t i = 0; i < g.member_count; i++) {
		uint32_t at = i, n = count_of(g.before, g.members[i]);
		for (; at > 0 && counts[at - 1] < n; at--)
			counts[at] = counts[at - 1];
		counts[at] = n;
	}
	for (uint32_t i = 0; i < g.member_count; i++) {
		uint32_t may = share + (i < extra ? 1 : 0);
		moves += counts[i] > may ? counts[i] - may : 0;
	}
	return moves;
}

/* Assigns anew and judges it. How many rows left a member who stays. */
static uint32_t assign_sticky(void)
{
	uint32_t members[IDS], counts[IDS], quotas[IDS], moves = 0;
	for (uint32_t r = 0; r < g.rows; r++)
		if (!is_member(g.owners[r]))
			g.owners[r] = WR_MEMBER_NONE; /* as the group does */
	memcpy(g.before, g.owners, sizeof g.before);
	memcpy(members, g.members, sizeof members);
	wr_assign_sticky(g.rows, members, g.member_count, counts, quotas, g.owners);
	if (g.member_count == 0) {
		cr_assert_eq(count_of(g.owners, WR_MEMBER_NONE), g.rows);
		return 0;
	}
	for (uint32_t r = 0; r < g.rows; r++) {
		cr_assert(is_member(g.owners[r]), "row %u is %u's", r, g.owners[r]);
		moves += g.before[r] != WR_MEMBER_NONE && g.before[r] != g.owners[r];
	}
	for (uint32_t i = 0; i < g.member_count; i++) {
		uint32_t n = count_of(g.owners, g.members[i]);
		cr_assert(n == g.rows / g.member_count ||
				  (n == g.rows / g.member_count + 1 && g.rows % g.member_count > 0),
			  "%u of %u rows, %u members", n, g.rows, g.member_count);
	}
	cr_assert_eq(moves, least_moves());
	return moves;
}

static void begin(uint32_t rows, uint32_t member_count)
{
	g.rows = rows;
	g.member_count = member_count;
	for (uint32_t i = 0; i < IDS; i++)
		g.members[i] = i;
	for (uint32_t r = 0; r < ROWS_MAX; r++)
		g.owners[r] = WR_MEMBER_NONE;
}

static void leaves(uint32_t id)
{
	uint32_t left = 0;
	for (uint32_t i = 0; i < g.member_count; i++)
		if (g.members[i] != id)
			g.members[left++] = g.members[i];
	g.member_count = left;
}

/* testOneConsumerNoTopic, testOneConsumerOneTopic, testTwoConsumersOneTopicOnePartition */
Test(sticky, few_partitions)
{
	begin(0, 1);
	cr_expect_eq(assign_sticky(), 0);
	begin(3, 1);
	cr_expect_eq(assign_sticky(), 0);
	cr_expect_eq(count_of(g.owners, 0), 3);
	begin(1, 2);
	cr_expect_eq(assign_sticky(), 0);
	cr_expect_eq(g.owners[0], 0);
	begin(5, 0);
	cr_expect_eq(assign_sticky(), 0);
}

/* testTwoConsumersOneTopicTwoPartitions, testTwoConsumersTwoTopicsSixPartitions */
Test(sticky, the_first_time_rows_are_dealt_out_in_turn)
{
	const uint32_t want[6] = {0, 1, 0, 1, 0, 1};
	begin(2, 2);
	(void)assign_sticky();
	cr_expect_arr_eq(g.owners, want, 2 * sizeof want[0]);
	begin(6, 2);
	(void)assign_sticky();
	cr_expect_arr_eq(g.owners, want, sizeof want);
}

/* testAddRemoveConsumerOneTopic */
Test(sticky, one_comes_and_goes)
{
	begin(3, 1);
	(void)assign_sticky();
	g.member_count = 2;
	cr_expect_eq(assign_sticky(), 1);
	cr_expect_eq(count_of(g.owners, 0), 2);
	leaves(0);
	cr_expect_eq(assign_sticky(), 0, "who stays keeps what it has");
	cr_expect_eq(count_of(g.owners, 1), 3);
}

/* testAddRemoveTwoConsumersTwoTopics */
Test(sticky, two_come_and_two_go)
{
	begin(8, 2);
	(void)assign_sticky();
	g.member_count = 4;
	cr_expect_eq(assign_sticky(), 4);
	leaves(0);
	leaves(1);
	cr_expect_eq(assign_sticky(), 0);
	cr_expect_eq(count_of(g.owners, 2), 4);
}

/* testReassignmentAfterOneConsumerLeaves, testReassignmentAfterOneConsumerAdded */
Test(sticky, of_many_one_leaves_or_comes)
{
	begin(190, 19);
	(void)assign_sticky();
	leaves(9);
	cr_expect_eq(assign_sticky(), 0);
	begin(20, 9);
	(void)assign_sticky();
	g.member_count = 10;
	cr_expect_eq(assign_sticky(), 2);
	cr_expect_eq(count_of(g.owners, 9), 2);
}

/* testSameSubscriptions, testLargeAssignmentAndGroupWithUniformSubscription, in small */
Test(sticky, the_same_again_moves_nothing)
{
	for (uint32_t members = 1; members < IDS; members++) {
		begin(ROWS_MAX, members);
		(void)assign_sticky();
		cr_expect_eq(assign_sticky(), 0);
		cr_expect_arr_eq(g.owners, g.before, sizeof g.owners);
	}
}

/* testStickiness */
Test(sticky, who_has_the_only_one_keeps_it)
{
	begin(1, 3);
	(void)assign_sticky();
	cr_expect_eq(g.owners[0], 0);
	leaves(0);
	(void)assign_sticky();
	uint32_t owner = g.owners[0];
	g.members[g.member_count++] = 0;
	cr_expect_eq(assign_sticky(), 0);
	cr_expect_eq(g.owners[0], owner);
}

Test(sticky, churn_never_moves_more_than_balance_asks_for)
{
	struct wr_prng prng;
	uint64_t moves = 0;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		wr_prng_init(&prng, seed);
		begin((uint32_t)wr_prng_below(&prng, ROWS_MAX + 1), 0);
		for (uint32_t turn = 0; turn < 40; turn++) {
			for (uint64_t n = 1 + wr_prng_below(&prng, 3); n > 0; n--) {
				uint32_t id = (uint32_t)wr_prng_below(&prng, IDS);
				if (is_member(id)) {
					leaves(id);
					continue;
				}
				/* Anywhere in the order. */
				uint32_t at = (uint32_t)wr_prng_below(&prng, g.member_count + 1);
				for (uint32_t i = g.member_count++; i > at; i--)
					g.members[i] = g.members[i - 1];
				g.members[at] = id;
			}
			/* What a group in the middle of moves says may be anything. */
			if (wr_prng_below(&prng, 8) == 0)
				for (uint32_t r = 0; r < g.rows; r++)
					g.owners[r] = (uint32_t)wr_prng_below(&prng, IDS);
			moves += assign_sticky();
		}
	}
	cr_expect_gt(moves, 10000, "the churn was worth it");
}
