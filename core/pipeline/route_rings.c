/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/route_rings.h"

struct wr_rings *wr_rings_create(struct wr_memory *memory, uint32_t member_max, uint32_t topics_max)
{
	if (member_max == 0)
		return NULL;
	struct wr_rings *r = memory->ops->alloc(memory, sizeof *r, 64);
	if (r == NULL)
		return NULL;
	r->member_max = member_max;
	r->topics_max = topics_max;
	r->rings = memory->ops->alloc(memory, member_max * sizeof *r->rings, 64);
	r->members = memory->ops->alloc(memory, member_max * sizeof *r->members, 64);
	r->of_topic = memory->ops->alloc(memory, topics_max * sizeof *r->of_topic, 64);
	if (r->rings == NULL || r->members == NULL || r->of_topic == NULL) {
		wr_rings_destroy(memory, r);
		return NULL;
	}
	wr_hash_logs(r->logs);
	return r;
}

void wr_rings_destroy(struct wr_memory *memory, struct wr_rings *r)
{
	if (r == NULL)
		return;
	if (r->of_topic != NULL)
		memory->ops->free(memory, r->of_topic, r->topics_max * sizeof *r->of_topic);
	if (r->members != NULL)
		memory->ops->free(memory, r->members, r->member_max * sizeof *r->members);
	if (r->rings != NULL)
		memory->ops->free(memory, r->rings, r->member_max * sizeof *r->rings);
	memory->ops->free(memory, r, sizeof *r);
}

static struct wr_ring *ring_of(struct wr_rings *r, uint32_t topic, const struct wr_hash_term *term)
{
	uint32_t *link = &r->of_topic[topic];
	for (; *link != 0; link = &r->rings[*link - 1].next) {
		struct wr_ring *ring = &r->rings[*link - 1];
		if (wr_hash_term_same_ring(&ring->term, term) &&
		    wr_hash_term_same_by(&ring->term, term))
			return ring;
	}
	struct wr_ring *ring = &r->rings[r->ring_count++];
	*ring = (struct wr_ring){.term = *term, .topic = topic};
	*link = r->ring_count;
	return ring;
}

void wr_rings_add(struct wr_rings *r, uint32_t topic, const struct wr_hash_term *term,
		  uint32_t subscription, uint32_t program, uint32_t rule)
{
	struct wr_ring *ring = ring_of(r, topic, term);
	r->members[r->member_count++] = (struct wr_ring_member){
		.program = program,
		.rule = rule,
		.weight = term->weight,
		.next = ring->first,
		.hash = wr_hash_of_member(term, subscription),
	};
	ring->first = r->member_count;
}

const struct wr_ring *wr_rings_other(const struct wr_rings *r, uint32_t topic,
				     const struct wr_hash_term *term, const struct wr_ring *before)
{
	uint32_t first = before != NULL ? before->next : r->of_topic[topic];
	for (uint32_t i = first; i != 0; i = r->rings[i - 1].next) {
		const struct wr_ring *ring = &r->rings[i - 1];
		if (wr_hash_term_same_ring(&ring->term, term) &&
		    !wr_hash_term_same_by(&ring->term, term))
			return ring;
	}
	return NULL;
}

/* ---- an event ---- */

static bool is_header(const struct wr_option *option, const struct wr_hash_term *term)
{
	return option->tag == WR_OPTION_HEADER &&
	       option->value_bytes >= 2 + (uint32_t)term->header_bytes &&
	       wr_get_u16(option->value) == term->header_bytes &&
	       memcmp(option->value + 2, term->header, term->header_bytes) == 0;
}

/* What is not there is hashed as if it were empty: it all goes to one member. */
static uint64_t hash_of(const struct wr_hash_term *term, const struct wr_record_view *view)
{
	struct wr_option option;
	switch (term->by) {
	case WR_HASH_KEY:
		return wr_hash_of_event(view->key, view->head->key_bytes);
	case WR_HASH_HEADER:
		for (uint32_t at = 0; (at = wr_option_next(view, at, &option)) != 0;)
			if (is_header(&option, term))
				return wr_hash_of_event(option.value + 2 + term->header_bytes,
							option.value_bytes - 2u -
								term->header_bytes);
		return wr_hash_of_event(NULL, 0);
	default:
		if (!wr_option_find(view,
				    term->by == WR_HASH_EVENT_ID ? WR_OPTION_EVENT_ID
								 : WR_OPTION_CORRELATION,
				    &option))
			return wr_hash_of_event(NULL, 0);
		return wr_hash_of_event(option.value, option.value_bytes);
	}
}

/* Two of one place, if that should come: the one of the lower subscription. */
static bool is_nearer(const struct wr_rules *rules, const struct wr_ring_member *a,
		      uint64_t distance_a, const struct wr_ring_member *b, uint64_t distance_b)
{
	uint64_t left = distance_a * b->weight, right = distance_b * a->weight;
	return left != right ? left < right
			     : rules->programs[a->program].subscription <
				       rules->programs[b->program].subscription;
}

void wr_rings_run(const struct wr_rules *rules, const struct wr_record_view *view, uint64_t seq,
		  void (*own)(void *context, const struct wr_ring_member *member), void *context)
{
	const struct wr_rings *r = rules->rings;
	for (uint32_t i = r->of_topic[view->head->topic]; i != 0; i = r->rings[i - 1].next) {
		const struct wr_ring *ring = &r->rings[i - 1];
		const struct wr_ring_member *owner = NULL;
		uint64_t nearest = 0, event = hash_of(&ring->term, view);
		for (uint32_t m = ring->first; m != 0; m = r->members[m - 1].next) {
			const struct wr_ring_member *member = &r->members[m - 1];
			if (!wr_program_counts_at(&rules->programs[member->program], seq))
				continue;
			uint64_t distance = wr_hash_distance(r->logs, event, member->hash);
			if (owner != NULL && !is_nearer(rules, member, distance, owner, nearest))
				continue;
			owner = member;
			nearest = distance;
		}
		if (owner != NULL)
			own(context, owner);
	}
}
