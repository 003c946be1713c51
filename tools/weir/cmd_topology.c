/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir topology`: the machine, drawn, with the threads of weir on the cores that they would get.
 *
 * Thread: main.
 */
#include <errno.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/plan_print.h"
#include "tools/weir/topology_draw.h"

/* One command line a process: the table points here. */
static struct {
	const char *from;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "from",
	 .type = CLI_STRING,
	 .target = &choices.from,
	 .value_name = "FILE",
	 .help = "another machine: what lstopo --of xml wrote there"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "topology",
	.summary = "Draw the machine, and where weir's threads would run on it.",
	.description =
		"What this process may use counts (affinity mask, cgroup): run it under\n"
		"taskset, or in a service's cgroup, to see what weir would do there. A cell\n"
		"is a core with its CPUs; a thread that spins on it has a \"!\".",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

/* The threads of a journaled pipeline, as without a config. */
static const struct wr_place_request defaults[] = {
	{.name = "log", .count = 1},
	{.name = "journal", .count = 1, .if_room = true},
	{.name = "group", .count = 1},
};

static void draw(const struct plan_threads *threads)
{
	struct topology_drawing drawing = {
		.topology = threads->topology,
		.affinity = threads->affinity,
		.placement = threads->placement,
		.requests = threads->requests,
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

static int read_machine(struct wr_topology **ret_topology, struct wr_affinity *ret_affinity,
			struct weir_problem *ret_problem)
{
	if (choices.from != NULL) {
		int rc = wr_topology_read_xml(choices.from, ret_topology, ret_problem);
		if (rc == 0)
			wr_topology_affinity(*ret_topology, ret_affinity);
		return rc;
	}
	int rc = wr_affinity_scan(NULL, ret_affinity);
	if (rc != 0) {
		*ret_problem = (struct weir_problem){.code = rc, .text = "the CPU mask"};
		return rc;
	}
	return wr_topology_read(NULL, ret_topology, ret_problem);
}

int cmd_topology(int argc, char **argv)
{
	static struct wr_placement placement;
	struct wr_topology *topology = NULL;
	struct wr_affinity affinity;
	struct wr_place_policy policy = {.use_siblings = false};
	struct weir_problem problem = {0};
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	int rc = read_machine(&topology, &affinity, &problem);
	if (rc != 0) {
		exit_code = cli_fail("topology", rc, &problem);
		return rc == -EINVAL ? CLI_EXIT_CONFIG : exit_code;
	}
	struct plan_threads threads = {topology, &affinity, &placement, defaults};
	rc = wr_place(topology, &affinity, &policy, defaults, WR_ARRAY_COUNT(defaults), &placement);
	if (rc == -EINVAL)
		plan_print_problems(stderr, &threads);
	exit_code = rc == 0         ? print(&threads)
		    : rc == -EINVAL ? CLI_EXIT_CONFIG
				    : cli_fail("topology", rc, NULL);
	wr_topology_destroy(topology);
	return exit_code;
}
