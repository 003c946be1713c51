/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the ring and their completions. See completion.h.
 *
 * Short transfers, EAGAIN and the like go on from the same buffer (S3); where a file ends, its size
 * says and not a read that moved too little (io/posix/read_whole.h). Whatever a completion asks for
 * next (the rest, the sync of a write) is queued and marked `follow_up`, so that the poll that
 * reaps also hands it over.
 */
#include "io/uring/completion.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "io/posix/file_limit.h"

/* After a short direct transfer the rest must start on a sector again. */
#define SECTOR_BYTES 512u
#define REAP_COUNT 16u

_Static_assert(sizeof(struct wr_dir_file) + sizeof(struct wr_uring_file) <= WR_STORAGE_FILE_BYTES,
	       "the memory plan says less");

enum tag { TAG_REQUEST = 0, TAG_SYNC = 1, TAG_EVENT = 2, TAG_MASK = 7 };

/* The queue holds all that can be asked at once, so it is never full. */
static struct io_uring_sqe *next_entry(struct wr_uring *s)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&s->ring);

	WR_ASSERT(entry != NULL);
	return entry;
}

void wr_uring_queue_transfer(struct wr_uring *s, struct wr_io *io)
{
	const struct wr_dir_file *file = wr_dir_file(&s->dir, io->file);
	uint64_t user_data = (uint64_t)(uintptr_t)io | TAG_REQUEST;
	struct io_uring_sqe *entry = next_entry(s);
	uint8_t *at = (uint8_t *)io->buffer + io->moved_bytes;
	uint32_t left_bytes = io->length_bytes - io->moved_bytes;
	uint64_t offset = io->offset_bytes + io->moved_bytes;

	if (io->kind == WR_IO_READ) {
		io_uring_prep_read(entry, file->fd, at, left_bytes, offset);
	} else {
		io_uring_prep_write(entry, file->fd, at, left_bytes, offset);
		if ((io->flags & WR_IO_DURABLE) != 0 && file->direct &&
		    wr_load_relaxed(&s->dir.sync_in_write) != 0)
			entry->rw_flags = WR_BUG(URING_WRITE_UNSYNCED) ? 0 : RWF_DSYNC;
	}
	io_uring_sqe_set_data64(entry, user_data);
}

/*
 * Not the medium's word: asked again. ECANCELED is what becomes of requests that still wait for one
 * of the kernel's workers when the thread that submitted them ends.
 */
static bool is_passing(int result)
{
	return result == -EAGAIN || result == -EINTR || result == -ECANCELED;
}

static void queue_sync(struct wr_uring *s, uint32_t file_index)
{
	uint64_t user_data = (uint64_t)file_index << 3 | TAG_SYNC;
	struct io_uring_sqe *entry = next_entry(s);

	io_uring_prep_fsync(entry, wr_dir_file(&s->dir, file_index)->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data64(entry, user_data);
	(void)wr_add_relaxed(&s->dir.syncs, 1u);
}

void wr_uring_arm_event(struct wr_uring *s)
{
	struct io_uring_sqe *entry = next_entry(s);

	io_uring_prep_read(entry, s->event_fd, &s->event_value, sizeof s->event_value, 0);
	io_uring_sqe_set_data64(entry, TAG_EVENT);
	s->event_armed = true;
}

static void tell_written(struct wr_uring *s, struct wr_io *io)
{
	if (io->written != NULL) {
		io->written(io);
		s->progress = true;
	}
}

void wr_uring_tell_done(struct wr_uring *s, struct wr_io *io, int code)
{
	io->result = code;
	if (wr_io_is_for_helper(io)) {
		s->preparing--;
	} else {
		struct wr_io *last = s->asked[--s->in_flight];
		s->asked[io->slot] = last;
		last->slot = io->slot;
		wr_dir_unuse(&s->dir, wr_dir_file(&s->dir, io->file));
	}
	if (io->kind == WR_IO_WRITE && code == 0) {
		(void)wr_add_relaxed(&s->dir.writes, 1u);
		(void)wr_add_relaxed(&s->dir.written_bytes, io->length_bytes);
	}
	s->done_count++;
	io->done(io);
}

void wr_uring_ask_sync(struct wr_uring *s, struct wr_io *io)
{
	struct wr_uring_file *file = &s->files[io->file];

	if (file->covered.first != NULL) {
		wr_io_push(&file->waiting, io);
		return;
	}
	wr_io_push(&file->covered, io);
	file->retry_count = 0;
	queue_sync(s, io->file);
	s->follow_up = true;
}

static void sync_completed(struct wr_uring *s, uint32_t file_index, int result)
{
	struct wr_uring_file *file = &s->files[file_index];
	struct wr_dir_file *dir_file = wr_dir_file(&s->dir, file_index);
	struct wr_io *io;

	if (is_passing(result) && file->retry_count++ < WR_IO_RETRY_MAX) {
		queue_sync(s, file_index);
		s->follow_up = true;
		return;
	}
	struct wr_io_queue covered = wr_io_take_all(&file->covered);
	struct wr_io_queue dropped = {0};
	if (result < 0) {
		/* S5, before anybody is told. Who waited for the next sync fails with this one. */
		wr_dir_set_failed(dir_file, result);
		dropped = wr_io_take_all(&file->waiting);
	} else if (file->waiting.first != NULL) {
		file->covered = wr_io_take_all(&file->waiting);
		file->retry_count = 0;
		queue_sync(s, file_index);
		s->follow_up = true;
	}
	int code = result < 0 ? wr_dir_failed(dir_file) : 0;
	while ((io = wr_io_pop(&covered)) != NULL)
		wr_uring_tell_done(s, io, code);
	while ((io = wr_io_pop(&dropped)) != NULL)
		wr_uring_tell_done(s, io, code);
}

static void write_ended(struct wr_uring *s, struct wr_io *io, int code)
{
	struct wr_dir_file *file = wr_dir_file(&s->dir, io->file);
	const bool durable = (io->flags & WR_IO_DURABLE) != 0;
	const bool in_write = file->direct && wr_load_relaxed(&s->dir.sync_in_write) != 0;

	if (code < 0) {
		wr_dir_set_failed(file, code);
		wr_uring_tell_done(s, io, code);
		return;
	}
	if (durable && in_write)
		(void)wr_add_relaxed(&s->dir.syncs, 1u);
	tell_written(s, io);
	/* A sync that failed meanwhile may have been this write's too. */
	if (durable && !in_write) {
		code = wr_dir_failed(file);
		if (code == 0) {
			wr_uring_ask_sync(s, io);
			return;
		}
	}
	wr_uring_tell_done(s, io, code);
}

static void transfer_completed(struct wr_uring *s, struct wr_io *io, int result)
{
	struct wr_dir_file *file = wr_dir_file(&s->dir, io->file);
	const uint64_t end_bytes =
		io->offset_bytes + io->moved_bytes + (result > 0 ? (uint32_t)result : 0);
	uint32_t step = 0;
	int code = 0;

	if (result > 0) {
		step = (uint32_t)result;
		if (file->direct && io->moved_bytes + step < io->length_bytes)
			step = (uint32_t)wr_round_down(step, SECTOR_BYTES);
		io->moved_bytes += step;
	}
	if (step > 0)
		io->retry_count = 0;
	if (io->kind == WR_IO_READ && result >= 0 && io->moved_bytes < io->length_bytes)
		code = wr_dir_is_end(file, end_bytes);
	if (code > 0)
		code = -ENODATA; /* the file ends before the request does */
	else if (result < 0 && !is_passing(result))
		code = io->kind == WR_IO_WRITE
			       ? wr_file_limit_code(result, io->offset_bytes + io->length_bytes)
			       : result;
	else if (step == 0 && io->retry_count++ >= WR_IO_RETRY_MAX)
		code = result < 0 ? result : -EIO;
	if (code == 0 && io->moved_bytes < io->length_bytes) {
		if (io->kind == WR_IO_WRITE)
			code = wr_dir_failed(file);
		if (code == 0) {
			wr_uring_queue_transfer(s, io);
			s->follow_up = true;
			return;
		}
	}
	if (io->kind == WR_IO_WRITE)
		write_ended(s, io, code);
	else
		wr_uring_tell_done(s, io, code);
}

static void event_completed(struct wr_uring *s)
{
	s->event_armed = false;
	/* IO2: before the caller looks at what the waker did. Pairs with the exchange in wake(). */
	(void)wr_exchange_acq_rel(&s->wake_pending, 0u);
	s->woken = true;
}

void wr_uring_reap(struct wr_uring *s)
{
	struct io_uring_cqe *entries[REAP_COUNT];
	struct {
		uint64_t user_data;
		int result;
	} copies[REAP_COUNT];

	for (;;) {
		unsigned count = io_uring_peek_batch_cqe(&s->ring, entries, REAP_COUNT);
		if (count == 0)
			return;
		/* Copied, so that callbacks find the ring in order. */
		for (unsigned i = 0; i < count; i++) {
			copies[i].user_data = io_uring_cqe_get_data64(entries[i]);
			copies[i].result = entries[i]->res;
		}
		io_uring_cq_advance(&s->ring, count);
		for (unsigned i = 0; i < count; i++) {
			uint64_t data = copies[i].user_data;
			if ((data & TAG_MASK) == TAG_EVENT)
				event_completed(s);
			else if ((data & TAG_MASK) == TAG_SYNC)
				sync_completed(s, (uint32_t)(data >> 3), copies[i].result);
			else
				transfer_completed(s, (struct wr_io *)(uintptr_t)data,
						   copies[i].result);
		}
	}
}
