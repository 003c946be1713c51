/* SPDX-License-Identifier: Apache-2.0 */
/* See unpack.h. The index of one file is kept, since who reads goes on in it. */
#include "core/journal/unpack.h"

#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/bug.h"
#include "core/base/crc32c.h"

#define CRC_SEED 1u

static uint32_t index_bytes(const struct wr_unpack *u)
{
	return wr_packed_index_bytes(u->segment_bytes, u->chunk_bytes);
}

static size_t index_room(const struct wr_unpack *u)
{
	return WR_BLOCK_BYTES + (size_t)index_bytes(u);
}

uint64_t wr_unpack_bytes(uint32_t chunk_bytes, uint64_t segment_bytes)
{
	return WR_BLOCK_BYTES + wr_packed_index_bytes(segment_bytes, chunk_bytes) +
	       2 * (uint64_t)chunk_bytes;
}

static int make_decoder(struct wr_unpack *u, uint32_t number)
{
	return u->decoders[number] != NULL
		       ? 0
		       : u->codecs[number]->decoder_create(&u->decoders[number]);
}

int wr_unpack_decoders(struct wr_unpack *u, uint32_t codecs)
{
	int r = 0;

	for (uint32_t number = 1; r == 0 && number < WR_CODEC_COUNT; number++)
		if ((codecs & 1u << number) != 0 && u->codecs[number] != NULL)
			r = make_decoder(u, number);
	return r;
}

int wr_unpack_init(struct wr_unpack *u, const struct wr_storage *storage, struct wr_memory *memory,
		   const uint8_t *uuid, uint32_t log_id, uint32_t chunk_bytes,
		   uint64_t segment_bytes, bool places)
{
	*u = (struct wr_unpack){
		.memory = memory,
		.uuid = uuid,
		.log_id = log_id,
		.chunk_bytes = chunk_bytes,
		.segment_bytes = segment_bytes,
		.plain_extent = UINT64_MAX,
	};
	u->index = wr_memory_alloc_payload(memory, index_room(u));
	u->stored = wr_memory_alloc_payload(memory, chunk_bytes);
	u->frame = wr_memory_alloc_payload(memory, chunk_bytes);
	if (places)
		u->plain = wr_memory_alloc_payload(memory, chunk_bytes);
	for (uint32_t number = 1; number < WR_CODEC_COUNT; number++)
		u->codecs[number] = wr_codec_of(storage, number);
	if (u->index != NULL && u->stored != NULL && u->frame != NULL &&
	    (u->plain != NULL || !places))
		return 0;
	wr_unpack_fini(u);
	return -ENOMEM;
}

void wr_unpack_fini(struct wr_unpack *u)
{
	if (u->memory == NULL)
		return;
	wr_memory_free_payload(u->memory, u->index, index_room(u));
	wr_memory_free_payload(u->memory, u->stored, u->chunk_bytes);
	wr_memory_free_payload(u->memory, u->frame, u->chunk_bytes);
	wr_memory_free_payload(u->memory, u->plain, u->chunk_bytes);
	for (uint32_t number = 1; number < WR_CODEC_COUNT; number++)
		if (u->decoders[number] != NULL)
			u->codecs[number]->decoder_destroy(u->decoders[number]);
	*u = (struct wr_unpack){.memory = NULL};
}

void wr_unpack_forget(struct wr_unpack *u)
{
	u->now.segment_id = 0;
	u->plain_extent = UINT64_MAX;
}

/* --- the file --------------------------------------------------------------------------------- */

int wr_unpack_look(struct wr_storage *storage, uint32_t file, uint64_t file_bytes,
		   const void *first_block, void *scratch_block, enum wr_block_verdict *ret_verdict,
		   struct wr_packed_header *ret_header, bool *ret_from_copy)
{
	*ret_from_copy = false;
	*ret_verdict = wr_packed_header_decode(first_block, ret_header);
	if (*ret_verdict == WR_BLOCK_VALID || *ret_verdict == WR_BLOCK_UNKNOWN ||
	    file_bytes < 2 * WR_BLOCK_BYTES)
		return 0;
	uint64_t at = wr_round_down(file_bytes, WR_BLOCK_BYTES) - WR_BLOCK_BYTES;
	int64_t n = storage->ops->read(storage, file, scratch_block, WR_BLOCK_BYTES, at);
	if (n < WR_BLOCK_BYTES)
		return n < 0 ? (int)n : 0;
	enum wr_block_verdict copy = wr_packed_header_decode(scratch_block, ret_header);
	/* What was cut somewhere ends in no copy; a draft has none. */
	if (copy != WR_BLOCK_VALID || ret_header->file_bytes != file_bytes)
		return 0;
	*ret_verdict = WR_BLOCK_VALID;
	*ret_from_copy = true;
	return 0;
}

static bool is_ours(const struct wr_unpack *u, const struct wr_packed_header *h)
{
	return h->state == WR_PACKED_SEGMENT && h->segment_id == u->now.segment_id &&
	       h->log_id == u->log_id && memcmp(h->uuid, u->uuid, WR_UUID_BYTES) == 0 &&
	       h->chunk_bytes == u->chunk_bytes && h->segment_bytes == u->segment_bytes;
}

/* One of the two; the header is known. 0: it is good; 1: it is not; or a negative code. */
static int read_index(struct wr_unpack *u, uint64_t offset)
{
	uint32_t wanted = index_bytes(u);
	struct wr_storage *storage = u->now.storage;
	int64_t n = storage->ops->read(storage, u->now.file, u->index, wanted, offset);

	if (n < 0)
		return (int)n;
	u->index_good = n == (int64_t)wanted && wr_packed_index_is_sound(&u->header, u->index);
	return u->index_good ? 0 : 1;
}

/* Header and index of this file, unless they are here. */
static int load(struct wr_unpack *u, const struct wr_unpack_source *from)
{
	struct wr_storage *storage = from->storage;
	enum wr_block_verdict verdict = WR_BLOCK_BAD;
	uint64_t file_bytes = 0;
	bool from_copy;

	if (u->now.segment_id == from->segment_id && u->now.file == from->file)
		return 0;
	wr_unpack_forget(u);
	u->now = *from;
	u->index_good = false;
	int r = storage->ops->file_bytes(storage, from->file, &file_bytes);
	int64_t n =
		r < 0 ? r : storage->ops->read(storage, from->file, u->index, WR_BLOCK_BYTES, 0);
	if (n >= 0 && n < WR_BLOCK_BYTES)
		memset(u->index + n, 0, WR_BLOCK_BYTES - (size_t)n);
	r = n < 0 ? (int)n
		  : wr_unpack_look(storage, from->file, file_bytes, u->index,
				   u->index + WR_BLOCK_BYTES, &verdict, &u->header, &from_copy);
	if (r == 0 && verdict == WR_BLOCK_VALID && is_ours(u, &u->header)) {
		r = read_index(u, WR_BLOCK_BYTES);
		if (r == 1 && !WR_BUG(PACKED_COPY_UNUSED))
			r = read_index(u, u->header.file_bytes - WR_BLOCK_BYTES - index_bytes(u));
	}
	if (r >= 0 && u->index_good && wr_packed_lacks(&u->header, storage) != WR_CODEC_NONE)
		r = WEIR_E_FORMAT;
	/* L36: what is bad now may have been read while it was written, and is read again. */
	if (r < 0 || !u->index_good)
		wr_unpack_forget(u);
	return r < 0 ? r : 0;
}

static void entry_at(const struct wr_unpack *u, uint64_t index, struct wr_packed_entry *ret_entry)
{
	memcpy(ret_entry, u->index + index * sizeof *ret_entry, sizeof *ret_entry);
}

int wr_unpack_header(struct wr_unpack *u, const struct wr_unpack_source *from,
		     struct wr_packed_header *ret_header)
{
	int r = load(u, from);

	if (r < 0)
		return r;
	if (!u->index_good)
		return WEIR_E_CORRUPT;
	*ret_header = u->header;
	return 0;
}

/* --- what was in it --------------------------------------------------------------------------- */

/* The frame as it is stored, into `stored`. *ret_bytes: how much of it there is. */
static int read_frame(struct wr_unpack *u, const struct wr_packed_entry *e, uint32_t *ret_bytes)
{
	struct wr_storage *storage = u->now.storage;
	uint32_t wanted = (uint32_t)wr_round_up(e->stored_bytes, WR_BLOCK_BYTES);
	int64_t n = storage->ops->read(storage, u->now.file, u->stored, wanted, e->offset);

	if (n < 0)
		return (int)n;
	*ret_bytes = (uint32_t)wr_min_u64((uint64_t)n, e->stored_bytes);
	return 0;
}

/* What was compressed, of which so much is there, into `frame`. 0, or there is no memory. */
static int decompress(struct wr_unpack *u, const struct wr_packed_entry *e, uint32_t stored_bytes,
		      bool *ret_good)
{
	uint32_t number = wr_packed_compression(e->codec);
	int r = make_decoder(u, number);

	*ret_good = r == 0 && stored_bytes == e->stored_bytes &&
		    (wr_crc32c(CRC_SEED, u->stored, stored_bytes) == e->crc ||
		     WR_BUG(STORED_UNCHECKED)) &&
		    u->codecs[number]->decode(u->decoders[number], u->stored, stored_bytes,
					      u->frame, e->frame_bytes);
	return r;
}

int wr_unpack_extent(struct wr_unpack *u, const struct wr_unpack_source *from, uint64_t index,
		     uint8_t *to)
{
	struct wr_batch_place place = {u->uuid, u->log_id, from->segment_id,
				       wr_extent_offset(u->chunk_bytes, index)};
	struct wr_packed_entry e;
	uint32_t frame_bytes = 0;
	int r = load(u, from);

	if (r < 0)
		return r;
	if (u->index_good && index >= u->header.frame_count) {
		memset(to, 0, u->chunk_bytes);
		return 0;
	}
	if (!u->index_good) {
		memset(to, WR_PACKED_DAMAGE, u->chunk_bytes);
		return 0;
	}
	entry_at(u, index, &e);
	r = read_frame(u, &e, &frame_bytes);
	if (r < 0)
		return r;
	const uint8_t *frame = u->stored;
	if (wr_packed_compression(e.codec) != WR_CODEC_NONE) {
		bool good;
		r = decompress(u, &e, frame_bytes, &good);
		if (r < 0)
			return r;
		frame_bytes = good ? e.frame_bytes : 0;
		frame = u->frame;
	}
	(void)wr_packed_unfold(frame, frame_bytes, frame_bytes == e.frame_bytes, e.codec,
			       u->chunk_bytes, &place, to);
	return 0;
}

int wr_unpack_first(struct wr_unpack *u, const struct wr_unpack_source *from, uint64_t index,
		    uint8_t *to_block)
{
	struct wr_packed_entry e;
	int r = load(u, from);

	if (r < 0)
		return r;
	memset(to_block, u->index_good ? 0 : WR_PACKED_DAMAGE, WR_BLOCK_BYTES);
	if (!u->index_good || index >= u->header.frame_count)
		return 0;
	entry_at(u, index, &e);
	memcpy(to_block, &e.first, sizeof e.first);
	return 0;
}

void wr_unpack_segment_header(const struct wr_packed_header *h, void *block)
{
	struct wr_segment_header plain = {
		.segment_id = h->segment_id,
		.segment_bytes = h->segment_bytes,
		.log_id = h->log_id,
		.epoch = h->epoch,
		.chunk_bytes = h->chunk_bytes,
		.block_bytes = h->block_bytes,
		.assigned_us = h->assigned_us,
		.previous_segment_id = h->previous_segment_id,
	};

	memcpy(plain.uuid, h->uuid, sizeof plain.uuid);
	wr_segment_header_encode(&plain, block);
}

int64_t wr_unpack_read(struct wr_unpack *u, const struct wr_unpack_source *from, void *to,
		       uint32_t length_bytes, uint64_t offset_bytes)
{
	int r = load(u, from);

	if (r < 0)
		return r;
	if (offset_bytes >= u->segment_bytes)
		return 0;
	if (offset_bytes < WR_BLOCK_BYTES) {
		wr_unpack_segment_header(&u->header, u->plain);
		u->plain_extent = UINT64_MAX;
		memcpy(to, u->plain, WR_BLOCK_BYTES);
		return WR_BLOCK_BYTES;
	}
	uint64_t index = (offset_bytes - WR_BLOCK_BYTES) / u->chunk_bytes;
	uint64_t at = offset_bytes - wr_extent_offset(u->chunk_bytes, index);
	if (u->plain_extent != index) {
		u->plain_extent = UINT64_MAX;
		r = wr_unpack_extent(u, from, index, u->plain);
		if (r < 0)
			return r;
		u->plain_extent = index;
	}
	uint32_t count = (uint32_t)wr_min_u64(length_bytes, u->chunk_bytes - at);
	memcpy(to, u->plain + at, count);
	return count;
}
