/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink to Kafka: sink.c opens, closes and commits, sink_send.c makes messages of items,
 * sink_position.c has the position, sink_wait.c waits for answers.
 *
 *   open   producer ─► init_transactions (older ones are fenced, what they had open is ended) ─►
 *          partitions of Kafka's topics ─► position ─► RUNNING
 *   step   poll ─► begin ─► messages ... ─► offsets (the position) ─► commit ─► ack to the log
 *
 * A row is a partition of the subscription. `next` is one beyond the last event of it that is in
 * the transaction or before it; `committed` is where Kafka stands. Items below `next` are repeats:
 * the log's own progress follows Kafka's, and may be behind it after a crash.
 *
 * Anything that goes wrong ends with the producer: it is made anew, and reads where Kafka stands.
 * Nothing is remembered over that but which events Kafka refused for their size (`suspect_end`):
 * those go one by one, each in a transaction of its own, until the one at fault is known.
 *
 * Thread: the bridge's.
 */
#ifndef WR_IO_KAFKA_SINK_H
#define WR_IO_KAFKA_SINK_H

#include <weir/kafka.h>
#include <weir/pipeline.h>

#include "io/kafka/client.h"

#define WR_KAFKA_POLL_ITEMS 512u

/* One of the topics that the subscription reads. */
struct wr_kafka_route {
	uint32_t topic; /* of the log */
	const char *name;
	uint32_t partitions;
	uint32_t first_row;
	const char *kafka_topic;
	uint32_t kafka_partitions;
	rd_kafka_topic_t *handle; /* NULL: not connected */
};

struct wr_kafka_row {
	uint64_t next, committed;
	uint64_t time_us; /* when the last event before `next` was appended; 0: not known */
	uint32_t epoch;   /* that event's */
	bool is_dirty;    /* has moved since the last commit */
};

/* For answers of Kafka's, within a step or a drain. */
struct wr_kafka_wait {
	uint64_t begun_ns, end_ns;
	bool is_drain;
	bool is_told; /* its note is shown */
};

struct wr_kafka_sink {
	struct wr_kafka_client client;
	struct wr_kafka_properties properties;
	char *topic; /* of Kafka's, or NULL */
	char group[WR_KAFKA_GROUP_BYTES];
	uint32_t events_max;
	uint64_t time_ns;
	uint32_t subscription;
	uint8_t log_id[16];
	bool in_memory; /* the log: its positions are nothing to another process */

	rd_kafka_consumer_group_metadata_t *group_metadata;
	struct wr_kafka_route *routes;
	uint32_t route_count;
	struct wr_kafka_row *rows;
	uint32_t row_count;

	bool is_in_transaction;
	uint64_t begun_ns;
	uint64_t events, bytes, repeats; /* of the transaction */
	struct wr_kafka_wait wait;
	struct weir_item *unacked; /* what was polled since the last commit, to acknowledge it */
	uint32_t unacked_count, unacked_room;

	/* Told by delivery reports. */
	uint64_t refused_first,
		refused_last; /* sequences that Kafka refuses for their size; 0: none */
	/* Kept over connections: up to here events go one by one. */
	uint64_t suspect_end;
	uint64_t poison; /* the event that is at fault, by itself; 0: none is known */
	uint64_t fenced_ns;
	uint64_t partitions_at_ns; /* when they are asked for again */
};

/* sink_send.c: 0; RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE (as a positive number): never; else what the
 * driver is to return. */
int wr_kafka_send(struct wr_kafka_sink *s, struct weir_bridge *bridge,
		  const struct weir_item *item);

/* sink_wait.c. Between two pieces of a wait, of some seconds at most each: 0: wait on; 1: no more,
 * its time is over, or the bridge is to stop; else what the driver is to return. What it waits for
 * (`doing`), and how long already, is in the status meanwhile, with how much is behind by then. */
void wr_kafka_wait_begin(struct wr_kafka_sink *s, uint64_t limit_ns, bool is_drain);
int wr_kafka_wait_on(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *doing);
/* It was answered: the note goes. */
void wr_kafka_wait_end(struct wr_kafka_sink *s, struct weir_bridge *bridge);

/* sink_position.c */
int wr_kafka_routes_make(struct wr_kafka_sink *s, struct weir_bridge *bridge);
void wr_kafka_routes_free(struct wr_kafka_sink *s);
/* Asks how many partitions Kafka's topics have. */
int wr_kafka_routes_ask(struct wr_kafka_sink *s, struct weir_bridge *bridge);
struct wr_kafka_route *wr_kafka_route_of(struct wr_kafka_sink *s, uint32_t topic);
struct wr_kafka_row *wr_kafka_row_of(struct wr_kafka_sink *s, uint32_t topic, uint32_t partition);
/* Where Kafka stands, into the rows. */
int wr_kafka_position_read(struct wr_kafka_sink *s, struct weir_bridge *bridge);
/* Where it is to stand with this transaction; the caller destroys it. NULL: no memory. */
rd_kafka_topic_partition_list_t *wr_kafka_position_make(struct wr_kafka_sink *s);

#endif
