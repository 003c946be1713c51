/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is inside: readers of something that one writer takes things out of, and when nobody has any
 * more of what was taken out.
 *
 * T3: a reader counts itself in before it looks anything up, and out when it has done with what it
 * found. The writer takes things out, then begins a round: it is over when each of the two counts
 * was found to be 0 since, by a read-modify-write. Whoever counted itself in at a side before that
 * look at it has counted itself out by then; whoever comes later finds the writer's value in the
 * count, or one behind it, and with it sees that things are out. Which side a reader takes changes
 * nothing of that.
 *
 * Two sides, by turns, so that a round ends though readers never cease: who comes goes to a side
 * that is not waited for, so of the other none comes but those who had looked before that was said.
 * Each reader delays one round, however many there are.
 *
 * Happy path: nobody is inside, and the round is over at the first look. A reader that never comes
 * out holds up all that is taken out from then on.
 * Threads: one writer; readers from any, also one within another.
 */
#ifndef WR_JOURNAL_INSIDE_H
#define WR_JOURNAL_INSIDE_H

#include <stdbool.h>

#include "core/base/atomic.h"

struct wr_inside {
	wr_atomic_u32 count[2]; /* readers, by the side that they took; T3 */
	wr_atomic_u32 side;     /* for who comes next; relaxed, a hint */
	uint32_t seen;          /* the writer's: bit s: count[s] was 0 since the round began */
};

/* A reader's; for its wr_inside_leave(). */
static inline uint32_t wr_inside_enter(struct wr_inside *i)
{
	uint32_t side = wr_load_relaxed(&i->side);

	(void)wr_add_acq_rel(&i->count[side], 1u); /* T3 */
	return side;
}

static inline void wr_inside_leave(struct wr_inside *i, uint32_t side)
{
	(void)wr_add_acq_rel(&i->count[side], UINT32_MAX); /* T3 */
}

/* The writer's: a round, for all that it has taken out before. */
static inline void wr_inside_round_begin(struct wr_inside *i)
{
	i->seen = 0;
}

/* Whether nobody has any of that any more; until then it is looked at again. */
static inline bool wr_inside_round_ends(struct wr_inside *i)
{
	for (uint32_t side = 0; side < 2; side++)
		if ((i->seen & 1u << side) == 0 &&
		    wr_add_acq_rel(&i->count[side], 0u) == 0) /* T3 */
			i->seen |= 1u << side;
	if (i->seen == 1u || i->seen == 2u)
		wr_store_relaxed(&i->side, i->seen - 1u); /* the one that is not waited for */
	return i->seen == 3u;
}

#endif
