/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_config_open(): options, topics and subscriptions in one call. What fails is told with its
 * place in the file; a pipeline that is open by then is closed again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/binding.h>

#include "io/config/check.h"
#include "io/config/config.h"

#define CLOSE_TIMEOUT_NS 10000000000u

/* Puts "orders.yaml:12:5: " before the text of a problem. */
static void prepend_place(const struct weir_config *config, struct wr_config_place place,
			  struct weir_problem *problem)
{
	char text[sizeof problem->text];
	if (problem == NULL)
		return;
	(void)snprintf(text, sizeof text, "%.60s:%u:%u: %.140s", config->source.name, place.line,
		       place.column, problem->text);
	memcpy(problem->text, text, sizeof text);
}

/* "set chunk_bytes" is of the option; who has a file sets its key. */
static void name_keys(struct weir_problem *problem)
{
	char text[sizeof problem->text] = "";
	struct wr_config_text to = {.to = text, .room_bytes = sizeof text};
	wr_config_put_translated(problem->text, &to);
	memcpy(problem->text, text, sizeof text);
}

/* The n-th item of a list of the file. */
static struct wr_config_place item_place(const struct weir_config *config, const char *list,
					 uint32_t index)
{
	return wr_config_node_place(&config->findings,
				    wr_config_item_at(config->root, list, index));
}

/* A threshold that nobody is told of would be a key without effect. */
static int check_lag(const struct weir_config *config, struct weir_problem *problem)
{
	for (uint32_t i = 0; i < config->values.subscriptions.count; i++) {
		const struct weir_subscription_options *s = &config->subscriptions[i];
		if ((s->lag_events_max == 0 && s->lag_time_max_ns == 0) || s->lag_fn != NULL)
			continue;
		if (problem != NULL) {
			*problem = (struct weir_problem){.code = -EINVAL, .field = "lag_fn"};
			(void)snprintf(problem->text, sizeof problem->text,
				       "subscription %.60s has a lag threshold, and the program "
				       "has nobody to tell: weir_config_on_lag()",
				       s->name);
		}
		prepend_place(config, item_place(config, "subscriptions", i), problem);
		return -EINVAL;
	}
	return 0;
}

/* When all topics are there. */
static int set_unrouted(const struct weir_config *config, struct weir_pipeline *pipeline,
			struct weir_problem *problem)
{
	const struct wr_config_topic *topics = config->values.topics.items;
	for (uint32_t i = 0; i < config->values.topics.count; i++) {
		uint32_t topic, target;
		if (topics[i].unrouted == NULL)
			continue;
		int rc = weir_topic_find(pipeline, topics[i].name, &topic);
		if (rc == 0)
			rc = weir_topic_find(pipeline, topics[i].unrouted, &target);
		if (rc == 0)
			rc = weir_topic_set_unrouted(pipeline, topic, target, NULL, problem);
		if (rc == 0)
			continue;
		prepend_place(config, item_place(config, "topics", i), problem);
		return rc;
	}
	return 0;
}

static int find_topics(const struct wr_config_binding *from, struct weir_pipeline *pipeline,
		       struct weir_binding_options *to)
{
	int rc = weir_topic_find(pipeline, from->source, &to->source);
	if (rc == 0)
		rc = weir_topic_find(pipeline, from->target, &to->target);
	if (rc == 0 && from->dead_letters != NULL)
		rc = weir_topic_find(pipeline, from->dead_letters, &to->dead_letters);
	return rc;
}

/* Likewise. */
static int make_bindings(const struct weir_config *config, struct weir_pipeline *pipeline,
			 struct weir_problem *problem)
{
	const struct wr_config_binding *from = config->values.bindings.items;
	uint32_t count = config->values.bindings.count, index = 0;
	struct weir_binding_options *list = calloc(count + 1u, sizeof *list);
	int rc = list != NULL ? 0 : -ENOMEM;
	for (; rc == 0 && index < count; index += rc == 0 ? 1 : 0) {
		list[index] = config->bindings[index];
		rc = find_topics(&from[index], pipeline, &list[index]);
	}
	if (rc == 0)
		rc = weir_bindings_create(pipeline, list, count, NULL, &index, problem);
	free(list);
	if (rc != 0)
		prepend_place(config, item_place(config, "bindings", index), problem);
	return rc;
}

static int make_subscriptions(const struct weir_config *config, struct weir_pipeline *pipeline,
			      struct weir_problem *problem)
{
	uint32_t count = config->values.subscriptions.count, index = 0;
	uint32_t *ids = calloc(count + 1u, sizeof *ids);
	int rc = ids != NULL ? weir_subscriptions_create(pipeline, config->subscriptions, count,
							 ids, &index, problem)
			     : -ENOMEM;
	free(ids);
	if (rc != 0)
		prepend_place(config, item_place(config, "subscriptions", index), problem);
	return rc;
}

/*
 * A topic that the log has with fewer partitions grows, if it is the same in everything else: that
 * is asked first, since a growth stays.
 */
static int create_topic(struct weir_pipeline *pipeline, const struct weir_topic_options *options,
			struct weir_problem *problem)
{
	struct weir_topic_options as_it_is = *options;
	uint32_t id;
	if (weir_topic_find(pipeline, options->name, &id) != 0 ||
	    weir_topic_partitions(pipeline, id, &as_it_is.partitions, NULL) != 0 ||
	    as_it_is.partitions >= options->partitions)
		return weir_topic_create(pipeline, options, &id, problem);
	int rc = weir_topic_create(pipeline, &as_it_is, &id, problem);
	return rc != 0 ? rc : weir_topic_grow(pipeline, id, options->partitions, problem);
}

static int create(const struct weir_config *config, struct weir_pipeline *pipeline,
		  struct weir_problem *problem)
{
	for (uint32_t i = 0; i < config->values.topics.count; i++) {
		int rc = create_topic(pipeline, &config->topics[i], problem);
		if (rc == 0)
			continue;
		prepend_place(config, item_place(config, "topics", i), problem);
		return rc;
	}
	int rc = make_subscriptions(config, pipeline, problem);
	/* Behind them: they want what they want from here on. */
	if (rc == 0)
		rc = make_bindings(config, pipeline, problem);
	return rc != 0 ? rc : set_unrouted(config, pipeline, problem);
}

/* On this machine. The config's findings are not touched: a copy takes what is found. */
static int place_now(const struct weir_config *config, struct weir_options *options,
		     struct wr_placed *placed, struct weir_problem *problem)
{
	struct wr_config_arena arena = {0};
	struct wr_config_findings *findings = calloc(1, sizeof *findings);
	if (findings == NULL) {
		if (problem != NULL)
			*problem = (struct weir_problem){.code = -ENOMEM, .text = "out of memory"};
		return -ENOMEM;
	}
	findings->arena = &arena;
	findings->source = &config->source;
	int rc = wr_config_place_here(findings, config, options, placed, problem);
	if (rc == -EINVAL)
		wr_config_first_problem(findings, problem);
	wr_config_arena_fini(&arena);
	free(findings);
	return rc;
}

int wr_config_placed(const struct weir_config *config, struct wr_placed *ret_placed,
		     struct weir_problem *problem)
{
	struct weir_options options = config->values.options;
	if (!config->is_placed)
		return place_now(config, &options, ret_placed, problem);
	memcpy(ret_placed, config->placed, sizeof config->placed);
	return 0;
}

int weir_config_open(const struct weir_config *config, const struct weir_options *options,
		     struct weir_pipeline **ret_pipeline, struct weir_problem *reterr_problem)
{
	struct weir_pipeline *pipeline = NULL;
	char path[WR_CONFIG_PATH_BYTES];
	if (config->findings.error_count > 0) {
		wr_config_first_problem(&config->findings, reterr_problem);
		return -EINVAL;
	}
	struct weir_options o = options != NULL ? *options : config->values.options;
	int rc = check_lag(config, reterr_problem);
	if (rc == 0 && !config->is_placed)
		rc = place_now(config, &o, NULL, reterr_problem);
	if (rc != 0)
		return rc;
	rc = weir_open(&o, &pipeline, reterr_problem);
	if (rc != 0) {
		if (reterr_problem == NULL)
			return rc;
		name_keys(reterr_problem);
		if (wr_config_key_of_option(reterr_problem->field, path))
			prepend_place(config,
				      wr_config_place_at(&config->findings, config->root, path),
				      reterr_problem);
		return rc;
	}
	rc = create(config, pipeline, reterr_problem);
	if (rc != 0) {
		(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, CLOSE_TIMEOUT_NS, NULL);
		return rc;
	}
	*ret_pipeline = pipeline;
	return 0;
}
