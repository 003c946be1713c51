/* SPDX-License-Identifier: Apache-2.0 */
#include "core/port/sleepers.h"

void wr_sleepers_init(struct wr_sleepers *s, const struct wr_park_ops *ops, void *context)
{
	wr_store_relaxed(&s->asleep, 0u);
	for (uint32_t i = 0; i < WR_SLEEPER_PLACES; i++) {
		wr_parker_init_symmetric(&s->places[i].parker, ops, context);
		wr_store_relaxed(&s->places[i].wanted, 0u);
	}
}

void wr_sleepers_add(struct wr_sleepers *s, uint32_t place, uint64_t wanted)
{
	(void)wr_or_seq(&s->places[place].wanted, wanted); /* PK6 */
	(void)wr_or_seq(&s->asleep, 1ull << place);        /* PK5 */
}

uint64_t wr_sleepers_notify(struct wr_sleepers *s, uint64_t asleep, uint64_t came)
{
	uint64_t told = 0;
	for (; asleep != 0; asleep &= asleep - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(asleep);
		struct wr_sleeper_place *place = &s->places[i];
		uint64_t wanted = wr_load_relaxed(&place->wanted); /* PK6: came with the bit */
		if ((wanted & came) == 0 && wanted != WR_WANTS_ALL)
			continue;
		(void)wr_and_seq(&s->asleep, ~(1ull << i));    /* PK5 */
		(void)wr_exchange_acq_rel(&place->wanted, 0u); /* PK6: behind the bit */
		wr_park_notify(&place->parker);
		told |= 1ull << i;
	}
	return told;
}
