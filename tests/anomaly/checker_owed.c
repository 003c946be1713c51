/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group has to be handed of what stands there: what it wants, that was not erased, and that
 * no compaction may have taken. A filter counts from its place on, until a recovery cuts that away;
 * the one that a subscription was made with from its beginning on, until it is made anew. An
 * erasure counts below its place, likewise. A compaction takes what is durable alone, so that no
 * recovery takes it back.
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

static uint64_t key_of(const struct checker *c, const struct value *v)
{
	if (v->first_attempt == TABLE_NONE)
		return 0;
	return checker_op(c, ((struct attempt *)list_get(&c->attempts, v->first_attempt))->line)
		->key;
}

/* A dead letter is of its event's topic, too. */
static bool is_of(const struct checker *c, const struct erasure *erasure, const struct value *v,
		  uint32_t topic)
{
	return (erasure->topic == v->topic || erasure->topic == topic) &&
	       erasure->key == key_of(c, v);
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

/* --- compacted -------------------------------------------------------------------------------- */

void checker_compact(struct checker *c, const struct history_op *op, uint32_t life)
{
	struct compaction *compaction = list_add(&c->compactions);

	*compaction = (struct compaction){.offset = op->offset, .topic = op->topic, .life = life};
}

/* The first that begins above an offset. */
static uint32_t first_above(const struct checker *c, uint32_t topic, uint64_t offset)
{
	for (uint32_t i = 0; i < c->compactions.count; i++) {
		const struct compaction *compaction = list_get(&c->compactions, i);
		if (compaction->topic == topic && compaction->offset > offset)
			return compaction->life;
	}
	return LIFE_END;
}

static bool is_tombstone(const struct checker *c, const struct value *v)
{
	const struct attempt *sent = list_get(&c->attempts, v->first_attempt);

	return (checker_op(c, sent->line)->flags & HISTORY_TOMBSTONE) != 0;
}

static uint32_t life_of(const struct checker *c, uint32_t line)
{
	uint32_t low = 0, high = c->lives.count - 1; /* the last that begins in front of the line */

	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;
		if (((struct life *)list_get(&c->lives, middle))->line < line)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Of each key the last life in which something was sent of which nobody knows where it stands. */
static void find_unplaced(struct checker *c)
{
	for (uint32_t i = 0; i < c->attempts.count; i++) {
		const struct attempt *a = list_get(&c->attempts, i);
		const struct value *v = list_get(&c->values, a->value);
		uint64_t key = key_of(c, v);
		if (key == 0 || a->type == HISTORY_FAIL || checker_is_placed(c, v))
			continue;
		/* By their lines, lives do not go back. */
		*table_at(&c->unplaced_at, v->topic, key) = life_of(c, a->line);
	}
}

/* What hides it may be one that nobody has seen, since it was passed over, and left, too. */
static bool may_be_hidden(const struct checker *c, uint64_t key, const struct entry *e)
{
	const struct place *p = list_get(&c->places, e->place);
	uint32_t life = table_find(&c->unplaced_at, p->topic, key);

	return life != TABLE_NONE && life >= e->first_life;
}

/* From the last event on, so that the next one of each key is known. */
void checker_leaves(struct checker *c)
{
	if (c->compactions.count == 0)
		return;
	find_unplaced(c);
	for (uint32_t i = c->in_topic.count; i-- > 0;) {
		struct entry *e = checker_entry(c, *(uint32_t *)list_get(&c->in_topic, i));
		const struct place *p = list_get(&c->places, e->place);
		const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);
		uint64_t key = key_of(c, v);
		if (key == 0 || p->topic != v->topic)
			continue;
		uint32_t *later = table_at(&c->later_at, p->topic, key);
		if (is_tombstone(c, v) || may_be_hidden(c, key, e))
			e->leaves_life = first_above(c, p->topic, e->offset);
		else if (*later != TABLE_NONE)
			e->leaves_life = first_above(c, p->topic, checker_entry(c, *later)->offset);
		if (e->end_life == LIFE_END)
			*later = checker_index(&c->entries, e);
	}
}

static bool is_compacted(const struct checker *c, uint32_t topic)
{
	return first_above(c, topic, 0) != LIFE_END;
}

/* --- all of them ------------------------------------------------------------------------------ */

bool checker_is_owed(const struct checker *c, uint32_t group, const struct entry *e, uint32_t life)
{
	const struct group *g = checker_find(&c->group_at, &c->groups, group, 0);
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);

	return checker_wants(c, g, v, e->offset, life) && !is_erased(c, e, UINT64_MAX, life) &&
	       (e->leaves_life == LIFE_END || life < e->leaves_life);
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
	return key_of(c, v) == 0 || !is_compacted(c, v->topic);
}
