/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways of events from topic to topic that a config has: bindings, what becomes of what those
 * cannot transform, and where events go that nobody wants. A tree for each topic that no way leads
 * to; one way a line, below the topic that it begins at:
 *
 *   orders
 *   |- to-audit, filtered, transformed -> audit
 *   |- to-audit, not transformed -> lost
 *   `- unrouted -> lost
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TOPOLOGY_WAYS_H
#define WEIR_TOOLS_TOPOLOGY_WAYS_H

#include <stdbool.h>
#include <stdio.h>

#include "io/config/values.h"
#include "tools/weir/json_out.h"

/* Nothing, where there are no ways. */
void topology_draw_ways(FILE *to, const struct wr_config_values *values, bool utf8);
/* Member `ways` of the object that is open: one object each. */
void topology_json_ways(struct json_out *j, const struct wr_config_values *values);

#endif
