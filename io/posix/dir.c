/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory: opening it, its table of open files, its names. See dir.h.
 */
#include "io/posix/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/posix/request.h"

#define DIR_PATH_MAX 4096

/* A directory just made is there after power loss only once its parent is synced. */
static int sync_parent(const char *dir_path)
{
	char parent[DIR_PATH_MAX];
	size_t length = strnlen(dir_path, sizeof parent);

	if (length == sizeof parent)
		return -ENAMETOOLONG;
	memcpy(parent, dir_path, length + 1);
	while (length > 1 && parent[length - 1] == '/')
		length--;
	while (length > 0 && parent[length - 1] != '/')
		length--;
	while (length > 1 && parent[length - 1] == '/')
		length--;
	if (length == 0)
		parent[length++] = '.';
	parent[length] = '\0';

	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int code = wr_dir_fsync(fd, false);
	(void)close(fd);
	return code;
}

/*
 * One that is there already may have been made a moment ago, by a process that died before it had
 * synced the parent, or by somebody who never does: synced as well. Where the parent is out of
 * reach, it is whoever made the directory that has to answer for its name.
 */
static int make_dir(const char *path)
{
	bool is_new = mkdir(path, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return -errno;
	int code = sync_parent(path);
	return is_new || code == -EIO ? code : 0;
}

static int open_dir(struct wr_dir *dir, const struct wr_storage_options *options)
{
	if (options->dir == NULL || options->dir[0] == '\0') {
		wr_dir_reason(options, "no directory is named", 0);
		return -EINVAL;
	}
	if (options->create_dir && !options->read_only) {
		int code = make_dir(options->dir);
		if (code < 0) {
			wr_dir_reason(options, "the directory cannot be made", code);
			return code;
		}
	}
	dir->dir_fd = open(options->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->dir_fd < 0) {
		int code = -errno;
		wr_dir_reason(options, "the directory cannot be opened", code);
		return code;
	}
	return 0;
}

int wr_dir_init(struct wr_dir *dir, const struct wr_storage_options *options)
{
	dir->read_only = options->read_only;
	dir->helper_cpus = options->helper_cpus;
	(void)snprintf(dir->helper_name, sizeof dir->helper_name, "%.10s",
		       options->name != NULL ? options->name : "weir");
	int code = open_dir(dir, options);
	if (code < 0)
		return code;
	dir->files = calloc(WR_STORAGE_FILES_MAX, sizeof *dir->files);
	if (dir->files == NULL) {
		code = -ENOMEM;
		goto fail_dir;
	}
	code = -pthread_mutex_init(&dir->table_lock, NULL);
	if (code < 0)
		goto fail_files;
	code = -pthread_mutex_init(&dir->sync_lock, NULL);
	if (code < 0)
		goto fail_table_lock;
	code = -pthread_cond_init(&dir->sync_ended, NULL);
	if (code < 0)
		goto fail_sync_lock;
	wr_dir_choose_engine(dir, options);
	return 0;

fail_sync_lock:
	(void)pthread_mutex_destroy(&dir->sync_lock);
fail_table_lock:
	(void)pthread_mutex_destroy(&dir->table_lock);
fail_files:
	free(dir->files);
fail_dir:
	(void)close(dir->dir_fd);
	wr_dir_reason(options, "no memory for the table of files", code);
	return code;
}

void wr_dir_fini(struct wr_dir *dir)
{
	for (uint32_t i = 0; i < WR_STORAGE_FILES_MAX; i++)
		if (dir->files[i].used)
			(void)close(dir->files[i].fd);
	(void)pthread_cond_destroy(&dir->sync_ended);
	(void)pthread_mutex_destroy(&dir->sync_lock);
	(void)pthread_mutex_destroy(&dir->table_lock);
	free(dir->files);
	(void)close(dir->dir_fd);
}

struct wr_dir_file *wr_dir_file(struct wr_dir *dir, uint32_t file)
{
	if (file >= WR_STORAGE_FILES_MAX || !dir->files[file].used)
		return NULL;
	return &dir->files[file];
}

int wr_dir_check(struct wr_dir *dir, const struct wr_io *io)
{
	int code = wr_io_check(io);
	if (code < 0)
		return code;
	if (io->kind == WR_IO_PREPARE)
		return dir->read_only ? -EROFS : 0;
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

/* Opens with O_DIRECT if wanted and taken. Regular files only: a FIFO would block the open. */
static int open_fd(struct wr_dir *dir, const char *name, int open_flags, bool *ret_direct)
{
	struct stat st;

	if (fstatat(dir->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
	open_flags |= O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
	*ret_direct = dir->direct;
	if (dir->direct) {
		int fd = openat(dir->dir_fd, name, open_flags | O_DIRECT, 0600);
		if (fd >= 0 || errno != EINVAL)
			return fd >= 0 ? fd : -errno;
		/* With O_CREAT | O_EXCL the refused open can have made the file: not exclusive
		 * any more. Its maker is this call, so it is opened as it is. */
		if ((open_flags & O_EXCL) != 0 &&
		    fstatat(dir->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			open_flags &= ~O_EXCL;
		*ret_direct = false;
	}
	int fd = openat(dir->dir_fd, name, open_flags, 0600);
	return fd >= 0 ? fd : -errno;
}

static int table_put(struct wr_dir *dir, const struct wr_dir_file *as, uint32_t *ret_file)
{
	int code = -ENFILE;

	(void)pthread_mutex_lock(&dir->table_lock);
	for (uint32_t i = 0; i < WR_STORAGE_FILES_MAX; i++) {
		struct wr_dir_file *file = &dir->files[i];
		if (file->used)
			continue;
		file->fd = as->fd;
		file->writable = as->writable;
		file->direct = as->direct;
		file->syncing = false;
		file->sync_started = 0;
		file->sync_ended = 0;
		wr_store_relaxed(&file->failed, 0u);
		memcpy(file->name, as->name, sizeof file->name);
		file->used = true;
		*ret_file = i;
		code = 0;
		break;
	}
	(void)pthread_mutex_unlock(&dir->table_lock);
	return code;
}

int wr_dir_file_open(struct wr_storage *s, const char *name, uint32_t flags, uint32_t *ret_file)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	struct wr_dir_file as = {.writable = (flags & WR_FILE_READ_ONLY) == 0};
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
	int fd = open_fd(dir, name, open_flags, &as.direct);
	if (fd < 0)
		return fd;
	as.fd = fd;
	memcpy(as.name, name, strlen(name) + 1);
	/* What is read next should come from the medium: after a failed sync of a former life the
	 * cache can hold bytes that were never written. Only a hint to the kernel. */
	if (!as.direct)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	code = table_put(dir, &as, ret_file);
	if (code < 0)
		(void)close(fd);
	return code;
}

int wr_dir_file_close(struct wr_storage *s, uint32_t file_index)
{
	struct wr_dir *dir = (struct wr_dir *)s;
	int code = -EBADF;

	(void)pthread_mutex_lock(&dir->table_lock);
	struct wr_dir_file *file = wr_dir_file(dir, file_index);
	if (file != NULL) {
		(void)close(file->fd);
		file->used = false;
		code = 0;
	}
	(void)pthread_mutex_unlock(&dir->table_lock);
	return code;
}

int wr_dir_file_bytes(struct wr_storage *s, uint32_t file_index, uint64_t *ret_bytes)
{
	const struct wr_dir_file *file = wr_dir_file((struct wr_dir *)s, file_index);
	struct stat st;

	if (file == NULL)
		return -EBADF;
	if (fstat(file->fd, &st) != 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

int wr_dir_file_remove(struct wr_storage *s, const char *name)
{
	const struct wr_dir *dir = (struct wr_dir *)s;
	int code = wr_name_check(name);

	if (code < 0)
		return code;
	if (dir->read_only)
		return -EROFS;
	return unlinkat(dir->dir_fd, name, 0) == 0 ? 0 : -errno;
}

static bool is_regular(const struct wr_dir *dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(dir->dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

int wr_dir_file_each(struct wr_storage *s, int (*visit)(void *context, const char *name),
		     void *context)
{
	const struct wr_dir *dir = (struct wr_dir *)s;
	/* An open of its own: a duplicate of dir_fd would share one reading position. */
	int fd = openat(dir->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	DIR *stream = fdopendir(fd);
	if (stream == NULL) {
		int code = -errno;
		(void)close(fd);
		return code;
	}
	int result = 0;
	while (result == 0) {
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (entry == NULL) {
			result = -errno;
			break;
		}
		/* A name that weir would not take is no file of weir. */
		if (wr_name_check(entry->d_name) == 0 && is_regular(dir, entry))
			result = visit(context, entry->d_name);
	}
	(void)closedir(stream);
	return result;
}

int wr_dir_sync_dir(struct wr_storage *s)
{
	struct wr_dir *dir = (struct wr_dir *)s;

	if (dir->read_only)
		return -EROFS;
	(void)wr_add_relaxed(&dir->syncs, 1u);
	return wr_dir_fsync(dir->dir_fd, false);
}

int wr_dir_lock(struct wr_storage *s)
{
	struct wr_dir *dir = (struct wr_dir *)s;

	return dir->read_only ? -EROFS : wr_held_lock(&dir->held, dir->dir_fd);
}

int wr_dir_free_bytes(struct wr_storage *s, uint64_t *ret_bytes)
{
	const struct wr_dir *dir = (struct wr_dir *)s;
	struct statvfs st;

	while (fstatvfs(dir->dir_fd, &st) != 0)
		if (errno != EINTR)
			return -errno;
	*ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

void wr_dir_counts(const struct wr_storage *s, struct wr_storage_counts *ret_counts)
{
	/* The counters are atomics: loading them changes nothing, but C11 loads want no const. */
	struct wr_dir *dir = (struct wr_dir *)(uintptr_t)s;

	ret_counts->writes = wr_load_relaxed(&dir->writes);
	ret_counts->written_bytes = wr_load_relaxed(&dir->written_bytes);
	ret_counts->syncs = wr_load_relaxed(&dir->syncs);
	ret_counts->submissions = wr_load_relaxed(&dir->submissions);
}
