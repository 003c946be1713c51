/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleepers at one gate who are told apart by what they wait for. A sleeper has a place, with a
 * parker (park.h) and a set of 64 bits: what it wants. Who moves the gate knows the bits of what
 * came with that, and wakes the places that want any of them; of the others it looks at one word,
 * and at what they want.
 *
 * Use, sleeper:                                     Use, publisher:
 *     word = wr_park_announce(&place->parker);          wr_publish_round_u64(&gate, value);
 *     wr_sleepers_add(&sleepers, place, wanted);        asleep = wr_sleepers_at(&sleepers);
 *     if (condition() || it wants more by now)          if (asleep != 0)
 *         wr_park_cancel(&place->parker);                   wr_sleepers_notify(&sleepers,
 *     else                                                                     asleep, came);
 *         wr_park_sleep(&place->parker, word, ns);
 *
 * Several may share a place, and wake one another. What a place wants, and its bit, is taken away
 * by who wakes it, and added by each sleeper anew; nobody takes it away on leaving, which costs a
 * look in vain. A place's parker may be notified, as any, of what has no bits: messages, the end.
 *
 *   PK5  asleep (sleeper, seq_cst) pairs with the publisher's look at it: the flag F of the proof
 *        in park.h, of a symmetric parker. Either the publisher sees the bit, or the sleeper, which
 *        looks at the gate after it, sees what was published.
 *   PK6  wanted is added to before the bit of PK5 is: who sees the bit sees what is wanted, or that
 *        another one took it. Who takes it wakes the place after that, and the sleeper has read the
 *        parker's word before it added: PK4. Its announcement is seen by who took what it wants, so
 *        that a place that nobody sleeps at costs no call of the kernel.
 *
 * tests/explorer/scenario_sleepers.c runs it in all executions.
 */
#ifndef WR_PORT_SLEEPERS_H
#define WR_PORT_SLEEPERS_H

#include "core/port/park.h"

#define WR_SLEEPER_PLACES 64u
#define WR_WANTS_ALL UINT64_MAX /* and is woken whenever the gate's owner looks, too */

struct wr_sleeper_place {
	struct wr_parker parker;
	wr_atomic_u64 wanted; /* PK6 */
};

struct wr_sleepers {
	WR_LINE_ALIGNED wr_atomic_u64 asleep; /* PK5: a bit for each place */
	struct wr_sleeper_place places[WR_SLEEPER_PLACES];
};

void wr_sleepers_init(struct wr_sleepers *s, const struct wr_park_ops *ops, void *context);

/* Between the announcement at the place's parker and the last look. */
void wr_sleepers_add(struct wr_sleepers *s, uint32_t place, uint64_t wanted);

/* After publishing: the places that may have to be told. */
static inline uint64_t wr_sleepers_at(struct wr_sleepers *s)
{
	return wr_load_seq(&s->asleep); /* PK5 */
}

/* Of these wakes who wants any of what came, and who wants all. Their places. */
uint64_t wr_sleepers_notify(struct wr_sleepers *s, uint64_t asleep, uint64_t came);

#endif
