/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules while they are made: route_rules_make.c has all of them, route_rules_topic.c what is
 * compiled of one topic. Under the control lock, or at open.
 */
#ifndef WR_PIPELINE_RULES_BUILDER_H
#define WR_PIPELINE_RULES_BUILDER_H

#include "core/pipeline/route_rules.h"

/* What goes into the rules, in the order of its programs. */
struct wr_rule_source {
	uint32_t subscription;
	uint64_t number;
	const uint8_t *bytes;
	uint32_t length_bytes;
	const uint32_t *topics;
	uint32_t topic_count;
};

struct wr_rules_builder {
	struct weir_pipeline *pipeline;
	struct wr_rules *rules;
	struct wr_rules *before;
	struct wr_rule_source *sources; /* [program_count] */
	struct weir_filter **filters;   /* [rule_count] compiled so far */
	struct weir_filter **of_topic;  /* [rule_count] those of the topic in hand */
	uint32_t rule_count;            /* so far, as the one below */
	uint32_t program_count;
	uint32_t made_for; /* the last subscription, + 1, that got a struct wr_member_transform */
	struct weir_problem *problem;
};

static inline void *wr_rules_array(struct wr_rules *rules, size_t count, size_t each)
{
	return rules->memory->ops->alloc(rules->memory, (count + 1) * each, 64);
}

static inline void wr_rules_array_free(struct wr_rules *rules, void *array, size_t count,
				       size_t each)
{
	if (array != NULL)
		rules->memory->ops->free(rules->memory, array, (count + 1) * each);
}

int wr_rules_no_memory(struct weir_problem *problem);

/* Which filter it is, in front of what is wrong with it; the end is cut off where that is long. */
void wr_rules_name_term(struct wr_rules_builder *b, const struct wr_rule_source *source,
			uint32_t term);

/* The topic's matcher: of the rules before, if it was made of the same; else a new one. */
int wr_rules_make_topic(struct wr_rules_builder *b, uint32_t number);
/* The rules use it no longer; NULL is fine. */
void wr_rules_topic_free(struct wr_rules *rules, struct wr_topic_matcher *matcher);

#endif
