/* SPDX-License-Identifier: Apache-2.0 */
/* Going on with a replay to subscriptions: reading, a run at a time, and what became of it. */
#include "core/pipeline/replay_to.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/deadline.h"

#define ROOM_RETRY_NS 1000000u

static bool never(void *context)
{
	(void)context;
	return false;
}

/* Waits for nothing but the time. 0, or why it ends early. */
static int rest(struct weir_replay_to *job, uint64_t ns)
{
	int rc = wr_pipeline_wait(job->pipeline, &job->producer->lane->parker, never, NULL, ns);
	return rc == -ETIMEDOUT ? 0 : rc;
}

/* Another has the name: how that stands is in the log. */
static int is_fenced(struct weir_replay_to *job)
{
	struct weir_replay_to_status status;
	job->producer->fenced = true;
	if (wr_replay_to_row(job->pipeline, job->producer->stamp.id, &status))
		job->progress.state = status.state;
	return WEIR_E_FENCED;
}

static void tell_too_big(struct weir_replay_to *job)
{
	job->problem = (struct weir_problem){.code = WEIR_E_TOO_BIG};
	(void)snprintf(job->problem.field, sizeof job->problem.field, "sequence %llu",
		       (unsigned long long)job->items[job->item_next].sequence);
	(void)snprintf(job->problem.text, sizeof job->problem.text,
		       "the event and what says whom its copy is for are larger than the largest "
		       "event: it is passed over");
}

/* What was sent is answered. Events that were copied, or negative. */
static int finish(struct weir_replay_to *job, uint64_t timeout_ns)
{
	struct weir_producer *pr = job->producer;
	int rc = weir_wait(pr, job->ticket, WEIR_LEVEL_MEMORY, timeout_ns);
	if (rc == -ETIMEDOUT || rc == WEIR_E_CLOSED || rc == WEIR_E_FAILED)
		return rc == -ETIMEDOUT ? 0 : rc;
	job->ticket = 0;
	(void)weir_producer_poll_acks(pr);
	if (rc == WEIR_E_FENCED)
		return is_fenced(job);
	/* One of them was erased after it was read: which is found one by one. */
	if (rc == -ESTALE && job->sent_end > job->item_next + 1) {
		job->singly_end = job->sent_end;
		return 0;
	}
	if (rc != 0 && rc != -ESTALE)
		return rc;
	uint32_t items = job->sent_end - job->item_next;
	uint32_t copied = rc == 0 ? job->sent_events : 0;
	job->progress.events += copied;
	job->progress.left_out += items - copied;
	job->item_next = job->sent_end;
	return (int)copied;
}

/* More of the range, when all is handed over. 0, or negative. */
static int read_more(struct weir_replay_to *job, uint64_t timeout_ns)
{
	struct weir_replay_progress at;
	job->item_next = job->item_count = job->singly_end = 0;
	int rc = weir_replay_next(job->replay, job->items, WR_REPLAY_TO_AT_ONCE, timeout_ns);
	if (rc == WEIR_E_CLOSED) {
		job->replay = NULL; /* it is gone */
		return rc;
	}
	if (rc < 0)
		weir_replay_problem(job->replay, &job->problem);
	weir_replay_progress(job->replay, &at);
	job->progress.next_sequence = at.next_sequence;
	job->item_count = rc > 0 ? (uint32_t)rc : 0;
	job->has_begun = job->has_begun || rc == WEIR_E_TOO_BIG ||
			 (rc > 0 && job->items[0].kind == WEIR_ITEM_EVENT);
	return rc < 0 ? rc : 0;
}

/* All of it is handed over. 0: that is in the log, or not yet. */
static int complete(struct weir_replay_to *job, uint64_t timeout_ns)
{
	struct weir_producer *pr = job->producer;
	int rc = 0;
	if (job->end_ticket == 0) {
		pr->stamp.sequence = WR_REPLAY_TO_COMPLETED;
		pr->block_timeout_ns = timeout_ns;
		rc = weir_producer_skip(pr, &job->end_ticket);
	}
	if (rc == 0)
		rc = weir_wait(pr, job->end_ticket, WEIR_LEVEL_DEFAULT, timeout_ns);
	if (rc == -ETIMEDOUT)
		return 0;
	if (rc == WEIR_E_FENCED)
		return is_fenced(job);
	if (rc != 0)
		return rc;
	(void)weir_producer_poll_acks(pr);
	job->progress.state = WEIR_REPLAY_COMPLETED;
	job->progress.next_sequence = job->progress.end_sequence;
	return 0;
}

static bool has_read_all(const struct weir_replay_to *job)
{
	struct weir_replay_progress at;
	weir_replay_progress(job->replay, &at);
	return at.done;
}

/* Hands over what was read. 0, or negative. */
static int send(struct weir_replay_to *job, uint64_t timeout_ns)
{
	int rc = wr_replay_to_send(job);
	if (rc == -EAGAIN)
		return rest(job, wr_min_u64(timeout_ns, ROOM_RETRY_NS));
	if (rc == WEIR_E_TOO_BIG) {
		tell_too_big(job);
		job->item_next++;
		job->progress.left_out++;
		return rc;
	}
	if (rc == 0 && job->ticket == 0) { /* nobody gets any of them */
		for (; job->item_next < job->sent_end; job->item_next++) {
			bool gap = job->items[job->item_next].kind != WEIR_ITEM_EVENT;
			job->progress.gaps += gap ? 1 : 0;
			job->progress.left_out += gap ? 0 : 1;
		}
	}
	return rc;
}

int weir_replay_to_step(struct weir_replay_to *job, uint64_t timeout_ns)
{
	struct weir_pipeline *p = job->pipeline;
	uint64_t now_ns = wr_clock_mono_ns(p->host.clock);
	uint64_t until_ns = wr_deadline_ns(now_ns, timeout_ns);
	int copied = 0, rc = 0;
	if (job->producer->fenced)
		return is_fenced(job);
	if (job->replay == NULL && job->progress.state == WEIR_REPLAY_RUNNING)
		return WEIR_E_CLOSED;
	while (job->progress.state == WEIR_REPLAY_RUNNING && rc == 0) {
		uint64_t left_ns = wr_left_ns(until_ns, now_ns);
		if (job->ticket != 0) {
			rc = finish(job, left_ns);
			copied += rc > 0 ? rc : 0;
			rc = rc > 0 ? 0 : rc;
			if (rc == 0 && job->ticket != 0)
				break; /* not answered in that time */
		} else if (job->item_next < job->item_count) {
			rc = send(job, left_ns);
		} else if (has_read_all(job)) {
			rc = complete(job, left_ns);
		} else {
			rc = read_more(job, copied > 0 ? 0 : left_ns);
		}
		now_ns = wr_clock_mono_ns(p->host.clock);
		if (now_ns >= until_ns || (copied > 0 && job->item_next == job->item_count))
			break;
	}
	return rc < 0 ? rc : copied;
}

void weir_replay_to_progress(const struct weir_replay_to *job, struct weir_replay_to_progress *ret)
{
	*ret = job->progress;
	if (job->progress.state == WEIR_REPLAY_RUNNING)
		ret->next_sequence = wr_replay_to_place(job);
}

void weir_replay_to_problem(const struct weir_replay_to *job, struct weir_problem *ret)
{
	*ret = job->problem;
}
