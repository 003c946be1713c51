/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three fixed blocks of a journal directory, to and from bytes. A decoder looks at the checksum
 * first and believes nothing before it: a block is then either exactly what weir wrote, or of
 * another format, or not to be used. Numbers that weir never writes (a chunk that is no multiple of
 * a block) are refused here too, so that nobody behind this file divides by them or allocates by
 * them. Pure functions.
 */
#include "core/journal/format.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/port/storage.h"

#define CRC_SEED 1u
#define CHUNK_BYTES_MAX (64u << 20)
#define SEGMENT_BYTES_MAX (1ull << 40)
#define STRUCT_BYTES 512u
/* Ids and sequences are counted up from 1: beyond this one is nobody's. */
#define COUNT_MAX (UINT64_MAX >> 1)

static const char superblock_magic[9] = "WEIRJRNL";
static const char segment_magic[9] = "WEIRSEG1";
static const char checkpoint_magic[9] = "WEIRCKPT";

/* All three begin with magic, format and end with a checksum of what stands before it. */
static void put_block(void *block, const char *magic, const void *content)
{
	uint8_t *to = block;

	memcpy(to, content, STRUCT_BYTES);
	memcpy(to, magic, 8);
	wr_put_u16(to + 8, WR_JOURNAL_FORMAT);
	wr_put_u32(to + STRUCT_BYTES - 4, wr_crc32c(CRC_SEED, to, STRUCT_BYTES - 4));
	memset(to + STRUCT_BYTES, 0, WR_BLOCK_BYTES - STRUCT_BYTES);
}

static enum wr_block_verdict check_block(const void *block, const char *magic,
					 uint32_t features_known)
{
	static const uint8_t zero[STRUCT_BYTES];
	const uint8_t *from = block;

	if (memcmp(from, zero, STRUCT_BYTES) == 0)
		return WR_BLOCK_ZERO;
	if (memcmp(from, magic, 8) != 0 ||
	    wr_get_u32(from + STRUCT_BYTES - 4) != wr_crc32c(CRC_SEED, from, STRUCT_BYTES - 4))
		return WR_BLOCK_BAD;
	if (wr_get_u16(from + 8) != WR_JOURNAL_FORMAT ||
	    (wr_get_u32(from + 12) & ~features_known) != 0)
		return WR_BLOCK_UNKNOWN;
	return WR_BLOCK_VALID;
}

bool wr_geometry_is_sound(uint32_t block_bytes, uint32_t chunk_bytes, uint64_t segment_bytes)
{
	if (block_bytes != WR_BLOCK_BYTES || chunk_bytes < 2 * WR_BLOCK_BYTES ||
	    chunk_bytes > CHUNK_BYTES_MAX || chunk_bytes % WR_BLOCK_BYTES != 0)
		return false;
	return segment_bytes > WR_BLOCK_BYTES && segment_bytes <= SEGMENT_BYTES_MAX &&
	       (segment_bytes - WR_BLOCK_BYTES) % chunk_bytes == 0;
}

static bool range_is_sound(const struct wr_superblock *s)
{
	return s->oldest_segment_id <= s->newest_segment_id && s->newest_segment_id <= COUNT_MAX &&
	       s->oldest_seq <= COUNT_MAX && s->durable_seq <= COUNT_MAX &&
	       s->given_segment_id <= COUNT_MAX && s->erased_seq <= COUNT_MAX;
}

_Static_assert(offsetof(struct wr_superblock, format) == 8, "check_block()");
_Static_assert(offsetof(struct wr_superblock, features_must) == 12, "check_block()");
_Static_assert(offsetof(struct wr_superblock, crc) == STRUCT_BYTES - 4, "put_block()");
_Static_assert(offsetof(struct wr_segment_header, format) == 8, "check_block()");
_Static_assert(offsetof(struct wr_segment_header, features_must) == 12, "check_block()");
_Static_assert(offsetof(struct wr_segment_header, crc) == STRUCT_BYTES - 4, "put_block()");
_Static_assert(offsetof(struct wr_checkpoint_header, format) == 8, "check_block()");
_Static_assert(offsetof(struct wr_checkpoint_header, features_must) == 12, "check_block()");
_Static_assert(offsetof(struct wr_checkpoint_header, crc) == STRUCT_BYTES - 4, "put_block()");

void wr_superblock_encode(const struct wr_superblock *superblock, uint32_t copy, void *block)
{
	struct wr_superblock content = *superblock;

	content.copy = (uint16_t)copy;
	put_block(block, superblock_magic, &content);
}

enum wr_block_verdict wr_superblock_decode(const void *block, uint32_t copy,
					   struct wr_superblock *ret_superblock)
{
	enum wr_block_verdict verdict =
		check_block(block, superblock_magic,
			    WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT | WR_SUPERBLOCK_CHAINED);
	struct wr_superblock content;

	if (verdict != WR_BLOCK_VALID)
		return verdict;
	memcpy(&content, block, sizeof content);
	if (content.copy != copy || content.log_count == 0 || !range_is_sound(&content) ||
	    !wr_geometry_is_sound(content.block_bytes, content.chunk_bytes, content.segment_bytes))
		return WR_BLOCK_BAD;
	*ret_superblock = content;
	return WR_BLOCK_VALID;
}

void wr_segment_header_encode(const struct wr_segment_header *header, void *block)
{
	put_block(block, segment_magic, header);
}

enum wr_block_verdict wr_segment_header_decode(const void *block,
					       struct wr_segment_header *ret_header)
{
	enum wr_block_verdict verdict = check_block(block, segment_magic, 0);
	struct wr_segment_header content;

	if (verdict != WR_BLOCK_VALID)
		return verdict;
	memcpy(&content, block, sizeof content);
	if (content.segment_id == 0 ||
	    !wr_geometry_is_sound(content.block_bytes, content.chunk_bytes, content.segment_bytes))
		return WR_BLOCK_BAD;
	*ret_header = content;
	return WR_BLOCK_VALID;
}

void wr_checkpoint_header_encode(const struct wr_checkpoint_header *header, void *block)
{
	put_block(block, checkpoint_magic, header);
}

enum wr_block_verdict wr_checkpoint_header_decode(const void *block,
						  struct wr_checkpoint_header *ret_header)
{
	enum wr_block_verdict verdict = check_block(block, checkpoint_magic, 0);

	if (verdict == WR_BLOCK_VALID)
		memcpy(ret_header, block, sizeof *ret_header);
	return verdict;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Decimal, so many digits at least. Returns the place behind them. */
static char *put_decimal(char *to, uint32_t value, uint32_t digits_min)
{
	char digits[10];
	uint32_t count = 0;

	for (; value != 0 || count < digits_min; value /= 10)
		digits[count++] = (char)('0' + value % 10);
	while (count > 0)
		*to++ = digits[--count];
	return to;
}

/* By hand: an open makes and compares the name of every file several times. */
void wr_segment_name(char *to, uint32_t log_id, uint32_t file_number)
{
	to = put_decimal(to, log_id, 1);
	*to++ = '-';
	to = put_decimal(to, file_number, 8);
	memcpy(to, ".seg", sizeof ".seg");
}

void wr_checkpoint_name(char *to, uint32_t log_id, uint32_t copy)
{
	(void)snprintf(to, WR_STORAGE_NAME_MAX + 1, "%u-checkpoint.%u", log_id, copy);
}

/* Decimal digits of a u32; NULL when there are none, or too many. */
static const char *parse_u32(const char *from, uint32_t *ret_value)
{
	uint64_t value = 0;
	const char *at = from;

	for (; *at >= '0' && *at <= '9' && at - from <= 10; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == from || value > UINT32_MAX)
		return NULL;
	*ret_value = (uint32_t)value;
	return at;
}

bool wr_segment_name_parse(const char *name, uint32_t *ret_log_id, uint32_t *ret_file_number)
{
	char canonical[WR_STORAGE_NAME_MAX + 1];
	uint32_t log_id, file_number;
	const char *at = parse_u32(name, &log_id);

	if (at == NULL || *at++ != '-')
		return false;
	at = parse_u32(at, &file_number);
	if (at == NULL)
		return false;
	/* One number has one name: "0-7.seg" is somebody else's file. */
	wr_segment_name(canonical, log_id, file_number);
	if (strcmp(name, canonical) != 0)
		return false;
	*ret_log_id = log_id;
	*ret_file_number = file_number;
	return true;
}
