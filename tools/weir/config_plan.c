/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir config plan FILE`: what a pipeline of this config would take of the machine, where its
 * threads would run, and what the machine lacks.
 *
 * Exit codes: 3 when the file has errors, 1 when something that the machine lacks would keep the
 * pipeline from opening.
 *
 * Thread: main.
 */
#include "core/base/bits.h"
#include "io/config/config.h"
#include "tools/weir/args.h"
#include "tools/weir/config_machine.h"

/* One command line a process: the table points here. */
static struct {
	const char *from;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "from",
	 .type = CLI_STRING,
	 .target = &choices.from,
	 .value_name = "XML",
	 .help = "for another machine: what lstopo --of xml wrote there"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "config plan",
	.arguments = "FILE",
	.summary = "Say what a config would take of the machine, and what the machine lacks.",
	.description =
		"Memory, disk, descriptors, threads and their CPUs, and what weir run has to\n"
		"find: files, folders, programs. Nothing is made. What is lacking comes with\n"
		"the way to mend it: \"stops\" keeps the pipeline from opening (exit code 1),\n"
		"\"later\" stops it some day, \"slows\" costs time. Limits are those of this\n"
		"process: run it as the service runs, in its directory. FILE - is standard\n"
		"input.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 1,
	.arguments_max = 1,
};

static int print(const struct plan_threads *threads, const struct wr_plan *plan, const char *file)
{
	if (!choices.json) {
		plan_print_machine(stdout, threads);
		fputs("threads\n", stdout);
		plan_print_threads(stdout, threads);
		plan_print(stdout, plan, threads->options, file);
		return 0;
	}
	struct json_out j;
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	plan_json_threads(&j, threads);
	plan_json(&j, plan);
	return json_end(&j);
}

static bool would_open(const struct wr_plan *plan)
{
	for (uint32_t i = 0; i < plan->lack_count; i++)
		if (plan->lacks[i].weight == WR_LACK_STOPS)
			return false;
	return true;
}

static int plan_machine(const struct config_machine *m)
{
	static struct wr_plan plan;
	struct wr_machine machine;
	struct weir_problem problem = {0};
	struct wr_plan_input input;
	config_machine_plan_input(m, &input);
	if (choices.from == NULL) {
		wr_machine_read(NULL, &m->topology->present, &machine);
		input.machine = &machine;
	}
	int rc = wr_plan_make(&input, &plan, &problem);
	if (rc != 0)
		return cli_fail("config plan", rc, &problem);
	struct plan_threads threads = {m->topology,     &m->affinity,
				       &plan.placement, &m->requests,
				       &m->options,     m->config->values.serve_listen != NULL};
	rc = print(&threads, &plan, m->config->source.name);
	if (rc != 0)
		return cli_fail("standard output", rc, NULL);
	return would_open(&plan) ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

int cmd_config_plan(int argc, char **argv)
{
	struct config_machine machine;
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	exit_code = config_machine_load(argv[first], choices.from, &machine);
	if (exit_code == CLI_GO_ON)
		exit_code = plan_machine(&machine);
	config_machine_free(&machine);
	return exit_code;
}
