/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parked keys: the first event of each is PARKED, and those behind it are BEHIND as ever. What is
 * counted is all of them: when the first is parked those that are there, then each that comes.
 */
#include "core/group/share.h"

/* Counted as parked with the first of its key. */
bool wr_share_is_behind_parked(struct wr_share *s, uint32_t at)
{
	uint32_t first = wr_share_key_first(s, at);
	return first != at && s->events[first].state == WR_SHARE_PARKED;
}

void wr_share_park(struct wr_share *s, struct wr_share_event *e)
{
	wr_share_enter_state(s, e, WR_SHARE_PARKED, false);
	s->parked_count += wr_share_key_count(s, wr_share_index(s, e));
}

/* The others of its key are parked no more, either: nothing is for a moment. */
void wr_share_unpark(struct wr_share *s, struct wr_share_event *e)
{
	s->parked_count -= wr_share_key_count(s, wr_share_index(s, e));
	wr_share_leave_state(s, e);
}

/* It begins anew, before those that waited behind it; or they go on without it. */
void wr_share_end_parked(struct wr_share *s, struct wr_share_event *e, bool given_up)
{
	if (e == NULL || e->state != WR_SHARE_PARKED)
		return;
	if (given_up) {
		wr_share_forget(s, e);
		return;
	}
	wr_share_unpark(s, e);
	e->generation++;
	e->attempts = e->reason = 0;
	e->first_failed_us = e->last_failed_us = e->reject_seq = 0;
	e->not_before_ns = e->expires_ns = 0; /* they were of its first life */
	e->dead = e->expired = e->parks = false;
	wr_share_make_ready(s, e, true);
}

void wr_share_gone(struct wr_share *s, uint64_t seq, uint32_t generation)
{
	struct wr_share_event *e = wr_share_find(s, seq);
	if (e != NULL && e->state == WR_SHARE_ASKED && e->generation == generation)
		wr_share_forget(s, e);
}
