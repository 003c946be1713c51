/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/dlq_job.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tools/weir/interrupt.h"

#define STEP_NS 100000000u
#define STALL_NS 10000000000u
#define CLOSE_NS 30000000000u

static void show(const struct weir_redrive_progress *progress)
{
	fprintf(stderr, "\r%llu letters looked at, %llu done with   ",
		(unsigned long long)progress->looked,
		(unsigned long long)(progress->in_place + progress->copied + progress->purged));
}

static int stalled(struct weir_problem *problem)
{
	*problem = (struct weir_problem){.code = WEIR_E_FULL};
	(void)snprintf(problem->text, sizeof problem->text,
		       "nothing has moved for ten seconds: the log has no places left for letters; "
		       "give --outstanding-max more than the program has");
	return WEIR_E_FULL;
}

/* Steps it to its end. 0, or negative. */
static int go_on(struct weir_redrive *job, const struct weir_redrive_options *options,
		 struct weir_redrive_progress *progress, struct weir_problem *problem)
{
	bool terminal = isatty(STDERR_FILENO) == 1, drawn = false;
	uint64_t moved_ns = bench_now_ns(), seen = 0;
	int rc = 0;
	for (;;) {
		rc = weir_redrive_step(job, STEP_NS);
		weir_redrive_progress(job, progress);
		if (rc < 0 || progress->done || interrupt_came() != 0)
			break;
		uint64_t now_ns = bench_now_ns();
		if (progress->looked != seen || options->per_second != 0)
			moved_ns = now_ns;
		seen = progress->looked;
		if (now_ns - moved_ns > STALL_NS) {
			rc = stalled(problem);
			break;
		}
		if (terminal)
			show(progress);
		drawn = terminal;
	}
	if (drawn)
		fprintf(stderr, "\r%60s\r", "");
	if (rc == WEIR_E_FULL && problem->text[0] == '\0')
		(void)snprintf(problem->text, sizeof problem->text,
			       "more letters are passed over than a job may hold: narrow the range "
			       "with --from and --to; or the disk has no room for a copy");
	return rc < 0 ? rc : progress->done ? 0 : -EINTR;
}

int dlq_job_run(struct weir_pipeline *p, const struct weir_redrive_options *options,
		struct weir_redrive_progress *ret_progress, struct weir_problem *problem)
{
	struct weir_redrive *job;
	*ret_progress = (struct weir_redrive_progress){.looked = 0};
	int rc = weir_redrive_open(p, options, &job, problem);
	if (rc != 0)
		return rc;
	interrupt_catch(INTERRUPT_NOTES);
	rc = go_on(job, options, ret_progress, problem);
	int closed = weir_redrive_close(job, CLOSE_NS);
	interrupt_leave();
	return rc != 0 ? rc : closed;
}
