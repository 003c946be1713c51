/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See plant_internal.h: somebody new comes into the history, a group that reads what stands there
 * or a producer with topics of its own, and meets a log that does wrong.
 */
#include "tests/anomaly/plant_internal.h"

#define NEW_GROUP 50u
#define NEW_TOPIC 77u

struct three {
	const struct standing *of[3];
	uint32_t at; /* a line after the last of them was read, in the same life */
};

static bool are_fit(const struct plot *p, const struct three *t, bool one_key)
{
	for (uint32_t i = 0; i < 3; i++) {
		const struct standing *s = t->of[i];
		if (s->topic != t->of[0]->topic || s->partition != t->of[0]->partition ||
		    s->topic == DRAW_DEAD_TOPIC)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if ((s->key == t->of[k]->key) != one_key)
				return false;
	}
	(void)p;
	return true;
}

/* Three of a partition in order: neighbours with keys of their own, or of one key. */
static bool find_three(struct plot *p, struct three *t, bool one_key)
{
	for (uint32_t tries = 0; tries < 200 && p->standing.count >= 3; tries++) {
		uint32_t at = (uint32_t)plot_below(p, p->standing.count - 2);
		uint32_t step = one_key ? 1 + (uint32_t)plot_below(p, 6) : 1;
		if (at + 2 * step >= p->standing.count)
			continue;
		uint32_t line = 0;
		for (uint32_t i = 0; i < 3; i++) {
			t->of[i] = plot_standing(p, at + i * step);
			line = t->of[i]->line > line ? t->of[i]->line : line;
		}
		if (!are_fit(p, t, one_key))
			continue;
		uint32_t end = line + 1;
		while (end < history_count(p->to) && plot_op(p, end)->f != HISTORY_RECOVER)
			end++;
		t->at = line + 1 + (uint32_t)plot_below(p, end - line);
		return true;
	}
	return false;
}

/* Two of a key, and the first is in another partition, since its topic has grown in between. */
static bool find_grown(struct plot *p, struct three *t)
{
	for (uint32_t tries = 0; tries < 200 && p->standing.count >= 2; tries++) {
		for (uint32_t i = 0; i < 2; i++)
			t->of[i] = plot_standing(p, (uint32_t)plot_below(p, p->standing.count));
		const struct standing *a = t->of[0], *b = t->of[1];
		if (a->topic != b->topic || a->key != b->key || a->partition == b->partition ||
		    a->offset > b->offset)
			continue;
		t->at = (a->line > b->line ? a->line : b->line) + 1;
		return true;
	}
	return false;
}

static void poll(struct plot *p, uint32_t *at, const struct standing *s, uint32_t process,
		 uint32_t generation, uint32_t call, uint8_t flags)
{
	plot_put(p, at,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_POLL,
				     .process = p->process + process,
				     .value = s->value,
				     .key = s->key,
				     .topic = s->topic,
				     .partition = s->partition,
				     .offset = s->offset,
				     .group = NEW_GROUP,
				     .generation = generation,
				     .call = p->call + call,
				     .flags = flags});
}

/* --- a group ---------------------------------------------------------------------------------- */

static void commit(struct plot *p, uint32_t *at, const struct standing *s)
{
	struct history_op op = {.type = HISTORY_OK,
				.f = HISTORY_ACK,
				.process = p->process + 1,
				.topic = s->topic,
				.partition = s->partition,
				.offset = s->offset,
				.group = NEW_GROUP,
				.generation = 1};

	plot_put(p, at, op);
	op.f = HISTORY_COMMIT;
	op.offset++;
	op.level = HISTORY_DURABLE;
	plot_put(p, at, op);
}

static void lease(struct plot *p, uint32_t *at, const struct three *t)
{
	plot_put(p, at,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_SUBSCRIBE,
				     .topic = NEW_TOPIC,
				     .group = NEW_GROUP,
				     .flags = HISTORY_KEYED});
	for (uint32_t i = 0; i < 2; i++) {
		poll(p, at, t->of[i], 1 + i, 0, 1 + i, 0);
		plot_op(p, *at - 1)->end = plot_op(p, *at - 1)->time + 1;
	}
}

/* What it wants is of no kind, or of those that nobody sends. */
static void unwanted(struct plot *p, uint32_t *at, const struct standing *s)
{
	plot_put(p, at,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_SUBSCRIBE,
				     .topic = s->topic,
				     .offset = s->offset,
				     .group = NEW_GROUP,
				     .unwanted = (2ull << DRAW_KINDS) - 2});
	poll(p, at, s, 1, 1, 1, 0);
}

static bool group_scene(struct plot *p, enum rule rule)
{
	struct three t;
	bool one_key = rule == RULE_KEY_ORDER || rule == RULE_KEY_IN_FLIGHT;

	bool is_over_growth = rule == RULE_KEY_ORDER && plot_below(p, 2) == 0 && find_grown(p, &t);
	if (!is_over_growth && !find_three(p, &t, one_key))
		return false;
	const struct standing *a = t.of[0], *b = t.of[1], *c = is_over_growth ? NULL : t.of[2];
	uint32_t *at = &t.at;
	bool same_call = rule == RULE_INT_POLL_SKIP || rule == RULE_INT_NONMONOTONIC_POLL;
	switch (rule) {
	case RULE_POLL_SKIP:
	case RULE_INT_POLL_SKIP:
		if (plot_may_be_gone(p, b))
			return false;
		poll(p, at, a, 1, 1, 1, 0);
		poll(p, at, c, 1, 1, same_call ? 1 : 2, 0);
		return true;
	case RULE_NONMONOTONIC_POLL:
	case RULE_INT_NONMONOTONIC_POLL:
		poll(p, at, b, 1, 1, 1, 0);
		poll(p, at, a, 1, 1, same_call ? 1 : 2, 0);
		return true;
	case RULE_KEY_ORDER:
		poll(p, at, b, 1, 1, 1, 0);
		poll(p, at, a, 2, 2, 2, 0);
		return true;
	case RULE_UNWANTED:
		unwanted(p, at, a);
		return true;
	case RULE_TWO_OWNERS:
		poll(p, at, a, 1, 1, 1, 0);
		poll(p, at, b, 2, 1, 2, 0);
		return true;
	case RULE_STALE_OWNER:
		if (plot_may_be_gone(p, b))
			return false;
		poll(p, at, a, 1, 1, 1, 0);
		poll(p, at, b, 2, 2, 2, 0);
		plot_put(p, at,
			 (struct history_op){.f = HISTORY_POLL,
					     .process = p->process + 1,
					     .group = NEW_GROUP,
					     .call = p->call + 3});
		poll(p, at, b, 1, 1, 3, HISTORY_REDELIVERED);
		return true;
	case RULE_COMMITTED_AGAIN:
		poll(p, at, a, 1, 1, 1, 0);
		commit(p, at, a);
		poll(p, at, a, 2, 2, 2, HISTORY_REDELIVERED);
		return true;
	default:
		lease(p, at, &t);
		return true;
	}
}

/* --- a producer ------------------------------------------------------------------------------- */

static struct history_op about_send(const struct plot *p, uint32_t n, enum history_type type,
				    uint32_t call)
{
	return (struct history_op){.type = (uint8_t)type,
				   .f = HISTORY_SEND,
				   .process = p->process + call,
				   .value = p->value + n,
				   .topic = NEW_TOPIC,
				   .call = p->call + call};
}

/* The n-th new event, sent in a new call; offset 0: it is not told. */
static void send(struct plot *p, uint32_t *at, uint32_t n, uint32_t call, uint64_t offset)
{
	struct history_op op = about_send(p, n, HISTORY_INVOKE, call);

	op.process = p->process + 1;
	plot_put(p, at, op);
	op.type = HISTORY_OK;
	op.offset = offset == 0 ? 0 : p->offset + offset;
	op.level = HISTORY_MEMORY;
	plot_put(p, at, op);
}

static void between(struct plot *p, uint32_t *at)
{
	send(p, at, 1, 1, 1);
	struct history_op other = about_send(p, 2, HISTORY_OK, 2);
	other.offset = p->offset + 2;
	other.level = HISTORY_MEMORY;
	plot_put(p, at, other);
	send(p, at, 3, 1, 3);
}

static void scan(struct plot *p, uint32_t *at, uint32_t n, uint32_t topic, uint64_t offset,
		 uint32_t call)
{
	plot_put(p, at,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_SCAN,
				     .process = p->process + 9,
				     .value = p->value + n,
				     .topic = topic,
				     .offset = p->offset + offset,
				     .call = call == 0 ? 0 : p->call + call});
}

/* Two transactions: each writes before the other somewhere, or each reads what the other wrote. */
static void circle(struct plot *p, uint32_t *at, bool reads)
{
	struct history_op txn = {.f = HISTORY_TXN, .level = HISTORY_MEMORY};

	for (uint32_t n = 1; n <= 4; n++) {
		uint32_t call = 1 + (n - 1) / 2;
		struct history_op op = about_send(p, n, HISTORY_INVOKE, call);
		op.topic = NEW_TOPIC + (n - 1) % 2;
		plot_put(p, at, op);
	}
	if (reads) {
		scan(p, at, 1, NEW_TOPIC, 1, 2);
		scan(p, at, 3, NEW_TOPIC, 2, 1);
	}
	for (uint32_t call = 1; call <= 2; call++) {
		txn.type = HISTORY_OK;
		txn.process = p->process + call;
		txn.call = p->call + call;
		plot_put(p, at, txn);
	}
	if (reads)
		return;
	scan(p, at, 1, NEW_TOPIC, 1, 0);
	scan(p, at, 3, NEW_TOPIC, 2, 0);
	scan(p, at, 4, NEW_TOPIC + 1, 3, 0);
	scan(p, at, 2, NEW_TOPIC + 1, 4, 0);
}

/* A run with somebody's event in between. */
static void tear(struct plot *p, uint32_t *at)
{
	for (uint32_t n = 1; n <= 2; n++) {
		struct history_op op = about_send(p, n, HISTORY_INVOKE, 1);
		op.flags = HISTORY_ATOMIC;
		plot_put(p, at, op);
	}
	scan(p, at, 1, NEW_TOPIC, 1, 0);
	scan(p, at, 2, NEW_TOPIC, 3, 0);
}

static bool producer_scene(struct plot *p, enum rule rule)
{
	uint32_t line = (uint32_t)plot_below(p, history_count(p->to) + 1), *at = &line;

	switch (rule) {
	case RULE_NONMONOTONIC_SEND:
	case RULE_INT_NONMONOTONIC_SEND:
		send(p, at, 1, 1, 2);
		send(p, at, 2, rule == RULE_NONMONOTONIC_SEND ? 2 : 1, 1);
		return true;
	case RULE_INT_SEND_SKIP:
		between(p, at);
		return true;
	case RULE_G0:
		line = history_count(p->to);
		circle(p, at, false);
		return true;
	case RULE_G1C:
		line = history_count(p->to);
		circle(p, at, true);
		return true;
	case RULE_TORN_BATCH:
		tear(p, at);
		return true;
	case RULE_PHANTOM:
		scan(p, at, 1, NEW_TOPIC, 1, 0);
		return true;
	default:
		return false;
	}
}

/* --- at what stands there --------------------------------------------------------------------- */

static void say_event(struct plot *p, uint32_t *at, const struct standing *s, enum history_f f,
		      enum history_type type, uint64_t offset)
{
	plot_put(p, at,
		 (struct history_op){
			 .type = (uint8_t)type,
			 .f = (uint8_t)f,
			 .process = p->process + 1,
			 .value = s->value,
			 .key = s->key,
			 .topic = s->topic,
			 .partition = s->partition,
			 .offset = offset,
			 .level = f == HISTORY_SEND && type == HISTORY_OK ? HISTORY_DURABLE : 0});
}

/* The poll of the group that reads everything which ends its history, and what it then misses. */
static bool lag(struct plot *p)
{
	uint32_t line = history_count(p->to), last = line;

	while (last-- > 0)
		if (plot_op(p, last)->f == HISTORY_POLL && plot_op(p, last)->group == 1 &&
		    plot_op(p, last)->value != 0)
			break;
	if (last == TABLE_NONE)
		return false;
	struct standing missed = {.value = p->value + 1,
				  .topic = plot_op(p, last)->topic,
				  .partition = plot_op(p, last)->partition};
	struct history_op op = {.f = HISTORY_POLL,
				.time = p->time + 2 * PLANT_LAG_MAX_NS,
				.process = plot_op(p, last)->process,
				.group = 1};
	/* It has to be the last owner. */
	for (uint32_t i = last + 1; i < line; i++)
		if (plot_op(p, i)->f == HISTORY_ASSIGN)
			return false;
	say_event(p, &line, &missed, HISTORY_SEND, HISTORY_OK, p->offset + 1);
	plot_put(p, &line, op);
	op.type = HISTORY_OK;
	plot_put(p, &line, op);
	return true;
}

/* Who gets only what is durable gets something, and the power goes. */
static void vanish(struct plot *p)
{
	uint32_t line = history_count(p->to), *at = &line;
	struct standing s = {.value = p->value + 1, .topic = NEW_TOPIC, .offset = p->offset + 2};

	plot_put(p, at,
		 (struct history_op){.type = HISTORY_OK,
				     .f = HISTORY_SUBSCRIBE,
				     .topic = NEW_TOPIC,
				     .group = NEW_GROUP,
				     .level = HISTORY_DURABLE});
	say_event(p, at, &s, HISTORY_SEND, HISTORY_INVOKE, 0);
	poll(p, at, &s, 1, 1, 1, 0);
	plot_put(p, at,
		 (struct history_op){
			 .type = HISTORY_INFO, .f = HISTORY_CRASH, .level = HISTORY_DURABLE});
	plot_put(p, at,
		 (struct history_op){
			 .type = HISTORY_OK, .f = HISTORY_RECOVER, .offset = p->offset + 1});
}

/* Where its topic grew last, and that was not cut away. */
static uint64_t grown_at(const struct plot *p, uint32_t topic)
{
	uint64_t cut = UINT64_MAX;

	for (uint32_t i = history_count(p->to); i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		if (op->f == HISTORY_RECOVER && op->offset < cut)
			cut = op->offset;
		if (op->f == HISTORY_GROW && op->topic == topic && op->offset <= cut)
			return op->offset;
	}
	return 0;
}

static bool place_scene(struct plot *p, enum rule rule)
{
	uint32_t line = history_count(p->to);

	if (p->standing.count == 0)
		return false;
	struct standing s = *plot_standing(p, (uint32_t)plot_below(p, p->standing.count));
	if (s.topic == DRAW_DEAD_TOPIC)
		s = *plot_standing(p, 0);
	struct standing fresh = s;
	fresh.value = p->value + 1;
	switch (rule) {
	case RULE_INCONSISTENT_OFFSETS:
		line = s.line + 1;
		say_event(p, &line, &fresh, HISTORY_SEND, HISTORY_INVOKE, 0);
		say_event(p, &line, &fresh, HISTORY_SCAN, HISTORY_OK, s.offset);
		return true;
	case RULE_DUPLICATE:
		for (uint32_t i = 0; i < line; i++)
			if (plot_op(p, i)->f == HISTORY_REDRIVE && plot_op(p, i)->value == s.value)
				return false;
		s.key = 0; /* by its key it would be elsewhere, where its topic has grown */
		say_event(p, &line, &s, HISTORY_SCAN, HISTORY_OK, p->offset + 1);
		return true;
	case RULE_KEY_MOVED:
		if (s.offset < grown_at(p, s.topic))
			return false;
		fresh.partition ^= 1;
		say_event(p, &line, &fresh, HISTORY_SEND, HISTORY_INVOKE, 0);
		say_event(p, &line, &fresh, HISTORY_SEND, HISTORY_OK, p->offset + 1);
		return true;
	case RULE_UNSEEN: /* before the first group is drained */
		for (line = 0; plot_op(p, line)->f != HISTORY_DRAIN; line++)
			;
		fresh.topic = 1;
		fresh.key = 0;
		say_event(p, &line, &fresh, HISTORY_SEND, HISTORY_INVOKE, 0);
		say_event(p, &line, &fresh, HISTORY_SEND, HISTORY_OK, p->offset + 1);
		return true;
	default:
		return false;
	}
}

bool plant_scene(struct plot *p, enum rule rule)
{
	if (rule == RULE_REALTIME_LAG)
		return lag(p);
	if (rule == RULE_VANISHED) {
		vanish(p);
		return true;
	}
	if (producer_scene(p, rule) || place_scene(p, rule))
		return true;
	switch (rule) {
	case RULE_POLL_SKIP:
	case RULE_INT_POLL_SKIP:
	case RULE_NONMONOTONIC_POLL:
	case RULE_INT_NONMONOTONIC_POLL:
	case RULE_KEY_ORDER:
	case RULE_UNWANTED:
	case RULE_TWO_OWNERS:
	case RULE_STALE_OWNER:
	case RULE_COMMITTED_AGAIN:
	case RULE_KEY_IN_FLIGHT:
		return group_scene(p, rule);
	default:
		return false;
	}
}
