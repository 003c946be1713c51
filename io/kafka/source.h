/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source from Kafka: source.c opens, polls and keeps the group, source_event.c makes events of
 * messages.
 *
 *   open   consumer ─► subscribe ─► RUNNING
 *   assign each partition that comes goes on at its position in the log (a key of
 *          weir_bridge_position(): GROUP/TOPIC/PARTITION, 8 bytes: the next offset)
 *   step   messages ─► run {events, next offset of each partition of theirs} ─► the log
 *
 * Offsets in Kafka are written for others to see, and never read: what counts is in the log, where
 * it is durable with the events. Whoever else reads a partition of the same group into this log, a
 * bridge that has not noticed a rebalance yet, has its run refused by the log.
 *
 * The bridge is a static member of its group (group.instance.id), so that who starts again after a
 * kill has its partitions back at once.
 *
 * Thread: the bridge's; rebalances come from inside rd_kafka_consumer_poll(), on it.
 */
#ifndef WR_IO_KAFKA_SOURCE_H
#define WR_IO_KAFKA_SOURCE_H

#include <weir/kafka.h>
#include <weir/producer.h>

#include "io/kafka/client.h"

#define WR_KAFKA_TOPICS_MAX 64u
#define WR_KAFKA_TOUCHED_MAX 8u /* partitions of one run */
#define WR_KAFKA_HEADERS_MAX 256u

/* A partition of Kafka's that events of the open run come from. */
struct wr_kafka_touched {
	char topic[WR_KAFKA_GROUP_BYTES];
	int32_t partition;
	int64_t next;
};

/* Behind the last message of a partition stand Kafka's own marks of transactions: it is read to its
 * end when librdkafka has said so of that offset. */
struct wr_kafka_end {
	char topic[WR_KAFKA_GROUP_BYTES];
	int32_t partition;
	int64_t offset;
};

struct wr_kafka_source {
	struct wr_kafka_client client;
	struct wr_kafka_properties properties;
	char *topics[WR_KAFKA_TOPICS_MAX];
	uint32_t topic_count;
	char group[WR_KAFKA_GROUP_BYTES];
	char instance[WR_KAFKA_GROUP_BYTES];
	uint32_t topic;      /* of the log */
	uint32_t partitions; /* its */
	bool start_newest, skip_unusable;

	struct weir_bridge *bridge;  /* while open, for the callback */
	rd_kafka_message_t *pending; /* did not fit into the last run */
	size_t run_bytes;            /* the largest run that the log takes */
	uint32_t run_records;        /* events of one, likewise */
	uint32_t touched_max;        /* and partitions that they come from */
	bool is_rebalanced;          /* since the run was begun */
	struct wr_kafka_touched touched[WR_KAFKA_TOUCHED_MAX];
	uint32_t touched_count;
	int fault; /* of a rebalance: for the next step to return */
	struct wr_kafka_end *ends;
	uint32_t end_count, end_room;
	uint64_t missed;  /* a bit for each of `topics` that Kafka does not have: told as a note */
	uint64_t told_ns; /* when lag and offsets are told again */
	bool has_moved;   /* since Kafka was told its offsets */
	struct weir_header headers[WR_KAFKA_HEADERS_MAX];
	struct weir_ids ids;
};

/* source_group.c. The key of a partition's position; 0: it is too long. */
#define WR_KAFKA_KEY_BYTES WEIR_BRIDGE_POSITION_BYTES_MAX
size_t wr_kafka_key_of(const struct wr_kafka_source *s, const char *topic, int32_t partition,
		       char to[WR_KAFKA_KEY_BYTES]);
void wr_kafka_offset_put(uint8_t to[8], int64_t offset);
/* The next offset, or -1: the log has none. 0, or what the driver is to return. */
int wr_kafka_offset_read(struct wr_kafka_source *s, const char *topic, int32_t partition,
			 int64_t *ret_offset);
void wr_kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
			rd_kafka_topic_partition_list_t *list, void *opaque);
/* If it was missed: it is no more. */
void wr_kafka_topic_came(struct wr_kafka_source *s, const char *topic);
/* A message that is an error. 0: it is taken care of; else what the driver is to return. */
int wr_kafka_source_error(struct wr_kafka_source *s, const rd_kafka_message_t *message);
/* NULL: its end was never told. */
struct wr_kafka_end *wr_kafka_end_of(struct wr_kafka_source *s, const char *topic,
				     int32_t partition);

/* source_event.c. The event of a message, which points into it and into `s`. False: no event can be
 * it, and *ret_why says why. */
bool wr_kafka_event_make(struct wr_kafka_source *s, const rd_kafka_message_t *message,
			 struct weir_event *ret_event, const char **ret_why);

#endif
