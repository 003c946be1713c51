/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays to chosen subscriptions, in one seed of eleven: opened, stepped, closed, gone on with in
 * the next life, cancelled. A life takes its job with it: in the log the replay goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/pipeline/replay_to.h"
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 11u
#define ACT_ONE_IN 6u
#define CANCEL_ONE_IN 200u
#define CLOSE_ONE_IN 12u
#define NONE UINT32_MAX

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.replays_prng, bound);
}

/* A sequence of its own: the other seeds are what they were without. A history says nothing of it,
 * and what is in memory alone is gone with its life. */
void world_replays_begin(void)
{
	world.has_replays =
		world.seed % SEED_ONE_IN == 6 && !world.memory_only && world.history == NULL;
	wr_prng_init(&world.replays_prng, world.seed ^ 0x4e91a);
	world.replay_job = NULL;
	world.replay_number = 0;
	memset(world.replays, 0, sizeof world.replays);
	for (uint32_t i = 0; world.has_replays && i < WORLD_REPLAYS; i++) {
		struct world_replay *r = &world.replays[i];
		r->subscriptions = 1 + (uint32_t)below((1u << WORLD_SUBSCRIPTIONS) - 1);
		r->has_topic = below(4) == 0;
		r->topic = (uint32_t)below(WORLD_TOPICS);
		r->is_memory = below(2) == 0;
	}
}

void world_replays_options(struct weir_options *o)
{
	if (!world.has_replays)
		return;
	o->members_max += 1;
	o->producers_max += 2; /* and who cancels */
	o->named_producers_max += WORLD_REPLAYS;
	world_segments_at_least(o, 2048); /* each event may be there four times */
}

static void name_of(uint32_t number, char name[3])
{
	(void)snprintf(name, 3, "r%u", number);
}

/* The end is that of the first opening, or of the log, should that have lost its last records. */
static void note_progress(uint32_t number, bool opened)
{
	struct world_replay *r = &world.replays[number];
	struct weir_replay_to_progress at;

	weir_replay_to_progress(world.replay_job, &at);
	if (r->end_seq == 0)
		r->end_seq = at.end_sequence;
	world_check(at.end_sequence <= r->end_seq &&
			    at.end_sequence >= wr_min_u64(r->end_seq, r->there_seq),
		    "a replay ends elsewhere than it was opened to", at.end_sequence, r->end_seq);
	/* Of a job that is open already a cancel is known when it next hands something over. */
	world_check(!opened || !r->is_over || at.state != WEIR_REPLAY_RUNNING,
		    "a replay that was over runs", number, at.next_sequence);
	if (at.state == WEIR_REPLAY_COMPLETED && !r->is_over)
		oracle_replay_completed(number);
	r->is_over = r->is_over || at.state != WEIR_REPLAY_RUNNING;
}

static bool may_fail(int rc)
{
	return rc == -ETIMEDOUT || rc == WEIR_E_AGAIN || rc == WEIR_E_FULL ||
	       rc == WEIR_E_NO_ROOM || (rc == WEIR_E_FAILED && world_has_failed()) ||
	       (!world.healing && (rc == -EIO || rc == WEIR_E_CORRUPT));
}

static bool subscriptions_exist(const struct world_replay *r)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		if ((r->subscriptions >> s & 1u) != 0 && !world.queue_is_set[s])
			return false;
	return true;
}

static void open_job(uint32_t number)
{
	struct world_replay *r = &world.replays[number];
	struct weir_replay_to_options o;
	struct weir_replay_to *job = NULL;
	uint32_t ids[WORLD_SUBSCRIPTIONS], topic;
	char name[3];

	if (!subscriptions_exist(r))
		return;
	name_of(number, name);
	weir_replay_to_options_init(&o);
	o.name = name;
	o.subscriptions = ids;
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		if ((r->subscriptions >> s & 1u) != 0)
			ids[o.subscription_count++] = s;
	/* Given again, where it goes on, also if nobody was told that it was opened. */
	if (!r->is_drawn)
		r->from_seq =
			below(2) == 0
				? 0
				: wr_prng_between(&world.replays_prng, world_oldest(),
						  wr_max_u64(world_oldest(), oracle.kept_seq));
	r->is_drawn = true;
	o.from.from_sequence = r->from_seq;
	topic = world.topics[r->topic];
	o.from.topics = &topic;
	o.from.topic_count = r->has_topic ? 1 : 0;
	o.from.gate = r->is_memory ? WEIR_LEVEL_MEMORY : WEIR_LEVEL_DURABLE;
	r->there_seq = r->is_memory ? wr_writer_visible_seq(&world.pipeline->writer) + 1
				    : oracle.kept_seq + 1;
	uint64_t requests = world_memory_requests(), allowed = world.requests;
	int rc = weir_replay_to_open(world.pipeline, &o, &job, &world.problem);
	world.requests = allowed + world_memory_requests() - requests;
	world_note("replay", number, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || may_fail(rc) || rc == WEIR_E_TRUNCATED, "replay_to_open",
		    (uint64_t)-rc, number);
	if (rc != 0)
		return;
	world.replay_job = job;
	world.replay_number = number;
	note_progress(number, true);
	world_sometimes(SOMETIMES_REPLAY_OPENED);
}

static void close_job(uint64_t timeout_ns)
{
	struct weir_replay_to *job = world.replay_job;

	world.replay_job = NULL;
	int rc = weir_replay_to_close(job, timeout_ns);
	world_check(rc == 0 || rc == -ETIMEDOUT, "replay_to_close", (uint64_t)-rc, 0);
}

static void step(uint64_t timeout_ns)
{
	int rc = weir_replay_to_step(world.replay_job, timeout_ns);

	world_note("replay step", world.replay_number, (uint64_t)(uint32_t)rc);
	world_check(rc >= 0 || may_fail(rc) ||
			    (rc == WEIR_E_FENCED && world.replays[world.replay_number].is_over),
		    "replay_to_step", (uint64_t)-rc, world.replay_number);
	if (rc >= 0)
		note_progress(world.replay_number, false);
}

static void cancel(uint32_t number)
{
	struct world_replay *r = &world.replays[number];
	char name[3];

	name_of(number, name);
	int rc = weir_replay_to_cancel(world.pipeline, name);
	world_note("replay cancel", number, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || may_fail(rc) || (rc == -EALREADY && r->end_seq != 0) ||
			    (rc == WEIR_E_UNKNOWN_NAME && r->end_seq == 0),
		    "replay_to_cancel", (uint64_t)-rc, number);
	if (rc == 0)
		r->is_over = true;
}

void world_replays_act(void)
{
	if (!world.has_replays || world_is_dead() || below(ACT_ONE_IN) != 0)
		return;
	uint32_t number = (uint32_t)below(WORLD_REPLAYS);
	if (below(CANCEL_ONE_IN) == 0)
		cancel(number);
	else if (world.replay_job == NULL)
		open_job(number);
	else if (below(CLOSE_ONE_IN) == 0)
		close_job(below(2) == 0 ? WEIR_FOREVER : 200000);
	else
		step(below(2) == 0 ? 0 : below(400000));
}

/* Those that were opened come to their end; their subscriptions are read meanwhile. */
void world_replays_drain(void)
{
	if (world.has_replays && world.replay_job != NULL)
		close_job(WEIR_FOREVER);
	for (uint32_t i = 0; world.has_replays && i < WORLD_REPLAYS; i++) {
		struct world_replay *r = &world.replays[i];
		for (uint32_t k = 0; r->end_seq != 0 && !r->is_over && k < DRAIN_ROUNDS_MAX; k++) {
			(void)world_round();
			if (world.replay_job == NULL)
				open_job(i);
			else
				step(100000);
			world_member_drain(&world.members[world_below(WORLD_MEMBERS)]);
		}
		world_check(r->end_seq == 0 || r->is_over, "a replay does not come to its end", i,
			    r->end_seq);
		if (world.replay_job != NULL)
			close_job(WEIR_FOREVER);
	}
}

/* In order: before its pipeline. */
void world_replays_close(void)
{
	if (world.replay_job != NULL)
		close_job(WEIR_FOREVER);
}

/* It dies with its process, and gives back what it took. */
void world_replays_forget(void)
{
	struct weir_replay_to *job = world.replay_job;

	if (job == NULL)
		return;
	weir_replay_close(job->replay);
	world_memory()->ops->free(world_memory(), job, sizeof *job);
	world.replay_job = NULL;
}
