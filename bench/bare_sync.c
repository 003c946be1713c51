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
#include <unistd.h>

#include "bench/harness.h"

#define BLOCK_BYTES 4096u
#define FILE_BYTES (4u << 20)
#define FILL_BYTES (256u << 10)

static int write_all(int fd, const char *buffer, size_t bytes, uint64_t offset)
{
	while (bytes > 0) {
		ssize_t n = pwrite(fd, buffer, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buffer += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* A file of written zeros, on the medium; positioned nowhere. The descriptor or -errno. */
static int make_file(int dir_fd, const char *name, char *zeros)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	for (uint64_t at = 0; at < FILE_BYTES; at += FILL_BYTES) {
		int code = write_all(fd, zeros, FILL_BYTES, at);
		if (code < 0) {
			close(fd);
			return code;
		}
	}
	if (fsync(fd) != 0 || fsync(dir_fd) != 0) {
		int code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

static int measure(int fd, char *block, uint32_t count_max, uint64_t time_max_ns,
		   struct bare_sync *bare)
{
	uint64_t end_ns = bench_now_ns() + time_max_ns;

	for (uint32_t i = 0; i < count_max; i++) {
		uint64_t offset = (uint64_t)i * BLOCK_BYTES % FILE_BYTES;
		memcpy(block, &i, sizeof i);
		uint64_t begin_ns = bench_now_ns();
		int code = write_all(fd, block, BLOCK_BYTES, offset);
		if (code == 0 && fdatasync(fd) != 0)
			code = -errno;
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
	char name[64];
	void *buffer = NULL;
	int code;

	snprintf(name, sizeof name, "bare-sync.%ld", (long)getpid());
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	if (posix_memalign(&buffer, BLOCK_BYTES, FILL_BYTES) != 0) {
		close(dir_fd);
		return -ENOMEM;
	}
	memset(buffer, 0, FILL_BYTES);
	int fd = make_file(dir_fd, name, buffer);
	code = fd < 0 ? fd : 0;
	if (fd >= 0) {
		int direct_fd = openat(dir_fd, name, O_RDWR | O_DIRECT | O_CLOEXEC);
		bare->direct = direct_fd >= 0;
		code = measure(direct_fd >= 0 ? direct_fd : fd, buffer, count_max, time_max_ns,
			       bare);
		if (direct_fd >= 0)
			close(direct_fd);
		close(fd);
	}
	if (fd != -EEXIST)
		unlinkat(dir_fd, name, 0);
	free(buffer);
	close(dir_fd);
	return code;
}
