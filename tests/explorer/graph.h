/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An execution graph: what happened in one execution, as C11 sees it. Events (loads, stores, the
 * two halves of a read-modify-write, fences) in the order in which they were added, from which
 * store each load reads (rf), and for each location the order of its stores (co, the modification
 * order). There is no clock and no interleaving: executions that differ in nothing else are one
 * graph.
 *
 * Each event has three vector clocks, one entry a thread, the number of that thread's first
 * events:
 *   hb       what happens before it (itself included): program order, and release → acquire
 *   porf     what it can have been caused by: program order and all of rf
 *   release  of a store: what an acquire that reads it learns; a read-modify-write passes on what
 *            the store before it gave (C11's release sequence as C++20 has it: without later
 *            stores of the same thread)
 *
 * Graphs are copied as a whole when an execution branches.
 */
#ifndef WR_EXPLORER_GRAPH_H
#define WR_EXPLORER_GRAPH_H

#include "tests/explorer/model.h"

#define THREADS_MAX 4u
#define EVENTS_MAX 320u
#define LOCATIONS_MAX 40u
#define STORES_MAX 64u /* of one location */

/* An event by thread and place in it; INITIAL | location: what stood there before the threads. */
typedef uint16_t event_ref;
#define REF_INITIAL 0xf000u
#define REF_NONE 0xffffu

static inline event_ref ref_of(unsigned thread, unsigned index)
{
	return (event_ref)(thread << 12 | index);
}
static inline unsigned ref_thread(event_ref ref)
{
	return ref >> 12;
}
static inline unsigned ref_index(event_ref ref)
{
	return ref & 0xfffu;
}
static inline bool ref_is_initial(event_ref ref)
{
	return (ref & 0xf000u) == REF_INITIAL;
}

enum event_kind { EVENT_READ = 0, EVENT_WRITE, EVENT_FENCE };

struct event {
	struct explorer_site *site;
	uint64_t value;             /* read or written */
	uint64_t operand, expected; /* of a read-modify-write's reading half */
	uint16_t hb[THREADS_MAX], porf[THREADS_MAX], release[THREADS_MAX];
	uint16_t index; /* in its thread */
	event_ref rf;
	uint8_t thread;
	uint8_t kind;
	uint8_t location;
	uint8_t order; /* in force, for a CAS by its outcome */
	uint8_t ok_order, fail_order;
	uint8_t rmw;       /* of a reading half */
	bool is_exclusive; /* half of a read-modify-write that writes */
	bool is_heavy;     /* a fence */
};

struct location {
	void *place;
	uint8_t bytes;
	uint64_t initial;
	const char *name; /* as the first site that used it writes it */
	uint16_t store_count;
	event_ref co[STORES_MAX]; /* [0] is the initial one */
};

struct graph {
	uint32_t event_count, location_count, fence_count;
	uint16_t length[THREADS_MAX];
	uint16_t at[THREADS_MAX][EVENTS_MAX]; /* where an event of a thread stands in events */
	struct location locations[LOCATIONS_MAX];
	struct event events[EVENTS_MAX];
};

static inline struct event *graph_event(struct graph *g, event_ref ref)
{
	return &g->events[g->at[ref_thread(ref)][ref_index(ref)]];
}
static inline event_ref event_ref_of(const struct event *e)
{
	return ref_of(e->thread, e->index);
}
static inline bool order_acquires(unsigned order)
{
	return order == ORDER_ACQUIRE || order == ORDER_ACQ_REL || order == ORDER_SEQ;
}
static inline bool order_releases(unsigned order)
{
	return order == ORDER_RELEASE || order == ORDER_ACQ_REL || order == ORDER_SEQ;
}
/* Whether event (thread, index) is in the clock. */
static inline bool clock_has(const uint16_t *clock, unsigned thread, unsigned index)
{
	return clock[thread] > index;
}

void graph_clear(struct graph *g);
/* Copies what is in use. */
void graph_copy(struct graph *to, const struct graph *from);
/* The location's number, made when it is new; LOCATIONS_MAX when there is no room. */
unsigned graph_location(struct graph *g, void *place, unsigned bytes, const char *name);
/* Adds an event of `thread` behind all others; its clocks are those of its thread. NULL: full. */
struct event *graph_add(struct graph *g, unsigned thread, const struct event *label);
/* The value that a store, or the initial one, has. */
uint64_t graph_value(struct graph *g, event_ref store);
/* Makes the last event of its thread read from `store`: value, outcome of a CAS, clocks. */
void graph_set_rf(struct graph *g, struct event *read, event_ref store);
/* A store's release clock; `rf` is what the reading half read, when it is a writing half. */
void graph_set_release(struct graph *g, struct event *write);
unsigned graph_co_index(const struct graph *g, unsigned location, event_ref store);
void graph_co_insert(struct graph *g, struct event *write, unsigned index);
/*
 * Coherence: the first store in co that an access with this clock may still read, and behind
 * which it has to write.
 */
unsigned graph_co_min(struct graph *g, unsigned location, const uint16_t *hb);
/* Whether the store at this place of co is half of a read-modify-write. */
bool graph_is_exclusive_store(struct graph *g, unsigned location, unsigned index);
/* Keeps the events whose flag is set; they are a prefix of each thread. */
void graph_restrict(struct graph *g, const bool *keep);
/* A number that equal graphs share, whatever the order in which they were built. */
uint64_t graph_hash(struct graph *g);

/* consistency.c: whether all that is seq_cst can stand in one order (RC11: psc is acyclic). */
bool graph_seq_is_consistent(struct graph *g);

#endif
