/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The superblock as four copies in JOURNAL. It is written at creation, at each open and at a clean
 * close by what is here, and while a segment gets ready by journal_range.c. Two copies at a time,
 * the second pair after the first is durable: whatever a power cut leaves of one pair, the other is
 * whole, old or new. The highest version that validates wins, and who opens writes over the other
 * pair first: a power cut may have left nothing good of that, and another one may come.
 *
 * Thread: the one that opens or closes. Blocks.
 */
#include "core/journal/scan.h"

#include <errno.h>
#include <string.h>

#define PAIR_COPIES (WR_SUPERBLOCK_COPIES / 2)
#define COPIES_BYTES (WR_SUPERBLOCK_COPIES * WR_BLOCK_BYTES)
#define PAIR_BYTES (COPIES_BYTES / 2)

int wr_superblock_read(struct wr_storage *storage, struct wr_memory *memory, uint32_t file,
		       struct wr_superblock_found *ret_found)
{
	uint8_t *blocks = memory->ops->alloc(memory, COPIES_BYTES, WR_BLOCK_BYTES);

	if (blocks == NULL)
		return -ENOMEM;
	uint64_t newest[2] = {0, 0}; /* versions, by pair */
	memset(ret_found, 0, sizeof *ret_found);
	int64_t n = storage->ops->read(storage, file, blocks, COPIES_BYTES, 0);
	for (uint32_t copy = 0; n >= 0 && copy < WR_SUPERBLOCK_COPIES; copy++) {
		struct wr_superblock content = {.version = 0};
		enum wr_block_verdict verdict = WR_BLOCK_ZERO;
		if ((uint64_t)n >= (copy + 1) * (uint64_t)WR_BLOCK_BYTES)
			verdict = wr_superblock_decode(blocks + copy * WR_BLOCK_BYTES, copy,
						       &content);
		ret_found->verdicts[copy] = verdict;
		ret_found->any_unknown |= verdict == WR_BLOCK_UNKNOWN;
		if (verdict == WR_BLOCK_VALID)
			newest[copy / PAIR_COPIES] =
				wr_max_u64(newest[copy / PAIR_COPIES], content.version);
		if (verdict == WR_BLOCK_VALID &&
		    (!ret_found->any_valid || content.version > ret_found->superblock.version)) {
			ret_found->superblock = content;
			ret_found->any_valid = true;
		}
	}
	ret_found->older_pair = newest[1] < newest[0] ? 1 : 0;
	memory->ops->free(memory, blocks, COPIES_BYTES);
	return n < 0 ? (int)n : 0;
}

int wr_superblock_write(struct wr_storage *storage, struct wr_memory *memory, uint32_t file,
			uint32_t first_pair, struct wr_superblock *superblock)
{
	uint8_t *blocks = memory->ops->alloc(memory, COPIES_BYTES, WR_BLOCK_BYTES);
	struct wr_superblock next = *superblock;

	if (blocks == NULL)
		return -ENOMEM;
	next.version++;
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++)
		wr_superblock_encode(&next, copy, blocks + copy * WR_BLOCK_BYTES);
	/* write() is durable when it returns (core/port/storage.h). */
	int r = 0;
	for (uint32_t i = 0; r >= 0 && i < 2; i++) {
		uint32_t at = (first_pair ^ i) * PAIR_BYTES;
		r = storage->ops->write(storage, file, blocks + at, PAIR_BYTES, at);
	}
	memory->ops->free(memory, blocks, COPIES_BYTES);
	if (r < 0)
		return r;
	*superblock = next;
	return 0;
}
