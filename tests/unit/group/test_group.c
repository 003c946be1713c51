/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a row goes from owner to owner by revoke, drain, raise, assign, in this order and never
 *         otherwise; nobody is told more than there is room for; who is gone is not waited for, and
 *         who loses a row unasked is told before another can get it.
 *         Rules: L14 (a step waits for nobody), L19 (the next owner only behind the record in the
 *         log, an expiry only behind the drained lane), L37 (late acks are fenced: a generation).
 * Method: the group's ports written to a list of calls; each case says what must have been called.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <weir/error.h>

#include "tests/support/case.h"
#include "tests/unit/group/group_bed.h"

TestSuite(group, .init = set_up);

CASE(group, the_first_member_gets_everything_by_the_log)
{
	wr_group_join(&group, 2, "m", "");
	(void)wr_group_step(&group);
	cr_expect_eq(count(RAISE), 4);
	cr_expect_eq(count(ASSIGN), 0, "nobody is told before the record is in the log");
	for (uint32_t r = 0; r < 4; r++)
		wr_group_raised(&group, r, 0);
	cr_expect_eq(count(ASSIGN), 4);
	expect_owners(2, 2, 2, 2);
	for (uint32_t i = 0; i < 4; i++) {
		cr_expect_eq(calls[i].generation, 1);
		cr_expect_eq(calls[i].position, WR_SEEK_NONE);
		cr_expect_eq(calls[i].member, 2);
	}
	(void)wr_group_step(&group);
	cr_expect(wr_group_is_settled(&group));
}

CASE(group, generations_go_on_from_what_the_log_has)
{
	wr_group_set_generation(&group, 1, 41);
	join(0, "m");
	cr_expect_eq(group.rows[1].generation, 42);
	cr_expect_eq(group.rows[0].generation, 1);
}

CASE(group, members_are_ordered_by_name_and_not_by_slot)
{
	wr_group_join(&group, 0, "z", "");
	wr_group_join(&group, 1, "a", "");
	wr_group_join(&group, 3, "k", "");
	settle_down();
	expect_owners(1, 1, 3, 0);
}

CASE(group, equal_names_are_ordered_by_slot_and_long_ones_by_their_beginning)
{
	char name[201];
	memset(name, 'n', sizeof name - 1);
	name[200] = '\0';
	wr_group_join(&group, 1, name, "");
	name[100] = 'a';
	wr_group_join(&group, 0, name, "");
	settle_down();
	expect_owners(0, 0, 1, 1);
}

CASE(group, a_second_member_takes_over_in_four_moves)
{
	join(0, "a");
	uint32_t from = call_count;
	wr_group_join(&group, 1, "b", "");
	(void)wr_group_step(&group);
	cr_assert_eq(call_count - from, 2, "rows 2 and 3 are asked for, 0 and 1 stay");
	cr_expect_eq(calls[from].kind, REVOKE);
	cr_expect_eq(calls[from].member, 0);
	cr_expect_eq(calls[from].row, 2);
	expect_owners(0, 0, 0, 0);
	/* It lets go, with acks up to place 9 of its lane on their way. */
	release_all(0, from, 9);
	from = call_count;
	(void)wr_group_step(&group);
	cr_expect_eq(call_count, from, "not before they are decided");
	decided[0] = 8;
	(void)wr_group_step(&group);
	cr_expect_eq(call_count, from);
	decided[0] = 9;
	(void)wr_group_step(&group);
	cr_assert_eq(call_count - from, 2);
	cr_expect_eq(calls[from].kind, RAISE);
	cr_expect_eq(calls[from].generation, 2);
	cr_expect_eq(calls[from].member, 1);
	wr_group_raised(&group, 2, 0);
	wr_group_raised(&group, 3, 0);
	expect_owners(0, 0, 1, 1);
	cr_expect_eq(calls[call_count - 1].kind, ASSIGN);
}

CASE(group, an_owner_that_does_not_answer_is_waited_for_until_its_session_ends)
{
	join(0, "a");
	wr_group_join(&group, 1, "b", "");
	for (uint32_t i = 0; i < 10; i++)
		(void)wr_group_step(&group);
	expect_owners(0, 0, 0, 0);
	place[0] = 5;
	wr_group_expire(&group, 0);
	uint32_t raises = count(RAISE);
	(void)wr_group_step(&group);
	(void)wr_group_step(&group);
	cr_expect_eq(count(RAISE), raises, "its lane first: L19");
	decided[0] = 5;
	settle_down();
	expect_owners(1, 1, 1, 1);
	cr_expect_eq(group.rows[0].generation, 2, "a late ack of it is fenced");
}

CASE(group, who_loses_a_row_without_being_asked_is_told_once_before_the_next_owner)
{
	join(0, "z");
	wr_group_join(&group, 1, "a", "");
	wr_group_expire(&group, 0);
	raises_left = 2;
	settle_down();
	cr_expect_eq(count(LOST), 4, "all of it, though the log was full");
	raises_left = 100;
	settle_down();
	expect_owners(1, 1, 1, 1);
	cr_expect_eq(count(LOST), 4);
	bool told[4] = {false};
	for (uint32_t i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		if (c->kind == LOST) {
			cr_expect(c->member == 0 && c->generation == 1);
			told[c->row] = true;
		}
		cr_expect(c->kind != RAISE || c->generation != 2 || told[c->row]);
	}
}

CASE(group, who_reads_no_messages_is_told_all_the_same)
{
	join(0, "z");
	room[0] = 0;
	wr_group_join(&group, 1, "a", "");
	wr_group_expire(&group, 0);
	settle_down();
	cr_expect_eq(count(LOST), 4);
	expect_owners(1, 1, 1, 1);
}

CASE(group, who_was_to_keep_a_row_and_slept_meanwhile_is_told)
{
	join(0, "z");
	wr_group_seek(&group, 7);
	(void)wr_group_step(&group);
	(void)wr_group_step(&group);
	cr_assert_eq(group.rows[0].state, WR_ROW_RAISING, "the next generation is for it again");
	wr_group_expire(&group, 0);
	for (uint32_t r = 0; r < 4; r++)
		wr_group_raised(&group, r, 0);
	settle_down();
	expect_owners(WR_MEMBER_NONE, WR_MEMBER_NONE, WR_MEMBER_NONE, WR_MEMBER_NONE);
	join(1, "a");
	expect_owners(1, 1, 1, 1);
	cr_expect_eq(count(LOST), 4);
}

CASE(group, who_polls_again_is_a_member_again)
{
	join(0, "a");
	wr_group_expire(&group, 0);
	settle_down();
	expect_owners(WR_MEMBER_NONE, WR_MEMBER_NONE, WR_MEMBER_NONE, WR_MEMBER_NONE);
	wr_group_revive(&group, 0);
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_expect_eq(group.rows[3].generation, 2, "under a new generation: it may have gone on");
}

CASE(group, who_leaves_is_not_asked)
{
	join(0, "a");
	join(1, "b");
	release_all(0, 0, 0);
	settle_down();
	uint32_t revokes = count(REVOKE);
	place[1] = 3;
	wr_group_leave(&group, 1, 0);
	(void)wr_group_step(&group);
	cr_expect_eq(count(REVOKE), revokes);
	cr_expect_not(wr_group_has_left(&group, 1), "its lane is not decided yet");
	decided[1] = 3;
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_assert(wr_group_has_left(&group, 1));
	wr_group_remove(&group, 1);
	/* Its slot is anybody's. */
	join(1, "c");
	release_all(0, 0, 0);
	settle_down();
	expect_owners(0, 0, 1, 1);
}

CASE(group, the_last_one_to_leave_turns_off_the_light)
{
	join(0, "a");
	wr_group_leave(&group, 0, 0);
	settle_down();
	cr_expect(wr_group_has_left(&group, 0));
	cr_expect(wr_group_is_settled(&group));
	expect_owners(WR_MEMBER_NONE, WR_MEMBER_NONE, WR_MEMBER_NONE, WR_MEMBER_NONE);
	cr_expect_eq(count(RAISE), 4, "no generation for nobody");
}

CASE(group, who_left_while_a_generation_was_raised_for_it_is_not_told)
{
	wr_group_join(&group, 0, "a", "");
	wr_group_join(&group, 1, "b", "");
	(void)wr_group_step(&group);
	wr_group_leave(&group, 1, 0);
	(void)wr_group_step(&group);
	cr_expect_not(wr_group_has_left(&group, 1), "two generations are under way for it");
	for (uint32_t r = 0; r < 4; r++)
		wr_group_raised(&group, r, 0);
	cr_expect(wr_group_has_left(&group, 1));
	for (uint32_t i = 0; i < call_count; i++)
		cr_expect(calls[i].kind != ASSIGN || calls[i].member == 0);
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_expect_eq(group.rows[3].generation, 2);
}

CASE(group, a_released_row_of_an_earlier_life_is_ignored)
{
	join(0, "a");
	wr_group_join(&group, 1, "b", "");
	(void)wr_group_step(&group);
	wr_group_released(&group, 0, 2, 7, 0); /* a generation that never was */
	wr_group_released(&group, 1, 2, 1, 0); /* not its owner */
	wr_group_released(&group, 0, 0, 1, 0); /* not asked for */
	cr_expect_eq(group.rows[2].state, WR_ROW_REVOKING);
	cr_expect_eq(group.rows[0].state, WR_ROW_SETTLED);
	wr_group_released(&group, 0, 2, 1, 0);
	cr_expect_eq(group.rows[2].state, WR_ROW_DRAINING);
	wr_group_released(&group, 0, 2, 1, 0); /* twice */
	cr_expect_eq(group.members[0].owned_count, 3);
}

CASE(group, a_row_that_its_owner_is_to_keep_after_all_comes_back_to_it)
{
	join(0, "a");
	uint32_t from = call_count;
	wr_group_join(&group, 1, "b", "");
	(void)wr_group_step(&group);
	wr_group_leave(&group, 1, 0); /* before it got anything */
	(void)wr_group_step(&group);
	release_all(0, from, 0);
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_expect_eq(group.rows[3].generation, 2);
	cr_expect_eq(group.rows[0].generation, 1);
}

CASE(group, nothing_is_told_to_a_member_that_is_full_of_messages)
{
	room[0] = 2;
	wr_group_join(&group, 0, "a", "");
	settle_down();
	cr_expect_eq(count(ASSIGN), 2, "the port asserts that there was room");
	cr_expect_not(wr_group_is_settled(&group));
	room[0] = 1;
	settle_down();
	cr_expect_eq(count(ASSIGN), 3);
	room[0] = 10;
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_expect(wr_group_is_settled(&group));
}

CASE(group, generations_under_way_have_their_messages_kept)
{
	room[0] = 3;
	wr_group_join(&group, 0, "a", "");
	(void)wr_group_step(&group);
	cr_assert_eq(count(RAISE), 3, "three messages to come, no room for a fourth");
	wr_group_raised(&group, 0, 0);
	/* One is told, one message is left beside the two that are sure to come: none. */
	wr_group_join(&group, 1, "b", "");
	(void)wr_group_step(&group);
	cr_expect_eq(count(REVOKE), 0);
	wr_group_raised(&group, 1, 0);
	wr_group_raised(&group, 2, 0);
	cr_expect_eq(room[0], 0);
	(void)wr_group_step(&group);
	cr_expect_eq(count(REVOKE), 0, "row 2 is to go, and cannot be asked for");
	room[0] = 1;
	(void)wr_group_step(&group);
	cr_expect_eq(count(REVOKE), 1);
}

CASE(group, a_full_lane_to_the_log_is_tried_again)
{
	raises_left = 0;
	wr_group_join(&group, 0, "a", "");
	cr_expect_eq(wr_group_step(&group), 0);
	cr_expect_not(wr_group_is_settled(&group));
	raises_left = 3;
	settle_down();
	cr_expect_eq(count(ASSIGN), 3);
	raises_left = 3;
	settle_down();
	expect_owners(0, 0, 0, 0);
}

CASE(group, a_refused_generation_is_asked_for_again)
{
	wr_group_join(&group, 0, "a", "");
	(void)wr_group_step(&group);
	wr_group_raised(&group, 0, WEIR_E_FULL);
	cr_expect_eq(group.rows[0].generation, 0);
	cr_expect_eq(count(ASSIGN), 0);
	uint32_t raises = count(RAISE);
	(void)wr_group_step(&group);
	cr_expect_eq(count(RAISE), raises + 1);
	cr_expect_eq(calls[call_count - 1].generation, 1);
}

Test(group, an_answer_that_nobody_waits_for_is_a_fault_of_weirs_own, .signal = SIGABRT)
{
	wr_group_raised(&group, 0, 0);
}

/* ---- seeks ---- */

CASE(group, a_seek_takes_rows_without_asking_and_gives_them_back_moved)
{
	join(0, "a");
	uint32_t from = call_count;
	place[0] = 4;
	wr_group_seek(&group, 77);
	cr_expect_not(wr_group_is_settled(&group));
	(void)wr_group_step(&group);
	(void)wr_group_step(&group);
	cr_expect_eq(call_count, from, "acks that were sent before are decided before");
	decided[0] = 4;
	settle_down();
	cr_expect_eq(count(REVOKE) + count(LOST), 0, "what is in hand is to be fenced");
	for (uint32_t i = from; i < from + 4; i++)
		cr_expect(calls[i].kind == RAISE && calls[i].position == 77 &&
			  calls[i].generation == 2);
	expect_owners(0, 0, 0, 0);
	for (uint32_t r = 0; r < 4; r++)
		cr_expect_eq(group.rows[r].seek_position, WR_SEEK_NONE);
	cr_expect(wr_group_is_settled(&group));
}

CASE(group, a_seek_that_takes_a_row_to_another_member_tells_its_owner)
{
	join(0, "a");
	uint32_t from = call_count;
	wr_group_join(&group, 1, "b", "");
	wr_group_seek(&group, 77);
	settle_down();
	expect_owners(0, 0, 1, 1);
	cr_expect_eq(count(LOST), 2, "of the rows that it does not keep");
	for (uint32_t i = from; i < call_count; i++)
		cr_expect(calls[i].kind != LOST || (calls[i].member == 0 && calls[i].row >= 2));
}

/* The partition that had its keys before it is to be read anew first. */
CASE(group, who_gets_a_row_again_that_waits_is_told_that_he_lost_it)
{
	join(0, "a");
	group.rows[3].waits = true;
	opens = false;
	uint32_t from = call_count;
	wr_group_seek(&group, 77);
	settle_down();
	expect_owners(0, 0, 0, WR_MEMBER_NONE);
	cr_assert_eq(count(LOST), 1);
	for (uint32_t i = from; i < call_count; i++)
		cr_expect(calls[i].kind != LOST ||
			  (calls[i].member == 0 && calls[i].row == 3 && calls[i].generation == 1));
	opens = true;
	settle_down();
	expect_owners(0, 0, 0, 0);
	cr_expect_eq(group.rows[3].generation, 3);
	cr_expect_eq(count(LOST), 1);
}

CASE(group, rows_of_nobody_are_moved_too)
{
	wr_group_seek(&group, 5);
	settle_down();
	cr_expect_eq(count(RAISE), 4);
	cr_expect_eq(calls[0].member, WR_MEMBER_NONE);
	cr_expect_eq(calls[0].position, 5);
	cr_expect(wr_group_is_settled(&group));
	cr_expect_eq(group.rows[0].generation, 1);
}

CASE(group, a_seek_while_a_generation_is_raised_comes_after_it)
{
	wr_group_join(&group, 0, "a", "");
	(void)wr_group_step(&group);
	wr_group_seek(&group, 9);
	(void)wr_group_step(&group);
	cr_expect_eq(count(RAISE), 4);
	for (uint32_t r = 0; r < 4; r++)
		wr_group_raised(&group, r, 0);
	for (uint32_t r = 0; r < 4; r++)
		cr_expect_eq(group.rows[r].seek_position, 9, "still to come");
	settle_down();
	cr_expect_eq(group.rows[0].generation, 2);
	cr_expect_eq(group.rows[0].seek_position, WR_SEEK_NONE);
	expect_owners(0, 0, 0, 0);
}

CASE(group, a_second_seek_overrides_one_that_is_under_way)
{
	join(0, "a");
	wr_group_seek(&group, 9);
	(void)wr_group_step(&group);
	(void)wr_group_step(&group);
	cr_assert_eq(group.rows[0].state, WR_ROW_RAISING);
	wr_group_seek(&group, 3);
	for (uint32_t r = 0; r < 4; r++)
		wr_group_raised(&group, r, 0);
	uint32_t from = call_count;
	settle_down();
	cr_assert_gt(call_count, from);
	cr_expect_eq(calls[from].kind, RAISE);
	cr_expect_eq(calls[from].position, 3);
	cr_expect_eq(group.rows[0].generation, 3);
}

CASE(group, a_seek_that_the_log_refused_is_asked_for_again)
{
	wr_group_seek(&group, 5);
	(void)wr_group_step(&group);
	for (uint32_t r = 0; r < 4; r++)
		wr_group_raised(&group, r, WEIR_E_FULL);
	cr_expect_eq(group.rows[0].seek_position, 5);
	settle_down();
	cr_expect_eq(group.rows[0].seek_position, WR_SEEK_NONE);
	cr_expect_eq(group.rows[0].generation, 1);
}

CASE(group, every_failed_allocation_is_returned)
{
	struct wr_group other;
	for (uint64_t k = 1; k <= 5; k++) {
		wr_memory_sim_fail(&memory, k, false);
		cr_expect_eq(wr_group_init(&other, &memory.base, &ports, topics, 1, MEMBERS),
			     -ENOMEM);
		cr_expect_eq(memory.live_count, 5);
	}
}
