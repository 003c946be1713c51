/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/catchup.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bug.h"
#include "core/record/recipients.h"

struct layout {
	size_t slots, columns, batches, scratch, total;
};

static struct layout layout_of(uint32_t chunk_bytes, uint32_t slot_count)
{
	struct layout l = {0};
	size_t batch_count = chunk_bytes / WR_BLOCK_BYTES;
	l.total = wr_round_up(slot_count * sizeof(struct wr_catchup_slot), WR_LINE_BYTES);
	l.columns = l.total;
	l.total += (size_t)slot_count * (chunk_bytes / WR_RECORD_HEAD_BYTES) * 4;
	l.total = wr_round_up(l.total, WR_LINE_BYTES);
	l.batches = l.total;
	l.total += slot_count * batch_count * sizeof(struct wr_chunk_batch);
	l.total = wr_round_up(l.total, WR_LINE_BYTES);
	l.scratch = l.total;
	l.total += batch_count * sizeof(struct wr_extent_batch);
	return l;
}

size_t wr_catchup_bytes(uint32_t chunk_bytes, uint32_t slot_count)
{
	return layout_of(chunk_bytes, slot_count).total + (size_t)slot_count * chunk_bytes;
}

int wr_catchup_init(struct wr_catchup *c, struct wr_memory *memory, struct wr_chunks *chunks,
		    const struct wr_segment_table *table, uint32_t slot_count)
{
	uint32_t chunk_bytes = chunks->chunk_bytes;
	size_t batch_count = chunk_bytes / WR_BLOCK_BYTES;
	struct layout l = layout_of(chunk_bytes, slot_count);
	*c = (struct wr_catchup){
		.slot_count = slot_count,
		.next_generation = 1,
		.left_outs = &table->left_outs,
		.chunks = chunks,
		.batches_max = (uint32_t)batch_count,
		.block_bytes = l.total,
	};
	int rc = memory->ops->map_pool(memory, (size_t)slot_count * chunk_bytes, &c->mapping);
	if (rc != 0)
		return rc;
	uint8_t *block = memory->ops->alloc(memory, l.total, 4096);
	if (block == NULL) {
		memory->ops->unmap(memory, &c->mapping);
		return -ENOMEM;
	}
	c->block = block;
	c->slots = (struct wr_catchup_slot *)block;
	c->batches = (struct wr_extent_batch *)(block + l.scratch);
	for (uint32_t i = 0; i < slot_count; i++) {
		struct wr_chunk *chunk = &c->slots[i].chunk;
		wr_store_relaxed(&c->slots[i].generation, 0u);
		chunk->slot = i;
		chunk->writable = c->mapping.writable + (size_t)i * chunk_bytes;
		chunk->readable = c->mapping.readable + (size_t)i * chunk_bytes;
		chunk->column = (uint32_t *)(block + l.columns) +
				(size_t)i * (chunk_bytes / WR_RECORD_HEAD_BYTES);
		chunk->batches = (struct wr_chunk_batch *)(block + l.batches) + i * batch_count;
	}
	return 0;
}

void wr_catchup_fini(struct wr_catchup *c, struct wr_memory *memory)
{
	if (c->block == NULL)
		return;
	memory->ops->free(memory, c->block, c->block_bytes);
	memory->ops->unmap(memory, &c->mapping);
	c->block = NULL;
}

bool wr_catchup_slot_holds(const struct wr_catchup *c, const struct wr_catchup_slot *slot,
			   uint64_t seq)
{
	if (slot->chunk.first_seq > seq || seq >= wr_load_relaxed(&slot->chunk.end_seq))
		return false;
	return slot->left_outs == wr_load_acquire(c->left_outs) /* T4 */ ||
	       WR_BUG(CATCHUP_OF_BEFORE);
}

uint64_t wr_catchup_holds(struct wr_catchup *c, uint64_t seq)
{
	for (uint32_t i = 0; i < c->slot_count; i++) {
		struct wr_catchup_slot *slot = &c->slots[i];
		if (wr_load_relaxed(&slot->generation) == 0 ||
		    !wr_catchup_slot_holds(c, slot, seq)) /* own */
			continue;
		slot->used = ++c->uses;
		return wr_load_relaxed(&slot->chunk.end_seq); /* own */
	}
	return 0;
}

static bool generation_is_pinned(struct wr_catchup *c, uint64_t generation)
{
	uint64_t pinned = WR_PIN_CATCHUP | generation;
	for (uint32_t i = 0; i < c->chunks->pin_count; i++)
		if (wr_load_seq(&c->chunks->pins[i].value) == pinned) /* V4 */
			return true;
	return false;
}

static bool slot_is_wanted(const struct wr_catchup *c, const struct wr_catchup_slot *slot,
			   const uint64_t *wanted, uint32_t wanted_count)
{
	for (uint32_t i = 0; i < wanted_count; i++)
		if (wr_catchup_slot_holds(c, slot, wanted[i]))
			return true;
	return false;
}

/* Takes away what a slot holds. False: somebody looks at it. */
static bool empty_slot(struct wr_catchup *c, struct wr_catchup_slot *slot)
{
	uint64_t generation = wr_load_relaxed(&slot->generation); /* own */
	wr_store_seq(&slot->generation, 0u);                      /* V3 */
	if (!generation_is_pinned(c, generation) || WR_BUG(CATCHUP_SLOT_REUSED))
		return true;
	wr_store_release(&slot->generation, generation); /* V3: nothing had changed */
	return false;
}

/*
 * A slot that may be filled; its generation is 0. A queue goes to and fro between the log's end,
 * where its settles are, the place up to which it has taken, and what comes again: whatever was
 * asked for last stays.
 */
static struct wr_catchup_slot *take_slot(struct wr_catchup *c, const uint64_t *wanted,
					 uint32_t wanted_count)
{
	for (uint32_t i = 0; i < c->slot_count; i++)
		if (wr_load_relaxed(&c->slots[i].generation) == 0) /* own */
			return &c->slots[i];
	for (uint64_t newer_than = 0;;) {
		struct wr_catchup_slot *oldest = NULL;
		for (uint32_t i = 0; i < c->slot_count; i++) {
			struct wr_catchup_slot *slot = &c->slots[i];
			if (slot->used > newer_than &&
			    (oldest == NULL || slot->used < oldest->used) &&
			    !slot_is_wanted(c, slot, wanted, wanted_count))
				oldest = slot;
		}
		if (oldest == NULL || empty_slot(c, oldest))
			return oldest;
		newer_than = oldest->used;
	}
}

/* Entries for the records of one verified batch. */
static void index_batch(const struct wr_catchup *c, struct wr_catalog *catalog,
			struct wr_chunk *chunk, const struct wr_extent_batch *batch)
{
	uint32_t topic_count = wr_catalog_topic_count(catalog);
	uint32_t subscription_count = wr_catalog_subscription_count(catalog);
	uint32_t at = batch->place_bytes + WR_BATCH_HEADER_BYTES;
	for (uint32_t i = 0; i < batch->record_count; i++) {
		const struct wr_record *r = (const struct wr_record *)(chunk->readable + at);
		uint32_t tag = WR_TAG_CONTROL;
		if (r->kind == WR_KIND_CARRIED) {
			/* Who wants it knows where it is (core/log/carried.h). */
		} else if (wr_record_has_event(r) && r->topic < topic_count) {
			const struct wr_topic *topic = &catalog->topics[r->topic];
			tag = topic->tag_base + wr_topic_partition(topic, r, batch->first_seq + i);
		} else if (!wr_record_has_event(r) && r->topic < subscription_count &&
			   (r->kind == WR_KIND_PROGRESS || r->kind == WR_KIND_GENERATION ||
			    r->kind == WR_KIND_SETTLE || r->kind == WR_KIND_REJECT ||
			    r->kind == WR_KIND_HANDOUT_MARK)) {
			tag = catalog->subscriptions[r->topic].tag;
		}
		chunk->column[chunk->record_count++] =
			(at / 8) << c->chunks->tag_bits | (tag & wr_chunks_tag_mask(c->chunks));
		at += wr_record_stride(r->bytes);
	}
}

int wr_catchup_load(struct wr_catchup *c, struct wr_reader *reader, struct wr_catalog *catalog,
		    uint64_t seq, uint64_t up_to_seq, const uint64_t *wanted, uint32_t wanted_count,
		    struct weir_problem *reterr_problem)
{
	struct wr_catchup_slot *slot = take_slot(c, wanted, wanted_count);
	if (slot == NULL)
		return -EAGAIN;
	struct wr_chunk *chunk = &slot->chunk;
	struct wr_extent_view view = {.batches = c->batches, .batches_max = c->batches_max};
	slot->left_outs = wr_load_acquire(c->left_outs); /* T4: before it is looked up */
	int rc = wr_reader_load(reader, seq, up_to_seq, chunk->writable, &view, reterr_problem);
	if (rc < 0)
		return rc;
	WR_ASSERT(view.first_seq <= seq && seq < view.end_seq);
	chunk->first_seq = view.first_seq;
	chunk->record_count = 0;
	for (uint32_t i = 0; i < view.batch_count; i++) {
		chunk->batches[i] = (struct wr_chunk_batch){
			.place_bytes = view.batches[i].place_bytes,
			.first_index = chunk->record_count,
		};
		index_batch(c, catalog, chunk, &view.batches[i]);
	}
	wr_store_relaxed(&chunk->batch_count, view.batch_count);
	wr_store_relaxed(&chunk->end_seq, view.end_seq);
	slot->used = ++c->uses;
	wr_store_release(&slot->generation, c->next_generation++); /* V0: the slot is complete */
	return 0;
}

struct wr_catchup_slot *wr_catchup_pin(struct wr_catchup *c, struct wr_pin *pin, uint64_t seq)
{
	for (uint32_t i = 0; i < c->slot_count; i++) {
		struct wr_catchup_slot *slot = &c->slots[i];
		uint64_t generation = wr_load_acquire(&slot->generation); /* V0 */
		if (generation == 0)
			continue;
		wr_store_seq(&pin->value, WR_PIN_CATCHUP | generation); /* V1 */
		if (wr_load_seq(&slot->generation) == generation &&     /* V2 */
		    wr_catchup_slot_holds(c, slot, seq))
			return slot;
		wr_store_release(&pin->value, WR_PIN_NONE); /* P5 */
	}
	return NULL;
}
