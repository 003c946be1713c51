/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree and a table into a struct. Every fault becomes an error with its place, and reading goes
 * on behind it: unknown keys (with the nearest one that is known, or the map that has it), values
 * of the wrong kind, values that do not read, numbers out of range, keys that must be there, lists
 * that are too long.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_READ_H
#define WR_CONFIG_READ_H

#include "io/config/keys.h"
#include "io/config/node.h"

/* Sets what has a default; the rest stays as it is. */
void wr_config_defaults(const struct wr_config_section *section, void *target);

/*
 * Reads a map into the struct that the section describes. Items of lists come from the arena, in
 * their order, one for each item of the file, also for those with errors.
 *
 * @param map     NULL: nothing is given
 * @param target  with its defaults set
 */
void wr_config_read(struct wr_config_findings *findings, const struct wr_config_section *section,
		    const struct wr_config_node *map, void *target);

#endif
