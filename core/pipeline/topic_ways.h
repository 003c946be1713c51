/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways of events from topic to topic: by bindings, as unrouted, as dead letters. Asked before one
 * is added, under the control lock. What stands in the tables need not be free of circles (hostile
 * bytes): each question ends, in time that grows with subscriptions times topics at most.
 */
#ifndef WR_PIPELINE_TOPIC_WAYS_H
#define WR_PIPELINE_TOPIC_WAYS_H

#include "core/pipeline/pipeline.h"

#define WR_TOPICS_MAX 65535u

/* Topics: one bit each. */
struct wr_topic_set {
	uint64_t words[(WR_TOPICS_MAX + 64) / 64];
};

static inline void wr_topic_set_add(struct wr_topic_set *set, uint32_t topic)
{
	set->words[topic / 64] |= 1ull << (topic % 64);
}

static inline bool wr_topic_set_has(const struct wr_topic_set *set, uint32_t topic)
{
	return (set->words[topic / 64] >> (topic % 64) & 1) != 0;
}

/*
 * Whether events of `from` come to one of the topics, if it is not one of them: by bindings, as
 * what nobody wants, as dead letters of its readers, and so on.
 */
bool wr_ways_lead(struct weir_pipeline *p, uint32_t from, const uint32_t *topics,
		  uint32_t topic_count);

/*
 * Whether with a binding from `source` to `target` some topic's events came to some topic by two
 * ways of bindings; the binding of the subscription `except` is thought away.
 */
bool wr_ways_meet(struct weir_pipeline *p, uint32_t source, uint32_t target, uint32_t except);

#endif
