/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a directory and the descriptors that they have for now. See dir.h.
 *
 * A file that was opened keeps its number until it is closed, and a descriptor only while it is
 * kept, in use, or among the last IDLE_MAX that were used. So a log of any size needs few: what is
 * written to stays open, what is read is opened again by its name, and has to be the same file
 * then. When the process or the system has no descriptor left, idle ones are closed for the new
 * one, and only when there are none it is an error; nothing has happened to the file then.
 *
 * The table is made at init and never grows. A number that was given back is given again.
 *
 * Thread: any. What is said to be under table_lock in dir.h is touched nowhere else, but for `fd`
 * of a file in use, which nobody changes. Opening and closing happens outside the lock: it can
 * take a disk's time.
 */
#include "io/posix/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/posix/request.h"

#define IDLE_MAX 32u
#define NO_FILE UINT32_MAX

_Static_assert(sizeof(struct wr_dir_file) <= WR_STORAGE_FILE_BYTES, "the memory plan says less");

void wr_dir_files_init(struct wr_dir *dir)
{
	dir->free_first = dir->idle_first = dir->idle_last = NO_FILE;
}

int wr_dir_files_alloc(struct wr_dir *dir, uint32_t file_max)
{
	dir->files = calloc(file_max, sizeof *dir->files);
	dir->file_max = dir->files != NULL ? file_max : 0;
	return dir->files != NULL ? 0 : -ENOMEM;
}

void wr_dir_files_fini(struct wr_dir *dir)
{
	for (uint32_t i = 0; i < dir->file_count; i++)
		if (dir->files[i].used && dir->files[i].fd >= 0)
			(void)close(dir->files[i].fd);
	free(dir->files);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Before the file is made: who gets no number leaves nothing behind. */
static int take_number(struct wr_dir *dir, uint32_t *ret_index)
{
	int code = 0;

	(void)pthread_mutex_lock(&dir->table_lock);
	if (dir->free_first != NO_FILE) {
		*ret_index = dir->free_first;
		dir->free_first = dir->files[dir->free_first].next;
	} else if (dir->file_count < dir->file_max) {
		*ret_index = dir->file_count++;
	} else {
		code = -ENFILE;
	}
	(void)pthread_mutex_unlock(&dir->table_lock);
	return code;
}

/* Under table_lock. */
static void give_number(struct wr_dir *dir, uint32_t index)
{
	dir->files[index].used = false;
	dir->files[index].next = dir->free_first;
	dir->free_first = index;
}

struct wr_dir_file *wr_dir_file(struct wr_dir *dir, uint32_t file)
{
	if (file >= dir->file_max || !dir->files[file].used)
		return NULL;
	return &dir->files[file];
}

int wr_dir_check(struct wr_dir *dir, const struct wr_io *io)
{
	int code = wr_io_check(io);
	if (code < 0)
		return code;
	if (wr_io_is_for_helper(io) && dir->read_only)
		return -EROFS;
	if (io->kind == WR_IO_PREPARE)
		return 0;
	const struct wr_dir_file *file = wr_dir_file(dir, io->file);
	if (file == NULL)
		return -EBADF;
	return io->kind == WR_IO_WRITE && !file->writable ? -EROFS : 0;
}

void wr_dir_set_failed(struct wr_dir_file *file, int code)
{
	/* IO1. Relaxed would do: who sees 0 was not later than the failure. */
	uint32_t expected = 0;
	(void)wr_cas_acq_rel(&file->failed, &expected, (uint32_t)-code);
}

int wr_dir_failed(struct wr_dir_file *file)
{
	return -(int)wr_load_acquire(&file->failed); /* IO1 */
}

/* --- idle descriptors: all under table_lock --------------------------------------------------- */

static void idle_remove(struct wr_dir *dir, uint32_t index)
{
	struct wr_dir_file *file = &dir->files[index];

	if (file->previous != NO_FILE)
		dir->files[file->previous].next = file->next;
	else
		dir->idle_first = file->next;
	if (file->next != NO_FILE)
		dir->files[file->next].previous = file->previous;
	else
		dir->idle_last = file->previous;
	dir->idle_count--;
}

/* The descriptor of the one that was used longest ago, to be closed; -1: none is idle. */
static int idle_take_oldest(struct wr_dir *dir)
{
	uint32_t index = dir->idle_first;

	if (index == NO_FILE)
		return -1;
	idle_remove(dir, index);
	int fd = dir->files[index].fd;
	dir->files[index].fd = -1;
	return fd;
}

static bool is_idle(const struct wr_dir_file *file)
{
	return file->fd >= 0 && file->users == 0 && !file->kept;
}

/* It is idle now. A descriptor that is one too many, or -1. */
static int idle_add(struct wr_dir *dir, uint32_t index)
{
	struct wr_dir_file *file = &dir->files[index];

	file->next = NO_FILE;
	file->previous = dir->idle_last;
	if (dir->idle_last != NO_FILE)
		dir->files[dir->idle_last].next = index;
	else
		dir->idle_first = index;
	dir->idle_last = index;
	dir->idle_count++;
	return dir->idle_count > IDLE_MAX ? idle_take_oldest(dir) : -1;
}

static void close_some(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

int wr_dir_openat(struct wr_dir *dir, const char *name, int flags)
{
	for (;;) {
		int fd = openat(dir->dir_fd, name, flags, 0600);
		if (fd >= 0)
			return fd;
		int code = -errno;
		if (code != -EMFILE && code != -ENFILE)
			return code;
		(void)pthread_mutex_lock(&dir->table_lock);
		int idle = idle_take_oldest(dir);
		(void)pthread_mutex_unlock(&dir->table_lock);
		if (idle < 0)
			return code;
		(void)close(idle);
	}
}

/* --- use -------------------------------------------------------------------------------------- */

static int reopen(struct wr_dir *dir, const struct wr_dir_file *file)
{
	struct stat st;
	/* O_NONBLOCK: should a FIFO stand there now, the open shall not wait for its writer. */
	int fd = wr_dir_openat(dir, file->name,
			       (file->writable ? O_RDWR : O_RDONLY) |
				       (file->direct ? O_DIRECT : 0) | O_NOFOLLOW | O_CLOEXEC |
				       O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && st.st_ino == file->inode)
		return fd;
	(void)close(fd);
	return -ESTALE; /* the name went to another file meanwhile */
}

/* Under table_lock: nobody uses it any more. Its descriptor, to be closed, or -1. */
static int end_file(struct wr_dir *dir, uint32_t index)
{
	struct wr_dir_file *file = &dir->files[index];
	int fd = file->fd;

	file->fd = -1;
	give_number(dir, index);
	return fd;
}

/* Under table_lock. A descriptor to be closed, or -1. */
static int end_use(struct wr_dir *dir, uint32_t index)
{
	struct wr_dir_file *file = &dir->files[index];

	file->users--;
	if (file->closing)
		return file->users == 0 ? end_file(dir, index) : -1;
	return is_idle(file) ? idle_add(dir, index) : -1;
}

int wr_dir_use(struct wr_dir *dir, uint32_t index, struct wr_dir_file **ret_file)
{
	struct wr_dir_file *file;
	int extra = -1;

	/* Under the lock: who reads cold data may have the number of a file that is gone (S12). */
	(void)pthread_mutex_lock(&dir->table_lock);
	file = wr_dir_file(dir, index);
	if (file == NULL || file->closing) {
		(void)pthread_mutex_unlock(&dir->table_lock);
		return -EBADF;
	}
	if (is_idle(file))
		idle_remove(dir, index);
	file->users++;
	bool closed = file->fd < 0;
	(void)pthread_mutex_unlock(&dir->table_lock);
	*ret_file = file;
	if (!closed)
		return 0;
	int fd = reopen(dir, file);
	(void)pthread_mutex_lock(&dir->table_lock);
	if (file->fd >= 0)
		extra = fd; /* another user was faster */
	else if (fd >= 0)
		file->fd = fd;
	int code = file->fd >= 0 ? 0 : fd;
	if (code < 0)
		(void)end_use(dir, index); /* it has no descriptor that could be idle, or closed */
	(void)pthread_mutex_unlock(&dir->table_lock);
	close_some(extra);
	return code;
}

void wr_dir_unuse(struct wr_dir *dir, struct wr_dir_file *file)
{
	(void)pthread_mutex_lock(&dir->table_lock);
	int extra = end_use(dir, (uint32_t)(file - dir->files));
	(void)pthread_mutex_unlock(&dir->table_lock);
	close_some(extra);
}

int wr_dir_file_keep(struct wr_storage *s, uint32_t index, bool keep)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file *file;
	int code = keep ? wr_dir_use(dir, index, &file) : 0;

	if (code < 0)
		return code;
	if (!keep && (file = wr_dir_file(dir, index)) == NULL)
		return -EBADF;
	(void)pthread_mutex_lock(&dir->table_lock);
	bool was_idle = is_idle(file);
	file->kept = keep;
	int extra = -1;
	if (keep)
		extra = end_use(dir, index);
	else if (!was_idle && is_idle(file))
		extra = idle_add(dir, index);
	(void)pthread_mutex_unlock(&dir->table_lock);
	close_some(extra);
	return 0;
}

/* --- open and close --------------------------------------------------------------------------- */

/* Opens with O_DIRECT if wanted and taken. Regular files only: a FIFO would block the open. */
static int open_fd(struct wr_dir *dir, const char *name, int open_flags, bool *ret_direct)
{
	struct stat st;
	bool made = false;

	if (fstatat(dir->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
	open_flags |= O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
	*ret_direct = dir->direct;
	if (dir->direct) {
		int fd = wr_dir_openat(dir, name, open_flags | O_DIRECT);
		if (fd != -EINVAL)
			return fd;
		/* With O_CREAT | O_EXCL the refused open can have made the file: not exclusive
		 * any more. Its maker is this call, so it is opened as it is. */
		made = (open_flags & O_EXCL) != 0 &&
		       fstatat(dir->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (made)
			open_flags &= ~O_EXCL;
		*ret_direct = false;
	}
	int fd = wr_dir_openat(dir, name, open_flags);
	if (fd < 0 && made)
		(void)unlinkat(dir->dir_fd, name, 0);
	return fd;
}

/* The entry of a file that was just opened. */
static void enter_file(struct wr_dir *dir, uint32_t index, const struct wr_dir_file *as)
{
	struct wr_dir_file *file = &dir->files[index];

	(void)pthread_mutex_lock(&dir->table_lock);
	memcpy(file->name, as->name, sizeof file->name);
	file->inode = as->inode;
	file->fd = as->fd;
	file->users = 0;
	file->writable = as->writable;
	file->direct = as->direct;
	file->kept = as->kept;
	file->closing = false;
	file->syncing = false;
	file->sync_started = 0;
	file->sync_ended = 0;
	wr_store_relaxed(&file->failed, 0u);
	file->used = true;
	int extra = file->kept ? -1 : idle_add(dir, index);
	(void)pthread_mutex_unlock(&dir->table_lock);
	close_some(extra);
}

int wr_dir_file_open(struct wr_storage *s, const char *name, uint32_t flags, uint32_t *ret_file)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file as = {
		.writable = (flags & WR_FILE_READ_ONLY) == 0,
		.kept = (flags & WR_FILE_KEEP) != 0,
	};
	struct stat st;
	uint32_t index;
	int code = wr_name_check(name);

	if (code < 0)
		return code;
	bool create = (flags & WR_FILE_CREATE) != 0;
	if (create && !as.writable)
		return -EINVAL;
	if (dir->read_only && as.writable)
		return -EROFS;
	int open_flags = as.writable ? O_RDWR : O_RDONLY;
	if (create)
		open_flags |= O_CREAT;
	if (create && (flags & WR_FILE_EXCLUSIVE) != 0)
		open_flags |= O_EXCL;
	code = take_number(dir, &index);
	if (code < 0)
		return code;
	as.fd = open_fd(dir, name, open_flags, &as.direct);
	code = as.fd < 0 ? as.fd : 0;
	if (code == 0 && fstat(as.fd, &st) != 0) {
		code = -errno;
		(void)close(as.fd);
	}
	if (code < 0) {
		(void)pthread_mutex_lock(&dir->table_lock);
		give_number(dir, index);
		(void)pthread_mutex_unlock(&dir->table_lock);
		return code;
	}
	as.inode = (uint64_t)st.st_ino;
	memcpy(as.name, name, strlen(name) + 1);
	/* What is read next should come from the medium: after a failed sync of a former life the
	 * cache can hold bytes that were never written. Only a hint to the kernel. */
	if (!as.direct && !dir->cached)
		(void)posix_fadvise(as.fd, 0, 0, POSIX_FADV_DONTNEED);
	enter_file(dir, index, &as);
	*ret_file = index;
	return 0;
}

int wr_dir_file_close(struct wr_storage *s, uint32_t index)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	int code = -EBADF;
	int fd = -1;

	(void)pthread_mutex_lock(&dir->table_lock);
	struct wr_dir_file *file = wr_dir_file(dir, index);
	if (file != NULL && !file->closing) {
		if (is_idle(file))
			idle_remove(dir, index);
		/* Who uses it now closes it. */
		file->closing = file->users > 0;
		fd = file->closing ? -1 : end_file(dir, index);
		code = 0;
	}
	(void)pthread_mutex_unlock(&dir->table_lock);
	close_some(fd);
	return code;
}

int wr_dir_file_bytes(struct wr_storage *s, uint32_t index, uint64_t *ret_bytes)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file *file;
	struct stat st;
	int code = wr_dir_use(dir, index, &file);

	if (code < 0)
		return code;
	code = fstat(file->fd, &st) == 0 ? 0 : -errno;
	wr_dir_unuse(dir, file);
	if (code == 0)
		*ret_bytes = (uint64_t)st.st_size;
	return code;
}
