/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lag that is not exact is too low, never too high, so that who is above the limit by it is above
 * it. Whom a seek has put back to where it was too slow would be cut off again at once: it has the
 * time to catch up, until lag has been below half of the limit (lag_above), or was not above it
 * when all that the seek left was counted.
 */
#include "core/pipeline/detach.h"

#include "core/base/bug.h"
#include "core/pipeline/lag_count.h"
#include "core/pipeline/sharing.h"

void wr_detach_sought(struct wr_subscription_live *live)
{
	live->sought_to = wr_writer_visible_seq(&live->pipeline->writer) + 1;
}

/* Whether all that was there at the seek has been counted. */
static bool is_counted(struct wr_subscription_live *live)
{
	for (uint32_t r = 0; r < live->group.row_count; r++)
		if (wr_lag_uncounted_from(live, r) < live->sought_to)
			return false;
	return true;
}

/* Whether there is somebody to detach, and where it stands; false, too: it is on its way. */
static bool stands_somewhere(struct weir_pipeline *p, const struct wr_subscription_live *live,
			     uint64_t *ret_from_seq, bool *ret_any_detached)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	*ret_from_seq = UINT64_MAX;
	*ret_any_detached = false;
	for (uint32_t r = 0; r < s->row_count; r++) {
		uint64_t position = wr_load_relaxed(&wr_position_row(p, s, r)->position);
		if (live->sharing == NULL && live->group.rows[r].seek_position != WR_SEEK_NONE)
			return false;
		*ret_any_detached = *ret_any_detached || wr_position_is_detached(position);
		*ret_from_seq = wr_min_u64(*ret_from_seq, position);
	}
	return !wr_position_is_nowhere(*ret_from_seq);
}

void wr_detach_look(struct weir_pipeline *p, struct wr_subscription_live *live,
		    const struct weir_lag *lag, bool above)
{
	const char *name = p->tables.catalog.subscriptions[live->id].name;
	uint64_t from_seq;
	bool any_detached;
	bool rises = above && !live->lag_above && live->sought_to == 0;
	if (live->sought_to != 0 && is_counted(live))
		live->sought_to = 0; /* from the next look on */
	if (wr_load_relaxed(&live->when_slow) != WEIR_SLOW_DETACH ||
	    wr_load_relaxed(&live->seek_done) != live->seek_taken || /* own */
	    !stands_somewhere(p, live, &from_seq, &any_detached))
		return;
	/* A partition that came to be in force since then follows the others. */
	if ((!rises && !any_detached) || WR_BUG(NEVER_DETACHED))
		return;
	if (live->sharing != NULL)
		wr_sharing_detach(live->sharing);
	else
		wr_group_seek(&live->group, WR_POSITION_DETACHED);
	live->detachments += rises;
	wr_pipeline_say(p, WR_EVENT_SUBSCRIPTION_DETACHED,
			WR_FIELDS(wr_field_text("subscription", name),
				  wr_field_u64("from_sequence", from_seq),
				  wr_field_u64("lag_events", lag->events)),
			"%s was too slow, and is detached at %llu: it gets nothing before a seek",
			name, (unsigned long long)from_seq);
}
