/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bridges an argument means: the folders that their files are in. A state_dir; a journal's
 * directory, beside which they are by default; a config file, which names them; a pipeline, by name
 * or process, that has a journal. Without an argument all pipelines of this user.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BRIDGE_WHERE_H
#define WEIR_TOOLS_BRIDGE_WHERE_H

#include "tools/weir/bridge_state.h"

#define BRIDGE_DIRS_MAX 64u

struct bridge_where {
	struct bridge_states dirs[BRIDGE_DIRS_MAX];
	uint32_t count;
};

/*
 * Reads all that it means; `which` may be NULL. CLI_GO_ON, or an exit code after a complaint:
 * CLI_EXIT_NOT_FOUND, there is none. bridge_where_free() in any case.
 */
int bridge_where_read(struct bridge_where *where, const char *metrics_dir, const char *which);
void bridge_where_free(struct bridge_where *where);

/* The bridge of this name, and its folder; NULL: there is none, `nearest` may be meant. */
struct bridge_state *bridge_where_find(struct bridge_where *where, const char *name,
				       const char **ret_dir, const char **ret_nearest);

#endif
