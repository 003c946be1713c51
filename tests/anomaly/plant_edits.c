/* SPDX-License-Identifier: Apache-2.0 */
/* See plant_internal.h: lines of the history are changed, taken out or said twice. */
#include "tests/anomaly/plant_internal.h"

static const struct standing *find_value(const struct plot *p, uint64_t value, uint32_t not_topic)
{
	for (uint32_t i = 0; i < p->standing.count; i++) {
		const struct standing *s = plot_standing(p, i);
		if (s->value == value && s->topic != not_topic)
			return s;
	}
	return NULL;
}

/* --- what was sent ---------------------------------------------------------------------------- */

static bool is_of_txn(const struct plot *p, uint32_t call)
{
	for (uint32_t i = 0; call != 0 && i < history_count(p->to); i++)
		if (plot_op(p, i)->f == HISTORY_TXN && plot_op(p, i)->call == call)
			return true;
	return false;
}

static bool is_plain_and_read(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line);

	return op->dedup == 0 && (op->flags & (HISTORY_ATOMIC | HISTORY_PRESENT)) == 0 &&
	       find_value(p, op->value, DRAW_DEAD_TOPIC) != NULL && !is_of_txn(p, op->call);
}

static bool edit_answer(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_SEND, HISTORY_OK, is_plain_and_read);

	if (line == TABLE_NONE)
		return false;
	struct history_op *op = plot_op(p, line);
	op->type = HISTORY_FAIL;
	op->offset = 0;
	op->partition = 0;
	op->level = 0;
	return true;
}

static bool has_sent(struct plot *p, uint32_t end)
{
	for (uint32_t i = end; i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		if (op->f == HISTORY_SEND && op->call == plot_op(p, end)->call &&
		    find_value(p, op->value, DRAW_DEAD_TOPIC) != NULL)
			return true;
	}
	return false;
}

static bool edit_txn(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_TXN, HISTORY_OK, has_sent);

	if (line == TABLE_NONE)
		return false;
	for (uint32_t i = line; i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		const struct standing *s = find_value(p, op->value, DRAW_DEAD_TOPIC);
		if (op->f != HISTORY_SEND || op->call != plot_op(p, line)->call || s == NULL)
			continue;
		struct history_op scan = {.type = HISTORY_OK,
					  .f = HISTORY_SCAN,
					  .process = op->process,
					  .value = s->value,
					  .key = s->key,
					  .topic = s->topic,
					  .partition = s->partition,
					  .offset = s->offset,
					  .call = op->call};
		plot_put(p, &line, scan);
		return true;
	}
	return false;
}

/* Takes out every line that a place is spoken of in, but for its sends. */
static void remove_place(struct plot *p, const struct standing *s)
{
	for (uint32_t i = history_count(p->to); i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		bool is_about_it = op->f == HISTORY_POLL || op->f == HISTORY_SCAN ||
				   op->f == HISTORY_ACK || op->f == HISTORY_RELEASE ||
				   op->f == HISTORY_EXTEND;
		if (is_about_it && op->offset == s->offset && op->topic == s->topic &&
		    op->partition == s->partition)
			history_remove(p->to, i);
	}
}

/* Nobody else ever stood there, it never died, may not be gone, and no seek jumped over it. */
static bool is_simple(const struct plot *p, const struct standing *s)
{
	if (plot_may_be_gone(p, s))
		return false;
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *op = plot_op(p, i);
		bool has_value = op->value != 0 && op->f != HISTORY_STATE;
		if (has_value && op->value != s->value && op->offset == s->offset &&
		    (op->flags & HISTORY_PRESENT) == 0)
			return false;
		if (op->f == HISTORY_DEAD && op->value == s->value)
			return false;
		if (op->f == HISTORY_SEEK && op->offset > s->offset)
			return false;
	}
	return true;
}

static bool was_told_where(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line);
	const struct standing *s = find_value(p, op->value, DRAW_DEAD_TOPIC);

	/* Something of its partition stands behind it. */
	if (op->offset == 0 || s == NULL || s->offset != op->offset || op->dedup != 0)
		return false;
	uint32_t next = (uint32_t)(s - plot_standing(p, 0)) + 1;
	return next < p->standing.count && plot_standing(p, next)->topic == s->topic &&
	       plot_standing(p, next)->partition == s->partition && is_simple(p, s);
}

static bool edit_lost(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_SEND, HISTORY_OK, was_told_where);

	if (line == TABLE_NONE)
		return false;
	remove_place(p, find_value(p, plot_op(p, line)->value, DRAW_DEAD_TOPIC));
	return true;
}

/* One of a run that nobody was told of, and that is there. */
static bool is_of_run(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line);
	const struct standing *s = find_value(p, op->value, DRAW_DEAD_TOPIC);
	uint32_t others = 0;

	if ((op->flags & HISTORY_ATOMIC) == 0 || s == NULL || !is_simple(p, s) ||
	    plot_may_be_gone_anywhere(p, s))
		return false;
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *other = plot_op(p, i);
		if (other->f == HISTORY_SEND && other->call == op->call) {
			if (other->type != HISTORY_INVOKE)
				return false;
			others += other->value != op->value &&
				  find_value(p, other->value, DRAW_DEAD_TOPIC) != NULL;
		}
	}
	return others > 0;
}

static bool edit_run(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_SEND, HISTORY_INVOKE, is_of_run);

	for (uint32_t i = 0; i < history_count(p->to); i++)
		if (plot_op(p, i)->f == HISTORY_SEEK)
			return false; /* then nobody can say that it is missing */
	if (line == TABLE_NONE)
		return false;
	remove_place(p, find_value(p, plot_op(p, line)->value, DRAW_DEAD_TOPIC));
	return true;
}

static bool is_told_present(struct plot *p, uint32_t line)
{
	return (plot_op(p, line)->flags & HISTORY_PRESENT) != 0;
}

/* It is taken a second time: into a topic that nobody reads. */
static bool edit_dedup(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_SEND, HISTORY_OK, is_told_present);

	if (line == TABLE_NONE)
		return false;
	struct history_op *op = plot_op(p, line);
	for (uint32_t i = 0; i < line; i++)
		if (plot_op(p, i)->f == HISTORY_SEND && plot_op(p, i)->value == op->value)
			plot_op(p, i)->topic = 77;
	op->flags = 0;
	op->topic = 77;
	op->partition = 0;
	op->offset = p->offset + 1;
	op->level = HISTORY_MEMORY;
	return true;
}

/* --- groups ----------------------------------------------------------------------------------- */

static bool may_be_gone_at(const struct plot *p, const struct history_op *op)
{
	for (uint32_t i = 0; i < p->standing.count; i++) {
		const struct standing *s = plot_standing(p, i);
		if (s->offset == op->offset && s->topic == op->topic && plot_may_be_gone(p, s))
			return true;
	}
	return false;
}

/* The only acknowledgement of what stood there, with progress behind it. */
static bool is_only_ack(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line);
	bool passed = false;

	if (op->generation == 0 || may_be_gone_at(p, op))
		return false;
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *other = plot_op(p, i);
		if (other->group != op->group || other->topic != op->topic ||
		    other->partition != op->partition)
			continue;
		if (i != line && other->f == HISTORY_ACK && other->offset == op->offset)
			return false;
		if (i > line && other->f == HISTORY_PROGRESS && !passed) {
			if (other->generation != op->generation)
				return false;
			passed = other->offset > op->offset;
		}
	}
	return passed;
}

static bool is_only_late_ack(struct plot *p, uint32_t line)
{
	return plot_op(p, line)->generation > 1 && is_only_ack(p, line);
}

static bool edit_ack(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_ACK, HISTORY_OK, is_only_ack);

	if (line == TABLE_NONE)
		return false;
	history_remove(p->to, line);
	return true;
}

static bool edit_ack_generation(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_ACK, HISTORY_OK, is_only_late_ack);

	if (line == TABLE_NONE)
		return false;
	plot_op(p, line)->generation--;
	return true;
}

static bool is_marked(struct plot *p, uint32_t line)
{
	return (plot_op(p, line)->flags & HISTORY_REDELIVERED) != 0;
}

static bool edit_mark(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_marked);

	if (line == TABLE_NONE)
		return false;
	plot_op(p, line)->flags = 0;
	return true;
}

/* Leased, the only one of its key in its call, which is over. */
static bool is_lone_lease(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line);

	if (op->end == 0)
		return false;
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *other = plot_op(p, i);
		if (i != line && other->f == HISTORY_POLL && other->call == op->call &&
		    other->key == op->key)
			return false;
	}
	return true;
}

static bool edit_lease(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_lone_lease);

	if (line == TABLE_NONE)
		return false;
	struct history_op op = *plot_op(p, line++);
	while (line < history_count(p->to) && plot_op(p, line)->call == op.call &&
	       plot_op(p, line)->f == HISTORY_POLL)
		line++;
	op.process = p->process + 1;
	op.call = p->call + 1;
	op.flags = HISTORY_REDELIVERED;
	op.time = 0; /* as the line before it */
	if (plot_op(p, line - 1)->time >= op.end)
		return false;
	plot_put(p, &line, op);
	return true;
}

/* The send of what is leased there, if it was sent once, in the same life, and some time before. */
static uint32_t send_of(struct plot *p, uint32_t line)
{
	const struct history_op *poll = plot_op(p, line);
	uint32_t found = TABLE_NONE;

	for (uint32_t i = line; i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		if (op->f == HISTORY_RECOVER)
			break;
		if (op->f == HISTORY_SEND && op->type == HISTORY_INVOKE && op->value == poll->value)
			found = i;
	}
	return found;
}

static bool is_timely_lease(struct plot *p, uint32_t line)
{
	const struct history_op *poll = plot_op(p, line);

	if (poll->end == 0 || send_of(p, line) == TABLE_NONE)
		return false;
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *op = plot_op(p, i);
		if (op->f == HISTORY_REDRIVE && op->value == poll->value)
			return false;
	}
	return true;
}

static bool edit_terms(struct plot *p, enum rule rule)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_timely_lease);

	if (line == TABLE_NONE)
		return false;
	const struct history_op *poll = plot_op(p, line);
	struct history_op *sent = plot_op(p, send_of(p, line));
	uint64_t answered_ns = poll->time, waited_ns = poll->time - sent->time;
	for (uint32_t i = line; i-- > 0;)
		if (plot_op(p, i)->value == poll->value && plot_op(p, i)->offset == poll->offset)
			answered_ns = plot_op(p, i)->time;
	if (rule == RULE_TOO_EARLY)
		sent->delay = 2 * waited_ns + 2;
	else if (poll->time - answered_ns < 4)
		return false;
	else
		sent->lives = (poll->time - answered_ns) / 2 - 1;
	return true;
}

static bool is_leased(struct plot *p, uint32_t line)
{
	return plot_op(p, line)->end != 0;
}

static bool edit_away(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_leased);

	if (line == TABLE_NONE)
		return false;
	struct history_op op = *plot_op(p, line++);
	plot_put(p, &line,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_EXPIRE,
				     .value = op.value,
				     .topic = op.topic,
				     .partition = op.partition,
				     .offset = op.offset,
				     .group = op.group});
	return true;
}

/* Two of a call, the second for the first time. */
static bool is_one_of_two(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line), *next = op + 1;

	return op->end != 0 && line + 1 < history_count(p->to) && next->f == HISTORY_POLL &&
	       next->call == op->call && next->end == op->end && next->value != 0 &&
	       (next->flags & HISTORY_REDELIVERED) == 0;
}

/* Both were to be had at once, and the second one is more urgent. */
static bool edit_urgency(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_one_of_two);

	if (line == TABLE_NONE)
		return false;
	for (uint32_t i = 0; i < 2; i++) {
		struct history_op *op = plot_op(p, line + 2 * i);
		op->priority = 1 + i;
		struct history_op take = {.type = HISTORY_OK,
					  .f = HISTORY_TAKE,
					  .value = op->value,
					  .key = op->key,
					  .topic = op->topic,
					  .partition = op->partition,
					  .offset = op->offset,
					  .group = op->group,
					  .call = p->call + 1};
		uint32_t at = line;
		plot_put(p, &at, take);
	}
	return true;
}

/* --- dead letters, states --------------------------------------------------------------------- */

static bool edit_dead(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_DEAD, HISTORY_OK, NULL);

	if (line == TABLE_NONE)
		return false;
	const struct history_op dead = *plot_op(p, line);
	for (uint32_t i = line; i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		if (op->f != HISTORY_POLL || op->group != dead.group || op->value != dead.value)
			continue;
		struct history_op ack = {.type = HISTORY_OK,
					 .f = HISTORY_ACK,
					 .process = dead.process,
					 .topic = op->topic,
					 .partition = op->partition,
					 .offset = op->offset,
					 .group = dead.group};
		line++;
		plot_put(p, &line, ack);
		return true;
	}
	return false;
}

static bool is_call_of_key(struct plot *p, uint32_t line)
{
	const struct history_op *op = plot_op(p, line);

	return op->key != 0 && op->call != 0 && op->value != 0 && op->topic != DRAW_DEAD_TOPIC;
}

/* It was told in front of the call. */
static bool edit_erased(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_call_of_key);

	if (line == TABLE_NONE)
		return false;
	struct history_op poll = *plot_op(p, line);
	while (line-- > 0)
		if (plot_op(p, line)->f == HISTORY_POLL && plot_op(p, line)->call == poll.call &&
		    plot_op(p, line)->type == HISTORY_INVOKE)
			break;
	plot_put(p, &line,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_ERASE,
				     .key = poll.key,
				     .topic = poll.topic,
				     .offset = poll.offset + 1,
				     .level = HISTORY_DURABLE});
	return true;
}

/* One whose key goes on afterwards, in the same life, as nobody has redriven it. */
static bool is_followed(struct plot *p, uint32_t line)
{
	const struct history_op *dead = plot_op(p, line);
	const struct standing *of = find_value(p, dead->value, DRAW_DEAD_TOPIC);

	for (uint32_t i = line + 1; of != NULL && i < history_count(p->to); i++) {
		const struct history_op *op = plot_op(p, i);
		if (op->f == HISTORY_RECOVER ||
		    (op->f == HISTORY_REDRIVE && op->value == dead->value))
			return false;
		if (op->f == HISTORY_POLL && op->group == dead->group && op->key == of->key &&
		    op->topic == of->topic && op->value != dead->value && op->offset > of->offset)
			return true;
	}
	return false;
}

static bool edit_parked(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_DEAD, HISTORY_OK, is_followed);

	if (line == TABLE_NONE)
		return false;
	plot_op(p, line)->flags |= HISTORY_PARKED;
	return true;
}

static bool edit_dead_letter(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_DEAD, HISTORY_OK, NULL);
	bool done = false;

	if (line == TABLE_NONE || may_be_gone_at(p, plot_op(p, line)))
		return false;
	uint64_t value = plot_op(p, line)->value;
	for (uint32_t i = 0; i < p->standing.count; i++)
		if (plot_standing(p, i)->topic == DRAW_DEAD_TOPIC &&
		    plot_standing(p, i)->value == value) {
			remove_place(p, plot_standing(p, i));
			done = true;
		}
	return done;
}

static bool is_read_from_its_topic(struct plot *p, uint32_t line)
{
	return plot_op(p, line)->topic != DRAW_DEAD_TOPIC && plot_op(p, line)->value != 0;
}

/* It was sent for one version, and has another. */
static bool edit_version(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_POLL, HISTORY_OK, is_read_from_its_topic);

	if (line == TABLE_NONE)
		return false;
	plot_op(p, line)->version = 7;
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		struct history_op *op = plot_op(p, i);
		if (op->value == plot_op(p, line)->value && op->f == HISTORY_SEND)
			op->version = 6;
	}
	return true;
}

static bool edit_state(struct plot *p)
{
	uint32_t line = plot_find(p, HISTORY_STATE, HISTORY_OK, NULL);

	if (line == TABLE_NONE)
		return false;
	struct history_op op = *plot_op(p, line++);
	op.value++;
	plot_put(p, &line, op);
	return true;
}

bool plant_edit(struct plot *p, enum rule rule)
{
	switch (rule) {
	case RULE_G1A:
		return edit_answer(p);
	case RULE_PRECOMMITTED_READ:
		return edit_txn(p);
	case RULE_LOST_WRITE:
		return edit_lost(p);
	case RULE_TORN_BATCH:
		return edit_run(p);
	case RULE_DEDUP_TWICE:
		return edit_dedup(p);
	case RULE_UNACKED_PASSED:
		return edit_ack(p);
	case RULE_FENCED_ACK:
		return edit_ack_generation(p);
	case RULE_UNMARKED_REDELIVERY:
		return edit_mark(p);
	case RULE_LEASED_TWICE:
		return edit_lease(p);
	case RULE_TOO_EARLY:
	case RULE_TOO_LATE:
		return edit_terms(p, rule);
	case RULE_PRIORITY_PASSED:
		return edit_urgency(p);
	case RULE_TAKEN_AWAY:
		return edit_away(p);
	case RULE_ERASED_SEEN:
		return edit_erased(p);
	case RULE_PARKED_PASSED:
		return edit_parked(p);
	case RULE_DEAD_AND_ALIVE:
		return edit_dead(p);
	case RULE_DEAD_AND_GONE:
		return edit_dead_letter(p);
	case RULE_VERSION_TAKEN:
		return edit_version(p);
	case RULE_SNAPSHOT_DIFFERS:
		return edit_state(p);
	default:
		return false;
	}
}
