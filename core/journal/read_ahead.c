/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of pieces over the file that is being read, a ring in the order of their offsets: each
 * is in flight, or here. See read_ahead.h.
 *
 * Failure modes: a piece that cannot be read ends the run, and the read that wanted it asks the
 * storage itself, which says what is wrong. Without threads or memory to read ahead with, there is
 * none of it.
 *
 * Thread: the reader's.
 */
#include "core/journal/read_ahead.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"

#define NO_FILE UINT32_MAX

struct piece {
	struct wr_io io;
	bool is_flying;
};

struct read_ahead {
	struct wr_storage base;
	struct wr_storage *inner;
	struct wr_memory *memory;
	uint8_t *buffers;
	bool entered;
	bool disabled;
	uint32_t depth;
	/* The file that was read last, and where the next read of a run begins. */
	uint32_t file;
	uint64_t next_offset;
	/* The run: pieces [head, head + count) hold [.., ahead_offset) of the file. */
	uint64_t ahead_offset;
	uint64_t end_offset; /* no piece reaches beyond */
	uint32_t head;
	uint32_t count;
	struct piece pieces[WR_READ_AHEAD_DEPTH];
};

static struct read_ahead *of(struct wr_storage *s)
{
	return (struct read_ahead *)s;
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void on_done(struct wr_io *io)
{
	((struct piece *)io)->is_flying = false;
}

_Static_assert(offsetof(struct piece, io) == 0, "a request is its piece");

/* Negative: the engine broke, and nothing comes any more. */
static int wait_for(struct read_ahead *a, const struct piece *piece)
{
	int r = 0;

	while (piece->is_flying && r >= 0)
		r = a->inner->ops->poll(a->inner, UINT64_MAX);
	return r < 0 ? r : 0;
}

static void drop_first(struct read_ahead *a)
{
	(void)wait_for(a, &a->pieces[a->head]); /* its buffer is borrowed until then */
	a->head = (a->head + 1) % WR_READ_AHEAD_DEPTH;
	a->count--;
}

/* The run is over; the place of the last read stays. */
static void end_run(struct read_ahead *a)
{
	while (a->count > 0)
		drop_first(a);
	a->ahead_offset = a->end_offset = 0;
}

static void submit_more(struct read_ahead *a)
{
	while (a->count < a->depth && a->ahead_offset < a->end_offset) {
		uint32_t index = (a->head + a->count) % WR_READ_AHEAD_DEPTH;
		struct piece *piece = &a->pieces[index];
		uint32_t length = (uint32_t)wr_min_u64(a->end_offset - a->ahead_offset,
						       WR_READ_AHEAD_PIECE_BYTES);
		*piece = (struct piece){
			.io = {.kind = WR_IO_READ,
			       .file = a->file,
			       .buffer = a->buffers + (size_t)index * WR_READ_AHEAD_PIECE_BYTES,
			       .length_bytes = length,
			       .offset_bytes = a->ahead_offset,
			       .done = on_done},
			.is_flying = true,
		};
		if (a->inner->ops->submit(a->inner, &piece->io) < 0) {
			piece->is_flying = false;
			a->end_offset = a->ahead_offset; /* as far as it came */
			return;
		}
		a->ahead_offset += length;
		a->count++;
	}
}

/* --- a run ------------------------------------------------------------------------------------ */

static bool make_ready(struct read_ahead *a)
{
	if (a->disabled || a->entered)
		return a->entered;
	a->disabled = true;
	if (a->buffers == NULL)
		a->buffers = wr_memory_alloc_payload(a->memory, WR_READ_AHEAD_BYTES);
	if (a->buffers == NULL || a->inner->ops->enter(a->inner) < 0)
		return false;
	a->disabled = false;
	a->entered = true;
	return true;
}

static void begin_run(struct read_ahead *a, uint64_t offset, uint32_t length_bytes)
{
	uint64_t file_bytes;

	/* Less than two pieces are as quickly read without. */
	if (a->inner->ops->file_bytes(a->inner, a->file, &file_bytes) < 0 ||
	    file_bytes < offset + length_bytes + 2ull * WR_READ_AHEAD_PIECE_BYTES || !make_ready(a))
		return;
	a->ahead_offset = offset;
	a->end_offset = wr_round_down(file_bytes, WR_STORAGE_BLOCK_BYTES);
	submit_more(a);
}

/* Out of the run; how much of it: what is missing the storage is asked for. */
static uint32_t take(struct read_ahead *a, uint8_t *to, uint32_t length_bytes, uint64_t offset)
{
	uint32_t got = 0;

	while (got < length_bytes && a->count > 0) {
		const struct wr_io *io = &a->pieces[a->head].io;
		uint64_t at = offset + got - io->offset_bytes; /* huge where it lies before */
		if (at >= io->length_bytes) {
			drop_first(a);
			submit_more(a);
			continue;
		}
		if (wait_for(a, &a->pieces[a->head]) < 0 || io->result < 0) {
			end_run(a);
			break;
		}
		uint32_t n = (uint32_t)wr_min_u64(length_bytes - got, io->length_bytes - at);
		memcpy(to + got, (const uint8_t *)io->buffer + at, n);
		got += n;
	}
	return got;
}

static int64_t ahead_read(struct wr_storage *s, uint32_t file, void *buffer, uint32_t length_bytes,
			  uint64_t offset_bytes)
{
	struct read_ahead *a = of(s);
	bool goes_on = file == a->file && offset_bytes >= a->next_offset &&
		       (offset_bytes == a->next_offset || offset_bytes < a->ahead_offset);

	if (!goes_on && !WR_BUG(READ_AHEAD_STALE))
		end_run(a);
	a->file = file;
	if (goes_on && a->count == 0 && offset_bytes % WR_STORAGE_BLOCK_BYTES == 0)
		begin_run(a, offset_bytes, length_bytes);
	a->next_offset = offset_bytes + length_bytes;
	uint32_t got = take(a, buffer, length_bytes, offset_bytes);
	if (got == length_bytes)
		return got;
	int64_t n = a->inner->ops->read(a->inner, file, (uint8_t *)buffer + got, length_bytes - got,
					offset_bytes + got);
	return n < 0 ? n : got + n;
}

/* --- the rest goes through ------------------------------------------------------------------- */

static int ahead_open(struct wr_storage *s, const char *name, uint32_t flags, uint32_t *ret_file)
{
	return of(s)->inner->ops->file_open(of(s)->inner, name, flags, ret_file);
}

/* The number may be another file's soon. */
static int ahead_close(struct wr_storage *s, uint32_t file)
{
	struct read_ahead *a = of(s);

	if (file == a->file) {
		end_run(a);
		a->file = NO_FILE;
	}
	return a->inner->ops->file_close(a->inner, file);
}

static int ahead_keep(struct wr_storage *s, uint32_t file, bool keep)
{
	return of(s)->inner->ops->file_keep(of(s)->inner, file, keep);
}

static int ahead_bytes(struct wr_storage *s, uint32_t file, uint64_t *ret_bytes)
{
	return of(s)->inner->ops->file_bytes(of(s)->inner, file, ret_bytes);
}

static int ahead_remove(struct wr_storage *s, const char *name)
{
	return of(s)->inner->ops->file_remove(of(s)->inner, name);
}

static int ahead_each(struct wr_storage *s, int (*visit)(void *context, const char *name),
		      void *context)
{
	return of(s)->inner->ops->file_each(of(s)->inner, visit, context);
}

/* A reader's storage: nothing is written through it. */
static int ahead_write(struct wr_storage *s, uint32_t file, const void *buffer,
		       uint32_t length_bytes, uint64_t offset_bytes)
{
	(void)s, (void)file, (void)buffer, (void)length_bytes, (void)offset_bytes;
	return -EROFS;
}

static int ahead_sync_file(struct wr_storage *s, uint32_t file)
{
	return of(s)->inner->ops->sync_file(of(s)->inner, file);
}

static int ahead_sync_dir(struct wr_storage *s)
{
	return of(s)->inner->ops->sync_dir(of(s)->inner);
}

static int ahead_lock(struct wr_storage *s)
{
	return of(s)->inner->ops->lock(of(s)->inner);
}

static int ahead_free_bytes(struct wr_storage *s, uint64_t *ret_bytes)
{
	return of(s)->inner->ops->free_bytes(of(s)->inner, ret_bytes);
}

/* Requests are its own. */
static int ahead_none(struct wr_storage *s)
{
	(void)s;
	return -EBUSY;
}

static int ahead_submit(struct wr_storage *s, struct wr_io *io)
{
	(void)s, (void)io;
	return -EINVAL;
}

static int ahead_poll(struct wr_storage *s, uint64_t wait_ns)
{
	(void)s, (void)wait_ns;
	return -EINVAL;
}

static void ahead_wake(struct wr_storage *s)
{
	(void)s;
}

static void ahead_report(const struct wr_storage *s, struct wr_storage_report *ret_report)
{
	const struct read_ahead *a = (const struct read_ahead *)s;

	a->inner->ops->report(a->inner, ret_report);
}

static void ahead_counts(const struct wr_storage *s, struct wr_storage_counts *ret_counts)
{
	const struct read_ahead *a = (const struct read_ahead *)s;

	a->inner->ops->counts(a->inner, ret_counts);
}

static void ahead_fini(struct wr_storage *s)
{
	struct read_ahead *a = of(s);
	struct wr_memory *memory = a->memory;

	end_run(a);
	if (a->entered)
		(void)a->inner->ops->leave(a->inner);
	a->inner->ops->fini(a->inner);
	wr_memory_free_payload(memory, a->buffers, WR_READ_AHEAD_BYTES);
	memory->ops->free(memory, a, sizeof *a);
}

static const struct wr_storage_ops ahead_ops = {
	.file_open = ahead_open,
	.file_close = ahead_close,
	.file_keep = ahead_keep,
	.file_bytes = ahead_bytes,
	.file_remove = ahead_remove,
	.file_each = ahead_each,
	.read = ahead_read,
	.write = ahead_write,
	.sync_file = ahead_sync_file,
	.sync_dir = ahead_sync_dir,
	.lock = ahead_lock,
	.free_bytes = ahead_free_bytes,
	.enter = ahead_none,
	.leave = ahead_none,
	.submit = ahead_submit,
	.poll = ahead_poll,
	.wake = ahead_wake,
	.report = ahead_report,
	.counts = ahead_counts,
	.fini = ahead_fini,
};

int wr_read_ahead_open(struct wr_storage *inner, struct wr_memory *memory,
		       struct wr_storage **ret_storage)
{
	struct read_ahead *a = memory->ops->alloc(memory, sizeof *a, WR_LINE_BYTES);

	if (a == NULL)
		return -ENOMEM;
	*a = (struct read_ahead){
		.base = {.ops = &ahead_ops, .file_bytes_max = inner->file_bytes_max},
		.inner = inner,
		.memory = memory,
		.depth = (uint32_t)wr_min_u64(inner->depth_max, WR_READ_AHEAD_DEPTH),
		.file = NO_FILE,
	};
	*ret_storage = &a->base;
	return 0;
}
