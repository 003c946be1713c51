/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether dead letters would come back to whom they died with: the topic's own readers may have
 * dead letters, and so on. Asked when a subscription is given some, so that there never is a cycle:
 * an event could go round in it for ever, or would have to be dropped, as RabbitMQ does. The same
 * for what nobody wants of a topic, which goes to another one (copier.h): an edge, too.
 *
 * Thread: whoever makes a subscription, under the control lock: dead letters are set there only.
 */
#include "core/pipeline/sharing.h"
#include "core/pipeline/subscription_filter.h"

#define DEPTH_MAX 64u

static bool reads(const uint32_t *topics, uint32_t topic_count, uint32_t topic)
{
	for (uint32_t i = 0; i < topic_count; i++)
		if (topics[i] == topic)
			return true;
	return false;
}

static bool comes_back(struct weir_pipeline *p, const uint32_t *topics, uint32_t topic_count,
		       uint32_t topic, uint32_t depth)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	if (reads(topics, topic_count, topic) || depth == DEPTH_MAX)
		return true;
	for (uint32_t id = 0; id < count; id++) {
		const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
		struct wr_subscription_live *live = &p->subscriptions[id];
		if (wr_load_acquire(&live->started) == 0 || live->sharing == NULL || /* X1 */
		    !reads(s->topics, s->topic_count, topic))
			continue;
		uint32_t next = wr_load_relaxed(&live->sharing->dead_letters);
		if (next != UINT32_MAX && comes_back(p, topics, topic_count, next, depth + 1))
			return true;
	}
	uint32_t next = wr_unrouted_target(p, topic);
	return next != WR_TARGET_NONE && comes_back(p, topics, topic_count, next, depth + 1);
}

bool wr_dead_letters_come_back(struct weir_pipeline *p, const uint32_t *topics,
			       uint32_t topic_count, uint32_t dead_letters)
{
	return comes_back(p, topics, topic_count, dead_letters, 0);
}
