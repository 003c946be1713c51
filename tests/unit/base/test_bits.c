/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   numbers that follow one another, as sequences do, take most places of a table of their
 *         size, whatever its size and wherever they begin.
 * Method: tables of every power of two up to 2^18, each filled with as many neighbours as it has
 *         places; how many share one.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "core/base/bits.h"

#define PLACES_MAX (1u << 18)

static uint8_t taken[PLACES_MAX];

/* Places that are taken; the most numbers that share one. */
static uint32_t fill(uint64_t first, uint64_t step, uint32_t places, uint32_t *ret_most)
{
	uint32_t used = 0;
	memset(taken, 0, sizeof taken);
	*ret_most = 0;
	for (uint32_t i = 0; i < places; i++) {
		uint32_t at = wr_spread(first + i * step, places - 1);
		cr_assert_lt(at, places);
		used += taken[at]++ == 0 ? 1 : 0;
		*ret_most = taken[at] > *ret_most ? taken[at] : *ret_most;
	}
	return used;
}

Test(bits, neighbours_take_most_places_and_at_most_two_share_one)
{
	static const uint64_t firsts[] = {
		0, 1, 12345, 1000000, UINT64_C(1) << 32, UINT64_C(1000000000000), UINT64_MAX - 7};
	uint32_t most;

	for (uint32_t places = 1; places <= PLACES_MAX; places *= 2) {
		for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
			uint32_t used = fill(firsts[i], 1, places, &most);
			cr_expect_leq(most, 2, "%u places from %llu", places,
				      (unsigned long long)firsts[i]);
			if (places >= 16)
				cr_expect_geq(4 * used, 3 * places, "%u of %u", used, places);
		}
	}
}

Test(bits, so_do_those_of_one_key_among_a_thousand)
{
	uint32_t most;

	for (uint32_t places = 1024; places <= PLACES_MAX; places *= 2) {
		uint32_t used = fill(7, 1000, places, &most);
		cr_expect_leq(most, 4, "%u places", places);
		cr_expect_geq(3 * used, places, "%u of %u places", used, places);
	}
}
