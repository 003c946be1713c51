/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's half for patterns over fields: leaves are gathered, each once; then each
 * alternative gets its door. Which leaf is rarest is guessed: by how many alternatives of all rules
 * ask for the very same value, and ranges by a constant.
 */
#include <errno.h>
#include <math.h>

#include "core/base/bits.h"
#include "core/route/case_fold.h"
#include "core/route/matcher.h"

#define COST_RANGE 2u
#define COST_ANY (1u << 20)

/* What a condition is looked up as. */
struct door {
	enum wr_door kind;
	const uint8_t *bytes;
	size_t count;
	bool proves; /* whose door is open holds */
	uint8_t own[24];
};

/* ---- doors of conditions ---- */

static bool is_ascii(const struct wr_condition *c)
{
	for (size_t i = 0; i < c->text_bytes; i++)
		if ((uint8_t)c->text[i] >= 0x80)
			return false;
	return true;
}

/* Lower case of the text: in the arena. Without memory it is NULL. */
static void folded(struct wr_arena *arena, const struct wr_condition *c, enum wr_door kind,
		   struct door *d)
{
	char *lower = wr_arena_copy(arena, c->text, c->text_bytes);
	for (size_t i = 0; lower != NULL && i < c->text_bytes; i++)
		lower[i] = (char)wr_case_lower_ascii((uint8_t)lower[i]);
	*d = (struct door){.kind = kind,
			   .bytes = (const uint8_t *)lower,
			   .count = c->text_bytes,
			   .proves = true};
}

/* By what stands before the first star, or behind the last one. */
static void of_wildcard(struct wr_arena *arena, const struct wr_condition *c, struct door *d)
{
	const struct wr_wildcard *w = &c->wildcard;
	size_t count = w->head_count > 0 || !w->has_star ? w->head_count : w->tail_count;
	size_t from = w->head_count > 0 || !w->has_star ? 0 : w->count - w->tail_count;
	uint8_t *literal = wr_arena_take(arena, count, 1);
	d->kind = !w->has_star        ? WR_DOOR_TEXT
		  : w->head_count > 0 ? WR_DOOR_PREFIX
		  : count > 0         ? WR_DOOR_SUFFIX
				      : WR_DOOR_ANY;
	for (size_t i = 0; literal != NULL && i < count; i++)
		literal[i] = (uint8_t)w->tokens[from + i];
	d->bytes = literal;
	d->count = count;
	d->proves = !w->has_star;
}

static void of_number(const struct wr_condition *c, struct door *d)
{
	double number = c->low + 0.0;
	d->kind = isfinite(number) ? WR_DOOR_NUMBER : WR_DOOR_ANY;
	d->proves = isfinite(number);
	memcpy(d->own, &number, sizeof number);
	d->bytes = d->own;
	d->count = sizeof number;
}

static void of_address(const struct wr_condition *c, struct door *d)
{
	bool is_block = c->kind == WR_CONDITION_BLOCK;
	d->kind = is_block ? WR_DOOR_BLOCK : WR_DOOR_ADDRESS;
	d->proves = true;
	d->own[0] = c->block.mask_bits;
	memcpy(d->own + is_block, c->block.first.bytes, c->block.first.length_bytes);
	d->bytes = d->own;
	d->count = (size_t)c->block.first.length_bytes + is_block;
}

static void door_of(struct wr_arena *arena, const struct wr_condition *c, struct door *d)
{
	*d = (struct door){
		.bytes = (const uint8_t *)c->text, .count = c->text_bytes, .proves = true};
	switch (c->kind) {
	case WR_CONDITION_TEXT:
		d->kind = WR_DOOR_TEXT;
		return;
	case WR_CONDITION_PREFIX:
		d->kind = WR_DOOR_PREFIX;
		return;
	case WR_CONDITION_SUFFIX:
		d->kind = WR_DOOR_SUFFIX;
		return;
	case WR_CONDITION_NUMBER:
		of_number(c, d);
		return;
	case WR_CONDITION_LITERAL:
		d->kind = WR_DOOR_LITERAL;
		d->own[0] = (uint8_t)c->literal;
		d->bytes = d->own;
		d->count = 1;
		return;
	case WR_CONDITION_ADDRESS:
	case WR_CONDITION_BLOCK:
		of_address(c, d);
		return;
	case WR_CONDITION_WILDCARD:
		of_wildcard(arena, c, d);
		return;
	case WR_CONDITION_RANGE:
		d->kind = WR_DOOR_RANGE;
		return;
	case WR_CONDITION_ABSENT:
		d->kind = WR_DOOR_ABSENT;
		d->proves = false; /* values in elements open it, too */
		return;
	case WR_CONDITION_EQUALS_CASE:
	case WR_CONDITION_PREFIX_CASE:
	case WR_CONDITION_SUFFIX_CASE:
		if (is_ascii(c)) {
			folded(arena, c,
			       c->kind == WR_CONDITION_EQUALS_CASE   ? WR_DOOR_EQUALS_CASE
			       : c->kind == WR_CONDITION_PREFIX_CASE ? WR_DOOR_PREFIX_CASE
								     : WR_DOOR_SUFFIX_CASE,
			       d);
			return;
		}
		break;
	default:
		break;
	}
	d->kind = WR_DOOR_ANY;
	d->proves = c->kind == WR_CONDITION_EXISTS;
}

/* The door's entry, made if it is not there. NULL: no memory. */
static struct wr_entry *entry_of(struct weir_matcher *m, uint32_t path, const struct door *d)
{
	const uint8_t *bytes = d->bytes;
	if (bytes == d->own && wr_table_find(&m->table, path, d->kind, bytes, d->count) == NULL)
		bytes = (const uint8_t *)wr_arena_copy(&m->arena, bytes, d->count);
	return bytes != NULL || d->count == 0
		       ? wr_table_add(&m->table, path, d->kind, bytes, d->count)
		       : NULL;
}

/* ---- names ---- */

static uint32_t child_of(struct weir_matcher *m, uint32_t node, const char *name, size_t bytes)
{
	uint32_t there = wr_node_child(m, node, (const uint8_t *)name, bytes);
	void *nodes = m->nodes;
	if (there != 0)
		return there;
	char *copy = wr_arena_copy(&m->arena, name, bytes);
	if (copy == NULL ||
	    !wr_arena_grow(&m->arena, &nodes, &m->node_room, m->node_count, sizeof *m->nodes))
		return 0;
	m->nodes = nodes;
	struct wr_entry *e = wr_table_add(&m->table, node, WR_DOOR_NAME, copy, bytes);
	if (e == NULL)
		return 0;
	e->node = (uint32_t)m->node_count;
	m->nodes[m->node_count] = (struct wr_node){0};
	m->nodes[node].child_lengths |= 1ull << bytes % 64;
	m->nodes[node].has_children = true;
	return (uint32_t)m->node_count++;
}

/* The path's number + 1; 0: no memory. */
static uint32_t path_of(struct weir_matcher *m, const struct wr_leaf *leaf, bool is_attribute)
{
	uint32_t node = is_attribute ? WR_NODE_ATTRIBUTES : WR_NODE_PAYLOAD;
	const char *at = leaf->path, *end = leaf->path + leaf->path_bytes;
	void *paths = m->paths;
	for (;;) {
		const char *dot = is_attribute ? NULL : memchr(at, '.', (size_t)(end - at));
		node = child_of(m, node, at, (size_t)((dot != NULL ? dot : end) - at));
		if (node == 0 || dot == NULL)
			break;
		at = dot + 1;
	}
	if (node == 0 || m->nodes[node].path != 0)
		return node == 0 ? 0 : m->nodes[node].path;
	if (!wr_arena_grow(&m->arena, &paths, &m->path_room, m->path_count, sizeof *m->paths))
		return 0;
	m->paths = paths;
	m->paths[m->path_count++] = (struct wr_path){0};
	m->nodes[node].path = (uint32_t)m->path_count;
	return m->nodes[node].path;
}

/* ---- leaves ---- */

static const struct wr_condition *copied(struct wr_arena *arena, const struct wr_condition *from,
					 size_t count)
{
	struct wr_condition *to = wr_arena_take(arena, count, sizeof *to);
	for (size_t i = 0; to != NULL && i < count; i++) {
		to[i] = from[i];
		to[i].text = wr_arena_copy(arena, from[i].text, from[i].text_bytes);
		if (from[i].wildcard.tokens != NULL) {
			uint16_t *tokens =
				wr_arena_take(arena, from[i].wildcard.count, sizeof *tokens);
			if (tokens == NULL)
				return NULL;
			memcpy(tokens, from[i].wildcard.tokens,
			       from[i].wildcard.count * sizeof *tokens);
			to[i].wildcard.tokens = tokens;
		}
		if (from[i].but_count > 0)
			to[i].but = copied(arena, from[i].but, from[i].but_count);
	}
	return to;
}

/* The leaf's number + 1; 0: no memory. Leaves of one path with the same text are one. */
static uint32_t leaf_of(struct weir_matcher *m, const struct weir_filter *filter,
			const struct wr_leaf *leaf)
{
	bool is_attribute = filter->kind == WEIR_FILTER_SNS_ATTRIBUTES;
	uint32_t path = path_of(m, leaf, is_attribute);
	const char *text = filter->pattern + leaf->at;
	void *leaves = m->leaves;
	if (path == 0)
		return 0;
	const struct wr_entry *there =
		wr_table_find(&m->table, path, WR_DOOR_LEAF, text, leaf->bytes);
	if (there != NULL)
		return there->node;
	char *copy = wr_arena_copy(&m->arena, text, leaf->bytes);
	if (copy == NULL ||
	    !wr_arena_grow(&m->arena, &leaves, &m->leaf_room, m->leaf_count, sizeof *m->leaves))
		return 0;
	m->leaves = leaves;
	struct wr_entry *e = wr_table_add(&m->table, path, WR_DOOR_LEAF, copy, leaf->bytes);
	if (e == NULL)
		return 0;
	m->leaves[m->leaf_count] = (struct wr_rule_leaf){
		.path = path - 1,
		.conditions = copied(&m->arena, leaf->conditions, leaf->condition_count),
		.condition_count = (uint32_t)leaf->condition_count,
		.wants_absent = leaf->wants_absent,
	};
	e->node = (uint32_t)++m->leaf_count;
	e->uses = 1; /* not for events: wr_table_settle() */
	return e->node;
}

/* One alternative more asks for what the leaf asks for. */
static bool count_uses(struct weir_matcher *m, const struct wr_rule_leaf *leaf)
{
	for (uint32_t i = 0; i < leaf->condition_count; i++) {
		struct door d;
		door_of(&m->arena, &leaf->conditions[i], &d);
		if (d.kind >= WR_DOORS)
			continue;
		struct wr_entry *e = entry_of(m, leaf->path, &d);
		if (e == NULL)
			return false;
		e->uses++;
	}
	return true;
}

static bool add_branch(struct weir_matcher *m, const struct weir_filter *filter,
		       const struct wr_alternative *alternative, uint32_t rule)
{
	struct wr_branch branch = {.rule = rule,
				   .first_leaf = (uint32_t)m->branch_leaf_count,
				   .leaf_count = (uint16_t)alternative->leaf_count,
				   .of_payload = filter->kind != WEIR_FILTER_SNS_ATTRIBUTES};
	for (size_t i = 0; i < alternative->leaf_count; i++) {
		void *list = m->branch_leaves;
		size_t from = i; /* in the order of ranks, if there are any: join.h */
		if (alternative->ranks != NULL)
			for (from = 0; alternative->ranks[from] != i; from++)
				;
		uint32_t leaf = leaf_of(m, filter, alternative->leaves[from]);
		if (leaf == 0 || m->arena.failed || !count_uses(m, &m->leaves[leaf - 1]) ||
		    !wr_arena_grow(&m->arena, &list, &m->branch_leaf_room, m->branch_leaf_count,
				   sizeof *m->branch_leaves))
			return false;
		m->branch_leaves = list;
		m->branch_leaves[m->branch_leaf_count++] = leaf - 1;
	}
	void *branches = m->branches;
	if (!wr_arena_grow(&m->arena, &branches, &m->branch_room, m->branch_count,
			   sizeof *m->branches))
		return false;
	m->branches = branches;
	m->branches[m->branch_count++] = branch;
	return true;
}

int wr_matcher_add_json(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule)
{
	for (size_t i = 0; i < filter->alternative_count; i++)
		if (!add_branch(m, filter, &filter->alternatives[i], rule))
			return -ENOMEM;
	return 0;
}

/* ---- which door ---- */

static uint64_t cost_of(struct weir_matcher *m, const struct wr_rule_leaf *leaf)
{
	uint64_t cost = 0;
	for (uint32_t i = 0; i < leaf->condition_count; i++) {
		struct door d;
		door_of(&m->arena, &leaf->conditions[i], &d);
		if (d.kind < WR_DOORS) {
			const struct wr_entry *e =
				wr_table_find(&m->table, leaf->path, d.kind, d.bytes, d.count);
			cost += e != NULL ? e->uses : 1;
		} else {
			cost += d.kind == WR_DOOR_RANGE ? COST_RANGE : COST_ANY;
		}
	}
	return cost;
}

static bool is_end(enum wr_door kind)
{
	return kind == WR_DOOR_PREFIX || kind == WR_DOOR_SUFFIX || kind == WR_DOOR_PREFIX_CASE ||
	       kind == WR_DOOR_SUFFIX_CASE;
}

static bool add_end(struct weir_matcher *m, struct wr_path *path, enum wr_door kind,
		    const struct wr_entry *entry)
{
	if (path->ends[kind] == NULL)
		path->ends[kind] = wr_arena_take(&m->arena, 1, sizeof *path->ends[kind]);
	return path->ends[kind] != NULL &&
	       wr_ends_add(path->ends[kind], m->table.arena,
			   &(struct wr_ends_text){entry->bytes, entry->count,
						  (uint32_t)(entry - m->table.entries)});
}

/* What the path has to know of its doors to look them up. */
static bool add_key(struct weir_matcher *m, struct wr_path *path, const struct door *d,
		    const struct wr_entry *entry)
{
	uint16_t mask = (uint16_t)(d->bytes[0] + (d->count > 5 ? 256 : 0));
	if (d->kind == WR_DOOR_TEXT)
		path->text_count += entry->list == 0;
	if (d->kind == WR_DOOR_EQUALS_CASE)
		path->case_lengths |= 1ull << d->count % 64;
	if (is_end(d->kind))
		return entry->list != 0 || add_end(m, path, d->kind, entry);
	if (d->kind != WR_DOOR_BLOCK)
		return true;
	for (uint32_t i = 0; i < path->mask_count; i++)
		if (path->masks[i] == mask)
			return true;
	uint16_t *longer = wr_arena_take(&m->arena, path->mask_count + 1u, sizeof *longer);
	if (longer == NULL)
		return false;
	if (path->mask_count > 0)
		memcpy(longer, path->masks, path->mask_count * sizeof *longer);
	longer[path->mask_count++] = mask;
	path->masks = longer;
	return true;
}

static bool hang_range(struct weir_matcher *m, struct wr_path *path, const struct wr_condition *c,
		       uint32_t branch)
{
	struct wr_range range = {.first = wr_number_order(c->low) + (c->low_in ? 0 : 1),
				 .last = wr_number_order(c->high) - (c->high_in ? 0 : 1),
				 .number = branch};
	return range.first > range.last || wr_ranges_add(&path->ranges, m->table.arena, &range);
}

/* Behind one door of the branch. */
static bool hang(struct weir_matcher *m, const struct wr_rule_leaf *leaf,
		 const struct wr_condition *c, uint32_t branch, bool *proves)
{
	struct wr_path *path = &m->paths[leaf->path];
	struct door d;
	door_of(&m->arena, c, &d);
	*proves = *proves && d.proves;
	switch (d.kind) {
	case WR_DOOR_RANGE:
		return hang_range(m, path, c, branch);
	case WR_DOOR_ANY:
		return wr_table_link(&m->table, &path->any, branch);
	case WR_DOOR_ABSENT:
		if (path->absent == 0 && !wr_table_link(&m->table, &m->absent_paths, leaf->path))
			return false;
		return wr_table_link(&m->table, &path->absent, branch);
	default:
		break;
	}
	struct wr_entry *e = entry_of(m, leaf->path, &d);
	if (e == NULL || !add_key(m, path, &d, e))
		return false;
	path->doors |= 1u << d.kind;
	return wr_table_link(&m->table, &e->list, branch);
}

static bool hang_branch(struct weir_matcher *m, uint32_t number)
{
	struct wr_branch *b = &m->branches[number];
	uint64_t least = UINT64_MAX;
	uint16_t door = 0;
	bool proves = true;
	if (b->leaf_count == 0)
		return wr_table_link(&m->table, &m->always, number);
	const uint32_t *leaves = m->branch_leaves + b->first_leaf;
	for (uint16_t i = 0; i < b->leaf_count; i++) {
		uint64_t cost = cost_of(m, &m->leaves[leaves[i]]);
		if (cost < least) {
			least = cost;
			door = i;
		}
	}
	const struct wr_rule_leaf *leaf = &m->leaves[leaves[door]];
	for (uint32_t i = 0; i < leaf->condition_count; i++)
		if (!hang(m, leaf, &leaf->conditions[i], number, &proves))
			return false;
	b->known = proves ? door : b->leaf_count;
	return true;
}

/* The filters in front of texts. */
static bool filter_texts(struct weir_matcher *m)
{
	for (size_t i = 0; i < m->path_count; i++)
		if (m->paths[i].text_count > 0 &&
		    !wr_window_make(&m->paths[i].texts, &m->arena, m->paths[i].text_count))
			return false;
	for (size_t i = 0; i < m->table.entry_count; i++) {
		const struct wr_entry *e = &m->table.entries[i];
		if (e->kind == WR_DOOR_TEXT && e->list != 0)
			wr_window_add(&m->paths[e->owner].texts,
				      wr_window_hash(wr_window_last(e->bytes, e->count), e->count));
	}
	return true;
}

/* Few names are told apart faster side by side than in the table. */
static bool list_children(struct weir_matcher *m)
{
	uint32_t *counts = wr_arena_take(m->table.arena, m->node_count, sizeof *counts);
	if (counts == NULL)
		return false;
	for (size_t i = 0; i < m->table.entry_count; i++)
		if (m->table.entries[i].kind == WR_DOOR_NAME)
			counts[m->table.entries[i].owner]++;
	for (size_t i = 0; i < m->node_count; i++) {
		struct wr_node *n = &m->nodes[i];
		if (counts[i] == 0 || counts[i] > WR_NODE_CHILDREN_FEW)
			continue;
		n->children = wr_arena_take(&m->arena, counts[i], sizeof *n->children);
		if (n->children == NULL)
			return false;
	}
	for (size_t i = 0; i < m->table.entry_count; i++) {
		const struct wr_entry *e = &m->table.entries[i];
		struct wr_node *n = &m->nodes[e->kind == WR_DOOR_NAME ? e->owner : 0];
		if (e->kind != WR_DOOR_NAME || n->children == NULL)
			continue;
		struct wr_child *c = &n->children[n->child_count++];
		*c = wr_child_of(e->bytes, e->count);
		c->node = e->node;
	}
	return true;
}

int wr_matcher_finish(struct weir_matcher *m)
{
	for (uint32_t i = 0; i < m->branch_count; i++)
		if (!hang_branch(m, i))
			return -ENOMEM;
	for (size_t i = 0; i < m->path_count; i++) {
		struct wr_path *path = &m->paths[i];
		struct wr_arena *building = m->table.arena;
		bool good = wr_ranges_finish(&path->ranges, &m->arena, &m->table);
		for (enum wr_door kind = 0; kind < WR_DOORS; kind++)
			good = good &&
			       (path->ends[kind] == NULL ||
				wr_ends_finish(path->ends[kind], &m->arena, building, &m->table,
					       kind == WR_DOOR_SUFFIX ||
						       kind == WR_DOOR_SUFFIX_CASE));
		if (!good)
			return -ENOMEM;
	}
	return !m->arena.failed && filter_texts(m) && list_children(m) &&
			       wr_table_settle(&m->table, &m->arena)
		       ? 0
		       : -ENOMEM;
}
