/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   after a crash the log goes on exactly where it ended, and nothing that the crash left
 *         behind that place is ever taken for the log: not by the walk, not by a reader that enters
 *         an extent or a segment in the middle, not when what stands before it is damaged (R6, P3).
 * Method: whole batches of the old life are put behind a hole, in the same extent, in extents and
 *         in segments further on; recovery opens; the next life gives the same sequences again, in
 *         smaller records, so that its sequences run past those of what lies ahead of it. Then
 *         everything is read, by recovery and by the reader.
 */
#include "tests/unit/journal/recovery_bed.h"

TestSuite(resume, .init = setup, .fini = teardown);

static uint32_t first_lost; /* index of the batch that never came */

/* So many batches are in flight at a crash: all of them land but the first. */
static void crash_with_a_hole(uint32_t batches, uint32_t payload_bytes)
{
	b.hold = b.hold_durable = true;
	first_lost = b.batch_count;
	for (uint32_t i = 0; i < batches; i++)
		log_builder_batch(&b, 3, payload_bytes);
	for (uint32_t i = first_lost + 1; i < b.batch_count; i++)
		log_builder_land(&b, i, UINT64_MAX);
	log_builder_rewind(&b, first_lost);
	b.hold = b.hold_durable = false;
}

/* Opens as an owner does that then dies before it writes anything. */
static void open_and_die(void)
{
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%d %s", p.result, p.problem.text);
	cr_assert_eq(p.recovered.resume_segment_id, b.segment_id);
	uint64_t used = b.offset - WR_BLOCK_BYTES;
	cr_assert_eq(p.recovered.resume_extent, used / CHUNK_BYTES);
	cr_assert_eq(p.recovered.resume_used_bytes, used % CHUNK_BYTES);
	log_probe_close(&p);
}

Test(resume, it_goes_on_behind_the_last_batch_in_the_middle_of_an_extent)
{
	build(5);
	for (uint32_t life = 0; life < 4; life++) {
		open_and_die();
		log_builder_go_on(&b);
		expect_whole();
		log_probe_close(&p);
	}
	log_builder_evidence(&b);
	expect_whole();
	log_probe_close(&p);
}

Test(resume, it_does_not_where_the_segment_is_full_or_has_lost_its_header)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(10);
	wr_segment_name(name, 0, b.file_number);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, 40, 1), 0);
	expect_whole();
	cr_expect_eq(p.recovered.resume_segment_id, 0, "its header is bad");
	log_probe_close(&p);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, 40, 1), 0);
	log_builder_batch(&b, 3, 100);
	cr_assert_eq(b.offset, b.segment_bytes);
	expect_whole();
	cr_expect_eq(p.recovered.resume_segment_id, 0, "it is full");
	log_probe_close(&p);
}

Test(resume, whole_batches_ahead_in_the_segment_are_gone)
{
	/* One to an extent, of three records; the next life has sixty to a block. */
	build(1);
	crash_with_a_hole(3, 4000);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect(p.report.valid_batch_followed);
	log_probe_close(&p);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_eq(p.report.trimmed_bytes, 0, "they were zeroed by the first open");
	log_probe_close(&p);
	log_builder_go_on(&b);
	log_builder_batch(&b, 60, 16);
	expect_whole();
	log_probe_close(&p);
	/* And further on, until all of what was there is written over. */
	while (b.segment_id == 1) {
		log_builder_batch(&b, 60, 16);
		expect_whole();
		log_probe_close(&p);
	}
}

Test(resume, whole_batches_behind_in_the_same_extent_are_gone)
{
	build(0);
	/* The hole is a block without a record: what follows begins with the sequence it lacks. */
	b.hold = b.hold_durable = true;
	uint32_t lost = b.batch_count;
	log_builder_evidence(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_land(&b, lost + 1, SECTORS_ALL);
	log_builder_rewind(&b, lost);
	b.hold = b.hold_durable = false;
	open_and_die();
	log_builder_go_on(&b);
	expect_whole();
	log_probe_close(&p);
	/* The first batch of the new life is lost: nothing of the old one stands in for it. */
	log_builder_batch(&b, 3, 100);
	log_builder_evidence(&b);
	damage(lost, 20);
	damage(lost + 1, 20);
	expect_corrupt(seq_of(lost), seq_of(lost + 2));
}

Test(resume, whole_segments_above_are_gone_and_stay_out)
{
	build(9);
	crash_with_a_hole(16, 100);
	cr_assert_gt(b.next_segment_id, 3, "they reach into segments of their own");
	open_and_die();
	log_builder_go_on(&b);
	log_builder_batch(&b, 60, 16);
	/* The next segment begins above all that the crash left, and a checkpoint lies in it. */
	log_builder_segment(&b);
	for (uint32_t i = 0; i < 4; i++)
		log_builder_batch(&b, 60, 16);
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_batch(&b, 60, 16);
	log_builder_checkpoint(&b, 1, 1, 100);
	expect_whole();
	for (uint32_t n = 0; n < wr_segment_live_count(&p.table); n++) {
		uint64_t id = wr_load_relaxed(&wr_segment_live(&p.table, n)->segment_id);
		cr_expect(id == 1 || id == b.segment_id, "segment %lu is in the log", id);
	}
	log_probe_close(&p);
}

/*
 * Its bad sectors could be zeroed and its good ones not, if it were erased later and the power went
 * then: a batch that was reported as gone would come out right.
 */
Test(resume, a_torn_batch_behind_a_full_segment_is_gone_before_anything_goes_on)
{
	static const uint8_t zeros[2 * WR_BLOCK_BYTES];
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;

	build(10);
	log_builder_batch(&b, 3, 100);
	cr_assert_eq(b.offset, b.segment_bytes, "it is full");
	b.hold = b.hold_durable = true;
	first_lost = b.batch_count;
	log_builder_batch(&b, 3, 100);
	uint64_t torn_id = b.segment_id;
	log_builder_land(&b, first_lost, UINT64_MAX);
	wr_segment_name(name, 0, b.file_number);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, WR_BLOCK_BYTES + 4000, 1), 0);
	log_builder_rewind(&b, first_lost);
	b.hold = b.hold_durable = false;
	cr_assert_gt(torn_id, 1);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%d %s", p.result, p.problem.text);
	cr_expect_eq(p.recovered.resume_segment_id, 0);
	cr_expect_gt(p.report.trimmed_bytes, 0);
	log_probe_close(&p);
	const uint8_t *now = wr_sim_disk_peek(disk, name, &bytes);
	cr_assert_not_null(now);
	cr_expect_eq(memcmp(now, zeros, sizeof zeros), 0, "it is still there");
}

/* A torn batch, once zeroed in part, could be right: wherever the power goes, it never is. */
Test(resume, a_power_cut_in_the_clearing_makes_no_torn_batch_whole)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_sim_disk *whole = disk;

	build(5);
	b.hold = b.hold_durable = true;
	first_lost = b.batch_count;
	log_builder_batch(&b, 1, 16); /* in one sector */
	log_builder_land(&b, first_lost, UINT64_MAX);
	wr_segment_name(name, 0, b.file_number);
	uint64_t padding = b.batches[first_lost].offset + 4000;
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, padding, 1), 0);
	log_builder_rewind(&b, first_lost);
	b.hold = b.hold_durable = false;
	disk = wr_sim_disk_create(0, NULL);
	for (uint64_t at = 1; at < 24; at++)
		for (uint64_t seed = 1; seed <= 64; seed++) {
			cr_assert_eq(wr_sim_disk_copy_to(whole, disk), 0);
			wr_prng_init(&disk->prng, seed);
			wr_sim_disk_trip_at(disk, at, WEIR_E_FAILED);
			(void)log_probe_open(&p, disk, NULL, false);
			log_probe_close(&p);
			wr_sim_disk_trip_at(disk, 0, 0);
			cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
			cr_expect_eq(p.recovered.next_seq, b.next_seq, "cut at %lu, seed %lu", at,
				     seed);
			log_probe_close(&p);
		}
	wr_sim_disk_destroy(disk);
	disk = whole;
}

Test(resume, nothing_comes_back_when_the_header_of_the_next_segment_rots)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(9);
	crash_with_a_hole(16, 100);
	open_and_die();
	log_builder_go_on(&b);
	log_builder_batch(&b, 200, 16);
	while (b.segment_id == 1)
		log_builder_batch(&b, 60, 16);
	log_builder_batch(&b, 60, 16);
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_batch(&b, 60, 16);
	wr_segment_name(name, 0, b.file_number);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, 40, 1), 0);
	expect_whole();
	log_probe_close(&p);
}

/* Any one bit of the segment: said, or without effect. */
Test(resume, every_flipped_bit_in_a_segment_of_three_lives_is_found_or_harmless)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(2);
	for (uint32_t life = 0; life < 2; life++) {
		crash_with_a_hole(2, 100);
		open_and_die();
		log_builder_go_on(&b);
		log_builder_batch(&b, 3, 100);
	}
	log_builder_evidence(&b);
	wr_segment_name(name, 0, b.file_number);
	uint64_t end = b.offset;
	uint32_t refused = 0;
	for (uint64_t at = 0; at < end; at += at % WR_BLOCK_BYTES < 256 ? 1 : 61) {
		struct wr_sim_disk *copy = wr_sim_disk_clone(disk);
		cr_assert_eq(wr_sim_disk_corrupt(copy, name, at, (unsigned)(at % 8)), 0);
		int r = log_probe_open(&p, copy, &b, false);
		cr_expect(r == 0 || r == WEIR_E_CORRUPT, "%lu: %d", at, r);
		refused += r != 0;
		if (r == 0) {
			cr_expect_eq(p.recovered.next_seq, b.next_seq, "%lu: lost silently", at);
			cr_expect_eq(log_probe_read_all(&p), 0, "%lu", at);
			cr_expect(p.is_sound, "%lu: sequence %lu", at, p.unsound_seq);
		}
		log_probe_close(&p);
		wr_sim_disk_destroy(copy);
	}
	cr_expect_gt(refused, 1000);
}

/* A tail that cannot be zeroed: the log goes on in a segment of its own, as at a full one. */
Test(resume, where_the_tail_cannot_be_written_over_another_segment_is_taken)
{
	build(1);
	crash_with_a_hole(3, 4000);
	uint32_t refused = 0;
	for (uint64_t n = 1; n < 60; n++) {
		struct wr_sim_disk *copy = wr_sim_disk_clone(disk);
		wr_sim_disk_trip_at(copy, n, -EIO);
		int r = log_probe_open(&p, copy, &b, false);
		cr_expect(r == 0 || r == -EIO, "%lu: %d", n, r);
		bool failed_late = r == 0 && p.recovered.resume_segment_id == 0;
		refused += failed_late;
		log_probe_close(&p);
		wr_sim_disk_trip_at(copy, 0, 0);
		cr_assert_eq(log_probe_open(&p, copy, &b, false), 0);
		cr_expect_eq(p.recovered.next_seq, b.next_seq);
		cr_expect_eq(p.recovered.resume_segment_id, b.segment_id);
		log_probe_close(&p);
		wr_sim_disk_destroy(copy);
	}
	cr_expect_gt(refused, 0);
}
