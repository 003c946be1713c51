/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members and replays tell of events that they were handed, for spans (weir/spans.h): when
 * each that is sampled was delivered, begun, and done with. Nobody else knows.
 *
 * A slot has a ring of notes, which its thread fills and the exporter empties; behind a full ring
 * notes are lost, and counted: nobody waits. What was delivered and is not done with is kept beside
 * it, in sets of WR_SPAN_WAYS by sequence, since an item that is acknowledged late is lent no more
 * and cannot be looked at; in a full set the oldest gives way, and is counted as lost.
 *
 * Without an exporter a member has no slot: that is one load of its own, for each poll, each
 * acknowledgement and each call of a handler. It gets one when it joins, under the registry's lock,
 * by which it sees what the exporter made. When the exporter is gone it finds `on` cleared; what it
 * wrote to is kept until the pipeline goes.
 *
 * Thread: the member's; taking notes: the exporter's.
 */
#ifndef WR_PIPELINE_SPAN_NOTES_H
#define WR_PIPELINE_SPAN_NOTES_H

#include "core/otlp/traced.h"
#include "core/pipeline/pipeline.h"

#define WR_SPAN_NOTES 1024u
#define WR_SPAN_SETS 256u
#define WR_SPAN_WAYS 4u

enum wr_span_outcome { WR_SPAN_HANDLED = 0, WR_SPAN_FAILED, WR_SPAN_DEAD, WR_SPAN_RELEASED };

struct wr_span_note {
	uint64_t sequence;     /* in the table of what was delivered: 0: none */
	uint64_t delivered_ns; /* monotonic, like the other two */
	uint64_t begun_ns;     /* 0: it has no handler */
	uint64_t ended_ns;
	uint32_t subscription; /* UINT32_MAX: a replay */
	uint32_t generation;
	uint32_t attempts;
	uint32_t reason;
	enum wr_span_outcome outcome;
	bool redelivered;
};

struct wr_span_slot {
	struct wr_span_notes *all;
	struct wr_spsc ring;
	struct wr_span_note notes[WR_SPAN_NOTES];
	struct wr_span_note open[WR_SPAN_SETS][WR_SPAN_WAYS];
	uint32_t open_count;
	wr_atomic_u64 lost; /* the member's; relaxed, for the exporter to look at */
};

struct wr_span_notes {
	wr_atomic_u32 on;    /* relaxed: 0: there is no exporter */
	wr_atomic_u64 ratio; /* relaxed: wr_trace_ratio() */
	uint8_t journal[WR_TRACE_ID_BYTES];
	struct wr_span_slot slots[]; /* [members_max] */
};

size_t wr_span_notes_bytes(uint32_t members_max);
/* Before anybody sees it, in memory that is zeroed. */
void wr_span_notes_init(struct wr_span_notes *n, uint32_t members_max, const uint8_t *journal);
/* A slot's new occupant; under the registry's lock. */
void wr_span_slot_begin(struct weir_member *m);

void wr_span_tell_delivered(struct weir_member *m, const struct weir_item *items, uint32_t count);
void wr_span_tell_begun(struct weir_member *m, uint64_t sequence, uint64_t now_ns);
void wr_span_tell_ended(struct weir_member *m, uint64_t sequence, enum wr_span_outcome outcome,
			uint32_t reason);
/* All that is open. */
void wr_span_tell_all_ended(struct weir_member *m);

/* The oldest note of a slot; NULL: there is none. It stays until it is taken. */
const struct wr_span_note *wr_span_note_peek(struct wr_span_slot *s);
void wr_span_note_take(struct wr_span_slot *s);

static inline void wr_span_delivered(struct weir_member *m, const struct weir_item *items,
				     uint32_t count)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_delivered(m, items, count);
}

static inline void wr_span_begun(struct weir_member *m, uint64_t sequence, uint64_t now_ns)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_begun(m, sequence, now_ns);
}

static inline void wr_span_ended(struct weir_member *m, uint64_t sequence,
				 enum wr_span_outcome outcome, uint32_t reason)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_ended(m, sequence, outcome, reason);
}

static inline void wr_span_all_ended(struct weir_member *m)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_all_ended(m);
}

#endif
