/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static members: seats of instance ids, which outlive who sits in them.
 *
 *   free ──join──► taken ──leave──► kept ──time──► free
 *                    │ ▲              │
 *      fenced ◄──join┘ └─────join─────┘
 *
 * A seat takes part in assignments as its member does, and goes on to while it is kept: so the
 * others keep what they have, whatever the assignor. Who sits down again gets what is targeted at
 * the seat, by name of its slot; the rows themselves move by the group's step, as all others do.
 *
 * A member whose session is over has lost its part, and its rows go to others; the seat is its own
 * until it leaves, and given up then.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bug.h"
#include "core/group/group.h"

static void hand_on(struct wr_group *g, uint32_t from, uint32_t to)
{
	for (uint32_t r = 0; r < g->row_count; r++)
		if (g->rows[r].target == from)
			g->rows[r].target = to;
	g->moving = g->row_count;
}

static uint32_t find(const struct wr_group *g, const char *instance)
{
	for (uint32_t s = 0; s < g->member_count; s++)
		if (g->seats[s].present && strcmp(g->seats[s].instance, instance) == 0)
			return s;
	return WR_MEMBER_NONE;
}

static void give_up(struct wr_group *g, uint32_t seat)
{
	if (g->seats[seat].member == WR_MEMBER_NONE)
		g->kept_count--;
	g->seats[seat].present = false;
	g->changed = true;
}

/* There are as many as members: where none is free, one is kept. The one kept longest goes. */
static uint32_t free_seat(struct wr_group *g)
{
	uint32_t oldest = WR_MEMBER_NONE;
	for (uint32_t s = 0; s < g->member_count; s++) {
		const struct wr_seat *seat = &g->seats[s];
		if (!seat->present)
			return s;
		if (seat->member == WR_MEMBER_NONE &&
		    (oldest == WR_MEMBER_NONE || seat->until_ns < g->seats[oldest].until_ns))
			oldest = s;
	}
	WR_ASSERT(oldest != WR_MEMBER_NONE);
	give_up(g, oldest);
	return oldest;
}

static void fence(struct wr_group *g, uint32_t member)
{
	g->members[member].seat = WR_MEMBER_NONE;
	g->members[member].fenced = true;
	g->ports->fence(g->ports->context, member);
}

void wr_seat_take(struct wr_group *g, uint32_t member, const char *instance)
{
	uint32_t s = find(g, instance);
	if (s == WR_MEMBER_NONE) {
		s = free_seat(g);
		struct wr_seat *seat = &g->seats[s];
		*seat = (struct wr_seat){.present = true, .member = member};
		size_t bytes = strlen(instance);
		if (bytes > sizeof seat->instance - 1)
			bytes = sizeof seat->instance - 1;
		memcpy(seat->instance, instance, bytes);
		g->changed = true;
	} else if (g->seats[s].member == WR_MEMBER_NONE) {
		g->kept_count--;
		hand_on(g, wr_seat_id(g, s), member);
	} else {
		uint32_t old = g->seats[s].member;
		/* One that slept over its session has lost its part: it is given anew. */
		if (wr_group_may_own(&g->members[old]))
			hand_on(g, old, member);
		else
			g->changed = true;
		if (!WR_BUG(INSTANCE_TWICE))
			fence(g, old);
	}
	g->seats[s].member = member;
	g->members[member].seat = s;
}

void wr_seat_leave(struct wr_group *g, uint32_t member, uint64_t keep_until_ns)
{
	struct wr_group_member *m = &g->members[member];
	struct wr_seat *seat = &g->seats[m->seat];
	uint32_t s = m->seat;
	bool has_part = wr_group_may_own(m);
	m->seat = WR_MEMBER_NONE;
	if (!has_part) {
		give_up(g, s);
		return;
	}
	seat->member = WR_MEMBER_NONE;
	seat->until_ns = keep_until_ns;
	g->kept_count++;
	hand_on(g, member, wr_seat_id(g, s));
}

bool wr_group_keep(struct wr_group *g, uint64_t now_ns)
{
	bool any = false;
	for (uint32_t s = 0; s < g->member_count && g->kept_count > 0; s++) {
		const struct wr_seat *seat = &g->seats[s];
		if (!seat->present || seat->member != WR_MEMBER_NONE || seat->until_ns > now_ns)
			continue;
		give_up(g, s);
		any = true;
	}
	return any;
}
