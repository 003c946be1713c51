/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What groups may do with what they were handed: one owner a generation, progress only over what
 * was acknowledged in that generation, nothing again that a commit made safe.
 */
#include "tests/anomaly/checker_internal.h"

static bool stands(const struct entry *e, uint32_t life)
{
	return e->first_life <= life && life < e->end_life;
}

/* --- handed out ------------------------------------------------------------------------------- */

/* In a life: a recovery may give the number of a generation again. */
static void check_owner(struct checker *c, struct row *row, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t invoked = checker_process(c, op->process)->invoke_line;
	bool made;

	if (op->generation == 0)
		return;
	uint32_t *owner =
		checker_at(&c->owner_at, &c->numbers, (uint64_t)op->group << 32 | op->generation,
			   (uint64_t)life << 32 | row->place, &made);
	if (made)
		*owner = line;
	else if (checker_op(c, *owner)->process != op->process)
		checker_found(c, RULE_TWO_OWNERS, line, *owner);
	if (op->generation > row->generation) {
		row->generation = op->generation;
		row->generation_line = line;
	} else if (op->generation < row->generation && invoked != TABLE_NONE &&
		   row->generation_line < invoked) {
		checker_found(c, RULE_STALE_OWNER, line, row->generation_line);
	}
}

static void check_committed(struct checker *c, const struct group *g, const struct row *row,
			    uint32_t line, uint32_t life)
{
	uint64_t offset = checker_op(c, line)->offset;

	if (g->loose_life == life)
		return;
	for (uint32_t level = 0; level <= HISTORY_DURABLE; level++)
		if (offset < row->committed[level]) {
			checker_found(c, RULE_COMMITTED_AGAIN, line, row->committed_line);
			return;
		}
}

/* It was one of too many, and others of its key had their turn; a recovery took that back. */
static bool was_given_up(const struct checker *c, uint32_t group, uint32_t at, uint32_t line)
{
	const struct entry *e = checker_entry(c, at);
	const struct gv *gv = checker_find(&c->gv_at, &c->gvs, group, at);
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);

	return (gv != NULL && gv->expired) || (checker_died(v, group) && v->dead_line < line);
}

static void check_key(struct checker *c, const struct group *g, const struct row *row, uint32_t at,
		      uint32_t line, uint32_t life)
{
	const struct entry *e = checker_entry(c, at);
	uint32_t generation = checker_op(c, line)->generation;

	/* What lies in a gap may be handed out all the same, where a restart took that back. */
	if (e->key == 0 || (g->shared && !g->keyed) || checker_is_excused(c, row, e->offset) ||
	    was_given_up(c, g->group, at, line))
		return;
	struct key *k = checker_key(c, g->group, e);
	/* Until its generation is over, an owner goes on though a seek has moved the group. */
	bool may_be_moved = g->loose_life == life && k->generation != generation;
	if (k->first != TABLE_NONE && k->seeks == g->seeks_so_far && !may_be_moved) {
		const struct entry *before = checker_entry(c, k->first);
		if (stands(before, life) && before->offset > e->offset)
			checker_found(c, RULE_KEY_ORDER, line, before->line);
	}
	k->first = at;
	k->seeks = g->seeks_so_far;
	k->generation = generation;
}

static void check_unowed(struct checker *c, const struct group *g, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	const struct entry *e = checker_entry(c, *(uint32_t *)list_get(&c->op_entry, line));
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);
	uint32_t invoked = checker_process(c, op->process)->invoke_line;

	if (!checker_wants(c, g, v, e->offset, life))
		checker_found(c, RULE_UNWANTED, line, TABLE_NONE);
	if (op->call == 0 || invoked == TABLE_NONE)
		return;
	const struct erasure *erasure = checker_erased_before(c, e, invoked);
	if (erasure != NULL)
		checker_found(c, RULE_ERASED_SEEN, line, erasure->told_line);
}

static void take_poll(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);
	struct group *g = checker_group(c, op->group);
	bool made;

	if (at == TABLE_NONE)
		return;
	struct row *row = checker_row(c, op->group, checker_entry(c, at)->place);
	if (!g->shared) {
		check_owner(c, row, line, life);
		check_committed(c, g, row, line, life);
	}
	if (op->offset > row->polled_max && checker_entry(c, at)->end_life == LIFE_END)
		row->polled_max = op->offset;
	check_unowed(c, g, line, life);
	struct gv *gv = checker_gv(c, op->group, at, &made);
	checker_alive(c, gv, checker_entry(c, at), line, life);
	if (gv->delivered_line == TABLE_NONE)
		check_key(c, g, row, at, line, life);
	else if ((op->flags & HISTORY_REDELIVERED) == 0)
		checker_found(c, RULE_UNMARKED_REDELIVERY, line, gv->delivered_line);
	gv->delivered_line = line;
	if (g->shared) {
		checker_terms(c, g, line, life);
		checker_urgency(c, line);
		checker_parked(c, line, life);
		checker_lease(c, g, line, life);
	}
}

/* --- given back ------------------------------------------------------------------------------- */

/* It has not been told yet that the partition is another's: its acknowledgement settles nothing,
 * and progress by it is `fenced-ack`. */
static bool is_of_old_owner(struct checker *c, const struct history_op *op, const struct entry *e)
{
	return op->generation < checker_row(c, op->group, e->place)->assigned &&
	       !checker_group(c, op->group)->shared;
}

static void take_event(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);
	bool made;

	if (at == TABLE_NONE || op->type == HISTORY_FAIL)
		return;
	struct gv *gv = checker_gv(c, op->group, at, &made);
	const struct entry *e = checker_entry(c, at);
	if (op->f == HISTORY_EXTEND) {
		gv->lease_until = op->end;
		return;
	}
	if (op->f == HISTORY_TAKE) {
		gv->taken_call = op->call;
		return;
	}
	if (op->f == HISTORY_ACK) {
		if (op->type == HISTORY_OK && !is_of_old_owner(c, op, e))
			checker_alive(c, gv, e, line, life);
		if (op->type == HISTORY_OK && op->level != 0) {
			gv->settled_line = line;
			gv->settled_life = life;
			gv->settled_level = op->level;
			return;
		}
		/* What an old owner says afterwards changes nothing. */
		if (gv->acked_line == TABLE_NONE || gv->acked_life != life ||
		    op->generation >= gv->acked_generation) {
			gv->acked_line = line;
			gv->acked_generation = op->generation;
			gv->acked_life = life;
		}
	}
	if (op->f == HISTORY_EXPIRE)
		checker_taken_away(c, gv, line, life);
	gv->expired = gv->expired || op->f == HISTORY_EXPIRE;
	gv->leased = false;
}

/* --- progress --------------------------------------------------------------------------------- */

/* `generation` 0: any; which one is not known. */
static void check_range(struct checker *c, const struct row *row, uint64_t to, uint32_t line,
			uint32_t generation, uint32_t life)
{
	const struct place *p = list_get(&c->places, row->place);

	for (uint32_t rank = checker_rank_from(c, p, row->position); rank < p->end_rank; rank++) {
		const struct entry *e = checker_ranked(c, rank);
		if (e->offset >= to)
			return;
		if (!e->read || !stands(e, life) || checker_is_excused(c, row, e->offset) ||
		    !checker_is_owed(c, row->group, e, life))
			continue;
		const struct gv *gv =
			checker_find(&c->gv_at, &c->gvs, row->group, checker_index(&c->entries, e));
		const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);
		if (checker_died(v, row->group) ||
		    (gv != NULL && (gv->dead_line != TABLE_NONE || gv->expired)))
			continue;
		if (gv == NULL || gv->acked_line == TABLE_NONE)
			checker_found(c, RULE_UNACKED_PASSED, line, e->line);
		else if (generation != 0 &&
			 (gv->acked_generation != generation || gv->acked_life != life))
			checker_found(c, RULE_FENCED_ACK, line, gv->acked_line);
		else
			continue;
		return; /* one is enough */
	}
}

static void take_progress(struct checker *c, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t place = table_find(&c->place_at, op->topic, op->partition);
	struct row *row = checker_row(c, op->group, place);
	const struct group *g = checker_group(c, op->group);
	bool is_progress = op->f == HISTORY_PROGRESS;

	if (is_progress && op->generation != 0 && op->generation < row->assigned)
		checker_found(c, RULE_FENCED_ACK, line, TABLE_NONE);
	if (!is_progress && op->generation > row->assigned)
		row->assigned = op->generation;
	/* A generation may begin where a seek says that was asked for since the last one. */
	bool may_be_sought =
		!is_progress && g->loose_life != TABLE_NONE && g->loose_life >= row->assigned_life;
	if (row->placed && op->offset > row->position && !may_be_sought)
		check_range(c, row, op->offset, line, is_progress ? op->generation : 0, life);
	row->assigned_life = is_progress ? row->assigned_life : life;
	row->position = op->offset;
	row->position_max = op->offset > row->position_max ? op->offset : row->position_max;
	row->placed = true;
}

static void take_commit(struct checker *c, uint32_t line)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t place = table_find(&c->place_at, op->topic, op->partition);
	struct row *row = checker_row(c, op->group, place);
	uint32_t level = op->level <= HISTORY_DURABLE ? op->level : HISTORY_DURABLE;

	if (op->offset <= row->committed[level])
		return;
	row->committed[level] = op->offset;
	row->committed_line = line;
}

/* What a commit told is kept if it was as safe as the crash was bad, and nobody sought. */
static void take_recover(struct checker *c, uint32_t life)
{
	const struct life *l = list_get(&c->lives, life);

	/* The seek itself may be gone. */
	for (uint32_t i = 0; i < c->groups.count; i++) {
		struct group *g = list_get(&c->groups, i);
		g->seeks_so_far += g->loose_life + 1 == life;
	}
	for (uint32_t i = 0; i < c->rows.count; i++) {
		struct row *row = list_get(&c->rows, i);
		bool is_loose = checker_group(c, row->group)->loose_life + 1 == life;
		row->generation = row->assigned = 0;
		/* A seek back that the log had may be gone with its record. */
		row->position =
			row->position_max > row->position ? row->position_max : row->position;
		for (uint32_t level = 0; level <= HISTORY_DURABLE; level++)
			if (is_loose || level < l->level)
				row->committed[level] = 0;
	}
}

void checker_groups(struct checker *c)
{
	uint32_t life = 0;

	for (uint32_t i = 0; i < history_count(c->history); i++) {
		const struct history_op *op = checker_op(c, i);
		bool is_ok = op->type == HISTORY_OK;
		switch (op->f) {
		case HISTORY_POLL:
			if (op->type == HISTORY_INVOKE)
				checker_process(c, op->process)->invoke_line = i;
			else if (is_ok && op->value != 0)
				take_poll(c, i, life);
			break;
		case HISTORY_ACK:
		case HISTORY_TAKE:
		case HISTORY_RELEASE:
		case HISTORY_EXTEND:
		case HISTORY_EXPIRE:
			take_event(c, i, life);
			break;
		case HISTORY_PROGRESS:
		case HISTORY_ASSIGN:
			if (is_ok)
				take_progress(c, i, life);
			break;
		case HISTORY_COMMIT:
			if (is_ok)
				take_commit(c, i);
			break;
		case HISTORY_SEEK:
			checker_group(c, op->group)->loose_life = life;
			checker_group(c, op->group)->seeks_so_far++;
			break;
		case HISTORY_LEAVE:
			checker_process(c, op->process)->left_line = i;
			break;
		case HISTORY_DEAD:
			if (is_ok)
				checker_die(c, i, life);
			break;
		case HISTORY_REDRIVE:
			((struct value *)checker_find(&c->value_at, &c->values, op->value, 0))
				->redrive_line = i;
			break;
		case HISTORY_GIVEUP:
			((struct value *)checker_find(&c->value_at, &c->values, op->value, 0))
				->giveup_line = i;
			break;
		case HISTORY_RECOVER:
			take_recover(c, ++life);
			break;
		default:
			break;
		}
	}
}
