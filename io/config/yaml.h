/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML into a tree. The source file behind this header is the only one that sees libfyaml, and
 * libfyaml sees only what subset.h lets through.
 *
 * Refused, with their places, are also: the same key twice, merge keys, keys that are no words, and
 * more than 32 levels or 10,000 nodes: what is hostile ends early.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_YAML_H
#define WR_CONFIG_YAML_H

#include "io/config/node.h"
#include "io/config/subset.h"

/*
 * Reads findings->source, whose bytes are in order (wr_config_source_fault). What is refused
 * becomes an error, and the tree is what is left.
 *
 * @return the root, always a map (empty for an empty file), or NULL: there is nothing to go on with
 *         (the syntax is broken, a limit is passed, or memory: findings->out_of_memory)
 */
const struct wr_config_node *wr_config_yaml(struct wr_config_findings *findings);

#endif
