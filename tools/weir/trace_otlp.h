/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir trace --otlp` prints: spans of a journal's events, as lines of OTLP in JSON
 * (weir/spans.h): of those that a search has found, or of all that are sampled in a range.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TRACE_OTLP_H
#define WEIR_TOOLS_TRACE_OTLP_H

#include <stdio.h>

#include "tools/weir/args.h"
#include "tools/weir/trace_search.h"

struct trace_otlp {
	FILE *to;
	const char *service;
	const char *ratio_text;
	double ratio; /* of it, by trace_otlp_check() */
	struct cli_point from, to_point;
	uint64_t memory_max;
	const struct trace_search *found; /* NULL: the range */
	int (*damage)(void *context, const struct weir_journal_damage *damage);
	uint64_t damages;
};

/* The ratio, as text: 0 to 1. False: it is none. */
bool trace_otlp_check(struct trace_otlp *t);
/* 0, or a code with the problem; -EIO: what it prints to refuses it. */
int trace_otlp_run(struct trace_otlp *t, const char *dir, struct weir_problem *problem);

#endif
