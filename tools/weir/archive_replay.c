/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/archive_replay.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/weir/interrupt.h"

#define STEP_NS 100000000u
#define CLOSE_NS 30000000000u

static int go_on(struct weir_replay_to *job, struct weir_replay_to_progress *progress,
		 struct weir_problem *problem)
{
	bool terminal = isatty(STDERR_FILENO) == 1, drawn = false;
	int rc = 0;
	weir_replay_to_progress(job, progress);
	while (rc >= 0 && progress->state == WEIR_REPLAY_RUNNING && interrupt_came() == 0) {
		rc = weir_replay_to_step(job, STEP_NS);
		weir_replay_to_progress(job, progress);
		if (terminal)
			fprintf(stderr, "\r%llu events   ", (unsigned long long)progress->events);
		drawn = terminal;
	}
	if (drawn)
		fprintf(stderr, "\r%40s\r", "");
	if (rc < 0)
		weir_replay_to_problem(job, problem);
	return rc < 0 ? rc : progress->state == WEIR_REPLAY_RUNNING ? -EINTR : 0;
}

int archive_replay_run(struct weir_pipeline *p, const struct weir_replay_to_options *options,
		       struct weir_replay_to_progress *ret_progress, struct weir_problem *problem)
{
	struct weir_replay_to *job;
	int rc = weir_replay_to_open(p, options, &job, problem);
	if (rc != 0)
		return rc;
	interrupt_catch(INTERRUPT_NOTES);
	rc = go_on(job, ret_progress, problem);
	int closed = weir_replay_to_close(job, CLOSE_NS);
	interrupt_leave();
	return rc != 0 ? rc : closed;
}
