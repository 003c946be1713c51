/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step's side of compaction (compact.h): when a pass begins, which segments it is
 * about, and what becomes of them. A pass is asked of the packer piece by piece, by turns
 * with what is to be packed:
 *
 *   1. the table, of what no pass of this owner has seen: from there to the last segment that is
 *      sealed, durable, below every gate and checkpoint (L34), and below what can be in memory. So
 *      no subscription has still to read what goes, no recovery decides by it, and what a reader
 *      finds does not depend on where he finds it
 *   2. the superblock says that events may have been left out, before the first one is
 *   3. segment after segment, from the oldest: the packer makes a packed file without what is not
 *      needed, and that takes the place of the segment (journal_packing.c)
 *
 * A subscription that goes back, or is made, below a segment while the pass is under way counts
 * what it has to read, and then reads it: nothing leaves in between. So the pass is given up before
 * such a segment, the packer gives up what it has made of it, and if that is the segment on the
 * medium already, the log goes on with the old file until nobody needs it. What the next open finds
 * is counted anew by that one.
 *
 * A pass is due when as many bytes wait for their first as have had one. A segment that failed
 * stays as it is, and from then on all tombstones stay as long as this owner runs: what they hide
 * may be in it. If the table fails, by damage or since retention was faster, the pass is begun anew
 * in a while. The first pass of an owner is about all of the log, and so is the first one after a
 * topic began to ask for it.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include "core/base/bits.h"
#include "core/base/bug.h"

#define LOOK_NS 1000000000ull
/* What a look that is due waits for (the packer, a file that is being made) wakes nobody. */
#define SOON_NS 20000000ull
#define AFTER_FAILURE_NS (60 * LOOK_NS)

/* Bytes of segments that a pass may be about: those that had one, and those that wait. */
struct waiting {
	uint64_t clean_bytes;
	uint64_t dirty_bytes;
	uint64_t from_seq;
	uint64_t end_seq;
};

bool wr_journal_may_write_anew(const struct wr_journal *j, uint32_t n, uint64_t gate)
{
	uint64_t extents = j->files.extent_count;
	uint64_t in_memory = (j->options.compact.chunks_in_memory + extents - 1) / extents;

	if (n + 1 + in_memory >= wr_segment_live_count(j->table))
		return false;
	uint64_t end_seq = wr_load_relaxed(&wr_segment_live(j->table, n + 1)->first_seq); /* own */
	return end_seq <= gate && end_seq <= j->durable_seq;
}

static void look(struct wr_journal *j, struct waiting *ret)
{
	const struct wr_journal_compaction *c = &j->compaction;
	uint64_t gate = WR_BUG(COMPACTS_UNGATED) ? UINT64_MAX : wr_journal_gate(j);

	*ret = (struct waiting){.from_seq = c->clean_end_seq};
	for (uint32_t n = 0; wr_journal_may_write_anew(j, n, gate); n++) {
		struct wr_segment *s = wr_segment_live(j->table, n);
		uint64_t first_seq = wr_load_relaxed(&s->first_seq); /* own, all */
		uint64_t bytes = wr_load_relaxed(&s->bytes);
		if (n == 0)
			ret->from_seq = wr_max_u64(ret->from_seq, first_seq);
		if (first_seq < c->clean_end_seq)
			ret->clean_bytes += bytes;
		else
			ret->dirty_bytes += bytes;
		ret->end_seq = wr_load_relaxed(&wr_segment_live(j->table, n + 1)->first_seq);
	}
}

static int begin(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_compaction *c = &j->compaction;
	struct waiting w;

	if (now_ns < c->look_at_ns || !wr_compact_is_wanted(&j->options.compact))
		return 0;
	c->look_at_ns = now_ns + LOOK_NS;
	if (wr_compact_look(&j->packer->compact))
		c->clean_end_seq = 0;
	look(j, &w);
	if (w.end_seq <= w.from_seq || (w.dirty_bytes < w.clean_bytes && !c->is_cut))
		return 0;
	if ((j->superblock.features_must & WR_SUPERBLOCK_LEFT_OUT) == 0 &&
	    !WR_BUG(LEAVES_OUT_UNTOLD)) {
		j->packing.announce |= WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;
		return 0;
	}
	j->packer->pass = (struct wr_compact_pass){
		.from_seq = w.from_seq,
		.end_seq = w.end_seq,
		.now_us = wr_clock_wall_ns(j->clock) / 1000,
	};
	c->phase = WR_JOURNAL_COMPACTS_TABLE;
	wr_journal_packer_ask(j, WR_PACKER_TABLE);
	return 1;
}

bool wr_journal_compaction_is_held(const struct wr_journal *j, uint64_t end_seq)
{
	return end_seq > wr_load_acquire(&j->link->needed_seq) && /* D3 */
	       !WR_BUG(LEAVES_OUT_COUNTED);
}

/* The pass ends here; the next one begins where this one did. */
static int give_up(struct wr_journal *j)
{
	struct wr_journal_compaction *c = &j->compaction;

	c->phase = WR_JOURNAL_COMPACTS_NOT;
	c->look_at_ns = wr_clock_mono_ns(j->clock) + LOOK_NS;
	return 1;
}

/* --- segment after segment -------------------------------------------------------------------- */

static void end_pass(struct wr_journal *j)
{
	struct wr_journal_compaction *c = &j->compaction;

	c->phase = WR_JOURNAL_COMPACTS_NOT;
	c->clean_end_seq = c->pass_end_seq;
	if (c->is_cut)
		c->look_at_ns = 0; /* there is more to do */
	wr_journal_cell_add(&j->cells.compactions, 1);
}

static int go_on(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_compaction *c = &j->compaction;
	uint64_t oldest = wr_load_relaxed(&j->table->oldest); /* own */

	if (now_ns < c->look_at_ns)
		return 0;
	c->at = wr_max_u64(c->at, oldest);
	uint32_t n = (uint32_t)(c->at - oldest);
	struct wr_segment *s = NULL;
	if (n + 1 < wr_segment_live_count(j->table))
		s = wr_segment_live(j->table, n);
	if (s == NULL || wr_load_relaxed(&s->first_seq) >= c->pass_end_seq) {
		end_pass(j);
		return 1;
	}
	uint64_t end_seq = wr_load_relaxed(&wr_segment_live(j->table, n + 1)->first_seq); /* own */
	if (wr_journal_compaction_is_held(j, end_seq))
		return give_up(j);
	if (!wr_journal_packing_has_room(j)) {
		c->look_at_ns = now_ns + LOOK_NS;
		return 0;
	}
	c->index = (uint32_t)(s - j->table->segments);
	wr_journal_packing_anew(j, s, end_seq);
	j->packer->keeps_tombstones = c->has_failed;
	wr_journal_packer_ask(j, WR_PACKER_COMPACT);
	return 1;
}

int wr_journal_compaction_step(struct wr_journal *j, uint64_t now_ns)
{
	/* PREPARE names its file by the number that is next. */
	if (j->closing || j->options.compact.keys_max == 0 || j->files.prepare.busy ||
	    j->files.prepare.done)
		return 0;
	return j->compaction.phase == WR_JOURNAL_COMPACTS_NOT ? begin(j, now_ns) : go_on(j, now_ns);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void table_answer(struct wr_journal *j)
{
	struct wr_journal_compaction *c = &j->compaction;
	const struct wr_packer *p = j->packer;

	c->phase = WR_JOURNAL_COMPACTS_NOT;
	c->look_at_ns = wr_clock_mono_ns(j->clock) + LOOK_NS;
	if (p->result < 0) {
		c->look_at_ns += AFTER_FAILURE_NS;
		wr_journal_cell_add(&j->cells.pack_failures, 1);
		return;
	}
	/* An event that is too young may stand at its beginning. */
	if (p->pass_end_seq == p->pass.from_seq)
		return;
	c->phase = WR_JOURNAL_COMPACTS;
	c->pass_end_seq = p->pass_end_seq;
	c->is_cut = p->compact.key_count == p->compact.keys_max;
	c->look_at_ns = 0;
	c->at = wr_load_relaxed(&j->table->oldest); /* own */
}

static void segment_answer(struct wr_journal *j)
{
	struct wr_journal_compaction *c = &j->compaction;
	const struct wr_packer *p = j->packer;

	/* Where nothing leaves, no file is made (pack.h). */
	if (p->result == 0)
		wr_journal_retire_left_out(j, c->at);
	c->at++;
	if (p->result == 0) {
		wr_journal_cell_add(&j->cells.left_out, p->left_out_count);
		wr_journal_packing_switch(j, c->index);
		uint64_t left_outs = wr_load_relaxed(&j->table->left_outs); /* own */
		wr_store_release(&j->table->left_outs, left_outs + 1);      /* T4 */
	} else if (p->result == WEIR_E_AGAIN) {
		(void)give_up(j);
	} else if (p->result != WEIR_E_FULL || p->left_out_count > 0) {
		c->has_failed = true; /* also: it would not have become smaller */
		wr_journal_cell_add(&j->cells.pack_failures, 1);
	}
}

void wr_journal_compaction_answer(struct wr_journal *j)
{
	if (j->packer->task == WR_PACKER_TABLE)
		table_answer(j);
	else
		segment_answer(j);
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE); /* own */
}

uint64_t wr_journal_compaction_idle_ns(struct wr_journal *j, uint64_t now_ns)
{
	uint64_t at_ns = j->compaction.look_at_ns;

	if (j->closing || !wr_compact_is_wanted(&j->options.compact))
		return UINT64_MAX;
	return at_ns > now_ns ? at_ns - now_ns : SOON_NS;
}
