/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics that grow, in one seed of three: what each is made with, what it may grow to, and when it
 * does. Drawn by a generator of its own, so that other seeds stay as they are.
 */
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 3u
#define ACT_ONE_IN 24u

static const uint32_t grow_to[WORLD_TOPICS_MAX] = {6, 8, 2};

void world_growth_begin(void)
{
	wr_prng_init(&world.growth_prng, world.seed ^ 0x960e);
	world.grows = world.seed % SEED_ONE_IN == 1;
}

uint32_t world_laid_out(uint32_t topic)
{
	return world.grows ? grow_to[topic] : world_partitions[topic];
}

/* As many as the log has: what it lost goes on without them. */
void world_growth_define(uint32_t topic, struct weir_topic_options *o)
{
	uint32_t id;

	o->partitions = world_partitions[topic];
	if (!world.grows || world_laid_out(topic) == world_partitions[topic])
		return;
	o->partitions_max = world_laid_out(topic);
	if (weir_topic_find(world.pipeline, o->name, &id) == 0)
		world_check(weir_topic_partitions(world.pipeline, id, &o->partitions, NULL) == 0,
			    "a topic without partitions", id, 0);
}

/* More than what passes all rows: that is no reason to pass them again. */
static uint32_t pass_every(void)
{
	return world.grows ? 48 : 16;
}

void world_growth_opened(void)
{
	world.pipeline->pass_every = pass_every() + (world.seed % 5) * 64;
	world.pipeline->lag_walk_bytes = (1 + world.seed % 4) * WORLD_CHUNK_BYTES;
}

void world_growth_act(void)
{
	uint32_t topic, now, times;
	uint32_t most;

	if (!world.grows || world_is_dead() || wr_prng_below(&world.growth_prng, ACT_ONE_IN) != 0)
		return;
	topic = (uint32_t)wr_prng_below(&world.growth_prng, WORLD_TOPICS);
	times = 2 + 2 * (uint32_t)wr_prng_below(&world.growth_prng, 2);
	if (weir_topic_partitions(world.pipeline, world.topics[topic], &now, &most) != 0)
		return;
	int rc = weir_topic_grow(world.pipeline, world.topics[topic], now * times, &world.problem);
	world_note("grow", topic, (uint64_t)(uint32_t)rc);
	if (world_is_dead() || world_has_failed())
		return;
	world_check(rc == (now * times <= most ? 0 : WEIR_E_FULL), "grow", (uint64_t)-rc, now);
	int found = weir_topic_partitions(world.pipeline, world.topics[topic], &now, NULL);
	world_check(found == 0 && now == oracle.partitions[topic], "a topic has another number",
		    topic, now);
}
