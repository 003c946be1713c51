/* SPDX-License-Identifier: Apache-2.0 */
/* The CPUs that the threads of a benchmark ask for, looked at wherever the file is read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/threads.h"

struct bench_places {
	struct wr_config_requests own;
	struct wr_place_request requests[WR_PLACE_REQUESTS_MAX];
	const struct wr_config_node *items[WR_PLACE_REQUESTS_MAX];
	uint32_t count;
	struct wr_placement placement;
};

static void ask(struct bench_places *p, const char *name, const struct wr_cpu_request *cpus,
		uint32_t count, const struct wr_config_node *item)
{
	p->items[p->count] = item;
	p->requests[p->count++] =
		(struct wr_place_request){.name = name, .cpus = *cpus, .count = count};
}

static const struct wr_config_node *first_of(const struct wr_config_node *root, const char *list)
{
	const struct wr_config_node *bench = wr_config_child(root, "bench");
	const struct wr_config_node *node = wr_config_child(bench, list);
	return node != NULL ? node->first : NULL;
}

static void ask_for_all(struct bench_places *p, const struct wr_config_node *root,
			const struct wr_config_bench *bench)
{
	const struct wr_config_stream *streams = bench->streams.items;
	const struct wr_config_reader *readers = bench->readers.items;
	const struct wr_config_node *item = first_of(root, "producers");
	p->count = WR_CONFIG_OPENED;
	memcpy(p->requests, p->own.items, p->count * sizeof p->requests[0]);
	for (uint32_t i = 0; i < bench->streams.count && item != NULL; i++, item = item->next)
		ask(p, "producers", &streams[i].cpus, streams[i].threads, item);
	item = first_of(root, "members");
	for (uint32_t i = 0; i < bench->readers.count && item != NULL; i++, item = item->next)
		ask(p, "members", &readers[i].cpus, readers[i].threads, item);
}

static void warn(struct wr_config_findings *findings, const struct bench_places *p)
{
	for (uint32_t i = 0; i < p->placement.problem_count; i++) {
		const struct wr_place_problem *problem = &p->placement.problems[i];
		if (problem->of < WR_CONFIG_OPENED || problem->of >= p->count)
			continue;
		const struct wr_config_node *cpus = wr_config_child(p->items[problem->of], "cpus");
		struct weir_config_diagnostic *d = wr_config_warning(
			findings,
			wr_config_node_place(findings, cpus != NULL ? cpus : p->items[problem->of]),
			"%s: `weir bench pipeline` will refuse it", problem->text);
		if (problem->note[0] != '\0')
			wr_config_note(findings, d, "%s", problem->note);
		if (problem->help[0] != '\0')
			wr_config_help(findings, d, "%s", problem->help);
	}
}

void wr_config_check_bench_cpus(struct wr_config_findings *findings,
				const struct wr_config_node *root,
				const struct wr_config_values *values,
				const struct wr_topology *topology,
				const struct wr_affinity *affinity)
{
	const struct wr_config_bench *bench = &values->bench;
	if (bench->streams.count + bench->readers.count == 0)
		return;
	struct bench_places *p = calloc(1, sizeof *p);
	if (p == NULL) {
		findings->out_of_memory = true;
		return;
	}
	wr_config_requests(values, &p->own);
	ask_for_all(p, root, bench);
	/* What is granted in part is told when the bench runs. */
	p->own.policy.strict = false;
	if (wr_place(topology, affinity, &p->own.policy, p->requests, p->count, &p->placement) ==
	    -ENOMEM)
		findings->out_of_memory = true;
	warn(findings, p);
	free(p);
}
