/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_journal_inspect(): core/journal/verify.h walks and judges, this turns what it finds into
 * public structs: batches into events with names, damages and segments into their public twins.
 *
 * Names: the definition of a topic or a producer may have been retired with its segment, but then a
 * checkpoint holds it. So the checkpoints are read first, and definitions that pass are added. A
 * checkpoint that does not validate is no fault here: events are then shown without names.
 *
 * Read-only throughout: no lock, no write, no file is made. Thread: the caller's.
 */
#include "io/journal_inspect.h"
#include "core/record/carried.h"
#include "core/record/erase.h"
#include "core/record/recipients.h"
#include "core/record/share.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/read_ahead.h"
#include "core/record/left_out.h"
#include "io/journal_parts.h"
#include "io/posix/cpu_crc.h"
#include "io/posix/storage_posix.h"

static int problem(struct weir_problem *reterr_problem, int code, const char *text)
{
	if (reterr_problem != NULL) {
		*reterr_problem = (struct weir_problem){.code = code};
		snprintf(reterr_problem->field, sizeof reterr_problem->field, "dir");
		snprintf(reterr_problem->text, sizeof reterr_problem->text, "%s",
			 text[0] != '\0' ? text : weir_strerror(code));
	}
	return code;
}

void weir_journal_visitor_init(struct weir_journal_visitor *visitor)
{
	*visitor = (struct weir_journal_visitor){.struct_bytes = sizeof *visitor,
						 .end_sequence = UINT64_MAX,
						 .end_time_us = UINT64_MAX};
}

/* --- records ---------------------------------------------------------------------------------- */

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

/* What differs from one record of a batch to the next; the rest of it is filled in already. */
static void fill_event(struct wr_inspect *in, const struct wr_record *head, uint64_t seq,
		       uint64_t time_us, struct weir_journal_event *event)
{
	const uint8_t *key = (const uint8_t *)head + WR_RECORD_HEAD_BYTES + head->option_bytes;
	const struct wr_inspect_topic *topic = NULL;
	struct weir_item *item = &event->item;
	bool control = !wr_record_is_user_event(head);

	if (!control && head->topic < in->topic_count && in->topics[head->topic].partitions > 0)
		topic = &in->topics[head->topic];
	item->topic = head->topic;
	item->partition = topic != NULL ? wr_inspect_partition(topic, head, seq) : UINT32_MAX;
	item->type = head->type;
	item->key_bytes = head->key_bytes;
	item->sequence = seq;
	item->end_sequence = seq + 1;
	item->append_time_us = time_us;
	item->key = head->key_bytes > 0 ? key : NULL;
	item->payload = head->flags & WR_RECORD_NULL_PAYLOAD ? NULL : key + head->key_bytes;
	item->payload_bytes =
		head->bytes - WR_RECORD_HEAD_BYTES - head->option_bytes - head->key_bytes;
	item->record = head;
	item->record_bytes = head->bytes;
	event->topic_name = topic != NULL ? topic->name : NULL;
	event->kind = "event";
	event->control = control;
	event->detail = "";
	/* Only what a named producer published is decided on for it. */
	if (WR_UNLIKELY(head->flags & WR_RECORD_DECIDE) || event->producer_name != NULL)
		wr_inspect_fill_producer(in, head, event);
	if (WR_UNLIKELY(in->schemas != NULL))
		wr_inspect_fill_schema(in, event);
	if (WR_LIKELY(!control))
		return;
	struct wr_record_view view;
	event->kind = kind_name(head->kind);
	if (head->kind == WR_KIND_LEFT_OUT) /* nothing but room */
		item->payload = NULL, item->payload_bytes = 0;
	if (wr_record_view(head, head->bytes, &view))
		event->detail = describe(in, &view);
}

static bool is_shown(const struct weir_journal_visitor *v, const struct wr_record *head,
		     uint64_t seq, uint64_t time_us)
{
	return (v->control || wr_record_is_user_event(head)) && seq >= v->from_sequence &&
	       seq < v->end_sequence && time_us >= v->from_time_us && time_us < v->end_time_us;
}

int wr_inspect_batch(struct wr_inspect *in, const struct wr_batch_header *batch)
{
	const uint8_t *body = (const uint8_t *)batch + WR_BATCH_HEADER_BYTES;
	const struct weir_journal_visitor *visitor = &in->visitor;
	struct weir_journal_event event = {
		.item = {.kind = WEIR_ITEM_EVENT, .log = batch->log_id, .epoch = batch->epoch},
		.segment_id = batch->segment_id,
		.batch_offset = batch->segment_offset,
	};
	struct wr_record_step step = {0};
	uint64_t seq = batch->first_seq;

	for (uint32_t at = 0; at < batch->body_bytes; seq++) {
		const struct wr_record *head = (const void *)(body + at);
		/* It was verified; this keeps a bug there from becoming a wild read here. */
		if (!wr_record_fits(head, batch->body_bytes - at))
			return WEIR_E_CORRUPT;
		uint64_t time_us = batch->time_base_us + head->time_delta_us;
		at += wr_record_step(&step, head);
		wr_inspect_take_names(in, head, seq);
		if (visitor->event == NULL || !is_shown(visitor, head, seq, time_us))
			continue;
		fill_event(in, head, seq, time_us, &event);
		int code = visitor->event(visitor->context, &event);
		if (code != 0)
			return code;
	}
	return 0;
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
		wr_inspect_take_names(in, head, seq);
		at += wr_record_step(&step, head);
	}
}

/* --- the walk --------------------------------------------------------------------------------- */

static enum weir_journal_damage_kind damage_kind(enum wr_damage_kind kind)
{
	switch (kind) {
	case WR_DAMAGE_SUPERBLOCK_COPY:
		return WEIR_JOURNAL_SUPERBLOCK_COPY;
	case WR_DAMAGE_CHECKPOINT:
		return WEIR_JOURNAL_CHECKPOINT;
	case WR_DAMAGE_SEGMENT_HEADER:
		return WEIR_JOURNAL_SEGMENT_HEADER;
	case WR_DAMAGE_BATCH:
		return WEIR_JOURNAL_BATCH;
	case WR_DAMAGE_MISSING_SEGMENT:
		return WEIR_JOURNAL_MISSING_SEGMENT;
	case WR_DAMAGE_TORN_TAIL:
		return WEIR_JOURNAL_TORN_TAIL;
	case WR_DAMAGE_SPARE:
		return WEIR_JOURNAL_SPARE;
	case WR_DAMAGE_SEGMENT_COPY:
		return WEIR_JOURNAL_SEGMENT_COPY;
	}
	return WEIR_JOURNAL_BATCH;
}

void wr_inspect_fill_damage(const struct wr_damage *damage, struct weir_journal_damage *ret_damage)
{
	*ret_damage = (struct weir_journal_damage){
		.kind = damage_kind(damage->kind),
		.corrupt = damage->corrupt,
		.segment_id = damage->segment_id,
		.offset = damage->offset,
		.bytes = damage->bytes,
		.first_sequence = damage->first_seq,
		.end_sequence = damage->end_seq,
	};
	snprintf(ret_damage->file, sizeof ret_damage->file, "%s", damage->file);
	snprintf(ret_damage->text, sizeof ret_damage->text, "%s", damage->text);
}

int wr_inspect_show_damage(const struct weir_journal_visitor *visitor,
			   const struct wr_damage *damage)
{
	struct weir_journal_damage public;

	if (visitor->damage == NULL)
		return 0;
	wr_inspect_fill_damage(damage, &public);
	return visitor->damage(visitor->context, &public);
}

int wr_inspect_damage(struct wr_inspect *in, const struct wr_damage *damage)
{
	return wr_inspect_show_damage(&in->visitor, damage);
}

int wr_inspect_show_segment(const struct weir_journal_visitor *visitor,
			    const struct wr_segment_summary *summary)
{
	struct weir_journal_segment public = {
		.segment_id = summary->segment_id,
		.first_sequence = summary->first_seq,
		.end_sequence = summary->end_seq,
		.first_time_us = summary->first_time_us,
		.last_time_us = summary->last_time_us,
		.used_bytes = summary->used_bytes,
		.file_bytes = summary->file_bytes,
		.batch_count = summary->batch_count,
		.epoch = summary->epoch,
		.spare = summary->spare,
	};

	if (visitor->segment == NULL)
		return 0;
	snprintf(public.file, sizeof public.file, "%s", summary->file);
	return visitor->segment(visitor->context, &public);
}

static int on_segment(void *context, const struct wr_segment_summary *summary)
{
	struct wr_inspect *in = context;

	return wr_inspect_show_segment(&in->visitor, summary);
}

static int on_damage(void *context, const struct wr_damage *damage)
{
	return wr_inspect_damage(context, damage);
}

static int on_batch(void *context, const struct wr_batch_header *batch)
{
	return wr_inspect_batch(context, batch);
}

int wr_inspect_read(struct wr_inspect *in, uint32_t file, void *buffer, uint32_t length_bytes,
		    uint64_t offset_bytes)
{
	int64_t n = in->storage->ops->read(in->storage, file, buffer, length_bytes, offset_bytes);

	if (n < 0)
		return (int)n;
	return n == (int64_t)length_bytes ? 0 : -EIO;
}

int wr_inspect_open(struct wr_inspect *in, const char *dir,
		    const struct weir_journal_visitor *visitor, struct weir_problem *reterr_problem)
{
	return wr_inspect_open_with(in, dir, visitor, false, reterr_problem);
}

int wr_inspect_open_with(struct wr_inspect *in, const char *dir,
			 const struct weir_journal_visitor *visitor, bool subscriptions,
			 struct weir_problem *reterr_problem)
{
	char reason[160] = "";
	struct wr_storage_options options = {.dir = dir,
					     .read_only = true,
					     .depth_max = WR_READ_AHEAD_DEPTH,
					     .ret_reason = reason,
					     .reason_bytes = sizeof reason};

	*in = (struct wr_inspect){.with_subscriptions = subscriptions};
	weir_journal_visitor_init(&in->visitor);
	if (dir == NULL || (visitor != NULL && visitor->struct_bytes != sizeof *visitor))
		return problem(reterr_problem, -EINVAL,
			       "a directory, and a visitor from weir_journal_visitor_init()");
	if (visitor != NULL)
		in->visitor = *visitor;
	wr_cpu_crc_use();
	int code = wr_memory_posix_init(&in->memory, NULL);
	in->memory.policy.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT;
	if (visitor != NULL && visitor->threads > 1 && visitor->event == NULL)
		options.depth_max = (uint32_t)wr_max_u64(WR_READ_AHEAD_DEPTH / visitor->threads, 2);
	if (visitor != NULL && visitor->cached)
		options.buffered = options.cached = true;
	if (code == 0)
		code = wr_storage_posix_open(&options, &in->storage);
	if (code == 0 && !options.cached)
		code = wr_read_ahead_open(in->storage, &in->memory.memory, &in->storage);
	if (code < 0)
		return problem(reterr_problem, code, reason);
	if (in->visitor.schemas && (code = wr_inspect_schemas_open(in)) != 0)
		return problem(reterr_problem, code, "");
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++)
		wr_inspect_checkpoint(in, copy);
	return 0;
}

void wr_inspect_close(struct wr_inspect *in)
{
	if (in->storage != NULL)
		in->storage->ops->fini(in->storage);
	in->storage = NULL;
	free(in->topics);
	free(in->subscriptions);
	wr_inspect_forget_producers(in);
	wr_inspect_schemas_close(in);
}

static void fill_report(const struct wr_verify_report *from, struct weir_journal_report *to)
{
	*to = (struct weir_journal_report){
		.format = from->superblock.format,
		.epoch = from->superblock.epoch,
		.clean = from->superblock.clean != 0,
		.chained = (from->superblock.features_must & WR_SUPERBLOCK_CHAINED) != 0,
		.chunk_bytes = from->superblock.chunk_bytes,
		.segment_bytes = from->superblock.segment_bytes,
		.created_us = from->superblock.created_us,
		.oldest_sequence = from->oldest_seq,
		.last_sequence = from->last_seq,
		.durable_sequence = from->durable_seq,
		.record_count = from->record_count,
		.event_count = from->event_count,
		.segment_count = from->segment_count,
		.spare_count = from->spare_count,
		.corrupt_count = from->corrupt_count,
		.harmless_count = from->harmless_count,
		.read_bytes = from->read_bytes,
		.left_out_count = from->left_out_count,
	};
	memcpy(to->uuid, from->superblock.uuid, sizeof to->uuid);
}

/* One walk through all of it. */
static int walk_all(struct wr_inspect *in, struct wr_verify_report *report,
		    struct weir_problem *reterr_problem)
{
	const struct wr_verify_visitor walk = {
		.segment = on_segment,
		.damage = on_damage,
		.batch = in->visitor.event != NULL ? on_batch : NULL,
		.context = in,
	};

	return wr_verify_run(in->storage, &in->memory.memory, 0, UINT64_MAX, &walk, report,
			     reterr_problem);
}

int weir_journal_inspect(const char *dir, const struct weir_journal_visitor *visitor,
			 struct weir_journal_report *ret_report,
			 struct weir_problem *reterr_problem)
{
	struct wr_verify_report report = {0};
	struct wr_inspect in;
	int stop = 0;

	int code = wr_inspect_open(&in, dir, visitor, reterr_problem);
	if (code == 0) {
		bool has_threads = in.visitor.threads > 1 && in.visitor.event == NULL;
		int done = has_threads ? wr_parts_verify(dir, &in.visitor, &report, &stop) : 0;
		if (done < 0)
			code = stop;
		else if (done == 0)
			code = walk_all(&in, &report, reterr_problem);
		if (ret_report != NULL)
			fill_report(&report, ret_report);
	}
	wr_inspect_close(&in);
	return code;
}
