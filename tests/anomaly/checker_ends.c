/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole history shows: what became of each event, and who never got it. */
#include "tests/anomaly/checker_internal.h"

#define ENTRIES_COMPARED 32u /* of one value: it was sent again after so many recoveries */

bool checker_is_excused(const struct checker *c, const struct row *row, uint64_t offset)
{
	uint32_t low = 0, high = row->gap_count;

	while (low < high) { /* the first gap that ends behind it */
		uint32_t middle = low + (high - low) / 2;
		const struct gap *gap = list_get(&c->gaps, row->gaps + middle);
		if (gap->end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == row->gap_count)
		return false;
	return ((struct gap *)list_get(&c->gaps, row->gaps + low))->first <= offset;
}

/* --- reads, and where they stood -------------------------------------------------------------- */

static void check_read(struct checker *c, const struct value *v)
{
	uint32_t tries = v->attempts_before_read;

	if (v->read_line == TABLE_NONE)
		return;
	if (tries == 0) {
		checker_found(c, RULE_PHANTOM, v->read_line, TABLE_NONE);
		return;
	}
	for (uint32_t i = v->first_attempt; tries-- > 0;) {
		const struct attempt *a = list_get(&c->attempts, i);
		if (a->type != HISTORY_FAIL)
			return;
		i = a->next;
	}
	const struct attempt *first = list_get(&c->attempts, v->first_attempt);
	checker_found(c, RULE_G1A, v->read_line, first->line);
}

/* Of a value's entries, how many more stood in this one's topic when it came. */
static uint32_t count_others(const struct checker *c, const struct value *v, const struct entry *of,
			     const struct entry **ret_other)
{
	const struct place *p = list_get(&c->places, of->place);
	uint32_t count = 0, compared = 0;

	for (uint32_t i = v->entries; i != TABLE_NONE && compared < ENTRIES_COMPARED; compared++) {
		const struct entry *e = checker_entry(c, i);
		const struct place *q = list_get(&c->places, e->place);
		i = e->next_of_value;
		bool stood = e->first_life <= of->first_life && of->first_life < e->end_life;
		if (e == of || p->topic != q->topic || !stood)
			continue;
		count++;
		*ret_other = e;
	}
	return count;
}

static uint32_t count_groups(uint64_t bits)
{
	uint32_t count = 0;

	for (; bits != 0; bits &= bits - 1)
		count++;
	return count;
}

static void check_duplicate(struct checker *c, const struct value *v)
{
	uint32_t compared = 0;

	for (uint32_t i = v->entries; i != TABLE_NONE && compared < ENTRIES_COMPARED; compared++) {
		const struct entry *e = checker_entry(c, i), *other = NULL;
		i = e->next_of_value;
		const struct place *p = list_get(&c->places, e->place);
		uint32_t letters = p->topic == v->dead_topic ? count_groups(v->dead_of) : 0;
		uint32_t more = letters > 0 ? letters - 1 : 0;
		if (count_others(c, v, e, &other) <= v->redrives + more)
			continue;
		checker_found(c, RULE_DUPLICATE, e->line, other->line);
		return;
	}
}

/* --- lost ------------------------------------------------------------------------------------- */

static bool is_expired(const struct checker *c, uint32_t group, uint32_t entry)
{
	const struct gv *gv = checker_find(&c->gv_at, &c->gvs, group, entry);

	return gv != NULL && gv->expired;
}

/* Somebody who is known to read from below this offset on has read a higher one. */
static bool was_passed(struct checker *c, const struct entry *e)
{
	const struct place *p = list_get(&c->places, e->place);

	for (uint32_t i = p->rows; i != TABLE_NONE;) {
		const struct row *row = list_get(&c->rows, i);
		i = row->next_of_place;
		if (table_find(&c->topic_start_at, row->group, p->topic) == TABLE_NONE)
			continue;
		if (row->start <= e->offset && e->offset < row->polled_max &&
		    e->offset >= checker_group(c, row->group)->seek_below &&
		    !checker_is_excused(c, row, e->offset) &&
		    checker_is_owed(c, row->group, e, checker_last_life(c)) &&
		    !is_expired(c, row->group, checker_index(&c->entries, e)))
			return true;
	}
	return false;
}

/* Told safe, and a recovery did not find it. */
static void check_cut(struct checker *c, const struct value *v)
{
	const struct entry *newest = checker_entry(c, v->entries);

	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value)
		if (checker_entry(c, i)->end_life == LIFE_END)
			return;
	for (uint32_t i = v->first_attempt; i != TABLE_NONE;) {
		const struct attempt *a = list_get(&c->attempts, i);
		i = a->next;
		if (a->type != HISTORY_OK || a->life >= newest->end_life ||
		    !checker_is_safe(c, a->level, a->life))
			continue;
		const struct life *l = list_get(&c->lives, newest->end_life);
		checker_found(c, RULE_LOST_WRITE, l->line, a->end_line);
		return;
	}
}

static void check_lost(struct checker *c, const struct value *v)
{
	const struct entry *lost = NULL;

	/* What is known of where a dead one stood may be its letter's place: see check_dead(). */
	if (v->entries == TABLE_NONE || v->dead_of != 0)
		return;
	check_cut(c, v);
	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value) {
		const struct entry *e = checker_entry(c, i);
		if (e->read)
			return;
		if (e->end_life == LIFE_END && was_passed(c, e))
			lost = e;
	}
	if (lost != NULL && v->committed)
		checker_found(c, RULE_LOST_WRITE, lost->line, TABLE_NONE);
}

/* --- unseen ----------------------------------------------------------------------------------- */

/* The line from which on it is known that the event stands there to be read; TABLE_NONE. */
static uint32_t known_since(const struct checker *c, const struct value *v)
{
	uint32_t line = TABLE_NONE;

	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value)
		if (checker_entry(c, i)->end_life == LIFE_END && checker_entry(c, i)->line < line)
			line = checker_entry(c, i)->line;
	for (uint32_t i = v->first_attempt; i != TABLE_NONE;) {
		const struct attempt *a = list_get(&c->attempts, i);
		i = a->next;
		if (a->end_line < line && checker_is_committed(c, v, a))
			line = a->end_line;
	}
	return line;
}

/* True: the group need not have got the event, as far as anybody can say. */
static bool need_not(struct checker *c, const struct group *g, const struct value *v,
		     uint64_t start)
{
	bool stands = false;

	/* Read and standing nowhere: another event is there. */
	if (v->entries == TABLE_NONE)
		return start > 1 || g->gaps || g->seeks > 0 || v->read_line != TABLE_NONE ||
		       !checker_is_owed_anywhere(c, g, v);
	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value) {
		const struct entry *e = checker_entry(c, i);
		const struct place *p = list_get(&c->places, e->place);
		if (p->topic != v->topic || e->end_life != LIFE_END)
			continue;
		stands = true;
		if (e->offset < start || e->offset < g->seek_below ||
		    checker_is_excused(c, checker_row(c, g->group, e->place), e->offset) ||
		    is_expired(c, g->group, i) || (!e->read && was_passed(c, e)) ||
		    !checker_is_owed(c, g->group, e, checker_last_life(c)))
			return true;
	}
	return !stands;
}

static void check_unseen(struct checker *c, const struct group *g)
{
	for (uint32_t i = 0; i < c->values.count; i++) {
		const struct value *v = list_get(&c->values, i);
		if (!v->committed || v->first_attempt == TABLE_NONE || checker_died(v, g->group) ||
		    table_find(&c->seen_at, g->group, v->value) != TABLE_NONE)
			continue;
		const uint64_t *start =
			checker_find(&c->topic_start_at, &c->starts, g->group, v->topic);
		if (start == NULL || need_not(c, g, v, *start))
			continue;
		uint32_t since = known_since(c, v);
		if (since < g->drain_line)
			checker_found(c, RULE_UNSEEN, g->drain_line, since);
	}
}

/* --- batches ---------------------------------------------------------------------------------- */

static bool stands_at_end(const struct checker *c, const struct value *v)
{
	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value)
		if (checker_entry(c, i)->end_life == LIFE_END)
			return true;
	return false;
}

/* A drained group would have got it, if it were there. */
static bool would_be_seen(const struct checker *c, const struct value *v)
{
	for (uint32_t i = 0; i < c->groups.count; i++) {
		const struct group *g = list_get(&c->groups, i);
		const uint64_t *start =
			checker_find(&c->topic_start_at, &c->starts, g->group, v->topic);
		if (g->drain_line != TABLE_NONE && start != NULL && *start <= 1 && !g->gaps &&
		    g->seeks == 0 && checker_is_owed_anywhere(c, g, v))
			return true;
	}
	return false;
}

static void check_batches(struct checker *c)
{
	for (uint32_t i = 0; i < c->attempts.count; i++) {
		const struct attempt *a = list_get(&c->attempts, i);
		const struct history_op *op = checker_op(c, a->line);
		const struct value *v = list_get(&c->values, a->value);
		struct call *call =
			op->call == 0 ? NULL : checker_find(&c->call_at, &c->calls, op->call, 0);
		/* What is acknowledged and not there is unseen; what failed and is there, G1a. */
		if (call == NULL || v->attempt_count > 1 || a->type != HISTORY_INFO ||
		    (call->txn == TABLE_NONE && (op->flags & HISTORY_ATOMIC) == 0))
			continue;
		if (stands_at_end(c, v)) {
			call->standing++;
		} else if (v->dead_of == 0 && would_be_seen(c, v)) {
			call->missing++;
			call->missing_line = a->line;
		}
	}
	for (uint32_t i = 0; i < c->calls.count; i++) {
		const struct call *call = list_get(&c->calls, i);
		if (call->standing > 0 && call->missing > 0)
			checker_found(c, RULE_TORN_BATCH, call->missing_line, TABLE_NONE);
	}
}

/* --- dead letters ----------------------------------------------------------------------------- */

static bool was_read_as_dead(const struct checker *c, const struct history_op *op, uint32_t line)
{
	const struct value *v = checker_find(&c->value_at, &c->values, op->value, 0);
	uint32_t life = checker_last_life(c);

	for (uint32_t i = 0; i < c->groups.count; i++) {
		const struct group *g = list_get(&c->groups, i);
		if (checker_find(&c->topic_start_at, &c->starts, g->group, op->topic) == NULL)
			continue;
		if (table_find(&c->seen_at, g->group, op->value) != TABLE_NONE ||
		    g->drain_line == TABLE_NONE || g->drain_line < line)
			continue;
		uint32_t place = table_find(&c->place_at, op->topic, op->partition);
		uint32_t letter = op->offset != 0 ? checker_find_entry(c, place, op->offset, life)
						  : TABLE_NONE;
		if (letter != TABLE_NONE
			    ? !checker_is_owed(c, g->group, checker_entry(c, letter), life)
			    : !checker_is_owed_anywhere(c, g, v))
			continue;
		const struct row *row =
			place == TABLE_NONE ? NULL
					    : checker_find(&c->row_at, &c->rows, g->group, place);
		if (op->offset != 0 && (op->offset < g->seek_below ||
					(row != NULL && checker_is_excused(c, row, op->offset))))
			continue;
		return false;
	}
	return true;
}

static void check_dead(struct checker *c)
{
	uint32_t life = 0;

	for (uint32_t i = 0; i < history_count(c->history); i++) {
		const struct history_op *op = checker_op(c, i);
		if (op->f == HISTORY_RECOVER)
			life++;
		if (op->f != HISTORY_DEAD || op->type != HISTORY_OK)
			continue;
		bool may_be_cut = op->offset != 0 ? checker_end_of(c, life, op->offset) != LIFE_END
						  : life + 1 < c->lives.count;
		if (!may_be_cut && !was_read_as_dead(c, op, i))
			checker_found(c, RULE_DEAD_AND_GONE, i, TABLE_NONE);
	}
}

void checker_ends(struct checker *c)
{
	for (uint32_t i = 0; i < c->values.count; i++) {
		const struct value *v = list_get(&c->values, i);
		check_read(c, v);
		check_duplicate(c, v);
		check_lost(c, v);
	}
	for (uint32_t i = 0; i < c->entries.count; i++) {
		const struct entry *e = checker_entry(c, i);
		if (e->durable_line == TABLE_NONE || e->end_life == LIFE_END)
			continue;
		const struct life *l = list_get(&c->lives, e->end_life);
		checker_found(c, RULE_VANISHED, l->line, e->durable_line);
	}
	for (uint32_t i = 0; i < c->groups.count; i++) {
		const struct group *g = list_get(&c->groups, i);
		if (g->drain_line != TABLE_NONE)
			check_unseen(c, g);
	}
	check_batches(c);
	check_dead(c);
}
