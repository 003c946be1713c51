/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of variables: "$", names behind dots, [N], [*] and .*, which is what EventBridge takes of
 * JSONPath; and the tree that they are read by.
 */
#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/route/filter.h"
#include "core/route/transform.h"

struct reading {
	const char *where;
	const char *text;
	size_t bytes, at;
	struct weir_problem *problem;
};

static int refuse(const struct reading *r, const char *text)
{
	return wr_route_refuse(r->problem, -EINVAL, r->where, strlen(r->where),
			       "path, at character %zu: %s", r->at + 1, text);
}

static bool ends_name(char c)
{
	return c == '.' || c == '[';
}

static bool is_no_name(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f || strchr("]*\"'\\?()", c) != NULL;
}

static int read_name(struct reading *r, struct wr_path_step *step)
{
	size_t first = ++r->at;
	if (r->at < r->bytes && r->text[r->at] == '*' &&
	    (r->at + 1 == r->bytes || ends_name(r->text[r->at + 1]))) {
		*step = (struct wr_path_step){.kind = WR_STEP_ALL};
		r->at++;
		return 0;
	}
	while (r->at < r->bytes && !ends_name(r->text[r->at])) {
		if (is_no_name(r->text[r->at]))
			return refuse(r, "a name has letters, digits, '-', '_', '/' and the like; "
					 "'*' stands alone");
		r->at++;
	}
	if (r->at == first)
		return refuse(r, "a name, or '*', is expected behind '.'");
	*step = (struct wr_path_step){.kind = WR_STEP_NAME,
				      .name = r->text + first,
				      .name_bytes = (uint32_t)(r->at - first)};
	return 0;
}

static int read_index(struct reading *r, struct wr_path_step *step)
{
	uint64_t index = 0;
	size_t first = ++r->at;
	if (r->at + 1 < r->bytes && r->text[r->at] == '*' && r->text[r->at + 1] == ']') {
		*step = (struct wr_path_step){.kind = WR_STEP_ALL};
		r->at += 2;
		return 0;
	}
	for (; r->at < r->bytes && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++) {
		index = index * 10 + (uint64_t)(r->text[r->at] - '0');
		if (index > INT32_MAX)
			return refuse(r, "no array has so many elements");
	}
	if (r->at == first || r->at == r->bytes || r->text[r->at] != ']')
		return refuse(r, "in brackets there is an element's number from 0, or '*'; names "
				 "stand behind dots");
	r->at++;
	*step = (struct wr_path_step){.kind = WR_STEP_INDEX, .index = (uint32_t)index};
	return 0;
}

int wr_transform_path(struct wr_arena *arena, const char *where, const char *text, size_t bytes,
		      struct wr_value_path *ret_path, struct weir_problem *problem)
{
	struct wr_path_step steps[WR_PATH_STEPS_MAX];
	struct reading r = {.where = where, .text = text, .bytes = bytes, .problem = problem};
	uint32_t count = 0, plain = 0;
	if (bytes > WEIR_TRANSFORM_NAME_BYTES_MAX)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, where, strlen(where),
				       "a path has at most %u bytes; this one has %zu",
				       WEIR_TRANSFORM_NAME_BYTES_MAX, bytes);
	if (bytes == 0 || text[0] != '$')
		return refuse(&r, "a path begins with '$', the payload");
	for (r.at = 1; r.at < bytes; count++) {
		int rc = text[r.at] == '.'   ? read_name(&r, &steps[count])
			 : text[r.at] == '[' ? read_index(&r, &steps[count])
					     : refuse(&r, "'.' or '[' is expected");
		if (rc != 0)
			return rc;
		if (plain == count && steps[count].kind != WR_STEP_ALL)
			plain++;
	}
	struct wr_path_step *kept = wr_arena_take(arena, count + 1, sizeof *kept);
	if (kept == NULL)
		return -ENOMEM;
	memcpy(kept, steps, count * sizeof *kept);
	*ret_path =
		(struct wr_value_path){.steps = kept, .step_count = count, .plain_count = plain};
	return 0;
}

/* ---- the tree ---- */

static bool is_same(const struct wr_path_step *a, const struct wr_path_step *b)
{
	return a->kind == b->kind && a->index == b->index && a->name_bytes == b->name_bytes &&
	       (a->name_bytes == 0 || memcmp(a->name, b->name, a->name_bytes) == 0);
}

struct tree {
	struct wr_path_node *nodes;
	uint32_t count;
};

static uint32_t add_node(struct tree *tree, uint32_t parent, const struct wr_path_step *step)
{
	uint32_t *link = &tree->nodes[parent].first_child;
	for (; *link != WR_STEP_NONE; link = &tree->nodes[*link].next)
		if (is_same(&tree->nodes[*link].step, step))
			return *link;
	uint32_t id = *link = tree->count++;
	tree->nodes[id] = (struct wr_path_node){.step = *step,
						.parent = parent,
						.first_child = WR_STEP_NONE,
						.next = WR_STEP_NONE,
						.slot = WR_STEP_NONE};
	return id;
}

/* Slots in the order in which the tree is walked, so that those of a branch lie together. */
static uint32_t number_slots(struct wr_path_node *nodes)
{
	uint32_t slots = 0, at = 0;
	for (;;) {
		struct wr_path_node *node = &nodes[at];
		node->first_slot = slots;
		node->slot = node->slot != WR_STEP_NONE ? slots++ : WR_STEP_NONE;
		if (node->first_child != WR_STEP_NONE) {
			at = node->first_child;
			continue;
		}
		for (;; at = nodes[at].parent) {
			nodes[at].end_slot = slots;
			if (at == 0)
				return slots;
			if (nodes[at].next != WR_STEP_NONE)
				break;
		}
		at = nodes[at].next;
	}
}

bool wr_transform_tree(struct weir_transform *transform, struct wr_variable *variables,
		       const bool *used)
{
	size_t most = 1;
	for (uint32_t v = 0; v < transform->variable_count; v++)
		most += variables[v].path.plain_count;
	struct tree tree = {
		.nodes = wr_arena_take(&transform->arena, most, sizeof(struct wr_path_node)),
		.count = 1,
	};
	if (tree.nodes == NULL)
		return false;
	tree.nodes[0] = (struct wr_path_node){.parent = WR_STEP_NONE,
					      .first_child = WR_STEP_NONE,
					      .next = WR_STEP_NONE,
					      .slot = WR_STEP_NONE};
	for (uint32_t v = 0; v < transform->variable_count; v++) {
		const struct wr_value_path *path = &variables[v].path;
		uint32_t at = 0;
		variables[v].slot = WR_STEP_NONE;
		if (!used[v])
			continue;
		for (uint32_t s = 0; s < path->plain_count; s++)
			at = add_node(&tree, at, &path->steps[s]);
		variables[v].slot = at; /* the place, until slots are numbered */
		tree.nodes[at].slot = 0;
	}
	transform->nodes = tree.nodes;
	transform->slot_count = number_slots(tree.nodes);
	for (uint32_t v = 0; v < transform->variable_count; v++)
		if (used[v])
			variables[v].slot = tree.nodes[variables[v].slot].slot;
	return true;
}
