/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that weir polls for, in one seed of eight: their steps are run in between, like threads
 * of their own; while one of them is in an item, time goes by and everybody else goes on. It stops
 * now and then, and sleeps beyond its session.
 *
 * What they draw comes from a sequence of its own: the other seeds are what they were without.
 */
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 8u
#define SLEEP_ONE_IN 100u
#define STOP_ONE_IN 60u
#define ITEM_NS_MAX 3000000u

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.handlers.prng, bound);
}

void world_handlers_begin(void)
{
	wr_prng_init(&world.handlers.prng, world.seed ^ 0x4a11d);
	world.handlers.present = world.seed % SEED_ONE_IN == 5;
	world_handlers_forget();
}

void world_handlers_forget(void)
{
	for (uint32_t i = 0; i < WORLD_MEMBER_SLOTS; i++)
		world.handlers.runs[i] = world.handlers.is_inside[i] = false;
}

int world_handler_start(void *context, struct weir_member *member)
{
	(void)context;
	wr_member_handler_step(member, &world.handlers.steps[member->slot]);
	world.handlers.runs[member->slot] = true;
	return 0;
}

void world_handler_stop(void *context, struct weir_member *member)
{
	(void)context;
	world_check(!world.handlers.is_inside[member->slot], "a leave inside a handler",
		    member->slot, 0);
	world.handlers.runs[member->slot] = false;
}

int world_handlers_round(void)
{
	if (!world.handlers.present)
		return 0;
	uint32_t slot = (uint32_t)below(world.has_replays ? WORLD_MEMBER_SLOTS : WORLD_MEMBERS);
	if (!world.handlers.runs[slot] || world.handlers.is_inside[slot])
		return 0;
	struct wr_step *step = &world.handlers.steps[slot];
	bool was_inside = world.inside_step;

	world.inside_step = world.handlers.is_inside[slot] = true;
	int work = step->run(step->self, below(2) == 0 ? 0 : (uint32_t)below(64) + 1);
	world.inside_step = was_inside;
	world.handlers.is_inside[slot] = false;
	return work;
}

/* The others' time, while a handler has an item in hand. */
static void let_others_go_on(struct world_member *m)
{
	uint64_t rounds = below(3), timeout_ns;

	world.inside_step = false;
	for (uint64_t i = 0; i < rounds && !world_is_dead(); i++)
		(void)world_round();
	if (below(SLEEP_ONE_IN) == 0) {
		timeout_ns = wr_load_relaxed(
			&world.pipeline->subscriptions[m->subscription].session_timeout_ns);
		world_jump(timeout_ns + 1);
		world_sometimes(SOMETIMES_HANDLER_SLEPT);
		for (uint64_t i = 0; i < 20 && !world_is_dead(); i++)
			(void)world_round();
	} else {
		world_jump(below(ITEM_NS_MAX));
	}
	world.inside_step = true;
}

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	struct world_member *m = context;

	world_say_poll(m, HISTORY_INVOKE); /* between two items it is as alive as in a poll */
	world_say_item(m, item);
	oracle_delivered(m, item);
	m->lent[0] = *item;
	m->lent_count = 1;
	let_others_go_on(m);
	oracle_check_lent(m);
	m->lent_count = 0;
	world_note("handle", item->sequence, item->generation);
	world_sometimes(SOMETIMES_HANDLED);
	if (!world.healing && below(STOP_ONE_IN) == 0) {
		world_sometimes(SOMETIMES_HANDLER_STOPPED);
		return WEIR_HANDLED_STOP;
	}
	enum weir_handled failed = world_tries_handled(m, member, item);
	if (failed != WEIR_HANDLED_OK)
		return failed;
	world_say_ack(m, item, 0);
	oracle_acked(m, item);
	if (below(8) != 0)
		return WEIR_HANDLED_OK;
	int rc = weir_ack(member, item);
	world_check(rc == 0 || rc == WEIR_E_FENCED, "ack", (uint64_t)-rc, item->sequence);
	return WEIR_HANDLED_LATER;
}

bool world_handlers_draw(struct world_member *m, struct weir_member_options *o)
{
	if (!world.handlers.present || world.healing || below(2) == 0)
		return false;
	o->handler = handle;
	o->handler_context = m;
	o->items_max = 1 + (uint32_t)below(64);
	return true;
}
