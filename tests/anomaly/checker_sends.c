/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which sends landed, batches that stand side by side, idempotency keys, and states.
 * Order is judged of values that were sent once and stand once: of others nobody can say which try
 * it was.
 */
#include "tests/anomaly/checker_internal.h"

/* The entry of a value that has exactly one; NULL. */
static struct entry *only_entry(const struct checker *c, const struct value *v)
{
	if (v->dead_of != 0)
		return NULL; /* it may be a dead letter's */
	if (v->entries == TABLE_NONE)
		return NULL;
	struct entry *e = checker_entry(c, v->entries);
	return e->next_of_value == TABLE_NONE ? e : NULL;
}

static bool somebody_between(const struct checker *c, const struct entry *a, const struct entry *b)
{
	for (uint32_t rank = a->rank + 1; rank < b->rank; rank++)
		if (checker_together(checker_ranked(c, rank), b))
			return true;
	return false;
}

static void check_order(struct checker *c, const struct attempt *a, const struct entry *e)
{
	const struct history_op *op = checker_op(c, a->line);
	bool made;
	uint32_t *last = checker_at(&c->last_send_at, &c->numbers, op->process, e->place, &made);

	if (!made) {
		const struct attempt *before = list_get(&c->attempts, *last);
		const struct value *v = list_get(&c->values, before->value);
		const struct entry *b = checker_entry(c, v->entries);
		uint32_t call = checker_op(c, before->line)->call;
		bool is_same = call != 0 && call == op->call;
		if (checker_together(b, e) && b->offset > e->offset)
			checker_found(c,
				      is_same ? RULE_INT_NONMONOTONIC_SEND : RULE_NONMONOTONIC_SEND,
				      a->line, before->line);
		else if (is_same && checker_together(b, e) && somebody_between(c, b, e))
			checker_found(c, RULE_INT_SEND_SKIP, a->line, before->line);
	}
	*last = checker_index(&c->attempts, a);
}

/* Offsets are the log's, so what becomes visible together has consecutive ones. */
static void check_beside(struct checker *c, const struct attempt *a, const struct entry *e)
{
	const struct history_op *op = checker_op(c, a->line);
	struct call *call;

	if (op->call == 0 || (op->flags & HISTORY_ATOMIC) == 0)
		return;
	call = checker_find(&c->call_at, &c->calls, op->call, 0);
	if (call->last_attempt != TABLE_NONE) {
		const struct attempt *before = list_get(&c->attempts, call->last_attempt);
		const struct value *v = list_get(&c->values, before->value);
		const struct entry *b = only_entry(c, v);
		if (b != NULL && e != NULL && checker_together(b, e) && b->offset < e->offset &&
		    b->offset + 1 != e->offset)
			checker_found(c, RULE_TORN_BATCH, a->line, before->line);
	}
	call->last_attempt = checker_index(&c->attempts, a);
}

static void check_send(struct checker *c, const struct attempt *a)
{
	const struct value *v = list_get(&c->values, a->value);
	uint32_t tries = 0;

	for (uint32_t i = v->first_attempt; i != TABLE_NONE;) {
		const struct attempt *one = list_get(&c->attempts, i);
		tries += one->type != HISTORY_FAIL;
		i = one->next;
	}
	const struct entry *e = tries == 1 && a->type != HISTORY_FAIL ? only_entry(c, v) : NULL;
	check_beside(c, a, e);
	if (e != NULL)
		check_order(c, a, e);
}

/* --- idempotency keys ------------------------------------------------------------------------- */

/* What was sent; later ones are its dead letters, or it was sent anew. */
static const struct entry *oldest_entry(const struct checker *c, const struct value *v)
{
	const struct entry *e = checker_entry(c, v->entries);

	while (e->next_of_value != TABLE_NONE)
		e = checker_entry(c, e->next_of_value);
	return e;
}

static bool is_twice(const struct checker *c, const struct attempt *a, const struct attempt *b)
{
	const struct value *v = list_get(&c->values, a->value);
	const struct value *w = list_get(&c->values, b->value);

	if (a->value == b->value)
		return false; /* the same event at two places is a duplicate */
	if (v->entries == TABLE_NONE || w->entries == TABLE_NONE)
		return a->type == HISTORY_OK && b->type == HISTORY_OK && a->life == b->life;
	return checker_together(oldest_entry(c, v), oldest_entry(c, w));
}

/* What is there of its value may be another attempt's, which was under another key. */
static bool may_be_anothers(const struct checker *c, const struct attempt *a)
{
	const struct value *v = list_get(&c->values, a->value);
	uint64_t key = checker_op(c, a->line)->dedup;

	for (uint32_t i = v->first_attempt; i != TABLE_NONE;) {
		const struct attempt *other = list_get(&c->attempts, i);
		if (other->type != HISTORY_FAIL && checker_op(c, other->line)->dedup != key)
			return true;
		i = other->next;
	}
	return false;
}

static void check_dedup(struct checker *c, const struct attempt *a)
{
	const struct history_op *op = checker_op(c, a->line);
	const struct value *v = list_get(&c->values, a->value);
	const uint32_t *forgotten;
	bool made;

	if (op->dedup == 0 || a->type == HISTORY_FAIL ||
	    (a->type == HISTORY_INFO && (v->entries == TABLE_NONE || may_be_anothers(c, a))))
		return;
	forgotten = checker_find(&c->forget_at, &c->numbers, op->dedup, 0);
	uint32_t times = forgotten != NULL ? *forgotten : 0;
	uint32_t *first = checker_at(&c->dedup_at, &c->numbers, op->dedup, times, &made);
	if (!made) {
		const struct attempt *before = list_get(&c->attempts, *first);
		if (is_twice(c, before, a))
			checker_found(c, RULE_DEDUP_TWICE, a->line, before->line);
	}
	*first = checker_index(&c->attempts, a);
}

/* --- states ----------------------------------------------------------------------------------- */

static void check_state(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	bool made;
	uint32_t *at = checker_at(&c->state_at, &c->numbers, op->group, op->offset, &made);

	if (!made) {
		const struct history_op *before = checker_op(c, *at);
		if (before->value == op->value)
			return;
		uint32_t first_life = 0;
		while (first_life + 1 < c->lives.count &&
		       ((struct life *)list_get(&c->lives, first_life + 1))->line < *at)
			first_life++;
		if (checker_end_of(c, first_life, op->offset) > life)
			checker_found(c, RULE_SNAPSHOT_DIFFERS, line, *at);
	}
	*at = line;
}

void checker_sends(struct checker *c)
{
	uint32_t next = 0, life = 0;

	for (uint32_t i = 0; i < history_count(c->history); i++) {
		const struct history_op *op = checker_op(c, i);
		for (; next < c->attempts.count; next++) {
			const struct attempt *a = list_get(&c->attempts, next);
			if (a->line > i)
				break;
			check_send(c, a);
			check_dedup(c, a);
		}
		if (op->f == HISTORY_RECOVER)
			life++;
		if (op->f == HISTORY_STATE && op->type == HISTORY_OK)
			check_state(c, i, life);
		if (op->f == HISTORY_FORGET) {
			bool made;
			++*(uint32_t *)checker_at(&c->forget_at, &c->numbers, op->dedup, 0, &made);
		}
	}
}
