/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/cause.h"

#include <weir/replay_to.h>
#include <weir/sharing.h>

#include "core/pipeline/span_notes.h"

_Thread_local const struct weir_item *wr_item_in_hand WR_THREAD_NEAR;
_Thread_local const struct weir_member *wr_member_in_hand WR_THREAD_NEAR;

/* Longer ids are not carried: the place stands for them. */
#define CARRIED_BYTES_MAX 1024u

/* The trace that goes on: a valid one; what stands beside it only if that is valid, too. */
static void carry_trace(const struct weir_ids *from, struct weir_ids *to)
{
	if (from->traceparent_bytes == 0 ||
	    weir_traceparent_parse(from->traceparent, from->traceparent_bytes, NULL) != 0)
		return;
	to->traceparent = from->traceparent;
	to->traceparent_bytes = from->traceparent_bytes;
	if (from->tracestate_bytes == 0 ||
	    weir_tracestate_check(from->tracestate, from->tracestate_bytes) < 0)
		return;
	to->tracestate = from->tracestate;
	to->tracestate_bytes = from->tracestate_bytes;
}

/* In its handler: the span of its handling is the parent, where there will be one. */
static void carry_handling(const struct weir_item *item, struct weir_cause *ret)
{
	const struct weir_member *m = item == wr_item_in_hand ? wr_member_in_hand : NULL;
	if (m == NULL || m->span_slot == NULL || !wr_span_tell_parent(m, item, ret->traceparent))
		return;
	ret->ids.traceparent = ret->traceparent;
	ret->ids.traceparent_bytes = WEIR_TRACEPARENT_BYTES - 1;
}

/*
 * What an event without an id is known by. A dead letter, and a copy that a redrive or a replay
 * made, has the ids of its event, and so its place, too: or what comes of it would be of another
 * flow. Copies for bindings, and of what nobody wanted, are events that theirs brought about.
 */
static struct weir_pos place_of(const struct weir_item *item)
{
	struct weir_replayed of;
	struct weir_origin from;
	if (weir_item_replayed(item, &of))
		return of.pos;
	if (weir_item_origin(item, &from) && !from.bound && !from.unrouted)
		return (struct weir_pos){from.sequence, from.epoch, from.log};
	return weir_item_pos(item);
}

void weir_cause_ids(const struct weir_item *item, struct weir_cause *ret)
{
	struct weir_ids ids;
	ret->ids = (struct weir_ids){0};
	ret->place[0] = ret->traceparent[0] = '\0';
	if (item->kind != WEIR_ITEM_EVENT)
		return;
	weir_item_ids(item, &ids);
	/* Else an event with ids as large as events may have could not have an effect. */
	if (ids.event_id_bytes > CARRIED_BYTES_MAX)
		ids.event_id_bytes = 0;
	if (ids.correlation_id_bytes > CARRIED_BYTES_MAX)
		ids.correlation_id_bytes = 0;
	ret->ids.causation_id = ids.event_id;
	ret->ids.causation_id_bytes = ids.event_id_bytes;
	if (ids.event_id_bytes == 0) {
		struct weir_pos pos = place_of(item);
		ret->ids.causation_id = ret->place;
		ret->ids.causation_id_bytes = (uint16_t)weir_pos_text(&pos, ret->place);
	}
	bool has_flow = ids.correlation_id_bytes > 0;
	ret->ids.correlation_id = has_flow ? ids.correlation_id : ret->ids.causation_id;
	ret->ids.correlation_id_bytes =
		has_flow ? ids.correlation_id_bytes : ret->ids.causation_id_bytes;
	carry_trace(&ids, &ret->ids);
	carry_handling(item, ret);
}

const struct weir_event *wr_caused_fill(const struct weir_event *event,
					const struct weir_item *cause, struct wr_caused *ret)
{
	const struct weir_ids *from = &ret->cause.ids;
	weir_cause_ids(cause, &ret->cause);
	if (from->causation_id_bytes == 0)
		return event; /* no event: no cause */
	ret->event = *event;
	ret->ids = event->ids != NULL ? *event->ids : (struct weir_ids){0};
	ret->event.ids = &ret->ids;
	struct weir_ids *to = &ret->ids;
	if (to->causation_id_bytes == 0) {
		to->causation_id = from->causation_id;
		to->causation_id_bytes = from->causation_id_bytes;
	}
	if (to->correlation_id_bytes == 0) {
		to->correlation_id = from->correlation_id;
		to->correlation_id_bytes = from->correlation_id_bytes;
	}
	/* The two are one: who sets either sets both. */
	if (to->traceparent_bytes == 0 && to->tracestate_bytes == 0) {
		to->traceparent = from->traceparent;
		to->traceparent_bytes = from->traceparent_bytes;
		to->tracestate = from->tracestate;
		to->tracestate_bytes = from->tracestate_bytes;
	}
	return &ret->event;
}
