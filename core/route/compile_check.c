/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be refused only when the whole pattern is known: wildcards that cost too much, and
 * policies that are too large for SNS.
 */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/route/compile.h"

#define SNS_NAMES_MAX 5u
#define SNS_COMBINATIONS_MAX 150u

bool wr_compile_is_reserved(const char *name, size_t bytes)
{
	static const char *const names[] = {
		"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists",
		"wildcard", "numeric", "cidr", "=", "<", "<=", ">", ">=",
		/* kept by AWS for operators to come */
		"regex", "not-wildcard", "not-equals-ignore-case", "date-after", "date-on-or-after",
		"date-before", "date-on-or-before", "in-date-range", "ip-address-in-range",
		"ip-address-not-in-range"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++)
		if (strlen(names[i]) == bytes && memcmp(names[i], name, bytes) == 0)
			return true;
	return false;
}

/* ---- wildcards ---- */

static int compare_paths(const struct wr_leaf *a, const struct wr_leaf *b)
{
	size_t shorter = a->path_bytes < b->path_bytes ? a->path_bytes : b->path_bytes;
	int order = memcmp(a->path, b->path, shorter);
	if (order != 0)
		return order;
	return (a->path_bytes > b->path_bytes) - (a->path_bytes < b->path_bytes);
}

int wr_compile_rank(struct wr_compile *c, struct wr_alternative *a)
{
	bool wants_absent = false;
	for (size_t i = 0; i < a->leaf_count; i++)
		wants_absent = wants_absent || a->leaves[i]->wants_absent;
	if (!wants_absent)
		return 0;
	uint16_t *ranks = wr_arena_take(&c->filter->arena, a->leaf_count, sizeof *ranks);
	if (ranks == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < a->leaf_count; i++)
		for (size_t k = 0; k < a->leaf_count; k++)
			ranks[i] = (uint16_t)(ranks[i] +
					      (compare_paths(a->leaves[k], a->leaves[i]) < 0));
	a->ranks = ranks;
	return 0;
}

static bool has_leaf(const struct wr_alternative *a, const struct wr_leaf *leaf)
{
	for (size_t i = 0; i < a->leaf_count; i++)
		if (a->leaves[i] == leaf)
			return true;
	return false;
}

/*
 * Does `other`, of alternative b, work on the same texts as `leaf`, of a: the same field, after the
 * same fields before it?
 */
static bool same_machine(const struct wr_alternative *a, const struct wr_leaf *leaf,
			 const struct wr_alternative *b, const struct wr_leaf *other)
{
	if (compare_paths(leaf, other) != 0)
		return false;
	for (size_t i = 0; i < a->leaf_count; i++)
		if (compare_paths(a->leaves[i], leaf) < 0 && !has_leaf(b, a->leaves[i]))
			return false;
	for (size_t i = 0; i < b->leaf_count; i++)
		if (compare_paths(b->leaves[i], leaf) < 0 && !has_leaf(a, b->leaves[i]))
			return false;
	return true;
}

struct gathered {
	const struct wr_wildcard *list[WR_WILDCARD_COST_MAX + 1];
	size_t count; /* beyond the list's end: too many */
};

static void gather(struct gathered *to, const struct wr_condition *conditions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct wr_wildcard *w = &conditions[i].wildcard;
		bool is_new = conditions[i].kind == WR_CONDITION_WILDCARD;
		for (size_t k = 0; is_new && k < to->count && k < WR_ARRAY_COUNT(to->list); k++)
			is_new = to->list[k]->count != w->count ||
				 memcmp(to->list[k]->tokens, w->tokens,
					w->count * sizeof *w->tokens) != 0;
		if (is_new && to->count < WR_ARRAY_COUNT(to->list))
			to->list[to->count] = w;
		to->count += is_new;
		gather(to, conditions[i].but, conditions[i].but_count);
	}
}

/* The wildcards of the leaf and of what works beside it in other alternatives. */
static int check_leaf(struct wr_compile *c, const struct wr_alternative *a,
		      const struct wr_leaf *leaf)
{
	struct gathered wildcards = {0};
	gather(&wildcards, leaf->conditions, leaf->condition_count);
	if (wildcards.count == 0)
		return 0;
	for (size_t i = 0; i < c->filter->alternative_count; i++) {
		const struct wr_alternative *b = &c->filter->alternatives[i];
		for (size_t k = 0; k < b->leaf_count; k++)
			if (b->leaves[k] != leaf && same_machine(a, leaf, b, b->leaves[k]))
				gather(&wildcards, b->leaves[k]->conditions,
				       b->leaves[k]->condition_count);
	}
	unsigned cost = WR_WILDCARD_COST_MAX + 1;
	if (wildcards.count <= WR_ARRAY_COUNT(wildcards.list))
		cost = wr_wildcard_cost(&c->filter->arena, wildcards.list, wildcards.count);
	if (c->filter->arena.failed)
		return -ENOMEM;
	if (cost <= WR_WILDCARD_COST_MAX)
		return 0;
	return wr_route_refuse(c->problem, -EINVAL, leaf->path, leaf->path_bytes,
			       "too costly: a text can be in more than %u places of these "
			       "wildcards at once. Use fewer '*', fewer repeated characters "
			       "behind one, or prefix and suffix",
			       WR_WILDCARD_COST_MAX);
}

int wr_compile_check_cost(struct wr_compile *c)
{
	for (size_t i = 0; i < c->filter->alternative_count; i++) {
		const struct wr_alternative *a = &c->filter->alternatives[i];
		for (size_t k = 0; k < a->leaf_count; k++) {
			int rc = check_leaf(c, a, a->leaves[k]);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* ---- SNS ---- */

int wr_compile_check_sns(struct wr_compile *c)
{
	uint64_t combinations = 0;
	if (c->top_name_count > SNS_NAMES_MAX)
		return wr_compile_refuse(c, "a filter policy has at most %u names; this one has %u",
					 SNS_NAMES_MAX, c->top_name_count);
	for (size_t i = 0; i < c->filter->alternative_count; i++) {
		const struct wr_alternative *a = &c->filter->alternatives[i];
		uint64_t product = 1;
		for (size_t k = 0; k < a->leaf_count && product <= SNS_COMBINATIONS_MAX; k++)
			product *= (uint64_t)a->leaves[k]->condition_count * a->leaves[k]->depth;
		if (a->leaf_count > 0)
			combinations += product;
	}
	if (combinations <= SNS_COMBINATIONS_MAX)
		return 0;
	return wr_compile_refuse(c,
				 "too complex for SNS: values of each field, times how deep it "
				 "nests, multiply to more than %u combinations: use fewer values",
				 SNS_COMBINATIONS_MAX);
}
