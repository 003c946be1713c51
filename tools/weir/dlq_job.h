/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job over dead letters, run to its end or until it is interrupted, with how far it is on a
 * terminal behind standard error.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_DLQ_JOB_H
#define WEIR_TOOLS_DLQ_JOB_H

#include <weir/dead_letters.h>

/* 0, or negative with the problem; what was done until then in any case. */
int dlq_job_run(struct weir_pipeline *pipeline, const struct weir_redrive_options *options,
		struct weir_redrive_progress *ret_progress, struct weir_problem *problem);

#endif
