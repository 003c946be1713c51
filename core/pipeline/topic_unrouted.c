/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where events go that nobody wants of a topic: a subscription of weir's own over it, by the name
 * "unrouted." and the topic's, whose filter says so. Thread: the caller's, under the control lock.
 */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/copier.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/subscription_filter.h"
#include "core/pipeline/topic_ways.h"

#define PREFIX "unrouted."

/* The subscription over a topic; UINT32_MAX: there is none. */
static uint32_t find(struct weir_pipeline *p, uint32_t topic)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	for (uint32_t id = 0; id < count; id++)
		if (wr_filters_copy(&p->tables.filters, id) &&
		    p->tables.catalog.subscriptions[id].topics[0] == topic)
			return id;
	return UINT32_MAX;
}

static int check(struct weir_pipeline *p, uint32_t topic, uint32_t target,
		 struct weir_problem *problem)
{
	uint32_t count = wr_catalog_topic_count(&p->tables.catalog);
	if (topic >= count)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "topic",
				      "there is no topic of this id");
	if (target != WEIR_UNROUTED_NONE && target >= count)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "target",
				      "there is no topic of this id");
	if (p->options.run_records_max < 2)
		return wr_problem_set(problem, -EINVAL, "run_records_max",
				      "a copy and its progress are two records");
	if (p->tables.catalog.topics[topic].name_bytes + strlen(PREFIX) > WR_NAME_BYTES_MAX)
		return wr_problem_set(problem, -EINVAL, "topic",
				      "its name is too long for a subscription's, which is "
				      "'unrouted.' and that");
	if (target == topic)
		return wr_problem_set(problem, -EINVAL, "target",
				      "the topic itself: it would never be wanted there, either");
	if (target != WEIR_UNROUTED_NONE && wr_ways_lead(p, target, &topic, 1))
		return wr_problem_set(problem, -EINVAL, "target",
				      "what nobody wants would come back: by unrouted events or "
				      "dead letters of that topic's");
	return 0;
}

static int set(struct weir_pipeline *p, uint32_t topic, uint32_t target, uint32_t *ret_subscription,
	       struct weir_problem *problem)
{
	const struct wr_filter_view view = {.join = WR_FILTER_JOIN_NOBODY, .target = target};
	char name[sizeof PREFIX + WR_NAME_BYTES_MAX];
	struct weir_subscription_options o;
	struct wr_filter_call call;
	int rc = check(p, topic, target, problem);
	if (rc != 0)
		return rc;
	*ret_subscription = find(p, topic);
	if (target == WEIR_UNROUTED_NONE && *ret_subscription == UINT32_MAX)
		return 0;
	const char *topic_name = p->tables.catalog.topics[topic].name;
	(void)snprintf(name, sizeof name, PREFIX "%s", topic_name);
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic_name;
	o.topic_count = 1;
	o.start = WEIR_START_NEWEST;
	rc = wr_filter_call_of(p, &view, &call, problem);
	if (rc == 0)
		rc = wr_subscription_make(p, &o, &call, true, ret_subscription, problem);
	wr_filter_call_end(p, &call);
	return rc;
}

int weir_topic_set_unrouted(struct weir_pipeline *p, uint32_t topic, uint32_t target,
			    uint32_t *ret_subscription, struct weir_problem *reterr_problem)
{
	uint32_t subscription;
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	wr_control_lock(p);
	rc = set(p, topic, target, &subscription, reterr_problem);
	wr_control_unlock(p);
	if (rc == 0 && ret_subscription != NULL)
		*ret_subscription = subscription;
	return rc;
}

int weir_topic_unrouted(struct weir_pipeline *p, uint32_t topic, uint32_t *ret_target,
			uint32_t *ret_subscription)
{
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return rc;
	wr_control_lock(p);
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		rc = WEIR_E_UNKNOWN_NAME;
	if (rc == 0) {
		uint32_t id = find(p, topic);
		*ret_target = id != UINT32_MAX ? wr_filters_target(&p->tables.filters, id)
					       : WR_TARGET_NONE;
		if (ret_subscription != NULL)
			*ret_subscription = id;
	}
	wr_control_unlock(p);
	return rc;
}
