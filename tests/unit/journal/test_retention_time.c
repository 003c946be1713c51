/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   with retention_time_ns a sealed segment goes when its newest event is too old, also from
 *         a log that nothing is published to, and never one that is needed, nor the newest. No
 *         event goes before the log has run for half of that since it was appended, whatever the
 *         wall clock does, at an open or in between; and it does go soon after it may.
 *         The same of the events of a topic that has a limit of its own, in a log that has none.
 * Method: a simulated disk and clock, the mini writer stamped by the log's own append clock.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/journal/journal_internal.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"

#define SECOND_NS 1000000000ull
#define LIMIT_S 100u
#define YEAR_NS (365 * 24 * 3600 * SECOND_NS)

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;

static void set_up(void)
{
	disk = wr_sim_disk_create(31, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = 8192;
	options.stamped = true;
	options.journal.retention_time_ns = LIMIT_S * SECOND_NS;
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
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_settle(&rig));
}

/* Nothing is published; the journal's step runs when it says that it wants to. */
static void idle_for(uint64_t ns)
{
	uint64_t until_ns = disk->clock->mono_ns + ns;

	while (disk->clock->mono_ns < until_ns) {
		if (journal_rig_step(&rig) + wr_journal_pack_step(rig.journal, 0) != 0)
			continue;
		uint64_t idle_ns = wr_min_u64(wr_journal_idle_ns(rig.journal),
					      until_ns - disk->clock->mono_ns);
		cr_assert_gt(idle_ns, 0, "a step that did nothing and does not wait");
		/* A poll with nothing in flight passes the time. */
		if (rig.journal->in_flight > 0)
			(void)rig.storage->ops->poll(rig.storage, idle_ns);
		else
			wr_clock_sim_advance(disk->clock, idle_ns);
	}
	while (journal_rig_step(&rig) != 0)
		;
}

static void idle_seconds(uint64_t seconds)
{
	idle_for(seconds * SECOND_NS);
}

/* An event an extent, four to a segment. */
static void fill_extents(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		journal_rig_stamp(&rig);
		cr_assert_eq(mini_writer_append(&rig.writer, 0, i, 64), MINI_WRITER_DONE);
		(void)mini_writer_close_extent(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
		cr_assert(journal_rig_settle(&rig));
	}
}

/* Two of them: what lies below `needed_seq` may go. */
static void checkpoints(uint64_t needed_seq)
{
	for (uint32_t n = 0; n < 2; n++) {
		journal_rig_stamp(&rig);
		(void)mini_writer_settle(&rig.writer, 1);
		(void)mini_writer_seal(&rig.writer);
		cr_assert(journal_rig_drain(&rig));
		cr_assert(mini_writer_whole_checkpoint(&rig.writer, 5000, needed_seq));
		cr_assert(journal_rig_settle(&rig));
	}
}

static uint32_t live_count(void)
{
	return wr_segment_live_count(&rig.table);
}

static uint64_t oldest_live_seq(void)
{
	return wr_load_relaxed(&wr_segment_live(&rig.table, 0)->first_seq);
}

static void reopen(void)
{
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	open_rig();
}

TestSuite(retention_time, .init = set_up, .fini = tear_down);

Test(retention_time, a_segment_goes_when_its_newest_event_is_too_old)
{
	open_rig();
	/* Its first event is of the beginning, its newest one of 60 seconds later. */
	fill_extents(3);
	idle_seconds(60);
	fill_extents(6);
	cr_assert_eq(live_count(), 3);
	checkpoints(rig.writer.next_seq);
	idle_seconds(LIMIT_S - 60 + 20);
	cr_expect_eq(oldest_live_seq(), 1, "its newest event is not as old as that");
	idle_seconds(60);
	cr_expect_gt(oldest_live_seq(), 1);
}

Test(retention_time, a_log_at_rest_ages_and_keeps_its_newest)
{
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	uint32_t live = live_count();
	cr_assert_geq(live, 4);
	idle_seconds(LIMIT_S - 1);
	cr_expect_eq(live_count(), live);
	cr_expect_lt(wr_journal_idle_ns(rig.journal), 2 * SECOND_NS, "it says when to look");
	idle_seconds(2);
	/* What is older than the batch of the older checkpoint: all but the newest. */
	cr_expect_eq(live_count(), 1);
	idle_seconds(100 * LIMIT_S);
	cr_expect_eq(live_count(), 1);
	cr_expect_eq(wr_journal_idle_ns(rig.journal), UINT64_MAX);
	fill_extents(4);
	cr_expect_eq(live_count(), 2);
}

Test(retention_time, what_is_needed_stays_however_old)
{
	open_rig();
	fill_extents(13);
	checkpoints(2);
	idle_seconds(10 * LIMIT_S);
	cr_expect_eq(oldest_live_seq(), 1);
	cr_expect_eq(wr_journal_idle_ns(rig.journal), UINT64_MAX, "nothing to do until it moves");
	checkpoints(rig.writer.next_seq);
	cr_expect_gt(oldest_live_seq(), 1);
}

Test(retention_time, without_it_nothing_goes)
{
	options.journal.retention_time_ns = 0;
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	idle_seconds(1000 * LIMIT_S);
	cr_expect_eq(oldest_live_seq(), 1);
	cr_expect_eq(rig.journal->superblock.retention_us, 0);
}

Test(retention_time, both_limits_hold_at_once)
{
	options.journal.retention_bytes = 3 * 4 * 16384;
	open_rig();
	for (uint32_t i = 0; i < 6; i++) {
		fill_extents(4);
		checkpoints(rig.writer.next_seq);
	}
	cr_expect_leq(live_count(), 3);
	cr_expect_geq(live_count(), 2);
	idle_seconds(LIMIT_S + 1);
	cr_expect_eq(live_count(), 1);
}

Test(retention_time, a_clock_that_is_ahead_at_an_open_takes_nothing_at_once)
{
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	uint32_t live = live_count();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	wr_clock_sim_jump_wall(disk->clock, (int64_t)YEAR_NS);
	open_rig();
	cr_expect_geq(live_count(), live);
	checkpoints(rig.writer.next_seq);
	idle_seconds(LIMIT_S / 2 - 2);
	cr_expect_eq(oldest_live_seq(), 1, "not before it has run for half of the limit");
	/* An open more does not make it jump: where it stood is on record. */
	reopen();
	cr_expect_eq(oldest_live_seq(), 1);
	idle_seconds(1);
	cr_expect_eq(oldest_live_seq(), 1);
	idle_seconds(5);
	cr_expect_gt(oldest_live_seq(), 1, "and no later than that");
}

Test(retention_time, after_a_crash_it_goes_on_where_the_superblock_says)
{
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	journal_rig_crash(&rig);
	journal_rig_close(&rig);
	wr_clock_sim_reboot(disk->clock, YEAR_NS);
	open_rig();
	cr_expect_eq(oldest_live_seq(), 1);
	checkpoints(rig.writer.next_seq);
	idle_seconds(LIMIT_S / 2 - 2);
	cr_expect_eq(oldest_live_seq(), 1);
	idle_seconds(LIMIT_S);
	cr_expect_gt(oldest_live_seq(), 1);
}

Test(retention_time, time_that_nobody_ran_it_counts_at_the_same_pace_from_then_on)
{
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	wr_clock_sim_reboot(disk->clock, 30 * SECOND_NS);
	open_rig();
	/* 30 seconds behind, caught up after 30: 60 of the 100 are over then. */
	idle_seconds(30);
	cr_expect_eq(rig.journal->age.now_us, rig.journal->age.append_us);
	idle_seconds(LIMIT_S - 60 - 2);
	cr_expect_eq(oldest_live_seq(), 1);
	idle_seconds(4);
	cr_expect_gt(oldest_live_seq(), 1);
}

Test(retention_time, a_step_of_the_wall_clock_while_it_runs_takes_nothing)
{
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	wr_clock_sim_jump_wall(disk->clock, (int64_t)YEAR_NS);
	for (uint32_t i = 0; i < 8; i++) {
		idle_seconds(LIMIT_S / 10);
		fill_extents(1);
	}
	cr_expect_eq(oldest_live_seq(), 1);
	wr_clock_sim_jump_wall(disk->clock, -2 * (int64_t)YEAR_NS);
	idle_seconds(LIMIT_S / 10);
	fill_extents(1);
	cr_expect_eq(oldest_live_seq(), 1);
}

Test(retention_time, where_the_clock_was_set_back_no_event_is_born_old)
{
	open_rig();
	fill_extents(1);
	/* Append time runs at half speed from here on; the log is at rest for long. */
	wr_clock_sim_jump_wall(disk->clock, -(int64_t)(1000 * LIMIT_S * SECOND_NS));
	idle_seconds(1);
	journal_rig_stamp(&rig);
	for (uint32_t i = 0; i < 400; i++) {
		idle_seconds(1);
		journal_rig_stamp(&rig);
	}
	uint64_t first = rig.writer.next_seq;
	fill_extents(12);
	checkpoints(rig.writer.next_seq);
	cr_assert_leq(oldest_live_seq(), first + 3);
	idle_seconds(LIMIT_S - 2);
	cr_expect_leq(oldest_live_seq(), first + 3, "younger than the limit");
	idle_seconds(4);
	cr_expect_gt(oldest_live_seq(), first + 3);
}

/* An owner once let it run before the first batch, and the superblock has that. */
Test(retention_time, a_clock_that_began_before_the_log_begins_anew)
{
	wr_clock_sim_jump_wall(disk->clock, 50 * (int64_t)YEAR_NS);
	open_rig();
	cr_expect_gt(rig.journal->age.now_us, 40 * YEAR_NS / 1000, "as its first batch");
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	rig.journal->age.now_us = 5 * SECOND_NS / 1000;
	reopen();
	checkpoints(rig.writer.next_seq);
	cr_expect_eq(oldest_live_seq(), 1);
	idle_seconds(LIMIT_S + 2);
	cr_expect_gt(oldest_live_seq(), 1);
}

/* --- of a topic ------------------------------------------------------------------------------- */

/* The mini writer's events are of topic 1; nobody publishes to topic 0, which keeps everything. */
static struct wr_retire_topic asks[2];
static wr_atomic_u64 defined;

static void ask(uint64_t limit_s)
{
	memset(asks, 0, sizeof asks);
	wr_store_relaxed(&defined, 2u);
	wr_store_relaxed(&asks[1].time_us, limit_s * 1000000);
	options.journal.retention_time_ns = 0;
	options.journal.pack = true;
	options.journal.retire = (struct wr_retire_options){
		.topics = asks,
		.topic_count = 2,
		.defined = &defined,
	};
}

static uint64_t left_seq(void)
{
	return wr_load_relaxed(&asks[1].left_seq);
}

static uint64_t left_out(void)
{
	return wr_load_relaxed(&rig.journal->cells.left_out);
}

Test(retention_time, of_a_topic_a_segment_is_past_when_its_newest_event_is)
{
	ask(LIMIT_S);
	open_rig();
	fill_extents(3);
	idle_seconds(60);
	fill_extents(6);
	cr_assert_eq(live_count(), 3);
	checkpoints(rig.writer.next_seq);
	idle_seconds(LIMIT_S - 60 + 20);
	cr_expect_leq(left_seq(), 1u);
	cr_expect_eq(left_out(), 0u);
	idle_seconds(60);
	cr_expect_gt(left_seq(), 1u);
	cr_expect_gt(left_out(), 0u);
	cr_expect_eq(oldest_live_seq(), 1u, "the records of others stay");
	/* Nobody else: all of it goes. */
	wr_store_relaxed(&asks[0].time_us, 1u);
	idle_seconds(2);
	cr_expect_gt(oldest_live_seq(), 1u);
}

Test(retention_time, of_a_topic_nothing_is_past_at_once_where_the_clock_is_ahead)
{
	ask(LIMIT_S);
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	wr_clock_sim_jump_wall(disk->clock, (int64_t)YEAR_NS);
	open_rig();
	checkpoints(rig.writer.next_seq);
	idle_seconds(LIMIT_S / 2 - 2);
	cr_expect_eq(left_out(), 0u, "not before it has run for half of the limit");
	reopen();
	idle_seconds(1);
	cr_expect_eq(left_out(), 0u);
	idle_seconds(6);
	cr_expect_gt(left_out(), 0u, "and no later than that");
}

Test(retention_time, of_a_topic_what_is_needed_stays_however_old)
{
	ask(LIMIT_S);
	open_rig();
	fill_extents(13);
	checkpoints(2);
	idle_seconds(10 * LIMIT_S);
	cr_expect_gt(wr_load_relaxed(&asks[1].passed_seq), 1u);
	cr_expect_eq(left_out(), 0u);
	checkpoints(rig.writer.next_seq);
	idle_seconds(10);
	cr_expect_gt(left_out(), 0u);
	cr_expect_gt(left_seq(), 1u);
	cr_expect_leq(left_seq(), wr_load_relaxed(&asks[1].passed_seq));
}

/* All of it is past and only held: then one topic is to keep all, and the next moment it is not
 * held any more, long before anybody looks again at what topics are past. */
Test(retention_time, of_a_topic_that_is_to_keep_more_no_segment_leaves)
{
	ask(LIMIT_S);
	wr_store_relaxed(&asks[0].time_us, 1u);
	open_rig();
	fill_extents(13);
	checkpoints(2);
	idle_seconds(10 * LIMIT_S);
	cr_assert_gt(wr_load_relaxed(&asks[1].passed_seq), 1u);
	cr_assert_eq(oldest_live_seq(), 1u);
	wr_store_relaxed(&asks[1].time_us, 0u);
	checkpoints(rig.writer.next_seq);
	cr_expect_eq(oldest_live_seq(), 1u);
	idle_seconds(10);
	cr_expect_eq(oldest_live_seq(), 1u);
	cr_expect_eq(left_out(), 0u);
	wr_store_relaxed(&asks[1].time_us, 1u);
	idle_seconds(2);
	cr_expect_gt(oldest_live_seq(), 1u, "and it could");
}

/* Until the packer is asked to write a segment anew without events. */
static void wait_until_one_is_to_leave(void)
{
	const struct wr_packer *packer = rig.journal->packer;

	while (packer->task != WR_PACKER_RETIRE ||
	       wr_load_relaxed(&packer->state) != (uint32_t)WR_PACKER_ASKED) {
		if (journal_rig_step(&rig) != 0)
			continue;
		if (wr_journal_pack_step(rig.journal, 0) == 0)
			(void)rig.storage->ops->poll(rig.storage, SECOND_NS / 100);
		cr_assert_eq(left_out(), 0u);
	}
}

Test(retention_time, of_a_topic_that_is_to_keep_more_no_event_leaves)
{
	ask(LIMIT_S);
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	wait_until_one_is_to_leave();
	wr_store_relaxed(&asks[1].time_us, 0u);
	idle_seconds(10 * LIMIT_S);
	cr_expect_eq(left_out(), 0u);
	wr_store_relaxed(&asks[1].time_us, LIMIT_S * 1000000);
	idle_seconds(2);
	cr_expect_gt(left_out(), 0u, "and it could");
}

Test(retention_time, the_largest_limit_does_not_wrap)
{
	options.journal.retention_time_ns = UINT64_MAX;
	open_rig();
	fill_extents(13);
	checkpoints(rig.writer.next_seq);
	idle_seconds(1000 * LIMIT_S);
	cr_expect_eq(oldest_live_seq(), 1);
	rig.journal->options.retention_time_ns = UINT64_MAX;
	for (uint32_t i = 0; i < live_count(); i++)
		wr_segment_live(&rig.table, i)->first_time_us = UINT64_MAX - 1;
	cr_expect_not(wr_journal_age_is_past(rig.journal, 0));
	cr_expect_eq(wr_journal_age_idle_ns(rig.journal), UINT64_MAX);
}
