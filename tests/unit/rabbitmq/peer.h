/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that does as it is told: enough of AMQP 0-9-1 for one client at a time, on a port of
 * loopback, in a thread of its own. It confirms, returns, refuses, blocks, stalls, talks nonsense,
 * and closes the socket after so many bytes.
 *
 * Its script may be changed between connections; what it has seen is read when nothing is under
 * way. Methods are encoded and decoded by librabbitmq.
 */
#ifndef WR_TESTS_RABBITMQ_PEER_H
#define WR_TESTS_RABBITMQ_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <amqp.h>
#include <amqp_framing.h>

#define PEER_MESSAGES 64

enum peer_answer {
	PEER_CONFIRM = 0,
	PEER_REFUSE = 1,   /* basic.nack */
	PEER_RETURN = 2,   /* basic.return, then basic.ack */
	PEER_SILENT = 3,   /* nothing */
	PEER_CONFUSED = 4, /* confirms what was never sent */
	PEER_BLOCK = 5,    /* connection.blocked, then basic.ack and connection.unblocked */
};

struct peer_script {
	uint64_t cut_after;   /* bytes of the first connection's; 0: no cut */
	uint64_t flip_at;     /* a bit of this byte of the first connection's; 0: none */
	const void *greeting; /* instead of connection.start, then the socket is closed */
	size_t greeting_bytes;
	bool mute;                   /* hears, and says nothing */
	amqp_method_number_t refuse; /* answered with a close of the channel, or the connection */
	uint16_t refuse_code;
	enum peer_answer answer;
	uint32_t answers; /* so many times, then PEER_CONFIRM; 0: always */
	uint32_t frame_max;
	/* What a consumer gets, over again as long as it is not acknowledged. */
	struct {
		amqp_basic_properties_t properties;
		amqp_bytes_t body;
		uint64_t announced; /* body bytes in the header; 0: as many as there are */
	} deliveries[8];
	uint32_t delivery_count;
	const void *raw_header; /* instead of the first delivery's: a frame's payload */
	size_t raw_header_bytes;
};

struct peer_message {
	char id[96];
	char routing_key[260];
	char body[64];
	char parent[64]; /* the header traceparent; "": it has none */
	char state[64];  /* and tracestate */
	uint8_t mode;
	bool mandatory;
};

struct peer {
	struct peer_script script;
	uint16_t port;
	/* Seen. */
	uint32_t connections;
	uint32_t message_count; /* PEER_MESSAGES at most are kept */
	struct peer_message messages[PEER_MESSAGES];
	bool acked[8];
	bool rejected[8];
	/* Inside. */
	int listener;
	int fd;
	uint64_t sent;
	uint64_t tag;         /* of the last publish */
	uint64_t first_tag;   /* of the deliveries of this connection */
	uint8_t delivered[8]; /* which delivery a tag is */
	uint32_t delivered_count;
	pthread_t thread;
	pthread_mutex_t lock; /* of `acked` */
};

void peer_begin(struct peer *peer);
/* While it runs: how many of the deliveries are acknowledged. */
uint32_t peer_acked_count(struct peer *peer);
/* Ends the thread. */
void peer_end(struct peer *peer);

#endif
