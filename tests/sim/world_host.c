/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated pipeline has for a host: one thread that plays all of them and runs steps, and
 * now and then somebody else, while one of them is in a call that blocks.
 */
#include <string.h>

#include "tests/sim/oracle.h"

#define WAITED_MAX 200000u
#define WAITED_FOR_FILES_MAX 20000u

/* One thread plays all of them: none is the closer's own. */
static uintptr_t nobody(void *context)
{
	(void)context;
	static uintptr_t last;
	return ++last;
}

static bool inside_step(void *context)
{
	(void)context;
	return world.inside_step;
}

static int run_steps(void *context, uint64_t wait_ns)
{
	(void)context, (void)wait_ns;
	if (world.waited > WAITED_FOR_FILES_MAX && world_trouble_needs_files()) {
		wr_storage_sim_crash(world.storage);
		return WEIR_E_FAILED;
	}
	world_check(world.waited++ < WAITED_MAX, "a call that never comes back", 0, 0);
	if (world.depth == 0 && world_one_in(world_is_quiet() ? 2 : 6)) {
		world.depth++;
		if (world_one_in(2))
			world_producer_act(&world.producers[world_below(WORLD_PRODUCERS)], false);
		else
			world_member_act(&world.members[world_below(WORLD_MEMBERS)], false);
		world.depth--;
	}
	return world_round() ? 1 : WEIR_E_FAILED;
}

static void event_signal(void *context, int fd)
{
	(void)context, (void)fd;
}

static void nobody_sleeps(void)
{
}

static void no_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	(void)parker, (void)word, (void)timeout_ns;
	world_fail("a sleep on the only thread", 0, 0);
}

static void no_wake(struct wr_parker *parker)
{
	(void)parker;
}

static const struct wr_park_ops park_ops = {nobody_sleeps, no_sleep, no_wake};

void world_host(struct wr_host *ret_host)
{
	*ret_host = (struct wr_host){
		.memory = world_memory(),
		.clock = &world.disk->clock->base,
		.park_ops = &park_ops,
		.inside_step = inside_step,
		.thread = nobody,
		.run_steps = run_steps,
		.event_signal = event_signal,
		.handler_start = world_handler_start,
		.handler_stop = world_handler_stop,
	};
	memset(ret_host->new_uuid, (int)world.seed | 1, sizeof ret_host->new_uuid);
	memset(ret_host->secret, (int)world.seed | 1, sizeof ret_host->secret);
}
