/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where recovery begins to read. A checkpoint makes the log below it unnecessary for recovery, but
 * not for readers: so what two blocks of each segment can tell of that part is looked at all the
 * same (is the oldest needed segment there, does each segment still have its first batch?), and
 * nothing else of it is read.
 *
 * A checkpoint is used when its batch stands where it says, with that header checksum, and its body
 * is whole. Otherwise the older one, otherwise the whole log. Without any checkpoint, and none that
 * may have rotted, nothing was ever retired, unless the superblock says so: the log begins with
 * sequence 1. What the superblock
 * says of the segments (scan_range.c) is asked in any case.
 *
 * Thread: the one that opens. Blocks.
 */
#include "core/journal/recovery_run.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/record/section.h"

/* --- the checkpoint --------------------------------------------------------------------------- */

static uint32_t find_segment(const struct wr_scan *scan, uint64_t segment_id)
{
	for (uint32_t i = 0; i < scan->segment_count; i++)
		if (scan->segments[i].segment_id == segment_id)
			return i;
	return WR_SCAN_NONE;
}

/* 1 and the batch that the checkpoint names, 0 when it is not there. */
static int find_batch(struct wr_scan *scan, const struct wr_checkpoint_header *c,
		      uint32_t *ret_index, struct wr_batch_header *ret_header,
		      uint64_t *ret_time_us)
{
	enum wr_batch_verdict verdict;
	struct wr_scan_batch batch;
	bool is_short;

	*ret_index = find_segment(scan, c->segment_id);
	if (*ret_index == WR_SCAN_NONE || scan->segments[*ret_index].excluded ||
	    c->segment_offset < WR_BLOCK_BYTES || c->segment_offset >= scan->segment_bytes ||
	    c->segment_offset % WR_BLOCK_BYTES != 0)
		return 0;
	int r = wr_scan_batch(scan, *ret_index, c->segment_offset, &verdict, &batch, &is_short);
	if (r < 0)
		return r;
	if (verdict != WR_BATCH_VALID && verdict != WR_BATCH_BAD_BODY)
		return 0;
	const struct wr_batch_header *h = batch.header;
	if (h->header_crc != c->batch_header_crc ||
	    h->first_seq + h->record_count != c->last_seq + 1)
		return 0;
	*ret_header = *h;
	*ret_time_us = h->time_base_us;
	const uint8_t *body = batch.bytes + WR_BATCH_HEADER_BYTES;
	uint32_t at = 0;
	struct wr_record_view view;
	while (verdict == WR_BATCH_VALID && at < h->body_bytes &&
	       wr_record_view(body + at, h->body_bytes - at, &view)) {
		*ret_time_us = wr_max_u64(*ret_time_us, h->time_base_us + view.head->time_delta_us);
		at += wr_record_stride(view.head->bytes);
	}
	return 1;
}

/* Whether the sections of a body hang together, before any of them is fed. */
static bool sections_are_sound(const uint8_t *body, uint32_t body_bytes)
{
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;
	int r;

	do {
		r = wr_section_next(body, body_bytes, &at, &header, &bytes);
	} while (r == 1);
	return r == 0;
}

static int feed_sections(struct wr_recovery_run *run, const uint8_t *body, uint32_t body_bytes)
{
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;

	while (wr_section_next(body, body_bytes, &at, &header, &bytes) == 1) {
		run->fed = true;
		int r = run->sink->section(run->sink->context, header.module, header.version,
					   header.part, bytes, header.bytes);
		if (r != 0)
			return wr_recovery_fail(run, r, "checkpoint",
						"a section of the checkpoint was refused");
	}
	return 0;
}

/* 1: used; 0: unusable. */
static int try_checkpoint(struct wr_recovery_run *run, uint32_t copy)
{
	struct wr_checkpoint_found *c = &run->checkpoints[copy];
	struct wr_batch_header header;
	uint64_t time_us;
	uint32_t index;
	uint8_t *body;
	size_t bytes;

	int r = find_batch(&run->scan, &c->header, &index, &header, &time_us);
	if (r <= 0)
		return r;
	r = wr_checkpoint_body(run->storage, run->memory, c, &body, &bytes);
	if (r == WEIR_E_CORRUPT)
		return 0;
	if (r < 0)
		return r;
	bool sound = sections_are_sound(body, c->header.body_bytes);
	r = sound ? feed_sections(run, body, c->header.body_bytes) : 0;
	run->memory->ops->free(run->memory, body, bytes);
	if (r != 0 || !sound)
		return r;
	wr_scan_behind(&run->scan, index, &header);
	run->scan.segments[index].accepted = true;
	run->start_segment_id = c->header.segment_id;
	run->used_copy = copy;
	run->report->checkpoint_seq = c->header.last_seq;
	run->report->last_time_us = time_us;
	return 1;
}

/* --- what lies below -------------------------------------------------------------------------- */

static int below_is_damaged(struct wr_recovery_run *run, uint32_t index, uint64_t first_seq,
			    uint64_t end_seq, bool missing)
{
	struct wr_scan *scan = &run->scan;

	scan->stop = (struct wr_scan_stop){
		.index = index,
		.segment_id = index == WR_SCAN_NONE ? 0 : scan->segments[index].segment_id,
		.offset = WR_BLOCK_BYTES,
		.first_seq = first_seq,
		.end_seq = end_seq,
		.missing_segment = missing,
		.follower_index = WR_SCAN_NONE,
	};
	return WEIR_E_CORRUPT;
}

/*
 * No segment has its first batch, and none shows another one near it: what the record says is the
 * oldest is not there. The walk would say so; one that begins behind it, at a checkpoint, does not.
 */
static int none_has_a_beginning(struct wr_recovery_run *run)
{
	uint64_t oldest_id, oldest_seq;
	int r = wr_scan_oldest_recorded(&run->scan, &oldest_id, &oldest_seq);

	if (r < 0 || run->start_segment_id == 0 || oldest_seq >= run->scan.seq)
		return r;
	return below_is_damaged(run, find_segment(&run->scan, oldest_id), oldest_seq, run->scan.seq,
				false);
}

/* Retention never passes what a checkpoint says is needed, nor the checkpoint itself (L30). */
static int check_oldest(struct wr_recovery_run *run)
{
	uint32_t oldest = wr_scan_oldest(&run->scan);

	if (oldest == WR_SCAN_NONE)
		return none_has_a_beginning(run);
	uint64_t first_seq = run->scan.segments[oldest].first.first_seq;
	uint64_t needed_seq = UINT64_MAX, oldest_seq = UINT64_MAX, oldest_id = 0;
	/* Where the walk begins in front of it, the walk says exactly what is missing. */
	bool is_walked = run->start_segment_id == 0 && run->scan.at != oldest;
	int r = is_walked ? 0 : wr_scan_oldest_recorded(&run->scan, &oldest_id, &oldest_seq);

	if (r < 0)
		return r;
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		const struct wr_checkpoint_header *c = &run->checkpoints[copy].header;
		if (run->checkpoints[copy].verdict == WR_BLOCK_VALID)
			needed_seq = wr_min_u64(
				needed_seq, wr_min_u64(wr_max_u64(c->needed_seq, 1), c->last_seq));
	}
	if (first_seq <= wr_min_u64(needed_seq, oldest_seq))
		return 0;
	r = below_is_damaged(run, WR_SCAN_NONE, wr_min_u64(needed_seq, oldest_seq), first_seq,
			     true);
	run->scan.stop.lost_id = first_seq > oldest_seq ? oldest_id : 0;
	return r;
}

/* The oldest segment has lost its first batch. */
static int oldest_is_headless(struct wr_recovery_run *run, uint32_t index)
{
	uint64_t first_seq, end_seq;
	int r = wr_scan_headless_range(&run->scan, index, &first_seq, &end_seq);

	return r < 0 ? r : below_is_damaged(run, index, first_seq, end_seq, false);
}

/* The newest segment below this id that is part of the log, or WR_SCAN_NONE. */
static uint32_t segment_before(const struct wr_scan *scan, uint64_t segment_id)
{
	uint32_t before = WR_SCAN_NONE;

	for (uint32_t i = 0; i < scan->segment_count; i++)
		if (scan->segments[i].segment_id < segment_id && scan->segments[i].first_valid &&
		    !scan->segments[i].excluded)
			before = i;
	return before;
}

/* Walks through what lies between a segment and this id: the walk says what is missing there. */
static int walk_to(struct wr_recovery_run *run, uint32_t from_index, uint64_t segment_id)
{
	struct wr_scan *scan = &run->scan;
	struct wr_scan behind = *scan;
	struct wr_scan_batch batch;
	int r;

	wr_scan_from_segment(scan, from_index);
	do {
		r = wr_scan_next(scan, &batch);
	} while (r == 1 && scan->segments[batch.index].segment_id <= segment_id);
	if (r < 0)
		return r;
	scan->stop.torn = false;
	scan->at = behind.at;
	scan->offset = behind.offset;
	scan->seq = behind.seq;
	scan->chain = behind.chain;
	scan->has_link = behind.has_link;
	memcpy(scan->link, behind.link, sizeof scan->link);
	scan->epoch = behind.epoch;
	scan->any_chain = behind.any_chain;
	return 0;
}

/* A segment lost its first batch: walks to it from the one before. */
static int check_headless(struct wr_recovery_run *run)
{
	struct wr_scan *scan = &run->scan;
	uint32_t headless;
	int r = wr_scan_find_headless(scan, run->start_segment_id, &headless);

	if (r < 0 || headless == WR_SCAN_NONE)
		return r;
	uint64_t id = scan->segments[headless].segment_id;
	uint32_t before = segment_before(scan, id);
	return before == WR_SCAN_NONE ? oldest_is_headless(run, headless)
				      : walk_to(run, before, id);
}

/* A segment that is recorded and was written to is gone (R11); the oldest is check_oldest()'s. */
static int check_lost(struct wr_recovery_run *run)
{
	uint64_t lost_id;
	int r = wr_scan_lost_below(&run->scan, run->start_segment_id, &lost_id);

	if (r < 0 || lost_id == 0)
		return r;
	/* From itself, if only its end is gone. */
	uint32_t before = segment_before(&run->scan, lost_id + 1);
	return before == WR_SCAN_NONE ? 0 : walk_to(run, before, lost_id);
}

/* --- the choice ------------------------------------------------------------------------------- */

int wr_recovery_choose_start(struct wr_recovery_run *run)
{
	struct wr_checkpoint_found *c = run->checkpoints;
	struct wr_scan *scan = &run->scan;
	int r = wr_checkpoints_read(run->storage, &run->superblock, run->options->log_id,
				    scan->probe, c);

	run->used_copy = WR_CHECKPOINT_COPIES;
	run->start_segment_id = 0;
	if (r < 0) {
		scan->failed_reading = "a checkpoint";
		return r;
	}
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		if (c[copy].verdict != WR_BLOCK_VALID)
			continue;
		scan->durable_seq = wr_max_u64(scan->durable_seq, c[copy].header.last_seq);
		scan->highest_id = wr_max_u64(scan->highest_id, c[copy].header.segment_id);
	}
	uint32_t newer =
		c[0].verdict != WR_BLOCK_VALID ||
		(c[1].verdict == WR_BLOCK_VALID && c[1].header.last_seq > c[0].header.last_seq);
	if (WR_BUG(OLDER_CHECKPOINT))
		newer ^= 1;
	for (uint32_t i = 0; r == 0 && i < WR_CHECKPOINT_COPIES; i++)
		if (c[newer ^ i].verdict == WR_BLOCK_VALID)
			r = try_checkpoint(run, newer ^ i);
	wr_checkpoints_close(run->storage, c);
	if (r < 0)
		return r;
	if (r == 0)
		r = wr_scan_begin(scan, c[0].verdict != WR_BLOCK_ZERO ||
						c[1].verdict != WR_BLOCK_ZERO ||
						run->superblock.oldest_seq > 1);
	else
		r = check_headless(run);
	if (r == 0 && run->start_segment_id != 0)
		r = check_lost(run);
	return r < 0 ? r : check_oldest(run);
}

/*
 * What an event did that was left out is in the tables of a checkpoint, and nowhere else: events
 * are left out below both of them. Who only looks may pass over it.
 */
static int feed_left_out(struct wr_recovery_run *run, uint64_t seq)
{
	char text[sizeof run->problem->text];

	if (run->options->read_only)
		return 0;
	run->report->corrupt_first_seq = seq;
	run->report->corrupt_end_seq = seq + 1;
	(void)snprintf(text, sizeof text,
		       "no checkpoint is whole, and events were left out, the first at %llu: what "
		       "they did is not known any more, nothing was changed",
		       (unsigned long long)seq);
	return wr_recovery_fail(run, WEIR_E_CORRUPT, "checkpoint", text);
}

int wr_recovery_feed(struct wr_recovery_run *run, uint64_t seq, uint32_t epoch, uint64_t time_us,
		     const struct wr_record_view *view)
{
	if (view->head->kind == WR_KIND_LEFT_OUT && run->used_copy == WR_CHECKPOINT_COPIES)
		return feed_left_out(run, seq);
	run->fed = true;
	int r = run->sink->record(run->sink->context, seq, epoch, time_us, view);
	return r == 0 ? 0 : wr_recovery_fail(run, r, "record", "a record was refused");
}
