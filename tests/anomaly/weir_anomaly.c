/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-anomaly: histories, and what the checker (checker.h) says of them.
 *
 *   weir-anomaly [--histories N] [--seed S]      simulated ones (runs.h), of the seeds from S on;
 *                                                10000 from 1
 *   ... --seconds T                              or for so long
 *   ... --json                                   one object: histories, histories_per_s, ...
 *   ... --failures N                             ends after so many have failed (1)
 *   ... --lag-max NS                             what is handed out later than that is an anomaly
 *   weir-anomaly --one --seed S [--print]        one of them, and its text; with --trace what the
 *                                                simulation says of itself
 *   ... --without a,b --lives N --acts N         without these classes of faults, and shorter
 *   ... --alone                                  without the simulation's own oracle
 *   weir-anomaly --check FILE [--lag-max NS]     a history that was written down (history.h)
 *   weir-anomaly --rules                         the rules, and what each means
 *   weir-anomaly --drawn --seed S [--plant RULE] a history drawn at random that is right, or has
 *                                                that anomaly in it: its text
 *
 * A history that fails prints one line that replays it. The exit status is 0 where nothing was
 * found, 1 where something was, 2 for a wrong option or a file that is no history.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/anomaly/plant.h"
#include "tests/anomaly/runs.h"

#define HISTORIES_DEFAULT 10000u

struct options {
	struct runs_options runs;
	const char *check;
	bool json, one, lists_rules, draws, plants;
	enum rule rule;
};

static const char *program;
static struct options o;
static struct history history;
static struct verdict verdict;

static _Noreturn void refuse(const char *what)
{
	(void)fprintf(stderr,
		      "%s: %s\n"
		      "usage: %s [--histories N | --seconds T] [--seed S] [--json] [--failures N]\n"
		      "       [--lag-max NS] [--one] [--print] [--trace] [--without CLASS,...]\n"
		      "       [--lives N] [--acts N] [--alone]\n"
		      "       --check FILE [--lag-max NS] | --rules | --drawn --seed S "
		      "[--plant RULE]\n",
		      program, what, program);
	exit(2);
}

/* --- simulated -------------------------------------------------------------------------------- */

static void say_json(const struct runs_result *r, uint32_t fired, const bool has_fired[RULE_COUNT])
{
	bool any = false;

	printf("{\"histories\": %" PRIu64 ", \"histories_per_s\": %.0f, \"anomalies\": %" PRIu64
	       ", \"rules\": %u, \"rules_fired_when_seeded\": %u, \"seed\": %" PRIu64 ", ",
	       r->histories, r->seconds > 0 ? (double)r->histories / r->seconds : 0, r->anomalies,
	       (unsigned)RULE_COUNT, fired, o.runs.first);
	printf("\"failed_seed\": ");
	if (r->failed + r->stopped > 0)
		printf("%" PRIu64, r->first_failed);
	else
		printf("null");
	printf(", \"stopped_by_the_oracle\": %" PRIu64 ", \"operations\": %" PRIu64
	       ", \"lives\": %" PRIu64 ", \"seconds\": %.2f, \"realtime_lag_max_ns\": %" PRIu64
	       ", \"found\": {",
	       r->stopped, r->operations, r->lives, r->seconds, r->lag_max_ns);
	for (uint32_t i = 0; i < RULE_COUNT; i++)
		if (r->counts[i] > 0) {
			printf("%s\"%s\": %" PRIu64, any ? ", " : "", rule_name((enum rule)i),
			       r->counts[i]);
			any = true;
		}
	printf("}, \"not_fired\": [");
	any = false;
	for (uint32_t i = 0; i < RULE_COUNT; i++)
		if (!has_fired[i]) {
			printf("%s\"%s\"", any ? ", " : "", rule_name((enum rule)i));
			any = true;
		}
	printf("]}\n");
}

static void say(const struct runs_result *r, uint32_t fired)
{
	printf("# %" PRIu64 " histories, %.0f a second, of the seeds from %" PRIu64 ": %" PRIu64
	       " operations, %" PRIu64 " lives, lag at most %.3f s\n",
	       r->histories, r->seconds > 0 ? (double)r->histories / r->seconds : 0, o.runs.first,
	       r->operations, r->lives, (double)r->lag_max_ns / 1e9);
	printf("1..2\n%sok 1 - no anomaly\n", r->failed + r->stopped == 0 ? "" : "not ");
	printf("%sok 2 - %u of %u rules fire when they are planted\n",
	       fired == RULE_COUNT ? "" : "not ", fired, (unsigned)RULE_COUNT);
}

static int run_simulated(void)
{
	bool has_fired[RULE_COUNT];
	uint32_t fired = RULE_COUNT;

	o.runs.program = program;
	o.runs.to_stderr = o.json;
	const struct runs_result *r = runs_simulated(&o.runs);
	if (r == NULL)
		refuse("no process could be made");
	if (!o.one) {
		fired = runs_planted(o.runs.first, has_fired);
		if (o.json)
			say_json(r, fired, has_fired);
		else
			say(r, fired);
	}
	return r->failed + r->stopped > 0 || fired < RULE_COUNT ? 1 : 0;
}

/* --- the others ------------------------------------------------------------------------------- */

static int check_file(void)
{
	const struct checker_options options = {.lag_max_ns = o.runs.lag_max_ns};
	bool is_stdin = strcmp(o.check, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(o.check, "r");

	if (file == NULL) {
		(void)fprintf(stderr, "%s: %s: %s\n", program, o.check, strerror(errno));
		return 2;
	}
	uint32_t bad_line = history_read(&history, file);
	if (!is_stdin)
		(void)fclose(file);
	if (bad_line != 0) {
		(void)fprintf(stderr, "%s: %s: line %u is none of a history\n", program, o.check,
			      bad_line);
		return 2;
	}
	struct checker *checker = checker_create();
	checker_run(checker, &history, &options, &verdict);
	checker_destroy(checker);
	verdict_say(&verdict, &history, stdout);
	printf("%u operations, %" PRIu64 " anomalies, lag at most %" PRIu64 " ns\n",
	       history_count(&history), verdict.anomalies, verdict.lag_max_ns);
	return verdict.anomalies > 0 ? 1 : 0;
}

static int say_rules(void)
{
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		printf("%s%s: %s\n", rule_name((enum rule)r),
		       rule_is_allowed((enum rule)r) ? " (allowed)" : "", rule_text((enum rule)r));
	return 0;
}

static int draw(void)
{
	draw_history(&history, o.runs.first);
	if (o.plants && !plant(&history, o.runs.first, o.rule)) {
		(void)fprintf(stderr, "%s: no place for it in this history\n", program);
		return 2;
	}
	history_write(&history, stdout);
	return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

static uint64_t number(const char *text)
{
	char *end = NULL;
	uint64_t value = text != NULL ? strtoull(text, &end, 0) : 0;

	if (end == NULL || end == text || *end != '\0' || *text == '-')
		refuse("a number is missing, or is none");
	return value;
}

static enum rule rule_of(const char *name)
{
	for (uint32_t r = 0; name != NULL && r < RULE_COUNT; r++)
		if (strcmp(rule_name((enum rule)r), name) == 0)
			return (enum rule)r;
	refuse("no such rule");
}

static bool take_flag(const char *name)
{
	static const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"--json", &o.json},        {"--one", &o.one},          {"--print", &o.runs.prints},
		{"--trace", &o.runs.trace}, {"--alone", &o.runs.alone}, {"--rules", &o.lists_rules},
		{"--drawn", &o.draws},
	};

	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (strcmp(name, flags[i].name) == 0)
			return *flags[i].flag = true;
	return false;
}

static bool take_number(const char *name, const char *value)
{
	if (strcmp(name, "--seed") == 0)
		o.runs.first = number(value);
	else if (strcmp(name, "--histories") == 0)
		o.runs.histories = number(value);
	else if (strcmp(name, "--seconds") == 0)
		o.runs.seconds = (double)number(value);
	else if (strcmp(name, "--failures") == 0)
		o.runs.failures_max = number(value);
	else if (strcmp(name, "--lives") == 0)
		o.runs.swarm.lives_limit = (uint32_t)number(value);
	else if (strcmp(name, "--acts") == 0)
		o.runs.swarm.acts_limit = (uint32_t)number(value);
	else if (strcmp(name, "--lag-max") == 0)
		o.runs.lag_max_ns = number(value);
	else
		return false;
	return true;
}

/* How many arguments it took. */
static int take_option(char **argv)
{
	const char *name = argv[0], *value = argv[1];

	if (take_flag(name))
		return 1;
	if (take_number(name, value) || strcmp(name, "--bug") == 0)
		return 2; /* tests/support/bug.c has seen the last one */
	if (strcmp(name, "--check") == 0) {
		if (value == NULL)
			refuse("a file is missing");
		o.check = value;
	} else if (strcmp(name, "--plant") == 0) {
		o.rule = rule_of(value);
		o.plants = true;
	} else if (strcmp(name, "--without") == 0) {
		if (value == NULL || !swarm_parse_off(value, &o.runs.swarm.off))
			refuse("no such class");
	} else {
		refuse("no such option");
	}
	return 2;
}

int main(int argc, char **argv)
{
	int rc;

	program = argv[0];
	o.runs.histories = HISTORIES_DEFAULT;
	o.runs.first = o.runs.failures_max = 1;
	for (int i = 1; i < argc;)
		i += take_option(&argv[i]);
	if (o.one)
		o.runs.histories = 1;
	if (o.check != NULL)
		rc = check_file();
	else if (o.lists_rules)
		rc = say_rules();
	else if (o.draws)
		rc = draw();
	else
		rc = run_simulated();
	history_fini(&history);
	return rc;
}
