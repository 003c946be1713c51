/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read that is whole, out of calls that need not be (S3): what the backends share, the simulated
 * one too.
 *
 * Why not "until a call moves less than it was asked for": network and FUSE file systems move less
 * whenever they like, in the middle of a file. Taken for its end, that makes acknowledged records
 * look as if nothing had ever been there. So the end of a file is where its size says it is, and a
 * call that stops before it is asked again.
 *
 * Threads: any. Nothing here allocates.
 */
#ifndef WR_POSIX_READ_WHOLE_H
#define WR_POSIX_READ_WHOLE_H

#include <stdint.h>

/* Where the bytes come from. */
struct wr_read_source {
	/* One call: how many bytes it moved, 0 if none, or -errno. */
	int64_t (*some)(void *context, uint8_t *bytes, uint32_t length_bytes,
			uint64_t offset_bytes);
	/* The size of the file: 0 or -errno. Asked only after a call that moved too little. */
	int (*size)(void *context, uint64_t *ret_bytes);
	void *context;
	uint32_t unit_bytes; /* every call begins at a multiple of it from `offset_bytes` */
};

/*
 * The count, less than length_bytes only at the end of the file; or -errno: of a call that failed,
 * of one that was interrupted WR_IO_RETRY_MAX times in a row, -EIO when as many moved nothing.
 */
int64_t wr_read_whole(const struct wr_read_source *source, void *buffer, uint32_t length_bytes,
		      uint64_t offset_bytes);

#endif
