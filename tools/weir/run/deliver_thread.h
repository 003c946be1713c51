/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member of a subscription: a thread that polls, gives what comes to its sink, lets the sink
 * commit, and acknowledges. Never the other way round: what is acknowledged is in the sink.
 *
 * Commits are shared: by what comes within some milliseconds, or a megabyte, or until nothing more
 * comes.
 *
 * Thread: as publish_thread.h.
 */
#ifndef WEIR_TOOLS_RUN_DELIVER_THREAD_H
#define WEIR_TOOLS_RUN_DELIVER_THREAD_H

#include <weir.h>

#include "tools/weir/run/sink.h"
#include "tools/weir/run/thread.h"

struct run_deliverer {
	struct run_sink_of of;    /* everything that its sink is for */
	struct run_sink *sink;    /* opened by main */
	struct run_thread thread; /* its options are set before the start */

	/* Counters, relaxed. */
	wr_atomic_u64 delivered_events;
	wr_atomic_u64 redelivered_events; /* of them marked: may have been handed out before */
	wr_atomic_u64 missed_events;      /* in gaps */
	wr_atomic_u32 has_joined;         /* it was given partitions, once, or has none */
	wr_atomic_u32 has_ended;          /* release: the fault is as it stays */

	/* Its own until has_ended. */
	struct run_fault fault;
};

/* 0 or -errno. */
int run_deliverer_start(struct run_deliverer *deliverer);
void run_deliverer_join(struct run_deliverer *deliverer);
bool run_deliverer_has_ended(const struct run_deliverer *deliverer);

#endif
