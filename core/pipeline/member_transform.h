/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transformers of subscriptions: what a member makes of an event that it was handed. A transformer
 * stands in the filter record of its subscription; it is compiled with the filters, by the control
 * call that gives it, and the group step hands it on when it sees the record. Which one counts for
 * an event is said by the event's sequence, as for filters.
 *
 * Those of one subscription are a list, the newest first. It only grows while the pipeline is open:
 * a member may be about to use any of them, and has nothing that would say so.
 *
 *   MT1  transforms (group step, release) pairs with the acquire of members: what it leads to is
 *        complete. Stored before the bits of any event that it counts for (RT1, RT2), so that who
 *        was handed such an event finds it.
 */
#ifndef WR_PIPELINE_MEMBER_TRANSFORM_H
#define WR_PIPELINE_MEMBER_TRANSFORM_H

#include "core/pipeline/pipeline.h"
#include "core/route/transform.h"

/* Of one subscription, while the pipeline is open. */
#define WR_MEMBER_TRANSFORMS_MAX 256u

struct wr_member_transform {
	struct wr_member_transform *before; /* older */
	uint64_t number;                    /* of the filter (core/log/filters.h) */
	uint64_t from_seq;                  /* events from here on */
	struct weir_transform *transform;   /* NULL: they are as they are */
	size_t block_bytes;
	uint32_t text_bytes;
	uint8_t text[]; /* the transformer's: the same one again is none of its own */
};

/*
 * From the pipeline's memory. 0; what weir_transform_create() says; WEIR_E_FULL: there are as many
 * as there may be. NULL is set where the list has it, or one of the same text as its newest.
 */
int wr_member_transform_create(const struct weir_allocator *allocator,
			       const struct wr_subscription_live *live, uint64_t number,
			       const struct wr_filter_transform *from,
			       struct wr_member_transform **ret, struct weir_problem *problem);
/* One that was not handed on; NULL is fine. */
void wr_member_transform_free(struct wr_memory *memory, struct wr_member_transform *t);

/*
 * The group step, or the open: the record is in the log. Takes it, and sets it to NULL, unless it
 * is there already.
 */
void wr_member_transform_use(struct wr_subscription_live *live, struct wr_member_transform **t,
			     uint64_t from_seq);
void wr_member_transforms_free(struct weir_pipeline *p, struct wr_subscription_live *live);

#endif
