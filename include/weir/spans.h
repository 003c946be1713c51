/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Spans: what became of events, for OpenTelemetry, as lines of OTLP in JSON. Each line is one
 * ExportTraceServiceRequest, as OpenTelemetry's file exporter writes them and its collector reads
 * them (OTLP 1.x, JSON encoding); names and attributes are those of its semantic conventions for
 * messaging. docs/guide/tracing.md.
 *
 *   publish TOPIC  PRODUCER  an event, from the source's own time, where it has one, until it is
 *                            durable; from a journal: until it was appended. The parent is that of
 *                            its traceparent, or the span of the event that brought it about
 *   copy TOPIC     PRODUCER  the same of a copy that weir has made: a dead letter, what was
 *                            redriven, unrouted or bound; linked to what it is a copy of
 *   durable TOPIC  INTERNAL  from when it was appended until it was durable
 *   deliver TOPIC  INTERNAL  from then until a member was handed it, the first time
 *   process TOPIC  CONSUMER  from when it was handed out, or its handler was called, until it was
 *                            acknowledged or rejected; linked to the attempt before
 *   replay TOPIC   CONSUMER  the same of a replay (replay.h), until that went on
 *   settle TOPIC   CONSUMER  from a journal, instead of the four: when a group's progress over it,
 *                            or its failure, was appended
 *
 * Which events: those whose traceparent has its sampled flag; of those without a traceparent a
 * share, by trace id (OpenTelemetry's ParentBased over TraceIdRatioBased). The trace id of an event
 * without a traceparent is made of its flow: its correlation id, else its event id, else its place,
 * so that what it brings about is of the same trace. Span ids are made of places in the log: who
 * looks twice finds the same ones.
 */
#ifndef WEIR_SPANS_H
#define WEIR_SPANS_H

#include <weir/error.h>
#include <weir/event.h>
#include <weir/journal.h>
#include <weir/pipeline.h>

WEIR_DECLS_BEGIN

/** How spans are made. */
struct weir_span_options {
	size_t struct_bytes;
	const char *service; /**< service.name: 1..128 bytes of UTF-8; "weir" (default) */
	/** Of the traces of events without a traceparent: 0 .. 1 (default). */
	double ratio;
	/** Events that are remembered, at 250 bytes each, to tell what becomes of them and what
	 *  they bring about: 16 .. 1048576, default 16384. The oldest is forgotten first. */
	uint32_t events_max;
	/** weir_spans_open(): where to begin; 0 (default): with what is appended from then on. */
	uint64_t from_sequence;
	/** A line with its line end; lent for the call. 0: go on; else the call that made it ends,
	 *  and returns that. Must be there. */
	int (*line_fn)(void *context, const char *line, size_t line_bytes);
	/** weir_journal_spans(): asked of each event in the range instead of the sampler. NULL
	 *  (default): not asked. The item is lent for the call. */
	bool (*wanted_fn)(void *context, const struct weir_item *item);
	void *context;
};

struct weir_span_report {
	uint64_t events; /**< whose spans were made */
	uint64_t spans;
	uint64_t lines;
	uint64_t too_large; /**< spans that do not fit into a line: left out */
	/* Of weir_spans_step(): what it could not keep up with. */
	uint64_t missed;    /**< records that were retired or overrun before it read them */
	uint64_t lost;      /**< times that an event was handed out, which nobody had room for */
	uint64_t forgotten; /**< the same: their event was not remembered any more */
	uint64_t next_sequence; /**< that it reads */
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_span_options_init(struct weir_span_options *options);

/**
 * The spans of a journal's events, also beside a running owner, and of a process that has died.
 * Of the range's events; what was settled of them is looked for to the end of the log.
 *
 * What a journal does not say, the spans do not: when an event became durable, and when it was
 * handed out. A settle span is of the moment in which the log was told. Of a subscription that has
 * a filter and follows partitions there are none: its progress does not say which events it wanted.
 * Of more than 8 queues that have one event outstanding at a time, the later ones are left out.
 *
 * Thread:    any. Blocks: for reading all of it. Allocates: as weir_journal_inspect(), and
 *            events_max events; freed before it returns.
 * @param dir             the journal's directory
 * @param range           from where to where, and its callbacks `segment` and `damage`; `event` and
 *                        `threads` are not used. NULL: all of it
 * @param ret_report      may be NULL; as far as it came
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0; what a callback returned; -EINVAL (options); else as weir_journal_inspect()
 */
WEIR_API WEIR_MUST_CHECK int weir_journal_spans(const char *dir,
						const struct weir_span_options *options,
						const struct weir_journal_visitor *range,
						struct weir_span_report *ret_report,
						struct weir_problem *reterr_problem);

struct weir_spans;

/**
 * Begin to make spans of a running pipeline, of what is appended and of what its members and
 * replays do with it. There is one such exporter at a time; it takes a member's place (members_max)
 * until it is closed.
 *
 * It reads the log as a replay does, behind the durable gate where there is a journal, and holds
 * nothing back. Members tell it of what they were handed by a ring of their own; what finds no room
 * is counted and left out. Without an exporter that costs them a load for each poll and
 * acknowledgement; with one each event that is handed out is looked at for its trace, and those
 * that are sampled take two readings of the clock.
 *
 * Members tell of what they do if they joined, and replays if they were opened, while it was open.
 *
 * Thread:    any but weir's own. Blocks: never. Allocates: events_max events, a line, and the first
 *            time 110 KiB for each of members_max, which stay until the pipeline is closed.
 * @param options    copied; `service` too; `wanted_fn` is not asked
 * @param ret_spans  closed by weir_spans_close(), before the pipeline is
 * @return 0, -EINVAL, -EBUSY (there is one), WEIR_E_FULL (members_max), -ENOMEM, WEIR_E_TRUNCATED
 *         (from_sequence is beyond the end), WEIR_E_AGAIN (on one of weir's threads), WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_spans_open(struct weir_pipeline *pipeline,
					     const struct weir_span_options *options,
					     struct weir_spans **ret_spans,
					     struct weir_problem *reterr_problem);

/**
 * Make spans of what has come, and hand the lines out that are full, or all when it has caught up.
 * Call it again and again, on a thread that may be late: it is nobody's business but its own.
 *
 * Thread: one at a time. Blocks: up to timeout_ns, while there is nothing; for reading the journal
 *         where it has fallen behind memory. On a `manual` pipeline it runs the steps.
 *         Allocates: never.
 * @return events and handlings that were looked at; 0: none came; or negative, as
 *         weir_replay_next(), or what line_fn returned: then nothing is handed out any more
 */
WEIR_API WEIR_MUST_CHECK int weir_spans_step(struct weir_spans *spans, uint64_t timeout_ns);

/**
 * What it has done.
 *
 * Thread: the one that steps. Blocks: never. Allocates: never.
 */
WEIR_API void weir_spans_report(const struct weir_spans *spans,
				struct weir_span_report *ret_report);

/**
 * End it. What is in the log and was not looked at yet is left: step until nothing comes before.
 *
 * Thread: the one that stepped. Blocks: never. Owns: it is gone afterwards.
 * @param spans  NULL is allowed
 */
WEIR_API void weir_spans_close(struct weir_spans *spans);

WEIR_DECLS_END
#endif
