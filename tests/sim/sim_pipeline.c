/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole pipeline through many lives, from a seed (world.h), against an oracle (oracle.h).
 *
 *   sim_pipeline                       the push suite: a fixed set of seeds, then fresh ones; on an
 *                                      emulated processor a few seeds
 *   sim_pipeline --seeds N --first S   seeds S .. S + N - 1, and no others
 *   sim_pipeline --seconds T           fresh seeds for so long
 *   ... --trace                        says what happens
 *   ... --failures N                   ends after so many seeds have failed
 *
 * A failed check prints one line with the command that shows it again. One seed in a hundred runs
 * twice: both must leave the same trace (I18).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/world.h"

#define FIXED_SEEDS 4000u
#define FRESH_SECONDS 8u
#define EMULATED_SEEDS 40u /* where each takes a hundred times as long */
#define FAILURES_MAX 3u
#define SEED_SECONDS_MAX 20u

extern const char *wr_assert_text;

static const char *program;

static void say_where(const char *what, uint64_t a, uint64_t b)
{
	printf("# FAILED seed %" PRIu64 " life %u: %s (%" PRIu64 ", %" PRIu64
	       "): replay with: %s --seeds 1 --first %" PRIu64 " --trace\n",
	       world.seed, world.life, what, a, b, program, world.seed);
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

static bool run_seed(uint64_t seed)
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

static uint64_t argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return strtoull(argv[i + 1], NULL, 0);
	return otherwise;
}

static bool has_argument(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return false;
}

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool say_situations(void)
{
	static const char *const text[] = {
#define SOMETIMES_TEXT(name, text) text,
		SOMETIMES_MAP(SOMETIMES_TEXT)
#undef SOMETIMES_TEXT
	};
	bool all = true;

	for (uint32_t i = 0; i < SOMETIMES_COUNT; i++) {
		printf("# %8" PRIu64 " %s\n", world.sometimes[i], text[i]);
		all = all && world.sometimes[i] > 0;
	}
	return all;
}

int main(int argc, char **argv)
{
	bool emulated = getenv("WEIR_TEST_EMULATED") != NULL;
	bool only = has_argument(argc, argv, "--seeds") || emulated;
	uint64_t count = argument(argc, argv, "--seeds", emulated ? EMULATED_SEEDS : FIXED_SEEDS);
	uint64_t first = argument(argc, argv, "--first", 1);
	uint64_t seconds = argument(argc, argv, "--seconds", only ? 0 : FRESH_SECONDS);
	uint64_t failures_max = argument(argc, argv, "--failures", FAILURES_MAX);
	uint64_t failures = 0, seeds = 0;
	double began = now_s();

	program = argv[0];
	world.tracing = has_argument(argc, argv, "--trace");
	(void)signal(SIGABRT, on_signal);
	(void)signal(SIGSEGV, on_signal);
	(void)signal(SIGALRM, on_signal);
	if (has_argument(argc, argv, "--seconds"))
		count = 0;
	printf("1..2\n");
	for (uint64_t i = 0; i < count && failures < failures_max; i++, seeds++)
		failures += run_seed(first + i) ? 0 : 1;
	uint64_t fresh = (uint64_t)time(NULL) * 1000000u;
	double until = now_s() + (double)seconds;
	for (; now_s() < until && failures < failures_max; seeds++)
		failures += run_seed(fresh + seeds) ? 0 : 1;
	(void)alarm(0);
	double took = now_s() - began;
	printf("# %" PRIu64 " seeds, %" PRIu64 " lives, %.0f lives a second\n", seeds, world.cycles,
	       (double)world.cycles / took);
	bool all = say_situations();
	printf("%s 1 - nothing acknowledged is lost and nothing else is found\n",
	       failures == 0 ? "ok" : "not ok");
	if (only)
		printf("ok 2 - every situation was there # SKIP only some seeds\n");
	else
		printf("%s 2 - every situation was there\n", all ? "ok" : "not ok");
	return failures > 0 || (!only && !all) ? 1 : 0;
}
