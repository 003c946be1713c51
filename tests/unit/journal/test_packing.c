/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the packer of a journal at work: what is sealed and durable is packed, oldest first, and
 *         its file used again when nobody reads it any more; what leaves the log packed is removed;
 *         what cannot be packed stays; and every open finds all of it.
 * Method: the rig, with the packer's step called between those of the journal.
 */
#include "tests/unit/journal/packing_bed.h"

TestSuite(packing, .init = setup, .fini = teardown);

Test(packing, what_is_sealed_is_packed_and_its_file_used_again)
{
	uint64_t bytes, bytes_before;

	open_rig();
	append(80);
	uint32_t live = wr_segment_live_count(&rig.table);
	uint32_t files = segment_files(&bytes_before);
	cr_assert_geq(live, 4u);
	pack();
	cr_expect_eq(packed_live(), live - 1, "%u of %u", packed_live(), live);
	cr_expect_eq(stats().segments_packed, live - 1);
	cr_expect_eq(segment_files(&bytes), files + live - 1);
	read_all();
	/* As many plain files as before serve for as many segments again. */
	append(60);
	cr_expect_eq(segment_files(&bytes), files + live - 1);
	read_all();
	pack();
	read_all();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	open_rig();
	cr_expect_gt(packed_live(), live);
	read_all();
	journal_rig_close(&rig);
}

Test(packing, the_superblock_says_so_before)
{
	struct wr_superblock s;
	uint64_t bytes;

	open_rig();
	append(5);
	const uint8_t *block = wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &bytes);
	cr_assert_eq(wr_superblock_decode(block, 0, &s), WR_BLOCK_VALID);
	cr_expect_eq(s.features_must, 0u, "nothing is sealed yet");
	append(35);
	while (packed_live() == 0) {
		(void)wr_journal_pack_step(rig.journal, 0);
		cr_assert(journal_rig_settle(&rig));
		wr_clock_sim_advance(disk->clock, 50000000);
	}
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++) {
		block = wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &bytes);
		cr_assert_eq(wr_superblock_decode(block + copy * WR_BLOCK_BYTES, copy, &s),
			     WR_BLOCK_VALID);
		cr_expect_eq(s.features_must, WR_SUPERBLOCK_PACKED);
	}
	journal_rig_close(&rig);
}

Test(packing, nobodys_file_is_used_again_while_he_reads_it)
{
	open_rig();
	append(80);
	uint32_t side = wr_inside_enter(&rig.table.inside);
	pack();
	cr_expect_gt(packed_live(), 1u);
	cr_expect_eq(wr_journal_pickable(rig.journal), 0u, "somebody is inside");
	wr_inside_leave(&rig.table.inside, side);
	cr_assert(journal_rig_settle(&rig));
	cr_expect_eq(wr_journal_pickable(rig.journal), (uint64_t)packed_live());
	journal_rig_close(&rig);
}

Test(packing, readers_who_never_cease_hold_up_nothing)
{
	open_rig();
	append(80);
	/* At each look one is inside; none stays for longer than the next one takes to come. */
	uint32_t side = wr_inside_enter(&rig.table.inside);
	for (uint32_t idle = 0; idle < 20; idle++) {
		if (wr_journal_pack_step(rig.journal, 0) != 0)
			idle = 0;
		uint32_t next = wr_inside_enter(&rig.table.inside);
		wr_inside_leave(&rig.table.inside, side);
		side = next;
		cr_assert(journal_rig_settle(&rig));
		wr_clock_sim_advance(disk->clock, 50000000);
	}
	cr_expect_gt(packed_live(), 1u);
	cr_expect_eq(wr_journal_pickable(rig.journal), (uint64_t)packed_live());
	wr_inside_leave(&rig.table.inside, side);
	journal_rig_close(&rig);
}

Test(packing, what_leaves_the_log_packed_is_removed)
{
	uint64_t bytes;

	open_rig();
	append(80);
	pack();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	uint32_t files = segment_files(&bytes);
	o.journal.retention_bytes = 3ull * 17 * WR_BLOCK_BYTES;
	open_rig();
	uint32_t before = packed_live();
	for (uint32_t i = 0; i < 12; i++) {
		append(10);
		if (wr_load_acquire(&rig.link.checkpoint.state) == WR_CHECKPOINT_IDLE) {
			memset(rig.checkpoint_buffer, 0, 16);
			cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64,
							       rig.writer.next_seq - 1));
		}
		pack();
	}
	wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	append(20);
	pack();
	cr_expect_gt(stats().segments_recycled, (uint64_t)before);
	cr_expect_leq(segment_files(&bytes), files + 6);
	cr_expect_leq(packed_files(), packed_live());
	cr_expect_leq(rig.table.live_bytes, o.journal.retention_bytes + 17u * WR_BLOCK_BYTES);
	read_all();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	open_rig();
	read_all();
	journal_rig_close(&rig);
}

Test(packing, what_cannot_be_packed_stays_and_the_next_one_is)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	open_rig();
	append(80);
	uint32_t live = wr_segment_live_count(&rig.table);
	wr_segment_name(name, 0, wr_segment_live(&rig.table, 1)->file_number);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, 3ull * WR_BLOCK_BYTES + 200, 1), 0);
	pack();
	cr_expect_eq(packed_live(), live - 2);
	cr_expect_not(wr_segment_is_packed(wr_segment_live(&rig.table, 1)));
	cr_expect_eq(stats().pack_failures, 1u, "and is not tried again");
	journal_rig_close(&rig);
}

static void begin_packing(void)
{
	for (uint32_t i = 0; i < 50 && packed_files() == 0; i++) {
		(void)wr_journal_pack_step(rig.journal, 0);
		cr_assert(journal_rig_settle(&rig));
		wr_clock_sim_advance(disk->clock, 50000000);
	}
	cr_assert_eq(packed_files(), 1u);
	cr_assert_eq(packed_live(), 0u);
}

Test(packing, what_was_begun_at_the_end_is_removed)
{
	open_rig();
	append(80);
	begin_packing();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	cr_expect_eq(packed_files(), 0u);
	/* And of a life that dies, by the next one. */
	open_rig();
	begin_packing();
	wr_storage_sim_kill(rig.storage);
	journal_rig_close(&rig);
	cr_expect_eq(packed_files(), 1u);
	o.journal.pack = false;
	open_rig();
	cr_expect_eq(packed_files(), 0u);
	cr_expect_eq(packed_live(), 0u);
	read_all();
	journal_rig_close(&rig);
}

Test(packing, what_is_packed_is_not_kept_open)
{
	open_rig();
	for (uint32_t i = 0; i < 50; i++) {
		append(20);
		pack();
	}
	cr_assert_geq(packed_live(), 50u);
	cr_expect_lt(disk->descriptors_peak, 50u, "%u", disk->descriptors_peak);
	journal_rig_close(&rig);
}

/* --- a full disk ------------------------------------------------------------------------------ */

static void checkpoint(void)
{
	memset(rig.checkpoint_buffer, 0, 16);
	cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64, rig.writer.next_seq - 1));
	cr_assert(journal_rig_settle(&rig));
	wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
}

/* So many bytes are free from now on. */
static void leave_free(uint64_t bytes)
{
	disk->plan.capacity_bytes = wr_sim_disk_used_bytes(disk) + bytes;
}

/* As append(), as far as there is room, tried for so long. */
static uint32_t append_some(uint32_t count, uint32_t rounds)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < rounds && done < count; i++) {
		if (mini_writer_append(&rig.writer, 0, i, 60) == MINI_WRITER_DONE &&
		    mini_writer_seal(&rig.writer) == MINI_WRITER_DONE)
			done++;
		cr_assert(journal_rig_settle(&rig));
		wr_clock_sim_advance(disk->clock, 50000000);
	}
	return done;
}

Test(packing, one_is_dropped_at_a_time_and_the_log_goes_on)
{
	o.journal.drop_oldest = true;
	open_rig();
	for (uint32_t i = 0; i < 20; i++) {
		append(20);
		checkpoint();
		pack();
	}
	uint32_t live = wr_segment_live_count(&rig.table);
	cr_assert_geq(packed_live(), 20u);
	leave_free(1);
	uint32_t side = wr_inside_enter(&rig.table.inside);
	cr_expect_lt(append_some(200, 400), 200u);
	cr_expect_eq(stats().segments_dropped, 1u, "%lu", stats().segments_dropped);
	wr_inside_leave(&rig.table.inside, side);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(append_some(20, 2000), 20u);
		checkpoint();
		pack();
	}
	/* Three packed ones make the room of a plain one, and no more go. */
	cr_expect_gt(wr_segment_live_count(&rig.table), live / 2);
	read_all();
	journal_rig_close(&rig);
}

Test(packing, what_low_space_leaves_to_others_is_not_packed_into)
{
	uint64_t mark = 5ull * 17 * WR_BLOCK_BYTES;

	o.journal.low_space_bytes = mark;
	open_rig();
	append(80);
	pack();
	uint32_t packed = packed_live();
	leave_free(mark + rig.table.segment_bytes - WR_BLOCK_BYTES);
	append(40); /* into what they stand for */
	pack();
	cr_expect_eq(packed_live(), packed);
	cr_expect_eq(packed_files(), packed);
	cr_expect(stats().low_space, "told");
	leave_free(mark + 8 * rig.table.segment_bytes);
	wr_clock_sim_advance(disk->clock, 2000000000);
	pack();
	cr_expect_gt(packed_live(), packed);
	cr_expect_not(stats().low_space);
	cr_expect_geq(disk->plan.capacity_bytes - wr_sim_disk_used_bytes(disk), mark);
	journal_rig_close(&rig);
}

/* --- a kill between a write and its sync ------------------------------------------------------ */

static struct wr_storage_ops dying_ops;
static const struct wr_storage_ops *real_ops;
static bool is_dead;

/* The header that makes a packed file count is written, and whoever wrote it is gone. */
static int write_and_die(struct wr_storage *storage, uint32_t file, const void *bytes,
			 uint32_t length_bytes, uint64_t offset)
{
	struct wr_packed_header h;

	if (offset != 0 || wr_packed_header_decode(bytes, &h) != WR_BLOCK_VALID ||
	    h.state != WR_PACKED_SEGMENT)
		return real_ops->write(storage, file, bytes, length_bytes, offset);
	int32_t inode = wr_sim_disk_find(disk, rig.journal->packer->pack.name);
	wr_sim_inode_write(disk, inode, bytes, length_bytes, 0);
	wr_storage_sim_kill(storage);
	is_dead = true;
	return WEIR_E_FAILED;
}

static void die_in_the_switch(void)
{
	real_ops = rig.storage->ops;
	dying_ops = *real_ops;
	dying_ops.write = write_and_die;
	rig.storage->ops = &dying_ops;
	is_dead = false;
	for (uint32_t i = 0; i < 400 && !is_dead; i++) {
		(void)wr_journal_pack_step(rig.journal, 0);
		if (!is_dead)
			cr_assert(journal_rig_settle(&rig));
		wr_clock_sim_advance(disk->clock, 50000000);
	}
	cr_assert(is_dead);
	journal_rig_close(&rig);
}

/* Whatever of the unsynced header the cut leaves: which it is, is drawn. */
Test(packing, a_switch_that_a_kill_left_unsynced_is_synced_by_the_next_open)
{
	for (uint64_t seed = 1; seed <= 16; seed++) {
		teardown();
		disk = wr_sim_disk_create(seed, NULL);
		o.disk = disk;
		open_rig();
		append(80);
		/* Above the segment that is packed: the next open reads nothing of that. */
		memset(rig.checkpoint_buffer, 0, 16);
		cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64, 1));
		cr_assert(journal_rig_settle(&rig));
		append(3);
		die_in_the_switch();

		open_rig();
		cr_assert_eq(packed_live(), 1u);
		uint64_t oldest = wr_segment_oldest_seq(&rig.table);
		append(30); /* into the twin, too */
		journal_rig_crash(&rig);
		journal_rig_close(&rig);

		open_rig();
		cr_assert_eq(wr_segment_oldest_seq(&rig.table), oldest);
		read_all();
		journal_rig_close(&rig);
	}
}
