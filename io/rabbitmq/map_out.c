/* SPDX-License-Identifier: Apache-2.0 */
/* See map.h: an event as a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/json/utf8.h"
#include "io/rabbitmq/map.h"

/* Room in the header's frame for all that is not the table. */
#define FRAME_SPARE_BYTES 2048u

static amqp_bytes_t bytes_of(const void *at, size_t bytes)
{
	/* librabbitmq does not write to what it sends. */
	return (amqp_bytes_t){.len = bytes, .bytes = (void *)(uintptr_t)at};
}

/* A string that every language's client can show as one. */
static bool is_text(const void *at, size_t bytes)
{
	return bytes == 0 ||
	       (memchr(at, 0, bytes) == NULL && wr_utf8_good_bytes(at, bytes) == bytes);
}

struct table {
	struct wr_rabbit_out *out;
	uint32_t count;
	size_t bytes; /* encoded */
	bool full;
};

static amqp_field_value_t *add(struct table *t, amqp_bytes_t name, size_t value_bytes)
{
	if (t->count == WR_RABBIT_HEADERS_MAX) {
		t->full = true;
		return NULL;
	}
	amqp_table_entry_t *entry = &t->out->headers[t->count++];
	*entry = (amqp_table_entry_t){.key = name};
	t->bytes += 1 + name.len + 1 + 4 + value_bytes;
	return &entry->value;
}

static void add_bytes(struct table *t, amqp_bytes_t name, const void *at, size_t bytes)
{
	amqp_field_value_t *value = add(t, name, bytes);
	if (value == NULL)
		return;
	value->kind = is_text(at, bytes) ? AMQP_FIELD_KIND_UTF8 : AMQP_FIELD_KIND_BYTES;
	value->value.bytes = bytes_of(at, bytes);
}

static void add_id(struct table *t, const char *name, const void *at, size_t bytes)
{
	if (bytes > 0)
		add_bytes(t, amqp_cstring_bytes(name), at, bytes);
}

static bool is_named(const struct weir_header *h, const char *name)
{
	return h->name_bytes == strlen(name) && strncasecmp(h->name, name, h->name_bytes) == 0;
}

/* A header of the event's that is a property of AMQP's, if it fits there. */
static bool is_property(struct wr_rabbit_out *out, const struct weir_header *h)
{
	amqp_basic_properties_t *p = &out->properties;
	if (h->value_bytes > WR_RABBIT_SHORT_BYTES)
		return false;
	if (is_named(h, "content-type") && (p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG) == 0) {
		p->content_type = bytes_of(h->value, h->value_bytes);
		p->_flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
		return true;
	}
	if (is_named(h, "content-encoding") &&
	    (p->_flags & AMQP_BASIC_CONTENT_ENCODING_FLAG) == 0) {
		p->content_encoding = bytes_of(h->value, h->value_bytes);
		p->_flags |= AMQP_BASIC_CONTENT_ENCODING_FLAG;
		return true;
	}
	return false;
}

static void map_ids(struct table *t, const struct weir_item *item)
{
	struct weir_ids ids;
	amqp_basic_properties_t *p = &t->out->properties;
	weir_item_ids(item, &ids);
	if (ids.correlation_id_bytes > WR_RABBIT_SHORT_BYTES) {
		add_id(t, "weir-correlation-id", ids.correlation_id, ids.correlation_id_bytes);
	} else if (ids.correlation_id_bytes > 0) {
		p->correlation_id = bytes_of(ids.correlation_id, ids.correlation_id_bytes);
		p->_flags |= AMQP_BASIC_CORRELATION_ID_FLAG;
	}
	add_id(t, "weir-event-id", ids.event_id, ids.event_id_bytes);
	add_id(t, "weir-causation-id", ids.causation_id, ids.causation_id_bytes);
	add_id(t, "traceparent", ids.traceparent, ids.traceparent_bytes);
	add_id(t, "tracestate", ids.tracestate, ids.tracestate_bytes);
}

static void map_times(struct table *t, const struct weir_item *item, uint64_t wall_us)
{
	amqp_basic_properties_t *p = &t->out->properties;
	uint64_t event_us = weir_item_event_time_us(item);
	if (event_us != 0) {
		p->timestamp = event_us / 1000000u;
		p->_flags |= AMQP_BASIC_TIMESTAMP_FLAG;
		amqp_field_value_t *value =
			add(t, amqp_cstring_bytes("weir-event-time-us"), sizeof(int64_t));
		if (value != NULL) {
			value->kind = AMQP_FIELD_KIND_I64;
			value->value.i64 = (int64_t)(event_us & INT64_MAX);
		}
	}
	struct weir_delivery delivery;
	weir_item_delivery(item, &delivery);
	if (delivery.priority != 0) {
		p->priority = delivery.priority;
		p->_flags |= AMQP_BASIC_PRIORITY_FLAG;
	}
	if (delivery.time_to_live_ns != 0) {
		uint64_t end_us = item->append_time_us + delivery.time_to_live_ns / 1000u;
		uint64_t left_ms = end_us > wall_us ? (end_us - wall_us) / 1000u : 0;
		(void)snprintf(t->out->expiration, sizeof t->out->expiration, "%llu",
			       (unsigned long long)(left_ms == 0 ? 1 : left_ms));
		p->expiration = amqp_cstring_bytes(t->out->expiration);
		p->_flags |= AMQP_BASIC_EXPIRATION_FLAG;
	}
}

static void map_headers(struct table *t, const struct weir_item *item)
{
	struct weir_header header;
	for (uint32_t place = weir_item_header(item, 0, &header); place != 0;
	     place = weir_item_header(item, place, &header)) {
		if (!is_property(t->out, &header))
			add_bytes(t, bytes_of(header.name, header.name_bytes), header.value,
				  header.value_bytes);
	}
	if (item->key != NULL)
		add_bytes(t, amqp_cstring_bytes(WR_RABBIT_HEADER_KEY), item->key, item->key_bytes);
	if (item->payload == NULL) {
		amqp_field_value_t *value = add(t, amqp_cstring_bytes("weir-tombstone"), 0);
		if (value != NULL) {
			value->kind = AMQP_FIELD_KIND_BOOLEAN;
			value->value.boolean = 1;
		}
	}
}

bool wr_rabbit_map_out(struct wr_rabbit_out *out, const struct weir_item *item,
		       const char *topic_name, uint64_t wall_us, const char **ret_why)
{
	struct table t = {.out = out};
	amqp_basic_properties_t *p = &out->properties;
	size_t key_bytes =
		wr_rabbit_template_fill(out->routing_key, item, topic_name, out->key_text);
	if (key_bytes > WR_RABBIT_SHORT_BYTES) {
		*ret_why = "its routing key would have more than 255 bytes";
		return false;
	}
	if (item->payload_bytes > out->message_bytes_max) {
		*ret_why = "its payload has more than message_bytes_max bytes";
		return false;
	}
	int id_bytes = snprintf(out->message_id, sizeof out->message_id, "weir:%s:%u:%llu:%llx",
				out->log_id, item->log, (unsigned long long)item->sequence,
				(unsigned long long)item->append_time_us);
	*p = (amqp_basic_properties_t){
		._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.message_id = bytes_of(out->message_id, (size_t)id_bytes),
	};
	map_headers(&t, item);
	map_ids(&t, item);
	map_times(&t, item, wall_us);
	if (t.full) {
		*ret_why = "it has more than 1024 headers";
		return false;
	}
	if (t.bytes + FRAME_SPARE_BYTES > out->frame_bytes_max) {
		*ret_why = "its headers and key do not fit in a frame of the broker's";
		return false;
	}
	if (t.count > 0) {
		p->headers = (amqp_table_t){.num_entries = (int)t.count, .entries = out->headers};
		p->_flags |= AMQP_BASIC_HEADERS_FLAG;
	}
	out->key = bytes_of(out->key_text, key_bytes);
	out->body = bytes_of(item->payload, item->payload_bytes);
	return true;
}

uint64_t wr_rabbit_map_sequence(const struct wr_rabbit_out *out, amqp_bytes_t message_id)
{
	char text[sizeof out->message_id];
	char want[48];
	int want_bytes = snprintf(want, sizeof want, "weir:%s:", out->log_id);
	if (message_id.len >= sizeof text || message_id.len < (size_t)want_bytes)
		return 0;
	memcpy(text, message_id.bytes, message_id.len);
	text[message_id.len] = 0;
	if (memcmp(text, want, (size_t)want_bytes) != 0)
		return 0;
	const char *colon = strchr(text + want_bytes, ':');
	return colon == NULL ? 0 : strtoull(colon + 1, NULL, 10);
}
