/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping and waking (L41). A parker is the place where threads sleep for one condition, for
 * instance "this lane has bytes" or "the durable sequence moved".
 *
 * The side that makes the condition true pays nothing for a sleeper that is not there: it
 * publishes, then looks at one flag. Both sides must not miss each other (store-buffering), so one
 * of two process-wide modes is chosen before the first lane exists:
 *
 *   WR_PARK_MEMBARRIER   publisher: release store, compiler barrier, relaxed load of the flag.
 *                        sleeper: stores the flag, membarrier() (a full fence in every thread of
 *                        the process), looks at the condition again.
 *   WR_PARK_SEQ_CST      seq_cst store and seq_cst load on both sides. Where membarrier is
 *                        refused, and under ThreadSanitizer.
 *
 * What weir's own threads publish, once a round and not once an event, is published seq_cst in
 * either mode (wr_publish_round_u64). A parker for such conditions alone is symmetric: in either
 * mode both sides do as in SEQ_CST, and its sleepers interrupt nobody. So those who wait for an
 * acknowledgement or for events, often and shortly, have no barrier; the thread that waits for
 * lanes, which every event is published into, has one.
 *
 * Proof, in either mode: let P be the publisher's store, F the sleeper's flag, p and f the loads.
 * "Nobody wakes" needs f to miss F and p to miss P. In mode SEQ_CST the four are in one total
 * order S in which P < f and F < p; f missing F gives f < F in S, so P < f < F < p, and p sees P.
 * In mode MEMBARRIER the barrier is a full fence at some point of the publisher's program order:
 * if before P's load f, then F (before the barrier) is seen by f; otherwise P is before it, and p
 * (after the barrier) sees P. tests/stress/park.c and tests/explorer/scenario_park.c run both.
 *
 * A barrier interrupts every CPU of the process, so sleepers share it: who finds the flag set, and
 * fenced by a sleeper before (WR_PARK_FENCED), needs none of its own. The flag has then not been 0
 * since that barrier: a publisher whose f comes after it sees the flag; one whose f came before it
 * has its P before it too, and p, which follows, sees P.
 *
 * Use, sleeper:                            Use, publisher:
 *     word = wr_park_announce(&parker);        wr_publish_u64(&tail, value);
 *     if (condition())                         wr_park_notify(&parker);
 *         wr_park_cancel(&parker);
 *     else
 *         wr_park_sleep(&parker, word, ns);
 *
 * Spurious returns are allowed; callers loop.
 */
#ifndef WR_PORT_PARK_H
#define WR_PORT_PARK_H

#include "core/base/atomic.h"
#include "core/base/bits.h"

enum wr_park_mode { WR_PARK_SEQ_CST = 0, WR_PARK_MEMBARRIER = 1 };

/* Set once, before the first lane exists, by io/thread (or by a test); read by every publisher. */
extern enum wr_park_mode wr_park_mode;

struct wr_parker;

/* How a thread of this parker sleeps: a futex, a storage poll, or (simulation) not at all. */
struct wr_park_ops {
	/* A full fence in every thread of the process; nothing in mode SEQ_CST. */
	void (*barrier)(void);
	/* Sleeps while parker->word == word, up to timeout_ns. Returns for any reason. */
	void (*sleep)(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns);
	/* Wakes every thread that sleeps here. Called after word was changed. */
	void (*wake)(struct wr_parker *parker);
};

#define WR_PARK_FENCED 0x80000000u

struct wr_parker {
	/* Threads announced, and WR_PARK_FENCED; publishers look whether it is 0. */
	WR_LINE_ALIGNED wr_atomic_u32 sleepers;
	wr_atomic_u32 word; /* changes at each wake: the futex */
	bool symmetric;     /* constant: nothing that is waited for here is published by mode */
	const struct wr_park_ops *ops;
	void *context; /* of ops */
};

static inline void wr_parker_init(struct wr_parker *parker, const struct wr_park_ops *ops,
				  void *context)
{
	wr_store_relaxed(&parker->sleepers, 0u);
	wr_store_relaxed(&parker->word, 0u);
	parker->symmetric = false;
	parker->ops = ops;
	parker->context = context;
}

/* For conditions that are published by wr_publish_round_*, or seq_cst, and by nothing else. */
static inline void wr_parker_init_symmetric(struct wr_parker *parker, const struct wr_park_ops *ops,
					    void *context)
{
	wr_parker_init(parker, ops, context);
	parker->symmetric = true;
}

/*
 * PK1: a publisher's store that sleepers of a parker that is not symmetric may wait for. Pairs with
 * its reader's acquire load.
 */
static inline void wr_publish_u64(wr_atomic_u64 *place, uint64_t value)
{
	if (WR_LIKELY(wr_park_mode == WR_PARK_MEMBARRIER))
		wr_store_release(place, value); /* PK1 */
	else
		wr_store_seq(place, value); /* PK1 */
}

/* PK1: one that sleepers of any parker may wait for: not on an event's way. */
static inline void wr_publish_round_u64(wr_atomic_u64 *place, uint64_t value)
{
	wr_store_seq(place, value); /* PK1 */
}

static inline void wr_publish_round_u32(wr_atomic_u32 *place, uint32_t value)
{
	wr_store_seq(place, value); /* PK1 */
}

/* PK1: the sleeper's look at what wr_publish_* stores, between announce and sleep. */
static inline uint64_t wr_park_look_u64(wr_atomic_u64 *place)
{
	return wr_load_seq(place); /* PK1; on x86-64 and ARM64 it costs what an acquire does */
}

/* Whether a sleeper has to interrupt the others, and a publisher needs no order of its own. */
static inline bool wr_park_is_asymmetric(const struct wr_parker *parker)
{
	return wr_park_mode == WR_PARK_MEMBARRIER && !parker->symmetric;
}

/* PK2: after publishing. Costs one load of a line that rarely changes when nobody sleeps. */
static inline bool wr_park_has_sleeper(struct wr_parker *parker)
{
	if (WR_LIKELY(wr_park_is_asymmetric(parker))) {
		wr_compiler_barrier();
		return wr_load_relaxed(&parker->sleepers) != 0;
	}
	return wr_load_seq(&parker->sleepers) != 0; /* PK2 */
}

void wr_park_wake(struct wr_parker *parker);

static inline void wr_park_notify(struct wr_parker *parker)
{
	if (WR_UNLIKELY(wr_park_has_sleeper(parker)))
		wr_park_wake(parker);
}

/* Announces, and returns the word to sleep on. Look at the condition after this. */
uint32_t wr_park_announce(struct wr_parker *parker);
void wr_park_cancel(struct wr_parker *parker);
void wr_park_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns);

/*
 * A sleep without an announcement, and so without a barrier: wr_park_notify() passes by who naps.
 * The time ends it, wr_park_wake(), and what the parker sleeps in. For who would do nothing with
 * what is published, until one of these.
 */
static inline void wr_park_nap(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	parker->ops->sleep(parker, word, timeout_ns);
}

#endif
