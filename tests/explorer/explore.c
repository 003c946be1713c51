/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which executions there are. The algorithm is TruSt (Kokologiannakis, Marmanis, Gladstein,
 * Vafeiadis: Truly stateless, optimal dynamic partial order reduction, POPL 2022): each
 * consistent execution graph is built exactly once.
 *
 *   happy path     A run takes a graph, plays the threads up to its end (replay), and then adds
 *                  event after event, always of the first thread that can go on, until no thread
 *                  can.
 *                  Where an event can be added in several ways, copies are pushed (extend.c).
 *   failure modes  A read-modify-write's store has no place behind what it read, because another
 *                  one stands there: the run is abandoned (it was needed for its revisits). A bug
 *                  ends a run.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/explorer/engine.h"
#include "tests/explorer/explore_internal.h"

struct run run;

static struct graph *pending[PENDING_MAX];
static unsigned pending_count;
static struct graph *spare[PENDING_MAX];
static unsigned spare_count;
static jmp_buf outside; /* of a check that fails in setup or finish */
static struct explorer_result *result;

/* ---- graphs to be looked at ---- */

struct graph *explore_take(void)
{
	if (spare_count > 0)
		return spare[--spare_count];
	struct graph *g = malloc(sizeof *g);
	WR_ASSERT(g != NULL);
	return g;
}

void explore_give(struct graph *g)
{
	WR_ASSERT(spare_count < PENDING_MAX);
	spare[spare_count++] = g;
}

static void push_graph(struct graph *g)
{
	WR_ASSERT(pending_count < PENDING_MAX);
	pending[pending_count++] = g;
}

void explore_push_copy(const struct graph *g)
{
	struct graph *copy = explore_take();
	graph_copy(copy, g);
	push_graph(copy);
}

/* ---- a bug ---- */

void explore_bug(const char *what)
{
	static char trace[EXPLORER_TRACE_BYTES];
	if (!result->has_bug || run.order_count < result->events_of_bug) {
		report_trace(trace, sizeof trace);
		(void)snprintf(result->what, sizeof result->what, "%s", what);
		memcpy(result->trace, trace, sizeof trace);
		result->events_of_bug = run.order_count;
		result->has_bug = true;
	}
	run.is_over = true;
	if (run.in_threads)
		threads_yield();
	longjmp(outside, 1);
}

void explorer_fail(const char *what, const char *file, int line)
{
	char text[EXPLORER_WHAT_BYTES];
	(void)snprintf(text, sizeof text, "%s:%d: does not hold: %s", file, line, what);
	explore_bug(text);
}

void wr_assert_failed(const char *text)
{
	if (result == NULL || !run.in_threads) {
		(void)fprintf(stderr, "explorer: assertion failed: %s\n", text);
		abort();
	}
	explore_bug(text);
	abort();
}

void explore_abandon(void)
{
	run.is_over = run.is_abandoned = true;
	threads_yield();
}

/* ---- replay ---- */

static bool is_played(event_ref ref)
{
	return ref_is_initial(ref) || run.threads[ref_thread(ref)].played > ref_index(ref);
}

static void has_played(struct event *e)
{
	struct run_thread *me = &run.threads[e->thread];
	memcpy(me->hb, e->hb, sizeof me->hb);
	if (e->kind != EVENT_FENCE)
		plain_atomic(run.graph->locations[e->location].place,
			     run.graph->locations[e->location].bytes, e->kind == EVENT_WRITE,
			     e->site);
	me->played++;
	run.order[run.order_count++] = event_ref_of(e);
}

/* The next event of the graph in this thread, or NULL: the thread may add it now. */
static struct event *replay(const struct event *label)
{
	struct run_thread *me = &run.threads[run.current];
	struct graph *g = run.graph;
	if (me->played < g->length[run.current]) {
		struct event *e = graph_event(g, ref_of(run.current, me->played));
		bool same = e->kind == label->kind && e->site == label->site &&
			    (e->kind == EVENT_FENCE || e->location == label->location) &&
			    (e->kind != EVENT_WRITE || e->value == label->value);
		if (!same)
			explore_bug("the scenario is not deterministic: a replay went another way");
		if (e->kind == EVENT_READ && !is_played(e->rf)) {
			me->wanted = e->rf;
			me->state = THREAD_WAITING;
			threads_yield();
		}
		has_played(e);
		return e;
	}
	me->state = THREAD_FRONTIER;
	if (!run.replay_done || explore_next() != run.current)
		threads_yield();
	me->state = THREAD_READY;
	return NULL;
}

/* Half of a read-modify-write that waits for the other half goes first; then the first thread. */
unsigned explore_next(void)
{
	struct graph *g = run.graph;
	unsigned next = THREADS_MAX;
	for (unsigned t = 0; t < run.thread_count; t++) {
		if (run.threads[t].state != THREAD_FRONTIER)
			continue;
		unsigned length = g->length[t];
		if (length > 0) {
			const struct event *last = graph_event(g, ref_of(t, length - 1));
			if (last->kind == EVENT_READ && last->is_exclusive)
				return t;
		}
		if (next == THREADS_MAX)
			next = t;
	}
	return next;
}

struct event *explore_event(const struct event *label)
{
	struct event *e = replay(label);
	if (e != NULL)
		return e;
	e = extend_graph(label);
	has_played(e);
	return e;
}

/* ---- runs ---- */

/* Whether a thread that waits has loaded the newest there is, so that it would wait for ever. */
static bool waits_for_ever(unsigned thread)
{
	struct graph *g = run.graph;
	for (unsigned i = run.threads[thread].await_begin; i < g->length[thread]; i++) {
		const struct event *e = graph_event(g, ref_of(thread, i));
		const struct location *l = &g->locations[e->location];
		if (e->kind == EVENT_READ && e->rf != l->co[l->store_count - 1u])
			return false;
	}
	return true;
}

static void play_threads(void)
{
	for (;;) {
		bool moved = false;
		for (unsigned t = 0; t < run.thread_count && !run.is_over; t++) {
			struct run_thread *thread = &run.threads[t];
			if (thread->state == THREAD_WAITING && is_played(thread->wanted))
				thread->state = THREAD_READY;
			if (thread->state != THREAD_READY)
				continue;
			threads_resume(t);
			moved = true;
		}
		if (run.is_over)
			return;
		if (moved)
			continue;
		run.replay_done = true;
		unsigned next = explore_next();
		if (next == THREADS_MAX)
			return;
		threads_resume(next);
	}
}

static void count_execution(const struct explorer_options *options)
{
	bool ended = true, stuck = true;
	for (unsigned t = 0; t < run.thread_count; t++) {
		if (run.threads[t].state == THREAD_ENDED)
			continue;
		ended = false;
		stuck = stuck && waits_for_ever(t);
	}
	if (run.graph->event_count > result->events_max)
		result->events_max = run.graph->event_count;
	if (options->find_doubles && !explore_is_new(graph_hash(run.graph)))
		explore_bug("the explorer is wrong: an execution came twice");
	if (!ended) {
		result->blocked++;
		if (stuck)
			explore_bug("deadlock: nobody is left to wake those who wait");
		return;
	}
	result->executions++;
	for (unsigned i = 0; i < run.graph->location_count; i++) {
		const struct location *l = &run.graph->locations[i];
		uint64_t value = graph_value(run.graph, l->co[l->store_count - 1u]);
		memcpy(l->place, &value, l->bytes);
	}
	if (run.scenario->finish != NULL)
		run.scenario->finish();
}

static void run_once(const struct explorer_options *options)
{
	memset(run.threads, 0, sizeof run.threads);
	run.is_over = run.is_abandoned = run.replay_done = run.in_threads = false;
	run.order_count = 0;
	run.number++;
	memory_reset();
	plain_reset();
	if (setjmp(outside) != 0)
		return;
	run.scenario->setup();
	threads_start(run.thread_count);
	run.in_threads = true;
	play_threads();
	run.in_threads = false;
	if (run.is_abandoned)
		result->abandoned++;
	else if (!run.is_over)
		count_execution(options);
}

void explorer_run(const struct explorer_scenario *scenario, const struct explorer_options *options,
		  struct explorer_result *ret_result)
{
	uint64_t runs_of_bug = 0;
	memset(ret_result, 0, sizeof *ret_result);
	result = ret_result;
	run.scenario = scenario;
	run.thread_count = 0;
	while (run.thread_count < THREADS_MAX && scenario->threads[run.thread_count] != NULL)
		run.thread_count++;
	explore_forget();
	run.graph = explore_take();
	graph_clear(run.graph);
	push_graph(run.graph);
	while (pending_count > 0) {
		if ((options->runs_max > 0 && result->runs == options->runs_max) ||
		    (result->has_bug && result->runs >= runs_of_bug + options->runs_after_bug))
			break;
		run.graph = pending[--pending_count];
		result->runs++;
		bool had_bug = result->has_bug;
		run_once(options);
		if (result->has_bug && !had_bug)
			runs_of_bug = result->runs;
		explore_give(run.graph);
	}
	result->is_complete = pending_count == 0 && !result->has_bug;
	while (pending_count > 0)
		explore_give(pending[--pending_count]);
	result = NULL;
}
