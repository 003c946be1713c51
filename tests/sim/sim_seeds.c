/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_seeds.h. */
#include "tests/sim/sim_seeds.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SEED_SECONDS_MAX 120u
#define REPLAY_BYTES_MAX 512u

extern const char *wr_assert_text;

static sim_replay say_replay;

static const char *const texts[SOMETIMES_COUNT] = {
#define SOMETIMES_TEXT(name, text) text,
	SOMETIMES_MAP(SOMETIMES_TEXT) SOMETIMES_SWARM_MAP(SOMETIMES_TEXT)
		SOMETIMES_FILTERS_MAP(SOMETIMES_TEXT)
#undef SOMETIMES_TEXT
};

static void say_where(const char *what, uint64_t a, uint64_t b)
{
	char replay[REPLAY_BYTES_MAX], swarm[REPLAY_BYTES_MAX];

	say_replay(world.seed, replay, sizeof replay);
	printf("# FAILED seed %" PRIu64 " life %u: %s (%" PRIu64 ", %" PRIu64
	       "): replay with: %s\n",
	       world.seed, world.life, what, a, b, replay);
	if (world.swarm.is_on) {
		swarm_say(&world.swarm, swarm, sizeof swarm);
		printf("# seed %" PRIu64 " is %s\n", world.seed, swarm);
	}
	(void)fflush(stdout);
}

_Noreturn void world_fail(const char *what, uint64_t a, uint64_t b)
{
	say_where(what, a, b);
	longjmp(world.give_up, 1);
}

void world_note(const char *what, uint64_t a, uint64_t b)
{
	uint64_t x = world.trace_hash ^ (a + 0x9e3779b97f4a7c15u * (b + 1));

	world.trace_hash = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
	if (world.tracing)
		printf("# %s %" PRIu64 " %" PRIu64 "\n", what, a, b);
}

/* The library aborts when its own reasoning fails; a signal or a hang is a failed seed, too. */
static void on_signal(int number)
{
	say_where(number == SIGABRT && wr_assert_text != NULL ? wr_assert_text
		  : number == SIGALRM                         ? "it hangs"
							      : "a signal",
		  (uint64_t)number, 0);
	printf("not ok 1 - nothing acknowledged is lost and nothing else is found\n");
	(void)fflush(stdout);
	_exit(1);
}

void sim_seeds_begin(sim_replay replay)
{
	say_replay = replay;
	(void)signal(SIGABRT, on_signal);
	(void)signal(SIGSEGV, on_signal);
	(void)signal(SIGALRM, on_signal);
}

bool sim_seed_run(uint64_t seed)
{
	world.seed = seed;
	if (setjmp(world.give_up) != 0) {
		/* What it had is left behind: a failed seed ends the run soon. */
		(void)world_memory_reset();
		return false;
	}
	(void)alarm(SEED_SECONDS_MAX);
	world_run_seed();
	if (seed % 100 == 0) {
		uint64_t hash = world.trace_hash;
		world_run_seed();
		world_check(world.trace_hash == hash, "the same seed, another trace", hash,
			    world.trace_hash);
	}
	return true;
}

void sim_seeds_end(void)
{
	(void)alarm(0);
}

const char *sim_situation_text(uint32_t which)
{
	return texts[which];
}

uint32_t sim_situation_count(bool swarm)
{
	/* FROZEN_SHORT is the first of the swarm's, and behind those come the filters'. */
	return swarm ? SOMETIMES_FILTER_CHANGED : SOMETIMES_FROZEN_SHORT;
}

bool sim_situation_is_of(uint32_t which, bool swarm)
{
	/* world_tries_begin(): a swarm tries no events of partitions. */
	return which < sim_situation_count(swarm) &&
	       (!swarm || which < SOMETIMES_TRIED || which > SOMETIMES_TRIED_LETTER);
}

bool sim_seeds_say_situations(bool swarm)
{
	bool all = true;

	for (uint32_t i = 0; i < sim_situation_count(swarm); i++) {
		if (!sim_situation_is_of(i, swarm))
			continue;
		printf("# %8" PRIu64 " %s\n", world.sometimes[i], texts[i]);
		all = all && world.sometimes[i] > 0;
	}
	return all;
}
