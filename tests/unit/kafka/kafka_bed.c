/* SPDX-License-Identifier: Apache-2.0 */
/* See kafka_bed.h. */
#include "tests/unit/kafka/kafka_bed.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

static rd_kafka_t *client(rd_kafka_type_t type, const char *servers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	if (servers != NULL)
		(void)rd_kafka_conf_set(conf, "bootstrap.servers", servers, NULL, 0);
	if (type == RD_KAFKA_CONSUMER) {
		(void)rd_kafka_conf_set(conf, "group.id", "bed", NULL, 0);
		(void)rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
		(void)rd_kafka_conf_set(conf, "fetch.wait.max.ms", "5", NULL, 0);
		(void)rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", NULL, 0);
	}
	rd_kafka_t *rk = rd_kafka_new(type, conf, NULL, 0);
	fixture_need(rk != NULL, "a client of Kafka");
	return rk;
}

void kafka_bed_begin(struct kafka_bed *bed, const char *topic, int partitions)
{
	memset(bed, 0, sizeof *bed);
	bed->host = client(RD_KAFKA_PRODUCER, NULL);
	bed->cluster = rd_kafka_mock_cluster_new(bed->host, 1);
	fixture_need(bed->cluster != NULL, "a mock of Kafka");
	(void)snprintf(bed->servers, sizeof bed->servers, "%s",
		       rd_kafka_mock_cluster_bootstraps(bed->cluster));
	bed->properties[0] =
		(struct weir_kafka_property){.name = "bootstrap.servers", .value = bed->servers};
	fixture_need(rd_kafka_mock_topic_create(bed->cluster, topic, partitions, 1) ==
			     RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a topic of Kafka");
}

void kafka_bed_end(struct kafka_bed *bed)
{
	rd_kafka_mock_cluster_destroy(bed->cluster);
	rd_kafka_destroy(bed->host);
}

static void take_headers(const rd_kafka_message_t *from, struct kafka_message *to)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t bytes, used = 0;
	if (rd_kafka_message_headers(from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &bytes) ==
			   RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++)
		used += (size_t)snprintf(to->headers + used, sizeof to->headers - used, "%s=%.*s ",
					 name, (int)bytes, (const char *)value);
}

static void take(struct kafka_bed *bed, const rd_kafka_message_t *from)
{
	struct kafka_message *to = &bed->messages[bed->count++];
	*to = (struct kafka_message){.partition = from->partition,
				     .time_ms = rd_kafka_message_timestamp(from, NULL),
				     .has_key = from->key != NULL,
				     .has_payload = from->payload != NULL,
				     .key_bytes = from->key_len,
				     .payload_bytes = from->len};
	if (from->key != NULL)
		memcpy(to->key, from->key, from->key_len < 63 ? from->key_len : 63);
	if (from->payload != NULL)
		memcpy(to->payload, from->payload, from->len < 63 ? from->len : 63);
	take_headers(from, to);
}

int kafka_bed_read(struct kafka_bed *bed, const char *topic, int partitions)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, bed->servers);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	int ends = 0;
	bed->count = 0;
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	(void)rd_kafka_assign(rk, list);
	while (ends < partitions && bed->count < KAFKA_BED_MESSAGES && fixture_now_ns() < end_ns) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
		if (message == NULL)
			continue;
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ends++;
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take(bed, message);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(list);
	(void)rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return bed->count;
}

void kafka_bed_write(struct kafka_bed *bed, const char *topic, int partitions, int first, int end)
{
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, bed->servers);
	for (int number = first; number < end; number++) {
		char text[16];
		int bytes = snprintf(text, sizeof text, "%d", number);
		rd_kafka_resp_err_t code = rd_kafka_producev(
			rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(number % partitions),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_VALUE(text, (size_t)bytes),
			RD_KAFKA_V_HEADER("weir-event-id", text, bytes),
			RD_KAFKA_V_HEADER("colour", "red", 3),
			RD_KAFKA_V_HEADER("traceparent", KAFKA_BED_PARENT, -1),
			RD_KAFKA_V_HEADER("tracestate", "vendor=7", -1),
			RD_KAFKA_V_TIMESTAMP(1000 + number), RD_KAFKA_V_END);
		fixture_need(code == RD_KAFKA_RESP_ERR_NO_ERROR, "a message to Kafka");
	}
	fixture_need(rd_kafka_flush(rk, 30000) == RD_KAFKA_RESP_ERR_NO_ERROR, "messages in Kafka");
	rd_kafka_destroy(rk);
}

void kafka_bed_write_large(struct kafka_bed *bed, const char *topic, const char *bytes, size_t size)
{
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, bed->servers);
	rd_kafka_resp_err_t code =
		rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				  RD_KAFKA_V_VALUE((void *)(uintptr_t)bytes, size), RD_KAFKA_V_END);
	fixture_need(code == RD_KAFKA_RESP_ERR_NO_ERROR &&
			     rd_kafka_flush(rk, 30000) == RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a large message in Kafka");
	rd_kafka_destroy(rk);
}
