/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spans of an event (weir/spans.h says what they are), written as lines: those of its
 * publication when the event comes by, in the order of the log, and those of each time that it was
 * handed out when that is known.
 *
 * Whose child a published event's span is: of the parent in its traceparent; but where that is
 * what its cause has, too, or it has none, of its cause's span. Where both are known and differ, it
 * is the traceparent's child, with a link to the cause; but where that parent is a handling of the
 * cause (a handler's member has set it), it is of this journal, and the way to the cause is through
 * it.
 *
 * Thread: one at a time.
 */
#ifndef WR_OTLP_SPANS_H
#define WR_OTLP_SPANS_H

#include "core/otlp/traced.h"

struct wr_spans {
	struct wr_otlp out;
	struct wr_traced_table table;
	uint64_t ratio; /* wr_trace_ratio() */
	/* Asked instead of the sampler, if it is there. */
	bool (*wants)(void *wants_context, const struct weir_item *item);
	void *wants_context;
	/* Names; NULL: not known. */
	const char *(*topic)(void *context, uint32_t topic);
	const char *(*group)(void *context, uint32_t subscription);
	void *context;
};

/* A time that an event was handed out, as far as it is known. */
struct wr_handling {
	uint32_t subscription;
	uint32_t attempt;    /* from 1; 0: not counted */
	uint32_t generation; /* with the subscription it tells this time from others */
	uint32_t turn;       /* not 0: it was in vain, and another one of the generation follows */
	uint64_t ready_ns;   /* since when it could be had; 0: not known */
	uint64_t delivered_ns; /* 0: not known */
	uint64_t begun_ns;     /* 0: not known */
	uint64_t ended_ns;
	const char *error; /* NULL: it was handled */
	uint32_t reason;   /* the user's, with an error */
	bool redelivered;
	bool replay;
};

/*
 * An event of the log: what is kept of it, or NULL where its trace is not sampled. `durable_ns`: 0:
 * not known.
 */
struct wr_traced *wr_spans_event(struct wr_spans *s, const struct weir_item *item,
				 uint64_t durable_ns);
/* What was done with one that is kept. */
void wr_spans_handled(struct wr_spans *s, struct wr_traced *event, const struct wr_handling *h);

#endif
