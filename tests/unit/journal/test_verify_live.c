/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a walk that is stopped hears of nothing else; one that begins somewhere, or goes through
 *         a part, begins there; and beside an owner each answer of verify_live.h is given where it
 *         is true, and after so many tries an answer is given.
 * Method: as in test_verify.c; and the decisions one by one, on a scan that stands where they ask.
 */
#include "core/journal/verify_live.h"
#include "tests/unit/journal/verify_bed.h"

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

/* --- what decides beside an owner ------------------------------------------------------------- */

static struct wr_scan scan;
static struct wr_superblock seen;

static void open_scan(void)
{
	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(wr_verify_superblock(storage, &p.memory.base, &seen, &problem), 0);
	cr_assert_eq(wr_scan_open(&scan, storage, &p.memory.base, &seen, 0, true), 0);
}

static void close_scan(void)
{
	wr_scan_close(&scan, false);
	cr_expect_eq(p.memory.live_count, 0);
}

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
	open_scan();
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
	open_scan();
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
	open_scan();
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
