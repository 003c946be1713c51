/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the writer gives each accepted record the next sequence, refuses without writing, answers
 *         what was asked.
 *         Rules: L3 (a record's first word), L5 (poisoning), L6 (the column), L7 (runs), L8 and L9
 *         (answers), L11 (whose turn), L13 (program order), L15 (fold), L17 (append time).
 * Method: a writer stepped by hand (log_bed), the journal's side checked batch by batch, the tables
 *         compared with a fold of the log at the end of each case.
 */
#include <criterion/criterion.h>

#include <errno.h>

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

TestSuite(writer, .init = set_up);

CASE(writer, gives_dense_sequences_in_the_order_of_the_lane)
{
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(log_bed_event(&bed, 1, topic, i, 40), i + 1);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_writer_visible_seq(&bed.writer), 101);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 100);
	for (uint32_t i = 0; i < 100; i++)
		cr_expect_eq(log_bed_record(&bed, i + 2).head->key_hash, i);
}

CASE(writer, the_column_names_place_and_partition_of_each_record)
{
	for (uint32_t i = 0; i < 9; i++)
		(void)log_bed_event(&bed, 1, topic, i, 8 * i);
	(void)log_bed_step(&bed);
	struct wr_chunk *chunk = log_bed_chunk(&bed, 0);
	uint32_t place = WR_BATCH_HEADER_BYTES + wr_record_stride(24 + 8 + 4 + 4);
	for (uint32_t i = 0; i < 9; i++) {
		uint32_t entry = chunk->column[i + 1];
		if (i == 0)
			place = wr_column_place(&bed.chunks, entry);
		cr_expect_eq(wr_column_place(&bed.chunks, entry), place);
		cr_expect_eq(entry & wr_chunks_tag_mask(&bed.chunks),
			     bed.tables.catalog.topics[topic].tag_base + i % 4);
		place += WR_RECORD_HEAD_BYTES + 8 * i;
	}
	cr_expect_eq(chunk->column[0] & wr_chunks_tag_mask(&bed.chunks), WR_TAG_CONTROL);
}

CASE(writer, counts_events_and_bytes_of_each_partition)
{
	for (uint32_t i = 0; i < 10; i++)
		(void)log_bed_event(&bed, 1, topic, i % 2, 16);
	(void)log_bed_step(&bed);
	struct wr_partition_cells *cells = bed.tables.catalog.cells;
	cr_expect_eq(wr_load_relaxed(&cells[0].events), 5);
	cr_expect_eq(wr_load_relaxed(&cells[1].events), 5);
	cr_expect_eq(wr_load_relaxed(&cells[2].events), 0);
	cr_expect_eq(wr_load_relaxed(&cells[1].bytes), 5 * 40);
}

CASE(writer, an_event_larger_than_a_piece_is_taken_whole)
{
	tear_down();
	topic = log_bed_start(
		&bed, &(struct log_bed_options){.chunk_bytes = 131072, .lane_bytes = 262144});
	uint32_t largest = bed.writer.options.run_bytes_max - WR_RECORD_HEAD_BYTES;
	cr_assert_gt(largest, 16384);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_event(&bed, 1, topic, 2, largest);
	(void)log_bed_event(&bed, 1, topic, 3, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 3);
	cr_expect_eq(log_bed_record(&bed, 3).payload_bytes, largest);
}

CASE(writer, an_unknown_topic_is_refused_and_nothing_is_written)
{
	uint64_t before = bed.writer.next_seq;
	uint64_t ticket = log_bed_event(&bed, 1, topic + 1, 1, 16);
	(void)log_bed_step(&bed);
	struct wr_reply reply = log_bed_reply(&bed, 1);
	cr_expect_eq(reply.ticket, ticket);
	cr_expect_eq(reply.code, WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(reply.sequence, 0);
	cr_expect_eq(bed.writer.next_seq, before);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].refused), 1);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].first_refused_ticket), ticket);
}

CASE(writer, an_answer_carries_the_last_sequence_before_the_decision)
{
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_event(&bed, 1, topic + 9, 1, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_reply(&bed, 1).after_seq, 3);
}

CASE(writer, who_asks_for_a_sequence_gets_it)
{
	_Alignas(8) uint8_t record[64];
	uint32_t stride = log_bed_write_event(record, topic, 5, 16);
	((struct wr_record *)record)->flags |= WR_RECORD_WANTS_REPLY;
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	uint64_t ticket = log_bed_hand_over(&bed, 1, record, stride);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_step(&bed);
	struct wr_reply reply = log_bed_reply(&bed, 1);
	cr_expect_eq(reply.ticket, ticket);
	cr_expect_eq(reply.code, 0);
	cr_expect_eq(reply.sequence, 3);
	cr_expect_eq(reply.after_seq, 2);
	cr_expect_null(wr_lane_reply_peek(&bed.lanes[1]), "nobody else asked");
	cr_expect_eq(log_bed_record(&bed, 3).head->flags, WR_RECORD_KEYLESS);
}

CASE(writer, a_lane_without_answers_only_counts_refusals)
{
	wr_lane_open(&bed.lanes[4], WR_LANE_DATA, false);
	for (uint32_t i = 0; i < 5; i++)
		(void)log_bed_event(&bed, 4, i % 2 == 0 ? topic : 99, i, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[4].refused), 2);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[4].first_refused_ticket), 2);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[4].first_refusal), (uint32_t)-WEIR_E_UNKNOWN_NAME);
	cr_expect_null(wr_lane_reply_peek(&bed.lanes[4]));
}

/* A run of `count` events with payloads of 16; the one at `unknown` has no topic. */
static uint64_t hand_over_run(uint32_t lane, uint32_t count, uint32_t unknown)
{
	static _Alignas(8) uint8_t run[8192];
	uint32_t at = WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < count; i++)
		at += log_bed_write_event(run + at, i == unknown ? 99 : topic, i, 16);
	log_bed_write_run_head(run, count, at - WR_RECORD_HEAD_BYTES);
	return log_bed_hand_over(&bed, lane, run, at);
}

CASE(writer, a_run_is_one_ticket_and_contiguous)
{
	cr_assert_eq(hand_over_run(1, 5, UINT32_MAX), 1);
	cr_assert_eq(hand_over_run(1, 1, UINT32_MAX), 2);
	(void)log_bed_event(&bed, 2, topic, 77, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 2);
	cr_expect_eq(bed.writer.next_seq, 2 + 5 + 1 + 1);
	/* Whichever lane came first: the five stand side by side. */
	uint64_t first = log_bed_record(&bed, 2).head->key_hash == 77 ? 3 : 2;
	for (uint32_t i = 0; i < 5; i++)
		cr_expect_eq(log_bed_record(&bed, first + i).head->key_hash, i);
}

CASE(writer, a_run_is_refused_whole_and_its_effects_are_taken_back)
{
	for (uint32_t bad = 0; bad < 6; bad++) {
		(void)hand_over_run(1, 6, bad);
		(void)log_bed_step(&bed);
		cr_expect_eq(log_bed_reply(&bed, 1).code, WEIR_E_UNKNOWN_NAME);
		cr_expect_eq(bed.writer.next_seq, 2, "record %u of the run was refused", bad);
		for (uint32_t p = 0; p < 4; p++)
			cr_expect_eq(wr_load_relaxed(&bed.tables.catalog.cells[p].events), 0);
	}
	/* What follows is as if it had never been. */
	(void)hand_over_run(1, 6, UINT32_MAX);
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, 8);
}

CASE(writer, the_longest_run_is_taken_and_a_longer_one_poisons)
{
	uint32_t most = bed.writer.options.run_records_max;
	(void)hand_over_run(1, most, UINT32_MAX);
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, 2 + most);
	(void)hand_over_run(1, most + 1, UINT32_MAX);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_POISONED);
	cr_expect_eq(bed.writer.next_seq, 2 + most);
}

CASE(writer, who_defines_the_same_again_is_given_what_is_there)
{
	uint32_t id = 99;
	uint64_t before = bed.writer.next_seq;
	cr_expect_eq(log_bed_topic(&bed, 0, "orders", 4, &id), 0);
	cr_expect_eq(id, topic);
	id = 99;
	cr_expect_eq(log_bed_topic(&bed, 0, "orders", 5, &id), WEIR_E_EXISTS);
	cr_expect_eq(id, topic);
	cr_expect_eq(bed.writer.next_seq, before, "neither is written");
	cr_expect_eq(wr_load_relaxed(&bed.writer.stats.refused), 1);
}

CASE(writer, definitions_stand_alone)
{
	_Alignas(8) uint8_t run[256];
	struct wr_control_topic control = {.partitions = 2};
	uint32_t at = WR_RECORD_HEAD_BYTES;
	at += log_bed_write_event(run + at, topic, 0, 16);
	wr_control_write(run + at, WR_KIND_TOPIC, 0, 0, "inside", 6, &control,
			 sizeof control.partitions);
	at += wr_record_stride(((struct wr_record *)(run + at))->bytes);
	log_bed_write_run_head(run, 2, at - WR_RECORD_HEAD_BYTES);
	(void)log_bed_hand_over(&bed, 1, run, at);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_reply(&bed, 1).code, -EINVAL);
	cr_expect_eq(wr_catalog_topic_count(&bed.tables.catalog), 1);
}

CASE(writer, a_named_producers_refusal_holds_until_it_is_sent_again)
{
	uint32_t id;
	cr_assert_eq(log_bed_producer(&bed, 1, "till", &id), 0);
	struct wr_producer_stamp stamp = {.id = id, .epoch = 1, .sequence = 1};
	(void)log_bed_stamped(&bed, 1, topic, &stamp);
	stamp.sequence = 3; /* 2 is missing */
	(void)log_bed_stamped(&bed, 1, topic, &stamp);
	stamp.sequence = 4;
	(void)log_bed_stamped(&bed, 1, topic, &stamp);
	for (uint64_t s = 2; s < 5; s++) {
		stamp.sequence = s;
		(void)log_bed_stamped(&bed, 1, topic, &stamp);
	}
	uint64_t before = bed.writer.next_seq;
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_reply(&bed, 1).code, WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(log_bed_reply(&bed, 1).code, WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_null(wr_lane_reply_peek(&bed.lanes[1]));
	cr_expect_eq(bed.writer.next_seq, before + 4);
}

CASE(writer, stamps_of_a_refused_run_are_taken_back)
{
	uint32_t id;
	cr_assert_eq(log_bed_producer(&bed, 1, "till", &id), 0);
	_Alignas(8) uint8_t run[512] = {0};
	struct wr_record head = {
		.bytes = 48,
		.option_bytes = 24,
		.topic = topic,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_KEYLESS | WR_RECORD_DECIDE,
	};
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t *to = run + WR_RECORD_HEAD_BYTES + i * 48;
		/* The third repeats the second. */
		struct wr_producer_stamp stamp = {
			.id = id, .epoch = 1, .sequence = i == 2 ? 2 : i + 1};
		memcpy(to, &head, sizeof head);
		(void)wr_option_put(to + sizeof head, WR_OPTION_PRODUCER, &stamp, sizeof stamp);
	}
	log_bed_write_run_head(run, 3, 3 * 48);
	(void)log_bed_hand_over(&bed, 1, run, WR_RECORD_HEAD_BYTES + 3 * 48);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_reply(&bed, 1).code, WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(wr_load_relaxed(&bed.tables.producers.rows[id].last_producer_seq), 0);
}

CASE(writer, settles_go_before_data_that_waited_longer)
{
	uint32_t subscription;
	cr_assert_eq(
		log_bed_subscription(&bed, 0, "books", &topic, 1, WR_START_AT, 1, &subscription),
		0);
	for (uint32_t i = 0; i < 10; i++)
		(void)log_bed_event(&bed, 1, topic, 0, 16);
	(void)log_bed_generation(&bed, 0, subscription, 0, 1, WR_POSITION_KEEP);
	uint64_t next = bed.writer.next_seq;
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_record(&bed, next).head->kind, WR_KIND_GENERATION);
	cr_expect_eq(bed.writer.next_seq, next + 11);
}

CASE(writer, a_quarter_of_each_round_is_left_for_data)
{
	tear_down();
	topic = log_bed_start(
		&bed, &(struct log_bed_options){.chunk_bytes = 1u << 20, .lane_bytes = 1u << 20});
	wr_lane_open(&bed.lanes[4], WR_LANE_SETTLE, true);
	wr_lane_open(&bed.lanes[5], WR_LANE_SETTLE, true);
	for (uint32_t i = 0; i < 500; i++)
		for (uint32_t lane = 0; lane < 6; lane++)
			cr_assert_neq(log_bed_event(&bed, lane, topic, lane, 232), 0);
	/* A budget that one settle lane alone would use up. */
	uint64_t next = bed.writer.next_seq;
	(void)wr_writer_step(&bed.writer, 65536);
	uint32_t bytes[6] = {0};
	for (uint64_t seq = next; seq < bed.writer.next_seq; seq++)
		bytes[log_bed_record(&bed, seq).head->key_hash] += 256;
	for (uint32_t lane = 0; lane < 6; lane += lane == 0 ? 4 : 1)
		cr_expect_geq(bytes[lane], 65536 - 16384, "settle lane %u", lane);
	cr_expect_geq(bytes[1] + bytes[2] + bytes[3], 16384, "data got its quarter");
}

CASE(writer, data_lanes_take_turns)
{
	tear_down();
	topic = log_bed_start(&bed, &(struct log_bed_options){.chunk_bytes = 1u << 20,
							      .lane_bytes = 1u << 20,
							      .reply_count = 4096});
	/* Three quanta each. */
	for (uint32_t i = 0; i < 3000; i++)
		for (uint32_t lane = 1; lane < 4; lane++)
			cr_assert_neq(log_bed_event(&bed, lane, topic, lane, 232), 0);
	uint64_t ordered[4] = {0};
	for (uint32_t round = 0; round < 3; round++) {
		(void)wr_writer_step(&bed.writer, 100000); /* one lane a round */
		uint32_t served = 0;
		for (uint32_t lane = 1; lane < 4; lane++) {
			served += wr_lane_ordered(&bed.lanes[lane]) != ordered[lane];
			ordered[lane] = wr_lane_ordered(&bed.lanes[lane]);
		}
		cr_expect_eq(served, 1);
	}
	for (uint32_t lane = 1; lane < 4; lane++)
		cr_expect_gt(ordered[lane], 0, "lane %u had no turn in three", lane);
}

CASE(writer, what_comes_after_the_tails_were_read_waits_for_the_next_round)
{
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_step(&bed);
	uint64_t next = bed.writer.next_seq;
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	cr_expect_eq(bed.writer.next_seq, next);
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, next + 1);
}

CASE(writer, append_time_is_the_rounds_and_never_goes_back)
{
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_step(&bed);
	wr_clock_sim_jump_wall(&bed.clock, -3600000000000);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	(void)log_bed_step(&bed);
	uint32_t first = log_bed_record(&bed, 2).head->time_delta_us;
	cr_expect_eq(log_bed_record(&bed, 3).head->time_delta_us, first);
	uint32_t next = log_bed_record(&bed, 4).head->time_delta_us;
	cr_expect_geq(bed.writer.batch_time_us + next, bed.writer.batch_time_us);
	cr_expect(bed.writer.batch_first_seq == 4 || next >= first);
}

CASE(writer, a_lane_is_free_only_when_its_last_ticket_is_durable)
{
	log_bed_settle_down(&bed);
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	wr_lane_close(&bed.lanes[1]);
	(void)log_bed_step(&bed);
	cr_assert_eq(bed.lanes[1].marked, 1, "its mark is on its way");
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_CLOSING);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_FREE);
	cr_expect_eq(wr_load_relaxed(&bed.durable[1].durable_ticket), 0, "for the next owner");
}

CASE(writer, refusals_alone_reach_their_level_too)
{
	uint64_t ticket = log_bed_event(&bed, 1, 99, 1, 16);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.durable[1].durable_ticket), ticket);
	cr_expect_geq(bed.empty_commits, 1, "a commit of marks, without a batch");
}

CASE(writer, a_failed_journal_ends_the_writing)
{
	(void)log_bed_event(&bed, 2, topic, 1, 16);
	log_bed_settle_down(&bed);
	cr_assert_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), 1);
	wr_store_release(&bed.link.failed, 1u);
	uint64_t next = bed.writer.next_seq;
	(void)log_bed_event(&bed, 1, topic, 1, 16);
	cr_expect_eq(log_bed_step(&bed), 0);
	cr_expect_eq(bed.writer.next_seq, next);
	cr_expect(wr_writer_is_idle(&bed.writer));
	cr_expect_eq(wr_writer_idle_ns(&bed.writer), UINT64_MAX);
	cr_expect_eq(wr_writer_finish(&bed.writer), 1, "there is nothing to finish");
	/* Closed lanes are let go all the same. */
	wr_lane_close(&bed.lanes[2]);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[2].state), WR_LANE_FREE);
	cr_expect_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), 0,
		     "who takes the lane before it knows of the failure has nothing durable");
	wr_store_release(&bed.link.failed, 0u);
}

CASE(writer, every_failed_allocation_is_returned)
{
	struct wr_writer writer;
	for (uint64_t k = 1; k <= 2; k++) {
		uint64_t live = bed.memory.live_count;
		wr_memory_sim_fail(&bed.memory, k, false);
		cr_expect_eq(wr_writer_init(&writer, &bed.memory.base, &bed.chunks, &bed.tables,
					    bed.lanes, LOG_BED_LANES, &bed.link, &bed.clock.base,
					    &bed.writer.options),
			     -ENOMEM);
		cr_expect_eq(bed.memory.live_count, live);
	}
	wr_memory_sim_fail(&bed.memory, 0, false);
}
