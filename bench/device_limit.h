/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device can do, by a ruler that is not ours: fio, run as a program, writes durably over a
 * file of written zeros in the same folder, with direct I/O, at some block sizes, depths and ways
 * to sync; or reads files from beginning to end. The best of them is the device's limit.
 *
 * All writes are durable: DSYNC syncs in each write, the others sync after so many. The last is
 * looser than an acknowledgement for each block would allow, so it may be a limit that nobody
 * reaches.
 *
 * Thread: one; starts a process and waits for it.
 */
#ifndef WEIR_BENCH_DEVICE_LIMIT_H
#define WEIR_BENCH_DEVICE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMIT_POINTS_MAX 48u
#define LIMIT_FILES_BYTES 8192u /* of names, with their ends */

enum limit_sync { LIMIT_DSYNC, LIMIT_EACH_4, LIMIT_EACH_16, LIMIT_SYNCS };
extern const char *const limit_sync_names[LIMIT_SYNCS];

struct limit_point {
	bool reads; /* and does not write: `sync` means nothing then */
	uint32_t block_bytes;
	uint32_t depth;
	enum limit_sync sync;
	double bytes_per_s; /* of the sweep; 0: not run */
};

/* The points of a sweep; how many. */
uint32_t limit_points(bool quick, struct limit_point points[LIMIT_POINTS_MAX]);

/* Of one that reads. */
uint32_t limit_read_points(bool quick, struct limit_point points[LIMIT_POINTS_MAX]);

/* "fio-3.33", or "" where there is none. */
void limit_version(char *to, size_t to_bytes);

/*
 * One point, for so long, in a file or in several with ':' between their names, of which as many
 * bytes are used as `file_bytes` says. 0 with the rate set; -ENOENT: no fio; -EIO: it failed, or
 * said what is not understood, with its words in `why`; -EINTR.
 */
int limit_run(const char *file, uint64_t file_bytes, const struct limit_point *point,
	      uint64_t length_ns, double *ret_bytes_per_s, char *why, size_t why_bytes);

/* Bytes a second written, or read, out of fio's terse line (version 3). Negative: it is none. */
double limit_parse(const char *line, bool reads);

#endif
