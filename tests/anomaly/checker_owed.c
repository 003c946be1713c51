/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group has to be handed of what stands there: what it wants. A filter counts from its place
 * on, until a recovery cuts that away; the one that a subscription was made with from its beginning
 * on, until it is made anew.
 */
#include "tests/anomaly/checker_internal.h"

void checker_filter(struct checker *c, const struct history_op *op, uint32_t life)
{
	struct group *g = checker_group(c, op->group);
	bool is_first = op->f == HISTORY_SUBSCRIBE;

	if (is_first && op->unwanted == 0 && g->filters == TABLE_NONE)
		return;
	struct filter *filter = list_add(&c->filters);
	*filter = (struct filter){
		.offset = is_first ? 0 : op->offset,
		.unwanted = op->unwanted,
		.first_life = life,
		.end_life = is_first ? LIFE_END : checker_end_of(c, life, op->offset),
		.older = g->filters,
	};
	g->filters = checker_index(&c->filters, filter);
}

bool checker_wants(const struct checker *c, const struct group *g, const struct value *v,
		   uint64_t offset, uint32_t life)
{
	const struct filter *in_force = NULL;

	for (uint32_t i = g->filters; i != TABLE_NONE;) {
		const struct filter *f = list_get(&c->filters, i);
		i = f->older;
		if (f->first_life <= life && life < f->end_life && f->offset <= offset &&
		    (in_force == NULL || f->offset > in_force->offset))
			in_force = f;
	}
	return in_force == NULL || (in_force->unwanted >> v->kind % 64 & 1) == 0;
}

bool checker_wants_always(const struct checker *c, const struct group *g, const struct value *v)
{
	for (uint32_t i = g->filters; i != TABLE_NONE;) {
		const struct filter *f = list_get(&c->filters, i);
		i = f->older;
		if ((f->unwanted >> v->kind % 64 & 1) != 0)
			return false;
	}
	return true;
}

bool checker_is_owed(const struct checker *c, uint32_t group, const struct entry *e, uint32_t life)
{
	const struct group *g = checker_find(&c->group_at, &c->groups, group, 0);
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);

	return checker_wants(c, g, v, e->offset, life);
}
