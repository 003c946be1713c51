/* SPDX-License-Identifier: Apache-2.0 */
/* See link.h: what comes in, frame by frame. Nothing of it is trusted. */
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "io/rabbitmq/link.h"

/* Frames that one read takes: so that who reads comes back to what else it has to do. */
#define FRAMES_MAX 256

/* What the broker says, for a person: without what would end a line, or not print. */
static void copy_text(char *to, size_t room, amqp_bytes_t from)
{
	size_t bytes = from.len < room ? from.len : room - 1;
	for (size_t i = 0; i < bytes; i++) {
		char c = ((const char *)from.bytes)[i];
		to[i] = c >= ' ' && c < 127 ? c : '?';
	}
	to[bytes] = 0;
}

static int nonsense(struct wr_rabbit_link *link, const char *what)
{
	return weir_bridge_lost(link->bridge, "the broker does not keep to AMQP 0-9-1: %s", what);
}

static int closed(struct wr_rabbit_link *link, const char *what, uint16_t code, amqp_bytes_t text)
{
	char said[WR_RABBIT_REASON_BYTES];
	copy_text(said, sizeof said, text);
	link->open = false;
	return weir_bridge_lost(link->bridge, "the broker closed the %s: %u %s", what, code, said);
}

/* Whether it is what is waited for. */
static bool take_answer(struct wr_rabbit_link *link, const amqp_method_t *method)
{
	if (link->awaited == 0 || method->id != link->awaited)
		return false;
	link->awaited = 0;
	link->answer = *method;
	link->answered = true;
	return true;
}

static int take_connection_method(struct wr_rabbit_link *link, const amqp_method_t *method)
{
	if (take_answer(link, method))
		return 0;
	switch (method->id) {
	case AMQP_CONNECTION_CLOSE_METHOD: {
		const amqp_connection_close_t *close = method->decoded;
		return closed(link, "connection", close->reply_code, close->reply_text);
	}
	case AMQP_CONNECTION_BLOCKED_METHOD: {
		const amqp_connection_blocked_t *blocked = method->decoded;
		if (!link->blocked)
			link->blocked_ns = wr_rabbit_now_ns();
		link->blocked = true;
		copy_text(link->blocked_reason, sizeof link->blocked_reason, blocked->reason);
		return 0;
	}
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		link->blocked = false;
		return 0;
	default:
		return nonsense(link, "a method of the connection that nobody asked for");
	}
}

static void begin_message(struct wr_rabbit_link *link)
{
	link->expect = WR_RABBIT_HEADER;
	link->body_bytes = 0;
}

static int take_channel_method(struct wr_rabbit_link *link, const amqp_method_t *method)
{
	if (take_answer(link, method))
		return 0;
	switch (method->id) {
	case AMQP_CHANNEL_CLOSE_METHOD: {
		const amqp_channel_close_t *close = method->decoded;
		return closed(link, "channel", close->reply_code, close->reply_text);
	}
	case AMQP_BASIC_DELIVER_METHOD: {
		const amqp_basic_deliver_t *deliver = method->decoded;
		if (deliver->delivery_tag <= link->last_tag)
			return nonsense(link, "delivery tags that do not rise");
		link->last_tag = deliver->delivery_tag;
		link->message = (struct wr_rabbit_message){
			.tag = deliver->delivery_tag,
			.redelivered = deliver->redelivered != 0,
			.exchange = deliver->exchange,
			.routing_key = deliver->routing_key,
		};
		begin_message(link);
		return 0;
	}
	case AMQP_BASIC_RETURN_METHOD: {
		const amqp_basic_return_t *back = method->decoded;
		link->message = (struct wr_rabbit_message){
			.returned = true,
			.code = back->reply_code,
			.text = back->reply_text,
			.exchange = back->exchange,
			.routing_key = back->routing_key,
		};
		begin_message(link);
		return 0;
	}
	case AMQP_BASIC_ACK_METHOD: {
		const amqp_basic_ack_t *ack = method->decoded;
		if (link->events == NULL)
			return nonsense(link, "a confirm of nothing");
		link->events->confirmed(link->owner, ack->delivery_tag, ack->multiple != 0, false);
		return 0;
	}
	case AMQP_BASIC_NACK_METHOD: {
		const amqp_basic_nack_t *nack = method->decoded;
		if (link->events == NULL)
			return nonsense(link, "a confirm of nothing");
		link->events->confirmed(link->owner, nack->delivery_tag, nack->multiple != 0, true);
		return 0;
	}
	case AMQP_BASIC_CANCEL_METHOD:
		return weir_bridge_lost(link->bridge, "the broker ended the consumer: its queue "
						      "was deleted, or moved");
	default:
		return nonsense(link, "a method that nobody asked for");
	}
}

static void complete(struct wr_rabbit_link *link)
{
	link->expect = WR_RABBIT_METHOD;
	link->message.body = link->room;
	link->held = !link->message.returned;
}

static int take_header(struct wr_rabbit_link *link, const amqp_frame_t *frame)
{
	if (link->expect != WR_RABBIT_HEADER ||
	    frame->payload.properties.class_id != AMQP_BASIC_CLASS)
		return nonsense(link, "a header without a message");
	link->message.properties = frame->payload.properties.decoded;
	link->message.body_bytes = frame->payload.properties.body_size;
	link->message.oversize =
		link->message.returned || link->message.body_bytes > link->room_bytes;
	link->expect = WR_RABBIT_BODY;
	/* Of what comes back the header says which it is: its body is not wanted. */
	if (link->message.returned && link->events != NULL)
		link->events->returned(link->owner, &link->message);
	if (link->message.body_bytes == 0)
		complete(link);
	return 0;
}

static int take_body(struct wr_rabbit_link *link, const amqp_frame_t *frame)
{
	amqp_bytes_t piece = frame->payload.body_fragment;
	struct wr_rabbit_message *m = &link->message;
	if (link->expect != WR_RABBIT_BODY)
		return nonsense(link, "a body without a message");
	if (piece.len == 0 || piece.len > m->body_bytes - link->body_bytes)
		return nonsense(link,
				"a body that is longer than its header says, or in no pieces");
	if (!m->oversize)
		memcpy(link->room + link->body_bytes, piece.bytes, piece.len);
	link->body_bytes += piece.len;
	if (link->body_bytes == m->body_bytes)
		complete(link);
	return 0;
}

static int take(struct wr_rabbit_link *link, const amqp_frame_t *frame)
{
	if (frame->channel != 0 && frame->channel != WR_RABBIT_CHANNEL)
		return nonsense(link, "a channel that is not open");
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		if (frame->channel == 0)
			return take_connection_method(link, &frame->payload.method);
		if (link->expect != WR_RABBIT_METHOD)
			return nonsense(link, "a method in the midst of a message");
		return take_channel_method(link, &frame->payload.method);
	case AMQP_FRAME_HEADER:
		return take_header(link, frame);
	case AMQP_FRAME_BODY:
		return take_body(link, frame);
	case 'A': // what a broker sends that speaks another version: "AMQP" and that
		return weir_bridge_lost(link->bridge, "the broker speaks another version of AMQP");
	default:
		return nonsense(link, "a frame of an unknown kind");
	}
}

/* What is too long is not kept, nor are librabbitmq's frames of it: with them would go the texts of
 * the message, so these are forgotten. */
static void forget_oversize(struct wr_rabbit_link *link)
{
	struct wr_rabbit_message *m = &link->message;
	m->properties = NULL;
	m->exchange = amqp_empty_bytes;
	m->routing_key = amqp_empty_bytes;
	m->text = amqp_empty_bytes;
	amqp_maybe_release_buffers_on_channel(link->state, WR_RABBIT_CHANNEL);
}

void wr_rabbit_link_release(struct wr_rabbit_link *link)
{
	link->held = false;
}

int wr_rabbit_link_read(struct wr_rabbit_link *link, uint64_t timeout_ns)
{
	int came = 0;
	for (int i = 0; i < FRAMES_MAX && !link->held && !(came && link->answered); i++) {
		amqp_maybe_release_buffers_on_channel(link->state, 0);
		if (link->expect == WR_RABBIT_METHOD)
			amqp_maybe_release_buffers_on_channel(link->state, WR_RABBIT_CHANNEL);
		else if (link->message.oversize && link->expect == WR_RABBIT_BODY)
			forget_oversize(link);
		amqp_frame_t frame;
		uint64_t wait_ns = came ? 0 : timeout_ns;
		struct timeval wait = {
			.tv_sec = (time_t)(wait_ns / 1000000000u),
			.tv_usec = (suseconds_t)(wait_ns % 1000000000u / 1000u),
		};
		int status = amqp_simple_wait_frame_noblock(link->state, &frame, &wait);
		if (status == AMQP_STATUS_TIMEOUT)
			break;
		if (status != AMQP_STATUS_OK)
			return weir_bridge_lost(link->bridge, "reading from the broker: %s",
						amqp_error_string2(status));
		int rc = take(link, &frame);
		if (rc < 0)
			return rc;
		came = 1;
	}
	/* In the midst of a frame, or of a message, for too long: it does not come any more. */
	bool whole = link->expect == WR_RABBIT_METHOD && amqp_release_buffers_ok(link->state);
	uint64_t now_ns = wr_rabbit_now_ns();
	if (whole || came || link->held)
		link->whole_ns = now_ns;
	else if (link->open && now_ns - link->whole_ns > link->server->timeout_ns)
		return weir_bridge_lost(link->bridge, "the broker has stopped in the midst of a "
						      "message");
	return came || link->held ? 1 : 0;
}
