/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   weir's own structures hold in every execution that C11 allows, in small: two or three
 *         threads, few steps.
 * Method: the scenarios of scenario_*.c are explored to the end, and the number of executions is
 * asserted: one
 *         that explores less than before is as wrong as one that fails.
 *
 * usage: structures [--all] [part of a scenario's name]    --all: the large ones, too
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/explorer/scenarios.h"

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool explore(const struct explorer_case *s)
{
	static struct explorer_result result;
	const struct explorer_options options = {.runs_after_bug = 20000};
	double begun = now_s();
	explorer_run(s->scenario, &options, &result);
	(void)printf("# %" PRIu64 " executions, %" PRIu64 " that wait, %" PRIu64 " runs, %" PRIu64
		     " events at most, %.2f s\n",
		     result.executions, result.blocked, result.runs, result.events_max,
		     now_s() - begun);
	if (result.has_bug)
		(void)printf("# %s\n# an execution that shows it, of those seen the shortest:\n%s",
			     result.what, result.trace);
	else if (result.executions != s->executions || result.blocked != s->blocked)
		(void)printf("# expected %" PRIu64 " executions and %" PRIu64 " that wait\n",
			     s->executions, s->blocked);
	return result.is_complete && result.executions == s->executions &&
	       result.blocked == s->blocked;
}

static bool is_chosen(const struct explorer_case *s, bool all, const char *part)
{
	return (all || s->size != LARGE) && strstr(s->scenario->name, part) != NULL;
}

int main(int argc, char **argv)
{
	unsigned chosen = 0, number = 0, failed = 0;
	bool all = argc > 1 && strcmp(argv[1], "--all") == 0;
	const char *part = argc > (all ? 2 : 1) ? argv[all ? 2 : 1] : "";
	for (unsigned i = 0; i < explorer_scenario_count; i++)
		chosen += is_chosen(&explorer_scenarios[i], all, part) ? 1 : 0;
	(void)printf("1..%u\n", chosen);
	for (unsigned i = 0; i < explorer_scenario_count; i++) {
		const struct explorer_case *s = &explorer_scenarios[i];
		if (!is_chosen(s, all, part))
			continue;
		bool ok = explore(s);
		failed += ok ? 0 : 1;
		(void)printf("%sok %u - %s\n", ok ? "" : "not ", ++number, s->scenario->name);
		(void)fflush(stdout);
	}
	return failed == 0 && chosen > 0 ? 0 : 1;
}
