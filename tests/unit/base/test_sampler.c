/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is rare is sampled each time, what is frequent some dozens of times a round; weights
 * add up to what came; nothing is due where nobody counts.
 *
 * Method: streams of so many in each round, through the sampler alone.
 */
#include <criterion/criterion.h>

#include "core/base/sampler.h"

struct taken {
	uint64_t samples, weights;
};

/* `came` in one round, behind `*count`. */
static struct taken feed(struct wr_sampler *s, uint64_t *count, uint64_t came, uint32_t round)
{
	struct taken t = {0};
	for (uint64_t i = 0; i < came; i++) {
		if (!wr_sampler_is_due(s, ++*count, round))
			continue;
		t.weights += wr_sampler_take(s, *count, round);
		t.samples++;
	}
	return t;
}

Test(sampler, takes_what_is_rare_and_some_of_what_is_frequent)
{
	static const struct {
		uint64_t came, least, most;
	} rounds[] = {
		{1, 1, 1},   {10, 10, 10},    {64, 64, 64}, {1000000, 64, 2000}, {1000000, 60, 70},
		{100, 1, 2}, {100, 100, 100}, {3, 3, 3},    {4000000, 64, 2500}, {4000000, 60, 70},
	};
	struct wr_sampler s;
	uint64_t count = 0, weights = 0;

	wr_sampler_init(&s);
	for (uint32_t r = 0; r < sizeof rounds / sizeof rounds[0]; r++) {
		struct taken t = feed(&s, &count, rounds[r].came, r + 1);
		weights += t.weights;
		cr_expect(t.samples >= rounds[r].least && t.samples <= rounds[r].most,
			  "round %u: %llu samples", r, (unsigned long long)t.samples);
		cr_expect_eq(weights, s.last);
		cr_expect_leq(count - s.last, s.every, "what is not weighed yet");
	}
}

Test(sampler, nothing_is_due_before_the_first_round)
{
	struct wr_sampler s;
	uint64_t count = 0;

	wr_sampler_init(&s);
	cr_expect_eq(feed(&s, &count, 100000, 0).samples, 0);
	cr_expect_eq(feed(&s, &count, 1, 1).weights, 100001, "the first stands for all before it");
}

Test(sampler, what_could_not_be_told_is_weighed_with_the_next)
{
	struct wr_sampler s;
	uint64_t count = 0;

	wr_sampler_init(&s);
	(void)feed(&s, &count, 1, 1);
	wr_sampler_untake(&s, wr_sampler_take(&s, ++count, 1));
	cr_expect_eq(wr_sampler_take(&s, ++count, 1), 2);
}

Test(sampler, who_looks_once_for_many_has_the_first_of_the_round)
{
	struct wr_sampler s;

	wr_sampler_init(&s);
	wr_sampler_see(&s, 5, 1);
	cr_expect_eq(s.next, 5);
	cr_expect_eq(wr_sampler_take(&s, 6, 1), 6);
	wr_sampler_see(&s, 6, 1);
	cr_expect_eq(s.next, 7, "it has one of this round");
}
