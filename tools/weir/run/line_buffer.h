/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, lines out: what was read from a file, a pipe or a file that grows, cut at line feeds.
 * A line that is longer than may be is not kept: it comes out marked, with its length, so that one
 * file without line feeds does not take the machine's memory.
 *
 *   room = run_line_room(&b, &bytes);  n = read(file, room, bytes);  run_line_added(&b, n);
 *   while (run_line_take(&b, at_end, &line)) ...
 *
 * Thread: one at a time.
 */
#ifndef WEIR_TOOLS_RUN_LINE_BUFFER_H
#define WEIR_TOOLS_RUN_LINE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_line {
	const char *at;      /* without its line feed; lent until the next call */
	size_t length_bytes; /* of all of it, kept or not */
	bool is_too_long;    /* `at` is its beginning only */
	bool has_feed;       /* it ended with a line feed, which is not in it */
	uint64_t end_offset; /* in the stream, behind its line feed */
	uint64_t number;     /* from 1 */
};

struct run_line_buffer {
	char *bytes;
	size_t room_bytes;
	size_t line_bytes_max;
	size_t from; /* what is taken next */
	size_t end;
	size_t searched;     /* no line feed before here */
	size_t dropped;      /* of the line that begins at `from`: bytes not kept */
	uint64_t offset;     /* in the stream, of `from` */
	uint64_t line_count; /* taken so far */
};

/* 0 or -ENOMEM. */
int run_line_init(struct run_line_buffer *buffer, size_t line_bytes_max);
void run_line_fini(struct run_line_buffer *buffer);

/* Begins anew, at this place of a stream. */
void run_line_restart(struct run_line_buffer *buffer, uint64_t offset);

/* Where to read to, after run_line_take() has said that there is no more. At least a byte. */
char *run_line_room(struct run_line_buffer *buffer, size_t *ret_bytes);
void run_line_added(struct run_line_buffer *buffer, size_t bytes);

/* `at_end`: what has no line feed is a line, too. False: there is none. */
bool run_line_take(struct run_line_buffer *buffer, bool at_end, struct run_line *ret_line);

#endif
