/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of a filter, with its reasons: for people, and as JSON.
 *
 *   struct route_explain x;
 *   route_explain_begin(&x);
 *   int match = weir_filter_explain(filter, &event, route_explain_leaf, &x, &problem);
 *   route_explain_print(&x, stdout);
 *   route_explain_end(&x);
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_ROUTE_EXPLAIN_H
#define WEIR_TOOLS_ROUTE_EXPLAIN_H

#include <stdio.h>

#include <weir/route.h>

#include "tools/weir/json_out.h"

struct route_explain {
	struct weir_leaf *leaves; /* owned; what they point to is the filter's and the event's */
	size_t count;
	size_t room;
	bool failed; /* no memory: some are missing */
};

void route_explain_begin(struct route_explain *explain);
void route_explain_end(struct route_explain *explain);

/* For weir_filter_explain(): the context is the struct. */
void route_explain_leaf(void *context, const struct weir_leaf *leaf);

/* A line for each field: yes or no, the path, what was wanted, what there was and where. */
void route_explain_print(const struct route_explain *explain, FILE *to);

/* The member "fields": a list of objects. */
void route_explain_json(const struct route_explain *explain, struct json_out *j);

#endif
