/* SPDX-License-Identifier: Apache-2.0 */
/* A message of Kafka's as an event: see weir/kafka.h for what becomes of what. */
#include <string.h>

#include "io/kafka/source.h"

#define KEY_BYTES_MAX 65535u
#define HEADER_NAME_BYTES_MAX 255u
#define HEADER_BYTES_MAX 65000u

/* True: it is one of the ids. What is no id by its length stays a header. */
static bool take_id(struct weir_ids *ids, const char *name, const void *value, size_t bytes)
{
	static const char *const names[] = {"weir-event-id", "weir-correlation-id",
					    "weir-causation-id", "traceparent", "tracestate"};
	size_t i = 0;
	while (i < 5 && strcmp(names[i], name) != 0)
		i++;
	if (i == 5 || value == NULL || bytes == 0 || bytes > UINT16_MAX)
		return false;
	const void **values[] = {&ids->event_id, &ids->correlation_id, &ids->causation_id,
				 (const void **)(void *)&ids->traceparent,
				 (const void **)(void *)&ids->tracestate};
	uint16_t *sizes[] = {&ids->event_id_bytes, &ids->correlation_id_bytes,
			     &ids->causation_id_bytes, &ids->traceparent_bytes,
			     &ids->tracestate_bytes};
	if (*sizes[i] > 0)
		return false; /* a second one is a header */
	*values[i] = value;
	*sizes[i] = (uint16_t)bytes;
	return true;
}

static bool take_headers(struct wr_kafka_source *s, const rd_kafka_message_t *message,
			 size_t *ret_count, const char **ret_why)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t bytes, all = 0;
	*ret_count = 0;
	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &bytes) ==
			   RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++) {
		size_t name_bytes = strlen(name);
		all += name_bytes + bytes + 8;
		if (name_bytes == 0 || name_bytes > HEADER_NAME_BYTES_MAX || bytes > UINT16_MAX ||
		    all > HEADER_BYTES_MAX || *ret_count == WR_KAFKA_HEADERS_MAX) {
			*ret_why = "its headers are more, or larger, than an event may have";
			return false;
		}
		if (take_id(&s->ids, name, value, bytes))
			continue;
		s->headers[(*ret_count)++] =
			(struct weir_header){.name = name,
					     .name_bytes = (uint16_t)name_bytes,
					     .value = value,
					     .value_bytes = (uint16_t)(value != NULL ? bytes : 0)};
	}
	return true;
}

bool wr_kafka_event_make(struct wr_kafka_source *s, const rd_kafka_message_t *message,
			 struct weir_event *ret_event, const char **ret_why)
{
	int64_t time_ms = rd_kafka_message_timestamp(message, NULL);
	bool has_key = message->key != NULL && message->key_len > 0;
	struct weir_event event = {
		.topic = s->topic,
		.partition_set = !has_key,
		.partition = has_key ? 0 : (uint32_t)message->partition % s->partitions,
		.key = has_key ? message->key : NULL,
		.key_bytes = has_key ? message->key_len : 0,
		.payload = message->payload,
		.payload_bytes = message->payload != NULL ? message->len : 0,
		.event_time_us = time_ms > 0 ? (uint64_t)time_ms * 1000 : 0,
		.ids = &s->ids,
		.headers = s->headers,
	};
	s->ids = (struct weir_ids){0};
	if (message->key_len > KEY_BYTES_MAX) {
		*ret_why = "its key is over 65535 bytes";
		return false;
	}
	if (!take_headers(s, message, &event.header_count, ret_why))
		return false;
	*ret_event = event;
	size_t bytes = weir_event_bytes(&event);
	if (bytes == 0)
		*ret_why = "no event can have its headers and ids";
	else if (bytes + WR_KAFKA_TOUCHED_MAX * WEIR_BRIDGE_POSITION_ROOM > s->run_bytes)
		*ret_why = "it is larger than a run of the log may be: lane_bytes, chunk_bytes";
	else
		return true;
	return false;
}
