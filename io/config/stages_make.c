/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages from a config: each has its function, rings are made, handles opened, threads placed. The
 * config may go when it is done: what is needed later is copied.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/stages.h"
#include "io/posix/thread_posix.h"
#include "io/thread/scheduling.h"

/* ---- functions ------------------------------------------------------------------------------- */

static const struct weir_stage_function *
function_of(const char *stage, const struct weir_stage_function *functions, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (functions[i].stage != NULL && strcmp(functions[i].stage, stage) == 0)
			return &functions[i];
	return NULL;
}

/* Every stage has one, and every function a stage; all names that are at fault are told. */
static int check_functions(const struct wr_config_values *values,
			   const struct weir_stage_function *functions, uint32_t count,
			   struct weir_problem *problem)
{
	const struct wr_config_stage *stages = values->stages.items;
	char missing[80] = "";
	char unknown[80] = "";
	char text[256] = "";
	for (uint32_t i = 0; i < values->stages.count; i++) {
		const struct weir_stage_function *f = function_of(stages[i].name, functions, count);
		if (f == NULL || f->run == NULL)
			wr_stages_add_name(missing, sizeof missing, stages[i].name);
	}
	for (uint32_t i = 0; i < count; i++) {
		const char *name = functions[i].stage != NULL ? functions[i].stage : "(no name)";
		if (wr_config_find_stage(values, functions[i].stage) == values->stages.count ||
		    function_of(name, functions, i) != NULL)
			wr_stages_add_name(unknown, sizeof unknown, name);
	}
	if (missing[0] == '\0' && unknown[0] == '\0')
		return 0;
	if (missing[0] != '\0')
		(void)snprintf(text, sizeof text, "no function for the stages: %s", missing);
	if (unknown[0] != '\0')
		(void)snprintf(text + strlen(text), sizeof text - strlen(text),
			       "%sno stage, or a second function for one: %s",
			       missing[0] != '\0' ? "; " : "", unknown);
	return wr_stages_refuse(problem, -EINVAL, "functions", text);
}

/* ---- rings and handles ----------------------------------------------------------------------- */

static int make_rings(struct weir_stages *s, const struct wr_config_values *values,
		      struct weir_problem *problem)
{
	const struct wr_config_ring *from = values->rings.items;
	s->rings = wr_config_alloc(&s->arena, (values->rings.count + 1) * sizeof *s->rings);
	for (uint32_t i = 0; s->rings != NULL && i < values->rings.count; i++) {
		struct weir_ring_options options;
		struct wr_stage_ring *ring = &s->rings[i];
		*ring = (struct wr_stage_ring){
			.to = wr_config_copy(&s->arena, from[i].to, strlen(from[i].to)),
			.full = (enum wr_config_full)from[i].full,
			.slot_bytes = from[i].slot_bytes,
			.feeders_left = from[i].from.count};
		if (ring->to == NULL)
			return -ENOMEM;
		s->ring_count++;
		wr_config_ring_options(values, &from[i], &options);
		int rc = weir_ring_create(&options, &ring->ring, problem);
		if (rc < 0)
			return rc;
	}
	return s->rings != NULL ? 0 : -ENOMEM;
}

static bool feeds(const struct wr_config_ring *ring, const char *stage)
{
	const char *const *from = ring->from.items;
	for (uint32_t i = 0; i < ring->from.count; i++)
		if (strcmp(from[i], stage) == 0)
			return true;
	return false;
}

/* As many as there are rings and workers: the handles are there. */
static int open_handles(struct weir_stages *s, const struct wr_config_values *values,
			struct weir_stage_worker *w)
{
	const struct wr_config_ring *rings = values->rings.items;
	w->outputs = wr_config_alloc(&s->arena, (s->ring_count + 1) * sizeof *w->outputs);
	if (w->outputs == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->ring_count; i++) {
		if (!feeds(&rings[i], w->stage->name))
			continue;
		struct wr_stage_output *output = &w->outputs[w->output_count];
		int rc = weir_ring_producer_open(s->rings[i].ring, &output->producer);
		if (rc < 0)
			return rc;
		output->ring = &s->rings[i];
		w->output_count++;
	}
	if (w->stage->input == NULL)
		return 0;
	w->slot_bytes = w->stage->input->slot_bytes;
	return weir_ring_consumer_open(w->stage->input->ring, &w->input);
}

/* ---- stages ---------------------------------------------------------------------------------- */

static int make_stage(struct weir_stages *s, const struct wr_config_values *values,
		      const struct wr_config_stage *config, const struct wr_placed *placed,
		      struct wr_stage *stage)
{
	struct weir_thread_options asked = config->thread;
	stage->name = wr_config_copy(&s->arena, config->name, strlen(config->name));
	/* On lines of their own: counters of two workers never share one. */
	stage->workers = aligned_alloc(_Alignof(struct weir_stage_worker),
				       config->workers * sizeof *stage->workers);
	if (stage->name == NULL || stage->workers == NULL)
		return -ENOMEM;
	(void)snprintf(asked.name, sizeof asked.name, "%.15s", config->name);
	for (uint32_t i = 0; i < s->ring_count; i++)
		if (strcmp(s->rings[i].to, stage->name) == 0)
			stage->input = &s->rings[i];
	for (uint32_t i = 0; i < config->workers; i++) {
		struct weir_stage_worker *w = &stage->workers[i];
		memset(w, 0, sizeof *w);
		w->stages = s;
		w->stage = stage;
		w->index = i;
		w->batch = config->batch;
		wr_config_nth_thread(&asked, placed, i, &w->options);
		w->options.scheduler = stage->scheduler;
		stage->worker_count++;
		int rc = open_handles(s, values, w);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make_stages(struct weir_stages *s, const struct weir_config *config,
		       const struct weir_stage_function *functions, uint32_t function_count,
		       struct weir_problem *problem)
{
	const struct wr_config_values *values = &config->values;
	const struct wr_config_stage *from = values->stages.items;
	struct wr_thread_plan plans[WR_CONFIG_STAGES_MAX];
	struct wr_placed *placed = calloc(WR_CONFIG_REQUESTS_MAX, sizeof *placed);
	s->stages = wr_config_alloc(&s->arena, values->stages.count * sizeof *s->stages);
	int rc = placed == NULL || s->stages == NULL ? -ENOMEM
						     : wr_config_placed(config, placed, problem);
	if (rc == 0)
		rc = wr_stages_classes(values, placed, plans, problem);
	for (uint32_t i = 0; rc == 0 && i < values->stages.count; i++) {
		const struct weir_stage_function *f =
			function_of(from[i].name, functions, function_count);
		s->stages[i].scheduler = plans[i].scheduler;
		s->stages[i].run = f->run;
		s->stages[i].context = f->context;
		s->stage_count++;
		rc = make_stage(s, values, &from[i], &placed[WR_CONFIG_STAGES + i], &s->stages[i]);
	}
	free(placed);
	return rc;
}

int wr_stages_make(struct weir_stages *s, const struct weir_config *config,
		   const struct weir_stage_function *functions, uint32_t function_count,
		   struct weir_problem *problem)
{
	const struct wr_config_values *values = &config->values;
	struct weir_problem said = {0};
	if (values->stages.count == 0)
		return wr_stages_refuse(problem, -EINVAL, "stages", "the config has no stages");
	int rc = check_functions(values, functions, function_count, problem);
	if (rc < 0)
		return rc;
	rc = make_rings(s, values, &said);
	if (rc == 0)
		rc = make_stages(s, config, functions, function_count, &said);
	if (rc == 0)
		return 0;
	return wr_stages_refuse(problem, rc, said.field,
				said.text[0] != '\0' ? said.text : weir_strerror(rc));
}
