/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to make of the first place that does not hold the next batch: the decision table of
 * recovery.h. `s` is the sequence expected there, `e` the epoch that the walk is in.
 *
 * Method: look at what stands behind, in log order, and collect
 *   - the highest durable_seq that any good header attests: evidence
 *   - the first good batch of epoch e behind the place, and the first of a later epoch
 *   - an epoch start that names e as its predecessor: the recorded end of e
 * and then decide:
 *   an epoch start names exactly this place        the log goes on there (R6)
 *   only blocks without records are damaged,
 *   what follows begins with s, and s is proved
 *   to be of epoch e                               nothing is lost: the log goes on there
 *   evidence reaches s                             CORRUPT (R4, R7)
 *   the file ends before its header says           CORRUPT (R8)
 *   a segment above is recorded and is not there   CORRUPT (R11, scan_range.c)
 *   else                                           the end: clean (R1) or torn (R2, R3)
 *
 * How far: block by block over what may have been in flight, which is at most 16 writes of a chunk;
 * beyond that only the first block of each extent of the segment, so that a wide gap in old data is
 * still seen, and from a good header there on from header to header. Those are not for the gap but
 * for the evidence: what was sealed while s was still on its way attests nothing of s, and that may
 * be all that the writer was ahead by; the block that does attest it, written when all was quiet,
 * then stands in the middle of an extent, far behind.
 *
 * Why evidence is believed from any good header, trimmed ones included: an epoch attests only what
 * was durable, and what was durable is never trimmed.
 * Thread: see scan.h.
 */
#include "core/journal/scan.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define WINDOW_CHUNKS 17u /* WR_BATCHES_IN_FLIGHT_MAX and the one that is open */

struct place {
	uint32_t index; /* WR_SCAN_NONE: not seen */
	uint64_t offset;
	struct wr_batch_header header;
};

struct ahead {
	/* The place judged. */
	uint32_t index;
	uint64_t offset;
	bool has_header; /* the batch there has a good header and a bad body */
	struct wr_batch_header header;
	bool is_cut; /* the file ends in it, or before it */
	bool is_zero;
	/* Behind it. */
	uint64_t durable_seq;      /* any good header's */
	uint64_t durable_seq_same; /* of epoch e */
	struct place same;
	struct place later;
	struct place broken; /* the batch that starts the next epoch, with a bad body */
	bool has_claim;
	struct place claim;
	bool has_end;        /* of epoch e */
	bool end_from_table; /* by a start that the walk has not come to yet */
	struct wr_epoch_start end;
	bool written; /* something of epoch e, or nobody's, was written behind the place */
	uint64_t trimmed_bytes;
	uint64_t leftover_end; /* in the segment of the place: behind all that was written there */
	/* Up to here, in the segment that is looked through, blocks may be of a batch of an older
	 * life, or of another segment, whose header stands before: nothing can be said of those. */
	uint64_t stale_end;
	uint64_t counted_bytes; /* of the segments before the one looked at */
	uint64_t counted_from;  /* in the one looked at */
	uint64_t window_bytes;
};

/* --- collecting ------------------------------------------------------------------------------- */

/* Whoever wrote it: in the segment of the place something with its id ends here. */
static void note_leftover(struct ahead *a, uint32_t index, uint64_t end_offset)
{
	if (index == a->index)
		a->leftover_end = wr_max_u64(a->leftover_end, end_offset);
}

static void count_trimmed(struct ahead *a, uint64_t end_offset)
{
	a->written = true;
	a->trimmed_bytes =
		wr_max_u64(a->trimmed_bytes, a->counted_bytes + (end_offset - a->counted_from));
}

/*
 * A good header of a later epoch: does an epoch start there, and whose end does it name? If its
 * body is bad and s is in it, this is what should have stood at the place.
 */
static int note_start(struct wr_scan *scan, struct ahead *a, uint32_t index, uint64_t offset,
		      const struct wr_batch_header *h)
{
	enum wr_batch_verdict verdict;
	struct wr_scan_batch batch;
	struct wr_epoch_start start;
	bool is_short;
	int r = wr_scan_batch(scan, index, offset, &verdict, &batch, &is_short);

	if (r < 0)
		return r;
	if (verdict != WR_BATCH_VALID && h->first_seq == scan->seq) {
		if (a->broken.index == WR_SCAN_NONE)
			a->broken = (struct place){index, offset, *h};
		return 0;
	}
	if (a->later.index == WR_SCAN_NONE)
		a->later = (struct place){index, offset, *h};
	if (verdict != WR_BATCH_VALID || !wr_epoch_start_of(batch.bytes, &start))
		return 0;
	if (wr_scan_start_matches(scan, batch.header, &start)) {
		a->claim = (struct place){index, offset, *batch.header};
		a->has_claim = true; /* which decides: nothing behind it is looked at */
	}
	if (start.epoch == scan->epoch && !a->has_end) {
		a->has_end = true;
		a->end = start;
		a->durable_seq = wr_max_u64(a->durable_seq, start.last_seq);
	}
	return 0;
}

/*
 * The end of epoch e, as a later epoch that starts in a segment of its own has recorded it: the
 * newest of them, which stands in the highest.
 */
static void note_end_from_table(const struct wr_scan *scan, struct ahead *a)
{
	for (uint32_t i = scan->segment_count; scan->epoch != 0 && i-- > 0;) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (!s->has_start || s->start.epoch != scan->epoch)
			continue;
		a->has_end = a->end_from_table = true;
		a->end = s->start;
		a->later = (struct place){i, WR_BLOCK_BYTES, s->first};
		a->durable_seq = wr_max_u64(a->durable_seq, a->end.last_seq);
		return;
	}
}

static int note_header(struct wr_scan *scan, struct ahead *a, uint32_t index, uint64_t offset,
		       const struct wr_batch_header *h)
{
	bool is_here = index == a->index && offset == a->offset;

	note_leftover(a, index, offset + h->batch_bytes);
	a->durable_seq = wr_max_u64(a->durable_seq, h->durable_seq);
	if (h->epoch == scan->epoch)
		a->durable_seq_same = wr_max_u64(a->durable_seq_same, h->durable_seq);
	if (h->epoch >= scan->epoch)
		count_trimmed(a, offset + h->batch_bytes);
	if (is_here) {
		a->has_header = h->epoch == scan->epoch && h->first_seq == scan->seq;
		a->header = *h;
		if (h->first_seq <= scan->seq)
			return 0;
	}
	if (h->first_seq < scan->seq)
		return 0;
	if (h->epoch == scan->epoch && a->same.index == WR_SCAN_NONE)
		a->same = (struct place){index, offset, *h};
	if (h->epoch <= scan->epoch)
		return 0;
	if (h->batch_kind == WR_BATCH_DATA)
		return note_start(scan, a, index, offset, h);
	if (a->later.index == WR_SCAN_NONE)
		a->later = (struct place){index, offset, *h};
	return 0;
}

static bool is_zero(const uint8_t *bytes, uint32_t length_bytes)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < length_bytes; i += 64)
		for (uint32_t k = 0; k < 64; k += 8)
			any |= wr_get_u64(bytes + i + k);
	return any == 0;
}

/*
 * A block without a good header of its place. Where an older batch stands here, what was written
 * over its later blocks is of this life all the same: each block is looked at.
 */
static void note_block(struct wr_scan *scan, struct ahead *a, uint32_t index, uint64_t offset,
		       const uint8_t *bytes)
{
	bool is_here = index == a->index && offset == a->offset;
	struct wr_batch_header h;

	if (is_zero(bytes, WR_BLOCK_BYTES)) {
		a->is_zero |= is_here;
		return;
	}
	uint32_t stale_bytes =
		wr_scan_stale_bytes(scan, bytes, scan->segments[index].segment_id, offset);
	if (stale_bytes > 0) {
		a->stale_end = wr_max_u64(a->stale_end, offset + stale_bytes);
		return;
	}
	memcpy(&h, bytes, sizeof h);
	bool is_ours =
		h.magic == WR_BATCH_MAGIC && h.epoch == scan->epoch && h.log_id == scan->log_id;
	if (offset < a->stale_end && !is_ours)
		return;
	if (is_here || is_ours)
		note_leftover(a, index, offset + WR_BLOCK_BYTES);
	/* In a file that was used before, what lies behind may be of its former life. */
	if (is_here || is_ours || a->is_zero)
		count_trimmed(a, offset + WR_BLOCK_BYTES);
}

static bool is_decided(const struct wr_scan *scan, const struct ahead *a)
{
	if (a->has_claim || (a->has_end && !a->end_from_table))
		return true;
	if (a->end_from_table && a->same.index != WR_SCAN_NONE)
		return true;
	return a->same.index != WR_SCAN_NONE && a->durable_seq_same >= scan->seq;
}

/*
 * One block and what hangs on it. *offset moves on; 0 also when the file ends here (*ret_end).
 * *ret_good: it begins with a good header.
 */
static int look_at(struct wr_scan *scan, struct ahead *a, uint32_t index, uint64_t *offset,
		   bool ahead, bool *ret_end, bool *ret_good)
{
	const uint8_t *bytes;
	uint32_t available;
	int r = wr_scan_bytes(scan, index, *offset, WR_BLOCK_BYTES, ahead, &bytes, &available);

	bool is_here = index == a->index && *offset == a->offset;
	*ret_good = false;
	*ret_end = available < WR_BLOCK_BYTES;
	a->is_cut |= is_here && *ret_end;
	/* Of a block that was cut the header may still say what was lost. */
	if (r < 0 || available < (is_here ? WR_BATCH_HEADER_BYTES : WR_BLOCK_BYTES))
		return r;
	struct wr_batch_header h;
	enum wr_batch_verdict verdict =
		wr_scan_check_header(scan, bytes, scan->segments[index].segment_id, *offset);
	if (*ret_end && verdict != WR_BATCH_VALID)
		return 0;
	switch (verdict) {
	case WR_BATCH_UNKNOWN:
		return WEIR_E_FORMAT;
	case WR_BATCH_VALID:
		memcpy(&h, bytes, sizeof h);
		*ret_good = true;
		r = note_header(scan, a, index, *offset, &h);
		*offset += h.batch_bytes + h.skip_bytes;
		return r;
	default:
		note_block(scan, a, index, *offset, bytes);
		*offset += WR_BLOCK_BYTES;
		if (WR_BUG(OLDER_LIFE_HIDES))
			*offset = wr_max_u64(*offset, a->stale_end);
		return 0;
	}
}

/* Beyond the window: from header to header, from here to the end of the extent. */
static int look_along_extent(struct wr_scan *scan, struct ahead *a, uint32_t index, uint64_t offset,
			     bool *ret_end)
{
	uint64_t end = wr_scan_extent_of(scan, offset) + scan->chunk_bytes;
	bool is_good = true;
	int r = 0;

	/* Where the file ends nothing is good. */
	while (r == 0 && is_good && offset < end && !is_decided(scan, a))
		r = look_at(scan, a, index, &offset, false, ret_end, &is_good);
	return r;
}

static int look_through_segment(struct wr_scan *scan, struct ahead *a, uint32_t index,
				uint64_t offset)
{
	bool is_end = false, is_good;
	int r = 0;

	a->counted_bytes = a->trimmed_bytes;
	a->counted_from = offset;
	a->stale_end = 0;
	while (r == 0 && !is_end && offset < scan->segment_bytes && !is_decided(scan, a)) {
		uint64_t from = offset;
		if (a->window_bytes < (uint64_t)WINDOW_CHUNKS * scan->chunk_bytes) {
			r = look_at(scan, a, index, &offset, true, &is_end, &is_good);
			a->window_bytes += offset - from;
			continue;
		}
		r = look_along_extent(scan, a, index, offset, &is_end);
		offset = wr_scan_extent_of(scan, offset) + scan->chunk_bytes;
	}
	return r;
}

/* Everything behind the place, in log order, until it is clear what it means. */
static int look_ahead(struct wr_scan *scan, struct ahead *a)
{
	uint64_t id = wr_scan_at_id(scan);
	int r = 0;

	if (a->index != WR_SCAN_NONE) {
		id = scan->segments[a->index].segment_id;
		r = look_through_segment(scan, a, a->index, a->offset);
	}
	for (uint32_t i = 0; r == 0 && i < scan->segment_count && !is_decided(scan, a); i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->segment_id <= id || (!s->header_valid && !s->first_valid))
			continue;
		if (s->first_valid || a->window_bytes < (uint64_t)WINDOW_CHUNKS * scan->chunk_bytes)
			r = look_through_segment(scan, a, i, WR_BLOCK_BYTES);
	}
	return r;
}

/* --- deciding --------------------------------------------------------------------------------- */

static bool is_before(const struct wr_scan *scan, const struct place *p, uint64_t segment_id,
		      uint64_t offset)
{
	uint64_t id = scan->segments[p->index].segment_id;
	return id < segment_id || (id == segment_id && p->offset < offset);
}

/* A segment that lost its end, or whose header promises more than the file has (R8). */
static bool is_cut_short(const struct wr_scan *scan, const struct ahead *a)
{
	const struct wr_superblock *sb = scan->superblock;

	/* A clean close says that there was no record behind it; recovery then mends the size. */
	if (sb->clean && sb->clean_last_seq == scan->seq - 1 && scan->at != WR_SCAN_NONE &&
	    scan->segments[scan->at].header_valid)
		return false;
	if (a->index != WR_SCAN_NONE)
		return a->is_cut || (a->has_header && a->offset + a->header.batch_bytes >
							      scan->segments[a->index].file_bytes);
	/* At the end of a segment: the next one may be a file of which nothing is left. */
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->header_valid && s->segment_id > wr_scan_at_id(scan) &&
		    s->file_bytes < 2 * WR_BLOCK_BYTES)
			return true;
	}
	return false;
}

static void stop_at(struct wr_scan *scan, const struct ahead *a, const struct place *follower)
{
	struct wr_scan_stop *stop = &scan->stop;

	*stop = (struct wr_scan_stop){
		.index = a->index,
		.offset = a->offset,
		.first_seq = scan->seq,
		.follower_index = WR_SCAN_NONE,
	};
	if (a->broken.index != WR_SCAN_NONE) {
		stop->index = a->broken.index;
		stop->offset = a->broken.offset;
	} else if (a->index == WR_SCAN_NONE) {
		stop->index = scan->at;
		stop->offset = scan->offset;
	}
	if (stop->index != WR_SCAN_NONE)
		stop->segment_id = scan->segments[stop->index].segment_id;
	if (follower == NULL || follower->index == WR_SCAN_NONE)
		return;
	stop->follower_index = follower->index;
	stop->follower_offset = follower->offset;
	stop->follower = follower->header;
	if (a->index != WR_SCAN_NONE || a->broken.index != WR_SCAN_NONE)
		return;
	/* Behind the end of one segment, before the follower: is a file there, or is it gone? */
	stop->missing_segment = true;
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (!s->header_valid || s->segment_id <= wr_scan_at_id(scan) ||
		    s->segment_id > scan->segments[follower->index].segment_id ||
		    (i == follower->index && follower->offset == WR_BLOCK_BYTES) || s->first_stale)
			continue;
		stop->missing_segment = false;
		stop->index = i;
		stop->segment_id = s->segment_id;
		stop->offset = WR_BLOCK_BYTES;
		break;
	}
}

static uint32_t find_id(const struct wr_scan *scan, uint64_t segment_id)
{
	for (uint32_t i = 0; i < scan->segment_count; i++)
		if (scan->segments[i].segment_id == segment_id)
			return i;
	return WR_SCAN_NONE;
}

/* R11: nothing is left that could say how much was in it; only a clean close has counted. */
static int lost_segment(struct wr_scan *scan, uint64_t lost_id)
{
	const struct wr_superblock *sb = scan->superblock;
	bool is_counted = sb->clean && sb->clean_last_seq >= scan->seq;

	scan->stop = (struct wr_scan_stop){
		.index = find_id(scan, lost_id),
		.segment_id = lost_id,
		.lost_id = lost_id,
		.first_seq = scan->seq,
		.end_seq = is_counted ? sb->clean_last_seq + 1 : UINT64_MAX,
		.missing_segment = true,
		.follower_index = WR_SCAN_NONE,
	};
	return WEIR_E_CORRUPT;
}

static int end_of_log(struct wr_scan *scan, const struct ahead *a)
{
	struct wr_scan_stop *stop = &scan->stop;
	uint64_t lost_id = 0;

	stop_at(scan, a, NULL);
	if (wr_scan_is_at_clean_end(scan))
		return 0;
	int r = wr_scan_lost_above(scan, wr_scan_at_id(scan), &lost_id);
	if (r < 0)
		return r;
	if (lost_id != 0)
		return lost_segment(scan, lost_id);
	stop->valid_batch_followed = a->same.index != WR_SCAN_NONE;
	stop->torn = a->written;
	stop->trimmed_bytes = a->trimmed_bytes;
	stop->leftover_end = a->leftover_end;
	return 0;
}

/* How far the damage at scan->stop goes; UINT64_MAX where nothing behind it is left to say so. */
static uint64_t end_of_damage(const struct wr_scan *scan, const struct ahead *a)
{
	const struct wr_scan_stop *stop = &scan->stop;
	uint64_t end_seq = a->durable_seq >= scan->seq ? a->durable_seq + 1 : 0;

	if (stop->follower_index != WR_SCAN_NONE)
		return stop->follower.first_seq;
	/* With the end of the file went what stood behind this batch too, and nobody counted it. */
	if (stop->short_file && !scan->superblock->clean)
		return UINT64_MAX;
	if (a->has_header)
		end_seq = wr_max_u64(end_seq, a->header.first_seq + a->header.record_count);
	else if (a->broken.index != WR_SCAN_NONE)
		end_seq = wr_max_u64(end_seq, scan->seq + a->broken.header.record_count);
	return end_seq != 0 ? end_seq : UINT64_MAX;
}

static int corrupt(struct wr_scan *scan, const struct ahead *a, const struct place *follower)
{
	struct wr_scan_stop *stop = &scan->stop;

	stop_at(scan, a, follower);
	if (WR_BUG(MISSING_SEGMENT_PASSED) && stop->missing_segment)
		return end_of_log(scan, a);
	if (scan->live && !(scan->refreshed && scan->refreshed_seq == scan->seq)) {
		/* L36: the owner may have written it while this walk looked at what follows. */
		scan->refreshed = true;
		scan->refreshed_seq = scan->seq;
		int r = wr_scan_refresh(scan);
		return r < 0 ? r : 1;
	}
	int r = wr_scan_is_retired(scan, scan->seq);
	if (r > 0) {
		/* Nor is it damage if it was retired and used again while this walk came to it. */
		r = wr_scan_refresh(scan);
		return r < 0 ? r : WEIR_E_AGAIN;
	}
	if (r == 0)
		r = wr_scan_lost_above(scan, wr_scan_at_id(scan), &stop->lost_id);
	if (r < 0)
		return r;
	if (stop->lost_id != 0 && stop->follower_index == WR_SCAN_NONE)
		return lost_segment(scan, stop->lost_id);
	if (!stop->missing_segment)
		stop->lost_id = 0;
	stop->short_file = is_cut_short(scan, a);
	stop->end_seq = end_of_damage(scan, a);
	return WEIR_E_CORRUPT;
}

/* Goes on at a batch of the same epoch: nothing with a record in it stood between. */
static int resume_at(struct wr_scan *scan, const struct place *p)
{
	scan->at = p->index;
	scan->offset = p->offset;
	scan->any_chain = true;
	return 1;
}

/* An epoch start may say anything, whatever its checksums are. */
static bool is_a_place(const struct wr_scan *scan, uint64_t offset)
{
	return offset >= WR_BLOCK_BYTES && offset <= scan->segment_bytes &&
	       offset % WR_BLOCK_BYTES == 0;
}

/* The end of epoch e is on record, and the walk has not come to it. */
static int judge_by_end(struct wr_scan *scan, struct ahead *a)
{
	const struct wr_epoch_start *end = &a->end;
	bool same_counts = a->same.index != WR_SCAN_NONE &&
			   is_before(scan, &a->same, end->end_segment_id, end->end_offset) &&
			   a->same.header.first_seq <= end->last_seq + 1;

	if (same_counts && a->same.header.first_seq == scan->seq)
		return resume_at(scan, &a->same);
	if (same_counts)
		return corrupt(scan, a, &a->same);
	uint32_t index = find_id(scan, end->end_segment_id);
	uint64_t at_id = wr_scan_at_id(scan);
	bool is_ahead = end->end_segment_id > at_id ||
			(end->end_segment_id == at_id && end->end_offset > scan->offset);
	if (end->last_seq == scan->seq - 1 && index != WR_SCAN_NONE && is_ahead &&
	    is_a_place(scan, end->end_offset)) {
		/* Fillers or evidence, nothing else: to the end, where the start will fit. */
		scan->at = index;
		scan->offset = end->end_offset;
		scan->chain = end->header_crc;
		scan->has_link = false;
		scan->any_chain = false;
		return 1;
	}
	return corrupt(scan, a, &a->later);
}

int wr_scan_judge(struct wr_scan *scan, uint32_t index, uint64_t offset)
{
	struct ahead a = {
		.index = index,
		.offset = offset,
		.same.index = WR_SCAN_NONE,
		.later.index = WR_SCAN_NONE,
		.broken.index = WR_SCAN_NONE,
		.durable_seq = scan->durable_seq,
	};
	note_end_from_table(scan, &a);
	int r = look_ahead(scan, &a);

	if (r < 0)
		return r;
	scan->durable_seq = a.durable_seq;
	if (a.has_claim) {
		scan->jump_index = a.claim.index;
		scan->jump_offset = a.claim.offset;
		return 1;
	}
	if (a.has_end)
		return judge_by_end(scan, &a);
	if (WR_BUG(TRIMS_THE_DURABLE))
		return end_of_log(scan, &a);
	/* The epoch's own word, or anybody's when no later epoch is to be seen. */
	bool is_proved = a.durable_seq_same >= scan->seq ||
			 (a.durable_seq >= scan->seq && a.later.index == WR_SCAN_NONE);
	if (a.same.index != WR_SCAN_NONE && is_proved)
		return a.same.header.first_seq == scan->seq ? resume_at(scan, &a.same)
							    : corrupt(scan, &a, &a.same);
	if (a.durable_seq >= scan->seq)
		return corrupt(scan, &a, a.later.index != WR_SCAN_NONE ? &a.later : &a.same);
	if (is_cut_short(scan, &a))
		return corrupt(scan, &a, NULL);
	return end_of_log(scan, &a);
}
