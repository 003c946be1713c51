/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both drivers behind weir_rabbitmq_ops(): a link, and what is under way on it.
 *
 * Sink. A poll lends up to `window` items of one chunk; all are published, then all confirms are
 * awaited, then all are settled in their order, and only then is polled again. So payloads lie
 * where they are until the broker has them, nothing is copied, and whatever ends a connection
 * leaves events that are not acknowledged: the member leaves, and joins again with the next
 * connection.
 *
 *     POLL ──items──► SEND ──all out──► WAIT ──all confirmed──► settle ──► POLL
 *
 * Source. A delivery is published with a producer of the source's, whose acknowledgements say what
 * is durable; up to there basic.ack goes out. Answers come in the order of tickets, so that one
 * basic.ack "multiple" says it for many. A message that the log refuses after it was handed over
 * is not in memory any more: all others are acknowledged, the connection is given up, and what
 * comes again is taken one at a time (`careful`), until the one is met and known.
 *
 * Thread: the bridge's.
 */
#ifndef WEIR_IO_RABBITMQ_DRIVER_H
#define WEIR_IO_RABBITMQ_DRIVER_H

#include "io/rabbitmq/map.h"

#define WR_RABBIT_WINDOW_MAX 8192u
#define WR_RABBIT_PREFETCH_MAX 65535u
#define WR_RABBIT_WHY_BYTES 120u

enum wr_rabbit_fate {
	WR_RABBIT_UNSENT = 0,
	WR_RABBIT_SENT = 1,
	WR_RABBIT_CONFIRMED = 2,
	WR_RABBIT_REFUSED = 3,  /* basic.nack */
	WR_RABBIT_RETURNED = 4, /* no queue wants it; its confirm is still to come */
	WR_RABBIT_DEAD = 5,     /* RETURNED and confirmed, or never sent: `why` */
};

struct wr_rabbit_slot {
	enum wr_rabbit_fate fate;
	uint16_t code;   /* of basic.return */
	const char *why; /* static; NULL: `code` says it */
};

struct wr_rabbit_sink {
	struct weir_rabbitmq_sink_options options;
	struct wr_rabbit_out out;
	struct weir_item *items;
	struct wr_rabbit_slot *slots;
	uint32_t *order; /* which item a delivery tag was: from first_tag on */
	uint32_t count;  /* items in hand */
	uint32_t next;   /* to be published */
	uint32_t tagged; /* published */
	uint32_t open;   /* of these not confirmed */
	uint32_t lowest; /* below it, in `order`, all are confirmed */
	uint64_t first_tag;
	uint64_t moved_ns; /* when a confirm came last, or the first was published */
	uint64_t wall_us;
	bool nonsense;
	bool shows_blocked;
};

/* What was handed over, and not told yet. */
struct wr_rabbit_pending {
	uint64_t ticket;
	uint64_t tag;
	uint32_t bytes;
	bool is_dead; /* a dead letter */
};

struct wr_rabbit_source {
	struct weir_rabbitmq_source_options options;
	struct wr_rabbit_in in;
	struct weir_producer *producer;
	int eventfd;
	struct wr_rabbit_pending *pending; /* a ring of `prefetch` */
	uint32_t first;
	uint32_t count;
	uint64_t ack_tag; /* everything up to it is durable, and to be acknowledged; 0: none */
	uint64_t events, bytes, repeats, dead; /* since they were counted */
	uint32_t careful;                      /* deliveries that are taken one at a time */
	bool handed_over;                      /* careful: the message in hand is on its way */
	int refused;                           /* code of the first refusal since open; 0: none */
	uint64_t asked_ns;                     /* when the queue's length was asked for last */
};

struct weir_rabbitmq {
	bool is_sink;
	struct weir_rabbitmq_server server;
	struct wr_rabbit_link link;
	char *texts; /* copies of all that the options point to */
	uint8_t *room;
	union {
		struct wr_rabbit_sink sink;
		struct wr_rabbit_source source;
	};
};

int wr_rabbit_sink_open(struct weir_rabbitmq *r, struct weir_bridge *bridge);
int wr_rabbit_sink_step(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns);
int wr_rabbit_sink_drain(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns);

int wr_rabbit_source_open(struct weir_rabbitmq *r, struct weir_bridge *bridge);
int wr_rabbit_source_step(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns);
int wr_rabbit_source_drain(struct weir_rabbitmq *r, struct weir_bridge *bridge,
			   uint64_t timeout_ns);
void wr_rabbit_source_close(struct weir_rabbitmq *r);

/* ---- inside a source ---- */

/* The message in hand goes to the log, or where what is refused goes. 1: it is done with; 0: not
 * yet; or what the driver is to return. */
int wr_rabbit_source_take(struct weir_rabbitmq *r, struct weir_bridge *bridge);
/* It is no event. As above. */
int wr_rabbit_source_refuse(struct weir_rabbitmq *r, struct weir_bridge *bridge, const char *why);

#endif
