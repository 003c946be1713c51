/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   when chunks or extents run short, data waits and what ends the shortage does not; nothing
 *         that somebody still needs is written over. Rules: L11 and L24 (settles and control go on,
 *         a hold yields to them), L21 (pins), L23 (the undurable backlog), L31 (the reserve).
 * Method: a bed with few chunks and extents, whose medium and subscriptions stand still until told.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/record/version.h"
#include "tests/support/log_bed.h"

static struct log_bed bed;
static uint32_t topic, subscription;

static void start(const struct log_bed_options *options)
{
	log_bed_init(&bed, options);
	wr_lane_open(&bed.lanes[0], WR_LANE_SETTLE, true);
	wr_lane_open(&bed.lanes[1], WR_LANE_DATA, true);
	cr_assert_eq(log_bed_topic(&bed, 0, "orders", 1, &topic), 0);
	cr_assert_eq(
		log_bed_subscription(&bed, 0, "books", &topic, 1, WR_START_AT, 1, &subscription),
		0);
	log_bed_settle_down(&bed);
}

static void end(void)
{
	log_bed_fini(&bed);
}

/* Big events until one is not taken in its round; how many were. */
static uint64_t fill_with_data(bool complete)
{
	uint64_t first = bed.writer.next_seq, before;
	for (uint32_t i = 0; i < 1000; i++) {
		(void)log_bed_event(&bed, 1, topic, i, 3000);
		before = bed.writer.next_seq;
		(void)log_bed_step(&bed);
		if (complete)
			(void)log_bed_complete(&bed, 4);
		if (bed.writer.next_seq == before)
			return before - first;
	}
	cr_assert_fail("data is never held back");
	return 0;
}

static uint64_t settle_position = 1;

/* One settle: accepted in its round? */
static bool settle(void)
{
	struct wr_control_progress progress = {.from = settle_position, .to = settle_position + 1};
	uint64_t before = bed.writer.next_seq;
	cr_assert_neq(log_bed_progress(&bed, 0, subscription, 0, &progress), 0);
	(void)log_bed_step(&bed);
	bool accepted = bed.writer.next_seq == before + 1;
	settle_position += accepted;
	return accepted;
}

Test(writer_shortage, data_stops_at_the_undurable_backlog_and_settles_go_on)
{
	start(NULL);
	uint64_t taken = fill_with_data(false);
	cr_expect_gt(taken, 4 * 3, "four chunks of 16 KiB");
	cr_expect_lt(taken, 5 * 5);
	cr_expect_leq(wr_load_relaxed(&bed.chunks.head), 5);
	for (uint32_t i = 0; i < 100; i++)
		cr_expect(settle(), "settle %u", i);
	uint64_t held = wr_load_relaxed(&bed.writer.stats.held_rounds);
	cr_expect_gt(held, 0);
	/* The medium catches up: data goes on by itself. */
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), bed.lanes[1].handed_over);
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, even_settles_stop_when_their_reserve_is_used_up)
{
	start(NULL);
	(void)fill_with_data(false);
	uint32_t settles = 0;
	while (settles < 5000 && settle())
		settles++;
	cr_expect_gt(settles, 200, "two chunks of 16 KiB and what was left of data's");
	cr_expect_lt(settles, 5000);
	cr_expect_leq(wr_load_relaxed(&bed.chunks.head),
		      bed.o.undurable_chunks_max + WR_CONTROL_CHUNKS);
	/* Nothing is lost over it: the one that waited is taken first. */
	log_bed_settle_down(&bed);
	settle_position++;
	cr_expect(settle());
	log_bed_check_fold(&bed);
	end();
}

/* With seal_before_ack: settles up to the end of the last chunk, all written, none attested. */
Test(writer_shortage, a_backlog_that_is_to_be_attested_keeps_room_for_it)
{
	start(&(struct log_bed_options){.seal_before_ack = true});
	(void)fill_with_data(false);
	uint32_t settles = 0;
	while (settles < 5000 && settle())
		settles++;
	cr_expect_gt(settles, 100, "a chunk of 16 KiB and what was left of data's");
	cr_expect_lt(settles, 5000);
	uint64_t last = bed.writer.next_seq - 1;
	log_bed_settle_down(&bed);
	cr_expect_geq(wr_load_acquire(&bed.link.durable_seq), last, "what was written is durable");
	settle_position++; /* the one that waited */
	cr_expect(settle());
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, data_stays_out_of_a_chunk_that_control_opened)
{
	start(NULL);
	(void)fill_with_data(false);
	uint64_t head = wr_load_relaxed(&bed.chunks.head);
	while (wr_load_relaxed(&bed.chunks.head) == head)
		cr_assert(settle());
	cr_expect(bed.writer.chunk_is_kept);
	uint64_t ordered = wr_lane_ordered(&bed.lanes[1]);
	(void)log_bed_event(&bed, 1, topic, 0, 8); /* there would be room */
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), ordered);
	log_bed_settle_down(&bed);
	cr_expect_not(bed.writer.chunk_is_kept);
	cr_expect_gt(wr_lane_ordered(&bed.lanes[1]), ordered);
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, without_an_extent_data_waits)
{
	start(&(struct log_bed_options){.extents = 2});
	uint64_t taken = fill_with_data(true);
	cr_expect_leq(taken, 2 * 5);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 2);
	log_bed_offer(&bed, 2, false);
	(void)log_bed_step(&bed);
	cr_expect_gt(wr_load_relaxed(&bed.chunks.head), 2);
	log_bed_offer(&bed, 8, false);
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, on_a_full_disk_the_reserve_is_for_settles_only)
{
	start(&(struct log_bed_options){.extents = 2});
	log_bed_offer(&bed, 2, true);
	wr_store_release(&bed.link.starved, 1u);
	(void)fill_with_data(true);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 2, "data leaves it alone");
	uint32_t settles = 0;
	while (settles < 5000 && settle()) {
		settles++;
		(void)log_bed_complete(&bed, 4);
	}
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 4, "settles used it all");
	cr_expect_geq(settles, 2 * 4, "a block each at least");
	/* Space was made: the disk offers more, and the reserve is anybody's. */
	wr_store_release(&bed.link.starved, 0u);
	log_bed_offer(&bed, 2, true);
	log_bed_offer(&bed, 8, false);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), bed.lanes[1].handed_over);
	log_bed_check_fold(&bed);
	end();
}

/* Of the control lane there are few, and each makes room. */
Test(writer_shortage, on_a_full_disk_events_of_the_control_lane_have_the_reserve)
{
	start(&(struct log_bed_options){.extents = 2});
	log_bed_offer(&bed, 2, true);
	wr_store_release(&bed.link.starved, 1u);
	(void)fill_with_data(true);
	while (!bed.writer.chunk_is_kept)
		cr_assert(settle());
	bed.lanes[0].kind = WR_LANE_CONTROL;
	_Alignas(8) uint8_t event[512];
	uint32_t bytes = log_bed_write_event(event, topic, 1, 300);
	uint64_t before = bed.writer.next_seq;
	cr_assert_neq(log_bed_hand_over(&bed, 0, event, bytes), 0);
	(void)log_bed_step(&bed);
	cr_expect_eq(bed.writer.next_seq, before + 1);
	bed.lanes[0].kind = WR_LANE_SETTLE;
	wr_store_release(&bed.link.starved, 0u);
	log_bed_offer(&bed, 8, false);
	log_bed_settle_down(&bed);
	log_bed_check_fold(&bed);
	end();
}

/* As a dead letter comes: an event, in a run, in a lane of settles. */
static int bury(void)
{
	_Alignas(8) uint8_t run[WR_RECORD_HEAD_BYTES + 512];
	uint32_t bytes = log_bed_write_event(run + WR_RECORD_HEAD_BYTES, topic, 1, 300);
	((struct wr_record *)(run + WR_RECORD_HEAD_BYTES))->flags |= WR_RECORD_WANTS_REPLY;
	log_bed_write_run_head(run, 1, bytes);
	cr_assert_neq(log_bed_hand_over(&bed, 0, run, WR_RECORD_HEAD_BYTES + bytes), 0);
	(void)log_bed_step(&bed);
	return log_bed_reply(&bed, 0).code;
}

Test(writer_shortage, on_a_full_disk_dead_letters_leave_the_reserve_to_settles)
{
	start(&(struct log_bed_options){.extents = 2});
	cr_expect_eq(bury(), 0);
	log_bed_offer(&bed, 2, true);
	wr_store_release(&bed.link.starved, 1u);
	(void)fill_with_data(true);
	while (!bed.writer.chunk_is_kept)
		cr_assert(settle());
	uint64_t before = bed.writer.next_seq;
	for (uint32_t i = 0; i < 100; i++)
		cr_expect_eq(bury(), WEIR_E_FULL, "and nothing waits behind it");
	cr_expect_eq(bed.writer.next_seq, before);
	cr_expect(settle());
	wr_store_release(&bed.link.starved, 0u);
	log_bed_offer(&bed, 8, false);
	log_bed_settle_down(&bed);
	cr_expect_eq(bury(), 0);
	log_bed_check_fold(&bed);
	end();
}

/* What weir_key_version() sends: it looks like an event, and leaves nothing in the log. */
static int ask(void)
{
	const struct wr_version_option asked = {.expected = WR_VERSION_ASKED};
	_Alignas(8) uint8_t record[128] = {0};
	uint32_t area = wr_record_option_area(wr_option_size(sizeof asked), 16);
	const struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + area + 16,
		.key_bytes = 16, /* a hash */
		.option_bytes = (uint16_t)area,
		.topic = topic,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_DECIDE | WR_RECORD_NULL_PAYLOAD | WR_RECORD_WANTS_REPLY,
	};
	memcpy(record, &head, sizeof head);
	(void)wr_option_put(record + sizeof head, WR_OPTION_EXPECTED_VERSION, &asked, sizeof asked);
	cr_assert_neq(log_bed_hand_over(&bed, 0, record, wr_record_stride(head.bytes)), 0);
	(void)log_bed_step(&bed);
	return log_bed_reply(&bed, 0).code;
}

Test(writer_shortage, on_a_full_disk_questions_are_answered)
{
	start(&(struct log_bed_options){.extents = 2});
	cr_expect_eq(ask(), -EINVAL, "the topic's keys have no versions");
	log_bed_offer(&bed, 2, true);
	wr_store_release(&bed.link.starved, 1u);
	(void)fill_with_data(true);
	while (!bed.writer.chunk_is_kept)
		cr_assert(settle());
	uint64_t before = bed.writer.next_seq;
	cr_expect_eq(bury(), WEIR_E_FULL);
	cr_expect_eq(ask(), -EINVAL);
	cr_expect_eq(bed.writer.next_seq, before);
	end();
}

/* Data up to the last block of the last extent, all of it on the medium; then a long silence. */
static uint64_t fill_and_wait(void)
{
	(void)fill_with_data(true);
	log_bed_settle_down(&bed);
	while (bed.writer.chunk != NULL && wr_writer_room(&bed.writer) >= WR_BLOCK_BYTES) {
		cr_assert(settle());
		log_bed_settle_down(&bed);
	}
	cr_assert_lt(bed.attested_seq, wr_writer_visible_seq(&bed.writer));
	wr_clock_sim_advance(&bed.clock, 1000000000);
	uint64_t before = bed.evidence_batches;
	log_bed_settle_down(&bed);
	return before;
}

Test(writer_shortage, on_a_full_disk_evidence_leaves_the_reserve_to_settles_and_to_the_next_open)
{
	start(&(struct log_bed_options){.extents = 4}); /* a whole segment */
	log_bed_offer(&bed, 4, true);
	wr_store_release(&bed.link.starved, 1u);
	uint64_t before = fill_and_wait();
	cr_expect_eq(bed.evidence_batches, before);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 4, "nothing of the reserve was opened");
	cr_expect_eq(wr_writer_idle_ns(&bed.writer), UINT64_MAX, "and nobody turns round for it");
	/* A settle opens it, and attests by the way what waited. */
	cr_expect(settle());
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 5);
	wr_clock_sim_advance(&bed.clock, 1000000000);
	log_bed_settle_down(&bed);
	cr_expect_eq(bed.evidence_batches, before + 1, "in a segment that is open it may");
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, a_close_on_a_full_disk_needs_no_evidence)
{
	start(&(struct log_bed_options){.extents = 4});
	log_bed_offer(&bed, 4, true);
	wr_store_release(&bed.link.starved, 1u);
	uint64_t before = fill_and_wait();
	for (uint32_t i = 0; i < 100 && wr_writer_finish(&bed.writer) == 0; i++)
		(void)log_bed_complete(&bed, 4);
	cr_expect_eq(wr_writer_finish(&bed.writer), 1);
	cr_expect_eq(bed.evidence_batches, before);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.head), 4);
	end();
}

Test(writer_shortage, settle_lanes_take_turns_at_what_room_there_is)
{
	start(&(struct log_bed_options){.extents = 1, .reply_count = 4096});
	wr_lane_open(&bed.lanes[4], WR_LANE_SETTLE, false);
	wr_store_release(&bed.link.starved, 1u);
	/* Each has more than a chunk for every round. */
	for (uint32_t round = 0; round < 8; round++) {
		for (uint32_t i = 0; i < 300; i++) {
			(void)log_bed_event(&bed, 0, topic, 0, 40);
			(void)log_bed_event(&bed, 4, topic, 0, 40);
		}
		log_bed_offer(&bed, 1, true);
		(void)log_bed_step(&bed);
		(void)log_bed_complete(&bed, 8);
	}
	cr_expect_gt(wr_lane_ordered(&bed.lanes[0]), 500);
	cr_expect_gt(wr_lane_ordered(&bed.lanes[4]), 500);
	log_bed_offer(&bed, 40, true);
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, a_hold_keeps_chunks_in_memory_and_holds_data_back)
{
	start(NULL);
	log_bed_hold(&bed, 1, 3);
	uint64_t taken = fill_with_data(true);
	cr_expect_leq(taken, (bed.o.chunk_count - WR_CONTROL_CHUNKS) * 5);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.floor), 0);
	cr_expect_eq(log_bed_record(&bed, 3).head->kind, WR_KIND_EVENT);
	/* The holder reads on: as much as it released is taken, and no more. */
	uint64_t end_of_first = wr_load_relaxed(&log_bed_chunk(&bed, 0)->end_seq);
	log_bed_hold(&bed, 1, end_of_first);
	(void)log_bed_step(&bed);
	(void)fill_with_data(true);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.floor), 1);
	log_bed_hold(&bed, 1, UINT64_MAX);
	log_bed_offer(&bed, 20, false);
	log_bed_settle_down(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), bed.lanes[1].handed_over);
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, the_lowest_of_several_holds_counts)
{
	start(NULL);
	log_bed_hold(&bed, 0, 30);
	log_bed_hold(&bed, 1, 3);
	(void)fill_with_data(true);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.floor), 0);
	log_bed_hold(&bed, 1, UINT64_MAX);
	(void)log_bed_step(&bed);
	(void)fill_with_data(true);
	cr_expect_gt(wr_load_relaxed(&bed.chunks.floor), 0);
	cr_expect_eq(log_bed_record(&bed, 30).head->kind, WR_KIND_EVENT);
	end();
}

Test(writer_shortage, a_hold_yields_to_settles_in_the_end)
{
	start(&(struct log_bed_options){.extents = 60});
	log_bed_hold(&bed, 1, 3);
	(void)fill_with_data(true);
	uint64_t floor = wr_load_relaxed(&bed.chunks.floor);
	for (uint32_t i = 0; i < 1500; i++) {
		cr_assert(settle(), "settle %u", i);
		(void)log_bed_complete(&bed, 4);
		if (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 40)
			log_bed_offer(&bed, 1, false);
	}
	cr_expect_gt(wr_load_relaxed(&bed.chunks.floor), floor,
		     "or the holder's acks would wait too");
	uint64_t ordered = wr_lane_ordered(&bed.lanes[1]);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), ordered, "data does not");
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, pins_cost_chunks_and_no_time)
{
	start(&(struct log_bed_options){.extents = 60});
	struct wr_pin *pins = bed.chunks.pins;
	/* Pins 1 to 3 each hold another chunk while the log goes three times round the pool. */
	for (uint32_t i = 0; i < 200; i++) {
		uint64_t ordinal = wr_load_relaxed(&bed.chunks.head) - 1;
		if (i % 12 == 0 && i / 12 >= 1 && i / 12 <= 3)
			cr_assert_not_null(wr_chunks_pin(&bed.chunks, &pins[i / 12], ordinal));
		cr_assert_neq(log_bed_event(&bed, 1, topic, i, 3000), 0);
		uint64_t before = bed.writer.next_seq;
		(void)log_bed_step(&bed);
		(void)log_bed_complete(&bed, 8);
		cr_assert_eq(bed.writer.next_seq, before + 1, "event %u waits for a reader", i);
		if (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 8)
			log_bed_offer(&bed, 2, false);
	}
	cr_expect_gt(wr_load_relaxed(&bed.chunks.head), 3 * bed.o.chunk_count);
	cr_expect_eq(bed.chunks.lingering_count, 3);
	for (uint32_t i = 1; i <= 3; i++)
		wr_chunks_unpin(&pins[i]);
	log_bed_check_fold(&bed);
	end();
}

Test(writer_shortage, a_memory_only_log_never_waits)
{
	start(&(struct log_bed_options){.memory_only = true});
	for (uint32_t i = 0; i < 500; i++) {
		cr_assert_neq(log_bed_event(&bed, 1, topic, i, 3000), 0);
		uint64_t before = bed.writer.next_seq;
		(void)log_bed_step(&bed);
		cr_assert_eq(bed.writer.next_seq, before + 1);
	}
	cr_expect_gt(wr_load_relaxed(&bed.chunks.floor), 80);
	end();
}

Test(writer_shortage, a_memory_only_log_stops_for_a_hold)
{
	start(&(struct log_bed_options){.memory_only = true});
	log_bed_hold(&bed, 0, 3);
	uint64_t taken = fill_with_data(false);
	cr_expect_leq(taken, (bed.o.chunk_count - WR_CONTROL_CHUNKS) * 5);
	log_bed_hold(&bed, 0, UINT64_MAX);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), bed.lanes[1].handed_over);
	end();
}

/* Acknowledgements by the thousand go on, and cost nothing that a subscription holds. */
Test(writer_shortage, a_memory_only_log_keeps_what_is_held_while_it_is_settled)
{
	start(&(struct log_bed_options){.memory_only = true});
	log_bed_hold(&bed, 1, 3);
	uint64_t taken = fill_with_data(false), settles = 0;
	while (bed.writer.next_seq - taken < 6000 &&
	       settle()) /* into the room that data has left */
		settles++;
	cr_assert(bed.writer.chunk_is_kept);
	cr_expect_lt(settles, 3000); // half of the pool was left to members
	settle_position++;           /* the last was taken, and left out */
	uint64_t next_seq = bed.writer.next_seq, ordered = wr_lane_ordered(&bed.lanes[0]);
	for (uint32_t i = 1; i < 3000; i++) {
		struct wr_control_progress progress = {.from = settle_position,
						       .to = settle_position + (i < 10)};
		settle_position = progress.to;
		cr_assert_neq(log_bed_progress(&bed, 0, subscription, 0, &progress), 0);
		(void)log_bed_step(&bed);
		cr_assert_eq(wr_lane_ordered(&bed.lanes[0]), ordered + i);
	}
	cr_expect_eq(bed.writer.next_seq, next_seq);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.floor), 0);
	cr_expect_eq(log_bed_record(&bed, 3).head->kind, WR_KIND_EVENT);
	cr_expect_eq(wr_load_relaxed(&bed.tables.settle.rows[0].position), settle_position);
	/* Once there is room again they stand in the log. */
	log_bed_hold(&bed, 1, UINT64_MAX);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[1]), bed.lanes[1].handed_over);
	cr_expect(settle());
	end();
}

/* They are refused, and nobody behind them waits. */
Test(writer_shortage, copies_take_nothing_that_is_held_in_a_memory_only_log)
{
	_Alignas(8) uint8_t run[WR_RECORD_HEAD_BYTES + 2048];
	uint32_t stride = 0;
	int code = 0;
	start(&(struct log_bed_options){.memory_only = true});
	log_bed_hold(&bed, 1, 3);
	(void)fill_with_data(false);
	log_bed_write_run_head(run, 1, 0);
	((struct wr_record *)run)->type = WR_RUN_COPIES;
	stride = log_bed_write_event(run + WR_RECORD_HEAD_BYTES, topic, 1, 1000);
	((struct wr_record *)run)->key_hash = stride;
	for (uint32_t i = 0; i < 1000 && code == 0; i++) {
		((struct wr_record *)(run + WR_RECORD_HEAD_BYTES))->flags |= WR_RECORD_WANTS_REPLY;
		cr_assert_neq(log_bed_hand_over(&bed, 0, run, WR_RECORD_HEAD_BYTES + stride), 0);
		(void)log_bed_step(&bed);
		code = log_bed_reply(&bed, 0).code;
	}
	cr_expect_eq(code, WEIR_E_FULL);
	cr_expect_eq(wr_load_relaxed(&bed.chunks.floor), 0);
	cr_expect_eq(log_bed_record(&bed, 3).head->kind, WR_KIND_EVENT);
	/* What stands behind it goes on, into what is left. */
	const struct wr_control_progress progress = {.from = 1, .to = 2};
	uint64_t ticket = log_bed_progress(&bed, 0, subscription, 0, &progress);
	(void)log_bed_step(&bed);
	cr_expect_eq(wr_lane_ordered(&bed.lanes[0]), ticket);
	log_bed_hold(&bed, 1, UINT64_MAX);
	cr_assert_neq(log_bed_hand_over(&bed, 0, run, WR_RECORD_HEAD_BYTES + stride), 0);
	(void)log_bed_step(&bed);
	cr_expect_eq(log_bed_reply(&bed, 0).code, 0);
	end();
}
