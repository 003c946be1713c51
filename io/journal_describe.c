/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of weir's own in words, for people who look at a journal.
 *
 * Thread: see journal_inspect.h.
 */
#include "core/record/carried.h"
#include "core/record/erase.h"
#include "core/record/left_out.h"
#include "core/record/recipients.h"
#include "core/record/share.h"
#include "io/journal_inspect.h"

#include <stdio.h>

const char *wr_inspect_kind_name(uint8_t kind)
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

const char *wr_inspect_describe(struct wr_inspect *in, const struct wr_record_view *view)
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
