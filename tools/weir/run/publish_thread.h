/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One source: a thread that reads, makes events and publishes them under the source's name.
 *
 *   open its producer ─► where did it stop? ─► pass over what is in the log ─► publish ─► until all
 *   of it is durable
 *
 * Events are numbered from 1 as they come; the producer's last durable one says how many to pass
 * over. Standard input cannot be read again: what comes is new. A followed file goes back to the
 * place that its last event has in a header.
 *
 * Thread: start, join and the fields below "its own" after join are main's; the counters are for
 * anybody to look at.
 */
#ifndef WEIR_TOOLS_RUN_PUBLISH_THREAD_H
#define WEIR_TOOLS_RUN_PUBLISH_THREAD_H

#include <weir.h>
#include <weir/config.h>

#include "tools/weir/run/life.h"
#include "tools/weir/run/thread.h"

struct run_publisher {
	const struct weir_config_source *source;
	const struct weir_options *options;
	struct weir_pipeline *pipeline;
	const struct run_life *life;
	struct run_thread thread; /* its options are set before the start */

	wr_atomic_u64 rate_per_s; /* relaxed; main sets it, also later. 0: no limit */

	/* Counters, relaxed: for progress and report. */
	wr_atomic_u64 read_lines;
	wr_atomic_u64 published_events;
	wr_atomic_u64 durable_events; /* of those published by this run */
	wr_atomic_u64 bad_lines;
	wr_atomic_u64 full_waits;     /* times that a queue was full, and it waited */
	wr_atomic_u64 resumed_events; /* in the log before */
	wr_atomic_u32 has_ended;      /* release: everything below is as it stays */

	/* Its own until has_ended. */
	struct run_fault fault;
	bool is_stopped; /* by a signal, before its end */
};

/* 0 or -errno. */
int run_publisher_start(struct run_publisher *publisher);
void run_publisher_join(struct run_publisher *publisher);
bool run_publisher_has_ended(const struct run_publisher *publisher);

#endif
