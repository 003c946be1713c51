/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker of a stage does: take what has come, call, flush, give back; and pushing from
 * inside the function.
 *
 * Waiting is the ring's own for adaptive and park. Who spins or yields never sleeps, so it looks
 * here, and does not announce itself to anybody: whoever pushes pays nothing for it.
 *
 * Thread: each worker's own.
 */
#include "io/config/stages.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "core/base/pause.h"
#include "io/posix/thread_posix.h"

static _Thread_local const struct weir_stages *inside;

bool wr_stage_is_inside(const struct weir_stages *stages)
{
	return inside == stages;
}

/* A counter with one writer. */
static void add(wr_atomic_u64 *counter, uint64_t n)
{
	wr_store_relaxed(counter, wr_load_relaxed(counter) + n);
}

static bool is_aborting(const struct weir_stage_worker *w)
{
	return wr_load_relaxed(&w->stages->is_aborting) != 0;
}

/* Who never sleeps, between two looks. True: it does. */
static bool look_again(const struct weir_stage_worker *w)
{
	if (w->options.wait == WEIR_WAIT_YIELD) {
		(void)sched_yield();
		return true;
	}
	if (w->options.wait != WEIR_WAIT_SPIN)
		return false;
	wr_pause();
	return true;
}

/* ---- pushing ---- */

int weir_stage_output(const struct weir_stage_worker *worker, const char *to)
{
	for (uint32_t i = 0; i < worker->output_count; i++)
		if (strcmp(worker->outputs[i].ring->to, to) == 0)
			return (int)i;
	return -ENOENT;
}

struct weir_ring_producer *weir_stage_producer(struct weir_stage_worker *worker, uint32_t output)
{
	return output < worker->output_count ? worker->outputs[output].producer : NULL;
}

/* The ring was full. 0: there may be room now. */
static int wait_for_room(struct weir_stage_worker *w, struct weir_ring_producer *producer)
{
	uint64_t left_ns = WEIR_FOREVER;
	if (is_aborting(w))
		return WEIR_E_CLOSED;
	if (look_again(w))
		return 0;
	/* The abort closes the ring, and that wakes it. */
	return weir_ring_wait_room(producer, &left_ns);
}

int weir_stage_push(struct weir_stage_worker *worker, uint32_t output, const void *item,
		    size_t item_bytes)
{
	if (output >= worker->output_count)
		return -ENOENT;
	struct wr_stage_output *to = &worker->outputs[output];
	int rc = weir_ring_stage(to->producer, item, item_bytes);
	while (rc == WEIR_E_AGAIN && to->ring->full == WR_CONFIG_FULL_WAIT) {
		rc = wait_for_room(worker, to->producer);
		if (rc == 0)
			rc = weir_ring_stage(to->producer, item, item_bytes);
	}
	if (rc == 0) {
		add(&worker->pushed, 1);
	} else if (rc == WEIR_E_AGAIN && to->ring->full == WR_CONFIG_FULL_DROP) {
		add(&worker->dropped, 1);
		rc = 0;
	} else if (rc == WEIR_E_AGAIN) {
		add(&worker->refused, 1);
	}
	return rc;
}

uint32_t weir_stage_index(const struct weir_stage_worker *worker)
{
	return worker->index;
}

struct timespec wr_stage_deadline(uint64_t timeout_ns)
{
	struct timespec now = {0};
	uint64_t seconds = timeout_ns / 1000000000u;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	/* A century is as good as for ever, and has room in any time_t. */
	now.tv_sec += (time_t)(seconds < 3200000000u ? seconds : 3200000000u);
	now.tv_nsec += (long)(timeout_ns % 1000000000u);
	if (now.tv_nsec >= 1000000000) {
		now.tv_sec++;
		now.tv_nsec -= 1000000000;
	}
	return now;
}

int weir_stage_sleep(struct weir_stage_worker *worker, uint64_t timeout_ns)
{
	struct weir_stages *s = worker->stages;
	struct timespec deadline = wr_stage_deadline(timeout_ns);
	int rc = timeout_ns == 0 ? ETIMEDOUT : 0;
	(void)pthread_mutex_lock(&s->lock);
	while (rc == 0 && wr_load_relaxed(&s->is_stopping) == 0)
		rc = pthread_cond_timedwait(&s->changed, &s->lock, &deadline);
	bool stops = wr_load_relaxed(&s->is_stopping) != 0;
	(void)pthread_mutex_unlock(&s->lock);
	return stops ? WEIR_E_CLOSED : 0;
}

/* ---- the thread ---- */

/* What was pushed in a call is visible when it has returned. */
static int flush(struct weir_stage_worker *w)
{
	for (uint32_t i = 0; i < w->output_count; i++) {
		int rc = weir_ring_flush(w->outputs[i].producer);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int call(struct weir_stage_worker *w, const void *items, uint32_t count)
{
	const struct weir_stage_batch batch = {
		.items = items, .count = count, .item_bytes = w->slot_bytes};
	add(&w->calls, 1);
	add(&w->items, count);
	int rc = w->stage->run(w->stage->context, w, &batch);
	/* A ring that was closed under it: it is being ended, and that is no failure of its own. */
	int flushed = flush(w);
	if (is_aborting(w) && (rc == WEIR_E_CLOSED || flushed < 0))
		return WEIR_STAGE_DONE;
	return rc < 0 ? rc : flushed < 0 ? flushed : rc;
}

static int run_source(struct weir_stage_worker *w)
{
	int rc = 0;
	while (rc == 0 && wr_load_relaxed(&w->stages->is_stopping) == 0)
		rc = call(w, NULL, 0);
	return rc;
}

static int take(struct weir_stage_worker *w, const void **ret_items)
{
	for (;;) {
		uint64_t left_ns = WEIR_FOREVER;
		if (is_aborting(w))
			return WEIR_E_CLOSED;
		int n = weir_ring_take(w->input, w->batch, w->slot_bytes, ret_items);
		if (n != WEIR_E_AGAIN)
			return n;
		/* The end of what feeds it closes the ring, and that wakes it. */
		if (!look_again(w) && weir_ring_wait_items(w->input, &left_ns) < 0)
			return WEIR_E_CLOSED;
	}
}

static int run_consumer(struct weir_stage_worker *w)
{
	for (;;) {
		const void *items;
		int n = take(w, &items);
		if (n < 0)
			return n == WEIR_E_CLOSED ? 0 : n;
		int rc = call(w, items, (uint32_t)n);
		weir_ring_release(w->input);
		if (rc == WEIR_STAGE_DONE)
			return is_aborting(w) ? 0 : -EINVAL; // only a source may say that
		if (rc < 0)
			return rc;
	}
}

void *wr_stage_worker_run(void *context)
{
	struct weir_stage_worker *w = context;
	inside = w->stages;
	/* That it may was tried before any was started. */
	(void)wr_thread_take_class(w->options.scheduler, w->options.priority);
	int rc = w->input == NULL ? run_source(w) : run_consumer(w);
	if (rc < 0)
		wr_stages_abort(w->stages, w->stage, rc);
	weir_ring_consumer_close(w->input);
	for (uint32_t i = 0; i < w->output_count; i++)
		weir_ring_producer_close(w->outputs[i].producer);
	wr_stages_worker_ended(w);
	return NULL;
}
