/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of an event, for another topic of the log or for some subscriptions only: key, headers,
 * ids and payload as they were. What only the writer may accept once is left out (a producer's
 * stamp, an idempotency key, an expected version), and so are a delay and a time to live, which are
 * over.
 */
#ifndef WR_PIPELINE_EVENT_COPY_H
#define WR_PIPELINE_EVENT_COPY_H

#include <weir/trace.h>

#include "core/record/recipients.h"

/* The event that is copied, as the cause of its copy: its place, and what its flow is called. */
struct wr_copy_cause {
	const void *correlation; /* NULL: it has one */
	uint16_t correlation_bytes;
	uint16_t place_bytes;
	char place[WEIR_POS_TEXT_BYTES];
};

struct wr_event_copy {
	const struct wr_record_view *view;
	const void *origin; /* NULL: the event's own is kept */
	uint16_t origin_bytes;
	/* Its causation id, and its correlation id if it has none; NULL: as they were. */
	const struct wr_copy_cause *cause;
	/*
	 * Who gets it: it is an addressed event then; NULL: it is an event. And what it is a copy
	 * of, by which replay; NULL: as it was.
	 */
	const struct wr_recipients *address;
	const struct wr_replay_mark *mark;
	bool leaves_origin;  /* without an origin, whatever the event has */
	bool is_transformed; /* the view's payload is not the event's: its type is not either */
	/* Set by wr_event_copy_measure(). */
	uint32_t given_bytes; /* of its options */
	uint32_t option_area; /* beyond UINT16_MAX it cannot be written */
	uint32_t stride;
};

/* Of an event at a place. */
void wr_copy_cause_of(const struct wr_record_view *view, const struct weir_pos *pos,
		      struct wr_copy_cause *ret_cause);
void wr_event_copy_measure(struct wr_event_copy *copy);
/* At `to`, which has room for `stride`: zeros behind its end included. */
void wr_event_copy_write(const struct wr_event_copy *copy, uint32_t topic, uint8_t *to);

#endif
