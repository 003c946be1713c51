/* SPDX-License-Identifier: Apache-2.0 */
/* Members: joining, leaving, messages of the group, handlers. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/catchup.h"
#include "core/pipeline/pipeline.h"

#define ITEMS_MAX_DEFAULT 1024u
#define PIECES_MAX_DEFAULT 1024u
#define LEAVE_LOOK_NS 1000000u
#define STUCK_RETRY_NS 1000000000u

void weir_member_options_init(struct weir_member_options *options)
{
	*options = (struct weir_member_options){
		.struct_bytes = sizeof *options,
		.items_max = ITEMS_MAX_DEFAULT,
		.unacked_ranges_max = PIECES_MAX_DEFAULT,
	};
}

/* ---- rows ---- */

static void set_tag(struct weir_member *m, uint32_t row, bool owned)
{
	const struct wr_member_row *r = &m->rows[row];
	uint32_t tag = (m->pipeline->tables.catalog.topics[r->topic].tag_base + r->partition) &
		       wr_chunks_tag_mask(&m->pipeline->chunks);
	uint64_t bit = 1ull << (tag % 64);
	if (owned)
		m->tags[tag / 64] |= bit;
	else
		m->tags[tag / 64] &= ~bit;
}

/* Tags may be shared by several rows (they are cut to their bits): set anew from what is owned. */
static void set_tags(struct weir_member *m)
{
	memset(m->tags, 0, m->tag_words * sizeof *m->tags);
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && !m->rows[r].revoked)
			set_tag(m, r, true);
}

static void take_row(struct weir_member *m, const struct wr_message *message)
{
	struct wr_member_row *row = &m->rows[message->row];
	/* Taken back before it was read. Who does not see it yet stands below the next owner. N3 */
	if (message->generation <= wr_load_relaxed(&m->lost[message->row]) &&
	    !WR_BUG(LOST_ROW_TAKEN))
		return;
	bool first = m->owned_count == 0;
	wr_member_drop_row(m, message->row);
	uint32_t topic = row->topic, partition = row->partition;
	bool dirty = row->dirty;
	uint64_t redelivered_below = message->redelivered ? message->skip_below : 0;
	*row = (struct wr_member_row){
		.generation = message->generation,
		.topic = topic,
		.partition = partition,
		.next_out = wr_max_u64(message->position, message->skip_to),
		.next_from = message->position,
		.acked = message->position,
		.flushed = message->position,
		/* A seek does not stop the owner: it may have been handed out more meanwhile. */
		.redelivered_below = wr_max_u64(redelivered_below, row->next_from),
		.first_ticket = m->lane->handed_over + 1,
		.dirty = dirty,
	};
	m->owned_count++;
	set_tag(m, message->row, true);
	if (first || row->next_out < m->scan_seq)
		wr_member_move_to(m, row->next_out);
	/* Before the message is taken (Q2): from then on the group goes by what is read here. */
	if (m->scan_seq < wr_load_relaxed(&m->reading_seq)) /* own */
		wr_store_relaxed(&m->reading_seq, m->scan_seq);
}

/* Nothing more is handed out of it. False: its acks do not fit the lane yet. */
static bool let_go_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	wr_member_pass_row(m, row_index); /* scanning goes on without it */
	row->revoked = true;
	/* Its acks first: what is dirty must be in the lane before it is let go. */
	if (row->dirty && row->acked > row->flushed && wr_member_flush(m) > 0 && row->dirty)
		return false;
	wr_member_drop_row(m, row_index);
	return true;
}

static bool release_row(struct weir_member *m, uint32_t row_index)
{
	uint32_t generation = m->rows[row_index].generation;
	if (!let_go_row(m, row_index))
		return false;
	m->to_group[wr_spsc_push_index(&m->to_group_ring, 0)] = (struct wr_message){
		.kind = WR_MESSAGE_RELEASED,
		.row = row_index,
		.generation = generation,
		.ticket = m->lane->write_at,
	};
	wr_spsc_push(&m->to_group_ring, 1);
	struct weir_pipeline *p = m->pipeline;
	wr_publish_u64(&m->released, ++m->released_own); /* N2 */
	wr_park_notify(&p->group_parker);
	return true;
}

/*
 * Rows that were moved forward, by a seek, all begin behind where the member stands: it goes there
 * at once. What lies between is nobody's, and may be what they were moved over because it cannot be
 * read.
 */
static void move_on(struct weir_member *m)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && !m->rows[r].revoked)
			least = wr_min_u64(least, m->rows[r].next_out);
	if (least != UINT64_MAX && least > m->scan_seq)
		wr_member_move_to(m, least);
}

/*
 * What was taken from the member without asking it, and stands in no message, since it may have no
 * room for one.
 */
static void lose_rows(struct weir_member *m)
{
	/* N3: pairs with port_lost(). Behind the load of the gate that is polled up to. */
	uint64_t losses = wr_load_acquire(&m->losses);
	if (losses == m->losses_seen)
		return;
	bool all_gone = true;
	for (uint32_t r = 0; r < m->row_count; r++) {
		uint32_t generation = m->rows[r].generation;
		if (generation != 0 && generation <= wr_load_relaxed(&m->lost[r])) /* N3 */
			all_gone &= let_go_row(m, r);
	}
	set_tags(m);
	if (all_gone)
		m->losses_seen = losses;
}

void wr_member_take_messages(struct weir_member *m)
{
	bool changed = false, assigned = false;
	lose_rows(m);
	while (wr_spsc_ready(&m->to_member_ring) > 0) {
		const struct wr_message *message =
			&m->to_member[wr_spsc_pop_index(&m->to_member_ring, 0)];
		struct wr_member_row *row = &m->rows[message->row];
		if (message->kind == WR_MESSAGE_ASSIGN) {
			take_row(m, message);
			assigned = true;
		} else if (row->generation == message->generation) {
			changed = true;
			if (!release_row(m, message->row))
				break;
		}
		wr_spsc_pop(&m->to_member_ring, 1);
	}
	if (changed)
		set_tags(m);
	if (assigned)
		move_on(m);
}

int weir_member_assignments(struct weir_member *m, struct weir_assignment *assignments,
			    size_t assignments_max)
{
	size_t count = 0;
	for (uint32_t r = 0; r < m->row_count; r++) {
		const struct wr_member_row *row = &m->rows[r];
		if (row->generation == 0 || row->revoked)
			continue;
		if (count < assignments_max)
			assignments[count] = (struct weir_assignment){
				.topic = row->topic,
				.partition = row->partition,
				.generation = row->generation,
				.position = row->acked,
			};
		count++;
	}
	return (int)count;
}

/* ---- joining ---- */

struct layout {
	size_t rows, tags, lost, dirty, pieces, to_member, to_group, items, total;
};

static size_t add_part(size_t *total, size_t bytes)
{
	size_t at = (size_t)wr_round_up(*total, WR_LINE_BYTES);
	*total = at + bytes;
	return at;
}

static struct layout layout_of(const struct weir_member *m)
{
	struct layout l = {0};
	l.rows = add_part(&l.total, m->row_count * sizeof *m->rows);
	l.tags = add_part(&l.total, m->tag_words * sizeof *m->tags);
	l.lost = add_part(&l.total, m->row_count * sizeof *m->lost);
	l.dirty = add_part(&l.total, m->row_count * sizeof *m->dirty);
	l.pieces = add_part(&l.total, m->piece_max * sizeof *m->pieces);
	l.to_member = add_part(&l.total, m->message_count * sizeof *m->to_member);
	l.to_group = add_part(&l.total, m->message_count * sizeof *m->to_group);
	l.items = add_part(&l.total, m->items_max * sizeof *m->items);
	return l;
}

static int allocate(struct weir_member *m)
{
	struct layout l = layout_of(m);
	struct wr_memory *memory = m->pipeline->host.memory;
	uint8_t *block = memory->ops->alloc(memory, l.total, WR_LINE_BYTES);
	if (block == NULL)
		return -ENOMEM;
	m->block = block;
	m->block_bytes = l.total;
	m->rows = (struct wr_member_row *)(block + l.rows);
	m->tags = (uint64_t *)(block + l.tags);
	m->lost = (wr_atomic_u32 *)(block + l.lost);
	m->dirty = (uint32_t *)(block + l.dirty);
	m->pieces = (struct wr_ack_piece *)(block + l.pieces);
	m->to_member = (struct wr_message *)(block + l.to_member);
	m->to_group = (struct wr_message *)(block + l.to_group);
	m->items = (struct weir_item *)(block + l.items);
	return 0;
}

/* A slot whose lane is free too; under the registry lock. */
static struct weir_member *take_slot(struct weir_pipeline *p)
{
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		struct wr_lane *lane = &p->lanes[WR_LANES_RESERVED + p->options.producers_max + i];
		if (wr_load_acquire(&m->state) != WR_MEMBER_FREE || /* M1 */
		    wr_load_acquire(&lane->state) != WR_LANE_FREE)  /* S1 */
			continue;
		wr_store_release(&m->state, (uint32_t)WR_MEMBER_TAKEN); /* M1 */
		m->lane = lane;
		return m;
	}
	return NULL;
}

struct slot_wait {
	struct weir_pipeline *pipeline;
	struct weir_member *member;
};

static bool has_slot(void *context)
{
	struct slot_wait *w = context;
	struct weir_pipeline *p = w->pipeline;
	if (w->member != NULL)
		return true;
	wr_spinlock_lock(&p->registry);
	w->member = take_slot(p);
	if (w->member != NULL)
		wr_lane_open(w->member->lane, WR_LANE_SETTLE, true);
	wr_spinlock_unlock(&p->registry);
	return w->member != NULL;
}

static int set_up(struct weir_member *m, uint32_t subscription, const struct weir_member_options *o)
{
	struct weir_pipeline *p = m->pipeline;
	struct wr_subscription_live *live = &p->subscriptions[subscription];
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[subscription];
	m->subscription = subscription;
	m->row_count = s->row_count;
	m->tag_words = (wr_chunks_tag_mask(&p->chunks) + 64) / 64;
	m->piece_max = o->unacked_ranges_max != 0 ? o->unacked_ranges_max : PIECES_MAX_DEFAULT;
	m->items_max = o->handler == NULL  ? 0
		       : o->items_max != 0 ? o->items_max
					   : ITEMS_MAX_DEFAULT;
	/* One message a row is under way at most, in either direction. */
	m->message_count = (uint32_t)wr_power_of_two_above(s->row_count * 2ull);
	int rc = allocate(m);
	if (rc != 0)
		return rc;
	if (o->name != NULL)
		(void)snprintf(m->name, sizeof m->name, "%s", o->name);
	else
		(void)snprintf(m->name, sizeof m->name, "member-%05u", m->slot);
	for (uint32_t r = 0; r < m->row_count; r++)
		wr_catalog_row_partition(&p->tables.catalog, s, r, &m->rows[r].topic,
					 &m->rows[r].partition);
	wr_spsc_init(&m->to_member_ring, m->message_count);
	wr_spsc_init(&m->to_group_ring, m->message_count);
	m->gate = (enum weir_level)wr_load_relaxed(&live->gate);
	m->gate_parker = m->gate == WEIR_LEVEL_MEMORY ? &p->visible_parker : &p->durable_parker;
	m->handler = o->handler;
	m->handler_context = o->handler_context;
	return 0;
}

static void reset(struct weir_member *m)
{
	m->expired = false;
	m->owned_count = m->dirty_count = m->piece_count = 0;
	m->mail_seen = m->losses_seen = 0;
	m->passed_seq = m->scan_seq = m->gap_end = 0;
	m->gap_row = m->batch_index = m->item_next = m->item_count = 0;
	m->fenced = false;
	m->place = WR_PLACE_NONE;
	m->chunk = NULL;
	m->released_own = 0;
	m->poller = 0;
	wr_store_relaxed(&m->inside, 0u);
	wr_store_relaxed(&m->lent, (uint32_t)WR_LENT);
	m->stuck = false;
	m->stuck_seq = 0;
	wr_store_relaxed(&m->released, 0u);
	wr_store_relaxed(&m->losses, 0u);
	wr_store_relaxed(&m->wanted_seq, 0u);
	wr_store_relaxed(&m->catchup_failure, 0u);
	wr_store_relaxed(&m->reading_seq, UINT64_MAX);
	wr_store_relaxed(&m->handler_end, 0u);
	wr_store_relaxed(&m->polled_ns, wr_clock_mono_ns(m->pipeline->host.clock));
}

static void free_slot(struct weir_member *m)
{
	struct weir_pipeline *p = m->pipeline;
	struct wr_memory *memory = p->host.memory;
	wr_event_fd_drop(m->event);
	if (m->block != NULL)
		memory->ops->free(memory, m->block, m->block_bytes);
	m->block = NULL;
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_FREE); /* M1 */
}

int weir_member_join(struct weir_pipeline *p, uint32_t subscription,
		     const struct weir_member_options *o, struct weir_member **ret_member,
		     struct weir_problem *reterr_problem)
{
	struct weir_member_options defaults;
	if (o == NULL) {
		weir_member_options_init(&defaults);
		o = &defaults;
	}
	int rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_member_options_init",
			       reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused(p);
	if (rc != 0)
		return wr_problem_set(reterr_problem, rc, "", weir_strerror(rc));
	if (o->name != NULL &&
	    (o->name[0] == '\0' || strlen(o->name) >= sizeof((struct weir_member *)0)->name))
		return wr_problem_set(reterr_problem, -EINVAL, "name",
				      "a member's name is 1 to 63 bytes");
	if (subscription >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[subscription].started) == 0) /* X1 */
		return wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "subscription",
				      "no subscription has this id");
	struct slot_wait wait = {.pipeline = p};
	wr_pipeline_wait_for_slot(p, WR_LANES_RESERVED + p->options.producers_max,
				  p->options.members_max, has_slot, &wait);
	struct weir_member *m = wait.member;
	if (m == NULL)
		return wr_problem_set(reterr_problem, WEIR_E_FULL, "members_max",
				      "members_max of the pipeline have joined already");
	reset(m);
	rc = set_up(m, subscription, o);
	if (rc != 0) {
		wr_lane_close(m->lane);
		free_slot(m);
		return wr_problem_set(reterr_problem, rc, "", weir_strerror(rc));
	}
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_JOINING); /* M1 */
	wr_park_wake(&p->group_parker);
	*ret_member = m;
	if (m->handler == NULL)
		return 0;
	rc = p->host.handler_start(p->host.context, m);
	if (rc == 0)
		return 0;
	m->handler = NULL;
	(void)weir_member_leave(m, WEIR_FOREVER);
	return wr_problem_set(reterr_problem, rc, "handler", "its thread could not be started");
}

/* ---- leaving ---- */

/* The last acks of a member that goes. */
static void pass_rows(struct weir_member *m)
{
	for (uint32_t r = 0; r < m->row_count; r++)
		wr_member_pass_row(m, r);
}

static bool has_flushed(void *context)
{
	struct weir_member *m = context;
	wr_member_take_replies(m);
	if (wr_member_flush(m) > 0)
		return false;
	return wr_park_look_u64(&m->lane->ordered) >= m->lane->handed_over; /* A3 */
}

static bool has_left(void *context)
{
	struct weir_member *m = context;
	return wr_load_acquire(&m->state) == WR_MEMBER_LEFT; /* M1 */
}

int weir_member_leave(struct weir_member *m, uint64_t timeout_ns)
{
	if (m == NULL)
		return 0;
	struct weir_pipeline *p = m->pipeline;
	if (wr_pipeline_is_copy(p))
		return WEIR_E_CLOSED;
	if (p->host.inside_step(p->host.context))
		return -EDEADLK;
	if (wr_load_seq(&p->closed) != 0) { /* Z1 */
		wr_pipeline_give_back(m);
		return 0;
	}
	if (m->handler != NULL)
		p->host.handler_stop(p->host.context, m);
	wr_member_unpin(m);
	wr_pipeline_stay(p);
	pass_rows(m);
	int rc = has_flushed(m) ? 0
				: wr_pipeline_wait(p, &m->lane->parker, has_flushed, m, timeout_ns);
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_LEAVING); /* M1 */
	wr_park_wake(&p->group_parker);
	/* The group answers soon: it waits for the writer only, for nothing when refused. */
	bool left = has_left(m);
	while (!left) {
		int waited = wr_pipeline_wait(p, &m->lane->parker, has_left, m, LEAVE_LOOK_NS);
		left = has_left(m);
		if (waited == WEIR_E_CLOSED || waited == WEIR_E_FAILED)
			break;
	}
	wr_lane_close(m->lane);
	/*
	 * Nobody joins a pipeline that refuses everything. The group may still have messages for
	 * this member: its memory goes with the pipeline's.
	 */
	if (left)
		free_slot(m);
	else
		wr_event_fd_drop(m->event);
	wr_pipeline_go(p);
	return rc;
}

int weir_member_eventfd(struct weir_member *m)
{
	return wr_event_fd_get(m->pipeline, m->event);
}

/* ---- handlers ---- */

static int handle_items(struct weir_member *m, uint32_t budget)
{
	int handled = 0;
	while (m->item_next < m->item_count && (uint32_t)handled < budget) {
		const struct weir_item *item = &m->items[m->item_next];
		enum weir_handled said = m->handler(m->handler_context, m, item);
		if (said == WEIR_HANDLED_STOP) {
			pass_rows(m);
			m->item_count = m->item_next;
			wr_store_release(&m->handler_end, 1u); /* M2 */
			break;
		}
		/* Fenced meanwhile: another member gets it again. */
		if (said == WEIR_HANDLED_OK && weir_ack(m, item) == WEIR_E_FENCED)
			m->fenced = true;
		m->item_next++;
		handled++;
	}
	return handled;
}

/* Until what could not be read is tried again. */
static uint64_t handler_idle_ns(void *self)
{
	struct weir_member *m = self;
	if (!m->stuck)
		return UINT64_MAX;
	uint64_t waited_ns = wr_clock_mono_ns(m->pipeline->host.clock) - m->stuck_ns;
	return waited_ns < STUCK_RETRY_NS ? STUCK_RETRY_NS - waited_ns : 0;
}

/* Nobody polls, so nobody is returned a code: who listens is told, once for each place. */
static void handler_is_stuck(struct weir_member *m, uint64_t mail)
{
	const struct weir_options *o = &m->pipeline->options;
	m->stuck = true;
	m->stuck_mail = mail;
	m->stuck_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	if (o->log_fn != NULL && m->stuck_seq != m->scan_seq)
		o->log_fn(o->log_context, m->problem.text);
	m->stuck_seq = m->scan_seq;
}

static int handler_step(void *self, uint32_t budget)
{
	struct weir_member *m = self;
	struct weir_pipeline *p = m->pipeline;
	if (m->item_next < m->item_count)
		return handle_items(m, budget);
	if (wr_load_acquire(&m->handler_end) != 0 || /* M2 */
	    wr_pipeline_refused(p) == WEIR_E_CLOSED) {
		if (!m->handler_ended && wr_member_flush(m) == 0) {
			wr_member_unpin(m);
			m->handler_ended = true;
			if (wr_load_acquire(&m->handler_end) == 1) { /* M2: said STOP */
				wr_store_release(&m->state, (uint32_t)WR_MEMBER_LEAVING); /* M1 */
				wr_park_wake(&p->group_parker);
			}
			wr_store_release(&m->handler_end, 2u); /* M2 */
			return 1;
		}
		return 0;
	}
	uint64_t mail = wr_park_look_u64(&m->mail); /* N1 */
	if (m->stuck && mail == m->stuck_mail && handler_idle_ns(m) > 0)
		return 0;
	wr_store_relaxed(&m->polled_ns, wr_clock_mono_ns(p->host.clock));
	int count = wr_member_poll(m, m->items, m->items_max);
	m->stuck = false;
	if (count < 0)
		handler_is_stuck(m, mail);
	if (count <= 0) {
		/* Asleep until something comes: that is no reason to take its partitions away. */
		wr_store_relaxed(&m->polled_ns, WR_POLLED_NOW);
		return 0;
	}
	m->item_next = 0;
	m->item_count = (uint32_t)count;
	return handle_items(m, budget);
}

void wr_member_handler_step(struct weir_member *member, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){.name = member->name,
				     .run = handler_step,
				     .idle_ns = handler_idle_ns,
				     .self = member};
}
