/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what the journal step makes of each answer that a packer can give when events were to
 *         leave a segment: what failed is counted and tried again, what cannot be done stays as it
 *         is, and of a segment that has left the log meanwhile nothing is made at all.
 * Method: a journal with segments, whose packer is never stepped; its answers are put into its
 *         place by hand.
 */
#include "tests/unit/journal/leaving_bed.h"

TestSuite(leaving_answers, .init = setup, .fini = teardown);

static uint64_t failures(void)
{
	struct wr_journal_stats s;

	wr_journal_stats(j, &s);
	return s.pack_failures;
}

/* Of the oldest segment; `has_left`: it is not in the log any more. How many failures it was. */
static uint64_t answer(enum wr_packer_task task, int result, uint64_t left_out_count, bool has_left)
{
	struct wr_packer *packer = j->packer;
	struct wr_segment *s = wr_segment_live(&rig.table, 0);
	uint64_t before = failures();

	packer->task = task;
	packer->result = result;
	packer->left_out_count = left_out_count;
	packer->job.segment_id = wr_load_relaxed(&s->segment_id) + (has_left ? 100 : 0);
	packer->job.end_seq = wr_load_relaxed(&wr_segment_live(&rig.table, 1)->first_seq);
	j->retiring.index = j->erasing.index = j->compaction.index =
		(uint32_t)(s - rig.table.segments);
	j->retiring.at = j->erasing.at = j->compaction.at = wr_load_relaxed(&rig.table.oldest);
	wr_store_release(&packer->state, (uint32_t)WR_PACKER_DONE);
	cr_assert_eq(wr_journal_packing_step(j), 1);
	cr_expect_eq(wr_load_relaxed(&packer->state), (uint32_t)WR_PACKER_IDLE);
	return failures() - before;
}

Test(leaving_answers, of_a_topics_retention)
{
	struct wr_retire_state *states = j->packer->retire.states;
	struct wr_journal_retiring *r = &j->retiring;

	j->packer->retire.passed[0] = 1;
	j->packer->retire.passed[1] = 0;
	states[0].done_at = states[1].done_at = 0;
	/* It would become no smaller: it is asked for once more, in any case, and then failed. */
	cr_expect_eq(answer(WR_PACKER_RETIRE, WEIR_E_FULL, 5, false), 0u);
	cr_expect(r->is_certain);
	cr_expect_eq(answer(WR_PACKER_RETIRE, WEIR_E_FULL, 5, false), 1u);
	cr_expect_gt(r->retry_at_ns, wr_clock_mono_ns(j->clock));
	cr_expect_eq(states[0].done_at, 0u);
	/* Somebody went back: later, and it is no failure. */
	r->look_at_ns = 7;
	cr_expect_eq(answer(WR_PACKER_RETIRE, WEIR_E_AGAIN, 5, false), 0u);
	cr_expect_eq(r->look_at_ns, 7u);
	cr_expect_eq(answer(WR_PACKER_RETIRE, -EIO, 0, true), 0u, "its segment has left");
	cr_expect_eq(r->look_at_ns, 0u);
	cr_expect_eq(answer(WR_PACKER_RETIRE, -EIO, 0, false), 1u);
	/* Damaged, or nothing of it was there: done with. */
	cr_expect_eq(answer(WR_PACKER_RETIRE, WEIR_E_CORRUPT, 0, false), 1u);
	cr_expect_not(r->is_certain);
	cr_expect_eq(states[0].done_at, r->at + 1);
	cr_expect_eq(states[1].done_at, 0u, "of another topic");
	states[0].done_at = 0;
	cr_expect_eq(answer(WR_PACKER_RETIRE, WEIR_E_FULL, 0, false), 0u);
	cr_expect_eq(states[0].done_at, r->at + 1);
	states[0].done_at = r->at + 9;
	cr_expect_eq(answer(WR_PACKER_RETIRE, WEIR_E_FULL, 0, false), 0u);
	cr_expect_eq(states[0].done_at, r->at + 9, "it was further already");
}

Test(leaving_answers, of_what_was_counted)
{
	struct wr_retire *retire = &j->packer->retire;
	uint64_t at = wr_load_relaxed(&rig.table.oldest);

	for (uint32_t topic = 0; topic < TOPICS; topic++) {
		wr_store_relaxed(&retires[topic].bytes, (uint64_t)1 << 30);
		wr_retire_count_anew(&retire->states[topic], at);
		retire->counts[topic] = 100;
	}
	retire->states[1].counted_at = at + 1; /* it has this one */
	(void)answer(WR_PACKER_COUNT, WEIR_E_FULL, 0, false);
	cr_expect_eq(retire->states[0].counted_bytes, 100u);
	cr_expect_eq(retire->states[0].counted_at, at + 1);
	cr_expect_eq(retire->states[1].counted_bytes, 0u);
	/* What is damaged counts for nothing. */
	wr_retire_count_anew(&retire->states[0], at);
	retire->states[1].counts = false;
	(void)answer(WR_PACKER_COUNT, WEIR_E_CORRUPT, 0, false);
	cr_expect_eq(retire->states[0].counted_bytes, 0u);
	cr_expect_eq(retire->states[0].counted_at, at + 1);
	/* What something else takes is counted again, of topics that count. */
	wr_journal_retire_left_out(j, at);
	cr_expect_eq(retire->states[0].counted_at, at);
	cr_expect_eq(retire->states[1].counted_at, at + 1);
	for (uint32_t topic = 0; topic < TOPICS; topic++)
		wr_store_relaxed(&retires[topic].bytes, (uint64_t)0);
}

Test(leaving_answers, of_compaction)
{
	struct wr_journal_compaction *c = &j->compaction;

	c->phase = WR_JOURNAL_COMPACTS_TABLE;
	cr_expect_eq(answer(WR_PACKER_TABLE, -EIO, 0, false), 1u);
	cr_expect_eq((int)c->phase, (int)WR_JOURNAL_COMPACTS_NOT);
	j->packer->pass_end_seq = j->packer->pass.from_seq = 3;
	cr_expect_eq(answer(WR_PACKER_TABLE, 0, 0, false), 0u);
	cr_expect_eq((int)c->phase, (int)WR_JOURNAL_COMPACTS_NOT, "all of it is too young");
	j->packer->pass_end_seq = 9;
	cr_expect_eq(answer(WR_PACKER_TABLE, 0, 0, false), 0u);
	cr_expect_eq((int)c->phase, (int)WR_JOURNAL_COMPACTS);
	cr_expect_eq(answer(WR_PACKER_COMPACT, WEIR_E_FULL, 0, false), 0u);
	cr_expect_not(c->has_failed, "nothing was to leave");
	cr_expect_eq(answer(WR_PACKER_COMPACT, WEIR_E_FULL, 4, false), 1u);
	cr_expect(c->has_failed, "what should have left is there");
	c->has_failed = false;
	cr_expect_eq(answer(WR_PACKER_COMPACT, -EIO, 0, false), 1u);
	cr_expect(c->has_failed);
	cr_expect_eq((int)c->phase, (int)WR_JOURNAL_COMPACTS);
	cr_expect_eq(answer(WR_PACKER_COMPACT, WEIR_E_AGAIN, 0, false), 0u);
	cr_expect_eq((int)c->phase, (int)WR_JOURNAL_COMPACTS_NOT, "somebody went back");
}

Test(leaving_answers, of_erasing)
{
	struct wr_journal_erasing *e = &j->erasing;

	e->phase = WR_JOURNAL_ERASES;
	cr_expect_eq(answer(WR_PACKER_ERASE, WEIR_E_FULL, 0, false), 0u);
	cr_expect_not(e->has_failed);
	cr_expect_eq(answer(WR_PACKER_ERASE, -EIO, 0, true), 0u);
	cr_expect_not(e->has_failed, "its file goes as others do");
	cr_expect_eq(answer(WR_PACKER_ERASE, WEIR_E_FULL, 4, false), 1u);
	cr_expect(e->has_failed);
	e->has_failed = false;
	cr_expect_eq(answer(WR_PACKER_ERASE, -EIO, 0, false), 1u);
	cr_expect(e->has_failed);
	e->has_failed = false;
	uint64_t at = wr_load_relaxed(&rig.table.oldest);
	cr_expect_eq(answer(WR_PACKER_ERASE, WEIR_E_AGAIN, 0, false), 0u);
	cr_expect_eq(e->at, at, "it is asked for again");
	cr_expect_gt(e->look_at_ns, 0u);
	/* What lies beside the log. */
	e->phase = WR_JOURNAL_ERASES_BESIDE;
	cr_expect_eq(answer(WR_PACKER_BESIDE, WEIR_E_AGAIN, 0, false), 0u);
	cr_expect_eq((int)e->phase, (int)WR_JOURNAL_ERASES_BESIDE);
	cr_expect_not(e->has_failed);
	(void)answer(WR_PACKER_BESIDE, -EIO, 0, false);
	cr_expect_eq((int)e->phase, (int)WR_JOURNAL_ERASES_FILES);
	cr_expect(e->has_failed);
	e->phase = WR_JOURNAL_ERASES_NOT;
}

/* --- when it is asked for --------------------------------------------------------------------- */

static int compaction_step(void)
{
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	return wr_journal_compaction_step(j, wr_clock_mono_ns(j->clock));
}

Test(leaving_answers, compaction_goes_on_where_it_may)
{
	struct wr_journal_compaction *c = &j->compaction;
	uint32_t files_max = j->files.files_max;
	uint64_t durable_seq = j->durable_seq;

	nobody_needs_anything();
	j->durable_seq = 0;
	cr_expect_not(wr_journal_may_write_anew(j, 0, UINT64_MAX), "what follows is not durable");
	j->durable_seq = durable_seq;
	cr_expect(wr_journal_may_write_anew(j, 0, UINT64_MAX));
	c->phase = WR_JOURNAL_COMPACTS;
	c->pass_end_seq = UINT64_MAX;
	c->at = 0;
	j->files.prepare.done = true;
	cr_expect_eq(compaction_step(), 0, "a file was made just now");
	j->files.prepare.done = false;
	c->look_at_ns = UINT64_MAX;
	cr_expect_eq(compaction_step(), 0);
	c->look_at_ns = 0;
	j->files.files_max = wr_segment_file_count(&rig.table);
	cr_expect_eq(compaction_step(), 0, "no file can be made");
	cr_expect_gt(c->look_at_ns, wr_clock_mono_ns(j->clock));
	j->files.files_max = files_max;
	c->look_at_ns = 0;
	cr_expect_eq(compaction_step(), 1);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_COMPACT);
	/* What the pass was about has left as a whole, but for the newest. */
	c->at = wr_load_relaxed(&rig.table.newest_end) - 1;
	cr_expect_eq(compaction_step(), 1);
	cr_expect_eq((int)c->phase, (int)WR_JOURNAL_COMPACTS_NOT);
}

/* One that found no room for all keys is followed by another, however little has come since. */
Test(leaving_answers, a_pass_that_was_cut_is_gone_on_with_for_little)
{
	struct wr_journal_compaction *c = &j->compaction;
	uint32_t live = wr_segment_live_count(&rig.table);

	nobody_needs_anything();
	j->superblock.features_must |= WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;
	wr_store_relaxed(&policies[0], (uint64_t)1 << 32);
	(void)wr_compact_look(&j->packer->compact);
	c->clean_end_seq = wr_load_relaxed(&wr_segment_live(&rig.table, live - 2)->first_seq);
	c->look_at_ns = 0;
	cr_expect_eq(compaction_step(), 0, "as much again is waited for");
	c->look_at_ns = 0;
	c->is_cut = true;
	cr_expect_eq(compaction_step(), 1);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_TABLE);
	c->phase = WR_JOURNAL_COMPACTS_NOT;
	wr_store_relaxed(&policies[0], (uint64_t)0);
}

Test(leaving_answers, erasing_asks_the_log_once_and_goes_on_where_it_may)
{
	struct wr_journal_erasing *e = &j->erasing;
	uint32_t files_max = j->files.files_max;

	nobody_needs_anything();
	e->phase = WR_JOURNAL_ERASES;
	e->end_seq = UINT64_MAX;
	j->files.prepare.done = true;
	cr_expect_eq(erase_step(), 0, "a file was made just now");
	j->files.prepare.done = false;
	wr_store_release(&rig.link.needed_seq, (uint64_t)0);
	cr_expect_eq(erase_step(), 1, "a reader is behind: the log is asked");
	cr_expect_neq(wr_load_relaxed(&rig.link.gate_seq), 0u);
	cr_expect_eq(erase_step(), 0, "and not again");
	wr_store_release(&rig.link.needed_seq, UINT64_MAX);
	j->files.files_max = wr_segment_file_count(&rig.table);
	cr_expect_eq(erase_step(), 0, "no file can be made");
	cr_expect_eq(wr_load_relaxed(&j->cells.erase_waits_for), (uint32_t)WR_JOURNAL_WAITS_ROOM);
	j->files.files_max = files_max;
	cr_expect_eq(erase_step(), 1);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_ERASE);
	/* All that there was has been looked at. */
	e->at = wr_load_relaxed(&rig.table.newest_end);
	cr_expect_eq(erase_step(), 1);
	cr_expect_eq((int)e->phase, (int)WR_JOURNAL_ERASES_BESIDE);
	e->phase = WR_JOURNAL_ERASES_NOT;
}

/* What is made without events takes no place while somebody may still have to count them. */
Test(leaving_answers, what_is_made_waits_for_who_went_back)
{
	wr_store_release(&rig.link.needed_seq, (uint64_t)0);
	j->packer->result = 0;
	j->packer->job.end_seq = 10;
	j->packer->task = WR_PACKER_COMPACT;
	wr_store_release(&j->packer->state, (uint32_t)WR_PACKER_DONE);
	cr_expect_eq(wr_journal_packing_step(j), 0);
	cr_expect_eq(wr_load_relaxed(&rig.link.gate_seq), 0u, "the next pass comes by itself");
	j->packer->task = WR_PACKER_ERASE;
	cr_expect_eq(wr_journal_packing_step(j), 0);
	cr_expect_eq(wr_load_relaxed(&rig.link.gate_seq), 10u, "erasing asks for it");
	cr_expect_eq(wr_load_relaxed(&j->packer->state), (uint32_t)WR_PACKER_DONE);
}

/* Until when the step need not be called; and who closes asks for nothing more. */
Test(leaving_answers, who_closes_has_nothing_to_wait_for)
{
	uint64_t now_ns = wr_clock_mono_ns(j->clock);

	wr_store_relaxed(&policies[0], (uint64_t)1 << 32);
	wr_store_relaxed(&retires[0].bytes, (uint64_t)1);
	wr_store_release(&erase_end_seq, (uint64_t)5);
	cr_expect_lt(wr_journal_compaction_idle_ns(j, now_ns), UINT64_MAX);
	cr_expect_lt(wr_journal_erase_idle_ns(j, now_ns), UINT64_MAX);
	cr_expect_lt(wr_journal_retire_idle_ns(j, now_ns), UINT64_MAX);
	j->closing = true;
	cr_expect_eq(wr_journal_compaction_idle_ns(j, now_ns), UINT64_MAX);
	cr_expect_eq(wr_journal_erase_idle_ns(j, now_ns), UINT64_MAX);
	cr_expect_eq(wr_journal_retire_idle_ns(j, now_ns), UINT64_MAX);
	cr_expect_eq(wr_journal_removal_idle_ns(j), UINT64_MAX);
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	j->packing.wanted = true;
	cr_expect_eq(wr_journal_packing_idle_ns(j), UINT64_MAX);
	j->closing = false;
	wr_store_release(&erase_end_seq, (uint64_t)0);
	wr_store_relaxed(&retires[0].bytes, (uint64_t)0);
	wr_store_relaxed(&policies[0], (uint64_t)0);
	/* A checkpoint is under way. */
	cr_assert(journal_rig_settle(&rig));
	cr_expect(wr_journal_is_idle(j));
	j->checkpoint.phase = WR_JOURNAL_CHECKPOINT_BODY;
	cr_expect_not(wr_journal_is_idle(j));
	j->checkpoint.phase = WR_JOURNAL_CHECKPOINT_NONE;
}

Test(leaving_answers, packing_waits_for_a_file_and_keeps_its_round)
{
	struct wr_journal_packing *p = &j->packing;

	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	p->wanted = true;
	p->retry_at_ns = 0;
	j->files.prepare.done = true;
	cr_expect_eq(wr_journal_packing_step(j), 0);
	cr_expect(p->wanted);
	j->files.prepare.done = false;
	/* All is looked at, before the round of those that failed has come to its end. */
	p->at = wr_load_relaxed(&rig.table.newest_end);
	p->round_end = p->at + 1;
	p->round_ns = 5;
	cr_expect_eq(wr_journal_packing_step(j), 0);
	cr_expect_eq(p->round_ns, 5u);
	p->round_end = p->at;
	p->wanted = true;
	cr_expect_eq(wr_journal_packing_step(j), 0);
	cr_expect_eq(p->round_ns, 0u);
}

/* --- retention's clock, and what it waits for ------------------------------------------------- */

Test(leaving_answers, retention_by_time_wakes_whom_it_waits_for)
{
	struct wr_journal_age *a = &j->age;

	j->options.retention_time_ns = 1;
	a->now_us = UINT64_MAX / 2;
	cr_expect_eq(wr_journal_age_idle_ns(j), UINT64_MAX, "what changes that says so");
	wr_store_seq(&rig.link.asking, 1u);
	cr_expect_lt(wr_journal_age_idle_ns(j), UINT64_MAX, "who asks for a place does not");
	wr_store_seq(&rig.link.asking, 0u);
	j->options.retention_time_ns = UINT64_MAX;
	a->now_us = a->append_us = 1;
	cr_expect_eq(wr_journal_age_idle_ns(j), UINT64_MAX, "in more than 584 years");
	j->options.retention_time_ns = 0;
	/* Its clock is behind the log: of no topic anything is too old. */
	wr_store_relaxed(&retires[0].time_us, (uint64_t)1);
	cr_expect_eq(retire_step(), 0);
	cr_expect_eq(j->packer->retire.states[0].floor_at, wr_load_relaxed(&rig.table.oldest));
	wr_store_relaxed(&retires[0].time_us, (uint64_t)0);
	/* What follows is not durable: the one before it is counted later. */
	uint64_t durable_seq = j->durable_seq;
	wr_store_relaxed(&retires[0].bytes, (uint64_t)1 << 30);
	j->durable_seq = 0;
	cr_expect_eq(retire_step(), 0);
	j->durable_seq = durable_seq;
	cr_expect_eq(retire_step(), 1);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_COUNT);
	wr_store_relaxed(&retires[0].bytes, (uint64_t)0);
}

Test(leaving_answers, a_quota_is_a_full_disk)
{
	static const int codes[] = {-ENOSPC, -EDQUOT, WEIR_E_FULL, -EIO};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		j->options.drop_oldest = true;
		j->files.drop_wanted = false;
		wr_journal_drop_if_wanted(j, codes[i]);
		cr_expect_eq(j->files.drop_wanted, codes[i] != -EIO, "%d", codes[i]);
		j->options.drop_oldest = j->files.drop_wanted = false;
		wr_journal_drop_if_wanted(j, codes[i]);
		cr_expect_not(j->files.drop_wanted);
	}
}

Test(leaving_answers, a_topics_retention_waits_for_what_it_needs)
{
	struct wr_journal_retiring *r = &j->retiring;
	uint32_t files_max = j->files.files_max;
	uint64_t seq = wr_load_relaxed(&wr_segment_live(&rig.table, 1)->first_seq);

	cr_expect_eq(retire_step(), 0, "no topic asks");
	r->all_at = 1;
	cr_expect_eq(retire_step(), 0, "none asks any more");
	cr_expect_eq(r->all_at, 0u);
	wr_store_relaxed(&retires[0].bytes, (uint64_t)1);
	wr_store_relaxed(&defined, (uint64_t)0);
	cr_expect_eq(retire_step(), 0, "the one that asks is not there yet");
	r->all_at = 1;
	cr_expect_eq(retire_step(), 0);
	cr_expect_eq(r->all_at, 0u);
	wr_store_relaxed(&defined, (uint64_t)TOPICS);
	j->files.prepare.busy = true;
	cr_expect_eq(retire_step(), 0, "a file is being made");
	j->files.prepare.busy = false;
	j->files.prepare.done = true;
	cr_expect_eq(retire_step(), 0, "or was, just now");
	j->files.prepare.done = false;
	j->closing = true;
	cr_expect_eq(retire_step(), 0);
	j->closing = false;
	nobody_needs_anything();
	/* First all that is sealed is counted; each segment has more than it keeps. */
	uint32_t counted = 0;
	while (retire_step() == 1 && j->packer->task == WR_PACKER_COUNT && counted < 100) {
		uint64_t at = r->at;
		j->packer->retire.counts[0] = 4000;
		j->packer->result = WEIR_E_FULL;
		wr_journal_retire_answer(j);
		cr_expect_eq(j->packer->retire.states[0].counted_at, at + 1);
		counted++;
	}
	cr_expect_geq(counted, 2u);
	cr_expect_lt(counted, 100u);
	/* Then it leaves, once the superblock says that something may. */
	cr_expect_neq(j->packing.announce & WR_SUPERBLOCK_LEFT_OUT, 0u);
	j->superblock.features_must |= WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;
	j->files.files_max = wr_segment_file_count(&rig.table);
	cr_expect_eq(retire_step(), 0, "no file can be made");
	j->files.files_max = files_max;
	r->retry_at_ns = UINT64_MAX;
	cr_expect_eq(retire_step(), 0, "it has failed just now");
	r->retry_at_ns = 0;
	wr_store_release(&rig.link.needed_seq, seq - 1);
	cr_expect_eq(retire_step(), 0, "somebody has still to read it");
	wr_store_release(&rig.link.needed_seq, UINT64_MAX);
	cr_expect_eq(retire_step(), 1);
	cr_expect_eq((int)j->packer->task, (int)WR_PACKER_RETIRE);
	cr_expect_eq(j->packer->retire.passed[0], 1);
	cr_expect_eq(j->packer->retire.passed[1], 0);
	wr_store_relaxed(&retires[0].bytes, (uint64_t)0);
}
