/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a wait of any length ends at its time, or never, and never before it began.
 * Method: times at both ends of what a clock can say.
 */
#include <criterion/criterion.h>

#include "core/base/deadline.h"

Test(deadline, what_lies_behind_all_times_is_never)
{
	static const struct {
		uint64_t now_ns, timeout_ns, deadline_ns;
	} cases[] = {
		{0, 0, 0},
		{5, 0, 5},
		{5, 7, 12},
		{5, UINT64_MAX, UINT64_MAX},
		{0, UINT64_MAX, UINT64_MAX},
		{5, UINT64_MAX - 6, UINT64_MAX - 1},
		{5, UINT64_MAX - 5, UINT64_MAX},
		{5, UINT64_MAX - 4, UINT64_MAX},
		{UINT64_MAX - 1, 2, UINT64_MAX},
	};
	for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(wr_deadline_ns(cases[i].now_ns, cases[i].timeout_ns),
			     cases[i].deadline_ns, "%u", i);
}

Test(deadline, what_is_left_ends_with_it)
{
	cr_expect_eq(wr_left_ns(12, 5), 7);
	cr_expect_eq(wr_left_ns(12, 12), 0);
	cr_expect_eq(wr_left_ns(12, 13), 0);
	cr_expect_eq(wr_left_ns(UINT64_MAX, 13), UINT64_MAX);
	cr_expect_eq(wr_left_ns(UINT64_MAX, UINT64_MAX), UINT64_MAX);
}
