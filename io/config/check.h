/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs more than one key to be seen: topics that are not there, names that come twice, sizes
 * that do not go together, limits that the file itself exceeds. And what the core says of the
 * options (weir_memory_plan), told at the key whose option it is. CPUs are looked at by threads.h.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_CHECK_H
#define WR_CONFIG_CHECK_H

#include "io/config/node.h"
#include "io/config/values.h"

/* `root`: the tree that `values` were read from, for places. */
void wr_config_check(struct wr_config_findings *findings, const struct wr_config_node *root,
		     const struct wr_config_values *values);

/* The node at "threads.log.wait", or the innermost on the way to it that the file has; the root for
 * an empty path. */
const struct wr_config_node *wr_config_node_at(const struct wr_config_node *root, const char *path);

/* Its place: of the value, or of the key of the map that lacks it. */
struct wr_config_place wr_config_place_at(const struct wr_config_findings *findings,
					  const struct wr_config_node *root, const char *path);

#endif
