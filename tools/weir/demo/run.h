/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of a demo, in the parent: start the child, kill it, start it again, let it end, read
 * the journal, judge, report. cmd_demo.c has filled in the plan and chosen the directory.
 *
 * Thread: the parent's only one.
 */
#ifndef WEIR_TOOLS_DEMO_RUN_H
#define WEIR_TOOLS_DEMO_RUN_H

#include "tools/weir/demo/live.h"
#include "tools/weir/demo/report.h"

#define DEMO_PATH_BYTES 512

struct weir_config;

struct demo {
	struct demo_plan plan;
	struct weir_config *config; /* that the options came from, or NULL */
	struct demo_shared *shared;
	struct demo_input input;
	struct demo_audit audit;
	struct demo_result result;
	struct demo_progress progress;
	struct demo_live live;
	uint64_t kill_after_ns; /* from the first publish; 0: by events only */
	uint64_t start_ns[DEMO_LIVES];
	bool own_dir; /* made here, removed here */
	bool json;
	bool look; /* at the second life, while it runs */
	char dir[DEMO_PATH_BYTES];
};

/* The exit code; the report has been printed. */
int demo_run(struct demo *demo);

#endif
