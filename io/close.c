/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_close(): refuse → drain, if asked → stop handlers, group, log → finish the log's end with
 * the closing thread in the place of the log thread → clean mark → free.
 *
 * What a member still has pinned is not freed under it (L42): the pipeline stays in memory until
 * that member comes back (poll, release or leave), and is freed then. What the closing thread
 * itself polled last is back.
 */
#include <errno.h>

#include "core/pipeline/metrics.h"
#include "io/host.h"
#include "io/posix/cancel.h"

#define LOOK_NS 500000u

static uint64_t now_ns(struct weir_pipeline *p)
{
	return wr_clock_mono_ns(p->host.clock);
}

/* Until drained, or past the deadline. 0 or -ETIMEDOUT. */
static int drain(struct wr_io_host *h, uint64_t deadline)
{
	struct weir_pipeline *p = h->pipeline;
	while (!wr_pipeline_drained(p)) {
		if (now_ns(p) >= deadline)
			return -ETIMEDOUT;
		int rc = h->options.manual ? wr_host_run_steps(h, LOOK_NS) : WEIR_E_AGAIN;
		if (rc >= 0)
			continue;
		if (rc != WEIR_E_AGAIN)
			return rc;
		/* Others step: weir's threads, or one that is in a wait and about to leave it. */
		uint32_t word = wr_park_announce(&p->control_parker);
		wr_park_sleep(&p->control_parker, word, LOOK_NS);
	}
	return 0;
}

/* The closing thread drives the end of the log itself; nobody else steps any more. */
static int finish(struct wr_io_host *h, bool seal, uint64_t deadline)
{
	struct weir_pipeline *p = h->pipeline;
	struct wr_storage *s = h->storage;
	if (p->journal == NULL)
		return 0;
	int rc = s->ops->enter(s);
	if (rc != 0) {
		/* A broken engine has ended all that was in flight: the journal is to see it. */
		for (int i = 0; i < 2; i++)
			(void)wr_journal_step(p->journal, 0);
		return rc;
	}
	while (seal ? !wr_pipeline_finish(p) : !wr_journal_is_idle(p->journal)) {
		/* Writes under way are waited for, deadline or not: their buffers are ours. */
		if (seal && now_ns(p) >= deadline)
			seal = false;
		if (wr_journal_step(p->journal, 0) == 0 && s->ops->poll(s, LOOK_NS) < 0)
			break;
	}
	(void)s->ops->leave(s);
	return seal ? 0 : -ETIMEDOUT;
}

/* Callers that sleep inside the pipeline have been woken; they are gone before it is freed. */
static void wait_for_callers(struct weir_pipeline *p)
{
	while (wr_load_seq(&p->callers) != 0 || !wr_pipeline_polls_ended(p)) { /* Y1 */
		wr_pipeline_wake_all(p);
		uint32_t word = wr_park_announce(&p->control_parker);
		wr_park_sleep(&p->control_parker, word, LOOK_NS);
	}
}

static int close_pipeline(struct weir_pipeline *pipeline, enum weir_close_mode mode,
			  uint64_t timeout_ns, struct weir_close_report *ret_report)
{
	struct weir_close_report report = {0};
	struct wr_io_host *h = pipeline->host.context;
	uint64_t deadline = wr_pipeline_deadline_ns(pipeline, timeout_ns);
	bool failed = wr_pipeline_refused(pipeline) == WEIR_E_FAILED;
	uint64_t before = wr_writer_visible_seq(&pipeline->writer);

	wr_pipeline_refuse(pipeline, WEIR_E_CLOSED);
	int rc = mode == WEIR_CLOSE_DRAIN ? drain(h, deadline) : 0;
	wr_host_stop_handlers(h);
	wr_host_stop_threads(h);
	int finished = finish(h, mode == WEIR_CLOSE_DRAIN && rc == 0, deadline);
	failed = failed || (pipeline->journal != NULL &&
			    wr_load_acquire(&pipeline->link.failed) != 0); /* D1 */
	if (finished == 0 && !failed)
		report.clean = wr_pipeline_close_clean(pipeline) == 0;
	report.drained_events = wr_writer_visible_seq(&pipeline->writer) - before;
	wait_for_callers(pipeline);
	wr_pipeline_close_report(pipeline, &report);
	if (ret_report != NULL)
		*ret_report = report;
	wr_metrics_close(pipeline);
	wr_pipeline_end_lines(pipeline);
	if (h->storage != NULL)
		h->storage->ops->fini(h->storage);
	h->storage = NULL;
	if (wr_pipeline_keep_borrowed(pipeline))
		wr_host_destroy(h);
	return failed ? WEIR_E_FAILED : rc;
}

int weir_close(struct weir_pipeline *pipeline, enum weir_close_mode mode, uint64_t timeout_ns,
	       struct weir_close_report *ret_report)
{
	if (pipeline == NULL)
		return 0;
	if (wr_pipeline_is_copy(pipeline))
		return WEIR_E_CLOSED;
	if (mode != WEIR_CLOSE_DRAIN && mode != WEIR_CLOSE_ABORT)
		return -EINVAL;
	if (wr_host_inside_step(NULL))
		return -EDEADLK;
	int cancel = wr_cancel_defer();
	int rc = close_pipeline(pipeline, mode, timeout_ns, ret_report);
	wr_cancel_restore(cancel);
	return rc;
}
