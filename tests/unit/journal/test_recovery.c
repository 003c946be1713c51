/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   rows R1 to R5 of recovery's decision table (core/journal/recovery.h) by name, and the
 *         creation of a journal.
 * Method: journals built batch by batch on a simulated medium, damaged in one place, opened, and
 *         read to the end. The sweeps over all places are in test_recovery_sweep.c.
 */
#include "tests/unit/journal/recovery_bed.h"

TestSuite(recovery, .init = setup, .fini = teardown);

/* --- creation --------------------------------------------------------------------------------- */

static void empty_disk(void)
{
	teardown();
	disk = wr_sim_disk_create(1, NULL);
	const struct wr_storage_options options = {.sim_disk = disk};
	cr_assert_eq(wr_storage_sim_open(&options, &storage), 0);
	memset(&b, 0, sizeof b);
}

Test(recovery, an_empty_directory_becomes_a_journal)
{
	empty_disk();
	cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0);
	cr_expect(p.report.created);
	cr_expect_eq(p.recovered.epoch, 1);
	cr_expect_eq(p.recovered.next_seq, 1);
	cr_expect_eq(p.recovered.end_segment_id, 0);
	cr_expect_eq(p.recovered.superblock.chunk_bytes, 2 * WR_BLOCK_BYTES);
	cr_expect_eq(p.recovered.superblock.segment_bytes, 5 * WR_BLOCK_BYTES);
	cr_expect_eq(p.table.next_segment_id, 1);
	log_probe_close(&p);
	cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0);
	cr_expect_not(p.report.created);
	cr_expect_eq(p.recovered.epoch, 2);
	log_probe_close(&p);
}

Test(recovery, an_empty_directory_is_not_created_when_only_looked_at)
{
	empty_disk();
	cr_expect_eq(log_probe_open(&p, disk, NULL, true), -ENOENT);
	log_probe_close(&p);
	cr_expect_null(wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &(uint64_t){0}));
}

Test(recovery, an_interrupted_creation_is_done_again)
{
	static const uint8_t garbage[4 * WR_BLOCK_BYTES] = {1, 2, 3};
	empty_disk();
	cr_assert_eq(wr_sim_disk_put(disk, WR_SUPERBLOCK_NAME, garbage, sizeof garbage), 0);
	cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0);
	cr_expect(p.report.created);
	log_probe_close(&p);
}

Test(recovery, segments_without_a_superblock_are_not_a_new_journal)
{
	build(2);
	cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
	expect_corrupt(1, UINT64_MAX);
}

Test(recovery, any_one_good_copy_of_the_superblock_is_enough)
{
	build(2);
	for (uint32_t good = 0; good < WR_SUPERBLOCK_COPIES; good++) {
		struct wr_sim_disk *copy = wr_sim_disk_clone(disk);
		for (uint32_t i = 0; i < WR_SUPERBLOCK_COPIES; i++)
			if (i != good)
				cr_assert_eq(wr_sim_disk_corrupt(copy, WR_SUPERBLOCK_NAME,
								 i * WR_BLOCK_BYTES + 40, 1),
					     0);
		cr_expect_eq(log_probe_open(&p, copy, &b, false), 0);
		cr_expect_eq(p.recovered.epoch, 2);
		log_probe_close(&p);
		wr_sim_disk_destroy(copy);
	}
}

Test(recovery, an_epoch_is_never_given_twice)
{
	build(2);
	for (uint32_t epoch = 2; epoch < 6; epoch++) {
		cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
		cr_expect_eq(p.recovered.epoch, epoch);
		log_probe_close(&p);
	}
}

/* A power cut left nothing good of one pair; the next open is cut as well, after each operation. */
Test(recovery, the_pair_of_superblocks_that_is_good_is_written_last)
{
	build(2);
	for (uint32_t bad = 0; bad < 2; bad++) {
		int r = -EIO;
		for (uint64_t n = 1; r != 0; n++) {
			struct wr_sim_disk *copy = wr_sim_disk_clone(disk);
			for (uint32_t i = 2 * bad; i < 2 * bad + 2; i++)
				cr_assert_eq(wr_sim_disk_corrupt(copy, WR_SUPERBLOCK_NAME,
								 i * WR_BLOCK_BYTES + 40, 1),
					     0);
			uint64_t good_at = (1 - bad) * 2 * WR_BLOCK_BYTES;
			wr_sim_disk_trip_from(copy, n, -EIO);
			r = log_probe_open(&p, copy, NULL, false);
			log_probe_close(&p);
			wr_sim_disk_trip_from(copy, 0, 0);
			const uint8_t *was =
				wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &(uint64_t){0});
			const uint8_t *is =
				wr_sim_disk_peek(copy, WR_SUPERBLOCK_NAME, &(uint64_t){0});
			bool touched = memcmp(was + good_at, is + good_at, 2 * WR_BLOCK_BYTES) != 0;
			/* Whatever became of it: the other one stands by itself. */
			for (uint32_t i = 0; touched && i < 2; i++)
				cr_assert_eq(wr_sim_disk_corrupt(copy, WR_SUPERBLOCK_NAME,
								 good_at + i * WR_BLOCK_BYTES + 40,
								 1),
					     0);
			cr_expect_eq(log_probe_open(&p, copy, NULL, false), 0, "pair %u, cut %d",
				     bad, (int)n);
			log_probe_close(&p);
			wr_sim_disk_destroy(copy);
		}
	}
}

/* --- R1 --------------------------------------------------------------------------------------- */

Test(recovery, r1_zero_behind_the_last_batch_is_a_clean_end)
{
	build(7);
	expect_whole();
	cr_expect_eq(p.report.trimmed_bytes, 0);
	cr_expect_eq(p.report.trimmed_from_seq, 0);
	cr_expect_not(p.report.clean, "nobody closed it");
	cr_expect_eq(p.recovered.resume_segment_id, 1, "a crash goes on behind the last batch");
	cr_expect_eq(p.recovered.resume_extent, 2);
	cr_expect_eq(p.recovered.resume_used_bytes, 0);
	cr_expect_eq(p.report.last_time_us, b.time_us - 1);
	log_probe_close(&p);
}

Test(recovery, r1_a_clean_close_is_gone_on_in_the_next_extent)
{
	build(4);
	log_builder_close(&b);
	expect_whole();
	cr_expect(p.report.clean);
	cr_expect_eq(p.recovered.resume_segment_id, 1);
	cr_expect_eq(p.recovered.resume_extent, 2);
	log_probe_close(&p);
}

Test(recovery, r1_a_clean_close_in_the_last_extent_goes_on_in_another_segment)
{
	build(8);
	log_builder_close(&b);
	cr_assert_eq(b.end_offset, b.segment_bytes);
	expect_whole();
	cr_expect(p.report.clean);
	cr_expect_eq(p.recovered.resume_segment_id, 0);
	log_probe_close(&p);
}

Test(recovery, r1_what_lies_behind_a_clean_end_is_of_a_former_life)
{
	_Alignas(64) static uint8_t torn[WR_BLOCK_BYTES];
	build(4);
	log_builder_close(&b);
	memset(torn + 512, 7, 512); /* of a batch whose first sector never landed */
	put(b.batches[0].file_number, b.end_offset, torn, sizeof torn);
	expect_whole();
	cr_expect(p.report.clean);
	cr_expect_eq(p.report.trimmed_bytes, 0);
	cr_expect_eq(p.report.trimmed_from_seq, 0);
	cr_expect_eq(p.recovered.resume_segment_id, 1);
	cr_expect_eq(p.recovered.resume_extent, 2);
	log_probe_close(&p);
}

Test(recovery, the_clean_mark_is_gone_after_an_open)
{
	build(4);
	log_builder_close(&b);
	expect_whole();
	log_probe_close(&p);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_not(p.report.clean);
	log_probe_close(&p);
}

/* --- R2, R3 ----------------------------------------------------------------------------------- */

Test(recovery, r2_a_torn_batch_is_trimmed_and_reported)
{
	build(3);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 3, 1200);
	log_builder_land(&b, 4, 0x5); /* one block of two, not even that */
	log_builder_rewind(&b, 4);
	expect_whole();
	cr_expect_eq(p.report.trimmed_from_seq, b.next_seq);
	cr_expect_eq(p.report.trimmed_segment_id, b.segment_id);
	cr_expect_eq(p.report.trimmed_offset, b.offset);
	cr_expect_geq(p.report.trimmed_bytes, WR_BLOCK_BYTES);
	cr_expect_not(p.report.valid_batch_followed);
	log_probe_close(&p);
}

Test(recovery, r2_a_batch_whose_header_did_not_land_is_trimmed)
{
	build(3);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 3, 1200);
	log_builder_land(&b, 4, 0xfffe);
	log_builder_rewind(&b, 4);
	expect_whole();
	cr_expect_gt(p.report.trimmed_bytes, 0);
	log_probe_close(&p);
}

Test(recovery, r3_whole_batches_behind_a_hole_are_trimmed_too)
{
	build(1);
	b.hold = b.hold_durable = true;
	for (uint32_t i = 0; i < 6; i++)
		log_builder_batch(&b, 3, 100);
	for (uint32_t i = 3; i < b.batch_count; i++)
		log_builder_land(&b, i, SECTORS_ALL);
	log_builder_rewind(&b, 2);
	expect_whole();
	cr_expect_eq(p.report.trimmed_from_seq, b.next_seq);
	cr_expect(p.report.valid_batch_followed);
	cr_expect_geq(p.report.trimmed_bytes, 6 * WR_BLOCK_BYTES);
	log_probe_close(&p);
}

Test(recovery, r3_across_segments)
{
	build(9);
	b.hold = b.hold_durable = true;
	for (uint32_t i = 0; i < 6; i++)
		log_builder_batch(&b, 3, 100);
	cr_assert_gt(b.segment_id, 1);
	for (uint32_t i = 11; i < b.batch_count; i++)
		log_builder_land(&b, i, SECTORS_ALL);
	log_builder_rewind(&b, 10);
	expect_whole();
	cr_expect(p.report.valid_batch_followed);
	cr_expect_eq(p.table.next_segment_id, 3, "an id is never given again");
	log_probe_close(&p);
}

/* --- R4 --------------------------------------------------------------------------------------- */

Test(recovery, r4_a_damaged_batch_with_evidence_behind_it_is_refused)
{
	build(9);
	for (uint32_t i = 0; i + 1 < b.batch_count; i++) {
		if (b.batches[i].header.record_count == 0)
			continue;
		damage(i, 50);
		expect_corrupt(seq_of(i), seq_of(i) + b.batches[i].header.record_count);
		damage(i, 50);
		damage(i, 2000);
		expect_corrupt(seq_of(i), seq_of(i) + b.batches[i].header.record_count);
		cr_expect_eq(p.report.corrupt_segment_id, b.batches[i].segment_id);
		cr_expect_eq(p.report.corrupt_offset, b.batches[i].offset);
		damage(i, 2000);
	}
	expect_whole();
	log_probe_close(&p);
}

Test(recovery, r4_evidence_written_in_an_idle_period_protects_the_last_batch)
{
	build(3);
	damage(3, 300);
	log_builder_rewind(&b, 3);
	expect_whole(); /* the window that the promise states (L29) */
	cr_expect_gt(p.report.trimmed_bytes, 0);
	log_probe_close(&p);
	log_builder_batch(&b, 3, 100);
	log_builder_evidence(&b);
	damage(3, 300);
	expect_corrupt(seq_of(3), seq_of(3) + 3);
}

Test(recovery, r4_the_clean_mark_is_evidence)
{
	build(1);
	log_builder_batch(&b, 8, 4 * 300); /* three blocks: no room for evidence behind it */
	log_builder_close(&b);
	uint32_t last = b.batch_count - 2;
	cr_assert_eq(b.batches[last].header.record_count, 8);
	damage(last, 9000);
	zero_batch(last + 1); /* the filler, which would be evidence as well */
	expect_corrupt(seq_of(last), b.next_seq);
}

Test(recovery, r4_zeroes_in_the_middle_are_corruption)
{
	build(6);
	zero_batch(3);
	expect_corrupt(seq_of(3), seq_of(3) + 3);
}

Test(recovery, r4_damage_to_blocks_without_records_loses_nothing)
{
	build(5);
	log_builder_evidence(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_filler(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_close(&b);
	for (uint32_t i = 0; i < b.batch_count; i++) {
		if (b.batches[i].header.record_count > 0)
			continue;
		damage(i, 20);
		cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "batch %u: %s", i,
			     p.problem.text);
		cr_expect_eq(p.recovered.next_seq, b.next_seq);
		cr_expect_eq(log_probe_read_all(&p), 0, "batch %u: %s", i, p.problem.text);
		cr_expect_eq(p.read_seq, b.next_seq);
		log_probe_close(&p);
		damage(i, 20);
	}
}

/* --- R5 --------------------------------------------------------------------------------------- */

Test(recovery, r5_batches_of_an_older_life_of_the_file_are_absent)
{
	build(30); /* three segments */
	uint32_t first = b.batches[0].file_number;
	log_builder_checkpoint(&b, 0, b.next_seq - 1, 100);
	log_builder_checkpoint(&b, 1, b.next_seq - 1, 100);
	while (b.offset < b.segment_bytes)
		log_builder_batch(&b, 3, 100);
	log_builder_recycle(&b, first);
	log_builder_batch(&b, 3, 100);
	expect_whole();
	cr_expect_eq(p.report.trimmed_bytes, 0, "what lies behind is not of this life");
	cr_expect_gt(p.report.oldest_seq, 1);
	log_probe_close(&p);
}

/* What it hides is only its own first block: behind that the file is of this life. */
Test(recovery, r4_behind_a_lost_write_a_longer_batch_of_an_older_life_hides_nothing)
{
	uint8_t *old = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES);
	uint64_t bytes;

	log_builder_epoch(&b);
	log_builder_batch(&b, 6, 1900);
	const struct log_batch longer = b.batches[1];
	char name[WR_STORAGE_NAME_MAX + 1];
	cr_assert_eq(longer.header.batch_bytes, 3 * WR_BLOCK_BYTES);
	wr_segment_name(name, 0, longer.file_number);
	memcpy(old, wr_sim_disk_peek(disk, name, &bytes) + longer.offset, WR_BLOCK_BYTES);
	for (uint32_t i = 0; i < 30; i++)
		log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 0, b.next_seq - 1, 100);
	log_builder_checkpoint(&b, 1, b.next_seq - 1, 100);
	while (b.offset < b.segment_bytes)
		log_builder_batch(&b, 3, 100);
	log_builder_recycle(&b, longer.file_number);
	for (uint32_t i = 0; i < 4; i++)
		log_builder_batch(&b, 3, 100);
	const struct log_batch *lost = &b.batches[b.batch_count - 3];
	cr_assert_eq(lost->offset, longer.offset);
	put(lost->file_number, lost->offset, old, WR_BLOCK_BYTES);
	expect_corrupt(lost->header.first_seq, lost->header.first_seq + 3);
	free(old);
}

Test(recovery, r5_a_misdirected_batch_is_absent_and_its_place_is_damaged)
{
	build(7);
	copy_block(&b.batches[2], b.batches[4].file_number, b.batches[4].offset);
	expect_corrupt(seq_of(4), seq_of(4) + 3);
}

Test(recovery, r5_a_duplicated_batch_behind_the_end_is_absent)
{
	build(6);
	copy_block(&b.batches[b.batch_count - 1], b.file_number, b.offset);
	expect_whole();
	log_probe_close(&p);
}

/* Right place, right epoch, right sequence: only the chain says that it is of another history. */
Test(recovery, r5_a_batch_that_names_another_predecessor_is_absent)
{
	build(5);
	b.hold_durable = true;
	b.chain ^= 1;
	log_builder_batch(&b, 3, 100);
	log_builder_rewind(&b, b.batch_count - 1);
	b.chain ^= 1;
	expect_whole();
	cr_expect_eq(p.report.trimmed_from_seq, b.next_seq);
	log_probe_close(&p);
}

Test(recovery, r5_a_segment_of_another_journal_is_not_taken_for_a_spare)
{
	build(2);
	b.superblock.uuid[0] ^= 1;
	log_builder_write_superblock(&b);
	cr_expect_eq(log_probe_open(&p, disk, NULL, false), WEIR_E_CORRUPT);
	cr_expect(strstr(p.problem.text, "another journal") != NULL);
	log_probe_close(&p);
}

/* --- hostile bytes ---------------------------------------------------------------------------- */

Test(recovery, files_of_another_log_are_nobodys)
{
	static const uint8_t garbage[2 * WR_BLOCK_BYTES] = {1, 2, 3};
	build(2);
	cr_assert_eq(wr_sim_disk_put(disk, "1-00000000.seg", garbage, sizeof garbage), 0);
	expect_whole();
	cr_expect_eq(wr_load_relaxed(&p.table.count), 1);
	log_probe_close(&p);
}

Test(recovery, a_segment_header_of_another_log_or_shape_is_not_believed)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
		int code;
	} changes[] = {
		{offsetof(struct wr_segment_header, log_id), 4, 7, WEIR_E_CORRUPT},
		{offsetof(struct wr_segment_header, uuid), 8, 7, WEIR_E_CORRUPT},
		/* Another shape: its batches prove which segment it is. */
		{offsetof(struct wr_segment_header, chunk_bytes), 4, 2 * WR_BLOCK_BYTES, 0},
		{offsetof(struct wr_segment_header, segment_bytes), 8, 25 * WR_BLOCK_BYTES, 0},
		{offsetof(struct wr_segment_header, segment_id), 8, 0, 0},
		{offsetof(struct wr_segment_header, features_must), 4, 1, WEIR_E_FORMAT},
	};

	build(20);
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct wr_sim_disk *whole = disk;
		disk = wr_sim_disk_clone(whole);
		change_block("0-00000001.seg", 0, changes[i].at, changes[i].value,
			     changes[i].bytes);
		cr_expect_eq(log_probe_open(&p, disk, &b, false), changes[i].code, "%zu: %d %s", i,
			     p.result, p.problem.text);
		if (p.result == 0)
			cr_expect_eq(p.recovered.next_seq, b.next_seq);
		log_probe_close(&p);
		wr_sim_disk_destroy(disk);
		disk = whole;
	}
}

/* What an epoch start may say that is not so, and what then becomes of the log. */
static const struct start_lie {
	struct wr_epoch_start by; /* added to what is true */
	uint32_t option_bytes;    /* of a record that is as long as this and more */
	uint32_t payload_bytes;   /* 0: as long as it should be */
	int code;
} start_lies[] = {
	{.code = 0},
	{.payload_bytes = 6000, .code = 0},
	{.payload_bytes = WR_EPOCH_START_BYTES - 8, .code = WEIR_E_CORRUPT},
	{.payload_bytes = 6000, .option_bytes = 5968, .code = WEIR_E_CORRUPT},
	{.by = {.last_seq = 1}, .code = WEIR_E_CORRUPT},
	{.by = {.last_seq = UINT64_MAX}, .code = WEIR_E_CORRUPT},
	{.by = {.epoch = 1}, .code = WEIR_E_CORRUPT},
	{.by = {.epoch = UINT32_MAX}, .code = WEIR_E_CORRUPT},
	{.by = {.end_segment_id = 1}, .code = WEIR_E_CORRUPT},
	{.by = {.end_segment_id = 77}, .code = WEIR_E_CORRUPT},
	{.by = {.end_segment_id = UINT64_MAX}, .code = WEIR_E_CORRUPT},
	{.by = {.end_offset = 0ull - WR_BLOCK_BYTES}, .code = WEIR_E_CORRUPT},
	{.by = {.end_offset = 512}, .code = WEIR_E_CORRUPT},
	{.by = {.end_offset = 1ull << 40}, .code = WEIR_E_CORRUPT},
	{.by = {.header_crc = 1}, .code = WEIR_E_CORRUPT},
	{.by = {.end_segment_id = 1, .end_offset = 0ull - 5 * WR_BLOCK_BYTES},
	 .code = WEIR_E_CORRUPT},
};

static void put_start(const struct start_lie *lie)
{
	const uint32_t payload_bytes =
		lie->payload_bytes != 0 ? lie->payload_bytes : WR_EPOCH_START_BYTES;
	const struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + payload_bytes,
		.option_bytes = (uint16_t)lie->option_bytes,
		.kind = WR_KIND_EPOCH_START,
		.flags = WR_RECORD_KEYLESS,
	};
	struct wr_epoch_start start = log_builder_end(&b);
	uint8_t content[8192] = {0};

	start.end_segment_id += lie->by.end_segment_id;
	start.end_offset += lie->by.end_offset;
	start.last_seq += lie->by.last_seq;
	start.header_crc += lie->by.header_crc;
	start.epoch += lie->by.epoch;
	wr_epoch_start_encode(&start, content);
	b.epoch++;
	log_builder_record(&b, &head, content);
}

/* In a segment of its own, and in the one where the epoch before it ended. */
Test(recovery, r6_an_epoch_start_that_says_what_is_not_so_starts_nothing)
{
	for (size_t i = 0; i < sizeof start_lies / sizeof start_lies[0]; i++)
		for (uint32_t own = 0; own < 2; own++) {
			teardown();
			setup();
			build(5);
			uint64_t start_seq = b.next_seq;
			if (own == 1)
				log_builder_segment(&b);
			put_start(&start_lies[i]);
			for (uint32_t k = 0; k < 3; k++)
				log_builder_batch(&b, 3, 100);
			cr_expect_eq(log_probe_open(&p, disk, &b, false), start_lies[i].code,
				     "lie %zu, own %u: %d %s", i, own, p.result, p.problem.text);
			if (p.result == 0)
				cr_expect_eq(p.recovered.next_seq, b.next_seq);
			else
				cr_expect_eq(p.report.corrupt_first_seq, start_seq, "%zu: %lu", i,
					     p.report.corrupt_first_seq);
			log_probe_close(&p);
		}
}

/* Whichever file comes first: the newest epoch counts, also where the walk meets damage before. */
Test(recovery, r6_of_two_epochs_that_claim_one_place_the_newest_counts)
{
	for (uint32_t is_damaged = 0; is_damaged < 2; is_damaged++) {
		teardown();
		setup();
		build(5);
		uint32_t end = b.batch_count;
		log_builder_epoch(&b);
		log_builder_rewind(&b, end);
		log_builder_epoch(&b);
		log_builder_batch(&b, 3, 100);
		if (is_damaged == 0) {
			expect_whole();
			cr_expect_eq(p.report.last_epoch, 3);
			log_probe_close(&p);
			continue;
		}
		damage(3, 200);
		expect_corrupt(seq_of(3), seq_of(3) + 3);
	}
}

Test(recovery, an_epoch_start_that_two_lives_lost_is_told_once)
{
	build(5);
	uint32_t end = b.batch_count;
	log_builder_epoch(&b);
	damage(end, 150);
	log_builder_rewind(&b, end);
	log_builder_epoch(&b);
	log_builder_batch(&b, 3, 100);
	damage(end, 150);
	expect_corrupt(seq_of(end), seq_of(end) + 1);
}

Test(recovery, the_epoch_goes_on_from_the_highest_that_was_ever_seen)
{
	build(3);
	log_builder_go_on(&b);
	b.superblock.epoch = 1; /* as if the superblock's write had been lost */
	log_builder_write_superblock(&b);
	expect_whole();
	cr_expect_eq(p.recovered.epoch, 3);
	log_probe_close(&p);
	b.superblock.epoch = UINT32_MAX;
	log_builder_write_superblock(&b);
	b.superblock.version += 100; /* the open wrote one */
	log_builder_write_superblock(&b);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), WEIR_E_FORMAT, "none is left");
	log_probe_close(&p);
}
