/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/carried.h"

#include <string.h>

#include "core/base/bytes.h"

bool wr_carried_read(const struct wr_record_view *view, struct wr_carried *ret)
{
	struct wr_option option;
	if (view->head->kind != WR_KIND_CARRIED ||
	    !wr_option_find(view, WR_OPTION_CARRIED, &option) ||
	    option.value_bytes < WR_CARRIED_BYTES ||
	    option.value_bytes > WR_CARRIED_BYTES + WR_CARRIED_TEXT_BYTES_MAX ||
	    wr_get_u32(option.value + 28) != 0)
		return false;
	*ret = (struct wr_carried){
		.seq = wr_get_u64(option.value),
		.append_us = wr_get_u64(option.value + 8),
		.epoch = wr_get_u32(option.value + 16),
		.log = wr_get_u32(option.value + 20),
		.subscription = wr_get_u32(option.value + 24),
		.text_bytes = option.value_bytes - WR_CARRIED_BYTES,
		.text = option.value + WR_CARRIED_BYTES,
	};
	return true;
}

bool wr_carried_of(const struct wr_record *r, struct wr_carried *ret)
{
	struct wr_record_view view;
	return r->kind == WR_KIND_CARRIED && wr_record_view(r, r->bytes, &view) &&
	       wr_carried_read(&view, ret);
}

/* All that the event has, but what says so of a copy before. */
static uint32_t given_bytes(const struct wr_record_view *event, const struct wr_carried *c)
{
	struct wr_option option;
	uint32_t given = wr_option_size((uint16_t)(WR_CARRIED_BYTES + c->text_bytes));
	for (uint32_t at = 0; (at = wr_option_next(event, at, &option)) != 0;)
		if (option.tag != WR_OPTION_CARRIED)
			given += wr_option_size(option.value_bytes);
	return given;
}

uint32_t wr_carried_stride(const struct wr_record_view *event, const struct wr_carried *c)
{
	uint32_t key_bytes = event->head->key_bytes;
	uint32_t area = wr_record_option_area(given_bytes(event, c), key_bytes);
	if (area > UINT16_MAX)
		return 0;
	return wr_record_stride(WR_RECORD_HEAD_BYTES + area + key_bytes + event->payload_bytes);
}

void wr_carried_write(const struct wr_record_view *event, const struct wr_carried *c, uint8_t *to)
{
	uint8_t value[WR_CARRIED_BYTES + WR_CARRIED_TEXT_BYTES_MAX] = {0};
	uint32_t given = given_bytes(event, c);
	struct wr_record head = *event->head;
	struct wr_option option;
	head.kind = WR_KIND_CARRIED;
	head.flags &= (uint8_t) ~(WR_RECORD_DECIDE | WR_RECORD_WANTS_REPLY);
	head.option_bytes = (uint16_t)wr_record_option_area(given, head.key_bytes);
	head.bytes =
		WR_RECORD_HEAD_BYTES + head.option_bytes + head.key_bytes + event->payload_bytes;
	memcpy(to, &head, sizeof head);
	uint8_t *at = to + WR_RECORD_HEAD_BYTES;
	wr_put_u64(value, c->seq);
	wr_put_u64(value + 8, c->append_us);
	wr_put_u32(value + 16, c->epoch);
	wr_put_u32(value + 20, c->log);
	wr_put_u32(value + 24, c->subscription);
	if (c->text_bytes > 0)
		memcpy(value + WR_CARRIED_BYTES, c->text, c->text_bytes);
	at += wr_option_put(at, WR_OPTION_CARRIED, value,
			    (uint16_t)(WR_CARRIED_BYTES + c->text_bytes));
	for (uint32_t i = 0; (i = wr_option_next(event, i, &option)) != 0;)
		if (option.tag != WR_OPTION_CARRIED)
			at += wr_option_put(at, option.tag, option.value, option.value_bytes);
	memset(at, 0, head.option_bytes - given);
	at += head.option_bytes - given;
	if (head.key_bytes > 0)
		memcpy(at, event->key, head.key_bytes);
	if (event->payload_bytes > 0)
		memcpy(at + head.key_bytes, event->payload, event->payload_bytes);
	memset(to + head.bytes, 0, wr_record_stride(head.bytes) - head.bytes);
}
