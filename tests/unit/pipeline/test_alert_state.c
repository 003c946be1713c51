/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a rule is raised once its number has been at its mark for the hold time, and is over once
 * it has been back for as long; it does not flap in between, nor fire at a start.
 *
 * Method: the rule's state on a clock that is a number.
 */
#include <criterion/criterion.h>

#include "core/base/bits.h"
#include "core/pipeline/alert_state.h"

#define MS 1000000ull
#define S (1000 * MS)

struct step {
	uint64_t at_ms;
	uint64_t value; /* UNKNOWN: it is not known */
	enum wr_alert_change change;
};

#define UNKNOWN UINT64_MAX

static void play(const struct wr_alert_marks *marks, const struct step *steps, size_t count)
{
	struct wr_alert_state state = {.raised = false};
	for (size_t i = 0; i < count; i++) {
		enum wr_alert_change change = WR_ALERT_NOTHING;
		if (steps[i].value == UNKNOWN)
			wr_alert_skip(&state);
		else
			change = wr_alert_look(&state, marks, steps[i].value, steps[i].at_ms * MS);
		cr_expect_eq(change, steps[i].change, "step %zu", i);
	}
}

Test(alerts, it_is_raised_after_the_hold_time_and_over_after_as_long)
{
	static const struct wr_alert_marks marks = {WEIR_ALERT_LAG_EVENTS, 100, 50, 2 * S};
	static const struct step steps[] = {
		{0, 100, WR_ALERT_NOTHING},    {1999, 100, WR_ALERT_NOTHING},
		{2000, 100, WR_ALERT_RAISED},  {3000, 500, WR_ALERT_NOTHING},
		{4000, 51, WR_ALERT_NOTHING},  {9000, 51, WR_ALERT_NOTHING},
		{9100, 50, WR_ALERT_NOTHING},  {11099, 0, WR_ALERT_NOTHING},
		{11100, 0, WR_ALERT_CLEARED},  {12000, 99, WR_ALERT_NOTHING},
		{20000, 99, WR_ALERT_NOTHING},
	};
	play(&marks, steps, WR_ARRAY_COUNT(steps));
}

Test(alerts, a_number_that_swings_changes_nothing)
{
	static const struct wr_alert_marks marks = {WEIR_ALERT_LAG_EVENTS, 100, 50, S};
	struct wr_alert_state state = {.raised = false};
	uint64_t at = 0;

	/* Never for a second at a time; then it stays, and swings around the other mark. */
	for (; at < 60000; at += 100)
		cr_assert_eq(wr_alert_look(&state, &marks, at % 900 == 0 ? 99 : 1000, at * MS),
			     WR_ALERT_NOTHING);
	for (; at < 62000; at += 100)
		(void)wr_alert_look(&state, &marks, 1000, at * MS);
	cr_assert(state.raised && state.raised_count == 1);
	for (; at < 120000; at += 100)
		cr_assert_eq(wr_alert_look(&state, &marks, at % 900 == 0 ? 51 : 0, at * MS),
			     WR_ALERT_NOTHING);
	cr_assert(state.raised && state.raised_count == 1);
}

Test(alerts, what_is_not_known_raises_nothing)
{
	static const struct wr_alert_marks marks = {WEIR_ALERT_LAG_AGE, 100, 50, 2 * S};
	static const struct step steps[] = {
		{0, UNKNOWN, WR_ALERT_NOTHING},    {5000, 200, WR_ALERT_NOTHING},
		{6000, UNKNOWN, WR_ALERT_NOTHING}, {7000, 200, WR_ALERT_NOTHING},
		{8900, 200, WR_ALERT_NOTHING},     {9000, 200, WR_ALERT_RAISED},
		{9500, 0, WR_ALERT_NOTHING},       {11000, UNKNOWN, WR_ALERT_NOTHING},
		{11600, 0, WR_ALERT_NOTHING},      {13600, 0, WR_ALERT_CLEARED},
	};
	play(&marks, steps, WR_ARRAY_COUNT(steps));
}

Test(alerts, free_space_is_raised_where_it_falls)
{
	static const struct wr_alert_marks marks = {WEIR_ALERT_FREE_BYTES, 100, 200, 0};
	static const struct step steps[] = {
		{0, 101, WR_ALERT_NOTHING},    {1000, 100, WR_ALERT_RAISED},
		{2000, 199, WR_ALERT_NOTHING}, {3000, 200, WR_ALERT_CLEARED},
		{4000, 0, WR_ALERT_RAISED},
	};
	play(&marks, steps, WR_ARRAY_COUNT(steps));
}

Test(alerts, the_last_minute_is_a_minute)
{
	struct wr_alert_window w = {.begun = false};

	/* What was there before the first look is nobody's news. */
	cr_assert_eq(wr_alert_last_minute(&w, 1000, 0), 0);
	cr_assert_eq(wr_alert_last_minute(&w, 1007, 3 * S), 7);
	cr_assert_eq(wr_alert_last_minute(&w, 1007, 54 * S), 7);
	cr_assert_eq(wr_alert_last_minute(&w, 1007, 60 * S), 0);
	/* One a second: never more than sixty. */
	for (uint64_t i = 61; i < 400; i++) {
		uint64_t last = wr_alert_last_minute(&w, 1007 + i - 60, i * S);
		cr_assert_leq(last, 60, "at %lu: %lu", (unsigned long)i, (unsigned long)last);
		cr_assert(i < 130 || last >= 55);
	}
	/* Long after: what came meanwhile came just now, once. */
	cr_assert_eq(wr_alert_last_minute(&w, 5000, 4000 * S), 5000 - (1007 + 399 - 60));
	cr_assert_eq(wr_alert_last_minute(&w, 5000, 4100 * S), 0);
}

Test(alerts, a_counter_that_began_at_0_is_told_from_its_first_event)
{
	static const uint64_t at[] = {0, 59 * S, 60 * S, 4000 * S};

	for (size_t i = 0; i < WR_ARRAY_COUNT(at); i++) {
		struct wr_alert_window w = {.begun = true};
		cr_assert_eq(wr_alert_last_minute(&w, 3, at[i]), 3, "%zu", i);
		cr_assert_eq(wr_alert_last_minute(&w, 4, at[i] + 50 * S), 4, "%zu", i);
		cr_assert_eq(wr_alert_last_minute(&w, 4, at[i] + 200 * S), 0, "%zu", i);
	}
}
