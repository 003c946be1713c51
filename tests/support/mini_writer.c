/* SPDX-License-Identifier: Apache-2.0 */
/* See mini_writer.h. */
#include "tests/support/mini_writer.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/record/epoch.h"
#include "core/record/record.h"
#include "core/record/section.h"

#define SETTLE_BYTES 32u
/* A batch, the filler behind it, and evidence: what one call may push. */
#define COMMITS_A_CALL 3u

void mini_writer_init(struct mini_writer *w, const struct mini_writer_options *options)
{
	memset(w, 0, sizeof *w);
	w->o = *options;
	w->next_seq = options->next_seq;
	w->chain = options->chain;
	w->has_link = options->chain_link != NULL;
	if (w->has_link)
		memcpy(w->link, options->chain_link, sizeof w->link);
	w->time_us = 1000000 * options->next_seq;
	w->chunks =
		aligned_alloc(WR_BLOCK_BYTES, (size_t)options->chunk_bytes * MINI_WRITER_CHUNKS);
	WR_ASSERT(w->chunks != NULL);
}

void mini_writer_fini(struct mini_writer *w)
{
	free(w->chunks);
	w->chunks = NULL;
}

static uint8_t *chunk_bytes(struct mini_writer *w)
{
	return w->chunks + (size_t)w->chunk * w->o.chunk_bytes;
}

static bool has_room(struct mini_writer *w)
{
	return wr_spsc_room_for(&w->o.link->commits_ring, COMMITS_A_CALL) >= COMMITS_A_CALL &&
	       wr_spsc_room_for(&w->o.link->marks_ring, MINI_WRITER_LANES_MAX) >=
		       w->o.link->lane_count;
}

static uint32_t push_marks(struct mini_writer *w)
{
	struct wr_journal_link *link = w->o.link;
	uint32_t count = 0;

	for (uint32_t lane = 0; lane < link->lane_count; lane++) {
		if (!w->touched[lane])
			continue;
		link->marks[wr_spsc_push_index(&link->marks_ring, count)] =
			(struct wr_lane_mark){.lane = lane, .ticket = w->ticket[lane]};
		w->touched[lane] = false;
		count++;
	}
	if (count > 0)
		wr_spsc_push(&link->marks_ring, count);
	return count;
}

/* Seals what stands at batch_at and pushes it. */
static void seal_at(struct mini_writer *w, uint32_t body_bytes, uint32_t skip_bytes,
		    uint64_t end_seq)
{
	struct wr_journal_link *link = w->o.link;
	uint8_t *batch = chunk_bytes(w) + w->batch_at;
	const struct wr_batch_place place = {
		.uuid = w->o.uuid,
		.log_id = w->o.log_id,
		.segment_id = w->extent.segment_id,
		.segment_offset = w->extent.segment_offset + w->batch_at,
	};
	uint32_t seed = wr_batch_seed(w->o.uuid, place.segment_id);
	const struct wr_batch_seal seal = {
		.place = &place,
		.seed = seed,
		.body_bytes = body_bytes,
		.record_count = w->record_count,
		.skip_bytes = skip_bytes,
		.body_crc_part = wr_crc32c(seed, batch + WR_BATCH_HEADER_BYTES, body_bytes),
		.durable_seq = wr_load_acquire(&link->medium_seq),
		.chain = w->chain,
		.chain_key = w->o.chain_key,
		.link_before = w->has_link ? w->link : NULL,
	};
	uint32_t bytes = wr_batch_seal(batch, &seal, &w->chain);
	uint32_t marks = push_marks(w);

	link->commits[wr_spsc_push_index(&link->commits_ring, 0)] = (struct wr_commit){
		.bytes = batch,
		.batch_bytes = bytes,
		.file = w->extent.file,
		.segment_id = place.segment_id,
		.segment_offset = place.segment_offset,
		.first_seq = w->first_seq,
		.end_seq = end_seq,
		.durable_seq = seal.durable_seq,
		.time_us = ((const struct wr_batch_header *)batch)->time_base_us,
		.header_crc = w->chain,
		.mark_count = marks,
	};
	wr_spsc_push(&link->commits_ring, 1);
	w->commits_pushed++;
	w->used_bytes = w->batch_at + bytes;
	w->last_segment_id = place.segment_id;
	w->last_offset = place.segment_offset;
	w->end_offset = place.segment_offset + bytes + skip_bytes;
	w->last_header_crc = w->chain;
	w->has_link = w->o.chain_key != NULL;
	memcpy(w->link, ((const struct wr_batch_header *)batch)->link, sizeof w->link);
	w->is_open = false;
	if (w->sealed != NULL)
		w->sealed(w->sealed_context, w->first_seq, end_seq);
}

static void seal_open(struct mini_writer *w)
{
	if (w->is_open)
		seal_at(w, w->used_bytes - w->batch_at - WR_BATCH_HEADER_BYTES, 0, w->next_seq);
}

static void open_batch(struct mini_writer *w, enum wr_batch_kind kind)
{
	w->batch_at = w->used_bytes;
	w->first_seq = w->next_seq;
	w->record_count = 0;
	wr_batch_open(chunk_bytes(w) + w->batch_at, kind, w->o.log_id, w->o.epoch, w->first_seq,
		      w->time_us);
}

static void close_extent(struct mini_writer *w)
{
	if (!w->has_extent)
		return;
	seal_open(w);
	uint32_t left_bytes = w->o.chunk_bytes - w->used_bytes;
	if (left_bytes >= WR_BLOCK_BYTES) {
		open_batch(w, WR_BATCH_FILLER);
		seal_at(w, 0, left_bytes - WR_BLOCK_BYTES, w->next_seq);
	}
	w->chunk_free_at[w->chunk] = w->commits_pushed;
	w->has_extent = false;
}

static enum mini_writer_result take_extent(struct mini_writer *w, bool control)
{
	struct wr_journal_link *link = w->o.link;
	uint64_t done = wr_load_acquire(&link->commits_done);
	uint32_t chunk = 0;

	if (wr_spsc_ready(&link->extents_ring) == 0)
		return MINI_WRITER_NO_EXTENT;
	while (chunk < MINI_WRITER_CHUNKS && w->chunk_free_at[chunk] > done)
		chunk++;
	if (chunk == MINI_WRITER_CHUNKS)
		return MINI_WRITER_NO_ROOM;
	const struct wr_extent *next = &link->extents[wr_spsc_pop_index(&link->extents_ring, 0)];
	if (next->reserve && !control && wr_load_acquire(&link->starved))
		return MINI_WRITER_NO_EXTENT;
	w->extent = *next;
	wr_spsc_pop(&link->extents_ring, 1);
	w->extents_taken++;
	w->chunk = chunk;
	w->used_bytes = w->extent.used_bytes;
	w->has_extent = true;
	return MINI_WRITER_DONE;
}

/* Makes room for `bytes` in the open batch, or opens one. */
static enum mini_writer_result make_room(struct mini_writer *w, uint32_t bytes, bool control)
{
	if (!has_room(w))
		return MINI_WRITER_NO_ROOM;
	if (w->has_extent && !control && w->extent.reserve && wr_load_acquire(&w->o.link->starved))
		return MINI_WRITER_NO_EXTENT;
	if (w->is_open && w->o.chunk_bytes - w->used_bytes >= bytes)
		return MINI_WRITER_DONE;
	if (w->has_extent) {
		seal_open(w);
		if (w->o.chunk_bytes - w->used_bytes < WR_BATCH_HEADER_BYTES + bytes)
			close_extent(w);
	}
	if (!w->has_extent) {
		enum mini_writer_result r = take_extent(w, control);
		if (r != MINI_WRITER_DONE)
			return r;
	}
	open_batch(w, WR_BATCH_DATA);
	w->used_bytes += WR_BATCH_HEADER_BYTES;
	w->is_open = true;
	return MINI_WRITER_DONE;
}

static enum mini_writer_result put(struct mini_writer *w, uint8_t kind, const void *payload,
				   uint32_t payload_bytes, uint32_t record_bytes, bool control)
{
	uint32_t stride = wr_record_stride(record_bytes);
	enum mini_writer_result r = make_room(w, stride, control);

	if (r != MINI_WRITER_DONE)
		return r;
	uint8_t *to = chunk_bytes(w) + w->used_bytes;
	struct wr_record head = {.bytes = record_bytes, .topic = 1, .kind = kind};
	head.key_bytes = kind == WR_KIND_EVENT && w->key != 0 ? 1 : 0;
	memset(to, (int)(w->next_seq & 0xff), stride);
	memcpy(to, &head, sizeof head);
	if (head.key_bytes > 0)
		to[sizeof head] = w->key;
	memcpy(to + sizeof head + head.key_bytes, payload, payload_bytes);
	memset(to + record_bytes, 0, stride - record_bytes);
	w->used_bytes += stride;
	w->record_count++;
	w->next_seq++;
	w->time_us++;
	return MINI_WRITER_DONE;
}

static void lane_moves(struct mini_writer *w, uint32_t lane)
{
	w->ticket[lane]++;
	w->touched[lane] = true;
}

enum mini_writer_result mini_writer_append(struct mini_writer *w, uint32_t lane, uint64_t id,
					   uint32_t record_bytes)
{
	enum mini_writer_result r = put(w, WR_KIND_EVENT, &id, sizeof id, record_bytes, false);
	if (r == MINI_WRITER_DONE)
		lane_moves(w, lane);
	return r;
}

enum mini_writer_result mini_writer_settle(struct mini_writer *w, uint32_t lane)
{
	const uint64_t nothing = 0;
	enum mini_writer_result r =
		put(w, WR_KIND_SETTLE, &nothing, sizeof nothing, SETTLE_BYTES, true);
	if (r == MINI_WRITER_DONE)
		lane_moves(w, lane);
	return r;
}

enum mini_writer_result mini_writer_epoch_start(struct mini_writer *w,
						const struct wr_epoch_start *predecessor)
{
	uint8_t payload[WR_EPOCH_START_BYTES];

	wr_epoch_start_encode(predecessor, payload);
	return put(w, WR_KIND_EPOCH_START, payload, sizeof payload,
		   WR_RECORD_HEAD_BYTES + WR_EPOCH_START_BYTES, true);
}

enum mini_writer_result mini_writer_seal(struct mini_writer *w)
{
	if (!has_room(w))
		return MINI_WRITER_NO_ROOM;
	seal_open(w);
	return MINI_WRITER_DONE;
}

enum mini_writer_result mini_writer_close_extent(struct mini_writer *w)
{
	if (!has_room(w))
		return MINI_WRITER_NO_ROOM;
	close_extent(w);
	return MINI_WRITER_DONE;
}

enum mini_writer_result mini_writer_evidence(struct mini_writer *w)
{
	if (!has_room(w))
		return MINI_WRITER_NO_ROOM;
	seal_open(w);
	if (w->has_extent && w->o.chunk_bytes - w->used_bytes < WR_BLOCK_BYTES)
		close_extent(w);
	if (!w->has_extent) {
		enum mini_writer_result r = take_extent(w, true);
		if (r != MINI_WRITER_DONE)
			return r;
	}
	open_batch(w, WR_BATCH_EVIDENCE);
	seal_at(w, 0, 0, w->next_seq);
	return MINI_WRITER_DONE;
}

bool mini_writer_is_drained(struct mini_writer *w)
{
	return wr_load_acquire(&w->o.link->commits_done) == w->commits_pushed;
}

bool mini_writer_checkpoint_is_free(const struct mini_writer *w)
{
	return wr_load_acquire(&w->o.link->checkpoint.state) == WR_CHECKPOINT_IDLE;
}

bool mini_writer_checkpoint(struct mini_writer *w, uint32_t bytes, uint64_t needed_seq)
{
	struct wr_checkpoint_job *job = &w->o.link->checkpoint;

	if (w->commits_pushed == 0 || w->is_open || !mini_writer_checkpoint_is_free(w))
		return false;
	job->bytes = bytes;
	job->header_crc = w->last_header_crc;
	job->last_seq = w->next_seq - 1;
	job->segment_id = w->last_segment_id;
	job->segment_offset = w->last_offset;
	job->needed_seq = needed_seq;
	wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_CAPTURED);
	return true;
}

bool mini_writer_whole_checkpoint(struct mini_writer *w, uint32_t bytes, uint64_t needed_seq)
{
	struct wr_checkpoint_job *job = &w->o.link->checkpoint;
	struct wr_sink to = {.bytes = job->buffer, .capacity_bytes = bytes};

	if (!mini_writer_checkpoint_is_free(w))
		return false;
	memset(job->buffer, 0, bytes);
	size_t place = wr_section_begin(&to, WR_SECTION_CATALOG, 1, 0);
	(void)wr_put(&to, bytes - to.used_bytes);
	wr_section_end(&to, place);
	return mini_writer_checkpoint(w, bytes, needed_seq);
}
