/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of this process's pipelines, without the times at which it stood still: between two
 * looks they go on by 5 ms at most. A busy machine that stops a test for seconds ends no
 * session of 50 ms then, nor what is to live for half a second. Sleeps of the fixture count whole.
 * Never ahead of the machine's clocks: what took its time here took it there.
 *
 * For manual pipelines alone, which look at the time each millisecond while they wait: threads that
 * sleep until something is due would sleep again and again.
 *
 * Thread: the one that steps.
 */
#ifndef WR_TESTS_EVEN_CLOCK_H
#define WR_TESTS_EVEN_CLOCK_H

#include <stdint.h>

/* From now on, in pipelines that are open, too; again: nothing. */
void even_clock_begin(void);
/* The machine's own again: a jump ahead. */
void even_clock_end(void);
/* This much of what has passed since the last look was wanted. */
void even_clock_slept(uint64_t ns);

#endif
