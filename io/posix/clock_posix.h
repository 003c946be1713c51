/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's clocks behind core/port/clock.h: CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME.
 *
 * Thread: any; the clock has no state.
 */
#ifndef WR_POSIX_CLOCK_POSIX_H
#define WR_POSIX_CLOCK_POSIX_H

#include "core/port/clock.h"

struct wr_clock *wr_clock_posix(void);

#endif
