/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ruler for every durable latency: how long this directory takes to make 4 KiB durable, with
 * nothing of weir in between. pwrite + fdatasync, one at a time, on a file that was really written
 * with zeros before (so that no metadata changes), O_DIRECT where the file system takes it.
 *
 * To be run in turn with what is measured, never beside it. Thread: one; blocks.
 */
#ifndef WEIR_BENCH_BARE_SYNC_H
#define WEIR_BENCH_BARE_SYNC_H

#include "bench/histogram.h"

#include <stdbool.h>
#include <stdint.h>

struct bare_sync {
	struct histogram *latency; /* ns; the caller's, added to */
	uint32_t count;            /* syncs done */
	bool direct;
};

/*
 * At most `count_max` syncs and about `time_max_ns`, into bare->latency. The file is gone
 * afterwards. 0 or -errno.
 */
int bare_sync_run(const char *dir, uint32_t count_max, uint64_t time_max_ns,
		  struct bare_sync *bare);

#endif
