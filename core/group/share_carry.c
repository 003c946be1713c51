/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where events lie, and copies of them on their way further on (docs/design/copied-forward.md).
 * Whoever is given an event reads it where it lies, and that may leave as soon as its copy is
 * ordered: so what somebody has, or is about to have, is not copied, and what is copied is not
 * handed out before it is known where the copy stands.
 *
 *   carries   its copy is on its way. Its state goes on as ever, but that it is CARRIED where it
 *             would be READY
 *   stays     it cannot be copied; not tried again in this run
 */
#include "core/base/bug.h"
#include "core/group/share.h"
#include "core/record/carried.h"

void wr_share_below(const struct wr_share *s, uint64_t end_seq, struct wr_share_below *ret)
{
	*ret = (struct wr_share_below){0};
	for (uint32_t at = s->oldest; at != WR_SHARE_NONE && s->events[at].seq < end_seq;
	     at = s->events[at].after) {
		const struct wr_share_event *e = &s->events[at];
		if (wr_share_place(e) >= end_seq)
			continue;
		ret->events++;
		bool has_text = e->reject_seq != 0 && e->state != WR_SHARE_PARKED;
		ret->bytes += wr_record_stride(e->bytes + WR_CARRIED_MORE_BYTES_MAX +
					       (has_text ? WR_CARRIED_TEXT_BYTES_MAX : 0));
		ret->has_fixed = ret->has_fixed || !wr_share_may_carry(s, e);
	}
}

struct wr_share_event *wr_share_next_below(struct wr_share *s, struct wr_share_cursor *cursor,
					   uint64_t end_seq)
{
	uint32_t at = s->oldest;
	const struct wr_share_event *last = &s->events[cursor->at];
	if (cursor->seq != 0 && last->state != WR_SHARE_FREE && last->seq == cursor->seq)
		at = last->after;
	while (at != WR_SHARE_NONE &&
	       (s->events[at].seq <= cursor->seq ||
		(s->events[at].seq < end_seq && wr_share_place(&s->events[at]) >= end_seq)))
		at = s->events[at].after;
	if (at == WR_SHARE_NONE || s->events[at].seq >= end_seq)
		return NULL;
	*cursor = (struct wr_share_cursor){.seq = s->events[at].seq, .at = at};
	return &s->events[at];
}

bool wr_share_has_carried(const struct wr_share *s, uint64_t end_seq)
{
	uint32_t at = s->oldest;
	while (at != WR_SHARE_NONE && s->events[at].seq < end_seq && s->events[at].place == 0 &&
	       !s->events[at].carries)
		at = s->events[at].after;
	return at != WR_SHARE_NONE && s->events[at].seq < end_seq;
}

bool wr_share_may_carry(const struct wr_share *s, const struct wr_share_event *e)
{
	if (e->stays || e->carries)
		return false;
	switch (e->state) {
	case WR_SHARE_READY:
		return !wr_share_is_suspect(s, e); /* it may have been chosen to go alone */
	case WR_SHARE_BEHIND:
	case WR_SHARE_DELAYED:
	case WR_SHARE_DEAD:
	case WR_SHARE_PARKED:
		return true;
	default:
		return WR_BUG(CARRIED_IN_HAND);
	}
}

void wr_share_carry(struct wr_share *s, struct wr_share_event *e)
{
	e->carries = true;
	if (e->state != WR_SHARE_READY)
		return;
	wr_share_leave_state(s, e);
	wr_share_make_ready(s, e, false);
}

/* As they were in the log: mostly behind the one that came back before it. */
static void come_back(struct wr_share *s, struct wr_share_event *e)
{
	uint32_t *last = &s->came_back[e->priority];
	const struct wr_share_event *before = &s->events[*last];
	bool is_there = before->state == WR_SHARE_READY && before->priority == e->priority &&
			before->seq < e->seq;
	wr_share_sort_in(s, e, is_there ? *last : WR_SHARE_NONE);
	*last = wr_share_index(s, e);
}

void wr_share_carried(struct wr_share *s, uint64_t seq, uint64_t place, bool again)
{
	struct wr_share_event *e = wr_share_find(s, seq);
	if (e == NULL || !e->carries)
		return;
	e->carries = false;
	e->stays = place == 0 && !again;
	if (place != 0)
		e->place = place;
	if (e->state != WR_SHARE_CARRIED)
		return;
	wr_share_leave_state(s, e);
	wr_share_make_ready(s, e, true);
	if (e->state == WR_SHARE_READY)
		come_back(s, e);
}
