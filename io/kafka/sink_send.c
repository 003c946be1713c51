/* SPDX-License-Identifier: Apache-2.0 */
/* An item as a message of Kafka's: see weir/kafka.h for what becomes of what. */
#include <string.h>

#include <weir/trace.h>

#include "io/kafka/sink.h"

#define ROOM_NS 30000000000ull

static int32_t partition_of(const struct wr_kafka_route *route, const struct weir_item *item)
{
	if (route->kafka_partitions == route->partitions)
		return (int32_t)item->partition;
	if (item->key == NULL)
		return (int32_t)(item->partition % route->kafka_partitions);
	return rd_kafka_msg_partitioner_murmur2(route->handle, item->key, item->key_bytes,
						(int32_t)route->kafka_partitions, NULL, NULL);
}

static bool add_id(rd_kafka_headers_t *headers, const char *name, const void *value, size_t bytes)
{
	return bytes == 0 || rd_kafka_header_add(headers, name, -1, value, (ssize_t)bytes) ==
				     RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* NULL with *ret_good: there are none. */
static rd_kafka_headers_t *headers_of(const struct weir_item *item, bool *ret_good)
{
	struct weir_header header;
	struct weir_ids ids;
	uint32_t place = 0;
	weir_item_ids(item, &ids);
	bool has_ids = ids.event_id_bytes > 0 || ids.correlation_id_bytes > 0 ||
		       ids.causation_id_bytes > 0 || ids.traceparent_bytes > 0 ||
		       ids.tracestate_bytes > 0;
	place = weir_item_header(item, 0, &header);
	*ret_good = true;
	if (place == 0 && !has_ids)
		return NULL;
	rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
	bool good = headers != NULL;
	for (; good && place != 0; place = weir_item_header(item, place, &header))
		good = rd_kafka_header_add(headers, header.name, header.name_bytes, header.value,
					   header.value_bytes) == RD_KAFKA_RESP_ERR_NO_ERROR;
	good = good && add_id(headers, "weir-event-id", ids.event_id, ids.event_id_bytes) &&
	       add_id(headers, "weir-correlation-id", ids.correlation_id,
		      ids.correlation_id_bytes) &&
	       add_id(headers, "weir-causation-id", ids.causation_id, ids.causation_id_bytes) &&
	       add_id(headers, "traceparent", ids.traceparent, ids.traceparent_bytes) &&
	       add_id(headers, "tracestate", ids.tracestate, ids.tracestate_bytes);
	if (!good && headers != NULL) {
		rd_kafka_headers_destroy(headers);
		headers = NULL;
	}
	*ret_good = good;
	return headers;
}

static rd_kafka_resp_err_t produce(struct wr_kafka_sink *s, const struct wr_kafka_route *route,
				   const struct weir_item *item, rd_kafka_headers_t *headers)
{
	uint64_t time_us = weir_item_event_time_us(item);
	int64_t time_ms = (int64_t)((time_us != 0 ? time_us : item->append_time_us) / 1000);
	/* The opaque is the sequence: a delivery report names the event by it. */
	void *opaque = (void *)(uintptr_t)item->sequence;
	/* librdkafka copies the payload, for which it is no place to write to. */
	void *payload = (void *)(uintptr_t)item->payload;
	if (headers == NULL)
		return rd_kafka_producev(s->client.rk, RD_KAFKA_V_RKT(route->handle),
					 RD_KAFKA_V_PARTITION(partition_of(route, item)),
					 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
					 RD_KAFKA_V_VALUE(payload, item->payload_bytes),
					 RD_KAFKA_V_KEY(item->key, item->key_bytes),
					 RD_KAFKA_V_TIMESTAMP(time_ms), RD_KAFKA_V_OPAQUE(opaque),
					 RD_KAFKA_V_END);
	return rd_kafka_producev(s->client.rk, RD_KAFKA_V_RKT(route->handle),
				 RD_KAFKA_V_PARTITION(partition_of(route, item)),
				 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				 RD_KAFKA_V_VALUE(payload, item->payload_bytes),
				 RD_KAFKA_V_KEY(item->key, item->key_bytes),
				 RD_KAFKA_V_TIMESTAMP(time_ms), RD_KAFKA_V_HEADERS(headers),
				 RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

int wr_kafka_send(struct wr_kafka_sink *s, struct weir_bridge *bridge, const struct weir_item *item)
{
	const struct wr_kafka_route *route = wr_kafka_route_of(s, item->topic);
	bool good = false;
	int rc = 0;
	rd_kafka_headers_t *headers = headers_of(item, &good);
	if (!good)
		return weir_bridge_lost(bridge, "no memory for headers");
	rd_kafka_resp_err_t code = produce(s, route, item, headers);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		wr_kafka_wait_begin(s, ROOM_NS, false);
	while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && rc == 0) {
		(void)rd_kafka_poll(s->client.rk, WR_KAFKA_SLICE_MS / 10);
		code = produce(s, route, item, headers);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rc = wr_kafka_wait_on(s, bridge, "room in librdkafka's queue");
	}
	wr_kafka_wait_end(s, bridge);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0; /* the headers are its own now */
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	if (rc < 0)
		return rc;
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		return (int)code;
	return wr_kafka_fault_code(bridge, &s->client, "a message", code);
}
