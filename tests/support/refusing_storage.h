/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage that takes no request of one kind: it refuses the next few with a code, as one does
 * whose queue is full (-EAGAIN: later), or that is at its end. Those that it took before come back.
 *
 * One at a time, since a submit gets nothing but the storage. Put on and taken off by a test.
 */
#ifndef WR_TESTS_REFUSING_STORAGE_H
#define WR_TESTS_REFUSING_STORAGE_H

#include "core/port/storage.h"

static struct {
	const struct wr_storage_ops *real;
	struct wr_storage_ops ops;
	enum wr_io_kind kind;
	int code;
	uint32_t left; /* how many more */
} refusing;

static inline int refusing_submit(struct wr_storage *s, struct wr_io *io)
{
	if (io->kind != refusing.kind || refusing.left == 0)
		return refusing.real->submit(s, io);
	refusing.left--;
	return refusing.code;
}

static inline void refusing_put_on(struct wr_storage *storage, enum wr_io_kind kind, int code,
				   uint32_t count)
{
	refusing.real = storage->ops;
	refusing.ops = *storage->ops;
	refusing.ops.submit = refusing_submit;
	refusing.kind = kind;
	refusing.code = code;
	refusing.left = count;
	storage->ops = &refusing.ops;
}

static inline void refusing_take_off(struct wr_storage *storage)
{
	storage->ops = refusing.real;
}

#endif
