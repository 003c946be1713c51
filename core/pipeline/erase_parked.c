/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parked events whose key was erased: they are given up, or what is published under the key from
 * now on would wait behind them for ever. Looked for once after each erasure, some in a step. Their
 * dead letters are erased events like any other.
 * Thread: the group step's.
 */
#include "core/pipeline/erase.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/sharing.h"
#include "core/record/recipients.h"

#define EVENTS_A_STEP 256u

/* 1: it was; 0: it was not, or cannot be read; -1: not known now. */
static int look_at(struct weir_pipeline *p, const struct wr_share_event *e)
{
	struct wr_portion portion;
	uint64_t place = wr_share_place(e);
	if (!wr_portion_find(p, wr_group_pin(p), place, place, &portion))
		return portion.unreadable ? 0 : -1;
	const struct wr_record *r = wr_portion_record(p, portion.chunk, place);
	bool is_erased = wr_record_has_event(r) && wr_is_erased(p, r, e->seq);
	wr_chunks_unpin(wr_group_pin(p));
	return is_erased ? 1 : 0;
}

static bool give_up(struct wr_subscription_live *live, uint64_t seq)
{
	const struct wr_reject reject = {.seq = seq, .verdict = WR_VERDICT_GIVEN_UP};
	return wr_group_reject(live, &reject, NULL);
}

int wr_sharing_end_erased(struct wr_sharing *sharing)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	struct wr_share *share = &sharing->share;
	uint64_t end = wr_erased_end(p);
	int work = 0;
	if (end == sharing->erased_seen)
		return 0;
	uint32_t at = share->in_state[WR_SHARE_PARKED] > 0 ? sharing->erased_at
							   : share->options.events_max;
	for (uint32_t i = 0; i < EVENTS_A_STEP && at < share->options.events_max; i++, at++) {
		const struct wr_share_event *e = &share->events[at];
		if (e->state != WR_SHARE_PARKED || e->seq >= end)
			continue;
		int found = look_at(p, e);
		if (found < 0 || (found > 0 && !give_up(sharing->live, e->seq)))
			break; /* again with the next step */
		work += found;
	}
	sharing->erased_at = at;
	if (at == share->options.events_max) {
		sharing->erased_at = 0;
		sharing->erased_seen = end;
	}
	return work;
}
