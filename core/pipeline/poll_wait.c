/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_poll(), and what it waits for: most looks find nothing, and cost two loads. Who sleeps, here
 * or behind a descriptor, says what it wants to be woken for (gate_sleepers.c); that may be more
 * after a look, which takes the group's messages.
 */
#include <errno.h>

#include "core/pipeline/member_times.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

struct poll_wait {
	struct weir_member *member;
	struct weir_item *items;
	uint32_t items_max;
	int result;
};

/*
 * What it read since it last told what it keeps. Producers that are held back by that alone append
 * nothing, and the gate does not move: who looked at the gate only would never tell.
 */
static bool has_to_tell(struct weir_member *m)
{
	return wr_load_relaxed(&m->pipeline->subscriptions[m->subscription].when_slow) ==
		       WEIR_SLOW_BLOCK &&
	       wr_load_relaxed(&m->reading_seq) != m->scan_seq; /* own */
}

/* It has to look whatever comes. */
static bool is_restless(struct weir_member *m)
{
	return m->rewinds || m->detached || m->tried_count > 0 || wr_transactions_undecided(m);
}

static bool poll_once(void *context)
{
	struct poll_wait *w = context;
	struct weir_member *m = w->member;
	/* Most looks find nothing: no message since, and the gate not past what was read. */
	uint64_t mail = wr_park_look_u64(&m->mail); /* N1: messages are taken below */
	bool is_new = is_restless(m);
	if (!is_new && (m->sharing != NULL ? mail == m->mail_seen && !wr_sharing_has_news(m)
					   : mail == m->mail_seen && m->gap_end == 0 &&
						     m->owned_count > 0 && m->dirty_count == 0 &&
						     (wr_pipeline_gate_seq(m->pipeline, m->gate) <
							      m->scan_seq ||
						      WR_BUG(GATE_NOT_LOOKED_AT)) &&
						     !has_to_tell(m) && !wr_member_has_to_pass(m)))
		return false;
	m->mail_seen = mail;
	w->result = wr_member_poll(w->member, w->items, w->items_max);
	return w->result != 0;
}

/*
 * What a member that found nothing sleeps for: events of its rows; what it gets from the group, it
 * is told of. A filtered one that waits for the router is told by that (tell_members()).
 */
uint64_t wr_member_wants(struct weir_member *m)
{
	if (is_restless(m) || m->gap_end != 0 || m->dirty_count > 0 || has_to_tell(m) ||
	    wr_member_has_to_pass(m))
		return WR_WANTS_ALL;
	if (m->owned_count == 0)
		return 0;
	if (wr_pipeline_gate_seq(m->pipeline, m->gate) >= m->scan_seq)
		return m->route != NULL && m->place == WR_PLACE_LIVE ? WR_WANTS_TO_MOVE_ON
								     : WR_WANTS_ALL;
	return m->tags_folded;
}

static uint64_t wants(void *context)
{
	return wr_member_wants(((struct poll_wait *)context)->member);
}

/* Who moves, or tells, what it waits for behind its descriptor. */
enum wr_event_by wr_member_event_by(struct weir_member *m)
{
	if (m->sleepers != NULL ||
	    (m->sharing != NULL && !is_restless(m) && !wr_sharing_has_news(m)))
		return WR_EVENT_APART;
	return m->sharing != NULL || m->gate == WEIR_LEVEL_MEMORY ? WR_EVENT_BY_WRITER
								  : WR_EVENT_BY_JOURNAL;
}

#define LOOKS_TO_KEEP_UP 4u

/*
 * Arms its descriptor, and says at its gate what it wants; then it looks once more, so that nothing
 * that came between is missed. True: it found something.
 */
static bool arm(struct poll_wait *w)
{
	struct weir_member *m = w->member;
	uint64_t wanted = 0;
	/* Overtaken, it would be told of anything: it catches up first, as far as that goes. */
	for (uint32_t i = 0; m->sleepers != NULL && i < LOOKS_TO_KEEP_UP; i++) {
		if (wr_member_wants(m) != WR_WANTS_ALL)
			break;
		if (poll_once(w))
			return true;
	}
	for (uint32_t i = 0;; i++) {
		if (m->sleepers != NULL)
			wanted = i < LOOKS_TO_KEEP_UP ? wr_member_wants(m) : WR_WANTS_ALL;
		wr_event_fd_arm(m->event, wr_member_event_by(m));
		if (wanted != 0)
			wr_sleepers_add(m->sleepers, m->slot % WR_SLEEPER_PLACES, wanted);
		if (poll_once(w))
			return true;
		if (m->sleepers == NULL || (wr_member_wants(m) & ~wanted) == 0)
			return false;
	}
}

void wr_member_end_call(struct weir_member *m)
{
	wr_store_release(&m->inside, 0u); /* Y2 */
}

/*
 * Either this sees that the pipeline refuses, or the close sees this and waits. False: it is being
 * closed; what was lent has come back, and with it perhaps the last of the memory.
 */
bool wr_member_begin_call(struct weir_member *m)
{
	wr_store_seq(&m->inside, 1u);                                      /* Y2 */
	if (wr_load_seq(&m->pipeline->refuse) != (uint32_t)-WEIR_E_CLOSED) /* F1 */
		return true;
	/* With something lent the memory is kept for it; without, this is the last look. */
	bool lent = m->place != WR_PLACE_NONE;
	wr_member_end_call(m);
	if (lent)
		wr_pipeline_give_back(m);
	return false;
}

/* Inside, in an open pipeline. */
static int poll_inside(struct weir_pipeline *p, struct weir_member *member, struct weir_item *items,
		       uint32_t items_max, uint64_t timeout_ns)
{
	struct poll_wait wait = {.member = member, .items = items, .items_max = items_max};
	member->poller = p->host.thread(p->host.context);
	if (poll_once(&wait))
		return wait.result;
	if (member->event->wanted && arm(&wait))
		return wait.result;
	/* Behind the arming, and with a time-out of 0 as well; a close is the wait's to tell. */
	int refused = -(int)wr_load_seq(&p->refuse); /* F1 */
	if (refused != 0 && refused != WEIR_E_CLOSED)
		return poll_once(&wait) ? wait.result : refused;
	/* Who waits in a poll is alive, however long. */
	wr_store_relaxed(&member->polled_ns, WR_POLLED_NOW);
	const struct wr_gate_wait at_gate = {.sleepers = member->sleepers,
					     .place = member->slot % WR_SLEEPER_PLACES,
					     .wants = wants,
					     .done = poll_once,
					     .context = &wait};
	int rc = member->sleepers != NULL
			 ? wr_pipeline_wait_at_gate(p, &at_gate, timeout_ns)
			 : wr_pipeline_wait(p, member->gate_parker, poll_once, &wait, timeout_ns);
	if (rc != WEIR_E_CLOSED)
		wr_store_relaxed(&member->polled_ns, wr_clock_mono_ns(p->host.clock));
	else
		wr_member_unpin(member); /* it stood in a chunk, and does not come again */
	if (rc == 0)
		return wait.result;
	return rc == -ETIMEDOUT || rc == WEIR_E_AGAIN ? 0 : rc;
}

int weir_poll(struct weir_member *member, struct weir_item *items, size_t items_max,
	      uint64_t timeout_ns)
{
	if (member->handler != NULL)
		return -EBUSY;
	if (items_max == 0 || items_max > 65536)
		return -EINVAL;
	if (member->in_transaction)
		return -EBUSY;
	struct weir_pipeline *p = member->pipeline;
	if (!wr_member_begin_call(member))
		return WEIR_E_CLOSED;
	int rc = poll_inside(p, member, items, (uint32_t)items_max, timeout_ns);
	if (rc > 0) {
		wr_member_delivered(member, items, (uint32_t)rc);
		wr_span_delivered(member, items, (uint32_t)rc);
	}
	/*
	 * A gap lends nothing that keeps the memory until the next poll: whom a close finds waiting
	 * is told of the close, and finds the gap again after the next open.
	 */
	if (rc > 0 && member->place == WR_PLACE_NONE &&
	    wr_load_seq(&p->refuse) == (uint32_t)-WEIR_E_CLOSED) /* F1 */
		rc = WEIR_E_CLOSED;
	wr_member_end_call(member);
	return rc;
}

void weir_release(struct weir_member *member)
{
	if (member->handler != NULL || !wr_member_begin_call(member))
		return; /* a handler's items: weir polls for it, and lets go of them */
	wr_member_unpin(member);
	wr_member_end_call(member);
}

void weir_member_problem(const struct weir_member *member, struct weir_problem *ret_problem)
{
	*ret_problem = member->problem;
}
