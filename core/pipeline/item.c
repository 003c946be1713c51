/* SPDX-License-Identifier: Apache-2.0 */
/* What an item carries beside key and payload: read from its record's options when asked. */
#include <weir/event.h>

#include "core/record/version.h"

static bool view_of(const struct weir_item *item, struct wr_record_view *ret_view)
{
	return item->record != NULL && wr_record_view(item->record, item->record_bytes, ret_view);
}

void weir_item_ids(const struct weir_item *item, struct weir_ids *ret_ids)
{
	struct wr_record_view view;
	struct wr_option option;
	*ret_ids = (struct weir_ids){0};
	if (!view_of(item, &view))
		return;
	for (uint32_t at = 0; (at = wr_option_next(&view, at, &option)) != 0;) {
		switch (option.tag) {
		case WR_OPTION_EVENT_ID:
			ret_ids->event_id = option.value;
			ret_ids->event_id_bytes = option.value_bytes;
			break;
		case WR_OPTION_CORRELATION:
			ret_ids->correlation_id = option.value;
			ret_ids->correlation_id_bytes = option.value_bytes;
			break;
		case WR_OPTION_CAUSATION:
			ret_ids->causation_id = option.value;
			ret_ids->causation_id_bytes = option.value_bytes;
			break;
		case WR_OPTION_TRACEPARENT:
			ret_ids->traceparent = (const char *)option.value;
			ret_ids->traceparent_bytes = option.value_bytes;
			break;
		case WR_OPTION_TRACESTATE:
			ret_ids->tracestate = (const char *)option.value;
			ret_ids->tracestate_bytes = option.value_bytes;
			break;
		case WR_OPTION_IDEMPOTENCY_KEY:
			ret_ids->idempotency_key = option.value;
			ret_ids->idempotency_key_bytes = option.value_bytes;
			break;
		default:
			break;
		}
	}
}

void weir_item_delivery(const struct weir_item *item, struct weir_delivery *ret_delivery)
{
	struct wr_record_view view;
	struct wr_terms terms;
	*ret_delivery = (struct weir_delivery){0};
	if (!view_of(item, &view))
		return;
	wr_terms_read(&view, &terms);
	ret_delivery->delay_ns = terms.delay_us * 1000;
	ret_delivery->time_to_live_ns = terms.time_to_live_us * 1000;
	ret_delivery->priority = (uint8_t)terms.priority;
}

uint64_t weir_item_event_time_us(const struct weir_item *item)
{
	struct wr_record_view view;
	struct wr_option option;
	if (!view_of(item, &view) || !wr_option_find(&view, WR_OPTION_EVENT_TIME, &option) ||
	    option.value_bytes != 8)
		return 0;
	return wr_get_u64(option.value);
}

uint64_t weir_item_version(const struct weir_item *item)
{
	struct wr_record_view view;
	struct wr_version_option option;
	return view_of(item, &view) && wr_version_find(&view, &option) ? option.version : 0;
}

uint32_t weir_item_header(const struct weir_item *item, uint32_t place,
			  struct weir_header *ret_header)
{
	struct wr_record_view view;
	struct wr_option option;
	if (!view_of(item, &view) || place > view.head->option_bytes)
		return 0;
	while ((place = wr_option_next(&view, place, &option)) != 0) {
		if (option.tag != WR_OPTION_HEADER || option.value_bytes < 2)
			continue;
		uint16_t name_bytes = wr_get_u16(option.value);
		if (name_bytes > option.value_bytes - 2)
			continue;
		*ret_header = (struct weir_header){
			.name = (const char *)option.value + 2,
			.name_bytes = name_bytes,
			.value = option.value + 2 + name_bytes,
			.value_bytes = (uint16_t)(option.value_bytes - 2 - name_bytes),
		};
		return place;
	}
	return 0;
}

struct weir_pos weir_item_pos(const struct weir_item *item)
{
	return (struct weir_pos){
		.sequence = item->sequence, .epoch = item->epoch, .log = item->log};
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int weir_pos_compare(const struct weir_pos *a, const struct weir_pos *b)
{
	int order = compare_u64(a->log, b->log);
	if (order == 0)
		order = compare_u64(a->epoch, b->epoch);
	return order != 0 ? order : compare_u64(a->sequence, b->sequence);
}
