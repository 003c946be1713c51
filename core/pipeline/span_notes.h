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
 * What is acknowledged in a transaction stands in the ring, and is not handed over before the
 * writer has said what becomes of it: what is refused was handled in vain, and comes again.
 *
 * A lease that runs out is told by the group, which alone knows that, in a slot of its own.
 *
 * Without an exporter a member has no slot: that is one load of its own for each acknowledgement
 * and each call of a handler, and two for each poll. It gets one at the first poll that sees what
 * the exporter made (SN1). When the exporter is gone it finds `on` cleared; what it wrote to is
 * kept until the pipeline goes.
 *
 * Thread: the member's; the group's slot: the group step; taking notes: the exporter's.
 */
#ifndef WR_PIPELINE_SPAN_NOTES_H
#define WR_PIPELINE_SPAN_NOTES_H

#include "core/otlp/traced.h"
#include "core/pipeline/pipeline.h"

#define WR_SPAN_NOTES 1024u
#define WR_SPAN_SETS 256u
#define WR_SPAN_WAYS 4u

enum wr_span_outcome {
	WR_SPAN_HANDLED = 0,
	WR_SPAN_FAILED,
	WR_SPAN_DEAD,
	WR_SPAN_REFUSED,  /* its transaction was */
	WR_SPAN_EXPIRED,  /* its lease ran out */
	WR_SPAN_RELEASED, /* nothing is told of it */
};

struct wr_span_note {
	uint64_t sequence;     /* in the table of what was delivered: 0: none */
	uint64_t delivered_ns; /* monotonic, like the other two */
	uint64_t begun_ns;     /* 0: it has no handler */
	uint64_t ended_ns;
	uint32_t subscription; /* UINT32_MAX: a replay */
	uint32_t generation;
	uint32_t attempts;
	uint32_t reason;
	uint32_t row;         /* of the member; UINT32_MAX: of a queue, or of a replay */
	uint32_t turn;        /* wr_span_process_id() */
	uint64_t transaction; /* that is not decided: 1 + its ordinal; 0: none */
	enum wr_span_outcome outcome;
	bool redelivered;
};

struct wr_span_slot {
	struct wr_span_notes *all;
	struct wr_spsc ring;
	struct wr_span_note notes[WR_SPAN_NOTES];
	struct wr_span_note open[WR_SPAN_SETS][WR_SPAN_WAYS];
	uint32_t open_count;
	uint32_t held_count; /* in the ring behind its end: not handed over */
	uint32_t turns;      /* refused so far, of all its occupants */
	wr_atomic_u64 lost;  /* the member's; relaxed, for the exporter to look at */
};

struct wr_span_notes {
	wr_atomic_u32 on;    /* relaxed: 0: there is no exporter */
	wr_atomic_u64 ratio; /* relaxed: wr_trace_ratio() */
	uint8_t journal[WR_TRACE_ID_BYTES];
	struct wr_span_slot slots[]; /* [members_max], and the group's */
};

size_t wr_span_notes_bytes(uint32_t members_max);
/* Before anybody sees it, in memory that is zeroed. */
void wr_span_notes_init(struct wr_span_notes *n, uint32_t members_max, const uint8_t *journal);

static inline struct wr_span_notes *wr_span_notes_of(struct weir_pipeline *p)
{
	return wr_load_acquire(&p->span_notes); /* SN1 */
}

void wr_span_tell_delivered(struct weir_member *m, const struct weir_item *items, uint32_t count);
void wr_span_tell_begun(struct weir_member *m, uint64_t sequence, uint64_t now_ns);
void wr_span_tell_ended(struct weir_member *m, uint64_t sequence, enum wr_span_outcome outcome,
			uint32_t reason, uint64_t transaction);
/* All that is open, of rows that are acknowledged as far as they were handed out. */
void wr_span_tell_all_ended(struct weir_member *m);
/* What became of a transaction: HANDLED; REFUSED; or RELEASED: its events are in hand as before. */
void wr_span_tell_decided(struct weir_member *m, uint64_t transaction,
			  enum wr_span_outcome outcome);
/* The group step's: what had a lease, which is over. */
void wr_span_tell_expired(struct weir_pipeline *p, const struct wr_span_note *note);
/*
 * The traceparent of what a handler brings about: the span of its handling, as its member's
 * exporter will tell it. False: nobody makes it, or its trace is not sampled.
 */
bool wr_span_tell_parent(const struct weir_member *m, const struct weir_item *item, char *ret_text);

/* The oldest note of a slot; NULL: there is none. It stays until it is taken. */
const struct wr_span_note *wr_span_note_peek(struct wr_span_slot *s);
void wr_span_note_take(struct wr_span_slot *s);

static inline void wr_span_delivered(struct weir_member *m, const struct weir_item *items,
				     uint32_t count)
{
	if (WR_UNLIKELY(wr_span_notes_of(m->pipeline) != NULL))
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
		wr_span_tell_ended(m, sequence, outcome, reason, 0);
}

/* In the transaction that will be the one of this ordinal. */
static inline void wr_span_ended_in(struct weir_member *m, uint64_t sequence, uint64_t ordinal)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_ended(m, sequence, WR_SPAN_HANDLED, 0, ordinal + 1);
}

static inline void wr_span_decided(struct weir_member *m, uint64_t ordinal,
				   enum wr_span_outcome outcome)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_decided(m, ordinal + 1, outcome);
}

static inline void wr_span_all_ended(struct weir_member *m)
{
	if (WR_UNLIKELY(m->span_slot != NULL))
		wr_span_tell_all_ended(m);
}

#endif
