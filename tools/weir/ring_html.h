/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench ring` found as a page: what came out, what spoils it, round trips by percentile,
 * throughput of each cell with the spread of its rounds, weir against each peer, an earlier run
 * beside it, all numbers, and how they were measured. A function of the report alone.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_RING_HTML_H
#define WEIR_TOOLS_RING_HTML_H

#include <stdio.h>

#include "tools/weir/ring_report.h"

/* 0, or -ENOMEM. What the stream refuses stays in it. */
int ring_html(const struct ring_report *report, FILE *to);

/* Inside (ring_html_plots.c): the sections with pictures. `rows` has room for RING_CELLS_MAX. */
struct svg_row;
void ring_html_rtt(const struct ring_report *report, FILE *to);
void ring_html_throughput(const struct ring_report *report, struct svg_row *rows, FILE *to);
void ring_html_peers(const struct ring_report *report, struct svg_row *rows, FILE *to);
void ring_html_compare(const struct ring_report *report, struct svg_row *rows, FILE *to);

#endif
