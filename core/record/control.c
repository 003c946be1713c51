/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/control.h"

void wr_control_write(void *to, enum wr_kind kind, uint32_t topic, uint32_t row, const void *key,
		      uint32_t key_bytes, const void *payload, uint32_t payload_bytes)
{
	uint32_t option_bytes = wr_record_option_area(0, key_bytes);
	uint8_t *p = to;
	struct wr_record head = {
		.bytes = wr_control_bytes(key_bytes, payload_bytes),
		.key_bytes = (uint16_t)key_bytes,
		.option_bytes = (uint16_t)option_bytes,
		.topic = topic,
		.key_hash = row,
		.kind = (uint8_t)kind,
	};
	memcpy(p, &head, sizeof head);
	p += sizeof head;
	memset(p, 0, option_bytes);
	p += option_bytes;
	if (key_bytes > 0)
		memcpy(p, key, key_bytes);
	p += key_bytes;
	memcpy(p, payload, payload_bytes);
	p += payload_bytes;
	/* The stride's last bytes are part of what a checksum covers: never left to chance. */
	memset(p, 0, wr_record_stride(head.bytes) - head.bytes);
}

/* A topic without a window, and without versions, is what it was before there were those. */
#define TOPIC_PLAIN_BYTES 4u
#define TOPIC_WINDOW_BYTES 32u
#define TOPIC_VERSIONS_BYTES 56u

static bool read_exact(const struct wr_record_view *view, void *to, uint32_t bytes)
{
	if (view->payload_bytes != bytes)
		return false;
	memcpy(to, view->payload, bytes);
	return true;
}

uint32_t wr_control_topic_write(const struct wr_control_topic *topic,
				const struct wr_control_window *window,
				const struct wr_control_versions *versions, uint8_t *to)
{
	memset(to, 0, WR_TOPIC_BYTES_MAX);
	wr_put_u32(to, topic->partitions);
	if (window->keys != 0) {
		wr_put_u32(to + 4, window->keys);
		wr_put_u64(to + 8, window->span_us);
		memcpy(to + 16, window->secret, WR_SECRET_BYTES);
	}
	if (versions->keys != 0) {
		wr_put_u32(to + TOPIC_WINDOW_BYTES, versions->keys);
		memcpy(to + TOPIC_WINDOW_BYTES + 8, versions->secret, WR_SECRET_BYTES);
	}
	wr_put_u32(to + TOPIC_VERSIONS_BYTES, topic->partitions_max);
	if (topic->partitions_max != 0)
		return WR_TOPIC_BYTES_MAX;
	if (versions->keys != 0)
		return TOPIC_VERSIONS_BYTES;
	return window->keys == 0 ? TOPIC_PLAIN_BYTES : TOPIC_WINDOW_BYTES;
}

bool wr_control_versions_valid(const struct wr_control_versions *versions)
{
	return versions->keys > 0 && versions->keys <= WR_VERSIONED_KEYS_MAX;
}

bool wr_control_window_valid(const struct wr_control_window *window)
{
	return window->keys > 0 && window->keys <= WR_IDEMPOTENCY_KEYS_MAX &&
	       window->span_us <= WR_IDEMPOTENCY_SPAN_US_MAX;
}

void wr_control_window_read(const struct wr_record_view *view, struct wr_control_window *ret)
{
	const uint8_t *from = view->payload;
	*ret = (struct wr_control_window){0};
	if (view->payload_bytes < TOPIC_WINDOW_BYTES)
		return;
	ret->keys = wr_get_u32(from + 4);
	ret->span_us = wr_get_u64(from + 8);
	memcpy(ret->secret, from + 16, WR_SECRET_BYTES);
}

void wr_control_versions_read(const struct wr_record_view *view, struct wr_control_versions *ret)
{
	const uint8_t *from = view->payload + TOPIC_WINDOW_BYTES;
	*ret = (struct wr_control_versions){0};
	if (view->payload_bytes < TOPIC_VERSIONS_BYTES)
		return;
	ret->keys = wr_get_u32(from);
	memcpy(ret->secret, from + 8, WR_SECRET_BYTES);
}

static bool is_zero(const struct wr_record_view *view, uint32_t from, uint32_t to)
{
	static const uint8_t zeros[TOPIC_VERSIONS_BYTES];
	return memcmp(view->payload + from, zeros, to - from) == 0;
}

/* With what stands behind it, a window may be absent, and is zero then; so may versions. */
static bool parts_are_valid(const struct wr_record_view *view)
{
	struct wr_control_versions versions;
	struct wr_control_window window;
	wr_control_window_read(view, &window);
	wr_control_versions_read(view, &versions);
	bool has_window = wr_control_window_valid(&window);
	bool has_versions = wr_control_versions_valid(&versions);
	switch (view->payload_bytes) {
	case TOPIC_PLAIN_BYTES:
		return true;
	case TOPIC_WINDOW_BYTES:
		return has_window;
	case TOPIC_VERSIONS_BYTES:
	case WR_TOPIC_BYTES_MAX:
		break;
	default:
		return false;
	}
	bool may_lack_versions = view->payload_bytes == WR_TOPIC_BYTES_MAX;
	return (has_window || is_zero(view, TOPIC_PLAIN_BYTES, TOPIC_WINDOW_BYTES)) &&
	       (has_versions ||
		(may_lack_versions && is_zero(view, TOPIC_WINDOW_BYTES, TOPIC_VERSIONS_BYTES))) &&
	       wr_get_u32(view->payload + TOPIC_WINDOW_BYTES + 4) == 0;
}

bool wr_control_topic_read(const struct wr_record_view *view, struct wr_control_topic *ret)
{
	if (!parts_are_valid(view))
		return false;
	*ret = (struct wr_control_topic){.partitions = wr_get_u32(view->payload)};
	if (view->payload_bytes < WR_TOPIC_BYTES_MAX)
		return ret->partitions > 0;
	ret->partitions_max = wr_get_u32(view->payload + TOPIC_VERSIONS_BYTES);
	return ret->partitions > 0 && ret->partitions_max >= ret->partitions &&
	       wr_get_u32(view->payload + TOPIC_VERSIONS_BYTES + 4) == 0;
}

bool wr_control_map_read(const struct wr_record_view *view, uint32_t *ret_partitions)
{
	uint8_t payload[WR_PARTITION_MAP_BYTES];
	if (!read_exact(view, payload, sizeof payload))
		return false;
	*ret_partitions = wr_get_u32(payload);
	return *ret_partitions > 0 && wr_get_u32(payload + 4) == 0;
}

bool wr_control_subscription_read(const struct wr_record_view *view,
				  struct wr_control_subscription *ret)
{
	uint32_t head_bytes = wr_control_subscription_bytes(0);
	*ret = (struct wr_control_subscription){0};
	if (view->payload_bytes < head_bytes)
		return false;
	memcpy(ret, view->payload, head_bytes);
	if (ret->topic_count == 0 || ret->topic_count > WR_SUBSCRIPTION_TOPICS_MAX ||
	    ret->start > WR_START_NEWEST)
		return false;
	uint32_t bytes = wr_control_subscription_bytes(ret->topic_count);
	if (view->payload_bytes < bytes)
		return false;
	memcpy(ret->topics, view->payload + head_bytes, bytes - head_bytes);
	if (view->payload_bytes == bytes)
		return true;
	if (view->payload_bytes < bytes + 8)
		return false;
	ret->order = wr_get_u32(view->payload + bytes);
	ret->outstanding_max = wr_get_u32(view->payload + bytes + 4);
	bool shared = (ret->order == WR_ORDER_KEY || ret->order == WR_ORDER_NONE) &&
		      ret->outstanding_max > 0;
	if (view->payload_bytes == bytes + 8)
		return shared;
	struct wr_filter_view filter;
	return (shared || ret->order == WR_ORDER_PARTITION) &&
	       wr_filter_read(view->payload + bytes + 8, view->payload_bytes - bytes - 8,
			      &filter) &&
	       (filter.term_count > 0 || filter.binds || filter.transform.text != NULL ||
		filter.join == WR_FILTER_JOIN_NOBODY);
}

const uint8_t *wr_control_subscription_filter(const struct wr_record_view *view,
					      uint32_t *ret_bytes)
{
	uint32_t bytes = wr_control_subscription_bytes(wr_get_u32(view->payload)) + 8;
	if (view->payload_bytes <= bytes)
		return NULL;
	*ret_bytes = view->payload_bytes - bytes;
	return view->payload + bytes;
}

uint32_t wr_control_subscription_put(const struct wr_control_subscription *control, bool filtered,
				     uint8_t *to)
{
	uint32_t bytes = wr_control_subscription_bytes(control->topic_count);
	memcpy(to, control, bytes);
	if (control->order == WR_ORDER_PARTITION && !filtered)
		return bytes;
	wr_put_u32(to + bytes, control->order);
	wr_put_u32(to + bytes + 4, control->outstanding_max);
	return bytes + 8;
}

bool wr_control_producer_read(const struct wr_record_view *view, struct wr_control_producer *ret)
{
	return read_exact(view, ret, sizeof *ret);
}

bool wr_control_skip_read(const struct wr_record_view *view, struct wr_control_skip *ret)
{
	return read_exact(view, ret, sizeof *ret) && ret->zero == 0;
}

bool wr_control_progress_read(const struct wr_record_view *view, struct wr_control_progress *ret)
{
	return read_exact(view, ret, sizeof *ret) && ret->from <= ret->to;
}

bool wr_control_generation_read(const struct wr_record_view *view,
				struct wr_control_generation *ret)
{
	return read_exact(view, ret, sizeof *ret);
}

bool wr_name_valid(const void *name, size_t name_bytes)
{
	const char *p = name;
	if (name_bytes == 0 || name_bytes > WR_NAME_BYTES_MAX || p[0] == '.')
		return false;
	for (size_t i = 0; i < name_bytes; i++) {
		char c = p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
		if (!ok)
			return false;
	}
	return true;
}
