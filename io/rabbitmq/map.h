/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an event is what of a message: the table in weir/rabbitmq.h, in both directions.
 *
 * Both write into room of the caller's and allocate nothing; what they fill in points into that
 * room and into the item or the message. What does not fit is refused with a reason for a person,
 * never cut.
 *
 * Thread: any, with room of its own.
 */
#ifndef WEIR_IO_RABBITMQ_MAP_H
#define WEIR_IO_RABBITMQ_MAP_H

#include "io/rabbitmq/link.h"

/* Headers of one message, or one event. */
#define WR_RABBIT_HEADERS_MAX 1024u
/* A short string of AMQP's: routing keys, message-ids, correlation-ids. */
#define WR_RABBIT_SHORT_BYTES 255u
/* Numbers and tables of a message's headers as text; an event's headers have less than that. */
#define WR_RABBIT_TEXT_BYTES 65536u

#define WR_RABBIT_HEADER_KEY "weir-key"

/* ---- out ---- */

struct wr_rabbit_out {
	/* Who sends: 32 hexadecimal digits, of the log. */
	char log_id[33];
	const char *routing_key; /* the template */
	uint32_t frame_bytes_max;
	uint64_t message_bytes_max;
	/* What a call filled in. */
	amqp_basic_properties_t properties;
	amqp_bytes_t key;
	amqp_bytes_t body;
	char key_text[WR_RABBIT_SHORT_BYTES];
	char message_id[96];
	char expiration[24];
	amqp_table_entry_t headers[WR_RABBIT_HEADERS_MAX];
};

/**
 * @param topic_name    of the item's topic
 * @param wall_us       µs since 1970, for what is left of a time to live
 * @param ret_why       set when it cannot be said in AMQP: one line
 * @return whether it can
 */
bool wr_rabbit_map_out(struct wr_rabbit_out *out, const struct weir_item *item,
		       const char *topic_name, uint64_t wall_us, const char **ret_why);

/** The sequence in a message-id that wr_rabbit_map_out() made with this log_id; 0: it made none. */
uint64_t wr_rabbit_map_sequence(const struct wr_rabbit_out *out, amqp_bytes_t message_id);

/* ---- routing keys ---- */

/** @return NULL, or what is wrong with a template, for a person. */
const char *wr_rabbit_template_check(const char *text);

/**
 * @param room  WR_RABBIT_SHORT_BYTES
 * @return bytes, or more than WR_RABBIT_SHORT_BYTES: it is too long
 */
size_t wr_rabbit_template_fill(const char *text, const struct weir_item *item,
			       const char *topic_name, char *room);

/* ---- in ---- */

struct wr_rabbit_in {
	uint32_t topic;
	enum weir_rabbitmq_key key;
	const char *key_header;
	bool dedup;
	/* What a call filled in. */
	struct weir_event event;
	struct weir_ids ids;
	struct weir_delivery delivery;
	uint64_t deaths; /* by x-death and x-delivery-count */
	size_t text_used;
	struct weir_header headers[WR_RABBIT_HEADERS_MAX];
	char text[WR_RABBIT_TEXT_BYTES];
};

/** @return NULL, or why it is no event: one line for a person. */
const char *wr_rabbit_map_in(struct wr_rabbit_in *in, const struct wr_rabbit_message *message);

/**
 * A value of a header as text: strings and bytes as they are, else as JSON.
 *
 * @param room  for what has to be written; `ret` points into it, or into the value
 * @return bytes of the room that are used, or WR_RABBIT_NO_ROOM
 */
#define WR_RABBIT_NO_ROOM SIZE_MAX
size_t wr_rabbit_value_text(const amqp_field_value_t *value, char *room, size_t room_bytes,
			    amqp_bytes_t *ret);

#endif
