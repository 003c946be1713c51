/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-sim: the simulated pipeline (world.h) by crash/recover cycles, each seed in trouble of its
 * own (swarm.h).
 *
 *   weir-sim [--cycles N] [--seed S]   seeds from S on (1) until N cycles (100000) are through
 *   ... --seconds T                    or until so many seconds are over
 *   ... --json                         one object: cycles, cycles_per_s, violations, seed, ...
 *   ... --all                          fails, too, where a situation never came
 *   ... --failures N                   ends after so many seeds have failed (1)
 *   weir-sim --one --seed S --trace    that seed alone, and says what happens
 *   ... --without a,b --lives N --acts N    without these classes, and shorter
 *
 * A cycle is a crash (or an end in order) and the recovery after it. A seed that fails prints one
 * line that replays it, and then the smallest of its kind that still fails. The exit status is 0
 * where nothing failed, 1 where something did, 2 for a wrong option.
 *
 * The run is a process of its own: its parent makes the failing seed smaller, however it failed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/shrink.h"
#include "tests/sim/sim_seeds.h"

#define CYCLES_DEFAULT 100000u
#define SHRINK_SECONDS_MAX 60.0

struct options {
	uint64_t cycles, first, failures_max;
	double seconds; /* 0: no limit */
	bool json, all, one, trace, child;
	struct swarm swarm;
};

/* What the parent has to know of a run that may have died. */
struct progress {
	uint64_t seed, first_failed;
	uint64_t seeds, cycles, violations;
	uint64_t sometimes[SOMETIMES_COUNT];
	double seconds;
	bool is_over;
};

static const char *program;
static struct options o;
static struct progress *progress;

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
	(void)snprintf(text, text_bytes, "%s --one --seed %" PRIu64 " --trace%s", program, seed,
		       limits);
}

/* --- the run ---------------------------------------------------------------------------------- */

static bool is_through(double began)
{
	if (o.one)
		return progress->seeds > 0;
	if (progress->violations >= o.failures_max)
		return true;
	if (o.seconds > 0 && now_s() - began >= o.seconds)
		return true;
	return o.seconds <= 0 && world.cycles >= o.cycles;
}

static void run(void)
{
	double began = now_s();

	sim_seeds_begin(replay);
	for (uint64_t seed = o.first; !is_through(began); seed++) {
		progress->seed = seed;
		bool good = sim_seed_run(seed);
		progress->seeds++;
		progress->cycles = world.cycles;
		if (good)
			continue;
		if (progress->violations++ == 0)
			progress->first_failed = seed;
	}
	sim_seeds_end();
	progress->seconds = now_s() - began;
	memcpy(progress->sometimes, world.sometimes, sizeof progress->sometimes);
	progress->is_over = true;
}

/* In a process of its own: true, it ended by itself. */
static bool run_apart(void)
{
	int status = 0;

	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (o.json) /* what it says is for people */
			(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		run();
		(void)fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	if (progress->is_over)
		return true;
	if (progress->violations++ == 0)
		progress->first_failed = progress->seed;
	return false;
}

static bool run_smaller(uint64_t seed, const struct swarm *swarm)
{
	world.swarm = *swarm;
	sim_seeds_begin(replay);
	return sim_seed_run(seed);
}

static void shrink(FILE *to)
{
	char text[512];

	world.swarm = o.swarm;
	uint32_t tries =
		shrink_seed(progress->first_failed, &world.swarm, run_smaller, SHRINK_SECONDS_MAX);
	replay(progress->first_failed, text, sizeof text);
	(void)fprintf(to, "# the smallest that still fails, after %u tries: %s\n", tries, text);
	swarm_say(&world.swarm, text, sizeof text);
	(void)fprintf(to, "# it is %s\n", text);
}

/* --- what it says ----------------------------------------------------------------------------- */

static uint32_t count_missing(void)
{
	uint32_t missing = 0;

	for (uint32_t i = 0; i < sim_situation_count(true); i++)
		missing += sim_situation_is_of(i, true) && progress->sometimes[i] == 0;
	return missing;
}

static double rate(void)
{
	return progress->seconds > 0 ? (double)progress->cycles / progress->seconds : 0;
}

static void say_json(void)
{
	printf("{\"cycles\": %" PRIu64 ", \"cycles_per_s\": %.0f, \"violations\": %" PRIu64
	       ", \"seed\": %" PRIu64 ", \"seeds\": %" PRIu64 ", \"seconds\": %.2f, ",
	       progress->cycles, rate(), progress->violations, o.first, progress->seeds,
	       progress->seconds);
	printf("\"failed_seed\": ");
	if (progress->violations > 0)
		printf("%" PRIu64, progress->first_failed);
	else
		printf("null");
	printf(", \"situations_missing\": %u, \"situations\": {", count_missing());
	for (uint32_t i = 0; i < sim_situation_count(true); i++)
		printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", sim_situation_text(i),
		       progress->sometimes[i]);
	printf("}}\n");
}

static void say(void)
{
	for (uint32_t i = 0; i < sim_situation_count(true); i++)
		printf("# %9" PRIu64 " %s\n", progress->sometimes[i], sim_situation_text(i));
	printf("# %" PRIu64 " cycles, %.0f a second, %" PRIu64 " seeds from %" PRIu64 ", %" PRIu64
	       " violations\n",
	       progress->cycles, rate(), progress->seeds, o.first, progress->violations);
	printf("1..2\n%sok 1 - nothing acknowledged is lost and nothing else is found\n",
	       progress->violations == 0 ? "" : "not ");
	if (o.all)
		printf("%sok 2 - every situation was there\n", count_missing() == 0 ? "" : "not ");
	else
		printf("ok 2 - every situation was there # SKIP not asked for\n");
}

/* --- options ---------------------------------------------------------------------------------- */

static _Noreturn void refuse(const char *what)
{
	(void)fprintf(stderr,
		      "%s: %s\nusage: %s [--cycles N | --seconds T] [--seed S] [--json] [--all] "
		      "[--failures N]\n       [--one] [--trace] [--without CLASS,...] [--lives N] "
		      "[--acts N]\n",
		      program, what, program);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end = NULL;
	uint64_t value = text != NULL ? strtoull(text, &end, 0) : 0;

	if (end == NULL || end == text || *end != '\0' || *text == '-')
		refuse("a number is missing, or is none");
	return value;
}

/* How many arguments it took. */
static int take_option(char **argv)
{
	const char *name = argv[0], *value = argv[1];

	if (strcmp(name, "--json") == 0)
		return o.json = true, 1;
	if (strcmp(name, "--all") == 0)
		return o.all = true, 1;
	if (strcmp(name, "--one") == 0)
		return o.one = true, 1;
	if (strcmp(name, "--trace") == 0)
		return o.trace = true, 1;
	if (strcmp(name, "--bug") == 0)
		return 2; /* tests/support/bug.c has seen it */
	if (strcmp(name, "--without") == 0) {
		if (value == NULL || !swarm_parse_off(value, &o.swarm.off))
			refuse("no such class");
		return 2;
	}
	if (strcmp(name, "--cycles") == 0)
		o.cycles = number(value);
	else if (strcmp(name, "--seconds") == 0)
		o.seconds = (double)number(value);
	else if (strcmp(name, "--seed") == 0)
		o.first = number(value);
	else if (strcmp(name, "--failures") == 0)
		o.failures_max = number(value);
	else if (strcmp(name, "--lives") == 0)
		o.swarm.lives_limit = (uint32_t)number(value);
	else if (strcmp(name, "--acts") == 0)
		o.swarm.acts_limit = (uint32_t)number(value);
	else
		refuse("no such option");
	return 2;
}

int main(int argc, char **argv)
{
	program = argv[0];
	o = (struct options){.cycles = CYCLES_DEFAULT, .first = 1, .failures_max = 1};
	o.swarm.is_on = true;
	for (int i = 1; i < argc;)
		i += take_option(&argv[i]);
	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED)
		refuse("no memory");
	world.swarm = o.swarm;
	world.tracing = o.trace;
	if (!run_apart() && !progress->is_over && progress->violations == 0)
		refuse("no process could be made");
	if (progress->violations > 0 && !o.one) {
		world.tracing = false;
		shrink(o.json ? stderr : stdout);
	}
	if (o.json)
		say_json();
	else
		say();
	return progress->violations > 0 || (o.all && count_missing() > 0) ? 1 : 0;
}
