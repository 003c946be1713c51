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

/* log, journal, group, handler, in the order of importance. */
#define WR_CONFIG_REQUESTS 4u

/* What the file asks for. `requests` has room for WR_CONFIG_REQUESTS, and all are filled in. */
void wr_config_requests(const struct wr_config_values *values, struct wr_place_policy *ret_policy,
			struct wr_place_request *requests);

/* The helpers' CPUs as an option. */
void wr_config_housekeeping(const struct wr_placement *placement, struct weir_cpu_list *list);

/*
 * Places the threads on a machine.
 *
 * @param findings  gets an error for each problem, and a warning for what was asked for by name and
 *                  is granted in part
 * @param root      the tree that `values` were read from, for places
 * @param options   gets CPUs and waits where everything is well
 */
void wr_config_place_threads(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values,
			     const struct wr_topology *topology, const struct wr_affinity *affinity,
			     struct weir_options *options);

#endif
