/* SPDX-License-Identifier: Apache-2.0 */
/* What a history is about: lives, partitions, groups, events, calls; each made when it is named. */
#include "tests/anomaly/checker_internal.h"

/* --- lives ------------------------------------------------------------------------------------ */

void checker_lives(struct checker *c)
{
	struct life *life = list_add(&c->lives);
	uint8_t level = 0;

	life->cut = HISTORY_NO_CUT;
	for (uint32_t i = 0; i < history_count(c->history); i++) {
		const struct history_op *op = checker_op(c, i);
		if (op->f == HISTORY_CRASH && op->level > level)
			level = op->level;
		if (op->f != HISTORY_RECOVER)
			continue;
		life = list_add(&c->lives);
		*life = (struct life){.cut = op->offset, .line = i, .level = level};
		level = 0;
	}
	uint8_t worst = 0;
	for (uint32_t i = c->lives.count; i-- > 0;) {
		life = list_get(&c->lives, i);
		life->worst = worst;
		worst = life->level > worst ? life->level : worst;
		life->lower = i + 1 < c->lives.count ? i + 1 : TABLE_NONE;
		while (life->lower != TABLE_NONE) {
			const struct life *next = list_get(&c->lives, life->lower);
			if (next->cut < life->cut)
				break;
			life->lower = next->lower;
		}
	}
}

uint32_t checker_end_of(const struct checker *c, uint32_t life, uint64_t offset)
{
	for (uint32_t i = life + 1; i < c->lives.count;) {
		const struct life *l = list_get(&c->lives, i);
		if (l->cut < offset)
			return i;
		if (l->lower == TABLE_NONE)
			break;
		i = l->lower;
	}
	return LIFE_END;
}

bool checker_is_safe(const struct checker *c, uint8_t level, uint32_t life)
{
	const struct life *l = list_get(&c->lives, life);

	return level >= l->worst;
}

/* --- things ----------------------------------------------------------------------------------- */

uint32_t checker_place(struct checker *c, uint32_t topic, uint32_t partition)
{
	bool made;
	struct place *p = checker_at(&c->place_at, &c->places, topic, partition, &made);

	if (made)
		*p = (struct place){.topic = topic, .partition = partition, .rows = TABLE_NONE};
	return checker_index(&c->places, p);
}

struct group *checker_group(struct checker *c, uint32_t group)
{
	bool made;
	struct group *g = checker_at(&c->group_at, &c->groups, group, 0, &made);

	if (made)
		*g = (struct group){.group = group,
				    .drain_line = TABLE_NONE,
				    .loose_life = TABLE_NONE,
				    .filters = TABLE_NONE,
				    .gate = HISTORY_MEMORY};
	return g;
}

struct row *checker_row(struct checker *c, uint32_t group, uint32_t place)
{
	bool made;
	struct row *r = checker_at(&c->row_at, &c->rows, group, place, &made);

	if (!made)
		return r;
	(void)checker_group(c, group);
	struct place *p = list_get(&c->places, place);
	*r = (struct row){.group = group,
			  .place = place,
			  .next_of_place = p->rows,
			  .committed_line = TABLE_NONE,
			  .generation_line = TABLE_NONE};
	p->rows = checker_index(&c->rows, r);
	return r;
}

struct value *checker_value(struct checker *c, uint64_t value)
{
	bool made;
	struct value *v = checker_at(&c->value_at, &c->values, value, 0, &made);

	if (made)
		*v = (struct value){.value = value,
				    .first_attempt = TABLE_NONE,
				    .last_attempt = TABLE_NONE,
				    .entries = TABLE_NONE,
				    .read_line = TABLE_NONE,
				    .redrive_line = TABLE_NONE,
				    .dead_line = TABLE_NONE,
				    .giveup_line = TABLE_NONE};
	return v;
}

bool checker_is_placed(const struct checker *c, const struct value *v)
{
	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value) {
		const struct place *p = list_get(&c->places, checker_entry(c, i)->place);
		if (p->topic == v->topic)
			return true;
	}
	return false;
}

struct call *checker_call(struct checker *c, uint32_t number)
{
	bool made;
	struct call *call = checker_at(&c->call_at, &c->calls, number, 0, &made);

	if (made)
		*call = (struct call){.txn = TABLE_NONE,
				      .last_attempt = TABLE_NONE,
				      .missing_line = TABLE_NONE,
				      .node = TABLE_NONE,
				      .type = HISTORY_INFO};
	return call;
}

uint32_t checker_find_entry(const struct checker *c, uint32_t place, uint64_t offset, uint32_t life)
{
	uint32_t at = table_find(&c->entry_at, place, offset);

	for (; at != TABLE_NONE; at = checker_entry(c, at)->older) {
		const struct entry *e = checker_entry(c, at);
		if (e->first_life <= life && life < e->end_life)
			return at;
	}
	return TABLE_NONE;
}
