/* SPDX-License-Identifier: Apache-2.0 */
/* `weir schema register|ls|show|delete|level|import`: the registry of a journal. Thread: main. */
#ifndef WEIR_TOOLS_SCHEMA_REGISTRY_H
#define WEIR_TOOLS_SCHEMA_REGISTRY_H

#include <stdbool.h>

struct weir_pipeline;

/* argv[1] is a word of this table: done, and *ret_exit_code is set. */
bool schema_registry_command(int argc, char **argv, int *ret_exit_code);

/* Registers what an export in a file says; "-" is standard input. An exit code. */
int schema_import(struct weir_pipeline *p, const char *path);

#endif
