/* SPDX-License-Identifier: Apache-2.0 */
/* A member: joining and leaving. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/member_times.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/transaction.h"

#define ITEMS_MAX_DEFAULT 1024u
#define PIECES_MAX_DEFAULT 1024u
#define IN_FLIGHT_MAX_DEFAULT 256u
#define TRANSACTIONS_MAX_DEFAULT 256u

void weir_member_options_init(struct weir_member_options *options)
{
	*options = (struct weir_member_options){
		.struct_bytes = sizeof *options,
		.items_max = ITEMS_MAX_DEFAULT,
		.unacked_ranges_max = PIECES_MAX_DEFAULT,
		.in_flight_max = IN_FLIGHT_MAX_DEFAULT,
		.transactions_max = TRANSACTIONS_MAX_DEFAULT,
	};
}

/* ---- joining ---- */

struct layout {
	size_t rows, tried, tags, lost, dirty, pieces, to_member, to_group, items, transactions,
		sent, sharing, shared, total;
};

/* Events that a member of a shared subscription can have, those that it lost and does not know
 * of included. */
static uint32_t held_max_of(uint32_t in_flight_max)
{
	return in_flight_max > 0 ? 4 * (uint32_t)wr_power_of_two_above(in_flight_max) : 0;
}

/* in_flight_max: 0 when the subscription is not shared. */
static struct layout layout_of(const struct weir_member *m, uint32_t transactions_max,
			       uint32_t in_flight_max)
{
	struct layout l = {0};
	l.rows = wr_add_part(&l.total, m->row_count * sizeof *m->rows);
	l.tried = wr_add_part(&l.total, m->row_count * sizeof *m->tried);
	l.tags = wr_add_part(&l.total, m->tag_words * sizeof *m->tags);
	l.lost = wr_add_part(&l.total, m->row_count * sizeof *m->lost);
	l.dirty = wr_add_part(&l.total, m->row_count * sizeof *m->dirty);
	l.pieces = wr_add_part(&l.total, m->piece_max * sizeof *m->pieces);
	l.to_member = wr_add_part(&l.total, m->message_count * sizeof *m->to_member);
	l.to_group = wr_add_part(&l.total, m->message_count * sizeof *m->to_group);
	l.items = wr_add_part(&l.total, m->items_max * sizeof *m->items);
	l.transactions = wr_add_part(&l.total, sizeof *m->transactions);
	l.sent = wr_add_part(&l.total, wr_transactions_bytes(transactions_max, m->row_count,
							     held_max_of(in_flight_max)));
	if (in_flight_max > 0) {
		l.sharing = wr_add_part(&l.total, sizeof *m->sharing);
		l.shared = wr_add_part(&l.total, wr_member_sharing_bytes(in_flight_max));
	}
	return l;
}

static int allocate(struct weir_member *m, uint32_t transactions_max, uint32_t in_flight_max)
{
	struct layout l = layout_of(m, transactions_max, in_flight_max);
	struct wr_memory *memory = m->pipeline->host.memory;
	uint8_t *block = memory->ops->alloc(memory, l.total, WR_LINE_BYTES);
	if (block == NULL)
		return -ENOMEM;
	m->block = block;
	m->block_bytes = l.total;
	m->rows = (struct wr_member_row *)(block + l.rows);
	m->tags = (uint64_t *)(block + l.tags);
	m->lost = (wr_atomic_u32 *)(block + l.lost);
	m->tried = (struct wr_tried *)(block + l.tried);
	m->dirty = (uint32_t *)(block + l.dirty);
	m->pieces = (struct wr_ack_piece *)(block + l.pieces);
	m->to_member = (struct wr_message *)(block + l.to_member);
	m->to_group = (struct wr_message *)(block + l.to_group);
	m->items = (struct weir_item *)(block + l.items);
	m->transactions = (struct wr_transactions *)(block + l.transactions);
	wr_transactions_init(m->transactions, block + l.sent, transactions_max, m->row_count,
			     held_max_of(in_flight_max));
	if (in_flight_max > 0) {
		m->sharing = (struct wr_member_sharing *)(block + l.sharing);
		wr_member_sharing_init(m->sharing, block + l.shared, in_flight_max);
	}
	return 0;
}

/* A slot whose lane is free too; under the registry lock. */
static struct weir_member *take_slot(struct weir_pipeline *p)
{
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		struct wr_lane *lane = &p->lanes[WR_LANES_RESERVED + p->options.producers_max + i];
		uint32_t state = wr_load_acquire(&m->state); /* M1 */
		if ((state != WR_MEMBER_FREE && state != WR_MEMBER_GONE) ||
		    wr_load_acquire(&lane->state) != WR_LANE_FREE) /* S1 */
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
	bool without_lane;
};

static bool has_slot(void *context)
{
	struct slot_wait *w = context;
	struct weir_pipeline *p = w->pipeline;
	if (w->member != NULL)
		return true;
	wr_spinlock_lock(&p->registry);
	w->member = take_slot(p);
	if (w->member != NULL && !w->without_lane)
		wr_lane_open(w->member->lane, WR_LANE_SETTLE, true);
	wr_spinlock_unlock(&p->registry);
	return w->member != NULL;
}

/*
 * Where it sleeps, and is told apart from others by what it wants; a handler only on a thread of
 * its own.
 */
static void choose_bed(struct weir_member *m)
{
	struct weir_pipeline *p = m->pipeline;
	bool is_visible = m->gate == WEIR_LEVEL_MEMORY;
	m->sleepers = NULL;
	m->gate_parker = is_visible ? &p->visible_parker : &p->durable_parker;
	/* Who is granted events is told of them, by the group alone. */
	if (m->sharing != NULL) {
		m->gate_parker = &m->lane->level_parker;
	} else if (m->handler == NULL || !p->options.manual) {
		m->sleepers =
			is_visible ? &p->visible_sleepers.sleepers : &p->durable_sleepers.sleepers;
		m->gate_parker = &m->sleepers->places[m->slot % WR_SLEEPER_PLACES].parker;
	}
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
	/* Two a row: what was asked and not yet read, and what comes behind it (port_room()). */
	m->message_count = (uint32_t)wr_power_of_two_above(s->row_count * 2ull);
	uint32_t in_flight_max = o->in_flight_max != 0 ? o->in_flight_max : IN_FLIGHT_MAX_DEFAULT;
	uint32_t transactions_max =
		o->transactions_max != 0 ? o->transactions_max : TRANSACTIONS_MAX_DEFAULT;
	int rc = allocate(m, transactions_max, live->sharing != NULL ? in_flight_max : 0);
	if (rc != 0)
		return rc;
	if (o->name != NULL)
		(void)snprintf(m->name, sizeof m->name, "%s", o->name);
	else
		(void)snprintf(m->name, sizeof m->name, "member-%05u", m->slot);
	(void)snprintf(m->instance, sizeof m->instance, "%s",
		       o->instance_id != NULL ? o->instance_id : "");
	for (uint32_t r = 0; r < m->row_count; r++)
		wr_catalog_row_partition(&p->tables.catalog, s, r, &m->rows[r].topic,
					 &m->rows[r].partition);
	wr_spsc_init(&m->to_member_ring, m->message_count);
	wr_spsc_init(&m->to_group_ring, m->message_count);
	m->gate = (enum weir_level)wr_load_relaxed(&live->gate);
	m->handler = o->handler;
	choose_bed(m);
	m->handler_context = o->handler_context;
	m->transactions->handler_bytes = o->handler != NULL ? o->transaction_bytes_max : 0;
	return 0;
}

static void reset(struct weir_member *m)
{
	m->expired = false;
	m->owned_count = m->dirty_count = m->piece_count = m->tried_count = 0;
	m->return_seq = m->due_told_ns = 0;
	m->untold = WEIR_HANDLED_OK;
	wr_store_relaxed(&m->due_ns, UINT64_MAX);
	m->mail_seen = m->losses_seen = 0;
	m->passed_seq = m->scan_seq = m->gap_end = m->tags_folded = 0;
	m->gap_row = m->batch_index = m->item_next = m->item_count = 0;
	m->fenced = false;
	m->transactions = NULL;
	m->in_transaction = m->rewinds = m->keeps_erased = false;
	m->place = WR_PLACE_NONE;
	m->chunk = NULL;
	m->route = NULL;
	m->sharing = NULL;
	m->replay = NULL;
	m->span_slot = NULL;
	m->tells_no_spans = false;
	m->released_own = 0;
	m->poller = 0;
	wr_member_times_begin(m);
	wr_store_relaxed(&m->inside, 0u);
	wr_store_relaxed(&m->lent, (uint32_t)WR_LENT);
	m->moved = false;
	m->stuck = false;
	m->stuck_seq = 0;
	wr_store_relaxed(&m->released, 0u);
	wr_store_relaxed(&m->fenced_out, 0u);
	wr_store_relaxed(&m->losses, 0u);
	wr_store_relaxed(&m->wanted_seq, 0u);
	wr_store_relaxed(&m->catchup_failure, 0u);
	wr_store_relaxed(&m->reading_seq, UINT64_MAX);
	wr_store_relaxed(&m->handler_end, 0u);
	wr_store_relaxed(&m->polled_ns, wr_clock_mono_ns(m->pipeline->host.clock));
}

static void free_block(struct weir_member *m)
{
	struct wr_memory *memory = m->pipeline->host.memory;
	if (m->block != NULL)
		memory->ops->free(memory, m->block, m->block_bytes);
	m->block = NULL;
}

static void free_slot(struct weir_member *m)
{
	free_block(m);
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_FREE); /* M1 */
}

/* The slot, waited for, or NULL. It is empty: nothing of the one before is in it. */
static struct weir_member *wait_for_slot(struct weir_pipeline *p, bool without_lane)
{
	struct slot_wait wait = {.pipeline = p, .without_lane = without_lane};
	wr_pipeline_wait_for_slot(p, WR_LANES_RESERVED + p->options.producers_max,
				  p->options.members_max, has_slot, &wait);
	struct weir_member *m = wait.member;
	if (m != NULL) {
		free_block(m); /* of one that did not wait until it had left */
		reset(m);
	}
	return m;
}

struct weir_member *wr_member_take_slot(struct weir_pipeline *p)
{
	struct weir_member *m = wait_for_slot(p, true);
	if (m == NULL)
		return NULL;
	m->handler = NULL;
	m->name[0] = m->instance[0] = '\0';
	return m;
}

void wr_member_give_slot(struct weir_member *m)
{
	m->replay = NULL;
	free_slot(m);
}

/* NULL, or 1 to 63 bytes. */
static bool is_short_text(const char *text)
{
	return text == NULL ||
	       (text[0] != '\0' && strlen(text) < sizeof((struct weir_member *)0)->name);
}

static bool is_held_for(void *context)
{
	struct weir_member *m = context;
	return wr_load_acquire(&m->state) != WR_MEMBER_JOINING &&               /* M1 */
	       wr_load_acquire(&m->pipeline->members_held) >= m->joined_number; /* M3 */
}

/* The options alone: 0, or what is wrong with them. */
static int check_options(const struct weir_pipeline *p, const struct weir_member_options *o,
			 struct weir_problem *problem)
{
	if (!is_short_text(o->name))
		return wr_problem_set(problem, -EINVAL, "name", "a member's name is 1 to 63 bytes");
	if (!is_short_text(o->instance_id))
		return wr_problem_set(problem, -EINVAL, "instance_id",
				      "an instance id is 1 to 63 bytes");
	if (o->in_flight_max > 65536)
		return wr_problem_set(problem, -EINVAL, "in_flight_max",
				      "a member has 1 to 65536 events in flight");
	if (o->transactions_max > 65536)
		return wr_problem_set(problem, -EINVAL, "transactions_max",
				      "a member has 1 to 65536 transactions on their way");
	if (o->transaction_bytes_max >
	    wr_min_u64(p->run_bytes_max, p->options.member_lane_bytes / 4))
		return wr_problem_set(problem, -EINVAL, "transaction_bytes_max",
				      "a run is a quarter of the least of member_lane_bytes, "
				      "lane_bytes and chunk_bytes at most");
	return 0;
}

static int check_subscription(struct weir_pipeline *p, uint32_t subscription,
			      struct weir_problem *problem)
{
	if (subscription >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[subscription].started) == 0) /* X1 */
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "subscription",
				      "no subscription has this id");
	if (p->subscriptions[subscription].copier != NULL)
		return wr_problem_set(problem, -EINVAL, "subscription",
				      "it copies events to another topic, and has no members");
	if (wr_load_relaxed(&p->subscriptions[subscription].holds) != 0)
		return wr_problem_set(problem, -EINVAL, "subscription",
				      "it holds a place in the log, and has no members");
	return 0;
}

/* It goes again without a handler that runs, which a drain is not to wait for. */
static int take_back(struct weir_member *m, int rc, const char *field, const char *text,
		     struct weir_problem *problem)
{
	wr_store_release(&m->handler_end, 2u); /* M2 */
	(void)weir_member_leave(m, WEIR_FOREVER);
	return wr_problem_set(problem, rc, field, text);
}

/*
 * What is published from here on waits for this member, where producers wait for members: not from
 * the group's next step on, before which a pool can be overrun. Then its handler starts. Where a
 * close has come meanwhile, or the log has failed, nobody is started, and the member goes again.
 */
static int begin_member(struct weir_member *m, struct weir_problem *problem)
{
	struct weir_pipeline *p = m->pipeline;
	int rc = p->options.manual
			 ? 0
			 : wr_pipeline_wait(p, &m->lane->parker, is_held_for, m, WEIR_FOREVER);
	if (rc != 0 && rc != WEIR_E_AGAIN) /* else the caller is a step: the group's comes behind */
		return take_back(m, rc, "", weir_strerror(rc), problem);
	rc = m->handler != NULL ? p->host.handler_start(p->host.context, m) : 0;
	if (rc == WEIR_E_CLOSED)
		return take_back(m, rc, "", weir_strerror(rc), problem);
	if (rc != 0)
		return take_back(m, rc, "handler", "its thread could not be started", problem);
	return 0;
}

/* A close waits for it from before its slot is taken: it touches the member behind its wait. */
static int join(struct weir_pipeline *p, uint32_t subscription, const struct weir_member_options *o,
		struct weir_member **ret_member, struct weir_problem *problem)
{
	struct weir_member *m = wait_for_slot(p, false);
	if (m == NULL)
		return wr_problem_set(problem, WEIR_E_FULL, "members_max",
				      "members_max of the pipeline have joined already");
	int rc = set_up(m, subscription, o);
	if (rc != 0) {
		wr_lane_close(m->lane);
		free_slot(m);
		return wr_problem_in_words(problem, rc);
	}
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_JOINING); /* M1 */
	wr_park_wake(&p->group_parker);
	rc = begin_member(m, problem);
	if (rc == 0)
		*ret_member = m;
	return rc;
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
	int rc = wr_null_check(o, ret_member, reterr_problem);
	if (rc == 0)
		rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_member_options_init",
				   reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	rc = check_options(p, o, reterr_problem);
	if (rc == 0)
		rc = check_subscription(p, subscription, reterr_problem);
	if (rc != 0)
		return rc;
	wr_pipeline_stay(p);
	rc = join(p, subscription, o, ret_member, reterr_problem);
	wr_pipeline_go(p);
	return rc;
}

/* ---- leaving ---- */

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

/*
 * It has not left yet: the group finishes that, and closes the lane, which it still looks at. Then
 * the slot and the memory are whoever's joins next, or go with the pipeline. False: it has left
 * after all.
 */
static bool abandon(struct weir_member *m)
{
	uint32_t leaving = WR_MEMBER_LEAVING;
	return wr_cas_acq_rel(&m->state, &leaving, (uint32_t)WR_MEMBER_ABANDONED); /* M1 */
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
	/* From here on a close waits for this call, and so for the handler that it waits for. */
	wr_pipeline_stay(p);
	if (m->handler != NULL)
		p->host.handler_stop(p->host.context, m);
	if (m->in_transaction)
		wr_transaction_abort(m);
	wr_member_unpin(m);
	wr_member_want_nothing(m);
	uint64_t deadline = wr_pipeline_deadline_ns(p, timeout_ns);
	wr_member_pass_rows(m);
	int rc = has_flushed(m) ? 0
				: wr_pipeline_wait(p, &m->lane->parker, has_flushed, m, timeout_ns);
	wr_store_release(&m->state, (uint32_t)WR_MEMBER_LEAVING); /* M1 */
	wr_park_wake(&p->group_parker);
	/* The group answers soon: it waits for the writer only, which a full disk may hold up. */
	if (!has_left(m))
		(void)wr_pipeline_wait(p, &m->lane->parker, has_left, m,
				       wr_pipeline_left_ns(p, deadline));
	wr_event_fd_drop(m->event);
	if (!abandon(m)) {
		wr_lane_close(m->lane);
		free_slot(m);
	}
	wr_pipeline_go(p);
	return rc;
}

int weir_member_eventfd(struct weir_member *m)
{
	return wr_event_fd_get(m->pipeline, m->event, wr_member_event_by(m));
}
