/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of events that leave share: a journal with segments and all that can take events
 * out of them, whose packer is never stepped, and its parts of a step by themselves.
 */
#ifndef WR_TESTS_LEAVING_BED_H
#define WR_TESTS_LEAVING_BED_H

#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "core/journal/journal_internal.h"
#include "tests/support/erase_nothing.h"
#include "tests/support/journal_rig.h"

#define TOPICS 2u

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct wr_journal *j;
static wr_atomic_u64 policies[TOPICS], defined, erase_end_seq;
static struct wr_retire_topic retires[TOPICS];

static inline void setup(void)
{
	struct wr_fault_plan plan;

	wr_fault_plan_init(&plan);
	disk = wr_sim_disk_create(1, &plan);
	cr_assert_not_null(disk);
	struct journal_rig_options o = journal_rig_defaults(disk);
	o.journal.pack = true;
	o.journal.compact = (struct wr_compact_options){
		.keys_max = WR_COMPACT_KEYS_MIN, .topics = policies, .topic_count = TOPICS};
	o.journal.erase = (struct wr_erase_options){
		.end_seq = &erase_end_seq, .by = erased_by_none, .beside = nothing_beside};
	o.journal.retire = (struct wr_retire_options){
		.topics = retires, .topic_count = TOPICS, .defined = &defined};
	wr_store_relaxed(&defined, (uint64_t)TOPICS);
	cr_assert_eq(journal_rig_open(&rig, &o), 0, "%s", rig.problem.text);
	cr_assert(journal_rig_append(&rig, 60));
	j = rig.journal;
	cr_assert_geq(wr_segment_live_count(&rig.table), 3u);
}

static inline void teardown(void)
{
	/* As it was before it was asked. */
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	journal_rig_close(&rig);
	wr_sim_disk_destroy(disk);
}

static inline int retire_step(void)
{
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	j->retiring.look_at_ns = 0;
	return wr_journal_retire_step(j, wr_clock_mono_ns(j->clock));
}

/* As if a checkpoint were at the end of the log, and nobody had to read anything. */
static inline void nobody_needs_anything(void)
{
	for (uint32_t i = 0; i < WR_CHECKPOINT_COPIES; i++)
		j->checkpoint.needed_seq[i] = j->checkpoint.last_seq[i] = UINT64_MAX;
	wr_store_release(&rig.link.needed_seq, UINT64_MAX);
}

static inline int erase_step(void)
{
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE);
	j->erasing.look_at_ns = 0;
	return wr_journal_erase_step(j, wr_clock_mono_ns(j->clock));
}

#endif
