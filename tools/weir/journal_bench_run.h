/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measuring of `weir bench journal`: the journal, the bare sync and the device's limit, in
 * turn, round by round, into a report.
 *
 * Thread: main; bench/journal.c starts and joins the others.
 */
#ifndef WEIR_TOOLS_JOURNAL_BENCH_RUN_H
#define WEIR_TOOLS_JOURNAL_BENCH_RUN_H

#include "tools/weir/journal_bench_report.h"

/* What all of it takes on the disk at once, at most. */
uint64_t journal_run_bytes(const struct journal_choices *choices);

/*
 * Everything that report->choices asks for, in the folder `dir`, which is the benchmark's own. 0; a
 * code, with the problem; -EINTR: report->rounds were whole.
 */
int journal_run(struct journal_report *report, const char *dir, struct weir_problem *problem);

#endif
