/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step's side of erasing keys: from the record that says so (core/record/erase.h) to
 * the moment in which nothing of them is in any file of the journal. A pass goes by these steps,
 * by turns with what else the packer is asked for:
 *
 *   1. the superblock says that events may have been left out, before the first one is
 *   2. segment after segment, from the oldest to the one that holds the record's sequence: each is
 *      written anew without what was erased, and that takes the place of the segment
 *      (journal_packing.c). A plain one is packed in any case: what its file has between and behind
 *      its batches may be of an older life of it
 *   3. what lies beside the log, by who put it there
 *   4. all files that left the log are gone: of segments that were written anew, and of those that
 *      retention took. No file is used again where keys are erased (journal_spares.c), and what an
 *      open finds that is no part of the log is removed by it (journal_start.c)
 *   5. the superblock says up to which record all is done. An owner that finds another record
 *      begins with 1
 *
 * A segment comes into question as for compaction (journal_compaction.c): sealed, durable, below
 * every gate and checkpoint, not in memory. Where nobody writes it would never be: so the log is
 * asked to leave the segments that are too new, and for two checkpoints behind those (ER2). What a
 * subscription has still to read stays until it has; that is waited for.
 *
 * What fails is told, the rest is done, and the pass begun anew in a while.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define LOOK_NS 20000000ull
#define AFTER_FAILURE_NS (60000000000ull)

static void wait_for(struct wr_journal *j, enum wr_journal_waits what, uint64_t now_ns)
{
	j->erasing.look_at_ns = now_ns + LOOK_NS;
	wr_store_relaxed(&j->cells.erase_waits_for, (uint32_t)what);
}

static int goes_on(struct wr_journal *j)
{
	wr_store_relaxed(&j->cells.erase_waits_for, (uint32_t)WR_JOURNAL_WAITS_NOT);
	return 1;
}

/* What the log is asked for; 0: nothing. Whether that is new. */
static bool ask_log(struct wr_journal *j, uint64_t roll_past_id, uint64_t gate_seq)
{
	struct wr_journal_link *link = j->link;

	if (wr_load_relaxed(&link->roll_past_id) == roll_past_id && /* own, both */
	    wr_load_relaxed(&link->gate_seq) == gate_seq)
		return false;
	wr_store_release(&link->roll_past_id, roll_past_id); /* ER2 */
	wr_store_release(&link->gate_seq, gate_seq);         /* ER2 */
	j->moved = true;                                     /* who sleeps looks at it */
	return true;
}

/* --- a pass begins, and ends ------------------------------------------------------------------ */

static int begin(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_erasing *e = &j->erasing;
	uint64_t end_seq = wr_load_acquire(j->options.erase.end_seq); /* ER1 */
	const uint32_t features = WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;

	if (end_seq <= j->superblock.erased_seq || end_seq > j->durable_seq)
		return 0;
	if ((j->superblock.features_must & features) != features && !WR_BUG(LEAVES_OUT_UNTOLD)) {
		j->packing.announce |= features;
		wait_for(j, WR_JOURNAL_WAITS_NOT, now_ns);
		return 0;
	}
	e->phase = WR_JOURNAL_ERASES;
	e->end_seq = end_seq;
	e->at = 0;
	e->has_failed = e->is_stuck;
	return goes_on(j);
}

static int end_pass(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_erasing *e = &j->erasing;

	(void)ask_log(j, 0, 0);
	wr_journal_cell_set(&j->cells.erasing_seq, 0);
	if (!e->has_failed && !e->is_stuck) {
		e->phase = WR_JOURNAL_ERASES_RECORD;
		return goes_on(j);
	}
	e->phase = WR_JOURNAL_ERASES_NOT;
	wait_for(j, WR_JOURNAL_WAITS_FAILED, now_ns);
	e->look_at_ns = now_ns + AFTER_FAILURE_NS;
	return 1;
}

bool wr_journal_erase_waits(const struct wr_journal *j)
{
	return j->erasing.phase == WR_JOURNAL_ERASES_RECORD;
}

void wr_journal_erase_recorded(struct wr_journal *j)
{
	if (j->erasing.phase != WR_JOURNAL_ERASES_RECORD ||
	    j->superblock.erased_seq < j->erasing.end_seq)
		return; /* the write was under way when the pass ended */
	j->erasing.phase = WR_JOURNAL_ERASES_NOT;
	wr_store_release(&j->link->erased_seq, j->superblock.erased_seq); /* ER2 */
	j->moved = true;
}

/* --- segment after segment -------------------------------------------------------------------- */

/* 1: the next segment, which ends at `end_seq`, may be written anew; 0: not now; -1: nor now, and
 * the log was asked for something. */
static int may_go(struct wr_journal *j, uint32_t n, uint64_t end_seq, uint64_t now_ns)
{
	uint32_t live = wr_segment_live_count(j->table);
	uint64_t extents = j->files.extent_count;
	uint64_t in_memory = (j->options.compact.chunks_in_memory + extents - 1) / extents;

	if (n + 1 + in_memory >= live) {
		wait_for(j, WR_JOURNAL_WAITS_LOG, now_ns);
		return ask_log(j, j->files.newest_live_id, 0) ? -1 : 0;
	}
	if (wr_journal_compaction_is_held(j, end_seq) && !WR_BUG(COMPACTS_UNGATED)) {
		/* It goes up where a checkpoint is captured. */
		wait_for(j, WR_JOURNAL_WAITS_READERS, now_ns);
		return ask_log(j, 0, end_seq) ? -1 : 0;
	}
	if (end_seq > j->durable_seq ||
	    (end_seq > wr_journal_gate(j) && !WR_BUG(COMPACTS_UNGATED))) {
		wait_for(j, WR_JOURNAL_WAITS_LOG, now_ns);
		return ask_log(j, 0, end_seq) ? -1 : 0;
	}
	(void)ask_log(j, 0, 0);
	if (!wr_journal_packing_has_room(j)) {
		wait_for(j, WR_JOURNAL_WAITS_ROOM, now_ns);
		return 0;
	}
	return 1;
}

static int next_segment(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_erasing *e = &j->erasing;
	uint64_t oldest = wr_load_relaxed(&j->table->oldest); /* own */

	e->at = wr_max_u64(e->at, oldest);
	uint32_t n = (uint32_t)(e->at - oldest);
	struct wr_segment *s = NULL;
	if (n < wr_segment_live_count(j->table))
		s = wr_segment_live(j->table, n);
	if (s == NULL || wr_load_relaxed(&s->first_seq) >= e->end_seq) {
		(void)ask_log(j, 0, 0);
		e->phase = WR_JOURNAL_ERASES_BESIDE;
		return goes_on(j);
	}
	wr_journal_cell_set(&j->cells.erasing_seq, wr_load_relaxed(&s->first_seq));
	uint64_t end_seq = UINT64_MAX;
	if (n + 1 < wr_segment_live_count(j->table))
		end_seq = wr_load_relaxed(&wr_segment_live(j->table, n + 1)->first_seq); /* own */
	int may = may_go(j, n, end_seq, now_ns);
	if (may <= 0)
		return -may;
	if (WR_BUG(ERASES_PLAIN_ONLY) && wr_segment_is_packed(s)) {
		e->at++;
		return goes_on(j);
	}
	e->index = (uint32_t)(s - j->table->segments);
	wr_journal_packing_anew(j, s, end_seq);
	j->packer->job.is_certain = !wr_segment_is_packed(s);
	wr_journal_packer_ask(j, WR_PACKER_ERASE);
	return goes_on(j);
}

static int ask_beside(struct wr_journal *j)
{
	wr_journal_packer_ask(j, WR_PACKER_BESIDE);
	return goes_on(j);
}

/* Whether a file is still there that left the log. */
static bool any_is_left(const struct wr_journal *j)
{
	return wr_journal_packed_lingers(j) || wr_journal_stale(j) > 0 ||
	       j->files.removal.index != WR_JOURNAL_NONE;
}

int wr_journal_erase_step(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_erasing *e = &j->erasing;

	/* PREPARE names its file by the number that is next. */
	if (!wr_journal_erases(j) || j->closing || now_ns < e->look_at_ns)
		return 0;
	switch (e->phase) {
	case WR_JOURNAL_ERASES_NOT:
		return begin(j, now_ns);
	case WR_JOURNAL_ERASES:
		return j->files.prepare.busy || j->files.prepare.done ? 0 : next_segment(j, now_ns);
	case WR_JOURNAL_ERASES_BESIDE:
		return ask_beside(j);
	case WR_JOURNAL_ERASES_FILES:
		/* One that cannot be removed is not waited for. */
		if (any_is_left(j) && !e->is_stuck) {
			wait_for(j, WR_JOURNAL_WAITS_NOT, now_ns);
			return 0;
		}
		return end_pass(j, now_ns);
	default:
		return 0;
	}
}

/* --- answers ---------------------------------------------------------------------------------- */

static void segment_answer(struct wr_journal *j)
{
	struct wr_journal_erasing *e = &j->erasing;
	const struct wr_packer *p = j->packer;

	if (p->result == WEIR_E_AGAIN) {
		wait_for(j, WR_JOURNAL_WAITS_READERS, wr_clock_mono_ns(j->clock));
		return;
	}
	if (p->result == 0 && p->left_out_count > 0)
		wr_journal_retire_left_out(j, e->at);
	e->at++;
	if (p->result == 0) {
		wr_journal_cell_add(&j->cells.left_out, p->left_out_count);
		wr_journal_packing_switch(j, e->index);
		uint64_t left_outs = wr_load_relaxed(&j->table->left_outs); /* own */
		wr_store_release(&j->table->left_outs, left_outs + 1);      /* T4 */
	} else if ((p->result != WEIR_E_FULL || p->left_out_count > 0) &&
		   !wr_journal_job_has_left(j, e->index)) { /* else its file goes as others do */
		e->has_failed = true;
		wr_journal_cell_add(&j->cells.pack_failures, 1);
	}
}

void wr_journal_erase_held(struct wr_journal *j)
{
	/* Somebody went back while it was written anew; he may have nothing to read there. */
	wr_store_relaxed(&j->cells.erase_waits_for, (uint32_t)WR_JOURNAL_WAITS_READERS);
	(void)ask_log(j, 0, j->packer->job.end_seq);
}

void wr_journal_erase_answer(struct wr_journal *j)
{
	struct wr_journal_erasing *e = &j->erasing;

	if (j->packer->task == WR_PACKER_ERASE) {
		segment_answer(j);
	} else {
		bool is_later = j->packer->result == WEIR_E_AGAIN;
		e->has_failed |= j->packer->result < 0 && !is_later;
		if (is_later)
			wait_for(j, WR_JOURNAL_WAITS_NOT, wr_clock_mono_ns(j->clock));
		else
			e->phase = WR_JOURNAL_ERASES_FILES;
	}
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE); /* own */
}

uint64_t wr_journal_erase_idle_ns(struct wr_journal *j, uint64_t now_ns)
{
	const struct wr_journal_erasing *e = &j->erasing;

	if (!wr_journal_erases(j) || j->closing)
		return UINT64_MAX;
	if (e->phase == WR_JOURNAL_ERASES_NOT &&
	    wr_load_acquire(j->options.erase.end_seq) <= j->superblock.erased_seq) /* ER1 */
		return UINT64_MAX;
	return e->look_at_ns > now_ns ? e->look_at_ns - now_ns : LOOK_NS;
}
