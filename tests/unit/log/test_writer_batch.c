/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   batches are sealed when the medium can take them, never cross a chunk, leave no block
 *         unaccounted for, attest what is durable, carry the checkpoint; a clean close ends in a
 *         closed chunk. Rules: L1, L2 (time delta), L4 (fillers), L8 and L9 (marks), L29
 *         (evidence), L30 (capture), L42 (finish).
 * Method: a bed whose medium completes commits when the test says so; the bed holds every batch
 *         against its format and its chain.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include <weir/error.h>

#include "tests/support/case.h"
#include "tests/support/log_bed.h"

#define SECOND_NS 1000000000ull

static struct log_bed bed;
static uint32_t topic;

static void set_up(void)
{
	topic = log_bed_start_settled(&bed, NULL);
}

static void tear_down(void)
{
	log_bed_end(&bed);
}

TestSuite(writer_batch, .init = set_up);

static void events(uint32_t count, uint32_t payload_bytes)
{
	for (uint32_t i = 0; i < count; i++)
		cr_assert_neq(log_bed_event(&bed, 1, topic, i, payload_bytes), 0);
}

CASE(writer_batch, an_idle_medium_gets_a_batch_at_once)
{
	events(1, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 1);
}

CASE(writer_batch, what_comes_while_the_medium_is_busy_is_one_batch)
{
	uint64_t before = bed.data_batches;
	events(1, 16);
	(void)log_bed_step(&bed);
	for (uint32_t i = 0; i < 5; i++) {
		events(1, 16);
		(void)log_bed_step(&bed);
	}
	cr_expect_eq(log_bed_in_flight(&bed), 1);
	cr_expect_eq(wr_writer_visible_seq(&bed.writer), 7, "visible all the same");
	(void)log_bed_complete(&bed, 1);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 1);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.data_batches - before, 2);
}

CASE(writer_batch, a_large_batch_goes_out_beside_one_in_flight_up_to_a_limit)
{
	topic = log_bed_restart(&bed, &(struct log_bed_options){.chunk_bytes = 2u << 20,
								.lane_bytes = 1u << 20,
								.reply_count = 16384});
	events(1, 16);
	(void)log_bed_step(&bed);
	for (uint32_t i = 0; i < 5; i++) {
		events(300, 1000);
		(void)log_bed_step(&bed);
	}
	cr_expect_eq(log_bed_in_flight(&bed), bed.writer.options.batches_in_flight_max);
}

CASE(writer_batch, a_run_that_does_not_fit_goes_to_the_next_chunk_whole)
{
	topic = log_bed_restart(
		&bed, &(struct log_bed_options){.chunk_bytes = 65536, .lane_bytes = 262144});
	uint32_t large = bed.writer.options.run_bytes_max - 4000;
	do {
		events(1, large);
		log_bed_settle_down(&bed);
		cr_assert_not_null(bed.writer.chunk);
	} while (wr_writer_room(&bed.writer) >= large);
	uint32_t room = wr_writer_room(&bed.writer);
	cr_assert_eq(wr_load_relaxed(&bed.chunks.head), 1);
	cr_assert_gt(room, 2 * WR_BLOCK_BYTES);
	uint64_t fillers = bed.filler_batches;
	events(1, large);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 2);
	struct wr_chunk *next = log_bed_chunk(&bed, 1);
	cr_expect_eq(next->first_seq, wr_writer_visible_seq(&bed.writer));
	cr_expect_eq(bed.filler_batches - fillers, 1);
	/* What still fits when the chunk is closed is not taken out of turn. */
	cr_expect_eq(next->record_count, 1);
}

/* Room for its first word does not mean room for it: the batch that was begun is taken back. */
CASE(writer_batch, a_run_whose_head_fits_and_whose_records_do_not_goes_on_whole)
{
	static _Alignas(8) uint8_t run[16384];
	topic = log_bed_restart(
		&bed, &(struct log_bed_options){.chunk_bytes = 65536, .lane_bytes = 262144});
	while (wr_writer_room(&bed.writer) > WR_BLOCK_BYTES) {
		events(1, 16);
		log_bed_settle_down(&bed);
	}
	uint32_t at = WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < 3; i++)
		at += log_bed_write_event(run + at, topic, i, 2000);
	log_bed_write_run_head(run, 3, at - WR_RECORD_HEAD_BYTES);
	uint64_t next = bed.writer.next_seq, batches = bed.data_batches;
	cr_assert_neq(log_bed_hand_over(&bed, 1, run, at), 0);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.writer.next_seq, next + 3);
	cr_expect_eq(bed.data_batches, batches + 1);
	cr_expect_eq(log_bed_chunk(&bed, 1)->first_seq, next);
}

/* Every way to end a chunk: what is left is 0 to 4 blocks, and all of it is accounted for. */
CASE(writer_batch, chunks_are_filled_up_whatever_is_left_of_them)
{
	topic = log_bed_restart(
		&bed, &(struct log_bed_options){.chunk_bytes = 65536, .lane_bytes = 262144});
	for (uint32_t payload = 200; payload < 16300; payload += 1111) {
		for (uint32_t i = 0; i < 11; i++) {
			events(1, payload);
			(void)log_bed_step(&bed);
			(void)log_bed_complete(&bed, i % 3);
		}
		log_bed_settle_down(&bed);
		while (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 40)
			log_bed_offer(&bed, 1, false);
	}
	cr_expect_gt(bed.filler_batches, 5);
	cr_expect_gt(wr_load_relaxed(&bed.chunks.head), bed.filler_batches + 1);
}

CASE(writer_batch, no_record_crosses_a_chunk)
{
	for (uint32_t i = 0; i < 100; i++) {
		events(3, 200 + 37 * (i % 90));
		log_bed_settle_down(&bed);
		while (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 40)
			log_bed_offer(&bed, 1, false);
	}
	uint64_t head = wr_load_relaxed(&bed.chunks.head);
	for (uint64_t o = wr_load_relaxed(&bed.chunks.floor); o + 1 < head; o++) {
		struct wr_chunk *chunk = log_bed_chunk(&bed, o);
		struct wr_record_view view;
		uint32_t last =
			wr_column_place(&bed.chunks, chunk->column[chunk->record_count - 1]);
		cr_assert(wr_record_view(chunk->readable + last, bed.o.chunk_bytes - last, &view));
		cr_expect_leq(last + view.head->bytes, bed.o.chunk_bytes);
		cr_expect_eq(wr_load_relaxed(&chunk->end_seq),
			     chunk->first_seq + chunk->record_count);
	}
}

CASE(writer_batch, a_batch_closes_before_its_time_delta_overflows)
{
	topic = log_bed_restart(&bed, &(struct log_bed_options){.memory_only = true});
	events(1, 16);
	(void)log_bed_step(&bed);
	struct wr_chunk *chunk = log_bed_chunk(&bed, 0);
	cr_assert_eq(wr_load_relaxed(&chunk->batch_count), 1);
	wr_clock_sim_advance(&bed.clock, 4294 * SECOND_NS);
	events(1, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&chunk->batch_count), 1, "2^32 µs are 4294.97 s");
	wr_clock_sim_advance(&bed.clock, 2 * SECOND_NS);
	events(1, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&chunk->batch_count), 2);
	cr_expect_eq(log_bed_record(&bed, 4).head->time_delta_us, 0);
	cr_expect_eq(chunk->batches[1].first_index, 3);
}

CASE(writer_batch, evidence_follows_when_nothing_comes_for_a_while)
{
	uint64_t before = bed.evidence_batches;
	events(1, 16);
	log_bed_settle_down(&bed);
	cr_expect_lt(bed.attested_seq, wr_writer_visible_seq(&bed.writer));
	uint64_t idle = wr_writer_idle_ns(&bed.writer);
	cr_assert_gt(idle, 0);
	cr_assert_leq(idle, bed.writer.options.evidence_delay_ns);
	wr_clock_sim_advance(&bed.clock, idle - 20000);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 0, "not yet");
	wr_clock_sim_advance(&bed.clock, 20000);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 1);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.evidence_batches - before, 1);
	cr_expect_eq(bed.attested_seq, wr_writer_visible_seq(&bed.writer));
	cr_expect_eq(wr_writer_idle_ns(&bed.writer), UINT64_MAX, "and never again for the same");
	wr_clock_sim_advance(&bed.clock, SECOND_NS);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.evidence_batches - before, 1);
}

CASE(writer_batch, no_evidence_while_appends_wait)
{
	uint64_t before = bed.evidence_batches;
	for (uint32_t i = 0; i < 20; i++) {
		events(1, 16);
		(void)log_bed_step(&bed);
		(void)log_bed_complete(&bed, 2);
		wr_clock_sim_advance(&bed.clock, SECOND_NS / 50);
	}
	cr_expect_eq(bed.evidence_batches, before);
}

CASE(writer_batch, evidence_finds_a_place_behind_a_full_chunk)
{
	/* Fill the chunk to its last block exactly. */
	while (wr_writer_room(&bed.writer) >= WR_BLOCK_BYTES) {
		events(1, 16);
		log_bed_settle_down(&bed);
		if (bed.writer.chunk == NULL)
			break;
	}
	cr_assert_eq(wr_writer_room(&bed.writer), 0);
	uint64_t before = bed.evidence_batches;
	wr_clock_sim_advance(&bed.clock, SECOND_NS);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.evidence_batches - before, 1);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 2);
}

CASE(writer_batch, with_seal_before_ack_every_batch_is_attested_before_it_is_told)
{
	topic = log_bed_restart(&bed, &(struct log_bed_options){.seal_before_ack = true});
	for (uint32_t i = 0; i < 10; i++) {
		events(2, 16);
		log_bed_settle_down(&bed);
		cr_expect_eq(wr_load_relaxed(&bed.link.durable_seq),
			     wr_writer_visible_seq(&bed.writer));
		cr_expect_eq(bed.attested_seq, wr_writer_visible_seq(&bed.writer));
		if (i % 4 == 3)
			log_bed_offer(&bed, 4, false);
	}
}

/* ---- marks ---- */

CASE(writer_batch, every_batch_says_how_far_each_lane_is_decided)
{
	for (uint32_t lane = 1; lane < 4; lane++)
		for (uint32_t i = 0; i < lane; i++)
			(void)log_bed_event(&bed, lane, topic, i, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), 0);
	(void)log_bed_complete(&bed, 1);
	for (uint32_t lane = 1; lane < 4; lane++)
		cr_expect_eq(wr_load_relaxed(&bed.durable[lane].durable_ticket), lane);
}

CASE(writer_batch, a_refusal_behind_a_batch_waits_for_that_batch)
{
	events(1, 16);
	(void)log_bed_step(&bed);
	uint64_t ticket = log_bed_event(&bed, 2, 99, 0, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[2]), ticket, "decided");
	cr_expect_eq(log_bed_in_flight(&bed), 2);
	cr_expect_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), 0, "and not told: L9");
	(void)log_bed_complete(&bed, 1);
	cr_expect_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), 0);
	(void)log_bed_complete(&bed, 1);
	cr_expect_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), ticket);
}

CASE(writer_batch, full_rings_to_the_journal_stop_nothing_for_good)
{
	/* Refusals, one commit of marks each, until the ring of commits is full. */
	uint64_t last = 0;
	for (uint32_t i = 0; i < 3 * LOG_BED_COMMITS; i++) {
		last = log_bed_event(&bed, 2, 99, 0, 16);
		(void)log_bed_step(&bed);
	}
	cr_expect_eq(log_bed_in_flight(&bed), LOG_BED_COMMITS);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[2]), last, "they are decided all the same");
	events(5, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), LOG_BED_COMMITS);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.durable[2].durable_ticket), last);
	cr_expect_eq(wr_load_relaxed(&bed.durable[1].durable_ticket), 5);
}

CASE(writer_batch, a_chunk_that_cannot_be_sealed_now_holds_its_lanes)
{
	for (uint32_t i = 0; i < LOG_BED_COMMITS; i++) {
		(void)log_bed_event(&bed, 2, 99, 0, 16);
		(void)log_bed_step(&bed);
	}
	/* More than the chunk takes: the rest waits for a place in the ring. */
	events(10, 4000);
	(void)log_bed_step(&bed);
	uint64_t ordered = wr_lane_ordered(&bed.lanes[1]);
	cr_expect_lt(ordered, 10);
	cr_expect_gt(wr_load_relaxed(&bed.writer.stats.held_rounds), 0);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 10);
}

CASE(writer_batch, a_chunk_that_cannot_be_filled_up_now_is_filled_up_later)
{
	while (wr_writer_room(&bed.writer) > WR_BLOCK_BYTES) {
		events(1, 16);
		log_bed_settle_down(&bed);
	}
	for (uint32_t i = 0; i < LOG_BED_COMMITS; i++) {
		(void)log_bed_event(&bed, 2, 99, 0, 16);
		(void)log_bed_step(&bed);
	}
	uint64_t next = bed.writer.next_seq, fillers = bed.filler_batches;
	events(1, 4050); /* not into the last block */
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, next);
	cr_expect_eq(log_bed_in_flight(&bed), LOG_BED_COMMITS);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.writer.next_seq, next + 1);
	cr_expect_eq(bed.filler_batches, fillers + 1);
}

CASE(writer_batch, while_a_small_batch_is_written_more_events_are_no_reason_to_wake)
{
	cr_expect_eq(wr_writer_nap_ns(&bed.writer), 0, "nothing in flight: the next is sealed");
	events(1, 16);
	(void)log_bed_step(&bed);
	uint64_t nap = wr_writer_nap_ns(&bed.writer);
	cr_expect_gt(nap, 0);
	cr_expect_leq(nap, SECOND_NS / 1000, "whoever waits for the order alone is not kept long");
	events(1, 16);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 1, "it would have done nothing but order it");
	/* A medium that does not answer is waited for awake. */
	uint32_t naps = 1;
	while (wr_writer_nap_ns(&bed.writer) > 0 && naps < 1000)
		naps++;
	cr_expect_leq(naps * nap, SECOND_NS / 100);
	(void)log_bed_complete(&bed, 1);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 1);
	cr_expect_gt(wr_writer_nap_ns(&bed.writer), 0, "for the next one anew");
	wr_store_release(&bed.link.failed, 1u);
	cr_expect_eq(wr_writer_nap_ns(&bed.writer), 0, "after a failure nothing completes");
	wr_store_release(&bed.link.failed, 0u);
	log_bed_settle_down(&bed);
}

CASE(writer_batch, beside_large_batches_there_is_no_nap)
{
	topic = log_bed_restart(&bed, &(struct log_bed_options){.chunk_bytes = 2u << 20,
								.lane_bytes = 1u << 20,
								.reply_count = 16384});
	events(100, 1000);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 1);
	cr_expect_eq(wr_writer_nap_ns(&bed.writer), 0, "a second one can go out beside it");
	events(300, 1000);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_in_flight(&bed), 2);
	cr_expect_eq(wr_writer_nap_ns(&bed.writer), 0);
	log_bed_settle_down(&bed);
}
