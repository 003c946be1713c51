/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper thread that makes segments (S7): a file of the asked size, really written with zeros,
 * so that a later durable write changes no metadata; and that removes them (S12), which can take as
 * long as a file has extents. Shared by io/posix and io/uring.
 *
 * Why a thread in both: zeroing takes as long as writing the segment does, and fallocate can block
 * for long; neither may happen on the thread that commits. One at a time, in order of submission.
 *
 * Threads: start, add, take and stop are called by the storage's owner; `made` runs on the helper
 * thread after each, and only has to wake the owner.
 */
#ifndef WR_POSIX_PREPARE_H
#define WR_POSIX_PREPARE_H

#include <pthread.h>
#include <stdbool.h>

#include "io/posix/dir.h"
#include "io/posix/request.h"

struct wr_prepare {
	struct wr_dir *dir;
	void (*made)(void *context);
	void *context;
	void *zeros;
	pthread_t thread;
	bool running; /* the owner's */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;              /* under lock, as the two below */
	struct wr_io_queue waiting;
	struct wr_io_queue ended;
};

int wr_prepare_init(struct wr_prepare *p, struct wr_dir *dir, void (*made)(void *context),
		    void *context);
/* Starts the thread if it is not running. */
int wr_prepare_start(struct wr_prepare *p);
void wr_prepare_add(struct wr_prepare *p, struct wr_io *io);
/* What has ended since the last call, with result and file set. */
struct wr_io_queue wr_prepare_take(struct wr_prepare *p);
/* Nothing may be waiting or in work. Joins the thread. */
void wr_prepare_fini(struct wr_prepare *p);

#endif
