/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   quantiles are those of the exact, sorted values, never less and at most 0.1% more.
 * Method: distributions of several shapes from a seeded generator, sorted and compared; the edges
 *         of every bucket.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "bench/histogram.h"

#define COUNT 20000u

static uint64_t state = 0x2545f4914f6cdd1dull;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The smallest value that at least ppm millionths do not exceed. */
static uint64_t exact(const uint64_t *sorted, uint64_t count, uint32_t ppm)
{
	uint64_t rank = (count * ppm + 999999) / 1000000;

	return sorted[rank == 0 ? 0 : rank - 1];
}

static void check_against_sorted(uint64_t *values, uint64_t count)
{
	static const uint32_t ppm[] = {1,      10000,  250000, 500000, 900000,
				       990000, 999000, 999900, 999999, 1000000};
	struct histogram *h = histogram_create();

	cr_assert_not_null(h);
	for (uint64_t i = 0; i < count; i++)
		histogram_record(h, values[i]);
	qsort(values, count, sizeof values[0], by_value);
	for (size_t i = 0; i < sizeof ppm / sizeof ppm[0]; i++) {
		uint64_t want = exact(values, count, ppm[i]);
		uint64_t got = histogram_quantile(h, ppm[i]);
		cr_assert_geq(got, want, "ppm %u", ppm[i]);
		cr_assert_leq(got - want, want / 1000, "ppm %u: %llu for %llu", ppm[i],
			      (unsigned long long)got, (unsigned long long)want);
	}
	cr_assert_eq(h->least, values[0]);
	cr_assert_eq(h->greatest, values[count - 1]);
	cr_assert_eq(h->count, count);
	histogram_destroy(h);
}

Test(histogram, quantiles_match_sorted_values_of_any_shape)
{
	static uint64_t values[COUNT];

	for (int shape = 0; shape < 5; shape++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			uint64_t r = next();
			switch (shape) {
			case 0: /* small and exact */
				values[i] = r % 2000;
				break;
			case 1: /* uniform */
				values[i] = r % 1000000000;
				break;
			case 2: /* every magnitude alike */
				values[i] = (r >> 8) >> (r % 37 + 20);
				break;
			case 3: /* two humps far apart */
				values[i] = r % 100 == 0 ? 50000000 + r % 1000 : 90000 + r % 30000;
				break;
			default: /* all the same */
				values[i] = 123456789;
				break;
			}
		}
		check_against_sorted(values, COUNT);
	}
}

Test(histogram, few_values_are_not_rounded_to_a_neighbour)
{
	uint64_t values[1000];

	for (uint64_t count = 1; count <= 1000; count += count < 12 ? 1 : 97) {
		for (uint64_t i = 0; i < count; i++)
			values[i] = 10000 + i * 1000;
		check_against_sorted(values, count);
	}
}

Test(histogram, every_bucket_ends_where_the_next_begins)
{
	for (uint32_t i = 0; i + 1 < HISTOGRAM_BUCKET_COUNT; i++) {
		uint64_t end = histogram_bucket_end(i);
		cr_assert_eq(histogram_index(end), i, "bucket %u", i);
		cr_assert_eq(histogram_index(end + 1), i + 1, "bucket %u", i);
	}
	cr_assert_eq(histogram_index(UINT64_MAX), HISTOGRAM_BUCKET_COUNT - 1);
	cr_assert_geq(histogram_bucket_end(HISTOGRAM_BUCKET_COUNT - 1), 100000000000u);
}

Test(histogram, values_beyond_the_range_are_counted_and_kept_as_the_greatest)
{
	struct histogram *h = histogram_create();

	for (int i = 0; i < 99; i++)
		histogram_record(h, 1000);
	histogram_record(h, 500000000000);
	cr_assert_eq(h->beyond_count, 1);
	cr_assert_eq(h->greatest, 500000000000);
	cr_assert_eq(histogram_quantile(h, 990000), 1000);
	cr_assert_eq(histogram_quantile(h, 999000), 500000000000);
	histogram_destroy(h);
}

Test(histogram, adding_is_the_same_as_recording_together)
{
	struct histogram *a = histogram_create();
	struct histogram *b = histogram_create();
	struct histogram *all = histogram_create();

	for (int i = 0; i < 10000; i++) {
		uint64_t value = next() % 10000000;
		histogram_record(i % 3 == 0 ? a : b, value);
		histogram_record(all, value);
	}
	histogram_add(a, b);
	for (uint32_t ppm = 1000; ppm <= 1000000; ppm += 1000)
		cr_assert_eq(histogram_quantile(a, ppm), histogram_quantile(all, ppm));
	cr_assert_eq(a->count, all->count);
	cr_assert_eq(a->least, all->least);
	cr_assert_float_eq(histogram_mean(a), histogram_mean(all), 1e-3);
	histogram_destroy(a);
	histogram_destroy(b);
	histogram_destroy(all);
}

Test(histogram, empty_gives_zero)
{
	struct histogram *h = histogram_create();

	cr_assert_eq(histogram_quantile(h, 500000), 0);
	cr_assert_eq(histogram_quantile(h, 1000000), 0);
	cr_assert_eq(histogram_mean(h), 0);
	histogram_destroy(h);
}
