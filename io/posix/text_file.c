/* SPDX-License-Identifier: Apache-2.0 */
/* See text_file.h. */
#include "io/posix/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_BYTES 1024

bool wr_text_read(const char *path, char *ret_text, size_t text_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t used = 0;
	while (used < text_bytes - 1) {
		ssize_t n = read(fd, ret_text + used, text_bytes - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	ret_text[used] = '\0';
	return used > 0;
}

bool wr_text_read_in(const char *dir, const char *name, char *ret_text, size_t text_bytes)
{
	char path[PATH_BYTES];
	int length = snprintf(path, sizeof path, "%s/%s", dir, name);
	return length > 0 && (size_t)length < sizeof path &&
	       wr_text_read(path, ret_text, text_bytes);
}
