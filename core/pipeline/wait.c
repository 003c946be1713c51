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

/* Where a call sleeps. */
struct bed {
	struct wr_parker *parker;
	const struct wr_gate_wait *at_gate; /* NULL: nobody there is told apart */
};

/* What it is woken for is said with the announcement. */
static uint32_t announce(const struct bed *bed, uint64_t wanted)
{
	uint32_t word = wr_park_announce(bed->parker);
	if (wanted != 0)
		wr_sleepers_add(bed->at_gate->sleepers, bed->at_gate->place, wanted);
	return word;
}

/* Another thread steps: that will do. Looks again before long, in case it does not go on. */
static void let_others_step(const struct bed *bed)
{
	uint32_t word = announce(bed, bed->at_gate != NULL ? WR_WANTS_ALL : 0);
	wr_park_sleep(bed->parker, word, BY_HAND_LOOK_NS);
}

/* A manual pipeline's caller does the work itself. */
static int wait_by_hand(struct weir_pipeline *p, const struct bed *bed, bool (*done)(void *context),
			void *context, uint64_t deadline)
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
			let_others_step(bed);
		else if (rc < 0)
			return rc;
	}
}

#define LOOKS_TO_KEEP_UP 4u

static uint64_t wanted_by(const struct bed *bed)
{
	return bed->at_gate != NULL ? bed->at_gate->wants(bed->at_gate->context) : 0;
}

/*
 * Before it is announced what is wanted: who was woken, or overtaken, has to look at what came, and
 * would be woken by anything until it has. True: it found what it waits for.
 */
static bool keeps_up(const struct bed *bed)
{
	const struct wr_gate_wait *wait = bed->at_gate;
	for (uint32_t i = 0; wait != NULL && i < LOOKS_TO_KEEP_UP; i++) {
		if (wait->done(wait->context))
			return true;
		if (wait->wants(wait->context) != WR_WANTS_ALL)
			break;
	}
	return false;
}

static int wait_asleep(struct weir_pipeline *p, const struct bed *bed, bool (*done)(void *context),
		       void *context, uint64_t deadline)
{
	for (uint32_t i = 0; i < p->host.looks_before_sleep; i++) {
		if (done(context))
			return 0;
		wr_pause();
	}
	for (;;) {
		if (keeps_up(bed))
			return 0;
		uint64_t wanted = wanted_by(bed);
		uint32_t word = announce(bed, wanted);
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
			wr_park_cancel(bed->parker);
			return is_done ? 0 : refused != 0 ? refused : -ETIMEDOUT;
		}
		/* It may have been given more in that look, or what came since is nobody's yet. */
		if ((wanted_by(bed) & ~wanted) != 0 && !WR_BUG(WANTS_AS_BEFORE)) {
			wr_park_cancel(bed->parker);
			continue;
		}
		wr_park_sleep(bed->parker, word, left);
	}
}

static int wait_in(struct weir_pipeline *p, const struct bed *bed, bool (*done)(void *context),
		   void *context, uint64_t timeout_ns)
{
	if (timeout_ns == 0)
		return -ETIMEDOUT;
	if (p->host.inside_step(p->host.context) && !WR_BUG(WAITS_IN_A_STEP))
		return WEIR_E_AGAIN; /* L13 */
	uint64_t deadline = wr_pipeline_deadline_ns(p, timeout_ns);
	wr_pipeline_stay(p);
	int rc = p->options.manual ? wait_by_hand(p, bed, done, context, deadline)
				   : wait_asleep(p, bed, done, context, deadline);
	wr_pipeline_go(p);
	return rc;
}

int wr_pipeline_wait(struct weir_pipeline *p, struct wr_parker *parker, bool (*done)(void *context),
		     void *context, uint64_t timeout_ns)
{
	const struct bed bed = {.parker = parker};
	return wait_in(p, &bed, done, context, timeout_ns);
}

int wr_pipeline_wait_at_gate(struct weir_pipeline *p, const struct wr_gate_wait *wait,
			     uint64_t timeout_ns)
{
	const struct bed bed = {.parker = &wait->sleepers->places[wait->place].parker,
				.at_gate = wait};
	return wait_in(p, &bed, wait->done, wait->context, timeout_ns);
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
	wr_gates_end(p);
	wr_park_wake(&p->control_parker);
	for (uint32_t i = 0; i < p->lane_count; i++) {
		wr_park_wake(&p->lanes[i].parker);
		wr_park_wake(&p->lanes[i].level_parker);
	}
	wr_event_fds_signal_all(p);
}
