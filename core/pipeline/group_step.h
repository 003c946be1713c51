/* SPDX-License-Identifier: Apache-2.0 */
/* The group step's parts, among themselves. All of it on the thread of that step. */
#ifndef WR_PIPELINE_GROUP_STEP_H
#define WR_PIPELINE_GROUP_STEP_H

#include "core/pipeline/pipeline.h"
#include "core/record/share.h"

/* Connects a subscription's group with the log and the members; when its group is made. */
void wr_group_ports_init(struct wr_subscription_live *live);
/* Something is there for a member: wakes it. */
void wr_member_tell(struct weir_pipeline *p, struct weir_member *m);
/* What was handed to the log as this ticket is known again by its answer. */
void wr_group_remember(struct weir_pipeline *p, uint64_t ticket, const struct wr_raise *what);
/*
 * A REJECT of the group's own, of no row. `raise` NULL: whatever is answered says nothing. False:
 * no room in the lane now.
 */
bool wr_group_reject(struct wr_subscription_live *live, const struct wr_reject *record,
		     const struct wr_raise *raise);
/* Whether everything that a member sent up to a place in its lane is decided. */
bool wr_group_lane_decided(struct weir_member *m, uint64_t place);
/* Its group knows how many partitions are in force: when it is made, and when that changed. */
void wr_group_follow_growth(struct wr_subscription_live *live);
/* From where on a row may hold something unsettled. */
uint64_t wr_group_unsettled_from(struct wr_subscription_live *live, uint32_t row);
/* Brings one extent from disk: one that a member waits for, or else one that it will. Work done. */
int wr_group_serve_catchup(struct weir_pipeline *p);
/* Tells the writer what `block` subscriptions keep in memory. Whether there are any. */
bool wr_group_publish_holds(struct weir_pipeline *p, uint32_t subscription_count);

#endif
