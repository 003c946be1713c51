/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a lane hands whole records over in order, wherever its ends stand in the ring; what is
 *         claimed and not appended was never there; answers never find their ring full.
 *         Rules: L7 (one store of the tail), L8 (tickets, replies, credit), L42 (a slot's lives).
 * Method: both sides played by one thread; every position of the wrap; a seeded run of claims,
 *         aborts, publishes, rounds and answers against a model made of two lists.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>

#include <weir/error.h>

#include "core/log/lane.h"
#include "io/posix/memory_posix.h"
#include "io/sim/memory_sim.h"
#include "io/sim/park_sim.h"
#include "io/sim/prng.h"
#include "tests/support/case.h"

#define REPLIES 16u

static struct wr_memory_posix posix;
static struct wr_memory_sim memory;
static struct wr_park_sim parks;
static struct wr_parker writer_parker;
static struct wr_lane lane;
static uint64_t lane_bytes;

static void set_up(void)
{
	lane_bytes = wr_memory_page_bytes();
	cr_assert_eq(wr_memory_posix_init(&posix, NULL), 0);
	wr_memory_sim_init(&memory, &posix.memory);
	wr_parker_init(&writer_parker, &wr_park_sim_ops, &parks);
	cr_assert_eq(wr_lane_init(&lane, 3, &memory.base, lane_bytes, REPLIES, &writer_parker,
				  &wr_park_sim_ops),
		     0);
	lane.parker.context = &parks;
	lane.level_parker.context = &parks;
	wr_lane_open(&lane, WR_LANE_DATA, true);
}

static void tear_down(void)
{
	wr_lane_fini(&lane, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(lane, .init = set_up);

/* Appends `bytes` that count up from `first`; false: no room. */
static bool append(uint64_t bytes, uint64_t first)
{
	uint8_t *to = wr_lane_claim(&lane, bytes);
	if (to == NULL)
		return false;
	for (uint64_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(first + i);
	(void)wr_lane_append(&lane, bytes);
	return true;
}

/* The writer takes `bytes` in one run, and says so. */
static void take(uint64_t bytes)
{
	cr_assert_geq(wr_lane_peek_tail(&lane), bytes);
	lane.head_own += bytes;
	lane.ordered_own++;
	wr_lane_publish_taken(&lane);
}

static void answer(uint64_t ticket, int code)
{
	struct wr_reply reply = {.ticket = ticket, .code = code, .sequence = ticket * 2};
	wr_lane_answer(&lane, &reply);
}

CASE(lane, what_is_appended_is_invisible_until_it_is_published)
{
	cr_assert(append(64, 0));
	cr_assert(append(64, 64));
	cr_expect_eq(wr_lane_peek_tail(&lane), 0);
	wr_lane_publish(&lane);
	cr_expect_eq(wr_lane_peek_tail(&lane), 128);
}

CASE(lane, a_claim_that_is_given_up_was_never_there)
{
	void *first = wr_lane_claim(&lane, 256);
	cr_assert_not_null(first);
	cr_expect_eq(wr_lane_claim(&lane, 64), first, "the next claim begins at the same place");
	wr_lane_publish(&lane);
	cr_expect_eq(wr_lane_peek_tail(&lane), 0);
	cr_expect_eq(lane.handed_over, 0);
}

CASE(lane, a_record_stands_in_one_piece_at_every_place_of_the_ring)
{
	/* 72 does not divide the ring: the wrap falls everywhere. */
	for (uint64_t i = 0; i < lane_bytes / 8; i++) {
		cr_assert(append(72, i));
		wr_lane_publish(&lane);
		(void)wr_lane_peek_tail(&lane);
		const uint8_t *at = wr_lane_at(&lane, lane.head_own);
		for (uint64_t k = 0; k < 72; k++)
			cr_assert_eq(at[k], (uint8_t)(i + k), "record %llu byte %llu",
				     (unsigned long long)i, (unsigned long long)k);
		take(72);
	}
}

CASE(lane, the_whole_ring_may_be_used_and_not_a_byte_more)
{
	cr_assert(append(lane_bytes, 0));
	cr_expect_null(wr_lane_claim(&lane, 8));
	wr_lane_publish(&lane);
	cr_expect_eq(wr_lane_peek_tail(&lane), lane_bytes);
	cr_expect_null(wr_lane_claim(&lane, 8));
	take(lane_bytes);
	cr_expect_not_null(wr_lane_claim(&lane, lane_bytes));
	cr_expect_null(wr_lane_claim(&lane, lane_bytes + 8));
}

CASE(lane, room_comes_back_as_the_writer_takes)
{
	for (uint32_t i = 0; i < 4; i++)
		cr_assert(append(lane_bytes / 4, i));
	wr_lane_publish(&lane);
	cr_expect_eq(wr_lane_room_refresh(&lane), 0);
	take(lane_bytes / 4);
	cr_expect_eq(wr_lane_room_refresh(&lane), lane_bytes / 4);
	cr_expect_not_null(wr_lane_claim(&lane, lane_bytes / 4));
	cr_expect_null(wr_lane_claim(&lane, lane_bytes / 4 + 8));
}

CASE(lane, tickets_are_dense_from_one)
{
	for (uint64_t i = 1; i <= REPLIES; i++) {
		cr_assert_not_null(wr_lane_claim(&lane, 8));
		cr_expect_eq(wr_lane_append(&lane, 8), i);
	}
}

CASE(lane, undecided_tickets_never_exceed_the_reply_ring)
{
	for (uint64_t i = 0; i < REPLIES; i++)
		cr_assert(append(8, i));
	cr_expect_null(wr_lane_claim(&lane, 8), "no credit");
	cr_expect_gt(wr_lane_room_refresh(&lane), 8, "though there is room");
	wr_lane_publish(&lane);
	/* Decided without a reply: credit comes back at once. */
	take(8);
	cr_expect_not_null(wr_lane_claim(&lane, 8));
	cr_assert(append(8, 0));
	cr_expect_null(wr_lane_claim(&lane, 8));
	/* Decided with one: only when it was read. */
	answer(2, WEIR_E_FENCED);
	take(8);
	cr_expect_null(wr_lane_claim(&lane, 8));
	cr_expect_eq(wr_lane_reply_peek(&lane)->ticket, 2);
	wr_lane_reply_take(&lane);
	cr_expect_not_null(wr_lane_claim(&lane, 8));
}

CASE(lane, a_ring_full_of_answers_is_full_and_no_more)
{
	for (uint32_t life = 0; life < 5; life++) {
		for (uint64_t i = 0; i < REPLIES; i++)
			cr_assert(append(8, i));
		wr_lane_publish(&lane);
		for (uint64_t i = 0; i < REPLIES; i++) {
			answer(life * REPLIES + i + 1, i % 2 == 0 ? 0 : -EINVAL);
			take(8);
		}
		cr_expect_null(wr_lane_claim(&lane, 8));
		for (uint64_t i = 0; i < REPLIES; i++) {
			const struct wr_reply *reply = wr_lane_reply_peek(&lane);
			cr_assert_not_null(reply);
			cr_expect_eq(reply->ticket, life * REPLIES + i + 1);
			cr_expect_eq(reply->sequence, 2 * reply->ticket);
			wr_lane_reply_take(&lane);
		}
		cr_expect_null(wr_lane_reply_peek(&lane));
	}
	cr_expect_eq(wr_load_relaxed(&lane.refused), 5 * REPLIES / 2);
	cr_expect_eq(wr_load_relaxed(&lane.first_refused_ticket), 2);
}

Test(lane, an_answer_without_credit_is_a_fault_of_weirs_own, .signal = SIGABRT)
{
	for (uint64_t i = 0; i <= REPLIES; i++)
		answer(i + 1, 0);
}

CASE(lane, without_answers_there_is_no_credit_to_run_out_of)
{
	wr_lane_fini(&lane, &memory.base);
	cr_assert_eq(wr_lane_init(&lane, 3, &memory.base, lane_bytes, REPLIES, &writer_parker,
				  &wr_park_sim_ops),
		     0);
	wr_lane_open(&lane, WR_LANE_DATA, false);
	for (uint64_t i = 0; i < lane_bytes / 8; i++)
		cr_assert(append(8, i));
	cr_expect_null(wr_lane_claim(&lane, 8));
	for (uint64_t i = 0; i < 3 * REPLIES; i++)
		answer(i + 1, i == 0 ? 0 : WEIR_E_FULL);
	cr_expect_eq(wr_load_relaxed(&lane.refused), 3 * REPLIES - 1);
	cr_expect_eq(wr_load_relaxed(&lane.first_refusal), (uint32_t)-WEIR_E_FULL);
	cr_expect_null(wr_lane_reply_peek(&lane));
}

CASE(lane, publishing_wakes_a_writer_that_sleeps_and_no_other)
{
	cr_assert(append(8, 0));
	wr_lane_publish(&lane);
	cr_expect_eq(parks.wake_count, 0);
	uint32_t word = wr_park_announce(&writer_parker);
	cr_assert(append(8, 0));
	wr_lane_publish(&lane);
	cr_expect_eq(parks.wake_count, 1);
	wr_park_sleep(&writer_parker, word, UINT64_MAX);
	cr_expect_eq(parks.missed_count, 1, "it came between the look and the sleep");
	/* The owner's side of it. */
	(void)wr_park_announce(&lane.parker);
	take(8);
	cr_expect_eq(parks.wake_count, 2);
	wr_park_cancel(&lane.parker);
	take(8);
	cr_expect_eq(parks.wake_count, 2);
}

CASE(lane, a_next_owner_starts_anew)
{
	cr_assert(append(64, 0));
	wr_lane_publish(&lane);
	answer(1, -EINVAL);
	take(64);
	wr_lane_poison(&lane);
	cr_expect_eq(wr_load_relaxed(&lane.state), WR_LANE_OPEN);
	wr_lane_shut_out(&lane);
	cr_expect_eq(wr_load_relaxed(&lane.state), WR_LANE_POISONED);
	wr_lane_close(&lane);
	cr_expect_eq(wr_load_relaxed(&lane.state), WR_LANE_CLOSING);
	wr_store_release(&lane.state, (uint32_t)WR_LANE_FREE);
	wr_lane_open(&lane, WR_LANE_SETTLE, true);
	cr_expect_eq(lane.kind, WR_LANE_SETTLE);
	cr_expect_null(wr_lane_reply_peek(&lane));
	cr_expect_eq(wr_lane_ordered(&lane), 0);
	cr_expect_eq(wr_load_relaxed(&lane.refused), 0);
	cr_expect_not(lane.poisoned);
	cr_assert_not_null(wr_lane_claim(&lane, lane_bytes));
	cr_expect_eq(wr_lane_append(&lane, lane_bytes), 1);
}

Test(lane, a_lane_that_somebody_has_is_not_opened_again, .signal = SIGABRT)
{
	wr_lane_open(&lane, WR_LANE_DATA, true);
}

CASE(lane, every_failed_request_for_memory_is_returned)
{
	struct wr_lane other = {0};
	for (uint64_t k = 1; k <= 2; k++) {
		wr_memory_sim_fail(&memory, k, false);
		cr_expect_eq(wr_lane_init(&other, 0, &memory.base, lane_bytes, REPLIES,
					  &writer_parker, &wr_park_sim_ops),
			     -ENOMEM);
		cr_expect_eq(memory.live_count, 2);
	}
	wr_lane_fini(&other, &memory.base);
}

/* ---- against a model ---- */

#define RUNS_MAX 100000u

struct model {
	uint32_t bytes[RUNS_MAX]; /* of each ticket */
	uint64_t handed_over, published, taken, answered_unread;
	uint64_t used; /* bytes between the ends */
};

static struct model model;

static void check_bytes(uint64_t ticket, uint32_t bytes)
{
	const uint8_t *at = wr_lane_at(&lane, lane.head_own);
	for (uint32_t k = 0; k < bytes; k++)
		cr_assert_eq(at[k], (uint8_t)(ticket + k));
}

static void owner_acts(struct wr_prng *prng)
{
	uint32_t bytes = 8 * (uint32_t)wr_prng_between(prng, 1, lane_bytes / 32);
	uint64_t undecided = model.handed_over - model.taken;
	bool room = model.used + bytes <= lane_bytes && undecided + model.answered_unread < REPLIES;
	uint8_t *to = wr_lane_claim(&lane, bytes);
	cr_assert_eq(to != NULL, room);
	if (to == NULL || wr_prng_chance(prng, 200000))
		return; /* given up */
	for (uint32_t k = 0; k < bytes; k++)
		to[k] = (uint8_t)(model.handed_over + 1 + k);
	cr_assert_eq(wr_lane_append(&lane, bytes), model.handed_over + 1);
	model.bytes[++model.handed_over % RUNS_MAX] = bytes;
	model.used += bytes;
}

static void writer_acts(struct wr_prng *prng)
{
	uint64_t waiting = 0;
	for (uint64_t t = model.taken + 1; t <= model.published; t++)
		waiting += model.bytes[t % RUNS_MAX];
	cr_assert_eq(wr_lane_peek_tail(&lane), waiting);
	while (model.taken < model.published && wr_prng_chance(prng, 700000)) {
		uint64_t ticket = ++model.taken;
		uint32_t bytes = model.bytes[ticket % RUNS_MAX];
		check_bytes(ticket, bytes);
		lane.head_own += bytes;
		lane.ordered_own++;
		model.used -= bytes;
		if (wr_prng_chance(prng, 300000)) {
			answer(ticket, WEIR_E_FENCED);
			model.answered_unread++;
		}
	}
	wr_lane_publish_taken(&lane);
}

static void random_life(uint64_t seed)
{
	struct wr_prng prng;
	wr_prng_init(&prng, seed);
	memset(&model, 0, sizeof model);
	for (uint32_t i = 0; i < 5000; i++) {
		switch (wr_prng_below(&prng, 6)) {
		case 0:
			writer_acts(&prng);
			break;
		case 1:
			wr_lane_publish(&lane);
			model.published = model.handed_over;
			break;
		case 2:
			if (wr_lane_reply_peek(&lane) != NULL) {
				wr_lane_reply_take(&lane);
				model.answered_unread--;
			}
			break;
		default:
			owner_acts(&prng);
		}
		cr_assert_eq(wr_lane_ordered(&lane), model.taken, "seed %llu action %u",
			     (unsigned long long)seed, i);
	}
	cr_assert_gt(model.taken, 100, "seed %llu", (unsigned long long)seed);
	wr_store_release(&lane.state, (uint32_t)WR_LANE_FREE);
	wr_lane_open(&lane, WR_LANE_DATA, true);
}

CASE(lane, agrees_with_a_model_of_two_lists)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		random_life(seed);
}
