/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever fails or is cut off while a segment file is given its next life, the log keeps
 *         no hole, gets nothing back that had left it, and loses no more than that one file.
 * Method: each of the writes that make a spare ready (journal_internal.h, enum
 *         wr_journal_ready_phase) fails in turn, half of its sectors written; and the power goes at
 *         every single operation of a run that does little else than recycle. Then the medium is
 *         read from outside and every event compared, and the same again after one more life.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/journal/journal_internal.h"
#include "core/journal/verify.h"
#include "io/sim/storage_sim.h"
#include "tests/support/case.h"
#include "tests/support/journal_rig.h"

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;

static void set_up_with(uint64_t seed)
{
	disk = wr_sim_disk_create(seed, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = 8192;
	options.extents = 1; /* a roll with every extent */
	options.journal.retention_bytes = 1;
}

static void set_up(void)
{
	set_up_with(11);
}

static void tear_down(void)
{
	journal_rig_close(&rig);
	cr_assert_eq(rig.memory.live_count, 0);
	wr_sim_disk_destroy(disk);
	disk = NULL;
}

TestSuite(journal_recycle, .init = set_up);

static void open_rig(void)
{
	int r = journal_rig_open(&rig, &options);
	cr_assert_eq(r, 0, "%d %s", r, rig.problem.text);
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

/* An event whose id is its sequence, in an extent of its own. */
static void append_one(void)
{
	if (mini_writer_append(&rig.writer, 0, rig.writer.next_seq, 64) == MINI_WRITER_DONE)
		(void)mini_writer_close_extent(&rig.writer);
}

/* False when the journal failed on the way: the power went. */
static bool take_extents(uint64_t count)
{
	uint64_t until = rig.writer.extents_taken + count;

	for (uint32_t i = 0; i < 100000 && rig.writer.extents_taken < until; i++) {
		if (journal_rig_failed(&rig))
			return false;
		append_one();
		one_round();
	}
	return rig.writer.extents_taken == until && journal_rig_drain(&rig);
}

static bool checkpoint(void)
{
	if (!journal_rig_drain(&rig) ||
	    !mini_writer_whole_checkpoint(&rig.writer, 5000, rig.writer.next_seq))
		return false;
	for (uint32_t i = 0; i < 10000 && !journal_rig_failed(&rig); i++) {
		if (wr_load_acquire(&rig.link.checkpoint.state) == WR_CHECKPOINT_IDLE)
			return true;
		one_round();
	}
	return false;
}

/* --- what is on the medium -------------------------------------------------------------------- */

struct reading {
	uint64_t next_seq; /* 0: nothing seen yet */
	bool is_sound;
};

static int read_batch(void *context, const struct wr_batch_header *h)
{
	struct reading *reading = context;
	const uint8_t *body = (const uint8_t *)h + WR_BATCH_HEADER_BYTES;
	uint32_t at = 0;
	struct wr_record_view view;

	if (reading->next_seq == 0)
		reading->next_seq = h->first_seq;
	reading->is_sound &= h->first_seq == reading->next_seq;
	while (at < h->body_bytes && wr_record_view(body + at, h->body_bytes - at, &view)) {
		at += wr_record_stride(view.head->bytes);
		if (view.head->kind == WR_KIND_EVENT)
			reading->is_sound &=
				wr_get_u64(body + at - wr_record_stride(view.head->bytes) +
					   WR_RECORD_HEAD_BYTES) == reading->next_seq;
		reading->next_seq++;
	}
	return 0;
}

static int print_damage(void *context, const struct wr_damage *damage)
{
	(void)context;
	if (damage->corrupt)
		cr_log_error("%s at %llu: %s", damage->file, (unsigned long long)damage->offset,
			     damage->text);
	return 0;
}

/* Dense, each event at its own sequence, undamaged, and all of it that was acknowledged. */
static void expect_whole_log(uint64_t durable_seq)
{
	struct reading reading = {.is_sound = true};
	const struct wr_verify_visitor visitor = {
		.batch = read_batch, .damage = print_damage, .context = &reading};
	const struct wr_storage_options storage_options = {.sim_disk = disk, .read_only = true};
	struct wr_verify_report report;
	struct weir_problem problem;
	struct wr_memory_sim memory;
	struct wr_storage *storage;

	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_storage_sim_open(&storage_options, &storage), 0);
	int r = wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &visitor, &report, &problem);
	storage->ops->fini(storage);
	if (r != 0 && durable_seq == 0)
		return; /* the power went before there was a journal */
	cr_assert_eq(r, 0, "%d %s", r, problem.text);
	cr_assert_eq(report.corrupt_count, 0);
	cr_assert(reading.is_sound, "before %llu", (unsigned long long)reading.next_seq);
	cr_assert_geq(report.last_seq, durable_seq);
	cr_assert(reading.next_seq == 0 || reading.next_seq == report.last_seq + 1);
}

static void crash_and_expect_whole_log(void)
{
	uint64_t durable_seq = journal_rig_durable(&rig);

	journal_rig_crash(&rig);
	journal_rig_close(&rig);
	expect_whole_log(durable_seq);
}

/* --- a header that rots ----------------------------------------------------------------------- */

/*
 * A bad header is proved by the batches behind it. So a spare that still held those of its last
 * life would be a segment of the log again, of a part that had left it (I5).
 */
CASE(journal_recycle, spares_whose_headers_rot_do_not_come_back_as_what_they_were)
{
	uint32_t count = 0;

	open_rig();
	cr_assert(take_extents(8) && checkpoint() && take_extents(1) && checkpoint());
	cr_assert(take_extents(6)); /* files that are ready then have been in the log */
	cr_assert(journal_rig_settle(&rig));
	for (uint32_t i = 0; i < wr_load_relaxed(&rig.table.count); i++) {
		char name[WR_STORAGE_NAME_MAX + 1];
		if (rig.table.segments[i].state != WR_SEGMENT_READY)
			continue;
		wr_segment_name(name, rig.table.log_id, rig.table.segments[i].file_number);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, 16, 3), 0);
		count++;
	}
	cr_assert_gt(count, 0);
	uint64_t durable_seq = journal_rig_durable(&rig);
	uint64_t oldest_seq = wr_segment_oldest_seq(&rig.table);
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	expect_whole_log(durable_seq);
	open_rig();
	cr_expect_eq(rig.report.oldest_seq, oldest_seq);
}

/* --- one write fails -------------------------------------------------------------------------- */

/* Retires many at once: two checkpoints that need nothing. */
static void retire_many(void)
{
	cr_assert(take_extents(14));
	cr_assert(checkpoint());
	cr_assert(checkpoint());
	cr_assert(journal_rig_settle(&rig));
	cr_assert_gt(stats().segments_recycled, 10);
}

/* Appends until that write is under way, and nothing else is; then it fails. */
static void fail_write_of(enum wr_journal_ready_phase phase)
{
	const struct wr_journal *j = rig.journal;

	for (uint32_t i = 0; i < 500; i++) {
		if (!journal_rig_drain(&rig))
			break;
		append_one();
		for (uint32_t k = 0; k < 20; k++) {
			(void)journal_rig_step(&rig);
			if (j->files.header.busy && j->files.header_phase == phase &&
			    j->in_flight == 1)
				goto found;
			(void)rig.storage->ops->poll(rig.storage, 20000);
		}
	}
	cr_assert_fail("no such write was seen alone");
found:
	disk->plan.chance_ppm[WR_FAULT_WRITE_ERROR] = 1000000;
	disk->plan.budget[WR_FAULT_WRITE_ERROR] = disk->plan.budget_all = 1;
	while (j->files.header.busy)
		(void)rig.storage->ops->poll(rig.storage, 1000000);
	disk->plan.chance_ppm[WR_FAULT_WRITE_ERROR] = 0;
	cr_assert_eq(disk->plan.taken[WR_FAULT_WRITE_ERROR], 1);
	one_round();
	cr_assert_eq(stats().prepare_failures, 1);
	cr_assert_not(journal_rig_failed(&rig));
}

/* Rolls on and retires, as far as it may. */
static void go_on_recycling(void)
{
	cr_assert(take_extents(20));
	cr_assert(checkpoint());
	cr_assert(checkpoint());
	cr_assert(take_extents(8));
}

/* Now, and after one more life. */
static void expect_two_more_crashes(void)
{
	crash_and_expect_whole_log();
	open_rig();
	cr_assert(take_extents(8));
	crash_and_expect_whole_log();
}

CASE(journal_recycle, when_a_recycled_header_fails_nothing_more_is_recycled)
{
	open_rig();
	retire_many();
	uint64_t recycled = stats().segments_recycled;
	fail_write_of(WR_JOURNAL_READY_HEADER);
	uint32_t files = wr_load_relaxed(&rig.table.count);
	go_on_recycling();
	/* Nobody knows which header that file has: retiring the ones behind it may make a hole. */
	cr_assert_eq(stats().segments_recycled, recycled);
	cr_assert_gt(wr_load_relaxed(&rig.table.count), files + 5);
	expect_two_more_crashes();
}

CASE(journal_recycle, when_erasing_a_recycled_segment_fails_it_costs_that_file_and_nothing_else)
{
	open_rig();
	retire_many();
	uint64_t recycled = stats().segments_recycled;
	fail_write_of(WR_JOURNAL_READY_ERASE_LAST);
	/* Its new header is durable: the log has no hole there, and what is left of the batch
	 * behind it is of an older life. */
	uint32_t files = wr_load_relaxed(&rig.table.count);
	go_on_recycling();
	cr_assert_gt(stats().segments_recycled, recycled + 10);
	cr_assert_leq(wr_load_relaxed(&rig.table.count), files + 10);
	cr_assert_eq(stats().prepare_failures, 1);
	expect_two_more_crashes();
}

/* Spares that the next open finds: a crash with all of them rewritten or half rewritten. */
static void leave_found_spares(void)
{
	options.journal.segments_ahead = 9;
	open_rig();
	retire_many();
	crash_and_expect_whole_log();
	open_rig();
	cr_assert_gt(stats().segments_spare, 3);
}

/* Such a spare was no part of the log: no order of headers depends on it, and recycling goes on. */
static void fail_on_found_spare(enum wr_journal_ready_phase phase)
{
	leave_found_spares();
	fail_write_of(phase);
	go_on_recycling();
	cr_assert_gt(stats().segments_recycled, 10);
	expect_two_more_crashes();
}

CASE(journal_recycle, when_erasing_a_found_spare_fails_it_costs_that_file_and_nothing_else)
{
	fail_on_found_spare(WR_JOURNAL_READY_ERASE_FIRST);
}

CASE(journal_recycle, when_the_header_of_a_found_spare_fails_recycling_goes_on)
{
	fail_on_found_spare(WR_JOURNAL_READY_HEADER);
}

CASE(journal_recycle, an_open_goes_on_with_the_next_spare_when_one_cannot_be_written)
{
	leave_found_spares();
	cr_assert(journal_rig_drain(&rig));
	uint32_t files = wr_load_relaxed(&rig.table.count);
	crash_and_expect_whole_log();
	/* The writes of an open: eight of the superblock, then those of the first spare. */
	for (uint64_t n = 1; n < 1000; n++) {
		struct wr_sim_disk *before = wr_sim_disk_clone(disk);
		cr_assert_not_null(before);
		/* No room for a new file: only the spares are left. */
		disk->plan.capacity_bytes = 1;
		wr_sim_disk_trip_at(disk, n, -EIO);
		int r = journal_rig_open(&rig, &options);
		bool costs_one = r == 0 && stats().prepare_failures == 1;
		if (costs_one) {
			cr_assert_eq(wr_load_relaxed(&rig.table.count), files);
			cr_assert(take_extents(2));
			crash_and_expect_whole_log();
		} else {
			journal_rig_close(&rig);
		}
		wr_sim_disk_trip_at(disk, 0, 0);
		cr_assert_eq(wr_sim_disk_copy_to(before, disk), 0);
		wr_sim_disk_destroy(before);
		if (costs_one)
			return;
	}
	cr_assert_fail("no write of a spare was reached");
}

/* --- the power goes --------------------------------------------------------------------------- */

/* A life that recycles; false when the power went in it. What was acknowledged is acknowledged. */
static bool live(uint64_t *durable_seq)
{
	if (journal_rig_open(&rig, &options) < 0)
		return false;
	bool whole = take_extents(6) && checkpoint() && take_extents(1) && checkpoint() &&
		     take_extents(6) && checkpoint() && take_extents(4);
	*durable_seq = wr_max_u64(*durable_seq, journal_rig_durable(&rig));
	return whole;
}

/* One life with the power going at its n-th operation. True: it was over before. */
static bool live_until(uint64_t n, uint64_t *durable_seq)
{
	wr_sim_disk_trip_at(disk, n, WEIR_E_FAILED);
	bool whole = live(durable_seq);
	if (whole)
		cr_assert_gt(stats().segments_recycled, 5);
	journal_rig_close(&rig);
	wr_sim_disk_trip_at(disk, 0, 0);
	if (whole)
		wr_sim_disk_power_cut(disk);
	expect_whole_log(*durable_seq);
	return whole;
}

/*
 * The second life finds spares half ready, and is cut off while it makes them ready: only then can
 * a torn header give a file back to a batch that left the log two lives ago.
 */
static void sweep(uint64_t seed)
{
	bool whole = false;

	for (uint64_t n = 1; !whole; n++) {
		uint64_t durable_seq = 0;
		cr_assert_lt(n, 5000);
		tear_down();
		set_up_with(seed);
		options.journal.segments_ahead = 1 + (uint32_t)(seed % 3);
		disk->plan.keep_ppm = 300000;
		disk->plan.torn_ppm = 700000;
		whole = live_until(n, &durable_seq);
		(void)live_until(1 + (n * 7 + seed * 13) % 150, &durable_seq);
		open_rig();
		expect_whole_log(durable_seq);
		cr_assert(take_extents(5));
		crash_and_expect_whole_log();
	}
}

CASE(journal_recycle, after_a_power_cut_at_every_operation_nothing_is_lost_and_nothing_returns)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		sweep(seed);
}
