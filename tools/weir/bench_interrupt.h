/* SPDX-License-Identifier: Apache-2.0 */
/* An interrupt ends a benchmark properly: it reports what it has, and removes what it made. */
#ifndef WEIR_TOOLS_BENCH_INTERRUPT_H
#define WEIR_TOOLS_BENCH_INTERRUPT_H

#include "core/base/atomic.h"

#define BENCH_INTERRUPTED_EXIT 130

/* From now on SIGINT and SIGTERM set the flag, once: the second kills as usual. */
void bench_interrupt_catch(void);
/* Not 0: interrupted. */
wr_atomic_u32 *bench_interrupt_flag(void);

#endif
