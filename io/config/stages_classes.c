/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduling classes of stages: decided when they are opened, and told beforehand when a file is
 * checked, by the rules of weir_open() for its own threads. Stages are looked at against one
 * another only: whether a pipeline runs beside them is the program's to say, and the plan of
 * `weir config plan` looks at both.
 *
 * Thread: any; no state.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/config/check.h"
#include "io/config/stages.h"
#include "io/posix/thread_posix.h"
#include "io/thread/scheduling.h"

int wr_stages_classes(const struct wr_config_values *values, const struct wr_placed *placed,
		      struct wr_thread_plan plans[WR_CONFIG_STAGES_MAX],
		      struct weir_problem *problem)
{
	const struct wr_config_stage *stages = values->stages.items;
	const struct wr_placed *of_stages = placed + WR_CONFIG_STAGES;
	struct wr_affinity affinity;
	const struct wr_scheduling_rules rules = {.strict = values->options.strict_threads,
						  .try_class = wr_thread_try_class};
	int rc = wr_affinity_scan(NULL, &affinity);
	for (uint32_t i = 0; rc == 0 && i < values->stages.count; i++)
		plans[i] = (struct wr_thread_plan){
			.name = stages[i].name,
			.wait = of_stages[i].wait,
			.cpu_count = of_stages[i].cpu_count,
			.cpus = of_stages[i].cpus,
			.scheduler = stages[i].thread.scheduler,
			.priority = stages[i].thread.priority,
			.threads_max = of_stages[i].count > 1 ? of_stages[i].count : 0,
		};
	if (rc == 0)
		rc = wr_scheduling_check(&affinity, plans, values->stages.count, &rules, problem);
	return rc < 0 ? rc : 0;
}

void wr_config_check_stage_classes(struct wr_config_findings *findings,
				   const struct wr_config_node *root,
				   const struct wr_config_values *values,
				   const struct wr_placed *placed)
{
	const struct wr_config_stage *stages = values->stages.items;
	struct wr_thread_plan plans[WR_CONFIG_STAGES_MAX];
	struct weir_problem problem = {0};
	char field[sizeof problem.field];
	char path[WR_CONFIG_PATH_BYTES];
	if (wr_stages_classes(values, placed, plans, &problem) == 0)
		return;
	for (uint32_t i = 0; i < values->stages.count; i++) {
		(void)snprintf(field, sizeof field, "%s.scheduler", stages[i].name);
		if (strcmp(field, problem.field) != 0)
			continue;
		(void)snprintf(path, sizeof path, "stages[%u].scheduler", i);
		wr_config_error(findings, wr_config_place_at(findings, root, path), "%s: %s", path,
				problem.text);
		return;
	}
}
