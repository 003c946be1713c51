/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of files, one after another, or of standard input. A last line needs no line feed. Reading
 * waits with poll(), so that a pipe on which nothing comes does not keep the run from ending.
 *
 * Files are opened when it is their turn: which of them cannot be is told then, with what was read
 * before it published.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/lines.h"
#include "tools/weir/run/source.h"

struct lines {
	struct run_reader base;
	struct run_line_buffer buffer;
	const char *const *files; /* NULL: standard input */
	uint32_t file_count;
	uint32_t next_file;
	int file; /* -1: none is open */
	bool at_end;
};

static int open_next(struct lines *l, struct run_fault *fault)
{
	struct stat status;
	if (l->files == NULL) {
		l->base.name = "stdin";
		l->file = STDIN_FILENO;
	} else {
		l->base.name = l->files[l->next_file];
		/* A pipe without a writer is not waited for. */
		l->file = open(l->base.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (l->file < 0) {
			int code = -errno;
			run_fault_set(fault, code, "%s: %s", l->base.name, weir_strerror(code));
			return code;
		}
		/* What cannot be read again must not be passed over after a restart. */
		if (fstat(l->file, &status) == 0 && !S_ISREG(status.st_mode)) {
			run_fault_set(fault, -EINVAL,
				      "%s is no regular file: a stream comes from: stdin",
				      l->base.name);
			return -EINVAL;
		}
	}
	l->next_file++;
	l->at_end = false;
	run_line_restart(&l->buffer, 0);
	l->buffer.line_count = 0;
	return 0;
}

static void close_file(struct lines *l)
{
	if (l->file > STDIN_FILENO)
		close(l->file);
	l->file = -1;
}

/* What was taken from a pipe is gone from there. */
static void say_what_is_left(const struct lines *l)
{
	size_t bytes = l->buffer.end - l->buffer.from + l->buffer.dropped;
	if (!l->base.can_reread && bytes > 0)
		lines_say(WR_EVENT_SOURCE_UNENDED_LINE,
			  WR_FIELDS(wr_field_text("source", l->base.name),
				    wr_field_u64("bytes", bytes)),
			  "%s: a last line without its line feed, %zu bytes, is not published",
			  l->base.name, bytes);
}

/* More bytes. RUN_SOURCE_LINE when there is something to look at. */
static int fill(struct lines *l, struct run_fault *fault)
{
	struct pollfd polls[] = {{.fd = l->file, .events = POLLIN},
				 {.fd = l->base.life->stop.descriptor, .events = POLLIN}};
	size_t bytes;
	char *room = run_line_room(&l->buffer, &bytes);
	for (;;) {
		bool tells = l->base.tells_idle && !l->base.told_idle;
		int ready = poll(polls, 2, tells ? 0 : -1);
		if (ready < 0 && errno != EINTR)
			break;
		if (ready == 0) {
			l->base.told_idle = true;
			return RUN_SOURCE_IDLE;
		}
		if (run_signal_is_raised(&l->base.life->stop)) {
			say_what_is_left(l);
			return RUN_SOURCE_STOPPED;
		}
		if (polls[0].revents == 0)
			continue;
		l->base.told_idle = false;
		ssize_t n = read(l->file, room, bytes);
		if (n > 0)
			run_line_added(&l->buffer, (size_t)n);
		if (n == 0)
			l->at_end = true;
		if (n >= 0)
			return RUN_SOURCE_LINE;
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	int code = -errno;
	run_fault_set(fault, code, "%s: %s", l->base.name, weir_strerror(code));
	return code;
}

static int reader_next(struct run_reader *reader, struct run_line *ret_line,
		       struct run_fault *fault)
{
	struct lines *l = (struct lines *)reader;
	for (;;) {
		if (l->file < 0) {
			if (l->next_file == l->file_count)
				return RUN_SOURCE_END;
			int rc = open_next(l, fault);
			if (rc < 0)
				return rc;
		}
		if (run_line_take(&l->buffer, l->at_end, ret_line))
			return RUN_SOURCE_LINE;
		if (l->at_end) {
			close_file(l);
			continue;
		}
		int rc = fill(l, fault);
		if (rc != RUN_SOURCE_LINE)
			return rc;
	}
}

static void reader_close(struct run_reader *reader)
{
	struct lines *l = (struct lines *)reader;
	close_file(l);
	run_line_fini(&l->buffer);
	free(l);
}

int run_lines_open(const struct weir_config_source *source, const struct run_life *life,
		   size_t line_bytes_max, struct run_reader **ret_reader, struct run_fault *fault)
{
	static const struct run_reader_ops ops = {.next = reader_next, .close = reader_close};
	bool is_stdin = source->from == WEIR_CONFIG_FROM_STDIN;
	struct lines *l = calloc(1, sizeof *l);
	if (l == NULL || run_line_init(&l->buffer, line_bytes_max) < 0) {
		free(l);
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	l->base = (struct run_reader){
		.ops = &ops, .life = life, .can_reread = !is_stdin, .name = source->name};
	l->files = is_stdin ? NULL : source->files;
	l->file_count = is_stdin ? 1 : source->file_count;
	l->file = -1;
	*ret_reader = &l->base;
	return 0;
}
