/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the threads of a benchmark run: weir's by kind, and the benchmark's own, one CPU each.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BENCH_CPUS_H
#define WEIR_TOOLS_BENCH_CPUS_H

#include <stdio.h>

#include "bench/pipeline.h"
#include "io/thread/affinity.h"
#include "tools/weir/json_out.h"

/*
 * "log=0 journal=1 group=0 producers=2-3 members=4,5 helpers=0": lists by kind, in any order. Kinds
 * that are not named stay as they are. 0, or -EINVAL with the reason in `why`.
 */
int bench_cpus_parse(const char *text, struct pipeline_settings *settings, char *why,
		     size_t why_bytes);

/*
 * Deals the allowed CPUs out: the log thread, producers, members, journal, group, in turn, and
 * around again when there are no more. Helpers run wherever the log thread does not, if there is
 * more than one CPU.
 */
void bench_cpus_spread(const struct wr_affinity *affinity, struct pipeline_settings *settings);

/* One line, if anything is pinned. */
void bench_cpus_text(const struct pipeline_settings *settings, FILE *to);
/* "cpus": a list, or null. */
void bench_cpus_list_json(struct json_out *j, const struct weir_cpu_list *list);
/* "cpus": an object of lists, null for what is not pinned. */
void bench_cpus_json(const struct pipeline_settings *settings, struct json_out *j);

#endif
