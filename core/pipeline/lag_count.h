/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting what lag is the sum of, where that is not the difference of the writer's two counts:
 * what a seek, a gap or an open left to be counted, and all that a filtered subscription wants.
 *
 * Of a row [from_seq, end_seq) is walked over, in portions of a chunk or an extent, at each look of
 * the group's. What a filtered subscription wants from end_seq on is counted by the router while it
 * has the chunk in hand (`counted_to` of the route), so that nothing is read twice while the router
 * follows the log. What the router has not seen, because it left memory before, is walked over
 * like what lies before it.
 *
 *        from_seq         end_seq                counted_to
 *   ------|----- walked ----|--- counted by the router --|------ to come
 *
 * All of it is kept from retention until it is counted (H2).
 */
#ifndef WR_PIPELINE_LAG_COUNT_H
#define WR_PIPELINE_LAG_COUNT_H

#include "core/pipeline/router.h"

/* What is settled of a row. */
static inline struct wr_settle_row *
wr_lag_settle_of(struct weir_pipeline *p, const struct wr_subscription_live *live, uint32_t row)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	return &p->tables.settle.rows[s->row_first + row];
}

/* ---- group step ---- */

/* What is still to be counted of a row begins here; UINT64_MAX: nothing is. */
uint64_t wr_lag_uncounted_from(struct wr_subscription_live *live, uint32_t row);
/* One portion, for every row that has some to be walked over. False: there is no more just now. */
bool wr_lag_walk(struct weir_pipeline *p, struct wr_subscription_live *live, struct wr_pin *pin,
		 uint64_t visible);

/* The router has looked at [from, end) of a chunk, before anybody is told. */
void wr_lag_count_looked(struct weir_pipeline *p, struct wr_route *route,
			 const struct wr_chunk *chunk, uint64_t from, uint64_t end);
/* The router goes on at `to`: what it has not counted below is walked over. */
void wr_lag_route_jumps(struct wr_route *route, uint64_t to);

/* ---- any thread ---- */

/*
 * Whether all of a filtered row that was visible is counted; `told_events` and `told_bytes` are
 * read after it.
 */
bool wr_lag_is_counted_to(struct wr_subscription_live *live, uint32_t row, uint64_t visible);

#endif
