/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir trace` prints: the tree of what was found, a line an event; or an object an event, in
 * the same order.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TRACE_PRINT_H
#define WEIR_TOOLS_TRACE_PRINT_H

#include <stdio.h>

#include "tools/weir/trace_search.h"

void trace_print_text(FILE *to, const struct trace_search *search, bool hex);
void trace_print_json(FILE *to, const struct trace_search *search, bool hex);

#endif
