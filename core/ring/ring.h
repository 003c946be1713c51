/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring as the library sees it: what the program's inlined half shares, the handles, and what it
 * asks of its host. The engine is include/weir/ring_engine.h; how it works is said there and in
 * core/ring/README.md.
 *
 * Thread: any, as the public functions say.
 */
#ifndef WR_RING_RING_H
#define WR_RING_RING_H

#include <weir/ring.h>

#include "core/base/bits.h"
#include "core/port/clock.h"
#include "core/port/park.h"

/* Losses before a handle stands back for the first time (weir_ring_stand_back()). */
#define WR_RING_FIRST_LOSSES 2u
/* wr_ring_gain() */
#define WR_RING_GAIN_ITEMS 32u
#define WR_RING_GAIN_ITEMS_LEAST 12u /* of large ones */
#define WR_RING_GAIN_BYTES 3072u

/* What a wait needs of the system. */
struct wr_ring_host {
	const struct wr_park_ops *park;
	struct wr_clock *clock;
	void (*yield)(void);
};

struct wr_ring {
	struct weir_ring shared;    /* first: the public pointer is this one */
	struct wr_parker own_items; /* `sleepers` is not used, `state` is */
	struct wr_parker room;      /* producers sleep here */
	struct wr_parker *items;    /* consumers: own_items, or that of a whole fan */
	struct wr_ring_host host;
	struct weir_ring_options options;
	struct weir_ring_producer *producers;
	struct weir_ring_consumer *consumers;
	uint32_t producer_count;
	uint32_t consumer_count;
	bool asymmetric; /* the park mode, as it was at init */
	uint64_t memory_bytes;
};

static inline struct wr_ring *wr_ring_of(struct weir_ring *ring)
{
	return (struct wr_ring *)(void *)ring;
}

/* Checks the options. 0 and the size, or -EINVAL and the problem (may be NULL). */
int wr_ring_measure(const struct weir_ring_options *options, uint64_t *ret_bytes,
		    struct weir_problem *reterr_problem);

/* `memory` is aligned to WEIR_RING_LINE_BYTES and as large as measured; the park mode is chosen. */
struct wr_ring *wr_ring_make(void *memory, const struct weir_ring_options *options,
			     const struct wr_ring_host *host);

/*
 * Looks at the gates and raises p->limit. `closely`: at what consumers have read, not at what they
 * gave back. True: there is room up to `end`, or for one item at least where `end` is farther.
 */
bool wr_ring_find_room(struct weir_ring_producer *p, uint64_t end, bool closely);

/* Opens a handle that is closed, by its is_open. */
bool wr_ring_take_handle(weir_ring_u32 *is_open);

/* There is something to pop, or the end of a closed ring. `state`: the ring's, as it was found. */
bool wr_ring_items_are_there(struct weir_ring_consumer *c, uint32_t state);

/* weir_ring_close() in two steps, with one barrier of all threads between them. */
void wr_ring_refuse(struct wr_ring *ring);
void wr_ring_end(struct wr_ring *ring);

/* Wakes who sleeps at this bit of `state` (WEIR_RING_ITEMS_ASLEEP, WEIR_RING_ROOM_ASLEEP). */
void wr_ring_wake(struct wr_ring *ring, uint32_t bit);

/*
 * What makes it worth it to wait until lines move less: so many small items for a line of `tail` or
 * `take`, and less of large ones.
 */
static inline uint64_t wr_ring_gain(uint32_t slot_bytes)
{
	return wr_max_u64(wr_min_u64(WR_RING_GAIN_BYTES / slot_bytes, WR_RING_GAIN_ITEMS),
			  WR_RING_GAIN_ITEMS_LEAST);
}

/*
 * The next item comes together with the next look, not after it. Not where it is expected beside
 * `tail`: then the producer would only have to take the line of the slot back.
 */
static inline void wr_ring_ask_for(const struct weir_ring_consumer *c, uint64_t position)
{
	if ((c->flags & WEIR_RING_ECHO) == 0 || c->patience == 0)
		__builtin_prefetch(c->slots + (position & c->mask) * c->slot_bytes);
}

#endif
