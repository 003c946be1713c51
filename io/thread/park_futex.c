/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping on a futex. The futex is parker->word: the waker changes it before it wakes, so a
 * sleeper that read the word earlier is refused by the kernel and returns at once. All sleepers of
 * a parker wait for one condition, so all are woken.
 *
 * The barrier is membarrier(PRIVATE_EXPEDITED): an interrupt on each CPU that runs a thread of this
 * process, some microseconds. It is called only by threads that are about to sleep.
 *
 * Invariant: wr_park_mode is written once, under choose_lock, before any lane exists.
 */
#include "io/thread/park_futex.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/sanitizer.h"

#define NS_PER_S 1000000000ull

/* A mutex and not a spinlock: a registration can take a grace period of the kernel. */
static pthread_mutex_t choose_lock = PTHREAD_MUTEX_INITIALIZER;
static bool mode_is_chosen;

/* 1 once a barrier failed in mode MEMBARRIER. Relaxed: who sleeps set it itself, just before. */
static wr_atomic_u32 barrier_is_refused;

static bool membarrier_works(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0;
}

int wr_park_choose_mode(void)
{
	pthread_mutex_lock(&choose_lock);
	if (!mode_is_chosen) {
		if (!WR_UNDER_TSAN && membarrier_works(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
		    membarrier_works(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
			wr_park_mode = WR_PARK_MEMBARRIER;
		mode_is_chosen = true;
	}
	int mode = (int)wr_park_mode;
	pthread_mutex_unlock(&choose_lock);
	return mode;
}

/*
 * A refusal here cannot be answered by another mode: publishers are running in this one. The
 * sleeper is told not to rely on being woken instead.
 */
static void futex_barrier(void)
{
	if (membarrier_works(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return;
	if (membarrier_works(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
	    membarrier_works(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return;
	wr_store_relaxed(&barrier_is_refused, 1u);
}

uint64_t wr_park_bounded_ns(uint64_t timeout_ns)
{
	if (WR_UNLIKELY(wr_load_relaxed(&barrier_is_refused) != 0))
		return wr_min_u64(timeout_ns, WR_PARK_REFUSED_NS);
	return timeout_ns;
}

/*
 * Every result is a return: woken, word changed, timed out, interrupted by a signal. Callers look
 * at their condition again.
 */
static void futex_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	timeout_ns = wr_park_bounded_ns(timeout_ns);
	if (timeout_ns == 0)
		return;
	struct timespec relative = {
		.tv_sec = (time_t)(timeout_ns / NS_PER_S),
		.tv_nsec = (long)(timeout_ns % NS_PER_S),
	};
	(void)syscall(SYS_futex, (void *)&parker->word, FUTEX_WAIT_PRIVATE, word,
		      timeout_ns == UINT64_MAX ? NULL : &relative, NULL, 0);
}

static void futex_wake(struct wr_parker *parker)
{
	(void)syscall(SYS_futex, (void *)&parker->word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL,
		      0);
}

const struct wr_park_ops *wr_park_futex_ops(void)
{
	static const struct wr_park_ops ops = {
		.barrier = futex_barrier,
		.sleep = futex_sleep,
		.wake = futex_wake,
	};
	return &ops;
}
