/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group step: one for all groups of a pipeline. Takes what the log answered and what members
 * did, and lets every group move what can be moved; then catch-up, holds and lag.
 *
 *   group_ports.c     what a group asks of the log and of members
 *   share_step.c      the same of a shared subscription: sharing.h
 *   row_letters.c     dead letters of partitions: retry.h
 *   copier.c          copies of what nobody wants: copier.h
 *   carry.c           copies of what is outstanding further on: carry.h
 *   group_catchup.c   chunks from disk
 *   group_holds.c     what `block` subscriptions keep in memory
 *   lag.c             what is still to be processed
 *   pass.c            what subscriptions without members need no more
 */
#include "core/pipeline/group_step.h"
#include "core/base/deadline.h"
#include "core/pipeline/copier.h"
#include "core/pipeline/detach.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/retry.h"
#include "core/pipeline/router.h"
#include "core/pipeline/sharing.h"

#define IDLE_WITH_MEMBERS_NS 10000000u /* session time-outs, lag */
#define OVERDUE_NS 1000000u            /* what was due waits for the writer, or for room */
#define IDLE_WITH_HOLDS_NS 1000000u    /* a `block` subscription: producers may be waiting */

/* What became of a record of the group's. */
static void answered(struct weir_pipeline *p, const struct wr_raise *raise,
		     const struct wr_reply *reply)
{
	struct wr_subscription_live *live = &p->subscriptions[raise->subscription];
	switch (raise->kind) {
	case WR_RAISE_GENERATION:
		/* A seek was ordered: what lies between its target and its record is counted. A3 */
		if (reply->code == 0 &&
		    live->group.rows[raise->row].raising_position != WR_SEEK_NONE) {
			live->told_from[raise->row] = 0;
			live->anew[raise->row].settled_to = 0;
			wr_lag_begin(p, live); /* before a member hears of the position */
		}
		wr_group_raised(&live->group, raise->row, reply->code);
		return;
	case WR_RAISE_LETTER:
		wr_row_letter_answered(live, raise->row, reply);
		return;
	case WR_RAISE_PASS:
	case WR_RAISE_NOTHING:
		return;
	case WR_RAISE_COPIES:
		wr_copier_answered(p, raise, reply);
		return;
	case WR_RAISE_CARRY:
		wr_carry_answered(p, raise, reply);
		return;
	case WR_RAISE_CRASHED:
		wr_reopening_answered(live, reply);
		if (live->sharing != NULL)
			wr_sharing_reopened(live->sharing, reply);
		return;
	case WR_RAISE_MARK:
	case WR_RAISE_EXPIRE:
	case WR_RAISE_BURY:
	case WR_RAISE_IN_HAND:
	case WR_RAISE_MOVE:
		wr_sharing_answered(p, raise, reply);
		return;
	}
}

/* In the order of their tickets. */
static int take_answers(struct weir_pipeline *p)
{
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	int work = 0;
	(void)wr_park_look_u64(&lane->ordered); /* A3: the replies up to it are there */
	const struct wr_reply *reply;
	while ((reply = wr_lane_reply_peek(lane)) != NULL) {
		/* Its place is another record's as soon as something is handed over again. */
		const struct wr_raise raise = p->raises[reply->ticket & (lane->reply_capacity - 1)];
		answered(p, &raise, reply);
		wr_lane_reply_take(lane);
		work++;
	}
	return work;
}

static int take_released(struct wr_subscription_live *live, struct weir_member *m)
{
	int work = 0;
	(void)wr_park_look_u64(&m->released); /* N2 */
	while (wr_spsc_ready(&m->to_group_ring) > 0) {
		const struct wr_message *message =
			&m->to_group[wr_spsc_pop_index(&m->to_group_ring, 0)];
		if (message->kind == WR_MESSAGE_DEAD)
			wr_row_letter_asked(live, message->row, message->generation,
					    message->position, m->slot);
		else
			wr_group_released(&live->group, m->slot, message->row, message->generation,
					  message->lane_place);
		wr_spsc_pop(&m->to_group_ring, 1);
		work++;
	}
	return work;
}

static void watch_session(struct wr_subscription_live *live, struct weir_member *m, uint64_t now)
{
	uint64_t polled = wr_load_relaxed(&m->polled_ns);
	bool late = now > polled && now - polled > wr_load_relaxed(&live->session_timeout_ns);
	if (late == m->expired)
		return;
	m->expired = late;
	if (live->sharing != NULL)
		wr_share_pause(&live->sharing->share, m->slot, late);
	else if (late)
		wr_group_expire(&live->group, m->slot);
	else
		wr_group_revive(&live->group, m->slot);
}

static uint64_t end_of_session(struct wr_subscription_live *live, uint64_t now)
{
	return wr_deadline_ns(now, wr_load_relaxed(&live->session_timeout_ns));
}

/* A retry is due, and who waits in a poll, or for a descriptor, has no clock. */
static void tell_due(struct weir_pipeline *p, struct weir_member *m, uint64_t now)
{
	uint64_t due_ns = wr_load_relaxed(&m->due_ns);
	if (due_ns > now || due_ns == m->due_told_ns)
		return;
	m->due_told_ns = due_ns;
	wr_member_tell(p, m);
}

static int serve_member(struct weir_pipeline *p, struct weir_member *m, uint64_t now)
{
	uint32_t state = wr_load_acquire(&m->state); /* M1 */
	if (state < WR_MEMBER_JOINING || state == WR_MEMBER_LEFT || state == WR_MEMBER_GONE)
		return 0;
	struct wr_subscription_live *live = &p->subscriptions[m->subscription];
	struct wr_group *group = &live->group;
	struct wr_sharing *sharing = live->sharing;
	int work = sharing != NULL ? wr_sharing_take_asks(sharing, m) : take_released(live, m);
	if (state == WR_MEMBER_JOINING) {
		m->joined_number = ++p->members_joined;
		if (sharing != NULL)
			wr_sharing_join(sharing, m);
		else
			wr_group_join(group, m->slot, m->name, m->instance);
		/* A caller may have asked to leave meanwhile: then that stands. M1 */
		(void)wr_cas_acq_rel(&m->state, &state, (uint32_t)WR_MEMBER_JOINED);
		work++;
	}
	if (state != WR_MEMBER_LEAVING && state != WR_MEMBER_ABANDONED) {
		watch_session(live, m, now);
		tell_due(p, m, now);
		return work;
	}
	if (sharing != NULL) {
		if (!wr_sharing_leave(sharing, m))
			return work;
	} else if (!group->members[m->slot].present) {
		/* It left before the group ever saw it. */
	} else if (!group->members[m->slot].leaving) {
		wr_group_leave(group, m->slot, end_of_session(live, now));
		return work + 1;
	} else if (!wr_group_has_left(group, m->slot)) {
		return work;
	} else {
		wr_group_remove(group, m->slot);
	}
	/* Behind the store the slot is whoever's takes it next; the parker stays. */
	struct wr_parker *parker = &m->lane->parker;
	state = WR_MEMBER_LEAVING;
	if (!wr_cas_acq_rel(&m->state, &state, (uint32_t)WR_MEMBER_LEFT)) { /* M1 */
		wr_lane_close(m->lane); /* abandoned: nobody else does */
		wr_store_release(&m->state, (uint32_t)WR_MEMBER_GONE); /* M1 */
	}
	wr_park_wake(parker);
	return work + 1;
}

static int serve_seek(struct wr_subscription_live *live)
{
	uint64_t asked = wr_park_look_u64(&live->seek_asked); /* W1 */
	if (asked != live->seek_taken) {
		live->seek_taken = asked;
		wr_group_seek(&live->group, wr_load_relaxed(&live->seek_position));
		return 1;
	}
	uint64_t done = wr_load_relaxed(&live->seek_done); /* own */
	if (done == asked)
		return 0;
	for (uint32_t r = 0; r < live->group.row_count; r++)
		if (live->group.rows[r].seek_position != WR_SEEK_NONE)
			return 0;
	wr_detach_sought(live);
	/* Each request held its place until here. D4 */
	(void)wr_sub_seq(&live->pipeline->link.asking, (uint32_t)(asked - done));
	wr_publish_round_u64(&live->seek_done, asked); /* W1 */
	wr_park_notify(&live->pipeline->lanes[WR_CONTROL_LANE].parker);
	return 1;
}

/* What they hold producers back for is published: who joined may rely on it. */
static void tell_joined(struct weir_pipeline *p)
{
	uint64_t told = wr_load_relaxed(&p->members_held); /* own */
	if (told == p->members_joined)
		return;
	wr_store_release(&p->members_held, p->members_joined); /* M3 */
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		uint32_t state = wr_load_acquire(&p->members[i].state); /* M1 */
		if (state == WR_MEMBER_JOINED && p->members[i].joined_number > told)
			wr_park_wake(&p->members[i].lane->parker);
	}
}

/* When it is to be told of a retry; UINT64_MAX: it is not, or was. */
static uint64_t due_of(struct weir_member *m, uint32_t state)
{
	if (state != WR_MEMBER_JOINED) /* who joins may be writing to it */
		return UINT64_MAX;
	uint64_t due_ns = wr_load_relaxed(&m->due_ns);
	return due_ns != m->due_told_ns ? due_ns : UINT64_MAX;
}

static int group_step(void *self, uint32_t budget)
{
	struct weir_pipeline *p = self;
	(void)budget;
	int work = take_answers(p);
	if (wr_load_relaxed(&p->sharing_count) != 0) /* X2 */
		work += wr_router_step(p);
	uint64_t now = wr_clock_mono_ns(p->host.clock);
	/* Before growths are looked for: those up to there are known to the groups below. */
	p->group_seen_seq = wr_writer_visible_seq(&p->writer);
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	bool members = false;
	uint64_t due_ns = UINT64_MAX;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		uint32_t state = wr_load_acquire(&p->members[i].state); /* M1 */
		members |= state != WR_MEMBER_FREE && state != WR_MEMBER_GONE;
		due_ns = wr_min_u64(due_ns, due_of(&p->members[i], state));
		work += serve_member(p, &p->members[i], now);
	}
	for (uint32_t id = 0; id < count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		if (wr_load_acquire(&live->started) == 0) /* X1 */
			continue;
		if (live->sharing != NULL) {
			work += wr_sharing_step(live->sharing, now);
			due_ns = wr_min_u64(due_ns, wr_sharing_due_ns(live->sharing));
			continue;
		}
		if (live->copier != NULL) {
			work += wr_copier_step(live->copier, now);
			due_ns = wr_min_u64(due_ns, wr_copier_due_ns(live->copier));
			continue;
		}
		wr_group_follow_growth(live);
		work += serve_seek(live);
		wr_group_use(&live->group, (enum wr_assignor)wr_load_relaxed(&live->assignor));
		work += wr_group_keep(&live->group, now);
		if (!wr_row_letters_may_go(live, &work))
			continue;
		work += wr_group_step(&live->group);
		work += wr_row_letters_step(live, now);
		due_ns = wr_min_u64(due_ns, wr_row_letters_due_ns(live));
	}
	work += wr_carry_step(p, now);
	work += wr_group_serve_catchup(p);
	bool holds = wr_group_publish_holds(p, count);
	tell_joined(p);
	work += wr_lag_step(p);
	p->group_idle_ns = holds                  ? IDLE_WITH_HOLDS_NS
			   : members || count > 0 ? IDLE_WITH_MEMBERS_NS
						  : UINT64_MAX;
	p->group_idle_ns = wr_min_u64(p->group_idle_ns, wr_metrics_step(p, now));
	p->group_idle_ns = wr_min_u64(p->group_idle_ns, wr_pipeline_tell_held_back(p, now));
	if (due_ns != UINT64_MAX)
		p->group_idle_ns =
			wr_min_u64(p->group_idle_ns, due_ns > now ? due_ns - now : OVERDUE_NS);
	return work;
}

static uint64_t group_idle_ns(void *self)
{
	return ((struct weir_pipeline *)self)->group_idle_ns;
}

void wr_pipeline_group_step(struct weir_pipeline *p, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){
		.name = "group", .run = group_step, .idle_ns = group_idle_ns, .self = p};
}
