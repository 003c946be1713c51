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

void wr_assign_round_robin(uint32_t row_count, const uint32_t *members, uint32_t member_count,
			   uint32_t *owners)
{
	for (uint32_t r = 0; r < row_count; r++)
		owners[r] = member_count > 0 ? members[r % member_count] : WR_MEMBER_NONE;
}

/* One more to members with at least `least` rows, in order, as long as there are such shares. */
static uint32_t give_extra(const uint32_t *members, uint32_t member_count, const uint32_t *counts,
			   uint32_t share, uint32_t least, uint32_t extra, uint32_t *quotas)
{
	for (uint32_t i = 0; i < member_count && extra > 0; i++) {
		uint32_t id = members[i];
		if (quotas[id] > share || counts[id] < least)
			continue;
		quotas[id]++;
		extra--;
	}
	return extra;
}

/*
 * How many each may have. Who has more than a share keeps one of those that are larger by one, as
 * long as there are some: nothing that he has need move for them. Then who has a share, for whom it
 * is the next to come; then anybody.
 */
static void set_quotas(uint32_t row_count, const uint32_t *members, uint32_t member_count,
		       const uint32_t *counts, uint32_t *quotas)
{
	uint32_t share = row_count / member_count;
	uint32_t extra = row_count % member_count;
	for (uint32_t i = 0; i < member_count; i++)
		quotas[members[i]] = share;
	extra = give_extra(members, member_count, counts, share, share + 1, extra, quotas);
	extra = give_extra(members, member_count, counts, share, share, extra, quotas);
	(void)give_extra(members, member_count, counts, share, 0, extra, quotas);
}

/* Rows that are nobody's, in order, to members in turn; who has enough drops out. */
static void deal_out(uint32_t row_count, uint32_t *members, uint32_t member_count, uint32_t *counts,
		     const uint32_t *quotas, uint32_t *owners)
{
	uint32_t row = 0;
	while (member_count > 0) {
		uint32_t left = 0;
		for (uint32_t i = 0; i < member_count; i++) {
			uint32_t id = members[i];
			while (row < row_count && owners[row] != WR_MEMBER_NONE)
				row++;
			if (row < row_count && counts[id] < quotas[id]) {
				owners[row] = id;
				counts[id]++;
			}
			if (counts[id] < quotas[id])
				members[left++] = id;
		}
		member_count = row < row_count ? left : 0;
	}
}

void wr_assign_sticky(uint32_t row_count, uint32_t *members, uint32_t member_count,
		      uint32_t *counts, uint32_t *quotas, uint32_t *owners)
{
	if (member_count == 0) {
		wr_assign_round_robin(row_count, members, 0, owners);
		return;
	}
	for (uint32_t i = 0; i < member_count; i++)
		counts[members[i]] = 0;
	for (uint32_t r = 0; r < row_count; r++)
		if (owners[r] != WR_MEMBER_NONE)
			counts[owners[r]]++;
	set_quotas(row_count, members, member_count, counts, quotas);
	for (uint32_t i = 0; i < member_count; i++)
		counts[members[i]] = 0;
	for (uint32_t r = 0; r < row_count; r++) {
		uint32_t id = owners[r];
		if (id == WR_MEMBER_NONE)
			continue;
		if (counts[id] < quotas[id])
			counts[id]++;
		else
			owners[r] = WR_MEMBER_NONE;
	}
	deal_out(row_count, members, member_count, counts, quotas, owners);
}
