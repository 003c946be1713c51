/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that were erased (weir/erase.h): the question that every reader asks of an event below
 * wr_erased_end(), and the removal of what lies beside the log.
 *
 *   ER3  beside: how many snapshots are being written (weir_snapshot_put()), or WR_BESIDE_HELD:
 *        those that are to go are looked for. One that is being written looks as one that was never
 *        finished, which goes, too
 */
#ifndef WR_PIPELINE_ERASE_H
#define WR_PIPELINE_ERASE_H

#include "core/pipeline/pipeline.h"

#define WR_BESIDE_HELD UINT32_MAX

/* Nothing that stands at or above it was erased: mostly 0. */
static inline uint64_t wr_erased_end(struct weir_pipeline *p)
{
	uint64_t end = wr_erasures_end_seq(&p->tables.erasures);
	return end > p->recovered.superblock.erased_seq ? end : 0;
}

/* Any thread. Of an event: whether its key was erased behind it, in its topic or where it is from.
 */
bool wr_is_erased(struct weir_pipeline *p, const struct wr_record *event, uint64_t seq);
/* Whether a snapshot of a key may not be there: the record that erased it stands behind. */
bool wr_is_erased_key(struct weir_pipeline *p, const void *key, uint32_t key_bytes, uint64_t seq);

/*
 * Of an event that a poll is about to hand out: if its key was erased, it is acknowledged in the
 * member's name: true, it is not handed out. Where that cannot be, the item says that it was
 * erased, and whoever gets it acknowledges it as any other. False: it is handed out as it is now.
 */
bool wr_member_leave_erased(struct weir_member *m, const struct wr_record *r,
			    struct weir_item *item);

/* What the journal is told, and asks. */
void wr_erase_options_of(struct weir_pipeline *p, struct wr_erase_options *ret_options);
uint64_t wr_erase_bytes(const struct weir_options *options);

/* Around the writing of a snapshot: while it lasts none is removed as unfinished. */
void wr_beside_enter(struct weir_pipeline *p);
void wr_beside_leave(struct weir_pipeline *p);

#endif
