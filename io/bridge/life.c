/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a bridge, and what leads from one to the next.
 *
 *   asked to pause or stop   from RUNNING: drain, close, the member leaves
 *   LOST                     close, the member leaves; opened again after a delay: retry_min_ns,
 *                            doubled with each attempt up to retry_max_ns, less a jitter of up to
 *                            a half. It is RETRYING until it runs, while it is being opened, too: a
 *                            side that is down for long is one state. A bridge that has run for
 *                            retry_max_ns begins anew
 *   GIVE_UP                  close, the member leaves; nothing until resume
 *
 * Nothing of the driver's can wait for ever here: each function has its limit, and is told to go
 * back by weir_bridge_is_stopping().
 *
 * Thread: the bridge's, or whoever calls weir_bridge_step().
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "io/bridge/bridge.h"

#define LEAVE_NS 2000000000ull

static enum weir_bridge_state state_of(struct weir_bridge *b)
{
	(void)pthread_mutex_lock(&b->lock);
	enum weir_bridge_state state = b->shown.state;
	(void)pthread_mutex_unlock(&b->lock);
	return state;
}

/* Another attempt that failed is told, too: it may have another cause. */
static void enter(struct weir_bridge *b, enum weir_bridge_state state)
{
	char why[sizeof b->shown.why];
	(void)pthread_mutex_lock(&b->lock);
	bool is_new = b->shown.state != state;
	bool is_told = is_new || state == WEIR_BRIDGE_RETRYING;
	if (is_new) {
		b->shown.state = state;
		b->shown.since_us = wr_bridge_wall_us();
		/* What was asked for since then is this attempt. */
		if (state == WEIR_BRIDGE_CONNECTING)
			b->asked.resume = false;
	}
	if (is_told)
		wr_bridge_shown_changed(b);
	memcpy(why, b->shown.why, sizeof why);
	(void)pthread_mutex_unlock(&b->lock);
	if (is_told && b->options.state_fn != NULL)
		b->options.state_fn(b->options.state_context, b->name, state, why);
	wr_bridge_files_look(b, is_told);
}

static void begin_attempt(struct weir_bridge *b)
{
	(void)pthread_mutex_lock(&b->lock);
	bool was_lost = b->shown.state == WEIR_BRIDGE_RETRYING;
	b->asked.resume = b->asked.resume && !was_lost;
	b->is_trying = true;
	(void)pthread_mutex_unlock(&b->lock);
	if (!was_lost)
		enter(b, WEIR_BRIDGE_CONNECTING);
}

static void end_attempt(struct weir_bridge *b)
{
	(void)pthread_mutex_lock(&b->lock);
	b->is_trying = false;
	(void)pthread_mutex_unlock(&b->lock);
}

bool wr_bridge_is_asked_to_rest(struct weir_bridge *b)
{
	wr_bridge_files_look(b, false);
	(void)pthread_mutex_lock(&b->lock);
	bool rest = b->asked.stop || b->asked.pause;
	(void)pthread_mutex_unlock(&b->lock);
	return rest;
}

/* True: somebody asked for another attempt; told once. */
static bool take_resume(struct weir_bridge *b)
{
	(void)pthread_mutex_lock(&b->lock);
	bool resume = b->asked.resume;
	b->asked.resume = false;
	(void)pthread_mutex_unlock(&b->lock);
	return resume;
}

/* Sleeps until something is asked for, or so long. */
static void rest(struct weir_bridge *b, uint64_t timeout_ns)
{
	uint64_t until = wr_bridge_now_ns() + wr_min_u64(timeout_ns, WR_BRIDGE_LOOK_NS);
	struct timespec at = {.tv_sec = (time_t)(until / 1000000000u),
			      .tv_nsec = (long)(until % 1000000000u)};
	if (timeout_ns == 0)
		return;
	(void)pthread_mutex_lock(&b->lock);
	bool wanted = b->asked.pause ? b->shown.state != WEIR_BRIDGE_PAUSED : b->asked.resume;
	if (!b->asked.stop && !wanted)
		(void)pthread_cond_timedwait(&b->wake, &b->lock, &at);
	(void)pthread_mutex_unlock(&b->lock);
}

/* ---- both sides ------------------------------------------------------------------------------ */

static void leave(struct weir_bridge *b)
{
	if (b->is_open)
		b->ops.close(b->options.self, b);
	b->is_open = false;
	wr_bridge_positions_close(b);
	if (b->member != NULL)
		(void)weir_member_leave(b->member, LEAVE_NS);
	b->member = NULL;
}

static int join(struct weir_bridge *b)
{
	struct weir_member_options options;
	struct weir_problem problem = {0};
	if (b->options.direction == WEIR_BRIDGE_SOURCE)
		return wr_bridge_positions_open(b);
	weir_member_options_init(&options);
	options.name = strlen(b->name) < 64 ? b->name : NULL;
	int rc = weir_member_join(b->pipeline, b->options.subscription, &options, &b->member,
				  &problem);
	if (rc == 0)
		return 0;
	b->member = NULL;
	return weir_bridge_lost(b, "no member of its subscription: %s (%s)", weir_strerror(rc),
				problem.text);
}

/* A fraction of one, from 1/2 on. */
static uint64_t jitter(struct weir_bridge *b, uint64_t delay_ns)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return delay_ns / 2 + b->random % (delay_ns / 2 + 1);
}

/* What a function of the driver's returned, when it is negative. */
static void take_fault(struct weir_bridge *b, int rc)
{
	uint64_t now = wr_bridge_now_ns();
	leave(b);
	(void)pthread_mutex_lock(&b->lock);
	wr_bridge_told_error(b, rc == WEIR_BRIDGE_GIVE_UP);
	(void)pthread_mutex_unlock(&b->lock);
	if (rc == WEIR_BRIDGE_GIVE_UP) {
		enter(b, WEIR_BRIDGE_FAILED);
		return;
	}
	if (b->opened_ns != 0 && now - b->opened_ns >= b->options.retry_max_ns)
		b->retry_delay_ns = 0;
	b->opened_ns = 0;
	b->retry_delay_ns = b->retry_delay_ns == 0
				    ? b->options.retry_min_ns
				    : wr_min_u64(2 * b->retry_delay_ns, b->options.retry_max_ns);
	b->retry_at_ns = now + jitter(b, b->retry_delay_ns);
	(void)pthread_mutex_lock(&b->lock);
	b->shown.attempts++;
	(void)pthread_mutex_unlock(&b->lock);
	enter(b, WEIR_BRIDGE_RETRYING);
}

static void connect_both(struct weir_bridge *b)
{
	begin_attempt(b);
	int rc = join(b);
	if (rc == 0) {
		b->is_open = true;
		rc = b->ops.open(b->options.self, b);
	}
	end_attempt(b);
	/* Who goes back since a rest was asked for has lost nothing: the next step rests. */
	if (rc == WEIR_BRIDGE_LOST && wr_bridge_is_asked_to_rest(b)) {
		leave(b);
		return;
	}
	if (rc < 0) {
		take_fault(b, rc);
		return;
	}
	b->opened_ns = wr_bridge_now_ns();
	(void)pthread_mutex_lock(&b->lock);
	b->shown.attempts = 0;
	b->shown.why[0] = '\0';
	wr_bridge_told_connected(b);
	(void)pthread_mutex_unlock(&b->lock);
	enter(b, WEIR_BRIDGE_RUNNING);
}

/* Until what was handed over is in the log, for drain_ns, or until it is told to end at once. */
static bool wait_for_runs(struct weir_bridge *b)
{
	uint64_t end_ns = wr_bridge_now_ns() + b->options.drain_ns;
	for (;;) {
		uint64_t now_ns = wr_bridge_now_ns();
		uint64_t left_ns = now_ns < end_ns ? end_ns - now_ns : 0;
		int rc = weir_bridge_run_wait(b, wr_min_u64(left_ns, WR_BRIDGE_LOOK_NS));
		if (rc != 0 || left_ns == 0 || weir_bridge_is_aborting(b))
			return rc == 1;
	}
}

static bool drain(struct weir_bridge *b)
{
	int rc = 0;
	if (weir_bridge_is_aborting(b))
		return false;
	if (b->ops.drain != NULL)
		rc = b->ops.drain(b->options.self, b, b->options.drain_ns);
	return rc >= 0 && (b->options.direction == WEIR_BRIDGE_SINK || wait_for_runs(b));
}

/* ---- one step -------------------------------------------------------------------------------- */

static int run_driver(struct weir_bridge *b, uint64_t timeout_ns)
{
	int rc = wr_bridge_positions_care(b);
	if (rc == 0)
		rc = b->ops.step(b->options.self, b, timeout_ns);
	if (rc < 0)
		take_fault(b, rc);
	wr_bridge_files_look(b, false);
	return rc < 0 ? 1 : rc;
}

static int pause_it(struct weir_bridge *b)
{
	if (state_of(b) == WEIR_BRIDGE_RUNNING)
		(void)drain(b);
	leave(b);
	enter(b, WEIR_BRIDGE_PAUSED);
	return 1;
}

int wr_bridge_life_step(struct weir_bridge *b, uint64_t timeout_ns)
{
	enum weir_bridge_state state = state_of(b);
	wr_bridge_told_step(b);
	if (state != WEIR_BRIDGE_RUNNING)
		(void)wr_bridge_positions_care(b); /* they hold up the log where nobody does */
	(void)wr_bridge_is_asked_to_rest(b);
	(void)pthread_mutex_lock(&b->lock);
	bool stop = b->asked.stop, pause = b->asked.pause;
	(void)pthread_mutex_unlock(&b->lock);
	if (stop)
		return 0;
	if (pause && state != WEIR_BRIDGE_PAUSED)
		return pause_it(b);
	/* One that runs needs none: it is not kept for when it has failed. */
	bool resume = !pause && take_resume(b);
	switch (state) {
	case WEIR_BRIDGE_RUNNING:
		return run_driver(b, timeout_ns);
	case WEIR_BRIDGE_PAUSED:
		resume = !pause;
		break;
	case WEIR_BRIDGE_RETRYING:
		resume = resume || wr_bridge_now_ns() >= b->retry_at_ns;
		break;
	case WEIR_BRIDGE_CONNECTING:
		resume = true;
		break;
	case WEIR_BRIDGE_FAILED:
	case WEIR_BRIDGE_STOPPED:
		break;
	}
	if (resume) {
		connect_both(b);
		return 1;
	}
	rest(b, timeout_ns);
	return 0;
}

void wr_bridge_life_end(struct weir_bridge *b)
{
	b->was_drained = state_of(b) != WEIR_BRIDGE_RUNNING || drain(b);
	leave(b);
	enter(b, WEIR_BRIDGE_STOPPED);
}
