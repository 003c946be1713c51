/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping on a futex, and the choice of the process's park mode (core/port/park.h, L41).
 *
 * Thread: any. A parker with these ops needs no context.
 */
#ifndef WR_THREAD_PARK_FUTEX_H
#define WR_THREAD_PARK_FUTEX_H

#include "core/port/park.h"

/*
 * Chooses wr_park_mode, once a process: MEMBARRIER where the kernel takes the registration,
 * SEQ_CST where it refuses it (old kernel, seccomp) and under ThreadSanitizer. Called by every
 * open before its first lane exists; later calls only return what was chosen, because publishers
 * of an open pipeline read the mode without a lock.
 *
 * Thread: any. Blocks: tens of milliseconds at worst, the first time, in the kernel. Fork: the
 * child has the parent's mode, and its address space keeps the registration; should a kernel have
 * dropped it, the first barrier registers again. A child forked from a process with threads may
 * call nothing of weir before exec, as with every lock of the C library.
 *
 * @return enum wr_park_mode
 */
int wr_park_choose_mode(void);

/* barrier, sleep and wake on parker->word. */
const struct wr_park_ops *wr_park_futex_ops(void);

/*
 * How long a sleeper may sleep that wants to sleep `timeout_ns`. The same, unless a barrier was
 * refused after the mode had been chosen (a seccomp filter that came later): then a wake-up can be
 * missed, and no sleep is longer than WR_PARK_REFUSED_NS. For park ops that sleep elsewhere, too.
 */
uint64_t wr_park_bounded_ns(uint64_t timeout_ns);

#define WR_PARK_REFUSED_NS 1000000ull

#endif
