/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   finished copies of any thread reach the log in the order in which they were pushed, each
 *         buffer gets its own outcome and comes back, whoever lets go of it first. Rule: L12; of L5
 *         that a poisoned lane leaves nobody waiting, of L9 that an outcome names what it rests on.
 * Method: a bed's writer with a shared lane, all sides stepped by hand.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include <weir/error.h>

#include "tests/support/case.h"
#include "tests/support/log_bed.h"

#define BUFFERS 8u
#define BUFFER_BYTES 256u

static struct log_bed bed;
static struct wr_shared shared;
static uint32_t topic;

static void start(const struct log_bed_options *options)
{
	log_bed_init(&bed, options);
	wr_lane_open(&bed.lanes[0], WR_LANE_SETTLE, true);
	wr_lane_open(&bed.lanes[5], WR_LANE_DATA, true);
	cr_assert_eq(
		wr_shared_init(&shared, &bed.memory.base, &bed.lanes[5], BUFFERS, BUFFER_BYTES), 0);
	bed.writer.shared = &shared;
	cr_assert_eq(log_bed_topic(&bed, 0, "orders", 2, &topic), 0);
}

static void set_up(void)
{
	start(NULL);
}

static void tear_down(void)
{
	log_bed_check_fold(&bed);
	wr_shared_fini(&shared, &bed.memory.base);
	log_bed_fini(&bed);
}

TestSuite(shared, .init = set_up);

static struct wr_shared_buffer *push(uint32_t to_topic, uint32_t hash)
{
	struct wr_shared_buffer *buffer = wr_shared_take(&shared);
	if (buffer != NULL)
		wr_shared_push(&shared, buffer,
			       log_bed_write_event(buffer->bytes, to_topic, hash, 40));
	return buffer;
}

static uint32_t free_count(void)
{
	struct wr_shared_buffer *taken[BUFFERS];
	uint32_t count = 0;
	while (count < BUFFERS && (taken[count] = wr_shared_take(&shared)) != NULL)
		count++;
	for (uint32_t i = 0; i < count; i++)
		wr_shared_give(&shared, taken[i]);
	return count;
}

CASE(shared, there_are_so_many_buffers_and_they_do_not_overlap)
{
	struct wr_shared_buffer *taken[BUFFERS];
	for (uint32_t i = 0; i < BUFFERS; i++) {
		taken[i] = wr_shared_take(&shared);
		cr_assert_not_null(taken[i]);
		memset(taken[i]->bytes, (int)i, BUFFER_BYTES);
	}
	cr_expect_null(wr_shared_take(&shared));
	for (uint32_t i = 0; i < BUFFERS; i++) {
		for (uint32_t k = 0; k < BUFFER_BYTES; k++)
			cr_assert_eq(taken[i]->bytes[k], i);
		wr_shared_give(&shared, taken[i]);
	}
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, copies_are_ordered_as_they_were_pushed)
{
	struct wr_shared_buffer *buffers[BUFFERS];
	for (uint32_t i = 0; i < BUFFERS; i++)
		buffers[i] = push(topic, i);
	cr_expect_null(push(topic, 99));
	for (uint32_t i = 0; i < BUFFERS; i++)
		cr_expect_not(wr_shared_is_done(buffers[i]));
	(void)log_bed_step(&bed);
	for (uint32_t i = 0; i < BUFFERS; i++) {
		cr_assert(wr_shared_is_done(buffers[i]));
		cr_expect_eq(buffers[i]->reply.code, 0);
		cr_expect_eq(buffers[i]->reply.sequence, 2 + i);
		cr_expect_eq(buffers[i]->reply.after_seq, 1 + i);
		cr_expect_eq(log_bed_record(&bed, 2 + i).head->key_hash, i);
		wr_shared_leave(&shared, buffers[i]);
	}
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, an_outcome_may_be_a_refusal)
{
	struct wr_shared_buffer *good = push(topic, 1), *bad = push(topic + 5, 2);
	(void)log_bed_step(&bed);
	cr_assert(wr_shared_is_done(bad));
	cr_expect_eq(bad->reply.code, WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(bad->reply.after_seq, 2);
	cr_expect_eq(good->reply.code, 0);
	wr_shared_leave(&shared, good);
	wr_shared_leave(&shared, bad);
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, who_does_not_wait_loses_the_answer_and_not_the_event)
{
	for (uint32_t i = 0; i < 3; i++)
		wr_shared_leave(&shared, push(topic, i)); /* abandoned at once */
	cr_expect_eq(free_count(), BUFFERS - 3, "the writer still needs them");
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, 5);
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, buffers_go_round_for_ever)
{
	for (uint32_t i = 0; i < 1000; i++) {
		struct wr_shared_buffer *a = push(topic, i), *b = push(topic, i + 1);
		if (i % 3 == 0)
			wr_shared_leave(&shared, a);
		(void)log_bed_step(&bed);
		(void)log_bed_complete(&bed, 8);
		if (i % 3 != 0)
			wr_shared_leave(&shared, a);
		cr_assert(wr_shared_is_done(b));
		wr_shared_leave(&shared, b);
		if (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 8)
			log_bed_offer(&bed, 4, false);
	}
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, what_is_pushed_in_a_shortage_is_ordered_after_it)
{
	/* Something holds all data back: no extent. */
	log_bed_settle_down(&bed);
	while (wr_spsc_ready(&bed.link.extents_ring) > 0)
		wr_spsc_pop(&bed.link.extents_ring, 1);
	wr_store_release(&bed.link.starved, 1u);
	struct wr_shared_buffer *buffers[BUFFERS];
	uint32_t pushed = 0;
	while (pushed < 400) {
		uint32_t n = 0;
		for (; n < BUFFERS && (buffers[n] = push(topic, pushed)) != NULL; n++)
			pushed++;
		for (uint32_t i = 0; i < n; i++)
			wr_shared_leave(&shared, buffers[i]);
		(void)log_bed_step(&bed);
		(void)log_bed_complete(&bed, 4);
		if (n == 0)
			break;
	}
	cr_assert_lt(pushed, 400, "the shortage is felt");
	uint64_t held = bed.writer.next_seq;
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, held);
	wr_store_release(&bed.link.starved, 0u);
	log_bed_offer(&bed, 8, false);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.writer.next_seq, 2 + pushed, "nothing was lost over it");
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, a_lane_without_credit_takes_the_rest_in_a_later_round)
{
	struct wr_shared_buffer *buffers[BUFFERS];
	tear_down();
	start(&(struct log_bed_options){.reply_count = BUFFERS / 2});
	for (uint32_t i = 0; i < BUFFERS; i++)
		buffers[i] = push(topic, i);
	(void)log_bed_step(&bed);
	for (uint32_t i = 0; i < BUFFERS; i++)
		cr_expect_eq(wr_shared_is_done(buffers[i]), i < BUFFERS / 2, "buffer %u", i);
	(void)log_bed_step(&bed);
	for (uint32_t i = 0; i < BUFFERS; i++) {
		cr_assert(wr_shared_is_done(buffers[i]));
		cr_expect_eq(buffers[i]->reply.sequence, 2 + i);
		wr_shared_leave(&shared, buffers[i]);
	}
	cr_expect_eq(free_count(), BUFFERS);
}

CASE(shared, bytes_that_nobody_wrote_leave_nobody_waiting)
{
	struct wr_shared_buffer *good = push(topic, 1), *bad = push(topic, 2),
				*later = push(topic, 3);
	wr_put_u32(bad->bytes, UINT32_MAX); /* a stray store, after the push */
	(void)log_bed_step(&bed);
	cr_assert(wr_shared_is_done(good));
	cr_expect_eq(good->reply.code, 0);
	cr_assert(wr_shared_is_done(bad));
	cr_expect_eq(bad->reply.code, WEIR_E_POISONED);
	cr_assert(wr_shared_is_done(later));
	cr_expect_eq(later->reply.code, WEIR_E_POISONED);
	wr_shared_leave(&shared, good);
	wr_shared_leave(&shared, bad);
	wr_shared_leave(&shared, later);
	struct wr_shared_buffer *new = push(topic, 4);
	(void)log_bed_step(&bed);
	cr_assert(wr_shared_is_done(new), "who comes later is told too");
	cr_expect_eq(new->reply.code, WEIR_E_POISONED);
	wr_shared_leave(&shared, new);
	cr_expect_eq(free_count(), BUFFERS);
	cr_expect_eq(bed.writer.next_seq, 3);
}

CASE(shared, pushing_wakes_a_writer_that_sleeps)
{
	uint64_t before = bed.parks.wake_count;
	struct wr_shared_buffer *a = push(topic, 1);
	cr_expect_eq(bed.parks.wake_count, before);
	(void)wr_park_announce(&bed.writer_parker);
	struct wr_shared_buffer *b = push(topic, 2);
	cr_expect_eq(bed.parks.wake_count, before + 1);
	wr_park_cancel(&bed.writer_parker);
	/* And who waits for an outcome, or for a buffer, sleeps at the lane. */
	(void)wr_park_announce(&bed.lanes[5].parker);
	(void)log_bed_step(&bed);
	cr_expect_gt(bed.parks.wake_count, before + 1);
	before = bed.parks.wake_count;
	wr_shared_leave(&shared, a);
	cr_expect_eq(bed.parks.wake_count, before + 1);
	wr_shared_leave(&shared, b);
	wr_park_cancel(&bed.lanes[5].parker);
}

CASE(shared, a_failed_allocation_is_returned)
{
	struct wr_shared other;
	wr_memory_sim_fail(&bed.memory, 1, false);
	cr_expect_eq(wr_shared_init(&other, &bed.memory.base, &bed.lanes[4], BUFFERS, BUFFER_BYTES),
		     -ENOMEM);
	wr_shared_fini(&other, &bed.memory.base);
}
