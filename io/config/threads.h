/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the file says of threads to where they run: the requests for place.h, its problems told
 * at the keys that ask for what cannot be, and its answer as options of weir_open().
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_THREADS_H
#define WR_CONFIG_THREADS_H

#include "io/config/node.h"
#include "io/config/values.h"

/* Requests: first the threads that weir_open() starts, then those of `weir run`, then stages. */
enum wr_config_request {
	WR_CONFIG_LOG = 0,
	WR_CONFIG_JOURNAL,
	WR_CONFIG_GROUP,
	WR_CONFIG_HANDLER,
	WR_CONFIG_SOURCE,
	WR_CONFIG_SINK,
	WR_CONFIG_BRIDGE,
	WR_CONFIG_STAGES,
};
#define WR_CONFIG_OPENED ((uint32_t)WR_CONFIG_SOURCE)
#define WR_CONFIG_REQUESTS_MAX (WR_CONFIG_STAGES + WR_CONFIG_STAGES_MAX)

/* What the file asks for, in the order of importance; lives as long as the values. */
struct wr_config_requests {
	struct wr_place_policy policy;
	uint32_t count;
	struct wr_place_request items[WR_CONFIG_REQUESTS_MAX];
	const struct weir_thread_options *threads[WR_CONFIG_REQUESTS_MAX]; /* what is said beside */
};

void wr_config_requests(const struct wr_config_values *values,
			struct wr_config_requests *ret_requests);

/* The helpers' CPUs as an option. */
void wr_config_housekeeping(const struct wr_placement *placement, struct weir_cpu_list *list);

/* Priority and scheduling class go together: told for each thread, where the core stops at the
 * first. True: all of them do. */
bool wr_config_check_classes(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values);

/*
 * Places the threads on a machine.
 *
 * @param findings  gets an error for each problem, and a warning for what was asked for by name and
 *                  is granted in part
 * @param root      the tree that `values` were read from, for places
 * @param options   gets CPUs and waits where everything is well
 * @param placed    may be NULL; room for WR_CONFIG_REQUESTS_MAX: gets the same of all requests
 */
void wr_config_place_threads(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values,
			     const struct wr_topology *topology, const struct wr_affinity *affinity,
			     struct weir_options *options, struct wr_placed *placed);

/*
 * Warns of CPUs that the threads of `bench` ask for and cannot have: a pipeline opens without them.
 * wr_config_place_threads() calls it.
 */
void wr_config_check_bench_cpus(struct wr_config_findings *findings,
				const struct wr_config_node *root,
				const struct wr_config_values *values,
				const struct wr_topology *topology,
				const struct wr_affinity *affinity);

#endif
