/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The length of a queue: what waits in it, taken or not, is its lag less what members have, what is
 * on its way to the dead letters and what is parked. It is measured with each look at lag, and what
 * is beyond the limit goes, the oldest first, as far as it is old enough to be taken. What is
 * settled and not followed yet makes it look shorter than it is, so that too little goes, and the
 * next look has the rest.
 */
#include "core/pipeline/sharing.h"

static uint64_t above(uint64_t what, uint64_t limit)
{
	return what > limit ? what - limit : 0;
}

void wr_sharing_measure(struct wr_sharing *sharing, uint64_t lag_events, uint64_t lag_bytes)
{
	struct wr_share *share = &sharing->share;
	uint64_t events_max = wr_load_relaxed(&sharing->length_max);
	uint64_t bytes_max = wr_load_relaxed(&sharing->length_bytes_max);
	sharing->excess = (struct wr_share_excess){0};
	if (wr_sharing_is_to_move(sharing))
		return;
	if (events_max != 0 && lag_events > events_max) {
		uint64_t not_waiting = (uint64_t)share->in_state[WR_SHARE_LEASED] +
				       share->in_state[WR_SHARE_ASKED] +
				       share->in_state[WR_SHARE_ANSWERED] +
				       share->in_state[WR_SHARE_UNDURABLE] +
				       share->in_state[WR_SHARE_DEAD] + share->parked_count;
		sharing->excess.events = above(lag_events, events_max + not_waiting);
	}
	if (bytes_max != 0 && lag_bytes > bytes_max) {
		uint64_t all = 0;
		for (uint32_t at = share->oldest; at != WR_SHARE_NONE; at = share->events[at].after)
			all += share->events[at].bytes;
		uint64_t not_waiting = all - wr_share_waiting_bytes(share);
		sharing->excess.bytes = above(lag_bytes, bytes_max + not_waiting);
	}
}
