/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions of a bounded queue between two of weir's own parts: one thread pushes, one pops. The
 * elements are an array of the owner's, of a power-of-two count; this holds the two positions
 * only. Small, never full in its steady state, not tuned.
 *
 *   push:  if (wr_spsc_room(&q) > 0) { slots[wr_spsc_push_index(&q, 0)] = x; wr_spsc_push(&q, 1); }
 *   pop:   if (wr_spsc_ready(&q) > 0) { x = slots[wr_spsc_pop_index(&q, 0)]; wr_spsc_pop(&q, 1); }
 *
 * Q1: the release store of tail pairs with the acquire load in wr_spsc_ready.
 * Q2: the release store of head pairs with the acquire load in wr_spsc_room.
 */
#ifndef WR_BASE_SPSC_H
#define WR_BASE_SPSC_H

#include "core/base/atomic.h"
#include "core/base/bits.h"

struct wr_spsc {
	WR_LINE_ALIGNED wr_atomic_u64 tail; /* written by the pusher */
	uint64_t tail_own;
	uint64_t head_seen;
	WR_LINE_ALIGNED wr_atomic_u64 head; /* written by the popper */
	uint64_t head_own;
	uint64_t tail_seen;
	WR_LINE_ALIGNED uint64_t mask; /* element count - 1 */
};

static inline void wr_spsc_init(struct wr_spsc *q, uint64_t element_count)
{
	wr_store_relaxed(&q->tail, 0u);
	wr_store_relaxed(&q->head, 0u);
	q->tail_own = q->head_seen = q->head_own = q->tail_seen = 0;
	q->mask = element_count - 1;
}

/* Pusher: elements that may be written now. Looks at the other side only when it seems short. */
static inline uint64_t wr_spsc_room_for(struct wr_spsc *q, uint64_t wanted)
{
	uint64_t room = q->mask + 1 - (q->tail_own - q->head_seen);
	if (room < wanted) {
		q->head_seen = wr_load_acquire(&q->head); /* Q2 */
		room = q->mask + 1 - (q->tail_own - q->head_seen);
	}
	return room;
}

static inline uint64_t wr_spsc_room(struct wr_spsc *q)
{
	return wr_spsc_room_for(q, 1);
}

static inline uint64_t wr_spsc_push_index(const struct wr_spsc *q, uint64_t ahead)
{
	return (q->tail_own + ahead) & q->mask;
}

static inline void wr_spsc_push(struct wr_spsc *q, uint64_t count)
{
	q->tail_own += count;
	wr_store_release(&q->tail, q->tail_own); /* Q1 */
}

/* Popper: elements that may be read now. */
static inline uint64_t wr_spsc_ready(struct wr_spsc *q)
{
	if (q->tail_seen == q->head_own)
		q->tail_seen = wr_load_acquire(&q->tail); /* Q1 */
	return q->tail_seen - q->head_own;
}

/* Popper, who looks at several before it pops the first: like wr_spsc_room_for. */
static inline uint64_t wr_spsc_ready_for(struct wr_spsc *q, uint64_t wanted)
{
	if (q->tail_seen - q->head_own < wanted)
		q->tail_seen = wr_load_acquire(&q->tail); /* Q1 */
	return q->tail_seen - q->head_own;
}

static inline uint64_t wr_spsc_pop_index(const struct wr_spsc *q, uint64_t ahead)
{
	return (q->head_own + ahead) & q->mask;
}

static inline void wr_spsc_pop(struct wr_spsc *q, uint64_t count)
{
	q->head_own += count;
	wr_store_release(&q->head, q->head_own); /* Q2 */
}

#endif
