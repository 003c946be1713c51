/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   suspects are granted one at a time, each when it is durable that it is in hand, those
 *         that failed least first, and nothing beside them; what comes back untried is said to be
 *         out of hand; when none is left all is as ever. Rule: L33.
 * Method: one machine, with ports that write down what is asked of them.
 */
#include <criterion/criterion.h>

#include "core/group/share.h"
#include "io/sim/memory_sim.h"

#define NEVER UINT64_MAX

static struct wr_memory_sim memory;
static struct wr_share share;
static uint64_t asked; /* what was said to be in hand last */
static uint32_t given_back;

static int expire(void *context, const struct wr_share_event *event)
{
	(void)context, (void)event;
	return 0;
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

static int in_hand(void *context, const struct wr_share_event *event)
{
	(void)context;
	if (event == NULL)
		given_back++;
	else
		asked = event->seq;
	return 0;
}

static const struct wr_share_ports ports = {.expire = expire,
					    .bury = expire,
					    .lane_place = lane_place,
					    .lane_decided = lane_decided,
					    .in_hand = in_hand};

/* Suspects 1, 2 (which has failed twice) and 3; 4 is none. */
static void set_up(void)
{
	const struct wr_share_options options = {.events_max = 8, .members_max = 2};
	static const uint32_t attempts[] = {0, 2, 0, 0};
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_share_init(&share, &memory.base, &ports, &options), 0);
	share.lease_ns = NEVER;
	share.isolates = true;
	share.suspects_end = 4;
	asked = 0;
	given_back = 0;
	for (uint32_t i = 0; i < 4; i++) {
		struct wr_share_event event = {
			.seq = i + 1, .generation = 1, .attempts = attempts[i]};
		wr_share_restore(&share, &event);
	}
	wr_share_join(&share, 0, 8);
	wr_share_join(&share, 1, 8);
}

static void tear_down(void)
{
	wr_share_fini(&share, &memory.base);
}

TestSuite(share_suspects, .init = set_up, .fini = tear_down);

static uint64_t grant(uint32_t member)
{
	const struct wr_share_event *e = wr_share_grant(&share, member, 0, 0);
	return e != NULL ? e->seq : 0;
}

/* The next one is said to be in hand by record 50, is durable, and granted. */
static uint64_t next(void)
{
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(grant(0), 0, "before it is ordered");
	wr_share_in_hand(&share, asked, true, 50);
	(void)wr_share_step(&share, 49, 0);
	cr_expect_eq(grant(0), 0, "before it is durable");
	(void)wr_share_step(&share, 50, 0);
	uint64_t seq = grant(0);
	cr_expect_eq(seq, asked);
	cr_expect_eq(grant(0), 0, "it alone");
	cr_expect_eq(grant(1), 0);
	asked = 0;
	(void)wr_share_step(&share, NEVER, 0);
	cr_expect_eq(asked, 0, "no other while it is out");
	return seq;
}

Test(share_suspects, they_go_one_at_a_time_and_then_all_is_as_ever)
{
	static const uint64_t order[] = {1, 3, 2};
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(next(), order[i], "those that failed least first");
		wr_share_settled(&share, order[i], order[i], 1);
	}
	cr_expect_not(wr_share_isolates(&share));
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(grant(1), 4, "nothing is asked for it");
	cr_expect_eq(asked, 0);
	cr_expect_eq(given_back, 0);
}

Test(share_suspects, what_comes_back_untried_is_said_to_be_out_of_hand)
{
	cr_assert_eq(next(), 1);
	wr_share_leave(&share, 0);
	wr_share_join(&share, 0, 8);
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(given_back, 1);
	cr_assert_eq(next(), 1);
	wr_share_rejected(&share,
			  &(struct wr_share_rejection){
				  .seq = 1, .generation = 1, .record_seq = 60, .counts = true});
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(given_back, 1, "the reject has said so");
	cr_expect_eq(asked, 3, "the others go on meanwhile");
}

Test(share_suspects, a_refused_record_is_tried_again_and_without_a_reader_there_is_none)
{
	wr_share_pause(&share, 0, true);
	wr_share_pause(&share, 1, true);
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(asked, 0, "nobody would be handed it");
	wr_share_pause(&share, 0, false);
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(asked, 1);
	wr_share_in_hand(&share, 1, false, 0);
	asked = 0;
	(void)wr_share_step(&share, NEVER, 0);
	cr_expect_eq(asked, 1);
}

Test(share_suspects, what_is_trusted_goes_as_ever)
{
	cr_assert_eq(next(), 1);
	wr_share_trust(&share);
	(void)wr_share_step(&share, NEVER, 0);
	for (uint64_t seq = 2; seq <= 4; seq++)
		cr_expect_eq(grant(1), seq);
	wr_share_settled(&share, 1, 4, 1);
	cr_expect_eq(share.event_count, 0);
	cr_expect(asked == 0 && !wr_share_isolates(&share));
}

Test(share_suspects, while_all_of_them_wait_others_go_on)
{
	for (uint64_t seq = 1; seq <= 3; seq++)
		wr_share_rejected(&share, &(struct wr_share_rejection){.seq = seq,
								       .generation = 1,
								       .record_seq = 60,
								       .counts = true});
	(void)wr_share_step(&share, 0, 0);
	cr_expect_eq(grant(1), 4);
	(void)wr_share_step(&share, 60, 0);
	cr_expect_eq(asked, 0, "they are ready, and somebody has another");
	wr_share_settled(&share, 4, 4, 1);
	(void)wr_share_step(&share, 60, 0);
	cr_expect_neq(asked, 0);
}
