/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what nobody has may be copied further on, whatever it waits for, and nothing else; it is
 *         not handed out while its copy is on its way, and then from where that stands; what lies
 *         below a sequence is found, by its place and not by its number. Rule: L32.
 * Method: one machine, with ports that say yes to everything.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/group/share.h"
#include "io/sim/memory_sim.h"

#define NEVER UINT64_MAX

static struct wr_memory_sim memory;
static struct wr_share share;

static int say_yes(void *context, const struct wr_share_event *event)
{
	(void)context, (void)event;
	return 0;
}

static int say_later(void *context, const struct wr_share_event *event)
{
	(void)context, (void)event;
	return -EAGAIN;
}

static uint64_t lane_place(void *context, uint32_t member)
{
	(void)context, (void)member;
	return 0;
}

static bool lane_decided(void *context, uint32_t member, uint64_t place)
{
	(void)context, (void)member, (void)place;
	return true;
}

static const struct wr_share_ports ports = {.expire = say_yes,
					    .bury = say_later,
					    .lane_place = lane_place,
					    .lane_decided = lane_decided,
					    .in_hand = say_yes};

/* By key: 1 is delayed, 2 is parked and 3 behind it, 4 is dead, 5 and 6 are ready. */
static void set_up(void)
{
	const struct wr_share_options options = {
		.by_key = true, .events_max = 16, .members_max = 2};
	static const struct wr_share_event events[] = {
		{.seq = 1, .key = 1, .not_before_ns = 1000},
		{.seq = 2, .key = 2, .parks = true, .dead = true},
		{.seq = 3, .key = 2},
		{.seq = 4, .key = 4, .dead = true},
		{.seq = 5, .key = 5},
		{.seq = 6, .key = 6},
	};
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_share_init(&share, &memory.base, &ports, &options), 0);
	share.lease_ns = 100;
	share.parks = true;
	wr_share_give_up(&share, 9, true);
	for (uint32_t i = 0; i < 6; i++) {
		struct wr_share_event event = events[i];
		event.generation = 1;
		event.bytes = 10;
		wr_share_restore(&share, &event);
	}
	wr_share_join(&share, 0, 8);
}

static void tear_down(void)
{
	wr_share_fini(&share, &memory.base);
}

TestSuite(share_carry, .init = set_up, .fini = tear_down);

static bool may_carry(uint64_t seq)
{
	return wr_share_may_carry(&share, wr_share_find(&share, seq));
}

static uint64_t grant(uint64_t *ret_place)
{
	const struct wr_share_event *e = wr_share_grant(&share, 0, 0, 0);
	*ret_place = e != NULL ? wr_share_place(e) : 0;
	return e != NULL ? e->seq : 0;
}

Test(share_carry, what_waits_may_be_copied_and_what_somebody_has_may_not)
{
	uint64_t place;
	for (uint64_t seq = 1; seq <= 6; seq++)
		cr_expect(may_carry(seq), "%llu", (unsigned long long)seq);
	cr_assert_eq(grant(&place), 5);
	cr_expect_not(may_carry(5));
	struct wr_share_event taken = {.seq = 9, .key = 9, .bytes = 10};
	wr_share_take(&share, &taken);
	cr_expect_not(may_carry(9), "its mark is on its way");
	wr_share_clock(&share, 100, 0);
	(void)wr_share_step(&share, NEVER, 0);
	cr_expect_not(may_carry(5), "that its lease is over is on its way");
}

Test(share_carry, it_is_not_handed_out_before_it_is_known_where_its_copy_stands)
{
	uint64_t place;
	wr_share_carry(&share, wr_share_find(&share, 5));
	cr_expect_not(may_carry(5), "once");
	cr_assert_eq(grant(&place), 6, "the others go on");
	cr_expect_eq(grant(&place), 0);
	wr_share_carried(&share, 5, 50, true);
	cr_assert_eq(grant(&place), 5);
	cr_expect_eq(place, 50);
}

Test(share_carry, what_was_ready_comes_in_the_order_of_the_log)
{
	uint64_t place;
	for (uint64_t seq = 5; seq <= 6; seq++)
		wr_share_carry(&share, wr_share_find(&share, seq));
	for (uint64_t seq = 7; seq <= 9; seq++) {
		const struct wr_share_event later = {.seq = seq, .key = seq, .generation = 1};
		wr_share_restore(&share, &later);
	}
	wr_share_carry(&share, wr_share_find(&share, 8));
	wr_share_carried(&share, 5, 50, true);
	wr_share_carried(&share, 6, 51, true);
	wr_share_carried(&share, 8, 52, true);
	for (uint64_t seq = 5; seq <= 9; seq++)
		cr_expect_eq(grant(&place), seq);
	cr_expect_eq(grant(&place), 0);
}

Test(share_carry, what_ends_its_waiting_meanwhile_waits_for_its_copy)
{
	uint64_t place;
	wr_share_carry(&share, wr_share_find(&share, 1));
	wr_share_carry(&share, wr_share_find(&share, 2));
	wr_share_carry(&share, wr_share_find(&share, 3));
	wr_share_clock(&share, 1000, 1000);
	(void)wr_share_step(&share, NEVER, 0);
	struct wr_share_rejection given_up = {.seq = 2, .given_up = true};
	wr_share_rejected(&share, &given_up);
	cr_expect_eq(grant(&place), 5);
	cr_expect_eq(grant(&place), 6);
	cr_expect_eq(grant(&place), 0);
	wr_share_carried(&share, 2, 20, true);
	wr_share_carried(&share, 3, 30, true);
	cr_assert_eq(grant(&place), 3);
	cr_expect_eq(place, 30);
	wr_share_carried(&share, 1, 0, true);
	cr_assert_eq(grant(&place), 1);
	cr_expect_eq(place, 1, "it was refused, and lies where it was");
}

Test(share_carry, what_cannot_be_copied_is_not_tried_again)
{
	wr_share_carry(&share, wr_share_find(&share, 4));
	wr_share_carried(&share, 4, 0, false);
	cr_expect_not(may_carry(4));
	wr_share_carry(&share, wr_share_find(&share, 1));
	wr_share_carried(&share, 1, 0, true);
	cr_expect(may_carry(1));
}

Test(share_carry, what_lies_below_is_found_by_its_place)
{
	struct wr_share_below below;
	struct wr_share_cursor cursor = {0};
	struct wr_share_event *e;
	uint64_t found[8] = {0}, place;
	uint32_t count = 0;
	wr_share_carry(&share, wr_share_find(&share, 2));
	wr_share_carried(&share, 2, 20, true);
	wr_share_below(&share, 5, &below);
	cr_expect(below.events == 3 && !below.has_fixed);
	cr_expect_eq(below.bytes, 3u * 56, "a copy says where it is from, and is aligned");
	while ((e = wr_share_next_below(&share, &cursor, 6)) != NULL && count < 8)
		found[count++] = e->seq;
	cr_assert_eq(count, 4);
	cr_expect(found[0] == 1 && found[1] == 3 && found[2] == 4 && found[3] == 5);
	/* Where it stood is found again when that is gone. */
	cursor = (struct wr_share_cursor){0};
	cr_assert_eq(wr_share_next_below(&share, &cursor, 6)->seq, 1);
	cr_assert_eq(wr_share_next_below(&share, &cursor, 6)->seq, 3);
	wr_share_settled(&share, 3, 3, 1);
	cr_assert_eq(wr_share_next_below(&share, &cursor, 6)->seq, 4);
	cr_assert_eq(grant(&place), 5);
	wr_share_below(&share, 6, &below);
	cr_expect(below.events == 3 && below.has_fixed);
}

/* A copy may be ordered, and the original leave, before the group hears of it: one on its way
 * counts as if it lay there. */
Test(share_carry, what_is_on_its_way_further_on_counts_as_carried)
{
	cr_expect_not(wr_share_has_carried(&share, 9));
	wr_share_carry(&share, wr_share_find(&share, 5));
	cr_expect(wr_share_has_carried(&share, 6));
	cr_expect_not(wr_share_has_carried(&share, 5), "only from below");
	wr_share_carried(&share, 5, 50, true);
	cr_expect(wr_share_has_carried(&share, 6));
	cr_expect_not(wr_share_has_carried(&share, 5));
	wr_share_carry(&share, wr_share_find(&share, 6));
	wr_share_settled(&share, 5, 5, 1);
	wr_share_carried(&share, 6, 0, false);
	cr_expect_not(wr_share_has_carried(&share, 9), "it stays where it is");
}
