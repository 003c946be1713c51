/* SPDX-License-Identifier: Apache-2.0 */
/* See link.h: opening, closing and sending. */
#include "io/rabbitmq/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

uint64_t wr_rabbit_now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Whether the socket has room for what this file sends at once. 1, 0 or negative. */
static int wait_for_room(struct wr_rabbit_link *link, uint64_t timeout_ns)
{
	struct pollfd entry = {.fd = link->fd, .events = POLLOUT};
	int ready = poll(&entry, 1, (int)(least(timeout_ns, WR_RABBIT_SLICE_NS) / 1000000u));
	if (ready < 0 && errno != EINTR)
		return weir_bridge_lost(link->bridge, "poll: %s", weir_strerror(-errno));
	/* An error of the socket's comes with POLLERR or POLLHUP: the send says which. */
	return ready > 0 ? 1 : 0;
}

static int sent(struct wr_rabbit_link *link, int status)
{
	if (status == AMQP_STATUS_OK)
		return 1;
	return weir_bridge_lost(link->bridge, "sending to the broker: %s",
				amqp_error_string2(status));
}

int wr_rabbit_link_send(struct wr_rabbit_link *link, amqp_method_number_t method, void *arguments,
			uint64_t timeout_ns)
{
	amqp_channel_t channel = method >> 16 == 10 ? 0 : WR_RABBIT_CHANNEL; // class 10: connection
	int room = wait_for_room(link, timeout_ns);
	return room <= 0 ? room
			 : sent(link, amqp_send_method(link->state, channel, method, arguments));
}

/* A frame in the midst of a message: waits until there is room, however long, but for a stop. What
 * the broker has to say meanwhile is heard: it may be that it blocks, or goes. */
static int send_frame(struct wr_rabbit_link *link, const amqp_frame_t *frame)
{
	uint64_t end_ns = wr_rabbit_now_ns() + link->server->timeout_ns;
	for (;;) {
		int room = wait_for_room(link, WR_RABBIT_SLICE_NS);
		if (room < 0)
			return room;
		if (room > 0)
			return sent(link, amqp_send_frame(link->state, frame));
		if (weir_bridge_is_stopping(link->bridge))
			return weir_bridge_lost(link->bridge, "stopped in the midst of a message, "
							      "which the broker did not take");
		if (wr_rabbit_now_ns() > end_ns)
			return weir_bridge_lost(
				link->bridge, "the broker has read nothing for %llu ms%s%s",
				(unsigned long long)(link->server->timeout_ns / 1000000u),
				link->blocked ? ": it blocks publishers: " : "",
				link->blocked ? link->blocked_reason : "");
		int rc = wr_rabbit_link_read(link, 0);
		if (rc < 0)
			return rc;
	}
}

int wr_rabbit_link_publish(struct wr_rabbit_link *link, amqp_basic_publish_t *publish,
			   amqp_basic_properties_t *properties, amqp_bytes_t body,
			   uint64_t timeout_ns)
{
	int rc = wr_rabbit_link_send(link, AMQP_BASIC_PUBLISH_METHOD, publish, timeout_ns);
	if (rc <= 0)
		return rc;
	amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEADER, .channel = WR_RABBIT_CHANNEL};
	frame.payload.properties.class_id = AMQP_BASIC_CLASS;
	frame.payload.properties.body_size = body.len;
	frame.payload.properties.decoded = properties;
	/* With a small header and body the room that was there is still enough. */
	bool small = body.len < WR_RABBIT_PIECE_BYTES && properties->headers.num_entries < 64;
	rc = small ? sent(link, amqp_send_frame(link->state, &frame)) : send_frame(link, &frame);
	size_t piece_max = least(WR_RABBIT_PIECE_BYTES, link->frame_bytes_max - 8u);
	for (size_t at = 0; rc > 0 && at < body.len;) {
		size_t piece = least(body.len - at, piece_max);
		frame = (amqp_frame_t){.frame_type = AMQP_FRAME_BODY, .channel = WR_RABBIT_CHANNEL};
		frame.payload.body_fragment =
			(amqp_bytes_t){.len = piece, .bytes = (uint8_t *)body.bytes + at};
		rc = small ? sent(link, amqp_send_frame(link->state, &frame))
			   : send_frame(link, &frame);
		at += piece;
	}
	return rc;
}

void wr_rabbit_link_cork(struct wr_rabbit_link *link, bool on)
{
	int value = on;
	/* Saves packets, no more: what it says does not matter. */
	(void)setsockopt(link->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

int wr_rabbit_link_request(struct wr_rabbit_link *link, amqp_method_number_t method,
			   void *arguments, amqp_method_number_t answer, const char *what)
{
	uint64_t end_ns = wr_rabbit_now_ns() + link->server->timeout_ns;
	bool asked = false;
	link->awaited = answer;
	link->answered = false;
	for (;;) {
		int rc = asked ? wr_rabbit_link_read(link, WR_RABBIT_SLICE_NS)
			       : wr_rabbit_link_send(link, method, arguments, WR_RABBIT_SLICE_NS);
		if (rc < 0)
			return rc;
		asked = asked || rc > 0;
		if (link->answered)
			return 0;
		if (weir_bridge_is_stopping(link->bridge))
			return weir_bridge_lost(link->bridge,
						"stopped while waiting for the "
						"broker's answer to %s",
						what);
		if (wr_rabbit_now_ns() > end_ns)
			return weir_bridge_lost(
				link->bridge, "the broker has not answered %s for %llu ms", what,
				(unsigned long long)(link->server->timeout_ns / 1000000u));
	}
}

int wr_rabbit_link_open(struct wr_rabbit_link *link)
{
	link->fd = -1;
	link->open = false;
	link->awaited = 0;
	link->expect = WR_RABBIT_METHOD;
	link->held = false;
	link->blocked = false;
	link->last_tag = 0;
	link->state = amqp_new_connection();
	if (link->state == NULL)
		return weir_bridge_lost(link->bridge, "no memory for a connection");
	int rc = link->server->tls ? wr_rabbit_tls(link) : wr_rabbit_connect(link);
	if (rc == 0)
		rc = wr_rabbit_login(link);
	if (rc == 0) {
		amqp_channel_open_t channel = {.out_of_band = amqp_empty_bytes};
		rc = wr_rabbit_link_request(link, AMQP_CHANNEL_OPEN_METHOD, &channel,
					    AMQP_CHANNEL_OPEN_OK_METHOD, "channel.open");
	}
	link->open = rc == 0;
	return rc;
}

static amqp_connection_close_t goodbye(void)
{
	return (amqp_connection_close_t){.reply_code = AMQP_REPLY_SUCCESS,
					 .reply_text = amqp_cstring_bytes("closed")};
}

void wr_rabbit_link_goodbye(struct wr_rabbit_link *link, uint64_t timeout_ns)
{
	uint64_t end_ns = wr_rabbit_now_ns() + timeout_ns;
	amqp_connection_close_t close = goodbye();
	if (!link->open)
		return;
	link->answered = false;
	int rc = wr_rabbit_link_send(link, AMQP_CONNECTION_CLOSE_METHOD, &close,
				     least(timeout_ns, WR_RABBIT_SLICE_NS));
	link->awaited = AMQP_CONNECTION_CLOSE_OK_METHOD;
	link->open = rc == 0;
	while (rc > 0 && !link->answered && wr_rabbit_now_ns() < end_ns) {
		/* What is still delivered goes back to its queue. */
		wr_rabbit_link_release(link);
		rc = wr_rabbit_link_read(link, WR_RABBIT_SLICE_NS) < 0 ? -1 : 1;
	}
}

void wr_rabbit_link_close(struct wr_rabbit_link *link)
{
	if (link->state == NULL)
		return;
	if (link->open && link->fd >= 0 && link->expect == WR_RABBIT_METHOD) {
		amqp_connection_close_t close = goodbye();
		struct pollfd entry = {.fd = link->fd, .events = POLLOUT};
		if (poll(&entry, 1, 0) > 0 && (entry.revents & (POLLERR | POLLHUP)) == 0)
			(void)amqp_send_method(link->state, 0, AMQP_CONNECTION_CLOSE_METHOD,
					       &close);
	}
	(void)amqp_destroy_connection(link->state);
	link->state = NULL;
	link->fd = -1;
	link->open = false;
	link->held = false;
}
