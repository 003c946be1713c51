/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/chunk.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/record/record.h"

/* Each member has a bitmap of all tags: 8 KiB at this. Tags that are cut alike cost a look. */
#define TAG_BITS_MAX 16u

/* The smallest record is a bare head: it bounds the entries of a column. */
static uint32_t column_entries(uint32_t chunk_bytes)
{
	return chunk_bytes / WR_RECORD_HEAD_BYTES;
}

struct layout {
	size_t chunks, directory, pins, free_slots, lingering, batches, durable, columns, total;
};

static struct layout layout_of(uint32_t chunk_bytes, uint32_t chunk_count, uint32_t pin_count)
{
	struct layout l = {0};
	size_t batch_count = chunk_bytes / WR_BLOCK_BYTES;
	size_t directory_count = (size_t)wr_power_of_two_above(chunk_count + 1ull);
	l.chunks = wr_add_part(&l.total, chunk_count * sizeof(struct wr_chunk));
	l.directory = wr_add_part(&l.total, directory_count * sizeof(wr_atomic_u64));
	l.pins = wr_add_part(&l.total, pin_count * sizeof(struct wr_pin));
	l.free_slots = wr_add_part(&l.total, chunk_count * sizeof(uint32_t));
	l.lingering = wr_add_part(&l.total, chunk_count * sizeof(uint32_t));
	l.batches =
		wr_add_part(&l.total, chunk_count * batch_count * sizeof(struct wr_chunk_batch));
	l.durable = wr_add_part(&l.total, chunk_count * batch_count * sizeof(wr_atomic_u64));
	l.columns = wr_add_part(&l.total, (size_t)chunk_count * column_entries(chunk_bytes) * 4);
	l.total = (size_t)wr_round_up(l.total, WR_LINE_BYTES);
	return l;
}

size_t wr_chunks_table_bytes(uint32_t chunk_bytes, uint32_t chunk_count, uint32_t pin_count)
{
	return layout_of(chunk_bytes, chunk_count, pin_count).total;
}

int wr_chunks_init(struct wr_chunks *c, struct wr_memory *memory, uint32_t chunk_bytes,
		   uint32_t chunk_count, uint32_t pin_count)
{
	WR_ASSERT(wr_is_power_of_two(chunk_bytes) && chunk_bytes >= WR_BLOCK_BYTES);
	WR_ASSERT(chunk_count >= 2 && chunk_count <= WR_CHUNK_COUNT_MAX);
	struct layout l = layout_of(chunk_bytes, chunk_count, pin_count);
	*c = (struct wr_chunks){
		.chunk_count = chunk_count,
		.directory_count = (uint32_t)wr_power_of_two_above(chunk_count + 1ull),
		.pin_count = pin_count,
		.chunk_bytes = chunk_bytes,
		.column_count = column_entries(chunk_bytes),
		.tag_bits = (uint32_t)wr_min_u64(32 - wr_log2(chunk_bytes / 8), TAG_BITS_MAX),
	};
	int rc = memory->ops->map_pool(memory, (size_t)chunk_count * chunk_bytes, &c->mapping);
	if (rc != 0)
		return rc;
	uint8_t *block = memory->ops->alloc(memory, l.total, 4096);
	if (block == NULL) {
		memory->ops->unmap(memory, &c->mapping);
		return -ENOMEM;
	}
	c->block = block;
	c->block_bytes = l.total;
	c->chunks = (struct wr_chunk *)(block + l.chunks);
	c->directory = (wr_atomic_u64 *)(block + l.directory);
	c->pins = (struct wr_pin *)(block + l.pins);
	c->free_slots = (uint32_t *)(block + l.free_slots);
	c->lingering = (uint32_t *)(block + l.lingering);
	size_t batch_count = chunk_bytes / WR_BLOCK_BYTES;
	for (uint32_t i = 0; i < chunk_count; i++) {
		struct wr_chunk *chunk = &c->chunks[i];
		chunk->slot = i;
		chunk->writable = c->mapping.writable + (size_t)i * chunk_bytes;
		chunk->readable = c->mapping.readable + (size_t)i * chunk_bytes;
		chunk->batches = (struct wr_chunk_batch *)(block + l.batches) + i * batch_count;
		chunk->durable_ns = (wr_atomic_u64 *)(block + l.durable) + i * batch_count;
		chunk->column = (uint32_t *)(block + l.columns) + (size_t)i * c->column_count;
		c->free_slots[i] = chunk_count - 1 - i;
	}
	c->free_count = chunk_count;
	/* No directory entry matches an ordinal before its chunk is opened. */
	for (uint32_t i = 0; i < c->directory_count; i++)
		wr_store_relaxed(&c->directory[i], UINT64_MAX);
	return 0;
}

void wr_chunks_fini(struct wr_chunks *c, struct wr_memory *memory)
{
	if (c->block == NULL)
		return;
	memory->ops->free(memory, c->block, c->block_bytes);
	memory->ops->unmap(memory, &c->mapping);
	c->block = NULL;
}

uint32_t wr_chunks_free(const struct wr_chunks *c)
{
	return c->free_count;
}

static bool slot_is_pinned(struct wr_chunks *c, uint64_t ordinal)
{
	if (WR_BUG(PINNED_CHUNK_REUSED))
		return false;
	for (uint32_t i = 0; i < c->pin_count; i++)
		if (wr_load_seq(&c->pins[i].value) == ordinal + 1) /* P4 */
			return true;
	return false;
}

/* Frees what lingered and is not pinned any more. */
static void collect_lingering(struct wr_chunks *c)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < c->lingering_count; i++) {
		uint32_t slot = c->lingering[i];
		if (slot_is_pinned(c, c->chunks[slot].ordinal))
			c->lingering[kept++] = slot;
		else
			c->free_slots[c->free_count++] = slot;
	}
	c->lingering_count = kept;
}

static bool may_go(struct wr_chunk *chunk, const struct wr_chunk_limits *limits)
{
	uint64_t end = wr_load_relaxed(&chunk->end_seq); /* the writer's own store */
	return end != 0 && end <= limits->reusable_seq &&
	       (chunk->last_commit <= limits->commits_done || WR_BUG(CHUNK_REUSED_UNDER_WRITE));
}

/* How many chunks one raise of the floor takes: a pin scan is shared by them. */
#define FLOOR_STEP_MAX 4u

/* Raises the floor over chunks below `end` that may go; they become free, or linger if pinned. */
static void raise_floor(struct wr_chunks *c, const struct wr_chunk_limits *limits, uint64_t end)
{
	uint64_t floor = wr_load_relaxed(&c->floor); /* own */
	uint64_t first = floor, step_max = limits->sparingly ? 1 : FLOOR_STEP_MAX;
	while (floor < end && floor - first < step_max &&
	       may_go(wr_chunks_by_ordinal(c, floor), limits))
		floor++;
	if (floor == first)
		return;
	wr_store_seq(&c->floor, floor); /* P3 */
	for (uint64_t o = first; o < floor; o++) {
		uint32_t slot = wr_chunks_by_ordinal(c, o)->slot;
		if (slot_is_pinned(c, o))
			c->lingering[c->lingering_count++] = slot;
		else
			c->free_slots[c->free_count++] = slot;
	}
}

/* Where the reader stands that is furthest behind. A late look costs it the chunk, as ever: P4. */
static uint64_t lowest_pin(struct wr_chunks *c)
{
	uint64_t lowest = UINT64_MAX;
	for (uint32_t i = 0; i < c->pin_count; i++) {
		uint64_t value = wr_load_relaxed(&c->pins[i].value);
		if (value != 0)
			lowest = wr_min_u64(lowest, value - 1);
	}
	return lowest;
}

static void raise_floor_early(struct wr_chunks *c, const struct wr_chunk_limits *limits)
{
	uint64_t live = wr_load_relaxed(&c->head) - wr_load_relaxed(&c->floor); /* own */
	if (limits->live_max == 0 || live <= limits->live_max)
		return;
	uint64_t old_end = wr_load_relaxed(&c->head) - limits->live_max; /* own */
	raise_floor(c, limits, wr_min_u64(old_end, lowest_pin(c)));
}

bool wr_chunks_keep_free(struct wr_chunks *c, const struct wr_chunk_limits *limits, uint32_t count)
{
	if (c->free_count < count && c->lingering_count > 0)
		collect_lingering(c);
	/* Every raise may yield nothing but lingering chunks; there are fewer pins than chunks. */
	while (c->free_count < count) {
		uint64_t before = wr_load_relaxed(&c->floor);      /* own */
		raise_floor(c, limits, wr_load_relaxed(&c->head)); /* own */
		if (wr_load_relaxed(&c->floor) != before)          /* own */
			continue;
		/* A pin that moved may have been met on each of them, one after the other. */
		collect_lingering(c);
		return c->free_count >= count;
	}
	return true;
}

uint64_t wr_chunks_to_be_had(struct wr_chunks *c, const struct wr_chunk_limits *limits,
			     uint64_t most)
{
	uint64_t count = c->free_count, pinned = 0;
	uint64_t head = wr_load_relaxed(&c->head);                     /* own */
	for (uint64_t o = wr_load_relaxed(&c->floor); o < head; o++) { /* own */
		if (count >= most || !may_go(wr_chunks_by_ordinal(c, o), limits))
			break;
		count++;
	}
	/* Each pin may be on one of them. */
	for (uint32_t i = 0; i < c->pin_count; i++)
		pinned += wr_load_relaxed(&c->pins[i].value) != 0 ? 1 : 0;
	return count > pinned ? count - pinned : 0;
}

struct wr_chunk *wr_chunks_open(struct wr_chunks *c, const struct wr_chunk_limits *limits,
				uint64_t first_seq, uint32_t keep_free)
{
	raise_floor_early(c, limits);
	if (!wr_chunks_keep_free(c, limits, keep_free + 1))
		return NULL;
	/* What came free last is the warmest. */
	struct wr_chunk *chunk = &c->chunks[c->free_slots[--c->free_count]];
	uint64_t ordinal = wr_load_relaxed(&c->head); /* own */
	chunk->ordinal = ordinal;
	chunk->first_seq = first_seq;
	wr_store_relaxed(&chunk->end_seq, 0u);
	wr_store_relaxed(&chunk->batch_count, 0u);
	chunk->last_commit = 0;
	chunk->used_bytes = 0;
	chunk->record_count = 0;
	/* C1: pairs with the acquire in wr_chunks_by_ordinal and of head. */
	wr_store_release(&c->directory[ordinal & (c->directory_count - 1)],
			 (ordinal << 16) | chunk->slot);
	wr_store_release(&c->head, ordinal + 1); /* C1 */
	return chunk;
}

struct wr_chunk *wr_chunks_pin(struct wr_chunks *c, struct wr_pin *pin, uint64_t ordinal)
{
	wr_store_seq(&pin->value, ordinal + 1);    /* P1 */
	if (ordinal < wr_load_seq(&c->floor)) {    /* P2 */
		wr_store_release(&pin->value, 0u); /* P5 */
		return NULL;
	}
	struct wr_chunk *chunk = wr_chunks_by_ordinal(c, ordinal);
	if (chunk == NULL)
		wr_store_release(&pin->value, 0u); /* P5 */
	return chunk;
}

void wr_chunks_unpin(struct wr_pin *pin)
{
	wr_store_release(&pin->value, 0u); /* P5 */
}

bool wr_chunks_find(struct wr_chunks *c, struct wr_pin *pin, uint64_t seq, uint64_t *ret_ordinal)
{
	uint64_t head = wr_load_acquire(&c->head); /* C1 */
	uint64_t low = wr_load_acquire(&c->floor); /* only a hint: the pin decides */
	if (head == 0)
		return false;
	/* The last live chunk with first_seq <= seq; each probe pins, so that it may be read. */
	uint64_t high = head;
	bool found = false;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct wr_chunk *chunk = wr_chunks_pin(c, pin, middle);
		if (chunk == NULL) {
			low = middle + 1; /* overtaken meanwhile */
			continue;
		}
		bool at_or_below = chunk->first_seq <= seq;
		wr_chunks_unpin(pin);
		if (at_or_below) {
			*ret_ordinal = middle;
			found = true;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return found;
}
