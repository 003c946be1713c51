/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups in the segment table. A table of a few thousand entries is scanned from end to end:
 * lookups are made once a segment by a reader of cold data, and an order kept sorted would have to
 * be rewritten under readers at each recycle.
 *
 * Invariants: an entry takes part in a lookup only while its id and its first_seq are not 0; ids of
 * live segments ascend with the log, and so do their first_seq (equal ones are possible: a segment
 * without records begins with the sequence that comes next).
 * Thread: one writer of the table (core/journal/journal_segments.c), lookups from any.
 */
#include "core/journal/segment.h"

#include <errno.h>

#include "core/base/bits.h"

int wr_segment_table_init(struct wr_segment_table *t, struct wr_memory *memory, uint32_t log_id,
			  uint32_t chunk_bytes, uint64_t segment_bytes, const uint8_t *uuid)
{
	const size_t bytes = sizeof(struct wr_segment) * WR_STORAGE_FILES_MAX;

	*t = (struct wr_segment_table){
		.log_id = log_id,
		.chunk_bytes = chunk_bytes,
		.segment_bytes = segment_bytes,
		.uuid = uuid,
		.next_segment_id = 1,
	};
	t->segments = memory->ops->alloc(memory, bytes, WR_LINE_BYTES);
	return t->segments != NULL ? 0 : -ENOMEM;
}

void wr_segment_table_fini(struct wr_segment_table *t, struct wr_memory *memory)
{
	if (t->segments != NULL)
		memory->ops->free(memory, t->segments,
				  sizeof(struct wr_segment) * WR_STORAGE_FILES_MAX);
	t->segments = NULL;
	wr_store_relaxed(&t->count, 0u);
}

/*
 * A consistent copy of an entry; false when there is nothing to look up in it. Read again only when
 * the writer changed the entry in between, which it does once in the life of a segment.
 */
static bool read_entry(struct wr_segment *segment, struct wr_segment_found *ret_found)
{
	for (;;) {
		/* T1: pairs with the release stores of the journal step. */
		uint64_t segment_id = wr_load_acquire(&segment->segment_id);
		if (segment_id == 0)
			return false;
		ret_found->segment_id = segment_id;
		ret_found->first_seq = wr_load_acquire(&segment->first_seq);
		ret_found->file = wr_load_acquire(&segment->file); /* T1, and the next */
		if (wr_load_acquire(&segment->segment_id) == segment_id)
			return ret_found->first_seq != 0;
	}
}

static uint32_t entry_count(struct wr_segment_table *t)
{
	return wr_load_acquire(&t->count); /* T2: the entries below it are initialised */
}

bool wr_segment_find(struct wr_segment_table *t, uint64_t seq, struct wr_segment_found *ret_found)
{
	uint32_t count = entry_count(t);
	bool found = false;

	for (uint32_t i = 0; i < count; i++) {
		struct wr_segment_found entry;
		if (!read_entry(&t->segments[i], &entry) || entry.first_seq > seq)
			continue;
		/* Of equal first sequences only the last segment can hold the record. */
		if (!found || entry.segment_id > ret_found->segment_id)
			*ret_found = entry;
		found = true;
	}
	return found;
}

static bool walk_to_next(struct wr_segment_table *t, uint64_t segment_id,
			 struct wr_segment_found *ret_found)
{
	uint32_t count = entry_count(t);
	bool found = false;

	for (uint32_t i = 0; i < count; i++) {
		struct wr_segment_found entry;
		if (!read_entry(&t->segments[i], &entry) || entry.segment_id <= segment_id)
			continue;
		if (!found || entry.segment_id < ret_found->segment_id)
			*ret_found = entry;
		found = true;
	}
	return found;
}

/*
 * A walk is no snapshot: one segment may leave behind it while the one that follows goes live in an
 * entry that it has passed, and then it finds a later one. A second walk sees that one, or it has
 * left, too: what two in a row agree on was the next at some moment of the second.
 */
bool wr_segment_next(struct wr_segment_table *t, uint64_t segment_id,
		     struct wr_segment_found *ret_found)
{
	struct wr_segment_found before = {0};
	bool found_before = walk_to_next(t, segment_id, &before);

	for (;;) {
		bool found = walk_to_next(t, segment_id, ret_found);
		if (found == found_before && (!found || ret_found->segment_id == before.segment_id))
			return found;
		found_before = found;
		before = *ret_found;
	}
}

uint64_t wr_segment_oldest_seq(struct wr_segment_table *t)
{
	struct wr_segment_found oldest;
	return wr_segment_next(t, 0, &oldest) ? oldest.first_seq : 0;
}
