/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage of which one blocking call fails: it counts them, whatever they are, and the n-th
 * returns a code, or reads no more than half of what was asked for. The simulated medium counts
 * what touches it; this also counts what only looks (a file's size, the names, the room), so that a
 * sweep over n comes to each code that somebody has to look at.
 *
 * One at a time, since the calls get nothing but the storage. Put on and taken off by a test.
 */
#ifndef WR_TESTS_FAILING_STORAGE_H
#define WR_TESTS_FAILING_STORAGE_H

#include <stdbool.h>

#include "core/base/bits.h"
#include "core/port/storage.h"

#define FAILING_SHORT 1 /* instead of a code: a read that ends half-way */

static struct {
	const struct wr_storage_ops *real;
	struct wr_storage_ops ops;
	uint64_t left; /* calls until the one that fails; 0: none does any more */
	int code;
	bool has_failed;
} failing;

/* Whether it is this call's turn. */
static inline bool failing_now(void)
{
	if (failing.left == 0 || --failing.left > 0)
		return false;
	failing.has_failed = true;
	return failing.code != FAILING_SHORT;
}

static inline int failing_file_open(struct wr_storage *s, const char *name, uint32_t flags,
				    uint32_t *ret_file)
{
	return failing_now() ? failing.code : failing.real->file_open(s, name, flags, ret_file);
}

static inline int failing_file_keep(struct wr_storage *s, uint32_t file, bool keep)
{
	return failing_now() ? failing.code : failing.real->file_keep(s, file, keep);
}

static inline int failing_file_bytes(struct wr_storage *s, uint32_t file, uint64_t *ret_bytes)
{
	return failing_now() ? failing.code : failing.real->file_bytes(s, file, ret_bytes);
}

static inline int failing_file_remove(struct wr_storage *s, const char *name)
{
	return failing_now() ? failing.code : failing.real->file_remove(s, name);
}

static inline int failing_file_each(struct wr_storage *s,
				    int (*visit)(void *context, const char *name), void *context)
{
	return failing_now() ? failing.code : failing.real->file_each(s, visit, context);
}

static inline int64_t failing_read(struct wr_storage *s, uint32_t file, void *buffer,
				   uint32_t length_bytes, uint64_t offset_bytes)
{
	bool was = failing.has_failed;

	if (failing_now())
		return failing.code;
	if (!was && failing.has_failed)
		length_bytes = (uint32_t)wr_round_down(length_bytes / 2, WR_STORAGE_BLOCK_BYTES);
	return length_bytes == 0 ? 0
				 : failing.real->read(s, file, buffer, length_bytes, offset_bytes);
}

static inline int failing_write(struct wr_storage *s, uint32_t file, const void *buffer,
				uint32_t length_bytes, uint64_t offset_bytes)
{
	return failing_now() ? failing.code
			     : failing.real->write(s, file, buffer, length_bytes, offset_bytes);
}

static inline int failing_sync_file(struct wr_storage *s, uint32_t file)
{
	return failing_now() ? failing.code : failing.real->sync_file(s, file);
}

static inline int failing_sync_dir(struct wr_storage *s)
{
	return failing_now() ? failing.code : failing.real->sync_dir(s);
}

static inline int failing_free_bytes(struct wr_storage *s, uint64_t *ret_bytes)
{
	return failing_now() ? failing.code : failing.real->free_bytes(s, ret_bytes);
}

/* From now on: the n-th call (from 1) of this storage. */
static inline void failing_put_on(struct wr_storage *storage, uint64_t n, int code)
{
	failing.real = storage->ops;
	failing.ops = *storage->ops;
	failing.ops.file_open = failing_file_open;
	failing.ops.file_keep = failing_file_keep;
	failing.ops.file_bytes = failing_file_bytes;
	failing.ops.file_remove = failing_file_remove;
	failing.ops.file_each = failing_file_each;
	failing.ops.read = failing_read;
	failing.ops.write = failing_write;
	failing.ops.sync_file = failing_sync_file;
	failing.ops.sync_dir = failing_sync_dir;
	failing.ops.free_bytes = failing_free_bytes;
	failing.left = n;
	failing.code = code;
	failing.has_failed = false;
	storage->ops = &failing.ops;
}

/* Whether a call has failed. */
static inline bool failing_take_off(struct wr_storage *storage)
{
	storage->ops = failing.real;
	return failing.has_failed;
}

#endif
