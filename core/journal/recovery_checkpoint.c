/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two checkpoint files (L30). A header is evidence by itself, also when its body was being
 * written over: what it says was durable once, and retention has not passed it. A body is used only
 * if its checksum holds.
 *
 * Thread: the one that opens. Blocks.
 */
#include "core/journal/scan.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/base/crc32c.h"

#define BODY_SEED 1u
#define READ_BYTES_MAX (1u << 20)

static int read_header(struct wr_storage *storage, const struct wr_superblock *superblock,
		       uint32_t log_id, uint8_t *block, struct wr_checkpoint_found *found)
{
	memset(block, 0, WR_BLOCK_BYTES);
	int64_t n = storage->ops->read(storage, found->file, block, WR_BLOCK_BYTES, 0);
	if (n < 0)
		return (int)n;
	found->verdict = wr_checkpoint_header_decode(block, &found->header);
	if (found->verdict == WR_BLOCK_UNKNOWN)
		return WEIR_E_FORMAT;
	if (found->verdict == WR_BLOCK_VALID &&
	    (memcmp(found->header.uuid, superblock->uuid, WR_UUID_BYTES) != 0 ||
	     found->header.log_id != log_id || found->header.segment_id == 0 ||
	     found->header.last_seq == 0 || found->header.last_seq >= UINT64_MAX - UINT32_MAX))
		found->verdict = WR_BLOCK_BAD;
	return 0;
}

int wr_checkpoints_read(struct wr_storage *storage, const struct wr_superblock *superblock,
			uint32_t log_id, uint8_t *block,
			struct wr_checkpoint_found found[WR_CHECKPOINT_COPIES])
{
	char name[WR_STORAGE_NAME_MAX + 1];
	int r = 0;

	memset(found, 0, WR_CHECKPOINT_COPIES * sizeof found[0]);
	for (uint32_t copy = 0; r == 0 && copy < WR_CHECKPOINT_COPIES; copy++) {
		struct wr_checkpoint_found *f = &found[copy];
		f->verdict = WR_BLOCK_ZERO;
		wr_checkpoint_name(name, log_id, copy);
		r = storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &f->file);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		f->is_open = true;
		r = read_header(storage, superblock, log_id, block, f);
	}
	if (r < 0)
		wr_checkpoints_close(storage, found);
	return r;
}

int wr_checkpoint_body(struct wr_storage *storage, struct wr_memory *memory,
		       struct wr_checkpoint_found *found, uint8_t **ret_body, size_t *ret_bytes)
{
	uint64_t file_bytes = 0;
	int r = storage->ops->file_bytes(storage, found->file, &file_bytes);

	if (r < 0)
		return r;
	/* The file bounds what is allocated, not the header alone. */
	if (file_bytes < WR_BLOCK_BYTES || found->header.body_bytes > file_bytes - WR_BLOCK_BYTES)
		return WEIR_E_CORRUPT;
	size_t bytes = (size_t)wr_round_up((uint64_t)found->header.body_bytes + 1, WR_BLOCK_BYTES);
	uint8_t *body = memory->ops->alloc(memory, bytes, WR_BLOCK_BYTES);
	if (body == NULL)
		return -ENOMEM;
	for (size_t at = 0; r == 0 && at < found->header.body_bytes;) {
		uint32_t length = (uint32_t)wr_min_u64(bytes - at, READ_BYTES_MAX);
		int64_t n = storage->ops->read(storage, found->file, body + at, length,
					       WR_BLOCK_BYTES + at);
		if (n < 0)
			r = (int)n;
		else if ((uint64_t)n < length && at + (uint64_t)n < found->header.body_bytes)
			r = WEIR_E_CORRUPT;
		at += length;
	}
	if (r == 0 && !WR_BUG(CHECKPOINT_UNCHECKED) &&
	    wr_crc32c(BODY_SEED, body, found->header.body_bytes) != found->header.body_crc)
		r = WEIR_E_CORRUPT;
	if (r < 0) {
		memory->ops->free(memory, body, bytes);
		return r;
	}
	found->body_valid = true;
	*ret_body = body;
	*ret_bytes = bytes;
	return 0;
}

void wr_checkpoints_close(struct wr_storage *storage,
			  struct wr_checkpoint_found found[WR_CHECKPOINT_COPIES])
{
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		if (found[copy].is_open)
			(void)storage->ops->file_close(storage, found[copy].file);
		found[copy].is_open = false;
	}
}
