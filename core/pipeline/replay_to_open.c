/* SPDX-License-Identifier: Apache-2.0 */
/* Replays to subscriptions as the log knows them: by their producers. Opening, closing, the end. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/replay.h"
#include "core/pipeline/replay_to.h"

#define PREFIX "replay."
#define CLOSE_NS 30000000000ull

void weir_replay_to_options_init(struct weir_replay_to_options *options)
{
	*options = (struct weir_replay_to_options){.struct_bytes = sizeof *options};
	weir_replay_options_init(&options->from);
}

/* ---- names ---- */

/* "replay.END.NAME" */
static bool read_name(const char *name, uint64_t *ret_end, const char **ret_rest)
{
	size_t prefix = strlen(PREFIX);
	uint64_t end = 0;
	if (strncmp(name, PREFIX, prefix) != 0)
		return false;
	const char *at = name + prefix;
	if (*at < '1' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');
		if (end > (UINT64_MAX - digit) / 10)
			return false;
		end = end * 10 + digit;
	}
	*ret_end = end;
	*ret_rest = at + 1;
	return *at == '.' && at[1] != '\0' && strlen(at + 1) <= WEIR_REPLAY_NAME_BYTES_MAX;
}

bool wr_replay_to_row(struct weir_pipeline *p, uint32_t row, struct weir_replay_to_status *ret)
{
	struct wr_producer_row *r = &p->tables.producers.rows[row];
	const char *name;
	uint64_t end;
	if (!read_name(r->name, &end, &name))
		return false;
	uint64_t at = wr_load_relaxed(&r->last_producer_seq); /* may be a moment old */
	*ret = (struct weir_replay_to_status){
		.state = at == WR_REPLAY_TO_COMPLETED   ? WEIR_REPLAY_COMPLETED
			 : at == WR_REPLAY_TO_CANCELLED ? WEIR_REPLAY_CANCELLED
							: WEIR_REPLAY_RUNNING,
		.next_sequence = at < end ? at : end,
		.end_sequence = end,
	};
	memcpy(ret->name, name, strlen(name) + 1);
	return true;
}

/* The first of the name counts. */
static bool find(struct weir_pipeline *p, const char *name, struct weir_replay_to_status *ret,
		 uint32_t *ret_row)
{
	uint64_t count = wr_producers_count(&p->tables.producers);
	for (uint32_t row = 0; row < count; row++) {
		if (wr_replay_to_row(p, row, ret) && strcmp(ret->name, name) == 0) {
			*ret_row = row;
			return true;
		}
	}
	return false;
}

bool weir_replay_to_each(struct weir_pipeline *p, uint32_t *place,
			 struct weir_replay_to_status *ret)
{
	uint64_t count = wr_producers_count(&p->tables.producers);
	struct weir_replay_to_status first;
	uint32_t first_row = 0;
	for (; *place < count; ++*place) {
		if (!wr_replay_to_row(p, *place, ret) || !find(p, ret->name, &first, &first_row) ||
		    first_row != *place)
			continue;
		++*place;
		return true;
	}
	return false;
}

static int open_producer(struct weir_pipeline *p, uint64_t end, const char *name,
			 struct weir_producer **ret, struct weir_problem *problem)
{
	struct weir_producer_options o;
	char text[WR_NAME_BYTES_MAX + 1];
	(void)snprintf(text, sizeof text, PREFIX "%llu.%s", (unsigned long long)end, name);
	weir_producer_options_init(&o);
	o.name = text;
	return weir_producer_open(p, &o, ret, problem);
}

/* ---- options ---- */

static int check_subscription(struct weir_pipeline *p, uint32_t id, struct weir_problem *problem)
{
	if (id >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[id].started) == 0) /* X1 */
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "subscriptions",
				      "no subscription has this id");
	if (p->subscriptions[id].copier != NULL)
		return wr_problem_set(
			problem, -EINVAL, "subscriptions",
			"a binding, or what copies events that nobody wants: a replay is for "
			"who reads");
	return 0;
}

/* In ascending order, as records have them. */
static int take_subscriptions(struct weir_pipeline *p, const struct weir_replay_to_options *o,
			      struct wr_recipients *to, struct weir_problem *problem)
{
	*to = (struct wr_recipients){0};
	if (o->subscription_count == 0 || o->subscription_count > WEIR_REPLAY_TO_MAX ||
	    o->subscriptions == NULL)
		return wr_problem_set(problem, -EINVAL, "subscriptions", "1 to 5 ids");
	for (uint32_t i = 0; i < o->subscription_count; i++) {
		uint32_t id = o->subscriptions[i], at = to->count;
		int rc = check_subscription(p, id, problem);
		if (rc != 0)
			return rc;
		for (; at > 0 && to->ids[at - 1] >= id; at--) {
			if (to->ids[at - 1] == id)
				return wr_problem_set(problem, -EINVAL, "subscriptions",
						      "one of them is there twice");
			to->ids[at] = to->ids[at - 1];
		}
		to->ids[at] = id;
		to->count++;
	}
	return 0;
}

static int check(struct weir_pipeline *p, const struct weir_replay_to_options *o,
		 struct weir_problem *problem)
{
	size_t bytes = o->name != NULL ? strlen(o->name) : 0;
	if (bytes > WEIR_REPLAY_NAME_BYTES_MAX || !wr_name_valid(o->name, bytes))
		return wr_problem_set(
			problem, -EINVAL, "name",
			"a name is 1 to 100 of letters, digits, '.', '_' and '-', and does "
			"not begin with '.'");
	if (o->from.follow)
		return wr_problem_set(
			problem, -EINVAL, "follow",
			"a replay to subscriptions has an end: they read what comes anyway");
	if (p->options.run_records_max < WR_REPLAY_TO_COPIES + 1)
		return wr_problem_set(
			problem, -EINVAL, "run_records_max",
			"up to two copies of an event and its place are three records");
	return 0;
}

/* ---- opening ---- */

static int open_replay(struct weir_replay_to *job, const struct weir_replay_options *from,
		       struct weir_problem *problem)
{
	struct weir_replay_progress at;
	int rc = weir_replay_open(job->pipeline, from, &job->replay, problem);
	if (rc != 0)
		return rc;
	weir_replay_progress(job->replay, &at);
	job->progress.next_sequence = at.next_sequence;
	job->progress.end_sequence = at.end_sequence;
	return 0;
}

/* Where it ends is fixed: until an hour ago is another time an hour later. */
static int open_first(struct weir_replay_to *job, const struct weir_replay_options *from,
		      struct weir_problem *problem)
{
	int rc = open_replay(job, from, problem);
	if (rc == 0)
		rc = wr_replay_fix_end(job->replay, &job->progress.end_sequence, problem);
	return rc;
}

/* Goes on where the log says that it is. */
static int go_on(struct weir_replay_to *job, const struct weir_replay_options *from,
		 struct weir_problem *problem)
{
	struct weir_replay_to_status status;
	struct weir_replay_options rest = *from;
	if (!wr_replay_to_row(job->pipeline, job->producer->stamp.id, &status))
		return WEIR_E_CORRUPT;
	weir_replay_close(job->replay);
	job->replay = NULL;
	job->progress.state = status.state;
	job->progress.next_sequence = status.next_sequence;
	job->progress.end_sequence = status.end_sequence;
	if (status.state != WEIR_REPLAY_RUNNING)
		return 0;
	if (status.next_sequence != 0) {
		/* Where it began counts no more: what was an hour ago is another time by now. */
		rest.from_sequence = status.next_sequence;
		rest.from_time_us = 0;
		job->has_begun = true;
	}
	rest.end_sequence = status.end_sequence;
	return open_replay(job, &rest, problem);
}

static int open_in(struct weir_replay_to *job, const struct weir_replay_to_options *o,
		   struct weir_problem *problem)
{
	struct weir_pipeline *p = job->pipeline;
	struct weir_replay_to_status status;
	uint32_t row;
	bool found = find(p, o->name, &status, &row);
	int rc = found ? 0 : open_first(job, &o->from, problem);
	if (rc != 0)
		return rc;
	uint64_t end = found ? status.end_sequence : wr_max_u64(job->progress.end_sequence, 1);
	job->progress.end_sequence = end;
	rc = open_producer(p, end, o->name, &job->producer, problem);
	if (rc != 0)
		return rc;
	if (!find(p, o->name, &status, &row) || row != job->producer->stamp.id)
		return wr_problem_set(problem, -EBUSY, "name",
				      "another replay was opened by this name at this moment");
	return found || job->producer->stamp.sequence != 0 ? go_on(job, &o->from, problem) : 0;
}

static void destroy(struct weir_replay_to *job, uint64_t timeout_ns)
{
	struct wr_memory *memory = job->pipeline->host.memory;
	weir_replay_close(job->replay);
	/* What of it was refused is known. */
	if (job->producer != NULL)
		(void)weir_producer_close(job->producer, timeout_ns);
	memory->ops->free(memory, job, sizeof *job);
}

int weir_replay_to_open(struct weir_pipeline *p, const struct weir_replay_to_options *o,
			struct weir_replay_to **ret_job, struct weir_problem *reterr_problem)
{
	struct wr_memory *memory = p->host.memory;
	struct wr_recipients to;
	int rc = wr_null_check(o, ret_job, reterr_problem);
	if (rc == 0)
		rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_replay_to_options_init",
				   reterr_problem);
	if (rc == 0)
		rc = check(p, o, reterr_problem);
	if (rc == 0)
		rc = take_subscriptions(p, o, &to, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	struct weir_replay_to *job = memory->ops->alloc(memory, sizeof *job, WR_LINE_BYTES);
	if (job == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	memset(job, 0, sizeof *job);
	job->pipeline = p;
	job->to = to;
	job->has_begun = o->from.from_time_us == 0;
	memcpy(job->name, o->name, strlen(o->name) + 1);
	rc = open_in(job, o, reterr_problem);
	if (rc != 0) {
		destroy(job, CLOSE_NS);
		return rc;
	}
	*ret_job = job;
	return 0;
}

/* ---- ending ---- */

/* The producer's sequence from here on, durably. */
static int put_state(struct weir_producer *pr, uint64_t state, uint64_t timeout_ns)
{
	uint64_t ticket;
	pr->stamp.sequence = state;
	pr->block_timeout_ns = timeout_ns;
	int rc = weir_producer_skip(pr, &ticket);
	if (rc == 0)
		rc = weir_wait(pr, ticket, WEIR_LEVEL_DEFAULT, timeout_ns);
	(void)weir_producer_poll_acks(pr);
	return rc;
}

int weir_replay_to_close(struct weir_replay_to *job, uint64_t timeout_ns)
{
	int rc = 0;
	if (job == NULL)
		return 0;
	/* What was sent last says itself how far it is. */
	if (job->progress.state == WEIR_REPLAY_RUNNING && job->has_begun && job->ticket == 0 &&
	    job->end_ticket == 0 && !job->producer->fenced)
		rc = put_state(job->producer, wr_replay_to_place(job), timeout_ns);
	destroy(job, timeout_ns);
	return rc == -ETIMEDOUT ? rc : 0;
}

int weir_replay_to_cancel(struct weir_pipeline *p, const char *name)
{
	struct weir_replay_to_status status;
	struct weir_producer *pr;
	uint32_t row;
	int rc = name != NULL ? wr_pipeline_refused_call(p) : -EINVAL;
	if (rc != 0)
		return rc;
	if (!find(p, name, &status, &row))
		return WEIR_E_UNKNOWN_NAME;
	rc = open_producer(p, status.end_sequence, name, &pr, NULL);
	if (rc != 0)
		return rc;
	if (pr->stamp.sequence >= WR_REPLAY_TO_COMPLETED)
		rc = -EALREADY;
	else
		rc = put_state(pr, WR_REPLAY_TO_CANCELLED, CLOSE_NS);
	(void)weir_producer_close(pr, CLOSE_NS);
	return rc;
}
