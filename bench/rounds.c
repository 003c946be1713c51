/* SPDX-License-Identifier: Apache-2.0 */
/* See rounds.h. */
#include "bench/rounds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

struct spread spread_of(const double *values, uint32_t count)
{
	double sorted[ROUNDS_MAX];

	if (count == 0 || count > ROUNDS_MAX)
		return (struct spread){.median = 0};
	memcpy(sorted, values, count * sizeof sorted[0]);
	qsort(sorted, count, sizeof sorted[0], ascending);
	return (struct spread){.median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2,
			       .least = sorted[0],
			       .most = sorted[count - 1]};
}

int rounds_add(struct rounds_latency *rounds, const struct histogram *round)
{
	if (round->count == 0 || rounds->count == ROUNDS_MAX)
		return 0;
	if (rounds->all == NULL)
		rounds->all = histogram_create();
	if (rounds->all == NULL)
		return -ENOMEM;
	histogram_add(rounds->all, round);
	rounds->p50_ns[rounds->count] = (double)histogram_quantile(round, 500000);
	rounds->p99_ns[rounds->count] = (double)histogram_quantile(round, 990000);
	rounds->p999_ns[rounds->count] = (double)histogram_quantile(round, 999000);
	rounds->count++;
	return 0;
}

void rounds_fini(struct rounds_latency *rounds)
{
	histogram_destroy(rounds->all);
	*rounds = (struct rounds_latency){.count = 0};
}
