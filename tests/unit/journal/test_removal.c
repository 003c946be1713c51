/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a log that gets shorter gives the room back: what it neither has ready nor uses again
 *         soon is removed from the disk, oldest first, and never what may still be needed. Whatever
 *         fails or is cut off meanwhile, nothing is lost and no hole is found.
 * Method: a log that was large is opened with a smaller retention on a simulated disk; the power
 *         goes, or an operation fails, at every single one of them.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "core/journal/journal_internal.h"
#include "core/journal/reader_find.h"
#include "core/journal/verify.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"
#include "tests/support/refusing_storage.h"

#define LARGE_SEGMENTS 12u
#define SECOND_NS 1000000000ull

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;

static void set_up(void)
{
	disk = wr_sim_disk_create(77, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = 8192;
	options.extents = 1; /* a roll with every extent */
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

static void roll(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		cr_assert_eq(mini_writer_append(&rig.writer, 0, i, 64), MINI_WRITER_DONE);
		(void)mini_writer_close_extent(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
		cr_assert(journal_rig_settle(&rig));
	}
}

static void checkpoints(uint64_t needed_seq)
{
	for (uint32_t n = 0; n < 2; n++) {
		cr_assert_eq(mini_writer_settle(&rig.writer, 1), MINI_WRITER_DONE);
		(void)mini_writer_seal(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
		cr_assert(mini_writer_whole_checkpoint(&rig.writer, 5000, needed_seq));
		cr_assert(journal_rig_settle(&rig));
	}
}

static int count_segment(void *context, const char *name)
{
	uint32_t log_id, number;

	if (wr_segment_name_parse(name, &log_id, &number))
		(*(uint32_t *)context)++;
	return 0;
}

static uint32_t files_on_disk(void)
{
	uint32_t count = 0;

	(void)rig.storage->ops->file_each(rig.storage, count_segment, &count);
	return count;
}

/* Lets it come to rest, and the last ten seconds be forgotten. */
static void rest(void)
{
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t idle_ns;
		if (journal_rig_step(&rig) != 0)
			continue;
		if (rig.journal->in_flight > 0) {
			(void)rig.storage->ops->poll(rig.storage, SECOND_NS);
			continue;
		}
		idle_ns = wr_journal_idle_ns(rig.journal);
		if (idle_ns == UINT64_MAX)
			return;
		cr_assert_gt(idle_ns, 0, "a step that did nothing and does not wait");
		wr_clock_sim_advance(disk->clock, idle_ns);
	}
	cr_assert_fail("it never comes to rest");
}

static uint32_t live_count(void)
{
	return wr_segment_live_count(&rig.table);
}

/* What there is to be when nothing is used: the log, segments_ahead and the reserve, and what the
 * rest of the current segment and the extents that are offered lie in. */
static uint32_t files_wanted(void)
{
	return live_count() + (uint32_t)(rig.journal->files.ready - rig.journal->files.live);
}

/* A clean journal of some size, of which a retention would leave little. */
static void make_large(void)
{
	open_rig();
	roll(LARGE_SEGMENTS);
	checkpoints(rig.writer.next_seq);
	cr_assert_geq(live_count(), LARGE_SEGMENTS);
	cr_assert_eq(stats().segments_removed, 0);
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	options.journal.retention_bytes = 3 * options.chunk_bytes;
}

static int no_damage(void *context, const struct wr_damage *d)
{
	(void)context;
	cr_assert_not(d->corrupt, "%s: %s", d->file, d->text);
	return 0;
}

/* From outside, as it stands; the number of the last event. */
static uint64_t verify(void)
{
	static const struct wr_verify_visitor visitor = {.damage = no_damage};
	const struct wr_storage_options read_only = {.sim_disk = disk, .read_only = true};
	struct wr_storage *storage;
	struct wr_verify_report report;
	struct weir_problem problem;
	struct wr_memory_sim memory;

	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_storage_sim_open(&read_only, &storage), 0);
	int r = wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &visitor, &report, &problem);
	storage->ops->fini(storage);
	cr_assert_eq(r, 0, "%d %s", r, problem.text);
	cr_assert_eq(report.corrupt_count, 0);
	cr_assert_eq(memory.live_count, 0);
	return report.last_seq;
}

static void retain(uint64_t bytes)
{
	rig.journal->options.retention_bytes = bytes;
	rig.journal->files.retention_changed = true;
}

TestSuite(removal, .init = set_up, .fini = tear_down);

Test(removal, a_smaller_retention_gives_room_back)
{
	make_large();
	uint64_t before = wr_sim_disk_used_bytes(disk);
	open_rig();
	uint64_t last_seq = rig.report.last_seq;
	rest();
	cr_expect_leq(live_count(), 3);
	cr_expect_eq(files_on_disk(), files_wanted());
	cr_expect_geq(stats().segments_removed, LARGE_SEGMENTS - 6);
	cr_expect_leq(wr_sim_disk_used_bytes(disk) + (LARGE_SEGMENTS - 6) * rig.table.segment_bytes,
		      before);
	cr_expect_geq(verify(), last_seq);
	/* It goes on: new files get the entries of those that are gone. */
	uint32_t entries = wr_load_relaxed(&rig.table.count);
	options.journal.retention_bytes = rig.journal->options.retention_bytes = 0;
	roll(LARGE_SEGMENTS / 2);
	cr_expect_eq(wr_load_relaxed(&rig.table.count), entries);
	cr_expect_eq(wr_segment_file_count(&rig.table), files_on_disk());
	last_seq = rig.writer.next_seq - 1;
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	cr_expect_geq(verify(), last_seq);
	open_rig();
	cr_expect_geq(rig.report.last_seq, last_seq);
}

Test(removal, what_is_used_again_soon_stays)
{
	options.journal.retention_bytes = 4 * options.chunk_bytes;
	open_rig();
	/* Checkpoints let five go at a time; the log rolls all the while. */
	for (uint32_t i = 0; i < 4; i++) {
		roll(5);
		checkpoints(rig.writer.next_seq);
	}
	uint32_t number = rig.journal->files.next_file_number;
	cr_expect_eq(stats().segments_removed, 0);
	for (uint32_t i = 0; i < 20; i++) {
		roll(5);
		checkpoints(rig.writer.next_seq);
	}
	cr_expect_eq(stats().segments_removed, 0);
	cr_expect_eq(rig.journal->files.next_file_number, number, "no file was made");
	/* And when nothing comes any more, it goes, too. */
	rest();
	cr_expect_gt(stats().segments_removed, 0);
	cr_expect_eq(files_on_disk(), files_wanted());
}

Test(removal, what_is_needed_and_what_is_ready_stays)
{
	open_rig();
	roll(LARGE_SEGMENTS);
	checkpoints(2);
	options.journal.retention_bytes = options.chunk_bytes;
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	open_rig();
	rest();
	cr_expect_eq(stats().segments_removed, 0);
	cr_expect_geq(live_count(), LARGE_SEGMENTS);
	cr_expect_eq(rig.journal->files.ready - rig.journal->files.entered,
		     options.journal.segments_ahead + 1);
}

Test(removal, nothing_retired_gets_a_new_header_beside_it)
{
	make_large();
	open_rig();
	uint32_t seen = 0;
	for (uint32_t i = 0; i < 3000; i++) {
		if (rig.journal->files.removal.index != WR_JOURNAL_NONE) {
			/* The log takes what is ready: another is wanted while this one goes. */
			if (mini_writer_append(&rig.writer, 0, i, 64) == MINI_WRITER_DONE)
				(void)mini_writer_close_extent(&rig.writer);
			(void)journal_rig_step(&rig);
			const struct wr_journal_files *f = &rig.journal->files;
			bool gets_ready = wr_journal_gets_ready(rig.journal);
			if (f->removal.index != WR_JOURNAL_NONE)
				cr_assert_not(gets_ready &&
					      wr_journal_was_in_log(rig.journal, f->header_index));
			seen++;
		}
		one_round();
	}
	cr_expect_gt(seen, 3);
	cr_expect_gt(stats().segments_removed, 0);
}

Test(removal, one_that_cannot_be_removed_is_used_again)
{
	make_large();
	open_rig();
	disk->plan.chance_ppm[WR_FAULT_REMOVE_ERROR] = 1000000;
	rest();
	uint32_t files = files_on_disk(), number = rig.journal->files.next_file_number;
	cr_expect_eq(disk->plan.taken[WR_FAULT_REMOVE_ERROR], 1, "and no other is tried");
	cr_expect_eq(stats().segments_removed, 0);
	options.journal.retention_bytes = rig.journal->options.retention_bytes = 0;
	roll(4);
	cr_expect_eq(rig.journal->files.next_file_number, number, "files are there");
	cr_expect_eq(files_on_disk(), files);
	uint64_t last_seq = rig.writer.next_seq - 1;
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	cr_expect_geq(verify(), last_seq);
}

/* A storage whose queue is full takes it later; one that takes none at all is asked no more. */
Test(removal, what_the_storage_does_not_take_is_asked_for_later)
{
	static const int codes[] = {-EAGAIN, -EIO};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		make_large();
		open_rig();
		refusing_put_on(rig.storage, WR_IO_REMOVE, codes[i], 3);
		rest();
		refusing_take_off(rig.storage);
		cr_expect_eq(refusing.left, codes[i] == -EAGAIN ? 0u : 2u);
		cr_expect_eq(stats().segments_removed > 0, codes[i] == -EAGAIN);
		cr_expect_eq(rig.journal->files.removal.stopped, codes[i] != -EAGAIN);
		if (i == 0) {
			tear_down();
			set_up();
		}
	}
}

/* The room for the next segment is asked for until it is taken. */
Test(removal, a_file_that_the_storage_does_not_take_is_made_later)
{
	open_rig();
	refusing_put_on(rig.storage, WR_IO_PREPARE, -EAGAIN, 3);
	roll(6);
	cr_expect_eq(refusing.left, 0);
	refusing_take_off(rig.storage);
	cr_expect_geq(live_count(), 6u);
}

/* Which file goes first, where those that were part of the log have to stay. */
Test(removal, what_may_not_be_used_again_is_not_removed_either)
{
	make_large();
	open_rig();
	struct wr_journal_files *f = &rig.journal->files;
	struct wr_journal_spares before[WR_JOURNAL_SPARE_KINDS];
	memcpy(before, f->spares, sizeof before);
	for (uint32_t kind = 0; kind < WR_JOURNAL_SPARE_KINDS; kind++)
		f->spares[kind] = (struct wr_journal_spares){.count = 1, .first = kind};
	cr_expect_eq(wr_journal_spare_pick_to_remove(rig.journal), WR_JOURNAL_SPARE_FOUND);
	f->spares[WR_JOURNAL_SPARE_FOUND].count = 0;
	cr_expect_eq(wr_journal_spare_pick_to_remove(rig.journal), WR_JOURNAL_SPARE_RETIRED);
	f->recycle_stopped = true;
	cr_expect_eq(wr_journal_spare_pick_to_remove(rig.journal), WR_JOURNAL_SPARE_NEW);
	f->recycle_stopped = false;
	memcpy(f->spares, before, sizeof before);
}

Test(removal, where_the_directory_cannot_be_synced_nothing_is_recycled)
{
	make_large();
	open_rig();
	/* Not of a batch, nor of the superblock. */
	while (!rig.journal->files.removal.task.busy)
		one_round();
	disk->plan.chance_ppm[WR_FAULT_SYNC_ERROR] = 1000000;
	disk->plan.budget[WR_FAULT_SYNC_ERROR] = 1;
	while (rig.journal->files.removal.index != WR_JOURNAL_NONE)
		one_round();
	cr_expect(rig.journal->files.removal.stopped);
	cr_expect(rig.journal->files.recycle_stopped, "I4");
	cr_expect_eq(stats().segments_removed, 1);
	rest();
	roll(3);
	uint64_t last_seq = rig.writer.next_seq - 1;
	journal_rig_crash(&rig);
	journal_rig_close(&rig);
	open_rig();
	cr_expect_geq(rig.report.last_seq, last_seq);
	cr_expect_geq(verify(), last_seq);
}

Test(removal, a_reader_of_what_went_is_told_that_it_is_gone)
{
	make_large();
	uint64_t limit = options.journal.retention_bytes;
	options.journal.retention_bytes = 0;
	open_rig();
	struct wr_reader reader;
	cr_assert_eq(wr_reader_init(&reader, &rig.table, rig.storage, &rig.memory.base), 0);
	const uint64_t up_to_seq = rig.report.last_seq;
	struct wr_reader_place places[LARGE_SEGMENTS / 2];
	struct wr_batch_header header;
	enum wr_reader_found found;
	for (uint64_t i = 0; i < LARGE_SEGMENTS / 2; i++) {
		cr_assert_eq(wr_reader_locate(&reader, i + 1, up_to_seq, &places[i]), 0);
		cr_assert_eq(wr_reader_header(&reader, &places[i], 0, &found, &header), 0);
		cr_assert_eq(found, WR_READER_BATCH);
	}
	/* They go while somebody has looked them up and is about to read. */
	retain(limit);
	rest();
	uint32_t gone_count = 0;
	for (uint64_t i = 0; i < LARGE_SEGMENTS / 2; i++) {
		uint64_t bytes;
		bool is_gone = rig.storage->ops->file_bytes(rig.storage, places[i].segment.file,
							    &bytes) == -EBADF;
		int code = wr_reader_header(&reader, &places[i], 0, &found, &header);
		cr_expect_eq(code, is_gone ? WEIR_E_TRUNCATED : 0);
		cr_expect(is_gone || found == WR_READER_NOTHING, "used again");
		gone_count += is_gone ? 1 : 0;
	}
	cr_expect_gt(gone_count, 0);
	wr_reader_fini(&reader, &rig.memory.base);
}

/*
 * One life, with something at the n-th operation: of the open where that retires, or (late) of what
 * follows when a running log retires. Then it is whole, opens, and gets as short as it should.
 */
static void life_with(uint64_t n, int code, bool late, uint64_t least_seq)
{
	uint64_t cuts = disk->power_cut_count, bytes = options.journal.retention_bytes;
	int r;

	if (late) {
		options.journal.retention_bytes = 0;
		open_rig();
		rest();
		wr_sim_disk_trip_at(disk, n, code);
		retain(bytes);
		options.journal.retention_bytes = bytes;
		r = 0;
	} else {
		wr_sim_disk_trip_at(disk, n, code);
		r = journal_rig_open(&rig, &options);
	}
	for (uint32_t i = 0; r == 0 && i < 400 && disk->power_cut_count == cuts; i++)
		one_round();
	wr_sim_disk_trip_at(disk, 0, 0);
	if (r == 0 && disk->power_cut_count == cuts)
		journal_rig_crash(&rig);
	journal_rig_close(&rig);
	cr_assert_geq(verify(), least_seq, "n %llu", (unsigned long long)n);
	open_rig();
	cr_assert_geq(rig.report.last_seq, least_seq, "n %llu", (unsigned long long)n);
	rest();
	cr_assert_leq(live_count(), 4, "n %llu", (unsigned long long)n);
	cr_assert_eq(files_on_disk(), files_wanted(), "n %llu", (unsigned long long)n);
	journal_rig_close(&rig);
	cr_assert_eq(rig.memory.live_count, 0);
}

static void sweep(int code, bool late)
{
	make_large();
	struct wr_sim_disk *made = disk;
	uint64_t least_seq = verify();

	for (uint64_t n = 1; n < 150; n++) {
		disk = wr_sim_disk_clone(made);
		cr_assert_not_null(disk);
		options.disk = disk;
		life_with(n, code, late, least_seq);
		wr_sim_disk_destroy(disk);
	}
	disk = made;
	options.disk = made;
	open_rig();
}

Test(removal, a_power_cut_anywhere_in_an_open_leaves_no_hole)
{
	sweep(WEIR_E_FAILED, false);
}

Test(removal, a_power_cut_anywhere_leaves_no_hole)
{
	sweep(WEIR_E_FAILED, true);
}

Test(removal, an_operation_that_fails_anywhere_loses_nothing)
{
	sweep(-EIO, false);
	journal_rig_close(&rig);
	tear_down();
	set_up();
	sweep(-EIO, true);
}
