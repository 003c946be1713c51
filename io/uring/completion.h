/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of io/uring: what is asked of the ring, and what is done with its answers.
 *
 * Completions are told apart by the low bits of their user data: a request, the sync of a file, the
 * event that wake() makes readable.
 *
 * Sync apart (L35): a write that completed goes to its file's list `waiting`; when no sync of the
 * file is in flight, one is begun for the whole list, which becomes `covered`. So there is one sync
 * of a file at a time: of two that run together, the kernel tells one of a lost page and the other
 * success. And it never begins before the write that it covers has completed.
 *
 * Threads: the owner's, but for the fields said to be anybody's.
 */
#ifndef WR_URING_COMPLETION_H
#define WR_URING_COMPLETION_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "io/posix/dir.h"
#include "io/posix/prepare.h"
#include "io/posix/request.h"
#include "io/posix/storage_options.h"
#include "io/uring/probe.h"

struct wr_uring_file {
	struct wr_io_queue covered; /* by the sync in flight */
	struct wr_io_queue waiting; /* for the next one */
	uint32_t retry_count;
};

struct wr_uring {
	struct wr_dir dir;
	struct wr_prepare prepare;
	struct io_uring ring;
	struct wr_uring_setup setup;
	struct wr_uring_file *files; /* [dir.file_max], as dir.files */
	bool ring_made;
	bool entered;
	bool leaving;
	bool event_armed;
	bool woken;
	bool follow_up;   /* reaping queued submissions that should not wait for the next poll */
	bool progress;    /* written() ran in this poll */
	bool any_thread;  /* storage_options.h */
	int broken;       /* what the engine failed with, for good: nothing completes any more */
	uint32_t in_flight;
	struct wr_io *asked[WR_STORAGE_DEPTH_MAX]; /* [in_flight] at their `slot` */
	uint32_t preparing;
	int done_count;   /* in this poll */
	struct wr_io_queue refused; /* S5: told by the next poll */
	int event_fd;
	uint64_t event_value;
	wr_atomic_u32 wake_pending; /* anybody's */
	wr_atomic_u32 made;         /* the prepare thread's too: some ended and are not taken */
};

/* Queues what is left of a READ or WRITE. The caller has counted it in. */
void wr_uring_queue_transfer(struct wr_uring *s, struct wr_io *io);
/* A sync that begins after now will end the request. */
void wr_uring_ask_sync(struct wr_uring *s, struct wr_io *io);
/* Queues the read that wake() completes. */
void wr_uring_arm_event(struct wr_uring *s);
/* Ends a request: counts it out and runs done(). */
void wr_uring_tell_done(struct wr_uring *s, struct wr_io *io, int code);
/* Takes all completions and runs written() and done() of what they end. */
void wr_uring_reap(struct wr_uring *s);

#endif
