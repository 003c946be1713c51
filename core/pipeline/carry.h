/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is outstanding of shared subscriptions is copied further on where retention wants the
 * segment in which it lies (docs/design/copied-forward.md). One segment at a time, the oldest: it
 * is looked at whether copies let it go, and then it is gone through, subscription by subscription.
 *
 * Thread: the group step's.
 */
#ifndef WR_PIPELINE_CARRY_H
#define WR_PIPELINE_CARRY_H

#include "core/group/share.h"
#include "core/record/carried.h"

struct weir_pipeline;
struct wr_portion;
struct wr_raise;
struct wr_reply;

/* Until what was in the way is looked for again. */
#define WR_CARRY_WAIT_NS 1000000000ull

/* The step's, in the pipeline. */
struct wr_carrying {
	uint64_t end_seq;  /* of the segment that is gone through; 0: none is */
	uint64_t done_seq; /* nothing that lies below it is to be copied */
	uint64_t wait_until_ns;
	uint64_t wait_ns;      /* WR_CARRY_WAIT_NS; less in simulation */
	uint32_t subscription; /* it is at this one, */
	struct wr_share_cursor at;
	uint32_t on_way; /* copies, not answered */
	bool failed;     /* not all of the segment could be copied */
	uint32_t queues; /* shared subscriptions that it knows of */
};

/* Work done. */
int wr_carry_step(struct weir_pipeline *p, uint64_t now_ns);
/* The answer to a copy. */
void wr_carry_answered(struct weir_pipeline *p, const struct wr_raise *raise,
		       const struct wr_reply *reply);
/* A subscription was made or moved: what lies below may be outstanding of it. */
void wr_carry_anew(struct weir_pipeline *p);

/* Of which event a record in a portion is, at its own place or carried. */
struct wr_carried wr_carried_from(struct wr_portion *portion, const struct wr_record *r,
				  uint64_t seq, uint32_t subscription);

#endif
