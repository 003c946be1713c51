/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where events stand. What an answer, a poll or a scan says of an offset holds from that life on
 * until a recovery cuts below it; another event at the same offset in those lives is one too many.
 */
#include <stdlib.h>

#include "tests/anomaly/checker_internal.h"

/* The event that stands there now, seen for the first time or again. */
static uint32_t observe(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t place = checker_place(c, op->topic, op->partition);
	uint32_t at = checker_find_entry(c, place, op->offset, life);

	if (at != TABLE_NONE) {
		struct entry *e = checker_entry(c, at);
		if (e->value != op->value) {
			checker_found(c, RULE_INCONSISTENT_OFFSETS, line, e->line);
			return TABLE_NONE;
		}
		/* What expired is seen first without its key. */
		if (e->key == 0)
			e->key = op->key;
		return at;
	}
	struct value *v = checker_value(c, op->value);
	struct entry *e = list_add(&c->entries);
	uint32_t *newest = table_at(&c->entry_at, place, op->offset);
	*e = (struct entry){
		.offset = op->offset,
		.value = op->value,
		.key = op->key,
		.acked_ns = UINT64_MAX,
		.place = place,
		.first_life = life,
		.end_life = checker_end_of(c, life, op->offset),
		.line = line,
		.older = *newest,
		.next_of_value = v->entries,
		.durable_line = TABLE_NONE,
		.leaves_life = LIFE_END,
	};
	v->entries = *newest = checker_index(&c->entries, e);
	return *newest;
}

/* --- operations ------------------------------------------------------------------------------- */

static struct attempt *new_attempt(struct checker *c, struct value *v, uint32_t line)
{
	const struct history_op *op = checker_op(c, line);
	struct attempt *a = list_add(&c->attempts);
	uint32_t index = checker_index(&c->attempts, a);

	*a = (struct attempt){.value = checker_index(&c->values, v),
			      .line = line,
			      .end_line = TABLE_NONE,
			      .next = TABLE_NONE,
			      .type = HISTORY_INFO};
	if (v->last_attempt != TABLE_NONE)
		((struct attempt *)list_get(&c->attempts, v->last_attempt))->next = index;
	else
		v->first_attempt = index;
	v->last_attempt = index;
	v->attempt_count++;
	v->topic = op->topic;
	v->kind = op->kind;
	if (op->call != 0)
		(void)checker_call(c, op->call);
	return a;
}

static struct attempt *open_attempt(struct checker *c, struct value *v, uint32_t line)
{
	uint32_t process = checker_op(c, line)->process;

	for (uint32_t i = v->first_attempt; i != TABLE_NONE;) {
		struct attempt *a = list_get(&c->attempts, i);
		if (a->end_line == TABLE_NONE && checker_op(c, a->line)->process == process)
			return a;
		i = a->next;
	}
	return new_attempt(c, v, line);
}

static void take_send(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	struct value *v = checker_value(c, op->value);

	if (op->type == HISTORY_INVOKE) {
		(void)new_attempt(c, v, line);
		return;
	}
	struct attempt *a = open_attempt(c, v, line);
	a->end_line = line;
	a->life = life;
	a->level = op->level;
	a->type = (op->flags & HISTORY_PRESENT) != 0 ? HISTORY_FAIL : op->type;
	if (a->type != HISTORY_OK || op->offset == 0)
		return;
	uint32_t at = observe(c, line, life);
	if (at != TABLE_NONE && checker_entry(c, at)->acked_ns == UINT64_MAX)
		checker_entry(c, at)->acked_ns = op->time;
	*(uint32_t *)list_get(&c->op_entry, line) = at;
}

static void take_read(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t at = observe(c, line, life);
	struct value *v = checker_value(c, op->value);

	if (v->read_line == TABLE_NONE) {
		v->read_line = line;
		v->read_life = life;
		v->attempts_before_read = v->attempt_count;
	}
	*(uint32_t *)list_get(&c->op_entry, line) = at;
	if (at == TABLE_NONE)
		return;
	struct entry *e = checker_entry(c, at);
	struct place *p = list_get(&c->places, e->place);
	e->read = true;
	if (e->version == 0)
		e->version = op->version;
	p->read_max = op->offset > p->read_max ? op->offset : p->read_max;
	if (op->f != HISTORY_POLL)
		return;
	(void)checker_row(c, op->group, e->place);
	if (checker_group(c, op->group)->gate == HISTORY_DURABLE && e->durable_line == TABLE_NONE)
		e->durable_line = line;
}

static void take_dead(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	struct value *v = checker_value(c, op->value);

	if (op->offset != 0)
		(void)observe(c, line, life);
	v->dead_topic = op->topic;
	if (v->dead_line == TABLE_NONE)
		v->dead_line = line;
	v->dead_of |= 1ull << op->group % 64;
	/* Which event of the group it was: the newest of that value in another topic. */
	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value) {
		const struct entry *e = checker_entry(c, i);
		const struct place *p = list_get(&c->places, e->place);
		if (p->topic == op->topic || life >= e->end_life)
			continue;
		*(uint32_t *)list_get(&c->op_entry, line) = i;
		return;
	}
}

static void take_subscribe(struct checker *c, const struct history_op *op, uint32_t life)
{
	struct group *g = checker_group(c, op->group);
	bool made;
	uint64_t *start = checker_at(&c->topic_start_at, &c->starts, op->group, op->topic, &made);

	*start = op->offset; /* once more: a recovery took the first one back */
	g->gate = op->level;
	g->shared = (op->flags & (HISTORY_SHARED | HISTORY_KEYED)) != 0;
	g->keyed = (op->flags & HISTORY_KEYED) != 0;
	g->delay = op->delay;
	g->lives = op->lives;
	checker_filter(c, op, life);
}

static void take_gap(struct checker *c, const struct history_op *op)
{
	struct row *row = checker_row(c, op->group, checker_place(c, op->topic, op->partition));
	struct gap *gap = list_add(&c->gaps);

	*gap = (struct gap){op->offset, op->end, checker_index(&c->rows, row)};
	checker_group(c, op->group)->gaps = true;
}

/* A recovery may cut the record of a generation away: its number is then given again. */
static void take_assign(struct checker *c, const struct history_op *op, uint32_t life)
{
	uint32_t place = checker_place(c, op->topic, op->partition);
	bool made;
	uint64_t *start =
		checker_at(&c->start_at, &c->starts, (uint64_t)op->group << 32 | op->generation,
			   (uint64_t)life << 32 | place, &made);

	if (made)
		*start = op->offset;
	(void)checker_row(c, op->group, place);
}

/* Where operations say a place, most of them without a value: what stands there. */
static void take_place(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t place = checker_place(c, op->topic, op->partition);

	*(uint32_t *)list_get(&c->op_entry, line) =
		op->value != 0 ? observe(c, line, life)
			       : checker_find_entry(c, place, op->offset, life);
	if (op->f == HISTORY_PROGRESS || op->f == HISTORY_COMMIT)
		(void)checker_row(c, op->group, place);
}

static void take_txn(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	struct call *call = checker_call(c, op->call);

	call->txn = line;
	call->life = life;
	if (op->type != HISTORY_INVOKE)
		call->type = op->type;
}

static void take(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	bool is_ok = op->type == HISTORY_OK;

	switch (op->f) {
	case HISTORY_SEND:
		take_send(c, line, life);
		break;
	case HISTORY_POLL:
	case HISTORY_SCAN:
		if (is_ok && op->value != 0)
			take_read(c, line, life);
		break;
	case HISTORY_GAP:
		take_gap(c, op);
		break;
	case HISTORY_DEAD:
		if (is_ok)
			take_dead(c, line, life);
		break;
	case HISTORY_GIVEUP:
		(void)checker_value(c, op->value);
		break;
	case HISTORY_REDRIVE:
		checker_value(c, op->value)->redrives++;
		break;
	case HISTORY_SUBSCRIBE:
		if (is_ok)
			take_subscribe(c, op, life);
		break;
	case HISTORY_FILTER:
		checker_filter(c, op, life);
		break;
	case HISTORY_ASSIGN:
		take_assign(c, op, life);
		break;
	case HISTORY_SEEK: {
		struct group *g = checker_group(c, op->group);
		g->seek_below = op->offset > g->seek_below ? op->offset : g->seek_below;
		g->seeks++;
		break;
	}
	case HISTORY_DRAIN:
		checker_group(c, op->group)->drain_line = line;
		break;
	case HISTORY_TXN:
		take_txn(c, line, life);
		break;
	case HISTORY_ERASE:
		if (is_ok)
			checker_erase(c, line, life);
		break;
	case HISTORY_COMPACT:
		checker_compact(c, op, life);
		break;
	case HISTORY_GROW:
		checker_grow(c, op, life);
		break;
	case HISTORY_ACK:
	case HISTORY_TAKE:
	case HISTORY_RELEASE:
	case HISTORY_EXTEND:
	case HISTORY_EXPIRE:
	case HISTORY_PROGRESS:
	case HISTORY_COMMIT:
		take_place(c, line, life);
		break;
	default:
		break;
	}
}

/* --- what follows from all of them ------------------------------------------------------------ */

/* What was sent in a transaction is told with its end. */
static void settle_txn(struct checker *c, struct attempt *a)
{
	uint32_t number = checker_op(c, a->line)->call;
	const struct call *call =
		number == 0 ? NULL : checker_find(&c->call_at, &c->calls, number, 0);

	if (call == NULL || call->txn == TABLE_NONE || a->type == HISTORY_FAIL)
		return;
	a->type = call->type;
	a->level = checker_op(c, call->txn)->level;
	a->life = call->life;
	a->end_line = call->txn;
}

bool checker_is_committed(const struct checker *c, const struct value *v, const struct attempt *a)
{
	if (a->type != HISTORY_OK)
		return false;
	for (uint32_t i = v->entries; i != TABLE_NONE; i = checker_entry(c, i)->next_of_value)
		if (checker_entry(c, i)->first_life <= a->life &&
		    checker_entry(c, i)->end_life == LIFE_END)
			return true;
	return checker_is_safe(c, a->level, a->life);
}

static bool is_in_topic_of(struct checker *c, uint32_t entry, const struct attempt *a)
{
	const struct place *p = list_get(&c->places, checker_entry(c, entry)->place);
	return p->topic == checker_op(c, a->line)->topic;
}

static void settle_attempts(struct checker *c)
{
	for (uint32_t i = 0; i < c->attempts.count; i++) {
		struct attempt *a = list_get(&c->attempts, i);
		struct value *v = list_get(&c->values, a->value);
		settle_txn(c, a);
		if (a->type == HISTORY_INFO && v->read_line != TABLE_NONE)
			v->committed = true;
		/* Sent once, it stands there since it was answered: in its own topic, not as a dead
		 * letter, which may be all that was ever seen of it. */
		uint32_t oldest = TABLE_NONE;
		for (uint32_t k = v->entries; k != TABLE_NONE;
		     k = checker_entry(c, k)->next_of_value)
			oldest = is_in_topic_of(c, k, a) ? k : oldest;
		if (a->type == HISTORY_OK && v->attempt_count == 1 && oldest != TABLE_NONE &&
		    a->life < checker_entry(c, oldest)->first_life)
			checker_entry(c, oldest)->first_life = a->life;
		if (checker_is_committed(c, v, a))
			v->committed = true;
	}
}

/* Where a subscription begins may be said behind what it was first told. */
static void settle_rows(struct checker *c)
{
	for (uint32_t i = 0; i < c->rows.count; i++) {
		struct row *row = list_get(&c->rows, i);
		const struct place *p = list_get(&c->places, row->place);
		const uint64_t *start =
			checker_find(&c->topic_start_at, &c->starts, row->group, p->topic);
		row->placed = start != NULL;
		row->start = row->position = row->position_max = start != NULL ? *start : 0;
	}
}

static int compare_entries(const void *a, const void *b, void *context)
{
	const struct checker *c = context;
	const struct entry *x = checker_entry(c, *(const uint32_t *)a);
	const struct entry *y = checker_entry(c, *(const uint32_t *)b);

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->first_life < y->first_life ? -1 : x->first_life > y->first_life;
}

static void rank_entries(struct checker *c)
{
	for (uint32_t i = 0; i < c->entries.count; i++)
		*(uint32_t *)list_add(&c->order) = i;
	qsort_r(c->order.at, c->order.count, sizeof(uint32_t), compare_entries, c);
	for (uint32_t i = 0; i < c->order.count; i++) {
		struct entry *e = checker_ranked(c, i);
		struct place *p = list_get(&c->places, e->place);
		e->rank = i;
		if (i == 0 || checker_ranked(c, i - 1)->place != e->place)
			p->first_rank = i;
		p->end_rank = i + 1;
	}
}

static int compare_gaps(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted, and those of a row that touch made one. */
static void merge_gaps(struct checker *c)
{
	struct gap *gaps = c->gaps.at;
	uint32_t kept = 0;

	qsort(gaps, c->gaps.count, sizeof *gaps, compare_gaps);
	for (uint32_t i = 0; i < c->gaps.count; i++) {
		struct row *row = list_get(&c->rows, gaps[i].row);
		if (row->gap_count > 0 && gaps[i].first <= gaps[kept - 1].end) {
			if (gaps[i].end > gaps[kept - 1].end)
				gaps[kept - 1].end = gaps[i].end;
			continue;
		}
		if (row->gap_count++ == 0)
			row->gaps = kept;
		gaps[kept++] = gaps[i];
	}
	c->gaps.count = kept;
}

void checker_log(struct checker *c)
{
	uint32_t count = history_count(c->history), life = 0;

	checker_lives(c);
	for (uint32_t i = 0; i < count; i++)
		*(uint32_t *)list_add(&c->op_entry) = TABLE_NONE;
	for (uint32_t i = 0; i < count; i++) {
		if (checker_op(c, i)->f == HISTORY_RECOVER)
			life++;
		take(c, i, life);
	}
	settle_attempts(c);
	settle_rows(c);
	rank_entries(c);
	merge_gaps(c);
}
