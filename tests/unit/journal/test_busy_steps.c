/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   while something else is under way, or has failed, or the journal closes, each part of the
 *         step waits, takes another way, or leaves it for good, as its rule says: files, packing,
 *         erasing, retention of topics.
 * Method: a journal that rests; what is under way is put into its place by hand, and taken out.
 */
#include "tests/support/failing_storage.h"
#include "tests/unit/journal/leaving_bed.h"

#define SECOND_NS 1000000000ull

TestSuite(busy_steps, .init = setup, .fini = teardown);

/* --- the journal ------------------------------------------------------------------------------ */

Test(busy_steps, an_answer_that_was_not_looked_at_keeps_it_from_rest)
{
	struct wr_journal_files *f = &j->files;
	bool *const answers[] = {&f->prepare.done, &f->removal.task.done, &f->going_task.done};

	cr_assert(journal_rig_settle(&rig));
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		cr_expect(wr_journal_is_idle(j));
		*answers[i] = true;
		cr_expect_not(wr_journal_is_idle(j), "%zu", i);
		*answers[i] = false;
	}
}

/* A file that was removed has left its handle in the table, where another may have it since. */
Test(busy_steps, what_failed_is_told_of_the_file_that_is_there)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	cr_assert(journal_rig_settle(&rig));
	const uint32_t current = wr_segment_file(&rig.table.segments[j->files.current]);
	uint32_t gone = wr_segment_add(&rig.table, current, 900);
	cr_assert_gt(gone, j->files.current);
	wr_segment_remove(&rig.table, gone);
	wr_segment_name(name, 0, rig.table.segments[j->files.current].file_number);
	const struct wr_io io = {.file = current};
	wr_journal_note_failure(j, -EIO, "the test", &io);
	(void)journal_rig_step(&rig);
	cr_expect(journal_rig_failed(&rig));
	cr_expect_str_eq(j->problem.field, name);
}

/* --- files ------------------------------------------------------------------------------------ */

static uint32_t a_spare(void)
{
	cr_assert(journal_rig_settle(&rig));
	uint32_t index = wr_journal_spare_pick(j);

	if (index == WR_JOURNAL_NONE) {
		uint32_t file;
		cr_assert_eq(rig.storage->ops->file_open(rig.storage, "0-00000900.seg",
							 WR_FILE_CREATE, &file),
			     0);
		wr_journal_file_add(j, file, 900);
		index = wr_journal_spare_pick(j);
	}
	cr_assert_neq(index, WR_JOURNAL_NONE);
	return index;
}

/* I4: what stood in a file that cannot be opened, or written to, comes back if it was a tail. */
Test(busy_steps, what_was_trimmed_stops_recycling_when_its_file_fails)
{
	for (int trimmed = 0; trimmed < 2; trimmed++) {
		uint32_t index = a_spare();
		rig.table.segments[index].trimmed = trimmed != 0;
		failing_put_on(rig.storage, 1, -EIO);
		cr_expect_eq(wr_journal_spare_open(j, index), -EIO);
		cr_expect(failing_take_off(rig.storage));
		cr_expect_eq(j->files.recycle_stopped, trimmed != 0);
		j->files.recycle_stopped = false;
	}
	for (int trimmed = 0; trimmed < 2; trimmed++) {
		uint32_t index = a_spare();
		rig.table.segments[index].trimmed = trimmed != 0;
		cr_assert_eq(wr_journal_spare_open(j, index), 0);
		wr_journal_ready_begin(j, index);
		cr_expect_eq((int)j->files.header_phase, (int)WR_JOURNAL_READY_HEADER);
		wr_journal_ready_advance(j, -EIO);
		cr_expect_eq(j->files.recycle_stopped, trimmed != 0);
		j->files.recycle_stopped = false;
	}
	cr_expect_eq(j->failure.code, 0);
}

/* A spare that is being removed, and of which only the directory could not be synced. */
static void fail_removal(uint64_t retired_id, bool trimmed)
{
	struct wr_journal_removal *r = &j->files.removal;
	uint32_t index = a_spare();

	wr_journal_spare_take(j, index);
	j->files.retired_id[index] = retired_id;
	rig.table.segments[index].trimmed = trimmed;
	rig.table.segments[index].state = WR_SEGMENT_REMOVING;
	r->index = index;
	r->task.io = (struct wr_io){.result = -EIO, .file = WR_STORAGE_NO_FILE};
	r->task.done = true;
	cr_expect_eq(wr_journal_removal_step(j, 0), 1);
	cr_expect(r->stopped && j->erasing.is_stuck);
	r->stopped = j->erasing.is_stuck = false;
}

/* Again I4: it may come back, which costs only where something stood in it that was the log. */
Test(busy_steps, a_removal_that_may_not_last_stops_recycling_of_what_was_in_the_log)
{
	fail_removal(WR_JOURNAL_BLANK, false);
	cr_expect_not(j->files.recycle_stopped);
	fail_removal(WR_JOURNAL_BLANK, true);
	cr_expect(j->files.recycle_stopped);
	j->files.recycle_stopped = false;
	fail_removal(1, false);
	cr_expect(j->files.recycle_stopped);
	j->files.recycle_stopped = false;
}

/* Where keys are erased it is not used again; the superblock has it still. */
static uint32_t a_stale_spare(void)
{
	uint32_t index = a_spare();

	wr_journal_spare_take(j, index);
	j->files.retired_id[index] = j->superblock.oldest_segment_id;
	wr_journal_spare_add(j, index);
	return index;
}

Test(busy_steps, what_was_erased_goes_behind_the_write_that_is_under_way)
{
	struct wr_journal_files *f = &j->files;
	uint32_t index = a_stale_spare();

	cr_expect_lt(wr_journal_removal_idle_ns(j), SECOND_NS, "it is looked after");
	cr_expect_gt(wr_journal_removal_idle_ns(j), 0u);
	f->header_phase = WR_JOURNAL_READY_ENTER;
	cr_expect_eq(wr_journal_removal_step(j, 0), 0);
	cr_expect_eq((int)f->header_phase, (int)WR_JOURNAL_READY_ENTER);
	f->header_phase = WR_JOURNAL_READY_NONE;
	cr_expect_eq(wr_journal_removal_step(j, 0), 1);
	cr_expect_eq((int)f->header_phase, (int)WR_JOURNAL_READY_RELEASE);
	/* As long as the log has it there, it stays. */
	cr_expect_eq((int)rig.table.segments[index].state, (int)WR_SEGMENT_SPARE);
}

Test(busy_steps, what_is_not_used_any_more_is_removed_when_its_time_is_over)
{
	struct wr_journal_removal *r = &j->files.removal;

	(void)a_spare();
	cr_assert_gt(wr_journal_pickable(j), 0u);
	r->window_ns = wr_clock_mono_ns(j->clock);
	uint64_t left_ns = wr_journal_removal_idle_ns(j);
	cr_assert(left_ns > 0 && left_ns < 60 * SECOND_NS);
	wr_clock_sim_advance(disk->clock, left_ns);
	cr_expect_eq(wr_journal_removal_idle_ns(j), 0u);
	r->window_ns = wr_clock_mono_ns(j->clock);
}

/* Of what cannot leave yet it is told how far it goes, and nobody is woken for it again. */
Test(busy_steps, what_retention_waits_for_is_told_once)
{
	cr_assert(journal_rig_settle(&rig));
	nobody_needs_anything();
	wr_store_release(&rig.link.needed_seq, (uint64_t)1); /* but somebody all of it */
	j->checkpoint.file_bytes = 1;
	j->options.retention_bytes = 1;
	for (int i = 0; i < 2; i++) {
		j->moved = false;
		cr_expect_eq(wr_journal_segments_retire(j), 0);
		cr_expect_eq(j->moved, i == 0);
		cr_expect_gt(wr_load_relaxed(&rig.link.wanted_seq), 1u);
	}
	j->options.retention_bytes = 0;
	cr_expect_eq(wr_journal_segments_retire(j), 0);
	cr_expect_eq(wr_load_relaxed(&rig.link.wanted_seq), 0u);
	cr_expect_not(j->moved, "nobody waits for that");
	/* Nor is anything wanted where no segment may leave. */
	j->options.retention_bytes = 1;
	(void)wr_journal_segments_retire(j);
	j->checkpoint.file_bytes = 0;
	cr_expect_eq(wr_journal_segments_retire(j), 0);
	cr_expect_eq(wr_load_relaxed(&rig.link.wanted_seq), 0u);
	j->options.retention_bytes = 0;
}

/* --- files of packed segments ----------------------------------------------------------------- */

Test(busy_steps, the_superblock_is_written_for_any_file_that_it_still_counts)
{
	const uint64_t recorded = j->superblock.oldest_segment_id;
	const uint64_t ids[][2] = {{0, 0}, {0, recorded}, {recorded, 0}};
	uint32_t first = wr_segment_add(&rig.table, 0, 901);
	uint32_t last = wr_segment_add(&rig.table, 0, 902);

	cr_expect_not(wr_journal_packed_waits(j), "there is none");
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		wr_journal_packed_retired(j, first, ids[i][0]);
		wr_journal_packed_retired(j, last, ids[i][1]);
		cr_expect_eq(wr_journal_packed_waits(j), i > 0, "%zu", i);
		j->files.going = (struct wr_journal_spares){.count = 0};
	}
}

Test(busy_steps, who_closes_or_has_failed_begins_no_removal)
{
	struct wr_journal_files *f = &j->files;
	uint32_t index = a_spare();

	wr_journal_spare_take(j, index);
	wr_journal_packed_retired(j, index, 0);
	for (int i = 0; i < 3; i++) {
		j->closing = i == 0;
		j->failure.code = i == 1 ? -EIO : 0;
		(void)wr_journal_packed_step(j);
		cr_expect_eq(f->going.count, i < 2 ? 1u : 0u, "%d", i);
		cr_expect_eq(f->going_task.busy, i == 2, "%d", i);
	}
	cr_expect_eq(f->going_index, index);
	cr_expect(journal_rig_settle(&rig));
	cr_expect_eq(f->going_index, WR_JOURNAL_NONE);
}

/* --- packing and erasing ---------------------------------------------------------------------- */

Test(busy_steps, who_closes_asks_for_no_packing)
{
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	j->superblock.features_must |= WR_SUPERBLOCK_PACKED;
	j->packing.wanted = true;
	j->closing = true;
	cr_expect_eq(wr_journal_packing_step(j), 0);
	cr_expect_eq(wr_load_relaxed(&j->packer->state), (uint32_t)WR_PACKER_IDLE);
	j->closing = false;
	cr_expect_eq(wr_journal_packing_step(j), 1);
	cr_expect_eq(wr_load_relaxed(&j->packer->state), (uint32_t)WR_PACKER_ASKED);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_PACK);
}

Test(busy_steps, erasing_asks_for_what_a_segment_lacks_once)
{
	struct wr_journal_erasing *e = &j->erasing;
	uint64_t durable_seq = j->durable_seq;

	nobody_needs_anything();
	e->phase = WR_JOURNAL_ERASES;
	e->end_seq = UINT64_MAX;
	/* All is in memory, as far as anybody knows: the log is to go on. */
	j->options.compact.chunks_in_memory = 1000;
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(erase_step(), i == 0 ? 1 : 0);
		cr_expect_eq(wr_load_relaxed(&rig.link.roll_past_id), j->files.newest_live_id);
		cr_expect_eq(wr_load_relaxed(&rig.link.gate_seq), 0u);
	}
	j->options.compact.chunks_in_memory = 0;
	/* The end of the segment is not durable. */
	j->durable_seq = 0;
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(erase_step(), i == 0 ? 1 : 0);
		cr_expect_eq(wr_load_relaxed(&rig.link.gate_seq),
			     wr_load_relaxed(&wr_segment_live(&rig.table, 1)->first_seq));
		cr_expect_eq(wr_load_relaxed(&j->cells.erase_waits_for),
			     (uint32_t)WR_JOURNAL_WAITS_LOG);
	}
	j->durable_seq = durable_seq;
	cr_expect_eq(erase_step(), 1);
	cr_expect_eq(wr_load_relaxed(&rig.link.gate_seq), 0u);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_ERASE);
	e->phase = WR_JOURNAL_ERASES_NOT;
}

Test(busy_steps, erasing_waits_for_each_file_that_is_on_its_way)
{
	struct wr_journal_erasing *e = &j->erasing;
	uint32_t *const under_way[] = {&j->files.going_index, &j->files.removal.index};

	cr_assert(journal_rig_settle(&rig));
	for (size_t i = 0; i < sizeof under_way / sizeof under_way[0]; i++) {
		e->phase = WR_JOURNAL_ERASES_FILES;
		*under_way[i] = 0;
		cr_expect_eq(erase_step(), 0);
		cr_expect_eq((int)e->phase, (int)WR_JOURNAL_ERASES_FILES, "%zu", i);
		*under_way[i] = WR_JOURNAL_NONE;
		cr_expect_eq(erase_step(), 1);
		cr_expect_eq((int)e->phase, (int)WR_JOURNAL_ERASES_RECORD, "%zu", i);
	}
	e->phase = WR_JOURNAL_ERASES_NOT;
}

/* The write was under way when the pass ended, and says what there was then. */
Test(busy_steps, a_record_of_before_is_no_record_of_this_pass)
{
	struct wr_journal_erasing *e = &j->erasing;

	e->phase = WR_JOURNAL_ERASES_RECORD;
	e->end_seq = 5;
	for (uint64_t seq = 4; seq <= 5; seq++) {
		j->superblock.erased_seq = seq;
		wr_journal_erase_recorded(j);
		cr_expect_eq(e->phase == WR_JOURNAL_ERASES_NOT, seq == 5, "%lu", seq);
		cr_expect_eq(wr_load_relaxed(&rig.link.erased_seq), seq == 5 ? 5u : 0u);
	}
}

/* --- retention of topics ---------------------------------------------------------------------- */

/* Segments that all topics are past leave as a whole, where segments may leave at all. */
Test(busy_steps, what_all_topics_are_past_is_written_anew_only_if_it_cannot_go)
{
	cr_assert(journal_rig_settle(&rig));
	nobody_needs_anything();
	j->superblock.features_must |= WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;
	j->age.now_us = UINT64_MAX / 2;
	for (uint32_t topic = 0; topic < TOPICS; topic++)
		wr_store_relaxed(&retires[topic].time_us, (uint64_t)1);
	for (int i = 0; i < 3; i++) {
		j->checkpoint.file_bytes = i == 0 ? 0 : 1;
		j->files.recycle_stopped = i == 1;
		cr_expect_eq(retire_step(), i < 2 ? 1 : 0, "%d", i);
		if (i < 2)
			cr_expect_eq(j->retiring.at, wr_load_relaxed(&rig.table.oldest));
	}
	j->checkpoint.file_bytes = 0;
	for (uint32_t topic = 0; topic < TOPICS; topic++)
		wr_store_relaxed(&retires[topic].time_us, (uint64_t)0);
}

Test(busy_steps, who_keeps_other_bytes_asks_for_something_else)
{
	struct wr_retire *retire = &j->packer->retire;

	(void)retire_step();
	retire->passed[0] = 1;
	retire->passed[1] = 0;
	cr_expect(wr_retire_all_ask_as_seen(retire) && wr_retire_passed_ask_as_seen(retire));
	wr_store_relaxed(&retires[1].bytes, (uint64_t)77);
	cr_expect_not(wr_retire_all_ask_as_seen(retire));
	cr_expect(wr_retire_passed_ask_as_seen(retire), "this one is not about it");
	wr_store_relaxed(&retires[1].bytes, (uint64_t)0);
	wr_store_relaxed(&retires[0].bytes, (uint64_t)77);
	cr_expect_not(wr_retire_passed_ask_as_seen(retire));
	wr_store_relaxed(&retires[0].bytes, (uint64_t)0);
	wr_store_relaxed(&retires[0].time_us, (uint64_t)77);
	cr_expect_not(wr_retire_all_ask_as_seen(retire));
	wr_store_relaxed(&retires[0].time_us, (uint64_t)0);
	cr_expect(wr_retire_all_ask_as_seen(retire));
}

/* What is to be counted still is counted as it is by then. */
Test(busy_steps, what_was_not_counted_is_not_counted_again)
{
	struct wr_retire_state s = {.counts = false};

	wr_retire_count_anew(&s, 10);
	for (uint64_t at = 10; at < 13; at++)
		wr_retire_count(&s, at, 100, 1000);
	wr_retire_count_again(&s, 13, 10);
	cr_expect_eq(s.counted_at, 13u);
	cr_expect_eq(s.counted_bytes, 300u);
	wr_retire_count_again(&s, 12, 10);
	cr_expect_eq(s.counted_at, 12u);
	cr_expect_eq(s.counted_bytes, 200u);
}
