/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a verified batch becomes what <weir/journal.h> hands out: items, an array at a time, and of
 * an item all that is known of its record.
 *
 * One way for both callbacks: the array is filled, and its reader gets it as it is, or it is gone
 * through for who wants one event at a time. What an item does not hold is made when it is asked
 * for, so who looks at few of many does not pay for all. The array is small enough to stay in the
 * first cache: filled anew, it costs no memory traffic, and nothing of the payloads is copied.
 *
 * Names are those that were defined before a record: where one defines some, what stands before it
 * is handed out first, and then it is taken in. (It may also move the table of topics.)
 *
 * Thread: see journal_inspect.h.
 */
#include "io/journal_inspect.h"

#include <errno.h>
#include <stdlib.h>

/* 13 KiB of items. */
#define ITEMS_MAX 128u

/* --- items ------------------------------------------------------------------------------------ */

int wr_inspect_events_open(struct wr_inspect *in)
{
	const struct weir_journal_visitor *v = &in->visitor;

	if (v->event != NULL && v->events != NULL)
		return -EINVAL;
	if (!wr_inspect_shows(v))
		return 0;
	in->items = calloc(ITEMS_MAX, sizeof *in->items);
	return in->items != NULL ? 0 : -ENOMEM;
}

void wr_inspect_events_close(struct wr_inspect *in)
{
	free(in->items);
	in->items = NULL;
}

/* A walk over the records of a batch. */
struct batch_walk {
	struct wr_inspect *in;
	const struct wr_batch_header *batch;
	uint32_t at;    /* of the next record, in the body */
	uint32_t count; /* of items that wait to be handed out */
	uint64_t seq;
	struct wr_record_step step;
	bool is_all; /* no record is out of range */
};

static const struct wr_inspect_topic *find_topic(const struct wr_inspect *in, uint32_t id)
{
	return id < in->topic_count && in->topics[id].partitions > 0 ? &in->topics[id] : NULL;
}

/* What all items of a batch have in common, and most batches with the one before. */
static void prepare_items(struct wr_inspect *in, const struct wr_batch_header *batch)
{
	if (in->items[0].epoch == batch->epoch && in->items[0].log == batch->log_id &&
	    in->items[0].kind == WEIR_ITEM_EVENT)
		return;
	for (uint32_t i = 0; i < ITEMS_MAX; i++)
		in->items[i] = (struct weir_item){
			.kind = WEIR_ITEM_EVENT, .log = batch->log_id, .epoch = batch->epoch};
}

/* What differs from one record of a batch to the next. */
static inline void fill_item(struct weir_item *item, const struct wr_record *head, uint64_t seq,
			     uint64_t time_us, uint32_t partition)
{
	uint32_t bytes = head->bytes, key_bytes = head->key_bytes;
	uint32_t before_bytes = WR_RECORD_HEAD_BYTES + head->option_bytes;
	const uint8_t *key = (const uint8_t *)head + before_bytes;
	const uint8_t *payload = key + key_bytes;

	item->topic = head->topic;
	item->partition = partition;
	item->type = head->type;
	item->key_bytes = (uint16_t)key_bytes;
	item->sequence = seq;
	item->end_sequence = seq + 1;
	item->append_time_us = time_us;
	item->key = key_bytes > 0 ? key : NULL;
	item->payload = head->flags & WR_RECORD_NULL_PAYLOAD ? NULL : payload;
	item->payload_bytes = bytes - before_bytes - key_bytes;
	item->record_bytes = bytes;
	item->record = head;
}

static bool is_in_range(const struct weir_journal_visitor *v, uint64_t seq, uint64_t time_us)
{
	return seq >= v->from_sequence && seq < v->end_sequence && time_us >= v->from_time_us &&
	       time_us < v->end_time_us;
}

/* The whole batch is. */
static bool all_in_range(const struct weir_journal_visitor *v, const struct wr_batch_header *batch)
{
	uint64_t first_us = batch->time_base_us;
	uint64_t last_us = first_us > UINT64_MAX - UINT32_MAX ? UINT64_MAX : first_us + UINT32_MAX;

	return is_in_range(v, batch->first_seq, first_us) &&
	       is_in_range(v, batch->first_seq + batch->record_count - 1, last_us);
}

/*
 * Events that stand one behind the other, as many as there is room for, up to a record of weir's
 * own. All that it needs is in registers: the place goes back into the walk at the end.
 */
static int fill_events(struct batch_walk *w)
{
	struct wr_inspect *in = w->in;
	const uint8_t *body = (const uint8_t *)w->batch + WR_BATCH_HEADER_BYTES;
	const uint32_t end = w->batch->body_bytes;
	const uint64_t base_us = w->batch->time_base_us;
	struct weir_item *item = in->items + w->count, *item_end = in->items + ITEMS_MAX;
	struct wr_record_step step = w->step;
	const struct wr_inspect_topic *topic = find_topic(in, 0);
	uint32_t at = w->at, topic_id = 0;
	uint64_t seq = w->seq;
	int code = 0;

	while (at < end && item < item_end) {
		const struct wr_record *head = (const void *)(body + at);
		/* It was verified; this keeps a bug there from becoming a wild read here. */
		if (WR_UNLIKELY(!wr_record_fits(head, end - at))) {
			code = WEIR_E_CORRUPT;
			break;
		}
		if (WR_UNLIKELY(!wr_record_is_user_event(head)))
			break;
		uint64_t time_us = base_us + head->time_delta_us, own_seq = seq++;
		at += wr_record_step(&step, head);
		if (!w->is_all && !is_in_range(&in->visitor, own_seq, time_us))
			continue;
		if (WR_UNLIKELY(head->topic != topic_id)) {
			topic_id = head->topic;
			topic = find_topic(in, topic_id);
		}
		uint32_t partition =
			topic != NULL ? wr_inspect_partition(topic, head, own_seq) : UINT32_MAX;
		fill_item(item++, head, own_seq, time_us, partition);
	}
	w->step = step;
	w->at = at;
	w->seq = seq;
	w->count = (uint32_t)(item - in->items);
	return code;
}

/* --- one event -------------------------------------------------------------------------------- */

/* The fields that stand in no item. */
static void fill_event(struct wr_inspect *in, const struct weir_item *item,
		       struct weir_journal_event *event)
{
	const struct wr_record *head = item->record;
	const struct wr_inspect_topic *topic = NULL;
	struct wr_record_view view;

	event->item = *item;
	event->control = !wr_record_is_user_event(head);
	if (!event->control)
		topic = find_topic(in, item->topic);
	event->topic_name = topic != NULL ? topic->name : NULL;
	event->kind = "event";
	event->detail = "";
	/* Only what a named producer published is decided on for it. */
	if (WR_UNLIKELY(head->flags & WR_RECORD_DECIDE) || event->producer_name != NULL)
		wr_inspect_fill_producer(in, head, event);
	if (WR_UNLIKELY(in->schemas != NULL))
		wr_inspect_fill_schema(in, event);
	if (WR_LIKELY(!event->control))
		return;
	event->kind = wr_inspect_kind_name(head->kind);
	if (wr_record_view(head, head->bytes, &view))
		event->detail = wr_inspect_describe(in, &view);
}

void weir_journal_event_read(const struct weir_journal_events *events, size_t index,
			     struct weir_journal_event *ret_event)
{
	*ret_event = (struct weir_journal_event){.segment_id = events->segment_id,
						 .batch_offset = events->batch_offset};
	fill_event(events->walk, &events->items[index], ret_event);
}

static int show_each(struct wr_inspect *in, const struct weir_journal_events *events)
{
	struct weir_journal_event event = {.segment_id = events->segment_id,
					   .batch_offset = events->batch_offset};
	int code = 0;

	for (size_t i = 0; code == 0 && i < events->count; i++) {
		fill_event(in, &events->items[i], &event);
		code = in->visitor.event(in->visitor.context, &event);
	}
	return code;
}

/* --- a batch ---------------------------------------------------------------------------------- */

/* Hands out what waits. */
static int hand_out(struct batch_walk *w)
{
	const struct weir_journal_visitor *visitor = &w->in->visitor;
	const struct weir_journal_events events = {
		.items = w->in->items,
		.count = w->count,
		.segment_id = w->batch->segment_id,
		.batch_offset = w->batch->segment_offset,
		.walk = w->in,
	};

	if (w->count == 0)
		return 0;
	w->count = 0;
	return visitor->events != NULL ? visitor->events(visitor->context, &events)
				       : show_each(w->in, &events);
}

/* A record of weir's own: 0, or what the visitor returned of those before it. */
static int take_control(struct batch_walk *w)
{
	const struct wr_record *head =
		(const void *)((const uint8_t *)w->batch + WR_BATCH_HEADER_BYTES + w->at);
	uint64_t time_us = w->batch->time_base_us + head->time_delta_us, seq = w->seq++;
	int code = 0;

	w->at += wr_record_step(&w->step, head);
	if (wr_inspect_has_names(head)) {
		code = hand_out(w);
		wr_inspect_take_names(w->in, head, seq);
	}
	if (!w->in->visitor.control || (!w->is_all && !is_in_range(&w->in->visitor, seq, time_us)))
		return code;
	struct weir_item *item = &w->in->items[w->count++];
	fill_item(item, head, seq, time_us, UINT32_MAX);
	if (head->kind == WR_KIND_LEFT_OUT) /* nothing but room */
		item->payload = NULL, item->payload_bytes = 0;
	return code;
}

int wr_inspect_batch(struct wr_inspect *in, const struct wr_batch_header *batch)
{
	struct batch_walk w = {.in = in, .batch = batch, .seq = batch->first_seq};
	int code = 0;

	if (in->items == NULL) {
		wr_inspect_names(in, batch);
		return 0;
	}
	prepare_items(in, batch);
	w.is_all = all_in_range(&in->visitor, batch);
	while (code == 0 && w.at < batch->body_bytes) {
		code = fill_events(&w);
		if (code == 0 && w.count == ITEMS_MAX)
			code = hand_out(&w);
		else if (code == 0 && w.at < batch->body_bytes)
			code = take_control(&w);
	}
	return code == 0 ? hand_out(&w) : code;
}

void wr_inspect_names(struct wr_inspect *in, const struct wr_batch_header *batch)
{
	const uint8_t *body = (const uint8_t *)batch + WR_BATCH_HEADER_BYTES;
	struct wr_record_step step = {0};
	uint64_t seq = batch->first_seq;

	for (uint32_t at = 0; at < batch->body_bytes; seq++) {
		const struct wr_record *head = (const void *)(body + at);
		if (!wr_record_fits(head, batch->body_bytes - at))
			return;
		if (WR_UNLIKELY(wr_inspect_has_names(head)))
			wr_inspect_take_names(in, head, seq);
		at += wr_record_step(&step, head);
	}
}
