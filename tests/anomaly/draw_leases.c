/* SPDX-License-Identifier: Apache-2.0 */
/* See draw.h: the group that leases topic 2, one call a key at a time, and its dead letters. */
#include "tests/anomaly/draw.h"

#define ITEMS_MAX 3u

static bool runs(const struct draw *d, const struct draw_event *e)
{
	return e->leased && d->time < e->lease_until;
}

/*
 * An older one of its key is not done, or one is in somebody's hands: it has to wait, unless they
 * come in this call.
 */
static bool is_held_up(const struct draw *d, const struct draw_event *of, uint32_t call)
{
	for (uint32_t i = 0; i < d->event_count; i++) {
		const struct draw_event *e = &d->events[i];
		bool is_mine = e->leased && e->lease_call == call;
		if (e == of || e->topic != of->topic || e->key != of->key || e->settled ||
		    is_mine || (draw_is_erased(d, e) && !runs(d, e)))
			continue;
		if (e < of || runs(d, e))
			return true;
	}
	return false;
}

static void poll(struct draw *d, uint32_t process, uint32_t most)
{
	uint32_t call = ++d->call;
	/* By then at the earliest it is over. */
	uint64_t until = d->time + DRAW_LEASE_NS, count = 0;

	draw_say(d, (struct history_op){.f = HISTORY_POLL,
					.process = process,
					.group = DRAW_LEASE_GROUP,
					.call = call});
	for (uint32_t i = 0; i < d->event_count && count < most; i++) {
		struct draw_event *e = &d->events[i];
		if (e->topic != 2 || e->settled || e->offset > d->durable || runs(d, e) ||
		    is_held_up(d, e, call) || draw_is_erased(d, e))
			continue;
		struct history_op op = draw_about(e, HISTORY_POLL, process);
		op.group = DRAW_LEASE_GROUP;
		op.call = call;
		op.end = until;
		op.flags = (e->delivered >> DRAW_LEASE_GROUP & 1) != 0 ? HISTORY_REDELIVERED : 0;
		draw_say(d, op);
		e->delivered |= 1u << DRAW_LEASE_GROUP;
		e->leased = true;
		e->lease_process = process;
		e->lease_call = call;
		e->lease_until = until;
		count++;
	}
}

static struct history_op about(const struct draw_event *e, enum history_f f)
{
	struct history_op op = draw_about(e, f, e->lease_process);

	op.value = 0;
	op.key = 0;
	op.group = DRAW_LEASE_GROUP;
	return op;
}

static void settle(struct draw *d, struct draw_event *e)
{
	draw_say(d, about(e, HISTORY_ACK));
	e->settled = true;
	e->leased = false;
	d->written = d->durable = d->seq;
}

static void die(struct draw *d, struct draw_event *e)
{
	struct history_op op = about(e, HISTORY_DEAD);
	const struct draw_event *dead = draw_append(d, DRAW_DEAD_TOPIC, e->key, e->value);

	if (dead == NULL)
		return;
	draw_say(d, about(e, HISTORY_RELEASE)); /* its member rejects it */
	op.value = e->value;
	op.topic = dead->topic;
	op.partition = dead->partition;
	op.offset = dead->offset;
	e->settled = true;
	e->leased = false;
	d->written = d->durable = d->seq;
	draw_say(d, op);
}

/* A dead letter goes back, behind everything. */
static void redrive(struct draw *d)
{
	for (uint32_t i = 0; i < d->event_count; i++) {
		struct draw_event *e = &d->events[i];
		if (e->topic != DRAW_DEAD_TOPIC || e->settled || e->offset > d->durable ||
		    draw_is_erased(d, e))
			continue;
		if (draw_append(d, 2, e->key, e->value) == NULL)
			return;
		e->settled = true;
		d->written = d->durable = d->seq;
		draw_say(d, (struct history_op){
				    .type = HISTORY_OK, .f = HISTORY_REDRIVE, .value = e->value});
		return;
	}
}

static void act_on(struct draw *d, struct draw_event *e)
{
	uint64_t what = draw_below(d, 10);

	if (what < 6) {
		settle(d, e);
	} else if (what < 7) {
		draw_say(d, about(e, HISTORY_RELEASE));
		e->leased = false;
	} else if (what < 8) {
		struct history_op op = about(e, HISTORY_EXTEND);
		op.end = e->lease_until = d->time + DRAW_LEASE_NS;
		draw_say(d, op);
	} else if (!draw_is_erased(d, e)) {
		die(d, e);
	}
}

static void leave(struct draw *d, uint32_t *process)
{
	draw_say(d, (struct history_op){.type = HISTORY_OK,
					.f = HISTORY_LEAVE,
					.process = *process,
					.group = DRAW_LEASE_GROUP});
	for (uint32_t i = 0; i < d->event_count; i++)
		if (d->events[i].lease_process == *process)
			d->events[i].leased = false;
	*process = ++d->process;
}

void draw_leases_act(struct draw *d)
{
	uint32_t *process = &d->leasers[draw_below(d, DRAW_LEASERS)];
	uint64_t what = draw_below(d, 100);

	if (what < 45) {
		poll(d, *process, 1 + (uint32_t)draw_below(d, ITEMS_MAX));
	} else if (what < 90) {
		for (uint32_t i = 0; i < d->event_count; i++)
			if (runs(d, &d->events[i]) && draw_one_in(d, 2)) {
				act_on(d, &d->events[i]);
				return;
			}
	} else if (what < 93) {
		leave(d, process);
	} else if (what < 97) {
		redrive(d);
	} else {
		d->time += DRAW_LEASE_NS;
	}
}

void draw_leases_recover(struct draw *d)
{
	for (uint32_t i = 0; i < d->event_count; i++)
		d->events[i].leased = false;
}

void draw_leases_drain(struct draw *d)
{
	bool any = true;

	while (any) {
		any = false;
		d->time += DRAW_LEASE_NS;
		poll(d, d->leasers[0], DRAW_EVENTS_MAX);
		for (uint32_t i = 0; i < d->event_count; i++)
			if (d->events[i].leased) {
				settle(d, &d->events[i]);
				any = true;
			}
	}
	draw_say(d, (struct history_op){
			    .type = HISTORY_OK, .f = HISTORY_DRAIN, .group = DRAW_LEASE_GROUP});
}
