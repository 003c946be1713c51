/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a journal directory, by byte offset, little endian. docs/reference/journal-format.md
 * says the same in prose; batches are core/record/batch.h.
 *
 *   JOURNAL          four copies of the superblock, one a block: constants of the journal, its
 *                    epoch, which segments there are (scan_range.c), where a clean close ended
 *   LOCK             locked by the owner
 *   L-NNNNNNNN.seg   a segment of log L: a header block, then extents of chunk_bytes each, or the
 *                    same without its padding (packed.h). N is the
 *                    number of the file, not the id of the segment in it: recycling writes a new
 *                    header and renames nothing
 *   L-checkpoint.0, L-checkpoint.1   the last two checkpoints of log L
 *
 * A segment's id never comes again; it seeds every checksum in it, so nothing of a file's former
 * life, and nothing that belongs elsewhere, ever validates.
 */
#ifndef WR_JOURNAL_FORMAT_H
#define WR_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record/batch.h"

#define WR_JOURNAL_FORMAT 1u
#define WR_SUPERBLOCK_COPIES 4u
#define WR_SUPERBLOCK_NAME "JOURNAL"
#define WR_CHECKPOINT_COPIES 2u
/* In features_must of the superblock: some segments may be packed (packed.h). */
#define WR_SUPERBLOCK_PACKED 1u
/* Of some, events may have been left out, which records say (core/record/left_out.h). */
#define WR_SUPERBLOCK_LEFT_OUT 2u
/* Batches carry a chain under a key (core/record/chain.h): who has none may not append. */
#define WR_SUPERBLOCK_CHAINED 4u

/* JOURNAL. The copy with the highest version wins; copies 0-1 are synced before 2-3 are written. */
struct wr_superblock {
	uint8_t magic[8]; /* "WEIRJRNL" */
	uint16_t format;
	uint16_t copy; /* 0..3: a copy found elsewhere is not valid */
	uint32_t features_must;
	uint8_t uuid[WR_UUID_BYTES];
	uint64_t version; /* counts writes of this block */
	uint32_t log_count;
	uint32_t block_bytes;
	uint32_t chunk_bytes;
	uint32_t epoch;         /* of the newest open; durable before that epoch writes anything */
	uint64_t segment_bytes; /* of a whole file: a block + a multiple of chunk_bytes */
	uint64_t created_us;
	/* Where the last clean close ended; all zero while open and after a crash. Log 0. */
	uint64_t clean_segment_id;
	uint64_t clean_offset;
	uint64_t clean_last_seq;
	uint32_t clean_header_crc;
	uint32_t clean;
	/* Which segments may hold batches of the log. All zero: not recorded. Log 0. */
	uint64_t oldest_segment_id; /* nothing below it is needed */
	uint64_t newest_segment_id; /* the last whose header is durable, used or not */
	uint64_t oldest_seq;        /* of the oldest one */
	uint64_t durable_seq;       /* when this was written: evidence like that of any header */
	uint64_t retention_us;      /* where retention's clock stood, µs since 1970; 0: nowhere */
	uint64_t given_segment_id;  /* no id up to it is ever given again; 0: not recorded */
	uint64_t erased_seq; /* of erased keys up to this sequence nothing is left on the medium */
	uint8_t chain_check[16]; /* with CHAINED: tells the key of the chain from others */
	uint8_t zero[332];
	uint32_t crc; /* CRC32C of all before, seed 1 */
};
_Static_assert(sizeof(struct wr_superblock) == 512, "one sector");

/* Block 0 of a segment file. */
struct wr_segment_header {
	uint8_t magic[8]; /* "WEIRSEG1" */
	uint16_t format;
	uint16_t zero_1;
	uint32_t features_must;
	uint8_t uuid[WR_UUID_BYTES];
	uint64_t segment_id;
	uint64_t segment_bytes;
	uint32_t log_id;
	uint32_t epoch; /* that assigned the id */
	uint32_t chunk_bytes;
	uint32_t block_bytes;
	uint64_t assigned_us;         /* wall clock, for people */
	uint64_t previous_segment_id; /* the one in front of it in the log; 0: none, or not known */
	uint8_t zero_2[428];
	uint32_t crc; /* seed 1 */
};
_Static_assert(sizeof(struct wr_segment_header) == 512, "one sector");

/* Block 0 of a checkpoint file; the sections follow from the next block. */
struct wr_checkpoint_header {
	uint8_t magic[8]; /* "WEIRCKPT" */
	uint16_t format;
	uint16_t zero_1;
	uint32_t features_must;
	uint8_t uuid[WR_UUID_BYTES];
	uint32_t log_id;
	uint32_t epoch;
	uint64_t last_seq;
	uint64_t segment_id; /* of the batch that last_seq ends */
	uint64_t segment_offset;
	uint64_t needed_seq;
	uint32_t batch_header_crc;
	uint32_t body_bytes;
	uint32_t body_crc; /* seed 1 */
	uint8_t zero_2[424];
	uint32_t crc; /* seed 1 */
};
_Static_assert(sizeof(struct wr_checkpoint_header) == 512, "one sector");

/* What a decoder says of a block. */
enum wr_block_verdict {
	WR_BLOCK_VALID = 0,
	WR_BLOCK_ZERO,
	WR_BLOCK_BAD,     /* torn, rotted, foreign */
	WR_BLOCK_UNKNOWN, /* good, but of a newer format or with a feature this build refuses */
};

/* Fill magic, format and crc of a struct and put it into a zeroed block; and the way back. */
void wr_superblock_encode(const struct wr_superblock *superblock, uint32_t copy, void *block);
enum wr_block_verdict wr_superblock_decode(const void *block, uint32_t copy,
					   struct wr_superblock *ret_superblock);
void wr_segment_header_encode(const struct wr_segment_header *header, void *block);
enum wr_block_verdict wr_segment_header_decode(const void *block,
					       struct wr_segment_header *ret_header);
void wr_checkpoint_header_encode(const struct wr_checkpoint_header *header, void *block);
enum wr_block_verdict wr_checkpoint_header_decode(const void *block,
						  struct wr_checkpoint_header *ret_header);

/* Numbers that weir writes: nobody divides or allocates by others. */
bool wr_geometry_is_sound(uint32_t block_bytes, uint32_t chunk_bytes, uint64_t segment_bytes);

/* File names. `to` has WR_STORAGE_NAME_MAX + 1 bytes. */
void wr_segment_name(char *to, uint32_t log_id, uint32_t file_number);
bool wr_segment_name_parse(const char *name, uint32_t *ret_log_id, uint32_t *ret_file_number);
void wr_checkpoint_name(char *to, uint32_t log_id, uint32_t copy);

/* Offset in the file of extent `index`, and how many extents a file has. */
static inline uint64_t wr_extent_offset(uint32_t chunk_bytes, uint64_t index)
{
	return WR_BLOCK_BYTES + index * chunk_bytes;
}

static inline uint64_t wr_extent_count(uint64_t segment_bytes, uint32_t chunk_bytes)
{
	return (segment_bytes - WR_BLOCK_BYTES) / chunk_bytes;
}

/*
 * Beyond what wr_batch_check_header() knows: numbers that no writer of weir puts into a header that
 * stands `rest_bytes` before the end of its extent, whatever the checksum says.
 */
static inline bool wr_place_is_sound(const struct wr_batch_header *h, uint32_t rest_bytes)
{
	if (h->first_seq == 0 || h->first_seq > UINT64_MAX - 1 - h->record_count ||
	    h->durable_seq >= h->first_seq || h->epoch == 0)
		return false;
	return h->batch_kind != WR_BATCH_FILLER ||
	       (uint64_t)h->batch_bytes + h->skip_bytes == rest_bytes;
}

#endif
