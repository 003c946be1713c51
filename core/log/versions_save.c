/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions in a checkpoint: one section, which the journal's thread copies out of the entries while
 * the writer goes on (versions.h).
 *
 *   offset  bytes
 *        0      4  topics
 *        4      4  entries
 *        8     24  each topic: u32 topic, u32 keys at most, 16 secret
 *       ..     48  each entry: u32 number of its topic here + 1, or 0: it is free; u32 zero, 16
 *                  hash, u64 version, u64 sequence of the last event, u64 of its id's hash
 */
#include <errno.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/pause.h"
#include "core/log/versions.h"

#define VERSIONS_VERSION 1u
#define HEAD_BYTES (sizeof(struct wr_section_header) + 8)
#define TOPIC_BYTES 24u
#define ENTRY_BYTES ((uint32_t)sizeof(struct wr_version_copy))

static uint64_t section_bytes(uint64_t topics, uint64_t entries)
{
	return topics == 0 ? 0 : HEAD_BYTES + topics * TOPIC_BYTES + entries * ENTRY_BYTES;
}

uint64_t wr_versions_save_bytes_max(const struct wr_versions_limits *l)
{
	return l->keys_max == 0 ? 0
				: section_bytes(wr_min_u64(l->topics_max, l->keys_max),
						l->keys_max + l->run_records_max);
}

uint64_t wr_versions_save_bytes(const struct wr_versions *v)
{
	return section_bytes(v->topic_count, v->entry_count);
}

/* An entry as of the capture. */
static struct wr_version_copy copy_entry(const struct wr_versions *v, uint32_t entry)
{
	struct wr_version_copy copy = {0};
	/* The writer is in the middle of it for some instructions, and once for each capture. */
	while (!wr_version_try_copy(&v->of, entry, &copy))
		wr_pause();
	return copy;
}

/* ---- out ---- */

static void put_head(uint32_t topics, uint32_t entries, uint8_t *to)
{
	struct wr_section_header header = {
		.module = WR_SECTION_VERSIONS,
		.version = VERSIONS_VERSION,
		.bytes = (uint32_t)(8 + topics * TOPIC_BYTES + entries * ENTRY_BYTES),
	};
	memcpy(to, &header, sizeof header);
	wr_put_u32(to + sizeof header, topics);
	wr_put_u32(to + sizeof header + 4, entries);
}

static void put_topic(const struct wr_version_topic *t, uint8_t *to)
{
	wr_put_u32(to, t->topic);
	wr_put_u32(to + 4, t->def.keys);
	memcpy(to + 8, t->def.secret, sizeof t->def.secret);
}

/* Item `i` of the section: its head, a topic, an entry. Its bytes. */
static uint32_t put_item(const struct wr_versions *v, uint64_t i, uint8_t *to)
{
	if (i == 0) {
		put_head(v->captured_topics, v->of.captured_count, to);
		return HEAD_BYTES;
	}
	if (i <= v->captured_topics) {
		put_topic(&v->topics[i - 1], to);
		return TOPIC_BYTES;
	}
	struct wr_version_copy copy = copy_entry(v, (uint32_t)(i - 1 - v->captured_topics));
	memcpy(to, &copy, sizeof copy);
	return ENTRY_BYTES;
}

/* Where item `i` begins. */
static uint64_t item_at(const struct wr_versions *v, uint64_t i)
{
	uint64_t topics = wr_min_u64(i > 0 ? i - 1 : 0, v->captured_topics);
	uint64_t entries = i > 1 + (uint64_t)v->captured_topics ? i - 1 - v->captured_topics : 0;
	return (i > 0 ? HEAD_BYTES : 0) + topics * TOPIC_BYTES + entries * ENTRY_BYTES;
}

/* The item that byte `at` is of. */
static uint64_t item_of(const struct wr_versions *v, uint64_t at)
{
	uint64_t topics_end = HEAD_BYTES + (uint64_t)v->captured_topics * TOPIC_BYTES;
	if (at < HEAD_BYTES)
		return 0;
	if (at < topics_end)
		return 1 + (at - HEAD_BYTES) / TOPIC_BYTES;
	return 1 + v->captured_topics + (at - topics_end) / ENTRY_BYTES;
}

uint64_t wr_versions_capture(struct wr_versions *v)
{
	v->captured_topics = v->topic_count;
	wr_version_capture(&v->of, v->entry_count);
	v->of.captured = v->topic_count > 0;
	return section_bytes(v->captured_topics, v->of.captured_count);
}

void wr_versions_copy(struct wr_versions *v, uint64_t at, uint8_t *to, uint32_t bytes)
{
	uint64_t items = 1 + (uint64_t)v->captured_topics + v->of.captured_count;
	uint64_t end = at + bytes;
	uint8_t item[ENTRY_BYTES > HEAD_BYTES ? ENTRY_BYTES : HEAD_BYTES];
	for (uint64_t i = item_of(v, at); at < end && i < items; i++) {
		uint32_t skip = (uint32_t)(at - item_at(v, i));
		uint32_t length = put_item(v, i, item);
		uint32_t piece = (uint32_t)wr_min_u64(length - skip, end - at);
		memcpy(to, item + skip, piece);
		to += piece;
		at += piece;
		if (skip + piece == length && i > v->captured_topics)
			wr_version_copied(&v->of, (uint32_t)(i - v->captured_topics));
	}
	WR_ASSERT(at == end);
}

static bool is_before(const struct wr_version_copy *a, const struct wr_version_copy *b)
{
	if (a->topic != b->topic)
		return a->topic < b->topic;
	return a->hash[0] != b->hash[0] ? a->hash[0] < b->hash[0] : a->hash[1] < b->hash[1];
}

/* Moves the last of `count` entries to its place among those before it. */
static void sort_in(uint8_t *entries, uint32_t count)
{
	struct wr_version_copy last, other;
	uint32_t place = count - 1;
	memcpy(&last, entries + (size_t)place * ENTRY_BYTES, sizeof last);
	for (; place > 0; place--) {
		memcpy(&other, entries + (size_t)(place - 1) * ENTRY_BYTES, sizeof other);
		if (!is_before(&last, &other))
			break;
		memcpy(entries + (size_t)place * ENTRY_BYTES, &other, sizeof other);
	}
	memcpy(entries + (size_t)place * ENTRY_BYTES, &last, sizeof last);
}

void wr_versions_save(struct wr_versions *v, struct wr_sink *sink)
{
	uint32_t count = 0;
	if (v->topic_count == 0)
		return;
	for (uint32_t i = 0; i < v->entry_count; i++)
		count += wr_version_copy_now(&v->of.all[i]).topic != 0;
	uint8_t *to = wr_put(sink, section_bytes(v->topic_count, count));
	if (to == NULL)
		return;
	put_head(v->topic_count, count, to);
	to += HEAD_BYTES;
	for (uint32_t i = 0; i < v->topic_count; i++, to += TOPIC_BYTES)
		put_topic(&v->topics[i], to);
	uint8_t *entries = to;
	for (uint32_t i = 0; i < v->entry_count; i++) {
		struct wr_version_copy copy = wr_version_copy_now(&v->of.all[i]);
		if (copy.topic == 0)
			continue;
		memcpy(to, &copy, sizeof copy);
		to += sizeof copy;
		sort_in(entries, (uint32_t)((to - entries) / (ptrdiff_t)sizeof copy));
	}
}

/* ---- back ---- */

static int load_topics(struct wr_versions *v, struct wr_cursor *in, uint32_t count,
		       uint32_t topic_count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct wr_control_versions def = {0};
		uint32_t topic = wr_take_u32(in);
		def.keys = wr_take_u32(in);
		const uint8_t *secret = wr_take(in, sizeof def.secret);
		if (secret == NULL || topic >= topic_count || wr_versions_topic(v, topic) != NULL ||
		    !wr_control_versions_valid(&def))
			return WEIR_E_CORRUPT;
		memcpy(def.secret, secret, sizeof def.secret);
		if (topic >= v->limits.topics_max || !wr_versions_fit(v, def.keys))
			return WEIR_E_FULL;
		wr_versions_define(v, topic, &def);
	}
	return 0;
}

static int load_entry(struct wr_versions *v, const struct wr_version_copy *copy)
{
	struct wr_version_candidate c = {
		.hash = {copy->hash[0], copy->hash[1]},
		.id_print = copy->state.id_print,
		.now.version = copy->state.version - 1,
	};
	if (copy->topic == 0)
		return 0;
	if (copy->topic > v->topic_count || copy->state.version == 0 || copy->zero != 0)
		return WEIR_E_CORRUPT;
	c.topic = &v->topics[copy->topic - 1];
	c.entry = wr_versions_find(v, &c);
	if (c.entry != UINT32_MAX || wr_load_relaxed(&c.topic->held) >= c.topic->def.keys)
		return WEIR_E_CORRUPT;
	/* Its first event, whatever number that has: it had none in this table. */
	wr_versions_restore(v, &c, &copy->state);
	return 0;
}

int wr_versions_load(struct wr_versions *v, uint32_t topic_count, uint32_t version,
		     const uint8_t *bytes, uint32_t length_bytes)
{
	if (version != VERSIONS_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t topics = wr_take_u32(&in);
	uint32_t entries = wr_take_u32(&in);
	if (in.failed || topics == 0 || topics > topic_count || v->topic_count != 0 ||
	    in.left_bytes != (uint64_t)topics * TOPIC_BYTES + (uint64_t)entries * ENTRY_BYTES)
		return WEIR_E_CORRUPT;
	int rc = load_topics(v, &in, topics, topic_count);
	for (uint32_t i = 0; i < entries && rc == 0; i++) {
		struct wr_version_copy copy;
		memcpy(&copy, wr_take(&in, sizeof copy), sizeof copy);
		rc = load_entry(v, &copy);
	}
	return rc;
}
