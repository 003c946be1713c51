/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a shared subscription: who is there, who may be given something, and what it is. */
#include "core/group/share.h"

#include "core/base/assert.h"
#include "core/base/bug.h"
#include "core/base/deadline.h"

void wr_share_join(struct wr_share *s, uint32_t member, uint32_t out_max)
{
	WR_ASSERT(!s->members[member].present);
	s->members[member] =
		(struct wr_share_member){.present = true, .out_max = out_max, .joined = s->joins++};
}

void wr_share_pause(struct wr_share *s, uint32_t member, bool paused)
{
	s->members[member].paused = paused;
}

void wr_share_leave(struct wr_share *s, uint32_t member)
{
	struct wr_share_member *m = &s->members[member];
	/* From the newest on: each goes before those that are ready. */
	for (uint32_t at = s->newest; at != WR_SHARE_NONE && m->out > 0;
	     at = s->events[at].before) {
		struct wr_share_event *e = &s->events[at];
		bool is_anothers = e->member != member;
		if (is_anothers && (e->member == WR_SHARE_NONE || !WR_BUG(LEAVES_WITH_ALL)))
			continue;
		if (e->state == WR_SHARE_ASKED) {
			e->member = WR_SHARE_NONE; /* it comes back through the log */
			m->out--;
			continue;
		}
		wr_share_leave_state(s, e);
		e->redelivered = true;
		wr_share_make_ready(s, e, true);
	}
	m->present = false;
}

void wr_share_extend(struct wr_share *s, uint32_t member, uint64_t seq, uint32_t generation,
		     uint64_t due_ns)
{
	struct wr_share_event *e = wr_share_find(s, seq);
	if (e == NULL || e->state != WR_SHARE_LEASED || e->member != member ||
	    e->generation != generation || WR_BUG(LEASE_NOT_EXTENDED))
		return;
	wr_share_heap_drop(s, wr_share_index(s, e));
	e->is_over = false;
	wr_share_heap_put(s, wr_share_index(s, e), due_ns);
}

static bool may_be_given(const struct wr_share *s, uint32_t member)
{
	const struct wr_share_member *m = &s->members[member];
	return m->present && !m->paused && m->out < m->out_max;
}

bool wr_share_has_reader(const struct wr_share *s)
{
	for (uint32_t i = 0; i < s->options.members_max; i++)
		if (s->members[i].present && !s->members[i].paused)
			return true;
	return false;
}

/* Who joined first, of those that are there. */
static uint32_t active_member(const struct wr_share *s)
{
	uint32_t active = WR_SHARE_NONE;
	for (uint32_t i = 0; i < s->options.members_max; i++)
		if (s->members[i].present && !s->members[i].paused &&
		    (active == WR_SHARE_NONE || s->members[i].joined < s->members[active].joined))
			active = i;
	return active;
}

uint32_t wr_share_next_member(struct wr_share *s)
{
	if (wr_share_most_urgent(s) == NULL)
		return WR_SHARE_NONE;
	if (s->options.single_active) {
		uint32_t active = active_member(s);
		return active != WR_SHARE_NONE && may_be_given(s, active) ? active : WR_SHARE_NONE;
	}
	for (uint32_t i = 0; i < s->options.members_max; i++) {
		uint32_t member = (s->turn + i) % s->options.members_max;
		if (!may_be_given(s, member))
			continue;
		s->turn = member + 1;
		return member;
	}
	return WR_SHARE_NONE;
}

const struct wr_share_event *wr_share_grant(struct wr_share *s, uint32_t member, uint64_t grant,
					    uint64_t now_ns)
{
	if (!may_be_given(s, member))
		return NULL;
	struct wr_share_event *e =
		wr_share_isolates(s) ? wr_share_next_alone(s) : wr_share_most_urgent(s);
	if (e == NULL)
		return NULL;
	wr_share_leave_state(s, e);
	e->member = member;
	e->grant = grant;
	e->granted_ns = now_ns;
	s->members[member].out++;
	wr_share_enter_state(s, e, WR_SHARE_LEASED, false);
	wr_share_heap_put(s, wr_share_index(s, e), wr_deadline_ns(now_ns, s->lease_ns));
	return e;
}

uint64_t wr_share_lease_age_ns(const struct wr_share *s, uint64_t now_ns)
{
	if (s->leased.count == 0)
		return 0;
	uint64_t granted_ns = s->events[s->leased.first].granted_ns;
	return now_ns > granted_ns ? now_ns - granted_ns : 0;
}
