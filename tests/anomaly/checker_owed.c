/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group has to be handed of what stands there: what it wants, and was not erased. A filter
 * counts from its place on, until a recovery cuts that away; the one that a subscription was made
 * with from its beginning on, until it is made anew. An erasure counts below its place, likewise.
 */
#include "tests/anomaly/checker_internal.h"

/* --- filters ---------------------------------------------------------------------------------- */

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

/* --- erased ----------------------------------------------------------------------------------- */

void checker_erase(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	struct erasure *e = list_add(&c->erasures);

	*e = (struct erasure){.offset = op->offset,
			      .key = op->key,
			      .topic = op->topic,
			      .first_life = life,
			      .end_life = checker_end_of(c, life, op->offset),
			      .told_line = op->level != 0 ? line : TABLE_NONE};
}

/* A dead letter is of its event's topic, too. */
static bool is_of(const struct checker *c, const struct erasure *erasure, const struct value *v,
		  uint32_t topic)
{
	if (v->first_attempt == TABLE_NONE)
		return false;
	const struct attempt *sent = list_get(&c->attempts, v->first_attempt);
	return (erasure->topic == v->topic || erasure->topic == topic) &&
	       erasure->key == checker_op(c, sent->line)->key;
}

static bool is_erased_by(const struct checker *c, const struct erasure *erasure,
			 const struct entry *e)
{
	const struct place *p = list_get(&c->places, e->place);
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);

	return e->offset < erasure->offset && is_of(c, erasure, v, p->topic);
}

const struct erasure *checker_erased_before(const struct checker *c, const struct entry *e,
					    uint32_t line)
{
	for (uint32_t i = 0; i < c->erasures.count; i++) {
		const struct erasure *erasure = list_get(&c->erasures, i);
		if (erasure->told_line < line && is_erased_by(c, erasure, e))
			return erasure;
	}
	return NULL;
}

static bool is_erased(const struct checker *c, const struct entry *e, uint64_t below, uint32_t life)
{
	for (uint32_t i = 0; i < c->erasures.count; i++) {
		const struct erasure *erasure = list_get(&c->erasures, i);
		if (erasure->offset < below && erasure->first_life <= life &&
		    life < erasure->end_life && is_erased_by(c, erasure, e))
			return true;
	}
	return false;
}

bool checker_died_erased(const struct checker *c, const struct entry *e, uint64_t letter,
			 uint32_t life)
{
	return is_erased(c, e, letter, life);
}

/* --- both ------------------------------------------------------------------------------------- */

bool checker_is_owed(const struct checker *c, uint32_t group, const struct entry *e, uint32_t life)
{
	const struct group *g = checker_find(&c->group_at, &c->groups, group, 0);
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);

	return checker_wants(c, g, v, e->offset, life) && !is_erased(c, e, UINT64_MAX, life);
}

bool checker_is_owed_anywhere(const struct checker *c, const struct group *g, const struct value *v)
{
	for (uint32_t i = g->filters; i != TABLE_NONE;) {
		const struct filter *f = list_get(&c->filters, i);
		i = f->older;
		if ((f->unwanted >> v->kind % 64 & 1) != 0)
			return false;
	}
	for (uint32_t i = 0; i < c->erasures.count; i++)
		if (is_of(c, list_get(&c->erasures, i), v, v->topic))
			return false;
	return true;
}
