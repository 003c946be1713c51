/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a queue that wait for something though their key was erased. Parked ones are given up,
 * or what is published under the key from now on would wait behind them for ever. Delayed ones are
 * due at once, for a poll to pass over, or they would keep their bytes for as long as they were to
 * wait. Looked for once after each erasure, and after each delay that one from below it is given,
 * some in a step. Dead letters are erased events like any other.
 * Thread: the group step's.
 */
#include "core/pipeline/erase.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/sharing.h"
#include "core/record/recipients.h"

#define EVENTS_A_STEP 256u
/* Some are left, or could not be looked at now. */
#define LOOK_AGAIN_NS 1000000u

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

static bool is_to_look(struct wr_sharing *sharing)
{
	return sharing->erased_at != 0 || sharing->erased_again ||
	       wr_erased_end(sharing->live->pipeline) != sharing->erased_seen;
}

static void begin(struct wr_sharing *sharing)
{
	struct wr_share *share = &sharing->share;
	uint64_t end = wr_erased_end(sharing->live->pipeline);
	if (end != sharing->erased_seen)
		for (uint32_t i = 0; i < share->options.events_max; i++)
			share->events[i].not_erased = false;
	sharing->erased_end = end;
	sharing->erased_again = false;
}

/* False: again with the next step. */
static bool end_one(struct wr_sharing *sharing, struct wr_share_event *e, int *work)
{
	bool is_parked = e->state == WR_SHARE_PARKED;
	if (e->state == WR_SHARE_FREE || e->not_erased || e->seq >= sharing->erased_end ||
	    (!is_parked && !wr_share_is_delayed(&sharing->share, e)))
		return true;
	int found = look_at(sharing->live->pipeline, e);
	if (found < 0 || (found > 0 && is_parked && !give_up(sharing->live, e->seq)))
		return false;
	e->not_erased = found == 0;
	if (found > 0 && !is_parked)
		wr_share_hasten(&sharing->share, e);
	*work += found;
	return true;
}

int wr_sharing_end_erased(struct wr_sharing *sharing)
{
	struct wr_share *share = &sharing->share;
	int work = 0;
	if (!is_to_look(sharing))
		return 0;
	if (sharing->erased_at == 0)
		begin(sharing);
	uint32_t at = sharing->erased_at;
	for (uint32_t i = 0; i < EVENTS_A_STEP && at < share->options.events_max; i++, at++)
		if (!end_one(sharing, &share->events[at], &work))
			break;
	sharing->erased_at = at;
	if (at == share->options.events_max) {
		sharing->erased_at = 0;
		sharing->erased_seen = sharing->erased_end;
	}
	return work;
}

void wr_sharing_delayed_anew(struct wr_sharing *sharing, uint64_t seq)
{
	if (seq < wr_erased_end(sharing->live->pipeline))
		sharing->erased_again = true;
}

uint64_t wr_sharing_end_erased_due_ns(struct wr_sharing *sharing)
{
	return is_to_look(sharing) ? sharing->share.now_ns + LOOK_AGAIN_NS : UINT64_MAX;
}
