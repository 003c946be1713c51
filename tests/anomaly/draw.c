/* SPDX-License-Identifier: Apache-2.0 */
/* See draw.h. */
#include "tests/anomaly/draw.h"

#include <string.h>

#include "tests/anomaly/plant.h"

#define ACTS_MIN 40u
#define ACTS_MORE 160u
#define CALL_MAX 4u

void draw_say(struct draw *d, struct history_op op)
{
	op.time = d->time;
	d->time += 1 + draw_below(d, 20);
	history_add(d->to, &op);
}

struct history_op draw_about(const struct draw_event *e, enum history_f f, uint32_t process)
{
	return (struct history_op){.type = HISTORY_OK,
				   .f = (uint8_t)f,
				   .process = process,
				   .value = e->value,
				   .key = e->key,
				   .topic = e->topic,
				   .partition = e->partition,
				   .offset = e->offset};
}

struct draw_event *draw_append(struct draw *d, uint32_t topic, uint64_t key, uint64_t value)
{
	if (d->event_count == DRAW_EVENTS_MAX)
		return NULL;
	struct draw_event *e = &d->events[d->event_count++];
	uint64_t partitions = topic == DRAW_DEAD_TOPIC      ? 1
			      : topic == 1 && d->grown != 0 ? DRAW_GROWN
							    : 2;
	*e = (struct draw_event){.offset = ++d->seq,
				 .value = value,
				 .key = key,
				 .topic = topic,
				 .partition = (uint32_t)(key % partitions),
				 .kind = draw_kind_of(value)};
	return e;
}

/* --- sending ---------------------------------------------------------------------------------- */

struct sent {
	struct history_op op;
	struct draw_event *event;
};

static void draw_send(struct draw *d, struct sent *s, uint32_t process, uint32_t call,
		      uint8_t flags)
{
	s->event = NULL;
	s->op = (struct history_op){.type = HISTORY_INVOKE,
				    .f = HISTORY_SEND,
				    .process = process,
				    .value = ++d->value,
				    .key = 1 + draw_below(d, DRAW_KEYS),
				    .topic = 1 + (uint32_t)draw_below(d, 2),
				    .call = call,
				    .flags = flags,
				    .kind = draw_kind_of(d->value)};
	draw_say(d, s->op);
}

static void land(struct draw *d, struct sent *s)
{
	s->event = draw_append(d, s->op.topic, s->op.key, s->op.value);
}

static void make_safe(struct draw *d, uint8_t level)
{
	if (level >= HISTORY_WRITTEN)
		d->written = d->seq;
	if (level >= HISTORY_DURABLE)
		d->durable = d->seq;
}

static void answer(struct draw *d, struct sent *s, uint8_t type, uint8_t level)
{
	s->op.type = type;
	s->op.level = type == HISTORY_OK ? level : 0;
	if (type == HISTORY_OK && s->event != NULL && draw_one_in(d, 2)) {
		s->op.offset = s->event->offset;
		s->op.partition = s->event->partition;
	}
	draw_say(d, s->op);
}

static uint8_t draw_level(struct draw *d)
{
	return (uint8_t)(HISTORY_MEMORY + draw_below(d, 3));
}

static bool has_room(const struct draw *d)
{
	return d->event_count + 4 * CALL_MAX < DRAW_EVENTS_MAX;
}

static uint32_t a_producer(struct draw *d)
{
	return d->producers[draw_below(d, DRAW_PRODUCERS)];
}

/* One, several in a call, or a run; somebody else may come in between where it is no run. */
static void act_send(struct draw *d)
{
	struct sent sent[CALL_MAX], other;
	uint32_t count = 1 + (uint32_t)draw_below(d, CALL_MAX);
	bool is_atomic = draw_one_in(d, 3), fails = draw_one_in(d, 6), comes_between = false;
	uint32_t process = d->producers[1];
	uint8_t level = draw_level(d);

	d->call++;
	for (uint32_t i = 0; i < count; i++)
		draw_send(d, &sent[i], process, d->call, is_atomic ? HISTORY_ATOMIC : 0);
	uint32_t call = d->call;
	if (!fails && !is_atomic && draw_one_in(d, 2)) {
		comes_between = true;
		draw_send(d, &other, d->producers[2], ++d->call, 0);
	}
	uint32_t between = 1 + (uint32_t)draw_below(d, count);
	for (uint32_t i = 0; i < count && !fails; i++) {
		if (comes_between && i == between)
			land(d, &other);
		land(d, &sent[i]);
	}
	if (comes_between && between == count)
		land(d, &other);
	d->seq += draw_below(d, 2);
	make_safe(d, level);
	for (uint32_t i = 0; i < count; i++) {
		sent[i].op.call = call;
		answer(d, &sent[i], fails ? HISTORY_FAIL : HISTORY_OK, level);
	}
	if (comes_between)
		answer(d, &other, HISTORY_OK, level);
}

static void act_dedup(struct draw *d)
{
	struct sent first, second;
	uint64_t key = ++d->dedup;
	uint8_t level = draw_level(d);

	draw_send(d, &first, a_producer(d), 0, 0);
	history_op(d->to, history_count(d->to) - 1)->dedup = first.op.dedup = key;
	land(d, &first);
	make_safe(d, level);
	answer(d, &first, HISTORY_OK, level);
	if (draw_one_in(d, 3)) {
		draw_say(d, (struct history_op){
				    .type = HISTORY_OK, .f = HISTORY_FORGET, .dedup = key});
		draw_send(d, &second, a_producer(d), 0, 0);
		history_op(d->to, history_count(d->to) - 1)->dedup = second.op.dedup = key;
		land(d, &second);
		make_safe(d, level);
		answer(d, &second, HISTORY_OK, level);
		return;
	}
	draw_send(d, &second, a_producer(d), 0, 0);
	history_op(d->to, history_count(d->to) - 1)->dedup = second.op.dedup = key;
	second.op.flags = HISTORY_PRESENT;
	second.op.offset = first.event->offset;
	answer(d, &second, HISTORY_OK, level);
}

/* Reads something, sends, and is committed or not. */
static void act_txn(struct draw *d)
{
	struct history_op op = {.f = HISTORY_TXN, .process = a_producer(d), .call = ++d->call};
	struct sent sent[CALL_MAX];
	uint32_t count = 1 + (uint32_t)draw_below(d, CALL_MAX);
	bool fails = draw_one_in(d, 4);

	draw_say(d, op);
	for (uint32_t i = d->event_count; i-- > 0 && draw_one_in(d, 2);) {
		const struct draw_event *e = &d->events[i];
		if (e->gone || e->offset > d->durable)
			continue;
		struct history_op scan = draw_about(e, HISTORY_SCAN, op.process);
		scan.call = op.call;
		draw_say(d, scan);
	}
	for (uint32_t i = 0; i < count; i++) {
		draw_send(d, &sent[i], op.process, op.call, 0);
		sent[i].op.type = HISTORY_OK; /* into the transaction, as far as that goes */
		draw_say(d, sent[i].op);
	}
	for (uint32_t i = 0; i < count && !fails; i++)
		land(d, &sent[i]);
	op.type = fails ? HISTORY_FAIL : HISTORY_OK;
	if (!fails)
		make_safe(d, op.level = HISTORY_DURABLE);
	draw_say(d, op);
}

static void act_state(struct draw *d)
{
	struct history_op op = {.type = HISTORY_OK,
				.f = HISTORY_STATE,
				.value = d->durable * 77 + 5,
				.group = 1,
				.offset = d->durable};

	draw_say(d, op);
	if (draw_one_in(d, 2))
		draw_say(d, op);
}

static void act_erase(struct draw *d)
{
	uint32_t topic = 1 + (uint32_t)draw_below(d, 2);
	uint64_t key = 1 + draw_below(d, DRAW_KEYS);
	struct history_op op = {.type = HISTORY_OK,
				.f = HISTORY_ERASE,
				.key = key,
				.topic = topic,
				.offset = ++d->seq};

	d->erased[topic][key] = d->seq;
	draw_say(d, op);
	make_safe(d, op.level = HISTORY_DURABLE);
	draw_say(d, op);
}

static void act_grow(struct draw *d)
{
	if (d->grown != 0)
		return;
	d->grown = ++d->seq;
	draw_say(d, (struct history_op){.type = HISTORY_OK,
					.f = HISTORY_GROW,
					.topic = 1,
					.partition = DRAW_GROWN,
					.offset = d->grown});
	draw_groups_grow(d);
}

/* --- crashes ---------------------------------------------------------------------------------- */

static void new_processes(struct draw *d)
{
	for (uint32_t i = 0; i < DRAW_PRODUCERS; i++)
		d->producers[i] = ++d->process;
	for (uint32_t i = 0; i < DRAW_LEASERS; i++)
		d->leasers[i] = ++d->process;
}

static void act_crash(struct draw *d)
{
	uint8_t level = draw_one_in(d, 2) ? HISTORY_WRITTEN : HISTORY_DURABLE;
	uint64_t cut = level == HISTORY_WRITTEN ? d->written : d->durable;
	struct sent lost[CALL_MAX];
	uint32_t count = (uint32_t)draw_below(d, CALL_MAX);
	bool lands = draw_one_in(d, 2);

	/* What was in flight: all of it is there, or nothing. */
	for (uint32_t i = 0; i < count; i++)
		draw_send(d, &lost[i], d->producers[0], d->call + 1, HISTORY_ATOMIC);
	d->call++;
	for (uint32_t i = 0; i < count && lands; i++)
		land(d, &lost[i]);
	if (draw_one_in(d, 2) && lands)
		cut = d->seq;
	draw_say(d, (struct history_op){.type = HISTORY_INFO, .f = HISTORY_CRASH, .level = level});
	for (uint32_t i = 0; i < d->event_count; i++)
		d->events[i].gone = d->events[i].gone || d->events[i].offset > cut;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < d->event_count; i++)
		if (!d->events[i].gone)
			d->events[kept++] = d->events[i];
	d->event_count = kept;
	d->grown = d->grown > cut ? 0 : d->grown;
	while (d->filter_count > 0 && d->filters[d->filter_count - 1].offset > cut)
		d->filter_count--;
	d->seq = d->written = d->durable = cut;
	draw_say(d, (struct history_op){.type = HISTORY_OK, .f = HISTORY_RECOVER, .offset = cut});
	new_processes(d);
	draw_groups_recover(d);
	draw_leases_recover(d);
}

/* ---------------------------------------------------------------------------------------------- */

static void act(struct draw *d)
{
	uint64_t what = draw_below(d, 100);

	if (what < 22 && has_room(d))
		act_send(d);
	else if (what < 26 && has_room(d))
		act_dedup(d);
	else if (what < 30 && has_room(d))
		act_txn(d);
	else if (what < 72)
		draw_groups_act(d);
	else if (what < 94)
		draw_leases_act(d);
	else if (what < 96)
		act_state(d);
	else if (what < 97 && draw_one_in(d, 2))
		act_grow(d);
	else if (what < 97)
		draw_groups_filter(d);
	else if (what < 98 && draw_one_in(d, 2))
		act_erase(d);
	else if (what < 98 && draw_one_in(d, 2))
		draw_groups_compact(d);
	else if (what < 98)
		make_safe(d, HISTORY_DURABLE);
	else
		act_crash(d);
}

void draw_history(struct history *history, uint64_t seed)
{
	static struct draw d;

	memset(&d, 0, sizeof d);
	history_begin(history);
	d.to = history;
	d.seq = 10;
	wr_prng_init(&d.prng, seed);
	new_processes(&d);
	draw_groups_begin(&d);
	for (uint64_t i = ACTS_MIN + draw_below(&d, ACTS_MORE); i > 0; i--)
		act(&d);
	make_safe(&d, HISTORY_DURABLE);
	draw_groups_drain(&d);
	draw_leases_drain(&d);
	draw_groups_drain(&d); /* the dead letters that came meanwhile */
}
