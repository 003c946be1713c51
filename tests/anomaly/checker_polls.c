/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of what members are handed: in each generation of a partition everything that stands
 * there, one after the other. What was passed over counts if somebody else read it: what nobody
 * read is a lost write.
 */
#include "tests/anomaly/checker_internal.h"

struct process *checker_process(struct checker *c, uint32_t process)
{
	bool made;
	struct process *p = checker_at(&c->process_at, &c->processes, process, 0, &made);

	if (made)
		*p = (struct process){
			.invoke_line = TABLE_NONE, .left_line = TABLE_NONE, .cursors = TABLE_NONE};
	return p;
}

static struct cursor *cursor_of(struct checker *c, const struct history_op *op, uint32_t place)
{
	struct process *p = checker_process(c, op->process);
	bool made;
	struct cursor *cursor = checker_at(&c->cursor_at, &c->cursors,
					   (uint64_t)op->process << 32 | op->group, place, &made);

	if (made) {
		*cursor = (struct cursor){.group = op->group,
					  .place = place,
					  .generation = TABLE_NONE,
					  .line = TABLE_NONE,
					  .next = p->cursors};
		p->cursors = checker_index(&c->cursors, cursor);
	}
	return cursor;
}

/*
 * Something that somebody read stands at `offset` or above it, and below the entry, and is none of
 * the group's dead letters, and something that it wants.
 */
static bool passes_over(const struct checker *c, uint32_t group, const struct entry *e,
			uint64_t offset, uint32_t life)
{
	const struct place *p = list_get(&c->places, e->place);

	for (uint32_t rank = e->rank; rank-- > p->first_rank;) {
		const struct entry *x = checker_ranked(c, rank);
		if (x->offset < offset)
			return false;
		if (x->read && x->offset < e->offset && checker_together(x, e) &&
		    !checker_died(checker_find(&c->value_at, &c->values, x->value, 0), group) &&
		    checker_is_owed(c, group, x, life))
			return true;
	}
	return false;
}

static void check_first(struct checker *c, const struct cursor *cursor, const struct entry *e,
			uint32_t line, uint32_t life)
{
	const uint64_t *start =
		checker_find(&c->start_at, &c->starts,
			     (uint64_t)cursor->group << 32 | checker_op(c, line)->generation,
			     (uint64_t)life << 32 | cursor->place);

	if (start == NULL)
		return;
	if (e->offset < *start)
		checker_found(c, RULE_NONMONOTONIC_POLL, line, TABLE_NONE);
	else if (passes_over(c, cursor->group, e, *start, life))
		checker_found(c, RULE_POLL_SKIP, line, TABLE_NONE);
}

static void check_poll(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);

	if (at == TABLE_NONE || checker_group(c, op->group)->shared)
		return;
	const struct entry *e = checker_entry(c, at);
	struct cursor *cursor = cursor_of(c, op, e->place);
	bool is_same = op->call != 0 && cursor->call == op->call;

	if (cursor->generation != op->generation)
		check_first(c, cursor, e, line, life);
	else if (e->offset <= cursor->offset && !cursor->rewinds)
		checker_found(c, is_same ? RULE_INT_NONMONOTONIC_POLL : RULE_NONMONOTONIC_POLL,
			      line, cursor->line);
	else if (e->offset > cursor->offset &&
		 passes_over(c, op->group, e, cursor->offset + 1, life))
		checker_found(c, is_same ? RULE_INT_POLL_SKIP : RULE_POLL_SKIP, line, cursor->line);
	cursor->generation = op->generation;
	cursor->rewinds = false;
	cursor->offset = e->offset;
	cursor->call = op->call;
	cursor->line = line;
}

/* Once, in each of its partitions. */
static void take_rewind(struct checker *c, uint32_t process)
{
	for (uint32_t i = checker_process(c, process)->cursors; i != TABLE_NONE;) {
		struct cursor *cursor = list_get(&c->cursors, i);
		cursor->rewinds = true;
		i = cursor->next;
	}
}

/* A gap is as good as what it stands for. */
static void take_gap(struct checker *c, uint32_t line)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t place = table_find(&c->place_at, op->topic, op->partition);
	struct cursor *cursor = cursor_of(c, op, place);

	if (cursor->generation == op->generation && cursor->offset >= op->end)
		return;
	cursor->generation = op->generation;
	cursor->offset = op->end - 1;
	cursor->call = op->call;
	cursor->line = line;
}

/* --- lag -------------------------------------------------------------------------------------- */

static void note_generation(struct checker *c, const struct history_op *op)
{
	uint32_t place = table_find(&c->place_at, op->topic, op->partition);

	if (place == TABLE_NONE)
		return;
	struct row *row = checker_row(c, op->group, place);
	if (op->generation > row->assigned)
		row->assigned = op->generation;
}

static bool is_due(const struct checker *c, uint32_t group, uint32_t rank, uint32_t life)
{
	const struct entry *e = checker_ranked(c, rank);

	return e->first_life <= life && life < e->end_life && checker_is_owed(c, group, e, life);
}

/* The oldest event that this member should have had by then. */
static void measure_lag(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	const struct process *p = checker_process(c, op->process);
	uint64_t since_ns =
		p->invoke_line != TABLE_NONE ? checker_op(c, p->invoke_line)->time : op->time;

	for (uint32_t i = p->cursors; i != TABLE_NONE;) {
		const struct cursor *cursor = list_get(&c->cursors, i);
		const struct place *place = list_get(&c->places, cursor->place);
		const struct row *row = checker_row(c, cursor->group, cursor->place);
		i = cursor->next;
		if (row->assigned != cursor->generation)
			continue;
		uint32_t rank = checker_rank_from(c, place, cursor->offset + 1);
		while (rank < place->end_rank && !is_due(c, cursor->group, rank, life))
			rank++;
		if (rank == place->end_rank)
			continue;
		const struct entry *e = checker_ranked(c, rank);
		uint64_t lag_ns = e->acked_ns < since_ns ? since_ns - e->acked_ns : 0;
		if (lag_ns > c->verdict->lag_max_ns)
			c->verdict->lag_max_ns = lag_ns;
		if (c->options->lag_max_ns != 0 && lag_ns > c->options->lag_max_ns)
			checker_found(c, RULE_REALTIME_LAG, line, e->line);
	}
}

void checker_polls(struct checker *c)
{
	uint32_t life = 0;

	for (uint32_t i = 0; i < history_count(c->history); i++) {
		const struct history_op *op = checker_op(c, i);
		if (op->f == HISTORY_RECOVER)
			life++;
		if (op->f == HISTORY_ASSIGN)
			note_generation(c, op);
		if (op->f == HISTORY_GAP)
			take_gap(c, i);
		if (op->f == HISTORY_REWIND)
			take_rewind(c, op->process);
		if (op->f != HISTORY_POLL)
			continue;
		if (op->type == HISTORY_INVOKE) {
			checker_process(c, op->process)->invoke_line = i;
		} else if (op->type == HISTORY_OK && op->value == 0) {
			measure_lag(c, i, life);
		} else if (op->type == HISTORY_OK) {
			bool made;
			*(uint32_t *)checker_at(&c->seen_at, &c->numbers, op->group, op->value,
						&made) = i;
			note_generation(c, op);
			check_poll(c, i, life);
		}
	}
	for (uint32_t i = 0; i < c->rows.count; i++)
		((struct row *)list_get(&c->rows, i))->assigned = 0;
	for (uint32_t i = 0; i < c->processes.count; i++)
		((struct process *)list_get(&c->processes, i))->invoke_line = TABLE_NONE;
}
