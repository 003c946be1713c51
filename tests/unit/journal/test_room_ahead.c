/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what the step says of room that is ahead of the log, of why the writer holds data back,
 *         and of when it has to look again, is so in each state that it can be in.
 * Method: a journal that rests; the words that the answers are made of are set by hand.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "core/journal/journal_internal.h"
#include "tests/support/failing_storage.h"
#include "tests/support/journal_rig.h"

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct wr_journal *j;

static void setup(void)
{
	struct wr_fault_plan plan;

	wr_fault_plan_init(&plan);
	disk = wr_sim_disk_create(1, &plan);
	cr_assert_not_null(disk);
	struct journal_rig_options o = journal_rig_defaults(disk);
	o.segments_max = 12;
	cr_assert_eq(journal_rig_open(&rig, &o), 0, "%s", rig.problem.text);
	cr_assert(journal_rig_append(&rig, 40) && journal_rig_settle(&rig));
	j = rig.journal;
}

static void teardown(void)
{
	wr_store_release(&rig.link.held, 0);
	journal_rig_close(&rig);
	wr_sim_disk_destroy(disk);
}

TestSuite(room_ahead, .init = setup, .fini = teardown);

Test(room_ahead, why_data_is_held_back)
{
	struct wr_journal_files *f = &j->files;
	uint32_t files_max = f->files_max;

	cr_expect_eq(wr_journal_ahead_code(j), 0, "it is not");
	cr_expect_eq(wr_journal_ahead_idle_ns(j), UINT64_MAX);
	wr_store_release(&rig.link.held, 1);
	cr_expect_neq(wr_journal_ahead_idle_ns(j), UINT64_MAX);
	f->prepare_code = -EDQUOT;
	cr_expect_eq(wr_journal_ahead_code(j), -EDQUOT, "as the last file said");
	f->prepare_code = 0;
	f->ahead.makeable = 1;
	cr_expect_eq(wr_journal_ahead_code(j), 0, "one can be made");
	f->ahead.makeable = 0;
	f->prepare.busy = true;
	cr_expect_eq(wr_journal_ahead_code(j), 0, "one is being made");
	f->prepare.busy = false;
	cr_expect_eq(wr_journal_ahead_code(j), -ENOSPC);
	f->files_max = wr_segment_file_count(j->table);
	cr_expect_eq(wr_journal_ahead_code(j), WEIR_E_FULL);
	f->files_max = files_max;
}

/* It is told as a full disk is, and again that it is over. */
Test(room_ahead, a_writer_that_holds_data_back_is_told_why)
{
	uint32_t files_max = j->files.files_max;

	wr_store_release(&rig.link.held, 1);
	for (int i = 0; i < 2; i++) {
		j->files.files_max = i == 0 ? wr_segment_file_count(j->table) : files_max;
		j->files.ahead.makeable = i == 0 ? 0 : 1;
		j->options.drop_oldest = true;
		j->files.drop_wanted = false;
		wr_journal_room_note(j);
		cr_expect_eq(wr_load_relaxed(&j->cells.no_room_code),
			     i == 0 ? (uint32_t)-WEIR_E_FULL : 0u);
		cr_expect_eq(wr_load_relaxed(&rig.link.full), i == 0 ? 1u : 0u);
		cr_expect_eq(j->files.drop_wanted, i == 0);
	}
	j->options.drop_oldest = j->files.drop_wanted = false;
}

/* All that is there, or could be made, is kept for others: when that lasts, it is told. */
Test(room_ahead, and_also_when_what_is_there_is_not_for_data)
{
	struct wr_journal_files *f = &j->files;
	uint32_t files_max = f->files_max;

	wr_store_release(&rig.link.held, 1);
	for (int drops = 0; drops < 2; drops++) {
		j->options.drop_oldest = drops != 0;
		f->drop_wanted = false;
		f->ahead.held_ns = 0;
		f->ahead.makeable = 3;
		wr_journal_ahead_publish(j);
		uint64_t since_ns = f->ahead.held_ns;
		cr_assert_neq(since_ns, 0);
		wr_journal_room_note(j);
		cr_expect_eq(wr_load_relaxed(&rig.link.full), 0u, "a moment says nothing");
		wr_clock_sim_advance(disk->clock, drops != 0 ? WR_JOURNAL_RETRY_NS : 1000000000u);
		wr_journal_room_note(j);
		cr_expect_eq(wr_load_relaxed(&rig.link.full), 1u);
		cr_expect_eq(f->drop_wanted, drops != 0);
		f->files_max = wr_segment_file_count(j->table) + 3;
		cr_expect_eq(wr_journal_ahead_code(j), WEIR_E_FULL, "it is the limit of files");
		f->files_max++;
		cr_expect_eq(wr_journal_ahead_code(j), -ENOSPC, "it is the medium");
		f->files_max = files_max;
		/* More has come: the writer has to see that first. */
		wr_store_release(&rig.link.room_end, 0);
		wr_journal_ahead_publish(j);
		wr_journal_room_note(j);
		cr_expect_eq(wr_load_relaxed(&rig.link.full), 0u);
	}
	wr_store_release(&rig.link.held, 0);
	wr_journal_ahead_publish(j);
	cr_expect_eq(f->ahead.held_ns, 0u);
	j->options.drop_oldest = f->drop_wanted = false;
}

Test(room_ahead, how_many_segments_copies_want)
{
	uint32_t e = (uint32_t)j->files.extent_count;

	j->options.segments_ahead = 2;
	static const struct {
		uint32_t extents_less_one_segment, wanted;
	} cases[] = {{0, 0}, {1, 1}};
	wr_store_release(&rig.link.kept_extents, 0);
	cr_expect_eq(wr_journal_ahead_wanted(j), 0u);
	wr_store_release(&rig.link.kept_extents, 1);
	cr_expect_eq(wr_journal_ahead_wanted(j), 0u, "what is ready in any case is enough");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		wr_store_release(&rig.link.kept_extents, e + cases[i].extents_less_one_segment);
		cr_expect_eq(wr_journal_ahead_wanted(j), cases[i].wanted, "%zu", i);
	}
	wr_store_release(&rig.link.kept_extents, UINT32_MAX);
	cr_expect_eq(wr_journal_ahead_wanted(j), WR_JOURNAL_KEPT_MAX);
	wr_store_release(&rig.link.kept_extents, 0);
}

/* While data is held back it is looked at again and again, and else when a file came or went. */
Test(room_ahead, how_much_can_be_made_is_looked_at_when_it_may_be_another)
{
	struct wr_journal_ahead *a = &j->files.ahead;

	wr_journal_ahead_publish(j);
	uint64_t made = a->makeable;
	cr_assert_gt(made, 0u);
	a->makeable = 77;
	wr_journal_ahead_publish(j);
	cr_expect_eq(a->makeable, 77u, "nothing came, nothing went");
	wr_store_release(&rig.link.held, 1);
	a->look_at_ns = wr_clock_mono_ns(j->clock) + 1;
	wr_journal_ahead_publish(j);
	cr_expect_eq(a->makeable, 77u, "it is too early");
	wr_clock_sim_advance(disk->clock, 1000);
	wr_journal_ahead_publish(j);
	cr_expect_eq(a->makeable, made);
	/* Who cannot say how much is free leaves it to the file that is made. */
	a->looked = false;
	failing_put_on(j->storage, 1, -EIO);
	wr_journal_ahead_publish(j);
	cr_expect(failing_take_off(j->storage));
	cr_expect_eq(a->makeable, j->files.files_max - wr_segment_file_count(j->table));
	/* One that could not be made says that none can be. */
	j->files.prepare_code = -ENOSPC;
	wr_journal_ahead_publish(j);
	cr_expect_eq(a->makeable, 0u);
	j->files.prepare_code = 0;
	wr_journal_ahead_publish(j);
	cr_expect_eq(a->makeable, made);
}

Test(room_ahead, a_medium_that_cannot_say_is_not_low)
{
	struct wr_journal_stats s;

	j->options.low_space_bytes = 1;
	failing_put_on(j->storage, 1, -EIO);
	cr_expect_eq(wr_journal_room_look(j), 0);
	cr_expect(failing_take_off(j->storage));
	/* A quota is a want of room as a full disk is; with a mark its end is seen by looking. */
	wr_journal_room_made(j, -EDQUOT);
	wr_journal_stats(j, &s);
	cr_expect(s.low_space);
	wr_journal_room_made(j, 0);
	wr_journal_stats(j, &s);
	cr_expect(s.low_space);
	cr_expect_eq(wr_journal_room_look(j), 0);
	wr_journal_stats(j, &s);
	cr_expect_not(s.low_space);
	j->options.low_space_bytes = 0;
	wr_journal_room_made(j, -ENOSPC);
	wr_journal_room_made(j, -EIO);
	wr_journal_stats(j, &s);
	cr_expect(s.low_space, "another failure says nothing of room");
	wr_journal_room_made(j, 0);
	wr_journal_stats(j, &s);
	cr_expect_not(s.low_space);
}
