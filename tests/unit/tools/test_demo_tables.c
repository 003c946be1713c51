/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the demo's own figures are right: percentiles, order per key, sources that can be read
 *         twice.
 * Method: known distributions and planted violations.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/demo/histogram.h"
#include "tools/weir/demo/key_order.h"
#include "tools/weir/demo/source.h"

static struct demo_histogram histogram;

Test(histogram, percentiles_of_a_known_distribution_are_close_from_above)
{
	for (uint64_t ns = 1; ns <= 1000000; ns++)
		demo_histogram_add(&histogram, ns, 1);
	static const double fractions[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999};
	for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
		double exact = fractions[i] * 1000000;
		double got = (double)demo_histogram_at(&histogram, fractions[i]);
		cr_assert(got >= exact && got <= exact * 1.033, "%f: %f", fractions[i], got);
	}
	cr_assert_eq(demo_histogram_at(&histogram, 1.0), 1000000);
	cr_assert_eq(histogram.max_ns, 1000000);
}

Test(histogram, extremes_stay_inside_and_an_empty_one_is_zero)
{
	cr_assert_eq(demo_histogram_at(&histogram, 0.5), 0);
	demo_histogram_add(&histogram, 0, 1);
	cr_assert_eq(demo_histogram_at(&histogram, 0.5), 0);
	demo_histogram_add(&histogram, UINT64_MAX, 3);
	cr_assert_eq(histogram.count, 4);
	cr_assert_gt(demo_histogram_at(&histogram, 0.99), 1000000000000);
}

Test(histogram, small_values_are_exact)
{
	for (uint64_t ns = 1; ns < 64; ns++) {
		memset(&histogram, 0, sizeof histogram);
		demo_histogram_add(&histogram, ns, 1);
		demo_histogram_add(&histogram, 1000, 1);
		cr_assert_eq(demo_histogram_at(&histogram, 0.5), ns);
	}
}

static struct demo_text key_of(char *to, size_t bytes, unsigned n)
{
	int length = snprintf(to, bytes, "key-%u", n);
	return (struct demo_text){.at = to, .bytes = (size_t)length};
}

Test(key_order, repeats_and_steps_back_are_seen_for_every_key)
{
	struct demo_key_order order;
	char name[32];
	cr_assert_eq(demo_key_order_init(&order), 0);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned k = 0; k < 5000; k++) {
			uint64_t index = round * 5000 + k + 1;
			struct demo_text key = key_of(name, sizeof name, k);
			cr_assert_eq(demo_key_order_see(&order, key, index), 0);
		}
	for (unsigned k = 0; k < 5000; k++) {
		struct demo_text key = key_of(name, sizeof name, k);
		cr_assert_eq(demo_key_order_see(&order, key, 10000 + k + 1), 1, "a repeat");
		cr_assert_eq(demo_key_order_see(&order, key, 5000 + k + 1), 1, "a step back");
		cr_assert_eq(demo_key_order_see(&order, key, 20001 + k), 0);
	}
	demo_key_order_fini(&order);
}

/* --- sources ---------------------------------------------------------------------------------- */

static struct demo_source source;

static const char lines[] = "{\"key\":\"a\"}\nnonsense\n{\"key\":\"b\"}\n\n{\"key\":\"c\"}";

static void write_lines(char *path)
{
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, lines, sizeof lines - 1), (ssize_t)(sizeof lines - 1));
	close(fd);
}

Test(source, lines_are_numbered_without_the_bad_ones_and_can_be_read_again)
{
	char path[] = "/tmp/weir_source_XXXXXX";
	struct demo_input input;
	struct demo_record record;

	write_lines(path);
	cr_assert_eq(demo_input_open(&input, path), 0);
	for (int pass = 0; pass < 2; pass++) {
		demo_source_init(&source, &input, 0);
		for (uint64_t i = 1; i <= 3; i++) {
			cr_assert(demo_source_next(&source, &record));
			cr_assert_eq(record.index, i);
			cr_assert_eq(record.key.at[0], (char)('a' + i - 1));
		}
		cr_assert(!demo_source_next(&source, &record));
		cr_assert_eq(source.bad_line_count, 1);
		cr_assert_eq(source.first_bad_line, 2);
	}
	demo_source_init(&source, &input, 0);
	cr_assert(demo_source_skip_to(&source, 2));
	cr_assert(demo_source_next(&source, &record));
	cr_assert_eq(record.index, 3);
	cr_assert(!demo_source_skip_to(&source, 4));
	demo_input_close(&input);
	unlink(path);
}

Test(source, a_pipe_is_spooled)
{
	int ends[2];
	struct demo_input input;
	struct demo_record record;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], lines, sizeof lines - 1), (ssize_t)(sizeof lines - 1));
	close(ends[1]);
	cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	cr_assert_eq(demo_input_open(&input, "-"), 0);
	demo_source_init(&source, &input, 0);
	cr_assert(demo_source_skip_to(&source, 3));
	cr_assert(!demo_source_next(&source, &record));
	demo_input_close(&input);
}

Test(source, what_cannot_be_read_is_an_error)
{
	struct demo_input input;
	cr_assert_lt(demo_input_open(&input, "/nonexistent/file"), 0);
	cr_assert_lt(demo_input_open(&input, "/tmp"), 0);
}
