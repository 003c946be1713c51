/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspects of an open after the process had died, which are handed out one at a time
 * (core/log/suspects.h).
 */
#include <errno.h>

#include "core/log/suspects.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/sharing.h"

/* ---- at open ---- */

void wr_sharing_suspect(struct wr_sharing *sharing)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	struct wr_outstanding *o = &p->tables.outstanding;
	const struct wr_outstanding_list *list = &o->lists[sharing->live->id];
	bool died = p->journal != NULL && !p->recovery.clean;
	struct wr_suspects after = wr_suspects_after(o, sharing->live->id, died);
	sharing->share.isolates = after.alone;
	sharing->share.suspects_end = after.end;
	sharing->in_hand = list->in_hand;
	if (list->in_hand != 0) {
		const struct wr_outstanding_entry *e =
			wr_outstanding_find(o, sharing->live->id, list->in_hand);
		sharing->in_hand_generation = e != NULL ? e->generation : 0;
	}
	if ((died && list->first != WR_NO_ENTRY) || list->in_hand != 0)
		sharing->live->failures.reopening.state = WR_REOPEN_WANTED;
}

void wr_sharing_reopened(struct wr_sharing *sharing, const struct wr_reply *reply)
{
	/* After a clean close it did no harm. */
	bool failed = sharing->in_hand != 0 && !sharing->live->pipeline->recovery.clean;
	if (reply->code != 0 || !failed)
		return;
	struct wr_share_rejection rejection = {
		.seq = sharing->in_hand,
		.generation = sharing->in_hand_generation,
		.record_seq = reply->sequence,
		.failed_us = sharing->live->failures.reopening.said_us,
		.counts = true,
	};
	wr_share_rejected(&sharing->share, &rejection);
}

/* ---- one at a time ---- */

int wr_sharing_in_hand(void *context, const struct wr_share_event *event)
{
	struct wr_sharing *sharing = context;
	struct wr_reject record = {.verdict = WR_VERDICT_OUT_OF_HAND};
	if (event != NULL)
		record = (struct wr_reject){.verdict = WR_VERDICT_IN_HAND,
					    .seq = event->seq,
					    .generation = event->generation};
	struct wr_raise raise = {
		.kind = WR_RAISE_IN_HAND, .subscription = sharing->live->id, .seq = record.seq};
	return wr_group_reject(sharing->live, &record, event != NULL ? &raise : NULL) ? 0 : -EAGAIN;
}
