/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a journal whose consumers have opened the reserve segment on a full disk opens again on
 *         that disk, wherever the power went, in the open too; what was acknowledged is there; and
 *         settles free room, so that events go on without anybody's help (L31).
 * Method: a disk without room for one more file; settles and checkpoints out of the reserve with a
 *         power cut at the n-th operation, for every n; then opens with a power cut at the m-th; at
 *         last one that lives. The disk stays full all the time.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "core/journal/journal_internal.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"

#define SETTLES 6u

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;
static uint64_t acked_seq;

static void open_rig(void)
{
	int r = journal_rig_open(&rig, &options);
	cr_assert_eq(r, 0, "%d %s", r, rig.problem.text);
}

static bool is_over(void)
{
	return journal_rig_failed(&rig) || disk->power_cut_count > 0;
}

static void one_round(void)
{
	if (journal_rig_step(&rig) == 0)
		(void)rig.storage->ops->poll(rig.storage, 1000000);
	if (journal_rig_durable(&rig) > acked_seq)
		acked_seq = journal_rig_durable(&rig);
}

/* Events until no extent is offered any more but those of the reserve. */
static void fill(void)
{
	for (uint32_t i = 0; i < 2000; i++) {
		if (mini_writer_append(&rig.writer, 0, i, 64) == MINI_WRITER_DONE)
			(void)mini_writer_close_extent(&rig.writer);
		one_round();
	}
	cr_assert_eq(wr_load_relaxed(&rig.link.starved), 1);
	cr_assert(journal_rig_drain(&rig));
}

/* One settle and a checkpoint that says that nothing before it is needed. */
static void settle_once(void)
{
	(void)mini_writer_settle(&rig.writer, 1);
	(void)mini_writer_seal(&rig.writer);
	for (uint32_t i = 0; i < 2000 && !is_over() && !mini_writer_is_drained(&rig.writer); i++)
		one_round();
	if (is_over() || wr_load_acquire(&rig.link.checkpoint.state) != WR_CHECKPOINT_IDLE)
		return;
	(void)mini_writer_whole_checkpoint(&rig.writer, 4096, rig.writer.next_seq - 1);
	for (uint32_t i = 0; i < 2000 && !is_over() &&
			     wr_load_acquire(&rig.link.checkpoint.state) != WR_CHECKPOINT_IDLE;
	     i++)
		one_round();
}

/* As a pipeline after an open: its first record reaches the medium. */
static void begin(void)
{
	(void)mini_writer_seal(&rig.writer);
	for (uint32_t i = 0; i < 2000 && !is_over() && !mini_writer_is_drained(&rig.writer); i++)
		one_round();
}

/* And the power is back. */
static void crash(void)
{
	journal_rig_crash(&rig);
	journal_rig_close(&rig);
	wr_sim_disk_trip_at(disk, 0, 0);
	disk->power_cut_count = 0;
}

/* A full disk on which the reserve was opened, and no checkpoint that could free anything. */
static void make_full(uint64_t seed, uint32_t extents)
{
	disk = wr_sim_disk_create(seed, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.extents = extents;
	options.checkpoint_bytes = 8192;
	options.journal.retention_bytes = 2 * (extents * options.chunk_bytes + WR_BLOCK_BYTES);
	acked_seq = 0;
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	disk->plan.capacity_bytes = 1;
	fill();
	cr_assert_eq(mini_writer_settle(&rig.writer, 1), MINI_WRITER_DONE);
	cr_assert_eq(rig.writer.extent.reserve, 1);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
}

static void check_open(void)
{
	cr_expect_geq(rig.recovered.next_seq - 1, acked_seq, "acknowledged and gone");
}

/* An open that lives, on a disk that is still full, and what its settles give back. */
static void live_on(void)
{
	open_rig();
	check_open();
	begin();
	for (uint32_t i = 0; i < 3; i++)
		settle_once();
	uint64_t until = rig.writer.extents_taken + 8;
	for (uint32_t i = 0; i < 4000 && rig.writer.extents_taken < until; i++) {
		if (mini_writer_append(&rig.writer, 0, i, 64) == MINI_WRITER_DONE)
			(void)mini_writer_close_extent(&rig.writer);
		one_round();
	}
	cr_expect_eq(rig.writer.extents_taken, until, "settles freed no room");
	cr_expect(journal_rig_drain(&rig));
	journal_rig_close(&rig);
}

/* Dies at the n-th operation of its settles, and at the m-th of the next open. False: not so. */
static bool die(uint64_t n, uint64_t m, uint32_t extents)
{
	make_full(n * 1000 + m, extents);
	wr_sim_disk_trip_at(disk, n, WEIR_E_FAILED);
	for (uint32_t i = 0; i < SETTLES && !is_over(); i++)
		settle_once();
	bool died = disk->power_cut_count > 0;
	crash();
	if (m > 0) {
		wr_sim_disk_trip_at(disk, m, WEIR_E_FAILED);
		int r = journal_rig_open(&rig, &options);
		cr_expect(r == 0 || disk->power_cut_count > 0, "%lu, %lu: %d %s", n, m, r,
			  rig.problem.text);
		if (r == 0) {
			check_open();
			begin();
			crash();
		}
		wr_sim_disk_trip_at(disk, 0, 0);
		disk->power_cut_count = 0;
	}
	live_on();
	wr_sim_disk_destroy(disk);
	return died;
}

Test(full_disk_open, wherever_the_power_goes_the_reserve_is_gone_on_in)
{
	uint64_t n = 1;

	while (die(n, 0, 4))
		n++;
	cr_expect_gt(n, 20);
}

Test(full_disk_open, also_when_it_goes_again_in_the_open)
{
	for (uint64_t n = 1; n < 30; n += 4)
		for (uint64_t m = 1; m < 60; m += 3)
			(void)die(n, m, 4);
}

Test(full_disk_open, also_with_one_extent_to_a_segment)
{
	for (uint64_t n = 1; n < 4; n++)
		for (uint64_t m = 1; m < 40; m += 3)
			(void)die(n, m, 1);
}

/* A service that is started again and again there: each open takes a block. */
Test(full_disk_open, ten_opens_one_after_the_other_find_their_room)
{
	make_full(7, 4);
	uint64_t id = rig.writer.extent.segment_id;
	for (uint32_t i = 0; i < 10; i++) {
		crash();
		open_rig();
		check_open();
		begin();
		cr_assert_eq(rig.recovered.resume_segment_id, id);
	}
	crash();
	live_on();
	wr_sim_disk_destroy(disk);
}

/* What is left: a last segment that is full to its end. */
Test(full_disk_open, a_last_segment_without_a_free_block_needs_room_for_another)
{
	make_full(9, 4);
	while (mini_writer_settle(&rig.writer, 1) == MINI_WRITER_DONE) {
		cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
		cr_assert(journal_rig_drain(&rig));
	}
	crash();
	cr_expect_eq(journal_rig_open(&rig, &options), -ENOSPC);
	disk->plan.capacity_bytes = 0;
	live_on();
	wr_sim_disk_destroy(disk);
}
