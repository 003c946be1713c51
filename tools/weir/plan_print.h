/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A placement, and the plan around it, as text and as JSON.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_PLAN_PRINT_H
#define WEIR_TOOLS_PLAN_PRINT_H

#include <stdio.h>

#include "io/config/plan.h"
#include "io/config/threads.h"
#include "tools/weir/json_out.h"

/* What was asked and what became of it. */
struct plan_threads {
	const struct wr_topology *topology;
	const struct wr_affinity *affinity;
	const struct wr_placement *placement;
	const struct wr_config_requests *requests;
	const struct weir_options *options;
	bool serves; /* weir run has a server beside it */
};

/* What answers, and what calls of the registry wait in. */
#define PLAN_SERVE_THREADS 2u

/* Whether the pipeline has a thread that watches the others. */
bool plan_has_watch(const struct plan_threads *threads);

const char *plan_scheduler_name(enum weir_scheduler scheduler);

/* What the machine is, what weir may use of it, and whether it is shared. */
void plan_print_machine(FILE *to, const struct plan_threads *threads);

/* One line each: name, CPUs, how it waits; then what is to be said of them. */
void plan_print_threads(FILE *to, const struct plan_threads *threads);

/* Memory, disk, descriptors, and what the machine lacks; `file` is before the places in it. */
void plan_print(FILE *to, const struct wr_plan *plan, const struct weir_options *options,
		const char *file);

/* Members of the object that is open. */
void plan_json_threads(struct json_out *j, const struct plan_threads *threads);
void plan_json(struct json_out *j, const struct wr_plan *plan);

#endif
