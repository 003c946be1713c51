/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A latency histogram in the manner of HdrHistogram: log-linear buckets, three significant digits
 * from 1 ns to above 100 s, fixed size, constant time to record. Recording is a few instructions,
 * so that the measured thread can do it itself.
 *
 * Buckets: below 2048 each number has its own; above, each power of two is divided into 1024, so a
 * bucket is at most 1/1024 of its value wide. A quantile is the upper end of its bucket (never less
 * than the exact one, and at most 0.1% more); least and greatest are exact.
 *
 * Thread: one writer; add and look after it has ended.
 */
#ifndef WEIR_BENCH_HISTOGRAM_H
#define WEIR_BENCH_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/histogram.h"

#define HISTOGRAM_SUB_BITS 10u
#define HISTOGRAM_SUB_COUNT (1u << HISTOGRAM_SUB_BITS)
/* 2^37 ns are 137 s; what is longer is counted in the last bucket, and its maximum kept. */
#define HISTOGRAM_VALUE_BITS 37u
#define HISTOGRAM_BUCKET_COUNT WR_HISTOGRAM_BUCKETS(HISTOGRAM_SUB_BITS, HISTOGRAM_VALUE_BITS)

struct histogram {
	uint64_t count;
	uint64_t least; /* UINT64_MAX while empty */
	uint64_t greatest;
	uint64_t beyond_count; /* recorded, but above the range */
	double sum;
	uint64_t buckets[HISTOGRAM_BUCKET_COUNT];
};

/* The struct is large (a quarter of a MiB): not for the stack. NULL when there is no memory. */
struct histogram *histogram_create(void);
void histogram_destroy(struct histogram *h);
void histogram_reset(struct histogram *h);

/* Which bucket; pure, so that tests can look. */
static inline uint32_t histogram_index(uint64_t value)
{
	return wr_histogram_index(value, HISTOGRAM_SUB_BITS, HISTOGRAM_VALUE_BITS);
}

static inline void histogram_record(struct histogram *h, uint64_t value)
{
	h->buckets[histogram_index(value)]++;
	h->count++;
	h->sum += (double)value;
	if (value < h->least)
		h->least = value;
	if (value > h->greatest)
		h->greatest = value;
	if (value >> HISTOGRAM_VALUE_BITS != 0)
		h->beyond_count++;
}

/* The greatest value that falls into bucket `index`. */
uint64_t histogram_bucket_end(uint32_t index);

void histogram_add(struct histogram *to, const struct histogram *from);

/*
 * The value that `ppm` millionths of what was recorded do not exceed (500000: the median). 0 when
 * nothing was recorded.
 */
uint64_t histogram_quantile(const struct histogram *h, uint32_t ppm);
double histogram_mean(const struct histogram *h);

#endif
