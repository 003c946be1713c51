/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting, and what ends it early: what every blocking door of the pipeline shares. */
#include <errno.h>

#include "core/base/bug.h"
#include "core/base/deadline.h"
#include "core/pipeline/pipeline.h"

#define BY_HAND_LOOK_NS 1000000u

uint64_t wr_pipeline_deadline_ns(struct weir_pipeline *p, uint64_t timeout_ns)
{
	if (timeout_ns == WEIR_FOREVER)
		return UINT64_MAX;
	return wr_deadline_ns(wr_clock_mono_ns(p->host.clock), timeout_ns);
}

uint64_t wr_pipeline_left_ns(struct weir_pipeline *p, uint64_t deadline_ns)
{
	if (deadline_ns == UINT64_MAX)
		return WEIR_FOREVER;
	return wr_left_ns(deadline_ns, wr_clock_mono_ns(p->host.clock));
}

/* Another thread steps: that will do. Looks again before long, in case it does not go on. */
static void let_others_step(struct wr_parker *parker)
{
	uint32_t word = wr_park_announce(parker);
	wr_park_sleep(parker, word, BY_HAND_LOOK_NS);
}

/* A manual pipeline's caller does the work itself. */
static int wait_by_hand(struct weir_pipeline *p, struct wr_parker *parker,
			bool (*done)(void *context), void *context, uint64_t deadline)
{
	for (;;) {
		int refused = wr_pipeline_refused(p); /* before the look, as in wait_asleep() */
		if (done(context))
			return 0;
		if (refused != 0)
			return refused;
		uint64_t left = wr_pipeline_left_ns(p, deadline);
		if (left == 0)
			return -ETIMEDOUT;
		int rc = p->host.run_steps(p->host.context, wr_min_u64(left, BY_HAND_LOOK_NS));
		if (rc == WEIR_E_AGAIN)
			let_others_step(parker);
		else if (rc < 0)
			return rc;
	}
}

static int wait_asleep(struct weir_pipeline *p, struct wr_parker *parker,
		       bool (*done)(void *context), void *context, uint64_t deadline)
{
	for (uint32_t i = 0; i < p->host.looks_before_sleep; i++) {
		if (done(context))
			return 0;
		wr_pause();
	}
	for (;;) {
		uint32_t word = wr_park_announce(parker);
		/*
		 * The last looks, after the announcement: at the end first, so that what was there
		 * before it is not told as lost.
		 */
		int refused = -(int)wr_load_seq(&p->refuse); /* F1 */
		bool is_done = done(context);
		if (is_done)
			refused = 0;
		uint64_t left = is_done || refused != 0 ? 0 : wr_pipeline_left_ns(p, deadline);
		if (left == 0) {
			wr_park_cancel(parker);
			return is_done ? 0 : refused != 0 ? refused : -ETIMEDOUT;
		}
		wr_park_sleep(parker, word, left);
	}
}

int wr_pipeline_wait(struct weir_pipeline *p, struct wr_parker *parker, bool (*done)(void *context),
		     void *context, uint64_t timeout_ns)
{
	if (timeout_ns == 0)
		return -ETIMEDOUT;
	if (p->host.inside_step(p->host.context) && !WR_BUG(WAITS_IN_A_STEP))
		return WEIR_E_AGAIN; /* L13 */
	uint64_t deadline = wr_pipeline_deadline_ns(p, timeout_ns);
	wr_pipeline_stay(p);
	int rc = p->options.manual ? wait_by_hand(p, parker, done, context, deadline)
				   : wait_asleep(p, parker, done, context, deadline);
	wr_pipeline_go(p);
	return rc;
}

#define SLOT_LOOK_NS 1000000u
#define SLOT_LOOKS 1000u

static bool is_going(struct weir_pipeline *p, uint32_t first_lane, uint32_t lane_count)
{
	for (uint32_t i = first_lane; i < first_lane + lane_count; i++)
		if (wr_load_acquire(&p->lanes[i].state) == WR_LANE_CLOSING) /* S1 */
			return true;
	/* A member's slot is the group's, perhaps, after its lane is free. */
	bool are_members = first_lane == WR_LANES_RESERVED + p->options.producers_max;
	for (uint32_t i = 0; are_members && i < lane_count; i++)
		if (wr_load_acquire(&p->members[i].state) == WR_MEMBER_ABANDONED) /* M1 */
			return true;
	return false;
}

void wr_pipeline_wait_for_slot(struct weir_pipeline *p, uint32_t first_lane, uint32_t lane_count,
			       bool (*done)(void *context), void *context)
{
	for (uint32_t i = 0; i < SLOT_LOOKS; i++) {
		bool going = is_going(p, first_lane, lane_count); /* before the look */
		if (done(context) || !going)
			return;
		/* Nobody tells: it looks again after a while. */
		int rc = wr_pipeline_wait(p, &p->control_parker, done, context, SLOT_LOOK_NS);
		if (rc != -ETIMEDOUT)
			return;
	}
}

void wr_pipeline_refuse(struct weir_pipeline *p, int code)
{
	uint32_t open = 0;
	if (code == WEIR_E_CLOSED) /* stands above FAILED: nothing comes after it */
		wr_store_seq(&p->refuse, (uint32_t)-code); /* F1 */
	else
		(void)wr_cas_seq(&p->refuse, &open, (uint32_t)-code); /* F1 */
	wr_pipeline_wake_all(p);
}

void wr_pipeline_wake_all(struct weir_pipeline *p)
{
	wr_park_wake(&p->log_parker);
	wr_park_wake(&p->journal_parker);
	wr_park_wake(&p->group_parker);
	wr_park_wake(&p->visible_parker);
	wr_park_wake(&p->durable_parker);
	wr_park_wake(&p->control_parker);
	for (uint32_t i = 0; i < p->lane_count; i++) {
		wr_park_wake(&p->lanes[i].parker);
		wr_park_wake(&p->lanes[i].level_parker);
	}
	wr_event_fds_signal(p, false);
	wr_event_fds_signal(p, true);
}
