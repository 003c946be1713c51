/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions that are too slow (WEIR_SLOW_DETACH): what a look at lag makes of them. Being
 * detached is a position (WR_POSITION_DETACHED): the log, the group's generations, members and
 * gates know nothing else of it.
 *
 * Thread: the group's.
 */
#ifndef WR_PIPELINE_DETACH_H
#define WR_PIPELINE_DETACH_H

#include "core/pipeline/pipeline.h"

/* A seek is in the log: what it left is to be counted before it counts as too much. */
void wr_detach_sought(struct wr_subscription_live *live);
/* `above`: the limit, by this lag. Before lag_above says so. */
void wr_detach_look(struct weir_pipeline *p, struct wr_subscription_live *live,
		    const struct weir_lag *lag, bool above);

#endif
