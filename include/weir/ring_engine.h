/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the rings, inlined into the program: one engine for every shape. Not for programs:
 * weir/ring.h is the manual and includes this. Structs and fields are weir's; a program sees them
 * so that its compiler can.
 *
 * Positions count items from 0 and never wrap; an item lies in slot (position & mask).
 *
 *                 one producer                        many producers
 *   claim         its own `next`                      compare-and-swap on `tail` (RG3)
 *   publish       `tail`, one release store (RG1)     each slot's stamp (RG2)
 *
 *                 one consumer / each sees all        consumers share
 *   take          its own `next` (RG4)                compare-and-swap on `take` (RG6)
 *   give back     `gate`, now and then (RG5)          `gate`: what it holds (RG5)
 *
 * A gate is the position below which its holder needs nothing. Producers write below `limit`, the
 * least gate that they saw plus the capacity, and look again only when they get there. So the lines
 * that both sides touch move once for many items: `tail` when the consumer has used up what it
 * knew of, the gates once in 1/32 of the capacity.
 *
 * A stamp announces a run of up to 1024 items from its slot on (weir/ring_stamp.h). The stamps of
 * the run's other slots stay what they were, so a stamp is looked at only where a run begins.
 * Everybody knows where: a consumer with a place of its own steps from run to run, and consumers
 * that share keep beside `take` how far it is to the next beginning. No position comes twice, so
 * nothing is ever reset.
 */
#ifndef WEIR_RING_ENGINE_H
#define WEIR_RING_ENGINE_H

#include <string.h>

#include <weir/base.h>
#include <weir/error.h>
#include <weir/ring_atomic.h>
#include <weir/ring_copy.h>
#include <weir/ring_stamp.h>

WEIR_DECLS_BEGIN

/* Two cache lines: some prefetchers move them in pairs, some ARM64 cores have lines of 128. */
#define WEIR_RING_LINE_BYTES 128
#define WEIR_RING_LINE_ALIGNED __attribute__((aligned(WEIR_RING_LINE_BYTES)))
#define WEIR_RING_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEIR_RING_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define WEIR_RING_IDLE UINT64_MAX         /* a gate: holds nothing */
#define WEIR_RING_CLOSED_BIT (1ull << 63) /* of `tail`, with many producers */
#define WEIR_RING_FEW 128u       /* items: a look that found fewer moved a line for little */
#define WEIR_RING_FEW_SHARED 32u /* the same, of many producers: `take` has room for the rest */
#define WEIR_RING_STAGE_MAX 64u  /* staged items that are published without being asked */
#define WEIR_RING_ECHO_WORDS 3u  /* of an item beside `tail` */
#define WEIR_RING_ECHO_BYTES (8u * WEIR_RING_ECHO_WORDS)

/* weir_ring.state. Written when somebody sleeps, wakes or closes; looked at with every item. */
#define WEIR_RING_CLOSED 1u       /* producers are refused */
#define WEIR_RING_FENCED 2u       /* who does not see CLOSED yet has published what it will */
#define WEIR_RING_ITEMS_ASLEEP 4u /* a consumer sleeps, or is about to */
#define WEIR_RING_ROOM_ASLEEP 8u  /* a producer sleeps, or is about to */

/* Of a handle. */
#define WEIR_RING_SHARED 1u /* consumer: takes by compare-and-swap */
#define WEIR_RING_SEQ 2u   /* publishes by seq_cst: no asymmetric barrier here (core/port/park.h) */
#define WEIR_RING_ENDED 4u /* consumer: nothing comes any more */
#define WEIR_RING_ECHO 8u  /* consumer: small items of one producer, see weir_ring_echo_put() */
#define WEIR_RING_ANYWHERE 16u /* of many producers: no consumers share (weir_ring_next_run()) */
#define WEIR_RING_SEVERAL 32u  /* consumer: of one producer, and not the only one (RG9) */

struct weir_ring {
	WEIR_RING_LINE_ALIGNED weir_ring_u32 state;
	weir_ring_u32 echo_asked; /* a consumer gets few items at a time (RG10): a hint */
	/* One producer: what is published. Many: what is claimed, and WEIR_RING_CLOSED_BIT. */
	WEIR_RING_LINE_ALIGNED weir_ring_u64 tail;
	/* One producer: the last small item that was pushed alone, again, on the same line. */
	weir_ring_u64 echo_end; /* its position + 1; 0: none */
	weir_ring_u64 echo[2][WEIR_RING_ECHO_WORDS];
	/* Consumers that share: what is taken, and, of many producers, how many items from there on
	   are known to be ready (weir_ring_take_word()). */
	WEIR_RING_LINE_ALIGNED weir_ring_u64 take;
	/* One producer, closed by another thread: items at or above it were refused. */
	WEIR_RING_LINE_ALIGNED weir_ring_u64 end;
	weir_ring_u64 given; /* consumers that share: changes when room was given back; a hint */
};

/* Of a handle that loses compare-and-swaps to others: weir_ring_stand_back() (weir/ring.h). */
struct weir_ring_turns {
	uint32_t patience; /* losses for which it does not stand back */
	uint32_t failures; /* of standing back, in a row */
};

/* One thread's way in. The first 64 bytes are all that a push touches of it. */
struct weir_ring_producer {
	WEIR_RING_LINE_ALIGNED uint64_t next; /* one producer: where the next item goes */
	uint64_t limit;                       /* items may be written below */
	unsigned char *slots;
	weir_ring_u64 *stamps; /* many producers; else NULL */
	struct weir_ring *ring;
	uint32_t mask;
	uint32_t slot_bytes;
	uint32_t ahead; /* slots: so far ahead lines are asked for */
	uint32_t flags;
	uint32_t staged;      /* one producer: written and not yet published */
	uint64_t claim_first; /* between claim and commit */
	uint64_t claim_count;
	uint64_t misses; /* looks for room that found none */
	uint64_t given;  /* the ring's, as the last look at the gates found it */
	struct weir_ring_turns turns;
	weir_ring_u32 is_open;
};

/* One thread's way out. The first 64 bytes are all that a pop touches of it. */
struct weir_ring_consumer {
	/* Below is read; producers look here only when the gate leaves them no room. */
	WEIR_RING_LINE_ALIGNED weir_ring_u64 next;
	uint64_t ready;      /* items below may be read */
	uint64_t release_at; /* the gate moves when `next` gets here */
	unsigned char *slots;
	weir_ring_u64 *stamps;
	struct weir_ring *ring;
	uint32_t mask;
	uint32_t slot_bytes;
	uint32_t ahead; /* as a producer's */
	uint32_t flags;
	weir_ring_u64 *tail; /* of the ring; its `end` once that is known */
	uint64_t lent_first; /* between take and release */
	uint64_t lent_count;
	uint64_t release_step;
	uint32_t nibbles;  /* looks in a row that found few items */
	uint32_t patience; /* looks for which waiting is not tried again */
	uint32_t failures; /* of waiting, one after the other */
	struct weir_ring_turns turns;
	weir_ring_u32 is_open;
	WEIR_RING_LINE_ALIGNED weir_ring_u64 gate;
};

/* ---- in the library: what is not done with every item ---- */

/**
 * What a push calls that has no room up to `end` (a position) or was given a wrong size. Looks for
 * room, and raises `limit`.
 *
 * Thread: the producer's. Blocks: never.
 * @return 0: there is room for one item at least, WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_look_room(struct weir_ring_producer *p, uint64_t end,
						 size_t item_bytes);

/**
 * What a push calls that has published and sees a sleeper, or a close: wakes; settles whether the
 * close or the push came first.
 *
 * Thread: the producer's. Blocks: never; one system call to wake.
 * @return 0, or WEIR_E_CLOSED: the items were refused
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_published(struct weir_ring_producer *p);

/**
 * What a pop calls that found nothing at `position`: gives back what was read, skips slots that
 * were claimed and not used, looks whether the ring is closed.
 *
 * Thread: the consumer's. Blocks: never.
 * @return 0: look again, WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_look_items(struct weir_ring_consumer *c, uint64_t position,
						  size_t item_bytes);

/**
 * What a pop calls that looks for items where there are several consumers of one producer, and sees
 * that the ring is closed or being closed: settles how far it goes (RG9). Whoever looks first also
 * does what the close has left to do.
 *
 * Thread: the consumer's. Blocks: never; one system call at most, while another thread closes.
 * @return the position below which items may be read
 */
WEIR_API WEIR_MUST_CHECK uint64_t weir_ring_tail_of_closed(struct weir_ring_consumer *c);

/**
 * What a pop calls that has read as far as `release_at`, or sees a producer asleep: gate, wake.
 *
 * Thread: the consumer's. Blocks: never; one system call to wake.
 */
WEIR_API void weir_ring_gave_back(struct weir_ring_consumer *c);

/**
 * What a pop calls whose look found few items, from `first` up to c->ready. A consumer that follows
 * close behind a producer takes the line of `tail` from it for every item, and both crawl. If that
 * goes on, this lets some microseconds of items come together, and looks again up to `end`. Where
 * few come (the producer waits for the answer), it does not try again for a while.
 *
 * Thread: the consumer's. Blocks: never; spins for some microseconds at most.
 */
WEIR_API void weir_ring_settle(struct weir_ring_consumer *c, uint64_t first, uint64_t end);

/* ---- small parts ---- */

/*
 * Stores what somebody may sleep for. With an asymmetric barrier a release store, kept before the
 * look at `state` by the compiler; the sleeper's membarrier does the rest. Else seq_cst. The proof
 * is that of core/port/park.h, with `state` as the sleeper's flag: RG7.
 */
#define WEIR_RING_PUBLISH(place, value, flags)                                                     \
	do { /* RG7 */                                                                             \
		if (WEIR_RING_LIKELY(((flags)&WEIR_RING_SEQ) == 0)) {                              \
			weir_ring_store_release((place), (value));                                 \
			weir_ring_compiler_barrier();                                              \
		} else {                                                                           \
			weir_ring_store_seq((place), (value));                                     \
		}                                                                                  \
	} while (0)

/* RG7: the look at `state` behind WEIR_RING_PUBLISH. */
WEIR_RING_INLINE uint32_t weir_ring_state_behind(weir_ring_u32 *state, uint32_t flags)
{
	if (WEIR_RING_LIKELY((flags & WEIR_RING_SEQ) == 0))
		return weir_ring_load_relaxed(state);
	return weir_ring_load_seq(state);
}

/* Of `count` slots from `position` on, those that lie side by side. */
WEIR_RING_INLINE uint64_t weir_ring_straight(uint64_t mask, uint64_t position, uint64_t count)
{
	uint64_t straight = mask + 1 - (position & mask);
	return count < straight ? count : straight;
}

/*
 * `count` items of the program into slots that lie side by side, from `position` on. Among many
 * producers no line behind them is asked for: the next producer writes there. Half of them, up to
 * what is asked for ahead, are asked for at once, since a claim is all that may be: stores wait in
 * a row for what they miss. Where stores are wide that is not worth it.
 */
WEIR_RING_INLINE void weir_ring_copy_in(struct weir_ring_producer *p, uint64_t position,
					const unsigned char *from, uint64_t count,
					size_t item_bytes)
{
	unsigned char *to = p->slots + (position & p->mask) * item_bytes;
	uint64_t ahead = p->ahead * item_bytes;
	const unsigned char *end = p->slots + (uint64_t)p->mask * item_bytes;
	uint64_t bytes = count * item_bytes;
	if (bytes >= WEIR_RING_LARGE_BYTES) {
		weir_ring_copy_large(to, from, bytes);
		return;
	}
	if (bytes >= WEIR_RING_WIDE_BYTES && bytes < WEIR_RING_WIDE_END_BYTES) {
		if (p->stamps == NULL)
			for (uint64_t at = ahead; at < ahead + bytes && to + at < end;
			     at += WEIR_RING_BLOCK_BYTES)
				weir_ring_ask_to_write(to + at);
		weir_ring_copy_large(to, from, bytes);
		return;
	}
	if (p->stamps != NULL) {
		end = to + bytes;
		ahead = ahead < bytes / 2 ? ahead : bytes / 2;
		for (uint64_t at = 0; at + WEIR_RING_BLOCK_BYTES <= ahead;
		     at += WEIR_RING_BLOCK_BYTES)
			weir_ring_ask_to_write(to + at);
	}
	while (bytes >= WEIR_RING_BLOCK_BYTES) {
		if (to + ahead < end)
			weir_ring_ask_to_write(to + ahead);
		weir_ring_move_block(to, from);
		to += WEIR_RING_BLOCK_BYTES;
		from += WEIR_RING_BLOCK_BYTES;
		bytes -= WEIR_RING_BLOCK_BYTES;
		__asm__("" : "+r"(from));
	}
	weir_ring_copy(to, from, bytes);
}

/* The other way. Lines that are not published yet are not asked for: the producer writes there. */
WEIR_RING_INLINE void weir_ring_copy_out(struct weir_ring_consumer *c, uint64_t position,
					 unsigned char *to, uint64_t count, size_t item_bytes)
{
	const unsigned char *from = c->slots + (position & c->mask) * item_bytes;
	uint64_t ahead = c->ahead * item_bytes;
	const unsigned char *end =
		from + weir_ring_straight(c->mask, position, c->ready - position) * item_bytes;
	uint64_t bytes = count * item_bytes;
	if (bytes >= WEIR_RING_LARGE_BYTES) {
		weir_ring_copy_large(to, from, bytes);
		return;
	}
	while (bytes >= WEIR_RING_BLOCK_BYTES) {
		if (from + ahead < end)
			__builtin_prefetch(from + ahead);
		weir_ring_move_block(to, from);
		to += WEIR_RING_BLOCK_BYTES;
		from += WEIR_RING_BLOCK_BYTES;
		bytes -= WEIR_RING_BLOCK_BYTES;
		__asm__("" : "+r"(from));
	}
	weir_ring_copy(to, from, bytes);
}

/* ---- producers ---- */

/* RG1: all below `next` is complete; pairs with the acquire in weir_ring_ready_tail(). */
WEIR_RING_INLINE int weir_ring_publish_tail(struct weir_ring_producer *p, uint64_t next)
{
	if (WEIR_RING_UNLIKELY(p->staged != 0))
		p->staged = 0;
	WEIR_RING_PUBLISH(&p->ring->tail, next, p->flags);
	if (WEIR_RING_UNLIKELY((weir_ring_state_behind(&p->ring->state, p->flags) &
				(WEIR_RING_CLOSED | WEIR_RING_ITEMS_ASLEEP)) != 0))
		return weir_ring_published(p);
	return 0;
}

/*
 * RG10: a small item that is pushed alone stands a second time on the line of `tail`. A consumer
 * that waits for it gets it with the look that finds it, and not with a second line after that.
 *
 * It costs a stream some of its speed, so it is done where a consumer asked for it: a hint, and
 * right whether it is taken or missed.
 *
 * The places alternate. The words of position p are written over by those of p + 2 or later, and
 * only when `tail` is above p + 1 already, as nothing is staged. So who reads a word of a later
 * item (acquire, of this release) and then `tail` finds it above p + 1, and takes the slot.
 */
WEIR_RING_INLINE void weir_ring_echo_put(struct weir_ring_producer *p, uint64_t position,
					 const unsigned char *item, size_t item_bytes)
{
	struct weir_ring *ring = p->ring;
	if (weir_ring_load_relaxed(&ring->echo_asked) == 0 || p->staged != 0)
		return;
	weir_ring_u64 *echo = ring->echo[position & 1];
	for (size_t at = 0; at < item_bytes; at += 8) {
		uint64_t word = 0;
		memcpy(&word, item + at, item_bytes - at < 8 ? item_bytes - at : 8);
		weir_ring_store_release(&echo[at / 8], word); /* RG10 */
	}
	weir_ring_store_relaxed(&ring->echo_end, position + 1); /* RG10, published by RG1 */
}

/*
 * RG2: the slots of the run are complete; pairs with the acquire in weir_ring_ready(). `code` is 0
 * or WEIR_RING_VOID.
 */
WEIR_RING_INLINE int weir_ring_publish_stamps(struct weir_ring_producer *p, uint64_t first,
					      uint64_t count, uint32_t code)
{
	const bool anywhere = (p->flags & WEIR_RING_ANYWHERE) != 0;
	for (uint64_t n; count > 0; first += n, count -= n) {
		n = count < WEIR_RING_VOID_MAX ? count : WEIR_RING_VOID_MAX;
		uint64_t length = code + n - 1;
		if (code == 0)
			n = weir_ring_next_run(first, count, anywhere, &length);
		WEIR_RING_PUBLISH(&p->stamps[first & p->mask], weir_ring_stamp(first, length),
				  p->flags);
	}
	if (WEIR_RING_UNLIKELY((weir_ring_state_behind(&p->ring->state, p->flags) &
				WEIR_RING_ITEMS_ASLEEP) != 0))
		return weir_ring_published(p);
	return 0;
}

/*
 * Slots for up to `count` items from *ret_first on: how many, or an error. One producer's claim is
 * in nobody's way until it is published; with many it is final. They lie side by side. *ret_lost
 * (may be NULL) becomes true where another was first.
 */
WEIR_RING_INLINE int weir_ring_claim_slots(struct weir_ring_producer *p, uint32_t count,
					   size_t item_bytes, uint64_t *ret_first, bool *ret_lost)
{
	if (p->stamps == NULL) {
		uint64_t first = p->next;
		if (WEIR_RING_UNLIKELY(
			    (weir_ring_load_relaxed(&p->ring->state) & WEIR_RING_CLOSED) != 0))
			return WEIR_E_CLOSED;
		if (WEIR_RING_UNLIKELY(first + count > p->limit || item_bytes != p->slot_bytes)) {
			int code = weir_ring_look_room(p, first + count, item_bytes);
			if (code < 0)
				return code;
		}
		*ret_first = first;
		return (int)weir_ring_straight(p->mask, first,
					       p->limit - first < count ? p->limit - first : count);
	}
	uint64_t first = weir_ring_load_relaxed(&p->ring->tail);
	for (;;) {
		uint64_t n = count;
		if (WEIR_RING_UNLIKELY((first & WEIR_RING_CLOSED_BIT) != 0))
			return WEIR_E_CLOSED;
		if (WEIR_RING_UNLIKELY(first + n > p->limit || item_bytes != p->slot_bytes)) {
			int code = weir_ring_look_room(p, first + n, item_bytes);
			if (code < 0)
				return code;
			/* Others may have claimed what there was: then what this knows is old. */
			if (p->limit <= first) {
				first = weir_ring_load_relaxed(&p->ring->tail);
				continue;
			}
			n = p->limit - first < n ? p->limit - first : n;
		}
		if (WEIR_RING_UNLIKELY(n > 1))
			n = weir_ring_straight(p->mask, first, n);
		/* RG3: relaxed: it gives slots away, not bytes. That they are free is RG5's. */
		if (WEIR_RING_LIKELY(weir_ring_cas_relaxed(&p->ring->tail, &first, first + n))) {
			if (n > 1 && (p->flags & WEIR_RING_ANYWHERE) == 0)
				weir_ring_ask_to_write(&p->stamps[first & p->mask]);
			*ret_first = first;
			return (int)n;
		}
		if (ret_lost != NULL)
			*ret_lost = true;
	}
}

/* ---- consumers ---- */

/*
 * One producer: how far items are published. Where there are several consumers, none may read what
 * another has found refused: who sees no close here has looked at `tail` before the close's barrier
 * (or, without one, before the close in the order of seq_cst), so all who look behind that see what
 * it saw, and end no earlier (RG9).
 */
WEIR_RING_INLINE uint64_t weir_ring_ready_tail(struct weir_ring_consumer *c)
{
	if (WEIR_RING_LIKELY((c->flags & WEIR_RING_SEVERAL) == 0))
		return weir_ring_load_acquire(c->tail); /* RG1 */
	uint64_t tail;
	if (WEIR_RING_LIKELY((c->flags & WEIR_RING_SEQ) == 0)) {
		tail = weir_ring_load_acquire(c->tail); /* RG1 */
		weir_ring_compiler_barrier();           /* RG9 */
	} else {
		tail = weir_ring_load_seq(c->tail); /* RG1, RG9 */
	}
	if (WEIR_RING_UNLIKELY((weir_ring_state_behind(&c->ring->state, c->flags) &
				WEIR_RING_CLOSED) != 0)) /* RG9 */
		return weir_ring_tail_of_closed(c);
	return tail;
}

/*
 * How far items are ready from `first` on, where a run begins: a look at the shared lines. No
 * farther than `end`, or the end of the run that reaches it.
 */
WEIR_RING_INLINE uint64_t weir_ring_ready(struct weir_ring_consumer *c, uint64_t first,
					  uint64_t end)
{
	if (c->stamps == NULL)
		return weir_ring_ready_tail(c);
	while (first < end) {
		uint64_t stamp = weir_ring_load_acquire(&c->stamps[first & c->mask]); /* RG2 */
		uint64_t run = weir_ring_run(stamp, first);
		if (run == 0)
			break;
		first += run;
	}
	return first;
}

/* A look beyond what is known, `from`, for `count` items from `first` on. */
WEIR_RING_INLINE void weir_ring_look(struct weir_ring_consumer *c, uint64_t first, uint64_t from,
				     uint32_t count)
{
	bool by_runs = c->stamps != NULL && (c->flags & WEIR_RING_SHARED) != 0;
	uint64_t few = by_runs ? WEIR_RING_FEW_SHARED : WEIR_RING_FEW;
	uint64_t end = first + (count < few ? few : count);
	c->ready = weir_ring_ready(c, from, end);
	if (c->ready > first && c->ready - first < few)
		weir_ring_settle(c, first, end);
}

/* RG4: all below `next` has been read; pairs with the acquire in weir_ring_look_room(). */
WEIR_RING_INLINE void weir_ring_move_next(struct weir_ring_consumer *c, uint64_t next)
{
	WEIR_RING_PUBLISH(&c->next, next, c->flags);
	if (WEIR_RING_UNLIKELY(next >= c->release_at ||
			       (weir_ring_state_behind(&c->ring->state, c->flags) &
				WEIR_RING_ROOM_ASLEEP) != 0))
		weir_ring_gave_back(c);
}

/*
 * The next item into `item`, if it is the only one that is published and stands beside `tail`: 1,
 * else 0. Only where few come at a time (weir_ring_settle()): one who follows a stream gets more by
 * letting items come together.
 */
WEIR_RING_INLINE int weir_ring_echo_get(struct weir_ring_consumer *c, void *item, size_t item_bytes)
{
	struct weir_ring *ring = c->ring;
	uint64_t words[WEIR_RING_ECHO_WORDS];
	if (c->patience == 0 || (c->flags & WEIR_RING_ECHO) == 0 || item_bytes != c->slot_bytes ||
	    c->tail != &ring->tail)
		return 0;
	uint64_t first = weir_ring_load_relaxed(&c->next); /* own */
	weir_ring_u64 *echo = ring->echo[first & 1];
	if (first != c->ready)
		return 0;
	if (weir_ring_ready_tail(c) != first + 1 ||
	    weir_ring_load_relaxed(&ring->echo_end) != first + 1) /* RG10 */
		return 0;
	for (size_t at = 0; at < item_bytes; at += 8)
		words[at / 8] = weir_ring_load_acquire(&echo[at / 8]); /* RG10 */
	if (weir_ring_load_relaxed(&ring->tail) != first + 1)          /* RG10 */
		return 0;
	memcpy(item, words, item_bytes < sizeof words ? item_bytes : sizeof words);
	c->patience--;
	c->ready = first + 1;
	weir_ring_move_next(c, first + 1);
	return 1;
}

/* RG5: what was held, below `next`, was read; pairs with the acquire in weir_ring_look_room(). */
WEIR_RING_INLINE void weir_ring_let_go(struct weir_ring_consumer *c, uint64_t next)
{
	weir_ring_store_relaxed(&c->next, next); /* own */
	WEIR_RING_PUBLISH(&c->gate, WEIR_RING_IDLE, c->flags);
	if (WEIR_RING_UNLIKELY(next >= c->release_at ||
			       (weir_ring_state_behind(&c->ring->state, c->flags) &
				WEIR_RING_ROOM_ASLEEP) != 0))
		weir_ring_gave_back(c);
}

/*
 * Items for a consumer that shares, from *ret_first on: how many, or an error. The gate says what
 * is about to be held before `take` moves (RG6, release): a producer that loads `take` (acquire)
 * and then the gates finds the gate of everybody who moved `take` that far, or it is free again.
 * seq_cst, because who sleeps for room or items looks at it (RG7).
 *
 * Of many producers, `take` also says how far it is to where a run begins, and that all before it
 * is ready: who finds more than it takes leaves the rest to the next, who need not look.
 */
WEIR_RING_INLINE int weir_ring_take_shared(struct weir_ring_consumer *c, uint32_t count,
					   size_t item_bytes, uint64_t *ret_first, bool *ret_lost)
{
	for (;;) {
		uint64_t word = weir_ring_load_relaxed(&c->ring->take);
		uint64_t first = weir_ring_take_position(word);
		if (c->stamps != NULL)
			c->ready = weir_ring_take_known(word);
		if (c->ready < first + count)
			weir_ring_look(c, first, c->ready, count);
		if (WEIR_RING_UNLIKELY(first >= c->ready || item_bytes != c->slot_bytes)) {
			int code;
			weir_ring_let_go(c, first);
			code = weir_ring_look_items(c, first, item_bytes);
			if (code < 0)
				return code;
			continue;
		}
		uint64_t n = c->ready - first < count ? c->ready - first : count;
		uint64_t rest = c->stamps != NULL ? c->ready - first - n : 0;
		uint64_t straight = weir_ring_straight(c->mask, first, n);
		if (WEIR_RING_UNLIKELY(straight < n)) {
			n = straight;
			rest = 0; // no run goes over the ring's end
		}
		weir_ring_store_release(&c->gate, first); /* RG5, published by RG6 */
		if (WEIR_RING_LIKELY(weir_ring_cas_seq(&c->ring->take, &word,
						       weir_ring_take_word(first + n, rest)))) {
			*ret_first = first; /* RG6 */
			return (int)n;
		}
		if (ret_lost != NULL)
			*ret_lost = true;
	}
}

/* Items for a consumer with a cursor of its own, from `next` on: how many, or an error. */
WEIR_RING_INLINE int weir_ring_take_own(struct weir_ring_consumer *c, uint32_t count,
					size_t item_bytes, uint64_t *ret_first)
{
	for (;;) {
		uint64_t first = weir_ring_load_relaxed(&c->next); /* own */
		if (c->ready - first < count)
			weir_ring_look(c, first, c->ready > first ? c->ready : first, count);
		if (WEIR_RING_LIKELY(first < c->ready && item_bytes == c->slot_bytes)) {
			*ret_first = first;
			return (int)weir_ring_straight(c->mask, first,
						       c->ready - first < count ? c->ready - first
										: count);
		}
		int code = weir_ring_look_items(c, first, item_bytes);
		if (code < 0)
			return code;
	}
}

WEIR_RING_INLINE int weir_ring_take_items(struct weir_ring_consumer *c, uint32_t count,
					  size_t item_bytes, uint64_t *ret_first, bool *ret_lost)
{
	return (c->flags & WEIR_RING_SHARED) != 0
		       ? weir_ring_take_shared(c, count, item_bytes, ret_first, ret_lost)
		       : weir_ring_take_own(c, count, item_bytes, ret_first);
}

WEIR_RING_INLINE void weir_ring_give_back(struct weir_ring_consumer *c, uint64_t first,
					  uint64_t count)
{
	if ((c->flags & WEIR_RING_SHARED) != 0)
		weir_ring_let_go(c, first + count);
	else
		weir_ring_move_next(c, first + count);
}

WEIR_DECLS_END
#endif
