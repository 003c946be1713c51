/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config file and the machine that it is looked at for, as `weir topology` and `weir config plan`
 * have them: this machine, or one from a file of hwloc.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_CONFIG_MACHINE_H
#define WEIR_TOOLS_CONFIG_MACHINE_H

#include <weir/config.h>

#include "io/config/plan.h"
#include "io/config/threads.h"
#include "tools/weir/plan_print.h"

struct config_machine {
	struct weir_config *config; /* NULL: the defaults, with a journal */
	struct wr_topology *topology;
	struct wr_affinity affinity;
	struct weir_options options; /* of the file, threads not yet placed */
	struct wr_config_requests requests;
};

/*
 * Says what is wrong with either to standard error: in the file at its place, CPUs of the other
 * machine included.
 *
 * @param path  of the config, "-" standard input; NULL: none
 * @param from  of the XML; NULL: this machine
 * @return CLI_GO_ON, or the exit code; free it in any case
 */
int config_machine_load(const char *path, const char *from, struct config_machine *ret_machine);

/* The same on this machine, but for the CPUs of `bench`: the caller places those, and says so. */
int config_machine_load_for_bench(const char *path, struct config_machine *ret_machine);
void config_machine_free(struct config_machine *machine);

/* What a plan of it is made of, but for the facts of the machine. */
void config_machine_plan_input(const struct config_machine *machine,
			       struct wr_plan_input *ret_input);

#endif
