/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   ranges that were seen grow, join and never forget; with too many of them the two that lie
 *         next to each other are one.
 * Method: against an array of booleans, with ranges drawn from a seed; and by hand where more are
 *         there than fit.
 */
#include <criterion/criterion.h>

#include "core/base/seen.h"

#define NUMBERS 200u

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

Test(seen, what_was_added_is_there_and_nothing_else)
{
	struct wr_seen s;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		bool is_seen[NUMBERS] = {false};
		uint64_t state = seed;
		s = (struct wr_seen){0};
		/* Four at most that do not touch: so many always fit. */
		for (uint32_t i = 0; i < 60; i++) {
			uint64_t part = draw(&state, 4) * 50;
			uint64_t from = part, end = part + draw(&state, 45);
			for (uint64_t n = from; n < part + 50 && is_seen[n]; n++)
				from = draw(&state, 2) != 0 ? n + 1 : from;
			wr_seen_add(&s, from, end);
			for (uint64_t n = from; n < end; n++)
				is_seen[n] = true;
		}
		for (uint64_t n = 0; n < NUMBERS; n++)
			cr_assert_eq(wr_seen_has(&s, n), is_seen[n], "seed %u, %u", (unsigned)seed,
				     (unsigned)n);
		cr_expect_leq(s.count, WR_SEEN_RANGES);
	}
}

Test(seen, the_two_nearest_are_joined_where_more_are_there_than_fit)
{
	struct wr_seen s = {0};
	for (uint64_t i = 0; i < WR_SEEN_RANGES; i++)
		wr_seen_add(&s, i * i * 100, i * i * 100 + 10);
	wr_seen_add(&s, 5, 5);
	cr_expect_eq(s.count, WR_SEEN_RANGES);
	cr_expect_not(wr_seen_has(&s, 50));
	wr_seen_add(&s, 1000000, 1000001);
	cr_expect_eq(s.count, WR_SEEN_RANGES);
	cr_expect(wr_seen_has(&s, 50), "between the two nearest");
	cr_expect_not(wr_seen_has(&s, 200));
	cr_expect(wr_seen_has(&s, 1000000));
	wr_seen_add(&s, 0, 2000000);
	cr_expect_eq(s.count, 1);
	cr_expect(wr_seen_has(&s, 200));
}
