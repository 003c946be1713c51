/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a static member that restarts in time gets its rows back and nobody else's move; its time
 *         over, they are given to others; who joins with an instance id that somebody has fences
 *         him; and with the sticky assignor a member that comes or goes moves no row that need not.
 *         Rules: L19, L37.
 * Method: the ports of group_bed.h: each case counts who was asked for what.
 */
#include "tests/support/case.h"
#include "tests/unit/group/group_bed.h"

TestSuite(seats, .init = set_up);

#define SOON 100u

/* The member sits down, and everybody gives what he is asked for. */
static void sit(uint32_t member, const char *instance)
{
	uint32_t from = call_count;
	wr_group_join(&group, member, "m", instance);
	for (uint32_t i = 0; i < 4; i++) {
		settle_down();
		for (uint32_t m = 0; m < MEMBERS; m++)
			release_all(m, from, 0);
		from = call_count;
	}
	settle_down();
}

static void leave(uint32_t member)
{
	wr_group_leave(&group, member, SOON);
	settle_down();
	cr_assert(wr_group_has_left(&group, member));
	wr_group_remove(&group, member);
}

CASE(seats, who_restarts_in_time_gets_his_rows_back_and_nobody_else_moves)
{
	sit(0, "a");
	sit(1, "b");
	expect_owners(0, 0, 1, 1);
	leave(0);
	expect_owners(WR_MEMBER_NONE, WR_MEMBER_NONE, 1, 1);
	cr_expect_not(wr_group_is_settled(&group), "what is kept is on its way");
	uint32_t revokes = count(REVOKE);
	cr_expect_not(wr_group_keep(&group, SOON - 1));
	sit(3, "a"); /* in another slot */
	expect_owners(3, 3, 1, 1);
	cr_expect_eq(count(REVOKE), revokes, "the other one was not asked for anything");
	cr_expect_eq(group.kept_count, 0);
	cr_expect(wr_group_is_settled(&group));
}

CASE(seats, his_time_over_they_go_to_others)
{
	sit(0, "a");
	sit(1, "b");
	leave(0);
	cr_expect(wr_group_keep(&group, SOON));
	settle_down();
	expect_owners(1, 1, 1, 1);
	cr_expect_not(wr_group_keep(&group, UINT64_MAX), "once");
	sit(0, "a");
	expect_owners(0, 0, 1, 1);
}

CASE(seats, who_joins_meanwhile_gets_nothing_of_what_is_kept)
{
	sit(0, "a");
	leave(0);
	sit(1, "b");
	expect_owners(WR_MEMBER_NONE, WR_MEMBER_NONE, 1, 1);
	sit(2, "a");
	expect_owners(2, 2, 1, 1);
}

CASE(seats, a_second_one_with_the_same_id_fences_the_first)
{
	sit(0, "a");
	sit(1, "b");
	uint32_t revokes = count(REVOKE);
	sit(2, "a");
	expect_owners(2, 2, 1, 1);
	cr_expect_eq(count(FENCE), 1);
	cr_expect_eq(count(LOST), 2, "who was not asked is told");
	cr_expect_eq(count(REVOKE), revokes);
	for (uint32_t i = 0; i < call_count; i++)
		cr_expect(calls[i].kind != FENCE || calls[i].member == 0);
	/* The fenced one goes: its seat is not his any more. */
	leave(0);
	expect_owners(2, 2, 1, 1);
	cr_expect_eq(group.kept_count, 0);
	/* He may not come back to life either. */
	sit(0, "a");
	wr_group_expire(&group, 2);
	wr_group_revive(&group, 2);
	settle_down();
	expect_owners(0, 0, 1, 1);
}

CASE(seats, who_sleeps_over_his_session_loses_his_part_and_his_seat_when_he_goes)
{
	sit(0, "a");
	sit(1, "b");
	wr_group_expire(&group, 0);
	settle_down();
	expect_owners(1, 1, 1, 1);
	leave(0);
	expect_owners(1, 1, 1, 1);
	cr_expect_eq(group.kept_count, 0);
	sit(2, "a");
	expect_owners(2, 2, 1, 1);
}

CASE(seats, a_sleeper_is_replaced_too)
{
	sit(0, "a");
	sit(1, "b");
	wr_group_expire(&group, 0);
	settle_down();
	sit(2, "a");
	expect_owners(2, 2, 1, 1);
	cr_expect_eq(count(FENCE), 1);
}

CASE(seats, static_members_sort_before_others_and_by_instance_id)
{
	wr_group_join(&group, 0, "a", "");
	wr_group_join(&group, 1, "z", "y");
	wr_group_join(&group, 2, "b", "");
	wr_group_join(&group, 3, "z", "x");
	settle_down();
	expect_owners(3, 1, 0, 2);
}

CASE(seats, where_all_are_kept_the_one_kept_longest_goes)
{
	static const char *const ids[] = {"a", "b", "c", "d"};
	for (uint32_t i = 0; i < 4; i++)
		sit(i, ids[i]);
	for (uint32_t i = 0; i < 4; i++) {
		wr_group_leave(&group, i, SOON + (i == 2 ? 0 : 1 + i));
		settle_down();
		wr_group_remove(&group, i);
	}
	cr_expect_eq(group.kept_count, 4);
	sit(0, "e");
	cr_expect_eq(group.kept_count, 3);
	sit(1, "c"); /* was given up: it is a new one */
	cr_expect_eq(group.kept_count, 2);
	sit(2, "d");
	cr_expect_eq(group.kept_count, 1);
	expect_owners(WR_MEMBER_NONE, 1, 2, 0);
}

CASE(seats, a_seek_moves_what_is_kept_as_well)
{
	sit(0, "a");
	leave(0);
	uint32_t from = call_count;
	wr_group_seek(&group, 500);
	settle_down();
	uint32_t moved = 0;
	for (uint32_t i = from; i < call_count; i++)
		moved += calls[i].kind == RAISE && calls[i].position == 500 &&
			 calls[i].member == WR_MEMBER_NONE;
	cr_expect_eq(moved, 4);
	sit(1, "a");
	expect_owners(1, 1, 1, 1);
}

/* ---- the sticky assignor, in a group ---- */

CASE(seats, sticky_moves_only_what_a_new_member_gets)
{
	wr_group_use(&group, WR_ASSIGNOR_STICKY);
	sit(0, "");
	sit(1, "");
	expect_owners(0, 0, 1, 1);
	uint32_t revokes = count(REVOKE);
	sit(2, "");
	cr_expect_eq(count(REVOKE), revokes + 1);
	cr_expect_eq(group.members[2].owned_count, 1);
	leave(0);
	cr_expect_eq(count(REVOKE), revokes + 1, "what he had was nobody's: nobody is asked");
	cr_expect_eq(group.members[1].owned_count, 2);
	cr_expect_eq(group.members[2].owned_count, 2);
}

CASE(seats, sticky_leaves_a_row_to_its_owner_as_long_as_he_was_not_asked)
{
	wr_group_use(&group, WR_ASSIGNOR_STICKY);
	sit(0, "");
	room[0] = 0; /* he has no room for a message: nothing can begin to move */
	wr_group_join(&group, 1, "m", "");
	settle_down();
	expect_owners(0, 0, 0, 0);
	leave(1);
	room[0] = 100;
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_expect_eq(count(REVOKE), 0);
	cr_expect(wr_group_is_settled(&group));
}

CASE(seats, another_assignor_is_another_division)
{
	sit(0, "");
	sit(1, "");
	expect_owners(0, 0, 1, 1);
	wr_group_use(&group, WR_ASSIGNOR_ROUND_ROBIN);
	uint32_t from = call_count;
	settle_down();
	release_all(0, from, 0);
	release_all(1, from, 0);
	settle_down();
	expect_owners(0, 1, 0, 1);
	wr_group_use(&group, WR_ASSIGNOR_STICKY);
	settle_down();
	expect_owners(0, 1, 0, 1);
}
