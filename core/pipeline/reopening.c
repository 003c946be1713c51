/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/reopening.h"

#include "core/pipeline/group_step.h"
#include "core/record/share.h"

static bool say(struct wr_subscription_live *live)
{
	struct weir_pipeline *p = live->pipeline;
	live->failures.reopening.said_us = wr_writer_append_now_us(&p->writer);
	const struct wr_reject record = {
		.verdict = p->recovery.clean ? WR_VERDICT_OUT_OF_HAND : WR_VERDICT_CRASHED,
		.failed_us = live->failures.reopening.said_us,
	};
	return wr_group_reject(
		live, &record,
		&(struct wr_raise){.kind = WR_RAISE_CRASHED, .subscription = live->id});
}

bool wr_reopening_step(struct wr_subscription_live *live, int *ret_work)
{
	struct wr_reopening *r = &live->failures.reopening;
	enum wr_reopening_state before = r->state;
	if (r->state == WR_REOPEN_WANTED) {
		if (say(live))
			r->state = WR_REOPEN_ASKED;
	} else if (r->state == WR_REOPEN_WAITS) {
		struct wr_journal_link *link = &live->pipeline->link;
		if (r->record_seq <= wr_park_look_u64(&link->durable_seq)) /* D1 */
			r->state = WR_REOPENED;
	}
	*ret_work = r->state != before ? 1 : 0;
	return r->state != WR_REOPENED;
}

void wr_reopening_answered(struct wr_subscription_live *live, const struct wr_reply *reply)
{
	struct wr_reopening *r = &live->failures.reopening;
	r->state = reply->code == 0 ? WR_REOPEN_WAITS : WR_REOPEN_WANTED;
	r->record_seq = reply->sequence;
}
