/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where what is outstanding lies (docs/design/copied-forward.md). An entry keeps its sequence for
 * ever; a CARRIED record says that its bytes lie further on from now on, so that the segment where
 * they were can go. A subscription's position is the lowest place of its entries, or the frontier.
 *
 * Of those that lie where they were the lowest is known, and found anew along the list when it
 * goes; those that were carried are a list of their own, by place: each goes to its end. So both
 * cost no more than what was carried since.
 *
 * Part of the writer's tables (outstanding.h): a function of the records alone.
 */
#ifndef WR_LOG_CARRIED_H
#define WR_LOG_CARRIED_H

#include "core/log/decide.h"

/*
 * A CARRIED record at `seq`, for wr_decide(). WEIR_E_FENCED: that event is settled; -ESTALE: its
 * key was erased; -EINVAL: malformed, or in a run, from which it could not be taken back.
 */
int wr_decide_carried(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		      uint64_t seq, struct wr_decision *d);

/* For outstanding.c: an entry is in the list of its subscription; and is about to leave it. */
void wr_carried_linked(struct wr_outstanding *o, uint32_t at);
void wr_carried_unlinking(struct wr_outstanding *o, uint32_t at);
/* The lowest place; UINT64_MAX: nothing is outstanding. */
uint64_t wr_carried_lowest(const struct wr_outstanding *o, const struct wr_outstanding_list *list);

/* Where entries lie, in checkpoints: only where some were carried. Behind what is outstanding. */
size_t wr_carried_save_bytes_max(const struct wr_outstanding_limits *limits);
void wr_carried_save(struct wr_outstanding *o, struct wr_catalog *catalog, struct wr_sink *sink);
int wr_carried_load(struct wr_outstanding *o, struct wr_catalog *catalog, uint32_t version,
		    const uint8_t *bytes, uint32_t length_bytes);

#endif
