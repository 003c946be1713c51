/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which trace an event is of, whether that is sampled, and what is remembered of events whose
 * traces are: the spans that follow (it is handled, it brings another one about) come later.
 *
 * Trace id: that of the event's traceparent. Without one it is made of the journal's id and the
 * name of the flow that the event is of: its correlation id, else its event id, else its place (of
 * a copy of weir's own: the place of what it is a copy of). That is what events that it brings
 * about carry as their correlation id (weir/trace.h), so a flow is one trace, whoever looks, and
 * however often.
 *
 * Sampled: as OpenTelemetry's ParentBased sampler over TraceIdRatioBased has it. With a traceparent
 * its flag decides; without one the last 8 bytes of the trace id do, as a number of 63 bits, which
 * is to be less than ratio * 2^63.
 *
 * Span ids are made the same way, of the journal's id, the event's place and what the span is of:
 * they are the same for who looks at the journal later, so a link can be made before its end is
 * there.
 *
 * The table has a fixed size; a new event takes the place of the oldest.
 *
 * Thread: one at a time for a table; the rest are pure functions.
 */
#ifndef WR_OTLP_TRACED_H
#define WR_OTLP_TRACED_H

#include <weir/event.h>

#include "core/otlp/otlp.h"

/* Every trace: what a ratio of 1 is. */
#define WR_RATIO_ALL (UINT64_C(1) << 63)
#define WR_TRACED_ID_BYTES 64u
/* Queues that may have an event outstanding at a time, as far as a journal's reader keeps track. */
#define WR_TRACED_QUEUES 8u

struct wr_trace {
	uint8_t trace_id[WR_TRACE_ID_BYTES];
	uint64_t parent_id; /* of the traceparent; 0: there is none */
	uint8_t flags;
};

struct wr_traced {
	struct wr_trace trace;
	uint64_t sequence;
	uint64_t append_us;
	uint64_t ready_ns; /* since when readers could have it; 0: not known */
	uint64_t send_id;  /* of the span in which it was published */
	uint32_t log, epoch, topic, partition;
	uint32_t next_of_sequence, next_of_id; /* in the table */
	uint32_t id_bucket;                    /* WR_TRACED_NONE: without an event id */
	/* The last time that it was handed out and failed, for the next one to be linked to. */
	uint32_t failed_subscription;
	uint64_t failed_id; /* 0: it has not */
	struct wr_traced_queue {
		uint32_t subscription;
		uint32_t attempts; /* that failed */
	} queues[WR_TRACED_QUEUES];
	uint16_t queue_count;
	uint16_t id_bytes; /* of its event id; one that is longer: 0 */
	char id[WR_TRACED_ID_BYTES];
};

#define WR_TRACED_NONE UINT32_MAX

struct wr_traced_table {
	struct wr_traced *events; /* [room]; event n is at n % room */
	uint32_t *sequences;      /* [buckets]: the newest of each */
	uint32_t *ids;
	uint32_t room, buckets; /* a power of two */
	uint64_t count;         /* since the beginning */
	uint8_t journal[WR_TRACE_ID_BYTES];
};

/* 0 .. 1 to what wr_trace_sampled() asks for. */
uint64_t wr_trace_ratio(double ratio);
void wr_trace_of(const uint8_t *journal, const struct weir_item *item, const struct weir_ids *ids,
		 struct wr_trace *ret_trace);
bool wr_trace_sampled(const struct wr_trace *trace, uint64_t ratio);
/* Of an event that was published (subscription UINT32_MAX), or handed out; never 0. */
enum wr_span_what { WR_SPAN_SEND = 0, WR_SPAN_DURABLE, WR_SPAN_DELIVER, WR_SPAN_PROCESS };
uint64_t wr_span_id(const uint8_t *journal, enum wr_span_what what, uint32_t log, uint32_t epoch,
		    uint64_t sequence, uint32_t subscription, uint64_t attempt);
/*
 * That of a handling. Its upper half is of the event alone, so that who finds it as a parent knows
 * whose handling that was without knowing of which subscription. `turn`: 0, or which of those that
 * were in vain within one generation: what was published by the one that counts is the child of 0.
 */
uint64_t wr_span_process_id(const uint8_t *journal, const struct weir_pos *pos,
			    uint32_t subscription, uint32_t generation, uint32_t turn);
bool wr_span_is_process_of(const uint8_t *journal, const struct weir_pos *pos, uint64_t span_id);

/* What a table of so many events takes, at `memory`, aligned to 8. */
size_t wr_traced_bytes(uint32_t room);
void wr_traced_init(struct wr_traced_table *t, uint32_t room, const uint8_t *journal, void *memory);
/*
 * In the order of the log. The pointer is good until `room` more were put. Of two events with one
 * id the later one is found by it.
 */
struct wr_traced *wr_traced_put(struct wr_traced_table *t, const struct weir_item *item,
				const struct weir_ids *ids, const struct wr_trace *trace);
/* NULL: it was not traced, or is forgotten. */
struct wr_traced *wr_traced_find(const struct wr_traced_table *t, uint64_t sequence);
/* What a causation id names: an event id, or a place. */
struct wr_traced *wr_traced_cause(const struct wr_traced_table *t, const void *id, size_t id_bytes);
/* Those from `from_sequence` on, in order; NULL: there are no more. *place begins at 0. */
struct wr_traced *wr_traced_next(const struct wr_traced_table *t, uint64_t from_sequence,
				 uint64_t *place);

#endif
