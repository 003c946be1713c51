/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seek of a shared subscription. The group stops taking and granting, waits until its marks are
 * answered, and hands a GENERATION record to the log that names the place. With that record all
 * that was outstanding is so no more, and what is taken from then on begins in a generation above
 * all before it: what a member says of an event that it had counts for nothing, also where the same
 * event was taken again meanwhile. Behind the answer the group begins anew at the place.
 *
 * A seek to the oldest finds what there is of the log, and not what was carried further on from
 * below that. So by that record it stays outstanding; and the group, which knows what is by
 * following the log, begins anew behind that record only: what was settled before it does not
 * stay.
 *
 * That a queue was too slow (detach.h) is such a move, to nowhere: nothing is outstanding any more,
 * and nothing is taken before a seek.
 *
 * Members look at first_generation (MV1) and leave out what they were granted before.
 */
#include <errno.h>

#include "core/pipeline/detach.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/sharing.h"

static bool send(struct wr_sharing *sharing)
{
	struct wr_subscription_live *live = sharing->live;
	struct weir_pipeline *p = live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	uint64_t generation = wr_load_relaxed(&p->tables.settle.rows[s->row_first].generation);
	struct wr_control_generation control = {
		.generation = (uint32_t)generation + 1,
		.owner = sharing->move_carried_stay ? WR_OWNER_CARRIED_STAY : WR_OWNER_NONE,
		.position = sharing->move_seq,
	};
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof control));
	uint8_t *to = wr_lane_claim(lane, bytes);
	if (to == NULL)
		return false;
	wr_control_write(to, WR_KIND_GENERATION, live->id, 0, NULL, 0, &control, sizeof control);
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	wr_group_remember(p, wr_lane_append(lane, bytes),
			  &(struct wr_raise){.kind = WR_RAISE_MOVE, .subscription = live->id});
	wr_lane_publish(lane);
	return true;
}

/* For members, as what cannot be read; else nothing is wrong. */
void wr_sharing_tell_detached(struct wr_sharing *sharing)
{
	uint32_t damage = wr_sharing_is_detached(sharing) ? (uint32_t)-WEIR_E_DETACHED : 0;
	wr_store_release(&sharing->damage, damage); /* DM1 */
}

void wr_sharing_detach(struct wr_sharing *sharing)
{
	sharing->detaches = true;
}

/* All of the seek that is the group's to do. */
static void begin_anew(struct wr_sharing *sharing)
{
	struct wr_subscription_live *live = sharing->live;
	struct weir_pipeline *p = live->pipeline;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	uint32_t generation = sharing->moved_generation;
	sharing->move_on_way = sharing->detaches = false;
	sharing->moved_seq = 0;
	if (!wr_sharing_is_detached(sharing))
		sharing->redelivered_below =
			wr_max_u64(sharing->redelivered_below, sharing->marked_seq);
	wr_share_moved(&sharing->share, generation,
		       sharing->move_carried_stay ? sharing->move_seq : 0);
	wr_carry_anew(p);
	if (sharing->move_detaches)
		sharing->move_seq = wr_load_relaxed(&wr_position_row(p, s, 0)->position); // A3
	else
		wr_detach_sought(live);
	sharing->marked_seq = sharing->take_seq = sharing->move_seq;
	sharing->mark_refused = false;
	sharing->excess = (struct wr_share_excess){0};
	sharing->wait_until_ns = sharing->delayed_until_ns = sharing->live_until_ns = 0;
	wr_sharing_tell_detached(sharing);
	wr_store_release(&sharing->first_generation, generation); /* MV1 */
	wr_lag_begin(p, live);
	/* One that came meanwhile is served next. */
	sharing->moves = live->seek_taken != sharing->move_number;
	uint64_t done = wr_load_relaxed(&live->seek_done); /* own */
	/* Each request held its place until here. D4 */
	(void)wr_sub_seq(&p->link.asking, (uint32_t)(sharing->move_number - done));
	wr_publish_round_u64(&live->seek_done, sharing->move_number); /* W1 */
	wr_park_notify(&p->lanes[WR_CONTROL_LANE].parker);
	for (uint32_t i = 0; i < p->options.members_max; i++)
		if (sharing->share.members[i].present)
			wr_member_tell(p, &p->members[i]);
}

/* What cannot be read holds up nobody: then what was settled meanwhile may be had once more. */
static bool knows_what_stays(const struct wr_sharing *sharing)
{
	return !sharing->move_carried_stay || sharing->follow_seq > sharing->moved_seq ||
	       sharing->follow_unreadable;
}

int wr_sharing_serve_seek(struct wr_sharing *sharing)
{
	struct wr_subscription_live *live = sharing->live;
	uint64_t asked = wr_park_look_u64(&live->seek_asked); /* W1 */
	if (asked != live->seek_taken) {
		live->seek_taken = asked;
		sharing->moves = true;
	}
	if (sharing->moved_seq != 0 && knows_what_stays(sharing)) {
		begin_anew(sharing);
		return 1;
	}
	if (!wr_sharing_is_to_move(sharing) || sharing->move_on_way || sharing->marks_on_way > 0)
		return 0;
	/* Whoever seeks has looked at how far behind it is. */
	sharing->move_detaches = !sharing->moves;
	sharing->move_number =
		sharing->moves ? live->seek_taken : wr_load_relaxed(&live->seek_done); /* own */
	sharing->move_seq =
		sharing->moves ? wr_load_relaxed(&live->seek_position) : WR_POSITION_DETACHED;
	sharing->move_carried_stay = sharing->moves && wr_load_relaxed(&live->seek_oldest) != 0 &&
				     wr_share_has_carried(&sharing->share, sharing->move_seq);
	sharing->move_on_way = send(sharing);
	return sharing->move_on_way ? 1 : 0;
}

void wr_sharing_moved(struct wr_sharing *sharing, const struct wr_reply *reply)
{
	if (reply->code != 0) {
		sharing->move_on_way = false;
		return; /* the next step asks again */
	}
	sharing->moved_seq = reply->sequence;
	sharing->moved_generation = reply->detail;
	if (knows_what_stays(sharing))
		begin_anew(sharing);
}
