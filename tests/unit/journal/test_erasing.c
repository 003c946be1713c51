/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever fails, and whatever a crash left: when the journal says that what was erased is
 *         gone, no file has a byte of it; and an open where nothing fails comes to say so.
 * Method: a pass over a simulated disk, cut off by a crash or a kill after so many steps; then an
 *         open and a pass in which one operation fails, each of them in turn.
 */
#include "tests/sim/medium_tags.h"
#include "tests/unit/journal/packing_bed.h"

#define ERASED 60u
#define OTHERS 120u
#define KEY 1u
#define CUTS 12u
#define CUT_STEPS 12u

static wr_atomic_u64 end_seq;
static uint64_t beyond_seq; /* if not 0, the record that they are erased by */
static uint32_t tags;

TestSuite(erasing, .init = setup, .fini = teardown, .timeout = 120);

static uint64_t by(void *context, uint64_t seq, const struct wr_record_view *event)
{
	uint64_t end = wr_load_relaxed(&end_seq);

	(void)context;
	if (event->head->key_bytes != 1 || *event->key != KEY || seq >= end)
		return 0;
	return beyond_seq != 0 ? beyond_seq : end;
}

static int beside(void *context)
{
	(void)context;
	return rig.storage->ops->sync_dir(rig.storage);
}

static void count(void *context, const uint8_t *tag)
{
	(void)context, (void)tag;
	tags++;
}

static uint32_t tags_on_medium(void)
{
	tags = 0;
	medium_tags_each(disk, count, NULL);
	return tags;
}

static void append_one(uint64_t id, uint8_t key)
{
	rig.writer.key = key;
	while (mini_writer_append(&rig.writer, 0, id, 60) != MINI_WRITER_DONE)
		cr_assert_geq(journal_rig_step(&rig), 0);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
}

/* Segments with events that are to be erased, and others behind them. */
static void build(void)
{
	const uint64_t tag =
		MEDIUM_TAG_FIRST | MEDIUM_TAG_SECOND << 8 | (uint64_t)MEDIUM_TAG_THIRD << 16;

	o.journal.erase = (struct wr_erase_options){
		.end_seq = &end_seq,
		.by = by,
		.beside = beside,
	};
	wr_store_relaxed(&end_seq, 0u);
	open_rig();
	for (uint32_t i = 0; i < ERASED; i++) {
		append_one(tag, KEY);
		append_one(0, KEY + 1);
	}
	uint64_t end = journal_rig_durable(&rig);
	for (uint32_t i = 0; i < OTHERS; i++)
		append_one(0, KEY + 1);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64, rig.writer.next_seq - 1));
		cr_assert(journal_rig_settle(&rig));
	}
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	wr_store_relaxed(&end_seq, end);
	cr_assert_gt(tags_on_medium(), 0u);
}

static bool is_told(void)
{
	return wr_load_acquire(&rig.link.erased_seq) >= wr_load_relaxed(&end_seq);
}

static int open_again(void)
{
	int r = journal_rig_open(&rig, &o);

	if (r == 0)
		wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	return r;
}

/* A life that is over after so many steps of a pass. */
static void live(uint32_t steps, bool power_goes)
{
	cr_assert_eq(open_again(), 0, "%s", rig.problem.text);
	for (uint32_t i = 0; i < steps && !is_told(); i++) {
		(void)wr_journal_pack_step(rig.journal, 0);
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
		wr_clock_sim_advance(disk->clock, 10000000);
	}
	if (power_goes)
		journal_rig_crash(&rig);
	else
		wr_storage_sim_kill(rig.storage);
	journal_rig_close(&rig);
}

/* An open and a pass; whether it came to say that all is gone. */
static bool erase(const char *what, uint32_t cut, uint64_t n)
{
	bool told = false;

	if (open_again() == 0) {
		(void)journal_rig_pack(&rig);
		told = is_told();
		cr_expect(!told || tags_on_medium() == 0, "cut %u, %s %lu: %u are there", cut, what,
			  n, tags);
		journal_rig_close(&rig);
	}
	return told;
}

Test(erasing, what_fails_is_not_taken_for_gone)
{
	uint32_t told = 0, failed = 0;

	build();
	struct wr_sim_disk *built = disk;
	for (uint32_t cut = 0; cut < CUTS; cut++) {
		disk = o.disk = wr_sim_disk_clone(built);
		live(cut * CUT_STEPS, cut % 2 != 0);
		struct wr_sim_disk *left = disk;
		for (uint64_t n = 1;; n++) {
			disk = o.disk = wr_sim_disk_clone(left);
			uint64_t from = disk->op_count;
			wr_sim_disk_trip_at(disk, n, -EIO);
			bool is_good = erase("operation", cut, n);
			bool is_over = disk->op_count < from + n;
			told += is_good;
			failed += !is_good;
			/* The next one finds what this one left. */
			wr_sim_disk_trip_at(disk, 0, 0);
			cr_expect(erase("the open behind", cut, n), "cut %u, %lu", cut, n);
			wr_sim_disk_destroy(disk);
			if (is_over)
				break;
		}
		wr_sim_disk_destroy(left);
	}
	disk = built;
	/* Some failures are in nothing that matters, and some do. */
	cr_expect_gt(told, CUTS);
	cr_expect_gt(failed, CUTS);
}

static const struct wr_storage_ops *sound_ops;
static struct wr_storage_ops failing_ops;
static uint32_t failed_removals;
static int removal_code;

static int fail_remove(struct wr_storage *storage, const char *name)
{
	(void)storage, (void)name;
	failed_removals++;
	return removal_code;
}

static void packer_round(void)
{
	(void)wr_journal_pack_step(rig.journal, 0);
	cr_assert(journal_rig_settle(&rig));
	wr_clock_sim_advance(disk->clock, 10000000);
}

/* Somebody goes back below the segment while it is written anew; whether all is said to be gone. */
static bool is_told_though_the_draft_stays(int code)
{
	build();
	cr_assert_eq(open_again(), 0);
	sound_ops = rig.storage->ops;
	failing_ops = *sound_ops;
	failing_ops.file_remove = fail_remove;
	failed_removals = 0;
	removal_code = code;
	while (rig.journal->packer->task != WR_PACKER_ERASE || !rig.journal->packer->pack.is_open)
		packer_round();
	wr_store_release(&rig.link.needed_seq, 1u);
	rig.storage->ops = &failing_ops;
	while (rig.journal->packer->pack.is_open) {
		(void)wr_journal_pack_step(rig.journal, 0);
		wr_clock_sim_advance(disk->clock, 10000000);
	}
	rig.storage->ops = sound_ops;
	cr_assert_eq(failed_removals, 1u);
	wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	cr_assert(journal_rig_pack(&rig));
	return is_told();
}

Test(erasing, a_draft_that_cannot_be_removed_is_not_taken_for_gone)
{
	cr_expect_not(is_told_though_the_draft_stays(-EIO));
	journal_rig_close(&rig);
	cr_expect(erase("the open behind", 0, 0));
}

Test(erasing, a_draft_that_somebody_has_removed_is_gone)
{
	cr_expect(is_told_though_the_draft_stays(-ENOENT));
	journal_rig_close(&rig);
}

/* A record that a crash may still take has erased nothing. */
Test(erasing, nothing_leaves_by_a_record_that_is_not_durable)
{
	build();
	cr_assert_eq(open_again(), 0);
	beyond_seq = journal_rig_durable(&rig) + 1;
	for (uint32_t i = 0; i < 500; i++)
		packer_round();
	cr_expect(rig.journal->packer->is_made, "it is there, and waits");
	cr_expect_eq(wr_load_relaxed(&rig.table.left_outs), 0u);
	cr_expect_gt(tags_on_medium(), 0u);
	cr_expect_not(is_told());
	/* Nothing is written anew meanwhile, nor is it looked at all the time. */
	uint64_t op_count = disk->op_count;
	(void)wr_journal_pack_step(rig.journal, 0);
	cr_expect_eq(disk->op_count, op_count);
	cr_expect_gt(wr_journal_pack_idle_ns(rig.journal), 100000u);
	append_one(0, KEY + 1);
	wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	cr_assert(journal_rig_pack(&rig));
	cr_expect(is_told());
	cr_expect_eq(tags_on_medium(), 0u);
	beyond_seq = 0;
	journal_rig_close(&rig);
}

/* Where what was retired has to stay (I4), that is no reason to remove what is new. */
Test(erasing, new_files_stay_where_old_ones_may_not_go)
{
	build();
	cr_assert_eq(open_again(), 0);
	rig.journal->files.recycle_stopped = true;
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert(journal_rig_pack(&rig));
		for (uint32_t k = 0; k < OTHERS; k++)
			append_one(0, KEY + 1);
		wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	}
	cr_expect_not(is_told());
	cr_expect_eq(stats().segments_removed, 0u, "%lu", stats().segments_removed);
	/* Nor is it looked after all the time. */
	cr_expect_gt(wr_journal_removal_idle_ns(rig.journal), 1000000u);
	journal_rig_close(&rig);
	cr_expect(erase("the open behind", 0, 0));
}
