/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning anew: at first, and when the subscription is moved to another place. What members have
 * then is theirs no more: the writer's list knows it in generations that are over.
 */
#include <string.h>

#include "core/group/share.h"

static const struct wr_share_list EMPTY = {WR_SHARE_NONE, WR_SHARE_NONE, 0};

void wr_share_clear(struct wr_share *s)
{
	s->marked = s->answered = s->undurable = s->dead = s->leased = EMPTY;
	for (uint32_t i = 0; i < WR_SHARE_PRIORITIES; i++)
		s->ready[i] = EMPTY;
	s->ready_set = 0;
	memset(s->in_state, 0, sizeof s->in_state);
	for (uint32_t i = 0; i <= s->bucket_mask; i++)
		s->buckets[i] = s->key_buckets[i] = WR_SHARE_NONE;
	s->free = s->oldest = s->newest = WR_SHARE_NONE;
	for (uint32_t i = s->options.events_max; i > 0; i--) {
		s->events[i - 1] = (struct wr_share_event){.chain = s->free};
		s->free = i - 1;
	}
	s->event_count = s->heap_count = s->parked_count = 0;
	s->isolates = false;
	s->suspects_end = s->suspect_count = s->ready_suspects = 0;
	s->alone = WR_ALONE_NONE;
}

void wr_share_moved(struct wr_share *s, uint32_t first_generation)
{
	wr_share_clear(s);
	for (uint32_t i = 0; i < s->options.members_max; i++)
		s->members[i].out = 0;
	s->first_generation = first_generation;
}
