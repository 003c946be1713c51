/* SPDX-License-Identifier: Apache-2.0 */
/* The life of stages: opening, the threads' ends, waiting, closing. stages_make.c builds them. */
#include "io/config/stages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "io/posix/thread_posix.h"

int wr_stages_refuse(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->field, sizeof problem->field, "%s", field);
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

void wr_stages_add_name(char *text, size_t text_bytes, const char *name)
{
	size_t used = strlen(text);
	(void)snprintf(text + used, text_bytes - used, "%s%.40s",
		       used > 0 && text[used - 1] != ' ' ? ", " : "", name);
}

_Static_assert(WR_CONFIG_STAGES_MAX <= WEIR_STAGES_SHOWN_MAX, "all of a config are told of");

/* ---- threads --------------------------------------------------------------------------------- */

static int start_worker(struct weir_stage_worker *w)
{
	struct wr_cpu_set cpus = {{0}};
	for (uint32_t i = 0; i < w->options.cpu_count; i++)
		wr_cpu_set_add(&cpus, w->options.cpus[i]);
	const struct wr_thread_start start = {.name = w->options.name,
					      .cpus = w->options.cpu_count > 0 ? &cpus : NULL,
					      .stack_bytes = w->options.stack_bytes};
	return wr_thread_create(&w->thread, &start, wr_stage_worker_run, w);
}

/* Those of the last stages first: who pushes finds somebody who pops. */
static int start_threads(struct weir_stages *s, struct weir_problem *problem)
{
	for (uint32_t i = s->stage_count; i > 0; i--) {
		struct wr_stage *stage = &s->stages[i - 1];
		for (uint32_t k = 0; k < stage->worker_count; k++) {
			(void)pthread_mutex_lock(&s->lock);
			int rc = start_worker(&stage->workers[k]);
			s->workers_left += rc == 0 ? 1 : 0;
			(void)pthread_mutex_unlock(&s->lock);
			if (rc < 0)
				return wr_stages_refuse(problem, rc, stage->name,
							weir_strerror(rc));
			stage->started_count++;
		}
	}
	return 0;
}

void wr_stages_worker_ended(struct weir_stage_worker *worker)
{
	struct wr_stage *stage = worker->stage;
	struct weir_stages *s = worker->stages;
	(void)pthread_mutex_lock(&s->lock);
	uint32_t ended_count = wr_load_relaxed(&stage->ended_count) + 1; /* under the lock */
	wr_store_relaxed(&stage->ended_count, ended_count);
	bool is_last = ended_count == stage->worker_count;
	for (uint32_t i = 0; is_last && i < worker->output_count; i++)
		if (--worker->outputs[i].ring->feeders_left == 0)
			weir_ring_close(worker->outputs[i].ring->ring);
	s->workers_left--;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

void wr_stages_abort(struct weir_stages *stages, const struct wr_stage *stage, int code)
{
	(void)pthread_mutex_lock(&stages->lock);
	if (stages->failure == 0 && code != 0) {
		stages->failure = code;
		stages->failed_name = stage->name;
	}
	wr_store_relaxed(&stages->is_stopping, 1u);
	wr_store_relaxed(&stages->is_aborting, 1u);
	for (uint32_t i = 0; i < stages->ring_count; i++)
		if (stages->rings[i].ring != NULL)
			weir_ring_close(stages->rings[i].ring);
	(void)pthread_cond_broadcast(&stages->changed);
	(void)pthread_mutex_unlock(&stages->lock);
}

void weir_stages_stop(struct weir_stages *stages)
{
	(void)pthread_mutex_lock(&stages->lock);
	wr_store_relaxed(&stages->is_stopping, 1u);
	(void)pthread_cond_broadcast(&stages->changed);
	(void)pthread_mutex_unlock(&stages->lock);
}

/* ---- the end --------------------------------------------------------------------------------- */

static int tell_end(const struct weir_stages *s, struct weir_problem *problem)
{
	char text[160];
	if (s->failure == 0)
		return 0;
	(void)snprintf(text, sizeof text, "the function of stage %.40s returned %d: %.80s",
		       s->failed_name, s->failure, weir_strerror(s->failure));
	return wr_stages_refuse(problem, s->failure, s->failed_name, text);
}

static int tell_timeout(const struct weir_stages *s, struct weir_problem *problem)
{
	char text[160] = "not yet ended: ";
	for (uint32_t i = 0; i < s->stage_count; i++)
		if (wr_load_relaxed(&s->stages[i].ended_count) < s->stages[i].worker_count)
			wr_stages_add_name(text, sizeof text, s->stages[i].name);
	return wr_stages_refuse(problem, -ETIMEDOUT, "", text);
}

int weir_stages_wait(struct weir_stages *stages, uint64_t timeout_ns,
		     struct weir_problem *reterr_problem)
{
	struct timespec deadline = wr_stage_deadline(timeout_ns);
	int timed_out = 0;
	if (wr_stage_is_inside(stages))
		return wr_stages_refuse(reterr_problem, -EDEADLK, "",
					"a worker cannot wait for itself");
	(void)pthread_mutex_lock(&stages->lock);
	while (stages->workers_left > 0 && timed_out == 0)
		timed_out = pthread_cond_timedwait(&stages->changed, &stages->lock, &deadline);
	int rc = stages->workers_left > 0 ? tell_timeout(stages, reterr_problem)
					  : tell_end(stages, reterr_problem);
	(void)pthread_mutex_unlock(&stages->lock);
	return rc;
}

static void join_and_free(struct weir_stages *s)
{
	for (uint32_t i = 0; i < s->stage_count; i++)
		for (uint32_t k = 0; k < s->stages[i].started_count; k++)
			(void)pthread_join(s->stages[i].workers[k].thread, NULL);
	for (uint32_t i = 0; i < s->stage_count; i++)
		free(s->stages[i].workers);
	for (uint32_t i = 0; i < s->ring_count; i++)
		weir_ring_destroy(s->rings[i].ring);
	(void)pthread_cond_destroy(&s->changed);
	(void)pthread_mutex_destroy(&s->lock);
	wr_config_arena_fini(&s->arena);
	free(s);
}

int weir_stages_close(struct weir_stages *stages, enum weir_close_mode mode, uint64_t timeout_ns,
		      struct weir_problem *reterr_problem)
{
	int rc = 0;
	if (stages == NULL)
		return 0;
	if (mode != WEIR_CLOSE_DRAIN && mode != WEIR_CLOSE_ABORT)
		return wr_stages_refuse(reterr_problem, -EINVAL, "mode", "neither drain nor abort");
	if (wr_stage_is_inside(stages))
		return wr_stages_refuse(reterr_problem, -EDEADLK, "",
					"a worker cannot wait for itself");
	weir_stages_stop(stages);
	if (mode == WEIR_CLOSE_DRAIN)
		rc = weir_stages_wait(stages, timeout_ns, reterr_problem);
	if (rc == -ETIMEDOUT || mode == WEIR_CLOSE_ABORT)
		wr_stages_abort(stages, NULL, 0);
	if (mode == WEIR_CLOSE_ABORT)
		rc = weir_stages_wait(stages, WEIR_FOREVER, reterr_problem);
	if (weir_stages_show(stages, NULL) != 0)
		WR_DEBUG(false); /* taking off is never refused */
	join_and_free(stages);
	return rc;
}

static void look_at_stage(const struct wr_stage *stage, struct weir_stage_info *info)
{
	*info = (struct weir_stage_info){.name = stage->name,
					 .workers = stage->worker_count,
					 .workers_ended = wr_load_relaxed(&stage->ended_count),
					 .scheduler = stage->scheduler};
	for (uint32_t k = 0; k < stage->worker_count; k++) {
		const struct weir_stage_worker *w = &stage->workers[k];
		info->calls += wr_load_relaxed(&w->calls);
		info->items += wr_load_relaxed(&w->items);
		info->pushed += wr_load_relaxed(&w->pushed);
		info->dropped += wr_load_relaxed(&w->dropped);
		info->refused += wr_load_relaxed(&w->refused);
	}
}

uint32_t weir_stages_info(struct weir_stages *stages, struct weir_stage_info *ret_infos,
			  uint32_t count)
{
	for (uint32_t i = 0; i < stages->stage_count && i < count; i++)
		look_at_stage(&stages->stages[i], &ret_infos[i]);
	return stages->stage_count;
}

/* By a pipeline's group step. */
static uint32_t look(void *context, struct weir_stage_info *ret_infos, uint32_t count)
{
	return weir_stages_info(context, ret_infos, count);
}

int weir_stages_show(struct weir_stages *stages, struct weir_pipeline *pipeline)
{
	int rc = 0;
	(void)pthread_mutex_lock(&stages->lock);
	if (pipeline == NULL && stages->shown_by != NULL)
		rc = weir_metrics_stages(stages->shown_by, NULL, stages);
	else if (pipeline != NULL && stages->shown_by != NULL && stages->shown_by != pipeline)
		rc = -EALREADY;
	else if (pipeline != NULL)
		rc = weir_metrics_stages(pipeline, look, stages);
	if (rc == 0)
		stages->shown_by = pipeline;
	(void)pthread_mutex_unlock(&stages->lock);
	return rc;
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct weir_stages *allocate(void)
{
	pthread_condattr_t attributes;
	struct weir_stages *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return s;
}

int weir_stages_open(const struct weir_config *config, const struct weir_stage_function *functions,
		     uint32_t function_count, struct weir_stages **ret_stages,
		     struct weir_problem *reterr_problem)
{
	if (config->findings.error_count > 0) {
		wr_config_first_problem(&config->findings, reterr_problem);
		return -EINVAL;
	}
	struct weir_stages *s = allocate();
	if (s == NULL)
		return wr_stages_refuse(reterr_problem, -ENOMEM, "", weir_strerror(-ENOMEM));
	int rc = wr_stages_make(s, config, functions, function_count, reterr_problem);
	if (rc == 0)
		rc = start_threads(s, reterr_problem);
	if (rc == 0) {
		*ret_stages = s;
		return 0;
	}
	wr_stages_abort(s, NULL, 0);
	join_and_free(s);
	return rc;
}
