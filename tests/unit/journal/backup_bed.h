/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of backup.h share: the builder's journal on one simulated medium, a copy of it on
 * another, and what both have to be afterwards.
 */
#ifndef WR_TESTS_BACKUP_BED_H
#define WR_TESTS_BACKUP_BED_H

#include "core/journal/backup.h"
#include "tests/unit/journal/recovery_bed.h"

static struct wr_sim_disk *copy_disk;
static struct wr_storage *to;
static struct wr_backup_options options;
static struct wr_backup_report report;
static struct weir_problem problem;
static uint32_t progress_count;
static uint32_t damage_count;

static inline void open_copy(void)
{
	const struct wr_storage_options storage_options = {.sim_disk = copy_disk};

	cr_assert_eq(wr_storage_sim_open(&storage_options, &to), 0);
}

static inline void setup_both(void)
{
	setup();
	copy_disk = wr_sim_disk_create(2, NULL);
	cr_assert_not_null(copy_disk);
	open_copy();
	options = (struct wr_backup_options){.damaged = false};
	progress_count = damage_count = 0;
}

static inline void teardown_both(void)
{
	to->ops->fini(to);
	wr_sim_disk_destroy(copy_disk);
	teardown();
}

static inline int copy(void)
{
	memset(&problem, 0, sizeof problem);
	wr_memory_sim_init(&p.memory, NULL);
	int r = wr_backup_run(storage, to, &p.memory.base, &options, &report, &problem);
	cr_expect_eq(p.memory.live_count, 0);
	return r;
}

/* A new medium for the next copy. */
static inline void fresh(void)
{
	to->ops->fini(to);
	wr_sim_disk_destroy(copy_disk);
	copy_disk = wr_sim_disk_create(3, NULL);
	cr_assert_not_null(copy_disk);
	open_copy();
}

static inline uint32_t files_of_copy(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < copy_disk->entry_count; i++)
		count += copy_disk->entries[i].now != WR_SIM_NONE;
	return count;
}

static inline void expect_failed(int r, int code)
{
	cr_expect_eq(r, code, "%d: %s", r, problem.text);
	cr_expect_eq(problem.code, code);
	cr_expect_neq(problem.text[0], '\0');
	cr_expect_eq(files_of_copy(), 0, "%u files are left", files_of_copy());
}

static inline int no_damage(void *context, const struct wr_damage *damage)
{
	(void)context;
	cr_expect(false, "%s: %s", damage->file, damage->text);
	return 0;
}

/* The question of recovery_bed.h, asked of the copy; and nothing to complain of in it. */
static inline void expect_copy_whole(void)
{
	static const struct wr_verify_visitor visitor = {.damage = no_damage};
	struct wr_sim_disk *source = disk;
	struct wr_verify_report verified;

	cr_assert_eq(
		wr_verify_run(to, &p.memory.base, 0, UINT64_MAX, &visitor, &verified, &problem), 0);
	cr_expect_eq(verified.spare_count, 0);
	cr_expect_eq(verified.last_seq, report.last_seq);
	cr_expect_eq(verified.oldest_seq, report.first_seq);
	cr_expect_eq(verified.record_count, report.record_count);
	cr_expect_eq(verified.segment_count, report.segment_count);
	to->ops->fini(to);
	disk = copy_disk;
	expect_whole();
	cr_expect(p.report.clean);
	cr_expect_eq(p.report.oldest_seq, report.first_seq);
	cr_expect_eq(p.report.checkpoint_seq, report.checkpoint_seq);
	log_probe_close(&p);
	disk = source;
	open_copy();
}

static uint64_t older_seq; /* of the older checkpoint */

/* Segments 1 to 3 have left the log; two checkpoints at its end. */
static inline void build_retired(void)
{
	build(80);
	older_seq = b.next_seq - 1;
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 5000);
	log_builder_batch(&b, 3, 100);
	for (uint32_t i = 0; b.superblock.oldest_segment_id < 4; i++) {
		b.superblock.oldest_segment_id = b.batches[i].segment_id;
		b.superblock.oldest_seq = seq_of(i);
	}
	log_builder_write_superblock(&b);
}

#endif
