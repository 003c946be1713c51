/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's half for patterns over fields: their names make a tree, their leaves are gathered,
 * each once, and how many alternatives ask for the very same value is counted. hang.c goes on.
 */
#include <errno.h>
#include <math.h>

#include "core/base/bits.h"
#include "core/route/case_fold.h"
#include "core/route/doors.h"

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
		   struct wr_door_key *d)
{
	char *lower = wr_arena_copy(arena, c->text, c->text_bytes);
	for (size_t i = 0; lower != NULL && i < c->text_bytes; i++)
		lower[i] = (char)wr_case_lower_ascii((uint8_t)lower[i]);
	*d = (struct wr_door_key){.kind = kind,
				  .bytes = (const uint8_t *)lower,
				  .count = c->text_bytes,
				  .proves = true};
}

/* By what stands before the first star, or behind the last one. */
static void of_wildcard(struct wr_arena *arena, const struct wr_condition *c, struct wr_door_key *d)
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

static void of_number(const struct wr_condition *c, struct wr_door_key *d)
{
	double number = c->low + 0.0;
	d->kind = isfinite(number) ? WR_DOOR_NUMBER : WR_DOOR_ANY;
	d->proves = isfinite(number);
	memcpy(d->own, &number, sizeof number);
	d->bytes = d->own;
	d->count = sizeof number;
}

static void of_address(const struct wr_condition *c, struct wr_door_key *d)
{
	bool is_block = c->kind == WR_CONDITION_BLOCK;
	d->kind = is_block ? WR_DOOR_BLOCK : WR_DOOR_ADDRESS;
	d->proves = true;
	d->own[0] = c->block.mask_bits;
	memcpy(d->own + is_block, c->block.first.bytes, c->block.first.length_bytes);
	d->bytes = d->own;
	d->count = (size_t)c->block.first.length_bytes + is_block;
}

void wr_door_of(struct wr_arena *arena, const struct wr_condition *c, struct wr_door_key *d)
{
	*d = (struct wr_door_key){
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

struct wr_entry *wr_door_entry(struct weir_matcher *m, uint32_t path, const struct wr_door_key *d)
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
	bool is_attribute = wr_filter_asks_headers(filter);
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
		struct wr_door_key d;
		wr_door_of(&m->arena, &leaf->conditions[i], &d);
		if (d.kind >= WR_DOORS)
			continue;
		struct wr_entry *e = wr_door_entry(m, leaf->path, &d);
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
				   .of_payload = wr_filter_asks_payload(filter)};
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
