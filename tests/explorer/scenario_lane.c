/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/log/lane.h and lane.c: one owner, one writer. What is taken is whole and in order, what is
 * given up is never seen, room and credit are given again only when the other side is done with
 * them, answers are there when they are said to be, a close loses nothing, and the next owner
 * begins with a clean lane (A1 to A3, Q1, Q2, S1; PK1 with both sides asleep).
 *
 * The writer of these scenarios does with the lane what core/log/writer.c does with it.
 */
#include "core/log/lane.h"
#include "tests/explorer/scenarios.h"

#define RECORD_BYTES 32u
#define WORDS (RECORD_BYTES / 8)

struct bed {
	struct wr_lane lane;
	struct wr_parker writer_parker;
	wr_atomic_u64 writer_wakes, owner_wakes;
};

static struct bed *bed;

static void set_up(enum wr_park_mode mode, uint64_t records, uint64_t replies)
{
	wr_park_mode = mode;
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	wr_parker_init(&bed->writer_parker, explorer_park_ops(), &bed->writer_wakes);
	EXPLORER_CHECK(wr_lane_init(&bed->lane, 0, explorer_memory(), records * RECORD_BYTES,
				    replies == 0 ? 1 : replies, &bed->writer_parker,
				    explorer_park_ops()) == 0);
	bed->lane.parker.context = &bed->owner_wakes;
	bed->lane.level_parker.context = &bed->owner_wakes;
	wr_lane_open(&bed->lane, WR_LANE_DATA, replies > 0);
}

static void set_up_two_seq(void)
{
	set_up(WR_PARK_SEQ_CST, 2, 0);
}

static void set_up_two_asymmetric(void)
{
	set_up(WR_PARK_MEMBARRIER, 2, 0);
}

static void set_up_one_seq(void)
{
	set_up(WR_PARK_SEQ_CST, 1, 0);
}

static void set_up_one_asymmetric(void)
{
	set_up(WR_PARK_MEMBARRIER, 1, 0);
}

static void set_up_answers(void)
{
	set_up(WR_PARK_MEMBARRIER, 4, 1);
}

/* ---- owner ---- */

static void fill(uint64_t *words, uint64_t value)
{
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = value;
}

static uint64_t *claim(void)
{
	uint64_t *words;
	EXPLORER_AWAIT((words = wr_lane_claim(&bed->lane, RECORD_BYTES)) != NULL);
	return words;
}

static void hand_over(uint64_t value)
{
	fill(claim(), value);
	EXPLORER_CHECK(wr_lane_append(&bed->lane, RECORD_BYTES) == value);
	wr_lane_publish(&bed->lane);
}

/* Three events through two places: one that is given up, one alone, two with one store. */
static void hand_over_and_give_up(void)
{
	fill(claim(), UINT64_MAX);
	hand_over(1);
	fill(claim(), 2);
	(void)wr_lane_append(&bed->lane, RECORD_BYTES);
	fill(claim(), 3);
	(void)wr_lane_append(&bed->lane, RECORD_BYTES);
	wr_lane_publish(&bed->lane);
}

/* As no_room() of the pipeline does: announces that it sleeps, and looks again. */
static void hand_over_asleep(uint64_t value)
{
	struct wr_lane *lane = &bed->lane;
	uint64_t *words;
	while ((words = wr_lane_claim(lane, RECORD_BYTES)) == NULL) {
		uint32_t word = wr_park_announce(&lane->parker);
		if (wr_lane_room_refresh(lane) >= RECORD_BYTES)
			wr_park_cancel(&lane->parker);
		else
			wr_park_sleep(&lane->parker, word, UINT64_MAX);
	}
	fill(words, value);
	(void)wr_lane_append(lane, RECORD_BYTES);
	wr_lane_publish(lane);
}

static void hand_over_two_asleep(void)
{
	hand_over_asleep(1);
	hand_over_asleep(2);
}

/* Credit for one answer: each must be read before the next ticket is given. */
static void ask_and_read_answers(void)
{
	struct wr_lane *lane = &bed->lane;
	for (uint64_t ticket = 1; ticket <= 2; ticket++) {
		hand_over(ticket);
		/* No credit yet; but that look may have seen that the answer is there. */
		EXPLORER_CHECK(wr_lane_claim(lane, RECORD_BYTES) == NULL);
		const struct wr_reply *reply = wr_lane_reply_peek(lane);
		if (reply == NULL)
			EXPLORER_AWAIT(wr_lane_ordered(lane) >= ticket);
		reply = wr_lane_reply_peek(lane);
		EXPLORER_CHECK(reply != NULL);
		EXPLORER_CHECK(reply->ticket == ticket && reply->code == -(int32_t)ticket);
		wr_lane_reply_take(lane);
	}
	EXPLORER_CHECK(wr_load_relaxed(&lane->refused) <= 2);
}

/* ---- writer ---- */

static void take_one(uint64_t value)
{
	struct wr_lane *lane = &bed->lane;
	const uint64_t *words = (const uint64_t *)(const void *)wr_lane_at(lane, lane->head_own);
	for (unsigned i = 0; i < WORDS; i++)
		EXPLORER_CHECK(words[i] == value);
	lane->head_own += RECORD_BYTES;
	lane->ordered_own++;
}

/* All that waits, in one round. */
static uint64_t take_round(uint64_t next)
{
	uint64_t waiting;
	EXPLORER_AWAIT((waiting = wr_lane_peek_tail(&bed->lane)) > 0);
	for (; waiting > 0; waiting -= RECORD_BYTES)
		take_one(next++);
	wr_lane_publish_taken(&bed->lane);
	return next;
}

static void take_three(void)
{
	for (uint64_t next = 1; next <= 3;)
		next = take_round(next);
}

static void take_two_asleep(void)
{
	struct wr_parker *parker = &bed->writer_parker;
	for (uint64_t next = 1; next <= 2;) {
		if (wr_lane_peek_tail(&bed->lane) == 0) {
			uint32_t word = wr_park_announce(parker);
			if (wr_lane_peek_tail(&bed->lane) == 0) {
				wr_park_sleep(parker, word, UINT64_MAX);
				continue;
			}
			wr_park_cancel(parker);
		}
		next = take_round(next);
	}
}

static void refuse_two(void)
{
	struct wr_lane *lane = &bed->lane;
	for (uint64_t next = 1; next <= 2; next++) {
		EXPLORER_AWAIT(wr_lane_peek_tail(lane) > 0);
		take_one(next);
		const struct wr_reply reply = {.ticket = next, .code = -(int32_t)next};
		wr_lane_answer(lane, &reply);
		wr_lane_publish_taken(lane);
	}
}

/* ---- lives of a lane ---- */

static uint32_t state(void)
{
	return wr_load_acquire(&bed->lane.state);
}

static void hand_over_and_close(void)
{
	hand_over(1);
	wr_lane_close(&bed->lane);
}

/* Who finds it free and opens it: the open itself has to see all that was before. */
static void open_when_free(void)
{
	EXPLORER_AWAIT(wr_load_relaxed(&bed->lane.state) == WR_LANE_FREE);
	wr_lane_open(&bed->lane, WR_LANE_DATA, false);
}

static void next_owner(void)
{
	open_when_free();
	hand_over_and_close();
}

/* One look of the writer, state before tail; true: the lane was freed. */
static bool look_at_lane(uint64_t *taken)
{
	struct wr_lane *lane = &bed->lane;
	uint32_t now = state();
	if (now == WR_LANE_FREE)
		return false;
	uint64_t waiting = wr_lane_peek_tail(lane);
	for (; waiting > 0; waiting -= RECORD_BYTES, ++*taken)
		take_one(1);
	wr_lane_publish_taken(lane);
	if (now != WR_LANE_CLOSING)
		return false;
	wr_store_release(&lane->state, (uint32_t)WR_LANE_FREE);
	return true;
}

/* The writer looks again and again: when nothing has changed, that is nothing new. */
static bool is_worth_a_look(uint64_t taken)
{
	uint32_t now = state();
	return now == WR_LANE_CLOSING ||
	       (now == WR_LANE_OPEN && taken == 0 && wr_load_relaxed(&bed->lane.tail) != 0);
}

static void free_twice(void)
{
	for (unsigned life = 0; life < 2; life++) {
		uint64_t taken = 0;
		do
			EXPLORER_AWAIT(is_worth_a_look(taken));
		while (!look_at_lane(&taken));
		EXPLORER_CHECK(taken == 1);
	}
}

static void close_while_poisoned(void)
{
	hand_over(1);
	if (state() == WR_LANE_POISONED)
		EXPLORER_CHECK(wr_load_relaxed(&bed->lane.ordered) == 1);
	bed->lane.handed_over = 7; /* its own to the end */
	wr_lane_close(&bed->lane);
}

/* Takes one, then finds what weir did not write; frees the lane once its owner has closed it. */
static void poison_and_free(void)
{
	struct wr_lane *lane = &bed->lane;
	(void)take_round(1);
	wr_lane_poison(lane);
	wr_lane_shut_out(lane);
	EXPLORER_AWAIT(state() == WR_LANE_CLOSING);
	wr_store_release(&lane->state, (uint32_t)WR_LANE_FREE);
}

static void is_open(void)
{
	EXPLORER_CHECK(state() == WR_LANE_OPEN);
}

static void is_free(void)
{
	EXPLORER_CHECK(state() == WR_LANE_FREE);
}

const struct explorer_scenario lane_seq = {
	.name = "lane, seq_cst: claim, give up, append, take",
	.setup = set_up_two_seq,
	.threads = {hand_over_and_give_up, take_three},
};

const struct explorer_scenario lane_asymmetric = {
	.name = "lane, membarrier: claim, give up, append, take",
	.setup = set_up_two_asymmetric,
	.threads = {hand_over_and_give_up, take_three},
};

const struct explorer_scenario lane_asleep_seq = {
	.name = "lane, seq_cst: both sides sleep",
	.setup = set_up_one_seq,
	.threads = {hand_over_two_asleep, take_two_asleep},
};

const struct explorer_scenario lane_asleep_asymmetric = {
	.name = "lane, membarrier: both sides sleep",
	.setup = set_up_one_asymmetric,
	.threads = {hand_over_two_asleep, take_two_asleep},
};

const struct explorer_scenario lane_answers = {
	.name = "lane: credit and answers",
	.setup = set_up_answers,
	.threads = {ask_and_read_answers, refuse_two},
};

const struct explorer_scenario lane_lives = {
	.name = "lane: closed, freed, opened again",
	.setup = set_up_two_asymmetric,
	.threads = {hand_over_and_close, next_owner, free_twice},
	.finish = is_free,
};

const struct explorer_scenario lane_poisoned = {
	.name = "lane: poisoned while it is closed",
	.setup = set_up_two_seq,
	.threads = {close_while_poisoned, poison_and_free, open_when_free},
	.finish = is_open,
};
