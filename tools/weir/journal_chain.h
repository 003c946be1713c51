/* SPDX-License-Identifier: Apache-2.0 */
/* `weir journal verify --chain`: the chain over commits of a journal. Thread: main. */
#ifndef WEIR_TOOLS_JOURNAL_CHAIN_H
#define WEIR_TOOLS_JOURNAL_CHAIN_H

#include <stdbool.h>

struct cli_command;

/* `head`: what --expect said, or NULL. The exit code. */
int journal_chain_run(const struct cli_command *command, const char *dir, const char *key_file,
		      const char *head, bool json);

#endif
