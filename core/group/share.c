/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group/share.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"

static uint32_t bucket_count_of(const struct wr_share_options *o)
{
	return (uint32_t)wr_power_of_two_above(wr_max_u64(o->events_max, 2));
}

size_t wr_share_bytes(const struct wr_share_options *o)
{
	return o->events_max * (sizeof(struct wr_share_event) + sizeof(struct wr_share_due)) +
	       o->members_max * sizeof(struct wr_share_member) +
	       2ull * bucket_count_of(o) * sizeof(uint32_t);
}

int wr_share_init(struct wr_share *s, struct wr_memory *memory, const struct wr_share_ports *ports,
		  const struct wr_share_options *o)
{
	uint32_t buckets = bucket_count_of(o);
	*s = (struct wr_share){
		.ports = ports,
		.options = *o,
		.bucket_mask = buckets - 1,
		.first_generation = 1,
	};
	s->events = memory->ops->alloc(memory, o->events_max * sizeof *s->events, 64);
	s->members = memory->ops->alloc(memory, o->members_max * sizeof *s->members, 64);
	s->heap = memory->ops->alloc(memory, o->events_max * sizeof *s->heap, 64);
	s->buckets = memory->ops->alloc(memory, buckets * sizeof *s->buckets, 64);
	s->key_buckets = memory->ops->alloc(memory, buckets * sizeof *s->key_buckets, 64);
	if (s->events == NULL || s->members == NULL || s->heap == NULL || s->buckets == NULL ||
	    s->key_buckets == NULL) {
		wr_share_fini(s, memory);
		return -ENOMEM;
	}
	wr_share_clear(s);
	memset(s->members, 0, o->members_max * sizeof *s->members);
	return 0;
}

void wr_share_fini(struct wr_share *s, struct wr_memory *memory)
{
	const struct wr_share_options *o = &s->options;
	uint32_t buckets = s->bucket_mask + 1;
	if (s->events != NULL)
		memory->ops->free(memory, s->events, o->events_max * sizeof *s->events);
	if (s->members != NULL)
		memory->ops->free(memory, s->members, o->members_max * sizeof *s->members);
	if (s->heap != NULL)
		memory->ops->free(memory, s->heap, o->events_max * sizeof *s->heap);
	if (s->buckets != NULL)
		memory->ops->free(memory, s->buckets, buckets * sizeof *s->buckets);
	if (s->key_buckets != NULL)
		memory->ops->free(memory, s->key_buckets, buckets * sizeof *s->key_buckets);
	*s = (struct wr_share){0};
}

/* ---- the index by sequence ---- */

static uint32_t *place_of(struct wr_share *s, uint64_t seq)
{
	uint32_t *at = &s->buckets[wr_spread(seq, s->bucket_mask)];
	while (*at != WR_SHARE_NONE && s->events[*at].seq != seq)
		at = &s->events[*at].chain;
	return at;
}

struct wr_share_event *wr_share_find(struct wr_share *s, uint64_t seq)
{
	uint32_t at = *place_of(s, seq);
	return at != WR_SHARE_NONE ? &s->events[at] : NULL;
}

/* ---- lists of a state ---- */

static struct wr_share_list *list_of(struct wr_share *s, const struct wr_share_event *e)
{
	switch (e->state) {
	case WR_SHARE_MARKED:
		return &s->marked;
	case WR_SHARE_READY:
		return &s->ready[e->priority];
	case WR_SHARE_ANSWERED:
		return &s->answered;
	case WR_SHARE_UNDURABLE:
		return &s->undurable;
	case WR_SHARE_DEAD:
		return &s->dead;
	case WR_SHARE_LEASED:
		return &s->leased;
	default:
		return NULL;
	}
}

static void list_add(struct wr_share *s, struct wr_share_list *list, uint32_t at, bool in_front)
{
	struct wr_share_event *e = &s->events[at];
	e->prev = in_front ? WR_SHARE_NONE : list->last;
	e->next = in_front ? list->first : WR_SHARE_NONE;
	*(e->prev != WR_SHARE_NONE ? &s->events[e->prev].next : &list->first) = at;
	*(e->next != WR_SHARE_NONE ? &s->events[e->next].prev : &list->last) = at;
	list->count++;
}

static void list_remove(struct wr_share *s, struct wr_share_list *list, uint32_t at)
{
	struct wr_share_event *e = &s->events[at];
	*(e->prev != WR_SHARE_NONE ? &s->events[e->prev].next : &list->first) = e->next;
	*(e->next != WR_SHARE_NONE ? &s->events[e->next].prev : &list->last) = e->prev;
	list->count--;
}

/* Out of its state: lists, what is due, and its member's count. */
void wr_share_leave_state(struct wr_share *s, struct wr_share_event *e)
{
	struct wr_share_list *list = list_of(s, e);
	if (list != NULL)
		list_remove(s, list, wr_share_index(s, e));
	if (e->state == WR_SHARE_READY) {
		s->ready_suspects -= wr_share_is_suspect(s, e) ? 1 : 0;
		if (list->count == 0)
			s->ready_set &= ~(1u << e->priority);
	}
	s->in_state[e->state]--;
	wr_share_heap_drop(s, wr_share_index(s, e));
	if (e->member != WR_SHARE_NONE)
		s->members[e->member].out--;
	e->member = WR_SHARE_NONE;
	e->is_over = false;
}

void wr_share_enter_state(struct wr_share *s, struct wr_share_event *e, enum wr_share_state state,
			  bool in_front)
{
	e->state = (uint8_t)state;
	s->in_state[state]++;
	struct wr_share_list *list = list_of(s, e);
	if (list != NULL)
		list_add(s, list, wr_share_index(s, e), in_front);
	if (state != WR_SHARE_READY)
		return;
	s->ready_set |= 1u << e->priority;
	s->ready_suspects += wr_share_is_suspect(s, e) ? 1 : 0;
}

void wr_share_sort_in(struct wr_share *s, struct wr_share_event *e, uint32_t from)
{
	struct wr_share_list *list = &s->ready[e->priority];
	uint32_t at = wr_share_index(s, e), next = from != WR_SHARE_NONE ? from : e->next;
	while (next != WR_SHARE_NONE && s->events[next].seq < e->seq)
		next = s->events[next].next;
	if (next == e->next)
		return;
	list_remove(s, list, at);
	e->next = next;
	e->prev = next != WR_SHARE_NONE ? s->events[next].prev : list->last;
	*(e->prev != WR_SHARE_NONE ? &s->events[e->prev].next : &list->first) = at;
	*(next != WR_SHARE_NONE ? &s->events[next].prev : &list->last) = at;
	list->count++;
}

static bool is_ordered(const struct wr_share *s, const struct wr_share_event *e)
{
	return s->options.by_key && e->key != 0 && !WR_BUG(KEYS_NOT_ORDERED);
}

static bool is_given_up(const struct wr_share *s, const struct wr_share_event *e)
{
	bool used_up = s->attempts_max != 0 && e->attempts >= s->attempts_max;
	return e->expired || e->overflowed || (s->has_dead_letters && (e->dead || used_up));
}

/* What is next for one that nobody has, as things stand now. */
static enum wr_share_state state_of(const struct wr_share *s, struct wr_share_event *e)
{
	e->expired = e->expired || wr_share_is_expired(s, e);
	if (e->expired || e->overflowed)
		return WR_SHARE_DEAD;
	if (is_ordered(s, e) && !wr_share_key_is_first(s, wr_share_index(s, e)))
		return WR_SHARE_BEHIND;
	if (is_given_up(s, e))
		return WR_SHARE_DEAD;
	if (wr_share_is_delayed(s, e))
		return WR_SHARE_DELAYED;
	return e->carries && !WR_BUG(CARRIED_HANDED_OUT) ? WR_SHARE_CARRIED : WR_SHARE_READY;
}

void wr_share_make_ready(struct wr_share *s, struct wr_share_event *e, bool in_front)
{
	enum wr_share_state state = state_of(s, e);
	wr_share_enter_state(s, e, state, in_front && state != WR_SHARE_DEAD);
	if (state != WR_SHARE_DEAD)
		wr_share_watch(s, e);
}

/* ---- from the log ---- */

uint32_t wr_share_room(const struct wr_share *s)
{
	return s->options.events_max - s->event_count;
}

void wr_share_link(struct wr_share *s, uint32_t at)
{
	struct wr_share_event *e = &s->events[at];
	s->event_count++;
	s->suspect_count += wr_share_is_suspect(s, e) ? 1 : 0;
	e->member = e->heap = WR_SHARE_NONE;
	uint32_t *place = place_of(s, e->seq);
	WR_ASSERT(*place == WR_SHARE_NONE);
	e->chain = WR_SHARE_NONE;
	*place = at;
	e->before = s->newest; /* they come in the order of the log */
	e->after = WR_SHARE_NONE;
	*(e->before != WR_SHARE_NONE ? &s->events[e->before].after : &s->oldest) = at;
	s->newest = at;
	if (is_ordered(s, e)) {
		wr_share_key_add(s, at);
		s->parked_count += wr_share_is_behind_parked(s, at) ? 1 : 0;
	}
}

static struct wr_share_event *add(struct wr_share *s, const struct wr_share_event *event)
{
	WR_ASSERT(s->free != WR_SHARE_NONE);
	uint32_t at = s->free;
	struct wr_share_event *e = &s->events[at];
	s->free = e->chain;
	*e = *event;
	wr_share_link(s, at);
	return e;
}

void wr_share_forget(struct wr_share *s, struct wr_share_event *e)
{
	uint32_t at = wr_share_index(s, e);
	s->suspect_count -= wr_share_is_suspect(s, e) ? 1 : 0;
	if (e->state == WR_SHARE_PARKED)
		wr_share_unpark(s, e);
	else
		wr_share_leave_state(s, e);
	if (is_ordered(s, e)) {
		s->parked_count -= wr_share_is_behind_parked(s, at) ? 1 : 0;
		uint32_t next = wr_share_key_remove(s, at);
		if (next != WR_SHARE_NONE && s->events[next].state == WR_SHARE_BEHIND) {
			wr_share_leave_state(s, &s->events[next]);
			wr_share_make_ready(s, &s->events[next], false);
		}
	}
	*place_of(s, e->seq) = e->chain;
	*(e->before != WR_SHARE_NONE ? &s->events[e->before].after : &s->oldest) = e->after;
	*(e->after != WR_SHARE_NONE ? &s->events[e->after].before : &s->newest) = e->before;
	e->state = WR_SHARE_FREE;
	e->chain = s->free;
	s->free = at;
	s->event_count--;
}

void wr_share_restore(struct wr_share *s, const struct wr_share_event *event)
{
	struct wr_share_event *e = add(s, event);
	e->redelivered = true;
	/* Nobody parks what is in no order; a log may say anything. */
	e->parks = e->parks && is_ordered(s, e) && wr_share_key_is_first(s, wr_share_index(s, e));
	/* In the order of the log they go to the end of what is ready. */
	if (e->parks)
		wr_share_park(s, e);
	else if (is_given_up(s, e))
		wr_share_enter_state(s, e, WR_SHARE_DEAD, false);
	else
		wr_share_make_ready(s, e, false);
}

void wr_share_take(struct wr_share *s, const struct wr_share_event *event)
{
	struct wr_share_event *e = add(s, event);
	e->generation = s->first_generation;
	wr_share_enter_state(s, e, WR_SHARE_MARKED, false);
}

void wr_share_marked(struct wr_share *s, uint32_t count)
{
	for (; count > 0; count--) {
		struct wr_share_event *e = &s->events[s->marked.first];
		wr_share_leave_state(s, e);
		wr_share_make_ready(s, e, false);
	}
}

void wr_share_unmarked(struct wr_share *s, uint32_t count)
{
	for (; count > 0; count--)
		wr_share_forget(s, &s->events[s->marked.first]);
}

/* The first at or above `seq`. */
static uint32_t first_from(struct wr_share *s, uint64_t seq)
{
	uint32_t at = *place_of(s, seq);
	if (at != WR_SHARE_NONE)
		return at;
	at = s->oldest;
	while (at != WR_SHARE_NONE && s->events[at].seq < seq)
		at = s->events[at].after;
	return at;
}

void wr_share_settled(struct wr_share *s, uint64_t first_seq, uint64_t last_seq,
		      uint32_t generation)
{
	uint32_t at = first_from(s, first_seq);
	while (at != WR_SHARE_NONE && s->events[at].seq <= last_seq) {
		uint32_t after = s->events[at].after;
		if (s->events[at].generation == generation)
			wr_share_forget(s, &s->events[at]);
		at = after;
	}
}

void wr_share_rejected(struct wr_share *s, const struct wr_share_rejection *r)
{
	struct wr_share_event *e = wr_share_find(s, r->seq);
	if (r->redriven || r->given_up) {
		wr_share_end_parked(s, e, r->given_up);
		return;
	}
	if (e == NULL || e->generation != r->generation)
		return;
	wr_share_leave_state(s, e);
	e->generation++;
	e->redelivered = true;
	if (r->parked) {
		e->parks = true;
		wr_share_park(s, e);
		return;
	}
	if (!r->counts) {
		wr_share_make_ready(s, e, true);
		return;
	}
	e->reject_seq = r->record_seq;
	e->attempts++;
	e->reason = r->reason;
	if (e->first_failed_us == 0)
		e->first_failed_us = r->failed_us;
	e->last_failed_us = r->failed_us;
	e->not_before_ns = r->not_before_ns;
	e->dead = r->dead;
	if (is_given_up(s, e)) {
		wr_share_enter_state(s, e, WR_SHARE_DEAD, false);
		return;
	}
	e->durable_from = r->record_seq;
	wr_share_enter_state(s, e, WR_SHARE_UNDURABLE, false);
}

void wr_share_expired(struct wr_share *s, uint64_t seq, uint32_t generation, uint64_t told_by,
		      bool counts)
{
	struct wr_share_event *e = wr_share_find(s, seq);
	if (e == NULL || e->state != WR_SHARE_ASKED)
		return;
	if (generation == 0) {
		wr_share_forget(s, e);
		return;
	}
	if (e->generation >= generation)
		return; /* the log was faster */
	wr_share_leave_state(s, e);
	e->generation_told = generation;
	e->told_by = told_by;
	e->told_counts = counts;
	wr_share_enter_state(s, e, WR_SHARE_ANSWERED, false);
}

void wr_share_buried(struct wr_share *s, uint64_t seq, uint32_t generation, bool done)
{
	struct wr_share_event *e = wr_share_find(s, seq);
	if (e == NULL || e->state != WR_SHARE_ASKED || e->generation != generation)
		return;
	if (done && !e->parks) {
		wr_share_forget(s, e);
		return;
	}
	wr_share_leave_state(s, e);
	if (!done) {
		wr_share_enter_state(s, e, WR_SHARE_DEAD, true);
		return;
	}
	e->generation++; /* as the log has it, which may be followed later */
	wr_share_park(s, e);
}

void wr_share_give_up(struct wr_share *s, uint32_t attempts_max, bool has_dead_letters)
{
	if (s->attempts_max == attempts_max && s->has_dead_letters == has_dead_letters)
		return;
	s->attempts_max = attempts_max;
	s->has_dead_letters = has_dead_letters;
	for (uint32_t at = s->oldest; at != WR_SHARE_NONE; at = s->events[at].after) {
		struct wr_share_event *e = &s->events[at];
		bool waits = e->state == WR_SHARE_READY || e->state == WR_SHARE_DELAYED;
		if (waits && is_given_up(s, e) && !WR_BUG(DEAD_HANDED_OUT)) {
			wr_share_leave_state(s, e);
			wr_share_enter_state(s, e, WR_SHARE_DEAD, false);
		} else if (e->state == WR_SHARE_DEAD && !is_given_up(s, e)) {
			wr_share_leave_state(s, e);
			wr_share_make_ready(s, e, true);
		}
	}
}

uint64_t wr_share_lowest_seq(const struct wr_share *s, uint64_t seq)
{
	uint32_t at = s->oldest;
	while (at != WR_SHARE_NONE && s->events[at].seq < seq)
		at = s->events[at].after;
	return at != WR_SHARE_NONE ? s->events[at].seq : UINT64_MAX;
}

/* ---- the step ---- */

/*
 * A lease that ran out. What its member sent before that was seen is decided first: an
 * acknowledgement on its way counts (L19). False: not yet.
 */
static bool end_lease(struct wr_share *s, struct wr_share_event *e)
{
	const struct wr_share_ports *ports = s->ports;
	if (!e->is_over) {
		e->is_over = true;
		e->lane_place = ports->lane_place(ports->context, e->member);
	}
	if (!ports->lane_decided(ports->context, e->member, e->lane_place) &&
	    !WR_BUG(LEASE_NOT_DRAINED))
		return false;
	if (ports->expire(ports->context, e) != 0)
		return false;
	wr_share_heap_drop(s, wr_share_index(s, e));
	list_remove(s, &s->leased, wr_share_index(s, e));
	s->in_state[WR_SHARE_LEASED]--;
	s->in_state[WR_SHARE_ASKED]++;
	e->state = WR_SHARE_ASKED; /* still its member's, until the log has said so */
	return true;
}

static int end_what_is_due(struct wr_share *s)
{
	int done = 0;
	while (s->heap_count > 0 && s->heap[0].due_ns <= s->now_ns) {
		struct wr_share_event *e = &s->events[s->heap[0].event];
		if (e->state == WR_SHARE_LEASED) {
			if (!end_lease(s, e))
				break;
		} else {
			wr_share_leave_state(s, e);
			wr_share_make_ready(s, e, true);
		}
		done++;
	}
	return done;
}

/* What the log said of them was overrun before it was followed. */
static int end_what_was_missed(struct wr_share *s, uint64_t followed_seq)
{
	int done = 0;
	for (; s->answered.count > 0; done++) {
		struct wr_share_event *e = &s->events[s->answered.first];
		if (e->told_by > followed_seq)
			break;
		wr_share_leave_state(s, e);
		e->generation = e->generation_told;
		e->attempts += e->told_counts ? 1 : 0;
		e->redelivered = true;
		wr_share_make_ready(s, e, true);
	}
	return done;
}

int wr_share_step(struct wr_share *s, uint64_t durable_seq, uint64_t followed_seq)
{
	int done = end_what_was_missed(s, followed_seq);
	while (s->undurable.count > 0 &&
	       (s->events[s->undurable.first].durable_from <= durable_seq ||
		WR_BUG(ATTEMPT_NOT_DURABLE))) {
		struct wr_share_event *e = &s->events[s->undurable.first];
		wr_share_leave_state(s, e);
		wr_share_make_ready(s, e, true);
		done++;
	}
	done += end_what_is_due(s);
	done += wr_share_step_suspects(s, durable_seq);
	while (s->dead.count > 0) {
		struct wr_share_event *e = &s->events[s->dead.first];
		e->parks = s->parks && !e->expired && !e->overflowed && is_ordered(s, e) &&
			   wr_share_key_is_first(s, wr_share_index(s, e));
		int rc = s->ports->bury(s->ports->context, e);
		if (rc != 0 && rc != -EAGAIN) {
			/* The others shall not wait for it. */
			list_remove(s, &s->dead, wr_share_index(s, e));
			list_add(s, &s->dead, wr_share_index(s, e), false);
		}
		if (rc != 0)
			break;
		wr_share_leave_state(s, e);
		wr_share_enter_state(
			s, e, WR_BUG(BURIED_AND_READY) ? WR_SHARE_READY : WR_SHARE_ASKED, false);
		done++;
	}
	return done;
}
