/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can this process use io_uring, and if not, why not? One ladder of ring flags for the probe and
 * for the storage, so that what is probed is what is used.
 */
#ifndef WR_URING_PROBE_H
#define WR_URING_PROBE_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_uring_setup {
	bool disabled;    /* the thread that will use it has to enable it first */
	const char *name; /* "single issuer, deferred task work" ... */
};

/*
 * Makes a ring with room for `entry_count` submissions and twice as many completions. 0, or a code
 * with a reason: -ENOSYS (no io_uring, or too old a one), -EPERM, -ENOMEM ... With `any_thread` the
 * ring does not belong to one thread: who uses it may change, one at a time.
 */
int wr_uring_make(struct io_uring *ring, uint32_t entry_count, bool any_thread,
		  struct wr_uring_setup *ret_setup, char *reason, size_t reason_bytes);

/* Enables a ring that was made disabled: the calling thread is the one that will use it. */
int wr_uring_enable(struct io_uring *ring);

/*
 * 0 when a storage over io_uring can be opened here; `reason` then names the ring's mode. Leaves
 * nothing behind. Thread: any. Blocks: no longer than a system call does.
 */
int wr_uring_probe(char *reason, size_t reason_bytes);

#endif
