/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir status [NAME|DIR|PID]`: the pipelines of this machine on one screen, read from their files
 * of metrics.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <time.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/top/find.h"
#include "tools/weir/top/print.h"

/* Rates want two looks, and the file is written ten times a second. */
#define BETWEEN_NS 300000000

static const char *dir;
static bool want_json;

static const struct cli_option options[] = {
	FIND_OPTION_DIR(&dir),
	CLI_OPTION_JSON(&want_json),
};

static const struct cli_command command = {
	.name = "status",
	.arguments = "[NAME|DIR|PID]",
	.summary = "What the pipelines on this machine do.",
	.description =
		"Of all pipelines of this user, or of those with this name, journal or process.\n"
		"Rates are of 0.3 s. Exit code 4: there is no such pipeline; 1: one was asked\n"
		"for, and it does not run, is silent, or has failed.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 0,
	.arguments_max = 1,
};

static struct find found;

static void print_text(void)
{
	for (uint32_t i = 0; i < found.count; i++) {
		if (i > 0)
			putchar('\n');
		print_status(found.looks[i], stdout);
	}
	if (found.count == 0)
		puts("no pipeline");
}

int cmd_status(int argc, char **argv)
{
	const struct timespec between = {.tv_nsec = BETWEEN_NS};
	bool well = true, lives = false;
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	const char *which = first < argc ? argv[first] : NULL;
	if ((exit_code = find_open(&found, dir, which)) != CLI_GO_ON)
		return exit_code;
	find_warn(&found);
	for (uint32_t i = 0; i < found.count; i++)
		lives = lives || look_is_alive(found.looks[i]);
	if (lives) {
		(void)nanosleep(&between, NULL);
		find_look(&found);
	}
	lives = false;
	for (uint32_t i = 0; i < found.count; i++) {
		const struct weir_metrics_about *about = &found.looks[i]->about;
		lives = lives || about->state == WEIR_METRICS_RUNNING;
		well = well && about->state != WEIR_METRICS_SILENT &&
		       (about->state == WEIR_METRICS_DEAD || !about->failed);
	}
	exit_code = CLI_EXIT_OK;
	if (want_json)
		exit_code = print_json_all(&found);
	else
		print_text();
	find_close(&found);
	if (exit_code != CLI_EXIT_OK)
		return exit_code;
	return which == NULL || (well && lives) ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}
