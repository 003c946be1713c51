/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   thousands of segments with few descriptors; and a journal without a further segment, for
 *         want of a descriptor or by the limit, waits like one on a full disk and goes on after;
 *         who listens hears of that once, and of its end when it has lasted.
 * Method: the journal on the simulated storage, which counts descriptors and can run out of them.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/case.h"
#include "tests/support/journal_rig.h"

static struct journal_rig rig;
static struct journal_rig_options options;
static struct wr_sim_disk *disk;

static void set_up(void)
{
	disk = wr_sim_disk_create(7, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.chunk_bytes = 2 * WR_BLOCK_BYTES;
	options.extents = 1;
	options.checkpoint_bytes = 8192;
}

static void tear_down(void)
{
	journal_rig_close(&rig);
	cr_assert_eq(rig.memory.live_count, 0);
	wr_sim_disk_destroy(disk);
}

static int open_rig(void)
{
	return journal_rig_open(&rig, &options);
}

static struct wr_journal_stats stats(void)
{
	struct wr_journal_stats s;
	wr_journal_stats(rig.journal, &s);
	return s;
}

TestSuite(journal_many, .init = set_up, .fini = tear_down);

/* One event and one segment each, as fast as they are offered; false: none is any more. */
static bool take_segments(uint64_t count)
{
	uint64_t until = rig.writer.extents_taken + count;

	for (uint32_t idle = 0; idle < 2000 && rig.writer.extents_taken < until; idle++) {
		if (mini_writer_append(&rig.writer, 0, idle, 64) == MINI_WRITER_DONE) {
			(void)mini_writer_close_extent(&rig.writer);
			idle = 0;
		}
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	return rig.writer.extents_taken == until && journal_rig_drain(&rig);
}

static void checkpoint(uint64_t needed_seq)
{
	cr_assert(mini_writer_whole_checkpoint(&rig.writer, 5000, needed_seq));
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(wr_load_acquire(&rig.link.checkpoint.state), WR_CHECKPOINT_IDLE);
}

Test(journal_many, thousands_of_segments_need_few_descriptors)
{
	struct wr_segment_found found;

	cr_assert_eq(open_rig(), 0);
	cr_assert(take_segments(3000));
	cr_assert_geq(stats().segments_live, 3000);
	cr_expect_leq(disk->descriptors_peak, 50);
	uint64_t last_seq = rig.writer.next_seq - 1;
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	disk->descriptors_peak = 0;
	cr_assert_eq(open_rig(), 0);
	cr_expect_leq(disk->descriptors_peak, 50);
	cr_assert_eq(rig.report.last_seq, last_seq);
	/* All of them are found and can be read. */
	for (uint64_t seq = 1; seq <= last_seq; seq += 97) {
		uint8_t head[WR_BLOCK_BYTES];
		cr_assert(wr_segment_find(&rig.table, seq, &found));
		cr_assert_leq(found.first_seq, seq);
		cr_assert_eq(rig.storage->ops->read(rig.storage, found.file, head, sizeof head, 0),
			     (int64_t)sizeof head);
	}
	cr_expect_leq(disk->descriptors_peak, 50);
	/* And retention lets them go in one go. */
	options.journal.retention_bytes = 4 * rig.table.segment_bytes;
	journal_rig_close(&rig);
	cr_assert_eq(open_rig(), 0);
	cr_assert(take_segments(2));
	checkpoint(rig.writer.next_seq);
	checkpoint(rig.writer.next_seq);
	cr_assert(take_segments(2));
	cr_expect_leq(stats().segments_live, 8);
	cr_expect_gt(stats().segments_recycled, 2990);
	/* What left is used again, oldest first, opened again for it. */
	uint32_t files = wr_load_relaxed(&rig.table.count);
	cr_assert(take_segments(500));
	cr_expect_eq(wr_load_relaxed(&rig.table.count), files);
}

/* How often no_room_code changes until nothing is done any more, while extents are used up. */
static uint32_t count_changes(void)
{
	uint32_t changes = 0;
	int before = stats().no_room_code;

	for (uint32_t idle = 0; idle < 2000; idle++) {
		if (mini_writer_append(&rig.writer, 0, idle, 64) == MINI_WRITER_DONE) {
			(void)mini_writer_close_extent(&rig.writer);
			idle = 0;
		}
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
		changes += stats().no_room_code != before;
		before = stats().no_room_code;
	}
	return changes;
}

/* Also when the last file was made, and is still to be written to, as making another fails. */
Test(journal_many, want_of_room_is_told_once_and_its_end_once)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		wr_sim_disk_destroy(disk);
		disk = wr_sim_disk_create(seed, NULL);
		cr_assert_not_null(disk);
		options.disk = disk;
		cr_assert_eq(open_rig(), 0);
		disk->plan.capacity_bytes = (200 + seed) * WR_BLOCK_BYTES;
		cr_assert_eq(count_changes(), 1, "seed %u", (unsigned)seed);
		cr_assert_eq(stats().no_room_code, -ENOSPC);
		/* Control takes the reserve; one more segment is the reserve again, and no room. */
		cr_assert_eq(mini_writer_settle(&rig.writer, 1), MINI_WRITER_DONE);
		cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
		disk->plan.capacity_bytes += 3 * WR_BLOCK_BYTES;
		cr_assert_eq(count_changes(), 0, "seed %u", (unsigned)seed);
		disk->plan.capacity_bytes += 100 * WR_BLOCK_BYTES;
		cr_assert_eq(count_changes(), 2, "room, and none again: seed %u", (unsigned)seed);
		disk->plan.capacity_bytes = 0;
		cr_assert(take_segments(20));
		cr_assert_eq(stats().no_room_code, 0);
		journal_rig_close(&rig);
	}
}

#define SECOND_NS 1000000000ull

/* Uses up what there is, until there is no more. */
static void run_short(void)
{
	disk->plan.capacity_bytes = wr_sim_disk_used_bytes(disk) + 20 * WR_BLOCK_BYTES;
	(void)count_changes();
	cr_assert_eq(stats().no_room_code, -ENOSPC);
	cr_assert_eq(stats().no_room_told, -ENOSPC);
}

/* Nothing is published: the steps alone, and time as far as the journal asks to be woken. */
static void rest(uint64_t rest_ns)
{
	uint64_t until_ns = disk->clock->mono_ns + rest_ns;

	while (disk->clock->mono_ns < until_ns) {
		uint64_t idle_ns = wr_journal_idle_ns(rig.journal);
		uint64_t left_ns = until_ns - disk->clock->mono_ns;
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage,
						     idle_ns < left_ns ? idle_ns : left_ns);
	}
	(void)journal_rig_step(&rig);
}

/* There is room from now on: told after so much time, and not before. */
static void expect_end_told_after(uint64_t hold_ns)
{
	uint64_t slack_ns = SECOND_NS / 2; /* until a file was made, and got its header */

	disk->plan.capacity_bytes = 0;
	rest(slack_ns);
	cr_assert_eq(stats().no_room_code, 0);
	rest(hold_ns - 2 * slack_ns);
	cr_assert_eq(stats().no_room_told, -ENOSPC, "%lu", hold_ns);
	cr_expect_leq(wr_journal_idle_ns(rig.journal), 2 * slack_ns, "it comes by itself");
	uint64_t moved = rig.moved_count;
	rest(2 * slack_ns);
	cr_assert_eq(stats().no_room_told, 0, "%lu", hold_ns);
	cr_expect_gt(rig.moved_count, moved, "and who listens is called");
	cr_expect_eq(wr_journal_idle_ns(rig.journal), UINT64_MAX);
}

Test(journal_many, the_end_of_a_want_of_room_is_told_when_it_has_lasted)
{
	cr_assert_eq(open_rig(), 0);
	cr_assert(take_segments(20));
	run_short();
	/* What retention gives back is used up at once. */
	for (uint32_t i = 0; i < 20; i++) {
		uint64_t moved = rig.moved_count;
		disk->plan.capacity_bytes += 20 * WR_BLOCK_BYTES;
		cr_assert_eq(count_changes(), 2, "who asks is told");
		cr_assert_eq(stats().no_room_told, -ENOSPC, "who listens is not");
		cr_expect_gt(rig.moved_count, moved);
	}
	expect_end_told_after(SECOND_NS);
	/* Each time that it did not last longer than that. */
	for (uint64_t hold = 2; hold <= 512; hold *= 2) {
		run_short();
		expect_end_told_after(hold * SECOND_NS);
	}
	for (uint32_t i = 0; i < 3; i++) {
		run_short();
		expect_end_told_after(900 * SECOND_NS);
	}
	rest(2700 * SECOND_NS);
	run_short();
	expect_end_told_after(SECOND_NS);
}

Test(journal_many, without_a_descriptor_it_waits_and_goes_on)
{
	cr_assert_eq(open_rig(), 0);
	cr_assert(take_segments(20));
	disk->plan.descriptors_max = 1;
	cr_assert_not(take_segments(1000));
	cr_assert_not(journal_rig_failed(&rig), "%s", rig.problem.text);
	cr_expect_eq(stats().no_room_code, -EMFILE);
	cr_expect_eq(wr_load_relaxed(&rig.link.starved), 1);
	cr_expect_lt(wr_journal_idle_ns(rig.journal), 200000000u, "it tries again by itself");
	cr_assert(journal_rig_drain(&rig));
	disk->plan.descriptors_max = 0;
	cr_assert(take_segments(100));
	cr_expect_eq(stats().no_room_code, 0);
	uint64_t last_seq = rig.writer.next_seq - 1;
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	cr_assert_eq(open_rig(), 0);
	cr_expect_eq(rig.report.last_seq, last_seq);
}

Test(journal_many, a_spare_that_cannot_be_opened_is_not_lost)
{
	options.journal.retention_bytes = 1;
	cr_assert_eq(open_rig(), 0);
	cr_assert(take_segments(60));
	checkpoint(rig.writer.next_seq);
	checkpoint(rig.writer.next_seq);
	cr_assert(journal_rig_settle(&rig));
	uint64_t spares = stats().segments_spare;
	uint32_t files = wr_load_relaxed(&rig.table.count);
	cr_assert_gt(spares, 40);
	disk->plan.descriptors_max = 1;
	cr_assert_not(take_segments(200));
	cr_assert_not(journal_rig_failed(&rig), "%s", rig.problem.text);
	cr_expect_eq(stats().no_room_code, -EMFILE);
	disk->plan.descriptors_max = 0;
	cr_assert(take_segments(30));
	cr_expect_eq(wr_load_relaxed(&rig.table.count), files, "all of them are used again");
	cr_expect_eq(stats().no_room_code, 0);
}

Test(journal_many, the_limit_of_segments_is_a_full_disk)
{
	options.segments_max = 64;
	cr_assert_eq(open_rig(), 0);
	cr_assert_not(take_segments(1000));
	cr_assert_not(journal_rig_failed(&rig), "%s", rig.problem.text);
	cr_expect_eq(stats().no_room_code, WEIR_E_FULL);
	cr_expect_eq(wr_load_relaxed(&rig.table.count), 64);
	cr_assert(journal_rig_drain(&rig));
	uint64_t last_seq = rig.writer.next_seq - 1;
	for (uint32_t i = 0; i < 5; i++) {
		journal_rig_crash(&rig);
		journal_rig_close(&rig);
		cr_assert_eq(open_rig(), 0, "%s", rig.problem.text);
		cr_assert_geq(rig.report.last_seq, last_seq);
		last_seq = rig.report.last_seq;
	}
	journal_rig_close(&rig);
	options.segments_max = 32;
	cr_expect_eq(open_rig(), -EINVAL);
	cr_expect_str_eq(rig.problem.field, "segments_max");
	options.segments_max = 128;
	cr_assert_eq(open_rig(), 0);
	cr_assert(take_segments(20));
	cr_expect_eq(stats().no_room_code, 0);
}

/* To the end of the reserve. */
static void settle_to_the_end(void)
{
	while (mini_writer_settle(&rig.writer, 1) == MINI_WRITER_DONE) {
		(void)mini_writer_close_extent(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
	}
}

Test(journal_many, without_a_block_to_go_on_in_an_open_says_which_limit_it_is)
{
	uint64_t last_seq = 0;
	int rc;

	options.segments_max = 64;
	cr_assert_eq(open_rig(), 0);
	cr_assert_not(take_segments(1000));
	do {
		settle_to_the_end();
		last_seq = rig.writer.next_seq - 1;
		journal_rig_crash(&rig);
		journal_rig_close(&rig);
	} while ((rc = open_rig()) == 0); // some files are for opens
	cr_expect_eq(rc, -EINVAL);
	cr_expect_str_eq(rig.problem.field, "segments_max");
	journal_rig_close(&rig);
	options.has_no_problem = true;
	cr_expect_eq(open_rig(), -EINVAL, "also who does not ask why");
	options.segments_max = 128;
	cr_assert_eq(open_rig(), 0, "%s", rig.problem.text);
	cr_expect_geq(rig.report.last_seq, last_seq);
}
