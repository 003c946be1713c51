/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a thread of weir's is made, and nothing of its maker is passed on to it: not the CPUs that
 * the maker is pinned to, not its scheduling class, not its signals. Runners (io/thread) and the
 * helper threads of the storages come from here.
 *
 * A thread begins as SCHED_OTHER; one that is to have another class takes it itself, by
 * wr_thread_take_class(). Where even that is refused (an unprivileged maker of class SCHED_IDLE)
 * the maker's class stays.
 */
#ifndef WR_POSIX_THREAD_POSIX_H
#define WR_POSIX_THREAD_POSIX_H

#include <pthread.h>

#include <weir/options.h>

#include "io/posix/cpu_set.h"

struct wr_thread_start {
	const char *name;              /* cut to 15 bytes */
	const struct wr_cpu_set *cpus; /* from its first instruction on; NULL: those of the maker */
	size_t stack_bytes;            /* 0: the C library's */
};

/*
 * Every signal is blocked but those that a fault of the thread raises (SIGSEGV and the like: a
 * crash handler of the program still sees them).
 *
 * Thread: any.
 * @return 0, or the negative code of making it: -EAGAIN; -EINVAL when none of `cpus` can be had,
 *         or the stack is too small for the program's thread-local variables
 */
int wr_thread_create(pthread_t *ret_thread, const struct wr_thread_start *start,
		     void *(*run)(void *), void *argument);

/*
 * Gives the calling thread this class and priority. OTHER changes nothing. What the thread makes
 * later, the kernel's workers for its io_uring included, does not inherit FIFO or RR.
 *
 * @return 0, or -EPERM without the right to it, or -errno
 */
int wr_thread_take_class(enum weir_scheduler scheduler, uint32_t priority);

/*
 * Marks the calling thread as weir's own, for good. What is set for a whole thread, such as where
 * the kernel's workers of its io_urings run, is set on such threads only: on others the program's
 * own io_urings would have it too.
 */
void wr_thread_mark_own(void);
bool wr_thread_is_own(void);

/* Whether a thread can have this class here: tries it on one that ends at once. As above. */
int wr_thread_try_class(enum weir_scheduler scheduler, uint32_t priority);

#endif
