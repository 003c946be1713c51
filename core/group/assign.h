/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range assignment, as Kafka's RangeAssignor does it: topic by topic, partitions in order, members
 * in order of their names; with P partitions and M members each gets P / M, and the first P % M get
 * one more. A pure function.
 */
#ifndef WR_GROUP_ASSIGN_H
#define WR_GROUP_ASSIGN_H

#include <stdint.h>

#define WR_MEMBER_NONE UINT32_MAX

/*
 * Fills owners[row] for the rows of all topics, in order. `members` are ids in the order of their
 * names; with none of them every row belongs to nobody.
 */
void wr_assign_range(const uint32_t *topic_partitions, uint32_t topic_count,
		     const uint32_t *members, uint32_t member_count, uint32_t *owners);

#endif
