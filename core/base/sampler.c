/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/sampler.h"

#include "core/base/bits.h"

uint64_t wr_sampler_take(struct wr_sampler *s, uint64_t count, uint32_t round)
{
	uint64_t weight = count - s->last;

	if (round != s->round) {
		/* Of a round that was missed nothing follows. */
		uint64_t came = round == s->round + 1 ? count - s->begun : 0;
		s->every = wr_max_u64(came / WR_SAMPLES_A_ROUND, 1);
		s->begun = count;
		s->round = round;
		s->taken = 1;
	} else if (++s->taken == 2 * WR_SAMPLES_A_ROUND) {
		s->every *= 2;
		s->taken = WR_SAMPLES_A_ROUND;
	}
	s->last = count;
	s->next = count + s->every;
	return weight;
}
