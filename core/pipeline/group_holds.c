/* SPDX-License-Identifier: Apache-2.0 */
/* What `block` subscriptions keep in memory, and what members and copies need room for. */
#include "core/pipeline/copier.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/sharing.h"

#define SHORT_NS 1000000000u /* what is short of room now may be again soon */

/* Whether a member has not yet taken what it was told: its reading_seq knows nothing of it. */
static bool is_behind_its_mail(struct weir_member *m)
{
	return wr_load_acquire(&m->to_member_ring.head) != m->to_member_ring.tail_own; /* Q2 */
}

/*
 * Rows on their way from one member to another: nobody reads them now, and who gets them goes on
 * where they are settled up to; who was told so already, where it was told to.
 */
static uint64_t held_by_moving_rows(struct wr_subscription_live *live)
{
	struct weir_pipeline *p = live->pipeline;
	uint64_t held = UINT64_MAX;
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		const struct wr_row *row = &live->group.rows[r];
		if (row->state != WR_ROW_SETTLED || row->owner == WR_MEMBER_NONE)
			held = wr_min_u64(held, wr_group_unsettled_from(live, r));
		else if (is_behind_its_mail(&p->members[row->owner]))
			held = wr_min_u64(held, live->told_from[r]);
	}
	return held;
}

/* The lowest place that a member of the group reads, or will; UINT64_MAX: there is none. */
static uint64_t held_by_group(struct wr_subscription_live *live)
{
	struct weir_pipeline *p = live->pipeline;
	/* What is kept for a static member is read by nobody, and on its way to it. */
	bool any = live->group.kept_count > 0, moving = !wr_group_is_settled(&live->group);
	uint64_t held = UINT64_MAX;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		uint32_t state = wr_load_acquire(&m->state); /* M1 */
		/* Who is leaving reads no more, but its rows are its own until they move. */
		if ((state != WR_MEMBER_JOINED && state != WR_MEMBER_LEAVING &&
		     state != WR_MEMBER_ABANDONED) ||
		    m->subscription != live->id || m->expired)
			continue;
		any = true;
		moving = moving || is_behind_its_mail(m);
		held = wr_min_u64(held, wr_load_relaxed(&m->reading_seq));
	}
	if (any && moving)
		held = wr_min_u64(held, held_by_moving_rows(live));
	/* Members may have read beyond a growth that the group has not seen: it has rows there. */
	if (live->can_grow && held != UINT64_MAX)
		held = wr_min_u64(held, p->group_seen_seq + 1);
	return held;
}

/* The writer keeps room for what is still to be copied. */
static void publish_copied(struct weir_pipeline *p, uint32_t id, uint64_t seq)
{
	if (wr_load_relaxed(&p->holds[id].copied_seq) == seq) /* own */
		return;
	wr_publish_u64(&p->holds[id].copied_seq, seq); /* H5 */
	wr_park_notify(&p->log_parker);
}

/*
 * Where the first is of what members have still to settle: positions may stand far before it, where
 * nothing is that anybody wants. Rows are walked, and so only while the writer is short of room.
 */
static void publish_unsettled(struct weir_pipeline *p, uint32_t subscription_count)
{
	bool held = p->journal != NULL && wr_load_acquire(&p->link.held) != 0; /* D6 */
	uint64_t now_ns = held || p->short_until_ns != 0 ? wr_clock_mono_ns(p->host.clock) : 0;
	uint64_t visible = wr_writer_visible_seq(&p->writer), unsettled = visible + 1;
	p->short_until_ns = held ? now_ns + SHORT_NS : p->short_until_ns;
	if (p->short_until_ns <= now_ns) {
		p->short_until_ns = 0;
		return;
	}
	for (uint32_t id = 0; id < subscription_count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
		bool started = wr_load_acquire(&live->started) != 0; /* X1 */
		if (started && live->copier != NULL)
			continue;
		for (uint32_t r = 0; r < s->row_count; r++) {
			struct wr_settle_row *row = wr_position_row(p, s, r);
			uint64_t position = wr_load_relaxed(&row->position);
			if (position < unsettled &&
			    (!started || !wr_lag_row_is_settled(p, live, r, visible)))
				unsettled = position;
		}
	}
	if (wr_load_relaxed(&p->writer.unsettled_seq) == unsettled) /* own */
		return;
	wr_publish_u64(&p->writer.unsettled_seq, unsettled); /* H5 */
	wr_park_notify(&p->log_parker);
}

/* What `block` subscriptions keep in memory. */
bool wr_group_publish_holds(struct weir_pipeline *p, uint32_t subscription_count)
{
	bool any = false;
	/*
	 * Nobody polls any more in a close: what was not read stays in the journal, or is gone
	 * with a log in memory, and the report counts it. A drain does not wait for sessions to
	 * end.
	 */
	bool closing = wr_pipeline_refused(p) == WEIR_E_CLOSED;
	if (closing && wr_load_relaxed(&p->writer.room_is_free) == 0) { /* own */
		wr_publish_u64(&p->writer.room_is_free, 1u);            /* H5 */
		wr_park_notify(&p->log_parker);
	}
	for (uint32_t id = 0; id < subscription_count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		uint64_t held = UINT64_MAX;
		bool started = wr_load_acquire(&live->started) != 0; /* X1 */
		if (!closing && started && live->sharing != NULL) {
			/* The group is woken by what moves it: nobody waits for its clock. */
			held = wr_sharing_held_seq(live->sharing);
		} else if (!closing && started && live->copier != NULL) {
			held = wr_copier_held_seq(live->copier);
		} else if (!closing && started &&
			   wr_load_relaxed(&live->when_slow) == WEIR_SLOW_BLOCK) {
			any = true;
			held = held_by_group(live);
		}
		if (wr_load_relaxed(&p->holds[id].seq) != held) { /* own */
			wr_publish_u64(&p->holds[id].seq, held);  /* H1 */
			wr_park_notify(&p->log_parker);
		}
		if (started && live->copier != NULL)
			publish_copied(p, id, live->copier->safe_seq);
	}
	publish_unsettled(p, subscription_count);
	return any;
}
