/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning anew: at first, and when the subscription is moved to another place. What members have
 * then is theirs no more: the writer's list knows it in generations that are over.
 *
 * A move may leave some: what was carried from below the place is not found there by who looks
 * through the log anew, and so it stays, as core/log/outstanding.c has it: from the first attempt,
 * in nobody's hands. Its places in `events` stay, too; all else that is known of it is made anew.
 */
#include <string.h>

#include "core/group/share.h"

static const struct wr_share_list EMPTY = {WR_SHARE_NONE, WR_SHARE_NONE, 0};

static void clear_indexes(struct wr_share *s)
{
	s->marked = s->answered = s->undurable = s->dead = s->leased = EMPTY;
	for (uint32_t i = 0; i < WR_SHARE_PRIORITIES; i++)
		s->ready[i] = EMPTY;
	s->ready_set = 0;
	memset(s->in_state, 0, sizeof s->in_state);
	for (uint32_t i = 0; i <= s->bucket_mask; i++)
		s->buckets[i] = s->key_buckets[i] = WR_SHARE_NONE;
	s->oldest = s->newest = WR_SHARE_NONE;
	s->event_count = s->heap_count = s->parked_count = 0;
	s->isolates = false;
	s->suspects_end = s->suspect_count = s->ready_suspects = 0;
	s->alone = WR_ALONE_NONE;
}

/* Of what has a state, nothing is freed. */
static void free_stateless(struct wr_share *s)
{
	s->free = WR_SHARE_NONE;
	for (uint32_t i = s->options.events_max; i > 0; i--) {
		if (s->events[i - 1].state != WR_SHARE_FREE)
			continue;
		s->events[i - 1] = (struct wr_share_event){.chain = s->free};
		s->free = i - 1;
	}
}

void wr_share_clear(struct wr_share *s)
{
	clear_indexes(s);
	memset(s->events, 0, s->options.events_max * sizeof *s->events);
	free_stateless(s);
}

static struct wr_share_event anew(const struct wr_share_event *e, uint32_t generation)
{
	return (struct wr_share_event){
		.seq = e->seq,
		.place = e->place,
		.from = e->seq,
		.key = e->key,
		/* A delay that came of a failure is forgotten with it. */
		.not_before_ns = e->first_failed_us == 0 ? e->not_before_ns : 0,
		.expires_ns = e->expires_ns,
		.generation = generation,
		.member = WR_SHARE_NONE,
		.bytes = e->bytes,
		.redelivered = true,
		.stays = e->stays,
		.priority = e->priority,
	};
}

/* Those that stay, by sequence, each with the next one in `next`; the others have no state. */
static uint32_t gather(struct wr_share *s, uint32_t generation, uint64_t carried_end)
{
	uint32_t first = WR_SHARE_NONE, last = WR_SHARE_NONE;
	for (uint32_t at = s->oldest, after; at != WR_SHARE_NONE; at = after) {
		struct wr_share_event *e = &s->events[at];
		after = e->after;
		if (e->place == 0 || e->seq >= carried_end) {
			e->state = WR_SHARE_FREE;
			continue;
		}
		*e = anew(e, generation);
		e->state = WR_SHARE_READY;
		e->next = WR_SHARE_NONE;
		*(last != WR_SHARE_NONE ? &s->events[last].next : &first) = at;
		last = at;
	}
	return first;
}

void wr_share_moved(struct wr_share *s, uint32_t first_generation, uint64_t carried_end)
{
	uint32_t at = gather(s, first_generation, carried_end);
	clear_indexes(s);
	free_stateless(s);
	while (at != WR_SHARE_NONE) {
		uint32_t next = s->events[at].next;
		wr_share_link(s, at);
		wr_share_make_ready(s, &s->events[at], false);
		at = next;
	}
	for (uint32_t i = 0; i < s->options.members_max; i++)
		s->members[i].out = 0;
	s->first_generation = first_generation;
}
