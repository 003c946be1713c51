/* SPDX-License-Identifier: Apache-2.0 */
#include "core/port/park.h"

enum wr_park_mode wr_park_mode = WR_PARK_SEQ_CST;

uint32_t wr_park_announce(struct wr_parker *parker)
{
	/*
	 * The word is read first: a wake after this changes it, and sleep() returns at once.
	 * Acquire: pairs with the add in wr_park_wake (only a change matters, no data hangs on it).
	 */
	uint32_t word = wr_load_acquire(&parker->word);
	/* seq_cst RMW on the flag: F of the proof in park.h. */
	wr_add_seq(&parker->sleepers, 1u);
	if (wr_park_mode == WR_PARK_MEMBARRIER)
		parker->ops->barrier();
	return word;
}

void wr_park_cancel(struct wr_parker *parker)
{
	wr_sub_seq(&parker->sleepers, 1u);
}

void wr_park_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	parker->ops->sleep(parker, word, timeout_ns);
	wr_park_cancel(parker);
}

void wr_park_wake(struct wr_parker *parker)
{
	wr_add_acq_rel(&parker->word, 1u);
	parker->ops->wake(parker);
}
