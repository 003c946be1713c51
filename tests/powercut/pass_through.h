/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FUSE file system that shows a folder, counts what it is asked to write and to sync, and can
 * lose what was written to a file and not synced since, as a power cut does. Names, sizes and
 * allocations are not lost: it is about the bytes.
 *
 * Thread: main; the process that serves it is a child of its own.
 */
#ifndef WEIR_TESTS_POWERCUT_PASS_THROUGH_H
#define WEIR_TESTS_POWERCUT_PASS_THROUGH_H

#include <sys/types.h>

#include "core/base/atomic.h"

struct pass_through_shared {
	wr_atomic_u64 writes;
	wr_atomic_u64 syncs;   /* of files: FSYNC requests that were answered with 0 */
	wr_atomic_u64 lost;    /* writes undone by cuts */
	wr_atomic_u32 refusal; /* errno that an allocation of room gets; 0: none */
	wr_atomic_u32 is_cut;  /* set: the next request undoes what is not synced, and clears it */
};

struct pass_through {
	struct pass_through_shared *shared;
	char at[512];
	pid_t server;
};

/* Serves `folder` at `at`. 0 or -errno. */
int pass_through_start(struct pass_through *p, const char *folder, const char *at);

/* Nobody has a file open. What was written and not synced is gone. */
void pass_through_cut(struct pass_through *p);

void pass_through_stop(struct pass_through *p);

#endif
