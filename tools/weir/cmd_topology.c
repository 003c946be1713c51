/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir topology`: the machine, drawn, with the threads of weir on the cores that they would get.
 *
 * Thread: main.
 */
#include <errno.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/config_machine.h"
#include "tools/weir/topology_draw.h"

/* One command line a process: the table points here. */
static struct {
	const char *from;
	const char *config;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "from",
	 .type = CLI_STRING,
	 .target = &choices.from,
	 .value_name = "XML",
	 .help = "another machine: what lstopo --of xml wrote there"},
	{.name = "config",
	 .type = CLI_STRING,
	 .target = &choices.config,
	 .value_name = "FILE",
	 .help = "the threads of this config; - is standard input"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "topology",
	.summary = "Draw the machine, and where weir's threads would run on it.",
	.description =
		"What this process may use counts (affinity mask, cgroup): run it under\n"
		"taskset, or in a service's cgroup, to see what weir would do there. A cell\n"
		"is a core with its CPUs; a thread that spins on it has a \"!\",\n"
		"and \"+1\" says that one more has its place there.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

static void draw(const struct plan_threads *threads)
{
	struct topology_drawing drawing = {
		.topology = threads->topology,
		.affinity = threads->affinity,
		.placement = threads->placement,
		.requests = threads->requests->items,
		.columns = cli_columns(stdout),
		.color = cli_color(stdout),
		.utf8 = topology_utf8(),
	};
	plan_print_machine(stdout, threads);
	fputc('\n', stdout);
	topology_draw(stdout, &drawing);
	fputc('\n', stdout);
	plan_print_threads(stdout, threads);
}

static int print(const struct plan_threads *threads)
{
	if (!choices.json) {
		draw(threads);
		return CLI_EXIT_OK;
	}
	struct json_out j;
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	plan_json_threads(&j, threads);
	int rc = json_end(&j);
	return rc == 0 ? CLI_EXIT_OK : cli_fail("standard output", rc, NULL);
}

int cmd_topology(int argc, char **argv)
{
	static struct wr_placement placement;
	struct config_machine m;
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	exit_code = config_machine_load(choices.config, choices.from, &m);
	if (exit_code == CLI_GO_ON) {
		struct plan_threads threads = {m.topology, &m.affinity, &placement, &m.requests,
					       &m.options};
		int rc = wr_place(m.topology, &m.affinity, &m.requests.policy, m.requests.items,
				  m.requests.count, &placement);
		exit_code = rc == 0 ? print(&threads) : cli_fail("topology", rc, NULL);
	}
	config_machine_free(&m);
	return exit_code;
}
