/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pause of a spinning CPU and the lock of cold paths. Both come from concurrencykit
 * (<ck_pr.h>, <ck_spinlock.h>), which is sound for these two on x86-64 and ARM64; a build without
 * it (-Dconcurrencykit=disabled) uses the same instructions spelled out here.
 *
 * The lock guards control calls only (open, join, define): never publish, poll or ack.
 */
#ifndef WR_BASE_PAUSE_H
#define WR_BASE_PAUSE_H

#include "core/base/sanitizer.h"

/* ThreadSanitizer and the explorer do not see into concurrencykit's assembler: theirs is below. */
#if defined(WR_HAVE_CK) && !WR_UNDER_TSAN && !defined(WR_EXPLORE)

#include <ck_pr.h>
#include <ck_spinlock.h>

#define WR_SPINLOCK_INIT CK_SPINLOCK_INITIALIZER
typedef ck_spinlock_t wr_spinlock;

static inline void wr_pause(void)
{
	ck_pr_stall();
}

static inline void wr_spinlock_init(wr_spinlock *lock)
{
	ck_spinlock_init(lock);
}

static inline void wr_spinlock_lock(wr_spinlock *lock)
{
	ck_spinlock_lock(lock);
}

static inline void wr_spinlock_unlock(wr_spinlock *lock)
{
	ck_spinlock_unlock(lock);
}

#else

#include "core/base/atomic.h"

typedef struct {
	wr_atomic_u32 held;
} wr_spinlock;
#define WR_SPINLOCK_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}

static inline void wr_pause(void)
{
#if defined(WR_EXPLORE)
	explorer_pause(); /* goes on when what was looked at has changed */
#elif defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static inline void wr_spinlock_init(wr_spinlock *lock)
{
	wr_store_relaxed(&lock->held, 0u);
}

/* SL1: acquire here pairs with the release of the holder before. */
static inline void wr_spinlock_lock(wr_spinlock *lock)
{
	while (wr_exchange_acq_rel(&lock->held, 1u) != 0)
		while (wr_load_relaxed(&lock->held) != 0)
			wr_pause();
}

static inline void wr_spinlock_unlock(wr_spinlock *lock)
{
	wr_store_release(&lock->held, 0u); /* SL1 */
}

#endif
#endif
