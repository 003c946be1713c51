/* SPDX-License-Identifier: Apache-2.0 */
/* Requests out, placement in. */
#include "io/config/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "io/config/check.h"

static bool leaves_it_to_weir(const struct wr_cpu_request *cpus)
{
	return cpus->kind == WR_CPUS_AUTO || cpus->kind == WR_CPUS_NONE;
}

/* Handlers' threads are started by who joins members, how many nobody knows here: they share the
 * CPUs that were asked for, as many as there are if they spin, and weir chooses none for them. */
static uint32_t handlers(const struct wr_cpu_request *cpus)
{
	return leaves_it_to_weir(cpus) ? 0 : WR_PLACE_BY_LIST;
}

static bool wants_journal_thread(const struct weir_options *o)
{
	return o->dir != NULL && o->journal_thread != WEIR_JOURNAL_THREAD_NO;
}

/* Those of `weir run`: a thread for each source, and for each member of a sink. */
static uint32_t member_count(const struct wr_config_values *values)
{
	const struct wr_config_subscription *all = values->subscriptions.items;
	uint32_t count = 0;
	for (uint32_t i = 0; i < values->subscriptions.count; i++)
		if (all[i].sink.to != 0 || all[i].sink.file != NULL ||
		    all[i].sink.command.count > 0)
			count += all[i].members;
	return count;
}

static void ask(struct wr_config_requests *to, const char *name, const struct wr_cpu_request *cpus,
		const struct weir_thread_options *thread, uint32_t count)
{
	to->threads[to->count] = thread;
	to->items[to->count++] = (struct wr_place_request){
		.name = name, .cpus = *cpus, .wait = thread->wait, .count = count};
}

void wr_config_requests(const struct wr_config_values *values,
			struct wr_config_requests *ret_requests)
{
	const struct weir_options *o = &values->options;
	const struct wr_config_cpus *cpus = &values->cpus;
	*ret_requests = (struct wr_config_requests){.policy = values->policy};
	ret_requests->policy.strict = o->strict_threads;
	ask(ret_requests, "log", &cpus->log, &o->log, 1);
	ask(ret_requests, "journal", &cpus->journal, &o->journal, wants_journal_thread(o) ? 1 : 0);
	ask(ret_requests, "group", &cpus->group, &o->group, 1);
	ask(ret_requests, "handler", &cpus->handler, &o->handler, handlers(&cpus->handler));
	ask(ret_requests, "source", &cpus->source, &values->source, values->sources.count);
	ask(ret_requests, "sink", &cpus->sink, &values->sink, member_count(values));
	ask(ret_requests, "bridge", &cpus->bridge, &values->bridge,
	    leaves_it_to_weir(&cpus->bridge) ? 0 : values->bridges.count);
	ret_requests->items[WR_CONFIG_JOURNAL].if_room =
		o->journal_thread == WEIR_JOURNAL_THREAD_AUTO;
	const struct wr_config_stage *stages = values->stages.items;
	/* More of them, and those without a name, are errors that were told. */
	for (uint32_t i = 0; i < values->stages.count && i < WR_CONFIG_STAGES_MAX; i++)
		ask(ret_requests, stages[i].name != NULL ? stages[i].name : "?", &stages[i].cpus,
		    &stages[i].thread, stages[i].workers);
}

/* ---- where in the file ---- */

static const char *key_of(uint32_t of, const char *key, const struct wr_config_requests *requests,
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
		WR_ASSERT(of < requests->count);
		if (of < WR_CONFIG_STAGES)
			(void)snprintf(to, WR_CONFIG_PATH_BYTES, "threads.%s.%s",
				       requests->items[of].name, key);
		else
			(void)snprintf(to, WR_CONFIG_PATH_BYTES, "stages[%u].%s",
				       of - WR_CONFIG_STAGES, key);
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
		at += strspn(node->text + at, " ");
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
				const struct wr_config_requests *requests,
				const struct wr_config_node *root, char to[WR_CONFIG_PATH_BYTES])
{
	if (problem->has_number || problem->of >= requests->count ||
	    requests->items[problem->of].wait != WEIR_WAIT_SPIN)
		return key_of(problem->of, "cpus", requests, to);
	(void)key_of(problem->of, "wait", requests, to);
	return wr_config_node_at(root, to)->kind == WR_NODE_SCALAR
		       ? to
		       : key_of(problem->of, "cpus", requests, to);
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
			 const struct wr_config_requests *requests,
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
			 const struct wr_config_requests *requests,
			 const struct wr_placement *placement)
{
	char path[WR_CONFIG_PATH_BYTES];
	for (uint32_t i = 0; i < placement->placed_count; i++) {
		const struct wr_placed *placed = &placement->placed[i];
		const struct wr_place_request *asked = &requests->items[i];
		bool waits = asked->wait == WEIR_WAIT_SPIN && placed->wait != WEIR_WAIT_SPIN;
		/* Who leaves it to weir has asked for nothing. */
		if (!placed->degraded || (!waits && asked->cpus.kind == WR_CPUS_AUTO))
			continue;
		(void)key_of(i, waits ? "wait" : "cpus", requests, path);
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

static bool are_good_together(const struct weir_thread_options *thread)
{
	bool is_real_time =
		thread->scheduler == WEIR_SCHEDULER_FIFO || thread->scheduler == WEIR_SCHEDULER_RR;
	return is_real_time == (thread->priority > 0);
}

/* Was an error told of the value at this path? Then what was read is not what was meant. */
static bool is_told(const struct wr_config_findings *findings, const struct wr_config_node *root,
		    const char *path)
{
	const struct wr_config_node *node = wr_config_node_at(root, path);
	const struct wr_config_place place = wr_config_place_at(findings, root, path);
	for (uint32_t i = 0; node->kind == WR_NODE_SCALAR && i < findings->count; i++)
		if (findings->items[i].severity == WEIR_CONFIG_ERROR &&
		    findings->items[i].line == place.line &&
		    findings->items[i].column == place.column)
			return true;
	return false;
}

bool wr_config_check_classes(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values)
{
	struct wr_config_requests requests;
	bool are_good = true;
	wr_config_requests(values, &requests);
	for (uint32_t i = 0; i < requests.count; i++) {
		char path[WR_CONFIG_PATH_BYTES];
		char other[WR_CONFIG_PATH_BYTES];
		if (are_good_together(requests.threads[i]))
			continue;
		bool has_priority = requests.threads[i]->priority > 0;
		(void)key_of(i, has_priority ? "priority" : "scheduler", &requests, path);
		(void)key_of(i, has_priority ? "scheduler" : "priority", &requests, other);
		are_good = false;
		if (is_told(findings, root, other))
			continue;
		struct weir_config_diagnostic *d = wr_config_error(
			findings, wr_config_place_at(findings, root, path), "%s: %s", path,
			has_priority ? "a priority is of fifo and rr only"
				     : "fifo and rr have a priority");
		wr_config_help(findings, d, "%s",
			       has_priority ? "scheduler: fifo, or leave the priority out"
					    : "priority: 1, the lowest, to 99");
	}
	return are_good;
}

/* A node that is named for memory has some, for this process. weir_open() looks again. */
static void check_memory_node(struct wr_config_findings *findings,
			      const struct wr_config_node *root, const struct wr_topology *topology,
			      const struct weir_options *options)
{
	char list[100];
	if (options->numa != WEIR_NUMA_NODE ||
	    wr_cpu_set_has(&topology->memories, options->numa_node))
		return;
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_place_at(findings, root, "memory.numa"),
		"memory.numa: NUMA node %u has no memory for this process", options->numa_node);
	wr_cpu_set_format(&topology->memories, list, sizeof list);
	wr_config_note(findings, d, "memory is on NUMA node%s %s",
		       wr_cpu_set_count(&topology->memories) > 1 ? "s" : "", list);
}

/* Of what was placed, what weir_open() is told. */
static void take_places(const struct wr_placement *placement, const struct wr_affinity *affinity,
			struct weir_options *options, struct wr_placed *placed)
{
	struct weir_thread_options *const threads[WR_CONFIG_OPENED] = {
		&options->log, &options->journal, &options->group, &options->handler};
	for (uint32_t i = 0; i < WR_CONFIG_OPENED; i++)
		if (placement->placed[i].how != WR_PLACED_NOT)
			wr_placed_to_options(&placement->placed[i], threads[i]);
	decide_journal_thread(&placement->placed[WR_CONFIG_JOURNAL], affinity, options);
	wr_config_housekeeping(placement, &options->housekeeping);
	if (placed != NULL)
		memcpy(placed, placement->placed, placement->placed_count * sizeof *placed);
}

void wr_config_place_threads(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values,
			     const struct wr_topology *topology, const struct wr_affinity *affinity,
			     struct weir_options *options, struct wr_placed *placed)
{
	struct wr_config_requests requests;
	/* Too large for a stack that is not ours. */
	struct wr_placement *placement = calloc(1, sizeof *placement);
	if (placement == NULL) {
		findings->out_of_memory = true;
		return;
	}
	wr_config_requests(values, &requests);
	check_memory_node(findings, root, topology, options);
	int rc = wr_place(topology, affinity, &requests.policy, requests.items, requests.count,
			  placement);
	if (rc == 0) {
		/* Where something could not be read, what was asked for is not known. */
		if (findings->error_count == 0)
			say_degraded(findings, root, &requests, placement);
		take_places(placement, affinity, options, placed);
		wr_config_check_bench_cpus(findings, root, values, topology, affinity);
	} else if (placement->problem_count > 0) {
		say_problems(findings, root, &requests, placement);
	} else {
		findings->out_of_memory = true;
	}
	free(placement);
}
