/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group step's own walks over the log, in portions of one chunk: live ones, or brought from
 * disk into the catch-up pool. For lag, and for what shared subscriptions take and follow.
 */
#ifndef WR_PIPELINE_PORTION_H
#define WR_PIPELINE_PORTION_H

#include "core/pipeline/router.h"

/* A chunk that holds a sequence, pinned. */
struct wr_portion {
	struct wr_chunk *chunk;
	uint64_t end_seq;            /* of what may be looked at */
	bool unreadable;             /* not found, and not for want of a free slot */
	int code;                    /* why it is unreadable, negative */
	const wr_atomic_u64 *wanted; /* bits, by place in the chunk; NULL: all of it */
};

/*
 * The chunk that holds `seq`, up to `visible`. True: it is pinned by `pin`; unpin it before
 * anything else is asked for. False: not now, or `unreadable`.
 */
bool wr_portion_find(struct weir_pipeline *p, struct wr_pin *pin, uint64_t seq, uint64_t visible,
		     struct wr_portion *ret_portion);
/*
 * The same for a subscription: of one with a filter as far as it is known what that wants.
 */
bool wr_portion_find_for(struct weir_pipeline *p, struct wr_subscription_live *live,
			 struct wr_pin *pin, uint64_t seq, uint64_t visible,
			 struct wr_portion *ret_portion);
/* The first of a portion from `seq` on that may be wanted; its end: none is. */
static inline uint64_t wr_portion_next(const struct wr_portion *portion, uint64_t seq)
{
	uint64_t first_seq = portion->chunk->first_seq;
	if (portion->wanted == NULL)
		return seq;
	return first_seq + wr_route_next(portion->wanted, (uint32_t)(seq - first_seq),
					 (uint32_t)(portion->end_seq - first_seq));
}
const struct wr_record *wr_portion_record(struct weir_pipeline *p, const struct wr_chunk *chunk,
					  uint64_t seq);
/* The header of the batch that holds it. */
const struct wr_batch_header *wr_portion_batch(struct wr_chunk *chunk, uint64_t seq);
/* The first sequence that can be found; UINT64_MAX: there is nothing. */
uint64_t wr_portion_oldest_seq(struct weir_pipeline *p, struct wr_pin *pin);
/* The row of a record at seq in a subscription; UINT32_MAX when it is none of its events. */
uint32_t wr_portion_row(struct weir_pipeline *p, const struct wr_subscription_live *live,
			const struct wr_record *r, uint64_t seq);
/* The append time of a record in it. */
uint64_t wr_portion_time_us(struct wr_chunk *chunk, uint64_t seq, const struct wr_record *r);

#endif
