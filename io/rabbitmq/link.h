/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a broker, with one channel: a state machine over librabbitmq that never waits
 * longer than it is told.
 *
 * librabbitmq's own calls for requests, logins and messages wait for the broker, some without an
 * end. So only its frames are used: amqp_send_frame(), after poll() said that there is room, and
 * amqp_simple_wait_frame_noblock(). Requests wait in slices (WR_RABBIT_SLICE_NS), between which the
 * bridge is asked whether it is to stop. Frames go out in pieces that fit in the room which
 * POLLOUT promises (a third of the send buffer), so that no send blocks.
 *
 * Memory: librabbitmq keeps a message's frames until they are released. They are when a message is
 * complete, and at once where a message is longer than there is room for; an empty frame of a body
 * is a fault of the broker's, so that their number is bounded, too.
 *
 * What comes in is either an answer to a request, or told to the owner (struct wr_rabbit_events).
 *
 * Thread: the bridge's.
 */
#ifndef WEIR_IO_RABBITMQ_LINK_H
#define WEIR_IO_RABBITMQ_LINK_H

#include <amqp.h>
#include <amqp_framing.h>

#include <weir/rabbitmq.h>

#define WR_RABBIT_SLICE_NS 100000000ull
#define WR_RABBIT_CHANNEL 1
/* Largest piece of a body in a frame of ours: see above. */
#define WR_RABBIT_PIECE_BYTES 32768u
/* What a broker says of itself is kept so long. */
#define WR_RABBIT_REASON_BYTES 120u

/* A message as it came in. Pointers are good until wr_rabbit_link_release(). */
struct wr_rabbit_message {
	bool returned; /* it comes back: `code` and `text` say why */
	bool oversize; /* longer than there is room for: without its body */
	uint64_t tag;  /* of a delivery */
	bool redelivered;
	uint16_t code;
	amqp_bytes_t text;
	amqp_bytes_t exchange;
	amqp_bytes_t routing_key;
	const amqp_basic_properties_t *properties;
	uint64_t body_bytes; /* as the broker announced */
	const uint8_t *body;
};

struct wr_rabbit_events {
	/* Up to `tag` if `multiple`, else that one; refused: basic.nack. */
	void (*confirmed)(void *owner, uint64_t tag, bool multiple, bool refused);
	/* A message comes back. Without its body; good until this returns. */
	void (*returned)(void *owner, const struct wr_rabbit_message *message);
};

enum wr_rabbit_expect {
	WR_RABBIT_METHOD = 0,
	WR_RABBIT_HEADER = 1,
	WR_RABBIT_BODY = 2,
};

struct wr_rabbit_link {
	const struct weir_rabbitmq_server *server;
	struct weir_bridge *bridge;
	const struct wr_rabbit_events *events;
	void *owner;
	uint8_t *room; /* for bodies; NULL with 0 bytes: none is kept */
	size_t room_bytes;

	amqp_connection_state_t state;
	int fd;    /* -1: not connected; the socket is librabbitmq's */
	bool open; /* the handshake is done */
	uint32_t frame_bytes_max;
	amqp_method_number_t awaited; /* 0: no request is under way */
	bool answered;
	amqp_method_t answer; /* of the last request, until the next read */

	enum wr_rabbit_expect expect;
	bool held; /* a delivery is complete, and not released */
	struct wr_rabbit_message message;
	uint64_t body_bytes; /* of it that came */
	uint64_t whole_ns;   /* monotonic: when nothing was half there */
	uint64_t last_tag;   /* of a delivery */

	bool blocked;
	uint64_t blocked_ns; /* monotonic: since when */
	char blocked_reason[WR_RABBIT_REASON_BYTES];
};

/**
 * Connect, log in, open the channel.
 *
 * @return 0, or what the driver is to return, told to the bridge
 */
int wr_rabbit_link_open(struct wr_rabbit_link *link);

/**
 * End in order: the broker has read everything that was sent when it answers. A socket that is
 * closed with something unread takes back what is under way, acknowledgements for instance.
 */
void wr_rabbit_link_goodbye(struct wr_rabbit_link *link, uint64_t timeout_ns);

/** Say goodbye if the socket has room for it, and close. Never waits. */
void wr_rabbit_link_close(struct wr_rabbit_link *link);

/**
 * Read frames until a delivery is held, or there are none for timeout_ns.
 *
 * @return 1: something came; 0: nothing; or what the driver is to return
 */
int wr_rabbit_link_read(struct wr_rabbit_link *link, uint64_t timeout_ns);

/** The message that is held is done with. */
void wr_rabbit_link_release(struct wr_rabbit_link *link);

/**
 * Send a request and wait for its answer.
 *
 * @param what  for the problem: "queue.declare"
 * @return 0, or what the driver is to return
 */
int wr_rabbit_link_request(struct wr_rabbit_link *link, amqp_method_number_t method,
			   void *arguments, amqp_method_number_t answer, const char *what);

/**
 * Send a method that has no answer, when there is room.
 *
 * @return 1: sent; 0: no room within timeout_ns, nothing happened; or what the driver is to return
 */
int wr_rabbit_link_send(struct wr_rabbit_link *link, amqp_method_number_t method, void *arguments,
			uint64_t timeout_ns);

/**
 * Publish. Once begun it is finished, or the connection is lost.
 *
 * @return as wr_rabbit_link_send()
 */
int wr_rabbit_link_publish(struct wr_rabbit_link *link, amqp_basic_publish_t *publish,
			   amqp_basic_properties_t *properties, amqp_bytes_t body,
			   uint64_t timeout_ns);

/** Gather what is sent from here on, and send it: TCP_CORK, which saves packets. */
void wr_rabbit_link_cork(struct wr_rabbit_link *link, bool on);

/* Whole nanoseconds of CLOCK_MONOTONIC. */
uint64_t wr_rabbit_now_ns(void);

/* ---- inside ---- */

int wr_rabbit_login(struct wr_rabbit_link *link);
int wr_rabbit_connect(struct wr_rabbit_link *link);
int wr_rabbit_tls(struct wr_rabbit_link *link);

#endif
