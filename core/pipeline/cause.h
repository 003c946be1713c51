/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event carries on of the one that brought it about (weir/trace.h).
 *
 * Which item a handler is in is the thread's: a handler's producers are its own business, and a
 * pointer from a producer to a member, or back, would outlive one of them. It is set around each
 * call of a handler and nowhere else. An event without a cause costs two loads; the ids of one with
 * a cause are put together beside it, before it is measured.
 *
 * Where somebody makes spans, what a handler brings about is the child of the span in which it ran:
 * the member knows that span's id beforehand (core/otlp/traced.h), and it goes into the
 * traceparent, in the log, so that whoever makes spans of the journal later has the same parent.
 */
#ifndef WR_PIPELINE_CAUSE_H
#define WR_PIPELINE_CAUSE_H

#include <weir/event.h>
#include <weir/trace.h>

#include "core/base/bits.h"

/*
 * At a fixed distance from the thread's pointer: without it each look is a call in a shared
 * library. glibc keeps room for that in libraries that are loaded later; other C libraries need
 * not.
 */
#if defined(__GLIBC__)
#define WR_THREAD_NEAR __attribute__((tls_model("initial-exec")))
#else
#define WR_THREAD_NEAR
#endif

/* What this thread's handler was called with; NULL: it is in none. */
extern _Thread_local const struct weir_item *wr_item_in_hand WR_THREAD_NEAR;
/* And whose handler that is. */
extern _Thread_local const struct weir_member *wr_member_in_hand WR_THREAD_NEAR;

/* An event that carries ids of its cause. */
struct wr_caused {
	struct weir_event event;
	struct weir_ids ids;
	struct weir_cause cause;
};

const struct weir_event *wr_caused_fill(const struct weir_event *event,
					const struct weir_item *cause,
					struct wr_caused *ret_caused);

/* The event to publish: the one that was given, or, with a cause, one in *caused. */
static inline const struct weir_event *wr_caused_event(const struct weir_event *event,
						       bool no_cause, struct wr_caused *caused)
{
	const struct weir_item *cause = event->cause;
	if (cause == NULL && !no_cause)
		cause = wr_item_in_hand;
	return WR_LIKELY(cause == NULL) ? event : wr_caused_fill(event, cause, caused);
}

#endif
