/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a look from outside tells everything that stands in a journal and everything that is
 *         wrong with it, goes on behind damage, and changes nothing.
 * Method: the builder's journals, damaged in one place or several; what the visitor was told.
 *         Every bit of the batches is in test_recovery_sweep.c.
 */
#include "tests/unit/journal/verify_bed.h"

TestSuite(verify, .init = setup, .fini = teardown);

Test(verify, a_whole_journal_is_told_in_log_order)
{
	build(30);
	log_builder_close(&b);
	log_builder_spare(&b, 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_expect_eq(told.damage_count, 0);
	cr_expect_eq(report.corrupt_count, 0);
	cr_expect_eq(report.harmless_count, 0);
	cr_expect_eq(report.oldest_seq, 1);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
	cr_expect_eq(report.durable_seq, b.next_seq - 1);
	cr_expect_eq(report.record_count, b.next_seq - 1);
	cr_expect_eq(report.segment_count, 3);
	cr_expect_eq(report.spare_count, 1);
	cr_expect_eq(report.superblock.epoch, 1);
	cr_expect_eq(told.batch_count, 31);
	for (uint32_t i = 1; i < told.batch_count; i++)
		cr_expect_gt(told.batch_first[i], told.batch_first[i - 1]);
	cr_assert_eq(told.segment_count, 4);
	cr_expect(told.segments[3].spare);
	cr_expect_str_eq(told.segments[0].file, "0-00000000.seg");
	cr_expect_eq(told.segments[0].first_seq, 1);
	cr_expect_eq(told.segments[1].first_seq, told.segments[0].end_seq);
	cr_expect_eq(told.segments[2].end_seq, b.next_seq);
	cr_expect_eq(told.segments[0].first_time_us, b.batches[0].header.time_base_us);
	cr_expect_eq(told.segments[2].last_time_us, b.time_us, "of the filler");
	cr_expect_eq(told.segments[0].used_bytes, b.segment_bytes);
	cr_expect_eq(told.segments[1].epoch, 1);
}

Test(verify, a_walk_may_begin_with_the_segment_of_a_sequence)
{
	struct wr_verify_visitor visitor = {
		.segment = tell_segment,
		.damage = tell_damage,
		.batch = tell_batch,
		.context = &told,
	};
	build(30);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	uint64_t all_bytes = report.read_bytes;
	uint64_t firsts[3];
	for (uint32_t i = 0; i < 3; i++)
		firsts[i] = told.segments[i].first_seq;
	for (uint32_t i = 0; i < 3; i++)
		for (uint64_t seq = firsts[i]; seq < firsts[i] + 2; seq++) {
			memset(&told, 0, sizeof told);
			wr_memory_sim_init(&p.memory, NULL);
			visitor.begin_seq = seq;
			cr_assert_eq(wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX, &visitor,
						   &report, &problem),
				     0);
			cr_expect_eq(told.batch_first[0], firsts[i]);
			cr_expect_eq(told.damage_count, 0);
			cr_expect_eq(report.last_seq, b.next_seq - 1);
			cr_expect_eq(report.segment_count, 3 - i);
			cr_expect(i == 0 || report.read_bytes < all_bytes);
		}
}

Test(verify, only_batches_of_the_range_are_shown)
{
	build(20);
	cr_assert_eq(verify(10, 15), 0);
	cr_assert_eq(told.batch_count, 3);
	cr_expect_eq(told.batch_first[0], 8);
	cr_expect_eq(told.batch_first[2], 14);
	cr_expect_eq(report.record_count, b.next_seq - 1, "all are verified");
}

Test(verify, it_goes_on_behind_damage)
{
	build(30);
	damage(3, 200);
	damage(9, 60);
	damage(10, 0);
	damage(20, 4000);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_expect_eq(report.corrupt_count, 3, "%lu", report.corrupt_count);
	cr_assert_eq(told.damage_count, 3);
	static const uint32_t first[] = {3, 9, 20}, last[] = {3, 10, 20};
	for (uint32_t i = 0; i < 3; i++) {
		const struct wr_damage *d = &told.damages[i];
		cr_expect_eq(d->kind, WR_DAMAGE_BATCH);
		cr_expect(d->corrupt);
		cr_expect_eq(d->first_seq, seq_of(first[i]));
		cr_expect_eq(d->end_seq, seq_of(last[i]) + 3);
		cr_expect_eq(d->segment_id, b.batches[first[i]].segment_id);
		cr_expect_eq(d->offset, b.batches[first[i]].offset);
		cr_expect_neq(d->text[0], '\0');
		cr_expect_neq(d->file[0], '\0');
	}
	cr_expect_eq(report.record_count, b.next_seq - 1 - 12);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
}

Test(verify, a_missing_segment_is_told)
{
	build(40);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000001.seg"), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_eq(told.damage_count, 1);
	cr_expect_eq(told.damages[0].kind, WR_DAMAGE_MISSING_SEGMENT);
	cr_expect_eq(told.damages[0].first_seq, told.segments[0].end_seq);
	cr_expect_eq(told.damages[0].end_seq, told.segments[1].first_seq);
}

Test(verify, a_torn_tail_is_no_fault)
{
	build(5);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 3, 1300);
	log_builder_batch(&b, 3, 100);
	log_builder_land(&b, 6, 5);
	log_builder_land(&b, 7, SECTORS_ALL);
	log_builder_rewind(&b, 6);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_eq(told.damage_count, 1);
	cr_expect_eq(told.damages[0].kind, WR_DAMAGE_TORN_TAIL);
	cr_expect_not(told.damages[0].corrupt);
	cr_expect_eq(told.damages[0].first_seq, b.next_seq);
	cr_expect_eq(report.corrupt_count, 0);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
}

Test(verify, harmless_damage_is_told_as_harmless)
{
	build(20);
	log_builder_evidence(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_checkpoint(&b, 1, 1, 9000);
	uint32_t spare = log_builder_spare(&b, 50);
	char name[WR_STORAGE_NAME_MAX + 1];
	uint32_t evidence = b.batch_count - 2;
	while (b.batches[evidence].header.batch_kind != WR_BATCH_EVIDENCE)
		evidence--;
	damage(evidence, 90);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "JOURNAL", WR_BLOCK_BYTES + 7, 1), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.0", 7, 1), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.1", 9000, 1), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-00000001.seg", 77, 1), 0);
	wr_segment_name(name, 0, spare);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, 77, 1), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	uint32_t kinds[16] = {0};
	for (uint32_t i = 0; i < told.damage_count; i++)
		kinds[told.damages[i].kind]++;
	cr_expect_eq(kinds[WR_DAMAGE_SUPERBLOCK_COPY], 1);
	cr_expect_eq(kinds[WR_DAMAGE_CHECKPOINT], 2);
	cr_expect_eq(kinds[WR_DAMAGE_SEGMENT_HEADER], 1);
	cr_expect_eq(kinds[WR_DAMAGE_BATCH], 1);
	cr_expect_eq(kinds[WR_DAMAGE_SPARE], 1);
	cr_expect_eq(report.harmless_count, 6);
	cr_expect_eq(report.corrupt_count, 0);
	cr_expect_eq(report.record_count, b.next_seq - 1);
}

Test(verify, a_journal_that_was_being_made_has_no_damage)
{
	/* Killed between the two pairs of copies. */
	cr_assert_eq(wr_sim_disk_truncate(disk, "JOURNAL", 2ull * WR_BLOCK_BYTES), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_expect_eq(told.damage_count, 0);
	/* Later there is always an older pair, or the file was cut. */
	log_builder_write_superblock(&b);
	cr_assert_eq(wr_sim_disk_truncate(disk, "JOURNAL", 2ull * WR_BLOCK_BYTES), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_expect_eq(told.damage_count, 2);
	cr_expect_eq(told.damages[1].kind, WR_DAMAGE_SUPERBLOCK_COPY);
}

Test(verify, a_trimmed_tail_of_an_older_epoch_is_not_shown)
{
	build(5);
	log_builder_torn(&b);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 9; i++)
		log_builder_batch(&b, 2, 60);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_expect_eq(told.damage_count, 0);
	cr_expect_eq(report.record_count, b.next_seq - 1);
	cr_expect_eq(report.spare_count, 1, "the segment that held nothing but the tail");
}

Test(verify, a_visitor_may_stop_it)
{
	build(5);
	told.stop_with = 7;
	cr_expect_eq(verify(0, UINT64_MAX), 7);
	told.stop_with = 0;
}

Test(verify, a_directory_that_is_no_journal_is_said_to_be_none)
{
	cr_assert_eq(wr_sim_disk_remove(disk, "JOURNAL"), 0);
	cr_expect_eq(verify(0, UINT64_MAX), -ENOENT);
	cr_expect_neq(problem.text[0], '\0');
	/* And where something is left of one: test_remains.c. */
}

Test(verify, a_lost_beginning_is_told)
{
	build(30);
	log_builder_checkpoint(&b, 0, 2, 100);
	log_builder_checkpoint(&b, 1, 2, 100);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_eq(report.corrupt_count, 1);
	cr_expect_eq(told.damages[0].kind, WR_DAMAGE_MISSING_SEGMENT);
	cr_expect_eq(told.damages[0].first_seq, 1, "recorded, though no checkpoint needs it");
	cr_expect_eq(told.damages[0].segment_id, 1);
	cr_expect_eq(told.damages[0].end_seq, told.segments[0].first_seq);
}

/* --- beside an owner -------------------------------------------------------------------------- */

static struct wr_storage_ops hooked_ops;
static const struct wr_storage_ops *plain_ops;
static uint32_t superblock_opens, act_at_open;
static void (*act)(void);

/* A walk reads the superblock when it begins, and where something seems to be wrong. */
static int count_opens(struct wr_storage *s, const char *name, uint32_t flags, uint32_t *ret_file)
{
	if (strcmp(name, WR_SUPERBLOCK_NAME) == 0 && ++superblock_opens >= act_at_open &&
	    act != NULL) {
		void (*now)(void) = act;
		act = NULL;
		storage->ops = plain_ops;
		now();
		storage->ops = &hooked_ops;
	}
	return plain_ops->file_open(s, name, flags, ret_file);
}

static void hook(void (*what)(void), uint32_t at_open)
{
	act = what;
	act_at_open = at_open;
	superblock_opens = 0;
	plain_ops = storage->ops;
	hooked_ops = *plain_ops;
	hooked_ops.file_open = count_opens;
	storage->ops = &hooked_ops;
}

static void unhook(void)
{
	storage->ops = plain_ops;
	cr_assert_null(act, "it came that far");
}

#define LATE_BATCH 20u

static void mend_and_move_on(void)
{
	damage(LATE_BATCH, 200); /* the same bit */
	log_builder_write_superblock(&b);
}

Test(verify, damage_that_only_one_look_finds_is_none)
{
	build(30);
	damage(LATE_BATCH, 200);
	hook(mend_and_move_on, 2);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	unhook();
	cr_expect_eq(told.damage_count, 0);
	cr_expect_eq(report.record_count, b.next_seq - 1);
	cr_expect_eq(report.last_seq, b.next_seq - 1);
	cr_expect_eq(report.spare_count, 0);
	cr_expect_eq(report.segment_count, 3);
	for (uint32_t i = 1; i < told.batch_count; i++)
		cr_expect_gt(told.batch_first[i], told.batch_first[i - 1], "each once");
}

static void move_on(void)
{
	log_builder_write_superblock(&b);
}

Test(verify, damage_that_two_looks_find_is_told_once)
{
	build(30);
	damage(LATE_BATCH, 200);
	hook(move_on, 2);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	unhook();
	cr_assert_eq(told.damage_count, 1);
	cr_expect_eq(told.damages[0].first_seq, b.batches[LATE_BATCH].header.first_seq);
	cr_expect_eq(told.damages[0].end_seq, b.batches[LATE_BATCH + 1].header.first_seq);
	cr_expect_eq(told.damages[0].offset, b.batches[LATE_BATCH].offset);
	cr_expect_eq(report.record_count,
		     b.next_seq - 1 - b.batches[LATE_BATCH].header.record_count);
	cr_expect_eq(report.corrupt_count, 1);
	cr_expect_eq(report.spare_count, 0);
}
