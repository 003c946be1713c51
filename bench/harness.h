/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every benchmark needs around the thing it measures: clocks, CPU time, what machine this is,
 * a directory of its own that goes again, a picture of a latency distribution.
 *
 * Thread: any, unless said otherwise.
 */
#ifndef WEIR_BENCH_HARNESS_H
#define WEIR_BENCH_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "bench/histogram.h"

static inline uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* User and system time of the whole process, all threads, those that have ended included. */
uint64_t bench_cpu_ns(void);

/* The same of the calling thread. */
static inline uint64_t bench_thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Sleeps; comes back late by the kernel's timer slack at least. */
void bench_sleep_ns(uint64_t ns);

/* Facts without which a number means nothing. "n/a" where the machine does not say. */
struct bench_machine {
	char cpu[96];
	char kernel[96];
	char governor[32];
	char isolated[64];    /* CPUs that the scheduler leaves alone (isolcpus), "none" */
	char file_system[24]; /* of the directory asked for, or "" */
	uint32_t cpus_allowed;
	uint32_t cpus_online;
	bool virtual_machine; /* a hypervisor says so; false where nothing is said */
};

/* `dir` may be NULL. */
void bench_machine_read(const char *dir, struct bench_machine *ret_machine);

#define BENCH_PATH_BYTES 512

/*
 * Makes PARENT/weir-bench-XXXXXX and sets `path` (BENCH_PATH_BYTES) to it. 0 or -errno.
 */
int bench_dir_make(const char *parent, char *path);
/* Removes the files in it and the directory. Not for trees: a sub-directory makes it -ENOTEMPTY. */
int bench_dir_remove(const char *path);
/* The same with everything below it; of other file systems nothing, and links are not followed. */
int bench_tree_remove(const char *path);

/* What can still be written below this directory; 0 when that cannot be told. */
uint64_t bench_free_bytes(const char *path);

/*
 * The distribution by percentile, the x axis in nines, the y axis logarithmic; `columns` wide at
 * most. Draws nothing when the histogram is empty.
 */
void bench_plot(FILE *to, const struct histogram *h, int columns, bool unicode);

#endif
