/* SPDX-License-Identifier: Apache-2.0 */
/* See config_machine.h. */
#include "tools/weir/config_machine.h"

#include <errno.h>
#include <string.h>

#include "io/config/config.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_check.h"
#include "tools/weir/config_report.h"

static int read_machine(const char *from, struct config_machine *m)
{
	struct weir_problem problem = {0};
	int rc = 0;
	if (from != NULL) {
		rc = wr_topology_read_xml(from, &m->topology, &problem);
		if (rc == 0)
			wr_topology_affinity(m->topology, &m->affinity);
	} else {
		rc = wr_affinity_scan(NULL, &m->affinity);
		if (rc == 0)
			rc = wr_topology_read(NULL, &m->topology, &problem);
	}
	if (rc == 0)
		return CLI_GO_ON;
	int exit_code = cli_fail("topology", rc, &problem);
	/* The file is read, and is no machine. */
	return from != NULL && rc == -EINVAL ? CLI_EXIT_CONFIG : exit_code;
}

/* Errors of the file first; its threads are placed here only to find what is wrong with them. */
static int read_config(const char *path, bool is_bench, bool is_elsewhere, struct config_machine *m)
{
	struct weir_problem problem = {0};
	bool is_stdin = strcmp(path, "-") == 0;
	int rc = weir_config_load(is_stdin ? "/dev/stdin" : path, WEIR_CONFIG_ANY_MACHINE,
				  &m->config, &problem);
	if (rc < 0)
		return cli_fail("config", rc, &problem);
	struct wr_config_findings *findings = &m->config->findings;
	if (m->config->root != NULL) {
		struct weir_options placed = m->config->values.options;
		struct wr_config_values values = m->config->values;
		/* The bench refuses these itself: it needs no warning that it will. */
		if (is_bench)
			values.bench.streams.count = values.bench.readers.count = 0;
		wr_config_place_threads(findings, m->config->root, &values, m->topology,
					&m->affinity, &placed, NULL);
		wr_config_findings_sort(findings);
	}
	if (findings->out_of_memory)
		return cli_fail("config", -ENOMEM, NULL);
	if (findings->error_count == 0 && !is_bench)
		(void)bridge_check(m->config, is_elsewhere);
	if (config_report(m->config) != CLI_GO_ON)
		return CLI_EXIT_CONFIG;
	m->options = m->config->values.options;
	wr_config_requests(&m->config->values, &m->requests);
	return CLI_GO_ON;
}

static int load(const char *path, const char *from, bool is_bench,
		struct config_machine *ret_machine)
{
	memset(ret_machine, 0, sizeof *ret_machine);
	int exit_code = read_machine(from, ret_machine);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	if (path != NULL)
		return read_config(path, is_bench, from != NULL, ret_machine);
	weir_options_init(&ret_machine->options);
	struct weir_options *o = &ret_machine->options;
	ret_machine->requests = (struct wr_config_requests){
		.count = 3,
		.items = {{.name = "log", .count = 1},
			  {.name = "journal", .count = 1, .if_room = true},
			  {.name = "group", .count = 1}},
		.threads = {&o->log, &o->journal, &o->group},
	};
	return CLI_GO_ON;
}

int config_machine_load(const char *path, const char *from, struct config_machine *ret_machine)
{
	return load(path, from, false, ret_machine);
}

int config_machine_load_for_bench(const char *path, struct config_machine *ret_machine)
{
	return load(path, NULL, true, ret_machine);
}

void config_machine_free(struct config_machine *machine)
{
	weir_config_destroy(machine->config);
	wr_topology_destroy(machine->topology);
}

void config_machine_plan_input(const struct config_machine *m, struct wr_plan_input *ret_input)
{
	*ret_input = (struct wr_plan_input){
		.options = &m->options,
		.topology = m->topology,
		.affinity = &m->affinity,
		.policy = &m->requests.policy,
		.requests = m->requests.items,
		.threads = m->requests.threads,
		.request_count = m->requests.count,
		.config = m->config,
	};
	wr_config_rings_memory(&m->config->values, &ret_input->rings);
}
