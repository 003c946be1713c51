/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir run CONFIG`: a pipeline that a file describes, with its sources and sinks, without code
 * (run/run.h).
 *
 * Thread: main.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_check.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/run.h"

static bool want_json;
static bool want_quiet;
static uint64_t drain_timeout_ns;
static struct lines_choices line_choices;

static const struct cli_option options[] = {
	{.name = "quiet",
	 .short_name = 'q',
	 .type = CLI_FLAG,
	 .target = &want_quiet,
	 .help = "no progress line; it is shown on a terminal only"},
	{.name = "drain-timeout",
	 .type = CLI_DURATION,
	 .target = &drain_timeout_ns,
	 .min = 1000000,
	 .max = 86400000000000,
	 .help = "instead of run.drain_timeout"},
	LINES_OPTIONS(line_choices),
	CLI_OPTION_JSON(&want_json),
};

static const struct cli_command command = {
	.name = "run",
	.arguments = "CONFIG",
	.summary = "Read sources, publish, deliver to sinks: what a config file says.",
	.description =
		"Ends by itself when every source has ended and everything is delivered; not\n"
		"with followed files, bridges that events come in by, nor with run: {stay: yes}.\n"
		"SIGTERM, SIGINT or the end of its terminal stops the sources, and what they have\n"
		"published is delivered, for run.drain_timeout at most; a second signal leaves it\n"
		"in the log. A restart goes on where it stopped. SIGHUP, while its terminal is\n"
		"there or it never had one, reads the config again: rates of sources,\n"
		"drain_timeout, stay, log, alerts, what topics keep and the token of serve\n"
		"change, the rest is told. weir bridge shows and steers the bridges; with serve:\n"
		"in the config metrics, a live page and the schema registry are there over HTTP.\n"
		"\n"
		"The report goes to standard error; with --json to standard output, unless events\n"
		"go there. Exit codes: 0 all is delivered, or parked, 1 something was not, or a\n"
		"source, command or bridge failed, 3 the config has errors, 4 a file or\n"
		"program is not there, 5 the journal or an output is in use, 7 a file, disk or\n"
		"journal failed, 12 the time for draining was over, or what was left could not be\n"
		"reached: the rest is in the log, 129, 130 and 143 ended by a second signal.",
	.options = options,
	.option_count = sizeof options / sizeof options[0],
	.arguments_min = 1,
	.arguments_max = 1,
};

static void print_findings(const struct weir_config *config)
{
	size_t bytes = weir_config_report(config, NULL, 0);
	char *text = malloc(bytes + 1);
	if (bytes == 0 || text == NULL) {
		free(text);
		return;
	}
	(void)weir_config_report(config, text, bytes + 1);
	fputs(text, stderr);
	free(text);
}

/* Something to do? */
static int check_content(const struct run *run, const char *path)
{
	bool has_stages = run->config->values.stages.count > 0;
	for (uint32_t i = 0; i < run->subscription_count; i++)
		if (run->sinks[i].to != WEIR_CONFIG_TO_NONE)
			return CLI_GO_ON;
	if (run->source_count > 0 || run->config->values.bridges.count > 0 ||
	    (run->settings.serve.listen != NULL && run->settings.stay))
		return CLI_GO_ON;
	lines_say(
		WR_EVENT_RUN_NOTHING, WR_FIELDS(wr_field_text("config", path)),
		"%s: it has neither sources nor bridges nor a subscription with a sink: nothing to "
		"run%s",
		path, has_stages ? " (stages are run by a program that has their functions)" : "");
	return CLI_EXIT_CONFIG;
}

int cmd_run(int argc, char **argv)
{
	struct weir_config *config = NULL;
	struct weir_problem problem = {0};
	struct run run = {0};
	int first = 0;
	want_json = want_quiet = false;
	drain_timeout_ns = 0;
	line_choices = (struct lines_choices){0};
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	int errors = weir_config_load(argv[first], 0, &config, &problem);
	if (errors < 0)
		return cli_fail("config", errors, &problem);
	if (errors == 0)
		errors = (int)bridge_check(config, false);
	print_findings(config);
	if (errors > 0) {
		fprintf(stderr, "%d error%s; nothing was started\n", errors,
			errors == 1 ? "" : "s");
		weir_config_destroy(config);
		return CLI_EXIT_CONFIG;
	}
	run.config = config;
	run.options = *weir_config_options(config);
	run.sources = weir_config_sources(config, &run.source_count);
	run.subscriptions = weir_config_subscriptions(config, &run.subscription_count);
	run.sinks = weir_config_sinks(config, &run.subscription_count);
	weir_config_run(config, &run.settings);
	run.config_path = argv[first];
	run.drain_timeout_ns = drain_timeout_ns;
	if (drain_timeout_ns != 0)
		run.settings.drain_timeout_ns = drain_timeout_ns;
	run.lines = line_choices;
	lines_choose(&run.lines, &run.options.log_limits, &run.settings.log_format);
	run.json = want_json;
	run.show_progress = !want_quiet && isatty(STDERR_FILENO) == 1;
	exit_code = check_content(&run, argv[first]);
	if (exit_code == CLI_GO_ON)
		exit_code = run_it(&run);
	weir_config_destroy(config);
	return exit_code;
}
