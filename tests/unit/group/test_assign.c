/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   partitions are assigned as Kafka's RangeAssignor assigns them, so that a group keeps its
 *         placement behind a bridge.
 * Method: the formula as Kafka writes it (start and length for each consumer) recomputed here for
 *         every 1 to 9 members and 0 to 70 partitions, alone and several topics together; the
 *         example of Kafka's own documentation.
 */
#include <criterion/criterion.h>

#include "core/group/assign.h"

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
