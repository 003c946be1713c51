/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/reason.h"

#include <errno.h>
#include <string.h>

#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"

_Static_assert(WR_CARRIED_TEXT_BYTES_MAX == WR_REASON_TEXT_BYTES_MAX, "a copy has all of it");

static void put_text(struct wr_reason *reason, const void *text, uint32_t bytes)
{
	memcpy(reason->text, text, bytes);
	reason->text_bytes = (uint16_t)bytes;
}

int wr_reason_read(struct weir_pipeline *p, const struct wr_share_event *event,
		   struct wr_reason *ret)
{
	struct wr_portion portion;
	struct wr_record_view view;
	struct wr_reject reject;
	const char *said;
	uint64_t seq = event->reject_seq;
	ret->is_dead = false;
	ret->text_bytes = 0;
	if (event->state == WR_SHARE_PARKED)
		seq = 0; // its letter says it
	ret->is_in_copy = seq != 0 && seq < event->place;
	if (seq == 0 || ret->is_in_copy)
		return 0;
	if (!wr_portion_find(p, wr_group_pin(p), seq, seq, &portion))
		return p->journal != NULL && !portion.unreadable ? -EAGAIN : 0;
	const struct wr_record *r = wr_portion_record(p, portion.chunk, seq);
	if (r->kind == WR_KIND_REJECT && wr_record_view(r, r->bytes, &view) &&
	    wr_reject_read(&view, &reject, &said)) {
		ret->is_dead = reject.verdict == WR_VERDICT_DEAD;
		put_text(ret, said, reject.text_bytes);
	}
	wr_chunks_unpin(wr_group_pin(p));
	return 0;
}

void wr_reason_put_copied(struct wr_reason *reason, const struct wr_carried *copy)
{
	if (reason->is_in_copy)
		put_text(reason, copy->text, copy->text_bytes);
}
