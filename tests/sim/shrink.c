/* SPDX-License-Identifier: Apache-2.0 */
/* See shrink.h. */
#include "tests/sim/shrink.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shrinking {
	uint64_t seed;
	shrink_run run;
	double until;
	uint32_t tries;
};

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool fails(struct shrinking *of, const struct swarm *swarm)
{
	int status = 0;

	if (now_s() > of->until)
		return false;
	of->tries++;
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
		(void)dup2(nowhere, STDOUT_FILENO);
		(void)dup2(nowhere, STDERR_FILENO);
		_exit(of->run(of->seed, swarm) ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* Each class by itself: what is not needed stays off. */
static bool switch_off(struct shrinking *of, struct swarm *swarm)
{
	bool any = false;

	for (uint32_t i = 0; i < SWARM_COUNT; i++) {
		struct swarm less = *swarm;
		if (swarm->level[i] == 0 || (swarm->off >> i & 1u) != 0)
			continue;
		less.off |= 1u << i;
		if (!fails(of, &less))
			continue;
		*swarm = less;
		any = true;
	}
	return any;
}

/* The smallest bound that still fails, if smaller ones are the harder to fail with. */
static bool shorten(struct shrinking *of, struct swarm *swarm, uint32_t *limit, uint32_t now)
{
	uint32_t low = 0, high = *limit != 0 ? *limit : now, before = high;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		uint32_t was = *limit;
		*limit = middle;
		if (fails(of, swarm))
			high = middle;
		else
			low = middle;
		*limit = was;
	}
	if (high == before)
		return false;
	*limit = high;
	return true;
}

uint32_t shrink_seed(uint64_t seed, struct swarm *swarm, shrink_run run, double seconds_max)
{
	struct shrinking of = {seed, run, now_s() + seconds_max, 0};
	bool any = true;

	while (any && now_s() < of.until) {
		swarm_draw(swarm, seed);
		any = shorten(&of, swarm, &swarm->lives_limit, swarm->lives_max);
		swarm_draw(swarm, seed);
		any = shorten(&of, swarm, &swarm->acts_limit, swarm->acts_max) || any;
		any = switch_off(&of, swarm) || any;
	}
	swarm_draw(swarm, seed);
	return of.tries;
}
