/* SPDX-License-Identifier: Apache-2.0 */
/* See map.h: a message as an event. Whoever may publish wrote it: nothing of it is trusted. */
#include <string.h>

#include "io/rabbitmq/map.h"

#define LARGEST_EVENT_KEY 65535u

static bool is_name(amqp_bytes_t name, const char *want)
{
	return name.len == strlen(want) && memcmp(name.bytes, want, name.len) == 0;
}

static bool is_bytes(const amqp_field_value_t *value)
{
	return value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES;
}

/* A number that is not negative; else 0. */
static uint64_t number_of(const amqp_field_value_t *value)
{
	int64_t number = 0;
	switch (value->kind) {
	case AMQP_FIELD_KIND_U8:
		return value->value.u8;
	case AMQP_FIELD_KIND_U16:
		return value->value.u16;
	case AMQP_FIELD_KIND_U32:
		return value->value.u32;
	case AMQP_FIELD_KIND_U64:
	case AMQP_FIELD_KIND_TIMESTAMP:
		return value->value.u64;
	case AMQP_FIELD_KIND_I8:
		number = value->value.i8;
		break;
	case AMQP_FIELD_KIND_I16:
		number = value->value.i16;
		break;
	case AMQP_FIELD_KIND_I32:
		number = value->value.i32;
		break;
	case AMQP_FIELD_KIND_I64:
		number = value->value.i64;
		break;
	default:
		break;
	}
	return number < 0 ? 0 : (uint64_t)number;
}

/* x-death: an array of tables, one for each queue and reason, with a count. */
static uint64_t deaths_of(const amqp_field_value_t *value)
{
	uint64_t deaths = 0;
	if (value->kind != AMQP_FIELD_KIND_ARRAY)
		return 0;
	for (int i = 0; i < value->value.array.num_entries; i++) {
		const amqp_field_value_t *death = &value->value.array.entries[i];
		if (death->kind != AMQP_FIELD_KIND_TABLE)
			continue;
		for (int k = 0; k < death->value.table.num_entries; k++) {
			const amqp_table_entry_t *entry = &death->value.table.entries[k];
			uint64_t count =
				is_name(entry->key, "count") ? number_of(&entry->value) : 0;
			deaths = count > UINT64_MAX - deaths ? UINT64_MAX : deaths + count;
		}
	}
	return deaths;
}

static const char *add_header(struct wr_rabbit_in *in, amqp_bytes_t name, amqp_bytes_t value)
{
	struct weir_event *e = &in->event;
	if (name.len == 0 || name.len > UINT8_MAX)
		return "a header without a name";
	if (value.len > UINT16_MAX)
		return "a header of more than 65535 bytes";
	if (e->header_count == WR_RABBIT_HEADERS_MAX)
		return "more than 1024 headers";
	in->headers[e->header_count++] = (struct weir_header){
		.name = name.bytes,
		.name_bytes = (uint16_t)name.len,
		.value = value.bytes,
		.value_bytes = (uint16_t)value.len,
	};
	return NULL;
}

/* An id out of a header; true: it was one. */
static bool take_id(struct wr_rabbit_in *in, amqp_bytes_t name, amqp_bytes_t value)
{
	struct weir_ids *ids = &in->ids;
	const struct {
		const char *name;
		const void **at;
		uint16_t *bytes;
	} known[] = {
		{"weir-event-id", &ids->event_id, &ids->event_id_bytes},
		{"weir-correlation-id", &ids->correlation_id, &ids->correlation_id_bytes},
		{"weir-causation-id", &ids->causation_id, &ids->causation_id_bytes},
		{"traceparent", (const void **)(uintptr_t)&ids->traceparent,
		 &ids->traceparent_bytes},
		{"tracestate", (const void **)(uintptr_t)&ids->tracestate, &ids->tracestate_bytes},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (!is_name(name, known[i].name) || value.len > UINT16_MAX)
			continue;
		*known[i].at = value.bytes;
		*known[i].bytes = (uint16_t)value.len;
		return true;
	}
	return false;
}

static const char *take_key(struct wr_rabbit_in *in, amqp_bytes_t value)
{
	if (value.len > LARGEST_EVENT_KEY)
		return "a key of more than 65535 bytes";
	in->event.key = value.len == 0 ? NULL : value.bytes;
	in->event.key_bytes = value.len;
	return NULL;
}

static const char *take_header(struct wr_rabbit_in *in, const amqp_table_entry_t *entry)
{
	const amqp_field_value_t *value = &entry->value;
	if (is_name(entry->key, "weir-tombstone")) {
		in->event.payload = NULL;
		return NULL;
	}
	if (is_name(entry->key, "weir-event-time-us") && number_of(value) != 0) {
		in->event.event_time_us = number_of(value);
		return NULL;
	}
	if (is_name(entry->key, "x-death"))
		in->deaths += deaths_of(value);
	if (is_name(entry->key, "x-delivery-count"))
		in->deaths += number_of(value);
	if (is_bytes(value) && take_id(in, entry->key, value->value.bytes))
		return NULL;
	amqp_bytes_t text;
	size_t used = wr_rabbit_value_text(value, in->text + in->text_used,
					   sizeof in->text - in->text_used, &text);
	if (used == WR_RABBIT_NO_ROOM)
		return "headers of more than 65536 bytes as text";
	in->text_used += used;
	bool is_key = in->key == WEIR_RABBITMQ_KEY_HEADER
			      ? is_name(entry->key, in->key_header)
			      : in->key == WEIR_RABBITMQ_KEY_AUTO &&
					is_name(entry->key, WR_RABBIT_HEADER_KEY);
	const char *why = is_key ? take_key(in, text) : NULL;
	/* weir's own is the key and nothing else; a header of the user's stays one. */
	if (why == NULL && !is_name(entry->key, WR_RABBIT_HEADER_KEY))
		why = add_header(in, entry->key, text);
	return why;
}

/* Digits only, as RabbitMQ takes them: ms. */
static uint64_t expiration_ns(amqp_bytes_t text)
{
	uint64_t ms = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = ((const char *)text.bytes)[i];
		if (c < '0' || c > '9')
			return 0;
		ms = ms > WEIR_TIME_TO_LIVE_NS_MAX ? ms : ms * 10 + (uint64_t)(c - '0');
	}
	if (text.len > 0 && ms == 0)
		ms = 1;
	return ms > WEIR_TIME_TO_LIVE_NS_MAX / 1000000u ? WEIR_TIME_TO_LIVE_NS_MAX : ms * 1000000u;
}

static const char *take_properties(struct wr_rabbit_in *in, const amqp_basic_properties_t *p)
{
	const struct {
		amqp_flags_t flag;
		amqp_bytes_t value;
		const char *name;
	} texts[] = {
		{AMQP_BASIC_CONTENT_TYPE_FLAG, p->content_type, "content-type"},
		{AMQP_BASIC_CONTENT_ENCODING_FLAG, p->content_encoding, "content-encoding"},
		{AMQP_BASIC_TYPE_FLAG, p->type, "amqp-type"},
		{AMQP_BASIC_APP_ID_FLAG, p->app_id, "amqp-app-id"},
		{AMQP_BASIC_USER_ID_FLAG, p->user_id, "amqp-user-id"},
		{AMQP_BASIC_REPLY_TO_FLAG, p->reply_to, "amqp-reply-to"},
	};
	const char *why = NULL;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0] && why == NULL; i++) {
		if ((p->_flags & texts[i].flag) != 0)
			why = add_header(in, amqp_cstring_bytes(texts[i].name), texts[i].value);
	}
	if ((p->_flags & AMQP_BASIC_CORRELATION_ID_FLAG) != 0) {
		in->ids.correlation_id = p->correlation_id.bytes;
		in->ids.correlation_id_bytes = (uint16_t)p->correlation_id.len;
	}
	if ((p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0 && p->message_id.len > 0) {
		in->ids.event_id = p->message_id.bytes;
		in->ids.event_id_bytes = (uint16_t)p->message_id.len;
		if (in->dedup) {
			in->ids.idempotency_key = p->message_id.bytes;
			in->ids.idempotency_key_bytes = (uint16_t)p->message_id.len;
		}
	}
	/* What is not a time of this millennium's is none: an overflow, or milliseconds. */
	if ((p->_flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0 && p->timestamp < UINT32_MAX * 16ull)
		in->event.event_time_us = p->timestamp * 1000000u;
	if ((p->_flags & AMQP_BASIC_PRIORITY_FLAG) != 0)
		in->delivery.priority =
			p->priority > WEIR_PRIORITY_MAX ? WEIR_PRIORITY_MAX : p->priority;
	if ((p->_flags & AMQP_BASIC_EXPIRATION_FLAG) != 0)
		in->delivery.time_to_live_ns = expiration_ns(p->expiration);
	return why;
}

const char *wr_rabbit_map_in(struct wr_rabbit_in *in, const struct wr_rabbit_message *message)
{
	const amqp_basic_properties_t *p = message->properties;
	in->event = (struct weir_event){
		.topic = in->topic,
		.payload = message->body_bytes == 0 ? "" : (const void *)message->body,
		.payload_bytes = message->body_bytes,
		.ids = &in->ids,
		.headers = in->headers,
		.delivery = &in->delivery,
	};
	in->ids = (struct weir_ids){.event_id = NULL};
	in->delivery = (struct weir_delivery){.priority = 0};
	in->deaths = 0;
	in->text_used = 0;
	if (message->oversize || p == NULL)
		return "it has more than message_bytes_max bytes";
	const char *why = NULL;
	if (in->key == WEIR_RABBITMQ_KEY_AUTO || in->key == WEIR_RABBITMQ_KEY_ROUTING)
		why = take_key(in, message->routing_key);
	if (why == NULL)
		why = take_properties(in, p);
	bool has_headers = (p->_flags & AMQP_BASIC_HEADERS_FLAG) != 0;
	for (int i = 0; has_headers && i < p->headers.num_entries && why == NULL; i++)
		why = take_header(in, &p->headers.entries[i]);
	return why;
}
