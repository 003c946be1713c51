/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir top [NAME|DIR|PID]`: pipelines live, read from their files of metrics.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <time.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/top/find.h"
#include "tools/weir/top/print.h"
#include "tools/weir/top/screen.h"
#ifdef WR_HAVE_NCURSES
#include "tools/weir/top/terminal.h"
#endif

static struct {
	const char *dir;
	uint64_t interval_ns;
	unsigned sort;
	bool once;
	bool json;
	bool ascii;
} choices;

static const struct cli_option options[] = {
	{.name = "interval",
	 .type = CLI_DURATION,
	 .target = &choices.interval_ns,
	 .fallback = "1s",
	 .min = 100000000,
	 .max = 60000000000,
	 .value_name = "T",
	 .help = "between two looks"},
	{.name = "sort",
	 .type = CLI_ENUM,
	 .target = &choices.sort,
	 .choices = screen_sorts,
	 .fallback = "events",
	 .help = "subscriptions by their lag, their rate or their name"},
	{.name = "once",
	 .type = CLI_FLAG,
	 .target = &choices.once,
	 .help = "print it after one interval, and end; needs no terminal"},
	{.name = "ascii",
	 .type = CLI_FLAG,
	 .target = &choices.ascii,
	 .help = "draw curves without UTF-8"},
	FIND_OPTION_DIR(&choices.dir),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "top",
	.arguments = "[NAME|DIR|PID]",
	.summary = "Pipelines live: rates, lag, members, threads, errors.",
	.description = "Of all pipelines of this user, or of those with this name, journal or\n"
		       "process. Their owners notice nothing. Keys: q end, p pause, s sort, r\n"
		       "reverse, / filter, n next pipeline, Tab and arrows scroll.\n"
		       "\n"
		       "--json is what weir status --json prints, with rates of the interval.\n"
		       "Exit code 4: there is no such pipeline.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 0,
	.arguments_max = 1,
};

static struct find found;

static void wait_and_look(void)
{
	const struct timespec pause = {.tv_sec = (time_t)(choices.interval_ns / 1000000000),
				       .tv_nsec = (long)(choices.interval_ns % 1000000000)};

	(void)nanosleep(&pause, NULL);
	find_look(&found);
}

static int print_once(struct view *v)
{
	struct screen s = {.rows = NULL};

	do {
		if (!screen_build(&s, &found, v, (uint32_t)cli_columns(stdout)))
			fprintf(stderr, "weir: no memory for all of it\n");
		for (uint32_t i = 0; i < s.count; i++)
			puts(s.rows[i].text);
		if (v->pipeline + 1 < found.count)
			putchar('\n');
	} while (++v->pipeline < found.count);
	screen_fini(&s);
	return CLI_EXIT_OK;
}

static int run(const char *which, struct view *v)
{
	if (choices.json || choices.once) {
		if (found.count > 0)
			wait_and_look();
		return choices.json ? print_json_all(&found) : print_once(v);
	}
#ifdef WR_HAVE_NCURSES
	return terminal_run(&found, choices.dir, which, v, choices.interval_ns);
#else
	(void)which;
	return cli_usage(&command, "this weir was built without ncurses: --once and --json need "
				   "none");
#endif
}

int cmd_top(int argc, char **argv)
{
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	const char *which = first < argc ? argv[first] : NULL;
	struct view view = {.sort = (enum screen_sort)choices.sort, .ascii = choices.ascii};
	if ((exit_code = find_open(&found, choices.dir, which)) != CLI_GO_ON)
		return exit_code;
	exit_code = run(which, &view);
	find_close(&found);
	return exit_code;
}
