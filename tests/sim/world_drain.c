/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a seed, when nothing goes wrong any more: everything that was handed over is answered,
 * every subscription gets its last event, lag says so; then nobody does anything, and what is still
 * asked for is answered all the same.
 */
#include "tests/sim/oracle.h"

#define PARKED_ROUNDS 32u /* between two times that somebody looks at what is parked */

/*
 * In memory only, what a gap was followed by may be overwritten before it is counted: then lag says
 * that it is not exact until something begins anew, and the positions have to do.
 */
static bool is_settled(uint32_t s)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	struct weir_lag lag = {0};

	if (weir_lag(world.pipeline, s, &lag) != 0 || (!lag.exact && !world.memory_only))
		return false;
	if (lag.exact)
		return lag.events == 0;
	for (uint32_t r = 0; r < sub->row_count; r++) {
		const struct oracle_row *row = &sub->rows[r];
		const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
		if (oracle_wanted_from(s, list, oracle_first_index(list, row->position)) <
		    list->count)
			return false;
	}
	return true;
}

static bool is_drained(void)
{
	struct weir_pipeline *p = world.pipeline;
	bool done = true;

	for (uint32_t i = 0; i < WORLD_PRODUCERS; i++)
		done = world_producer_is_done(&world.producers[i]) && done;
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		done = is_settled(s) && done;
	return done && wr_pipeline_drained(p) && wr_writer_is_idle(&p->writer);
}

_Noreturn static void say_what_is_left(void)
{
	for (uint32_t i = 0; i < WORLD_PRODUCERS; i++)
		world_check(world_producer_is_done(&world.producers[i]),
			    "a producer is never answered (slot, told)", i,
			    world.producers[i].told);
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		struct weir_lag lag = {0};
		world_check(weir_lag(world.pipeline, s, &lag) == 0 && lag.exact,
			    "lag is never counted", s, lag.events);
		world_check(lag.events == 0, "a subscription never gets its last events", s,
			    lag.events);
	}
	world_fail("it does not come to an end", oracle.kept_seq, oracle.end_seq);
}

/* Every subscription has a member. */
static void join_all(void)
{
	for (uint32_t i = 0; i < WORLD_MEMBERS; i++) {
		struct world_member *m = &world.members[i];
		uint32_t wanted = i % WORLD_SUBSCRIPTIONS;
		if (m->handle != NULL &&
		    (m->subscription != wanted || m->is_handled || m->is_fenced))
			world_member_leave(m);
		for (uint32_t k = 0; m->handle == NULL && k < DRAIN_ROUNDS_MAX; k++) {
			world_member_join(m, wanted);
			(void)world_round(); /* a slot is free when its lane is */
		}
	}
}

/* Nobody is left to make a batch, and the last one is attested: the writer has no more to do. */
static void come_to_rest(void)
{
	struct wr_writer *w = &world.pipeline->writer;

	for (uint32_t i = 0; i < WORLD_MEMBERS; i++)
		if (world.members[i].handle != NULL)
			world_member_leave(&world.members[i]);
	for (uint32_t i = 0; i < DRAIN_ROUNDS_MAX; i++) {
		bool done = true;
		(void)world_round();
		for (uint32_t k = 0; k < WORLD_PRODUCERS; k++)
			done = world_producer_is_done(&world.producers[k]) && done;
		if (done && wr_writer_is_idle(w) && wr_writer_idle_ns(w) == UINT64_MAX)
			return;
	}
	world_fail("the writer does not come to rest", w->attested_seq, w->next_seq);
}

/* L8, L9: a refusal is answered though no batch follows that could take the answer along. */
static void check_refusals_at_rest(void)
{
	for (uint32_t i = 0; i < WORLD_PRODUCERS; i++) {
		struct world_producer *p = &world.producers[i];
		if (p->handle == NULL)
			continue;
		world_producer_offend(p);
		for (uint32_t k = 0; k < DRAIN_ROUNDS_MAX && !world_producer_is_done(p); k++)
			(void)world_round();
		world_check(world_producer_is_done(p),
			    "a refusal is never answered while nothing else happens", i, p->told);
	}
}

void world_drain(void)
{
	bool drained = false;

	for (uint32_t i = 0; i < 12; i++)
		world_producer_act(&world.producers[world_below(WORLD_PRODUCERS)], true);
	join_all();
	world_replays_drain();
	/* A queue hands out a key's one at a time, a partition what may have killed. */
	bool is_slow = world.has_tries || (world.has_queues && world.erases);
	uint32_t slow = is_slow ? 16 : world_has_letters() || world.erases ? 4 : 1;
	uint32_t rounds_max = slow * DRAIN_ROUNDS_MAX;
	for (uint32_t i = 0; i < rounds_max && !drained; i++) {
		(void)world_round();
		world_attach_act(1);
		world_member_drain(&world.members[world_below(WORLD_MEMBERS)]);
		drained = i % 8 == 0 && is_drained();
		if (i % PARKED_ROUNDS == 0)
			world_queues_drain();
	}
	if (!drained)
		say_what_is_left();
	world_say_drained();
	oracle_compare_tables();
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		oracle_check_drained(s);
		oracle_check_lag(s);
	}
	oracle_check_retention();
	world_erasure_drain();
	world_snapshots_drain();
	come_to_rest();
	check_refusals_at_rest();
	world_sometimes(SOMETIMES_DRAINED);
}
