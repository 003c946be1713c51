/* SPDX-License-Identifier: Apache-2.0 */
/* See filled_file.h. */
#include "bench/filled_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILL_BYTES (256u << 10)

int filled_file_write(int fd, const void *buffer, size_t bytes, uint64_t offset)
{
	const char *at = buffer;

	while (bytes > 0) {
		ssize_t n = pwrite(fd, at, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int filled_file_fill(int fd, uint64_t bytes)
{
	char *zeros = calloc(1, FILL_BYTES);
	int code = 0;

	if (zeros == NULL)
		return -ENOMEM;
	for (uint64_t at = 0; code == 0 && at < bytes; at += FILL_BYTES)
		code = filled_file_write(fd, zeros, FILL_BYTES, at);
	if (code == 0 && fsync(fd) != 0)
		code = -errno;
	free(zeros);
	return code;
}

int filled_file_make(int dir_fd, const char *name, uint64_t bytes)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int code = filled_file_fill(fd, bytes);
	if (code == 0 && fsync(dir_fd) != 0)
		code = -errno;
	if (code == 0)
		return fd;
	(void)close(fd);
	(void)unlinkat(dir_fd, name, 0);
	return code;
}
