/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an event may be leased, by what its publisher and the queue said of it. Times are of append
 * time, which nobody is told: an event was appended between the moment it was sent and the moment
 * at which somebody knew of it, and until it has met the wall clock the log's clock may go at half
 * the speed of the history's, or a thousandth faster.
 */
#include "tests/anomaly/checker_internal.h"

#define SLOWER_TIMES 2u
#define FASTER_PART 1000u

static uint32_t first_line(const struct checker *c, const struct value *v)
{
	return ((struct attempt *)list_get(&c->attempts, v->first_attempt))->line;
}

/* The earliest moment at which somebody knew that it was there. */
static uint64_t known_ns(const struct checker *c, const struct value *v, const struct entry *e)
{
	const struct attempt *a = list_get(&c->attempts, v->first_attempt);
	uint64_t ns = checker_op(c, e->line)->time;

	/* Sent twice, it may be the second that stands there. */
	if (v->attempt_count == 1 && a->type == HISTORY_OK && a->end_line != TABLE_NONE &&
	    checker_op(c, a->end_line)->time < ns)
		ns = checker_op(c, a->end_line)->time;
	return ns;
}

void checker_terms(struct checker *c, const struct group *g, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	const struct entry *e = checker_entry(c, *(uint32_t *)list_get(&c->op_entry, line));
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);
	const struct life *l = list_get(&c->lives, life);

	if (v->first_attempt == TABLE_NONE || v->redrives > 0 || v->topic != op->topic)
		return;
	/* What passes while nobody has the log open counts at once, as the wall clock says. */
	if (life > 0 && first_line(c, v) < l->line)
		return;
	const struct history_op *sent = checker_op(c, first_line(c, v));
	uint64_t delay = sent->delay > g->delay ? sent->delay : g->delay;
	if (op->time < sent->time + delay - delay / FASTER_PART)
		checker_found(c, RULE_TOO_EARLY, line, first_line(c, v));
	uint64_t lives = sent->lives;
	if (g->lives != 0 && (lives == 0 || g->lives < lives))
		lives = g->lives;
	if (lives != 0 && op->time > known_ns(c, v, e) + lives * SLOWER_TIMES)
		checker_found(c, RULE_TOO_LATE, line, first_line(c, v));
}

static uint32_t taken_call(const struct checker *c, uint32_t line)
{
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);
	const struct gv *gv = checker_find(&c->gv_at, &c->gvs, checker_op(c, line)->group, at);

	return gv != NULL ? gv->taken_call : 0;
}

/* Of those that could be had at once the most urgent goes first; what was leased at one moment was
 * leased in the order in which its member gets it. */
void checker_urgency(struct checker *c, uint32_t line)
{
	const struct history_op *op = checker_op(c, line);
	const struct value *v = checker_find(&c->value_at, &c->values, op->value, 0);
	uint32_t taken = taken_call(c, line);

	if (op->priority == 0 || taken == 0 || (op->flags & HISTORY_REDELIVERED) != 0 ||
	    v->first_attempt == TABLE_NONE || checker_op(c, first_line(c, v))->delay != 0)
		return;
	for (uint32_t i = line; i-- > 0;) {
		const struct history_op *before = checker_op(c, i);
		if (before->f != HISTORY_POLL || before->process != op->process ||
		    before->call != op->call || before->end != op->end)
			return;
		if (before->priority == 0 || before->priority >= op->priority ||
		    taken_call(c, i) < taken)
			continue;
		checker_found(c, RULE_PRIORITY_PASSED, line, i);
		return;
	}
}
