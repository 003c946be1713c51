/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane: the private ring of bytes through which one thread talks to a log. Records stand in it
 * as they will stand in the log; it is mapped twice, so that none wraps.
 *
 * The owner (a producer, a member, a group) writes records at `write_at` and makes them visible
 * by one store of `tail`. The writer takes whole runs from `head` on, decides, and publishes how
 * far it decided. Every field is written by one side; the two sides' fields are a line pair apart.
 *
 *   A1  tail (owner, release) pairs with the writer's acquire in wr_lane_peek_tail: the records
 *       below tail are complete.
 *   A2  head (writer, seq_cst) pairs with the owner's acquire in wr_lane_claim: the writer no
 *       longer reads what lies below head.
 *   A3  ordered (writer, seq_cst) pairs with the owner's acquire: replies for tickets up to it are
 *       in the reply ring.
 *
 * A run is one record, or a head (run_head.h) and its records. Each run is one ticket, from 1.
 *
 * Replies carry refusals, and sequences for those who ask. The owner keeps credit for one reply a
 * ticket that is not decided yet, so that the writer never waits to answer (L8).
 */
#ifndef WR_LOG_LANE_H
#define WR_LOG_LANE_H

#include "core/base/atomic.h"
#include "core/base/sampler.h"
#include "core/base/spsc.h"
#include "core/log/run_head.h"
#include "core/port/memory.h"
#include "core/port/park.h"

/* A run whose hand-over was timed, for metrics; in the order of tickets. */
struct wr_lane_sample {
	uint64_t ticket;
	uint64_t at_ns;  /* mono clock, just before it became visible */
	uint64_t weight; /* it stands for so many */
};

#define WR_LANE_SAMPLES 16u

struct wr_reply {
	uint64_t ticket;
	/* Of the first record, when accepted. In a lane that settles, of a run that was refused:
	 * which of its records it was, from 0; UINT64_MAX: none of them. */
	uint64_t sequence;
	uint64_t after_seq; /* last sequence ordered before the decision: L9 */
	int32_t code;       /* 0 or why it was refused */
	uint32_t detail;    /* an id that the writer gave */
};

enum wr_lane_kind {
	WR_LANE_DATA = 0,    /* producers: taken in turn, held back when the pool is short */
	WR_LANE_SETTLE = 1,  /* members and groups: acks and control go first (L11) */
	WR_LANE_CONTROL = 2, /* the same; its few events make room, and have all that there is */
};

enum wr_lane_state {
	WR_LANE_FREE = 0,     /* nobody's */
	WR_LANE_OPEN = 1,     /* its owner may write, the writer drains */
	WR_LANE_CLOSING = 2,  /* the owner is done: the writer drains the rest, then frees it */
	WR_LANE_POISONED = 3, /* held bytes that weir did not write: `ordered` is final */
};

struct wr_lane {
	/* The owner's. */
	WR_LINE_ALIGNED wr_atomic_u64 tail;
	uint64_t write_at; /* end of what is written, >= tail */
	uint64_t head_seen;
	uint64_t handed_over;  /* tickets given */
	uint64_t ticket_limit; /* tickets that may be given before credit is looked at again */
	uint64_t ordered_seen;
	uint8_t *bytes; /* mapped twice */
	uint64_t capacity_bytes;
	struct wr_parker *writer_parker; /* who is told of new bytes */

	/* The writer's. */
	WR_LINE_ALIGNED wr_atomic_u64 head;
	wr_atomic_u64 ordered;
	uint64_t head_own;
	uint64_t ordered_own;
	uint64_t tail_round;   /* tail as read at the start of the round */
	uint64_t marked;       /* ordered_own when the last mark was made */
	uint64_t ahead;        /* up to where keys were looked at ahead of their turn */
	bool poisoned;         /* remembered: a close moves the state on */
	wr_atomic_u64 refused; /* runs refused so far */
	wr_atomic_u64 first_refused_ticket;
	wr_atomic_u32 first_refusal; /* code, negated */

	/* Both sides': changed by one at a time, by state. */
	WR_LINE_ALIGNED wr_atomic_u32 state; /* S1: release by who moves it, acquire by the other */
	uint32_t index;
	enum wr_lane_kind kind;
	struct wr_mapping mapping;

	struct wr_spsc reply_ring; /* writer → owner */
	struct wr_reply *replies;
	uint64_t reply_capacity;
	bool replies_wanted; /* false: refusals are only counted */

	struct wr_spsc sample_ring; /* owner → writer: pushed before `tail` is moved over them */
	struct wr_lane_sample samples[WR_LANE_SAMPLES];
	struct wr_sampler sampler; /* the owner's: by tickets */

	/* Where the owner sleeps for what the writer moves: room, decisions. */
	struct wr_parker parker;
	/* And for what the journal moves: who waits for a level is not woken by each decision. */
	struct wr_parker level_parker;
};

/* Maps the ring and the replies; the lane is FREE. Sizes are powers of two. */
int wr_lane_init(struct wr_lane *lane, uint32_t index, struct wr_memory *memory,
		 uint64_t capacity_bytes, uint64_t reply_capacity, struct wr_parker *writer_parker,
		 const struct wr_park_ops *park_ops);
void wr_lane_fini(struct wr_lane *lane, struct wr_memory *memory);

/* FREE → OPEN, by the one who holds the registry's lock. Tickets start at 1 again. */
void wr_lane_open(struct wr_lane *lane, enum wr_lane_kind kind, bool replies_wanted);
/* OPEN → CLOSING, by the owner; the writer frees it when it is drained. */
void wr_lane_close(struct wr_lane *lane);

/* ---- owner ---- */

/* Refreshes what is known of the writer; bytes that may be claimed now. */
uint64_t wr_lane_room_refresh(struct wr_lane *lane);
/* Refreshes credit; tickets that may be given before the next look. */
uint64_t wr_lane_credit_refresh(struct wr_lane *lane);

/*
 * Room for `bytes` (a multiple of 8) behind what is written, or NULL. Nothing is visible yet;
 * `write_at` does not move.
 */
static inline void *wr_lane_claim(struct wr_lane *lane, uint64_t bytes)
{
	uint64_t room = lane->capacity_bytes - (lane->write_at - lane->head_seen);
	if (WR_UNLIKELY(room < bytes) && wr_lane_room_refresh(lane) < bytes)
		return NULL;
	if (WR_UNLIKELY(lane->handed_over >= lane->ticket_limit) &&
	    wr_lane_credit_refresh(lane) == 0)
		return NULL;
	return lane->bytes + (lane->write_at & (lane->capacity_bytes - 1));
}

/* Takes the claimed run in: its ticket. Still not visible. */
static inline uint64_t wr_lane_append(struct wr_lane *lane, uint64_t bytes)
{
	lane->write_at += bytes;
	return ++lane->handed_over;
}

/* Makes everything appended visible, and wakes the writer if it sleeps. A1. */
static inline void wr_lane_publish(struct wr_lane *lane)
{
	wr_publish_u64(&lane->tail, lane->write_at); /* A1 */
	wr_park_notify(lane->writer_parker);
}

/*
 * The clock was read for the run that was appended last, before it is published; behind too many
 * that the writer has not taken it is left out, and the next one stands for it, too.
 */
void wr_lane_sample(struct wr_lane *lane, uint64_t now_ns, uint32_t round);

static inline uint64_t wr_lane_ordered(struct wr_lane *lane)
{
	/* A3; through the park mode's look: a sleeper for credit relies on it */
	lane->ordered_seen = wr_park_look_u64(&lane->ordered);
	return lane->ordered_seen;
}

/* The oldest reply, or NULL. It stays in the ring until wr_lane_reply_take. */
static inline const struct wr_reply *wr_lane_reply_peek(struct wr_lane *lane)
{
	if (wr_spsc_ready(&lane->reply_ring) == 0)
		return NULL;
	return &lane->replies[wr_spsc_pop_index(&lane->reply_ring, 0)];
}

static inline void wr_lane_reply_take(struct wr_lane *lane)
{
	wr_spsc_pop(&lane->reply_ring, 1);
}

/* ---- writer ---- */

/*
 * Reads the tail once for this round; bytes that wait. More than the lane holds, or a part of a
 * record, cannot be: the caller poisons the lane (L5).
 */
static inline uint64_t wr_lane_peek_tail(struct wr_lane *lane)
{
	lane->tail_round = wr_park_look_u64(&lane->tail); /* A1; the writer may sleep on it */
	return lane->tail_round - lane->head_own;
}

/* What the lane still holds is not looked at any more. */
void wr_lane_poison(struct wr_lane *lane);
/*
 * Tells the owner, by the state. After `ordered` was published: who sees POISONED knows that
 * nothing beyond it will ever be in the log.
 */
void wr_lane_shut_out(struct wr_lane *lane);

static inline const uint8_t *wr_lane_at(const struct wr_lane *lane, uint64_t position)
{
	return lane->bytes + (position & (lane->capacity_bytes - 1));
}

/* Puts an answer into the ring; there is always room (credit). Counts refusals. */
void wr_lane_answer(struct wr_lane *lane, const struct wr_reply *reply);

/* Publishes how far the writer is: order of the stores matters (A3 before A2). */
void wr_lane_publish_taken(struct wr_lane *lane);

#endif
