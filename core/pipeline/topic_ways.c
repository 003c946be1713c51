/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether events would come back to where they were, or come to a topic twice. Asked when a
 * subscription is given dead letters, when a topic is named for what nobody wants, and when topics
 * are bound, so that there never is a circle: an event could go round in it for ever, or would have
 * to be dropped, as RabbitMQ does.
 *
 * Thread: whoever makes a subscription, under the control lock: all of these are set there only.
 */
#include "core/pipeline/topic_ways.h"

#include <string.h>

#include "core/pipeline/sharing.h"
#include "core/pipeline/subscription_filter.h"

static uint32_t subscriptions(struct weir_pipeline *p)
{
	return wr_catalog_subscription_count(&p->tables.catalog);
}

/* Where a subscription's dead letters go; WR_TARGET_NONE: nowhere. */
static uint32_t dead_letters_of(struct weir_pipeline *p, uint32_t id)
{
	struct wr_subscription_live *live = &p->subscriptions[id];
	if (wr_load_acquire(&live->started) == 0) /* X1 */
		return WR_TARGET_NONE;
	return wr_load_relaxed(&live->failures.dead_letters); /* UINT32_MAX: none */
}

/* Where a binding puts what it cannot transform; WR_TARGET_NONE: nowhere. */
static uint32_t untransformed_of(struct weir_pipeline *p, uint32_t id)
{
	struct wr_filter_transform transform;
	return wr_filters_transform(&p->tables.filters, id, &transform) ? transform.dead_letters
									: WR_TARGET_NONE;
}

static bool reads_any(struct weir_pipeline *p, uint32_t id, const struct wr_topic_set *reached)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	for (uint32_t i = 0; i < s->topic_count; i++)
		if (wr_topic_set_has(reached, s->topics[i]))
			return true;
	return false;
}

/* The topic that it adds to what is reached, if one of its own is; WR_TARGET_NONE: none. */
static uint32_t leads_to(struct weir_pipeline *p, uint32_t id, const struct wr_topic_set *reached,
			 bool bindings_only)
{
	if (!reads_any(p, id, reached) ||
	    (bindings_only && !wr_filters_bind(&p->tables.filters, id)))
		return WR_TARGET_NONE;
	uint32_t target = wr_filters_target(&p->tables.filters, id);
	return target != WR_TARGET_NONE || bindings_only ? target : dead_letters_of(p, id);
}

static bool reach(struct wr_topic_set *reached, uint32_t topic)
{
	if (topic >= WR_TOPICS_MAX || wr_topic_set_has(reached, topic))
		return false;
	wr_topic_set_add(reached, topic);
	return true;
}

/* All that is reached from what is. */
static void follow(struct weir_pipeline *p, struct wr_topic_set *reached, bool bindings_only,
		   uint32_t except)
{
	for (bool more = true; more;) {
		more = false;
		for (uint32_t id = 0; id < subscriptions(p); id++) {
			uint32_t to = id != except ? leads_to(p, id, reached, bindings_only)
						   : WR_TARGET_NONE;
			more = reach(reached, to) || more;
			/* An event goes there or to the target: it is no second way. */
			to = !bindings_only && reads_any(p, id, reached) ? untransformed_of(p, id)
									 : WR_TARGET_NONE;
			more = reach(reached, to) || more;
		}
	}
}

/* All from where bindings lead to what is there. */
static void follow_back(struct weir_pipeline *p, struct wr_topic_set *reached, uint32_t except)
{
	const struct wr_filters *f = &p->tables.filters;
	for (bool more = true; more;) {
		more = false;
		for (uint32_t id = 0; id < subscriptions(p); id++) {
			uint32_t source = p->tables.catalog.subscriptions[id].topics[0];
			if (id == except || !wr_filters_bind(f, id))
				continue;
			uint32_t target = wr_filters_target(f, id);
			if (target < WR_TOPICS_MAX && wr_topic_set_has(reached, target))
				more = reach(reached, source) || more;
		}
	}
}

bool wr_ways_lead(struct weir_pipeline *p, uint32_t from, const uint32_t *topics,
		  uint32_t topic_count)
{
	struct wr_topic_set reached;
	memset(&reached, 0, sizeof reached);
	wr_topic_set_add(&reached, from);
	follow(p, &reached, false, UINT32_MAX);
	for (uint32_t i = 0; i < topic_count; i++)
		if (wr_topic_set_has(&reached, topics[i]))
			return true;
	return false;
}

bool wr_ways_meet(struct weir_pipeline *p, uint32_t source, uint32_t target, uint32_t except)
{
	struct wr_topic_set before, behind;
	memset(&before, 0, sizeof before);
	memset(&behind, 0, sizeof behind);
	wr_topic_set_add(&before, source);
	wr_topic_set_add(&behind, target);
	/* From where it would be reached, and what is reached from there without it. */
	follow_back(p, &before, except);
	follow(p, &before, true, except);
	follow(p, &behind, true, except);
	for (size_t i = 0; i < sizeof before.words / sizeof before.words[0]; i++)
		if ((before.words[i] & behind.words[i]) != 0)
			return true;
	return false;
}
