/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of pieces over the file that is being read, and from its end on over the one that
 * follows it: a ring in the order in which they will be read. Each is in flight, or here. See
 * read_ahead.h.
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
	struct wr_mapping
		buffers; /* a pool: it may lie in huge pages, which a disk takes quicker */
	bool entered;
	bool disabled;
	uint32_t depth;
	/* The file that was read last, and where the next read of a run begins. */
	uint32_t file;
	uint64_t next_offset;
	/* The run: pieces [head, head + count), up to ahead_offset of ahead_file. */
	uint32_t ahead_file;
	uint64_t ahead_offset;
	uint64_t end_offset; /* no piece reaches beyond */
	uint32_t head;
	uint32_t count;
	/* What comes behind that file; NO_FILE: not known. */
	uint32_t follow_file;
	uint64_t follow_offset;
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
	a->ahead_file = NO_FILE;
}

/* False: there is no more that could be read ahead. */
static bool has_more(struct read_ahead *a)
{
	uint64_t file_bytes;

	if (a->ahead_offset < a->end_offset)
		return true;
	if (a->ahead_file == NO_FILE || a->follow_file == NO_FILE ||
	    a->inner->ops->file_bytes(a->inner, a->follow_file, &file_bytes) < 0)
		return false;
	a->ahead_file = a->follow_file;
	a->follow_file = NO_FILE;
	a->ahead_offset = a->follow_offset;
	a->end_offset = wr_round_down(file_bytes, WR_STORAGE_BLOCK_BYTES);
	return a->ahead_offset < a->end_offset;
}

static void submit_more(struct read_ahead *a)
{
	while (a->count < a->depth && has_more(a)) {
		uint32_t index = (a->head + a->count) % WR_READ_AHEAD_DEPTH;
		struct piece *piece = &a->pieces[index];
		uint32_t length = (uint32_t)wr_min_u64(a->end_offset - a->ahead_offset,
						       WR_READ_AHEAD_PIECE_BYTES);
		*piece = (struct piece){
			.io = {.kind = WR_IO_READ,
			       .file = a->ahead_file,
			       .buffer = a->buffers.writable +
					 (size_t)index * WR_READ_AHEAD_PIECE_BYTES,
			       .length_bytes = length,
			       .offset_bytes = a->ahead_offset,
			       .done = on_done},
			.is_flying = true,
		};
		if (a->inner->ops->submit(a->inner, &piece->io) < 0) {
			piece->is_flying = false;
			a->end_offset = a->ahead_offset; /* as far as it came */
			a->follow_file = NO_FILE;
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
	if (a->memory->ops->map_pool(a->memory, WR_READ_AHEAD_BYTES, &a->buffers) < 0)
		return false;
	if (a->inner->ops->enter(a->inner) < 0)
		return false; /* the pool stays until the end */
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
	a->ahead_file = a->file;
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
		if (io->file != a->file)
			break;                                 /* of the file behind */
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

/* Whether a place is the run's next, or lies a little further on in what it holds. */
static bool goes_on(const struct read_ahead *a, uint32_t file, uint64_t offset)
{
	if (file != a->file)
		return file == a->ahead_file && offset < a->ahead_offset;
	return offset == a->next_offset ||
	       (offset > a->next_offset && (file != a->ahead_file || offset < a->ahead_offset));
}

static int64_t ahead_read(struct wr_storage *s, uint32_t file, void *buffer, uint32_t length_bytes,
			  uint64_t offset_bytes)
{
	struct read_ahead *a = of(s);
	bool is_next = goes_on(a, file, offset_bytes);

	if (!is_next && !WR_BUG(READ_AHEAD_STALE))
		end_run(a);
	if (!is_next && file != a->file)
		a->follow_file = NO_FILE;
	while (is_next && a->count > 0 && a->pieces[a->head].io.file != file && file != a->file)
		drop_first(a);
	a->file = file;
	if (is_next && a->count == 0 && offset_bytes % WR_STORAGE_BLOCK_BYTES == 0)
		begin_run(a, offset_bytes, length_bytes);
	submit_more(a);
	a->next_offset = offset_bytes + length_bytes;
	uint32_t got = take(a, buffer, length_bytes, offset_bytes);
	if (got == length_bytes)
		return got;
	int64_t n = a->inner->ops->read(a->inner, file, (uint8_t *)buffer + got, length_bytes - got,
					offset_bytes + got);
	return n < 0 ? n : got + n;
}

static void ahead_follows(struct wr_storage *s, uint32_t file, uint32_t next_file,
			  uint64_t offset_bytes)
{
	struct read_ahead *a = of(s);

	/* Of a file that the run is not in yet, or not any more, it is nothing to go by. */
	if (file != a->file || (a->count > 0 && a->ahead_file != file))
		return;
	a->follow_file = next_file;
	a->follow_offset = offset_bytes;
}

/* Whether something of the run is of this file. */
static bool is_in_run(const struct read_ahead *a, uint32_t file)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (a->pieces[(a->head + i) % WR_READ_AHEAD_DEPTH].io.file == file)
			return true;
	return false;
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

	if (file == a->file || file == a->follow_file || is_in_run(a, file)) {
		end_run(a);
		a->file = a->follow_file = NO_FILE;
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
	if (a->buffers.writable != NULL)
		memory->ops->unmap(memory, &a->buffers);
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
	.follows = ahead_follows,
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
		.base = {.ops = &ahead_ops,
			 .codecs = inner->codecs,
			 .file_bytes_max = inner->file_bytes_max},
		.inner = inner,
		.memory = memory,
		.depth = (uint32_t)wr_min_u64(inner->depth_max, WR_READ_AHEAD_DEPTH),
		.file = NO_FILE,
		.ahead_file = NO_FILE,
		.follow_file = NO_FILE,
	};
	*ret_storage = &a->base;
	return 0;
}
