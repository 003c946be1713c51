/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   bytes that weir did not write poison their lane and harm nobody else: nothing of them is
 *         in the log, in the tables or in anybody's way. Rules: L3 (a record's first word), L5
 *         (poisoning), L7 (runs), L15 (what is taken, replay takes).
 * Method: lanes filled by hand with everything that a record or a run must not be.
 */
#include <criterion/criterion.h>

#include <weir/error.h>

#include "tests/support/case.h"
#include "tests/support/log_bed.h"

static struct log_bed bed;
static uint32_t topic;

static void set_up(void)
{
	topic = log_bed_start(&bed, NULL);
}

static void tear_down(void)
{
	log_bed_end(&bed);
}

TestSuite(writer_rubbish, .init = set_up);

/* A run of one whose head gives the wrong length must leave no trace in the tables (L15). */
CASE(writer_rubbish, a_run_of_one_with_a_wrong_length_changes_nothing)
{
	_Alignas(8) uint8_t run[256] = {0};
	uint32_t stride = log_bed_write_event(run + WR_RECORD_HEAD_BYTES, topic, 1, 16);
	log_bed_write_run_head(run, 1, stride + 8);
	(void)log_bed_hand_over(&bed, 1, run, WR_RECORD_HEAD_BYTES + stride + 8);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_POISONED);
	cr_expect_eq(wr_load_relaxed(&bed.tables.catalog.cells[1].events), 0);
	cr_expect_eq(bed.writer.next_seq, 2);
}

CASE(writer_rubbish, run_heads_that_contradict_themselves_poison_their_lane)
{
	const struct {
		uint32_t records, bytes;
	} heads[] = {{0, 40}, {1, 0},  {2, 40},          {1, 41},           {1, 16},
		     {3, 40}, {1, 48}, {1, 0xfffffff8u}, {0xffffffffu, 40}, {1, 4104}};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(heads); i++) {
		_Alignas(8) uint8_t run[64] = {0};
		wr_lane_open(&bed.lanes[4], WR_LANE_DATA, true);
		(void)log_bed_write_event(run + WR_RECORD_HEAD_BYTES, topic, 1, 16);
		log_bed_write_run_head(run, heads[i].records, heads[i].bytes);
		(void)log_bed_hand_over(&bed, 4, run, 64);
		(void)log_bed_step(&bed);
		cr_expect_eq(wr_load_relaxed(&bed.lanes[4].state), WR_LANE_POISONED, "head %u", i);
		cr_expect_eq(bed.writer.next_seq, 2, "head %u", i);
		wr_lane_close(&bed.lanes[4]);
		log_bed_settle_down(&bed);
		cr_assert_eq(wr_load_relaxed(&bed.lanes[4].state), WR_LANE_FREE, "head %u", i);
	}
}

CASE(writer_rubbish, bytes_that_are_no_record_poison_their_lane_and_no_other)
{
	uint8_t rubbish[64];
	memset(rubbish, 0xff, sizeof rubbish);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_hand_over(&bed, 1, rubbish, sizeof rubbish);
	(void)log_bed_event(&bed, 2, topic, 2, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_POISONED);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 1, "what came before is good");
	cr_expect_eq(wr_lane_ordered(&bed.lanes[2]), 1);
	/* Its owner goes on writing: nobody looks. */
	(void)log_bed_event(&bed, 1, topic, 3, 16);
	(void)log_bed_event(&bed, 2, topic, 4, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 1);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[2]), 2);
}

static uint64_t ordered_when_told;

static void look_when_woken(struct wr_parker *parker)
{
	(void)parker;
	if (wr_load_relaxed(&bed.lanes[1].state) == WR_LANE_POISONED)
		ordered_when_told = wr_load_relaxed(&bed.lanes[1].ordered);
}

/* Or its owner would take what is in the log for lost, and send it again. */
CASE(writer_rubbish, who_is_told_of_rubbish_knows_what_came_before_it)
{
	uint8_t rubbish[64];
	struct wr_park_ops ops = wr_park_sim_ops;
	ops.wake = look_when_woken;
	bed.lanes[1].parker.ops = &ops;
	memset(rubbish, 0xff, sizeof rubbish);
	(void)wr_park_announce(&bed.lanes[1].parker);
	for (uint32_t i = 0; i < 3; i++)
		(void)log_bed_event(&bed, 1, topic, i, 16);
	(void)log_bed_hand_over(&bed, 1, rubbish, sizeof rubbish);
	(void)log_bed_step(&bed);
	wr_park_cancel(&bed.lanes[1].parker);
	cr_expect_eq(ordered_when_told, 3);
	bed.lanes[1].parker.ops = &wr_park_sim_ops;
}

CASE(writer_rubbish, padding_and_the_batch_magic_begin_no_record)
{
	const uint32_t words[] = {0, WR_BATCH_MAGIC};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(words); i++) {
		uint8_t record[32] = {0};
		wr_put_u32(record, words[i]);
		record[20] = WR_KIND_EVENT;
		(void)log_bed_hand_over(&bed, 1 + i, record, sizeof record);
		(void)log_bed_step(&bed);
		cr_expect_eq(wr_load_relaxed(&bed.lanes[1 + i].state), WR_LANE_POISONED);
	}
}

CASE(writer_rubbish, a_poisoned_lane_that_is_closed_is_free_again)
{
	uint8_t rubbish[64];
	memset(rubbish, 0xff, sizeof rubbish);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_hand_over(&bed, 1, rubbish, sizeof rubbish);
	(void)log_bed_step(&bed);
	wr_lane_close(&bed.lanes[1]);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_FREE);
	cr_expect_eq(wr_load_relaxed(&bed.writer.stats.poisoned), 1, "it is not looked at again");
	cr_expect(wr_writer_is_idle(&bed.writer), "what it still held keeps nobody busy");
	wr_lane_open(&bed.lanes[1], WR_LANE_DATA, true);
	cr_expect_eq(log_bed_event(&bed, 1, topic, 1, 16), 1);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 1);
}

/* What is beyond the lane are its own bytes once more: good records, that nobody sent. */
CASE(writer_rubbish, a_tail_that_cannot_be_poisons_its_lane)
{
	const uint64_t tails[] = {bed.o.lane_bytes + 64, UINT64_MAX - 63, 68};
	for (uint32_t i = 0; i < bed.o.lane_bytes / 64; i++)
		for (uint32_t lane = 1; lane < 4; lane++)
			(void)log_bed_write_event(bed.lanes[lane].bytes + i * 64, topic, i, 40);
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(tails); i++) {
		wr_store_release(&bed.lanes[i + 1].tail, tails[i]);
		(void)log_bed_step(&bed);
		cr_expect_eq(wr_load_relaxed(&bed.lanes[i + 1].state), WR_LANE_POISONED,
			     "tail %llu", (unsigned long long)tails[i]);
	}
	cr_expect_eq(bed.writer.next_seq, 2);
}

/* An event with an option area of so many bytes, a key that aligns it, a payload of 8. */
static uint32_t write_optioned(uint8_t *to, const uint8_t *options, uint32_t option_bytes)
{
	uint32_t key_bytes = (0u - option_bytes) & 7;
	struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + option_bytes + key_bytes + 8,
		.key_bytes = (uint16_t)key_bytes,
		.option_bytes = (uint16_t)option_bytes,
		.topic = topic,
		.kind = WR_KIND_EVENT,
	};
	memset(to, 0x55, head.bytes);
	memcpy(to, &head, sizeof head);
	memcpy(to + sizeof head, options, option_bytes);
	return head.bytes;
}

CASE(writer_rubbish, options_are_taken_as_replay_will_take_them)
{
	const struct {
		const char *options;
		uint32_t bytes;
		bool good;
	} cases[] = {
		{"\0\0\0", 3, true},         /* padding */
		{"\2\0\1\0x", 5, true},      /* an event id of one byte */
		{"\2\0\1\0x\0\0", 7, true},  /* and padding */
		{"\2\0\1\0x\0\1", 7, false}, /* padding that is none */
		{"\0\0\1", 3, false},
		{"\2\0\11\0x\0\0\0\0\0\0\0", 12, false},  /* longer than the area */
		{"\2\0\1\0x\0\0\0\0\0\0\0\0", 13, false}, /* too much padding */
		{"\2\0\1\0xy\0\11\0z\0\0\0", 13, false},  /* an option that does not end */
		{"\2\0\1\0x\3\0\1\0z\0\0\0", 13, true},   /* two options */
		{"\377\0\1\0x\3\0\1\0z", 10, false},      /* critical, unknown */
		{"\212\0\20\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", 20, false}, /* a stamp, unsaid */
	};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		_Alignas(8) uint8_t record[128];
		wr_lane_open(&bed.lanes[4], WR_LANE_DATA, true);
		uint32_t bytes =
			write_optioned(record, (const uint8_t *)cases[i].options, cases[i].bytes);
		(void)log_bed_hand_over(&bed, 4, record, bytes);
		uint64_t next = bed.writer.next_seq;
		(void)log_bed_step(&bed);
		cr_expect_eq(bed.writer.next_seq - next, cases[i].good ? 1 : 0, "case %u", i);
		wr_lane_close(&bed.lanes[4]);
		log_bed_settle_down(&bed);
		cr_assert_eq(wr_load_relaxed(&bed.lanes[4].state), WR_LANE_FREE);
	}
}

CASE(writer_rubbish, a_record_one_byte_larger_than_a_run_may_be_poisons_its_lane)
{
	uint32_t largest = bed.writer.options.run_bytes_max - WR_RECORD_HEAD_BYTES;
	(void)log_bed_event(&bed, 1, topic, 1, largest);
	(void)log_bed_event(&bed, 1, topic, 1, largest + 1);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 1);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_POISONED);
	cr_expect_eq(wr_load_relaxed(&bed.writer.stats.poisoned), 1);
}
