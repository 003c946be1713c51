/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rounds of the same measurement say together: the median of the rounds, and how far they are
 * apart. Of latencies each round's percentiles count as its values; all of them together make the
 * distribution that is drawn.
 *
 * Thread: one at a time.
 */
#ifndef WEIR_BENCH_ROUNDS_H
#define WEIR_BENCH_ROUNDS_H

#include <stdint.h>

#include "bench/histogram.h"

#define ROUNDS_MAX 32u

struct spread {
	double median; /* of an even count the mean of the middle two */
	double least;
	double most;
};

/* All 0 when there is none. At most ROUNDS_MAX. */
struct spread spread_of(const double *values, uint32_t count);

struct rounds_latency {
	struct histogram *all; /* NULL until the first */
	uint32_t count;
	double p50_ns[ROUNDS_MAX];
	double p99_ns[ROUNDS_MAX];
	double p999_ns[ROUNDS_MAX];
};

/* A round without a sample is none. 0 or -ENOMEM. */
int rounds_add(struct rounds_latency *rounds, const struct histogram *round);
void rounds_fini(struct rounds_latency *rounds);

#endif
