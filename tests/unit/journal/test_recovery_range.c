/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   row R11 of recovery's decision table: a segment file that the superblock says there is
 *         may not be missing, nor be cut or written over, wherever in the log it stood; and what
 *         was retired, or never recorded, may.
 * Method: journals built batch by batch with segments ready ahead of their end, as a running one
 *         has; one or several files are lost in each way; recovery and verify are asked.
 */
#include <stdio.h>

#include "core/journal/verify.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(recovery_range, .init = setup, .fini = teardown);

/* --- the stage -------------------------------------------------------------------------------- */

/* A segment that got ready and holds no batch: header and record, nothing else. */
static uint32_t make_ready(void)
{
	uint32_t file_number = log_builder_spare(&b, b.next_segment_id);

	b.superblock.newest_segment_id = b.next_segment_id++;
	log_builder_write_superblock(&b);
	return file_number;
}

/* Four segments with batches and two ready ones. */
static void build_running(void)
{
	build(40);
	cr_assert_eq(b.segment_id, 4);
	(void)make_ready();
	(void)make_ready();
}

static uint64_t first_seq_in(uint64_t segment_id)
{
	for (uint32_t i = 0; i < b.batch_count; i++)
		if (b.batches[i].segment_id == segment_id)
			return seq_of(i);
	return b.next_seq;
}

enum way { WAY_REMOVED, WAY_ZEROED, WAY_EMPTIED, WAY_COUNT };

/* Files are numbered in the order of the ids here. */
static void lose(uint64_t segment_id, enum way way)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint8_t *zeros = calloc(1, b.segment_bytes);

	wr_segment_name(name, 0, (uint32_t)segment_id - 1);
	if (way == WAY_REMOVED)
		cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
	else if (way == WAY_ZEROED)
		cr_assert_eq(wr_sim_disk_put(disk, name, zeros, b.segment_bytes), 0);
	else
		cr_assert_eq(wr_sim_disk_truncate(disk, name, 0), 0);
	free(zeros);
}

static struct wr_damage told, told_first;

static int tell(void *context, const struct wr_damage *damage)
{
	(void)context;
	if (damage->corrupt && told.end_seq == 0)
		told_first = *damage;
	if (damage->corrupt)
		told = *damage;
	return 0;
}

static void verify(struct wr_verify_report *ret_report)
{
	const struct wr_storage_options options = {.sim_disk = disk, .read_only = true};
	const struct wr_verify_visitor visitor = {.damage = tell};
	struct wr_memory_sim memory;
	struct weir_problem problem;
	struct wr_storage *again;

	wr_memory_sim_init(&memory, NULL);
	memset(&told, 0, sizeof told);
	cr_assert_eq(wr_storage_sim_open(&options, &again), 0);
	cr_assert_eq(
		wr_verify_run(again, &memory.base, 0, UINT64_MAX, &visitor, ret_report, &problem),
		0, "%s", problem.text);
	again->ops->fini(again);
}

/* Verify finds the same. 0: nothing is damaged. */
static void expect_verified(uint64_t first_seq, uint64_t end_seq, uint64_t lost_id)
{
	struct wr_verify_report report;

	verify(&report);
	cr_expect_eq(report.corrupt_count, end_seq == 0 ? 0 : 1, "%lu", report.corrupt_count);
	cr_expect_eq(told.first_seq, first_seq, "first %lu", told.first_seq);
	cr_expect_eq(told.end_seq, end_seq, "end %lu", told.end_seq);
	cr_expect_eq(told.segment_id, lost_id, "segment %lu", told.segment_id);
}

/* Verify finds this first, and more behind it. */
static void expect_verified_first(uint64_t first_seq, uint64_t end_seq)
{
	struct wr_verify_report report;

	verify(&report);
	cr_expect_gt(report.corrupt_count, 0);
	cr_expect_eq(told_first.first_seq, first_seq, "first %lu", told_first.first_seq);
	cr_expect_eq(told_first.end_seq, end_seq, "end %lu", told_first.end_seq);
}

static void expect_lost(uint64_t first_seq, uint64_t end_seq, uint64_t lost_id)
{
	char name[32];

	expect_corrupt(first_seq, end_seq);
	(void)snprintf(name, sizeof name, "segment %lu is lost", lost_id);
	cr_expect_not_null(strstr(p.problem.text, name), "it says: %s", p.problem.text);
	expect_verified(first_seq, end_seq, lost_id);
}

/* Loses the segments first_id .. last_id of a copy of the medium, in each way. */
static void expect_loss_of(uint64_t first_id, uint64_t last_id, uint64_t first_seq,
			   uint64_t end_seq, uint64_t lost_id)
{
	struct wr_sim_disk *whole = disk;

	for (uint32_t way = 0; way < WAY_COUNT; way++) {
		disk = wr_sim_disk_clone(whole);
		for (uint64_t id = first_id; id <= last_id; id++)
			lose(id, (enum way)way);
		expect_lost(first_seq, end_seq, lost_id);
		wr_sim_disk_destroy(disk);
	}
	disk = whole;
}

static void expect_whole_and_close(void)
{
	expect_whole();
	log_probe_close(&p);
}

/* --- the end of the log ----------------------------------------------------------------------- */

Test(recovery_range, r11_a_lost_end_of_the_log_is_corruption)
{
	build_running();
	expect_loss_of(4, 4, first_seq_in(4), UINT64_MAX, 4);
	expect_loss_of(3, 4, first_seq_in(3), UINT64_MAX, 4);
	expect_loss_of(2, 6, first_seq_in(2), UINT64_MAX, 6);
	expect_loss_of(1, 6, 1, UINT64_MAX, 6);
	expect_whole_and_close();
	expect_verified(0, 0, 0);
}

Test(recovery_range, r11_nobody_can_know_that_a_lost_ready_segment_was_empty)
{
	build_running();
	expect_loss_of(5, 5, b.next_seq, UINT64_MAX, 5);
	expect_loss_of(6, 6, b.next_seq, UINT64_MAX, 6);
}

Test(recovery_range, r11_a_ready_segment_may_not_be_cut)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	build_running();
	wr_segment_name(name, 0, 4);
	cr_assert_eq(wr_sim_disk_truncate(disk, name, b.segment_bytes - 1), 0);
	expect_lost(b.next_seq, UINT64_MAX, 5);
}

Test(recovery_range, r11_after_a_clean_close_only_what_held_records_may_not_be_missing)
{
	build_running();
	log_builder_close(&b);
	lose(5, WAY_REMOVED);
	lose(6, WAY_ZEROED);
	expect_verified(0, 0, 0);
	struct wr_sim_disk *whole = disk;
	disk = wr_sim_disk_clone(whole);
	expect_whole_and_close();
	wr_sim_disk_destroy(disk);
	disk = whole;
	lose(4, WAY_EMPTIED);
	/* The close has counted. */
	expect_corrupt(first_seq_in(4), b.next_seq);
}

Test(recovery_range, r11_what_was_never_recorded_may_be_missing)
{
	build_running();
	uint32_t file_number = log_builder_spare(&b, b.next_segment_id);
	lose(file_number + 1, WAY_REMOVED);
	expect_whole_and_close();
	/* A journal of before there was a record: what its segments say is all there is. */
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
	b.superblock.oldest_seq = 0;
	log_builder_write_superblock(&b);
	lose(6, WAY_REMOVED);
	expect_whole_and_close();
}

Test(recovery_range, r11_an_open_takes_segments_that_hold_nothing_off_the_record)
{
	build_running();
	expect_whole();
	cr_expect_eq(p.recovered.superblock.newest_segment_id, 4);
	cr_expect_eq(p.recovered.superblock.oldest_segment_id, 1);
	cr_expect_eq(p.recovered.superblock.oldest_seq, 1);
	cr_expect_eq(p.recovered.superblock.durable_seq, b.next_seq - 1);
	cr_expect_eq(p.table.next_segment_id, 7);
	log_probe_close(&p);
	lose(5, WAY_REMOVED);
	lose(6, WAY_REMOVED);
	expect_whole_and_close();
}

/* --- the beginning and the middle ------------------------------------------------------------- */

Test(recovery_range, r11_a_lost_beginning_that_no_subscription_needs_is_corruption)
{
	build_running();
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	expect_loss_of(1, 1, 1, first_seq_in(2), 1);
	expect_loss_of(1, 2, 1, first_seq_in(3), 1);
}

Test(recovery_range, r11_a_lost_middle_is_noticed_below_the_checkpoint_too)
{
	build_running();
	for (uint32_t checkpoints = 0; checkpoints < 2; checkpoints++) {
		expect_loss_of(2, 2, first_seq_in(2), first_seq_in(3), 2);
		expect_loss_of(3, 3, first_seq_in(3), first_seq_in(4), 3);
		log_builder_checkpoint(&b, checkpoints, b.next_seq, 100);
	}
}

Test(recovery_range, r11_a_cut_below_the_checkpoint_is_noticed)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	build_running();
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	for (uint32_t file = 0; file < 3; file++) {
		uint32_t i = 0;
		while (b.batches[i].file_number != file)
			i++;
		struct wr_sim_disk *whole = disk;
		disk = wr_sim_disk_clone(whole);
		wr_segment_name(name, 0, file);
		cr_assert_eq(wr_sim_disk_truncate(disk, name, b.batches[i + 2].offset + 100), 0);
		expect_corrupt(seq_of(i + 2), first_seq_in(file + 2));
		wr_sim_disk_destroy(disk);
		disk = whole;
	}
}

Test(recovery_range, r11_what_was_retired_is_gone_whether_written_over_or_not)
{
	build_running();
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	b.superblock.oldest_segment_id = 3;
	b.superblock.oldest_seq = first_seq_in(3);
	log_builder_write_superblock(&b);
	lose(2, WAY_REMOVED); /* the first one is still there */
	expect_whole();
	cr_expect_eq(p.report.oldest_seq, first_seq_in(3));
	log_probe_close(&p);
	expect_verified(0, 0, 0);
	lose(3, WAY_REMOVED);
	expect_lost(first_seq_in(3), first_seq_in(4), 3);
}

/* Its header says which it is, and nothing what was in it: the record does. Older ones are gone. */
Test(recovery_range, r11_the_oldest_on_record_may_not_be_cut_before_its_first_batch)
{
	const uint64_t lengths[] = {128, 1429, WR_BLOCK_BYTES - 1, WR_BLOCK_BYTES,
				    WR_BLOCK_BYTES + 200};
	char name[WR_STORAGE_NAME_MAX + 1];

	build_running();
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	b.superblock.oldest_segment_id = 3;
	b.superblock.oldest_seq = first_seq_in(3);
	log_builder_write_superblock(&b);
	lose(1, WAY_REMOVED);
	lose(2, WAY_REMOVED);
	wr_segment_name(name, 0, 2);
	struct wr_sim_disk *whole = disk;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		disk = wr_sim_disk_clone(whole);
		cr_assert_eq(wr_sim_disk_truncate(disk, name, lengths[i]), 0);
		expect_corrupt(first_seq_in(3), first_seq_in(4));
		expect_verified(first_seq_in(3), first_seq_in(4), 3);
		wr_sim_disk_destroy(disk);
	}
	disk = whole;
}

static uint64_t first_seq_behind_extent(uint64_t segment_id)
{
	for (uint32_t i = 0; i < b.batch_count; i++)
		if (b.batches[i].segment_id == segment_id &&
		    b.batches[i].offset >= WR_BLOCK_BYTES + CHUNK_BYTES)
			return seq_of(i);
	return 0;
}

static void zero_first_extent(uint64_t segment_id)
{
	uint8_t *zeros = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);

	memset(zeros, 0, CHUNK_BYTES);
	put((uint32_t)segment_id - 1, WR_BLOCK_BYTES, zeros, CHUNK_BYTES);
	free(zeros);
}

/*
 * Nothing near the beginning of any segment says that it is one of the log, and older ones are gone
 * for good. By a checkpoint the open would begin behind all that; a look from outside would find no
 * log at all, and what is before the oldest on record looks like retired meanwhile (L36).
 */
Test(recovery_range, r11_segments_that_have_all_lost_their_beginning_are_told)
{
	for (uint32_t is_used = 0; is_used < 2; is_used++) {
		if (is_used > 0) {
			teardown();
			setup();
		}
		build_running();
		if (is_used > 0)
			log_builder_batch(&b, 2, 40);
		log_builder_checkpoint(&b, 0, b.next_seq, 100);
		log_builder_checkpoint(&b, 1, b.next_seq, 100);
		if (is_used == 0)
			log_builder_batch(&b, 2, 40);
		b.superblock.oldest_segment_id = 3;
		b.superblock.oldest_seq = first_seq_in(3);
		log_builder_write_superblock(&b);
		lose(1, WAY_REMOVED);
		lose(2, WAY_REMOVED);
		if (is_used == 0)
			zero_batch(b.batch_count - 2); /* the checkpoints' */
		for (uint64_t id = 3; id <= b.segment_id; id++)
			zero_first_extent(id);
		uint64_t end_seq = is_used > 0 ? b.next_seq : first_seq_behind_extent(3);
		expect_corrupt(first_seq_in(3), end_seq);
		expect_verified_first(first_seq_in(3), first_seq_behind_extent(3));
	}
}

/* --- the sequence that goes with it ----------------------------------------------------------- */

Test(recovery_range, a_log_that_ends_below_the_recorded_durable_sequence_is_damaged)
{
	build_running();
	uint32_t last = b.batch_count - 1;
	zero_batch(last);
	zero_batch(last - 1);
	b.superblock.durable_seq = seq_of(last - 1) - 1;
	log_builder_write_superblock(&b);
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
	cr_expect_eq(p.recovered.next_seq, seq_of(last - 1), "nothing is left that attests them");
	log_probe_close(&p);
	b.superblock.durable_seq = seq_of(last - 1);
	log_builder_write_superblock(&b);
	expect_corrupt(seq_of(last - 1), seq_of(last - 1) + 1);
}

Test(recovery_range, numbers_that_nobody_writes_do_no_harm)
{
	build_running();
	struct wr_superblock whole = b.superblock;
	for (uint32_t i = 0; i < 4; i++) {
		b.superblock = whole;
		if (i == 0)
			b.superblock.newest_segment_id = UINT64_MAX;
		else if (i == 1)
			b.superblock.durable_seq = UINT64_MAX;
		else if (i == 2)
			b.superblock.oldest_seq = UINT64_MAX;
		else
			b.superblock.oldest_segment_id = whole.newest_segment_id + 1;
		log_builder_write_superblock(&b);
		cr_expect_eq(log_probe_open(&p, disk, &b, true), WEIR_E_CORRUPT);
		log_probe_close(&p);
	}
}

/* --- an owner at work ------------------------------------------------------------------------- */

/*
 * A storage whose owner retires two segments while the walk is in the first of them. It has written
 * over the second when the walk comes to it, and that is all: the walk's own place is still there.
 */
static const struct wr_storage_ops *real_ops;
static bool is_retired;

static int64_t read_while_it_retires(struct wr_storage *s, uint32_t file, void *buffer,
				     uint32_t length_bytes, uint64_t offset_bytes)
{
	/* The first blocks of every file were read before; further on the walk comes alone. */
	if (!is_retired && offset_bytes > WR_BLOCK_BYTES + CHUNK_BYTES) {
		is_retired = true;
		b.superblock.oldest_segment_id = 3;
		b.superblock.oldest_seq = first_seq_in(3);
		log_builder_write_superblock(&b);
		uint8_t *zeros = aligned_alloc(WR_BLOCK_BYTES, b.segment_bytes);
		memset(zeros, 0, b.segment_bytes);
		put(1, 0, zeros, (uint32_t)b.segment_bytes);
		free(zeros);
	}
	return real_ops->read(s, file, buffer, length_bytes, offset_bytes);
}

Test(recovery_range, what_the_owner_retires_while_it_is_read_is_no_damage)
{
	const struct wr_storage_options options = {.sim_disk = disk, .read_only = true};
	const struct wr_verify_visitor visitor = {.damage = tell};
	struct wr_memory_sim memory;
	struct wr_verify_report report;
	struct weir_problem problem;
	struct wr_storage_ops ops;
	struct wr_storage *again;

	build_running();
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_storage_sim_open(&options, &again), 0);
	real_ops = again->ops;
	ops = *real_ops;
	ops.read = read_while_it_retires;
	again->ops = &ops;
	memset(&told, 0, sizeof told);
	is_retired = false;
	cr_assert_eq(wr_verify_run(again, &memory.base, 0, UINT64_MAX, &visitor, &report, &problem),
		     0, "%s", problem.text);
	cr_expect(is_retired);
	cr_expect_eq(report.corrupt_count, 0, "%s: %lu to %lu", told.text, told.first_seq,
		     told.end_seq);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
	again->ops = real_ops;
	again->ops->fini(again);
}

/* --- two files, one segment ------------------------------------------------------------------- */

/* As `cp` does it; the copy is made before what comes behind it, or after. */
static void copy_file(uint64_t segment_id, uint32_t to_number)
{
	char name[WR_STORAGE_NAME_MAX + 1], to[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;

	wr_segment_name(name, 0, (uint32_t)segment_id - 1);
	wr_segment_name(to, 0, to_number);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	cr_assert_not_null(content);
	uint8_t *copy = malloc(bytes);
	cr_assert_not_null(copy);
	memcpy(copy, content, bytes);
	cr_assert_eq(wr_sim_disk_put(disk, to, copy, bytes), 0);
	free(copy);
}

static void expect_copy_refused(uint64_t segment_id)
{
	char name[32];

	expect_corrupt(0, UINT64_MAX);
	(void)snprintf(name, sizeof name, "segment %lu: one is a copy", segment_id);
	cr_expect_not_null(strstr(p.problem.text, name), "it says: %s", p.problem.text);
	expect_verified(0, UINT64_MAX, segment_id);
}

/* An old, a full, the last and an empty one: whichever of the two the names put first. */
/*
 * An open erases the headers of what a crash left above the end of the log. If that write, or its
 * sync, fails, an old header may be seen again later: its id must not be another file's by then.
 */
Test(recovery_range, an_id_is_never_given_twice_whatever_became_of_its_header)
{
	build_running();
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_eq(p.table.next_segment_id, 7);
	log_probe_close(&p);
	lose(5, WAY_ZEROED);
	lose(6, WAY_ZEROED);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_eq(p.table.next_segment_id, 7);
	log_probe_close(&p);
}

Test(recovery_range, r12_a_copy_of_a_segment_is_refused)
{
	build_running();
	for (uint64_t id = 1; id <= 6; id++) {
		copy_file(id, 777);
		expect_copy_refused(id);
		cr_assert_eq(wr_sim_disk_remove(disk, "0-00000777.seg"), 0);
	}
	expect_whole();
	log_probe_close(&p);
}

/* The copy was made while the segment was written to: it may not win over what went on. */
Test(recovery_range, r12_a_copy_that_stayed_behind_is_refused)
{
	build(35);
	copy_file(b.segment_id, 777);
	uint64_t copied_id = b.segment_id;
	log_builder_batch(&b, 3, 100);
	expect_copy_refused(copied_id);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000777.seg"), 0);
	expect_whole();
	log_probe_close(&p);
}
