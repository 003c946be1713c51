/* SPDX-License-Identifier: Apache-2.0 */
/* See runs.h. */
#include "tests/anomaly/runs.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/anomaly/plant.h"
#include "tests/sim/sim_seeds.h"

#define PLANT_TRIES 40u

static const struct runs_options *options;
static struct runs_result *result;

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void replay(uint64_t seed, char *text, size_t text_bytes)
{
	char limits[256];

	swarm_say_limits(&world.swarm, limits, sizeof limits);
	(void)snprintf(text, text_bytes, "%s --one --seed %" PRIu64 " --print%s%s",
		       options->program, seed, options->alone ? " --alone" : "", limits);
}

static void say_anomalies(const struct verdict *verdict, uint64_t seed)
{
	char text[512];

	replay(seed, text, sizeof text);
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		if (verdict->counts[r] > 0 && !rule_is_allowed((enum rule)r))
			printf("# FAILED seed %" PRIu64 ": %s: replay with: %s\n", seed,
			       rule_name((enum rule)r), text);
	verdict_say(verdict, world.history, stdout);
	(void)fflush(stdout);
}

static void judge(struct checker *checker, uint64_t seed, bool was_stopped)
{
	const struct checker_options with = {.lag_max_ns = options->lag_max_ns};
	struct verdict verdict;

	checker_run(checker, world.history, &with, &verdict);
	result->histories++;
	result->operations += history_count(world.history);
	result->lives = world.cycles;
	result->anomalies += verdict.anomalies;
	if (verdict.lag_max_ns > result->lag_max_ns)
		result->lag_max_ns = verdict.lag_max_ns;
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		result->counts[r] += verdict.counts[r];
	result->stopped += was_stopped;
	result->failed += verdict.anomalies > 0;
	if (options->prints)
		history_write(world.history, stdout);
	if (verdict.anomalies > 0)
		say_anomalies(&verdict, seed);
	if (result->failed + result->stopped == 1 && (verdict.anomalies > 0 || was_stopped))
		result->first_failed = seed;
}

static bool is_through(double began)
{
	if (result->failed + result->stopped >= options->failures_max)
		return true;
	if (options->seconds > 0)
		return now_s() - began >= options->seconds;
	return result->histories >= options->histories;
}

static void run(void)
{
	static struct history history;
	struct checker *checker = checker_create();
	double began = now_s();

	world.swarm = options->swarm;
	world.swarm.is_on = true;
	world.tracing = options->trace;
	world.history = &history;
	world.is_mute = options->alone;
	sim_seeds_begin(replay);
	for (uint64_t seed = options->first; !is_through(began); seed++) {
		result->seed = seed;
		bool was_stopped = !sim_seed_run(seed);
		judge(checker, seed, was_stopped);
	}
	sim_seeds_end();
	result->seconds = now_s() - began;
	result->is_over = true;
	checker_destroy(checker);
	history_fini(&history);
}

const struct runs_result *runs_simulated(const struct runs_options *with)
{
	int status = 0;

	options = with;
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (result == MAP_FAILED)
		return NULL;
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (options->to_stderr)
			(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		run();
		(void)fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return NULL;
	/* It died: sim_seeds.c has said where. */
	if (!result->is_over && result->failed + result->stopped++ == 0)
		result->first_failed = result->seed;
	return result;
}

uint32_t runs_planted(uint64_t seed, bool ret_fired[RULE_COUNT])
{
	struct checker *checker = checker_create();
	struct history history = {0};
	struct verdict verdict;
	uint32_t fired = 0;

	for (uint32_t r = 0; r < RULE_COUNT; r++) {
		bool was_exact = false;
		for (uint32_t i = 0; i < PLANT_TRIES; i++)
			if (plant_and_check(checker, &history, seed + i, (enum rule)r, &verdict,
					    &was_exact))
				break;
		ret_fired[r] = was_exact;
		fired += was_exact;
	}
	checker_destroy(checker);
	history_fini(&history);
	return fired;
}
