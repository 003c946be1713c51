/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cold half of the histogram: adding up and looking at it. Ranks are counted in integers: with
 * floating point the 99.9% of 1000 values may be the 999th or the 1000th.
 *
 * Thread: one at a time.
 */
#include "bench/histogram.h"

#include <stdlib.h>
#include <string.h>

struct histogram *histogram_create(void)
{
	struct histogram *h = malloc(sizeof *h);

	if (h != NULL)
		histogram_reset(h);
	return h;
}

void histogram_destroy(struct histogram *h)
{
	free(h);
}

void histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof *h);
	h->least = UINT64_MAX;
}

uint64_t histogram_bucket_end(uint32_t index)
{
	return wr_histogram_bucket_end(index, HISTOGRAM_SUB_BITS);
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKET_COUNT; i++)
		to->buckets[i] += from->buckets[i];
	to->count += from->count;
	to->beyond_count += from->beyond_count;
	to->sum += from->sum;
	if (from->least < to->least)
		to->least = from->least;
	if (from->greatest > to->greatest)
		to->greatest = from->greatest;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t ppm)
{
	if (h->count == 0)
		return 0;
	uint64_t rank = wr_histogram_rank(h->count, ppm);
	uint64_t seen = 0;

	/* The last rank is known exactly; those beyond the range can only be the greatest. */
	if (rank >= h->count || rank > h->count - h->beyond_count)
		return h->greatest;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKET_COUNT; i++) {
		seen += h->buckets[i];
		if (seen < rank)
			continue;
		uint64_t end = histogram_bucket_end(i);
		return end < h->greatest ? end : h->greatest;
	}
	return h->greatest;
}

double histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : h->sum / (double)h->count;
}
