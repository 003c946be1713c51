/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Too many: the oldest go, and leave the others in their order. What a member has, what is on its
 * way and keys that are parked are no part of it. A walk from the oldest on: it is short where the
 * oldest are those that wait, and at most all that is outstanding.
 */
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/group/share.h"

static bool is_waiting(struct wr_share *s, uint32_t at)
{
	const struct wr_share_event *e = &s->events[at];
	switch (e->state) {
	case WR_SHARE_READY:
	case WR_SHARE_DELAYED:
	case WR_SHARE_CARRIED:
		return true;
	case WR_SHARE_BEHIND:
		return s->events[wr_share_key_first(s, at)].state != WR_SHARE_PARKED;
	case WR_SHARE_LEASED:
		return WR_BUG(LEASED_DROPPED);
	default:
		return false;
	}
}

void wr_share_overflow(struct wr_share *s, struct wr_share_excess *excess)
{
	for (uint32_t at = s->oldest;
	     at != WR_SHARE_NONE && (excess->events > 0 || excess->bytes > 0);
	     at = s->events[at].after) {
		struct wr_share_event *e = &s->events[at];
		if (!is_waiting(s, at))
			continue;
		excess->events -= excess->events > 0 ? 1 : 0;
		excess->bytes -= wr_min_u64(excess->bytes, e->bytes);
		wr_share_leave_state(s, e);
		e->overflowed = true;
		wr_share_make_ready(s, e, false);
	}
}

uint64_t wr_share_waiting_bytes(struct wr_share *s)
{
	uint64_t bytes = 0;
	for (uint32_t at = s->oldest; at != WR_SHARE_NONE; at = s->events[at].after)
		bytes += is_waiting(s, at) || s->events[at].state == WR_SHARE_MARKED
				 ? s->events[at].bytes
				 : 0;
	return bytes;
}
