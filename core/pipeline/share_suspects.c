/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open after the process had died, and suspects that are handed out one at a time
 * (core/log/suspects.h). That it died is durable before anything is handed out again: or who dies
 * each time at once would die for the first time, each time.
 */
#include <errno.h>

#include "core/log/suspects.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/sharing.h"

/* `kind` GENERATION: no answer is wanted. False: no room in the lane now. */
static bool write(struct wr_sharing *sharing, const struct wr_reject *record,
		  enum wr_raise_kind kind)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof *record));
	uint8_t *to = wr_lane_claim(lane, bytes);
	if (to == NULL)
		return false;
	wr_control_write(to, WR_KIND_REJECT, sharing->live->id, 0, NULL, 0, record, sizeof *record);
	if (kind != WR_RAISE_GENERATION)
		((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	uint64_t ticket = wr_lane_append(lane, bytes);
	if (kind != WR_RAISE_GENERATION)
		wr_group_remember(p, ticket,
				  &(struct wr_raise){.kind = kind,
						     .subscription = sharing->live->id,
						     .seq = record->seq});
	wr_lane_publish(lane);
	return true;
}

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
		sharing->reopening = WR_REOPEN_WANTED;
}

/* Clean: what was in hand did no harm. */
static void ask(struct wr_sharing *sharing)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	bool died = !p->recovery.clean;
	sharing->reopened_us = wr_writer_append_now_us(&p->writer);
	struct wr_reject record = {
		.verdict = died ? WR_VERDICT_CRASHED : WR_VERDICT_OUT_OF_HAND,
		.failed_us = sharing->reopened_us,
	};
	if (write(sharing, &record, WR_RAISE_CRASHED))
		sharing->reopening = WR_REOPEN_ASKED;
	if (!died)
		sharing->in_hand = 0;
}

bool wr_sharing_reopens(struct wr_sharing *sharing, uint64_t durable_seq, int *ret_work)
{
	*ret_work = 0;
	if (sharing->reopening == WR_REOPEN_WANTED) {
		ask(sharing);
		*ret_work = sharing->reopening == WR_REOPEN_ASKED;
	} else if (sharing->reopening == WR_REOPEN_WAITS && sharing->reopened_seq <= durable_seq) {
		sharing->reopening = WR_REOPENED;
		*ret_work = 1;
	}
	return sharing->reopening != WR_REOPENED;
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
	enum wr_raise_kind kind = event != NULL ? WR_RAISE_IN_HAND : WR_RAISE_GENERATION;
	return write(sharing, &record, kind) ? 0 : -EAGAIN;
}

void wr_sharing_suspects_answered(struct wr_sharing *sharing, const struct wr_raise *raise,
				  const struct wr_reply *reply)
{
	bool done = reply->code == 0;
	if (raise->kind == WR_RAISE_IN_HAND) {
		wr_share_in_hand(&sharing->share, raise->seq, done, reply->sequence);
		return;
	}
	sharing->reopening = done ? WR_REOPEN_WAITS : WR_REOPEN_WANTED;
	sharing->reopened_seq = reply->sequence;
	if (!done || sharing->in_hand == 0)
		return;
	struct wr_share_rejection failed = {
		.seq = sharing->in_hand,
		.generation = sharing->in_hand_generation,
		.record_seq = reply->sequence,
		.failed_us = sharing->reopened_us,
		.counts = true,
	};
	wr_share_rejected(&sharing->share, &failed);
}
