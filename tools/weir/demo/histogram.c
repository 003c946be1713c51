/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bucket b below 64 holds the value b itself; above, the value's five bits below its highest one
 * are the place in its power of two. See histogram.h.
 */
#include "tools/weir/demo/histogram.h"

#define SUB_BITS 5u
#define SUB_COUNT (1u << SUB_BITS)

uint32_t demo_histogram_bucket(uint64_t ns)
{
	if (ns < 2 * SUB_COUNT)
		return (uint32_t)ns;
	uint32_t shift = 63u - (uint32_t)__builtin_clzll(ns) - SUB_BITS;
	uint32_t bucket = shift * SUB_COUNT + (uint32_t)(ns >> shift);
	return bucket < DEMO_HISTOGRAM_BUCKETS ? bucket : DEMO_HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
uint64_t demo_histogram_bucket_ns(uint32_t bucket)
{
	if (bucket < 2 * SUB_COUNT)
		return bucket;
	uint32_t shift = bucket / SUB_COUNT - 1;
	uint64_t lead = bucket % SUB_COUNT + SUB_COUNT;
	return ((lead + 1) << shift) - 1;
}

void demo_histogram_add(struct demo_histogram *histogram, uint64_t ns, uint64_t times)
{
	histogram->count += times;
	histogram->buckets[demo_histogram_bucket(ns)] += times;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

uint64_t demo_histogram_at(const struct demo_histogram *histogram, double fraction)
{
	if (histogram->count == 0)
		return 0;
	double exact = fraction * (double)histogram->count;
	uint64_t wanted = (uint64_t)exact;
	if ((double)wanted < exact || wanted == 0)
		wanted++;
	uint64_t seen = 0;
	for (uint32_t i = 0; i < DEMO_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		uint64_t top = demo_histogram_bucket_ns(i);
		if (seen >= wanted)
			return top < histogram->max_ns ? top : histogram->max_ns;
	}
	return histogram->max_ns;
}
