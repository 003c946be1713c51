/* SPDX-License-Identifier: Apache-2.0 */
/* See rotation.h. */
#include "tools/weir/run/rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* ---- names ----------------------------------------------------------------------------------- */

/* ".1", "-20260131", ".2026-01-31T12:00": how many bytes; 0: none of it. */
static size_t mark_bytes(const char *text, size_t bytes)
{
	if (bytes < 2 || strchr(".-_", text[0]) == NULL || text[1] < '0' || text[1] > '9')
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if (strchr("0123456789.-_:T", text[i]) == NULL)
			return 0;
	return bytes;
}

bool run_rotation_is_name(const char *name, const char *of)
{
	size_t name_bytes = strlen(name);
	size_t of_bytes = strlen(of);
	if (name_bytes <= of_bytes)
		return false;
	size_t more = name_bytes - of_bytes;
	if (strncmp(name, of, of_bytes) == 0 && mark_bytes(name + of_bytes, more) > 0)
		return true;
	const char *ending = strrchr(of, '.');
	if (ending == NULL || ending == of)
		return false;
	size_t stem_bytes = (size_t)(ending - of);
	return strncmp(name, of, stem_bytes) == 0 &&
	       strcmp(name + stem_bytes + more, ending) == 0 &&
	       mark_bytes(name + stem_bytes, more) > 0;
}

/* ---- which came next ------------------------------------------------------------------------- */

struct made {
	uint64_t device;
	uint64_t inode;
	uint64_t birth_ns; /* 0: not known */
	uint64_t written_ns;
	bool is_file;
};

static uint64_t ns_of(const struct statx_timestamp *time)
{
	return (uint64_t)time->tv_sec * UINT64_C(1000000000) + time->tv_nsec;
}

static bool look(int folder, const char *path, int flags, struct made *ret_made)
{
	struct statx status;
	if (statx(folder, path, flags, STATX_TYPE | STATX_INO | STATX_MTIME | STATX_BTIME,
		  &status) < 0)
		return false;
	*ret_made = (struct made){
		.device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor,
		.inode = status.stx_ino,
		.birth_ns = (status.stx_mask & STATX_BTIME) != 0 ? ns_of(&status.stx_btime) : 0,
		.written_ns = ns_of(&status.stx_mtime),
		.is_file = S_ISREG(status.stx_mode)};
	return true;
}

static bool is_same(const struct made *a, const struct made *b)
{
	return a->inode == b->inode && a->device == b->device;
}

static bool came_before(const struct made *a, const struct made *b)
{
	if (a->birth_ns != 0 && b->birth_ns != 0 && a->birth_ns != b->birth_ns)
		return a->birth_ns < b->birth_ns;
	return a->written_ns < b->written_ns;
}

bool run_rotation_next(const char *path, int file, char *to, size_t to_bytes)
{
	char folder_room[PATH_BYTES];
	char name_room[PATH_BYTES];
	struct made own;
	struct made present = {0};
	struct made best = {0};
	struct made other;
	bool found = false;
	(void)snprintf(folder_room, sizeof folder_room, "%s", path);
	(void)snprintf(name_room, sizeof name_room, "%s", path);
	const char *folder = dirname(folder_room);
	const char *name = basename(name_room);
	DIR *dir = look(file, "", AT_EMPTY_PATH, &own) ? opendir(folder) : NULL;
	if (dir == NULL)
		return false;
	bool has_present = look(AT_FDCWD, path, 0, &present);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (!run_rotation_is_name(entry->d_name, name) ||
		    !look(dirfd(dir), entry->d_name, AT_SYMLINK_NOFOLLOW, &other) ||
		    !other.is_file || is_same(&other, &own) || !came_before(&own, &other) ||
		    (has_present &&
		     (is_same(&other, &present) || !came_before(&other, &present))) ||
		    (found && !came_before(&other, &best)))
			continue;
		int bytes = snprintf(to, to_bytes, "%s/%s", folder, entry->d_name);
		if (bytes < 0 || (size_t)bytes >= to_bytes)
			continue;
		best = other;
		found = true;
	}
	closedir(dir);
	return found;
}

/* ---- who writes ------------------------------------------------------------------------------ */

int run_rotation_has_writer(int file)
{
	/* Who opens it for writing in between would have us told by a signal that ends programs. */
	if (fcntl(file, F_SETSIG, SIGURG) < 0)
		return -1;
	int rc = fcntl(file, F_SETLEASE, F_RDLCK);
	int code = errno;
	(void)fcntl(file, F_SETLEASE, F_UNLCK);
	if (rc == 0)
		return 0;
	return code == EAGAIN ? 1 : -1;
}
