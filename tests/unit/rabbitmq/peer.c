/* SPDX-License-Identifier: Apache-2.0 */
/* See peer.h. */
#include "tests/unit/rabbitmq/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

#define ROOM 200000

struct frame {
	uint8_t type;
	uint16_t channel;
	uint32_t bytes;
	uint8_t data[ROOM];
};

static bool send_bytes(struct peer *p, const void *data, size_t bytes)
{
	uint64_t flip = p->connections == 1 ? p->script.flip_at : 0;
	if (flip > p->sent && flip <= p->sent + bytes && bytes <= ROOM) {
		static uint8_t flipped[ROOM];
		memcpy(flipped, data, bytes);
		flipped[flip - p->sent - 1] ^= (uint8_t)(1u << (flip % 8));
		data = flipped;
	}
	bool cut = p->script.cut_after != 0 && p->connections == 1;
	if (cut && p->sent + bytes >= p->script.cut_after)
		bytes = (size_t)(p->script.cut_after - p->sent);
	p->sent += bytes;
	if (send(p->fd, data, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		return false;
	return !cut || p->sent < p->script.cut_after;
}

static bool send_frame(struct peer *p, uint8_t type, uint16_t channel, const void *data,
		       size_t bytes)
{
	const uint8_t head[] = {type,
				(uint8_t)(channel >> 8),
				(uint8_t)channel,
				(uint8_t)(bytes >> 24),
				(uint8_t)(bytes >> 16),
				(uint8_t)(bytes >> 8),
				(uint8_t)bytes};
	const uint8_t end = AMQP_FRAME_END;
	return send_bytes(p, head, sizeof head) && (bytes == 0 || send_bytes(p, data, bytes)) &&
	       send_bytes(p, &end, 1);
}

static bool send_method(struct peer *p, uint16_t channel, amqp_method_number_t id, void *method)
{
	uint8_t data[1024] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
			      (uint8_t)id};
	int bytes = amqp_encode_method(id, method,
				       (amqp_bytes_t){.len = sizeof data - 4, .bytes = data + 4});
	fixture_need(bytes >= 0, "encoding a method");
	return send_frame(p, AMQP_FRAME_METHOD, channel, data, (size_t)bytes + 4);
}

static bool read_bytes(struct peer *p, void *to, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		ssize_t got = recv(p->fd, (uint8_t *)to + at, bytes - at, 0);
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

static bool read_frame(struct peer *p, struct frame *f)
{
	uint8_t head[7], end;
	if (!read_bytes(p, head, sizeof head))
		return false;
	f->type = head[0];
	f->channel = (uint16_t)(head[1] << 8 | head[2]);
	f->bytes = (uint32_t)head[3] << 24 | (uint32_t)head[4] << 16 | (uint32_t)head[5] << 8 |
		   head[6];
	return f->bytes <= ROOM && read_bytes(p, f->data, f->bytes) && read_bytes(p, &end, 1) &&
	       end == AMQP_FRAME_END;
}

static amqp_method_number_t id_of(const struct frame *f)
{
	return (amqp_method_number_t)f->data[0] << 24 | (amqp_method_number_t)f->data[1] << 16 |
	       (amqp_method_number_t)f->data[2] << 8 | f->data[3];
}

static bool send_header(struct peer *p, amqp_basic_properties_t *properties, uint64_t body_bytes)
{
	static uint8_t data[ROOM];
	int bytes = amqp_encode_properties(AMQP_BASIC_CLASS, properties,
					   (amqp_bytes_t){.len = ROOM - 12, .bytes = data + 12});
	fixture_need(bytes >= 0, "encoding properties");
	memset(data, 0, 12);
	data[1] = AMQP_BASIC_CLASS;
	for (int i = 0; i < 8; i++)
		data[4 + i] = (uint8_t)(body_bytes >> (56 - 8 * i));
	return send_frame(p, AMQP_FRAME_HEADER, 1, data, (size_t)bytes + 12);
}

/* ---- what it does ---------------------------------------------------------------------------- */

static bool deliver(struct peer *p, uint32_t which)
{
	amqp_basic_deliver_t method = {.consumer_tag = amqp_cstring_bytes("c"),
				       .delivery_tag = p->delivered_count + 1,
				       .exchange = amqp_cstring_bytes("x"),
				       .routing_key = amqp_cstring_bytes("route")};
	amqp_bytes_t body = p->script.deliveries[which].body;
	uint64_t announced = p->script.deliveries[which].announced;
	p->delivered[p->delivered_count++] = (uint8_t)which;
	if (!send_method(p, 1, AMQP_BASIC_DELIVER_METHOD, &method))
		return false;
	if (p->script.raw_header != NULL && which == 0) {
		if (!send_frame(p, AMQP_FRAME_HEADER, 1, p->script.raw_header,
				p->script.raw_header_bytes))
			return false;
	} else if (!send_header(p, &p->script.deliveries[which].properties,
				announced != 0 ? announced : body.len)) {
		return false;
	}
	/* In two frames, where there are two bytes. */
	size_t half = body.len / 2;
	return (half == 0 || send_frame(p, AMQP_FRAME_BODY, 1, body.bytes, half)) &&
	       (body.len == 0 ||
		send_frame(p, AMQP_FRAME_BODY, 1, (uint8_t *)body.bytes + half, body.len - half));
}

static bool deliver_all(struct peer *p)
{
	p->delivered_count = 0;
	for (uint32_t i = 0; i < p->script.delivery_count; i++) {
		if (!p->acked[i] && !p->rejected[i] && !deliver(p, i))
			return false;
	}
	return true;
}

/* False: of what was not delivered, which a flipped bit may have it do. */
static bool take_ack(struct peer *p, uint64_t tag, bool multiple)
{
	if (p->script.flip_at != 0 && (tag < 1 || tag > p->delivered_count))
		return false;
	for (uint64_t t = multiple ? 1 : tag; t <= tag; t++) {
		fixture_need(t >= 1 && t <= p->delivered_count, "an ack of what was not delivered");
		(void)pthread_mutex_lock(&p->lock);
		if (!p->rejected[p->delivered[t - 1]])
			p->acked[p->delivered[t - 1]] = true;
		(void)pthread_mutex_unlock(&p->lock);
	}
	return true;
}

static bool answer_publish(struct peer *p, amqp_basic_properties_t *properties)
{
	amqp_basic_ack_t ack = {.delivery_tag = p->tag};
	amqp_basic_nack_t nack = {.delivery_tag = p->tag};
	amqp_basic_return_t back = {.reply_code = 312,
				    .reply_text = amqp_cstring_bytes("NO_ROUTE"),
				    .exchange = amqp_cstring_bytes("x"),
				    .routing_key = amqp_cstring_bytes("k")};
	amqp_connection_blocked_t blocked = {.reason = amqp_cstring_bytes("low on\x01memory")};
	amqp_connection_unblocked_t unblocked = {.dummy = 0};
	enum peer_answer answer = p->script.answer;
	if (p->script.answers != 0 && --p->script.answers == 0)
		p->script.answer = PEER_CONFIRM;
	switch (answer) {
	case PEER_SILENT:
		return true;
	case PEER_REFUSE:
		return send_method(p, 1, AMQP_BASIC_NACK_METHOD, &nack);
	case PEER_CONFUSED:
		ack.delivery_tag += 1000;
		break;
	case PEER_RETURN:
		if (!send_method(p, 1, AMQP_BASIC_RETURN_METHOD, &back) ||
		    !send_header(p, properties, 3) || !send_frame(p, AMQP_FRAME_BODY, 1, "abc", 3))
			return false;
		break;
	case PEER_BLOCK:
		return send_method(p, 0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked) &&
		       send_method(p, 1, AMQP_BASIC_ACK_METHOD, &ack) &&
		       send_method(p, 0, AMQP_CONNECTION_UNBLOCKED_METHOD, &unblocked);
	case PEER_CONFIRM:
		break;
	}
	return send_method(p, 1, AMQP_BASIC_ACK_METHOD, &ack);
}

static void copy(char *to, size_t room, amqp_bytes_t from)
{
	size_t bytes = from.len < room ? from.len : room - 1;
	if (bytes > 0)
		memcpy(to, from.bytes, bytes);
	to[bytes] = 0;
}

/* A header that is text. */
static void copy_header(char *to, size_t room, const amqp_table_t *headers, const char *name)
{
	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *e = &headers->entries[i];
		if (e->key.len == strlen(name) && memcmp(e->key.bytes, name, e->key.len) == 0 &&
		    (e->value.kind == AMQP_FIELD_KIND_UTF8 ||
		     e->value.kind == AMQP_FIELD_KIND_BYTES))
			copy(to, room, e->value.value.bytes);
	}
}

static bool take_publish(struct peer *p, const amqp_basic_publish_t *publish, struct frame *f,
			 amqp_pool_t *pool)
{
	struct peer_message m = {.mandatory = publish->mandatory != 0};
	copy(m.routing_key, sizeof m.routing_key, publish->routing_key);
	void *decoded;
	if (!read_frame(p, f) || f->type != AMQP_FRAME_HEADER)
		return false;
	uint64_t body_bytes = 0;
	for (int i = 0; i < 8; i++)
		body_bytes = body_bytes << 8 | f->data[4 + i];
	if (amqp_decode_properties(AMQP_BASIC_CLASS, pool,
				   (amqp_bytes_t){.len = f->bytes - 12, .bytes = f->data + 12},
				   &decoded) < 0)
		return false;
	amqp_basic_properties_t *properties = decoded;
	/* They point into the frame, which the body overwrites. */
	copy(m.id, sizeof m.id, properties->message_id);
	m.mode = properties->delivery_mode;
	if ((properties->_flags & AMQP_BASIC_HEADERS_FLAG) != 0) {
		copy_header(m.parent, sizeof m.parent, &properties->headers, "traceparent");
		copy_header(m.state, sizeof m.state, &properties->headers, "tracestate");
	}
	for (uint64_t got = 0; got < body_bytes; got += f->bytes) {
		if (!read_frame(p, f) || f->type != AMQP_FRAME_BODY)
			return false;
		if (got == 0)
			copy(m.body, sizeof m.body,
			     (amqp_bytes_t){.len = f->bytes, .bytes = f->data});
	}
	if (p->message_count < PEER_MESSAGES)
		p->messages[p->message_count] = m;
	p->message_count++;
	p->tag++;
	amqp_basic_properties_t back = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
					.message_id = amqp_cstring_bytes(m.id)};
	return answer_publish(p, &back);
}

static bool refuse(struct peer *p, uint16_t channel)
{
	amqp_connection_close_t connection = {.reply_code = p->script.refuse_code,
					      .reply_text =
						      amqp_cstring_bytes("NO - \x1b[1m not you")};
	amqp_channel_close_t close = {.reply_code = p->script.refuse_code,
				      .reply_text = amqp_cstring_bytes("NO - not here")};
	bool sent = channel == 0 ? send_method(p, 0, AMQP_CONNECTION_CLOSE_METHOD, &connection)
				 : send_method(p, 1, AMQP_CHANNEL_CLOSE_METHOD, &close);
	/* Until the client goes: a socket that is closed with something unread takes back what was
	 * sent. */
	uint8_t byte;
	while (sent && read_bytes(p, &byte, 1))
		;
	return false;
}

static bool take_method(struct peer *p, struct frame *f, amqp_pool_t *pool)
{
	amqp_method_number_t id = id_of(f);
	void *m;
	if (id == p->script.refuse)
		return refuse(p, f->channel);
	if (amqp_decode_method(id, pool, (amqp_bytes_t){.len = f->bytes - 4, .bytes = f->data + 4},
			       &m) < 0)
		return false;
	amqp_connection_tune_t tune = {.channel_max = 2047,
				       .frame_max = p->script.frame_max != 0 ? p->script.frame_max
									     : 131072};
	amqp_connection_open_ok_t open_ok = {.known_hosts = amqp_empty_bytes};
	amqp_channel_open_ok_t channel_ok = {.channel_id = amqp_empty_bytes};
	amqp_queue_declare_ok_t queue_ok = {.queue = amqp_cstring_bytes("q"), .message_count = 7};
	amqp_basic_consume_ok_t consume_ok = {.consumer_tag = amqp_cstring_bytes("c")};
	char nothing = 0;
	switch (id) {
	case AMQP_CONNECTION_START_OK_METHOD:
		return send_method(p, 0, AMQP_CONNECTION_TUNE_METHOD, &tune);
	case AMQP_CONNECTION_TUNE_OK_METHOD:
		return true;
	case AMQP_CONNECTION_OPEN_METHOD:
		return send_method(p, 0, AMQP_CONNECTION_OPEN_OK_METHOD, &open_ok);
	case AMQP_CHANNEL_OPEN_METHOD:
		return send_method(p, 1, AMQP_CHANNEL_OPEN_OK_METHOD, &channel_ok);
	case AMQP_EXCHANGE_DECLARE_METHOD:
		return send_method(p, 1, AMQP_EXCHANGE_DECLARE_OK_METHOD, &nothing);
	case AMQP_QUEUE_DECLARE_METHOD:
		return send_method(p, 1, AMQP_QUEUE_DECLARE_OK_METHOD, &queue_ok);
	case AMQP_QUEUE_BIND_METHOD:
		return send_method(p, 1, AMQP_QUEUE_BIND_OK_METHOD, &nothing);
	case AMQP_CONFIRM_SELECT_METHOD:
		return send_method(p, 1, AMQP_CONFIRM_SELECT_OK_METHOD, &nothing);
	case AMQP_BASIC_QOS_METHOD:
		return send_method(p, 1, AMQP_BASIC_QOS_OK_METHOD, &nothing);
	case AMQP_BASIC_CONSUME_METHOD:
		return send_method(p, 1, AMQP_BASIC_CONSUME_OK_METHOD, &consume_ok) &&
		       deliver_all(p);
	case AMQP_BASIC_PUBLISH_METHOD:
		return take_publish(p, m, f, pool);
	case AMQP_BASIC_ACK_METHOD:
		return take_ack(p, ((amqp_basic_ack_t *)m)->delivery_tag,
				((amqp_basic_ack_t *)m)->multiple != 0);
	case AMQP_BASIC_REJECT_METHOD:
		p->rejected[p->delivered[((amqp_basic_reject_t *)m)->delivery_tag - 1]] = true;
		return true;
	case AMQP_CONNECTION_CLOSE_METHOD:
		(void)send_method(p, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &nothing);
		return false;
	default:
		return false; // it does not know that
	}
}

static void serve(struct peer *p)
{
	static struct frame f;
	uint8_t hello[8];
	amqp_pool_t pool;
	amqp_connection_start_t start = {.version_major = 0,
					 .version_minor = 9,
					 .mechanisms = amqp_cstring_bytes("PLAIN"),
					 .locales = amqp_cstring_bytes("en_US")};
	p->sent = p->tag = 0;
	p->delivered_count = 0;
	if (!read_bytes(p, hello, sizeof hello))
		return;
	fixture_need(memcmp(hello, "AMQP\0\0\x09\x01", 8) == 0, "AMQP 0-9-1's greeting");
	if (p->script.mute) {
		while (read_bytes(p, hello, 1))
			;
		return;
	}
	if (p->script.greeting != NULL) {
		(void)send_bytes(p, p->script.greeting, p->script.greeting_bytes);
		return;
	}
	bool goes_on = send_method(p, 0, AMQP_CONNECTION_START_METHOD, &start);
	init_amqp_pool(&pool, 8192);
	while (goes_on && read_frame(p, &f)) {
		goes_on = f.type == AMQP_FRAME_HEARTBEAT ||
			  (f.type == AMQP_FRAME_METHOD && take_method(p, &f, &pool));
		recycle_amqp_pool(&pool);
	}
	empty_amqp_pool(&pool);
}

static void *run(void *context)
{
	struct peer *p = context;
	for (;;) {
		int fd = accept(p->listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		int on = 1;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		p->fd = fd;
		p->connections++;
		serve(p);
		(void)close(fd);
	}
}

uint32_t peer_acked_count(struct peer *p)
{
	uint32_t count = 0;
	(void)pthread_mutex_lock(&p->lock);
	for (uint32_t i = 0; i < p->script.delivery_count; i++)
		count += p->acked[i];
	(void)pthread_mutex_unlock(&p->lock);
	return count;
}

void peer_begin(struct peer *p)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof address;
	(void)pthread_mutex_init(&p->lock, NULL);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fixture_need(p->listener >= 0 &&
			     bind(p->listener, (struct sockaddr *)&address, bytes) == 0 &&
			     listen(p->listener, 8) == 0 &&
			     getsockname(p->listener, (struct sockaddr *)&address, &bytes) == 0,
		     "a port of loopback");
	p->port = ntohs(address.sin_port);
	fixture_need(pthread_create(&p->thread, NULL, run, p) == 0, "a thread");
}

void peer_end(struct peer *p)
{
	/* Ends the accept; the client is gone by then. */
	(void)shutdown(p->listener, SHUT_RDWR);
	(void)pthread_join(p->thread, NULL);
	(void)close(p->listener);
}
