/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka for tests, inside this process: librdkafka's mock cluster, and a reader of what is in it.
 * It knows transactions, groups and errors on demand; it does not hide what was aborted, and keeps
 * nothing over its end: tools/bridge-test has a real broker.
 *
 * Thread: the one that made it.
 */
#ifndef WR_TESTS_KAFKA_BED_H
#define WR_TESTS_KAFKA_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <weir/kafka.h>

#define KAFKA_BED_MESSAGES 512
/* Of what kafka_bed_write() writes; their tracestate is "vendor=7". */
#define KAFKA_BED_PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

struct kafka_message {
	int32_t partition;
	int64_t time_ms;
	bool has_key, has_payload;
	size_t key_bytes, payload_bytes;
	char key[64], payload[64];
	char headers[160]; /* "name=value " */
};

struct kafka_bed {
	rd_kafka_t *host;
	rd_kafka_mock_cluster_t *cluster;
	char servers[256];
	struct weir_kafka_property properties[4]; /* bootstrap.servers, and room for a test's own */
	struct kafka_message messages[KAFKA_BED_MESSAGES];
	int count;
};

/* One broker, with one topic. */
void kafka_bed_begin(struct kafka_bed *bed, const char *topic, int partitions);
void kafka_bed_end(struct kafka_bed *bed);
/* Everything in a topic, by partition and offset, into `messages`; how many. */
int kafka_bed_read(struct kafka_bed *bed, const char *topic, int partitions);
/* Numbers first .. end - 1 as text, without keys, each to partition number % partitions. */
void kafka_bed_write(struct kafka_bed *bed, const char *topic, int partitions, int first, int end);
/* One message to partition 0. */
void kafka_bed_write_large(struct kafka_bed *bed, const char *topic, const char *bytes,
			   size_t size);

#endif
