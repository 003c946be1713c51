/* SPDX-License-Identifier: Apache-2.0 */
/* Which records a replay hands out: by topic, partition, key, version, time and pattern. */
#include "core/pipeline/replay.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/hash_murmur2.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/event_json.h"
#include "core/pipeline/hand_out.h"

/* ---- tags ---- */

static void set_tag(struct weir_replay *r, uint32_t tag)
{
	tag &= wr_chunks_tag_mask(&r->slot->pipeline->chunks);
	r->tags[tag / 64] |= 1ull << (tag % 64);
}

/*
 * Whether events of the key, of those that are placed by it, lie in a partition: as the topic was
 * made, or as it has grown since, or will until the replay comes to its end.
 */
static bool may_have_key(const struct weir_replay *r, const struct wr_topic *topic, uint32_t i)
{
	const struct wr_record r0 = {.key_hash = r->key_hash};
	if (topic->partitions == topic->made_with)
		return i == wr_record_partition(&r0, topic->partitions);
	return i % topic->made_with == wr_record_partition(&r0, topic->made_with);
}

/* One topic's partitions that are looked at: their count. */
static uint32_t set_topic(struct weir_replay *r, const struct wr_topic *topic)
{
	uint32_t count = 0;
	bool asks_for_one = r->options.partition != UINT32_MAX;
	/* Whoever follows may come to those that are not there yet. */
	uint32_t end =
		asks_for_one && !r->options.follow ? wr_topic_in_force(topic) : topic->partitions;
	for (uint32_t i = 0; i < end; i++) {
		if (r->options.partition != UINT32_MAX && i != r->options.partition)
			continue;
		if (r->options.partition == UINT32_MAX && r->options.key != NULL &&
		    !may_have_key(r, topic, i))
			continue;
		set_tag(r, topic->tag_base + i);
		count++;
	}
	return count;
}

int wr_replay_set_tags(struct weir_replay *r, struct weir_problem *problem)
{
	struct wr_catalog *catalog = &r->slot->pipeline->tables.catalog;
	const struct weir_replay_options *o = &r->options;
	uint32_t topic_count = wr_catalog_topic_count(catalog);
	uint32_t count = 0;
	if (o->key != NULL)
		r->key_hash = wr_hash_murmur2(o->key, (uint32_t)o->key_bytes);
	for (uint32_t i = 0; i < o->topic_count; i++) {
		if (o->topics[i] >= topic_count)
			return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "topics",
					      "no topic has this id");
		count += set_topic(r, &catalog->topics[o->topics[i]]);
	}
	for (uint32_t i = 0; o->topic_count == 0 && i < topic_count; i++)
		count += set_topic(r, &catalog->topics[i]);
	if (count == 0 && o->partition != UINT32_MAX)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "partition",
				      "none of the topics has this partition");
	return 0;
}

/* ---- records ---- */

/* Tags are few, and shared by many: the topic itself. */
bool wr_replay_reads(const struct weir_replay *r, uint32_t topic)
{
	for (uint32_t i = 0; i < r->options.topic_count; i++)
		if (r->options.topics[i] == topic)
			return true;
	return r->options.topic_count == 0;
}

static bool is_of_key(const struct weir_replay *r, const struct wr_record *record)
{
	const struct weir_replay_options *o = &r->options;
	bool is_hash = (record->flags & WR_RECORD_PARTITION_EXPLICIT) == 0;
	if ((record->flags & WR_RECORD_KEYLESS) != 0 || record->key_bytes != o->key_bytes ||
	    (is_hash && record->key_hash != r->key_hash))
		return false;
	const uint8_t *key = (const uint8_t *)record + WR_RECORD_HEAD_BYTES + record->option_bytes;
	return memcmp(key, o->key, o->key_bytes) == 0;
}

static bool is_of_event_time(const struct weir_replay *r, const struct weir_item *item)
{
	uint64_t time_us = weir_item_event_time_us(item);
	return time_us != 0 && time_us >= r->options.event_from_us &&
	       time_us < r->options.event_end_us;
}

/* ---- pattern ---- */

/* The payload as the pattern sees it. */
static int take_payload(struct weir_replay *r, const struct wr_record *record,
			struct weir_routed *event, struct weir_problem *why)
{
	struct wr_record_view view;
	struct wr_event_json json;
	if (r->json_bytes == 0 || event->payload == NULL ||
	    !wr_record_view(record, record->bytes, &view))
		return 0;
	int rc = wr_event_json(r->slot->pipeline, record, &view, r->json, r->json_bytes, &json);
	if (rc != 0)
		return wr_event_json_refuse(why, rc);
	event->payload = json.bytes;
	event->payload_bytes = json.count;
	return 0;
}

static int try_filter(struct weir_replay *r, const struct wr_record *record,
		      const struct weir_item *item)
{
	struct weir_problem why = {.text = "it has more headers than a filter is tried on"};
	struct weir_routed event;
	int rc = weir_item_routed(item, r->headers, WR_REPLAY_HEADERS_MAX, &event);
	if (rc == 0)
		rc = take_payload(r, record, &event, &why);
	if (rc == 0)
		rc = weir_filter_match(r->options.filter, &event, &why);
	if (rc == -EINVAL) /* no JSON: a pattern over JSON does not want it */
		return 0;
	if (rc < 0) {
		r->problem = (struct weir_problem){.code = rc};
		(void)snprintf(r->problem.field, sizeof r->problem.field, "sequence %llu",
			       (unsigned long long)item->sequence);
		(void)snprintf(r->problem.text, sizeof r->problem.text,
			       "the filter cannot be tried on it: %.120s", why.text);
	}
	return rc;
}

int wr_replay_wants(struct weir_replay *r, uint32_t index, struct weir_item *item)
{
	struct weir_member *m = r->slot;
	struct weir_pipeline *p = m->pipeline;
	const struct weir_replay_options *o = &r->options;
	uint32_t place = wr_column_place(&p->chunks, m->chunk->column[index]);
	const struct wr_record *record = (const struct wr_record *)(m->chunk->readable + place);
	/* B1: a topic that is not known yet was made after the open. */
	if (record->kind != WR_KIND_EVENT ||
	    record->topic >= wr_catalog_topic_count(&p->tables.catalog) ||
	    !wr_replay_reads(r, record->topic) || (o->key != NULL && !is_of_key(r, record)))
		return 0;
	uint64_t seq = m->chunk->first_seq + index;
	if (seq < wr_erased_end(p) && wr_is_erased(p, record, seq))
		return 0;
	uint32_t partition =
		wr_topic_partition(&p->tables.catalog.topics[record->topic], record, seq);
	if (o->partition != UINT32_MAX && partition != o->partition)
		return 0;
	wr_member_fill_item(m, index, seq, record, partition, item);
	if (item->append_time_us >= o->end_time_us)
		return WR_REPLAY_BEHIND;
	if (item->append_time_us < o->from_time_us ||
	    (r->with_event_time && !is_of_event_time(r, item)) ||
	    (o->from_version != 0 && weir_item_version(item) < o->from_version))
		return 0;
	item->flags = item->sequence < r->replay_end ? WEIR_ITEM_REPLAY : 0;
	item->attempts = item->generation = 0;
	item->from_sequence = item->sequence;
	return o->filter == NULL ? 1 : try_filter(r, record, item);
}
