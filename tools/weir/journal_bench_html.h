/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench journal` found as a page: what came out, what spoils it, latency by percentile
 * at each rate, throughput beside the device's limit, all numbers, and what they were measured on.
 * A function of the report alone.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_JOURNAL_BENCH_HTML_H
#define WEIR_TOOLS_JOURNAL_BENCH_HTML_H

#include "tools/weir/journal_bench_report.h"

/* What the stream refuses stays in it. */
void journal_report_html(const struct journal_report *report, FILE *to);

#endif
