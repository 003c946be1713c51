/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that grows, as tail -F follows it: looked at 20 times a second. What can happen to it:
 *
 *   renamed, and a new one made   the old one is read on until nobody has it open for writing any
 *                                 more, or, where that cannot be known or does not come, until
 *                                 nothing was written to it for 5 s; then the one that was made
 *                                 next, from its start (rotation.h: it may have been renamed, too);
 *                                 a last line without a line feed counts as one
 *   truncated                     it is said, and read from its start
 *   removed                       the old one is read on until there is a new one
 *   not there yet                 it is waited for
 *
 * Only lines with a line feed are taken while it may grow. Each line's place goes with its event:
 * device, inode and the offset behind it, and a checksum of the line's end. After a restart the
 * file with this inode, and with this line at this place, is looked for under its name and, rotated
 * away, beside it; if it is gone it is said, and the file that is there is read from its start. An
 * inode alone is not the file: file systems give it to the next one that is made, and what was
 * truncated keeps it. While it is open, a file that was truncated and has grown beyond the place
 * between two looks is not told from one that has grown.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/harness.h"
#include "core/base/crc32c.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/rotation.h"
#include "tools/weir/run/source.h"

#define LOOK_NS (50 * RUN_MILLISECOND_NS)
#define QUIET_NS (5 * RUN_SECOND_NS)
#define PATH_BYTES 4096

struct follow {
	struct run_reader base;
	struct run_line_buffer buffer;
	const char *path;
	int file; /* -1: none is open */
	uint64_t device;
	uint64_t inode;
	uint64_t offset; /* read so far */
	bool said_missing;
	bool is_replaced; /* there is another one under the name; this one is read to its end */
	bool is_left;     /* and nobody writes to it any more: what is there now is all */
	uint64_t grew_ns; /* when it was replaced, or grew after that */
};

static void close_file(struct follow *f)
{
	if (f->file >= 0)
		close(f->file);
	f->file = -1;
	f->is_replaced = f->is_left = false;
}

/* Takes an open file, from this offset on. */
static void begin(struct follow *f, int file, const struct stat *status, uint64_t offset)
{
	close_file(f);
	f->file = file;
	f->device = status->st_dev;
	f->inode = status->st_ino;
	f->offset = offset;
	f->said_missing = false;
	(void)lseek(file, (off_t)offset, SEEK_SET);
	run_line_restart(&f->buffer, offset);
}

/* The file under the name, from its start. False: it cannot be opened now. */
static bool open_path(struct follow *f)
{
	struct stat status;
	/* A pipe without a writer would be waited for, and nothing could end that. */
	int file = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int code = file < 0 || fstat(file, &status) < 0 ? -errno : 0;
	if (code == 0 && S_ISREG(status.st_mode)) {
		begin(f, file, &status, 0);
		return true;
	}
	if (file >= 0)
		close(file);
	if (!f->said_missing)
		lines_say(WR_EVENT_SOURCE_WAITS,
			  WR_FIELDS(wr_field_text("file", f->path), wr_field_code(code)),
			  "%s: %s: waiting for it", f->path,
			  code < 0 ? weir_strerror(code) : "no regular file");
	f->said_missing = true;
	return false;
}

/* Behind a file that was rotated away: what was made next. */
static void open_next(struct follow *f)
{
	char path[2 * PATH_BYTES];
	struct stat status;
	bool is_rotated = run_rotation_next(f->path, f->file, path, sizeof path);
	int file = is_rotated ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	close_file(f);
	if (file < 0)
		return;
	if (fstat(file, &status) < 0) {
		close(file);
		return;
	}
	begin(f, file, &status, 0);
	lines_say(WR_EVENT_SOURCE_MOVED,
		  WR_FIELDS(wr_field_text("file", f->path), wr_field_text("next", path)),
		  "%s: rotated again meanwhile: %s is read first", f->path, path);
}

/* ---- after a restart ------------------------------------------------------------------------- */

#define MARK_BYTES_MAX 64u

struct place {
	uint64_t device;
	uint64_t inode;
	uint64_t offset;
	uint32_t mark_bytes; /* of the last line, its end; 0: the log has none of it */
	uint32_t mark_crc;
	uint32_t mark_back; /* from the offset to where it begins */
};

/* "device:inode:offset:mark_bytes:mark_back:crc". */
static void put_place(struct follow *f, const struct run_line *line)
{
	size_t mark_bytes = 0;
	uint64_t behind = line->has_feed ? 1 : 0;
	if (!line->is_too_long)
		mark_bytes =
			line->length_bytes < MARK_BYTES_MAX ? line->length_bytes : MARK_BYTES_MAX;
	const char *mark = line->at + (line->is_too_long ? 0 : line->length_bytes - mark_bytes);
	(void)snprintf(f->base.place, sizeof f->base.place, "%llu:%llu:%llu:%u:%u:%08x",
		       (unsigned long long)f->device, (unsigned long long)f->inode,
		       (unsigned long long)line->end_offset, (unsigned)mark_bytes,
		       (unsigned)(mark_bytes + behind), wr_crc32c(0, mark, mark_bytes));
}

/* Is the line that was read last where it was? */
static bool has_mark(int file, const struct place *place)
{
	char mark[MARK_BYTES_MAX];
	if (place->mark_bytes == 0)
		return true;
	if (place->mark_bytes > sizeof mark || place->mark_back > place->offset)
		return false;
	ssize_t n = pread(file, mark, place->mark_bytes, (off_t)(place->offset - place->mark_back));
	return n == (ssize_t)place->mark_bytes && wr_crc32c(0, mark, (size_t)n) == place->mark_crc;
}

/* Opens `path` at the place, if it is that file. */
static bool try_place(struct follow *f, const char *path, const struct place *place)
{
	struct stat status;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return false;
	bool is_it = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
		     status.st_ino == place->inode && status.st_dev == place->device;
	if (!is_it) {
		close(file);
		return false;
	}
	if ((uint64_t)status.st_size < place->offset) {
		lines_say(WR_EVENT_SOURCE_MOVED, WR_FIELDS(wr_field_text("file", path)),
			  "%s: shorter than it was: truncated; read from its start", path);
		begin(f, file, &status, 0);
	} else if (!has_mark(file, place)) {
		close(file);
		return false;
	} else {
		begin(f, file, &status, place->offset);
	}
	return true;
}

/* Beside the file, where rotation puts it: app.log.1, app.log-20260131. */
static bool find_rotated(struct follow *f, const struct place *place)
{
	char folder_room[PATH_BYTES];
	char name_room[PATH_BYTES];
	char path[2 * PATH_BYTES];
	bool found = false;
	(void)snprintf(folder_room, sizeof folder_room, "%s", f->path);
	(void)snprintf(name_room, sizeof name_room, "%s", f->path);
	const char *folder = dirname(folder_room);
	const char *name = basename(name_room);
	DIR *dir = opendir(folder);
	if (dir == NULL)
		return false;
	for (struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
		if (entry->d_ino != place->inode || strncmp(entry->d_name, name, strlen(name)) != 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		found = try_place(f, path, place);
	}
	closedir(dir);
	if (found)
		lines_say(WR_EVENT_SOURCE_MOVED,
			  WR_FIELDS(wr_field_text("file", f->path), wr_field_text("next", path)),
			  "%s: going on in %s, which it was rotated to", f->path, path);
	return found;
}

static void go_back_to(struct follow *f, const char *text)
{
	struct place place;
	unsigned long long parts[3];
	unsigned mark[3] = {0};
	int count = sscanf(text, "%llu:%llu:%llu:%u:%u:%x", &parts[0], &parts[1], &parts[2],
			   &mark[0], &mark[1], &mark[2]);
	/* Three: an earlier weir wrote it. */
	if (count != 3 && count != 6) {
		lines_say(WR_EVENT_SOURCE_LOST, WR_FIELDS(wr_field_text("file", f->path)),
			  "%s: the log does not say how far it was read: read from its start",
			  f->path);
		return;
	}
	place = (struct place){.device = parts[0],
			       .inode = parts[1],
			       .offset = parts[2],
			       .mark_bytes = mark[0],
			       .mark_back = mark[1],
			       .mark_crc = mark[2]};
	if (try_place(f, f->path, &place) || find_rotated(f, &place))
		return;
	lines_say(WR_EVENT_SOURCE_LOST, WR_FIELDS(wr_field_text("file", f->path)),
		  "%s: the file that was read last is gone: what it still had is lost; the present "
		  "one is read from its start",
		  f->path);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The file under the name is no longer this one: true. */
static bool look(struct follow *f)
{
	struct stat status;
	if (stat(f->path, &status) == 0 &&
	    (status.st_ino != f->inode || status.st_dev != f->device))
		return true;
	if (fstat(f->file, &status) == 0 && (uint64_t)status.st_size < f->offset) {
		lines_say(WR_EVENT_SOURCE_MOVED, WR_FIELDS(wr_field_text("file", f->path)),
			  "%s: truncated: read from its start", f->path);
		f->offset = 0;
		(void)lseek(f->file, 0, SEEK_SET);
		run_line_restart(&f->buffer, 0);
	}
	return false;
}

/* RUN_SOURCE_LINE: look again. */
static int fill(struct follow *f, struct run_fault *fault)
{
	size_t bytes;
	char *room = run_line_room(&f->buffer, &bytes);
	ssize_t n = read(f->file, room, bytes);
	if (n > 0) {
		run_line_added(&f->buffer, (size_t)n);
		f->offset += (uint64_t)n;
		f->grew_ns = bench_now_ns();
		f->base.told_idle = false;
		return RUN_SOURCE_LINE;
	}
	if (n < 0 && errno != EINTR && errno != EAGAIN) {
		int code = -errno;
		run_fault_set(fault, code, "%s: %s", f->path, weir_strerror(code));
		return code;
	}
	/* At its end. Its writer may have written between this read and a look: once more. */
	if (f->is_left)
		return RUN_SOURCE_END;
	if (!f->is_replaced && look(f)) {
		f->is_replaced = true;
		f->grew_ns = bench_now_ns();
	}
	if (f->is_replaced &&
	    (run_rotation_has_writer(f->file) == 0 || bench_now_ns() - f->grew_ns >= QUIET_NS)) {
		f->is_left = true;
		return RUN_SOURCE_LINE;
	}
	if (f->base.tells_idle && !f->base.told_idle) {
		f->base.told_idle = true;
		return RUN_SOURCE_IDLE;
	}
	return run_signal_wait(&f->base.life->stop, LOOK_NS) ? RUN_SOURCE_STOPPED : RUN_SOURCE_LINE;
}

static int follow_next(struct run_reader *reader, struct run_line *ret_line,
		       struct run_fault *fault)
{
	struct follow *f = (struct follow *)reader;
	bool at_end = false;
	for (;;) {
		if (run_signal_is_raised(&f->base.life->stop))
			return RUN_SOURCE_STOPPED;
		if (f->file >= 0 && run_line_take(&f->buffer, at_end, ret_line)) {
			put_place(f, ret_line);
			return RUN_SOURCE_LINE;
		}
		if (at_end)
			open_next(f);
		at_end = false;
		if (f->file < 0) {
			if (!open_path(f) && run_signal_wait(&f->base.life->stop, LOOK_NS))
				return RUN_SOURCE_STOPPED;
			continue;
		}
		int rc = fill(f, fault);
		if (rc < 0 || rc == RUN_SOURCE_STOPPED || rc == RUN_SOURCE_IDLE)
			return rc;
		at_end = rc == RUN_SOURCE_END;
	}
}

static void follow_close(struct run_reader *reader)
{
	struct follow *f = (struct follow *)reader;
	close_file(f);
	run_line_fini(&f->buffer);
	free(f);
}

int run_follow_open(const struct weir_config_source *source, const struct run_life *life,
		    size_t line_bytes_max, const char *place, struct run_reader **ret_reader,
		    struct run_fault *fault)
{
	static const struct run_reader_ops ops = {.next = follow_next, .close = follow_close};
	struct follow *f = calloc(1, sizeof *f);
	if (f == NULL || run_line_init(&f->buffer, line_bytes_max) < 0) {
		free(f);
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	f->base = (struct run_reader){
		.ops = &ops, .life = life, .has_place = true, .name = source->files[0]};
	f->path = source->files[0];
	f->file = -1;
	if (place[0] != '\0')
		go_back_to(f, place);
	*ret_reader = &f->base;
	return 0;
}
