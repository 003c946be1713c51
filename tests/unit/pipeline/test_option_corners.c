/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   options inside their documented ranges are planned and opened, or refused with the field
 *         and the reason; none of them ends the process.
 * Method: the ends of every range, all together through the plan (each is as cheap as arithmetic);
 *         one and two at a time through an open, where what the plan says is small enough.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define OPEN_BYTES_MAX (24ull << 20)
#define SEGMENT_BYTES_MAX (1ull << 20)

/* X(field, least, most), as include/weir/options.h and docs/reference/options.md have them. */
#define RANGE_MAP(X)                                                                               \
	X(chunk_bytes, 16u << 10, 16u << 20)                                                       \
	X(pool_bytes, 1, 1ull << 40)                                                               \
	X(undurable_bytes, 1, 1ull << 40)                                                          \
	X(lane_bytes, 4u << 10, 1u << 30)                                                          \
	X(member_lane_bytes, 4u << 10, 1u << 30)                                                   \
	X(producers_max, 1, 1024)                                                                  \
	X(members_max, 1, 1024)                                                                    \
	X(topics_max, 1, 65535)                                                                    \
	X(partitions_max, 1, 1u << 20)                                                             \
	X(subscriptions_max, 1, 4096)                                                              \
	X(named_producers_max, 1, 1u << 20)                                                        \
	X(run_records_max, 1, 1u << 20)                                                            \
	X(segments_ahead, 1, 16)                                                                   \
	X(batches_in_flight_max, 1, 16)

enum {
#define RANGE_ENUM(field, least, most) RANGE_##field,
	RANGE_MAP(RANGE_ENUM)
#undef RANGE_ENUM
		RANGE_COUNT
};

static struct fixture f;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(option_corners, .fini = teardown, .timeout = 120);

/* Field `range` at one of its ends; the segment, whose least depends on the chunk, with it. */
static void set(struct weir_options *o, int range, bool most)
{
	switch (range) {
#define RANGE_SET(field, least_value, most_value)                                                  \
	case RANGE_##field:                                                                        \
		o->field = most ? (most_value) : (least_value);                                    \
		break;
		RANGE_MAP(RANGE_SET)
#undef RANGE_SET
	}
	if (o->segment_bytes % o->chunk_bytes != 0)
		o->segment_bytes = o->chunk_bytes;
}

/* 0 and the plan, or refused with a field of the options and a text. */
static bool is_planned(const struct weir_options *o, struct weir_memory_plan *ret_plan)
{
	struct weir_problem problem = {0};
	int rc = weir_memory_plan(o, ret_plan, &problem);
	if (rc == 0) {
		cr_assert_geq(ret_plan->chunk_count, 2);
		cr_assert_leq(ret_plan->chunk_count, 65534);
		cr_assert_geq(ret_plan->total_bytes,
			      (uint64_t)ret_plan->chunk_count * o->chunk_bytes);
		return true;
	}
	cr_assert_eq(rc, -EINVAL);
	cr_assert_str_not_empty(problem.field);
	cr_assert_str_not_empty(problem.text);
	return false;
}

Test(option_corners, every_combination_of_the_ends_is_planned_or_refused_by_name)
{
	uint32_t planned = 0;
	for (int dir = 0; dir < 2; dir++)
		for (uint32_t ends = 0; ends < 1u << RANGE_COUNT; ends++) {
			struct weir_memory_plan plan;
			struct weir_options o;
			weir_options_init(&o);
			o.dir = dir != 0 ? "nowhere" : NULL;
			o.manual = true; /* its threads are not looked at each time */
			for (int r = 0; r < RANGE_COUNT; r++)
				set(&o, r, (ends >> r & 1) != 0);
			planned += is_planned(&o, &plan);
		}
	cr_expect_gt(planned, 1000);
}

/* True: it was small enough, and was opened and closed again. */
static bool opens(const struct weir_options *options)
{
	struct weir_memory_plan plan;
	struct weir_problem problem = {0};
	if (!is_planned(options, &plan) || plan.total_bytes > OPEN_BYTES_MAX ||
	    (options->dir != NULL &&
	     options->segment_bytes * (options->segments_ahead + 1) > SEGMENT_BYTES_MAX))
		return false;
	int rc = weir_open(options, &f.pipeline, &problem);
	cr_assert_eq(rc, 0, "%s: %s %s", weir_error_name(rc), problem.field, problem.text);
	rc = weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL);
	f.pipeline = NULL;
	cr_assert_eq(rc, 0);
	return true;
}

/* Each end with each other end; what is not at an end is small. */
static uint32_t open_pairs(int kind, bool pairs)
{
	uint32_t opened = 0;
	for (int a = 0; a < 2 * RANGE_COUNT; a++)
		for (int b = a; b < (pairs ? 2 * RANGE_COUNT : a + 1); b++) {
			fixture_init(&f, kind);
			set(&f.options, a / 2, a % 2 != 0);
			set(&f.options, b / 2, b % 2 != 0);
			opened += opens(&f.options);
			fixture_end(&f);
			f.dir[0] = '\0';
		}
	return opened;
}

Test(option_corners, two_ends_at_a_time_open_in_memory)
{
	cr_expect_gt(open_pairs(FIXTURE_MEMORY | FIXTURE_MANUAL, true), 100);
}

Test(option_corners, one_end_at_a_time_opens_with_a_journal)
{
	cr_expect_gt(open_pairs(FIXTURE_DURABLE | FIXTURE_MANUAL, false), 10);
}
