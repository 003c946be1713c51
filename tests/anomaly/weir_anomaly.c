/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-anomaly: histories, and what the checker (checker.h) says of them.
 *
 *   weir-anomaly --check FILE [--lag-max NS]     a history that was written down (history.h)
 *   weir-anomaly --rules                         the rules, and what each means
 *   weir-anomaly --drawn --seed S [--plant RULE] a history drawn at random that is right, or has
 *                                                that anomaly in it: its text
 *
 * The exit status is 0 where nothing was found, 1 where something was, 2 for a wrong option or a
 * file that is no history.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/anomaly/plant.h"

struct options {
	const char *check;
	uint64_t seed, lag_max_ns;
	bool lists_rules, draws, plants;
	enum rule rule;
};

static const char *program;
static struct options o = {.seed = 1};
static struct history history;
static struct verdict verdict;

static _Noreturn void refuse(const char *what)
{
	(void)fprintf(stderr,
		      "%s: %s\nusage: %s --check FILE [--lag-max NS]\n       %s --rules\n"
		      "       %s --drawn --seed S [--plant RULE]\n",
		      program, what, program, program, program);
	exit(2);
}

static int check_file(void)
{
	const struct checker_options options = {.lag_max_ns = o.lag_max_ns};
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
	draw_history(&history, o.seed);
	if (o.plants && !plant(&history, o.seed, o.rule)) {
		(void)fprintf(stderr, "%s: no place for it in this history\n", program);
		return 2;
	}
	history_write(&history, stdout);
	return 0;
}

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

/* How many arguments it took. */
static int take_option(char **argv)
{
	const char *name = argv[0], *value = argv[1];

	if (strcmp(name, "--rules") == 0)
		return o.lists_rules = true, 1;
	if (strcmp(name, "--drawn") == 0)
		return o.draws = true, 1;
	if (strcmp(name, "--check") == 0) {
		if (value == NULL)
			refuse("a file is missing");
		o.check = value;
	} else if (strcmp(name, "--seed") == 0) {
		o.seed = number(value);
	} else if (strcmp(name, "--lag-max") == 0) {
		o.lag_max_ns = number(value);
	} else if (strcmp(name, "--plant") == 0) {
		o.rule = rule_of(value);
		o.plants = true;
	} else {
		refuse("no such option");
	}
	return 2;
}

int main(int argc, char **argv)
{
	int rc;

	program = argv[0];
	for (int i = 1; i < argc;)
		i += take_option(&argv[i]);
	if (o.check != NULL)
		rc = check_file();
	else if (o.lists_rules)
		rc = say_rules();
	else if (o.draws)
		rc = draw();
	else
		refuse("nothing to do");
	history_fini(&history);
	return rc;
}
