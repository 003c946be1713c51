/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention by topic (core/journal/retire.h), as the pipeline sees it: what a topic may ask for,
 * and how far that is. Nothing of it is in the log: like the log's own retention it is what a
 * process does to its files, and the files say what has left.
 */
#include "core/pipeline/topic_retention.h"

#include <errno.h>
#include <stdio.h>

#define NS_PER_US 1000u

size_t wr_topic_retention_bytes(const struct weir_options *o)
{
	return o->topic_retention && o->dir != NULL ? o->topics_max * sizeof(struct wr_retire_topic)
						    : 0;
}

int wr_topic_retention_make(struct weir_pipeline *p, struct wr_retire_options *ret)
{
	struct wr_memory *memory = p->host.memory;
	size_t bytes = wr_topic_retention_bytes(&p->options);

	*ret = (struct wr_retire_options){.topics = NULL};
	if (bytes == 0)
		return 0;
	p->retention = memory->ops->alloc(memory, bytes, WR_LINE_BYTES);
	if (p->retention == NULL)
		return -ENOMEM;
	*ret = (struct wr_retire_options){
		.topics = p->retention,
		.topic_count = p->options.topics_max,
		.defined = &p->tables.catalog.topic_count,
	};
	return 0;
}

/* A limit that the log is past before the topic can be would keep nothing. */
static int within_the_log(uint64_t topics, uint64_t logs, const char *field, const char *unit,
			  struct weir_problem *problem)
{
	char text[sizeof problem->text];

	if (topics == 0 || logs == 0 || topics <= logs)
		return 0;
	(void)snprintf(text, sizeof text,
		       "the log keeps no more than %llu %s, whatever its topics ask for: give each "
		       "topic a retention, and the log none or a larger one",
		       (unsigned long long)logs, unit);
	return wr_problem_set(problem, -EINVAL, field, text);
}

int wr_topic_retention_check(const struct weir_pipeline *p, uint64_t time_ns, uint64_t bytes,
			     struct weir_problem *problem)
{
	const struct weir_options *o = &p->options;

	if (time_ns == 0 && bytes == 0)
		return 0;
	if (p->retention == NULL)
		return wr_problem_set(
			problem, -EINVAL, time_ns != 0 ? "retention_time_ns" : "retention_bytes",
			"a topic has a retention of its own in a journal, by a pipeline "
			"that was opened with topic_retention");
	int rc = within_the_log(time_ns, o->retention_time_ns, "retention_time_ns", "ns", problem);
	if (rc != 0)
		return rc;
	return within_the_log(bytes, o->retention_bytes, "retention_bytes", "bytes", problem);
}

void wr_topic_retention_put(struct weir_pipeline *p, uint32_t topic, uint64_t time_ns,
			    uint64_t bytes)
{
	if (p->retention == NULL)
		return;
	wr_store_relaxed(&p->retention[topic].time_us,
			 time_ns / NS_PER_US + (time_ns % NS_PER_US != 0));
	wr_store_relaxed(&p->retention[topic].bytes, bytes);
}

int weir_topic_retention_set(struct weir_pipeline *p, uint32_t topic, uint64_t time_ns,
			     uint64_t bytes, struct weir_problem *reterr_problem)
{
	int rc = wr_pipeline_refused_call(p);

	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "topic",
				      "no topic has this id");
	rc = wr_topic_retention_check(p, time_ns, bytes, reterr_problem);
	if (rc == 0)
		wr_topic_retention_put(p, topic, time_ns, bytes);
	return rc;
}

int weir_topic_retention(struct weir_pipeline *p, uint32_t topic, struct weir_topic_retention *ret)
{
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	*ret = (struct weir_topic_retention){0};
	if (p->retention == NULL)
		return 0;
	const struct wr_retire_topic *of = &p->retention[topic];
	uint64_t time_us = wr_load_relaxed(&of->time_us);
	*ret = (struct weir_topic_retention){
		.time_ns = time_us > UINT64_MAX / NS_PER_US ? UINT64_MAX : time_us * NS_PER_US,
		.bytes = wr_load_relaxed(&of->bytes),
		.passed_sequence = wr_load_relaxed(&of->passed_seq),
		.left_sequence = wr_load_relaxed(&of->left_seq),
	};
	return 0;
}
