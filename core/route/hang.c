/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each alternative gets its door, when all are there. Which leaf is rarest is guessed: by how many
 * alternatives of all rules ask for the very same value, and ranges by a constant. The next rarest
 * is its guard.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/route/doors.h"

#define COST_RANGE 2u
#define COST_ANY (1u << 20)

/* ---- which door ---- */

static uint64_t cost_of(struct weir_matcher *m, const struct wr_rule_leaf *leaf)
{
	uint64_t cost = 0;
	for (uint32_t i = 0; i < leaf->condition_count; i++) {
		struct wr_door_key d;
		wr_door_of(m->table.arena, &leaf->conditions[i], &d);
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
static bool add_key(struct weir_matcher *m, struct wr_path *path, const struct wr_door_key *d,
		    const struct wr_entry *entry)
{
	uint16_t mask = (uint16_t)(d->bytes[0] + (d->count > 5 ? 256 : 0));
	if (d->kind == WR_DOOR_TEXT)
		path->text_count += entry->list == 0;
	if (d->kind == WR_DOOR_NUMBER) {
		double number;
		memcpy(&number, d->bytes, sizeof number);
		path->number_count += entry->list == 0;
		wr_ranges_widen(&path->ranges, wr_number_order(number));
	}
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
	struct wr_door_key d;
	wr_door_of(m->table.arena, c, &d);
	*proves = *proves && d.proves;
	switch (d.kind) {
	case WR_DOOR_RANGE:
		return hang_range(m, path, c, branch);
	case WR_DOOR_ANY:
		return wr_table_link(&m->hung, &path->any, branch);
	case WR_DOOR_ABSENT:
		if (path->absent == 0 && !wr_table_link(&m->table, &m->absent_paths, leaf->path))
			return false;
		return wr_table_link(&m->hung, &path->absent, branch);
	default:
		break;
	}
	struct wr_entry *e = wr_door_entry(m, leaf->path, &d);
	if (e == NULL || !add_key(m, path, &d, e))
		return false;
	path->doors |= 1u << d.kind;
	return wr_table_link(&m->hung, &e->list, branch);
}

/* Which bits say that a value may be one that the leaf wants; 0: it may want none at all. */
static uint64_t bits_of(const struct wr_rule_leaf *leaf)
{
	uint64_t bits = 0;
	for (uint32_t i = 0; i < leaf->condition_count; i++) {
		const struct wr_condition *c = &leaf->conditions[i];
		if (c->kind == WR_CONDITION_TEXT)
			bits |= wr_seen_text((const uint8_t *)c->text, c->text_bytes);
		else if (c->kind == WR_CONDITION_NUMBER)
			bits |= isfinite(c->low) ? wr_seen_number(c->low) : UINT64_MAX;
		else if (c->kind == WR_CONDITION_LITERAL)
			bits |= wr_seen_literal(c->literal);
		else
			bits = UINT64_MAX;
	}
	return leaf->wants_absent ? 0 : bits;
}

/* Of the leaves but the door the rarest that has bits. */
static void choose_guard(struct weir_matcher *m, const struct wr_branch *b, uint16_t door,
			 struct wr_member *member)
{
	const uint32_t *leaves = m->branch_leaves + b->first_leaf;
	uint64_t least = UINT64_MAX;
	for (uint16_t i = 0; i < b->leaf_count; i++) {
		const struct wr_rule_leaf *leaf = &m->leaves[leaves[i]];
		uint64_t bits = bits_of(leaf), cost = cost_of(m, leaf);
		/* Where any value of the path will do, most events have one. */
		cost += bits == UINT64_MAX ? COST_ANY : 0;
		if (i == door || bits == 0 || cost >= least)
			continue;
		least = cost;
		member->guard_bits = bits;
		member->guard_path = leaf->path;
	}
}

static bool hang_branch(struct weir_matcher *m, uint32_t number, struct wr_member *member)
{
	struct wr_branch *b = &m->branches[number];
	uint64_t least = UINT64_MAX;
	uint16_t door = 0;
	bool proves = true;
	*member = (struct wr_member){.branch = number};
	if (b->leaf_count == 0)
		return wr_table_link(&m->hung, &m->always, number);
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
	if (b->leaf_count == 1)
		member->rule = proves && b->of_payload ? b->rule + 1 : 0;
	else
		choose_guard(m, b, door, member);
	return true;
}

/* ---- what has been hung, for events ---- */

/*
 * The list's links become members, side by side: its number is that of the first, + 1. One member
 * that holds by its door is its rule, and no member.
 */
static void settle_list(struct weir_matcher *m, const struct wr_member *of_branches, uint32_t *list)
{
	size_t first = m->member_count;
	for (uint32_t at = *list; at != 0; at = m->hung.links[at - 1].next)
		m->members[m->member_count++] = of_branches[m->hung.links[at - 1].number];
	if (m->member_count == first)
		return;
	const struct wr_member *last = &m->members[m->member_count - 1];
	if (m->member_count == first + 1 && last->guard_bits == 0 && last->rule != 0) {
		*list = WR_LIST_IS_RULE | (last->rule - 1);
		m->member_count--;
		return;
	}
	m->members[m->member_count - 1].branch |= WR_MEMBER_LAST;
	*list = (uint32_t)first + 1;
}

/* Each link is in one list. */
static bool settle_lists(struct weir_matcher *m, const struct wr_member *of_branches)
{
	m->members = wr_arena_take(&m->arena, m->hung.link_count, sizeof *m->members);
	if (m->members == NULL)
		return false;
	for (size_t i = 0; i < m->table.entry_count; i++)
		if (m->table.entries[i].kind < WR_DOORS)
			settle_list(m, of_branches, &m->table.entries[i].list);
	for (size_t i = 0; i < m->path_count; i++) {
		struct wr_path *path = &m->paths[i];
		settle_list(m, of_branches, &path->any);
		settle_list(m, of_branches, &path->absent);
		for (size_t node = 1; node < path->ranges.width * 2; node++)
			settle_list(m, of_branches, &path->ranges.nodes[node].list);
	}
	settle_list(m, of_branches, &m->always);
	return true;
}

/* What a path needs for its texts and numbers. */
static bool make_equals(struct wr_path *path, struct wr_arena *arena)
{
	return (path->text_count == 0 ||
		(wr_window_make(&path->texts, arena, path->text_count) &&
		 wr_equals_make(&path->equal_texts, arena, path->text_count))) &&
	       (path->number_count == 0 ||
		(wr_window_make(&path->numbers, arena, path->number_count) &&
		 wr_equals_make(&path->equal_numbers, arena, path->number_count)));
}

static uint64_t hash_of(const struct wr_entry *e)
{
	return wr_window_hash(wr_window_last(e->bytes, e->count), e->count);
}

static void move_number(struct wr_path *path, const struct wr_entry *e)
{
	double number;
	memcpy(&number, e->bytes, sizeof number);
	uint64_t order = wr_number_order(number);
	wr_window_add(&path->numbers, wr_number_hash(order));
	wr_ranges_note(&path->ranges, order);
	wr_equals_add_number(&path->equal_numbers, order, wr_number_hash(order), e->list);
}

/* Those of a path that became deep are added once more. */
static void move_texts(struct weir_matcher *m)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < m->table.entry_count; i++) {
			const struct wr_entry *e = &m->table.entries[i];
			if (e->kind != WR_DOOR_TEXT || e->list == 0)
				continue;
			struct wr_equals *texts = &m->paths[e->owner].equal_texts;
			if (texts->is_deep == (pass == 1))
				(void)wr_equals_add_text(texts, e->bytes, e->count, hash_of(e),
							 e->list);
		}
	}
}

/*
 * Texts and numbers go from the table to their paths, with filters in front of them; the table has
 * no list of theirs any more.
 */
static bool move_equals(struct weir_matcher *m)
{
	for (size_t i = 0; i < m->path_count; i++)
		if (!make_equals(&m->paths[i], &m->arena))
			return false;
	move_texts(m);
	for (size_t i = 0; i < m->table.entry_count; i++) {
		struct wr_entry *e = &m->table.entries[i];
		if ((e->kind != WR_DOOR_TEXT && e->kind != WR_DOOR_NUMBER) || e->list == 0)
			continue;
		struct wr_path *path = &m->paths[e->owner];
		if (e->kind == WR_DOOR_NUMBER) {
			move_number(path, e);
		} else {
			wr_window_add(&path->texts, hash_of(e));
			if (path->ends[WR_DOOR_PREFIX] != NULL)
				wr_ends_note(path->ends[WR_DOOR_PREFIX], e->bytes, e->count,
					     hash_of(e));
		}
		e->list = 0;
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

static bool finish_path(struct weir_matcher *m, struct wr_path *path)
{
	for (enum wr_door kind = 0; kind < WR_DOORS; kind++)
		if (path->ends[kind] != NULL &&
		    !wr_ends_finish(path->ends[kind], &m->arena, m->table.arena, &m->table,
				    kind == WR_DOOR_SUFFIX || kind == WR_DOOR_SUFFIX_CASE))
			return false;
	return true;
}

int wr_matcher_finish(struct weir_matcher *m)
{
	struct wr_member *members = wr_arena_take(m->table.arena, m->branch_count, sizeof *members);
	bool good = members != NULL;
	for (uint32_t i = 0; i < m->branch_count && good; i++)
		good = hang_branch(m, i, &members[i]);
	for (size_t i = 0; i < m->path_count && good; i++)
		good = wr_ranges_finish(&m->paths[i].ranges, &m->arena, &m->hung);
	good = good && settle_lists(m, members);
	for (size_t i = 0; i < m->path_count && good; i++)
		good = finish_path(m, &m->paths[i]);
	return good && move_equals(m) && list_children(m) && !m->arena.failed &&
			       wr_table_settle(&m->table, &m->arena)
		       ? 0
		       : -ENOMEM;
}
