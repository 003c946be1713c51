/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The job of `weir archive replay`: a replay to subscriptions, stepped to its end or until Ctrl-C.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_ARCHIVE_REPLAY_H
#define WEIR_TOOLS_ARCHIVE_REPLAY_H

#include <weir/replay_to.h>

/* 0; -EINTR: interrupted, and a later one goes on; or negative, with the problem. */
int archive_replay_run(struct weir_pipeline *pipeline, const struct weir_replay_to_options *options,
		       struct weir_replay_to_progress *ret_progress, struct weir_problem *problem);

#endif
