/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which segments there are, by a record that is not in them. A log is found by its segments, and
 * each proves itself; but nothing in a log says that it goes on, so of a file that is lost at its
 * end, or at its beginning, no trace is left there. Three words say what there has to be:
 *
 *   the superblock    newest_segment_id, the last that was made ready: nothing is ever written to
 *                     one above it (I6); oldest_segment_id and its first sequence: nothing is
 *                     written over before they have moved on past it (I7), and what lies below
 *                     has left the log for good, whether it was written over yet or not
 *   each header       previous_segment_id, the one that was made ready before it
 *
 * So the segments that may hold batches are a chain from the newest to the oldest, each link naming
 * the next. Ids leave gaps where a crash left segments unused; the chain goes past them.
 *
 * What a chain cannot say is whether a segment at its end was used: the last few are made ready
 * ahead. If such a one is lost and was empty, no event is; it is refused all the same, since nobody
 * can know.
 *
 * A header that rotted has lost its link. Where its batches prove which segment it is, the chain
 * ends there, and what lies in front of it is the walk's to find (R7).
 *
 * A live journal moves on: what looks lost is compared with the superblock as it is now.
 * Thread: see scan.h.
 */
#include "core/journal/scan.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

/* Of a live journal the record is read again: its oldest segments may have been retired. */
static int read_again(struct wr_scan *scan, struct wr_superblock *ret_superblock)
{
	const struct wr_storage_ops *ops = scan->storage->ops;
	struct wr_superblock_found found;
	uint32_t file;

	*ret_superblock = *scan->superblock;
	if (!scan->live)
		return 0;
	scan->failed_reading = "the superblock";
	int r = ops->file_open(scan->storage, WR_SUPERBLOCK_NAME, WR_FILE_READ_ONLY, &file);
	if (r < 0)
		return r;
	r = wr_superblock_read(scan->storage, scan->memory, file, &found);
	(void)ops->file_close(scan->storage, file);
	if (r == 0 && found.any_valid && found.superblock.version > ret_superblock->version &&
	    memcmp(found.superblock.uuid, scan->superblock->uuid, WR_UUID_BYTES) == 0)
		*ret_superblock = found.superblock;
	return r;
}

/* The segments ascend: looks down from *index, which is then where the id is, if it is there. */
static bool find_down(const struct wr_scan *scan, uint64_t segment_id, uint32_t *index)
{
	while (*index > 0 && scan->segments[*index - 1].segment_id >= segment_id)
		(*index)--;
	return *index < scan->segment_count && scan->segments[*index].segment_id == segment_id;
}

static bool is_whole(const struct wr_scan *scan, const struct wr_scan_segment *s, bool used)
{
	if (s->file_bytes < scan->segment_bytes)
		return false;
	/* It has an id: its header says so, or its first batch. */
	return !used || (s->first_valid && !s->excluded);
}

/* The highest link of the chain between `above_id` and `below_id` that is not whole; 0: none. */
static uint64_t find_lost(const struct wr_scan *scan, uint64_t above_id, uint64_t below_id,
			  bool used)
{
	const struct wr_superblock *s = scan->superblock;
	uint64_t id = s->newest_segment_id;
	uint32_t index = scan->segment_count;

	while (id != 0 && id > above_id && id >= s->oldest_segment_id) {
		bool is_there = find_down(scan, id, &index);
		bool is_asked = id < below_id;
		if (is_asked && (!is_there || !is_whole(scan, &scan->segments[index], used)))
			return id;
		/* Who asks about a lost link finds it; hostile ones may go round. */
		if (!is_there || scan->segments[index].previous_id >= id)
			break;
		id = scan->segments[index].previous_id;
	}
	return 0;
}

static int look(struct wr_scan *scan, uint64_t above_id, uint64_t below_id, bool used,
		uint64_t *ret_id)
{
	struct wr_superblock now;

	*ret_id = WR_BUG(LOST_SEGMENT_PASSED) ? 0 : find_lost(scan, above_id, below_id, used);
	if (*ret_id == 0)
		return 0;
	int r = read_again(scan, &now);
	if (r == 0 && *ret_id < now.oldest_segment_id)
		*ret_id = 0;
	return r;
}

int wr_scan_lost_above(struct wr_scan *scan, uint64_t above_id, uint64_t *ret_id)
{
	return look(scan, above_id, UINT64_MAX, false, ret_id);
}

int wr_scan_lost_below(struct wr_scan *scan, uint64_t below_id, uint64_t *ret_id)
{
	return look(scan, 0, below_id, true, ret_id);
}

int wr_scan_oldest_recorded(struct wr_scan *scan, uint64_t *ret_id, uint64_t *ret_seq)
{
	struct wr_superblock now;
	int r = read_again(scan, &now);

	*ret_id = now.oldest_segment_id;
	*ret_seq = now.oldest_seq != 0 ? now.oldest_seq : UINT64_MAX;
	return r;
}

int wr_scan_is_retired(struct wr_scan *scan, uint64_t seq)
{
	struct wr_superblock now;

	if (!scan->live)
		return 0;
	int r = read_again(scan, &now);
	return r < 0 ? r : seq < now.oldest_seq; /* 0: it is not on record */
}
