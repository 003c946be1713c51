/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/log/shared.h and shared.c: copies of any thread reach the lane whole, each buffer belongs
 * to one thread at a time, outcomes reach who waits for them, and every buffer comes back,
 * whoever lets go first (SH1 to SH3). Whoever has a buffer stores into it plainly, so two owners
 * are a data race.
 */
#include "core/log/shared.h"
#include "tests/explorer/scenarios.h"

#define STRIDE 32u
#define BUFFERS 2u

struct bed {
	struct wr_shared shared;
	struct wr_lane lane;
	struct wr_parker writer_parker;
	wr_atomic_u64 writer_wakes, owner_wakes;
	uint64_t taken;
};

static struct bed *bed;

static void set_up(enum wr_park_mode mode)
{
	wr_park_mode = mode;
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	wr_parker_init(&bed->writer_parker, explorer_park_ops(), &bed->writer_wakes);
	EXPLORER_CHECK(wr_lane_init(&bed->lane, 0, explorer_memory(), 4 * STRIDE, 4,
				    &bed->writer_parker, explorer_park_ops()) == 0);
	bed->lane.parker.context = &bed->owner_wakes;
	bed->lane.level_parker.context = &bed->owner_wakes;
	wr_lane_open(&bed->lane, WR_LANE_DATA, true);
	EXPLORER_CHECK(
		wr_shared_init(&bed->shared, explorer_memory(), &bed->lane, BUFFERS, STRIDE) == 0);
}

static void set_up_seq(void)
{
	set_up(WR_PARK_SEQ_CST);
}

static void set_up_asymmetric(void)
{
	set_up(WR_PARK_MEMBARRIER);
}

/* One of the buffers is somebody's for good. */
static void set_up_one_left(void)
{
	set_up(WR_PARK_SEQ_CST);
	EXPLORER_CHECK(wr_shared_take(&bed->shared) != NULL);
}

/* ---- any thread ---- */

static struct wr_shared_buffer *take(void)
{
	struct wr_shared_buffer *buffer;
	EXPLORER_AWAIT((buffer = wr_shared_take(&bed->shared)) != NULL);
	return buffer;
}

static struct wr_shared_buffer *push(uint32_t number)
{
	struct wr_shared_buffer *buffer = take();
	struct wr_record *record = (struct wr_record *)(void *)buffer->bytes;
	record->bytes = STRIDE;
	record->topic = number;
	wr_shared_push(&bed->shared, buffer, STRIDE);
	return buffer;
}

static void publish(uint32_t number)
{
	struct wr_shared_buffer *buffer = push(number);
	EXPLORER_AWAIT(wr_shared_is_done(buffer));
	EXPLORER_CHECK(buffer->reply.detail == number);
	wr_shared_leave(&bed->shared, buffer);
}

static void publish_first(void)
{
	publish(1);
}

static void publish_second(void)
{
	publish(2);
}

static void publish_and_go(void)
{
	wr_shared_leave(&bed->shared, push(2));
}

static void take_and_give(void)
{
	struct wr_shared_buffer *buffer = take();
	buffer->stride = 1;
	wr_shared_give(&bed->shared, buffer);
}

static void take_two_and_give(void)
{
	struct wr_shared_buffer *first = wr_shared_take(&bed->shared);
	struct wr_shared_buffer *second = first != NULL ? wr_shared_take(&bed->shared) : NULL;
	EXPLORER_CHECK(first == NULL || first != second);
	if (first != NULL) {
		first->stride = 2;
		wr_shared_give(&bed->shared, first);
	}
	if (second != NULL) {
		second->stride = 2;
		wr_shared_give(&bed->shared, second);
	}
}

/* As publish_once.c does it: sleeps for a buffer where the lane's owner would sleep. */
static void take_asleep(void)
{
	struct wr_shared *s = &bed->shared;
	struct wr_parker *parker = &bed->lane.parker;
	struct wr_shared_buffer *buffer;
	while ((buffer = wr_shared_take(s)) == NULL) {
		uint32_t word = wr_park_announce(parker);
		buffer = wr_shared_take(s);
		if (buffer == NULL) {
			wr_park_sleep(parker, word, UINT64_MAX);
			continue;
		}
		wr_park_cancel(parker);
		break;
	}
	buffer->stride = 3;
	wr_shared_give(s, buffer);
}

/* Sleeps for its outcome. */
static void publish_asleep(void)
{
	struct wr_shared_buffer *buffer = push(1);
	struct wr_parker *parker = &bed->lane.parker;
	while (!wr_shared_is_done(buffer)) {
		uint32_t word = wr_park_announce(parker);
		if (wr_shared_is_done(buffer))
			wr_park_cancel(parker);
		else
			wr_park_sleep(parker, word, UINT64_MAX);
	}
	EXPLORER_CHECK(buffer->reply.detail == 1);
	wr_shared_leave(&bed->shared, buffer);
}

/* ---- writer ---- */

/* A round: what is ready into the lane, all of the lane is decided, outcomes go back. */
static void round_of_writer(void)
{
	struct wr_lane *lane = &bed->lane;
	wr_shared_feed(&bed->shared);
	for (uint64_t waiting = wr_lane_peek_tail(lane); waiting > 0; waiting -= STRIDE) {
		const struct wr_record *record =
			(const struct wr_record *)(const void *)wr_lane_at(lane, lane->head_own);
		EXPLORER_CHECK(record->bytes == STRIDE && (record->flags & WR_RECORD_WANTS_REPLY));
		const struct wr_reply reply = {.ticket = ++lane->ordered_own,
					       .detail = record->topic};
		lane->head_own += STRIDE;
		wr_lane_answer(lane, &reply);
		bed->taken++;
	}
	wr_lane_publish_taken(lane);
	(void)wr_shared_answer(&bed->shared);
}

static void write_two(void)
{
	while (bed->taken < 2) {
		EXPLORER_AWAIT(wr_load_relaxed(&bed->shared.ready) != 0);
		round_of_writer();
	}
}

static void write_one(void)
{
	EXPLORER_AWAIT(wr_load_relaxed(&bed->shared.ready) != 0);
	round_of_writer();
}

static void write_one_asleep(void)
{
	struct wr_parker *parker = &bed->writer_parker;
	while (bed->taken < 1) {
		uint32_t word = wr_park_announce(parker);
		round_of_writer();
		if (bed->taken == 0)
			wr_park_sleep(parker, word, UINT64_MAX);
		else
			wr_park_cancel(parker);
	}
}

static void all_are_back(void)
{
	for (unsigned i = 0; i < BUFFERS; i++)
		EXPLORER_CHECK(wr_shared_take(&bed->shared) != NULL);
	EXPLORER_CHECK(wr_shared_take(&bed->shared) == NULL);
}

const struct explorer_scenario shared_free_list = {
	.name = "shared lane: the free list",
	.setup = set_up_asymmetric,
	.threads = {take_two_and_give, take_and_give},
	.finish = all_are_back,
};

const struct explorer_scenario shared_outcome = {
	.name = "shared lane: one that waits",
	.setup = set_up_asymmetric,
	.threads = {publish_first, write_one},
	.finish = all_are_back,
};

const struct explorer_scenario shared_two = {
	.name = "shared lane: two that wait",
	.setup = set_up_asymmetric,
	.threads = {publish_first, publish_second, write_two},
	.finish = all_are_back,
};

const struct explorer_scenario shared_abandoned = {
	.name = "shared lane: one that does not wait",
	.setup = set_up_asymmetric,
	.threads = {publish_and_go, write_one},
	.finish = all_are_back,
};

const struct explorer_scenario shared_next_owner = {
	.name = "shared lane: not waited for, and the buffer's next owner",
	.setup = set_up_one_left,
	.threads = {publish_and_go, take_and_give, write_one},
};

const struct explorer_scenario shared_sleeps_for_buffer = {
	.name = "shared lane, seq_cst: asleep for a buffer",
	.setup = set_up_one_left,
	.threads = {take_asleep, take_and_give},
};

const struct explorer_scenario shared_asleep = {
	.name = "shared lane, seq_cst: all asleep",
	.setup = set_up_seq,
	.threads = {publish_asleep, write_one_asleep},
	.finish = all_are_back,
};
