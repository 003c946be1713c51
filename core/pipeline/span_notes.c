/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/span_notes.h"

size_t wr_span_notes_bytes(uint32_t members_max)
{
	return sizeof(struct wr_span_notes) +
	       ((size_t)members_max + 1) * sizeof(struct wr_span_slot);
}

void wr_span_notes_init(struct wr_span_notes *n, uint32_t members_max, const uint8_t *journal)
{
	memcpy(n->journal, journal, sizeof n->journal);
	for (uint32_t i = 0; i <= members_max; i++) {
		n->slots[i].all = n;
		wr_spsc_init(&n->slots[i].ring, WR_SPAN_NOTES);
	}
}

/* Its own, at the first poll that finds an exporter: nothing of an occupant before is in it. */
static struct wr_span_slot *begin_slot(struct weir_member *m, struct wr_span_notes *n)
{
	struct wr_span_slot *s = &n->slots[m->slot];
	memset(s->open, 0, sizeof s->open);
	s->open_count = s->held_count = 0;
	m->span_slot = s;
	return s;
}

/* ---- what is open ---- */

static struct wr_span_note *set_of(struct wr_span_slot *s, uint64_t sequence)
{
	return s->open[(sequence * 0x9e3779b97f4a7c15u) >> 56];
}
_Static_assert(WR_SPAN_SETS == 256, "a set is 8 bits of the hash");

static struct wr_span_note *find(struct wr_span_slot *s, uint64_t sequence)
{
	struct wr_span_note *set = set_of(s, sequence);
	for (uint32_t i = 0; s->open_count > 0 && i < WR_SPAN_WAYS; i++)
		if (set[i].sequence == sequence)
			return &set[i];
	return NULL;
}

static void count_lost(struct wr_span_slot *s)
{
	wr_store_relaxed(&s->lost, wr_load_relaxed(&s->lost) + 1); /* own */
}

/* A place for it: its own, if it was delivered before, a free one, or that of the oldest. */
static struct wr_span_note *make_room(struct wr_span_slot *s, uint64_t sequence)
{
	struct wr_span_note *set = set_of(s, sequence), *oldest = set;
	for (uint32_t i = 0; i < WR_SPAN_WAYS; i++) {
		if (set[i].sequence == sequence)
			return &set[i];
		if (set[i].sequence == 0 ||
		    (oldest->sequence != 0 && set[i].delivered_ns < oldest->delivered_ns))
			oldest = &set[i];
	}
	if (oldest->sequence != 0)
		count_lost(s);
	else
		s->open_count++;
	return oldest;
}

static bool is_sampled(struct wr_span_notes *n, const struct weir_item *item)
{
	struct weir_ids ids;
	struct wr_trace trace;
	if (item->kind != WEIR_ITEM_EVENT)
		return false;
	weir_item_ids(item, &ids);
	wr_trace_of(n->journal, item, &ids, &trace);
	return wr_trace_sampled(&trace, wr_load_relaxed(&n->ratio));
}

static uint32_t row_of(const struct weir_member *m, const struct weir_item *item)
{
	if (m->replay != NULL || m->sharing != NULL)
		return UINT32_MAX;
	const struct wr_subscription_live *live = &m->pipeline->subscriptions[m->subscription];
	return live->row_of_topic[item->topic] + item->partition;
}

void wr_span_tell_delivered(struct weir_member *m, const struct weir_item *items, uint32_t count)
{
	struct wr_span_notes *n = wr_span_notes_of(m->pipeline);
	struct wr_span_slot *s = m->span_slot;
	bool is_replay = m->replay != NULL;
	uint64_t now_ns = 0;
	if (wr_load_relaxed(&n->on) == 0 || m->tells_no_spans)
		return;
	if (s == NULL)
		s = begin_slot(m, n);
	for (uint32_t i = 0; i < count; i++) {
		const struct weir_item *item = &items[i];
		if (!is_sampled(s->all, item))
			continue;
		if (now_ns == 0)
			now_ns = wr_clock_mono_ns(m->pipeline->host.clock);
		*make_room(s, item->sequence) = (struct wr_span_note){
			.sequence = item->sequence,
			.delivered_ns = now_ns,
			.subscription = is_replay ? UINT32_MAX : m->subscription,
			/* A replay's has none: times tell one from another. */
			.generation = is_replay ? (uint32_t)(now_ns >> 10) : item->generation,
			.attempts = item->attempts,
			.row = row_of(m, item),
			.redelivered = (item->flags & WEIR_ITEM_REDELIVERED) != 0,
		};
	}
}

void wr_span_tell_begun(struct weir_member *m, uint64_t sequence, uint64_t now_ns)
{
	struct wr_span_note *note = find(m->span_slot, sequence);
	if (note != NULL)
		note->begun_ns = now_ns;
}

/* ---- what is done with ---- */

static struct wr_span_note *note_at(struct wr_span_slot *s, uint32_t ahead)
{
	return &s->notes[wr_spsc_push_index(&s->ring, ahead)];
}

/* Up to the first whose transaction is not decided. */
static void hand_over(struct wr_span_slot *s)
{
	uint32_t count = 0;
	while (count < s->held_count && note_at(s, count)->transaction == 0)
		count++;
	wr_spsc_push(&s->ring, count);
	s->held_count -= count;
}

static void forget(struct wr_span_slot *s, struct wr_span_note *note)
{
	note->sequence = 0;
	s->open_count--;
}

static void end(struct wr_span_slot *s, struct wr_span_note *note)
{
	if (wr_load_relaxed(&s->all->on) != 0 &&
	    wr_spsc_room_for(&s->ring, s->held_count + 1u) > s->held_count) {
		*note_at(s, s->held_count++) = *note;
		hand_over(s);
	} else {
		count_lost(s);
	}
	forget(s, note);
}

void wr_span_tell_ended(struct weir_member *m, uint64_t sequence, enum wr_span_outcome outcome,
			uint32_t reason, uint64_t transaction)
{
	struct wr_span_note *note = find(m->span_slot, sequence);
	if (note == NULL)
		return;
	note->outcome = outcome;
	note->reason = reason;
	note->transaction = transaction;
	note->ended_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	end(m->span_slot, note);
}

/* An event of a row that went, or that its user is owed a refusal of, is not acknowledged. */
static void end_in_row(struct weir_member *m, struct wr_span_note *note, uint64_t now_ns)
{
	const struct wr_member_row *row = note->row != UINT32_MAX ? &m->rows[note->row] : NULL;
	if (row != NULL && row->generation != note->generation) {
		forget(m->span_slot, note);
	} else if (row == NULL || row->acked == row->next_from) {
		note->ended_ns = now_ns;
		end(m->span_slot, note);
	}
}

void wr_span_tell_all_ended(struct weir_member *m)
{
	struct wr_span_slot *s = m->span_slot;
	if (s->open_count == 0)
		return;
	uint64_t now_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	for (uint32_t i = 0; i < WR_SPAN_SETS && s->open_count > 0; i++)
		for (uint32_t k = 0; k < WR_SPAN_WAYS; k++)
			if (s->open[i][k].sequence != 0)
				end_in_row(m, &s->open[i][k], now_ns);
}

/* Transactions are decided in their order, in which they stand in the ring, too. */
void wr_span_tell_decided(struct weir_member *m, uint64_t transaction, enum wr_span_outcome outcome)
{
	struct wr_span_slot *s = m->span_slot;
	for (uint32_t i = 0; i < s->held_count && note_at(s, i)->transaction <= transaction; i++) {
		struct wr_span_note *note = note_at(s, i);
		if (note->transaction != transaction)
			continue;
		note->transaction = 0;
		note->outcome = outcome;
		if (outcome == WR_SPAN_REFUSED)
			note->turn = ++s->turns;
		if (outcome != WR_SPAN_RELEASED)
			continue;
		struct wr_span_note *again = make_room(s, note->sequence);
		*again = *note;
		again->outcome = WR_SPAN_HANDLED;
		again->ended_ns = 0;
	}
	hand_over(s);
}

void wr_span_tell_expired(struct weir_pipeline *p, const struct wr_span_note *note)
{
	struct wr_span_slot *s = &wr_span_notes_of(p)->slots[p->options.members_max];
	if (wr_load_relaxed(&s->all->on) == 0)
		return;
	if (wr_spsc_room(&s->ring) == 0) {
		count_lost(s);
		return;
	}
	*note_at(s, 0) = *note;
	wr_spsc_push(&s->ring, 1);
}

/* ---- whose child it is what a handler brings about ---- */

bool wr_span_tell_parent(const struct weir_member *m, const struct weir_item *item, char *ret_text)
{
	const struct wr_span_notes *n = m->span_slot->all;
	struct weir_traceparent parent = {0};
	struct wr_trace trace;
	struct weir_ids ids;
	if (wr_load_relaxed(&n->on) == 0)
		return false;
	weir_item_ids(item, &ids);
	wr_trace_of(n->journal, item, &ids, &trace);
	if (!wr_trace_sampled(&trace, wr_load_relaxed(&n->ratio)))
		return false;
	struct weir_pos pos = weir_item_pos(item);
	uint64_t id = wr_span_process_id(n->journal, &pos, m->subscription, item->generation, 0);
	memcpy(parent.trace_id, trace.trace_id, sizeof parent.trace_id);
	for (uint32_t i = 0; i < 8; i++)
		parent.parent_id[i] = (uint8_t)(id >> (56 - 8 * i));
	parent.flags = trace.flags | WEIR_TRACE_SAMPLED;
	return weir_traceparent_format(&parent, ret_text) > 0;
}

/* ---- the exporter's ---- */

const struct wr_span_note *wr_span_note_peek(struct wr_span_slot *s)
{
	return wr_spsc_ready(&s->ring) > 0 ? &s->notes[wr_spsc_pop_index(&s->ring, 0)] : NULL;
}

void wr_span_note_take(struct wr_span_slot *s)
{
	wr_spsc_pop(&s->ring, 1);
}
