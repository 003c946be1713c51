/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group knows of one event: that it was handed out, acknowledged, is leased, is dead. A
 * lease holds until its time is up, by the clock of the history: `end` is the earliest moment at
 * which it may be over, and who is handed the event must have been told after that.
 */
#include "tests/anomaly/checker_internal.h"

struct gv *checker_gv(struct checker *c, uint32_t group, uint32_t entry, bool *ret_made)
{
	struct gv *gv = checker_at(&c->gv_at, &c->gvs, group, entry, ret_made);

	if (*ret_made)
		*gv = (struct gv){.delivered_line = TABLE_NONE,
				  .acked_line = TABLE_NONE,
				  .lease_line = TABLE_NONE,
				  .dead_line = TABLE_NONE,
				  .settled_line = TABLE_NONE};
	return gv;
}

/* A key is one of its topic: it may be in another partition when that has grown. */
struct key *checker_key(struct checker *c, uint32_t group, const struct entry *e)
{
	bool made;
	const struct place *p = list_get(&c->places, e->place);
	struct key *k =
		checker_at(&c->key_at, &c->keys, (uint64_t)group << 32 | p->topic, e->key, &made);

	if (made)
		*k = (struct key){
			.first = TABLE_NONE, .in_flight = TABLE_NONE, .parked = TABLE_NONE};
	return k;
}

/* Its lease holds, and whoever has it is there. */
static bool runs(struct checker *c, const struct gv *gv, uint32_t line, uint32_t life)
{
	if (!gv->leased || gv->lease_life != life)
		return false;
	const struct process *holder = checker_process(c, checker_op(c, gv->lease_line)->process);
	bool is_gone = holder->left_line != TABLE_NONE && holder->left_line > gv->lease_line;
	return !is_gone && checker_op(c, line)->time < gv->lease_until;
}

/* Those of the key that are in flight: whose lease is over leaves the list. */
static void check_key(struct checker *c, const struct gv *of, const struct entry *e, uint32_t line,
		      uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	struct key *k = checker_key(c, op->group, e);
	uint32_t *link = &k->in_flight;
	bool found = false;

	while (*link != TABLE_NONE) {
		struct gv *gv = list_get(&c->gvs, *link);
		if (!runs(c, gv, line, life)) {
			*link = gv->next_in_flight;
			gv->in_flight = false;
			continue;
		}
		if (!found && gv != of && gv->lease_call != op->call)
			checker_found(c, RULE_KEY_IN_FLIGHT, line, gv->lease_line);
		found = found || (gv != of && gv->lease_call != op->call);
		link = &gv->next_in_flight;
	}
}

void checker_taken_away(struct checker *c, const struct gv *gv, uint32_t line, uint32_t life)
{
	if (runs(c, gv, line, life))
		checker_found(c, RULE_TAKEN_AWAY, line, gv->lease_line);
}

void checker_lease(struct checker *c, const struct group *g, uint32_t line, uint32_t life)
{
	const struct history_op *op = checker_op(c, line);
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);
	bool made;
	struct gv *gv = checker_gv(c, g->group, at, &made);

	/* What is settled is nobody's any more, unless a crash took that back. */
	if (gv->settled_line != TABLE_NONE &&
	    (gv->settled_life == life || checker_is_safe(c, gv->settled_level, gv->settled_life)))
		checker_found(c, RULE_COMMITTED_AGAIN, line, gv->settled_line);
	if (op->end == 0)
		return;
	if (runs(c, gv, line, life))
		checker_found(c, RULE_LEASED_TWICE, line, gv->lease_line);
	if (g->keyed && op->key != 0) {
		check_key(c, gv, checker_entry(c, at), line, life);
		struct key *k = checker_key(c, op->group, checker_entry(c, at));
		if (!gv->in_flight) {
			gv->next_in_flight = k->in_flight;
			k->in_flight = checker_index(&c->gvs, gv);
			gv->in_flight = true;
		}
	}
	gv->leased = true;
	gv->lease_line = line;
	gv->lease_call = op->call;
	gv->lease_life = life;
	gv->lease_until = op->end;
}

/* --- dead letters ----------------------------------------------------------------------------- */

void checker_die(struct checker *c, uint32_t line, uint32_t life)
{
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);
	bool made;

	if (at == TABLE_NONE)
		return;
	struct gv *gv = checker_gv(c, checker_op(c, line)->group, at, &made);
	checker_taken_away(c, gv, line, life);
	uint64_t letter = checker_op(c, line)->offset;
	if (letter != 0 && checker_died_erased(c, checker_entry(c, at), letter, life))
		checker_found(c, RULE_ERASED_SEEN, line, TABLE_NONE);
	gv->dead_line = line;
	gv->dead_life = life;
	gv->leased = false;
	if ((checker_op(c, line)->flags & HISTORY_PARKED) == 0 || checker_entry(c, at)->key == 0)
		return;
	struct key *k = checker_key(c, checker_op(c, line)->group, checker_entry(c, at));
	k->parked = at;
	k->parked_line = line;
	k->parked_life = life;
}

static bool is_behind(uint32_t line, uint32_t of)
{
	return line != TABLE_NONE && line > of;
}

void checker_parked(struct checker *c, uint32_t line, uint32_t life)
{
	uint32_t at = *(uint32_t *)list_get(&c->op_entry, line);
	const struct entry *e = checker_entry(c, at);
	struct key *k = checker_key(c, checker_op(c, line)->group, e);

	if (e->key == 0 || k->parked == TABLE_NONE || k->parked == at ||
	    e->offset < checker_entry(c, k->parked)->offset)
		return;
	const struct value *v =
		checker_find(&c->value_at, &c->values, checker_entry(c, k->parked)->value, 0);
	uint64_t letter = checker_op(c, k->parked_line)->offset;
	bool is_cut = letter != 0 ? checker_end_of(c, k->parked_life, letter) <= life
				  : k->parked_life != life;
	if (is_behind(v->redrive_line, k->parked_line) ||
	    is_behind(v->giveup_line, k->parked_line) || is_cut)
		k->parked = TABLE_NONE;
	else
		checker_found(c, RULE_PARKED_PASSED, line, k->parked_line);
}

void checker_alive(struct checker *c, struct gv *gv, const struct entry *e, uint32_t line,
		   uint32_t life)
{
	const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);

	if (gv->dead_line == TABLE_NONE)
		return;
	if (v->redrive_line != TABLE_NONE && v->redrive_line > gv->dead_line)
		return;
	/* A recovery may have taken the dead letter back. */
	uint64_t offset = checker_op(c, gv->dead_line)->offset;
	if (offset != 0 ? checker_end_of(c, gv->dead_life, offset) <= life : gv->dead_life != life)
		return;
	checker_found(c, RULE_DEAD_AND_ALIVE, line, gv->dead_line);
}
