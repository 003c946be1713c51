/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PREPARE: open, reserve, zero, sync the file, sync the directory. See prepare.h.
 *
 * The space is reserved first: a full disk is found before the long way, and the extents lie
 * together. Then it is written over, because reserved extents cost a metadata commit at their
 * first durable write. On failure the file goes again, and so does a half-zeroed older one: its
 * content was given up by whoever asked. A file of another size is not ours to touch.
 *
 * REMOVE: unlink, close, sync the directory.
 */
#include "io/posix/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/thread_posix.h"

#define ZEROS_BYTES 65536u
/* One write is 1 MiB, the same zeros 16 times over: longer ones are split by the kernel anyway. */
#define ZEROS_PARTS 16u

static int reserve(const struct wr_dir_file *file, uint64_t bytes)
{
	for (uint32_t i = 0; i < WR_IO_RETRY_MAX; i++) {
		if (fallocate(file->fd, 0, 0, (off_t)bytes) == 0)
			return 0;
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return 0; /* not a must: the zeros do it */
		if (errno != EINTR)
			return -errno;
	}
	return -EINTR;
}

static int write_zeros(const struct wr_prepare *p, const struct wr_dir_file *file, uint64_t bytes)
{
	struct iovec parts[ZEROS_PARTS];
	uint64_t at = 0;
	uint32_t retry_count = 0;

	while (at < bytes) {
		int part_count = 0;
		uint64_t left = bytes - at;
		while (left > 0 && part_count < (int)ZEROS_PARTS) {
			size_t n = (size_t)wr_min_u64(left, ZEROS_BYTES);
			parts[part_count++] = (struct iovec){.iov_base = p->zeros, .iov_len = n};
			left -= n;
		}
		ssize_t n = pwritev(file->fd, parts, part_count, (off_t)at);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		/* A ragged end is written again from its block on. */
		uint64_t step = n > 0 ? wr_round_down((uint64_t)n, WR_STORAGE_BLOCK_BYTES) : 0;
		at += step;
		retry_count = step > 0 ? 0 : retry_count + 1;
		if (retry_count > WR_IO_RETRY_MAX)
			return n < 0 ? -errno : -ENOSPC;
	}
	return 0;
}

static int fill(const struct wr_prepare *p, const struct wr_dir_file *file, uint64_t bytes)
{
	int code = reserve(file, bytes);

	if (code == 0)
		code = write_zeros(p, file, bytes);
	if (code == 0)
		code = wr_dir_fsync(file->fd, false);
	(void)wr_add_relaxed(&p->dir->syncs, 1u);
	return code;
}

/* Opens io->name: a new file, or an old one of the right size. */
static int open_target(const struct wr_prepare *p, struct wr_io *io)
{
	struct wr_storage *s = &p->dir->base;
	uint64_t bytes = 0;
	uint32_t file;

	int code = wr_dir_file_open(s, io->name,
				    WR_FILE_CREATE | WR_FILE_EXCLUSIVE | WR_FILE_KEEP, &file);
	if (code == -EEXIST) {
		code = wr_dir_file_open(s, io->name, WR_FILE_KEEP, &file);
		if (code < 0)
			return code;
		code = wr_dir_file_bytes(s, file, &bytes);
		if (code == 0 && bytes != io->file_bytes)
			code = -EEXIST;
		if (code < 0) {
			(void)wr_dir_file_close(s, file);
			return code;
		}
	}
	if (code == 0)
		io->file = file;
	return code;
}

static int prepare(const struct wr_prepare *p, struct wr_io *io)
{
	struct wr_storage *s = &p->dir->base;

	int code = open_target(p, io);
	if (code < 0)
		return code;
	code = fill(p, wr_dir_file(p->dir, io->file), io->file_bytes);
	if (code == 0)
		code = wr_dir_sync_dir(s);
	if (code < 0) {
		(void)wr_dir_file_close(s, io->file);
		(void)wr_dir_file_remove(s, io->name);
		(void)wr_dir_sync_dir(s);
	}
	return code;
}

/* S12. The last of its descriptors frees the room, which takes time: here, not on the owner's. */
static int take_away(const struct wr_prepare *p, struct wr_io *io)
{
	struct wr_storage *s = &p->dir->base;
	char name[WR_STORAGE_NAME_MAX + 1];

	memcpy(name, wr_dir_file(p->dir, io->file)->name, sizeof name);
	int code = wr_dir_file_remove(s, name);
	if (code < 0)
		return code;
	(void)wr_dir_file_close(s, io->file);
	io->file = WR_STORAGE_NO_FILE;
	return wr_dir_sync_dir(s);
}

static void *prepare_main(void *argument)
{
	struct wr_prepare *p = argument;

	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->stopping && p->waiting.first == NULL)
			(void)pthread_cond_wait(&p->changed, &p->lock);
		struct wr_io *io = wr_io_pop(&p->waiting);
		if (io == NULL)
			break;
		(void)pthread_mutex_unlock(&p->lock);
		io->result = io->kind == WR_IO_REMOVE ? take_away(p, io) : prepare(p, io);
		(void)pthread_mutex_lock(&p->lock);
		wr_io_push(&p->ended, io);
		(void)pthread_mutex_unlock(&p->lock);
		/* Outside the lock: it may take the storage's own. */
		p->made(p->context);
		(void)pthread_mutex_lock(&p->lock);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

int wr_prepare_init(struct wr_prepare *p, struct wr_dir *dir, void (*made)(void *context),
		    void *context)
{
	*p = (struct wr_prepare){.dir = dir, .made = made, .context = context};
	p->zeros = aligned_alloc(WR_STORAGE_BLOCK_BYTES, ZEROS_BYTES);
	if (p->zeros == NULL)
		return -ENOMEM;
	memset(p->zeros, 0, ZEROS_BYTES);
	int code = -pthread_mutex_init(&p->lock, NULL);
	if (code < 0)
		goto fail_zeros;
	code = -pthread_cond_init(&p->changed, NULL);
	if (code < 0)
		goto fail_lock;
	return 0;

fail_lock:
	(void)pthread_mutex_destroy(&p->lock);
fail_zeros:
	free(p->zeros);
	return code;
}

int wr_prepare_start(struct wr_prepare *p)
{
	if (p->running)
		return 0;
	char name[16];
	(void)snprintf(name, sizeof name, "%.10s-prep", p->dir->helper_name);
	const struct wr_thread_start start = {.name = name, .cpus = p->dir->helper_cpus};
	int code = wr_thread_create(&p->thread, &start, prepare_main, p);
	p->running = code == 0;
	return code;
}

void wr_prepare_add(struct wr_prepare *p, struct wr_io *io)
{
	(void)pthread_mutex_lock(&p->lock);
	wr_io_push(&p->waiting, io);
	(void)pthread_cond_signal(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
}

struct wr_io_queue wr_prepare_take(struct wr_prepare *p)
{
	(void)pthread_mutex_lock(&p->lock);
	struct wr_io_queue ended = wr_io_take_all(&p->ended);
	(void)pthread_mutex_unlock(&p->lock);
	return ended;
}

void wr_prepare_fini(struct wr_prepare *p)
{
	if (p->running) {
		(void)pthread_mutex_lock(&p->lock);
		p->stopping = true;
		(void)pthread_cond_signal(&p->changed);
		(void)pthread_mutex_unlock(&p->lock);
		(void)pthread_join(p->thread, NULL);
		p->running = false;
	}
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->zeros);
}
