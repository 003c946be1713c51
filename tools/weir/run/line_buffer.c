/* SPDX-License-Identifier: Apache-2.0 */
/* See line_buffer.h. The room is that of a longest line and a read; a line is moved to the front
 * before more is read, so it is always in one piece. */
#include "tools/weir/run/line_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES (256u << 10)

int run_line_init(struct run_line_buffer *buffer, size_t line_bytes_max)
{
	*buffer = (struct run_line_buffer){.line_bytes_max = line_bytes_max,
					   .room_bytes = line_bytes_max + READ_BYTES};
	buffer->bytes = malloc(buffer->room_bytes);
	return buffer->bytes != NULL ? 0 : -ENOMEM;
}

void run_line_fini(struct run_line_buffer *buffer)
{
	free(buffer->bytes);
	buffer->bytes = NULL;
}

void run_line_restart(struct run_line_buffer *buffer, uint64_t offset)
{
	buffer->from = buffer->end = buffer->searched = buffer->dropped = 0;
	buffer->offset = offset;
}

char *run_line_room(struct run_line_buffer *buffer, size_t *ret_bytes)
{
	size_t kept = buffer->end - buffer->from;
	/* All of it is one unfinished line; of one that is too long the beginning is kept. */
	if (kept > buffer->line_bytes_max) {
		buffer->dropped += kept - buffer->line_bytes_max;
		kept = buffer->line_bytes_max;
	}
	if (buffer->from > 0)
		memmove(buffer->bytes, buffer->bytes + buffer->from, kept);
	buffer->from = 0;
	buffer->end = buffer->searched = kept;
	*ret_bytes = buffer->room_bytes - kept;
	return buffer->bytes + kept;
}

void run_line_added(struct run_line_buffer *buffer, size_t bytes)
{
	buffer->end += bytes;
}

bool run_line_take(struct run_line_buffer *buffer, bool at_end, struct run_line *ret_line)
{
	const char *start = buffer->bytes + buffer->searched;
	const char *feed = memchr(start, '\n', buffer->end - buffer->searched);
	bool has_feed = feed != NULL;
	if (!has_feed && (!at_end || (buffer->end == buffer->from && buffer->dropped == 0))) {
		buffer->searched = buffer->end;
		return false;
	}
	size_t kept = has_feed ? (size_t)(feed - buffer->bytes) - buffer->from
			       : buffer->end - buffer->from;
	size_t length = kept + buffer->dropped;
	buffer->offset += length + (has_feed ? 1 : 0);
	*ret_line = (struct run_line){.at = buffer->bytes + buffer->from,
				      .length_bytes = length,
				      .is_too_long = length > buffer->line_bytes_max,
				      .has_feed = has_feed,
				      .end_offset = buffer->offset,
				      .number = ++buffer->line_count};
	buffer->from += kept + (has_feed ? 1 : 0);
	buffer->searched = buffer->from;
	buffer->dropped = 0;
	return true;
}
