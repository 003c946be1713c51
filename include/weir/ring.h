/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rings: bounded queues of fixed-size items between threads of one process. They stand alone: no
 * pipeline, no log, no journal is needed.
 *
 * The shape is two choices: one producer or many; and one consumer, several that share the items
 * (each item goes to one of them), or several of which each sees every item. All shapes are one
 * engine; what a shape does not need it does not pay for.
 *
 *   options.producers  WEIR_RING_ONE_PRODUCER    WEIR_RING_MANY_PRODUCERS
 *   options.consumers  WEIR_RING_ONE_CONSUMER    WEIR_RING_SHARING_CONSUMERS
 *                      WEIR_RING_EVERY_CONSUMER (multicast)
 *
 * Order: each producer's items are consumed in the order in which it pushed them. One consumer, or
 * one that sees everything, reads all items in the one order in which slots were claimed.
 *
 * Handles: each thread that pushes opens a producer, each that pops a consumer. A handle is one
 * thread's at a time; to hand it to another, hand it over by something that orders memory. Handles
 * lie in the ring's memory, each on cache lines of its own, so neighbours never share one.
 *
 * Room: a consumer tells producers what it has read once in 1/32 of the capacity (at most 1024
 * items), when it finds the ring empty, and at once when a producer sleeps. So a push may be
 * refused while up to 1/32 of a ring with 64 slots or more is free; smaller ones are exact. Who
 * tries again gets the room: every 1024th try in vain looks closely.
 *
 * Waiting: a call without `_wait` never waits. With `_wait` it waits as options.wait says. A push
 * to a thread that sleeps costs one system call, once for each sleep; a push to a thread that is
 * awake costs one load of a line that does not change. Where the wait is adaptive, several that
 * push items one by one take turns, and so do several that share: see weir_ring_push_wait().
 *
 * Closing: weir_ring_close() refuses every push that begins after it returned. Consumers get what
 * was accepted, then WEIR_E_CLOSED. A push that runs while another thread closes is either accepted
 * and consumed, or refused, and then no consumer has seen it.
 *
 * Progress, of calls without `_wait` (waking a sleeper is a system call in any of them, and so may
 * be the first pop behind a close, where one producer has several consumers):
 *
 *   push, push_many, claim      one producer: wait-free. Many: lock-free: who fails to claim, fails
 *                               because another claimed
 *   commit, stage, flush        wait-free
 *   pop, pop_many, take         one consumer, every consumer: wait-free, but for claims that many
 *                               producers give up, which are stepped over. Sharing: lock-free
 *   release                     wait-free
 *   *_wait, create, destroy     blocking
 *
 * Who stops where: a producer that stops inside a push or between claim and commit holds back, with
 * many producers, what consumers would read behind its slots; no other producer until the ring is
 * full. A consumer that stops, or keeps what it took, holds back producers once the ring is full,
 * and no other consumer.
 *
 * Errors: 0 or a count, WEIR_E_AGAIN (full, or empty: nothing happened), WEIR_E_CLOSED, -ETIMEDOUT
 * of a wait, -EINVAL (`item_bytes` is not options.slot_bytes).
 *
 * The calls that are made for every item are in this header, inlined: give `item_bytes` as a
 * constant (sizeof) and the compiler does the rest.
 */
#ifndef WEIR_RING_H
#define WEIR_RING_H

#include <weir/base.h>
#include <weir/error.h>
#include <weir/options.h>
#include <weir/ring_engine.h>

WEIR_DECLS_BEGIN

/** Who pushes. */
enum weir_ring_producers {
	WEIR_RING_ONE_PRODUCER = 1,
	WEIR_RING_MANY_PRODUCERS = 2,
};

/** Who pops. */
enum weir_ring_consumers {
	WEIR_RING_ONE_CONSUMER = 1,
	WEIR_RING_SHARING_CONSUMERS = 2, /**< each item goes to one of them */
	/** Each item goes to every one of them: to all consumers_max, opened or not yet, from the
	 *  first item on. One that is not opened holds the ring back once it is full. */
	WEIR_RING_EVERY_CONSUMER = 3,
};

/** Filled by weir_ring_options_init(); edited by field. */
struct weir_ring_options {
	uint32_t struct_bytes; /**< set by weir_ring_options_init() */
	enum weir_ring_producers producers;
	enum weir_ring_consumers consumers;
	uint32_t producers_max; /**< open at once, of MANY: 1 .. 4096 (default 16) */
	uint32_t consumers_max; /**< SHARING: open at once; EVERY: there are. 1 .. 4096 (16) */
	uint32_t slot_bytes;    /**< of an item: 1 .. 16 MiB; slots lie side by side, from a
	                             multiple of 128 on */
	uint64_t capacity;      /**< items: a power of two, 1 .. 2^30 (default 4096) */
	enum weir_wait wait;    /**< how calls with _wait wait (default ADAPTIVE) */
	enum weir_huge_pages huge_pages; /**< of weir_ring_create(): OFF, TRANSPARENT, TRY, REQUIRE
	                                      (2 MiB each; default OFF) */
};

/**
 * Sets every field to its default, but `slot_bytes`, which is 8.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_ring_options_init(struct weir_ring_options *options);

/**
 * How much memory weir_ring_init() wants.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param reterr_problem  which field is wrong, and why; or NULL
 * @return 0, or -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_memory_bytes(const struct weir_ring_options *options,
						    uint64_t *ret_bytes,
						    struct weir_problem *reterr_problem);

/**
 * Makes a ring in memory of the caller: shared by threads of this process only, since it holds
 * addresses. There is nothing to undo: when no thread uses the ring any more, the memory is the
 * caller's again.
 *
 * Thread: any. Blocks: the first ring or pipeline of a process asks the kernel for membarrier.
 * Allocates: never. Owns: `memory` is borrowed for as long as the ring is used.
 * @param memory  a multiple of 128; its content does not matter and is overwritten
 * @return 0, or -EINVAL: an option (see the problem), `memory` not aligned or too small
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_init(void *memory, uint64_t memory_bytes,
					    const struct weir_ring_options *options,
					    struct weir_ring **ret_ring,
					    struct weir_problem *reterr_problem);

/**
 * Makes a ring in memory of its own, all of it touched, in huge pages if the options say so.
 *
 * Thread: any. Blocks: in the kernel, to get the memory. Allocates: yes.
 * @return 0, -EINVAL as above, -ENOMEM (also: no huge pages, with REQUIRE)
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_create(const struct weir_ring_options *options,
					      struct weir_ring **ret_ring,
					      struct weir_problem *reterr_problem);

/**
 * Gives the memory of weir_ring_create() back, handles included. NULL does nothing.
 *
 * Thread: any, once no other uses the ring any more.
 */
WEIR_API void weir_ring_destroy(struct weir_ring *ring);

/**
 * A handle to push with.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * Owns: the handle is the ring's, lent until weir_ring_producer_close().
 * @return 0, or WEIR_E_FULL: as many are open as there may be
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_producer_open(struct weir_ring *ring,
						     struct weir_ring_producer **ret_producer);

/**
 * Gives a handle back; what it staged is published, what it claimed is aborted. NULL does nothing.
 *
 * Thread: the handle's. Blocks: never.
 */
WEIR_API void weir_ring_producer_close(struct weir_ring_producer *producer);

/**
 * A handle to pop with. Of consumers that each see everything, each handle can be opened once; one
 * that is opened late finds everything since the first item.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * Owns: the handle is the ring's, lent until weir_ring_consumer_close().
 * @return 0, or WEIR_E_FULL: as many are open (EVERY: were opened) as there may be
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_consumer_open(struct weir_ring *ring,
						     struct weir_ring_consumer **ret_consumer);

/**
 * Gives a handle back; what it took is released. A consumer of EVERY then sees no more and holds
 * nobody back; the only consumer of a ring may be opened again and goes on. NULL does nothing.
 *
 * Thread: the handle's. Blocks: never.
 */
WEIR_API void weir_ring_consumer_close(struct weir_ring_consumer *consumer);

/**
 * Refuses pushes from now on and wakes everybody. Consumers get what was accepted, then
 * WEIR_E_CLOSED. A second call does nothing.
 *
 * Thread: any. Blocks: never (some microseconds in the kernel). Allocates: never.
 */
WEIR_API void weir_ring_close(struct weir_ring *ring);

/**
 * Waits until a push has a chance: there is room for an item.
 *
 * Thread: the producer's. Blocks: up to *left_ns (WEIR_FOREVER: no limit), as options.wait says.
 * @param left_ns  what is left of it on return, unless it is WEIR_FOREVER
 * @return 0, -ETIMEDOUT, WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_wait_room(struct weir_ring_producer *producer,
						 uint64_t *left_ns);

/**
 * Waits until a pop has a chance: there is an item, or the end.
 *
 * Thread: the consumer's. Blocks: as above.
 * @return 0 (an item, or the end: pop says which), -ETIMEDOUT
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_wait_items(struct weir_ring_consumer *consumer,
						  uint64_t *left_ns);

/* ---- pushing: all of these are the producer's thread's ---- */

/* weir_ring_push(), and whether another was first (weir_ring_claim_slots()). */
WEIR_RING_INLINE int weir_ring_push_among(struct weir_ring_producer *producer, const void *item,
					  size_t item_bytes, bool *ret_lost)
{
	uint64_t first = 0;
	int n = weir_ring_claim_slots(producer, 1, item_bytes, &first, ret_lost);
	if (WEIR_RING_UNLIKELY(n < 0))
		return n;
	weir_ring_ask_ahead(producer->slots +
				    ((first + producer->ahead) & producer->mask) * item_bytes,
			    item_bytes, true);
	weir_ring_put(producer->slots + (first & producer->mask) * item_bytes,
		      (const unsigned char *)item, item_bytes);
	if (producer->stamps != NULL)
		return weir_ring_publish_stamps(producer, first, 1, 0);
	if (item_bytes <= WEIR_RING_ECHO_BYTES)
		weir_ring_echo_put(producer, first, (const unsigned char *)item, item_bytes);
	producer->next = first + 1;
	return weir_ring_publish_tail(producer, first + 1);
}

/** Pushes one item, copied. 0, WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL. */
WEIR_RING_INLINE int weir_ring_push(struct weir_ring_producer *producer, const void *item,
				    size_t item_bytes)
{
	return weir_ring_push_among(producer, item, item_bytes, NULL);
}

/** Pushes up to `count` items (1 .. 2^30) that lie side by side; with one producer they become
 *  visible together. How many, from 1 on (fewer where the room, or the ring, ends); WEIR_E_AGAIN,
 *  WEIR_E_CLOSED, -EINVAL. */
WEIR_RING_INLINE int weir_ring_push_many(struct weir_ring_producer *producer, const void *items,
					 uint32_t count, size_t item_bytes)
{
	uint64_t first = 0;
	int n = weir_ring_claim_slots(producer, count, item_bytes, &first, NULL);
	if (WEIR_RING_UNLIKELY(n < 0))
		return n;
	weir_ring_copy_in(producer, first, (const unsigned char *)items, (uint64_t)n, item_bytes);
	int code;
	if (producer->stamps != NULL) {
		code = weir_ring_publish_stamps(producer, first, (uint64_t)n, 0);
	} else {
		producer->next = first + (uint64_t)n;
		code = weir_ring_publish_tail(producer, producer->next);
	}
	return code < 0 ? code : n;
}

/** Makes what was staged visible. 0, or WEIR_E_CLOSED: it was refused. Where another call of this
 *  producer has said WEIR_E_CLOSED, this one says what became of what was staged before it. */
WEIR_RING_INLINE int weir_ring_flush(struct weir_ring_producer *producer)
{
	if (producer->stamps != NULL || producer->staged == 0)
		return 0;
	return weir_ring_publish_tail(producer, producer->next);
}

/**
 * Pushes one item that need not be visible yet: with the next push or flush, or by itself when 64
 * are staged or the ring is full. For a stage that flushes when its own input has run dry. With
 * many producers it is weir_ring_push(). 0, WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL.
 */
WEIR_RING_INLINE int weir_ring_stage(struct weir_ring_producer *producer, const void *item,
				     size_t item_bytes)
{
	uint64_t first = 0;
	if (producer->stamps != NULL)
		return weir_ring_push(producer, item, item_bytes);
	int n = weir_ring_claim_slots(producer, 1, item_bytes, &first, NULL);
	if (WEIR_RING_UNLIKELY(n < 0)) {
		int code = n == WEIR_E_AGAIN ? weir_ring_flush(producer) : n;
		return code < 0 ? code : n;
	}
	weir_ring_put(producer->slots + (first & producer->mask) * item_bytes,
		      (const unsigned char *)item, item_bytes);
	producer->next = first + 1;
	if (++producer->staged < WEIR_RING_STAGE_MAX)
		return 0;
	return weir_ring_publish_tail(producer, producer->next);
}

/**
 * Slots to build up to `count` items in, side by side: fewer at the ring's end. Then
 * weir_ring_commit(). One claim at a time, and no push between claim and commit.
 * How many, from 1 on, and *ret_items; WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL.
 */
WEIR_RING_INLINE int weir_ring_claim(struct weir_ring_producer *producer, uint32_t count,
				     size_t item_bytes, void **ret_items)
{
	uint64_t first = 0;
	int n = weir_ring_claim_slots(producer, count, item_bytes, &first, NULL);
	if (WEIR_RING_UNLIKELY(n < 0))
		return n;
	producer->claim_first = first;
	producer->claim_count = (uint64_t)n;
	*ret_items = producer->slots + (first & producer->mask) * item_bytes;
	return n;
}

/** Makes the first `count` of the claimed items visible and gives the rest up: 0 aborts. `count` is
 *  at most what the claim returned. 0, or WEIR_E_CLOSED: refused. */
WEIR_RING_INLINE int weir_ring_commit(struct weir_ring_producer *producer, uint32_t count)
{
	uint64_t first = producer->claim_first;
	uint64_t claimed = producer->claim_count;
	producer->claim_count = 0;
	if (producer->stamps == NULL) {
		if (count == 0)
			return 0;
		producer->next = first + count;
		return weir_ring_publish_tail(producer, producer->next);
	}
	int code = weir_ring_publish_stamps(producer, first, count, 0);
	int void_code =
		weir_ring_publish_stamps(producer, first + count, claimed - count, WEIR_RING_VOID);
	return code < 0 ? code : void_code;
}

/* ---- popping: all of these are the consumer's thread's ---- */

/* weir_ring_pop(), and whether another was first (weir_ring_take_items()). */
WEIR_RING_INLINE int weir_ring_pop_among(struct weir_ring_consumer *consumer, void *item,
					 size_t item_bytes, bool *ret_lost)
{
	uint64_t first = 0;
	if (item_bytes <= WEIR_RING_ECHO_BYTES && weir_ring_echo_get(consumer, item, item_bytes))
		return 0;
	int n = weir_ring_take_items(consumer, 1, item_bytes, &first, ret_lost);
	if (WEIR_RING_UNLIKELY(n < 0))
		return n;
	if (item_bytes >= WEIR_RING_LINE_BYTES / 2 && first + consumer->ahead < consumer->ready)
		weir_ring_ask_ahead(consumer->slots + ((first + consumer->ahead) & consumer->mask) *
							      item_bytes,
				    item_bytes, false);
	memcpy(item, consumer->slots + (first & consumer->mask) * item_bytes, item_bytes);
	weir_ring_give_back(consumer, first, 1);
	return 0;
}

/** Pops one item, copied to `item`. 0, WEIR_E_AGAIN, WEIR_E_CLOSED (empty for good), -EINVAL. */
WEIR_RING_INLINE int weir_ring_pop(struct weir_ring_consumer *consumer, void *item,
				   size_t item_bytes)
{
	return weir_ring_pop_among(consumer, item, item_bytes, NULL);
}

/** Pops up to `count` items (at most 2^30), copied. How many, from 1 on (fewer where the items, or
 *  the ring, end); WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL. */
WEIR_RING_INLINE int weir_ring_pop_many(struct weir_ring_consumer *consumer, void *items,
					uint32_t count, size_t item_bytes)
{
	uint64_t first = 0;
	int n = weir_ring_take_items(consumer, count, item_bytes, &first, NULL);
	if (WEIR_RING_UNLIKELY(n < 0))
		return n;
	weir_ring_copy_out(consumer, first, (unsigned char *)items, (uint64_t)n, item_bytes);
	weir_ring_give_back(consumer, first, (uint64_t)n);
	return n;
}

/**
 * Lends up to `count` items where they lie, side by side (fewer at the ring's end), until
 * weir_ring_release(). One at a time, and no pop in between. How many, from 1 on, and *ret_items;
 * WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL.
 */
WEIR_RING_INLINE int weir_ring_take(struct weir_ring_consumer *consumer, uint32_t count,
				    size_t item_bytes, const void **ret_items)
{
	uint64_t first = 0;
	int n = weir_ring_take_items(consumer, count, item_bytes, &first, NULL);
	if (WEIR_RING_UNLIKELY(n < 0))
		return n;
	consumer->lent_first = first;
	consumer->lent_count = (uint64_t)n;
	*ret_items = consumer->slots + (first & consumer->mask) * item_bytes;
	return n;
}

/** Gives what was taken back; does nothing when nothing is. */
WEIR_RING_INLINE void weir_ring_release(struct weir_ring_consumer *consumer)
{
	uint64_t count = consumer->lent_count;
	consumer->lent_count = 0;
	if (count != 0)
		weir_ring_give_back(consumer, consumer->lent_first, count);
}

/** What weir_ring_drain() calls with each run of items. */
typedef void (*weir_ring_visit_fn)(void *context, const void *items, uint32_t count);

/** Hands over all that is there, in place, run by run, until the ring is empty or `most` items were
 *  seen. How many, from 0 on; WEIR_E_CLOSED when there are none and there will be none; -EINVAL. */
WEIR_RING_INLINE int64_t weir_ring_drain(struct weir_ring_consumer *consumer, uint64_t most,
					 size_t item_bytes, weir_ring_visit_fn visit, void *context)
{
	uint64_t seen = 0;
	while (seen < most) {
		const void *items = NULL; // gcc -Og does not see that a count comes with items
		uint64_t want = most - seen < 256 ? most - seen : 256;
		int n = weir_ring_take(consumer, (uint32_t)want, item_bytes, &items);
		if (n < 0 && (seen > 0 || n == WEIR_E_AGAIN))
			break;
		if (n < 0)
			return n;
		visit(context, items, (uint32_t)n);
		weir_ring_release(consumer);
		seen += (uint64_t)n;
	}
	return (int64_t)seen;
}

/* ---- the same, waiting ---- */

/**
 * What a waiting call does behind its item that lost `word` (`tail`, `take`) to another handle: two
 * that take each other's lines with every item both crawl. With the adaptive wait it yields for
 * 2 us, in which the other goes alone. Where that brings little, not again for a while. Inside:
 * programs do not call it.
 *
 * Thread: the handle's. Blocks: some microseconds, and while others have its CPU.
 */
WEIR_API void weir_ring_stand_back(struct weir_ring *ring, weir_ring_u64 *word,
				   struct weir_ring_turns *turns);

/**
 * weir_ring_push() that waits for room. Blocks: up to timeout_ns. Also -ETIMEDOUT. With many
 * producers and the adaptive wait, one that others were faster than returns some microseconds
 * after its item was published, or when a thread that it yields its CPU to gives it back: so one
 * goes alone at a time, and none of them crawls.
 */
WEIR_RING_INLINE int weir_ring_push_wait(struct weir_ring_producer *producer, const void *item,
					 size_t item_bytes, uint64_t timeout_ns)
{
	bool lost = false;
	for (;;) {
		int code = weir_ring_push_among(producer, item, item_bytes, &lost);
		if (WEIR_RING_LIKELY(code != WEIR_E_AGAIN)) {
			if (WEIR_RING_UNLIKELY(lost))
				weir_ring_stand_back(producer->ring, &producer->ring->tail,
						     &producer->turns);
			return code;
		}
		code = weir_ring_wait_room(producer, &timeout_ns);
		if (code < 0)
			return code;
	}
}

/** Pushes all `count` items, waiting for room. How many were pushed: fewer only when the time was
 *  up or the ring closed, and if it is none, -ETIMEDOUT or WEIR_E_CLOSED. */
WEIR_RING_INLINE int64_t weir_ring_push_many_wait(struct weir_ring_producer *producer,
						  const void *items, uint32_t count,
						  size_t item_bytes, uint64_t timeout_ns)
{
	uint32_t done = 0;
	while (done < count) {
		int n = weir_ring_push_many(producer,
					    (const unsigned char *)items + done * item_bytes,
					    count - done, item_bytes);
		if (WEIR_RING_LIKELY(n > 0)) {
			done += (uint32_t)n;
			continue;
		}
		if (n == WEIR_E_AGAIN)
			n = weir_ring_wait_room(producer, &timeout_ns);
		if (n < 0)
			return done > 0 ? (int64_t)done : n;
	}
	return (int64_t)done;
}

/** weir_ring_pop() that waits for an item. Blocks: up to timeout_ns. Also -ETIMEDOUT. Consumers
 *  that share take turns as producers do in weir_ring_push_wait(). */
WEIR_RING_INLINE int weir_ring_pop_wait(struct weir_ring_consumer *consumer, void *item,
					size_t item_bytes, uint64_t timeout_ns)
{
	bool lost = false;
	for (;;) {
		int code = weir_ring_pop_among(consumer, item, item_bytes, &lost);
		if (WEIR_RING_LIKELY(code != WEIR_E_AGAIN)) {
			if (WEIR_RING_UNLIKELY(lost))
				weir_ring_stand_back(consumer->ring, &consumer->ring->take,
						     &consumer->turns);
			return code;
		}
		code = weir_ring_wait_items(consumer, &timeout_ns);
		if (code < 0)
			return code;
	}
}

/** weir_ring_pop_many() that waits for an item. Blocks: up to timeout_ns. Also -ETIMEDOUT. */
WEIR_RING_INLINE int weir_ring_pop_many_wait(struct weir_ring_consumer *consumer, void *items,
					     uint32_t count, size_t item_bytes, uint64_t timeout_ns)
{
	for (;;) {
		int n = weir_ring_pop_many(consumer, items, count, item_bytes);
		if (WEIR_RING_LIKELY(n != WEIR_E_AGAIN))
			return n;
		n = weir_ring_wait_items(consumer, &timeout_ns);
		if (n < 0)
			return n;
	}
}

WEIR_DECLS_END
#endif
