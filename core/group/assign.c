/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group/assign.h"

void wr_assign_range(const uint32_t *topic_partitions, uint32_t topic_count,
		     const uint32_t *members, uint32_t member_count, uint32_t *owners)
{
	uint32_t row = 0;
	for (uint32_t t = 0; t < topic_count; t++) {
		uint32_t partitions = topic_partitions[t];
		if (member_count == 0) {
			for (uint32_t p = 0; p < partitions; p++)
				owners[row++] = WR_MEMBER_NONE;
			continue;
		}
		uint32_t share = partitions / member_count;
		uint32_t extra = partitions % member_count;
		for (uint32_t m = 0; m < member_count; m++) {
			uint32_t count = share + (m < extra ? 1 : 0);
			for (uint32_t p = 0; p < count; p++)
				owners[row++] = members[m];
		}
	}
}
