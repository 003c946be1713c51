/* SPDX-License-Identifier: Apache-2.0 */
/* What the explorer's own files share; scenarios see explorer.h. */
#ifndef WR_EXPLORER_ENGINE_H
#define WR_EXPLORER_ENGINE_H

#include "tests/explorer/explorer.h"

enum thread_state {
	THREAD_READY = 0, /* to be run on */
	THREAD_WAITING, /* its next load reads what another thread has not stored yet in this run */
	THREAD_FRONTIER, /* stands before an event that the graph has not got */
	THREAD_BLOCKED,  /* in an await that does not hold */
	THREAD_ENDED,
};

struct run_thread {
	enum thread_state state;
	uint16_t played;                 /* events of it so far in this run */
	uint16_t await_begin;            /* the first event of the await that it is in */
	uint16_t pause_begin, pause_end; /* its events between the last two pauses */
	event_ref wanted;                /* WAITING: for this store */
	uint16_t hb[THREADS_MAX];
};

struct run {
	const struct explorer_scenario *scenario;
	struct graph *graph;
	struct run_thread threads[THREADS_MAX];
	unsigned thread_count;
	unsigned current;
	uint64_t number;
	bool in_threads;   /* else setup or finish: memory is memory */
	bool replay_done;  /* all threads have come to the end of the graph */
	bool is_over;      /* nothing more is to be run */
	bool is_abandoned; /* not an execution after all */
	uint32_t order_count;
	event_ref order[EVENTS_MAX]; /* in which the events were played */
};

extern struct run run;

/* threads.c: cooperative threads on stacks of their own. */
void threads_start(unsigned count);
/* Runs a thread until it calls threads_yield, or has ended. */
void threads_resume(unsigned thread);
void threads_yield(void);
bool threads_is_stack(const void *place);

/* explore.c */
void explore_bug(const char *what);

/* memory.c */
void memory_reset(void);

/* plain.c: data races */
void plain_reset(void);
void plain_atomic(const void *place, unsigned bytes, bool is_store, const void *from);

/* report.c: the events of this run as text, the last of them the one that showed it. */
void report_trace(char *text, size_t bytes);
/* A file's name from weir's root on, wherever that was built. */
const char *report_file(const char *file);
/* Where in the sources an access stands: a return address, or of an atomic its site. */
void report_place(char *text, size_t bytes, const void *from, bool is_site);

#endif
