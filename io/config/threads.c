/* SPDX-License-Identifier: Apache-2.0 */
/* Requests out, placement in. */
#include "io/config/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "io/config/check.h"

/* Handlers' threads are started by who joins members, how many nobody knows here: they share the
 * CPUs that were asked for, as many as there are if they spin, and weir chooses none for them. */
static uint32_t handlers(const struct wr_cpu_request *cpus)
{
	return cpus->kind == WR_CPUS_AUTO || cpus->kind == WR_CPUS_NONE ? 0 : WR_PLACE_BY_LIST;
}

static bool wants_journal_thread(const struct weir_options *o)
{
	return o->dir != NULL && o->journal_thread != WEIR_JOURNAL_THREAD_NO;
}

void wr_config_requests(const struct wr_config_values *values, struct wr_place_policy *ret_policy,
			struct wr_place_request *requests)
{
	const struct weir_options *o = &values->options;
	*ret_policy = values->policy;
	ret_policy->strict = o->strict_threads;
	requests[0] = (struct wr_place_request){
		.name = "log", .cpus = values->cpus.log, .wait = o->log.wait, .count = 1};
	requests[1] =
		(struct wr_place_request){.name = "journal",
					  .cpus = values->cpus.journal,
					  .wait = o->journal.wait,
					  .count = wants_journal_thread(o) ? 1 : 0,
					  .if_room = o->journal_thread == WEIR_JOURNAL_THREAD_AUTO};
	requests[2] = (struct wr_place_request){
		.name = "group", .cpus = values->cpus.group, .wait = o->group.wait, .count = 1};
	requests[3] = (struct wr_place_request){.name = "handler",
						.cpus = values->cpus.handler,
						.wait = o->handler.wait,
						.count = handlers(&values->cpus.handler)};
}

/* ---- where in the file ---- */

static const char *key_of(uint32_t of, const struct wr_place_request *requests,
			  char to[WR_CONFIG_PATH_BYTES])
{
	switch (of) {
	case WR_PLACE_OF_ALLOW:
		return "machine.allow";
	case WR_PLACE_OF_AVOID:
		return "machine.avoid";
	case WR_PLACE_OF_HOUSEKEEPING:
		return "machine.housekeeping";
	case WR_PLACE_OF_REQUESTS:
		return "threads";
	default:
		WR_ASSERT(of < WR_CONFIG_REQUESTS);
		(void)snprintf(to, WR_CONFIG_PATH_BYTES, "threads.%s.cpus", requests[of].name);
		return to;
	}
}

/* The part of a scalar "node:0-3,8" that names the number. */
static bool find_number(const struct wr_config_node *node, uint32_t number, size_t *ret_at,
			size_t *ret_bytes)
{
	size_t at = strcspn(node->text, "0123456789");
	struct wr_cpu_request request;
	struct wr_config_fault fault;
	if (node->kind != WR_NODE_SCALAR)
		return false;
	/* The 3 of "l3:" is no number of the list. */
	at = strncmp(node->text, "l3:", 3) == 0 ? 3 : at;
	while (at < node->bytes) {
		size_t bytes = strcspn(node->text + at, ",");
		if (wr_cpu_request_parse(node->text + at, bytes, &request, &fault) == 0 &&
		    wr_cpu_set_has(&request.set, number)) {
			*ret_at = at;
			*ret_bytes = bytes;
			return true;
		}
		at += bytes + 1;
	}
	return false;
}

/* Of a problem that no number is at fault for: of the wait, where that is what asks for much. */
static const char *key_at_fault(const struct wr_place_problem *problem,
				const struct wr_place_request *requests,
				const struct wr_config_node *root, char to[WR_CONFIG_PATH_BYTES])
{
	if (problem->has_number || problem->of >= WR_CONFIG_REQUESTS ||
	    requests[problem->of].wait != WEIR_WAIT_SPIN)
		return key_of(problem->of, requests, to);
	(void)snprintf(to, WR_CONFIG_PATH_BYTES, "threads.%s.wait", requests[problem->of].name);
	return wr_config_node_at(root, to)->kind == WR_NODE_SCALAR
		       ? to
		       : key_of(problem->of, requests, to);
}

static struct wr_config_place number_place(const struct wr_config_findings *findings,
					   const struct wr_config_node *root, const char *path,
					   const struct wr_place_problem *problem)
{
	const struct wr_config_node *node = wr_config_node_at(root, path);
	size_t at;
	size_t bytes;
	if (!problem->has_number || node->kind == WR_NODE_MAP)
		return wr_config_place_at(findings, root, path);
	if (find_number(node, problem->number, &at, &bytes))
		return wr_config_part_place(findings, node, at, bytes);
	for (const struct wr_config_node *item = node->first; item != NULL; item = item->next)
		if (find_number(item, problem->number, &at, &bytes))
			return wr_config_part_place(findings, item, at, bytes);
	return wr_config_place_at(findings, root, path);
}

/* The first 64: helpers need no more room than that. */
void wr_config_housekeeping(const struct wr_placement *placement, struct weir_cpu_list *list)
{
	const struct wr_cpu_set *set = &placement->housekeeping;
	list->cpu_count = 0;
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX && list->cpu_count < WEIR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(set, cpu))
			list->cpus[list->cpu_count++] = (uint16_t)cpu;
}

/* ---- telling ---- */

static void say_problems(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_place_request *requests,
			 const struct wr_placement *placement)
{
	char path[WR_CONFIG_PATH_BYTES];
	for (uint32_t i = 0; i < placement->problem_count; i++) {
		const struct wr_place_problem *problem = &placement->problems[i];
		struct weir_config_diagnostic *d = wr_config_error(
			findings,
			number_place(findings, root, key_at_fault(problem, requests, root, path),
				     problem),
			"%s", problem->text);
		if (problem->note[0] != '\0')
			wr_config_note(findings, d, "%s", problem->note);
		if (problem->help[0] != '\0')
			wr_config_help(findings, d, "%s", problem->help);
	}
}

/* What the file asks for and does not get. */
static void say_degraded(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_place_request *requests,
			 const struct wr_placement *placement)
{
	char path[WR_CONFIG_PATH_BYTES];
	for (uint32_t i = 0; i < placement->placed_count; i++) {
		const struct wr_placed *placed = &placement->placed[i];
		bool waits = requests[i].wait == WEIR_WAIT_SPIN && placed->wait != WEIR_WAIT_SPIN;
		/* Who leaves it to weir has asked for nothing. */
		if (!placed->degraded || (!waits && requests[i].cpus.kind == WR_CPUS_AUTO))
			continue;
		(void)snprintf(path, sizeof path, "threads.%s.%s", requests[i].name,
			       waits ? "wait" : "cpus");
		wr_config_warning(findings, wr_config_place_at(findings, root, path), "%s: %s",
				  path, placed->note);
	}
}

/* Left to weir it follows from the CPUs of the file, which may be fewer than the process has. */
static void decide_journal_thread(const struct wr_placed *placed,
				  const struct wr_affinity *affinity, struct weir_options *options)
{
	bool by_process = wr_affinity_usable_cpus(affinity) >= WR_JOURNAL_THREAD_CPUS;
	bool by_file = placed->how != WR_PLACED_NOT;
	if (options->journal_thread == WEIR_JOURNAL_THREAD_AUTO && options->dir != NULL &&
	    by_file != by_process)
		options->journal_thread =
			by_file ? WEIR_JOURNAL_THREAD_YES : WEIR_JOURNAL_THREAD_NO;
}

void wr_config_place_threads(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values,
			     const struct wr_topology *topology, const struct wr_affinity *affinity,
			     struct weir_options *options)
{
	struct wr_place_policy policy;
	struct wr_place_request requests[WR_CONFIG_REQUESTS];
	struct weir_thread_options *const threads[WR_CONFIG_REQUESTS] = {
		&options->log, &options->journal, &options->group, &options->handler};
	/* Too large for a stack that is not ours. */
	struct wr_placement *placement = calloc(1, sizeof *placement);
	if (placement == NULL) {
		findings->out_of_memory = true;
		return;
	}
	wr_config_requests(values, &policy, requests);
	int rc = wr_place(topology, affinity, &policy, requests, WR_CONFIG_REQUESTS, placement);
	if (rc == 0) {
		/* Where something could not be read, what was asked for is not known. */
		if (findings->error_count == 0)
			say_degraded(findings, root, requests, placement);
		for (uint32_t i = 0; i < WR_CONFIG_REQUESTS; i++)
			if (placement->placed[i].how != WR_PLACED_NOT)
				wr_placed_to_options(&placement->placed[i], threads[i]);
		decide_journal_thread(&placement->placed[1], affinity, options);
		wr_config_housekeeping(placement, &options->housekeeping);
	} else if (placement->problem_count > 0) {
		say_problems(findings, root, requests, placement);
	} else {
		findings->out_of_memory = true;
	}
	free(placement);
}
