/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oldest event that a subscription has not settled, for the time of its lag. It is looked for
 * in portions of a chunk or an extent, at each look of the group's; meanwhile the time is that of
 * what was found before, and is said not to be exact.
 */
#ifndef WR_PIPELINE_LAG_OLDEST_H
#define WR_PIPELINE_LAG_OLDEST_H

#include "core/pipeline/pipeline.h"

/* Portions in memory that a look walks over, of a subscription. */
#define WR_LAG_PORTIONS_A_LOOK 4u

/* ---- group step ---- */

/* It may lie anywhere: before a count that begins anew is told. */
void wr_lag_oldest_begin(struct wr_subscription_live *live);
/*
 * The lowest place that may have something unsettled, over all rows; UINT64_MAX: there is none.
 * Rows are noted with their counts as of `visible`, before a look. What is known to have had
 * nothing at a look is not looked through again because of what came behind it.
 */
struct wr_lag_lowest {
	uint64_t place;
	bool counted; /* nothing is left out that may lie lower */
};
void wr_lag_oldest_note(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
			uint64_t visible, int64_t events, bool exact, struct wr_lag_lowest *lowest);
/* Looks, and tells of it: lag_oldest_us, lag_time_exact. Whether it is known. */
bool wr_lag_oldest_look(struct weir_pipeline *p, struct wr_subscription_live *live,
			struct wr_pin *pin, uint64_t visible, const struct wr_lag_lowest *lowest);

/* ---- any thread ---- */

/*
 * Whether lag_oldest_us, read after this, is right, as of the last look. `counts_exact`: the counts
 * of all rows were found complete just before.
 */
bool wr_lag_oldest_is_known(struct weir_pipeline *p, struct wr_subscription_live *live,
			    bool counts_exact);

#endif
