/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions whose members do not do it, since there are none, are moved on over what they have
 * nothing to do with, so that they hold no files that nobody needs (L20): rows that nobody owns, up
 * to their first event that is not settled, which a look at lag has found, or to the end, where
 * that has counted none; shared ones up to the end, likewise. A record after as many as there are
 * between those of members.
 *
 * The group writes progress for a row that is nobody's only: its last owner's lane is decided, and
 * the next one is told what stands in the tables after a record behind this one (L19).
 */
#include "core/base/bug.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/sharing.h"

/* Nobody's, and not on its way to anybody. */
static bool is_free(const struct wr_row *row)
{
	return row->state == WR_ROW_SETTLED && row->owner == WR_MEMBER_NONE &&
	       row->seek_position == WR_SEEK_NONE;
}

/*
 * Below it nothing of the row is unsettled. What a look at lag found is the first of all rows, from
 * where the look began.
 */
static uint64_t settled_to(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
			   uint64_t position, uint64_t visible, bool *ret_exact)
{
	const struct wr_lag_scan *scan = &live->scan;
	int64_t bytes;
	int64_t events = wr_lag_of_row(p, live, row, visible, &bytes, ret_exact);
	if ((events == 0 && *ret_exact) || WR_BUG(PASSED_OVER_WANTED))
		return visible + 1;
	bool found = scan->found && scan->from_seq != 0 && !scan->passed_over;
	position = wr_max_u64(position, live->anew[row].empty_to);
	return found && *ret_exact && position >= scan->from_seq ? scan->next_seq : position;
}

/* False: no room in the lane. */
static bool move(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
		 uint64_t from, uint64_t to)
{
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	struct wr_control_progress progress = {
		.generation = live->group.rows[row].generation, .from = from, .to = to};
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof progress));
	uint8_t *at = wr_lane_claim(lane, bytes);
	if (at == NULL)
		return false;
	wr_control_write(at, WR_KIND_PROGRESS, live->id, row, NULL, 0, &progress, sizeof progress);
	wr_group_remember(p, wr_lane_append(lane, bytes),
			  &(struct wr_raise){.kind = WR_RAISE_PASS, .subscription = live->id});
	wr_lane_publish(lane);
	return true;
}

static bool pass_rows(struct weir_pipeline *p, struct wr_subscription_live *live, uint64_t visible)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	bool all = true;
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		uint64_t position =
			wr_load_relaxed(&p->tables.settle.rows[s->row_first + r].position);
		bool exact;
		if (!is_free(&live->group.rows[r]) || position > visible ||
		    !wr_pass_is_due(p, position, visible + 1))
			continue;
		uint64_t to = settled_to(p, live, r, position, visible, &exact);
		if (wr_pass_is_due(p, position, to))
			exact = move(p, live, r, position, to);
		all = all && exact;
	}
	return all;
}

/*
 * Nothing of it waits up to the gate but what is outstanding already, which may stay for long: all
 * of that is nobody's. Where lag counts as much as is outstanding, that is looked for in the log:
 * the group may not have heard yet that some of it is settled, and something new has come.
 */
static bool pass_shared(struct weir_pipeline *p, struct wr_sharing *sharing, uint64_t gate)
{
	struct weir_lag lag;
	if (sharing->wanted != 0 || wr_sharing_is_detached(sharing))
		return true; /* it takes: that passes over them, too */
	if (wr_sharing_is_to_move(sharing) || sharing->mark_refused || sharing->marks_on_way != 0)
		return false; /* what is on its way may end far below the gate */
	if (!wr_pass_is_due(p, sharing->marked_seq, gate + 1))
		return true;
	if (weir_lag(p, sharing->live->id, &lag) != 0 || !lag.exact)
		return false;
	if (lag.events > sharing->share.event_count)
		return true;
	if (lag.events != 0)
		return wr_sharing_pass_foreign(sharing, gate); /* its mark: wr_sharing_take() */
	if (!wr_sharing_send_mark(sharing, 0, gate + 1))
		return false;
	sharing->take_seq = gate + 1;
	return true;
}

#define LOOK_NS 10000000u

/* Something is to leave: who stands in front of its end is looked for again and again. */
static bool is_waited_for(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	if (wr_pass_gate_seq(p) == 0)
		return false;
	uint64_t now_ns = wr_clock_mono_ns(p->host.clock);
	if (now_ns - live->passed_ns < LOOK_NS)
		return false;
	live->passed_ns = now_ns;
	return true;
}

void wr_pass_idle(struct weir_pipeline *p, struct wr_subscription_live *live, uint64_t visible)
{
	/* What is visible may reach a queue's gate when nothing follows any more. */
	uint64_t end =
		live->sharing != NULL
			? wr_pipeline_gate_seq(p, (enum weir_level)wr_load_relaxed(&live->gate))
			: visible;
	if (live->copier != NULL ||
	    (end < live->passed_seq + p->pass_every && !is_waited_for(p, live)))
		return;
	/* Until lag is known, at the next look. */
	if (live->sharing != NULL ? pass_shared(p, live->sharing, end) : pass_rows(p, live, end))
		live->passed_seq = end;
}
