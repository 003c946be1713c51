/* SPDX-License-Identifier: Apache-2.0 */
#include "core/port/park.h"

enum wr_park_mode wr_park_mode = WR_PARK_SEQ_CST;

uint32_t wr_park_announce(struct wr_parker *parker)
{
	/*
	 * The word is read first: a wake after this changes it, and sleep() returns at once.
	 * PK4: pairs with the add in wr_park_wake (only a change matters, no data hangs on it).
	 */
	uint32_t word = wr_load_acquire(&parker->word);
	/* PK2: seq_cst RMW on the flag: F of the proof in park.h. */
	uint32_t before = wr_add_seq(&parker->sleepers, 1u);
	if (wr_park_is_asymmetric(parker) && (before & WR_PARK_FENCED) == 0) {
		parker->ops->barrier();
		/* PK3: our own count keeps the flag from 0 until this is set. */
		wr_or_seq(&parker->sleepers, WR_PARK_FENCED);
	}
	return word;
}

void wr_park_cancel(struct wr_parker *parker)
{
	uint32_t left = wr_sub_seq(&parker->sleepers, 1u) - 1u; /* PK2 */
	/* PK3: the last takes the fence with it, unless somebody came who relies on it. */
	if (left == WR_PARK_FENCED)
		(void)wr_cas_acq_rel(&parker->sleepers, &left, 0u);
}

void wr_park_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	parker->ops->sleep(parker, word, timeout_ns);
	wr_park_cancel(parker);
}

void wr_park_wake(struct wr_parker *parker)
{
	wr_add_acq_rel(&parker->word, 1u); /* PK4 */
	parker->ops->wake(parker);
}
