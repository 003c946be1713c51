/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a copy of a journal is a journal: an open of it finds exactly the log up to the cut, also
 *         when the owner appended, retired and used files again while it was made; and what is not
 *         whole, by a failure or a power cut anywhere, is never taken for one.
 * Method: the builder's journals on one simulated medium, copied to another; the builder goes on
 *         inside the progress call, as an owner would. Failures and power cuts at each operation of
 *         either medium, one by one.
 */
#include <stdio.h>

#include "tests/unit/journal/backup_bed.h"

#define FILES_MANY 30u

TestSuite(backup, .init = setup_both, .fini = teardown_both);

Test(backup, a_closed_journal_is_the_same_in_the_copy)
{
	build(30);
	log_builder_close(&b);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.tries, 1);
	cr_expect_eq(report.first_seq, 1);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
	cr_expect_eq(report.segment_count, 3);
	cr_expect_eq(report.written_bytes, 3 * b.segment_bytes);
	expect_copy_whole();
}

Test(backup, what_nothing_attests_yet_was_perhaps_acknowledged_and_is_copied)
{
	build(31);
	cr_assert_lt(b.batches[30].header.durable_seq, b.next_seq - 1);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
	expect_copy_whole();
}

Test(backup, a_torn_tail_and_what_a_crash_cut_off_are_left_out)
{
	build(20);
	damage(b.batch_count - 1, 200); /* nothing attests it */
	log_builder_rewind(&b, b.batch_count - 1);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	expect_copy_whole();
	fresh();
	log_builder_epoch(&b); /* over the tail, in a segment of its own */
	log_builder_batch(&b, 3, 100);
	log_builder_go_on(&b);
	log_builder_batch(&b, 3, 100);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.superblock.epoch, b.epoch);
	expect_copy_whole();
}

Test(backup, a_journal_without_a_record_is_one_in_the_copy)
{
	log_builder_write_superblock(&b);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.first_seq, 0);
	cr_expect_eq(report.segment_count, 0);
	cr_expect_eq(files_of_copy(), 1);
	cr_expect_not(report.superblock.clean);
	struct wr_superblock s;
	cr_assert_eq(wr_verify_superblock(to, &p.memory.base, &s, &problem), 0);
	cr_expect_eq(memcmp(s.uuid, b.superblock.uuid, sizeof s.uuid), 0);
}

Test(backup, of_a_log_without_its_beginning_the_checkpoints_come_along)
{
	build_retired();
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.first_seq, b.superblock.oldest_seq);
	cr_expect_gt(report.checkpoint_seq, report.first_seq);
	expect_copy_whole();
}

static void flip(const char *name, uint64_t offset)
{
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, offset, 3), 0);
}

Test(backup, a_checkpoint_that_is_damaged_is_left_out_and_one_is_enough)
{
	build_retired();
	flip("0-checkpoint.1", WR_BLOCK_BYTES + 4000);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.harmless_count, 1);
	cr_expect_eq(report.checkpoint_seq, older_seq);
	expect_copy_whole();
	fresh();
	flip("0-checkpoint.0", 60);
	expect_failed(copy(), WEIR_E_CORRUPT);
	options.damaged = true;
	cr_expect_eq(copy(), 0, "what is whole is copied if that is what is wanted");
	cr_expect_eq(report.first_seq, b.superblock.oldest_seq);
}

Test(backup, what_is_damaged_and_proven_otherwise_is_whole_in_the_copy)
{
	build(30);
	flip(WR_SUPERBLOCK_NAME, 2 * WR_BLOCK_BYTES + 40);
	flip("0-00000001.seg", 40);
	log_builder_spare(&b, 9);
	flip("0-00000003.seg", 100);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.harmless_count, 3);
	cr_expect_eq(report.corrupt_count, 0);
	expect_copy_whole();
}

static void on_damage(void *context, const struct wr_damage *damage)
{
	(void)context;
	cr_expect(damage->corrupt);
	damage_count++;
}

Test(backup, damage_ends_it_with_its_place_or_is_passed_over_when_asked_for)
{
	build(30);
	damage(3, 200);
	damage(20, 4000);
	options.damage = on_damage;
	expect_failed(copy(), WEIR_E_CORRUPT);
	cr_expect_eq(damage_count, 1);
	cr_expect_str_eq(problem.field, "0-00000000.seg");
	char range[60];
	snprintf(range, sizeof range, "sequences %lu to %lu", (unsigned long)seq_of(3),
		 (unsigned long)seq_of(3) + 2);
	cr_expect_not_null(strstr(problem.text, range), "%s", problem.text);
	options.damaged = true;
	damage_count = 0;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(damage_count, 2);
	cr_expect_eq(report.corrupt_count, 2);
	static const struct wr_verify_visitor nobody = {.context = NULL};
	struct wr_verify_report verified;
	cr_assert_eq(wr_verify_run(to, &p.memory.base, 0, UINT64_MAX, &nobody, &verified, &problem),
		     0);
	cr_expect_eq(verified.corrupt_count, 2);
	cr_expect_eq(verified.record_count, b.next_seq - 1 - 6);
}

Test(backup, a_newer_format_is_said_before_anything_is_made)
{
	build(3);
	for (uint32_t i = 0; i < WR_SUPERBLOCK_COPIES; i++) {
		uint8_t block[WR_BLOCK_BYTES];
		uint32_t file;
		wr_superblock_encode(&b.superblock, i, block);
		block[8] = WR_JOURNAL_FORMAT + 1;
		uint32_t crc = wr_crc32c(1, block, 508);
		memcpy(block + 508, &crc, sizeof crc);
		cr_assert_eq(storage->ops->file_open(storage, WR_SUPERBLOCK_NAME, 0, &file), 0);
		cr_assert_eq(storage->ops->write(storage, file, block, sizeof block,
						 (uint64_t)i * WR_BLOCK_BYTES),
			     0);
		storage->ops->file_close(storage, file);
	}
	expect_failed(copy(), WEIR_E_FORMAT);
}

/* --- the owner goes on ------------------------------------------------------------------------ */

static int append_meanwhile(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	(void)progress;
	for (uint32_t i = 0; i < 5; i++)
		log_builder_batch(&b, 3, 100);
	return 0;
}

Test(backup, the_cut_lies_behind_what_was_there_and_comes_though_the_owner_never_rests)
{
	build(30);
	uint64_t begun_seq = b.next_seq - 1;
	options.progress = append_meanwhile;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_geq(report.last_seq, begun_seq);
	cr_expect_lt(report.last_seq, b.next_seq - 1);
	cr_expect_eq(report.tries, 1);
	uint32_t i = 0;
	while (seq_of(i) <= report.last_seq)
		i++;
	log_builder_rewind(&b, i);
	expect_copy_whole();
}

/* Files of the builder are in the order of the log as long as none was used again. */
static void use_again_oldest_two(void)
{
	uint32_t first = 0;

	while (b.batches[first].segment_id != b.superblock.oldest_segment_id)
		first++;
	for (uint32_t n = 0; n < 2; n++) {
		uint32_t file = b.batches[first].file_number;
		uint32_t next = first;
		while (b.batches[next].file_number == file)
			next++;
		/* A segment is full when the log goes on in another one. */
		while (b.offset < b.segment_bytes) {
			log_builder_batch(&b, 3, 100);
			log_builder_filler(&b);
		}
		log_builder_recycle(&b, file);
		/* What the builder takes for the oldest is the first that it ever wrote. */
		b.superblock.oldest_segment_id = b.batches[next].segment_id;
		b.superblock.oldest_seq = seq_of(next);
		log_builder_write_superblock(&b);
		log_builder_batch(&b, 3, 100);
		first = next;
	}
}

static uint32_t disturb_max; /* tries to disturb */

static int use_again_meanwhile(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (progress_count >= progress->tries || progress->tries > disturb_max)
		return 0;
	progress_count = progress->tries;
	use_again_oldest_two();
	return 0;
}

static void build_many(void)
{
	build(FILES_MANY * 12);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
}

static void expect_copy_matches(void)
{
	struct wr_sim_disk *source = disk;

	to->ops->fini(to);
	disk = copy_disk;
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%s", p.problem.text);
	cr_expect_eq(p.recovered.next_seq, report.last_seq + 1);
	cr_expect_eq(log_probe_read_all(&p), 0, "%s", p.problem.text);
	cr_expect(p.is_sound, "sequence %lu", p.unsound_seq);
	cr_expect_eq(p.read_seq, report.last_seq + 1);
	cr_expect_eq(p.report.oldest_seq, report.first_seq);
	cr_expect_gt(p.report.checkpoint_seq, 0);
	log_probe_close(&p);
	disk = source;
	open_copy();
}

Test(backup, what_is_used_again_before_it_was_copied_begins_it_anew)
{
	build_many();
	options.progress = use_again_meanwhile;
	disturb_max = 1;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.tries, 2);
	cr_expect_geq(report.first_seq, b.superblock.oldest_seq);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
	expect_copy_matches();
}

#define LATE_BATCH (FILES_MANY * 12 - 8)

static uint64_t seen_bytes;
static bool is_mended;

/* During the first look a batch that comes later is damaged; when the next begins it is not. */
static int damage_for_one_look(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (seen_bytes == 0) {
		damage(LATE_BATCH, 200);
	} else if (progress->written_bytes < seen_bytes && !is_mended) {
		damage(LATE_BATCH, 200); // the same bit
		is_mended = true;
	}
	seen_bytes = progress->written_bytes;
	return 0;
}

Test(backup, damage_that_only_one_look_finds_is_none)
{
	build_many();
	options.progress = damage_for_one_look;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect(is_mended);
	cr_expect_eq(report.tries, 1);
	cr_expect_eq(report.corrupt_count, 0);
	expect_copy_matches();
}

Test(backup, an_owner_that_is_always_faster_is_met_further_up)
{
	build_many();
	options.progress = use_again_meanwhile;
	disturb_max = 8;
	uint64_t needed_seq = b.next_seq - 1;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_gt(report.tries, 1);
	cr_expect_lt(report.tries, 9, "it did not wait for the owner to end");
	cr_expect_leq(report.first_seq, needed_seq);
	expect_copy_matches();
}

static int use_all_again(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (progress_count >= progress->tries)
		return 0;
	progress_count = progress->tries;
	/* All that is there but the newest, and the checkpoints with it. */
	for (uint32_t i = 0; i < 2; i++)
		use_again_oldest_two();
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	/* The builder's memory is short. */
	uint32_t gone = 0;
	while (b.batches[gone].segment_id < b.superblock.oldest_segment_id)
		gone++;
	b.batch_count -= gone;
	memmove(b.batches, b.batches + gone, b.batch_count * sizeof b.batches[0]);
	return 0;
}

Test(backup, an_owner_that_uses_everything_again_each_time_ends_it_after_a_while)
{
	build(60);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	options.progress = use_all_again;
	expect_failed(copy(), WEIR_E_AGAIN);
	cr_expect_eq(report.tries, 64);
}

static int stop_at_third(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	cr_expect_leq(progress->segments, progress->segments_total);
	return ++progress_count == 3 ? 7 : 0;
}

Test(backup, who_watches_may_stop_it_and_nothing_is_left)
{
	build(30);
	options.progress = stop_at_third;
	cr_expect_eq(copy(), 7);
	cr_expect_eq(files_of_copy(), 0);
}

static uint32_t said_features;
static uint8_t said_uuid; /* xor */

/* All is copied but the superblock. Meanwhile an owner began what that says from now on. */
static int say_more(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (progress->segments == 0 || progress_count++ > 0)
		return 0;
	b.superblock.features_must |= said_features;
	memset(b.superblock.chain_check, 0xc4, sizeof b.superblock.chain_check);
	b.superblock.uuid[0] ^= said_uuid;
	log_builder_write_superblock(&b);
	return 0;
}

Test(backup, what_the_owner_said_while_it_was_copied_is_said_by_the_copy)
{
	const uint32_t kept = WR_SUPERBLOCK_CHAINED | WR_SUPERBLOCK_LEFT_OUT;
	struct wr_superblock s;

	build(6);
	said_features = kept | WR_SUPERBLOCK_PACKED;
	said_uuid = 0;
	options.progress = say_more;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_assert_eq(progress_count, 1u);
	cr_assert_eq(wr_verify_superblock(to, &p.memory.base, &s, &problem), 0);
	cr_expect_eq(s.features_must, kept, "%u", s.features_must);
	cr_expect_eq(memcmp(s.chain_check, b.superblock.chain_check, sizeof s.chain_check), 0);
}

Test(backup, another_journal_in_its_place_ends_it)
{
	build(6);
	said_features = 0;
	said_uuid = 1;
	options.progress = say_more;
	expect_failed(copy(), -ESTALE);
}

/* --- failures --------------------------------------------------------------------------------- */

Test(backup, too_little_room_is_seen_before_anything_is_written)
{
	build(30);
	struct wr_fault_plan plan = {.capacity_bytes = 2 * b.segment_bytes};
	to->ops->fini(to);
	wr_sim_disk_destroy(copy_disk);
	copy_disk = wr_sim_disk_create(4, &plan);
	open_copy();
	expect_failed(copy(), -ENOSPC);
	cr_expect_eq(report.written_bytes, 0);
}

Test(backup, a_failure_anywhere_in_the_copy_leaves_nothing)
{
	static const int codes[] = {-ENOSPC, -EIO};
	uint32_t failures = 0;

	build_retired();
	for (uint32_t c = 0; c < 2; c++) {
		int r = codes[c];
		for (uint64_t n = 1; r == codes[c]; n++, failures++) {
			fresh();
			wr_sim_disk_trip_at(copy_disk, n, codes[c]);
			r = copy();
			wr_sim_disk_trip_at(copy_disk, 0, 0);
			if (r != 0)
				expect_failed(r, codes[c]);
		}
		cr_assert_eq(r, 0, "%d: %s", r, problem.text);
		expect_copy_whole();
	}
	cr_expect_gt(failures, 20);
}

Test(backup, a_failure_anywhere_in_the_source_leaves_nothing)
{
	uint32_t failures = 0;
	int r = -EIO;

	build_retired();
	for (uint64_t n = 1; r != 0; n++, failures += r != 0) {
		fresh();
		wr_sim_disk_trip_at(disk, n, -EIO);
		r = copy();
		if (r != 0)
			expect_failed(r, -EIO);
	}
	expect_copy_whole();
	cr_expect_gt(failures, 20);
}

Test(backup, after_a_power_cut_anywhere_the_copy_is_whole_or_none)
{
	uint32_t none = 0, whole = 0;
	int r = -1;

	build_retired();
	for (uint64_t n = 1; r != 0; n++) {
		fresh();
		wr_sim_disk_trip_at(copy_disk, n, WEIR_E_FAILED);
		r = copy();
		if (r == 0)
			wr_sim_disk_power_cut(copy_disk); /* success was told: it stays */
		to->ops->fini(to);
		open_copy();
		struct wr_superblock s;
		int found = wr_verify_superblock(to, &p.memory.base, &s, &problem);
		if (found == 0) {
			expect_copy_whole();
			whole++;
			continue;
		}
		cr_expect(found == -ENOENT || found == WEIR_E_CORRUPT, "%d", found);
		cr_expect_neq(r, 0, "told as done at operation %lu", n);
		none++;
	}
	cr_expect_gt(none, 15);
	cr_expect_geq(whole, 1);
}
