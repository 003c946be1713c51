/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/span_notes.h"

size_t wr_span_notes_bytes(uint32_t members_max)
{
	return sizeof(struct wr_span_notes) + members_max * sizeof(struct wr_span_slot);
}

void wr_span_notes_init(struct wr_span_notes *n, uint32_t members_max, const uint8_t *journal)
{
	memcpy(n->journal, journal, sizeof n->journal);
	for (uint32_t i = 0; i < members_max; i++) {
		n->slots[i].all = n;
		wr_spsc_init(&n->slots[i].ring, WR_SPAN_NOTES);
	}
}

void wr_span_slot_begin(struct weir_member *m)
{
	struct wr_span_notes *n = m->pipeline->span_notes;
	m->span_slot = n != NULL && wr_load_relaxed(&n->on) != 0 ? &n->slots[m->slot] : NULL;
	if (m->span_slot == NULL)
		return;
	memset(m->span_slot->open, 0, sizeof m->span_slot->open);
	m->span_slot->open_count = 0;
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

void wr_span_tell_delivered(struct weir_member *m, const struct weir_item *items, uint32_t count)
{
	struct wr_span_slot *s = m->span_slot;
	bool is_replay = m->replay != NULL;
	uint64_t now_ns = 0;
	if (wr_load_relaxed(&s->all->on) == 0)
		return;
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

static void end(struct weir_member *m, struct wr_span_note *note, enum wr_span_outcome outcome,
		uint32_t reason, uint64_t now_ns)
{
	struct wr_span_slot *s = m->span_slot;
	note->outcome = outcome;
	note->reason = reason;
	note->ended_ns = now_ns;
	if (wr_load_relaxed(&s->all->on) != 0 && wr_spsc_room(&s->ring) > 0) {
		s->notes[wr_spsc_push_index(&s->ring, 0)] = *note;
		wr_spsc_push(&s->ring, 1);
	} else {
		count_lost(s);
	}
	note->sequence = 0;
	s->open_count--;
}

void wr_span_tell_ended(struct weir_member *m, uint64_t sequence, enum wr_span_outcome outcome,
			uint32_t reason)
{
	struct wr_span_note *note = find(m->span_slot, sequence);
	if (note != NULL)
		end(m, note, outcome, reason, wr_clock_mono_ns(m->pipeline->host.clock));
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
				end(m, &s->open[i][k], WR_SPAN_HANDLED, 0, now_ns);
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
