/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pack.h. The order on the medium: a draft's header; the frames; index and header once more, at
 * the end; the name; and then the header that says that it is whole. Each is durable before the
 * next. A crash before the last one leaves a draft, and the segment as it was; after it, both files
 * are whole, and the packed one counts (scan_segments.c).
 */
#include "core/journal/pack.h"

#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/bug.h"
#include "core/base/crc32c.h"
#include "core/journal/sparse.h"
#include "core/record/recipients.h"

#define CRC_SEED 1u
#define READ_BYTES_MAX (1u << 20)

static uint32_t index_bytes(const struct wr_pack *p)
{
	return wr_packed_index_bytes(p->segment_bytes, p->chunk_bytes);
}

uint64_t wr_pack_bytes(uint32_t chunk_bytes, uint64_t segment_bytes, bool rules,
		       uint32_t compression)
{
	return WR_BLOCK_BYTES + wr_packed_index_bytes(segment_bytes, chunk_bytes) +
	       (compression != WR_CODEC_NONE ? 3 : 2) * (uint64_t)chunk_bytes +
	       (rules ? wr_unpack_bytes(chunk_bytes, segment_bytes) : 0);
}

int wr_pack_init(struct wr_pack *p, struct wr_storage *storage, struct wr_memory *memory,
		 const uint8_t *uuid, uint32_t log_id, uint32_t chunk_bytes, uint64_t segment_bytes,
		 bool rules)
{
	*p = (struct wr_pack){
		.storage = storage,
		.memory = memory,
		.uuid = uuid,
		.log_id = log_id,
		.chunk_bytes = chunk_bytes,
		.segment_bytes = segment_bytes,
	};
	p->block = wr_memory_alloc_payload(memory, WR_BLOCK_BYTES);
	p->index = wr_memory_alloc_payload(memory, index_bytes(p));
	p->plain = wr_memory_alloc_payload(memory, chunk_bytes);
	p->frame = wr_memory_alloc_payload(memory, chunk_bytes);
	bool good = p->block != NULL && p->index != NULL && p->plain != NULL && p->frame != NULL;
	if (good && rules)
		good = wr_unpack_init(&p->unpack, storage, memory, uuid, log_id, chunk_bytes,
				      segment_bytes, false) == 0;
	if (good)
		return 0;
	wr_pack_fini(p);
	return -ENOMEM;
}

int wr_pack_compress(struct wr_pack *p, uint32_t compression, uint32_t level)
{
	if (compression == WR_CODEC_NONE)
		return 0;
	const struct wr_codec *codec = wr_codec_of(p->storage, compression);
	if (codec == NULL)
		return -ENOTSUP;
	p->stored = wr_memory_alloc_payload(p->memory, p->chunk_bytes);
	if (p->stored == NULL)
		return -ENOMEM;
	int r = codec->encoder_create(level, p->chunk_bytes, &p->encoder);
	if (r < 0) {
		wr_memory_free_payload(p->memory, p->stored, p->chunk_bytes);
		p->stored = NULL;
		return r;
	}
	p->codec = codec;
	p->compression = compression;
	return 0;
}

void wr_pack_fini(struct wr_pack *p)
{
	if (p->memory == NULL)
		return;
	if (p->codec != NULL)
		p->codec->encoder_destroy(p->encoder);
	p->codec = NULL;
	wr_memory_free_payload(p->memory, p->block, WR_BLOCK_BYTES);
	wr_memory_free_payload(p->memory, p->index, index_bytes(p));
	wr_memory_free_payload(p->memory, p->plain, p->chunk_bytes);
	wr_memory_free_payload(p->memory, p->frame, p->chunk_bytes);
	wr_memory_free_payload(p->memory, p->stored, p->chunk_bytes);
	wr_unpack_fini(&p->unpack);
	p->block = p->index = p->plain = p->frame = p->stored = NULL;
	p->memory = NULL;
}

/* --- the file --------------------------------------------------------------------------------- */

static int write_at(struct wr_pack *p, const void *bytes, uint32_t length_bytes, uint64_t offset)
{
	return p->storage->ops->write(p->storage, p->file, bytes, length_bytes, offset);
}

static int write_header(struct wr_pack *p, enum wr_packed_state state, uint64_t offset)
{
	p->header.state = (uint16_t)state;
	wr_packed_header_encode(&p->header, p->block);
	return write_at(p, p->block, WR_BLOCK_BYTES, offset);
}

/* What the segment's own header says. */
static int read_header(struct wr_pack *p)
{
	struct wr_segment_header h;
	int64_t n = p->storage->ops->read(p->storage, p->job.file, p->block, WR_BLOCK_BYTES, 0);

	if (n < 0)
		return (int)n;
	if (n < WR_BLOCK_BYTES || wr_segment_header_decode(p->block, &h) != WR_BLOCK_VALID ||
	    h.segment_id != p->job.segment_id || h.log_id != p->log_id ||
	    memcmp(h.uuid, p->uuid, WR_UUID_BYTES) != 0 || h.chunk_bytes != p->chunk_bytes ||
	    h.segment_bytes != p->segment_bytes)
		return WEIR_E_CORRUPT;
	p->header = (struct wr_packed_header){
		.segment_id = h.segment_id,
		.segment_bytes = h.segment_bytes,
		.log_id = h.log_id,
		.epoch = h.epoch,
		.chunk_bytes = h.chunk_bytes,
		.block_bytes = h.block_bytes,
		.assigned_us = h.assigned_us,
		.previous_segment_id = h.previous_segment_id,
	};
	memcpy(p->header.uuid, h.uuid, WR_UUID_BYTES);
	return 0;
}

/* The same of one that is packed: what it says itself. */
static int read_packed_header(struct wr_pack *p)
{
	const struct wr_unpack_source from = {p->storage, p->job.file, p->job.segment_id};
	struct wr_packed_header *h = &p->header;

	wr_unpack_forget(&p->unpack);
	int r = wr_unpack_header(&p->unpack, &from, h);
	if (r < 0)
		return r;
	if (h->first_seq != p->job.first_seq || h->end_seq != p->job.end_seq ||
	    h->generation == UINT32_MAX)
		return WEIR_E_CORRUPT;
	h->generation += !WR_BUG(GENERATION_STAYS);
	return 0;
}

static int make_draft(struct wr_pack *p)
{
	const uint32_t flags = WR_FILE_CREATE | WR_FILE_EXCLUSIVE | WR_FILE_KEEP;
	int r = p->storage->ops->file_open(p->storage, p->name, flags, &p->file);

	if (r < 0)
		return r;
	p->is_open = true;
	r = write_header(p, WR_PACKED_DRAFT, 0);
	if (r < 0)
		wr_pack_abort(p);
	return r;
}

/* To the first extent. */
static void rewind_to_start(struct wr_pack *p)
{
	p->at = WR_BLOCK_BYTES + (uint64_t)index_bytes(p);
	p->extent = 0;
	p->seq = p->job.first_seq;
	p->chain = p->epoch = 0;
	p->left_count = 0;
	p->header.left_out_count = 0;
	p->header.features_must = 0;
	p->header.frame_count = 0;
	memset(p->index, 0, index_bytes(p));
}

int wr_pack_begin(struct wr_pack *p, const struct wr_pack_job *job)
{
	p->job = *job;
	wr_segment_name(p->name, p->log_id, job->file_number);
	int r = job->is_packed ? read_packed_header(p) : read_header(p);
	if (r < 0)
		return r;
	p->header.first_seq = job->first_seq;
	p->header.end_seq = job->end_seq;
	p->header.packed_us = job->now_us;
	rewind_to_start(p);
	p->is_looking = job->rule != NULL && !job->is_certain;
	return p->is_looking ? 0 : make_draft(p);
}

void wr_pack_abort(struct wr_pack *p)
{
	if (!p->is_open)
		return;
	p->is_open = false;
	(void)p->storage->ops->file_close(p->storage, p->file);
	int r = p->storage->ops->file_remove(p->storage, p->name);
	p->has_left_one |= r < 0 && r != -ENOENT;
}

/* --- an extent -------------------------------------------------------------------------------- */

static int read_extent(struct wr_pack *p)
{
	const struct wr_unpack_source from = {p->storage, p->job.file, p->job.segment_id};
	uint64_t extent = wr_extent_offset(p->chunk_bytes, p->extent);

	if (p->job.is_packed)
		return wr_unpack_extent(&p->unpack, &from, p->extent, p->plain);
	for (uint32_t got = 0; got < p->chunk_bytes;) {
		uint32_t length = (uint32_t)wr_min_u64(p->chunk_bytes - got, READ_BYTES_MAX);
		int64_t n = p->storage->ops->read(p->storage, p->job.file, p->plain + got, length,
						  extent + got);
		if (n < (int64_t)length)
			return n < 0 ? (int)n : WEIR_E_CORRUPT;
		got += length;
	}
	return 0;
}

/* The batch at a place of the extent, if it is the next one of this segment; else NULL. */
static const struct wr_batch_header *next_batch(const struct wr_pack *p, uint32_t at)
{
	const struct wr_batch_place place = {p->uuid, p->log_id, p->job.segment_id,
					     wr_extent_offset(p->chunk_bytes, p->extent) + at};
	const struct wr_batch_header *h = (const void *)(p->plain + at);
	uint32_t rest = p->chunk_bytes - at;

	if (wr_batch_check(h, rest, &place) != WR_BATCH_VALID || !wr_place_is_sound(h, rest))
		return NULL;
	if (h->first_seq != p->seq || h->first_seq + h->record_count > p->job.end_seq)
		return NULL;
	/* An epoch that goes on in the segment of the one before is in its chain. */
	if (p->epoch != 0 && (h->chain != p->chain || h->epoch < p->epoch))
		return NULL;
	return h;
}

static bool starts_epoch(const struct wr_batch_header *h)
{
	struct wr_record head;

	if (h->batch_kind != WR_BATCH_DATA)
		return false;
	memcpy(&head, (const uint8_t *)h + WR_BATCH_HEADER_BYTES, sizeof head);
	return head.kind == WR_KIND_EPOCH_START;
}

/* The events of a batch that the rule leaves out; it is as good as before. */
static void leave_out(struct wr_pack *p, uint8_t *batch)
{
	const struct wr_batch_header *h = (const void *)batch;
	const struct wr_pack_rule *rule = p->job.rule;
	uint8_t *body = batch + WR_BATCH_HEADER_BYTES;
	uint64_t seq = h->first_seq, count = 0;
	struct wr_record_view view;

	for (uint32_t at = 0; at < h->body_bytes; seq++) {
		struct wr_record *r = (void *)(body + at);
		at += wr_record_stride(r->bytes);
		if (!wr_record_has_event(r) || !wr_record_view(r, r->bytes, &view))
			continue;
		enum wr_left_out why =
			rule->why(rule->context, seq, h->time_base_us + r->time_delta_us, &view);
		if (why == WR_LEFT_OUT_NOT)
			continue;
		if (WR_BUG(NEIGHBOUR_LEFT_OUT) && at < h->body_bytes)
			r = (void *)(body + at);
		wr_left_out_put(r, why);
		count++;
	}
	if (count == 0)
		return;
	p->left_count += count;
	if (!WR_BUG(LEFT_OUT_UNBALANCED))
		(void)wr_left_out_settle(batch, p->uuid);
}

/* Batch after batch into the frame; its bytes. */
static uint32_t fold(struct wr_pack *p, struct wr_packed_entry *e)
{
	const struct wr_batch_header *h;
	uint32_t bytes = 0;

	for (uint32_t at = 0; at < p->chunk_bytes && (h = next_batch(p, at)) != NULL;
	     at += h->batch_bytes + h->skip_bytes) {
		if (p->job.rule != NULL)
			leave_out(p, p->plain + at);
		uint32_t left = wr_left_out_count(h);
		p->header.left_out_count += left;
		if (left > 0)
			e->codec = WR_PACKED_SPARSE;
		bytes += wr_sparse_fold(h, p->frame + bytes);
		if (at == 0)
			e->first = *h;
		if (p->epoch == 0)
			p->header.starts = starts_epoch(h) ? 1 : 0;
		p->seq = h->first_seq + h->record_count;
		p->chain = h->header_crc;
		p->epoch = h->epoch;
	}
	return bytes;
}

/* The frame as it is stored: compressed, if that saves a block. */
static uint8_t *compress(struct wr_pack *p, struct wr_packed_entry *e)
{
	uint32_t blocks = (uint32_t)wr_round_up(e->frame_bytes, WR_BLOCK_BYTES) / WR_BLOCK_BYTES;

	if (p->compression == WR_CODEC_NONE || blocks < 2)
		return p->frame;
	uint32_t room = (blocks - 1) * WR_BLOCK_BYTES;
	uint32_t bytes = p->codec->encode(p->encoder, p->frame, e->frame_bytes, p->stored, room);
	if (bytes == 0)
		return p->frame;
	e->codec += p->compression;
	e->stored_bytes = bytes;
	return p->stored;
}

static int pack_extent(struct wr_pack *p)
{
	struct wr_packed_entry e = {.codec = WR_PACKED_WHOLE};
	int r = read_extent(p);

	if (r < 0)
		return r;
	e.frame_bytes = e.stored_bytes = fold(p, &e);
	e.offset = p->at;
	uint8_t *stored = p->is_looking ? p->frame : compress(p, &e);
	e.crc = wr_crc32c(CRC_SEED, stored, e.stored_bytes);
	uint32_t written = (uint32_t)wr_round_up(e.stored_bytes, WR_BLOCK_BYTES);
	memset(stored + e.stored_bytes, 0, written - e.stored_bytes);
	r = written > 0 && !p->is_looking ? write_at(p, stored, written, p->at) : 0;
	if (r < 0)
		return r;
	memcpy(p->index + p->extent * sizeof e, &e, sizeof e);
	p->header.features_must |= wr_packed_features(WR_BUG(FRAMES_UNTOLD) ? 0 : e.codec);
	p->at += written;
	p->extent++;
	/* Behind the last batch nothing of the log stands in this segment. */
	if (e.stored_bytes > 0)
		p->header.frame_count = (uint32_t)p->extent;
	return 0;
}

/* One extent more was looked at, or all of them: is there something to be left out? */
static int look_on(struct wr_pack *p, bool is_all)
{
	if (p->left_count == 0)
		return is_all ? WEIR_E_FULL : 1;
	p->is_looking = false;
	rewind_to_start(p);
	int r = make_draft(p);
	return r < 0 ? r : 1;
}

/* --- the end of it ---------------------------------------------------------------------------- */

/* What comes behind the frames, and in front of them. */
static int write_rest(struct wr_pack *p)
{
	uint64_t end = p->at + index_bytes(p);

	p->header.index_crc = wr_crc32c(CRC_SEED, p->index, index_bytes(p));
	p->header.file_bytes = end + WR_BLOCK_BYTES;
	if (p->header.file_bytes >= p->segment_bytes && !p->job.is_packed && !p->job.is_certain)
		return WEIR_E_FULL;
	int r = write_at(p, p->index, index_bytes(p), p->at);
	if (r == 0)
		r = write_header(p, WR_PACKED_SEGMENT, end);
	if (r == 0)
		r = write_at(p, p->index, index_bytes(p), WR_BLOCK_BYTES);
	return r == 0 ? p->storage->ops->sync_dir(p->storage) : r;
}

int wr_pack_step(struct wr_pack *p)
{
	bool is_all = p->extent == wr_extent_count(p->segment_bytes, p->chunk_bytes);

	/* All: evidence may stand behind the last record, and the next epoch name its end. */
	if (!is_all) {
		int r = pack_extent(p);
		if (r == 0)
			r = p->is_looking ? look_on(p, false) : 1;
		return r;
	}
	if (p->is_looking)
		return look_on(p, true);
	if (p->seq != p->job.end_seq && !WR_BUG(PACKED_WITH_A_HOLE))
		return WEIR_E_CORRUPT;
	return write_rest(p);
}

int wr_pack_switch(struct wr_pack *p)
{
	return write_header(p, WR_PACKED_SEGMENT, 0);
}
