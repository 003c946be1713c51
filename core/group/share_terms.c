/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terms on which an event of a shared subscription is handed out: not before, not later than,
 * and how urgently. The first two are append time, which may run at half speed; the heap of what is
 * due has the clock of the steps, and what is looked at too early goes back into it.
 */
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/group/share.h"

void wr_share_clock(struct wr_share *s, uint64_t now_ns, uint64_t append_ns)
{
	s->now_ns = now_ns;
	s->append_ns = append_ns;
}

bool wr_share_is_expired(const struct wr_share *s, const struct wr_share_event *e)
{
	return e->expires_ns != 0 && e->expires_ns <= s->append_ns;
}

bool wr_share_is_delayed(const struct wr_share *s, const struct wr_share_event *e)
{
	return e->not_before_ns > s->append_ns && !WR_BUG(DELAY_NOT_WAITED);
}

void wr_share_hasten(struct wr_share *s, struct wr_share_event *e)
{
	e->not_before_ns = 0;
	if (e->state != WR_SHARE_DELAYED)
		return; /* when it is first of its key, or durable, or its mark is */
	wr_share_leave_state(s, e);
	wr_share_make_ready(s, e, false);
}

void wr_share_watch(struct wr_share *s, struct wr_share_event *e)
{
	uint64_t next_ns = UINT64_MAX;
	if (e->state == WR_SHARE_DELAYED)
		next_ns = e->not_before_ns;
	if (e->expires_ns != 0 && !WR_BUG(EXPIRED_HANDED_OUT))
		next_ns = wr_min_u64(next_ns, e->expires_ns);
	if (next_ns != UINT64_MAX)
		wr_share_heap_put(s, wr_share_index(s, e), s->now_ns + (next_ns - s->append_ns));
}

struct wr_share_event *wr_share_most_urgent(struct wr_share *s)
{
	while (s->ready_set != 0) {
		uint32_t priority = 31 - (uint32_t)__builtin_clz(s->ready_set);
		struct wr_share_event *e = &s->events[s->ready[priority].first];
		if (!wr_share_is_expired(s, e) || WR_BUG(EXPIRED_HANDED_OUT))
			return e;
		/* A lease that cannot end yet may stand before it in the heap. */
		wr_share_leave_state(s, e);
		wr_share_make_ready(s, e, false);
	}
	return NULL;
}
