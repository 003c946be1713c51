/* SPDX-License-Identifier: Apache-2.0 */
#include "core/otlp/spans.h"

#include <string.h>

#include <weir/sharing.h>
#include <weir/trace.h>

/* Where the source's clock says more than that the event waited for a week, it says nothing. */
#define SOURCE_AHEAD_US_MAX (7ull * 24 * 3600 * 1000000)

static const char *topic_of(struct wr_spans *s, uint32_t topic)
{
	const char *name = s->topic(s->context, topic);
	return name != NULL ? name : "?";
}

static void put_cstring(struct wr_otlp *o, const char *key, const char *text)
{
	wr_otlp_text(o, key, text, strlen(text));
}

static struct weir_pos pos_of(const struct wr_traced *e)
{
	return (struct weir_pos){.sequence = e->sequence, .epoch = e->epoch, .log = e->log};
}

/* What all spans say of their event. */
static void put_event(struct wr_spans *s, const struct wr_traced *e, const char *operation,
		      const char *type)
{
	struct wr_otlp *o = &s->out;
	char text[WEIR_POS_TEXT_BYTES], digits[10];
	put_cstring(o, "messaging.system", "weir");
	put_cstring(o, "messaging.operation.name", operation);
	if (type != NULL)
		put_cstring(o, "messaging.operation.type", type);
	put_cstring(o, "messaging.destination.name", topic_of(s, e->topic));
	if (e->partition != UINT32_MAX) {
		size_t at = sizeof digits;
		uint32_t n = e->partition;
		do {
			digits[--at] = (char)('0' + n % 10);
			n /= 10;
		} while (n > 0);
		wr_otlp_text(o, "messaging.destination.partition.id", digits + at,
			     sizeof digits - at);
	}
	struct weir_pos pos = pos_of(e);
	uint32_t text_bytes = weir_pos_text(&pos, text);
	if (e->id_bytes > 0)
		wr_otlp_text(o, "messaging.message.id", e->id, e->id_bytes);
	else
		wr_otlp_text(o, "messaging.message.id", text, text_bytes);
	wr_otlp_text(o, "weir.place", text, text_bytes);
}

/* ---- published ---- */

/* A copy of weir's own: what it is of, and why. */
static void put_origin(struct wr_spans *s, const struct weir_item *item,
		       const struct weir_origin *from)
{
	struct wr_otlp *o = &s->out;
	const char *why = from->bound                  ? "binding"
			  : from->unrouted             ? "unrouted"
			  : item->topic == from->topic ? "redriven"
			  : from->expired              ? "expired"
			  : from->overflowed           ? "overflowed"
						       : "dead letter";
	put_cstring(o, "weir.origin.kind", why);
	wr_otlp_number(o, "weir.origin.sequence", from->sequence);
	put_cstring(o, "weir.origin.topic", topic_of(s, from->topic));
	if (from->bound || from->unrouted)
		return;
	const char *group = s->group(s->context, from->subscription);
	if (group != NULL)
		put_cstring(o, "weir.origin.group", group);
	wr_otlp_number(o, "weir.origin.attempts", from->attempts);
	wr_otlp_number(o, "weir.origin.reason", from->reason);
	if (from->text_bytes > 0)
		wr_otlp_text(o, "weir.origin.text", from->text, from->text_bytes);
}

static uint64_t begin_ns(const struct weir_item *item)
{
	uint64_t said_us = weir_item_event_time_us(item);
	uint64_t append_us = item->append_time_us;
	bool is_near =
		said_us != 0 && said_us <= append_us && append_us - said_us <= SOURCE_AHEAD_US_MAX;
	return (is_near ? said_us : append_us) * 1000;
}

struct parent {
	uint64_t id;
	bool is_remote;  /* it came with the event */
	bool is_handler; /* it is a handling of the cause */
};

static struct parent parent_of(struct wr_spans *s, const struct wr_traced *e,
			       const struct wr_traced *cause)
{
	struct parent parent = {.id = e->trace.parent_id, .is_remote = e->trace.parent_id != 0};
	if (cause == NULL ||
	    memcmp(e->trace.trace_id, cause->trace.trace_id, WR_TRACE_ID_BYTES) != 0)
		return parent;
	struct weir_pos pos = pos_of(cause);
	if (parent.id == 0 || parent.id == cause->trace.parent_id)
		parent = (struct parent){.id = cause->send_id};
	else if (wr_span_is_process_of(s->table.journal, &pos, parent.id))
		parent = (struct parent){.id = parent.id, .is_handler = true};
	return parent;
}

static void put_durable(struct wr_spans *s, const struct wr_traced *e, uint64_t durable_ns)
{
	const struct wr_span span = {
		.trace_id = e->trace.trace_id,
		.span_id = wr_span_id(s->table.journal, WR_SPAN_DURABLE, e->log, e->epoch,
				      e->sequence, UINT32_MAX, 0),
		.parent_id = e->send_id,
		.start_ns = e->append_us * 1000,
		.end_ns = durable_ns,
		.operation = "durable",
		.topic = topic_of(s, e->topic),
		.kind = WR_SPAN_INTERNAL,
		.flags = e->trace.flags,
	};
	wr_otlp_span(&s->out, &span);
	put_event(s, e, "durable", NULL);
	wr_otlp_span_end(&s->out, NULL);
}

static void put_links(struct wr_spans *s, const struct wr_traced *e, const struct wr_traced *cause,
		      const struct parent *parent, const struct weir_origin *from, bool is_copy)
{
	if (is_copy) {
		const struct wr_traced *origin = wr_traced_find(&s->table, from->sequence);
		/* A copy has the ids of what it is of, and so its trace. */
		const uint8_t *trace_id =
			origin != NULL ? origin->trace.trace_id : e->trace.trace_id;
		wr_otlp_link(&s->out, trace_id,
			     wr_span_id(s->table.journal, WR_SPAN_SEND, from->log, from->epoch,
					from->sequence, UINT32_MAX, 0));
		if (origin != NULL && origin->failed_id != 0 &&
		    origin->failed_subscription == from->subscription)
			wr_otlp_link(&s->out, trace_id, origin->failed_id);
		return;
	}
	if (cause != NULL && cause->send_id != parent->id && !parent->is_handler)
		wr_otlp_link(&s->out, cause->trace.trace_id, cause->send_id);
}

static void put_send(struct wr_spans *s, const struct wr_traced *e, const struct weir_item *item,
		     const struct weir_ids *ids, uint64_t durable_ns)
{
	struct wr_otlp *o = &s->out;
	struct weir_origin from;
	bool is_copy = weir_item_origin(item, &from);
	const struct wr_traced *cause =
		is_copy ? wr_traced_find(&s->table, from.sequence)
			: wr_traced_cause(&s->table, ids->causation_id, ids->causation_id_bytes);
	if (cause == e) /* it names itself */
		cause = NULL;
	const struct parent parent = parent_of(s, e, cause);
	bool has_state = e->trace.parent_id != 0 && ids->tracestate_bytes > 0 &&
			 weir_tracestate_check(ids->tracestate, ids->tracestate_bytes) > 0;
	const struct wr_span span = {
		.trace_id = e->trace.trace_id,
		.span_id = e->send_id,
		.parent_id = parent.id,
		.start_ns = is_copy ? item->append_time_us * 1000 : begin_ns(item),
		.end_ns = durable_ns != 0 ? durable_ns : item->append_time_us * 1000,
		.operation = is_copy ? "copy" : "publish",
		.topic = topic_of(s, item->topic),
		.tracestate = ids->tracestate,
		.tracestate_bytes = has_state ? ids->tracestate_bytes : 0,
		.kind = WR_SPAN_PRODUCER,
		.flags = e->trace.flags,
		.parent_is_remote = parent.is_remote,
	};
	wr_otlp_span(o, &span);
	put_event(s, e, span.operation, "send");
	if (ids->correlation_id_bytes > 0)
		wr_otlp_text(o, "messaging.message.conversation_id", ids->correlation_id,
			     ids->correlation_id_bytes);
	wr_otlp_number(o, "messaging.message.body.size", item->payload_bytes);
	if (ids->causation_id_bytes > 0)
		wr_otlp_text(o, "weir.causation_id", ids->causation_id, ids->causation_id_bytes);
	if (is_copy)
		put_origin(s, item, &from);
	put_links(s, e, cause, &parent, &from, is_copy);
	wr_otlp_span_end(o, NULL);
}

struct wr_traced *wr_spans_event(struct wr_spans *s, const struct weir_item *item,
				 uint64_t durable_ns)
{
	struct weir_ids ids;
	struct wr_trace trace;
	weir_item_ids(item, &ids);
	wr_trace_of(s->table.journal, item, &ids, &trace);
	if (s->wants != NULL ? !s->wants(s->wants_context, item)
			     : !wr_trace_sampled(&trace, s->ratio))
		return NULL;
	trace.flags |= WEIR_TRACE_SAMPLED; /* it is, now */
	struct wr_traced *e = wr_traced_put(&s->table, item, &ids, &trace);
	put_send(s, e, item, &ids, durable_ns);
	if (durable_ns != 0)
		put_durable(s, e, durable_ns);
	e->ready_ns = durable_ns;
	return e;
}

/* ---- handed out ---- */

static void put_group(struct wr_spans *s, const struct wr_handling *h)
{
	const char *group = s->group(s->context, h->subscription);
	if (group != NULL)
		put_cstring(&s->out, "messaging.consumer.group.name", group);
	if (h->attempt != 0)
		wr_otlp_number(&s->out, "weir.attempt", h->attempt);
	if (h->redelivered)
		wr_otlp_true(&s->out, "weir.redelivered");
	if (h->replay)
		wr_otlp_true(&s->out, "weir.replay");
}

static void put_deliver(struct wr_spans *s, const struct wr_traced *e, const struct wr_handling *h,
			uint64_t process_id)
{
	const struct wr_span span = {
		.trace_id = e->trace.trace_id,
		.span_id = wr_span_id(s->table.journal, WR_SPAN_DELIVER, e->log, e->epoch,
				      e->sequence, h->subscription, h->generation),
		.parent_id = e->send_id,
		.start_ns = h->ready_ns,
		.end_ns = h->delivered_ns,
		.operation = "deliver",
		.topic = topic_of(s, e->topic),
		.kind = WR_SPAN_INTERNAL,
		.flags = e->trace.flags,
	};
	wr_otlp_span(&s->out, &span);
	put_event(s, e, "deliver", "receive");
	put_group(s, h);
	wr_otlp_link(&s->out, e->trace.trace_id, process_id);
	wr_otlp_span_end(&s->out, NULL);
}

void wr_spans_handled(struct wr_spans *s, struct wr_traced *e, const struct wr_handling *h)
{
	struct wr_otlp *o = &s->out;
	uint64_t begun_ns = h->begun_ns != 0 ? h->begun_ns : h->delivered_ns;
	bool is_timed = begun_ns != 0;
	const char *operation = h->replay ? "replay" : is_timed ? "process" : "settle";
	struct weir_pos pos = pos_of(e);
	const struct wr_span span = {
		.trace_id = e->trace.trace_id,
		.span_id = wr_span_process_id(s->table.journal, &pos, h->subscription,
					      h->generation, h->turn),
		.parent_id = e->send_id,
		.start_ns = is_timed ? begun_ns : h->ended_ns,
		.end_ns = h->ended_ns,
		.operation = operation,
		.topic = topic_of(s, e->topic),
		.kind = WR_SPAN_CONSUMER,
		.flags = e->trace.flags,
	};
	if (h->ready_ns != 0 && h->delivered_ns != 0)
		put_deliver(s, e, h, span.span_id);
	wr_otlp_span(o, &span);
	put_event(s, e, operation, is_timed ? "process" : "settle");
	put_group(s, h);
	if (h->error != NULL) {
		put_cstring(o, "error.type", h->error);
		if (h->reason != 0)
			wr_otlp_number(o, "weir.reason", h->reason);
	}
	if (e->failed_id != 0 && e->failed_subscription == h->subscription)
		wr_otlp_link(o, e->trace.trace_id, e->failed_id);
	wr_otlp_span_end(o, h->error);
	if (h->error != NULL) {
		e->failed_id = span.span_id;
		e->failed_subscription = h->subscription;
	}
}
