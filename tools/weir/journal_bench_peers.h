/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers of `weir bench journal`: which there are on this machine, and a round of all of them.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_JOURNAL_BENCH_PEERS_H
#define WEIR_TOOLS_JOURNAL_BENCH_PEERS_H

#include "tools/weir/journal_bench_report.h"

/* Those that are here, into report->peers; which are not goes to stderr. False: some are not. */
bool journal_peers_find(struct journal_report *report);

/* What they take on the disk, at most about. */
uint64_t journal_peers_bytes(const struct journal_choices *choices);

/*
 * Every peer under every load, once, into round report->rounds. `latency` is for one load's use,
 * tell(context, name) is called before each. 0, -EINTR, or the code of a peer that failed, with the
 * problem.
 */
int journal_peers_round(struct journal_report *report, const char *dir, struct histogram *latency,
			void (*tell)(const void *context, const char *name), const void *context,
			struct weir_problem *problem);

#endif
