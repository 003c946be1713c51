/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare sync. The file is written with zeros and synced first: on a file that grows, or has only
 * been allocated, each sync commits metadata too and takes up to three times as long.
 *
 * Thread: one; blocks on the disk.
 */
#include "bench/bare_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/filled_file.h"
#include "bench/harness.h"

#define BLOCK_BYTES 4096u
#define FILE_BYTES (4u << 20)

/* A file without a name: at once, or (NFS, FUSE) by taking it away. The descriptor or -errno. */
static int open_nameless(int dir_fd)
{
	char name[64];
	int fd = openat(dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	snprintf(name, sizeof name, ".bare-sync.%ld", (long)getpid());
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	unlinkat(dir_fd, name, 0);
	return fd;
}

static int write_synced(int fd, char *block, uint64_t offset, enum bare_sync_how how)
{
	struct iovec part = {.iov_base = block, .iov_len = BLOCK_BYTES};

	if (how == BARE_SYNC_IN_WRITE) {
		ssize_t n = pwritev2(fd, &part, 1, (off_t)offset, RWF_DSYNC);
		if (n == (ssize_t)BLOCK_BYTES)
			return 0;
		return n >= 0 ? -EIO : errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
	}
	int code = filled_file_write(fd, block, BLOCK_BYTES, offset);
	return code == 0 && fdatasync(fd) != 0 ? -errno : code;
}

static int measure(int fd, char *block, uint32_t count_max, uint64_t time_max_ns,
		   struct bare_sync *bare)
{
	uint64_t end_ns = bench_now_ns() + time_max_ns;

	for (uint32_t i = 0; i < count_max; i++) {
		uint64_t offset = (uint64_t)i * BLOCK_BYTES % FILE_BYTES;
		memcpy(block, &i, sizeof i);
		uint64_t begin_ns = bench_now_ns();
		int code = write_synced(fd, block, offset, bare->how);
		if (code < 0)
			return code;
		uint64_t now_ns = bench_now_ns();
		histogram_record(bare->latency, now_ns - begin_ns);
		bare->count++;
		if (now_ns >= end_ns)
			break;
	}
	return 0;
}

int bare_sync_run(const char *dir, uint32_t count_max, uint64_t time_max_ns, struct bare_sync *bare)
{
	void *buffer = NULL;

	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	if (posix_memalign(&buffer, BLOCK_BYTES, BLOCK_BYTES) != 0) {
		close(dir_fd);
		return -ENOMEM;
	}
	memset(buffer, 0, BLOCK_BYTES);
	int fd = open_nameless(dir_fd);
	int code = fd < 0 ? fd : filled_file_fill(fd, FILE_BYTES);
	if (fd >= 0) {
		/* The file has no name to open it by once more. */
		bare->direct = bare->how != BARE_SYNC_BUFFERED && fcntl(fd, F_SETFL, O_DIRECT) == 0;
		if (bare->how == BARE_SYNC_IN_WRITE && !bare->direct)
			code = -EOPNOTSUPP;
		if (code == 0)
			code = measure(fd, buffer, count_max, time_max_ns, bare);
		close(fd);
	}
	free(buffer);
	close(dir_fd);
	return code;
}
