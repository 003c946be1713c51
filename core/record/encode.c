/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/encode.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/hash_murmur2.h"

#define OPTION_BYTES_MAX 65000u
#define HEADER_NAME_MAX 255u
/* How far a field of the head is shifted in its word: all are little endian. */
#define WORD_AT(field) (8 * (offsetof(struct wr_record, field) % 8))

static size_t ids_bytes(const struct weir_ids *ids)
{
	size_t bytes = 0;
	if (ids->event_id_bytes > 0)
		bytes += wr_option_size(ids->event_id_bytes);
	if (ids->correlation_id_bytes > 0)
		bytes += wr_option_size(ids->correlation_id_bytes);
	if (ids->causation_id_bytes > 0)
		bytes += wr_option_size(ids->causation_id_bytes);
	if (ids->traceparent_bytes > 0)
		bytes += wr_option_size(ids->traceparent_bytes);
	if (ids->tracestate_bytes > 0)
		bytes += wr_option_size(ids->tracestate_bytes);
	if (ids->idempotency_key_bytes > WR_IDEMPOTENCY_KEY_BYTES_MAX)
		return OPTION_BYTES_MAX + 1;
	if (ids->idempotency_key_bytes > 0)
		bytes += wr_option_size(ids->idempotency_key_bytes);
	return bytes;
}

/* Bytes of what says how queues hand it out; or too many, when one is out of range. */
static size_t delivery_bytes(const struct weir_delivery *d)
{
	size_t bytes = 0;
	if (d->delay_ns > WEIR_DELAY_NS_MAX || d->time_to_live_ns > WEIR_TIME_TO_LIVE_NS_MAX ||
	    d->priority > WEIR_PRIORITY_MAX)
		return OPTION_BYTES_MAX + 1;
	if (d->delay_ns > 0)
		bytes += wr_option_size(8);
	if (d->time_to_live_ns > 0)
		bytes += wr_option_size(8);
	if (d->priority > 0)
		bytes += wr_option_size(1);
	return bytes;
}

/* Bytes of all options, or OPTION_BYTES_MAX + 1 when one is not valid or they are too many. */
static size_t options_bytes(const struct weir_event *event, bool stamped, bool versioned)
{
	size_t bytes = stamped ? wr_option_size(WR_OPTION_PRODUCER_BYTES) : 0;
	if (versioned)
		bytes += wr_option_size(WR_OPTION_VERSION_BYTES);
	if (event->event_time_us != 0)
		bytes += wr_option_size(8);
	if (event->ids != NULL)
		bytes += ids_bytes(event->ids);
	if (event->delivery != NULL)
		bytes += delivery_bytes(event->delivery);
	for (size_t i = 0; i < event->header_count; i++) {
		const struct weir_header *h = &event->headers[i];
		size_t value_bytes = (size_t)2 + h->name_bytes + h->value_bytes;
		if (h->name_bytes == 0 || h->name_bytes > HEADER_NAME_MAX ||
		    value_bytes > OPTION_BYTES_MAX)
			return OPTION_BYTES_MAX + 1;
		bytes += WR_OPTION_HEAD_BYTES + value_bytes;
		if (bytes > OPTION_BYTES_MAX)
			break;
	}
	return bytes;
}

int wr_encode_measure(const struct weir_event *event, struct wr_encode_topic topic, bool stamped,
		      uint32_t keyless, struct wr_encoding *ret)
{
	bool versioned = topic.versioned && event->key != NULL;
	if ((event->key != NULL && event->key_bytes == 0) || event->key_bytes > WR_KEY_BYTES_MAX ||
	    (event->key == NULL && event->key_bytes != 0) ||
	    (event->payload == NULL && event->payload_bytes != 0))
		return -EINVAL;
	if (event->partition_set && event->partition >= topic.partition_count)
		return -EINVAL;
	if (WR_UNLIKELY((!versioned && (event->expected_version != 0 || event->ends_key)) ||
			event->expected_version == WR_VERSION_ASKED))
		return -EINVAL;
	bool plain = !stamped && event->event_time_us == 0 && event->ids == NULL &&
		     event->delivery == NULL && event->header_count == 0 && !versioned;
	size_t given = WR_LIKELY(plain) ? 0 : options_bytes(event, stamped, versioned);
	if (given > OPTION_BYTES_MAX)
		return -EINVAL;
	uint32_t key_bytes = (uint32_t)event->key_bytes;
	uint32_t area = wr_record_option_area((uint32_t)given, key_bytes);
	size_t bytes = (size_t)WR_RECORD_HEAD_BYTES + area + key_bytes;
	if (event->payload_bytes > UINT32_MAX / 2)
		return WEIR_E_TOO_BIG;
	bytes += event->payload_bytes;

	bool decide = stamped || versioned || (!plain && wr_event_has_key(event));
	uint32_t flags = decide ? WR_RECORD_DECIDE : 0;
	uint32_t hash;
	if (event->partition_set) {
		flags |= WR_RECORD_PARTITION_EXPLICIT;
		hash = event->partition;
	} else if (event->key != NULL) {
		hash = wr_hash_murmur2(event->key, key_bytes);
	} else {
		hash = keyless;
	}
	if (event->key == NULL)
		flags |= WR_RECORD_KEYLESS;
	if (event->payload == NULL)
		flags |= WR_RECORD_NULL_PAYLOAD;
	if (event->ends_key)
		flags |= WR_RECORD_KEY_ENDS;
	ret->words[0] = (uint64_t)bytes | (uint64_t)key_bytes << WORD_AT(key_bytes) |
			(uint64_t)area << WORD_AT(option_bytes);
	ret->words[1] = (uint64_t)event->topic | (uint64_t)hash << WORD_AT(key_hash);
	ret->words[2] = (uint64_t)WR_KIND_EVENT << WORD_AT(kind) |
			(uint64_t)flags << WORD_AT(flags) | (uint64_t)event->type << WORD_AT(type);
	ret->given_option_bytes = (uint32_t)given;
	ret->payload_bytes = (uint32_t)event->payload_bytes;
	ret->versioned = versioned;
	ret->stride = wr_record_stride((uint32_t)bytes);
	return 0;
}

static uint8_t *put_id(uint8_t *p, uint8_t tag, const void *id, uint16_t bytes)
{
	return bytes > 0 ? p + wr_option_put(p, tag, id, bytes) : p;
}

static uint8_t *put_header(uint8_t *p, const struct weir_header *h)
{
	p[0] = WR_OPTION_HEADER;
	p[1] = 0;
	wr_put_u16(p + 2, (uint16_t)(2 + h->name_bytes + h->value_bytes));
	wr_put_u16(p + 4, h->name_bytes);
	memcpy(p + 6, h->name, h->name_bytes);
	if (h->value_bytes > 0)
		memcpy(p + 6 + h->name_bytes, h->value, h->value_bytes);
	return p + 6 + h->name_bytes + h->value_bytes;
}

/* Whole microseconds: never before what was asked for. */
static uint8_t *put_time(uint8_t *p, uint8_t tag, uint64_t ns)
{
	uint64_t us = (ns + 999) / 1000;
	return ns > 0 ? p + wr_option_put(p, tag, &us, sizeof us) : p;
}

static uint8_t *put_delivery(uint8_t *p, const struct weir_delivery *d)
{
	p = put_time(p, WR_OPTION_DELAY, d->delay_ns);
	p = put_time(p, WR_OPTION_TIME_TO_LIVE, d->time_to_live_ns);
	return d->priority > 0 ? p + wr_option_put(p, WR_OPTION_PRIORITY, &d->priority, 1) : p;
}

static uint8_t *put_options(const struct weir_event *event, const struct wr_producer_stamp *stamp,
			    bool versioned, uint8_t *p)
{
	if (stamp != NULL)
		p += wr_option_put(p, WR_OPTION_PRODUCER, stamp, sizeof *stamp);
	if (versioned) {
		const struct wr_version_option v = {.expected = event->expected_version};
		p += wr_option_put(p, WR_OPTION_EXPECTED_VERSION, &v, sizeof v);
	}
	if (event->event_time_us != 0)
		p += wr_option_put(p, WR_OPTION_EVENT_TIME, &event->event_time_us, 8);
	if (event->ids != NULL) {
		const struct weir_ids *ids = event->ids;
		p = put_id(p, WR_OPTION_EVENT_ID, ids->event_id, ids->event_id_bytes);
		p = put_id(p, WR_OPTION_CORRELATION, ids->correlation_id,
			   ids->correlation_id_bytes);
		p = put_id(p, WR_OPTION_CAUSATION, ids->causation_id, ids->causation_id_bytes);
		p = put_id(p, WR_OPTION_TRACEPARENT, ids->traceparent, ids->traceparent_bytes);
		p = put_id(p, WR_OPTION_TRACESTATE, ids->tracestate, ids->tracestate_bytes);
		p = put_id(p, WR_OPTION_IDEMPOTENCY_KEY, ids->idempotency_key,
			   ids->idempotency_key_bytes);
	}
	if (event->delivery != NULL)
		p = put_delivery(p, event->delivery);
	for (size_t i = 0; i < event->header_count; i++)
		p = put_header(p, &event->headers[i]);
	return p;
}

uint8_t *wr_encode_head(const struct weir_event *event, const struct wr_encoding *encoding,
			const struct wr_producer_stamp *stamp, uint8_t *to)
{
	for (unsigned i = 0; i < WR_HEAD_WORDS; i++) {
		uint64_t word = encoding->words[i];
		__asm__("" : "+r"(word)); // or the compiler makes one wide load of two
		wr_put_u64(to + 8 * i, word);
	}
	uint8_t *p = to + WR_RECORD_HEAD_BYTES;
	if (WR_UNLIKELY(encoding->given_option_bytes > 0))
		p = put_options(event, stamp, encoding->versioned, p);
	uint32_t padding = encoding->head.option_bytes - encoding->given_option_bytes;
	if (padding > 0)
		memset(p, 0, padding);
	p += padding;
	if (event->key_bytes > 0)
		memcpy(p, event->key, event->key_bytes);
	return p + event->key_bytes;
}
