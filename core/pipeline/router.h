/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router: which events do filtered subscriptions want? It looks at each event of their topics
 * once, for all of them, and keeps of each subscription one bit for each record, beside the chunk
 * that holds the record, in memory only. Members and the group look at those bits and touch nothing
 * else of what is not wanted; for lag they are counted where they are set (lag_count.h).
 *
 *   router.c            the group step's: bits of live chunks, and of chunks from disk
 *   route_rules.h       all filters, compiled
 *   subscription_filter.c  the control calls that give a subscription a filter
 *
 * Live chunks are looked at in log order, up to what is visible, from where the subscription is; a
 * subscription that is behind the others is looked at for by itself, until it has come to them
 * (L14). Below what is in memory bits are made when somebody reads a chunk from disk.
 *
 *   RT0  live->route (control call, release) pairs with the acquire of steps and members: the route
 *        is complete. Stored before the record that gives the first filter is handed over, so that
 *        who sees a gate at or beyond that record sees the route (through A1 and G1); and when the
 *        router's rules say already what the subscription wants until then: everything.
 *   RT1  live_end of a chunk (route_bits.h): it only grows, and what it was for the records that
 *        were in the chunk's place before is not beyond where this one begins.
 *   RT2  behind of a catch-up slot (router, release) pairs with the members' acquire, under their
 *        pin: the bits are those of what the slot held in that generation.
 *   RT3  asked (control call) and taken, seen (group): the router has the next rules, or has seen
 *        that a filter has changed, and reads the tables of filters no more until the next change.
 * */
#ifndef WR_PIPELINE_ROUTER_H
#define WR_PIPELINE_ROUTER_H

#include "core/pipeline/catchup.h"
#include "core/pipeline/pipeline.h"
#include "core/pipeline/route_bits.h"

struct wr_rules;
struct wr_program;

/* What is kept for one filtered subscription. */
struct wr_route {
	struct wr_subscription_live *live;
	wr_atomic_u64 *live_end; /* [chunk_count] RT1: one beyond the last that was looked at */
	wr_atomic_u64 *behind;   /* [slot_count] RT2: generation of the slot; 0: none */
	wr_atomic_u64 *bits;     /* of live chunks, then of slots: [words] each */
	uint32_t words;
	uint32_t chunk_count, slot_count;
	size_t block_bytes;

	/* The group step's. */
	uint64_t next_seq;        /* to look at next, in memory */
	uint64_t forgotten_to;    /* below, bits may be those of a filter that is gone, or not */
	wr_atomic_u64 counted_to; /* H4: what is wanted is counted up to here (lag_count.h) */
	wr_atomic_u64 *now_bits; /* of the chunk in hand; NULL: it is none of those looked at for */
	bool now_found;          /* something in it is wanted */
	bool now_begun;          /* nobody had looked at it before */
};

/* Allocates it and hangs it on the subscription. Under the control lock, or at open. */
int wr_route_attach(struct weir_pipeline *p, struct wr_subscription_live *live);
void wr_route_free(struct weir_pipeline *p, struct wr_subscription_live *live);

static inline struct wr_route *wr_route_of(struct wr_subscription_live *live)
{
	return wr_load_acquire(&live->route); /* RT0 */
}

/* ---- bits ---- */

static inline wr_atomic_u64 *wr_route_live_bits(const struct wr_route *route, uint32_t slot)
{
	return route->bits + (size_t)slot * route->words;
}

static inline wr_atomic_u64 *wr_route_behind_bits(const struct wr_route *route, uint32_t slot)
{
	return route->bits + ((size_t)route->chunk_count + slot) * route->words;
}

/* Up to where bits of a live chunk are there: below its first record when there are none. */
static inline uint64_t wr_route_live_end(const struct wr_route *route, const struct wr_chunk *chunk)
{
	return wr_route_published(&route->live_end[chunk->slot]);
}

/* Whether bits of a slot are there; the caller has pinned it, or fills it. */
static inline bool wr_route_has_slot(const struct wr_route *route, struct wr_catchup_slot *slot)
{
	return wr_load_acquire(&route->behind[slot->chunk.slot]) == /* RT2 */
	       wr_load_relaxed(&slot->generation);
}

/* ---- the group step ---- */

/* Makes bits of what became visible. Work done. */
int wr_router_step(struct weir_pipeline *p);
/* Makes those of a slot that holds `seq`, where a subscription lacks them. Whether any did. */
bool wr_router_prepare(struct weir_pipeline *p, uint64_t seq);
/* The subscription's position was moved back to `seq`. */
void wr_route_from(struct wr_route *route, uint64_t seq);

/* ---- control calls ---- */

/* At open: the rules that the log has. */
int wr_router_open(struct weir_pipeline *p, struct weir_problem *problem);
/* Has the router take these rules, and waits for it; they are the router's in any case. */
int wr_router_use(struct weir_pipeline *p, struct wr_rules *rules);
/* Waits until the router knows of every change that was answered. */
int wr_router_wait_seen(struct weir_pipeline *p);
void wr_router_fini(struct weir_pipeline *p);

#endif
