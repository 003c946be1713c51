/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a packed segment as the segment that it was: an extent, a block that begins one, or any
 * place, as if the file had never been packed. What is damaged comes back as bytes that nothing
 * validates (packed.h), so that whoever reads judges it as he would in a plain file.
 *
 * A frame that is compressed is believed by the checksum of what is stored, and comes back whole or
 * as damage: what it has to become is known before, and a decoder gets room for no more.
 *
 * Memory: an index, two chunks, one chunk more for places; and what a decoder takes of its library,
 * which is made when the first frame that needs it is met, or before, for who must take nothing
 * then. Thread: one. Blocks on the medium.
 */
#ifndef WR_JOURNAL_UNPACK_H
#define WR_JOURNAL_UNPACK_H

#include "core/journal/packed.h"
#include "core/port/memory.h"
#include "core/port/storage.h"

/* What a reader of packed segments is about. */
struct wr_unpack_source {
	struct wr_storage *storage;
	uint32_t file;
	uint64_t segment_id; /* what has to be in it */
};

struct wr_unpack {
	struct wr_memory *memory;
	const uint8_t *uuid; /* borrowed */
	uint32_t log_id;
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	uint8_t *index;                                /* block, index */
	uint8_t *stored;                               /* a frame as it is in the file */
	uint8_t *frame;                                /* what was compressed */
	const struct wr_codec *codecs[WR_CODEC_COUNT]; /* those that the storage has */
	void *decoders[WR_CODEC_COUNT];                /* NULL: not made, or it has no state */
	uint8_t *plain;              /* the extent at plain_index; for wr_unpack_read() alone */
	struct wr_unpack_source now; /* whose index that is; segment_id 0: nobody's */
	bool index_good;
	struct wr_packed_header header;
	uint64_t plain_extent; /* UINT64_MAX: none */
};

/* `places`: wr_unpack_read() is wanted, too. -ENOMEM: nothing was left. */
int wr_unpack_init(struct wr_unpack *u, const struct wr_storage *storage, struct wr_memory *memory,
		   const uint8_t *uuid, uint32_t log_id, uint32_t chunk_bytes,
		   uint64_t segment_bytes, bool places);
/* Makes the decoders of these codecs now: bits by enum wr_codec_number. -ENOMEM: fini is due. */
int wr_unpack_decoders(struct wr_unpack *u, uint32_t codecs);
void wr_unpack_fini(struct wr_unpack *u);
uint64_t wr_unpack_bytes(uint32_t chunk_bytes, uint64_t segment_bytes);
/* What is in a file may be something else by now. */
void wr_unpack_forget(struct wr_unpack *u);

/*
 * What a file is whose first block is given: VALID and its header, from that block or from its copy
 * at the end (*ret_from_copy); ZERO or BAD: no packed segment; UNKNOWN. A draft is VALID, too. Or
 * what the storage said.
 */
int wr_unpack_look(struct wr_storage *storage, uint32_t file, uint64_t file_bytes,
		   const void *first_block, void *scratch_block, enum wr_block_verdict *ret_verdict,
		   struct wr_packed_header *ret_header, bool *ret_from_copy);

/* The header of the file; WEIR_E_CORRUPT: it is not this segment, or its index is damaged. */
int wr_unpack_header(struct wr_unpack *u, const struct wr_unpack_source *from,
		     struct wr_packed_header *ret_header);
/*
 * Each 0, or what the storage said; WEIR_E_FORMAT: some frame of the file needs a library that this
 * build lacks; -ENOMEM: there is none for a decoder. `to` has chunk_bytes.
 */
int wr_unpack_extent(struct wr_unpack *u, const struct wr_unpack_source *from, uint64_t index,
		     uint8_t *to);
/* The header of the batch that begins an extent, and zeros up to a block. */
int wr_unpack_first(struct wr_unpack *u, const struct wr_unpack_source *from, uint64_t index,
		    uint8_t *to_block);
/* As the storage's read(): the count, less at the end. Within one extent, or the first block. */
int64_t wr_unpack_read(struct wr_unpack *u, const struct wr_unpack_source *from, void *to,
		       uint32_t length_bytes, uint64_t offset_bytes);
/* The header of the segment as it was. */
void wr_unpack_segment_header(const struct wr_packed_header *header, void *block);

#endif
