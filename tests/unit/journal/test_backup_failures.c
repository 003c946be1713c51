/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what cannot be copied is said with its cause and leaves nothing; and of what is strange
 *         in the source (checkpoints that say what is not so, damage that is somewhere else at each
 *         look, segments that come while the copy begins) nothing false gets into the copy.
 * Method: as in test_backup.c. Each call of the destination fails once, in sources of all kinds;
 *         fixed blocks of the source are changed behind good checksums.
 */
#include <stdio.h>

#include "tests/support/failing_storage.h"
#include "tests/unit/journal/backup_bed.h"

TestSuite(backup_failures, .init = setup_both, .fini = teardown_both);

Test(backup_failures, the_names_of_a_copy_are_known)
{
	static const struct {
		const char *name;
		bool makes;
	} names[] = {
		{"JOURNAL", true},         {"0-00000000.seg", true},
		{"0-checkpoint.0", true},  {"0-checkpoint.1", true},
		{"0-checkpoint.2", false}, {"LOCK", false},
		{"notes.txt", false},      {"", false},
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		cr_expect_eq(wr_backup_makes(names[i].name), names[i].makes, "%s", names[i].name);
}

/* --- the destination -------------------------------------------------------------------------- */

static void build_damaged(void)
{
	build(20);
	damage(4, 200);
}

/* The second checkpoint is ahead of the cut, and goes again. */
static void build_with_odd_checkpoint(void)
{
	build_retired();
	change_block("0-checkpoint.1", 0, offsetof(struct wr_checkpoint_header, segment_id), 77, 8);
}

/* A segment of 8 MiB, twice as much as is written at once, with a batch in each of its extents. */
static void build_large(void)
{
	log_builder_fini(&b);
	cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
	log_builder_init(&b, storage, 89 * WR_BLOCK_BYTES, 23);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 22; i++) {
		log_builder_filler(&b);
		log_builder_batch(&b, 3, 100);
	}
}

static int copy_untold(void)
{
	wr_memory_sim_init(&p.memory, NULL);
	int r = wr_backup_run(storage, to, &p.memory.base, &options, &report, NULL);
	cr_expect_eq(p.memory.live_count, 0);
	return r;
}

Test(backup_failures, each_call_of_the_destination_is_looked_at)
{
	static const struct {
		void (*build)(void);
		bool damaged;
		int code;
	} sources[] = {
		{build_retired, false, 0}, {build_damaged, false, WEIR_E_CORRUPT},
		{build_damaged, true, 0},  {build_with_odd_checkpoint, true, 0},
		{build_large, false, 0},
	};

	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		bool has_failed = true;
		uint64_t n = 1;
		teardown();
		setup();
		sources[i].build();
		options.damaged = sources[i].damaged;
		for (; has_failed; n++) {
			fresh();
			failing_put_on(to, n, -EIO);
			int r = n % 2 == 0 ? copy() : copy_untold();
			has_failed = failing_take_off(to);
			cr_assert(r == -EIO || r == sources[i].code, "%zu: call %lu: %d", i, n, r);
			cr_assert(has_failed || r == sources[i].code, "%zu: %d", i, r);
			/* A call that removes what was made may have been the one. */
			if (r != 0 && !has_failed)
				cr_expect_eq(files_of_copy(), 0);
		}
		cr_expect_gt(n, 8u);
	}
}

Test(backup_failures, files_that_are_larger_than_the_process_may_write_are_refused)
{
	build(20);
	to->file_bytes_max = b.segment_bytes - 1;
	expect_failed(copy(), -EFBIG);
	cr_expect_eq(report.written_bytes, 0);
	to->file_bytes_max = b.segment_bytes;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	expect_copy_whole();
}

Test(backup_failures, without_memory_nothing_begins)
{
	int r = -ENOMEM;
	uint64_t k = 0;

	build(5);
	while (r == -ENOMEM) {
		fresh();
		wr_memory_sim_init(&p.memory, NULL);
		wr_memory_sim_fail(&p.memory, ++k, false);
		r = wr_backup_run(storage, to, &p.memory.base, &options, &report, &problem);
		cr_expect_eq(p.memory.live_count, 0);
		cr_expect(r == 0 || files_of_copy() == 0, "allocation %lu", k);
	}
	cr_expect_eq(r, 0, "allocation %lu: %d %s", k, r, problem.text);
	cr_expect_gt(k, 4u);
}

/* --- damage ----------------------------------------------------------------------------------- */

Test(backup_failures, damage_without_a_file_or_an_end_is_told_as_that)
{
	build(25);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000002.seg"), 0);
	expect_failed(copy(), WEIR_E_CORRUPT);
	cr_expect_str_eq(problem.field, "segments", "%s", problem.field);
	cr_expect_not_null(strstr(problem.text, "on"), "%s", problem.text);
	options.damaged = true;
	cr_expect_eq(copy(), 0, "what is left: %s", problem.text);
}

static uint32_t look_count, struck;

/* Once for each look. */
static bool is_first_copied(const struct wr_backup_progress *progress)
{
	return progress->segments == 1 && progress->written_bytes == b.segment_bytes;
}

/* At each look another batch is damaged, in turn in one segment and in others. */
static int damage_elsewhere(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (!is_first_copied(progress))
		return 0;
	if (struck != 0)
		damage(struck, 200);
	/* Not in what the walk has read when it tells that a segment is copied. */
	struck = 17 + look_count % 6 + (look_count % 3 == 2 ? 12 : 0);
	look_count++;
	damage(struck, 200);
	return 0;
}

Test(backup_failures, damage_that_is_elsewhere_at_each_look_is_believed_after_some)
{
	build(40);
	options.progress = damage_elsewhere;
	expect_failed(copy(), WEIR_E_CORRUPT);
	cr_expect_eq(look_count, 9u, "%u looks", look_count);
}

/* First a batch is damaged, then it is not, and a segment behind it is gone. */
static int change_the_kind(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (!is_first_copied(progress) || ++look_count > 2)
		return 0;
	damage(30, 200);
	if (look_count == 1)
		cr_assert_eq(wr_sim_disk_remove(disk, "0-00000003.seg"), 0);
	return 0;
}

Test(backup_failures, damage_of_another_kind_is_another_damage)
{
	build(50);
	options.progress = change_the_kind;
	expect_failed(copy(), WEIR_E_CORRUPT);
	cr_expect_eq(look_count, 3u, "%u looks", look_count);
	cr_expect_not_null(strstr(problem.text, "lost"), "%s", problem.text);
}

static int append_at_second_look(void *context, const struct wr_backup_progress *progress)
{
	(void)context;
	if (is_first_copied(progress) && ++look_count == 2)
		log_builder_batch(&b, 3, 100);
	return 0;
}

/* One segment that is lost at its end, while the log still grows in front of it. */
Test(backup_failures, a_lost_segment_is_believed_when_the_log_ends_at_one_place_twice)
{
	build(15);
	const struct log_builder before = b;
	log_builder_segment(&b);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000002.seg"), 0);
	b.segment_id = before.segment_id;
	b.file_number = before.file_number;
	b.offset = before.offset;
	options.progress = append_at_second_look;
	expect_failed(copy(), WEIR_E_CORRUPT);
	cr_expect_eq(look_count, 3u, "%u looks", look_count);
}

static int use_again_once(void *context, const struct wr_backup_progress *progress)
{
	_Alignas(64) static const uint8_t zeros[WR_BLOCK_BYTES + CHUNK_BYTES * EXTENTS];

	(void)context;
	if (progress->tries > 1 || look_count++ > 0)
		return 0;
	b.superblock.oldest_segment_id = 3;
	for (uint32_t i = b.batch_count; i-- > 0 && b.batches[i].segment_id >= 3;)
		b.superblock.oldest_seq = seq_of(i);
	log_builder_write_superblock(&b);
	for (uint32_t file = 0; file < 2; file++)
		put(file, 0, zeros, sizeof zeros);
	return 0;
}

/* What is needed is not known: it begins with the oldest each time. */
Test(backup_failures, an_owner_without_checkpoints_that_was_faster_is_met_at_the_oldest)
{
	build(50);
	options.progress = use_again_once;
	expect_failed(copy(), WEIR_E_CORRUPT);
	cr_expect_eq(report.tries, 2u);
	cr_expect_not_null(strstr(problem.text, "checkpoint"), "%s", problem.text);
}

/* --- what the source says --------------------------------------------------------------------- */

Test(backup_failures, a_checkpoint_that_says_what_is_not_so_is_left_out)
{
	static const struct {
		size_t at;
		uint64_t value;
		uint32_t copies; /* that are changed, a bit each */
	} changes[] = {
		{offsetof(struct wr_checkpoint_header, segment_id), 77, 2},
		{offsetof(struct wr_checkpoint_header, segment_id), 1, 2},
		{offsetof(struct wr_checkpoint_header, segment_offset), 1ull << 40, 2},
		{offsetof(struct wr_checkpoint_header, last_seq), 1ull << 40, 2},
		{offsetof(struct wr_checkpoint_header, needed_seq), 1, 2},
		{offsetof(struct wr_checkpoint_header, needed_seq), 1, 3},
		{offsetof(struct wr_checkpoint_header, segment_id), 77, 3},
	};

	options.damaged = true;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		teardown();
		setup();
		build_retired();
		log_builder_checkpoint(&b, 1, b.next_seq, 500); /* of the very last batch */
		for (uint32_t c = 0; c < WR_CHECKPOINT_COPIES; c++)
			if (changes[i].copies >> c & 1)
				change_block(c == 0 ? "0-checkpoint.0" : "0-checkpoint.1", 0,
					     changes[i].at, changes[i].value, 8);
		fresh();
		cr_assert_eq(copy(), 0, "%zu: %s", i, problem.text);
		cr_expect_eq(report.checkpoint_seq, changes[i].copies == 3 ? 0 : older_seq,
			     "%zu: %lu", i, report.checkpoint_seq);
	}
	options.damaged = false;
	fresh();
	expect_failed(copy(), WEIR_E_AGAIN); /* the owner may have been faster: each time */
}

Test(backup_failures, one_checkpoint_is_enough_whichever_it_is)
{
	for (uint32_t gone = 0; gone < WR_CHECKPOINT_COPIES; gone++) {
		teardown();
		setup();
		build_retired();
		cr_assert_eq(
			wr_sim_disk_remove(disk, gone == 0 ? "0-checkpoint.0" : "0-checkpoint.1"),
			0);
		fresh();
		cr_assert_eq(copy(), 0, "%s", problem.text);
		expect_copy_whole();
	}
}

Test(backup_failures, checkpoints_of_a_log_that_is_all_lost_are_not_copied)
{
	build(3);
	log_builder_checkpoint(&b, 0, 1, 100);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	expect_failed(copy(), WEIR_E_CORRUPT);
	options.damaged = true;
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.record_count, 0);
	cr_expect_eq(report.checkpoint_seq, 0);
	cr_expect_eq(files_of_copy(), 1);
}

Test(backup_failures, an_epoch_that_the_superblock_does_not_have_yet_is_in_the_copys)
{
	build(3);
	log_builder_go_on(&b);
	b.superblock.epoch = 1;
	log_builder_write_superblock(&b);
	cr_assert_eq(copy(), 0, "%s", problem.text);
	cr_expect_eq(report.superblock.epoch, 2);
	expect_copy_whole();
}

static struct wr_storage_ops hooked_ops;
static const struct wr_storage_ops *plain_ops;
static uint32_t each_count;

/* The owner fills two segments after the superblock was read, and before the files are listed. */
static int fill_before_listing(struct wr_storage *s, int (*visit)(void *context, const char *name),
			       void *context)
{
	if (each_count++ == 0) {
		storage->ops = plain_ops;
		for (uint32_t i = 0; i < 26; i++)
			log_builder_batch(&b, 3, 100);
		storage->ops = &hooked_ops;
	}
	return plain_ops->file_each(s, visit, context);
}

Test(backup_failures, what_the_owner_made_while_it_began_lies_behind_the_cut)
{
	for (uint32_t is_recorded = 0; is_recorded < 2; is_recorded++) {
		teardown();
		setup();
		build(6);
		uint64_t begun_seq = b.next_seq - 1;
		if (is_recorded == 0) {
			b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
			b.superblock.oldest_seq = 0;
			log_builder_write_superblock(&b);
		}
		plain_ops = storage->ops;
		hooked_ops = *plain_ops;
		hooked_ops.file_each = fill_before_listing;
		each_count = 0;
		storage->ops = &hooked_ops;
		fresh();
		int r = copy();
		storage->ops = plain_ops;
		cr_assert_eq(r, 0, "%s", problem.text);
		cr_expect_geq(report.last_seq, begun_seq);
		cr_expect_eq(report.segment_count, is_recorded == 1 ? 1 : 3);
	}
}
