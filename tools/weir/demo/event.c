/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two encodings of an order event. The binary one is little endian, by offset: kind 0, side 1,
 * instrument 2 (u16), 4 bytes of zero, id 8, price 16, amount 24, index 32, check 40. The check
 * word ties the fields together: a payload with bytes of two events is not taken for either.
 */
#include "tools/weir/demo/event.h"

#include <string.h>

#include "core/base/bytes.h"
#include "tools/weir/demo/line.h"

static uint64_t check_of(const uint8_t *payload)
{
	uint64_t h = 0x9e3779b97f4a7c15ull;
	for (size_t at = 0; at < 40; at += 8)
		h = demo_mix(h ^ wr_get_u64(payload + at));
	return h;
}

void demo_event_encode(const struct demo_event *event, uint64_t index,
		       uint8_t to[DEMO_PAYLOAD_BYTES])
{
	memset(to, 0, DEMO_PAYLOAD_BYTES);
	to[0] = (uint8_t)event->kind;
	to[1] = (uint8_t)event->side;
	wr_put_u16(to + 2, (uint16_t)event->instrument);
	wr_put_u64(to + 8, event->id);
	wr_put_u64(to + 16, (uint64_t)event->price_e8);
	wr_put_u64(to + 24, (uint64_t)event->amount_e8);
	wr_put_u64(to + 32, index);
	wr_put_u64(to + 40, check_of(to));
}

void demo_event_decode(const void *payload, size_t payload_bytes, struct demo_event *ret_event)
{
	const uint8_t *from = payload;

	*ret_event = (struct demo_event){.kind = DEMO_OTHER};
	if (payload_bytes == 0)
		return;
	if (from[0] >= 0x20) {
		struct demo_record record;
		struct demo_text line = {.at = payload, .bytes = payload_bytes};
		if (demo_line_parse(line, &record))
			*ret_event = record.event;
		return;
	}
	if (payload_bytes != DEMO_PAYLOAD_BYTES || from[0] > DEMO_TRADE || from[1] > DEMO_ASK ||
	    wr_get_u16(from + 2) >= DEMO_INSTRUMENTS_MAX || wr_get_u64(from + 40) != check_of(from))
		return;
	ret_event->kind = (enum demo_kind)from[0];
	ret_event->side = (enum demo_side)from[1];
	ret_event->instrument = wr_get_u16(from + 2);
	ret_event->id = wr_get_u64(from + 8);
	ret_event->price_e8 = (int64_t)wr_get_u64(from + 16);
	ret_event->amount_e8 = (int64_t)wr_get_u64(from + 24);
}

bool demo_event_equal(const struct demo_event *a, const struct demo_event *b)
{
	return a->kind == b->kind && a->side == b->side && a->instrument == b->instrument &&
	       a->id == b->id && a->price_e8 == b->price_e8 && a->amount_e8 == b->amount_e8;
}
