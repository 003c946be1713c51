/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every backend checks before it touches anything: names of files and shapes of requests
 * (S6). One place, so that the three refuse the same things with the same codes. Pure functions.
 */
#ifndef WR_POSIX_REQUEST_H
#define WR_POSIX_REQUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/port/storage.h"

/* The backend's own file: file_each() does not show it and nobody else opens it. */
#define WR_STORAGE_LOCK_NAME "LOCK"

/* Tries without progress before a transfer that is always short, EAGAIN or EINTR is an error. */
#define WR_IO_RETRY_MAX 64u

/* 0 or -EINVAL: a name is one component of a path, and short. */
static inline int wr_name_check(const char *name)
{
	if (name == NULL)
		return -EINVAL;
	size_t name_bytes = strnlen(name, WR_STORAGE_NAME_MAX + 1);
	if (name_bytes == 0 || name_bytes > WR_STORAGE_NAME_MAX)
		return -EINVAL;
	if (memchr(name, '/', name_bytes) != NULL)
		return -EINVAL;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (strcmp(name, WR_STORAGE_LOCK_NAME) == 0)
		return -EINVAL;
	return 0;
}

/* 0 or -EINVAL (S6). Looks at the request only: whether the file exists is the backend's. */
static inline int wr_io_check(const struct wr_io *io)
{
	const uint64_t mask = WR_STORAGE_BLOCK_BYTES - 1;

	if (io->done == NULL)
		return -EINVAL;
	switch (io->kind) {
	case WR_IO_READ:
	case WR_IO_WRITE:
		if (io->length_bytes == 0 || io->buffer == NULL)
			return -EINVAL;
		if (((io->length_bytes | io->offset_bytes | (uintptr_t)io->buffer) & mask) != 0)
			return -EINVAL;
		/* No overflow of off_t, and the kernel's own limit of one transfer. */
		if (io->length_bytes > INT32_MAX || io->offset_bytes > (uint64_t)INT64_MAX >> 1)
			return -EINVAL;
		return 0;
	case WR_IO_SYNC:
	case WR_IO_REMOVE:
		return 0;
	case WR_IO_PREPARE:
		if (io->file_bytes == 0 || (io->file_bytes & mask) != 0 ||
		    io->file_bytes > (uint64_t)INT64_MAX >> 1)
			return -EINVAL;
		return wr_name_check(io->name);
	default:
		return -EINVAL;
	}
}

/* What a thread of its own does, and no depth counts (S7, S12). */
static inline bool wr_io_is_for_helper(const struct wr_io *io)
{
	return io->kind == WR_IO_PREPARE || io->kind == WR_IO_REMOVE;
}

/* A queue of requests through their `next`. The owner guards it. */
struct wr_io_queue {
	struct wr_io *first;
	struct wr_io *last;
};

static inline void wr_io_push(struct wr_io_queue *q, struct wr_io *io)
{
	io->next = NULL;
	if (q->last != NULL)
		q->last->next = io;
	else
		q->first = io;
	q->last = io;
}

static inline struct wr_io *wr_io_pop(struct wr_io_queue *q)
{
	struct wr_io *io = q->first;
	if (io == NULL)
		return NULL;
	q->first = io->next;
	if (q->first == NULL)
		q->last = NULL;
	io->next = NULL;
	return io;
}

/* Empties q and returns what was in it, as a queue of its own. */
static inline struct wr_io_queue wr_io_take_all(struct wr_io_queue *q)
{
	struct wr_io_queue all = *q;
	*q = (struct wr_io_queue){0};
	return all;
}

#endif
