/* SPDX-License-Identifier: Apache-2.0 */
#include "io/metrics_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <weir/metrics.h>

#include "core/base/bytes.h"
#include "core/metrics/layout.h"
#include "io/posix/file_limit.h"
#include "io/posix/text_file.h"

/* Pipelines of one name in one process. */
#define ALIKE_MAX 1000u
/* A file is made within moments: one that is still without its beginning was left so. */
#define MADE_S 60u
/* How long what a dead process left is kept, where nobody opens its journal again. */
#define KEPT_S (24u * 3600)

int weir_metrics_default_dir(char *to, size_t to_bytes)
{
	return snprintf(to, to_bytes, "/dev/shm/weir-%lu", (unsigned long)geteuid());
}

/* ---- processes ---- */

uint64_t wr_process_start(uint64_t pid)
{
	char path[64], text[1024];

	(void)snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
	if (!wr_text_read(path, text, sizeof text))
		return 0;
	/* "PID (NAME) STATE ...": a name may have anything in it, so from its end on. */
	const char *at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int field = 2; field < 22 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

uint64_t wr_process_space(void)
{
	char boot[64];
	struct stat st;
	uint64_t print = 0xcbf29ce484222325u; /* FNV-1a */

	if (stat("/proc/self/ns/pid", &st) != 0)
		return 0;
	/* The first namespace of each machine, and of each boot, has the same number. */
	if (!wr_text_read("/proc/sys/kernel/random/boot_id", boot, sizeof boot))
		boot[0] = '\0';
	for (const char *at = boot; *at != '\0'; at++)
		print = (print ^ (uint8_t)*at) * 0x100000001b3u;
	print ^= (uint64_t)st.st_ino;
	return print != 0 ? print : 1;
}

/* ---- the directory ---- */

__attribute__((format(printf, 3, 4))) static int say(struct wr_metrics_file *file, int code,
						     const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(file->note, sizeof file->note, format, arguments);
	va_end(arguments);
	return code;
}

/* The user's own directory, which nobody else can put something into; its descriptor. */
static int open_dir(struct wr_metrics_file *file, const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return say(file, -errno, "no metrics for other processes: %.80s cannot be made: %s",
			   dir, strerror(errno));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return say(file, -errno, "no metrics for other processes: %.80s: %s", dir,
			   strerror(errno));
	if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
		(void)close(fd);
		return say(file, -EPERM,
			   "no metrics for other processes: %.60s is another user's, or others may "
			   "write in it",
			   dir);
	}
	return fd;
}

int wr_metrics_file_look(int dir_fd, const char *name, uint64_t *ret_bytes)
{
	struct stat st;
	/* Not blocked by a FIFO that lies there. */
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) == 0 ? 0 : -errno;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	*ret_bytes = (uint64_t)st.st_size;
	return fd;
}

/*
 * A file of this pipeline's name without its beginning, whose maker died at it: nothing, or zeros.
 * Another name's stays: the directory may have files that are not weir's.
 */
static bool is_half_made(const char *name, const uint8_t *head, size_t bytes,
			 const struct wr_metrics_file_options *o)
{
	size_t own_bytes = strlen(o->name);
	char *end = NULL;

	if (strncmp(name, o->name, own_bytes) != 0 || name[own_bytes] != '.')
		return false;
	unsigned long long pid = strtoull(name + own_bytes + 1, &end, 10);
	if (pid == 0 || (*end != '\0' && *end != '-') || wr_process_start(pid) != 0)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (head[i] != 0)
			return false;
	return true;
}

/*
 * Is it what a dead process left, and of use to nobody any more: this pipeline's own, or one whose
 * journal is gone, or a day old?
 */
static bool is_left(int dir_fd, const char *name, const struct wr_metrics_file_options *o)
{
	uint8_t head[WR_MH_DIR + WR_MH_DIR_BYTES];
	uint64_t bytes = 0;
	struct stat st;
	int fd = wr_metrics_file_look(dir_fd, name, &bytes);

	if (fd < 0)
		return false;
	bool is_whole = pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head;
	bool is_old = fstat(fd, &st) == 0 && (uint64_t)st.st_mtime + MADE_S < (uint64_t)time(NULL);
	(void)close(fd);
	if (bytes == 0 || (is_whole && wr_get_u64(head + WR_MH_MAGIC) == 0))
		return is_old && is_half_made(name, head, bytes == 0 ? 0 : sizeof head, o);
	if (!is_whole || wr_get_u64(head + WR_MH_MAGIC) != WR_METRICS_MAGIC)
		return false;
	uint64_t told_s = wr_get_u64(head + WR_MH_WALL) / 1000000000u;
	bool is_silent = told_s + KEPT_S < (uint64_t)time(NULL);
	/* Of another machine, boot or namespace: who lives there is not known here. */
	if (wr_get_u64(head + WR_MH_PID_SPACE) != wr_process_space())
		return is_silent;
	uint64_t start = wr_process_start(wr_get_u64(head + WR_MH_PID));
	if (start != 0 && start == wr_get_u64(head + WR_MH_PID_START))
		return false;
	head[WR_MH_NAME + WR_MH_NAME_BYTES - 1] = head[sizeof head - 1] = 0;
	const char *journal = (const char *)head + WR_MH_DIR;
	bool is_own = strcmp((const char *)head + WR_MH_NAME, o->name) == 0 &&
		      strncmp(journal, o->journal, WR_MH_DIR_BYTES - 1) == 0;
	bool is_gone = journal[0] == '/' && stat(journal, &st) != 0 && errno == ENOENT;
	return is_own || is_gone || is_silent;
}

static void remove_left(int dir_fd, const struct wr_metrics_file_options *o)
{
	int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && is_left(dir_fd, entry->d_name, o))
			(void)unlinkat(dir_fd, entry->d_name, 0);
	(void)closedir(dir);
}

/* ---- the file ---- */

/* A name that nobody has; where a process of the same number died, its file goes. */
static int make_name(struct wr_metrics_file *file, int dir_fd, const char *dir,
		     const struct wr_metrics_file_options *o)
{
	for (uint32_t i = 0; i < ALIKE_MAX; i++) {
		char number[16] = "", name[80];
		if (i > 0)
			(void)snprintf(number, sizeof number, "-%u", i + 1);
		(void)snprintf(name, sizeof name, "%.32s.%ld%s", o->name, (long)getpid(), number);
		int length = snprintf(file->path, sizeof file->path, "%s/%s", dir, name);
		if (length < 0 || (size_t)length >= sizeof file->path)
			return say(file, -ENAMETOOLONG,
				   "no metrics for other processes: the path of metrics_dir is too "
				   "long");
		if (is_left(dir_fd, name, o))
			(void)unlinkat(dir_fd, name, 0);
		int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
				0600);
		if (fd >= 0 || errno != EEXIST)
			return fd >= 0 ? fd
				       : say(file, -errno,
					     "no metrics for other processes: %.80s: %s", dir,
					     strerror(errno));
	}
	return say(file, -EEXIST, "no metrics for other processes: %.80s has too many of this name",
		   dir);
}

static int map_file(struct wr_metrics_file *file, int fd, const char *dir, size_t bytes)
{
	int code;
	uint64_t limit_bytes = wr_file_limit_bytes();
	if (limit_bytes != 0 && bytes > limit_bytes)
		return say(file, -EFBIG,
			   "no metrics for other processes: they take %zu KiB, more than a file of "
			   "this process may have (ulimit -f)",
			   bytes / 1024);
	/* Every page now: a store into a file that is full would end the process. */
	do
		code = posix_fallocate(fd, 0, (off_t)bytes);
	while (code == EINTR);
	if (code != 0)
		return say(file, -code, "no metrics for other processes: %zu KiB in %.80s: %s",
			   bytes / 1024, dir, strerror(code));
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return say(file, -errno, "no metrics for other processes: mapping them: %s",
			   strerror(errno));
	file->base = base;
	file->bytes = bytes;
	return 0;
}

int wr_metrics_file_make(struct wr_metrics_file *file, const struct wr_metrics_file_options *o)
{
	char default_dir[64];
	const char *dir = o->dir;

	*file = (struct wr_metrics_file){.base = NULL};
	if (dir == NULL) {
		(void)weir_metrics_default_dir(default_dir, sizeof default_dir);
		dir = default_dir;
	}
	int dir_fd = open_dir(file, dir);
	if (dir_fd < 0)
		return dir_fd;
	remove_left(dir_fd, o);
	int fd = make_name(file, dir_fd, dir, o);
	int rc = fd >= 0 ? map_file(file, fd, dir, o->bytes) : fd;
	if (fd >= 0)
		(void)close(fd);
	(void)close(dir_fd);
	if (rc != 0) {
		if (fd >= 0)
			(void)unlink(file->path);
		file->path[0] = '\0';
	}
	return rc < 0 ? rc : 0;
}

void wr_metrics_file_remove(struct wr_metrics_file *file)
{
	if (file->base != NULL)
		(void)munmap(file->base, file->bytes);
	if (file->path[0] != '\0')
		(void)unlink(file->path);
	*file = (struct wr_metrics_file){.base = NULL};
}
