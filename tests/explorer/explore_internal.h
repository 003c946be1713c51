/* SPDX-License-Identifier: Apache-2.0 */
/* What explore.c shares with operations.c and extend.c. */
#ifndef WR_EXPLORER_EXPLORE_INTERNAL_H
#define WR_EXPLORER_EXPLORE_INTERNAL_H

#include "tests/explorer/engine.h"

#define PENDING_MAX 200000u

/* The event that this thread does next: replayed, or added with all that follows from it. */
struct event *explore_event(const struct event *label);
/* The thread that adds the next event; THREADS_MAX: none can. */
unsigned explore_next(void);

/* Graphs that are not being looked at: memory for one, and back; a copy to be run later. */
struct graph *explore_take(void);
void explore_give(struct graph *g);
void explore_push_copy(const struct graph *g);
/* This run is no execution after all. Called in a thread; does not return. */
void explore_abandon(void);

/* extend.c: adds the event to the run's graph, pushes what else there is. */
struct event *extend_graph(const struct event *label);

/* doubles.c: executions that were seen. */
void explore_forget(void);
bool explore_is_new(uint64_t hash);

#endif
