/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   no file is made that leaves less than low_space_bytes free, and that is told before
 *         anybody waits; with drop_oldest the oldest segment goes instead, never one that a
 *         subscription or a checkpoint needs, and the log goes on in the room that it has.
 * Method: a simulated disk whose room is changed; the mini writer takes extents and checkpoints.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "core/journal/journal_internal.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"

#define MARK_SEGMENTS 5u

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;

static void set_up(void)
{
	disk = wr_sim_disk_create(12, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = 8192;
}

static void tear_down(void)
{
	journal_rig_close(&rig);
	cr_assert_eq(rig.memory.live_count, 0);
	wr_sim_disk_destroy(disk);
}

static void open_rig(void)
{
	int r = journal_rig_open(&rig, &options);
	cr_assert_eq(r, 0, "%d %s", r, rig.problem.text);
	cr_assert(journal_rig_settle(&rig));
}

static struct wr_journal_stats stats(void)
{
	struct wr_journal_stats s;
	wr_journal_stats(rig.journal, &s);
	return s;
}

static void one_round(void)
{
	if (journal_rig_step(&rig) == 0)
		(void)rig.storage->ops->poll(rig.storage, 1000000);
}

/* An event an extent, until so many extents were taken or none comes any more. */
static bool take_extents(uint64_t count)
{
	uint64_t until = rig.writer.extents_taken + count;

	for (uint32_t i = 0; i < 2000 && rig.writer.extents_taken < until; i++) {
		if (mini_writer_append(&rig.writer, 0, i, 64) == MINI_WRITER_DONE)
			(void)mini_writer_close_extent(&rig.writer);
		one_round();
	}
	return rig.writer.extents_taken == until && journal_rig_drain(&rig);
}

/* Two of them, of all that is sealed: what lies below `needed_seq` may go. */
static void checkpoints(uint64_t needed_seq)
{
	for (uint32_t n = 0; n < 2; n++) {
		(void)mini_writer_settle(&rig.writer, 1);
		(void)mini_writer_seal(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
		cr_assert(mini_writer_whole_checkpoint(&rig.writer, 5000, needed_seq));
		for (uint32_t i = 0; i < 10000; i++) {
			if (wr_load_acquire(&rig.link.checkpoint.state) == WR_CHECKPOINT_IDLE)
				break;
			one_round();
		}
		cr_assert_eq(wr_load_acquire(&rig.link.checkpoint.state), WR_CHECKPOINT_IDLE);
	}
}

static uint64_t file_bytes(void)
{
	return rig.table.segment_bytes;
}

/* So many bytes are free from now on. */
static void leave_free(uint64_t bytes)
{
	disk->plan.capacity_bytes = wr_sim_disk_used_bytes(disk) + bytes;
}

static uint64_t oldest_live_seq(void)
{
	return wr_load_relaxed(&wr_segment_live(&rig.table, 0)->first_seq);
}

TestSuite(low_space, .init = set_up, .fini = tear_down);

Test(low_space, the_mark_is_kept_and_told_before_anybody_waits)
{
	options.journal.low_space_bytes = MARK_SEGMENTS * (4 * 16384 + WR_BLOCK_BYTES);
	open_rig();
	cr_assert_eq(options.journal.low_space_bytes, MARK_SEGMENTS * file_bytes());
	cr_expect_not(stats().low_space);
	leave_free((MARK_SEGMENTS + 1) * file_bytes());
	uint32_t files = wr_load_relaxed(&rig.table.count);
	/* One file fits above the mark. */
	for (uint32_t i = 0; i < 200 && !stats().low_space; i++)
		(void)take_extents(1);
	cr_expect(stats().low_space);
	cr_expect_eq(wr_load_relaxed(&rig.table.count), files + 1);
	cr_expect_eq(stats().free_bytes, MARK_SEGMENTS * file_bytes());
	cr_expect_eq(wr_load_relaxed(&rig.link.starved), 0, "there are segments ready");
	cr_expect_eq(stats().no_room_code, 0);
	cr_expect_not(take_extents(1000));
	cr_expect_eq(wr_load_relaxed(&rig.link.starved), 1);
	cr_expect_eq(stats().no_room_code, -ENOSPC);
	cr_expect_eq(wr_load_relaxed(&rig.table.count), files + 1);
	cr_expect_eq(stats().segments_dropped, 0);
	disk->plan.capacity_bytes = 0;
	cr_expect(take_extents(20));
	cr_expect_not(stats().low_space);
	cr_expect_eq(stats().no_room_code, 0);
}

Test(low_space, the_end_is_told_with_a_file_to_spare)
{
	open_rig();
	rig.journal->options.low_space_bytes = MARK_SEGMENTS * file_bytes();
	leave_free(0);
	cr_expect_eq(wr_journal_room_look(rig.journal), -ENOSPC);
	cr_expect(stats().low_space);
	leave_free((MARK_SEGMENTS + 1) * file_bytes() - 1);
	cr_expect_eq(wr_journal_room_look(rig.journal), -ENOSPC);
	leave_free((MARK_SEGMENTS + 1) * file_bytes());
	cr_expect_eq(wr_journal_room_look(rig.journal), 0);
	cr_expect(stats().low_space);
	leave_free((MARK_SEGMENTS + 2) * file_bytes());
	cr_expect_eq(wr_journal_room_look(rig.journal), 0);
	cr_expect_not(stats().low_space);
}

Test(low_space, the_largest_mark_does_not_wrap)
{
	options.journal.low_space_bytes = UINT64_MAX;
	open_rig();
	cr_expect_eq(wr_journal_room_look(rig.journal), -ENOSPC);
	cr_expect_not(take_extents(1000));
	cr_expect_eq(stats().no_room_code, -ENOSPC);
}

static void expect_to_go_on(uint32_t rounds)
{
	uint32_t files = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		cr_assert(take_extents(4), "round %u", i);
		checkpoints(rig.writer.next_seq);
		if (i == rounds / 2)
			files = wr_load_relaxed(&rig.table.count);
	}
	cr_expect_eq(wr_load_relaxed(&rig.table.count), files);
	cr_expect_gt(stats().segments_dropped, rounds / 4);
	cr_expect_eq(stats().segments_dropped, stats().segments_recycled);
	cr_expect_gt(oldest_live_seq(), 1);
}

Test(low_space, on_a_full_disk_the_oldest_goes_and_the_log_goes_on)
{
	options.journal.drop_oldest = true;
	open_rig();
	leave_free(3 * file_bytes());
	expect_to_go_on(40);
	cr_expect(stats().low_space, "told, though nobody waits");
	/* What is left is whole. */
	uint64_t next_seq = rig.writer.next_seq;
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	open_rig();
	cr_expect_eq(rig.recovered.next_seq, next_seq);
	cr_expect_gt(rig.report.oldest_seq, 1);
}

Test(low_space, at_the_mark_the_oldest_goes_and_the_log_goes_on)
{
	options.journal.drop_oldest = true;
	options.journal.low_space_bytes = MARK_SEGMENTS * (4 * 16384 + WR_BLOCK_BYTES);
	open_rig();
	leave_free((MARK_SEGMENTS + 3) * file_bytes());
	uint64_t free_least = options.journal.low_space_bytes;
	expect_to_go_on(40);
	cr_expect_geq(disk->plan.capacity_bytes - wr_sim_disk_used_bytes(disk), free_least);
}

Test(low_space, at_segments_max_the_oldest_goes_and_the_log_goes_on)
{
	options.journal.drop_oldest = true;
	options.segments_max = 7;
	open_rig();
	expect_to_go_on(40);
	cr_expect_leq(wr_load_relaxed(&rig.table.count), 7);
	cr_expect_not(stats().low_space, "of the disk nothing is known");
}

Test(low_space, what_is_needed_never_goes)
{
	options.journal.drop_oldest = true;
	open_rig();
	cr_assert(take_extents(8));
	checkpoints(2);
	leave_free(1);
	cr_expect_not(take_extents(1000));
	cr_expect_eq(wr_load_relaxed(&rig.link.starved), 1);
	cr_expect_eq(stats().segments_dropped, 0);
	cr_expect_eq(oldest_live_seq(), 1);
	/* Settled out of the reserve: then it goes. */
	checkpoints(rig.writer.next_seq);
	cr_expect(take_extents(8));
	cr_expect_gt(stats().segments_dropped, 0);
}

Test(low_space, an_open_on_a_full_disk_drops_what_it_may)
{
	open_rig();
	leave_free(1);
	cr_assert_not(take_extents(1000));
	checkpoints(rig.writer.next_seq);
	/* To the end of the reserve: there is no block to go on in. */
	while (mini_writer_settle(&rig.writer, 1) == MINI_WRITER_DONE) {
		(void)mini_writer_close_extent(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
	}
	uint64_t next_seq = rig.writer.next_seq;
	journal_rig_crash(&rig);
	journal_rig_close(&rig);
	disk->power_cut_count = 0;
	cr_assert_eq(journal_rig_open(&rig, &options), -ENOSPC);
	options.journal.drop_oldest = true;
	open_rig();
	cr_expect_eq(rig.recovered.next_seq, next_seq);
	cr_expect_gt(stats().segments_dropped, 0);
	cr_expect_gt(oldest_live_seq(), 1);
	checkpoints(rig.writer.next_seq);
	cr_expect(take_extents(8));
}
