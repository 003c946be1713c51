/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a segment that a crash left with nothing but a trimmed tail in it never becomes a part of
 *         the log again: not when the epoch start that excludes it is long recycled (R6, P2).
 * Method: the end of a journal is built so that its last segment holds whole batches behind a hole;
 *         it is opened with a retention that frees older segments at once, so that there are other
 *         files to go on in; then the log rolls over many segments, until the one that begins the
 *         new epoch has been written over too. At the next open nobody knows of the hole any more.
 */
#include <criterion/criterion.h>

#include "core/journal/journal_internal.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"
#include "tests/support/log_builder.h"

#define FULL_SEGMENTS 8u
#define ROLLS 20u

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;
static uint64_t trimmed_id;

/* Ends in a segment whose batches are all whole, and stand behind one that never came. */
static void build_journal(void)
{
	static struct log_builder b;
	struct wr_storage *storage;
	const struct wr_storage_options storage_options = {.sim_disk = disk};
	cr_assert_eq(wr_storage_sim_open(&storage_options, &storage), 0);
	log_builder_init(&b, storage, options.chunk_bytes, options.extents);
	log_builder_epoch(&b);
	while (b.segment_id <= FULL_SEGMENTS)
		log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	b.hold = b.hold_durable = true;
	uint32_t lost = b.batch_count;
	uint64_t segment_id = b.segment_id;
	while (b.segment_id == segment_id || b.offset < b.segment_bytes)
		log_builder_batch(&b, 3, 100);
	trimmed_id = b.segment_id;
	for (uint32_t i = lost + 1; i < b.batch_count; i++)
		log_builder_land(&b, i, UINT64_MAX);
	log_builder_fini(&b);
	storage->ops->fini(storage);
}

static void set_up(void)
{
	disk = wr_sim_disk_create(5, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = 8192;
	options.journal.retention_bytes = 1;
	options.journal.segments_ahead = 1;
	build_journal();
}

static void tear_down(void)
{
	journal_rig_close(&rig);
	wr_sim_disk_destroy(disk);
}

TestSuite(resurrection, .init = set_up, .fini = tear_down);

static void one_round(void)
{
	if (journal_rig_step(&rig) == 0)
		(void)rig.storage->ops->poll(rig.storage, 1000000);
}

static void roll(void)
{
	uint64_t until = rig.writer.extents_taken + options.extents;
	for (uint32_t i = 0; i < 10000 && rig.writer.extents_taken < until; i++) {
		if (mini_writer_append(&rig.writer, 0, i, 64) == MINI_WRITER_DONE)
			(void)mini_writer_close_extent(&rig.writer);
		one_round();
	}
	cr_assert_eq(rig.writer.extents_taken, until);
	cr_assert(journal_rig_drain(&rig));
	cr_assert(mini_writer_whole_checkpoint(&rig.writer, 5000, rig.writer.next_seq));
	for (uint32_t i = 0;
	     i < 10000 && wr_load_acquire(&rig.link.checkpoint.state) != WR_CHECKPOINT_IDLE; i++)
		one_round();
	cr_assert(journal_rig_settle(&rig));
}

static bool is_in_log(uint64_t segment_id)
{
	uint32_t count = wr_load_relaxed(&rig.table.count);
	for (uint32_t i = 0; i < count; i++)
		if (rig.table.segments[i].state == WR_SEGMENT_LIVE &&
		    wr_load_relaxed(&rig.table.segments[i].segment_id) == segment_id)
			return true;
	return false;
}

static void open_rig(void)
{
	int r = journal_rig_open(&rig, &options);
	cr_assert_eq(r, 0, "%d %s", r, rig.problem.text);
}

Test(resurrection, a_trimmed_segment_stays_out_when_nothing_excludes_it_any_more)
{
	open_rig();
	cr_assert(rig.report.valid_batch_followed);
	cr_assert_not(is_in_log(trimmed_id));
	uint64_t first_own_id = rig.table.next_segment_id;
	for (uint32_t i = 0; i < ROLLS; i++)
		roll();
	struct wr_journal_stats stats;
	wr_journal_stats(rig.journal, &stats);
	cr_assert_gt(stats.segments_recycled, FULL_SEGMENTS);
	uint64_t oldest_seq = wr_segment_oldest_seq(&rig.table);
	cr_assert_gt(oldest_seq, rig.report.trimmed_from_seq);
	journal_rig_crash(&rig);
	journal_rig_close(&rig);
	open_rig();
	for (uint64_t id = 1; id <= first_own_id; id++)
		cr_expect_not(is_in_log(id), "segment %lu is back", id);
	cr_expect_gt(rig.report.oldest_seq, rig.report.trimmed_from_seq);
}
