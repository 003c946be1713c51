/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a walk that is stopped hears of nothing else; one that begins somewhere, or goes through
 *         a part, begins there; and beside an owner each answer of verify_live.h is given where it
 *         is true, and after so many tries an answer is given.
 * Method: as in test_verify.c; and the decisions one by one, on a scan that stands where they ask.
 */
#include "core/journal/verify_live.h"
#include "tests/unit/journal/scan_bed.h"

TestSuite(verify_live, .init = setup, .fini = teardown);

/* --- what stops it ---------------------------------------------------------------------------- */

static int stop_at_spare(void *context, const struct wr_segment_summary *summary)
{
	(void)context;
	return summary->spare ? 7 : 0;
}

static int look_with(const struct wr_verify_visitor *visitor)
{
	memset(&told, 0, sizeof told);
	wr_memory_sim_init(&p.memory, NULL);
	int r = wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX, visitor, &report, &problem);
	cr_expect_eq(p.memory.live_count, 0);
	return r;
}

Test(verify_live, who_stops_it_at_something_hears_of_nothing_else)
{
	const struct wr_verify_visitor at_spares = {
		.segment = stop_at_spare, .damage = tell_damage, .context = &told};
	struct wr_verify_visitor at_damage = {.damage = tell_damage, .context = &told};
	struct told stopping = {.stop_with = 7};

	build(20);
	log_builder_evidence(&b);
	log_builder_batch(&b, 3, 100);
	damage(b.batch_count - 2, 90); /* no record is in it */
	at_damage.context = &stopping;
	cr_expect_eq(look_with(&at_damage), 7);
	cr_expect_eq(stopping.damage_count, 1);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "JOURNAL", WR_BLOCK_BYTES + 7, 1), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "JOURNAL", 2 * WR_BLOCK_BYTES + 7, 1), 0);
	stopping.damage_count = 0;
	cr_expect_eq(look_with(&at_damage), 7);
	cr_expect_eq(stopping.damage_count, 1, "the first of two copies");
	char name[WR_STORAGE_NAME_MAX + 1];
	wr_segment_name(name, 0, log_builder_spare(&b, 50));
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, 77, 1), 0);
	cr_expect_eq(look_with(&at_spares), 7);
	cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
	wr_segment_name(name, 0, log_builder_spare(&b, 51));
	change_block(name, 0, offsetof(struct wr_segment_header, uuid), 1, 8);
	cr_expect_eq(look_with(&at_spares), 7);
}

/* A block without a record has rotted, and all that comes behind it is there. */
Test(verify_live, who_stops_it_where_nothing_is_lost_hears_of_no_batch_behind)
{
	struct told stopping = {.stop_with = 7};
	const struct wr_verify_visitor visitor = {.damage = tell_damage, .context = &stopping};

	build(8);
	log_builder_evidence(&b);
	for (uint32_t i = 0; i < 3; i++)
		log_builder_batch(&b, 3, 100);
	damage(9, 24);
	cr_expect_eq(look_with(&visitor), 7);
	cr_expect_eq(stopping.damage_count, 1);
	cr_expect_not(stopping.damages[0].corrupt);
	cr_expect_eq(report.last_seq, b.batches[9].header.first_seq - 1);
}

/* A batch is lost, the tail behind it is torn, and the next epoch went on where that begins. */
Test(verify_live, behind_damage_an_epoch_may_start_from_where_the_next_batch_is_torn)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	build(6);
	uint64_t torn_offset = b.batches[6].offset;
	log_builder_rewind(&b, 6);
	log_builder_resume(&b);
	log_builder_batch(&b, 3, 100);
	wr_segment_name(name, 0, 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, torn_offset + 300, 1), 0);
	damage(5, 24);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_eq(told.damage_count, 1);
	cr_expect_eq(told.damages[0].first_seq, seq_of(5));
	cr_expect_eq(told.damages[0].end_seq, seq_of(5) + 3);
	cr_expect_eq(report.record_count, b.next_seq - 1 - 3);
}

Test(verify_live, a_copy_of_the_superblock_that_holds_something_was_written)
{
	cr_assert_eq(b.superblock.version, 1);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "JOURNAL", 3 * WR_BLOCK_BYTES + 7, 1), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_eq(told.damage_count, 1);
	cr_expect_eq(told.damages[0].kind, WR_DAMAGE_SUPERBLOCK_COPY);
}

Test(verify_live, what_only_a_checkpoint_needs_is_told_without_a_segment)
{
	build(30);
	log_builder_checkpoint(&b, 0, 5, 100);
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
	b.superblock.oldest_seq = 0;
	log_builder_write_superblock(&b);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_eq(told.damage_count, 1);
	cr_expect_eq(told.damages[0].kind, WR_DAMAGE_MISSING_SEGMENT);
	cr_expect_eq(told.damages[0].segment_id, 0);
	cr_expect_eq(told.damages[0].first_seq, 5);
}

/* Of a log without its beginning; a trimmed tail and a spare are no place to begin. */
Test(verify_live, a_part_and_a_beginning_are_found_among_files_that_do_not_count)
{
	struct wr_verify_visitor visitor = {.batch = tell_batch, .context = &told};

	build(5);
	log_builder_torn(&b);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 15; i++)
		log_builder_batch(&b, 2, 60);
	log_builder_spare(&b, 50);
	uint64_t all = b.next_seq - 1;
	visitor.begin_seq = seq_of(8);
	cr_assert_eq(look_with(&visitor), 0);
	cr_expect_eq(told.batch_first[0], seq_of(6), "the epoch that counts");
	visitor.begin_seq = 0;
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	b.superblock.oldest_segment_id = b.batches[6].segment_id;
	b.superblock.oldest_seq = seq_of(6);
	log_builder_write_superblock(&b);
	uint64_t records = 0;
	visitor.parts = 2;
	for (visitor.part = 0; visitor.part < 2; visitor.part++) {
		cr_assert_eq(look_with(&visitor), 0);
		cr_expect_eq(report.corrupt_count, 0);
		records += report.record_count;
	}
	cr_expect_eq(records, all - seq_of(6) + 1);
}

static int blank_all(void *context, const struct wr_batch_header *batch)
{
	_Alignas(64) static const uint8_t zeros[WR_BLOCK_BYTES + CHUNK_BYTES * EXTENTS];

	(void)context, (void)batch;
	for (uint32_t file = 0; file < 2; file++)
		put(file, 0, zeros, sizeof zeros);
	return 0;
}

Test(verify_live, a_dense_walk_whose_segment_is_gone_is_to_be_done_again)
{
	const struct wr_verify_visitor dense = {.any_batch = blank_all, .is_dense = true};

	build(20);
	cr_expect_eq(look_with(&dense), WEIR_E_AGAIN);
}

static uint32_t retired_count;

/* Each time that the walk enters a segment, the owner lets that one go; and then goes on itself. */
static int let_go(void *context, const struct wr_batch_header *batch)
{
	_Alignas(64) static const uint8_t zeros[CHUNK_BYTES * EXTENTS];

	(void)context;
	if (batch->segment_offset != WR_BLOCK_BYTES || retired_count == 2)
		return 0;
	put((uint32_t)batch->segment_id - 1, 2 * WR_BLOCK_BYTES, zeros,
	    sizeof zeros - WR_BLOCK_BYTES);
	b.superblock.oldest_segment_id = batch->segment_id + 1;
	b.superblock.oldest_seq = seq_of((uint32_t)batch->segment_id * 12);
	log_builder_write_superblock(&b);
	while (retired_count == 1 && b.segment_id < 5)
		log_builder_batch(&b, 3, 100);
	retired_count++;
	return 0;
}

/* What was appended behind the end that it had when it was overtaken is no spare. */
Test(verify_live, a_walk_that_is_overtaken_twice_tells_nothing_of_what_came_since)
{
	const struct wr_verify_visitor visitor = {
		.any_batch = let_go, .segment = tell_segment, .context = &told};

	build(35);
	cr_assert_eq(b.segment_id, 3);
	cr_assert_eq(b.batches[24].segment_id, 3);
	cr_assert_eq(look_with(&visitor), 0, "%s", problem.text);
	cr_expect_eq(retired_count, 2);
	cr_assert_eq(told.segment_count, 3, "what it was overtaken in, twice, and the end");
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(told.segments[i].spare, i > 0);
	cr_expect_eq(told.segments[0].segment_id, 3);
	cr_expect_eq(report.corrupt_count, 0);
}

/* --- what decides beside an owner ------------------------------------------------------------- */

Test(verify_live, damage_is_believed_at_the_second_look_the_ninth_or_when_nothing_moves)
{
	static const struct wr_scan_stop stops[] = {
		{.segment_id = 1, .offset = 4096, .first_seq = 4},
		{.segment_id = 2, .offset = 4096, .first_seq = 4},
		{.segment_id = 2, .offset = 8192, .first_seq = 4},
		{.segment_id = 2, .offset = 8192, .first_seq = 5},
		{.segment_id = 2, .offset = 8192, .first_seq = 5, .lost_id = 3},
	};
	struct wr_verify_live live = {.looks = 0};

	build(30);
	open_scan(true);
	scan.stop = stops[0];
	cr_expect_eq(wr_verify_live_damage(&live, &scan, &seen), 1, "the owner rests");
	live = (struct wr_verify_live){.looks = 0};
	for (uint32_t look = 0; look < 9; look++) {
		log_builder_write_superblock(&b);
		scan.stop = stops[look % 5];
		cr_expect_eq(wr_verify_live_damage(&live, &scan, &seen), look == 8, "%u", look);
	}
	live = (struct wr_verify_live){.looks = 0};
	for (uint32_t look = 0; look < 2; look++) {
		log_builder_write_superblock(&b);
		scan.stop = stops[4];
		cr_expect_eq(wr_verify_live_damage(&live, &scan, &seen), look == 1);
	}
	/* Another journal is there now; or none. */
	live = (struct wr_verify_live){.looks = 0};
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++)
		change_block("JOURNAL", copy * WR_BLOCK_BYTES, offsetof(struct wr_superblock, uuid),
			     1, 8);
	cr_expect_eq(wr_verify_live_damage(&live, &scan, &seen), -ESTALE);
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 1), -ESTALE);
	close_scan();
}

Test(verify_live, who_is_overtaken_goes_on_stands_or_gives_up)
{
	struct wr_verify_live live = {.looks = 0};

	build(30); /* segments 1 to 3 */
	log_builder_segment(&b);
	open_scan(true);
	/* Nothing was read yet: with the oldest, as often as it takes, to a point. */
	for (uint32_t i = 0; i < 64; i++)
		cr_assert_eq(wr_verify_live_overtaken(&live, &scan, &seen, 0), WR_VERIFY_GOES_ON);
	cr_expect(live.is_overtaken);
	cr_expect_eq(live.bound_id, 3);
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 0), WEIR_E_AGAIN);
	/* It is there: also one that holds nothing but its header. */
	for (uint64_t id = 1; id <= 4; id++) {
		live = (struct wr_verify_live){.looks = 0};
		cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, id), WR_VERIFY_STANDS);
		cr_expect_eq(wr_scan_at_id(&scan), id);
	}
	/* It has left the log, and what comes behind it may be behind the bound, or nothing. */
	b.superblock.oldest_segment_id = 2;
	b.superblock.oldest_seq = seq_of(12);
	log_builder_write_superblock(&b);
	live = (struct wr_verify_live){.bound_id = 1};
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 1), WR_VERIFY_ENDS);
	live = (struct wr_verify_live){.bound_id = 3};
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 1), WR_VERIFY_GOES_ON);
	live = (struct wr_verify_live){.is_dense = true};
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 1), WEIR_E_AGAIN);
	/* It is counted, and not there: back to what comes before, where all was seen. */
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000001.seg"), 0);
	for (uint32_t dense = 0; dense < 2; dense++)
		for (uint64_t at_id = 0; at_id < 2; at_id++)
			for (uint64_t seq = 0; seq <= seq_of(26); seq += seq_of(26)) {
				bool nowhere = dense == 1 && at_id == 1 && seq == 0;
				live = (struct wr_verify_live){
					.is_dense = dense == 1, .at_id = at_id, .bound_id = 3};
				scan.seq = seq;
				cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 2),
					     nowhere ? WEIR_E_AGAIN : WR_VERIFY_LOOKS, "%u %lu %lu",
					     dense, at_id, seq);
			}
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 99;
	log_builder_write_superblock(&b);
	live = (struct wr_verify_live){.looks = 0};
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 3), WR_VERIFY_ENDS);
	cr_expect_eq(live.bound_id, 0, "none of them is of the log");
	cr_assert_eq(wr_sim_disk_remove(disk, "JOURNAL"), 0);
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 3), WEIR_E_CORRUPT);
	close_scan();
}

/* A journal of before segments were on record has no oldest one to be behind of. */
Test(verify_live, who_has_read_nothing_begins_with_the_oldest_there_is)
{
	struct wr_verify_live live = {.looks = 0};

	build(30);
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
	b.superblock.oldest_seq = 0;
	log_builder_write_superblock(&b);
	open_scan(true);
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 0), WR_VERIFY_GOES_ON);
	cr_expect_eq(wr_scan_at_id(&scan), 1);
	close_scan();
}

/* The tail of a trimmed segment, and a copy of that file: the walk does not stand there. */
Test(verify_live, nobody_stands_in_a_trimmed_segment_or_its_copy)
{
	struct wr_verify_live live = {.looks = 0};
	uint64_t bytes;

	build(12);
	const uint8_t *content = wr_sim_disk_peek(disk, "0-00000001.seg", &bytes);
	uint8_t *copy = malloc(bytes);
	memcpy(copy, content, bytes);
	cr_assert_eq(wr_sim_disk_put(disk, "0-00000700.seg", copy, bytes), 0);
	free(copy);
	log_builder_rewind(&b, 11);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 3; i++)
		log_builder_batch(&b, 3, 100);
	open_scan(true);
	scan.seq = b.next_seq;
	cr_expect_eq(wr_verify_live_overtaken(&live, &scan, &seen, 2), WR_VERIFY_LOOKS);
	close_scan();
}

Test(verify_live, nothing_is_seen_behind_the_bound)
{
	const struct wr_scan_segment counts = {.first_valid = true, .segment_id = 4},
				     trimmed = {.first_valid = true,
						.excluded = true,
						.segment_id = 4},
				     blank = {.segment_id = 4};
	struct wr_verify_live live = {.bound_id = 0};
	struct wr_batch_header h = {.segment_id = 4, .batch_bytes = 4096};
	const struct wr_scan_batch batch = {.header = &h, .offset = 4096};

	cr_expect_not(wr_verify_live_is_beyond(&live, &counts));
	live.bound_id = 4;
	cr_expect_not(wr_verify_live_is_beyond(&live, &counts));
	cr_expect_eq(wr_verify_live_batch(&live, &batch), 1);
	cr_expect_eq(wr_verify_live_batch(&live, &batch), 0, "it was seen");
	live = (struct wr_verify_live){.bound_id = 3};
	cr_expect(wr_verify_live_is_beyond(&live, &counts));
	cr_expect_not(wr_verify_live_is_beyond(&live, &trimmed));
	cr_expect_not(wr_verify_live_is_beyond(&live, &blank));
	cr_expect_eq(wr_verify_live_batch(&live, &batch), -1);
}
