/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies in buckets that grow with the value: 32 to each power of two, so a percentile is at
 * most 3.2% too high, from 1 ns to 18 minutes, in 10 KiB. Plain memory without pointers: it lies in
 * memory that the demo's processes share, and outlives the one that wrote it.
 *
 * Thread: one writer; read when it has stopped.
 */
#ifndef WEIR_TOOLS_DEMO_HISTOGRAM_H
#define WEIR_TOOLS_DEMO_HISTOGRAM_H

#include <stdint.h>

#define DEMO_HISTOGRAM_BUCKETS (36 * 32)

struct demo_histogram {
	uint64_t count;
	uint64_t max_ns;
	uint64_t buckets[DEMO_HISTOGRAM_BUCKETS];
};

void demo_histogram_add(struct demo_histogram *histogram, uint64_t ns, uint64_t times);

/* The value that `fraction` of the entries do not exceed: 0.5 is the median. 0 when empty. */
uint64_t demo_histogram_at(const struct demo_histogram *histogram, double fraction);

/* Buckets as a logarithmic axis: 32 steps double the value. */
uint32_t demo_histogram_bucket(uint64_t ns);
uint64_t demo_histogram_bucket_ns(uint32_t bucket);

#endif
