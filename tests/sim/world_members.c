/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members do: join, poll, acknowledge in order, out of order and all at once, commit, sleep
 * past their session, leave; and what moves them, seeks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/oracle.h"

#define ITEMS_MAX WORLD_LENT_MAX
#define RANGES_MAX 4u
#define NAP_ONE_IN 16u
#define NAP_TURNS_MAX 60u

static bool is_expected(int rc)
{
	return rc == -ETIMEDOUT || rc == WEIR_E_AGAIN || rc == WEIR_E_FENCED ||
	       (rc == WEIR_E_FAILED && world_has_failed());
}

void world_member_join(struct world_member *m, uint32_t subscription)
{
	static const char *const names[WORLD_MEMBERS] = {"ann", "bob", "cid", "dan"};
	struct weir_member_options o;
	struct weir_problem problem;
	struct weir_member *handle = NULL;
	uint64_t requests = world_memory_requests();

	weir_member_options_init(&o);
	o.name = world_one_in(4) ? NULL : names[(m - world.members) % WORLD_MEMBERS];
	o.unacked_ranges_max = RANGES_MAX;
	int rc = weir_member_join(world.pipeline, subscription, &o, &handle, &problem);
	world_note("join", subscription, (uint64_t)(uint32_t)rc);
	/* Unknown: it is being made just now. */
	world_check(rc == 0 || rc == WEIR_E_FULL || rc == WEIR_E_UNKNOWN_NAME || is_expected(rc),
		    "join", (uint64_t)-rc, 0);
	world.requests += world_memory_requests() - requests; /* the one place that may */
	*m = (struct world_member){.handle = handle, .subscription = subscription};
}

void world_member_leave(struct world_member *m)
{
	struct weir_member *handle = m->handle;

	m->busy = true;
	int rc = weir_member_leave(handle, world_one_in(2) ? WEIR_FOREVER : 200000);
	world_note("leave", m->subscription, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || is_expected(rc), "leave", (uint64_t)-rc, 0);
	*m = (struct world_member){0};
}

static void poll(struct world_member *m)
{
	struct weir_item items[ITEMS_MAX];
	uint64_t room = WORLD_HELD_MAX - m->held_count;

	if (room == 0)
		return;
	oracle_check_lent(m);
	m->lent_count = 0;
	int count = weir_poll(m->handle, items, 1 + world_below(wr_min_u64(room, ITEMS_MAX)), 0);
	world_note("poll", m->subscription, (uint64_t)(uint32_t)count);
	if (count < 0) {
		weir_member_problem(m->handle, &world.problem);
		/* A medium that may fail may fail a read of what lies behind, too. */
		world_check(world_has_failed() || (count != WEIR_E_CORRUPT && !world.healing),
			    "poll", (uint64_t)-count, 0);
		return;
	}
	if (count > 0 && m->handle->place == WR_PLACE_CATCHUP)
		world_sometimes(SOMETIMES_CAUGHT_UP);
	for (int i = 0; i < count; i++) {
		oracle_delivered(m, &items[i]);
		m->lent[m->lent_count++] = items[i];
		m->held[m->held_count++] = items[i];
	}
	if (count > 0 && world_one_in(NAP_ONE_IN))
		m->naps = 1 + (uint32_t)world_below(NAP_TURNS_MAX);
}

/* Acknowledges held item i. False: it stays. */
static bool ack(struct world_member *m, uint32_t i)
{
	struct weir_item item = m->held[i];
	int rc = weir_ack(m->handle, &item);

	world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_FULL, "ack", (uint64_t)-rc,
		    item.sequence);
	if (rc == 0)
		oracle_acked(m, &item);
	if (rc == WEIR_E_FENCED)
		world_sometimes(SOMETIMES_REFUSED_PROGRESS);
	return rc != WEIR_E_FULL;
}

static void drop(struct world_member *m, uint32_t i)
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
		if (ack(m, at))
			drop(m, at);
	}
}

static void ack_all(struct world_member *m)
{
	for (uint32_t i = 0; i < m->held_count; i++)
		oracle_acked(m, &m->held[i]);
	m->held_count = 0;
	(void)weir_ack_all(m->handle);
}

static void commit(struct world_member *m, bool may_block)
{
	static const enum weir_level levels[] = {WEIR_LEVEL_MEMORY, WEIR_LEVEL_WRITTEN,
						 WEIR_LEVEL_DURABLE, WEIR_LEVEL_DURABLE};
	enum weir_level level = levels[world_below(4)];
	struct weir_assignment assignments[ORACLE_ROWS_MAX];

	m->busy = true;
	int rc = weir_member_commit(m->handle, level,
				    !may_block        ? 0
				    : world_one_in(2) ? WEIR_FOREVER
						      : 300000);
	m->busy = false;
	world_note("commit", (uint64_t)level, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || is_expected(rc), "commit", (uint64_t)-rc, 0);
	if (rc != 0 || level != WEIR_LEVEL_DURABLE)
		return;
	int count = weir_member_assignments(m->handle, assignments, ORACLE_ROWS_MAX);
	oracle_committed(m, assignments, (uint32_t)count);
}

/* Everybody sleeps: who polls first is back first. */
static void sleep_long(struct world_member *m)
{
	uint64_t timeout_ns =
		wr_load_relaxed(&world.pipeline->subscriptions[m->subscription].session_timeout_ns);

	wr_clock_sim_advance(world.disk->clock, timeout_ns + 1);
	world_sometimes(SOMETIMES_EXPIRED);
	world_note("sleep", m->subscription, timeout_ns);
}

void world_seek(void)
{
	uint32_t s = (uint32_t)world_below(WORLD_SUBSCRIPTIONS);
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	uint64_t oldest = wr_max_u64(wr_segment_oldest_seq(&world.pipeline->segments), 1);
	uint64_t next = oracle.end_seq + 1, at = 0;
	enum weir_seek_to to = (enum weir_seek_to)world_below(3);

	if (!sub->exists)
		return;
	if (to == WEIR_SEEK_OLDEST) {
		sub->seek_target = oldest;
	} else if (to == WEIR_SEEK_NEWEST) {
		sub->seek_target = next;
	} else {
		at = wr_prng_between(&world.prng, oldest, next);
		sub->seek_target = at;
	}
	sub->seeks_open = 1;
	sub->loose = true;
	int rc = weir_subscription_seek(world.pipeline, world.subscriptions[s], to, at);
	world_note("seek", sub->seek_target, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || is_expected(rc), "seek", (uint64_t)-rc, sub->seek_target);
	if (rc != 0)
		return;
	sub->seeks_open = 0;
	world_sometimes(SOMETIMES_SEEK);
}

void world_member_drain(struct world_member *m)
{
	poll(m);
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
	if (m->handle == NULL) {
		if (what < 30)
			world_member_join(m, (uint32_t)world_below(WORLD_SUBSCRIPTIONS));
	} else if (what < 50) {
		poll(m);
	} else if (what < 75) {
		ack_some(m);
	} else if (what < 82) {
		ack_all(m);
	} else if (what < 92) {
		commit(m, may_block);
	} else if (what < 94) {
		oracle_check_lent(m);
		m->lent_count = 0;
		weir_release(m->handle);
	} else if (what < 97) {
		if (may_block && world_one_in(2))
			world_member_leave(m);
	} else if (world_one_in(8)) {
		sleep_long(m);
	}
}
