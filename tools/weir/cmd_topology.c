/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir topology`: the machine, drawn, with the threads of weir on the cores that they would get;
 * and the ways of events between a config's topics.
 *
 * Thread: main.
 */
#include <errno.h>

#include "core/base/bits.h"
#include "io/config/config.h"
#include "tools/weir/args.h"
#include "tools/weir/config_machine.h"
#include "tools/weir/topology_draw.h"
#include "tools/weir/topology_ways.h"

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
		"and \"+1\" says that one more has its place there. Below stand the ways of\n"
		"events between the topics of the config: bindings, and what nobody wants.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

static void draw(const struct plan_threads *threads, const struct weir_config *config)
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
	if (config != NULL)
		topology_draw_ways(stdout, &config->values, drawing.utf8);
}

static int print(const struct plan_threads *threads, const struct weir_config *config)
{
	if (!choices.json) {
		draw(threads, config);
		return CLI_EXIT_OK;
	}
	struct json_out j;
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	plan_json_threads(&j, threads);
	if (config != NULL)
		topology_json_ways(&j, &config->values);
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
		bool serves = m.config != NULL && m.config->values.serve_listen != NULL;
		struct plan_threads threads = {m.topology,  &m.affinity, &placement,
					       &m.requests, &m.options,  serves};
		int rc = wr_place(m.topology, &m.affinity, &m.requests.policy, m.requests.items,
				  m.requests.count, &placement);
		exit_code = rc == 0 ? print(&threads, m.config) : cli_fail("topology", rc, NULL);
	}
	config_machine_free(&m);
	return exit_code;
}
