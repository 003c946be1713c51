/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events that hang together with one that is asked for: those of its flow, what brought it
 * about, and what they brought about.
 *
 * A cause stands before its effects in the log, so one walk finds an event's effects. What stands
 * before the event that is asked for (its flow's beginning, its causes) is looked for by a walk
 * more: two do for whoever carries ids as weir does; where a cause is of another flow, one more for
 * each step back, TRACE_WALKS_MAX at most.
 *
 * A dead letter, and what a redrive or a replay brought back, hangs below what it is a copy of,
 * with ids or without. All of them have one event id. Effects that name it hang below the latest
 * that was there to be handled: the event, or what brought it back, and not its letter.
 *
 * Memory is bounded by `memory_max`: what is kept of an event are its ids, key and names, not its
 * payload. What does not fit is left out, and said (`full`).
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TRACE_SEARCH_H
#define WEIR_TOOLS_TRACE_SEARCH_H

#include <weir/journal.h>
#include <weir/trace.h>

#include "tools/weir/scan_progress.h"
#include "tools/weir/text_map.h"

#define TRACE_NONE UINT32_MAX
#define TRACE_WALKS_MAX 16u

struct trace_event {
	uint64_t sequence;
	uint64_t append_time_us;
	uint64_t event_time_us; /* 0: not set */
	uint32_t epoch;
	uint32_t topic_id;
	uint32_t partition; /* UINT32_MAX: not known */
	uint16_t type;
	bool died;               /* it has an origin, as letters have it: */
	uint32_t died_in;        /* this subscription, */
	uint64_t last_failed_us; /* and then */
	bool asked;      /* it is what was asked for itself, not what hangs together with it */
	uint32_t parent; /* its cause, or what it is a copy of; TRACE_NONE: none, or not there */
	uint32_t first_child, last_child, next_child;
	struct text topic; /* none: not known */
	struct text key;
	struct text kind; /* of the header "type" */
	struct text event_id;
	struct text correlation_id;
	struct text causation_id;
	struct text traceparent;
	struct text tracestate;
	struct text copy_of; /* a place: of a dead letter, of what was redriven or replayed */
};

struct trace_search {
	/* Asked for; `id` none: by the sequence. */
	struct text id;
	uint64_t sequence;
	size_t memory_max;

	/* Found. */
	struct trace_event *events; /* in the order of the log */
	uint32_t count;
	uint32_t walks;
	bool full;        /* there are more, and no room for them */
	bool cut_short;   /* causes go back further than it was looked for */
	uint64_t damages; /* places of the log that could not be read */

	/* Its own. */
	struct text_budget budget;
	struct text_pool pool;  /* of this walk's events */
	struct text_pool kept;  /* of what is looked for */
	struct text_map flows;  /* what was asked for as a correlation id, and those that it has */
	struct text_map wanted; /* ids and places of causes that were not there */
	struct text_map found;  /* ids and places of this walk's events */
	uint32_t room;
	bool is_place;
	struct weir_pos place;
	uint8_t trace_id[16];
	bool is_trace_id;
	bool looks_at_places;
	bool again; /* something was learned that earlier events may have */
	struct scan_progress progress;
	int (*damage)(void *context, const struct weir_journal_damage *damage);
	void *context;
};

/* Walks as often as it takes. 0, or a code with the problem. trace_search_end() in any case. */
int trace_search_run(struct trace_search *search, const char *dir, struct weir_problem *problem);
void trace_search_end(struct trace_search *search);

#endif
