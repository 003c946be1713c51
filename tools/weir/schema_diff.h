/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `weir schema diff`. Thread: main. */
#ifndef WEIR_TOOLS_SCHEMA_DIFF_H
#define WEIR_TOOLS_SCHEMA_DIFF_H

#include <stdbool.h>

#include <weir/schema.h>

/* Each difference, then whether either reads the other. The exit code. */
int schema_diff_print(const struct weir_schema *old, const struct weir_schema *next,
		      const char *old_path, const char *next_path, bool json);

#endif
