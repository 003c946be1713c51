/* SPDX-License-Identifier: Apache-2.0 */
/* See verify_live.h. */
#include "core/journal/verify_live.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/journal/verify.h"

#define LOOKS_MAX 8u
#define OVERTAKEN_MAX 64u
#define LISTS_MAX 8u /* until a segment that is on record is believed to be lost */

int wr_verify_live_batch(struct wr_verify_live *live, const struct wr_scan_batch *batch)
{
	const struct wr_batch_header *h = batch->header;

	if (h->segment_id < live->at_id ||
	    (h->segment_id == live->at_id && batch->offset < live->at_offset))
		return 0;
	if (live->bound_id != 0 && h->segment_id > live->bound_id)
		return -1;
	live->at_id = h->segment_id;
	live->at_offset = batch->offset + h->batch_bytes + h->skip_bytes;
	live->looks = live->overtaken_count = 0;
	live->has_suspect = false;
	return 1;
}

/* The superblock as it is now: 1: it is another than the walk began with; 0; or a code. */
static int has_moved_on(struct wr_scan *scan, struct wr_superblock *ret_superblock)
{
	int r = wr_verify_superblock(scan->storage, scan->memory, ret_superblock, NULL);

	if (r < 0)
		return r;
	if (memcmp(ret_superblock->uuid, scan->superblock->uuid, WR_UUID_BYTES) != 0)
		return -ESTALE;
	return ret_superblock->version != scan->superblock->version;
}

/* What the walk has come to is accepted, in the new list too. */
static void accept_seen(const struct wr_verify_live *live, struct wr_scan *scan)
{
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		struct wr_scan_segment *s = &scan->segments[i];
		if (s->first_valid && !s->excluded)
			s->accepted = s->segment_id <= live->at_id;
	}
}

/*
 * With the youngest whose first batch is not beyond the sequence; else where a walk begins, which
 * leaves out what lies between.
 */
static int begin_at(const struct wr_verify_live *live, struct wr_scan *scan, uint64_t seq)
{
	uint32_t found = WR_SCAN_NONE;

	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->first_valid && !s->excluded && s->first.first_seq <= seq)
			found = i;
	}
	if (found == WR_SCAN_NONE && live->is_dense && live->at_id != 0)
		return WEIR_E_AGAIN;
	if (found == WR_SCAN_NONE)
		return wr_scan_begin(scan, live->may_have_retired);
	wr_scan_from_segment(scan, found);
	return 0;
}

/* Where the walk stood before, if its segment is there. */
static bool stand_again(struct wr_scan *scan, const struct wr_scan *before, uint64_t at_id)
{
	for (uint32_t i = 0; at_id != 0 && i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->segment_id != at_id || s->excluded || (!s->first_valid && !s->header_valid))
			continue;
		scan->at = i;
		scan->offset = before->offset;
		scan->seq = before->seq;
		scan->chain = before->chain;
		scan->epoch = before->epoch;
		scan->any_chain = before->any_chain;
		return true;
	}
	return false;
}

/* The directory and the superblock anew; what was attested stays so. */
static int list_anew(const struct wr_verify_live *live, struct wr_scan *scan,
		     struct wr_superblock *superblock, const struct wr_superblock *now)
{
	const struct wr_scan before = *scan;

	wr_scan_close(scan, false);
	*superblock = *now;
	int r = wr_scan_open(scan, before.storage, before.memory, superblock, before.log_id, true);
	scan->durable_seq = wr_max_u64(scan->durable_seq, before.durable_seq);
	scan->read_bytes += before.read_bytes;
	if (r == 0)
		accept_seen(live, scan);
	return r;
}

static bool is_same(const struct wr_scan_stop *a, const struct wr_scan_stop *b)
{
	return a->segment_id == b->segment_id && a->offset == b->offset &&
	       a->first_seq == b->first_seq && a->lost_id == b->lost_id;
}

int wr_verify_live_damage(struct wr_verify_live *live, struct wr_scan *scan,
			  struct wr_superblock *superblock)
{
	struct wr_superblock now;
	bool was_seen = live->has_suspect && is_same(&live->suspect, &scan->stop);

	live->has_suspect = true;
	live->suspect = scan->stop;
	if (was_seen || live->looks++ == LOOKS_MAX || WR_BUG(DAMAGE_AT_FIRST_SIGHT))
		return 1;
	int r = has_moved_on(scan, &now);
	if (r < 0)
		return r;
	/* A packed one's plain file is used again before the superblock is written. */
	if (r == 0 && (now.features_must & WR_SUPERBLOCK_PACKED) == 0)
		return 1;
	const struct wr_scan before = *scan;
	uint64_t at_id = wr_scan_at_id(scan);
	r = list_anew(live, scan, superblock, &now);
	if (r < 0 || stand_again(scan, &before, at_id))
		return r;
	return begin_at(live, scan, before.stop.first_seq);
}

static uint64_t newest_id(const struct wr_scan *scan)
{
	for (uint32_t i = scan->segment_count; i-- > 0;)
		if (scan->segments[i].first_valid && !scan->segments[i].excluded)
			return scan->segments[i].segment_id;
	return 0;
}

/* `last_id` has left the log: on with the oldest that the walk has not been in. */
static int go_on_behind(struct wr_verify_live *live, struct wr_scan *scan, uint64_t last_id)
{
	uint32_t next = WR_SCAN_NONE;

	live->is_overtaken = true;
	if (live->is_dense)
		return WEIR_E_AGAIN;
	for (uint32_t i = scan->segment_count; i-- > 0;) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->first_valid && !s->excluded && s->segment_id > last_id)
			next = i;
	}
	if (next == WR_SCAN_NONE || scan->segments[next].segment_id > live->bound_id)
		return WR_VERIFY_ENDS;
	wr_scan_from_segment(scan, next);
	return WR_VERIFY_GOES_ON;
}

int wr_verify_live_overtaken(struct wr_verify_live *live, struct wr_scan *scan,
			     struct wr_superblock *superblock, uint64_t last_id)
{
	struct wr_scan before = *scan;
	struct wr_superblock now;

	for (uint32_t lists = 0; lists < LISTS_MAX; lists++) {
		if (live->overtaken_count++ == OVERTAKEN_MAX)
			return WEIR_E_AGAIN;
		int r = has_moved_on(scan, &now);
		if (r >= 0)
			r = list_anew(live, scan, superblock, &now);
		if (r < 0)
			return r;
		if (live->bound_id == 0)
			live->bound_id = newest_id(scan);
		if (last_id < now.oldest_segment_id || last_id == 0 || WR_BUG(PACKED_PASSED_OVER))
			return go_on_behind(live, scan, last_id);
		if (stand_again(scan, &before, last_id))
			return WR_VERIFY_STANDS;
		/* Packed between the reading of the names and that of the files. */
	}
	int r = begin_at(live, scan, before.seq);
	return r < 0 ? r : WR_VERIFY_LOOKS;
}
