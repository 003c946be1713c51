/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often which value: a histogram (histogram.h) that one thread counts in and others look at,
 * relaxed. A few plain loads and stores to record; never per event, but per batch or per call.
 */
#ifndef WR_BASE_TALLY_H
#define WR_BASE_TALLY_H

#include "core/base/atomic.h"
#include "core/base/histogram.h"

#define WR_TALLY_SUB_BITS 4u
#define WR_TALLY_VALUE_BITS 42u /* 2^42 ns are 73 minutes */
#define WR_TALLY_BUCKETS WR_HISTOGRAM_BUCKETS(WR_TALLY_SUB_BITS, WR_TALLY_VALUE_BITS)

struct wr_tally {
	wr_atomic_u64 sum, greatest;
	wr_atomic_u64 buckets[WR_TALLY_BUCKETS];
};

/* A value that stands for `weight` of its kind (sampler.h). */
static inline void wr_tally_record_many(struct wr_tally *t, uint64_t value, uint64_t weight)
{
	wr_atomic_u64 *bucket =
		&t->buckets[wr_histogram_index(value, WR_TALLY_SUB_BITS, WR_TALLY_VALUE_BITS)];

	wr_store_relaxed(bucket, wr_load_relaxed(bucket) + weight);           /* own */
	wr_store_relaxed(&t->sum, wr_load_relaxed(&t->sum) + value * weight); /* own */
	if (value > wr_load_relaxed(&t->greatest))                            /* own */
		wr_store_relaxed(&t->greatest, value);
}

static inline void wr_tally_record(struct wr_tally *t, uint64_t value)
{
	wr_tally_record_many(t, value, 1);
}

#endif
