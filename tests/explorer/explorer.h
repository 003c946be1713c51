/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explorer: runs a small program of two to four threads, on the real sources of weir, through
 * every execution that C11 allows (docs/internals/explorer.md says how, and what it leaves out).
 *
 * A scenario is a setup, threads, and what must hold when all have ended. It is run again and
 * again: setup has to bring back everything, and nothing in it may depend on anything but what
 * was loaded. What threads do to plain memory is watched: two accesses that no order stands
 * between are a data race, and a bug.
 *
 *   EXPLORER_CHECK(condition)   a bug when it is false
 *   EXPLORER_AWAIT(condition)   for `while (!condition) spin`: goes on with those executions in
 *                               which it is true. It loads, and does nothing else. When all
 *                               threads that have not ended stand in one and have loaded the
 *                               newest there is, that is a bug: a deadlock.
 *
 * Memory comes from explorer_alloc() or explorer_memory(), and is back and zeroed at the next
 * run.
 */
#ifndef WR_EXPLORER_EXPLORER_H
#define WR_EXPLORER_EXPLORER_H

#include <stddef.h>

#include "tests/explorer/graph.h"

struct wr_memory;
struct wr_park_ops;

struct explorer_scenario {
	const char *name;
	void (*setup)(void);
	void (*threads[THREADS_MAX])(void);
	void (*finish)(void); /* may be NULL */
};

struct explorer_options {
	uint64_t runs_max;       /* 0: no limit. At the limit the result is not complete */
	uint64_t runs_after_bug; /* how long to go on for a shorter trace */
	bool find_doubles; /* remembers each execution, and takes one that comes again for a bug */
};

#define EXPLORER_WHAT_BYTES 200u
#define EXPLORER_TRACE_BYTES 32768u

struct explorer_result {
	uint64_t executions; /* in which all threads ended */
	uint64_t blocked;    /* in which one waits for what a later store would tell */
	uint64_t abandoned;  /* half of a read-modify-write that could not have the other half */
	uint64_t runs;
	uint64_t events_max;
	uint64_t events_of_bug;
	bool is_complete;
	bool has_bug;
	char what[EXPLORER_WHAT_BYTES];
	char trace[EXPLORER_TRACE_BYTES]; /* of the shortest execution that shows it */
};

void explorer_run(const struct explorer_scenario *scenario, const struct explorer_options *options,
		  struct explorer_result *ret_result);

/* ---- inside a scenario ---- */

#define EXPLORER_CHECK(condition)                                                                  \
	((condition) ? (void)0 : explorer_fail(#condition, __FILE__, __LINE__))
#define EXPLORER_AWAIT(condition)                                                                  \
	do {                                                                                       \
		explorer_await_begin();                                                            \
		bool explorer_holds = (condition);                                                 \
		explorer_await_end(explorer_holds);                                                \
	} while (0)

void explorer_fail(const char *what, const char *file, int line);
void explorer_await_begin(void);
void explorer_await_end(bool holds);
/* membarrier() */
void explorer_heavy_fence(void);

void *explorer_alloc(size_t bytes, size_t align);
struct wr_memory *explorer_memory(void);
/* Parkers sleep without an end on a futex of the model; the barrier is explorer_heavy_fence(). */
const struct wr_park_ops *explorer_park_ops(void);

#endif
