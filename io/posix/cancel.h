/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No call of weir is a cancellation point: a thread that pthread_cancel() reaches inside one would
 * leave a lock, a slot or half a pipeline behind. The system calls that are cancellation points
 * (write, read, open, close, fsync, waits for conditions, joins) are between these two wherever a
 * thread of the program can come to them. They change a word of the thread's own: no system call.
 *
 * Thread: any. Nests.
 */
#ifndef WR_IO_POSIX_CANCEL_H
#define WR_IO_POSIX_CANCEL_H

#include <pthread.h>

/* Returns what wr_cancel_restore() wants. */
static inline int wr_cancel_defer(void)
{
	int before = PTHREAD_CANCEL_ENABLE;
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void wr_cancel_restore(int before)
{
	(void)pthread_setcancelstate(before, &before);
}

#endif
