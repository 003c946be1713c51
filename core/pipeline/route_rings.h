/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: of each topic and each ring's name the subscriptions whose filters have a hash term of it.
 * Who is a member at a sequence is said by the filters that are in force there: so by records of
 * the log before it, and whoever looks at an event, however late, finds the same owner of it.
 * Why: docs/design/rings-of-subscriptions.md.
 *
 * Made with the rules (route_rules.h), and theirs.
 */
#ifndef WR_PIPELINE_ROUTE_RINGS_H
#define WR_PIPELINE_ROUTE_RINGS_H

#include "core/pipeline/route_rules.h"
#include "core/route/hash_term.h"

struct wr_ring_member {
	uint32_t program;
	uint32_t rule; /* of its hash term */
	uint32_t weight;
	uint32_t next; /* of the ring, from 1; 0: the last */
	uint64_t hash;
};

struct wr_ring {
	struct wr_hash_term term; /* of its first member: name, and what is hashed */
	uint32_t topic;
	uint32_t first; /* member, from 1 */
	uint32_t next;  /* ring of the topic, from 1; 0: the last */
};

struct wr_rings {
	uint64_t logs[WR_LOG_STEPS + 1];
	struct wr_ring *rings; /* [member_max] */
	struct wr_ring_member *members;
	uint32_t *of_topic; /* [topics_max] the first ring, from 1; 0: none */
	uint32_t ring_count, member_count;
	uint32_t member_max;
	uint32_t topics_max;
};

/* Room for so many members; NULL with 0 of them, or no memory. */
struct wr_rings *wr_rings_create(struct wr_memory *memory, uint32_t member_max,
				 uint32_t topics_max);
void wr_rings_destroy(struct wr_memory *memory, struct wr_rings *rings);

/* A member of the ring of that topic. */
void wr_rings_add(struct wr_rings *rings, uint32_t topic, const struct wr_hash_term *term,
		  uint32_t subscription, uint32_t program, uint32_t rule);
/*
 * Rings of that name on a topic that are hashed by something else, one after the other: `before`
 * NULL is the first one. NULL: there are no more. Filters that are kept may have left several.
 */
const struct wr_ring *wr_rings_other(const struct wr_rings *rings, uint32_t topic,
				     const struct wr_hash_term *term, const struct wr_ring *before);

/* Calls `own` for the member that owns an event, of each ring of its topic. */
void wr_rings_run(const struct wr_rules *rules, const struct wr_record_view *view, uint64_t seq,
		  void (*own)(void *context, const struct wr_ring_member *member), void *context);

#endif
