/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many things are timed: one in so many, so that a clock need not be read for each. In
 * each round of metrics (100 ms) of a thing that is counted some 64 are taken, the first of the
 * round among them; `every` follows from how many came in the round before, and doubles where more
 * come than that let expect. So what is rare is timed each time, and what is frequent costs a
 * comparison.
 *
 * A sample stands for all since the one before it: its weight. Histograms count weights, so a busy
 * moment is worth as much in them as its events, however few of those were looked at.
 *
 * Thread: one; the round's number is another one's, relaxed: which of them is seen does not matter.
 */
#ifndef WR_BASE_SAMPLER_H
#define WR_BASE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#define WR_SAMPLES_A_ROUND 64u

struct wr_sampler {
	uint64_t next; /* count at which the next one is due */
	uint64_t last; /* count at the last one */
	uint64_t every;
	uint64_t begun; /* count when the round was first seen */
	uint32_t round;
	uint32_t taken; /* in this round */
};

/* None is due before the first round, which is 1: where nobody counts, there is none. */
static inline void wr_sampler_init(struct wr_sampler *s)
{
	*s = (struct wr_sampler){.next = UINT64_MAX, .every = 1};
}

static inline bool wr_sampler_is_due(const struct wr_sampler *s, uint64_t count, uint32_t round)
{
	return count >= s->next || round != s->round;
}

/* For who asks once for many: makes the first one of the round due, and it need only be counted. */
static inline void wr_sampler_see(struct wr_sampler *s, uint64_t count, uint32_t round)
{
	if (round != s->round)
		s->next = count;
}

/* Takes the one at `count`, from 1: its weight. */
uint64_t wr_sampler_take(struct wr_sampler *s, uint64_t count, uint32_t round);

/* It could not be told of: the next one stands for it, too. */
static inline void wr_sampler_untake(struct wr_sampler *s, uint64_t weight)
{
	s->last -= weight;
}

#endif
