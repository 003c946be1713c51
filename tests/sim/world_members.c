/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members do: join, poll, acknowledge in order, out of order and all at once, commit, sleep
 * past their session, leave; and what moves them, seeks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/oracle.h"

#define BEYOND_ONE_IN 40u /* steps in which that would find what nothing else finds */
#define ITEMS_MAX WORLD_LENT_MAX
#define RANGES_MAX 4u
#define DETACHES_ONE_IN 16u
#define DETACH_EVENTS 24u
#define NAP_ONE_IN 16u
#define NAP_TURNS_MAX 60u

static bool is_expected(int rc)
{
	return rc == -ETIMEDOUT || rc == WEIR_E_AGAIN || rc == WEIR_E_FENCED ||
	       (rc == WEIR_E_FAILED && world_has_failed());
}

/* In one seed of four; two of the slots have the same one. */
static const char *draw_instance(const struct world_member *m)
{
	static const char *const instances[WORLD_MEMBERS] = {"i", NULL, "k", "i"};

	return world.seed % 4 == 2 && !world.healing
		       ? instances[(m - world.members) % WORLD_MEMBERS]
		       : NULL;
}

static void clear(struct world_member *m)
{
	memset(m, 0, offsetof(struct world_member, held));
}

void world_members_forget(void)
{
	for (uint32_t i = 0; i < WORLD_MEMBERS; i++)
		clear(&world.members[i]);
}

void world_member_join(struct world_member *m, uint32_t subscription)
{
	static const char *const names[WORLD_MEMBERS] = {"ann", "bob", "cid", "dan"};
	struct weir_member_options o;
	struct weir_problem problem;
	struct weir_member *handle = NULL;
	uint64_t requests = world_memory_requests(), allowed = world.requests;

	weir_member_options_init(&o);
	o.name = world_one_in(4) ? NULL : names[(m - world.members) % WORLD_MEMBERS];
	o.instance_id = draw_instance(m);
	o.unacked_ranges_max = RANGES_MAX;
	bool is_handled = world_handlers_draw(m, &o);
	if (world_is_queue(subscription))
		o.in_flight_max = world_queue_in_flight();
	/* A handler may be called before the join is back. */
	uint32_t process = m->process = ++world.process_last;
	m->call = 0;
	m->busy = true; /* steps may run in it, and others act */
	struct world_call call = world_call_begin(WEIR_FOREVER);
	int rc = weir_member_join(world.pipeline, subscription, &o, &handle, &problem);
	world_call_end(&call, "a join");
	world_note("join", subscription, (uint64_t)(uint32_t)rc);
	/* Unknown: it is being made just now. */
	world_check(rc == 0 || rc == WEIR_E_FULL || rc == WEIR_E_UNKNOWN_NAME || is_expected(rc),
		    "join", (uint64_t)-rc, 0);
	/* The one place that may; others may join meanwhile, and are in it. */
	world.requests = allowed + world_memory_requests() - requests;
	clear(m);
	m->handle = handle;
	m->subscription = subscription;
	m->process = process;
	m->is_handled = is_handled;
	m->is_static = o.instance_id != NULL;
}

void world_member_leave(struct world_member *m)
{
	struct weir_member *handle = m->handle;

	m->busy = true;
	if (world_is_queue(m->subscription))
		oracle_queue_left(m);
	uint64_t timeout_ns = world_one_in(2) ? WEIR_FOREVER : 200000;
	struct world_call call = world_call_begin(timeout_ns);
	int rc = weir_member_leave(handle, timeout_ns);
	world_call_end(&call, "a leave over its deadline");
	world_note("leave", m->subscription, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || is_expected(rc), "leave", (uint64_t)-rc, 0);
	if (m->is_static && world.pipeline->subscriptions[m->subscription].group.kept_count > 0)
		world_sometimes(SOMETIMES_KEPT);
	clear(m);
}

void world_member_poll(struct world_member *m)
{
	struct weir_item items[ITEMS_MAX];
	uint64_t room = WORLD_HELD_MAX - m->held_count;

	if (room == 0)
		return;
	oracle_check_lent(m);
	m->lent_count = 0;
	m->call = ++world.call_last;
	world_say_poll(m, HISTORY_INVOKE);
	int count = weir_poll(m->handle, items, 1 + world_below(wr_min_u64(room, ITEMS_MAX)), 0);
	world_note("poll", m->subscription, (uint64_t)(uint32_t)count);
	if (count == WEIR_E_FENCED) {
		world_check(m->is_static, "fenced without an instance id", m->subscription, 0);
		world_sometimes(SOMETIMES_REPLACED);
		m->is_fenced = true;
		return;
	}
	if (count == WEIR_E_DETACHED) {
		/* Or of before a seek that it has not heard of. */
		world_check(oracle_is_detached(m->subscription) ||
				    oracle.subscriptions[m->subscription].loose,
			    "detached, says a poll alone", m->subscription, 0);
		return;
	}
	if (count < 0) {
		weir_member_problem(m->handle, &world.problem);
		/* A medium that may fail may fail a read of what lies behind, too. */
		world_check(world_has_failed() || (count != WEIR_E_CORRUPT && !world.healing),
			    "poll", (uint64_t)-count, 0);
		return;
	}
	if (count == 0)
		world_say_poll(m, HISTORY_OK);
	if (count > 0 && m->handle->place == WR_PLACE_CATCHUP)
		world_sometimes(SOMETIMES_CAUGHT_UP);
	for (int i = 0; i < count; i++) {
		if (oracle_went_back(m, &items[i]))
			world_say_rewind(m);
		world_say_item(m, &items[i]);
		oracle_delivered(m, &items[i]);
		m->lent[m->lent_count++] = items[i];
		m->held[m->held_count++] = items[i];
	}
	if (count > 0 && world_one_in(NAP_ONE_IN))
		m->naps = 1 + (uint32_t)world_below(NAP_TURNS_MAX);
}

bool world_member_ack(struct world_member *m, uint32_t i)
{
	struct weir_item item = m->held[i];
	int rc = weir_ack(m->handle, &item);

	/* What comes again is not what was handed out before. */
	bool is_old = rc == -EINVAL && world_member_may_go_back(m);
	world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_FULL || is_old, "ack",
		    (uint64_t)-rc, item.sequence);
	world_say_ack(m, &item, rc);
	if (rc == 0)
		oracle_acked(m, &item);
	if (rc == WEIR_E_FENCED && world_is_queue(m->subscription))
		oracle_queue_fenced(m, &item);
	else if (rc == WEIR_E_FENCED)
		world_sometimes(SOMETIMES_REFUSED_PROGRESS);
	return rc != WEIR_E_FULL;
}

void world_member_drop(struct world_member *m, uint32_t i)
{
	memmove(&m->held[i], &m->held[i + 1], (m->held_count - i - 1) * sizeof m->held[0]);
	m->held_count--;
}

static void ack_some(struct world_member *m)
{
	uint64_t count = 1 + world_below(8);

	for (uint64_t i = 0; i < count && m->held_count > 0; i++) {
		bool in_order = world_below(10) < 7;
		uint32_t at = in_order ? 0 : (uint32_t)world_below(m->held_count);
		if (at > 0)
			world_sometimes(SOMETIMES_OUT_OF_ORDER);
		if (world_member_ack(m, at))
			world_member_drop(m, at);
	}
}

static void ack_all(struct world_member *m)
{
	for (uint32_t i = 0; i < m->held_count; i++) {
		if (world_is_queue(m->subscription) && !oracle_queue_is_held(m, &m->held[i]))
			continue;
		world_say_ack(m, &m->held[i], 0);
		oracle_acked(m, &m->held[i]);
	}
	m->held_count = 0;
	(void)weir_ack_all(m->handle);
}

void world_member_commit(struct world_member *m, bool may_block)
{
	static const enum weir_level levels[] = {WEIR_LEVEL_MEMORY, WEIR_LEVEL_WRITTEN,
						 WEIR_LEVEL_DURABLE, WEIR_LEVEL_DURABLE};
	enum weir_level level = levels[world_below(4)];
	struct weir_assignment assignments[ORACLE_ROWS_MAX];

	uint64_t timeout_ns = !may_block ? 0 : world_one_in(2) ? WEIR_FOREVER : 300000;
	m->busy = true;
	struct world_call call = world_call_begin(timeout_ns);
	int rc = weir_member_commit(m->handle, level, timeout_ns);
	world_call_end(&call, "a commit over its deadline");
	m->busy = false;
	world_note("commit", (uint64_t)level, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || is_expected(rc), "commit", (uint64_t)-rc, 0);
	if (world_is_queue(m->subscription)) {
		oracle_queue_committed(m, rc, level);
		return;
	}
	if (rc == 0)
		world_say_commit(m, level);
	if (rc != 0 || level != WEIR_LEVEL_DURABLE)
		return;
	int count = weir_member_assignments(m->handle, assignments, ORACLE_ROWS_MAX);
	oracle_committed(m, assignments, (uint32_t)count);
}

/* Everybody sleeps: who polls first is back first. */
void world_member_sleep(struct world_member *m)
{
	uint64_t timeout_ns =
		wr_load_relaxed(&world.pipeline->subscriptions[m->subscription].session_timeout_ns);

	world_jump(timeout_ns + 1);
	world_sometimes(SOMETIMES_EXPIRED);
	world_note("sleep", m->subscription, timeout_ns);
}

uint64_t world_oldest(void)
{
	struct wr_chunks *c = &world.pipeline->chunks;
	uint64_t floor = wr_load_acquire(&c->floor);

	if (!world.memory_only)
		return wr_max_u64(wr_segment_oldest_seq(&world.pipeline->segments), 1);
	if (floor == wr_load_acquire(&c->head))
		return oracle.end_seq + 1;
	return wr_min_u64(wr_chunks_by_ordinal(c, floor)->first_seq, oracle.end_seq + 1);
}

/* A place as a user may ask for it, and where the library has to find it. */
static uint64_t draw_place(enum weir_seek_to *ret_to, uint64_t *ret_at)
{
	uint64_t oldest = world_oldest();
	uint64_t next = oracle.end_seq + 1;

	*ret_to = (enum weir_seek_to)world_below(4);
	*ret_at = 0;
	switch (*ret_to) {
	case WEIR_SEEK_OLDEST:
		return oldest;
	case WEIR_SEEK_NEWEST:
		return next;
	case WEIR_SEEK_SEQUENCE:
		return *ret_at = wr_prng_between(&world.prng, oldest, next);
	case WEIR_SEEK_TIME:
		break;
	}
	/* Of some record, or a little later. */
	if (oracle.end_seq >= oldest)
		*ret_at = oracle.records[wr_prng_between(&world.prng, oldest, next - 1)].time_us;
	*ret_at += world_below(2);
	return oracle_find_time(*ret_at);
}

uint64_t world_checkpoints_need(void)
{
	if (world.memory_only)
		return 0;
	const struct wr_journal_checkpoint *c = &world.pipeline->journal->checkpoint;
	return wr_min_u64(wr_min_u64(c->needed_seq[0], c->needed_seq[1]),
			  wr_min_u64(c->last_seq[0], c->last_seq[1]));
}

static void seek(uint32_t s, enum weir_seek_to to, uint64_t at, uint64_t target)
{
	struct oracle_subscription *sub = &oracle.subscriptions[s];

	sub->seek_target = target;
	sub->seeks_oldest = to == WEIR_SEEK_OLDEST;
	/* What is wanted there is known by who kept bits of it in memory, and by nobody else. */
	if (sub->seek_target < oracle_filters_from(s))
		return;
	bool is_below = sub->seek_target < world_checkpoints_need();
	sub->seeks_open = 1;
	sub->loose = true;
	world_say_seek(s, HISTORY_INVOKE, sub->seek_target);
	int rc = weir_subscription_seek(world.pipeline, s, to, at, WEIR_FOREVER, NULL);
	world_note("seek", sub->seek_target, (uint64_t)(uint32_t)rc);
	/*
	 * A medium that may fail may fail the search for a time, too. What was being made when the
	 * journal failed is in the log, and nothing else.
	 */
	world_check(rc == 0 || is_expected(rc) || (to == WEIR_SEEK_TIME && !world.healing) ||
			    (rc == WEIR_E_UNKNOWN_NAME && world_has_failed()),
		    "seek", (uint64_t)-rc, sub->seek_target);
	world_say_seek(s, rc == 0 ? HISTORY_OK : HISTORY_INFO, sub->seek_target);
	if (rc != 0)
		return;
	sub->seeks_open = 0;
	world_sometimes(to == WEIR_SEEK_TIME ? SOMETIMES_SEEK_TIME : SOMETIMES_SEEK);
	if (is_below)
		world_sometimes(SOMETIMES_SEEK_BELOW);
}

void world_seek(void)
{
	uint32_t s = (uint32_t)world_below(WORLD_SUBSCRIPTIONS);
	enum weir_seek_to to;
	uint64_t at;

	/* Who judges histories knows of no seeks of queues. */
	if (!oracle.subscriptions[s].exists || (world_is_queue(s) && world.history != NULL))
		return;
	uint64_t target = draw_place(&to, &at);
	seek(s, to, at, target);
}

bool world_detaches(uint32_t s)
{
	return s == 0 && world.seed % DETACHES_ONE_IN == 9 && world.history == NULL &&
	       !world.has_queues && !world.has_tries && !world.has_filters;
}

void world_attach_act(uint32_t one_in)
{
	enum weir_seek_to to;
	uint64_t at;

	if (!world_detaches(0) || !oracle_is_detached(0) || !world_one_in(one_in))
		return;
	uint64_t target = draw_place(&to, &at);
	seek(0, to, at, target);
}

void world_seek_beyond(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS && world.history == NULL; s++)
		if (world_is_queue(s) && oracle.subscriptions[s].exists &&
		    oracle_queue_lies_beyond(s) && world_one_in(BEYOND_ONE_IN))
			seek(s, WEIR_SEEK_OLDEST, 0, world_oldest());
}

static void draw_start(uint32_t s, struct weir_subscription_options *o)
{
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	enum weir_seek_to to = WEIR_SEEK_OLDEST;

	sub->start_target = world_oldest(); /* what nobody needed may be retired already */
	if (s == WORLD_LATE)
		sub->start_target = draw_place(&to, &o->start_at);
	o->start = (enum weir_start)to; /* the same places in the same order */
	if (o->start == WEIR_START_NEWEST)
		sub->start_target = 0;
}

/* The same in all lives of a seed. */
static enum weir_when_slow when_slow_of(uint32_t s)
{
	if (world_detaches(s))
		return WEIR_SLOW_DETACH;
	if (s == 0)
		return world.seed % 4 == 3 ? WEIR_SLOW_BLOCK : WEIR_SLOW_CATCH_UP;
	return s == 1 && world.seed % 3 == 0 ? WEIR_SLOW_GAP : WEIR_SLOW_CATCH_UP;
}

/* In one seed of three another one than range. */
static enum weir_assignor assignor_of(uint32_t s)
{
	if (world.seed % 3 != 2)
		return WEIR_ASSIGN_RANGE;
	return (world.seed / 3 + s) % 4 == 0 ? WEIR_ASSIGN_ROUND_ROBIN
					     : WEIR_ASSIGN_COOPERATIVE_STICKY;
}

bool world_subscribe(uint32_t s)
{
	static const char *const names[WORLD_SUBSCRIPTIONS] = {"book", "audit", "late"};
	static const char *const topics[] = {"orders", "prices"};
	static const char *const with_letters[] = {"orders", "dead"};
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	bool existed = sub->exists;
	struct weir_subscription_options o;

	weir_subscription_options_init(&o);
	o.name = names[s];
	o.topics = topics;
	o.topic_count = s == 0 ? 1 : 2;
	if (s == 0 && world_has_letters()) { /* and the dead letters */
		o.topics = with_letters;
		o.topic_count = 2;
	}
	draw_start(s, &o);
	bool in_memory = world.memory_only || (s == 1 && world.seed % 2);
	o.gate = in_memory ? WEIR_LEVEL_MEMORY : WEIR_LEVEL_DURABLE;
	o.when_slow = when_slow_of(s);
	o.lag_events_max = o.when_slow == WEIR_SLOW_DETACH ? DETACH_EVENTS : 0;
	o.assignor = assignor_of(s);
	o.session_timeout_ns = 40000000;
	world_queue_options(s, &o);
	world_tries_options(s, &o);
	o.filter = existed ? NULL : world_filter_of_new(); /* as it is */
	sub->gate = o.gate;
	sub->when_slow = o.when_slow;
	sub->may_gap = world.memory_only || o.when_slow == WEIR_SLOW_GAP;
	bool is_below = sub->start_target < world_checkpoints_need() && sub->start_target != 0;
	uint64_t requests = world_memory_requests() - world.requests;
	uint32_t id;
	int rc = weir_subscription_create(world.pipeline, &o, &id, &world.problem);
	world.requests = world_memory_requests() - requests; /* a group's arrays */
	world_note("subscribe", sub->start_target, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || world_has_failed() || (s == WORLD_LATE && !world.healing),
		    "subscription_create", (uint64_t)-rc, s);
	if (rc != 0)
		return false;
	world_check(id == s, "another id", id, s);
	world.queue_is_set[s] = true;
	oracle_length_begins(s);
	if (s == WORLD_LATE && !existed && sub->start_target > 1) {
		world_sometimes(SOMETIMES_LATE);
		if (is_below)
			world_sometimes(SOMETIMES_LATE_BELOW);
	}
	return true;
}

void world_member_drain(struct world_member *m)
{
	world_member_poll(m);
	ack_all(m);
}

void world_member_act(struct world_member *m, bool may_block)
{
	uint64_t what = world_below(100);

	if (m->busy)
		return;
	if (m->naps > 0) {
		m->naps--;
		return;
	}
	if (m->is_fenced) {
		if (may_block)
			world_member_leave(m);
		return;
	}
	if (m->handle == NULL) {
		if (what < 30)
			world_member_join(m, world.has_queues ? world_queues_draw()
							      : world_tries_draw());
	} else if (world_is_queue(m->subscription)) {
		world_queue_act(m, may_block);
	} else if (m->is_handled) {
		if (what < 3 && may_block)
			world_member_leave(m);
	} else if (world_tries_act(m) || world_transactions_act(m)) {
		return;
	} else if (what < 50) {
		world_member_poll(m);
	} else if (what < 75) {
		ack_some(m);
	} else if (what < 82) {
		ack_all(m);
	} else if (what < 92) {
		world_member_commit(m, may_block);
	} else if (what < 94) {
		oracle_check_lent(m);
		m->lent_count = 0;
		weir_release(m->handle);
	} else if (what < 97) {
		if (may_block && world_one_in(2))
			world_member_leave(m);
	} else if (world_one_in(8)) {
		world_member_sleep(m);
	}
}
