/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment table. The files stand in it as they were found and made; which of them are the log,
 * and in what order, is a ring beside it: the segments of the log go live at one end and leave at
 * the other, and what lies between is searched by halves. So neither a lookup nor the step gets
 * slower when a log gets long.
 *
 * Invariants: the live segments are those at the positions [oldest, newest_end) of the ring;
 * ascending positions have ascending ids, and first_seq that do not descend (equal ones are
 * possible: a segment without records begins with the sequence that comes next).
 * Thread: one writer of the table (core/journal/journal_segments.c), lookups from any.
 */
#include "core/journal/segment.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

static size_t order_count(uint32_t capacity)
{
	return (size_t)wr_power_of_two_above(capacity);
}

uint64_t wr_segment_table_bytes(uint32_t capacity)
{
	return (uint64_t)capacity * sizeof(struct wr_segment) +
	       order_count(capacity) * sizeof(wr_atomic_u32);
}

int wr_segment_table_init(struct wr_segment_table *t, struct wr_memory *memory, uint32_t log_id,
			  uint32_t chunk_bytes, uint64_t segment_bytes, const uint8_t *uuid,
			  uint32_t capacity)
{
	*t = (struct wr_segment_table){
		.log_id = log_id,
		.chunk_bytes = chunk_bytes,
		.segment_bytes = segment_bytes,
		.uuid = uuid,
		.next_segment_id = 1,
		.capacity = capacity,
		.order_mask = order_count(capacity) - 1,
		.gone_first = WR_SEGMENT_NO_ENTRY,
	};
	t->segments = memory->ops->alloc(memory, capacity * sizeof *t->segments, WR_LINE_BYTES);
	t->order =
		memory->ops->alloc(memory, order_count(capacity) * sizeof *t->order, WR_LINE_BYTES);
	if (t->segments != NULL && t->order != NULL)
		return 0;
	wr_segment_table_fini(t, memory);
	return -ENOMEM;
}

void wr_segment_table_fini(struct wr_segment_table *t, struct wr_memory *memory)
{
	if (t->segments != NULL)
		memory->ops->free(memory, t->segments, t->capacity * sizeof *t->segments);
	if (t->order != NULL)
		memory->ops->free(memory, t->order, order_count(t->capacity) * sizeof *t->order);
	t->segments = NULL;
	t->order = NULL;
	wr_store_relaxed(&t->count, 0u);
	wr_store_relaxed(&t->oldest, 0u);
	wr_store_relaxed(&t->newest_end, 0u);
	t->inside = (struct wr_inside){.seen = 0};
}

/* --- the writer's ----------------------------------------------------------------------------- */

uint32_t wr_segment_add(struct wr_segment_table *t, uint32_t file, uint32_t file_number)
{
	uint32_t count = wr_load_relaxed(&t->count); /* own */
	bool is_used_again = t->gone_count > 0;
	uint32_t index = is_used_again ? t->gone_first : count;
	struct wr_segment *segment = &t->segments[index];

	WR_ASSERT(index < t->capacity);
	if (is_used_again) {
		t->gone_first = segment->file_number;
		t->gone_count--;
	}
	wr_store_relaxed(&segment->segment_id, 0u);
	wr_store_relaxed(&segment->first_seq, 0u);
	wr_store_release(&segment->file, file); /* T1: of an entry that was another file's, too */
	segment->file_number = file_number;
	wr_store_relaxed(&segment->bytes, t->segment_bytes);
	segment->state = WR_SEGMENT_SPARE;
	segment->trimmed = false;
	segment->cleared = false;
	segment->is_rest = false;
	if (!is_used_again)
		wr_store_relaxed(&t->count, count + 1);
	return index;
}

void wr_segment_remove(struct wr_segment_table *t, uint32_t index)
{
	struct wr_segment *segment = &t->segments[index];

	WR_ASSERT(segment->state != WR_SEGMENT_LIVE);
	segment->state = WR_SEGMENT_NONE;
	segment->file_number = t->gone_first;
	t->gone_first = index;
	t->gone_count++;
}

uint32_t wr_segment_file_count(const struct wr_segment_table *t)
{
	/* Loading an atomic changes nothing, but C11 loads want no const. */
	struct wr_segment_table *own = (struct wr_segment_table *)(uintptr_t)t;

	return wr_load_relaxed(&own->count) - t->gone_count;
}

/* A segment of the log, in the sums. */
static void count(struct wr_segment_table *t, struct wr_segment *segment)
{
	uint64_t bytes = wr_load_relaxed(&segment->bytes); /* own */

	t->live_bytes += bytes;
	if (!wr_segment_is_packed(segment))
		return;
	t->packed_bytes += bytes;
	t->packed_count++;
}

static void uncount(struct wr_segment_table *t, struct wr_segment *segment)
{
	uint64_t bytes = wr_load_relaxed(&segment->bytes); /* own */

	t->live_bytes -= bytes;
	if (!wr_segment_is_packed(segment))
		return;
	t->packed_bytes -= bytes;
	t->packed_count--;
}

void wr_segment_set_live(struct wr_segment_table *t, uint32_t index, uint64_t segment_id,
			 uint64_t first_seq, uint64_t first_time_us)
{
	struct wr_segment *segment = &t->segments[index];
	uint64_t position = wr_load_relaxed(&t->newest_end); /* own */

	segment->state = WR_SEGMENT_LIVE;
	segment->stays_plain = false;
	segment->first_time_us = first_time_us;
	count(t, segment);
	wr_store_release(&segment->first_seq, first_seq); /* T1, and the two below */
	wr_store_release(&segment->segment_id, segment_id);
	wr_store_release(&t->order[position & t->order_mask], index);
	wr_store_release(&t->newest_end, position + 1); /* T2 */
}

uint32_t wr_segment_live_count(const struct wr_segment_table *t)
{
	/* Loading an atomic changes nothing, but C11 loads want no const. */
	struct wr_segment_table *own = (struct wr_segment_table *)(uintptr_t)t;

	return (uint32_t)(wr_load_relaxed(&own->newest_end) - wr_load_relaxed(&own->oldest));
}

struct wr_segment *wr_segment_live(struct wr_segment_table *t, uint32_t n)
{
	uint64_t position = wr_load_relaxed(&t->oldest) + n; /* own */

	WR_ASSERT(n < wr_segment_live_count(t));
	return &t->segments[wr_load_relaxed(&t->order[position & t->order_mask])];
}

void wr_segment_set_packed(struct wr_segment_table *t, struct wr_segment *segment, uint32_t file,
			   uint32_t file_number, uint64_t bytes)
{
	uncount(t, segment);
	segment->file_number = file_number;
	wr_store_relaxed(&segment->bytes, bytes);
	wr_store_release(&segment->file, file | WR_SEGMENT_PACKED); /* T1, T3 */
	count(t, segment);
}

uint32_t wr_segment_retire(struct wr_segment_table *t)
{
	struct wr_segment *segment = wr_segment_live(t, 0);

	/* T1: before the entry changes, so that whoever sees a change sees that it has left. */
	wr_store_release(&t->oldest, wr_load_relaxed(&t->oldest) + 1);
	wr_store_release(&segment->segment_id, 0u);
	wr_store_release(&segment->first_seq, 0u);
	segment->state = WR_SEGMENT_SPARE;
	uncount(t, segment);
	return (uint32_t)(segment - t->segments);
}

/* --- lookups ---------------------------------------------------------------------------------- */

/* A consistent copy of what stands at a live position; false when it has left the log meanwhile. */
static bool read_at(struct wr_segment_table *t, uint64_t position,
		    struct wr_segment_found *ret_found)
{
	/* T1: the first that shows a later life shows that `oldest` had passed before. */
	uint32_t index = wr_load_acquire(&t->order[position & t->order_mask]);
	struct wr_segment *segment = &t->segments[index];

	ret_found->segment_id = wr_load_acquire(&segment->segment_id); /* T1, and the two below */
	ret_found->first_seq = wr_load_acquire(&segment->first_seq);
	uint32_t file = wr_load_acquire(&segment->file);
	ret_found->file = file & ~WR_SEGMENT_PACKED;
	ret_found->packed = (file & WR_SEGMENT_PACKED) != 0;
	ret_found->bytes = wr_load_relaxed(&segment->bytes);
	return wr_load_acquire(&t->oldest) <= position; /* T1 */
}

/*
 * The first position whose segment lies behind `seq` (by_id: behind the id), in what is live now.
 * The one before it, or it itself, is what is looked for. False: one that was looked at has left;
 * then all over again, which can only be as often as segments leave.
 */
static bool search(struct wr_segment_table *t, uint64_t key, bool by_id, uint64_t *ret_oldest,
		   uint64_t *ret_position, uint64_t *ret_end)
{
	uint64_t low = wr_load_acquire(&t->oldest);      /* T1 */
	uint64_t high = wr_load_acquire(&t->newest_end); /* T2: those in front are there */
	struct wr_segment_found found;

	*ret_oldest = low;
	*ret_end = high;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (!read_at(t, middle, &found))
			return false;
		if ((by_id ? found.segment_id : found.first_seq) <= key)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_position = low;
	return true;
}

bool wr_segment_find(struct wr_segment_table *t, uint64_t seq, struct wr_segment_found *ret_found)
{
	uint64_t oldest, position, end;

	for (;;) {
		if (!search(t, seq, false, &oldest, &position, &end))
			continue;
		if (position == oldest)
			return false;
		/* Of equal first sequences only the last segment can hold the record. */
		if (read_at(t, position - 1, ret_found))
			return true;
	}
}

bool wr_segment_next(struct wr_segment_table *t, uint64_t segment_id,
		     struct wr_segment_found *ret_found)
{
	uint64_t oldest, position, end;

	for (;;) {
		if (!search(t, segment_id, true, &oldest, &position, &end))
			continue;
		if (position == end)
			return false;
		if (read_at(t, position, ret_found))
			return true;
	}
}

uint64_t wr_segment_oldest_seq(struct wr_segment_table *t)
{
	struct wr_segment_found oldest;
	return wr_segment_next(t, 0, &oldest) ? oldest.first_seq : 0;
}
