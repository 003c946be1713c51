/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of topics, and where they grew, for who walks a journal: from its checkpoints, and from the
 * records that pass; what else those hold goes on from here.
 *
 * Read-only. Thread: the caller's.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "core/record/section.h"
#include "io/journal_inspect.h"

/* Ids from hostile bytes must not make a table of gigabytes. */
#define TOPICS_MAX 65536u
#define CHECKPOINT_BYTES_MAX (1u << 30)
#define CATALOG_VERSION 1u
#define CATALOG_VERSION_MAPS 2u
#define CRC_SEED 1u

/* Out of memory only costs a name. */
static void add_topic(struct wr_inspect *in, uint32_t id, const void *name, size_t name_bytes,
		      uint32_t partitions, uint32_t partitions_max)
{
	if (id >= TOPICS_MAX || partitions == 0 || !wr_name_valid(name, name_bytes))
		return;
	if (id >= in->topic_count) {
		uint32_t count = id + 1;
		struct wr_inspect_topic *grown = realloc(in->topics, count * sizeof *grown);
		if (grown == NULL)
			return;
		memset(grown + in->topic_count, 0, (count - in->topic_count) * sizeof *grown);
		in->topics = grown;
		in->topic_count = count;
	}
	struct wr_inspect_topic *topic = &in->topics[id];
	bool is_new = topic->partitions == 0;
	memcpy(topic->name, name, name_bytes);
	topic->name[name_bytes] = '\0';
	topic->partitions = partitions;
	topic->partitions_max = partitions_max;
	if (is_new && in->visitor.topic != NULL)
		in->visitor.topic(in->visitor.context, topic->name);
}

/* A growth, of a checkpoint or a record: each is taken once, in order. */
static void add_map(struct wr_inspect *in, uint32_t id, uint64_t seq, uint32_t partitions)
{
	if (id >= in->topic_count || in->topics[id].partitions == 0 || partitions == 0)
		return;
	struct wr_inspect_topic *topic = &in->topics[id];
	if (topic->map_count == WR_TOPIC_MAPS_MAX ||
	    (topic->map_count > 0 && topic->maps[topic->map_count - 1].seq >= seq))
		return;
	topic->maps[topic->map_count++] =
		(struct wr_topic_map){.seq = seq, .partitions = partitions};
}

/* Behind a topic's counts, where the catalog has such. */
static void read_maps(struct wr_inspect *in, uint32_t id, struct wr_cursor *c)
{
	uint32_t map_count = wr_take_u32(c);
	for (uint32_t i = 0; i < map_count && !c->failed; i++) {
		uint64_t seq = wr_take_u64(c);
		uint32_t partitions = wr_take_u32(c);
		if (!c->failed)
			add_map(in, id, seq, partitions);
	}
}

/* The topics of a catalog section, as core/log/catalog.c saves them. */
static void read_catalog(struct wr_inspect *in, uint32_t version, const uint8_t *bytes,
			 uint32_t length_bytes)
{
	struct wr_cursor c = wr_cursor_over(bytes, length_bytes);
	uint32_t topic_count = wr_take_u32(&c);

	uint32_t subscription_count = wr_take_u32(&c);
	wr_take_u64(&c); /* next tag */
	for (uint32_t id = 0; id < topic_count && !c.failed; id++) {
		uint32_t name_bytes = wr_take_u32(&c);
		uint32_t partitions = wr_take_u32(&c), partitions_max = partitions;
		wr_take_u32(&c); /* tag */
		const uint8_t *name = wr_take(&c, name_bytes);
		wr_take(&c, (size_t)partitions * 16);
		if (version == CATALOG_VERSION_MAPS)
			partitions = wr_take_u32(&c); /* that it was made with */
		if (!c.failed)
			add_topic(in, id, name, name_bytes, partitions, partitions_max);
		if (version == CATALOG_VERSION_MAPS)
			read_maps(in, id, &c);
	}
	if (in->with_subscriptions)
		wr_inspect_subscriptions_section(in, &c, subscription_count);
}

static void read_sections(struct wr_inspect *in, const uint8_t *body, uint32_t body_bytes,
			  bool has_schemas)
{
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;

	while (wr_section_next(body, body_bytes, &at, &header, &bytes) == 1)
		if (header.module == WR_SECTION_CATALOG &&
		    (header.version == CATALOG_VERSION || header.version == CATALOG_VERSION_MAPS))
			read_catalog(in, header.version, bytes, header.bytes);
		else if (header.module == WR_SECTION_PRODUCERS)
			wr_inspect_producers_section(in, header.version, bytes, header.bytes);
		else if (header.module == WR_SECTION_FILTERS && in->with_subscriptions)
			wr_inspect_filters_section(in, bytes, header.bytes);
		else if (header.module == WR_SECTION_SCHEMAS && has_schemas)
			wr_inspect_schemas_section(in, header.version, bytes, header.bytes);
}

/* Both files are read: ids are never given again, so the older one adds nothing wrong. */
void wr_inspect_checkpoint(struct wr_inspect *in, uint32_t copy)
{
	struct wr_memory *memory = &in->memory.memory;
	struct wr_checkpoint_header header;
	char name[WR_STORAGE_NAME_MAX + 1];
	uint32_t file;

	wr_checkpoint_name(name, 0, copy);
	if (in->storage->ops->file_open(in->storage, name, WR_FILE_READ_ONLY, &file) < 0)
		return;
	uint8_t *block = memory->ops->alloc(memory, WR_BLOCK_BYTES, WR_BLOCK_BYTES);
	if (block != NULL && wr_inspect_read(in, file, block, WR_BLOCK_BYTES, 0) == 0 &&
	    wr_checkpoint_header_decode(block, &header) == WR_BLOCK_VALID &&
	    header.body_bytes > 0 && header.body_bytes <= CHECKPOINT_BYTES_MAX) {
		uint32_t read_bytes = (uint32_t)wr_round_up(header.body_bytes, WR_BLOCK_BYTES);
		uint8_t *body = memory->ops->alloc(memory, read_bytes, WR_BLOCK_BYTES);
		if (body != NULL &&
		    wr_inspect_read(in, file, body, read_bytes, WR_BLOCK_BYTES) == 0 &&
		    wr_crc32c(CRC_SEED, body, header.body_bytes) == header.body_crc)
			read_sections(in, body, header.body_bytes,
				      wr_inspect_schemas_begin(in, header.last_seq));
		if (body != NULL)
			memory->ops->free(memory, body, read_bytes);
	}
	if (block != NULL)
		memory->ops->free(memory, block, WR_BLOCK_BYTES);
	in->storage->ops->file_close(in->storage, file);
}

bool wr_inspect_has_names(const struct wr_record *head)
{
	switch (head->kind) {
	case WR_KIND_TOPIC:
	case WR_KIND_PARTITION_MAP:
	case WR_KIND_PRODUCER:
	case WR_KIND_SUBSCRIPTION:
	case WR_KIND_FILTER:
	case WR_KIND_TYPE:
		return true;
	default:
		return false;
	}
}

void wr_inspect_take_names(struct wr_inspect *in, const struct wr_record *head, uint64_t seq)
{
	struct wr_control_topic topic;
	struct wr_record_view view;
	uint32_t partitions;

	if (head->kind == WR_KIND_TOPIC && wr_record_view(head, head->bytes, &view) &&
	    wr_control_topic_read(&view, &topic))
		add_topic(in, head->topic, view.key, head->key_bytes, topic.partitions,
			  topic.partitions_max != 0 ? topic.partitions_max : topic.partitions);
	else if (head->kind == WR_KIND_PARTITION_MAP && wr_record_view(head, head->bytes, &view) &&
		 wr_control_map_read(&view, &partitions))
		add_map(in, head->topic, seq, partitions);
	else if (head->kind == WR_KIND_PRODUCER)
		wr_inspect_take_producer(in, head);
	else if ((head->kind == WR_KIND_SUBSCRIPTION || head->kind == WR_KIND_FILTER) &&
		 in->with_subscriptions && wr_record_view(head, head->bytes, &view))
		wr_inspect_take_subscription(in, &view);
	else if (head->kind == WR_KIND_TYPE && in->schemas != NULL)
		wr_inspect_take_schema(in, head, seq);
}
