/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of partitions that fail, in one seed of seven: members reject what they hold, handlers say
 * that it failed. The second and the third subscription have dead letters and limits, the first
 * one, which reads the letters, tries for ever.
 */
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 7u
#define ACT_ONE_IN 5u
#define HANDLED_ONE_IN 6u
#define MS_NS 1000000u

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.tries_prng, bound);
}

static void draw(struct world_tries *t)
{
	static const uint32_t attempts[] = {1, 2, 3, 3, 0};

	t->has_dead_letters = true;
	t->attempts_max = attempts[below(5)];
	t->retry_delay_min_ns = below(3) * MS_NS;
	t->retry_delay_max_ns = t->retry_delay_min_ns * (1 + below(8));
	t->age_max_ns = below(4) == 0 ? (1 + below(20)) * MS_NS : 0;
}

bool world_tries_seed(uint64_t seed)
{
	return seed % SEED_ONE_IN == 3;
}

/*
 * A sequence of its own: the other seeds are what they were without. A swarm has them in histories:
 * a million cycles would take 3.5 times as long (docs/design/known-gaps.md).
 */
void world_tries_begin(void)
{
	bool is_drawn = !world.swarm.is_on || world.history != NULL;
	world.has_tries =
		is_drawn && world_tries_seed(world.seed) && !world.has_queues && !world.memory_only;
	wr_prng_init(&world.tries_prng, world.seed ^ 0x7e1e5);
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		world.tries[s] = (struct world_tries){0};
	for (uint32_t s = 1; world.has_tries && s < WORLD_SUBSCRIPTIONS; s++)
		draw(&world.tries[s]);
}

void world_tries_options(uint32_t subscription, struct weir_subscription_options *o)
{
	const struct world_tries *t = &world.tries[subscription];

	if (!world.has_tries)
		return;
	o->attempts_max = t->attempts_max;
	o->retry_delay_min_ns = t->retry_delay_min_ns;
	o->retry_delay_max_ns = t->retry_delay_max_ns;
	o->time_to_live_ns = t->age_max_ns;
	o->dead_letters = t->has_dead_letters ? "dead" : NULL;
}

uint32_t world_tries_draw(void)
{
	uint32_t s = (uint32_t)world_below(WORLD_SUBSCRIPTIONS);

	/* Before it is asked for in this life it has no dead letters, and counts no crash. */
	return world.has_tries && !world.queue_is_set[s] ? 0 : s;
}

static bool is_same_row(const struct weir_item *a, const struct weir_item *b)
{
	return a->topic == b->topic && a->partition == b->partition &&
	       a->generation == b->generation;
}

/* One that has failed before, if there is one; else any, mostly in its turn. */
static uint32_t choose(const struct world_member *m)
{
	uint32_t at = (uint32_t)below(m->held_count);
	bool in_turn = below(8) != 0, again = below(4) != 0;

	for (uint32_t i = 0; again && i < m->held_count; i++)
		if (m->held[i].attempts > 1)
			return i;
	for (uint32_t i = 0; in_turn && i < at; i++)
		if (is_same_row(&m->held[i], &m->held[at]))
			return i;
	return at;
}

static struct weir_rejection draw_rejection(uint32_t subscription, const struct weir_item *item)
{
	static const enum weir_verdict verdicts[] = {
		WEIR_VERDICT_RETRY, WEIR_VERDICT_RETRY,   WEIR_VERDICT_RETRY,
		WEIR_VERDICT_RETRY, WEIR_VERDICT_RELEASE, WEIR_VERDICT_DEAD,
	};
	bool has_dead_letters = world.tries[subscription].has_dead_letters;

	return (struct weir_rejection){
		.verdict = verdicts[below(has_dead_letters ? 6 : 5)],
		.reason = (uint32_t)(item->sequence * 8 + below(8)),
		.delay_ns = below(2) == 0 ? WEIR_DELAY_DEFAULT : below(6 * MS_NS),
		.text = below(2) == 0 ? "no such customer" : NULL,
	};
}

/* Neither it, nor what lies behind it there: that comes again. */
static void drop_from(struct world_member *m, const struct weir_item *item)
{
	for (uint32_t i = m->held_count; i-- > 0;)
		if (is_same_row(&m->held[i], item) && m->held[i].end_sequence >= item->end_sequence)
			world_member_drop(m, i);
}

static bool holds_before(const struct world_member *m, const struct weir_item *item)
{
	for (uint32_t i = 0; i < m->held_count; i++)
		if (is_same_row(&m->held[i], item) && m->held[i].end_sequence < item->end_sequence)
			return true;
	return false;
}

static void reject(struct world_member *m, uint32_t at)
{
	struct weir_item item = m->held[at];
	if (item.kind != WEIR_ITEM_EVENT)
		return;
	struct weir_rejection r = draw_rejection(m->subscription, &item);
	bool may_go_back = world_member_may_go_back(m);
	bool is_first = !may_go_back && !holds_before(m, &item) && oracle_try_is_first(m, &item);
	int rc = weir_reject(m->handle, &item, &r);

	world_note("reject", item.sequence, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_AGAIN ||
			    rc == WEIR_E_OUT_OF_SEQUENCE || (rc == -EINVAL && may_go_back),
		    "reject", (uint64_t)-rc, item.sequence);
	world_check(rc != WEIR_E_OUT_OF_SEQUENCE || !is_first,
		    "an event whose turn it is cannot be rejected", item.sequence, m->subscription);
	if (rc == 0) {
		oracle_try_rejected(m, &item, &r);
		world_say_rewind(m);
		drop_from(m, &item);
	} else if (rc == WEIR_E_FENCED) {
		world_member_drop(m, at);
	}
}

bool world_tries_act(struct world_member *m)
{
	if (!world.has_tries || world.healing || m->held_count == 0 || below(ACT_ONE_IN) != 0)
		return false;
	reject(m, choose(m));
	return true;
}

/* Said by the return, with the defaults; or by a call in it, with what is drawn. */
enum weir_handled world_tries_handled(struct world_member *m, struct weir_member *member,
				      const struct weir_item *item)
{
	if (!world.has_tries || world.healing || item->kind != WEIR_ITEM_EVENT ||
	    below(HANDLED_ONE_IN) != 0)
		return WEIR_HANDLED_OK;
	struct weir_rejection r = draw_rejection(m->subscription, item);
	bool by_call = below(2) == 0;
	if (by_call) {
		int rc = weir_reject(member, item, &r);
		world_note("reject", item->sequence, (uint64_t)(uint32_t)rc);
		world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_AGAIN, "reject",
			    (uint64_t)-rc, item->sequence);
		if (rc == WEIR_E_AGAIN)
			return WEIR_HANDLED_OK;
		if (rc == WEIR_E_FENCED)
			return WEIR_HANDLED_LATER;
	} else {
		if (r.verdict == WEIR_VERDICT_RELEASE)
			r.verdict = WEIR_VERDICT_RETRY;
		r.reason = 0;
		r.delay_ns = WEIR_DELAY_DEFAULT;
	}
	oracle_try_rejected(m, item, &r);
	world_say_rewind(m);
	if (by_call)
		return WEIR_HANDLED_LATER;
	return r.verdict == WEIR_VERDICT_DEAD ? WEIR_HANDLED_DEAD : WEIR_HANDLED_RETRY;
}
