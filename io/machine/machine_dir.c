/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on the disk: the directory of a journal with the sizes that the journal in it keeps,
 * folders that files are made in, programs.
 *
 * Thread: any; no state.
 */
#include "io/machine/machine.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <weir/journal.h>

/* Each segment file has a header block: docs/reference/journal-format.md. */
#define BLOCK_BYTES 4096u

static uint32_t count_segments(const char *path)
{
	uint32_t count = 0;
	DIR *dir = opendir(path);
	if (dir == NULL)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		size_t bytes = strlen(entry->d_name);
		count += bytes > 4 && strcmp(entry->d_name + bytes - 4, ".seg") == 0;
	}
	(void)closedir(dir);
	return count;
}

void wr_machine_parent(const char *path, char to[WR_MACHINE_PATH_BYTES])
{
	(void)snprintf(to, WR_MACHINE_PATH_BYTES, "%s", path);
	size_t bytes = strlen(to);
	while (bytes > 1 && to[bytes - 1] == '/')
		to[--bytes] = '\0';
	char *slash = strrchr(to, '/');
	if (slash == NULL)
		(void)snprintf(to, WR_MACHINE_PATH_BYTES, ".");
	else
		slash[slash == to] = '\0';
}

int wr_machine_takes_files(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return access(path, W_OK | X_OK) == 0 ? 0 : -errno;
}

static int stop_at_once(void *context, const struct weir_journal_segment *segment)
{
	(void)context;
	(void)segment;
	return 1;
}

/* The walk ends at its first segment: the sizes are in the superblock. */
static void read_journal(const char *path, struct wr_machine_dir *dir)
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct weir_problem problem = {0};
	weir_journal_visitor_init(&visitor);
	visitor.segment = stop_at_once;
	int rc = weir_journal_inspect(path, &visitor, &report, &problem);
	if (rc == WEIR_E_FORMAT || rc == WEIR_E_CORRUPT) {
		dir->journal_code = rc;
		(void)snprintf(dir->journal_text, sizeof dir->journal_text, "%s", problem.text);
	}
	if (report.segment_bytes <= BLOCK_BYTES)
		return;
	dir->chunk_bytes = report.chunk_bytes;
	dir->segment_bytes = report.segment_bytes - BLOCK_BYTES;
}

void wr_machine_read_dir(const char *path, struct wr_machine_dir *ret_dir)
{
	struct wr_machine_dir dir = {0};
	struct stat st;
	struct statvfs fs;
	dir.is_there = stat(path, &st) == 0;
	if (dir.is_there) {
		(void)snprintf(dir.place, sizeof dir.place, "%s", path);
		dir.file_count = count_segments(path);
		read_journal(path, &dir);
	} else {
		wr_machine_parent(path, dir.place);
	}
	dir.is_makeable = wr_machine_takes_files(dir.place) == 0;
	if (statvfs(dir.place, &fs) == 0) {
		dir.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
		dir.total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	}
	*ret_dir = dir;
}

bool wr_machine_has_program(const char *name)
{
	const char *path = getenv("PATH");
	char full[4096];
	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0;
	for (; path != NULL && *path != '\0'; path += strspn(path, ":")) {
		size_t bytes = strcspn(path, ":");
		int length = snprintf(full, sizeof full, "%.*s/%s", (int)bytes, path, name);
		if (length > 0 && (size_t)length < sizeof full && access(full, X_OK) == 0)
			return true;
		path += bytes;
	}
	return false;
}

bool wr_machine_has_variable(const char *name)
{
	const char *value = getenv(name);
	return value != NULL && value[0] != '\0';
}
