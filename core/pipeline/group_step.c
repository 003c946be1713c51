/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group step: connects the groups with the log and the members, brings chunks from disk for
 * members that are behind, keeps lag. One step for all groups of a pipeline.
 *
 * What a group knows of progress it reads in the writer's tables, after the answer to its own
 * record: the answer comes behind every decision before it (A3), so that the position of a row
 * whose generation was raised is final for the generation before.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/catchup.h"
#include "core/pipeline/pipeline.h"

#define IDLE_WITH_MEMBERS_NS 10000000u /* session time-outs, lag */
#define IDLE_WITH_HOLDS_NS 1000000u    /* a `block` subscription: producers may be waiting */

/* ---- ports of a group ---- */

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
	p->raises[ticket & (lane->reply_capacity - 1)] =
		(struct wr_raise){.subscription = live->id, .row = row};
	wr_lane_publish(lane);
	return 0;
}

static void tell_member(struct weir_pipeline *p, struct weir_member *m)
{
	wr_publish_u64(&m->mail, wr_load_relaxed(&m->mail) + 1); /* N1 */
	wr_park_notify(m->gate_parker);
	wr_event_fd_signal(p, m->event);
}

static void send(struct weir_pipeline *p, uint32_t slot, const struct wr_message *message)
{
	struct weir_member *m = &p->members[slot];
	WR_ASSERT(wr_spsc_room(&m->to_member_ring) > 0);
	m->to_member[wr_spsc_push_index(&m->to_member_ring, 0)] = *message;
	wr_spsc_push(&m->to_member_ring, 1);
	tell_member(p, m);
}

static uint32_t port_room(void *context, uint32_t slot)
{
	struct wr_subscription_live *live = context;
	struct wr_spsc *ring = &live->pipeline->members[slot].to_member_ring;
	return (uint32_t)wr_spsc_room_for(ring, ring->mask + 1); /* all of it: looks anew */
}

/*
 * From where on a row may hold something unsettled: its position, or what comes behind the gate.
 *
 * The gate is read before the counts: whatever they do not count as appended lies above it. When
 * everything appended is settled, nothing unsettled lies at or below the gate, and an idle
 * partition need not be searched from its old position on.
 */
static uint64_t unsettled_from(struct wr_subscription_live *live, uint32_t row)
{
	struct weir_pipeline *p = live->pipeline;
	struct wr_catalog *catalog = &p->tables.catalog;
	const struct wr_subscription *s = &catalog->subscriptions[live->id];
	struct wr_settle_row *settle = &p->tables.settle.rows[s->row_first + row];
	uint32_t topic, partition;
	wr_catalog_row_partition(catalog, s, row, &topic, &partition);
	struct wr_partition_cells *cell =
		&catalog->cells[catalog->topics[topic].first_cell + partition];
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	int64_t bytes;
	bool exact;
	bool nothing_left = wr_lag_of_row(p, live, row, cell, &bytes, &exact) == 0 && exact;
	/* Once all up to a gate was settled, only a seek can make any of it unsettled again. */
	if (nothing_left || WR_BUG(NEW_OWNER_SKIPS))
		live->told_from[row] = wr_max_u64(live->told_from[row], visible + 1);
	return wr_max_u64(live->told_from[row], wr_load_relaxed(&settle->position));
}

static void port_assign(void *context, uint32_t slot, uint32_t row, uint32_t generation)
{
	struct wr_subscription_live *live = context;
	struct weir_pipeline *p = live->pipeline;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	/* After the answer to its generation: the position is final for the one before (A3). */
	struct wr_settle_row *settle = &p->tables.settle.rows[s->row_first + row];
	live->told_from[row] = unsettled_from(live, row);
	send(p, slot,
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
	send(live->pipeline, slot,
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
	tell_member(live->pipeline, m);
}

/* A lane's place in bytes: decided up to there once the writer's head has passed it. */
static uint64_t port_lane_ticket(void *context, uint32_t slot)
{
	struct wr_subscription_live *live = context;
	return wr_load_acquire(&live->pipeline->members[slot].lane->tail); /* A1 */
}

static bool port_lane_decided(void *context, uint32_t slot, uint64_t ticket)
{
	struct wr_subscription_live *live = context;
	struct wr_lane *lane = live->pipeline->members[slot].lane;
	return wr_park_look_u64(&lane->head) >= ticket ||         /* A2 */
	       wr_load_acquire(&lane->state) == WR_LANE_POISONED; /* S1 */
}

/* ---- starting ---- */

/*
 * At open: what is unsettled is counted anew, up to the log's end, for rows that a seek left
 * incomparable.
 */
static void count_at_open(struct weir_pipeline *p, struct wr_lag_count *behind,
			  struct wr_settle_row *row, struct wr_partition_cells *cell)
{
	behind->from_seq = wr_load_relaxed(&row->position);
	behind->end_seq = wr_max_u64(behind->from_seq, p->writer.next_seq);
	behind->events = -(int64_t)(wr_load_relaxed(&cell->events) - wr_load_relaxed(&row->events));
	behind->bytes = -(int64_t)(wr_load_relaxed(&cell->bytes) - wr_load_relaxed(&row->bytes));
	wr_store_relaxed(&behind->complete_for, UINT64_MAX); /* of none */
	wr_lag_tell(behind, wr_load_relaxed(&row->seen_seq));
}

static void init_behind(struct weir_pipeline *p, struct wr_subscription_live *live,
			const struct wr_subscription *s)
{
	for (uint32_t r = 0; r < s->row_count; r++) {
		struct wr_settle_row *row = &p->tables.settle.rows[s->row_first + r];
		/* What the records read at open began anew is counted here. */
		uint64_t anew_seq = wr_load_relaxed(&row->anew_seq);
		wr_store_relaxed(&row->seen_seq, anew_seq); /* H3 */
		if (wr_load_relaxed(&row->moved) == 0) {
			wr_lag_tell(&live->behind[r], anew_seq);
			continue;
		}
		uint32_t topic, partition;
		wr_catalog_row_partition(&p->tables.catalog, s, r, &topic, &partition);
		count_at_open(p, &live->behind[r], row,
			      &p->tables.catalog.cells[p->tables.catalog.topics[topic].first_cell +
						       partition]);
	}
	wr_lag_hold(live);
}

int wr_subscription_start(struct weir_pipeline *p, uint32_t id, bool made)
{
	struct wr_subscription_live *live = &p->subscriptions[id];
	if (wr_load_acquire(&live->started) != 0) /* X1 */
		return 0;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	struct wr_memory *memory = p->host.memory;
	live->pipeline = p;
	live->id = id;
	live->ports = (struct wr_group_ports){
		.context = live,
		.raise = port_raise,
		.room = port_room,
		.assign = port_assign,
		.revoke = port_revoke,
		.lost = port_lost,
		.lane_ticket = port_lane_ticket,
		.lane_decided = port_lane_decided,
	};
	for (uint32_t t = 0; t < s->topic_count; t++)
		live->topic_partitions[t] = p->tables.catalog.topics[s->topics[t]].partitions;
	live->row_of_topic =
		memory->ops->alloc(memory, p->options.topics_max * sizeof(uint32_t), 8);
	live->behind_bytes = s->row_count * sizeof *live->behind;
	live->behind = memory->ops->alloc(memory, live->behind_bytes, 8);
	live->told_from = memory->ops->alloc(memory, s->row_count * sizeof *live->told_from, 8);
	int rc = live->row_of_topic == NULL || live->behind == NULL || live->told_from == NULL
			 ? -ENOMEM
			 : wr_group_init(&live->group, memory, &live->ports, live->topic_partitions,
					 s->topic_count, p->options.members_max);
	if (rc != 0)
		return rc;
	for (uint32_t t = 0; t < p->options.topics_max; t++)
		live->row_of_topic[t] = UINT32_MAX;
	uint32_t row = 0;
	for (uint32_t t = 0; t < s->topic_count; t++) {
		live->row_of_topic[s->topics[t]] = row;
		row += live->topic_partitions[t];
	}
	for (uint32_t r = 0; r < s->row_count; r++)
		wr_group_set_generation(
			&live->group, r,
			(uint32_t)wr_load_relaxed(
				&p->tables.settle.rows[s->row_first + r].generation));
	if (made)
		wr_lag_begin(p, live); /* nobody has settled anything of it */
	else
		init_behind(p, live, s);
	wr_store_relaxed(&live->gate, p->journal != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY);
	wr_store_relaxed(&live->session_timeout_ns, 45000000000u);
	wr_store_release(&live->started, 1u); /* X1: the group step may look at it now */
	return 0;
}

/* ---- the step ---- */

/* Answers to generation records, in the order of their tickets. */
static int take_answers(struct weir_pipeline *p)
{
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	int work = 0;
	(void)wr_park_look_u64(&lane->ordered); /* A3: the replies up to it are there */
	const struct wr_reply *reply;
	while ((reply = wr_lane_reply_peek(lane)) != NULL) {
		const struct wr_raise *raise =
			&p->raises[reply->ticket & (lane->reply_capacity - 1)];
		struct wr_subscription_live *live = &p->subscriptions[raise->subscription];
		/* A seek was ordered: what lies between its target and its record is counted. A3 */
		if (reply->code == 0 &&
		    live->group.rows[raise->row].raising_position != WR_SEEK_NONE) {
			live->told_from[raise->row] = 0;
			wr_lag_begin(p, live); /* before a member hears of the position */
		}
		wr_group_raised(&live->group, raise->row, reply->code);
		wr_lane_reply_take(lane);
		work++;
	}
	return work;
}

static int take_released(struct wr_subscription_live *live, struct weir_member *m)
{
	int work = 0;
	(void)wr_park_look_u64(&m->released); /* N2 */
	while (wr_spsc_ready(&m->to_group_ring) > 0) {
		const struct wr_message *message =
			&m->to_group[wr_spsc_pop_index(&m->to_group_ring, 0)];
		wr_group_released(&live->group, m->slot, message->row, message->generation,
				  message->ticket);
		wr_spsc_pop(&m->to_group_ring, 1);
		work++;
	}
	return work;
}

static void watch_session(struct wr_subscription_live *live, struct weir_member *m, uint64_t now)
{
	uint64_t polled = wr_load_relaxed(&m->polled_ns);
	bool late = now > polled && now - polled > wr_load_relaxed(&live->session_timeout_ns);
	if (late == m->expired)
		return;
	m->expired = late;
	if (late)
		wr_group_expire(&live->group, m->slot);
	else
		wr_group_revive(&live->group, m->slot);
}

static int serve_member(struct weir_pipeline *p, struct weir_member *m, uint64_t now)
{
	uint32_t state = wr_load_acquire(&m->state); /* M1 */
	if (state < WR_MEMBER_JOINING || state == WR_MEMBER_LEFT)
		return 0;
	struct wr_subscription_live *live = &p->subscriptions[m->subscription];
	struct wr_group *group = &live->group;
	int work = take_released(live, m);
	if (state == WR_MEMBER_JOINING) {
		wr_group_join(group, m->slot, m->name);
		/* A caller may have asked to leave meanwhile: then that stands. M1 */
		(void)wr_cas_acq_rel(&m->state, &state, (uint32_t)WR_MEMBER_JOINED);
		work++;
	}
	if (state != WR_MEMBER_LEAVING) {
		watch_session(live, m, now);
		return work;
	}
	if (!group->members[m->slot].present) {
		/* It left before the group ever saw it. */
	} else if (!group->members[m->slot].leaving) {
		wr_group_leave(group, m->slot);
		return work + 1;
	} else if (!wr_group_has_left(group, m->slot)) {
		return work;
	} else {
		wr_group_remove(group, m->slot);
	}
	/* Behind the store the slot is whoever's takes it next; the parker stays. */
	struct wr_parker *parker = &m->lane->parker;
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_LEFT); /* M1 */
	wr_park_wake(parker);
	return work + 1;
}

static int serve_seek(struct wr_subscription_live *live)
{
	uint64_t asked = wr_park_look_u64(&live->seek_asked); /* W1 */
	if (asked != live->seek_taken) {
		live->seek_taken = asked;
		wr_group_seek(&live->group, live->seek_position);
		return 1;
	}
	if (wr_load_relaxed(&live->seek_done) == asked) /* own */
		return 0;
	for (uint32_t r = 0; r < live->group.row_count; r++)
		if (live->group.rows[r].seek_position != WR_SEEK_NONE)
			return 0;
	wr_publish_u64(&live->seek_done, asked); /* W1 */
	wr_park_notify(&live->pipeline->lanes[WR_CONTROL_LANE].parker);
	return 1;
}

static int load_extent(struct weir_pipeline *p, uint64_t seq, uint32_t wanted_count,
		       struct weir_problem *problem)
{
	return wr_catchup_load(p->catchup, &p->reader, &p->tables.catalog, seq,
			       wr_load_acquire(&p->link.durable_seq), /* D1 */
			       p->wanted, wanted_count, problem);
}

/* The extent that a member waits for. Work done. */
static int load_wanted(struct weir_pipeline *p, struct weir_member *m, uint64_t seq,
		       uint32_t wanted_count)
{
	struct weir_problem problem = {0};
	int rc = load_extent(p, seq, wanted_count, &problem);
	if (rc == -EAGAIN)
		return 0;
	if (rc != 0) {
		m->problem = problem;
		m->failure_seq = seq;
		wr_store_release(&m->catchup_failure, (uint32_t)-rc); /* U1 */
	}
	tell_member(p, m);
	return 1;
}

/* The extent behind the one that a member reads, unless that is in memory. Work done. */
static int load_ahead(struct weir_pipeline *p, uint64_t end_seq, uint32_t wanted_count)
{
	struct wr_pin *pin = &p->chunks.pins[p->options.members_max + WR_PIN_GROUP];
	struct weir_problem problem;
	uint64_t ordinal;
	if (end_seq > wr_load_acquire(&p->link.durable_seq) || /* D1 */
	    wr_catchup_holds(p->catchup, end_seq) != 0 ||
	    wr_chunks_find(&p->chunks, pin, end_seq, &ordinal))
		return 0;
	/* What goes wrong here is told to who asks for it. */
	return load_extent(p, end_seq, wanted_count, &problem) == 0 ? 1 : 0;
}

/* Brings one extent from disk: one that a member waits for, or else one that it will. */
static int serve_catchup(struct weir_pipeline *p)
{
	uint32_t count = 0;
	if (p->catchup == NULL)
		return 0;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		uint64_t seq = wr_park_look_u64(&p->members[i].wanted_seq); /* U1 */
		if (seq != 0)
			p->wanted[count++] = seq;
	}
	for (uint32_t i = 0; i < p->options.members_max && count > 0; i++) {
		struct weir_member *m = &p->members[i];
		uint64_t seq = wr_load_acquire(&m->wanted_seq); /* U1 */
		if (seq != 0 && wr_catchup_holds(p->catchup, seq) == 0 &&
		    wr_load_acquire(&m->catchup_failure) == 0 && /* U1 */
		    load_wanted(p, m, seq, count) != 0)
			return 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t end_seq = wr_catchup_holds(p->catchup, p->wanted[i]);
		if (end_seq != 0 && load_ahead(p, end_seq, count) != 0)
			return 1;
	}
	return 0;
}

/* Whether a member has not yet taken what it was told: its reading_seq knows nothing of it. */
static bool is_behind_its_mail(struct weir_member *m)
{
	return wr_load_acquire(&m->to_member_ring.head) != m->to_member_ring.tail_own; /* Q2 */
}

/*
 * Rows on their way from one member to another: nobody reads them now, and who gets them goes on
 * where they are settled up to; who was told so already, where it was told to.
 */
static uint64_t held_by_moving_rows(struct wr_subscription_live *live)
{
	struct weir_pipeline *p = live->pipeline;
	uint64_t held = UINT64_MAX;
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		const struct wr_row *row = &live->group.rows[r];
		if (row->state != WR_ROW_SETTLED || row->owner == WR_MEMBER_NONE)
			held = wr_min_u64(held, unsettled_from(live, r));
		else if (is_behind_its_mail(&p->members[row->owner]))
			held = wr_min_u64(held, live->told_from[r]);
	}
	return held;
}

/* The lowest place that a member of the group reads, or will; UINT64_MAX: there is none. */
static uint64_t held_by_group(struct wr_subscription_live *live)
{
	struct weir_pipeline *p = live->pipeline;
	bool any = false, moving = !wr_group_is_settled(&live->group);
	uint64_t held = UINT64_MAX;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		uint32_t state = wr_load_acquire(&m->state); /* M1 */
		/* Who is leaving reads no more, but its rows are its own until they move. */
		if ((state != WR_MEMBER_JOINED && state != WR_MEMBER_LEAVING) ||
		    m->subscription != live->id || m->expired)
			continue;
		any = true;
		moving = moving || is_behind_its_mail(m);
		held = wr_min_u64(held, wr_load_relaxed(&m->reading_seq));
	}
	return any && moving ? wr_min_u64(held, held_by_moving_rows(live)) : held;
}

/* What `block` subscriptions keep in memory. */
static bool publish_holds(struct weir_pipeline *p, uint32_t subscription_count)
{
	bool any = false;
	/*
	 * Nobody polls any more in a close: what was not read stays in the journal, or is gone
	 * with a log in memory, and the report counts it. A drain does not wait for sessions to
	 * end.
	 */
	bool closing = wr_pipeline_refused(p) == WEIR_E_CLOSED;
	for (uint32_t id = 0; id < subscription_count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		uint64_t held = UINT64_MAX;
		if (!closing && wr_load_acquire(&live->started) != 0 && /* X1 */
		    wr_load_relaxed(&live->when_slow) == WEIR_SLOW_BLOCK) {
			any = true;
			held = held_by_group(live);
		}
		if (wr_load_relaxed(&p->holds[id].seq) != held) { /* own */
			wr_publish_u64(&p->holds[id].seq, held);  /* H1 */
			wr_park_notify(&p->log_parker);
		}
	}
	return any;
}

static int group_step(void *self, uint32_t budget)
{
	struct weir_pipeline *p = self;
	(void)budget;
	int work = take_answers(p);
	uint64_t now = wr_clock_mono_ns(p->host.clock);
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	bool members = false;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		members |= wr_load_acquire(&p->members[i].state) != WR_MEMBER_FREE; /* M1 */
		work += serve_member(p, &p->members[i], now);
	}
	for (uint32_t id = 0; id < count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		if (wr_load_acquire(&live->started) == 0) /* X1 */
			continue;
		work += serve_seek(live);
		work += wr_group_step(&live->group);
	}
	work += serve_catchup(p);
	bool holds = publish_holds(p, count);
	work += wr_lag_step(p);
	p->group_idle_ns = holds                  ? IDLE_WITH_HOLDS_NS
			   : members || count > 0 ? IDLE_WITH_MEMBERS_NS
						  : UINT64_MAX;
	return work;
}

static uint64_t group_idle_ns(void *self)
{
	return ((struct weir_pipeline *)self)->group_idle_ns;
}

void wr_pipeline_group_step(struct weir_pipeline *p, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){
		.name = "group", .run = group_step, .idle_ns = group_idle_ns, .self = p};
}
