/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which partition a key is in: one, from where its topic has grown to where it grows again. What
 * stands behind a growth is gone with it, so that an event is of the last growth below it that
 * stood when the event was first seen.
 */
#include <stdlib.h>

#include "tests/anomaly/checker_internal.h"

void checker_grow(struct checker *c, const struct history_op *op, uint32_t life)
{
	struct growth *growth = list_add(&c->growths);

	*growth = (struct growth){.offset = op->offset,
				  .topic = op->topic,
				  .partitions = op->partition,
				  .first_life = life,
				  .end_life = checker_end_of(c, life, op->offset)};
}

/* TABLE_NONE: it stands before the first. */
static uint32_t growth_of(const struct checker *c, uint32_t topic, const struct entry *e)
{
	uint32_t found = TABLE_NONE;
	uint64_t offset = 0;

	for (uint32_t i = 0; i < c->growths.count; i++) {
		const struct growth *g = list_get(&c->growths, i);
		bool stood = g->first_life <= e->first_life && e->first_life < g->end_life;
		if (g->topic != topic || !stood || g->offset > e->offset || g->offset < offset)
			continue;
		offset = g->offset;
		found = i;
	}
	return found;
}

/* By topics: a key may be in another partition when its topic has grown. */
static int compare(const void *a, const void *b, void *context)
{
	const struct checker *c = context;
	const struct entry *x = checker_entry(c, *(const uint32_t *)a);
	const struct entry *y = checker_entry(c, *(const uint32_t *)b);
	const struct place *p = list_get(&c->places, x->place);
	const struct place *q = list_get(&c->places, y->place);

	if (p->topic != q->topic)
		return p->topic < q->topic ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->first_life < y->first_life ? -1 : x->first_life > y->first_life;
}

static void order_by_topic(struct checker *c)
{
	for (uint32_t i = 0; i < c->entries.count; i++)
		*(uint32_t *)list_add(&c->in_topic) = i;
	qsort_r(c->in_topic.at, c->in_topic.count, sizeof(uint32_t), compare, c);
}

void checker_homes(struct checker *c)
{
	order_by_topic(c);
	for (uint32_t i = 0; i < c->entries.count; i++) {
		const struct entry *e = checker_entry(c, i);
		const struct place *p = list_get(&c->places, e->place);
		uint32_t growth = growth_of(c, p->topic, e);
		bool made;
		if (e->key == 0)
			continue;
		uint32_t *home = checker_at(&c->home_at, &c->numbers,
					    (uint64_t)growth << 32 | p->topic, e->key, &made);
		bool is_there =
			growth == TABLE_NONE ||
			p->partition < ((struct growth *)list_get(&c->growths, growth))->partitions;
		if (!is_there || (!made && *home != e->place))
			checker_found(c, RULE_KEY_MOVED, e->line, TABLE_NONE);
		if (made)
			*home = e->place;
	}
}
