/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   who looks at a journal, or copies it, beside an owner that packs, sees every batch that
 *         the log has: where a file that he had listed is used again, the packed one that stands
 *         for it is read. What has left the log is all that may be left out.
 * Method: the rig as the owner, and a second storage on its medium for who looks. At one batch of
 *         the walk, at each of them in turn, the owner packs what it can and uses the files again.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/backup.h"
#include "core/journal/journal_internal.h"
#include "core/journal/verify.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"

#define BATCHES 60u
#define SEGMENT_BYTES (17ull * WR_BLOCK_BYTES)

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options o;
static struct wr_storage *looker;
static struct wr_memory_sim memory;

/* Of one walk. */
static struct {
	uint32_t count; /* batches */
	uint32_t act_at;
	void (*act)(void);
	uint64_t next_seq;
	uint64_t oldest_seq; /* of the log, when the owner had acted */
	uint32_t gaps;
	uint32_t damages;
	char text[160];
} walk;

static void append(uint32_t count)
{
	cr_assert(journal_rig_append(&rig, count));
}

static void pack(void)
{
	cr_assert(journal_rig_pack(&rig));
}

static void open_all(void)
{
	struct wr_storage_options options = {0};

	disk = wr_sim_disk_create(7, NULL);
	o = journal_rig_defaults(disk);
	o.checkpoint_bytes = WR_BLOCK_BYTES;
	o.journal.pack = true;
	cr_assert_eq(journal_rig_open(&rig, &o), 0, "%s", rig.problem.text);
	cr_assert(journal_rig_settle(&rig));
	append(BATCHES);
	options.sim_disk = disk;
	cr_assert_eq(wr_storage_sim_open(&options, &looker), 0);
	wr_memory_sim_init(&memory, NULL);
	memset(&walk, 0, sizeof walk);
}

static void close_all(void)
{
	cr_expect_eq(memory.live_count, 0);
	looker->ops->fini(looker);
	journal_rig_close(&rig);
	wr_sim_disk_destroy(disk);
}

/* --- what the owner does meanwhile ------------------------------------------------------------ */

/* Packs all that is sealed, and uses the plain files for other segments. */
static void pack_and_use_again(void)
{
	pack();
	append(BATCHES);
	cr_assert(journal_rig_settle(&rig));
}

/*
 * The same up to the moment when the first of the files has its new header, and its first batch is
 * still there: the superblock does not say so yet.
 */
static void pack_and_begin_to_use_again(void)
{
	uint32_t steps = 0;

	pack();
	while (rig.journal->files.header_phase != WR_JOURNAL_READY_ERASE_LAST) {
		cr_assert_lt(steps++, 10000u);
		if (mini_writer_append(&rig.writer, 0, steps, 60) == MINI_WRITER_DONE)
			(void)mini_writer_seal(&rig.writer);
		cr_assert(journal_rig_step(&rig) >= 0);
	}
}

/* Half of the segments leave the log, and the rest is packed; the files of all are used again. */
static void retire_and_pack(void)
{
	memset(rig.checkpoint_buffer, 0, 16);
	cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64, rig.writer.next_seq - 1));
	cr_assert(journal_rig_settle(&rig));
	memset(rig.checkpoint_buffer, 0, 16);
	cr_assert(mini_writer_whole_checkpoint(&rig.writer, 64, rig.writer.next_seq - 1));
	cr_assert(journal_rig_settle(&rig));
	wr_store_release(&rig.link.needed_seq, journal_rig_durable(&rig));
	rig.journal->options.retention_bytes = 2 * SEGMENT_BYTES;
	rig.journal->files.retention_changed = true;
	cr_assert(journal_rig_settle(&rig));
	rig.journal->options.retention_bytes = 0;
	pack_and_use_again();
	walk.oldest_seq = wr_segment_oldest_seq(&rig.table);
	cr_assert_gt(walk.oldest_seq, 1u);
}

/* --- who looks -------------------------------------------------------------------------------- */

static int on_batch(void *context, const struct wr_batch_header *h)
{
	(void)context;
	if (h->first_seq != walk.next_seq && walk.next_seq != 0)
		walk.gaps++;
	walk.next_seq = h->first_seq + h->record_count;
	if (walk.count++ == walk.act_at && walk.act != NULL)
		walk.act();
	return 0;
}

static int on_damage(void *context, const struct wr_damage *damage)
{
	(void)context;
	walk.damages++;
	(void)snprintf(walk.text, sizeof walk.text, "%s", damage->text);
	return 0;
}

static struct wr_verify_report verify(void (*act)(void), uint32_t act_at)
{
	const struct wr_verify_visitor visitor = {
		.damage = on_damage, .any_batch = on_batch, .context = NULL};
	struct wr_verify_report report;
	struct weir_problem problem = {0};

	walk.act = act;
	walk.act_at = act_at;
	int r = wr_verify_run(looker, &memory.base, 0, UINT64_MAX, &visitor, &report, &problem);
	cr_assert_eq(r, 0, "at %u: %d %s", act_at, r, problem.text);
	cr_expect_eq(walk.damages, 0u, "at %u: %s", act_at, walk.text);
	return report;
}

static void expect_all(void (*act)(void))
{
	for (uint32_t at = 0; at < BATCHES; at++) {
		open_all();
		uint64_t durable = journal_rig_durable(&rig);
		struct wr_verify_report report = verify(act, at);
		cr_expect_eq(walk.gaps, 0u, "at %u", at);
		cr_expect_eq(report.oldest_seq, 1u, "at %u", at);
		cr_expect_geq(report.last_seq, durable, "at %u", at);
		cr_expect_eq(report.record_count, report.last_seq, "at %u", at);
		cr_expect_eq(report.corrupt_count, 0u, "at %u", at);
		cr_expect_not(report.is_overtaken, "at %u", at);
		close_all();
	}
}

Test(verify_packing, where_a_file_was_used_again_the_packed_one_is_read)
{
	expect_all(pack_and_use_again);
}

Test(verify_packing, what_the_superblock_does_not_say_yet_is_no_damage)
{
	expect_all(pack_and_begin_to_use_again);
}

Test(verify_packing, what_has_left_the_log_is_all_that_is_left_out)
{
	uint32_t with_gap = 0;

	for (uint32_t at = 0; at < BATCHES; at++) {
		open_all();
		struct wr_verify_report report = verify(retire_and_pack, at);
		cr_expect_leq(walk.gaps, 1u, "at %u", at);
		cr_expect(report.is_overtaken || walk.gaps == 0, "at %u", at);
		if (walk.gaps > 0)
			cr_expect_geq(report.record_count + walk.oldest_seq - 1, report.last_seq,
				      "at %u: from %lu on all is there", at, walk.oldest_seq);
		else
			cr_expect_eq(report.record_count, report.last_seq, "at %u", at);
		with_gap += walk.gaps;
		close_all();
	}
	cr_expect_gt(with_gap, 0u);
}

/* --- who copies ------------------------------------------------------------------------------- */

static int on_progress(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	(void)progress;
	if (walk.count++ == walk.act_at)
		walk.act();
	return 0;
}

Test(verify_packing, a_copy_is_made_in_one_go_beside_a_packer)
{
	for (uint32_t at = 0; at < 4; at++) {
		struct wr_storage_options storage_options = {0};
		struct wr_backup_options options = {.progress = on_progress};
		struct wr_backup_report report;
		struct weir_problem problem = {0};
		struct wr_storage *to;

		open_all();
		uint64_t durable = journal_rig_durable(&rig);
		struct wr_sim_disk *copy = wr_sim_disk_create(8, NULL);
		storage_options.sim_disk = copy;
		cr_assert_eq(wr_storage_sim_open(&storage_options, &to), 0);
		walk.act = pack_and_use_again;
		walk.act_at = at;
		cr_assert_eq(wr_backup_run(looker, to, &memory.base, &options, &report, &problem),
			     0, "%s", problem.text);
		cr_expect_gt(walk.count, at);
		cr_expect_eq(report.tries, 1u);
		cr_expect_eq(report.first_seq, 1u);
		cr_expect_geq(report.last_seq, durable);
		cr_expect_eq(report.record_count, report.last_seq);
		to->ops->fini(to);
		wr_sim_disk_destroy(copy);
		close_all();
	}
}
