/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   packing where something fails or takes long: no file is removed by the step's own hand,
 *         what cannot be packed or removed holds up nothing else and is tried more and more seldom,
 *         and the sums that the table keeps are right after all of it.
 * Method: the rig, with storage operations that fail or are counted, and a clock that passes.
 */
#include "tests/support/refusing_storage.h"
#include "tests/unit/journal/packing_bed.h"

TestSuite(packing_failures, .init = setup, .fini = teardown);

static struct wr_storage_ops counting_ops;
static const struct wr_storage_ops *counted_ops;
static uint32_t removes_by_hand;

static int count_remove(struct wr_storage *storage, const char *name)
{
	removes_by_hand++;
	return counted_ops->file_remove(storage, name);
}

/* A log of packed segments, of which a retention that comes now leaves two. */
static void shorten(void)
{
	open_rig();
	append(160);
	for (uint32_t i = 0; i < 2; i++) {
		memset(rig.checkpoint_buffer, 0, 16);
		cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64, rig.writer.next_seq - 1));
		cr_assert(journal_rig_settle(&rig));
	}
	pack();
	wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	rig.journal->options.retention_bytes = rig.table.segment_bytes;
	rig.journal->files.retention_changed = true;
}

Test(packing_failures, no_file_is_removed_by_the_steps_own_hand)
{
	shorten();
	uint32_t before = packed_files();
	counted_ops = rig.storage->ops;
	counting_ops = *counted_ops;
	counting_ops.file_remove = count_remove;
	rig.storage->ops = &counting_ops;
	pack();
	cr_expect_geq(before, packed_files() + 3);
	cr_expect_eq(packed_files(), packed_live());
	cr_expect_eq(removes_by_hand, 0u);
	rig.storage->ops = counted_ops;
	read_all();
	journal_rig_close(&rig);
}

Test(packing_failures, what_cannot_be_removed_is_left_to_the_next_open)
{
	shorten();
	uint32_t before = packed_files();
	disk->plan.chance_ppm[WR_FAULT_REMOVE_ERROR] = 1000000;
	pack();
	cr_expect_eq(packed_files(), before);
	cr_expect_leq(packed_live() + 3, before);
	disk->plan.chance_ppm[WR_FAULT_REMOVE_ERROR] = 0;
	append(20); /* the log goes on */
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	open_rig();
	cr_expect_eq(packed_files(), packed_live());
	read_all();
	journal_rig_close(&rig);
}

/* The same where the storage takes no such request; one whose queue is full takes it later. */
Test(packing_failures, what_the_storage_does_not_take_is_asked_for_later)
{
	static const int codes[] = {-EAGAIN, -EIO};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		shorten();
		uint32_t before = packed_files();
		refusing_put_on(rig.storage, WR_IO_REMOVE, codes[i],
				codes[i] == -EAGAIN ? 3 : 1000);
		pack();
		refusing_take_off(rig.storage);
		if (codes[i] == -EAGAIN)
			cr_expect_eq(packed_files(), packed_live());
		else
			cr_expect_eq(packed_files(), before);
		cr_assert_eq(journal_rig_close_clean(&rig), 0);
		open_rig();
		cr_expect_eq(packed_files(), packed_live());
		read_all();
		journal_rig_close(&rig);
		teardown();
		setup();
	}
}

/* The sums that the table keeps are those of what is in it. */
static void expect_sums(void)
{
	uint64_t bytes = 0, packed_bytes = 0;

	for (uint32_t n = 0; n < wr_segment_live_count(&rig.table); n++) {
		struct wr_segment *s = wr_segment_live(&rig.table, n);
		uint64_t file_bytes;
		cr_assert_eq(
			rig.storage->ops->file_bytes(rig.storage, wr_segment_file(s), &file_bytes),
			0);
		bytes += file_bytes;
		packed_bytes += wr_segment_is_packed(s) ? file_bytes : 0;
	}
	cr_expect_eq(rig.table.live_bytes, bytes);
	cr_expect_eq(rig.table.packed_bytes, packed_bytes);
	cr_expect_eq(rig.table.packed_count, packed_live());
	/* And they are told. */
	cr_expect_eq(stats().log_bytes, bytes);
	cr_expect_eq(stats().packed_bytes, packed_bytes);
	cr_expect_eq(stats().packed_live, (uint64_t)packed_live());
}

Test(packing_failures, the_bytes_of_the_log_are_kept_with_each_change)
{
	open_rig();
	expect_sums();
	append(80);
	expect_sums();
	pack();
	expect_sums();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	shorten();
	expect_sums();
	uint32_t packed = packed_live();
	pack();
	cr_expect_lt(packed_live(), packed);
	expect_sums();
	rig.journal->options.retention_bytes = 0;
	append(40);
	pack();
	expect_sums();
	journal_rig_close(&rig);
	open_rig();
	cr_expect_gt(packed_live(), 0u);
	expect_sums();
	journal_rig_close(&rig);
}

#define SECOND_NS 1000000000ull

static const struct wr_storage_ops *sound_ops;
static struct wr_storage_ops failing_ops;
static uint32_t failing_file;
static uint32_t failed_reads;

/* The packer's reads of one file, or of all, fail: this passes, for all it knows. */
static int64_t fail_read(struct wr_storage *storage, uint32_t file, void *to, uint32_t length_bytes,
			 uint64_t offset)
{
	if (file != failing_file && failing_file != WR_STORAGE_NO_FILE)
		return sound_ops->read(storage, file, to, length_bytes, offset);
	failed_reads++;
	return -EIO;
}

static void fail_reads_of(uint32_t file)
{
	sound_ops = rig.storage->ops;
	failing_ops = *sound_ops;
	failing_ops.read = fail_read;
	failing_file = file;
	failed_reads = 0;
	rig.storage->ops = &failing_ops;
}

/* So long, at the pace of who sleeps as long as he may. */
static void let_pass(uint64_t ns)
{
	for (uint64_t end_ns = wr_clock_mono_ns(&disk->clock->base) + ns;
	     wr_clock_mono_ns(&disk->clock->base) < end_ns;) {
		(void)wr_journal_pack_step(rig.journal, 0);
		cr_assert(journal_rig_settle(&rig));
		uint64_t idle_ns = wr_journal_idle_ns(rig.journal);
		uint64_t pack_ns = wr_journal_pack_idle_ns(rig.journal);
		idle_ns = wr_min_u64(wr_min_u64(idle_ns, pack_ns), SECOND_NS);
		wr_clock_sim_advance(disk->clock, wr_max_u64(idle_ns, 1000));
	}
}

Test(packing_failures, one_that_fails_is_tried_more_and_more_seldom_and_the_others_are_packed)
{
	open_rig();
	append(80);
	uint32_t live = wr_segment_live_count(&rig.table);
	fail_reads_of(wr_segment_file(wr_segment_live(&rig.table, 1)));
	let_pass(10 * SECOND_NS);
	cr_expect_eq(packed_live(), live - 2, "those behind it, too");
	cr_expect_not(wr_segment_is_packed(wr_segment_live(&rig.table, 1)));
	cr_expect_leq(failed_reads, 5u);
	cr_expect_eq(stats().pack_failures, (uint64_t)failed_reads);
	let_pass(3600 * SECOND_NS);
	cr_expect_leq(failed_reads, 25u, "%u", failed_reads);
	cr_expect_geq(failed_reads, 15u, "%u: it is tried on", failed_reads);
	/* What comes meanwhile is packed as ever. */
	append(40);
	let_pass(10 * SECOND_NS);
	cr_expect_eq(packed_live(), wr_segment_live_count(&rig.table) - 2);
	rig.storage->ops = sound_ops;
	let_pass(301 * SECOND_NS);
	cr_expect_eq(packed_live(), wr_segment_live_count(&rig.table) - 1);
	read_all();
	journal_rig_close(&rig);
}

Test(packing_failures, where_all_fail_none_is_tried_each_second)
{
	open_rig();
	append(200);
	uint32_t live = wr_segment_live_count(&rig.table);
	cr_assert_geq(live, 10u);
	fail_reads_of(WR_STORAGE_NO_FILE);
	let_pass(3600 * SECOND_NS);
	cr_expect_leq(failed_reads, 60u, "%u", failed_reads);
	cr_expect_eq(packed_live(), 0u);
	rig.storage->ops = sound_ops;
	let_pass(602 * SECOND_NS);
	cr_expect_eq(packed_live(), live - 1);
	journal_rig_close(&rig);
}
