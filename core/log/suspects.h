/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Poison that kills its process, and innocents that died with it (L33). What a shared subscription
 * has outstanding when the process dies is suspect, and nothing of it is counted: the one that did
 * it may be any. A second death without progress among the suspects, or a third with some, and they
 * are handed out one at a time, each behind a durable record that says which: one more counts as an
 * attempt of that. (Progress forgives one death, and not each: what kills a moment after it was
 * handed out lets others be settled in every life, and they may be thousands.)
 *
 *   CRASHED      what is outstanding is suspect, unless older suspects are left: then those are,
 *                and it is one more crash; the first again where one of them was settled or failed
 *                in between, once. From the second on it stays with one at a time until none is
 *                left. What is in hand has failed; where nothing is, it was none of them (some may
 *                stay for long: parked, delayed), and all that is outstanding is suspect.
 *   IN_HAND      so it is with this one, until it is settled or rejected,
 *   OUT_OF_HAND  or given back.
 *
 * Part of the writer's tables (outstanding.h): a function of the records alone.
 */
#ifndef WR_LOG_SUSPECTS_H
#define WR_LOG_SUSPECTS_H

#include "core/log/outstanding.h"

/* As it is behind a crash: those below `end` are suspect; `alone`: one at a time. */
struct wr_suspects {
	uint64_t end;
	uint32_t crashes;
	bool forgiven; /* one that had progress was not counted */
	bool alone;
};

/* As it would be if the next record of the subscription were CRASHED, or (`crashed` false) is. */
struct wr_suspects wr_suspects_after(const struct wr_outstanding *o, uint32_t id, bool crashed);

/* A record of verdict IN_HAND, OUT_OF_HAND or CRASHED. 0, or WEIR_E_FENCED. */
int wr_suspects_decide(struct wr_outstanding *o, uint32_t id, const struct wr_reject *reject,
		       uint32_t *ret_generation);
static inline bool wr_suspects_is_verdict(uint32_t verdict)
{
	return verdict >= WR_VERDICT_IN_HAND;
}

/* One is settled, or has failed (`progress`), or was given back. */
static inline void wr_suspects_moved(struct wr_outstanding_list *list, uint64_t seq, bool progress)
{
	if (seq < list->suspects_end && progress)
		list->progress = 1;
	if (seq == list->in_hand)
		list->in_hand = 0;
}

#endif
