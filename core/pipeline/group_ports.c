/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group asks of the log and of the members: its ports (core/group/group.h).
 *
 * What a group knows of progress it reads in the writer's tables, after the answer to its own
 * record: the answer comes after every decision before it (A3), so that the position of a row
 * whose generation was raised is final for the generation before.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/group_step.h"

void wr_group_remember(struct weir_pipeline *p, uint64_t ticket, const struct wr_raise *what)
{
	p->raises[ticket & (p->lanes[WR_GROUP_LANE].reply_capacity - 1)] = *what;
}

bool wr_group_reject(struct wr_subscription_live *live, const struct wr_reject *record,
		     const struct wr_raise *raise)
{
	struct weir_pipeline *p = live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof *record));
	uint8_t *to = wr_lane_claim(lane, bytes);
	if (to == NULL)
		return false;
	wr_control_write(to, WR_KIND_REJECT, live->id, 0, NULL, 0, record, sizeof *record);
	if (raise != NULL)
		((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	/* A refusal is answered in any case, and is not to be taken for one of what was before. */
	const struct wr_raise nothing = {.kind = WR_RAISE_NOTHING, .subscription = live->id};
	wr_group_remember(p, wr_lane_append(lane, bytes), raise != NULL ? raise : &nothing);
	wr_lane_publish(lane);
	return true;
}

static int port_raise(void *context, uint32_t row, uint32_t generation, uint32_t owner,
		      uint64_t position)
{
	struct wr_subscription_live *live = context;
	struct weir_pipeline *p = live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	struct wr_control_generation control = {
		.generation = generation,
		.owner = owner == WR_MEMBER_NONE ? WR_OWNER_NONE : owner,
		.position = position == WR_SEEK_NONE ? WR_POSITION_KEEP : position,
	};
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof control));
	uint8_t *to = wr_lane_claim(lane, bytes);
	if (to == NULL)
		return -EAGAIN;
	wr_control_write(to, WR_KIND_GENERATION, live->id, row, NULL, 0, &control, sizeof control);
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	uint64_t ticket = wr_lane_append(lane, bytes);
	wr_group_remember(p, ticket,
			  &(struct wr_raise){.kind = WR_RAISE_GENERATION,
					     .subscription = live->id,
					     .row = row});
	wr_lane_publish(lane);
	return 0;
}

void wr_member_tell(struct weir_pipeline *p, struct weir_member *m)
{
	wr_publish_round_u64(&m->mail, wr_load_relaxed(&m->mail) + 1); /* N1 */
	wr_park_notify(m->gate_parker);
	wr_event_fd_signal(p, m->event);
}

static void mail(struct weir_pipeline *p, uint32_t slot, const struct wr_message *message)
{
	struct weir_member *m = &p->members[slot];
	WR_ASSERT(wr_spsc_room(&m->to_member_ring) > 0);
	m->to_member[wr_spsc_push_index(&m->to_member_ring, 0)] = *message;
	wr_spsc_push(&m->to_member_ring, 1);
	wr_member_tell(p, m);
}

static uint32_t port_room(void *context, uint32_t slot)
{
	struct wr_subscription_live *live = context;
	struct wr_spsc *ring = &live->pipeline->members[slot].to_member_ring;
	return (uint32_t)wr_spsc_room_for(ring, ring->mask + 1); /* all of it: looks anew */
}

/*
 * Whether everything appended up to the gate is settled. The gate is read before the counts:
 * whatever they do not count as appended lies above it.
 */
static bool nothing_is_left(struct wr_subscription_live *live, uint32_t row, uint64_t *ret_visible)
{
	struct weir_pipeline *p = live->pipeline;
	*ret_visible = wr_writer_visible_seq(&p->writer);
	return wr_lag_row_is_settled(p, live, row, *ret_visible);
}

static uint64_t position_of(struct wr_subscription_live *live, uint32_t row)
{
	const struct wr_subscription *s = &live->pipeline->tables.catalog.subscriptions[live->id];
	return wr_load_relaxed(&live->pipeline->tables.settle.rows[s->row_first + row].position);
}

/*
 * From where on a row may hold something unsettled: its position, or what comes behind the gate.
 * When everything appended is settled, an idle partition need not be searched from its old position
 * on.
 */
uint64_t wr_group_unsettled_from(struct wr_subscription_live *live, uint32_t row)
{
	uint64_t visible;
	/* Once all up to a gate was settled, only a seek can make any of it unsettled again. */
	if (nothing_is_left(live, row, &visible) || WR_BUG(NEW_OWNER_SKIPS))
		live->told_from[row] = wr_max_u64(live->told_from[row], visible + 1);
	return wr_max_u64(live->told_from[row], position_of(live, row));
}

void wr_group_follow_growth(struct wr_subscription_live *live)
{
	struct wr_catalog *catalog = &live->pipeline->tables.catalog;
	const struct wr_subscription *s = &catalog->subscriptions[live->id];
	uint64_t growths = wr_load_acquire(&catalog->growths); /* B2 */
	if (growths == live->growths_seen || !live->can_grow)
		return;
	live->growths_seen = growths;
	for (uint32_t t = 0; t < s->topic_count; t++)
		live->topic_in_force[t] = wr_topic_in_force(&catalog->topics[s->topics[t]]);
	wr_group_grow(&live->group, live->topic_in_force, live->topic_made_with);
}

/*
 * By what was settled, or by what the last look at lag found: what a filter leaves out is not
 * settled, and while much is published nobody has counted up to the gate but then.
 */
static bool is_settled_below(struct wr_subscription_live *live, uint32_t row, uint64_t seq)
{
	uint64_t visible;
	return position_of(live, row) >= seq || live->anew[row].settled_to >= seq ||
	       (nothing_is_left(live, row, &visible) && visible >= seq);
}

/*
 * What lies before a growth in the partition that had a row's keys, and in the one that had them
 * before that, is settled, and no seek is on its way to change it. Progress that was seen here
 * stands in the log before whatever the group writes next.
 */
static bool port_opens(void *context, uint32_t row)
{
	struct wr_subscription_live *live = context;
	struct wr_catalog *catalog = &live->pipeline->tables.catalog;
	const struct wr_subscription *s = &catalog->subscriptions[live->id];
	uint32_t topic, partition, parent;
	uint64_t seq;
	wr_catalog_row_partition(catalog, s, row, &topic, &partition);
	uint32_t first = row - partition;
	while (wr_topic_parent(&catalog->topics[topic], partition, &parent, &seq)) {
		if (live->group.rows[first + parent].seek_position != WR_SEEK_NONE ||
		    !is_settled_below(live, first + parent, seq))
			return false;
		partition = parent;
	}
	return true;
}

static void port_assign(void *context, uint32_t slot, uint32_t row, uint32_t generation)
{
	struct wr_subscription_live *live = context;
	struct weir_pipeline *p = live->pipeline;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	/* After the answer to its generation: the position is final for the one before (A3). */
	struct wr_settle_row *settle = &p->tables.settle.rows[s->row_first + row];
	live->told_from[row] = wr_group_unsettled_from(live, row);
	mail(p, slot,
	     &(struct wr_message){
		     .kind = WR_MESSAGE_ASSIGN,
		     .row = row,
		     .generation = generation,
		     .position = wr_load_relaxed(&settle->position),
		     .skip_to = live->told_from[row],
		     /* The first generation of a run that a crash took back is given again. */
		     .redelivered = generation > 1 || live->recovered_end != 0,
		     .skip_below = generation > 1 ? visible + 1 : live->recovered_end,
	     });
}

static void port_revoke(void *context, uint32_t slot, uint32_t row, uint32_t generation)
{
	struct wr_subscription_live *live = context;
	mail(live->pipeline, slot,
	     &(struct wr_message){.kind = WR_MESSAGE_REVOKE, .row = row, .generation = generation});
}

/*
 * Before the next owner's generation is handed to the log: who polls up to a gate beyond that
 * record finds it.
 */
static void port_lost(void *context, uint32_t slot, uint32_t row, uint32_t generation)
{
	struct wr_subscription_live *live = context;
	struct weir_member *m = &live->pipeline->members[slot];
	wr_store_relaxed(&m->lost[row], generation);
	wr_store_release(&m->losses, wr_load_relaxed(&m->losses) + 1); /* N3 */
	wr_member_tell(live->pipeline, m);
}

static void port_fence(void *context, uint32_t slot)
{
	struct wr_subscription_live *live = context;
	struct weir_member *m = &live->pipeline->members[slot];
	wr_store_relaxed(&m->fenced_out, 1u); /* seen with the mail behind it: N1 */
	wr_member_tell(live->pipeline, m);
}

/* A lane's place in bytes: decided up to there once the writer's head has passed it. */
static uint64_t port_lane_place(void *context, uint32_t slot)
{
	struct wr_subscription_live *live = context;
	return wr_load_acquire(&live->pipeline->members[slot].lane->tail); /* A1 */
}

bool wr_group_lane_decided(struct weir_member *m, uint64_t place)
{
	struct wr_lane *lane = m->lane;
	return wr_park_look_u64(&lane->head) >= place ||          /* A2 */
	       wr_load_acquire(&lane->state) == WR_LANE_POISONED; /* S1 */
}

static bool port_lane_decided(void *context, uint32_t slot, uint64_t place)
{
	struct wr_subscription_live *live = context;
	return wr_group_lane_decided(&live->pipeline->members[slot], place);
}

void wr_group_ports_init(struct wr_subscription_live *live)
{
	live->ports = (struct wr_group_ports){
		.context = live,
		.raise = port_raise,
		.room = port_room,
		.assign = port_assign,
		.revoke = port_revoke,
		.opens = port_opens,
		.lost = port_lost,
		.fence = port_fence,
		.lane_place = port_lane_place,
		.lane_decided = port_lane_decided,
	};
}
