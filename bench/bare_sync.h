/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ruler for every durable latency: how long this directory takes to make 4 KiB durable, with
 * nothing of weir in between. pwrite + fdatasync, one at a time, on a file that was really written
 * with zeros before (so that no metadata changes), O_DIRECT where the file system takes it. It has
 * no name, or has lost it before it is written: whatever ends the process, nothing is left.
 *
 * To be run in turn with what is measured, never beside it. Thread: one; blocks.
 */
#ifndef WEIR_BENCH_BARE_SYNC_H
#define WEIR_BENCH_BARE_SYNC_H

#include "bench/histogram.h"

#include <stdbool.h>
#include <stdint.h>

enum bare_sync_how {
	BARE_SYNC_BEST,     /* O_DIRECT where it is taken, then fdatasync */
	BARE_SYNC_BUFFERED, /* through the page cache, then fdatasync */
	BARE_SYNC_IN_WRITE, /* O_DIRECT and RWF_DSYNC; -EOPNOTSUPP where either is refused */
};

struct bare_sync {
	enum bare_sync_how how;
	struct histogram *latency; /* ns; the caller's, added to */
	uint32_t count;            /* syncs done */
	bool direct;
};

/*
 * At most `count_max` syncs and about `time_max_ns`, into bare->latency. 0 or -errno.
 */
int bare_sync_run(const char *dir, uint32_t count_max, uint64_t time_max_ns,
		  struct bare_sync *bare);

#endif
