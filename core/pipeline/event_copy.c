/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/event_copy.h"

#include <string.h>

static bool is_copied(const struct wr_event_copy *copy, const struct wr_option *option)
{
	switch (option->tag) {
	case WR_OPTION_ORIGIN:
		return copy->origin == NULL && !copy->leaves_origin;
	case WR_OPTION_REPLAY:
		return copy->mark == NULL;
	case WR_OPTION_CAUSATION:
		return copy->cause == NULL;
	case WR_OPTION_DELAY:
	case WR_OPTION_TIME_TO_LIVE:
		return false;
	default:
		return (option->tag & WR_OPTION_CRITICAL) == 0;
	}
}

/* Longer ids do not name a flow: the place does, so that a copy is never much larger. */
#define FLOW_BYTES_MAX 128u

void wr_copy_cause_of(const struct wr_record_view *view, const struct weir_pos *pos,
		      struct wr_copy_cause *ret)
{
	struct wr_option option;
	*ret = (struct wr_copy_cause){0};
	ret->place_bytes = (uint16_t)weir_pos_text(pos, ret->place);
	if (wr_option_find(view, WR_OPTION_CORRELATION, &option))
		return;
	bool named = wr_option_find(view, WR_OPTION_EVENT_ID, &option) &&
		     option.value_bytes <= FLOW_BYTES_MAX;
	ret->correlation = named ? option.value : (const void *)ret->place;
	ret->correlation_bytes = named ? option.value_bytes : ret->place_bytes;
}

static uint32_t cause_bytes(const struct wr_copy_cause *cause)
{
	if (cause == NULL)
		return 0;
	return wr_option_size(cause->place_bytes) +
	       (cause->correlation != NULL ? wr_option_size(cause->correlation_bytes) : 0);
}

static uint8_t *put_cause(uint8_t *at, const struct wr_copy_cause *cause)
{
	if (cause == NULL)
		return at;
	at += wr_option_put(at, WR_OPTION_CAUSATION, cause->place, cause->place_bytes);
	if (cause->correlation != NULL)
		at += wr_option_put(at, WR_OPTION_CORRELATION, cause->correlation,
				    cause->correlation_bytes);
	return at;
}

/* Who it is for, and by which replay. */
static uint32_t reader_bytes(const struct wr_event_copy *copy)
{
	uint32_t bytes = 0;
	if (copy->address != NULL)
		bytes += wr_option_size((uint16_t)wr_recipients_bytes(copy->address->count));
	if (copy->mark != NULL)
		bytes += wr_option_size((uint16_t)(WR_REPLAY_MARK_BYTES + copy->mark->name_bytes));
	return bytes;
}

static uint8_t *put_readers(uint8_t *at, const struct wr_event_copy *copy)
{
	uint8_t value[WR_REPLAY_MARK_BYTES + WR_REPLAY_NAME_MAX];
	if (copy->address != NULL) {
		wr_recipients_put(copy->address, value);
		at += wr_option_put(at, WR_OPTION_ADDRESS, value,
				    (uint16_t)wr_recipients_bytes(copy->address->count));
	}
	if (copy->mark != NULL) {
		wr_replay_mark_put(copy->mark, value);
		at += wr_option_put(at, WR_OPTION_REPLAY, value,
				    (uint16_t)(WR_REPLAY_MARK_BYTES + copy->mark->name_bytes));
	}
	return at;
}

void wr_event_copy_measure(struct wr_event_copy *copy)
{
	const struct wr_record *head = copy->view->head;
	struct wr_option option;
	uint32_t given = copy->origin != NULL ? wr_option_size(copy->origin_bytes) : 0;
	given += cause_bytes(copy->cause) + reader_bytes(copy);
	for (uint32_t at = 0; (at = wr_option_next(copy->view, at, &option)) != 0;)
		if (is_copied(copy, &option))
			given += wr_option_size(option.value_bytes);
	copy->given_bytes = given;
	copy->option_area = wr_record_option_area(given, head->key_bytes);
	copy->stride = wr_record_stride(WR_RECORD_HEAD_BYTES + copy->option_area + head->key_bytes +
					copy->view->payload_bytes);
}

void wr_event_copy_write(const struct wr_event_copy *copy, uint32_t topic, uint8_t *to)
{
	const struct wr_record_view *view = copy->view;
	struct wr_record *head = (struct wr_record *)to;
	struct wr_option option;
	*head = *view->head;
	head->topic = topic;
	head->kind = copy->address != NULL ? WR_KIND_ADDRESSED : WR_KIND_EVENT;
	head->type = copy->is_transformed ? 0 : head->type;
	head->flags &= (uint8_t) ~(WR_RECORD_DECIDE | WR_RECORD_WANTS_REPLY);
	head->option_bytes = (uint16_t)copy->option_area;
	head->bytes =
		WR_RECORD_HEAD_BYTES + copy->option_area + head->key_bytes + view->payload_bytes;
	uint8_t *at = put_readers(to + WR_RECORD_HEAD_BYTES, copy);
	if (copy->origin != NULL)
		at += wr_option_put(at, WR_OPTION_ORIGIN, copy->origin, copy->origin_bytes);
	at = put_cause(at, copy->cause);
	for (uint32_t i = 0; (i = wr_option_next(view, i, &option)) != 0;)
		if (is_copied(copy, &option))
			at += wr_option_put(at, option.tag, option.value, option.value_bytes);
	memset(at, 0, copy->option_area - copy->given_bytes);
	at += copy->option_area - copy->given_bytes;
	memcpy(at, view->key, head->key_bytes);
	if (view->payload_bytes > 0)
		memcpy(at + head->key_bytes, view->payload, view->payload_bytes);
	memset(to + head->bytes, 0, copy->stride - head->bytes);
}
