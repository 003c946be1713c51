/* SPDX-License-Identifier: Apache-2.0 */
/* See read_whole.h. */
#include "io/posix/read_whole.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "io/posix/request.h"

/* Whether the file ends at this offset or before it: 1, 0 or -errno. */
static int is_end(const struct wr_read_source *source, uint64_t offset_bytes)
{
	uint64_t size_bytes = 0;
	int code = source->size(source->context, &size_bytes);

	return code < 0 ? code : offset_bytes >= size_bytes;
}

int64_t wr_read_whole(const struct wr_read_source *source, void *buffer, uint32_t length_bytes,
		      uint64_t offset_bytes)
{
	uint32_t moved_bytes = 0;
	uint32_t retry_count = 0;

	while (moved_bytes < length_bytes) {
		const uint32_t left_bytes = length_bytes - moved_bytes;
		int64_t n = source->some(source->context, (uint8_t *)buffer + moved_bytes,
					 left_bytes, offset_bytes + moved_bytes);
		if (n == (int64_t)left_bytes)
			return length_bytes;
		if (n >= 0) {
			int end = WR_BUG(SHORT_READ_IS_THE_END)
					  ? 1
					  : is_end(source,
						   offset_bytes + moved_bytes + (uint64_t)n);
			if (end != 0)
				return end < 0 ? end : (int64_t)moved_bytes + n;
		}
		/* What lies behind the last whole unit is read once more. */
		uint32_t step_bytes =
			n > 0 ? (uint32_t)wr_round_down((uint64_t)n, source->unit_bytes) : 0;
		moved_bytes += step_bytes;
		if (n < 0 && n != -EINTR && n != -EAGAIN)
			return n;
		if (step_bytes > 0)
			retry_count = 0;
		else if (++retry_count > WR_IO_RETRY_MAX)
			return n < 0 ? n : -EIO;
		if (n == -EAGAIN)
			(void)sched_yield();
	}
	return moved_bytes;
}
