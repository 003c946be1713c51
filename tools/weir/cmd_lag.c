/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir lag [NAME|DIR|PID]`: what subscriptions of running pipelines have still to process, read
 * from their files of metrics, with limits for scripts.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/top/find.h"
#include "tools/weir/top/lag_limit.h"
#include "tools/weir/top/print.h"

static struct {
	const char *dir;
	struct cli_strings limits;
	uint64_t interval_ns;
	uint64_t count;
	bool watch;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "fail-above",
	 .type = CLI_STRINGS,
	 .target = &choices.limits,
	 .value_name = "LIMIT",
	 .help = "exit code 9 if a lag is greater: 5000 (events), 64MiB, 5s (age); NAME=LIMIT "
		 "of one subscription; may be repeated"},
	{.name = "watch", .type = CLI_FLAG, .target = &choices.watch, .help = "again and again"},
	{.name = "interval",
	 .type = CLI_DURATION,
	 .target = &choices.interval_ns,
	 .fallback = "1s",
	 .min = 100000000,
	 .value_name = "T",
	 .help = "between two looks of --watch"},
	{.name = "count",
	 .short_name = 'n',
	 .type = CLI_NUMBER,
	 .target = &choices.count,
	 .min = 1,
	 .help = "end --watch after so many looks"},
	FIND_OPTION_DIR(&choices.dir),
	{.name = "json",
	 .type = CLI_FLAG,
	 .target = &choices.json,
	 .help = "print one JSON document instead of text, with --watch one a line"},
};

static const struct cli_command command = {
	.name = "lag",
	.arguments = "[NAME|DIR|PID]",
	.summary = "What subscriptions of running pipelines have still to process.",
	.description =
		"Of all pipelines of this user, or of those with this name, journal or process.\n"
		"Their owners notice nothing. A pipeline that died shows what it was at; the\n"
		"oldest event goes on getting older.\n"
		"\n"
		"Exit code 9: a lag is above a limit, and --watch ends then, too; 4: there is no\n"
		"such pipeline or subscription; 1: with --fail-above, if none of them runs, or\n"
		"one is silent: its figures are old; or while events of a subscription with a\n"
		"limit are counted again, or with one of age its oldest is looked for, but\n"
		"--watch goes on. Without --fail-above it is 0. Name the pipeline, so that its\n"
		"death is noticed.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 0,
	.arguments_max = 1,
};

static struct lag_limit limits[CLI_STRINGS_MAX];
static struct find found;
static const char *which;

static int parse_limits(void)
{
	char why[256];

	for (uint32_t i = 0; i < choices.limits.count; i++)
		if (lag_limit_parse(&limits[i], choices.limits.items[i], why, sizeof why) < 0)
			return cli_usage(&command, "--fail-above: \"%s\" %s",
					 choices.limits.items[i], why);
	return CLI_GO_ON;
}

/* A name that no pipeline has is a mistake of the script, which would never fail. */
static int check_names(void)
{
	for (uint32_t i = 0; i < choices.limits.count; i++) {
		bool is_there = limits[i].subscription[0] == '\0';
		for (uint32_t p = 0; p < found.count && !is_there; p++)
			is_there = look_find(found.looks[p], LOOK_SUBSCRIPTION,
					     limits[i].subscription) != NULL;
		if (is_there)
			continue;
		fprintf(stderr, "weir: there is no subscription \"%s\"\n", limits[i].subscription);
		return CLI_EXIT_NOT_FOUND;
	}
	return CLI_GO_ON;
}

/* Nobody asked for what died of itself: its file stays for a day, where nobody opens it again. */
static bool is_judged(const struct look *l)
{
	return which != NULL || look_is_alive(l);
}

static uint32_t crossed_by(const struct look *l, const struct look_row *s, const char **ret_text)
{
	uint32_t crossed = 0;

	for (uint32_t i = 0; i < choices.limits.count && is_judged(l); i++) {
		if (!lag_limit_is_crossed(&limits[i], l, s))
			continue;
		crossed++;
		*ret_text = limits[i].text;
	}
	return crossed;
}

static uint32_t print_text(void)
{
	uint32_t crossed = 0;
	struct print_lag widths;

	print_lag_begin(&widths, &found, stdout);
	for (uint32_t p = 0; p < found.count; p++) {
		const struct look *l = found.looks[p];
		for (uint32_t i = 0; i < l->tables[LOOK_SUBSCRIPTION].count; i++) {
			const struct look_row *s = &l->tables[LOOK_SUBSCRIPTION].rows[i];
			const char *limit = NULL;
			crossed += crossed_by(l, s, &limit);
			print_lag_row(&widths, l, s, limit);
		}
	}
	return crossed;
}

static uint32_t print_json(void)
{
	struct json_out j;
	uint32_t crossed = 0;

	json_begin(&j, stdout, choices.watch ? JSON_LINE : JSON_PRETTY);
	json_object(&j, NULL);
	json_array(&j, "pipelines");
	for (uint32_t p = 0; p < found.count; p++) {
		const struct look *l = found.looks[p];
		json_object(&j, NULL);
		print_json_about(&j, l);
		json_array(&j, "subscriptions");
		for (uint32_t i = 0; i < l->tables[LOOK_SUBSCRIPTION].count; i++) {
			const struct look_row *s = &l->tables[LOOK_SUBSCRIPTION].rows[i];
			const char *limit = NULL;
			json_object(&j, NULL);
			print_json_lag(&j, l, s);
			uint32_t n = crossed_by(l, s, &limit);
			if (choices.limits.count > 0)
				json_bool(&j, "above", n > 0);
			crossed += n;
			json_close(&j);
		}
		json_close(&j);
		json_close(&j);
	}
	json_close(&j);
	json_u64(&j, "above", crossed);
	if (json_end(&j) < 0)
		fprintf(stderr, "weir: standard output cannot be written\n");
	return crossed;
}

/* May a script go by these figures? */
static bool are_fresh(void)
{
	bool fresh = true, runs = false;

	for (uint32_t p = 0; p < found.count; p++) {
		const struct look *l = found.looks[p];
		char age[CLI_TEXT_BYTES];
		runs = runs || l->about.state == WEIR_METRICS_RUNNING;
		if (l->about.state == WEIR_METRICS_RUNNING || !is_judged(l))
			continue;
		fprintf(stderr, "weir: %s, process %llu, is %s: its figures are %s old\n",
			l->about.name, (unsigned long long)l->about.pid, look_state(l),
			cli_text_ns(age, l->about.age_ns));
		/* One that runs has gone on where it died. */
		fresh = fresh && !look_is_alive(l);
	}
	if (!runs)
		fprintf(stderr, "weir: no pipeline runs\n");
	return fresh && runs;
}

static bool is_certain(const struct look_row *s)
{
	for (uint32_t i = 0; i < choices.limits.count; i++)
		if (!lag_limit_is_certain(&limits[i], s))
			return false;
	return true;
}

/* Below a limit while events are counted again, or the oldest is looked for: it may be above. */
static bool are_counted(void)
{
	bool counted = true;

	for (uint32_t p = 0; p < found.count; p++) {
		const struct look *l = found.looks[p];
		for (uint32_t i = 0; i < l->tables[LOOK_SUBSCRIPTION].count; i++) {
			const struct look_row *s = &l->tables[LOOK_SUBSCRIPTION].rows[i];
			if (!is_judged(l) || is_certain(s))
				continue;
			bool counts = s->values[SUBSCRIPTION_EXACT] == 0;
			fprintf(stderr, "weir: %s: %s of %s %s\n", l->about.name,
				counts ? "events" : "the oldest event", s->name,
				counts ? "are still counted" : "is still looked for");
			counted = false;
		}
	}
	return counted;
}

static int judge(uint32_t crossed, bool is_last)
{
	if (choices.limits.count == 0)
		return CLI_EXIT_OK;
	if (crossed > 0)
		return CLI_EXIT_THRESHOLD;
	if (!are_fresh())
		return CLI_EXIT_FAILED;
	return !is_last || are_counted() ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

static void pause_between(void)
{
	const struct timespec pause = {.tv_sec = (time_t)(choices.interval_ns / 1000000000),
				       .tv_nsec = (long)(choices.interval_ns % 1000000000)};

	(void)fflush(stdout);
	(void)nanosleep(&pause, NULL);
}

int cmd_lag(int argc, char **argv)
{
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	which = first < argc ? argv[first] : NULL;
	if ((exit_code = parse_limits()) != CLI_GO_ON)
		return exit_code;
	if ((exit_code = find_open(&found, choices.dir, which)) != CLI_GO_ON)
		return exit_code;
	find_warn(&found);
	exit_code = check_names();
	for (uint64_t n = 1; exit_code == CLI_GO_ON; n++) {
		bool is_last = !choices.watch || n == choices.count;
		exit_code = judge(choices.json ? print_json() : print_text(), is_last);
		if (is_last || exit_code != CLI_EXIT_OK)
			break;
		pause_between();
		find_more(&found, choices.dir, which);
		find_look(&found);
		if (!choices.json)
			putchar('\n');
		exit_code = ferror(stdout) ? CLI_EXIT_IO : CLI_GO_ON;
	}
	find_close(&found);
	return exit_code;
}
