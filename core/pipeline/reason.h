/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was said of an event when it failed last: for its dead letter, and for a copy of it further
 * on (carry.h). The record of the rejection has it, also after a restart; of an event that was
 * copied since the rejection the copy has it, as the record may have left by then.
 *
 * Thread: the group step's.
 */
#ifndef WR_PIPELINE_REASON_H
#define WR_PIPELINE_REASON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/group/share.h"
#include "core/record/carried.h"
#include "core/record/share.h"

struct weir_pipeline;

struct wr_reason {
	bool is_dead;    /* its verdict was that */
	bool is_in_copy; /* the text is that of the event's copy: wr_reason_put_copied() */
	uint16_t text_bytes;
	char text[WR_REASON_TEXT_BYTES_MAX];
};

/*
 * 0, with no text also where the record cannot be read: it is damaged, or a memory-only log was
 * overrun; -EAGAIN: not now. Nothing is pinned behind it.
 */
int wr_reason_read(struct weir_pipeline *p, const struct wr_share_event *event,
		   struct wr_reason *ret_reason);
/* The copy was read. */
void wr_reason_put_copied(struct wr_reason *reason, const struct wr_carried *copy);

#endif
