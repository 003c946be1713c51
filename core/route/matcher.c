/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matchers and matches: made, run, given back. Rules over keys and headers: keys.c.
 */
#include "core/route/matcher.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"

#define HITS_MAX (1u << 14)
#define SETS_MAX (1u << 14)
#define PAYLOAD_BYTES_DEFAULT (256u << 10)

/* ---- matchers ---- */

static int add_filter(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule)
{
	if (filter == NULL)
		return 0;
	switch (filter->kind) {
	case WEIR_FILTER_EVENTBRIDGE:
	case WEIR_FILTER_EVENTBRIDGE_HEADERS:
	case WEIR_FILTER_SNS_ATTRIBUTES:
	case WEIR_FILTER_SNS_BODY:
		return wr_matcher_add_json(m, filter, rule);
	default:
		return wr_matcher_add_key(m, filter, rule);
	}
}

int wr_matcher_create(const struct weir_filter *const *filters, size_t filter_count,
		      const struct weir_allocator *allocator, struct weir_matcher **ret_matcher,
		      struct weir_problem *problem)
{
	struct weir_matcher *m =
		allocator->alloc(allocator->context, sizeof *m, _Alignof(max_align_t));
	int rc = m != NULL ? 0 : -ENOMEM;
	if (rc == 0 && filter_count > WEIR_MATCHER_RULES_MAX)
		rc = wr_route_refuse(problem, WEIR_E_TOO_BIG, "filter_count", 12,
				     "a matcher has at most %u rules", WEIR_MATCHER_RULES_MAX);
	if (m == NULL)
		return wr_route_refuse(problem, rc, "", 0, "there is no memory");
	*m = (struct weir_matcher){.rule_count = (uint32_t)filter_count, .scan = wr_scan_best()};
	struct wr_arena building;
	wr_arena_init(&m->arena, allocator);
	wr_arena_init(&building, allocator);
	wr_table_init(&m->table, &building);
	wr_table_init(&m->hung, &building);
	m->node_room = m->node_count = WR_NODE_ROOTS;
	m->nodes = wr_arena_take(&m->arena, WR_NODE_ROOTS, sizeof *m->nodes);
	m->word_room = m->word_count = 1;
	m->words = wr_arena_take(&m->arena, 1, sizeof *m->words);
	if (rc == 0 && m->arena.failed)
		rc = -ENOMEM;
	for (size_t i = 0; i < filter_count && rc == 0; i++)
		rc = add_filter(m, filters[i], (uint32_t)i);
	if (rc == 0)
		rc = wr_matcher_finish(m);
	wr_arena_fini(&building);
	m->hung = (struct wr_table){0}; /* it lay there */
	if (rc == 0) {
		*ret_matcher = m;
		return 0;
	}
	weir_matcher_destroy(m);
	return rc == -ENOMEM ? wr_route_refuse(problem, rc, "", 0, "there is no memory") : rc;
}

void weir_matcher_destroy(struct weir_matcher *matcher)
{
	if (matcher == NULL)
		return;
	struct weir_allocator allocator = matcher->arena.allocator;
	wr_arena_fini(&matcher->arena);
	allocator.free(allocator.context, matcher, sizeof *matcher);
}

size_t weir_matcher_bytes(const struct weir_matcher *matcher)
{
	return sizeof *matcher + matcher->arena.taken_bytes;
}

/* ---- matches ---- */

/* Parts of one block: first with NULL to add up, then to hand out. */
static size_t lay_out(struct weir_match *m, uint8_t *memory)
{
	const struct wr_match_rooms *r = &m->rooms;
	size_t half = wr_match_value_max(m), at = 0;
	size_t blocks = wr_scan_block_count(m->payload_bytes_max);
	struct {
		void **to;
		size_t bytes;
	} parts[] = {
		{(void **)&m->branch_stamps, r->branches * sizeof(uint32_t)},
		{(void **)&m->list_stamps, r->members * sizeof(uint32_t)},
		{(void **)&m->open, r->members * sizeof(uint32_t)},
		{(void **)&m->rule_stamps, r->rules * sizeof(uint32_t)},
		{(void **)&m->paths, r->paths * sizeof(struct wr_path_state)},
		{(void **)&m->leaf_stamps, r->leaves * sizeof(uint32_t)},
		{(void **)&m->leaf_holds, r->leaves},
		{(void **)&m->word_stamps, r->words * sizeof(uint64_t)},
		{(void **)&m->word_lists[0], r->words * sizeof(uint32_t)},
		{(void **)&m->word_lists[1], r->words * sizeof(uint32_t)},
		{(void **)&m->header_stamps, r->headers * sizeof(uint32_t)},
		{(void **)&m->blocks, blocks * sizeof(struct wr_scan_block)},
		{(void **)&m->values, half * sizeof(struct wr_match_value)},
		{(void **)&m->contexts, half * sizeof(struct wr_context)},
		{(void **)&m->texts, 2 * m->payload_bytes_max + 1},
		{(void **)&m->hits, HITS_MAX * sizeof(struct wr_hit)},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(parts); i++) {
		size_t part = wr_add_part(&at, parts[i].bytes + 1);
		if (memory != NULL)
			memcpy(parts[i].to, &(void *){memory + part}, sizeof(void *));
	}
	size_t part = wr_add_part(&at, wr_join_bytes((uint32_t)half, SETS_MAX));
	if (memory != NULL)
		wr_join_place(&m->join, memory + part, (uint32_t)half, SETS_MAX);
	return at;
}

void wr_match_rooms_for(struct wr_match_rooms *rooms, const struct weir_matcher *matcher)
{
	rooms->branches = wr_max_u64(rooms->branches, matcher->branch_count);
	rooms->members = wr_max_u64(rooms->members, matcher->member_count);
	rooms->rules = wr_max_u64(rooms->rules, matcher->rule_count);
	rooms->paths = wr_max_u64(rooms->paths, matcher->path_count);
	rooms->leaves = wr_max_u64(rooms->leaves, matcher->leaf_count);
	rooms->words = wr_max_u64(rooms->words, matcher->word_count);
	rooms->headers = wr_max_u64(rooms->headers, matcher->header_count);
}

bool wr_match_has_rooms(const struct weir_match *match, const struct wr_match_rooms *rooms,
			size_t payload_bytes_max)
{
	const struct wr_match_rooms *has = &match->rooms;
	return match->payload_bytes_max >= payload_bytes_max && has->branches >= rooms->branches &&
	       has->members >= rooms->members && has->rules >= rooms->rules &&
	       has->paths >= rooms->paths && has->leaves >= rooms->leaves &&
	       has->words >= rooms->words && has->headers >= rooms->headers;
}

int wr_match_create_rooms(const struct wr_match_rooms *rooms, size_t payload_bytes_max,
			  const struct weir_allocator *allocator, struct weir_match **ret_match,
			  struct weir_problem *problem)
{
	if (payload_bytes_max == 0)
		payload_bytes_max = PAYLOAD_BYTES_DEFAULT;
	if (payload_bytes_max > WEIR_MATCH_PAYLOAD_BYTES_MAX)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, "payload_bytes_max", 17,
				       "payloads have at most %u bytes",
				       WEIR_MATCH_PAYLOAD_BYTES_MAX);
	struct weir_match *m =
		allocator->alloc(allocator->context, sizeof *m, _Alignof(max_align_t));
	if (m == NULL)
		return wr_route_refuse(problem, -ENOMEM, "", 0, "there is no memory");
	*m = (struct weir_match){
		.rooms = *rooms, .allocator = *allocator, .payload_bytes_max = payload_bytes_max};
	m->memory_bytes = lay_out(m, NULL);
	m->memory = allocator->alloc(allocator->context, m->memory_bytes, WR_LINE_BYTES);
	if (m->memory == NULL) {
		weir_match_destroy(m);
		return wr_route_refuse(problem, -ENOMEM, "", 0, "there is no memory");
	}
	(void)lay_out(m, m->memory);
	*ret_match = m;
	return 0;
}

int wr_match_create(const struct weir_matcher *matcher, size_t payload_bytes_max,
		    const struct weir_allocator *allocator, struct weir_match **ret_match,
		    struct weir_problem *problem)
{
	struct wr_match_rooms rooms = {0};
	wr_match_rooms_for(&rooms, matcher);
	int rc = wr_match_create_rooms(&rooms, payload_bytes_max, allocator, ret_match, problem);
	if (rc == 0)
		(*ret_match)->matcher = matcher;
	return rc;
}

void weir_match_destroy(struct weir_match *match)
{
	if (match == NULL)
		return;
	struct weir_allocator allocator = match->allocator;
	if (match->memory != NULL)
		allocator.free(allocator.context, match->memory, match->memory_bytes);
	allocator.free(allocator.context, match, sizeof *match);
}

/* ---- one event ---- */

static void next_event(struct weir_match *m)
{
	const struct wr_match_rooms *r = &m->rooms;
	m->open_count = m->value_count = m->opened_count = m->array_count = 0;
	m->context_count = 1;
	m->texts_bytes = 0;
	m->rule_count = 0;
	m->failed = false;
	if (++m->event != 0)
		return;
	/* Four thousand million events on: stamps of old must not look like new ones. */
	memset(m->branch_stamps, 0, r->branches * sizeof(uint32_t));
	memset(m->rule_stamps, 0, r->rules * sizeof(uint32_t));
	memset(m->list_stamps, 0, r->members * sizeof(uint32_t));
	memset(m->paths, 0, r->paths * sizeof(struct wr_path_state));
	memset(m->leaf_stamps, 0, r->leaves * sizeof(uint32_t));
	memset(m->header_stamps, 0, r->headers * sizeof(uint32_t));
	m->event = 1;
}

static bool value_holds(const struct wr_rule_leaf *leaf, const struct wr_value *value)
{
	for (uint32_t i = 0; i < leaf->condition_count; i++)
		if (wr_condition_holds(&leaf->conditions[i], value))
			return true;
	return false;
}

/* + 1; 0: there is none. */
static uint32_t first_value(const struct weir_match *m, uint32_t path)
{
	return m->paths[path].event == m->event ? m->paths[path].first : 0;
}

/* Is there no value of the path, or may those that there are lie in elements nobody chooses? */
static bool may_be_absent(const struct weir_match *m, uint32_t path)
{
	for (uint32_t v = first_value(m, path); v != 0; v = m->values[v - 1].next)
		if (m->values[v - 1].context == 0)
			return false;
	return true;
}

static enum wr_leaf_holds leaf_holds(struct weir_match *m, uint32_t number)
{
	const struct wr_rule_leaf *leaf = &m->matcher->leaves[number];
	if (m->leaf_stamps[number] == m->event)
		return m->leaf_holds[number];
	enum wr_leaf_holds holds = WR_LEAF_NOT;
	uint32_t first = first_value(m, leaf->path);
	for (uint32_t v = first; v != 0 && holds == 0; v = m->values[v - 1].next)
		if (value_holds(leaf, &m->values[v - 1].value))
			holds = WR_LEAF_HOLDS;
	if (holds == WR_LEAF_NOT && leaf->wants_absent && may_be_absent(m, leaf->path))
		holds = first != 0 ? WR_LEAF_CONTESTED : WR_LEAF_HOLDS;
	m->leaf_stamps[number] = m->event;
	m->leaf_holds[number] = (uint8_t)holds;
	return holds;
}

static const struct wr_rule_leaf *leaf_of(const struct weir_match *m, const struct wr_branch *b,
					  uint16_t i)
{
	return &m->matcher->leaves[m->matcher->branch_leaves[b->first_leaf + i]];
}

/* Has the branch a field that may be absent although it has values? */
static bool has_absences(const struct weir_match *m, const struct wr_branch *b)
{
	for (uint16_t i = 0; i < b->leaf_count; i++) {
		const struct wr_rule_leaf *leaf = leaf_of(m, b, i);
		if (leaf->wants_absent && first_value(m, leaf->path) != 0 &&
		    may_be_absent(m, leaf->path))
			return true;
	}
	return false;
}

/*
 * The hits of one leaf, behind the `count` that there are; of one that needs no element only that,
 * unless there are absences: then who chooses what matters. How many there are now, or negative.
 */
static int add_hits(struct weir_match *m, const struct wr_branch *b, uint16_t i, bool absences,
		    uint32_t count)
{
	const struct wr_rule_leaf *leaf = leaf_of(m, b, i);
	uint32_t before = count;
	uint32_t first = first_value(m, leaf->path);
	bool is_contested = first != 0 && leaf->wants_absent && may_be_absent(m, leaf->path);
	bool is_free = first == 0;
	for (uint32_t v = first; v != 0 && (absences || !is_free); v = m->values[v - 1].next) {
		const struct wr_match_value *value = &m->values[v - 1];
		bool is_hit = value_holds(leaf, &value->value);
		if (count + 2 > HITS_MAX)
			return WEIR_E_TOO_BIG;
		is_free = is_free || (is_hit && value->context == 0);
		if (is_hit)
			m->hits[count++] = (struct wr_hit){i, value->context};
		/* Values of one element are in the way once. */
		if (is_contested &&
		    (count == before || m->hits[count - 1].context != value->context || is_hit))
			m->hits[count++] = (struct wr_hit){i | WR_HIT_IN_THE_WAY, value->context};
	}
	if (!is_free || (absences && first != 0))
		return (int)count;
	if (before == HITS_MAX)
		return WEIR_E_TOO_BIG;
	m->hits[before] = (struct wr_hit){i, 0};
	return (int)before + 1;
}

/* All leaves hold, somewhere: together, too? */
static int belongs_together(struct weir_match *m, const struct wr_branch *b)
{
	bool absences = has_absences(m, b);
	int count = 0;
	for (uint16_t i = 0; i < b->leaf_count && count >= 0; i++)
		count = add_hits(m, b, i, absences, (uint32_t)count);
	if (count < 0)
		return count;
	return wr_join_run(&m->join, m->contexts, m->hits, (size_t)count, b->leaf_count);
}

static int decide(struct weir_match *m, const struct wr_branch *b)
{
	bool contested = false;
	for (uint16_t i = 0; i < b->leaf_count; i++) {
		enum wr_leaf_holds holds =
			i == b->known ? WR_LEAF_HOLDS
				      : leaf_holds(m, m->matcher->branch_leaves[b->first_leaf + i]);
		if (holds == WR_LEAF_NOT)
			return 0;
		contested = contested || holds == WR_LEAF_CONTESTED;
	}
	if (contested && b->leaf_count == 1)
		return 0;
	if (m->context_count > 1 && b->leaf_count > 1)
		return belongs_together(m, b);
	return 1;
}

/* ---- the run ---- */

static void open_absent(struct weir_match *m)
{
	const struct weir_matcher *r = m->matcher;
	for (uint32_t l = r->absent_paths; l != 0; l = r->table.links[l - 1].next) {
		uint32_t path = r->table.links[l - 1].number;
		if (may_be_absent(m, path))
			wr_match_open_list(m, r->paths[path].absent);
	}
}

static bool holds_by_its_door(const struct wr_member *member)
{
	return member->guard_bits == 0 && member->rule != 0;
}

static bool may_hold(const struct weir_match *m, const struct wr_member *member)
{
	if (member->guard_bits == 0)
		return true;
	const struct wr_path_state *guard = &m->paths[member->guard_path];
	return guard->event == m->event && (guard->seen & member->guard_bits) != 0;
}

/* What the first alternative behind each door needs is sent for, of all of them at a time. */
static void fetch(const struct weir_match *m)
{
	for (uint32_t i = 0; i < m->open_count; i++) {
		const struct wr_member *member = &m->matcher->members[m->open[i]];
		uint32_t number = member->branch & ~WR_MEMBER_LAST;
		if (holds_by_its_door(member)) {
			__builtin_prefetch(&m->rule_stamps[member->rule - 1]);
		} else if (may_hold(m, member)) {
			__builtin_prefetch(&m->branch_stamps[number]);
			__builtin_prefetch(&m->matcher->branches[number]);
		}
	}
}

/* All that is behind a door. */
static int decide_list(struct weir_match *m, const struct wr_member *member, bool has_payload)
{
	for (;; member++) {
		uint32_t number = member->branch & ~WR_MEMBER_LAST;
		if (holds_by_its_door(member) && has_payload) {
			wr_match_take_rule(m, member->rule - 1, false);
		} else if (may_hold(m, member) && m->branch_stamps[number] != m->event) {
			const struct wr_branch *b = &m->matcher->branches[number];
			m->branch_stamps[number] = m->event;
			int rc = !b->of_payload || has_payload ? decide(m, b) : 0;
			if (rc < 0 && !m->tells_each)
				return rc;
			if (rc != 0)
				wr_match_take_rule(m, b->rule, rc < 0);
		}
		if (number != member->branch)
			return 0;
	}
}

/* It is no JSON object, but doors were opened until that was seen: none of that counts. */
static void forget_payload(struct weir_match *m, size_t rule_count)
{
	m->rule_count = rule_count;
	m->opened_count = m->value_count;
	m->open_count = 0;
}

int weir_match_run(struct weir_match *match, const struct weir_routed *event, uint32_t *ret_rules,
		   size_t rules_max)
{
	const struct weir_matcher *r = match->matcher;
	bool has_payload = false;
	if (event->payload_bytes > match->payload_bytes_max)
		return WEIR_E_TOO_BIG;
	next_event(match);
	match->rules = ret_rules;
	match->rules_max = rules_max;
	wr_match_keys(match, event);
	if (r->branch_count == 0)
		return (int)match->rule_count;
	size_t rule_count = match->rule_count;
	if (event->payload_bytes > 0)
		has_payload = wr_match_read_payload(match, event->payload, event->payload_bytes);
	if (!has_payload)
		forget_payload(match, rule_count);
	if (r->nodes[WR_NODE_ATTRIBUTES].has_children)
		wr_match_read_attributes(match, event);
	wr_match_open_doors(match);
	open_absent(match);
	wr_match_open_list(match, r->always);
	if (match->failed)
		return WEIR_E_TOO_BIG;
	fetch(match);
	for (uint32_t i = 0; i < match->open_count; i++) {
		int rc = decide_list(match, &r->members[match->open[i]], has_payload);
		if (rc < 0)
			return rc;
	}
	return (int)match->rule_count;
}

int wr_match_run_each(struct weir_match *match, const struct weir_matcher *matcher,
		      const struct weir_routed *event, uint32_t *ret_rules, size_t rules_max)
{
	match->matcher = matcher;
	match->tells_each = true;
	return weir_match_run(match, event, ret_rules, rules_max);
}
