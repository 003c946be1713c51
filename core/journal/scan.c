/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: takes batch after batch as long as each is what has to come next. See scan.h.
 *
 * An epoch that starts in a segment of its own says where its predecessor ended, and that is known
 * before the walk begins (the first batch of every segment was read). So the walk asks first
 * whether some epoch claims the place where it stands, and only then looks what is there: what a
 * crash left behind the end of an epoch is not even looked at (R6).
 *
 * Every step moves the place forward, in segment id and offset: the walk ends.
 * Thread: see scan.h.
 */
#include "core/journal/scan.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/base/crc32c.h"

#define READ_BYTES_MAX (1u << 20)
#define TRIES_MAX 64u

/* --- bytes ------------------------------------------------------------------------------------ */

/* A packed extent comes whole, or not at all. */
static int fill_packed(struct wr_scan *scan, const struct wr_scan_segment *segment)
{
	const struct wr_unpack_source from = {scan->storage, segment->file, segment->segment_id};
	uint64_t index = (scan->buffer_extent - WR_BLOCK_BYTES) / scan->chunk_bytes;
	int r = wr_unpack_extent(&scan->unpack, &from, index, scan->buffer);

	if (r < 0 && wr_scan_is_gone(scan, r))
		return 0; /* none of it is there */
	if (r < 0) {
		scan->failed_reading = "a packed segment";
		return r;
	}
	scan->lo = 0;
	scan->hi = scan->chunk_bytes;
	scan->read_bytes += scan->chunk_bytes;
	return 0;
}

static int fill(struct wr_scan *scan, uint32_t to, bool ahead)
{
	const struct wr_scan_segment *segment = &scan->segments[scan->buffer_index];

	if (segment->packed)
		return scan->hi < to ? fill_packed(scan, segment) : 0;
	while (scan->hi < to) {
		uint32_t length = (ahead ? scan->chunk_bytes : to) - scan->hi;
		if (length > READ_BYTES_MAX)
			length = READ_BYTES_MAX;
		int64_t n = scan->storage->ops->read(scan->storage, segment->file,
						     scan->buffer + scan->hi, length,
						     scan->buffer_extent + scan->hi);
		if (n < 0 && wr_scan_is_gone(scan, (int)n))
			break;
		if (n < 0) {
			scan->failed_reading = "a segment";
			return (int)n;
		}
		scan->hi += (uint32_t)n;
		scan->read_bytes += (uint64_t)n;
		if ((uint32_t)n < length)
			break; /* the end of the file */
	}
	return 0;
}

int wr_scan_bytes(struct wr_scan *scan, uint32_t index, uint64_t offset, uint32_t want_bytes,
		  bool ahead, const uint8_t **ret_bytes, uint32_t *ret_available_bytes)
{
	uint64_t extent = wr_scan_extent_of(scan, offset);
	uint32_t at = (uint32_t)(offset - extent);

	WR_ASSERT(want_bytes <= scan->chunk_bytes - at);
	if (scan->buffer_index != index || scan->buffer_extent != extent || at < scan->lo ||
	    at > scan->hi) {
		scan->buffer_index = index;
		scan->buffer_extent = extent;
		scan->lo = scan->hi = at;
	}
	int r = fill(scan, at + want_bytes, ahead);
	if (r < 0) {
		scan->buffer_index = WR_SCAN_NONE;
		return r;
	}
	uint32_t available = scan->hi > at ? scan->hi - at : 0;
	*ret_bytes = scan->buffer + at;
	*ret_available_bytes = available < want_bytes ? available : want_bytes;
	/* The next read continues at hi, which stays a multiple of a block. */
	if (scan->hi % WR_BLOCK_BYTES != 0)
		scan->buffer_index = WR_SCAN_NONE;
	return 0;
}

/* --- one batch -------------------------------------------------------------------------------- */

enum wr_batch_verdict wr_scan_check_header(const struct wr_scan *scan, const uint8_t *bytes,
					   uint64_t segment_id, uint64_t offset)
{
	const struct wr_batch_place place = {
		.uuid = scan->superblock->uuid,
		.log_id = scan->log_id,
		.segment_id = segment_id,
		.segment_offset = offset,
	};
	enum wr_batch_verdict verdict =
		wr_batch_check_header(bytes, wr_scan_extent_rest(scan, offset), &place);
	struct wr_batch_header h;

	if (verdict != WR_BATCH_VALID)
		return verdict == WR_BATCH_TOO_SHORT ? WR_BATCH_BAD_HEADER : verdict;
	memcpy(&h, bytes, sizeof h);
	return wr_place_is_sound(&h, wr_scan_extent_rest(scan, offset)) ? WR_BATCH_VALID
									: WR_BATCH_BAD_HEADER;
}

uint32_t wr_scan_stale_bytes(const struct wr_scan *scan, const uint8_t *bytes, uint64_t segment_id,
			     uint64_t offset)
{
	struct wr_batch_header h;

	memcpy(&h, bytes, sizeof h);
	if (h.magic != WR_BATCH_MAGIC || h.segment_id == 0 || h.segment_id == segment_id ||
	    wr_scan_check_header(scan, bytes, h.segment_id, offset) != WR_BATCH_VALID)
		return 0;
	return h.batch_bytes + h.skip_bytes;
}

int wr_scan_batch(struct wr_scan *scan, uint32_t index, uint64_t offset,
		  enum wr_batch_verdict *ret_verdict, struct wr_scan_batch *ret_batch,
		  bool *ret_short)
{
	const struct wr_batch_place place = {
		.uuid = scan->superblock->uuid,
		.log_id = scan->log_id,
		.segment_id = scan->segments[index].segment_id,
		.segment_offset = offset,
	};
	const uint8_t *bytes;
	uint32_t available;
	int r = wr_scan_bytes(scan, index, offset, WR_BLOCK_BYTES, true, &bytes, &available);

	*ret_short = available < WR_BLOCK_BYTES;
	*ret_verdict = WR_BATCH_ZERO;
	if (r < 0 || available < WR_BLOCK_BYTES)
		return r;
	*ret_verdict = wr_scan_check_header(scan, bytes, place.segment_id, offset);
	if (*ret_verdict != WR_BATCH_VALID)
		return 0;
	const struct wr_batch_header *header = (const void *)bytes;
	*ret_batch = (struct wr_scan_batch){bytes, header, index, offset, {0, 0}};
	if (header->batch_bytes > WR_BLOCK_BYTES) {
		uint32_t batch_bytes = header->batch_bytes;
		r = wr_scan_bytes(scan, index, offset, batch_bytes, true, &bytes, &available);
		if (r < 0)
			return r;
		*ret_short = available < batch_bytes;
		if (*ret_short) {
			*ret_verdict = WR_BATCH_BAD_BODY;
			return 0;
		}
	}
	*ret_verdict = wr_batch_check_records(bytes, wr_scan_extent_rest(scan, offset), &place,
					      &ret_batch->records);
	return 0;
}

/* --- the state -------------------------------------------------------------------------------- */

void wr_scan_from_segment(struct wr_scan *scan, uint32_t index)
{
	const struct wr_scan_segment *segment = &scan->segments[index];

	scan->at = index;
	scan->offset = WR_BLOCK_BYTES;
	scan->seq = segment->first.first_seq;
	scan->chain = segment->first.chain;
	scan->has_link = false;
	scan->epoch = segment->first.epoch;
	scan->any_chain = false;
}

void wr_scan_behind(struct wr_scan *scan, uint32_t index, const struct wr_batch_header *header)
{
	scan->at = index;
	scan->offset = header->segment_offset + header->batch_bytes + header->skip_bytes;
	scan->seq = header->first_seq + header->record_count;
	scan->chain = header->header_crc;
	scan->has_link = (header->features_may & WR_BATCH_LINKED) != 0;
	memcpy(scan->link, header->link, sizeof scan->link);
	scan->epoch = header->epoch;
	scan->any_chain = false;
}

bool wr_scan_skip(struct wr_scan *scan)
{
	const struct wr_scan_stop *stop = &scan->stop;

	if (stop->follower_index == WR_SCAN_NONE)
		return false;
	scan->at = stop->follower_index;
	scan->offset = stop->follower_offset;
	scan->seq = stop->follower.first_seq;
	scan->epoch = stop->follower.epoch;
	scan->any_chain = true;
	scan->has_link = false;
	return true;
}

static bool chain_fits(const struct wr_scan *scan, const struct wr_batch_header *h)
{
	return scan->any_chain || h->chain == scan->chain || WR_BUG(CHAIN_UNCHECKED);
}

bool wr_scan_start_matches(const struct wr_scan *scan, const struct wr_batch_header *h,
			   const struct wr_epoch_start *start)
{
	return h->epoch > scan->epoch && h->first_seq == scan->seq && chain_fits(scan, h) &&
	       start->last_seq == scan->seq - 1 && start->epoch == scan->epoch &&
	       start->end_segment_id == wr_scan_at_id(scan) && start->end_offset == scan->offset &&
	       (scan->any_chain || start->header_crc == scan->chain);
}

/*
 * The newest epoch that says that the log went on in a segment of its own from here (R6): a younger
 * one stands in a higher segment.
 */
static uint32_t find_claim(const struct wr_scan *scan)
{
	for (uint32_t i = scan->segment_count; i-- > 0;) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->has_start && s->segment_id > wr_scan_at_id(scan) &&
		    wr_scan_start_matches(scan, &s->first, &s->start))
			return i;
	}
	return WR_SCAN_NONE;
}

/* Where the epoch goes on when a segment is full. */
static uint32_t find_next_segment(const struct wr_scan *scan)
{
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->first_valid && s->segment_id > wr_scan_at_id(scan) &&
		    s->first.epoch == scan->epoch && s->first.first_seq == scan->seq &&
		    chain_fits(scan, &s->first))
			return i;
	}
	return WR_SCAN_NONE;
}

static bool is_next(const struct wr_scan *scan, const struct wr_scan_batch *batch)
{
	const struct wr_batch_header *h = batch->header;
	struct wr_epoch_start start;

	if (h->epoch == scan->epoch)
		return h->first_seq == scan->seq && chain_fits(scan, h);
	return wr_epoch_start_of(batch->bytes, &start) && wr_scan_start_matches(scan, h, &start);
}

/* Who reads ahead may go on with the next segment of the table: only a hint. */
static void tell_next(const struct wr_scan *scan, uint32_t index)
{
	struct wr_storage *storage = scan->storage;

	for (uint32_t i = index + 1; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (!s->first_valid || s->excluded)
			continue;
		storage->ops->follows(storage, scan->segments[index].file, s->file, WR_BLOCK_BYTES);
		return;
	}
}

static void accept(struct wr_scan *scan, const struct wr_scan_batch *batch)
{
	struct wr_scan_segment *segment = &scan->segments[batch->index];

	if (scan->storage->ops->follows != NULL && batch->offset == WR_BLOCK_BYTES)
		tell_next(scan, batch->index);
	if (!segment->first_valid) {
		/* Its first block held no record and is damaged: what follows stands for it. */
		segment->first = *batch->header;
		segment->first_valid = true;
	}
	segment->accepted = true;
	scan->durable_seq = wr_max_u64(scan->durable_seq, batch->header->durable_seq);
	wr_scan_behind(scan, batch->index, batch->header);
}

/*
 * Where the next batch has to be looked for. The state itself stays at the end of the last batch,
 * since that is what an epoch start names. False: nowhere.
 */
static bool find_place(struct wr_scan *scan, uint32_t *ret_index, uint64_t *ret_offset)
{
	uint32_t index = scan->jump_index;

	*ret_offset = scan->jump_offset;
	scan->jump_index = WR_SCAN_NONE;
	if (index == WR_SCAN_NONE) {
		index = find_claim(scan);
		*ret_offset = WR_BLOCK_BYTES;
	}
	if (index == WR_SCAN_NONE && scan->at != WR_SCAN_NONE &&
	    scan->offset < scan->segment_bytes) {
		index = scan->at;
		*ret_offset = scan->offset;
	}
	if (index == WR_SCAN_NONE)
		index = find_next_segment(scan);
	*ret_index = index;
	return index != WR_SCAN_NONE;
}

/* Tries a place. 1: accepted; 0: what stands there is not the next batch. */
static int try_place(struct wr_scan *scan, uint32_t index, uint64_t offset,
		     struct wr_scan_batch *ret_batch)
{
	enum wr_batch_verdict verdict;
	bool is_short;
	int r = wr_scan_batch(scan, index, offset, &verdict, ret_batch, &is_short);

	if (r < 0)
		return r;
	if (verdict == WR_BATCH_UNKNOWN)
		return WEIR_E_FORMAT;
	if (verdict != WR_BATCH_VALID || !is_next(scan, ret_batch))
		return 0;
	accept(scan, ret_batch);
	return 1;
}

int wr_scan_next(struct wr_scan *scan, struct wr_scan_batch *ret_batch)
{
	/* A medium that answers differently each time shall not keep us here. */
	for (uint32_t tries = 0; tries < TRIES_MAX; tries++) {
		uint32_t index;
		uint64_t offset;
		bool is_place = find_place(scan, &index, &offset);
		int r = is_place ? try_place(scan, index, offset, ret_batch) : 0;
		if (r == 0)
			r = wr_scan_judge(scan, is_place ? index : WR_SCAN_NONE, offset);
		else
			return r;
		if (r <= 0)
			return r;
	}
	scan->failed_reading = "a segment that does not keep still";
	return -EIO;
}
