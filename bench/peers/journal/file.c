/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file, write() and fdatasync(): what anybody would write first, and hard to beat. Events of a
 * group are one behind the other, without a head or a checksum. The file is of written zeros and is
 * gone round in, so that a sync has no metadata to commit: a file that grows takes up to three
 * times as long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/filled_file.h"
#include "bench/journal_peer.h"

#define FILE_BYTES (64ull << 20)

struct file {
	int fd;
	uint64_t at;
	uint64_t payload_bytes;
};

static bool file_version(char *to, size_t to_bytes)
{
	struct utsname name;

	if (uname(&name) != 0)
		return false;
	(void)snprintf(to, to_bytes, "Linux %.40s", name.release);
	return true;
}

static int file_open(struct journal_peer_place *place, void **ret_handle)
{
	struct file *f = calloc(1, sizeof *f);
	if (f == NULL)
		return -ENOMEM;
	int dir_fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->fd = dir_fd < 0 ? -errno : filled_file_make(dir_fd, "events", FILE_BYTES);
	if (dir_fd >= 0)
		(void)close(dir_fd);
	f->payload_bytes = place->payload_bytes;
	int code = f->fd < 0 ? f->fd : 0;
	if (code != 0)
		free(f);
	else
		*ret_handle = f;
	return code;
}

static int file_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct file *f = handle;
	uint64_t bytes = count * f->payload_bytes;

	if (f->at + bytes > FILE_BYTES)
		f->at = 0;
	int code = filled_file_write(f->fd, events, bytes, f->at);
	f->at += bytes;
	return code == 0 && fdatasync(f->fd) != 0 ? -errno : code;
}

static void file_close(void *handle)
{
	struct file *f = handle;

	(void)close(f->fd);
	free(f);
}

extern const struct journal_peer journal_peer_file;
const struct journal_peer journal_peer_file = {
	.name = "write + fdatasync",
	.package = "libc6",
	.settings = "groups of 20000 into a file of written zeros; no heads, no checksums",
	.group_events = 20000,
	.version = file_version,
	.open = file_open,
	.append = file_append,
	.close = file_close,
};
