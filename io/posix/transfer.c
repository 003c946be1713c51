/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to and from the files of a directory, by blocking calls: whole transfers or an error (S3),
 * and the two rules of syncing.
 *
 *   A failed write or sync is final for the file (S5): fsync reports a lost page once, and may
 *   answer 0 the next time though nothing was written.
 *
 *   One sync of a file at a time. Of two that run together the kernel tells one of the failure and
 *   the other 0. A sync that began after my write ended covers me, so waiting costs no extra flush.
 *
 * Threads: any. Nothing here allocates.
 */
#include "io/posix/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "io/posix/cancel.h"
#include "io/posix/file_limit.h"
#include "io/posix/read_whole.h"
#include "io/posix/request.h"

/* After a short direct transfer the rest must start on a sector again. */
#define SECTOR_BYTES 512u
/* Through the stack, for the unaligned ends of blocking direct reads. */
#define BOUNCE_BYTES 16384u

int wr_dir_fsync(int fd, bool data_only)
{
	for (uint32_t i = 0; i < WR_IO_RETRY_MAX; i++) {
		if ((data_only ? fdatasync(fd) : fsync(fd)) == 0)
			return 0;
		/* Interrupted is not failed: it has told nobody of a lost page. */
		if (errno != EINTR)
			return -errno;
	}
	return -EINTR;
}

/* What one call moved, in sectors where the file asks for them; counts calls that moved none. */
static int advance(const struct wr_dir_file *file, ssize_t n, uint32_t *moved_bytes,
		   uint32_t *retry_count)
{
	uint32_t step = 0;

	if (n > 0)
		step = file->direct ? (uint32_t)wr_round_down((uint64_t)n, SECTOR_BYTES)
				    : (uint32_t)n;
	*moved_bytes += step;
	if (step > 0) {
		*retry_count = 0;
		return 0;
	}
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return -errno;
	if (++*retry_count > WR_IO_RETRY_MAX)
		return n < 0 ? -errno : -EIO;
	if (n < 0 && errno == EAGAIN)
		(void)sched_yield();
	return 0;
}

static int64_t read_some(void *context, uint8_t *bytes, uint32_t length_bytes,
			 uint64_t offset_bytes)
{
	const struct wr_dir_file *file = context;
	ssize_t n = pread(file->fd, bytes, length_bytes, (off_t)offset_bytes);

	return n < 0 ? -errno : n;
}

static int file_size(void *context, uint64_t *ret_bytes)
{
	const struct wr_dir_file *file = context;
	struct stat status;

	if (fstat(file->fd, &status) != 0)
		return -errno;
	*ret_bytes = (uint64_t)status.st_size;
	return 0;
}

int wr_dir_is_end(struct wr_dir_file *file, uint64_t offset_bytes)
{
	uint64_t size_bytes = 0;
	int code = file_size(file, &size_bytes);

	return code < 0 ? code : offset_bytes >= size_bytes;
}

/* Aligned where the file is opened for direct transfers. */
static int64_t read_whole(struct wr_dir_file *file, void *buffer, uint32_t length_bytes,
			  uint64_t offset_bytes)
{
	const struct wr_read_source source = {
		.some = read_some,
		.size = file_size,
		.context = file,
		.unit_bytes = file->direct ? SECTOR_BYTES : 1,
	};

	return wr_read_whole(&source, buffer, length_bytes, offset_bytes);
}

int wr_dir_request_read(struct wr_dir_file *file, const struct wr_io *io)
{
	int64_t n = read_whole(file, io->buffer, io->length_bytes, io->offset_bytes);

	if (n < 0)
		return (int)n;
	return n < (int64_t)io->length_bytes ? -ENODATA : 0;
}

/* One call. pwritev2 may be missing (an emulator): then the storage syncs apart from now on. */
static ssize_t write_some(struct wr_dir *dir, const struct wr_dir_file *file,
			  const uint8_t *bytes, size_t length_bytes, uint64_t offset_bytes,
			  bool *sync_in_write)
{
	if (*sync_in_write) {
		struct iovec part = {.iov_base = (void *)(uintptr_t)bytes,
				     .iov_len = length_bytes};
		ssize_t n = pwritev2(file->fd, &part, 1, (off_t)offset_bytes,
				     WR_BUG(WRITE_UNSYNCED) ? 0 : RWF_DSYNC);
		if (n >= 0 || (errno != ENOSYS && errno != EOPNOTSUPP))
			return n;
		wr_store_relaxed(&dir->sync_in_write, 0u);
		*sync_in_write = false;
	}
	return pwrite(file->fd, bytes, length_bytes, (off_t)offset_bytes);
}

static int write_all(struct wr_dir *dir, struct wr_dir_file *file, const uint8_t *bytes,
		     uint32_t length_bytes, uint64_t offset_bytes, bool sync_in_write)
{
	const bool asked = sync_in_write;
	uint32_t moved_bytes = 0;
	uint32_t retry_count = 0;
	int code = wr_dir_failed(file);

	while (code == 0 && moved_bytes < length_bytes) {
		ssize_t n = write_some(dir, file, bytes + moved_bytes, length_bytes - moved_bytes,
				       offset_bytes + moved_bytes, &sync_in_write);
		code = advance(file, n, &moved_bytes, &retry_count);
	}
	if (code < 0) {
		code = wr_file_limit_code(code, offset_bytes + length_bytes);
		wr_dir_set_failed(file, code);
		return code;
	}
	if (asked && sync_in_write)
		(void)wr_add_relaxed(&dir->syncs, 1u);
	return asked && !sync_in_write ? wr_dir_sync(dir, file) : 0;
}

int wr_dir_request_write(struct wr_dir *dir, struct wr_dir_file *file, const struct wr_io *io,
			 bool sync_in_write)
{
	return write_all(dir, file, io->buffer, io->length_bytes, io->offset_bytes, sync_in_write);
}

int wr_dir_sync(struct wr_dir *dir, struct wr_dir_file *file)
{
	(void)pthread_mutex_lock(&dir->sync_lock);
	/* The one that runs now may have begun before my write ended: the one after it will do. */
	const uint64_t needed = file->sync_started + 1;
	while (file->syncing && file->sync_ended < needed)
		(void)pthread_cond_wait(&dir->sync_ended, &dir->sync_lock);
	int code = wr_dir_failed(file);
	if (code == 0 && file->sync_ended < needed) {
		file->syncing = true;
		file->sync_started++;
		(void)pthread_mutex_unlock(&dir->sync_lock);
		code = wr_dir_fsync(file->fd, true);
		(void)wr_add_relaxed(&dir->syncs, 1u);
		(void)pthread_mutex_lock(&dir->sync_lock);
		/* Before anybody is let go on: S5 for those who would count themselves covered. */
		if (code < 0)
			wr_dir_set_failed(file, code);
		file->syncing = false;
		file->sync_ended = file->sync_started;
		(void)pthread_cond_broadcast(&dir->sync_ended);
	}
	(void)pthread_mutex_unlock(&dir->sync_lock);
	return code;
}

int wr_dir_sync_file(struct wr_storage *s, uint32_t file_index)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file *file;
	int code = wr_dir_use(dir, file_index, &file);

	if (code < 0)
		return code;
	code = wr_dir_failed(file);
	if (code == 0) {
		/* Not fdatasync: recovery asks for this before it trusts what it reads, size and
		 * all. */
		code = wr_dir_fsync(file->fd, false);
		(void)wr_add_relaxed(&dir->syncs, 1u);
		if (code < 0)
			wr_dir_set_failed(file, code);
	}
	wr_dir_unuse(dir, file);
	return code;
}

static bool is_aligned(const void *buffer, uint64_t length_bytes, uint64_t offset_bytes)
{
	return (((uintptr_t)buffer | length_bytes | offset_bytes) &
		(WR_STORAGE_BLOCK_BYTES - 1)) == 0;
}

/* Whatever O_DIRECT asks of an alignment: by whole blocks through the stack. */
static int64_t read_unaligned(struct wr_dir_file *file, uint8_t *bytes, uint32_t length_bytes,
			      uint64_t offset_bytes)
{
	_Alignas(WR_STORAGE_BLOCK_BYTES) uint8_t bounce[BOUNCE_BYTES];
	uint32_t got_bytes = 0;

	while (got_bytes < length_bytes) {
		const uint64_t at = offset_bytes + got_bytes;
		const uint64_t from = wr_round_down(at, WR_STORAGE_BLOCK_BYTES);
		const uint32_t skip = (uint32_t)(at - from);
		const uint32_t wanted = (uint32_t)wr_min_u64(
			wr_round_up((uint64_t)skip + length_bytes - got_bytes,
				    WR_STORAGE_BLOCK_BYTES),
			sizeof bounce);
		int64_t n = read_whole(file, bounce, wanted, from);
		if (n < 0)
			return n;
		if (n <= (int64_t)skip)
			break;
		const uint32_t got =
			(uint32_t)wr_min_u64((uint64_t)n - skip, length_bytes - got_bytes);
		memcpy(bytes + got_bytes, bounce + skip, got);
		got_bytes += got;
		if (n < (int64_t)wanted)
			break;
	}
	return got_bytes;
}

static int64_t read_file(struct wr_dir_file *file, void *buffer, uint32_t length_bytes,
			 uint64_t offset_bytes)
{
	if (offset_bytes > (uint64_t)INT64_MAX >> 1)
		return -EINVAL;
	if (file->direct && !is_aligned(buffer, length_bytes, offset_bytes))
		return read_unaligned(file, buffer, length_bytes, offset_bytes);
	return read_whole(file, buffer, length_bytes, offset_bytes);
}

/* A second, buffered, open of the same file: O_DIRECT takes no unaligned bytes. */
static int write_unaligned(struct wr_dir *dir, struct wr_dir_file *file, const uint8_t *bytes,
			   uint32_t length_bytes, uint64_t offset_bytes)
{
	struct wr_dir_file other = {.writable = true};
	struct stat here;
	struct stat there;
	int code = 0;

	other.fd = wr_dir_openat(dir, file->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	if (other.fd < 0)
		return other.fd;
	if (fstat(file->fd, &here) != 0 || fstat(other.fd, &there) != 0)
		code = -errno;
	else if (here.st_ino != there.st_ino || here.st_dev != there.st_dev)
		code = -ESTALE; /* the name went to another file meanwhile */
	if (code == 0)
		code = write_all(dir, &other, bytes, length_bytes, offset_bytes, false);
	if (code == 0) {
		code = wr_dir_fsync(other.fd, true);
		(void)wr_add_relaxed(&dir->syncs, 1u);
		(void)posix_fadvise(other.fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	(void)close(other.fd);
	return code;
}

static int write_file(struct wr_dir *dir, struct wr_dir_file *file, const void *buffer,
		      uint32_t length_bytes, uint64_t offset_bytes)
{
	if (!file->writable)
		return -EROFS;
	if (offset_bytes > (uint64_t)INT64_MAX >> 1)
		return -EINVAL;
	int code = wr_dir_failed(file);
	if (code < 0)
		return code;
	if (!file->direct || is_aligned(buffer, length_bytes, offset_bytes)) {
		bool in_write = file->direct && wr_load_relaxed(&dir->sync_in_write) != 0;
		code = write_all(dir, file, buffer, length_bytes, offset_bytes, in_write);
		if (code == 0 && !in_write)
			code = wr_dir_sync(dir, file);
	} else {
		code = write_unaligned(dir, file, buffer, length_bytes, offset_bytes);
	}
	if (code == -EMFILE || code == -ENFILE)
		return code; /* S11: of a second descriptor, and nothing was written */
	if (code < 0) {
		wr_dir_set_failed(file, code);
		return code;
	}
	(void)wr_add_relaxed(&dir->writes, 1u);
	(void)wr_add_relaxed(&dir->written_bytes, length_bytes);
	return 0;
}

int64_t wr_dir_read(struct wr_storage *s, uint32_t file_index, void *buffer,
		    uint32_t length_bytes, uint64_t offset_bytes)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file *file;
	/* A seek's search reads on the program's thread, and may have to open the file. */
	int cancel = wr_cancel_defer();
	int64_t n = wr_dir_use(dir, file_index, &file);

	if (n == 0) {
		n = read_file(file, buffer, length_bytes, offset_bytes);
		wr_dir_unuse(dir, file);
	}
	wr_cancel_restore(cancel);
	return n;
}

int wr_dir_write(struct wr_storage *s, uint32_t file_index, const void *buffer,
		 uint32_t length_bytes, uint64_t offset_bytes)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file *file;
	int code = wr_dir_use(dir, file_index, &file);

	if (code < 0)
		return code;
	code = write_file(dir, file, buffer, length_bytes, offset_bytes);
	wr_dir_unuse(dir, file);
	return code;
}
