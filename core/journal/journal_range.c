/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The superblock's record of the segments (I6, I7; what recovery makes of it: scan_range.c). It is
 * written while a segment gets ready, so once or twice for each segment and never in the way of an
 * acknowledgement: segments are made ready ahead.
 *
 * The two pairs of copies one behind the other, as everywhere: whatever a power cut leaves of one,
 * the other is whole, and only when both are durable the segment is used, or the retired header
 * written over. So whichever copies are left, they say enough (I6) and not too much (I7).
 *
 * With the range goes the sequence that is durable by then: a log that ends before it has lost
 * something, also where nothing behind the place is left to say so.
 *
 * Thread: the step's, and the one that opens before there is a step.
 */
#include "core/journal/journal_internal.h"

#include <string.h>

#include "core/base/bug.h"

#define PAIR_COPIES (WR_SUPERBLOCK_COPIES / 2)
#define PAIR_BYTES (PAIR_COPIES * WR_BLOCK_BYTES)

bool wr_journal_range_has(const struct wr_journal *j, uint64_t retired_id)
{
	return retired_id != WR_JOURNAL_STOOD_FOR &&
	       j->superblock.oldest_segment_id <= retired_id && !WR_BUG(RETIRED_STILL_RECORDED);
}

void wr_journal_range_fill(struct wr_journal *j, struct wr_superblock *superblock)
{
	if (wr_segment_live_count(j->table) > 0) {
		struct wr_segment *oldest = wr_segment_live(j->table, 0);
		superblock->oldest_segment_id = wr_load_relaxed(&oldest->segment_id);
		superblock->oldest_seq = wr_load_relaxed(&oldest->first_seq);
	}
	superblock->durable_seq = j->durable_seq;
	superblock->retention_us = wr_journal_age_recorded_us(j);
	superblock->given_segment_id = j->table->next_segment_id - 1;
}

void wr_journal_range_begin(struct wr_journal *j, uint64_t newest_id)
{
	struct wr_superblock *next = &j->next_superblock;

	*next = j->superblock;
	next->version++;
	wr_journal_range_fill(j, next);
	next->newest_segment_id = newest_id;
	next->features_must |= j->packing.announce;
	if (wr_journal_erase_waits(j) ||
	    (WR_BUG(ERASED_SAID_EARLY) && j->erasing.phase == WR_JOURNAL_ERASES))
		next->erased_seq = WR_BUG(ERASED_AS_ASKED)
					   ? wr_load_acquire(j->options.erase.end_seq) /* ER1 */
					   : j->erasing.end_seq;
	/* Of a log without a batch the first segment that gets ready is the oldest. */
	if (next->oldest_segment_id == 0) {
		next->oldest_segment_id = newest_id;
		next->oldest_seq = j->durable_seq + 1;
	}
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++)
		wr_superblock_encode(next, copy, j->superblock_blocks + copy * WR_BLOCK_BYTES);
	j->files.superblock_pair = 0;
}

void wr_journal_range_write(struct wr_journal *j, struct wr_io *io)
{
	uint32_t at = j->files.superblock_pair * PAIR_BYTES;

	*io = (struct wr_io){
		.kind = WR_IO_WRITE,
		.flags = WR_IO_DURABLE,
		.file = j->superblock_file,
		.length_bytes = PAIR_BYTES,
		.offset_bytes = at,
		.buffer = j->superblock_blocks + at,
	};
}

bool wr_journal_range_advance(struct wr_journal *j)
{
	if (++j->files.superblock_pair < WR_SUPERBLOCK_COPIES / PAIR_COPIES)
		return false;
	j->superblock = j->next_superblock;
	j->packing.announce &= ~j->superblock.features_must;
	wr_journal_erase_recorded(j);
	return true;
}
