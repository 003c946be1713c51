/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory: opening it, its names, its end. Its files are files.c. See dir.h.
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

#include "io/codec/codecs.h"
#include "io/posix/file_limit.h"
#include "io/posix/request.h"

#define DIR_PATH_MAX 4096

int wr_dir_sync_parent(const char *dir_path)
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
	int code = wr_dir_sync_parent(path);
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

static int count_name(void *context, const char *name)
{
	uint32_t *count = context;

	(void)name;
	(*count)++;
	return *count == UINT32_MAX / 2;
}

/* Who opens finds room for all that is there, and then says that it is too much, if it is. */
static int files_wanted(struct wr_dir *dir, const struct wr_storage_options *options,
			uint32_t *ret_count)
{
	uint32_t count = 0;
	int code = wr_dir_file_each(&dir->base, count_name, &count);

	*ret_count = count + WR_STORAGE_FILES_ROOM;
	if (options->files_max > *ret_count)
		*ret_count = options->files_max;
	return code < 0 ? code : 0;
}

static int init_locks(struct wr_dir *dir)
{
	int code = -pthread_mutex_init(&dir->table_lock, NULL);
	if (code < 0)
		return code;
	code = -pthread_mutex_init(&dir->sync_lock, NULL);
	if (code < 0)
		goto fail_table_lock;
	code = -pthread_cond_init(&dir->sync_ended, NULL);
	if (code == 0)
		return 0;

	(void)pthread_mutex_destroy(&dir->sync_lock);
fail_table_lock:
	(void)pthread_mutex_destroy(&dir->table_lock);
	return code;
}

static void destroy_locks(struct wr_dir *dir)
{
	(void)pthread_cond_destroy(&dir->sync_ended);
	(void)pthread_mutex_destroy(&dir->sync_lock);
	(void)pthread_mutex_destroy(&dir->table_lock);
}

int wr_dir_init(struct wr_dir *dir, const struct wr_storage_options *options)
{
	uint32_t file_max = 0;

	dir->read_only = options->read_only;
	dir->helper_cpus = options->helper_cpus;
	(void)snprintf(dir->helper_name, sizeof dir->helper_name, "%.10s",
		       options->name != NULL ? options->name : "weir");
	wr_dir_files_init(dir);
	dir->base.codecs = wr_codecs();
	dir->base.file_bytes_max = wr_file_limit_bytes();
	/* What an open writes to see what the file system can do, and LOCK. */
	if (!options->read_only && dir->base.file_bytes_max != 0 &&
	    dir->base.file_bytes_max < WR_STORAGE_BLOCK_BYTES) {
		wr_dir_reason(options, "no file can be written", -EFBIG);
		return -EFBIG;
	}
	int code = open_dir(dir, options);
	if (code < 0)
		return code;
	code = init_locks(dir);
	if (code < 0)
		goto fail_dir;
	code = files_wanted(dir, options, &file_max);
	if (code == 0)
		code = wr_dir_files_alloc(dir, file_max);
	if (code < 0)
		goto fail_locks;
	wr_dir_choose_engine(dir, options);
	return 0;

fail_locks:
	destroy_locks(dir);
fail_dir:
	(void)close(dir->dir_fd);
	wr_dir_reason(options, "the table of files cannot be made", code);
	return code;
}

void wr_dir_fini(struct wr_dir *dir)
{
	wr_dir_files_fini(dir);
	destroy_locks(dir);
	(void)close(dir->dir_fd);
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
	struct wr_dir *dir = (struct wr_dir *)s;
	/* An open of its own: a duplicate of dir_fd would share one reading position. */
	int fd = wr_dir_openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fd;
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
