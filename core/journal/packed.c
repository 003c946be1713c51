/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed segments to and from bytes: see packed.h. As in format.c a decoder believes nothing before
 * the checksum, and refuses numbers that weir never writes.
 */
#include "core/journal/packed.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/journal/sparse.h"

#define CRC_SEED 1u
#define STRUCT_BYTES 512u
#define FEATURES_MUST_KNOWN (1u << WR_PACKED_SPARSE | 1u << WR_PACKED_LZ4 | 1u << WR_PACKED_ZSTD)
#define COUNT_MAX (UINT64_MAX >> 1)

static const char packed_magic[9] = "WEIRPACK";

_Static_assert(offsetof(struct wr_packed_header, uuid) == offsetof(struct wr_segment_header, uuid),
	       "the same place");
_Static_assert(offsetof(struct wr_packed_header, previous_segment_id) ==
		       offsetof(struct wr_segment_header, previous_segment_id),
	       "the same place");
_Static_assert(offsetof(struct wr_packed_header, crc) == STRUCT_BYTES - 4, "the last word");

bool wr_packed_is_header(const void *block)
{
	return memcmp(block, packed_magic, 8) == 0;
}

void wr_packed_header_encode(const struct wr_packed_header *header, void *block)
{
	struct wr_packed_header content = *header;

	memcpy(content.magic, packed_magic, 8);
	content.format = WR_JOURNAL_FORMAT;
	content.crc = wr_crc32c(CRC_SEED, &content, STRUCT_BYTES - 4);
	memcpy(block, &content, sizeof content);
	memset((uint8_t *)block + STRUCT_BYTES, 0, WR_BLOCK_BYTES - STRUCT_BYTES);
}

static bool is_sound(const struct wr_packed_header *h)
{
	uint64_t beside_bytes, extent_count;

	if (h->segment_id == 0 || h->segment_id > COUNT_MAX || h->state > WR_PACKED_SEGMENT ||
	    !wr_geometry_is_sound(h->block_bytes, h->chunk_bytes, h->segment_bytes))
		return false;
	if (h->state == WR_PACKED_DRAFT)
		return true;
	extent_count = wr_extent_count(h->segment_bytes, h->chunk_bytes);
	beside_bytes =
		2ull * (WR_BLOCK_BYTES + wr_packed_index_bytes(h->segment_bytes, h->chunk_bytes));
	return h->frame_count <= extent_count && h->first_seq > 0 && h->end_seq >= h->first_seq &&
	       h->end_seq <= COUNT_MAX && h->left_out_count <= h->end_seq - h->first_seq &&
	       (h->left_out_count == 0) == ((h->features_must & 1u << WR_PACKED_SPARSE) == 0) &&
	       h->file_bytes % WR_BLOCK_BYTES == 0 && h->file_bytes >= beside_bytes &&
	       h->file_bytes <= COUNT_MAX;
}

enum wr_block_verdict wr_packed_header_decode(const void *block,
					      struct wr_packed_header *ret_header)
{
	static const uint8_t zero[STRUCT_BYTES];
	struct wr_packed_header content;

	if (memcmp(block, zero, STRUCT_BYTES) == 0)
		return WR_BLOCK_ZERO;
	memcpy(&content, block, sizeof content);
	if (!wr_packed_is_header(block) ||
	    content.crc != wr_crc32c(CRC_SEED, block, STRUCT_BYTES - 4))
		return WR_BLOCK_BAD;
	if (content.format != WR_JOURNAL_FORMAT ||
	    (content.features_must & ~FEATURES_MUST_KNOWN) != 0)
		return WR_BLOCK_UNKNOWN;
	if (!is_sound(&content))
		return WR_BLOCK_BAD;
	*ret_header = content;
	return WR_BLOCK_VALID;
}

uint32_t wr_packed_lacks(const struct wr_packed_header *header, const struct wr_storage *storage)
{
	for (uint32_t number = 1; number < WR_CODEC_COUNT; number++)
		if ((header->features_must & 1u << number) != 0 &&
		    wr_codec_of(storage, number) == NULL)
			return number;
	return WR_CODEC_NONE;
}

/* What is compressed is smaller: else it would stand there as it is. */
static bool sizes_are_sound(const struct wr_packed_entry *e, uint32_t chunk_bytes)
{
	if (e->frame_bytes > chunk_bytes)
		return false;
	if (wr_packed_compression(e->codec) == WR_CODEC_NONE)
		return e->stored_bytes == e->frame_bytes;
	return e->stored_bytes > 0 && e->stored_bytes < e->frame_bytes;
}

bool wr_packed_index_is_sound(const struct wr_packed_header *header, const uint8_t *index)
{
	uint32_t index_bytes = wr_packed_index_bytes(header->segment_bytes, header->chunk_bytes);
	uint64_t from = WR_BLOCK_BYTES + (uint64_t)index_bytes;
	uint64_t end = header->file_bytes - from;

	if (header->index_crc != wr_crc32c(CRC_SEED, index, index_bytes))
		return false;
	for (uint32_t i = 0; i < header->frame_count; i++) {
		struct wr_packed_entry e;
		memcpy(&e, index + i * sizeof e, sizeof e);
		if (e.offset % WR_BLOCK_BYTES != 0 || e.offset < from || e.offset > end ||
		    e.stored_bytes > end - e.offset || e.codec >= WR_PACKED_CODECS ||
		    (wr_packed_features(e.codec) & ~header->features_must) != 0 ||
		    !sizes_are_sound(&e, header->chunk_bytes))
			return false;
	}
	return true;
}

/* --- frames ----------------------------------------------------------------------------------- */

struct unfolding {
	const uint8_t *frame;
	uint32_t frame_bytes;
	uint32_t codec;
	uint32_t chunk_bytes;
	struct wr_batch_place place; /* of the extent, then of a batch */
	uint64_t extent;
	uint8_t *to;
	uint32_t done; /* of `to`: nothing is put below any more */
	uint8_t between;
};

/* The records of a batch, which stand at `at` of the frame; how much they take there, or MAX. */
static uint32_t unfold_body(const struct unfolding *u, const struct wr_batch_header *h, uint32_t at,
			    uint8_t *to)
{
	uint32_t rest = u->frame_bytes - at, bytes = wr_packed_batch_bytes(h);
	uint8_t *body = to + WR_BATCH_HEADER_BYTES;

	if (wr_packed_is_sparse(u->codec)) {
		bytes = wr_sparse_unfold(h, u->frame + at, rest, body);
		return bytes != 0 || h->body_bytes == 0 ? bytes : UINT32_MAX;
	}
	bytes -= WR_BATCH_HEADER_BYTES;
	if (bytes > rest)
		return UINT32_MAX;
	memcpy(body, u->frame + at, h->body_bytes);
	return bytes;
}

/* How much of the frame the batch at `at` takes, which now stands at its place; 0: none. */
static uint32_t unfold_batch(struct unfolding *u, uint32_t at)
{
	uint32_t rest = u->frame_bytes - at;
	struct wr_batch_header h;

	if (rest < sizeof h)
		return 0;
	memcpy(&h, u->frame + at, sizeof h);
	/* What the padding took away is in the checksum: only zeros come back right. */
	if (h.magic != WR_BATCH_MAGIC || h.segment_offset < u->extent + u->done ||
	    h.segment_offset - u->extent >= u->chunk_bytes ||
	    (h.segment_offset - u->extent) % WR_BLOCK_BYTES != 0)
		return 0;
	uint32_t place = (uint32_t)(h.segment_offset - u->extent);
	u->place.segment_offset = h.segment_offset;
	if (wr_batch_check_header(&h, u->chunk_bytes - place, &u->place) != WR_BATCH_VALID)
		return 0;
	uint32_t used = WR_BATCH_HEADER_BYTES + h.body_bytes;
	uint32_t body_bytes = unfold_body(u, &h, at + WR_BATCH_HEADER_BYTES, u->to + place);
	if (body_bytes == UINT32_MAX)
		return 0;
	memset(u->to + u->done, u->between, place - u->done);
	memcpy(u->to + place, &h, sizeof h);
	memset(u->to + place + used, 0, h.batch_bytes - used);
	u->done = place + h.batch_bytes;
	return WR_BATCH_HEADER_BYTES + body_bytes;
}

static bool unfold(struct unfolding *u)
{
	bool good = true;

	u->done = 0;
	for (uint32_t at = 0; at < u->frame_bytes;) {
		uint32_t taken = unfold_batch(u, at);
		good = good && taken != 0;
		if (!good && u->between == 0)
			return false;
		at += taken != 0 ? taken : 8;
	}
	memset(u->to + u->done, u->between, u->chunk_bytes - u->done);
	return good;
}

bool wr_packed_unfold(const uint8_t *frame, uint32_t frame_bytes, bool is_all, uint32_t codec,
		      uint32_t chunk_bytes, const struct wr_batch_place *place, uint8_t *to)
{
	struct unfolding u = {
		.frame = frame,
		.frame_bytes = frame_bytes,
		.codec = codec,
		.chunk_bytes = chunk_bytes,
		.place = *place,
		.extent = place->segment_offset,
		.to = to,
	};

	if (is_all && unfold(&u))
		return true;
	/* Again, and what lies between good ones shall not look as if it was never written. */
	u.between = WR_PACKED_DAMAGE;
	(void)unfold(&u);
	return false;
}
