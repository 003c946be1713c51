/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear buckets in the manner of HdrHistogram: below 2 << sub_bits each number has its own;
 * above, each power of two is divided into 1 << sub_bits, so a bucket is at most
 * 1 / (1 << sub_bits) of its value wide. What needs more than value_bits is in the last bucket.
 *
 * Pure: `bench/histogram.h` (10 sub bits, for figures that are reported) and `core/metrics/` (4,
 * for counts that are kept all the time) have the memory.
 */
#ifndef WR_BASE_HISTOGRAM_H
#define WR_BASE_HISTOGRAM_H

#include <stdint.h>

#define WR_HISTOGRAM_BUCKETS(sub_bits, value_bits)                                                 \
	(((value_bits) - (sub_bits) + 1u) * (1u << (sub_bits)))

/* Which bucket. */
static inline uint32_t wr_histogram_index(uint64_t value, uint32_t sub_bits, uint32_t value_bits)
{
	if (value < 2ull << sub_bits)
		return (uint32_t)value;
	if (value >> value_bits != 0)
		return WR_HISTOGRAM_BUCKETS(sub_bits, value_bits) - 1;
	uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - sub_bits;
	return (shift << sub_bits) + (uint32_t)(value >> shift);
}

/* The greatest value that falls into a bucket, the last one's excess aside. */
static inline uint64_t wr_histogram_bucket_end(uint32_t index, uint32_t sub_bits)
{
	if (index < 2u << sub_bits)
		return index;
	uint32_t shift = (index >> sub_bits) - 1;
	uint64_t top = index - ((uint64_t)shift << sub_bits);
	return shift < 64 ? ((top + 1) << shift) - 1 : UINT64_MAX;
}

/* Which value of `count`, from 1, is the one that `ppm` millionths do not exceed: in integers. */
static inline uint64_t wr_histogram_rank(uint64_t count, uint32_t ppm)
{
	uint64_t rank = count / 1000000 * ppm + (count % 1000000 * ppm + 999999) / 1000000;
	return rank == 0 ? 1 : rank;
}

#endif
