/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   how an epoch begins and ends, and what is captured between: the first record,
 *         checkpoints, a clean close. Rules: L27 (the epoch's first record), L30 (capture), L42
 *         (finish).
 * Method: a bed whose medium completes commits when the test says so.
 */
#include <criterion/criterion.h>

#include "core/record/epoch.h"
#include "tests/support/case.h"
#include "tests/support/log_bed.h"

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

TestSuite(writer_ends, .init = set_up);

static void events(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		cr_assert_neq(log_bed_event(&bed, 1, topic, i, 16), 0);
}

/* ---- checkpoints ---- */

CASE(writer_ends, a_checkpoint_is_captured_every_so_many_bytes)
{
	topic = log_bed_restart(&bed,
				&(struct log_bed_options){.checkpoint_bytes = 3 * WR_BLOCK_BYTES});
	struct wr_checkpoint_job *job = &bed.link.checkpoint;
	uint32_t captured = 0;
	for (uint32_t i = 0; i < 12; i++) {
		events(1);
		log_bed_settle_down(&bed);
		if (wr_load_relaxed(&job->state) != WR_CHECKPOINT_CAPTURED)
			continue;
		captured++;
		/* Of all that is sealed, with the place and the checksum of the last batch. */
		cr_expect_eq(job->last_seq, wr_writer_visible_seq(&bed.writer));
		cr_expect_eq(job->header_crc, bed.chain);
		cr_expect_eq(job->segment_id, bed.writer.last_segment_id);
		cr_expect_eq(job->segment_offset, bed.writer.last_offset);
		struct wr_section_header header;
		const uint8_t *bytes;
		uint32_t at = 0, sections = 0;
		while (wr_section_next(job->buffer, job->bytes, &at, &header, &bytes) == 1)
			sections++;
		cr_expect_eq(sections, 3);
		wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_IDLE);
	}
	cr_expect_geq(captured, 12 / 3 - 1);
	cr_expect_leq(captured, 12 / 3 + 1);
}

CASE(writer_ends, a_captured_checkpoint_is_not_written_over)
{
	topic = log_bed_restart(&bed,
				&(struct log_bed_options){.checkpoint_bytes = WR_BLOCK_BYTES});
	struct wr_checkpoint_job *job = &bed.link.checkpoint;
	cr_assert_eq(wr_load_relaxed(&job->state), WR_CHECKPOINT_CAPTURED);
	uint64_t last = job->last_seq;
	events(1);
	log_bed_settle_down(&bed);
	cr_expect_eq(job->last_seq, last);
	wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_IDLE);
	events(1);
	log_bed_settle_down(&bed);
	cr_expect_gt(job->last_seq, last);
}

CASE(writer_ends, a_checkpoint_names_the_lowest_sequence_that_is_needed)
{
	topic = log_bed_restart(&bed,
				&(struct log_bed_options){.checkpoint_bytes = WR_BLOCK_BYTES});
	struct wr_checkpoint_job *job = &bed.link.checkpoint;
	uint32_t subscription;
	wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_IDLE);
	events(3);
	log_bed_settle_down(&bed);
	cr_expect_eq(job->needed_seq, bed.writer.next_seq, "nobody needs anything");
	cr_assert_eq(log_bed_subscription(&bed, 0, "s", &topic, 1, WR_START_AT, 2, &subscription),
		     0);
	cr_expect_eq(wr_load_relaxed(&bed.link.needed_seq), 2, "lowered with the answer (D3)");
	log_bed_settle_down(&bed);
	wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_IDLE);
	events(1);
	log_bed_settle_down(&bed);
	cr_expect_eq(job->needed_seq, 2);
}

/* Takes the slot back, as the journal does once the checkpoint's batch is durable. */
static void capture_next(void)
{
	struct wr_checkpoint_job *job = &bed.link.checkpoint;
	uint64_t last = job->last_seq;
	wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_IDLE);
	events(1);
	log_bed_settle_down(&bed);
	cr_assert_gt(job->last_seq, last);
}

/* All rows: from here to there, under this generation. */
static void progress_all(uint32_t subscription, uint32_t generation, uint64_t from, uint64_t to)
{
	const struct wr_subscription *s = &bed.tables.catalog.subscriptions[subscription];
	struct wr_control_progress progress = {.generation = generation, .from = from, .to = to};
	for (uint32_t r = 0; r < s->row_count; r++) {
		cr_assert_neq(log_bed_progress(&bed, 0, subscription, r, &progress), 0);
		log_bed_settle_down(&bed);
	}
}

/* A new generation of all rows; the group has counted what lies behind the move (H3). */
static void move_all(uint32_t subscription, uint32_t generation, uint64_t position)
{
	const struct wr_subscription *s = &bed.tables.catalog.subscriptions[subscription];
	for (uint32_t r = 0; r < s->row_count; r++) {
		struct wr_settle_row *row = &bed.tables.settle.rows[s->row_first + r];
		(void)log_bed_generation(&bed, 0, subscription, r, generation, position);
		log_bed_settle_down(&bed);
		wr_store_release(&row->seen_seq, wr_load_relaxed(&row->anew_seq));
	}
}

CASE(writer_ends, the_gate_goes_up_by_what_the_last_checkpoint_made_durable)
{
	topic = log_bed_restart(&bed,
				&(struct log_bed_options){.checkpoint_bytes = WR_BLOCK_BYTES});
	struct wr_checkpoint_job *job = &bed.link.checkpoint;
	wr_atomic_u64 *gate = &bed.link.needed_seq;
	uint32_t subscription;
	events(3);
	log_bed_settle_down(&bed);
	cr_assert_eq(log_bed_subscription(&bed, 0, "s", &topic, 1, WR_START_AT, 2, &subscription),
		     0);
	move_all(subscription, 1, WR_POSITION_KEEP);
	capture_next();
	capture_next();
	cr_expect_eq(job->needed_seq, 2);
	cr_expect_eq(wr_load_relaxed(gate), 2);
	/* In the tables and in what was captured, but a crash may still take it back. */
	progress_all(subscription, 1, 2, 4);
	capture_next();
	cr_expect_eq(job->needed_seq, 4);
	cr_expect_eq(wr_load_relaxed(gate), 2);
	capture_next();
	cr_expect_eq(wr_load_relaxed(gate), 4);
	/* Moved back, and on again: the gate stays until that was captured, and is durable. */
	move_all(subscription, 2, 3);
	cr_expect_eq(wr_load_relaxed(gate), 3);
	progress_all(subscription, 2, 3, 5);
	capture_next();
	cr_expect_eq(job->needed_seq, 5);
	cr_expect_eq(wr_load_relaxed(gate), 3);
	capture_next();
	cr_expect_eq(wr_load_relaxed(gate), 5);
}

/* ---- the beginning and the end ---- */

CASE(writer_ends, the_first_record_of_an_epoch_comes_before_everything)
{
	_Alignas(8) uint8_t record[128], payload[WR_EPOCH_START_BYTES];
	struct wr_epoch_start epoch = {.epoch = 6, .last_seq = 41};
	wr_epoch_start_encode(&epoch, payload);
	wr_control_write(record, WR_KIND_EPOCH_START, 0, 0, NULL, 0, payload, sizeof payload);
	topic = log_bed_restart(&bed,
				&(struct log_bed_options){
					.next_seq = 42,
					.first_record = record,
					.first_record_bytes = ((struct wr_record *)record)->bytes,
				});
	cr_expect_eq(log_bed_record(&bed, 42).head->kind, WR_KIND_EPOCH_START);
	cr_expect_eq(log_bed_record(&bed, 43).head->kind, WR_KIND_TOPIC);
}

CASE(writer_ends, before_the_first_record_of_an_epoch_nothing_is_taken)
{
	_Alignas(8) uint8_t record[128], payload[WR_EPOCH_START_BYTES] = {0};
	wr_control_write(record, WR_KIND_EPOCH_START, 0, 0, NULL, 0, payload, sizeof payload);
	tear_down();
	log_bed_init(&bed, &(struct log_bed_options){
				   .first_record = record,
				   .first_record_bytes = ((struct wr_record *)record)->bytes,
			   });
	while (wr_spsc_ready(&bed.link.extents_ring) > 0) /* no place on disk yet */
		wr_spsc_pop(&bed.link.extents_ring, 1);
	wr_lane_open(&bed.lanes[1], WR_LANE_DATA, true);
	(void)log_bed_event(&bed, 1, 99, 0, 16);
	cr_expect_eq(log_bed_step(&bed), 0);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 0);
	cr_expect_eq(wr_writer_finish(&bed.writer), 0, "nor is it closed");
	log_bed_offer(&bed, 8, false);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), 1);
	cr_expect_eq(log_bed_record(&bed, 1).head->kind, WR_KIND_EPOCH_START);
}

/* Calls finish as a close does; rounds that it took. */
static uint32_t finish(void)
{
	uint32_t rounds = 1;
	while (wr_writer_finish(&bed.writer) == 0) {
		(void)log_bed_complete(&bed, 1);
		cr_assert_lt(rounds++, 100);
	}
	return rounds;
}

CASE(writer_ends, a_clean_close_seals_attests_and_fills_up)
{
	events(3);
	(void)log_bed_step(&bed);
	events(3);
	(void)log_bed_step(&bed); /* an open batch behind one in flight */
	(void)finish();
	cr_expect_eq(log_bed_in_flight(&bed), 0);
	cr_expect_eq(bed.attested_seq, wr_writer_visible_seq(&bed.writer));
	cr_expect_null(bed.writer.chunk);
	struct wr_chunk *last = log_bed_chunk(&bed, wr_load_relaxed(&bed.chunks.head) - 1);
	cr_expect_eq(wr_load_relaxed(&last->end_seq), bed.writer.next_seq);
	cr_expect_eq(bed.writer.last_end_offset, last->extent.segment_offset + bed.o.chunk_bytes,
		     "to the last block");
	cr_expect_eq(finish(), 1, "there is nothing more to do");
}

CASE(writer_ends, a_close_right_after_a_full_chunk_needs_no_filler)
{
	while (bed.writer.chunk != NULL && wr_writer_room(&bed.writer) > 2 * WR_BLOCK_BYTES) {
		events(1);
		log_bed_settle_down(&bed);
	}
	cr_assert_not_null(bed.writer.chunk);
	uint64_t fillers = bed.filler_batches;
	events(1);
	log_bed_settle_down(&bed);
	(void)finish();
	cr_expect_eq(bed.filler_batches, fillers, "evidence took the last block");
}

CASE(writer_ends, closing_an_empty_log_writes_nothing)
{
	log_bed_end(&bed);
	log_bed_init(&bed, NULL);
	cr_expect_eq(finish(), 1);
	cr_expect_eq(log_bed_in_flight(&bed), 0);
}

CASE(writer_ends, a_memory_only_log_has_nothing_to_finish_or_attest)
{
	topic = log_bed_restart(&bed, &(struct log_bed_options){.memory_only = true});
	events(10);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_writer_finish(&bed.writer), 1);
	cr_expect_eq(wr_writer_idle_ns(&bed.writer), UINT64_MAX);
	cr_expect(wr_writer_is_idle(&bed.writer));
	wr_lane_close(&bed.lanes[1]);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.lanes[1].state), WR_LANE_FREE, "decided is enough");
}
