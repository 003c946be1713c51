/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of this process as the kernel sees them: names, CPUs, scheduling class.
 *
 * Thread: any, one at a time.
 */
#ifndef WEIR_TESTS_SEEN_THREADS_H
#define WEIR_TESTS_SEEN_THREADS_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

#define SEEN_THREADS_MAX 128u

struct seen_thread {
	pid_t id;
	char name[32];
	cpu_set_t cpus;
	int policy;
	int priority;
};

/* Into room for SEEN_THREADS_MAX: how many there are. One that ends meanwhile may be left out. */
uint32_t seen_threads(struct seen_thread *threads);

#endif
