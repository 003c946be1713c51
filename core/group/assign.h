/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which partition: Kafka's assignors, as pure functions. All members of a group read the
 * same topics, so that every member may have every partition.
 *
 * `members` are ids in the order that the assignor goes by: static members by instance id, then
 * the others by name. Rows are the partitions of all topics, in order. With no members every row
 * belongs to nobody.
 */
#ifndef WR_GROUP_ASSIGN_H
#define WR_GROUP_ASSIGN_H

#include <stdint.h>

#define WR_MEMBER_NONE UINT32_MAX

enum wr_assignor {
	WR_ASSIGNOR_RANGE = 0,
	WR_ASSIGNOR_STICKY = 1,
	WR_ASSIGNOR_ROUND_ROBIN = 2,
};

/*
 * As Kafka's RangeAssignor: topic by topic; with P partitions and M members each gets P / M in a
 * row, and the first P % M get one more. Fills owners[row].
 */
void wr_assign_range(const uint32_t *topic_partitions, uint32_t topic_count,
		     const uint32_t *members, uint32_t member_count, uint32_t *owners);

/* As Kafka's RoundRobinAssignor: rows one by one, to members in turn. Fills owners[row]. */
void wr_assign_round_robin(uint32_t row_count, const uint32_t *members, uint32_t member_count,
			   uint32_t *owners);

/*
 * As Kafka's sticky assignors: (1) any two members' counts differ by one at most; (2) who has a row
 * keeps it, as far as (1) lets him; no assignment that is as even moves fewer rows. What is to be
 * given is dealt out in order, to members in turn, those that have not enough first.
 *
 * owners[row]: who has it, a member or nobody; and who is to have it. `members` is scratch, too;
 * so are `counts` and `quotas`, with a place for each id.
 */
void wr_assign_sticky(uint32_t row_count, uint32_t *members, uint32_t member_count,
		      uint32_t *counts, uint32_t *quotas, uint32_t *owners);

#endif
