/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packed segment (L34): the bytes of a sealed segment that say something, without the padding of
 * its batches, in a file of a second kind. Everything a checksum of a batch covers comes back byte
 * for byte, at its offset in the segment as it was: so whoever reads a packed segment checks the
 * same ids, chain and checksums as in a plain one (L26), and says of damage the same place.
 *
 *   block 0        the header: what the segment's own header said, the range of sequences, the size
 *   index          one entry for each extent of the segment: where its frame is, and the header of
 *                  the batch that begins it, so that a search reads no frame
 *   frames         one for each extent that holds batches, each beginning on a block: batch after
 *                  batch, header and records, each padded to 8 bytes; whole, or sparse: without the
 *                  room of events that were left out (sparse.h); and either as it is, or compressed
 *                  (core/port/codec.h) where that saves a block
 *   index, header  once more: a bad sector costs an extent, never a segment
 *
 * The file is a draft until its header says that it is whole: that one durable write of a sector
 * makes it the segment (docs/design/packed-is-the-same-segment.md).
 *
 * A packed segment of which events are left out is packed anew. Of two packed files of one segment
 * the one of the higher generation counts, and the other one is to be removed
 * (docs/design/what-was-left-out-is-stated.md). Pure functions.
 */
#ifndef WR_JOURNAL_PACKED_H
#define WR_JOURNAL_PACKED_H

#include "core/base/bits.h"
#include "core/journal/format.h"
#include "core/port/codec.h"

/* How a frame is stored. */
enum wr_packed_codec {
	WR_PACKED_WHOLE = 0,
	WR_PACKED_LZ4 = 1, /* of a whole one, and so on */
	WR_PACKED_ZSTD = 2,
	WR_PACKED_SPARSE = 3,
	WR_PACKED_SPARSE_LZ4 = 4,
	WR_PACKED_SPARSE_ZSTD = 5,
	WR_PACKED_CODECS, /* how many there are */
};

static inline bool wr_packed_is_sparse(uint32_t codec)
{
	return codec >= WR_PACKED_SPARSE;
}

/* enum wr_codec_number */
static inline uint32_t wr_packed_compression(uint32_t codec)
{
	return wr_packed_is_sparse(codec) ? codec - WR_PACKED_SPARSE : codec;
}

/* In features_must: the bits of a frame that is stored so. */
static inline uint32_t wr_packed_features(uint32_t codec)
{
	uint32_t sparse = wr_packed_is_sparse(codec) ? 1u << WR_PACKED_SPARSE : 0;
	uint32_t compression = wr_packed_compression(codec);

	return sparse | (compression != WR_CODEC_NONE ? 1u << compression : 0);
}

enum wr_packed_state { WR_PACKED_DRAFT = 0, WR_PACKED_SEGMENT = 1 };

struct wr_packed_header {
	uint8_t magic[8]; /* "WEIRPACK" */
	uint16_t format;
	uint16_t state;         /* enum wr_packed_state */
	uint32_t features_must; /* wr_packed_features() of all frames */
	/* As in the header of the segment that it was. */
	uint8_t uuid[WR_UUID_BYTES];
	uint64_t segment_id;
	uint64_t segment_bytes;
	uint32_t log_id;
	uint32_t epoch;
	uint32_t chunk_bytes;
	uint32_t block_bytes;
	uint64_t assigned_us;
	uint64_t previous_segment_id;
	/* The range that it covers, and how many events of it were left out. */
	uint64_t first_seq;
	uint64_t end_seq; /* one beyond the last */
	uint64_t left_out_count;
	uint64_t file_bytes;
	uint32_t frame_count; /* extents 0 … frame_count - 1; the others were never written */
	uint32_t index_crc;   /* seed 1 */
	uint64_t packed_us;   /* wall clock, for people */
	uint32_t starts;      /* 1: its first batch starts an epoch */
	uint32_t
		generation; /* 0: made of the plain file; else of a packed one, of the one before */
	uint8_t zero[372];
	uint32_t crc; /* seed 1 */
};
_Static_assert(sizeof(struct wr_packed_header) == 512, "one sector");

struct wr_packed_entry {
	uint64_t offset;       /* of the frame in this file */
	uint32_t stored_bytes; /* there, without the padding to the block */
	uint32_t frame_bytes;  /* uncompressed */
	uint32_t codec;        /* enum wr_packed_codec */
	uint32_t crc;          /* of what is stored, seed 1 */
	uint64_t zero;
	struct wr_batch_header first; /* zeros: no batch stands at the beginning of the extent */
};
_Static_assert(sizeof(struct wr_packed_entry) == 160, "one entry");

static inline uint32_t wr_packed_index_bytes(uint64_t segment_bytes, uint32_t chunk_bytes)
{
	return (uint32_t)wr_round_up(wr_extent_count(segment_bytes, chunk_bytes) *
					     sizeof(struct wr_packed_entry),
				     WR_BLOCK_BYTES);
}

/* What a batch takes in a frame. */
static inline uint32_t wr_packed_batch_bytes(const struct wr_batch_header *h)
{
	return WR_BATCH_HEADER_BYTES + (uint32_t)wr_round_up(h->body_bytes, 8);
}

void wr_packed_header_encode(const struct wr_packed_header *header, void *block);
/* UNKNOWN: of a newer format. */
enum wr_block_verdict wr_packed_header_decode(const void *block,
					      struct wr_packed_header *ret_header);
/* Whether this block is one: for who wants to know before it is known whether it is good. */
bool wr_packed_is_header(const void *block);

/* What its frames are compressed with: bits by enum wr_codec_number. */
static inline uint32_t wr_packed_codecs(const struct wr_packed_header *header)
{
	return header->features_must & (1u << WR_CODEC_LZ4 | 1u << WR_CODEC_ZSTD);
}

/* The library that this storage lacks for some frame of it: enum wr_codec_number; 0: none. */
uint32_t wr_packed_lacks(const struct wr_packed_header *header, const struct wr_storage *storage);

/* The same with its place and checksum: false is a damaged index. */
bool wr_packed_index_is_sound(const struct wr_packed_header *header, const uint8_t *index);

/*
 * The extent at `place` as it was, from its frame, no more compressed: `to` has chunk_bytes.
 * False: the frame is not all there (the caller knows: is_all), or not good. Then every batch that
 * is good stands at its place all the same, and where none stands are bytes that nothing validates
 * (WR_PACKED_DAMAGE).
 */
bool wr_packed_unfold(const uint8_t *frame, uint32_t frame_bytes, bool is_all, uint32_t codec,
		      uint32_t chunk_bytes, const struct wr_batch_place *place, uint8_t *to);
/* All of an extent that cannot be read. Neither zeros (never written) nor a header. */
#define WR_PACKED_DAMAGE 0xda

#endif
