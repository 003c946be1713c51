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
#include "core/record/carried.h"
#include "core/record/erase.h"
#include "core/record/left_out.h"
#include "core/record/recipients.h"
#include "core/record/share.h"
#include "io/journal_inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* 13 KiB of items. */
#define ITEMS_MAX 128u

/* --- control records, for people -------------------------------------------------------------- */

static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[WR_KIND_EVENT] = "event",
		[WR_KIND_SETTLE] = "settle",
		[WR_KIND_PROGRESS] = "progress",
		[WR_KIND_PASSED] = "passed",
		[WR_KIND_TOPIC] = "topic",
		[WR_KIND_TYPE] = "type",
		[WR_KIND_SUBSCRIPTION] = "subscription",
		[WR_KIND_PARTITION_MAP] = "partition_map",
		[WR_KIND_GENERATION] = "generation",
		[WR_KIND_HANDOUT_MARK] = "handout_mark",
		[WR_KIND_PRODUCER_SKIP] = "producer_skip",
		[WR_KIND_LOSS] = "loss",
		[WR_KIND_CLOCK] = "clock",
		[WR_KIND_SNAPSHOT] = "snapshot",
		[WR_KIND_CHECKPOINT] = "checkpoint",
		[WR_KIND_EPOCH_START] = "epoch_start",
		[WR_KIND_FILLER] = "filler",
		[WR_KIND_PRODUCER] = "producer",
		[WR_KIND_REJECT] = "reject",
		[WR_KIND_LEFT_OUT] = "left_out",
		[WR_KIND_FILTER] = "filter",
		[WR_KIND_ERASE] = "erase",
		[WR_KIND_ADDRESSED] = "addressed",
		[WR_KIND_CARRIED] = "carried",
	};
	if (kind < WR_ARRAY_COUNT(names) && names[kind] != NULL)
		return names[kind];
	return "unknown";
}

static void describe_topic(const struct wr_record_view *view, const struct wr_control_topic *topic,
			   char *to, size_t to_bytes)
{
	struct wr_control_window window;
	int key_bytes = view->head->key_bytes <= WR_NAME_BYTES_MAX ? view->head->key_bytes : 0;
	int n = snprintf(to, to_bytes, "id %u, %u partitions, \"%.*s\"", view->head->topic,
			 topic->partitions, key_bytes, (const char *)view->key);
	wr_control_window_read(view, &window);
	if (topic->partitions_max != 0)
		n += snprintf(to + n, to_bytes - (size_t)n, ", up to %u", topic->partitions_max);
	if (window.keys == 0 || (size_t)n >= to_bytes)
		return;
	n += snprintf(to + n, to_bytes - (size_t)n, ", %u idempotency keys", window.keys);
	if (window.span_us > 0)
		snprintf(to + n, to_bytes - (size_t)n, " for %llu us",
			 (unsigned long long)window.span_us);
}

/* The same of a record of a shared subscription. */
static void describe_shared(const struct wr_record_view *view, char *to, size_t to_bytes)
{
	static const char *const verdicts[] = {
		[WR_VERDICT_RETRY] = "failed",
		[WR_VERDICT_EXPIRED] = "lease over",
		[WR_VERDICT_RELEASED] = "given back",
		[WR_VERDICT_DEAD] = "dead",
		[WR_VERDICT_PARKED] = "parked",
		[WR_VERDICT_REDRIVEN] = "redriven",
		[WR_VERDICT_GIVEN_UP] = "given up",
		[WR_VERDICT_IN_HAND] = "handed out alone",
		[WR_VERDICT_OUT_OF_HAND] = "nothing is out alone",
		[WR_VERDICT_CRASHED] = "the process had died",
	};
	struct wr_mark_view mark;
	struct wr_settle_view settle;
	struct wr_settle_run run;
	struct wr_reject reject;
	struct wr_filter_view filter;
	const char *text;
	uint32_t id = view->head->topic;

	if (view->head->kind == WR_KIND_HANDOUT_MARK && wr_mark_read(view, &mark)) {
		snprintf(to, to_bytes, "subscription %u, %llu to %llu, %u events", id,
			 (unsigned long long)mark.head.from, (unsigned long long)mark.head.to,
			 mark.head.count);
	} else if (view->head->kind == WR_KIND_SETTLE && wr_settle_read(view, &settle)) {
		unsigned long long events = 0, first = 0, last = 0;
		while (wr_settle_next(&settle, &run)) {
			first = events == 0 ? run.first : first;
			last = run.last;
			events += run.count;
		}
		snprintf(to, to_bytes, "subscription %u, %llu events of %llu to %llu", id, events,
			 first, last);
	} else if (view->head->kind == WR_KIND_FILTER &&
		   wr_filter_read(view->payload, view->payload_bytes, &filter)) {
		size_t used = (size_t)snprintf(to, to_bytes, "subscription %u, %u terms", id,
					       filter.term_count);
		if (filter.target != WR_TARGET_NONE && used < to_bytes)
			snprintf(to + used, to_bytes - used, ", copied to topic %u", filter.target);
	} else if (view->head->kind == WR_KIND_REJECT && wr_reject_read(view, &reject, &text)) {
		snprintf(to, to_bytes, "subscription %u, sequence %llu, generation %u, %s", id,
			 (unsigned long long)reject.seq, reject.generation,
			 verdicts[reject.verdict]);
	}
}

static void describe_left_out(const struct wr_record *head, char *to, size_t to_bytes)
{
	static const char *const reasons[] = {"for no reason", "a later one of its key stays",
					      "its key was erased", "beyond its topic's retention"};

	snprintf(to, to_bytes, "an event of topic %u was left out: %s", head->topic,
		 reasons[head->flags & 3]);
}

static void describe_erase(const struct wr_record *head, const struct wr_erase *erase, char *to,
			   size_t to_bytes)
{
	if (erase->is_mark)
		snprintf(to, to_bytes, "a segment was begun early, to erase what stands before");
	else if (head->topic == WR_ERASE_ALL_TOPICS)
		snprintf(to, to_bytes, "a key was erased in all topics");
	else
		snprintf(to, to_bytes, "a key was erased in topic %u", head->topic);
}

static void describe_addressed(const struct wr_record_view *view, char *to, size_t to_bytes)
{
	struct wr_recipients address;
	struct wr_replay_mark mark;
	size_t used = 0;

	if (!wr_recipients_read(view, &address) || !wr_replay_mark_read(view, &mark))
		return;
	used = (size_t)snprintf(to, to_bytes, "topic %u, of %llu, replay \"%.*s\", to",
				view->head->topic, (unsigned long long)mark.seq,
				(int)mark.name_bytes, mark.name);
	for (uint32_t i = 0; i < address.count && used < to_bytes; i++)
		used += (size_t)snprintf(to + used, to_bytes - used, " %u", address.ids[i]);
}

static void describe_carried(const struct wr_record_view *view, char *to, size_t to_bytes)
{
	struct wr_carried carried;

	if (wr_carried_read(view, &carried))
		snprintf(to, to_bytes, "topic %u, %llu of subscription %u lies here",
			 view->head->topic, (unsigned long long)carried.seq, carried.subscription);
}

/* What a control record says, in words. */
static const char *describe(struct wr_inspect *in, const struct wr_record_view *view)
{
	const struct wr_record *head = view->head;
	struct wr_control_topic topic;
	struct wr_control_subscription subscription;
	struct wr_control_producer producer;
	struct wr_control_progress progress;
	struct wr_control_generation generation;
	struct wr_control_skip skip;
	struct wr_erase erase;
	uint32_t partitions;
	int key_bytes = head->key_bytes <= WR_NAME_BYTES_MAX ? head->key_bytes : 0;
	const char *key = (const char *)view->key;
	char *to = in->detail;
	const size_t to_bytes = sizeof in->detail;
	to[0] = '\0';
	if (head->kind == WR_KIND_TOPIC && wr_control_topic_read(view, &topic))
		describe_topic(view, &topic, to, to_bytes);
	else if (head->kind == WR_KIND_PARTITION_MAP && wr_control_map_read(view, &partitions))
		snprintf(to, to_bytes, "topic %u, %u partitions", head->topic, partitions);
	else if (head->kind == WR_KIND_SUBSCRIPTION &&
		 wr_control_subscription_read(view, &subscription))
		snprintf(to, to_bytes, "id %u, %u topics, from %llu, \"%.*s\"", head->topic,
			 subscription.topic_count, (unsigned long long)subscription.start_seq,
			 key_bytes, key);
	else if (head->kind == WR_KIND_PRODUCER && wr_control_producer_read(view, &producer))
		snprintf(to, to_bytes, "id %u, epoch %u, \"%.*s\"", head->topic, producer.epoch,
			 key_bytes, key);
	else if (head->kind == WR_KIND_PRODUCER_SKIP && wr_control_skip_read(view, &skip))
		snprintf(to, to_bytes, "producer %u, epoch %u, up to %llu", head->topic, skip.epoch,
			 (unsigned long long)skip.sequence);
	else if (head->kind == WR_KIND_PROGRESS && wr_control_progress_read(view, &progress))
		snprintf(to, to_bytes,
			 "subscription %u, row %u, generation %u, %llu to %llu, %llu events",
			 head->topic, head->key_hash, progress.generation,
			 (unsigned long long)progress.from, (unsigned long long)progress.to,
			 (unsigned long long)progress.events);
	else if (head->kind == WR_KIND_GENERATION &&
		 wr_control_generation_read(view, &generation)) {
		int n = snprintf(to, to_bytes, "subscription %u, row %u, generation %u",
				 head->topic, head->key_hash, generation.generation);
		if (generation.position != WR_POSITION_KEEP)
			snprintf(to + n, to_bytes - (size_t)n, ", moved to %llu",
				 (unsigned long long)generation.position);
	} else if (head->kind == WR_KIND_ERASE && wr_erase_read(view, &erase)) {
		describe_erase(head, &erase, to, to_bytes);
	} else if (head->kind == WR_KIND_ADDRESSED) {
		describe_addressed(view, to, to_bytes);
	} else if (head->kind == WR_KIND_CARRIED) {
		describe_carried(view, to, to_bytes);
	} else if (head->kind == WR_KIND_LEFT_OUT) {
		describe_left_out(head, to, to_bytes);
	} else {
		describe_shared(view, to, to_bytes);
	}
	return to;
}

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
	event->kind = kind_name(head->kind);
	if (wr_record_view(head, head->bytes, &view))
		event->detail = describe(in, &view);
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
