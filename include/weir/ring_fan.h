/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Fans: a ring of its own for each producer, its branch, and one set of consumers behind all of
 * them. For many producers that need no order among each other: they never meet, so a push costs
 * what it costs with one producer, and consumers that share meet only when there are more of them
 * than of busy branches.
 *
 * What it gives up against weir/ring.h with WEIR_RING_MANY_PRODUCERS is one order of all items:
 *
 *                   order                          a producer that stops      capacity
 *   weir_ring       one, of all producers' items   holds back all behind it   of the ring
 *   weir_ring_fan   each producer's own            holds back nobody          of each branch
 *
 * A producer's handle is an ordinary one: everything under "pushing" of weir/ring.h works with it,
 * staging included, and says there what it does with one producer. Consumers have a type and calls
 * of their own, named alike, below. Options are those of a ring; `producers` must be
 * WEIR_RING_MANY_PRODUCERS, producers_max is how many branches there are, and `capacity` is that of
 * each branch. Memory is taken for all of them, used or not.
 *
 * Fairness: a consumer stays with a branch for up to 256 items, then looks at the next ones.
 * Consumers that share each go to a branch where no other is, as long as there is one with items.
 *
 * Waiting, closing, progress and errors are those of weir/ring.h; of a branch, what is said there
 * of one producer. A pop looks at every branch that was ever opened before it says WEIR_E_AGAIN.
 */
#ifndef WEIR_RING_FAN_H
#define WEIR_RING_FAN_H

#include <weir/ring.h>

WEIR_DECLS_BEGIN

struct weir_ring_fan;

/** One thread's way out of all branches. Its fields are weir's. */
struct weir_ring_fan_consumer {
	WEIR_RING_LINE_ALIGNED struct weir_ring_consumer *at; /* of the branch where it is */
	uint64_t budget; /* items that it takes there before it looks for another */
	struct weir_ring_fan *fan;
	uint32_t branch; /* where it is */
	uint32_t index;  /* of its handle, in each branch */
	weir_ring_u32 is_open;
};

/**
 * How much memory weir_ring_fan_init() wants.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param reterr_problem  which field is wrong, and why; or NULL
 * @return 0, or -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_fan_memory_bytes(const struct weir_ring_options *options,
							uint64_t *ret_bytes,
							struct weir_problem *reterr_problem);

/**
 * Makes a fan in memory of the caller, as weir_ring_init() makes a ring.
 *
 * Thread: any. Blocks: the first ring or pipeline of a process asks the kernel for membarrier.
 * Allocates: never. Owns: `memory` is borrowed for as long as the fan is used.
 * @param memory  a multiple of 128; its content does not matter and is overwritten
 * @return 0, or -EINVAL: an option (see the problem), `memory` not aligned or too small
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_fan_init(void *memory, uint64_t memory_bytes,
						const struct weir_ring_options *options,
						struct weir_ring_fan **ret_fan,
						struct weir_problem *reterr_problem);

/**
 * Makes a fan in memory of its own, all of it touched, in huge pages if the options say so.
 *
 * Thread: any. Blocks: in the kernel, to get the memory. Allocates: yes.
 * @return 0, -EINVAL as above, -ENOMEM (also: no huge pages, with REQUIRE)
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_fan_create(const struct weir_ring_options *options,
						  struct weir_ring_fan **ret_fan,
						  struct weir_problem *reterr_problem);

/**
 * Gives the memory of weir_ring_fan_create() back, handles included. NULL does nothing.
 *
 * Thread: any, once no other uses the fan any more.
 */
WEIR_API void weir_ring_fan_destroy(struct weir_ring_fan *fan);

/**
 * A branch to push into, until weir_ring_producer_close(). What was pushed stays and is consumed
 * when its producer has closed; whoever opens the branch next pushes behind it.
 *
 * Thread: any. Blocks: never; one system call to wake consumers when a branch is used for the first
 * time. Allocates: never. Owns: the handle is the fan's, lent.
 * @return 0, or WEIR_E_FULL: every branch is open
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_fan_producer_open(struct weir_ring_fan *fan,
							 struct weir_ring_producer **ret_producer);

/**
 * A handle to pop with from every branch, until weir_ring_fan_consumer_close().
 *
 * Thread: any. Blocks: never. Allocates: never. Owns: the handle is the fan's, lent.
 * @return 0, or WEIR_E_FULL: as many are open (EVERY: were opened) as there may be
 */
WEIR_API WEIR_MUST_CHECK int
weir_ring_fan_consumer_open(struct weir_ring_fan *fan,
			    struct weir_ring_fan_consumer **ret_consumer);

/**
 * Gives a handle back, as weir_ring_consumer_close() does. NULL does nothing.
 *
 * Thread: the handle's. Blocks: never.
 */
WEIR_API void weir_ring_fan_consumer_close(struct weir_ring_fan_consumer *consumer);

/**
 * Refuses pushes from now on, in every branch, and wakes everybody. Consumers get what was
 * accepted, then WEIR_E_CLOSED. A second call does nothing.
 *
 * Thread: any. Blocks: never (some microseconds in the kernel). Allocates: never.
 */
WEIR_API void weir_ring_fan_close(struct weir_ring_fan *fan);

/**
 * Waits until a pop has a chance: there is an item in some branch, or the end.
 *
 * Thread: the consumer's. Blocks: up to *left_ns (WEIR_FOREVER: no limit), as options.wait says.
 * @param left_ns  what is left of it on return, unless it is WEIR_FOREVER
 * @return 0 (an item, or the end: pop says which), -ETIMEDOUT
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_fan_wait_items(struct weir_ring_fan_consumer *consumer,
						      uint64_t *left_ns);

/**
 * Inside: what a pop calls that got `code` from the branch where it is, or used up its budget there
 * (code 0). Goes to a branch with items, one where no other consumer is if it can.
 *
 * Thread: the consumer's. Blocks: never.
 * @return 0: look again, at consumer->at; WEIR_E_AGAIN, WEIR_E_CLOSED, or `code` if it is another
 */
WEIR_API WEIR_MUST_CHECK int weir_ring_fan_turn(struct weir_ring_fan_consumer *consumer, int code);

/* ---- popping: all of these are the consumer's thread's ---- */

/* `taken` items came of the branch. */
WEIR_RING_INLINE void weir_ring_fan_spend(struct weir_ring_fan_consumer *consumer, uint64_t taken)
{
	consumer->budget = consumer->budget > taken ? consumer->budget - taken : 0;
}

/** Pops one item, copied to `item`. 0, WEIR_E_AGAIN, WEIR_E_CLOSED (empty for good), -EINVAL. */
WEIR_RING_INLINE int weir_ring_fan_pop(struct weir_ring_fan_consumer *consumer, void *item,
				       size_t item_bytes)
{
	int code = 0;
	if (WEIR_RING_UNLIKELY(consumer->budget == 0))
		code = weir_ring_fan_turn(consumer, 0);
	while (WEIR_RING_LIKELY(code == 0)) {
		code = weir_ring_pop(consumer->at, item, item_bytes);
		if (WEIR_RING_LIKELY(code == 0)) {
			consumer->budget--;
			return 0;
		}
		code = weir_ring_fan_turn(consumer, code);
	}
	return code;
}

/** Pops up to `count` items (at most 2^30) of one branch, copied. How many, from 1 on (fewer where
 *  the items, or the branch, end); WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL. */
WEIR_RING_INLINE int weir_ring_fan_pop_many(struct weir_ring_fan_consumer *consumer, void *items,
					    uint32_t count, size_t item_bytes)
{
	int n = 0;
	if (WEIR_RING_UNLIKELY(consumer->budget == 0))
		n = weir_ring_fan_turn(consumer, 0);
	while (WEIR_RING_LIKELY(n == 0 && count > 0)) {
		n = weir_ring_pop_many(consumer->at, items, count, item_bytes);
		if (WEIR_RING_LIKELY(n > 0))
			weir_ring_fan_spend(consumer, (uint64_t)n);
		else
			n = weir_ring_fan_turn(consumer, n);
	}
	return n;
}

/**
 * Lends up to `count` items of one branch where they lie, side by side (fewer at the branch's end),
 * until weir_ring_fan_release(). One at a time, and no pop in between. How many, from 1 on, and
 * *ret_items; WEIR_E_AGAIN, WEIR_E_CLOSED, -EINVAL.
 */
WEIR_RING_INLINE int weir_ring_fan_take(struct weir_ring_fan_consumer *consumer, uint32_t count,
					size_t item_bytes, const void **ret_items)
{
	int n = 0;
	*ret_items = NULL;
	if (WEIR_RING_UNLIKELY(consumer->budget == 0))
		n = weir_ring_fan_turn(consumer, 0);
	while (WEIR_RING_LIKELY(n == 0 && count > 0)) {
		n = weir_ring_take(consumer->at, count, item_bytes, ret_items);
		if (WEIR_RING_LIKELY(n > 0))
			weir_ring_fan_spend(consumer, (uint64_t)n);
		else
			n = weir_ring_fan_turn(consumer, n);
	}
	return n;
}

/** Gives what was taken back; does nothing when nothing is. */
WEIR_RING_INLINE void weir_ring_fan_release(struct weir_ring_fan_consumer *consumer)
{
	weir_ring_release(consumer->at);
}

/** Hands over all that is there, in place, run by run, until the branches are empty or `most` items
 *  were seen. How many, from 0 on; WEIR_E_CLOSED when there are none and there will be none;
 *  -EINVAL. */
WEIR_RING_INLINE int64_t weir_ring_fan_drain(struct weir_ring_fan_consumer *consumer, uint64_t most,
					     size_t item_bytes, weir_ring_visit_fn visit,
					     void *context)
{
	uint64_t seen = 0;
	while (seen < most) {
		const void *items;
		uint64_t want = most - seen < 256 ? most - seen : 256;
		int n = weir_ring_fan_take(consumer, (uint32_t)want, item_bytes, &items);
		if (n < 0 && (seen > 0 || n == WEIR_E_AGAIN))
			break;
		if (n < 0)
			return n;
		visit(context, items, (uint32_t)n);
		weir_ring_fan_release(consumer);
		seen += (uint64_t)n;
	}
	return (int64_t)seen;
}

/** weir_ring_fan_pop() that waits for an item. Blocks: up to timeout_ns. Also -ETIMEDOUT. */
WEIR_RING_INLINE int weir_ring_fan_pop_wait(struct weir_ring_fan_consumer *consumer, void *item,
					    size_t item_bytes, uint64_t timeout_ns)
{
	for (;;) {
		int code = weir_ring_fan_pop(consumer, item, item_bytes);
		if (WEIR_RING_LIKELY(code != WEIR_E_AGAIN))
			return code;
		code = weir_ring_fan_wait_items(consumer, &timeout_ns);
		if (code < 0)
			return code;
	}
}

/** weir_ring_fan_pop_many() that waits for an item. Blocks: up to timeout_ns. Also -ETIMEDOUT. */
WEIR_RING_INLINE int weir_ring_fan_pop_many_wait(struct weir_ring_fan_consumer *consumer,
						 void *items, uint32_t count, size_t item_bytes,
						 uint64_t timeout_ns)
{
	for (;;) {
		int n = weir_ring_fan_pop_many(consumer, items, count, item_bytes);
		if (WEIR_RING_LIKELY(n != WEIR_E_AGAIN))
			return n;
		n = weir_ring_fan_wait_items(consumer, &timeout_ns);
		if (n < 0)
			return n;
	}
}

WEIR_DECLS_END
#endif
