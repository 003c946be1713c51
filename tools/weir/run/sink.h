/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a member's events go. A sink takes events one by one, into a buffer of its own (items are
 * lent until the next poll), and makes good on all of them when it is asked to commit; only then
 * are they acknowledged. So whatever a sink is told before a commit may be told again by a next
 * run; what has been committed is not.
 *
 *   sink_stdout.c, sink_null.c, sink_file.c (with side_file.c), sink_command.c
 *
 * Thread: that of its member; open and close are main's, before and after.
 */
#ifndef WEIR_TOOLS_RUN_SINK_H
#define WEIR_TOOLS_RUN_SINK_H

#include <weir.h>
#include <weir/config.h>

#include "tools/weir/run/life.h"
#include "tools/weir/run/output.h"

#define RUN_SINK_REFUSES 1

struct run_sink {
	const struct run_sink_ops *ops;
	uint64_t skipped_count; /* handed out again, and there already */
	uint64_t failed_count;  /* given up, and passed over */
	bool one_by_one;        /* commits, and is polled for, one event at a time */
	char why[200];          /* it refused the last one */
};

struct run_sink_ops {
	/* 0; RUN_SINK_REFUSES, and why: it is to be rejected, and others may be written; or -code
	 * with the fault: the sink is of no more use. */
	int (*write)(struct run_sink *sink, const struct weir_item *item, struct run_fault *fault);
	/* 0: everything written is where the sink promises. -EINTR: `abort` was raised first. */
	int (*commit)(struct run_sink *sink, struct run_fault *fault);
	/* Bytes that wait for a commit: the member's hint. */
	size_t (*pending_bytes)(const struct run_sink *sink);
	void (*close)(struct run_sink *sink);
};

/* What a sink is opened for. Kept by the caller. */
struct run_sink_of {
	const struct weir_config_sink *config;
	const struct weir_subscription_options *subscription;
	struct weir_pipeline *pipeline;
	const char *journal; /* its directory, or NULL */
	uint32_t subscription_id;
	uint32_t member; /* from 0 */
	const struct run_life *life;
};

/* 0, or -code with the fault. `of` must outlive the sink. */
int run_sink_open(const struct run_sink_of *of, struct run_sink **ret_sink,
		  struct run_fault *fault);

int run_sink_stdout_open(const struct run_sink_of *of, struct run_sink **ret_sink,
			 struct run_fault *fault);
int run_sink_null_open(const struct run_sink_of *of, struct run_sink **ret_sink,
		       struct run_fault *fault);
int run_sink_file_open(const struct run_sink_of *of, struct run_sink **ret_sink,
		       struct run_fault *fault);
int run_sink_command_open(const struct run_sink_of *of, struct run_sink **ret_sink,
			  struct run_fault *fault);

#endif
