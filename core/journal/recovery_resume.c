/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log goes on in its last segment, exactly where it ended: the first batch of the new epoch
 * stands on the first block that is not the log's. So an open needs no room but that block, also
 * after a crash, and every block stays accounted for by a chained header (L4).
 *
 * After a crash, batches of the old epoch may stand behind that place, whole ones too (R3), in
 * this segment and in those above. The segment's checksums fit them, and the new epoch will give
 * their sequences again and write around them. The walk tells them from its own by their epoch; who
 * enters an extent, or a segment, in the middle has nothing to tell them by. So they go, durably,
 * before anything of the new epoch is written:
 *
 *   in the segment    zeros from the place on, up to where the look-ahead found anything
 *   segments above    zeros over header and first batch: a spare that nothing is known of, and no
 *                     seed under which a batch in it would come out right
 *
 * The superblock has been written by then: those segments are off the record (I6), and the durable
 * sequence that a header among them attests is on it. A crash in between leaves a log that ends at
 * the same place, with less behind it.
 *
 * The segments above are cleared also where the log goes on in another segment, since its own is
 * full: they are going to be used again, and a torn batch of which an erasing that the power cuts
 * off zeroes the bad sectors and not the good ones may come out right (spoil()).
 *
 * Where one of these writes fails, the new epoch begins in a segment of its own: its start names
 * the predecessor's end, and what lies between is excluded by that (R6).
 *
 * After a clean close nothing is behind the place but a former life, whose checksums do not fit.
 * Thread: the one that opens. Blocks.
 */
#include "core/journal/recovery_run.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define SECTOR_BYTES 512                /* the least that a medium writes whole */
#define HEAD_BYTES (2 * WR_BLOCK_BYTES) /* of a segment: its header and its first batch's */

void wr_recovery_find_place(const struct wr_recovery_run *run, struct wr_recovered *rec)
{
	const struct wr_scan *scan = &run->scan;

	if (scan->at == WR_SCAN_NONE || scan->offset >= scan->segment_bytes)
		return;
	const struct wr_scan_segment *s = &scan->segments[scan->at];
	if (!s->header_valid || s->packed || s->file_bytes != scan->segment_bytes)
		return;
	uint64_t used = scan->offset - WR_BLOCK_BYTES;
	rec->resume_segment_id = s->segment_id;
	rec->resume_extent = (uint32_t)(used / scan->chunk_bytes);
	rec->resume_used_bytes = (uint32_t)(used % scan->chunk_bytes);
}

/* Durable zeros; `buffer` has a chunk of them. */
static int write_zeros(struct wr_recovery_run *run, uint32_t file, uint64_t from, uint64_t end)
{
	struct wr_scan *scan = &run->scan;
	int r = 0;

	while (r >= 0 && from < end) {
		uint32_t length = (uint32_t)wr_min_u64(end - from, scan->chunk_bytes);
		r = run->storage->ops->write(run->storage, file, scan->buffer, length, from);
		from += length;
	}
	return r;
}

/*
 * Durably: no batch begins at this place any more. Only the first sector of its block changes: of a
 * torn batch, zeros that land on the bad sectors and not on the good ones could make a whole one,
 * where this write fails or the power goes in it. `buffer` has zeros before and after.
 */
static int spoil(struct wr_recovery_run *run, uint32_t file, uint64_t at)
{
	struct wr_scan *scan = &run->scan;
	int64_t n = run->storage->ops->read(run->storage, file, scan->buffer, WR_BLOCK_BYTES, at);
	int r = n < 0 ? (int)n : 0;

	if (n == WR_BLOCK_BYTES && scan->buffer[0] != 0 && !WR_BUG(TORN_ZEROED_AT_ONCE)) {
		memset(scan->buffer, 0, SECTOR_BYTES);
		r = run->storage->ops->write(run->storage, file, scan->buffer, WR_BLOCK_BYTES, at);
	}
	memset(scan->buffer, 0, WR_BLOCK_BYTES);
	return r;
}

static int clear_segment(struct wr_recovery_run *run)
{
	const struct wr_scan *scan = &run->scan;
	uint32_t file = scan->segments[scan->at].file;

	if (WR_BUG(TAIL_LEFT_BEHIND) || scan->offset >= scan->stop.leftover_end)
		return 0;
	int r = spoil(run, file, scan->offset);
	return r < 0 ? r : write_zeros(run, file, scan->offset, scan->stop.leftover_end);
}

static int clear_segments_above(struct wr_recovery_run *run, struct wr_segment_table *table)
{
	const struct wr_scan *scan = &run->scan;
	int r = 0;

	/* They ascend; of an empty log it is all of them that are the journal's own. */
	for (uint32_t i = scan->at == WR_SCAN_NONE ? 0 : scan->at + 1; i < scan->segment_count;
	     i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		/* Who is cut in front of its first batch holds none. */
		if (s->file_bytes < HEAD_BYTES || s->segment_id == 0 || s->packed ||
		    WR_BUG(TAIL_SEGMENT_LEFT))
			continue;
		int written = spoil(run, s->file, WR_BLOCK_BYTES);
		if (written >= 0)
			written = write_zeros(run, s->file, 0, HEAD_BYTES);
		if (written < 0) {
			r = written; /* S5: nobody writes to this file any more */
			continue;
		}
		table->segments[i].cleared = true; /* the table was filled in this order */
		table->segments[i].trimmed = false;
	}
	return r;
}

void wr_recovery_clear_behind(struct wr_recovery_run *run, struct wr_segment_table *table,
			      struct wr_recovered *rec)
{
	struct wr_scan *scan = &run->scan;

	bool resumes = rec->resume_segment_id != 0;

	if (run->report->clean || (WR_BUG(TORN_LEFT_TO_ERASE) && !resumes))
		return;
	scan->buffer_index = WR_SCAN_NONE; /* what was read is gone from it */
	memset(scan->buffer, 0, scan->chunk_bytes);
	int in_it = resumes ? clear_segment(run) : 0;
	int above = clear_segments_above(run, table);
	if (in_it < 0 || above < 0)
		rec->resume_segment_id = 0;
}
