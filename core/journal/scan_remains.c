/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No copy of the superblock is good: is no journal there yet, or has one lost it? (R13)
 *
 * The superblock is durable before any other file is made. So an owner that died as it made the
 * journal has left an empty JOURNAL, or a torn one, and nothing that was ever written to: the next
 * open goes on with that. But a first batch in a segment, or a byte that is not zero in a
 * checkpoint, is proof of a journal that was here, and a new one beside it would bury what is
 * left. Files that were prepared and never used hold zeros, and prove nothing that could be lost.
 *
 * Which journal it was is not asked: without the superblock nobody knows its uuid or its sizes.
 * Thread: see scan.h.
 */
#include "core/journal/scan.h"

#include <errno.h>
#include <stdio.h>

#define READ_BYTES (16u * WR_BLOCK_BYTES)

/* The first segment file that a batch was written to, by its name. */
static bool find_segment(const struct wr_scan *scan, char *ret_name)
{
	const struct wr_scan_segment *first = NULL;

	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (!s->first_zero && s->file_bytes > WR_BLOCK_BYTES &&
		    (first == NULL || s->file_number < first->file_number))
			first = s;
	}
	if (first != NULL)
		wr_segment_name(ret_name, scan->log_id, first->file_number);
	return first != NULL;
}

static bool is_zero(const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* 1: something was written to it. The body comes before the header, so all of it is looked at. */
static int look_at_checkpoint(struct wr_scan *scan, uint32_t file)
{
	struct wr_checkpoint_header header;

	for (uint64_t at = 0;; at += READ_BYTES) {
		int64_t n =
			scan->storage->ops->read(scan->storage, file, scan->buffer, READ_BYTES, at);
		if (n < 0)
			return (int)n;
		if (at == 0 && n >= WR_BLOCK_BYTES &&
		    wr_checkpoint_header_decode(scan->buffer, &header) == WR_BLOCK_UNKNOWN)
			return WEIR_E_FORMAT;
		if (!is_zero(scan->buffer, (uint32_t)n))
			return 1;
		if (n < (int64_t)READ_BYTES)
			return 0;
	}
}

static int find_checkpoint(struct wr_scan *scan, char *ret_name)
{
	const struct wr_storage_ops *ops = scan->storage->ops;
	int r = 0;

	for (uint32_t copy = 0; r == 0 && copy < WR_CHECKPOINT_COPIES; copy++) {
		uint32_t file;
		wr_checkpoint_name(ret_name, scan->log_id, copy);
		r = ops->file_open(scan->storage, ret_name, WR_FILE_READ_ONLY, &file);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		r = look_at_checkpoint(scan, file);
		(void)ops->file_close(scan->storage, file);
	}
	return r;
}

int wr_scan_remains(struct wr_storage *storage, struct wr_memory *memory, uint32_t log_id,
		    bool has_superblock_file, char *ret_text, size_t text_bytes)
{
	/* The sizes bound what is read; with no uuid every segment counts as another journal's. */
	const struct wr_superblock nobody = {
		.block_bytes = WR_BLOCK_BYTES,
		.chunk_bytes = READ_BYTES,
		.segment_bytes = WR_BLOCK_BYTES + READ_BYTES,
	};
	const char *lost = has_superblock_file ? "no copy of the superblock in JOURNAL is good"
					       : "JOURNAL is missing";
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_scan scan;
	int r = wr_scan_open(&scan, storage, memory, &nobody, log_id, true);

	if (r < 0)
		return r;
	bool is_segment = find_segment(&scan, name);
	r = is_segment ? 1 : find_checkpoint(&scan, name);
	if (is_segment)
		(void)snprintf(ret_text, text_bytes,
			       "%s, but %s holds events: put JOURNAL back, or move the segments "
			       "and checkpoints away",
			       lost, name);
	else if (r == 1)
		(void)snprintf(ret_text, text_bytes,
			       "%s, and the segments (%u-*.seg) of %s are missing: put them and "
			       "JOURNAL back, or move the checkpoints away",
			       lost, log_id, name);
	wr_scan_close(&scan, false);
	return r;
}
