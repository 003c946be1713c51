/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See torture.h: everything is reached from the descriptor of the directory that was made here, by
 * names without a slash, and no link is followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/torture/torture.h"

int room_make(const char *parent, struct room *ret_room)
{
	struct room room = {.fd = -1};
	int code = 0;

	int n = snprintf(room.path, sizeof room.path, "%s/weir-torture-XXXXXX", parent);
	if (n < 0 || (size_t)n >= sizeof room.path)
		return -ENAMETOOLONG;
	room.parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (room.parent_fd < 0)
		return -errno;
	if (mkdtemp(room.path) != NULL)
		room.fd = openat(room.parent_fd, strrchr(room.path, '/') + 1,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (room.fd < 0) {
		code = -errno;
		(void)close(room.parent_fd);
		return code;
	}
	*ret_room = room;
	return 0;
}

void room_path(const struct room *room, const char *name, char to[ROOM_NAME_BYTES])
{
	(void)snprintf(to, ROOM_NAME_BYTES, "%s/%.60s", room->path, name);
}

int room_empty(const struct room *room, const char *name)
{
	int code = 0;
	int fd = openat(room->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL)
		return -errno;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlinkat(fd, entry->d_name, 0) != 0)
			code = -errno;
	(void)closedir(dir);
	return unlinkat(room->fd, name, AT_REMOVEDIR) == 0 || code != 0 ? code : -errno;
}

static bool is_still_there(const struct room *room, const char *name)
{
	struct stat held;
	struct stat named;

	return fstat(room->fd, &held) == 0 &&
	       fstatat(room->parent_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int room_remove(struct room *room)
{
	static const char *const names[] = {"journal", "copy", "opened"};
	const char *name = strrchr(room->path, '/') + 1;
	int code = 0;

	if (room->is_kept)
		goto done;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int rc = room_empty(room, names[i]);
		code = rc < 0 && rc != -ENOENT ? rc : code;
	}
	if (!is_still_there(room, name))
		code = -ENOENT;
	else if (unlinkat(room->parent_fd, name, AT_REMOVEDIR) != 0)
		code = -errno;
done:
	(void)close(room->fd);
	(void)close(room->parent_fd);
	return code;
}
