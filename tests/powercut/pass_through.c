/* SPDX-License-Identifier: Apache-2.0 */
/* See pass_through.h. */
#define FUSE_USE_VERSION 34

#include "tests/powercut/pass_through.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <fuse_log.h>
#include <fuse_lowlevel.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* A write that was not synced since: what stood there. */
struct undo {
	struct undo *older;
	ino_t inode;
	int fd; /* of its own */
	off_t offset_bytes;
	size_t bytes;
	uint8_t before[];
};

/* Of the serving process. */
static struct {
	struct pass_through_shared *shared;
	struct undo *newest;
	int folder_fd;
} self;

static const char *below(const char *path)
{
	while (*path == '/')
		path++;
	return *path != '\0' ? path : ".";
}

static int answer(int rc)
{
	return rc < 0 ? -errno : 0;
}

/* --- what is not synced --------------------------------------------------------------------- */

static bool remember(int fd, size_t bytes, off_t offset_bytes)
{
	struct stat st;
	struct undo *undo = malloc(sizeof *undo + bytes);

	if (undo == NULL || fstat(fd, &st) != 0 || (undo->fd = dup(fd)) < 0) {
		free(undo);
		return false;
	}
	ssize_t n = pread(fd, undo->before, bytes, offset_bytes);
	size_t had = n > 0 ? (size_t)n : 0;
	memset(undo->before + had, 0, bytes - had);
	undo->inode = st.st_ino;
	undo->offset_bytes = offset_bytes;
	undo->bytes = bytes;
	undo->older = self.newest;
	self.newest = undo;
	return true;
}

static void forget(ino_t inode)
{
	for (struct undo **at = &self.newest; *at != NULL;) {
		struct undo *undo = *at;
		if (undo->inode != inode) {
			at = &undo->older;
			continue;
		}
		*at = undo->older;
		(void)close(undo->fd);
		free(undo);
	}
}

static void cut_if_asked(void)
{
	if (wr_load_acquire(&self.shared->is_cut) == 0)
		return;
	while (self.newest != NULL) {
		struct undo *undo = self.newest;
		self.newest = undo->older;
		if (pwrite(undo->fd, undo->before, undo->bytes, undo->offset_bytes) !=
		    (ssize_t)undo->bytes)
			abort();
		wr_add_relaxed(&self.shared->lost, 1u);
		(void)close(undo->fd);
		free(undo);
	}
	wr_store_release(&self.shared->is_cut, 0u);
}

/* --- requests ------------------------------------------------------------------------------- */

static void *serve_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	config->use_ino = 1;
	config->hard_remove = 1;
	config->attr_timeout = 0;
	config->entry_timeout = 0;
	config->negative_timeout = 0;
	return NULL;
}

static int serve_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
	cut_if_asked();
	if (info != NULL)
		return answer(fstat((int)info->fh, st));
	return answer(fstatat(self.folder_fd, below(path), st, AT_SYMLINK_NOFOLLOW));
}

static int serve_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t offset,
			 struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
	int fd = openat(self.folder_fd, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	(void)offset;
	(void)info;
	(void)flags;
	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL)
		if (fill(to, entry->d_name, NULL, 0, 0) != 0)
			break;
	(void)closedir(dir);
	return 0;
}

static int open_below(const char *path, mode_t mode, struct fuse_file_info *info)
{
	/* Whoever writes has to be able to read what stood there. */
	int flags = info->flags & ~(O_DIRECT | O_ACCMODE | O_APPEND);
	int access_mode = (info->flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR;
	int fd = openat(self.folder_fd, below(path), flags | access_mode | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	info->fh = (uint64_t)fd;
	return 0;
}

static int serve_open(const char *path, struct fuse_file_info *info)
{
	return open_below(path, 0, info);
}

static int serve_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
	info->flags |= O_CREAT;
	return open_below(path, mode, info);
}

static int serve_release(const char *path, struct fuse_file_info *info)
{
	(void)path;
	(void)close((int)info->fh);
	return 0;
}

static int serve_read(const char *path, char *to, size_t bytes, off_t offset_bytes,
		      struct fuse_file_info *info)
{
	(void)path;
	ssize_t n = pread((int)info->fh, to, bytes, offset_bytes);
	return n < 0 ? -errno : (int)n;
}

static int serve_write(const char *path, const char *from, size_t bytes, off_t offset_bytes,
		       struct fuse_file_info *info)
{
	(void)path;
	if (!remember((int)info->fh, bytes, offset_bytes))
		return -EIO;
	wr_add_relaxed(&self.shared->writes, 1u);
	ssize_t n = pwrite((int)info->fh, from, bytes, offset_bytes);
	return n < 0 ? -errno : (int)n;
}

static int serve_fsync(const char *path, int datasync, struct fuse_file_info *info)
{
	struct stat st;

	(void)path;
	(void)datasync;
	if (fstat((int)info->fh, &st) != 0)
		return -errno;
	forget(st.st_ino);
	wr_add_seq(&self.shared->syncs, 1u);
	return 0;
}

static int serve_fsyncdir(const char *path, int datasync, struct fuse_file_info *info)
{
	(void)path;
	(void)datasync;
	(void)info;
	return 0;
}

static int serve_fallocate(const char *path, int mode, off_t offset, off_t bytes,
			   struct fuse_file_info *info)
{
	uint32_t refusal = wr_load_acquire(&self.shared->refusal);

	(void)path;
	if (refusal != 0)
		return -(int)refusal;
	return answer(fallocate((int)info->fh, mode, offset, bytes));
}

static int serve_truncate(const char *path, off_t bytes, struct fuse_file_info *info)
{
	if (info != NULL)
		return answer(ftruncate((int)info->fh, bytes));
	int fd = openat(self.folder_fd, below(path), O_WRONLY | O_CLOEXEC);
	int code = answer(fd < 0 ? -1 : ftruncate(fd, bytes));
	if (fd >= 0)
		(void)close(fd);
	return code;
}

static int serve_mkdir(const char *path, mode_t mode)
{
	return answer(mkdirat(self.folder_fd, below(path), mode));
}

static int serve_unlink(const char *path)
{
	return answer(unlinkat(self.folder_fd, below(path), 0));
}

static int serve_rmdir(const char *path)
{
	return answer(unlinkat(self.folder_fd, below(path), AT_REMOVEDIR));
}

static int serve_rename(const char *from, const char *to, unsigned flags)
{
	return answer(renameat2(self.folder_fd, below(from), self.folder_fd, below(to), flags));
}

static int serve_chmod(const char *path, mode_t mode, struct fuse_file_info *info)
{
	if (info != NULL)
		return answer(fchmod((int)info->fh, mode));
	return answer(fchmodat(self.folder_fd, below(path), mode, 0));
}

static int serve_statfs(const char *path, struct statvfs *st)
{
	(void)path;
	return answer(fstatvfs(self.folder_fd, st));
}

static const struct fuse_operations operations = {
	.init = serve_init,
	.getattr = serve_getattr,
	.readdir = serve_readdir,
	.open = serve_open,
	.create = serve_create,
	.release = serve_release,
	.read = serve_read,
	.write = serve_write,
	.fsync = serve_fsync,
	.fsyncdir = serve_fsyncdir,
	.fallocate = serve_fallocate,
	.truncate = serve_truncate,
	.mkdir = serve_mkdir,
	.unlink = serve_unlink,
	.rmdir = serve_rmdir,
	.rename = serve_rename,
	.chmod = serve_chmod,
	.statfs = serve_statfs,
};

/* --- its process ---------------------------------------------------------------------------- */

static void say_nothing(enum fuse_log_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
}

int pass_through_start(struct pass_through *p, const char *folder, const char *at)
{
	static char name[] = "pass_through";
	char *argv[] = {name, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	p->shared = mmap(NULL, sizeof *p->shared, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->shared == MAP_FAILED)
		return -errno;
	(void)snprintf(p->at, sizeof p->at, "%s", at);
	self.shared = p->shared;
	self.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self.folder_fd < 0)
		return -errno;
	fuse_set_log_func(say_nothing);
	struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, NULL);
	if (fuse == NULL)
		return -EINVAL;
	if (fuse_mount(fuse, at) != 0) {
		fuse_destroy(fuse);
		return -ENODEV;
	}
	fflush(NULL);
	p->server = fork();
	if (p->server == 0)
		_exit(fuse_loop(fuse) < 0);
	int code = p->server < 0 ? -errno : 0;
	/* Only the server holds the connection: with it the file system ends. */
	(void)close(fuse_session_fd(fuse_get_session(fuse)));
	return code;
}

void pass_through_cut(struct pass_through *p)
{
	struct stat st;

	wr_store_release(&p->shared->is_cut, 1u);
	if (stat(p->at, &st) != 0 || wr_load_acquire(&p->shared->is_cut) != 0)
		abort();
}

void pass_through_stop(struct pass_through *p)
{
	(void)umount2(p->at, MNT_DETACH);
	(void)waitpid(p->server, NULL, 0);
}
