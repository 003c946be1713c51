/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step's side of packing (packer.h): which segment is next, and what becomes of it.
 *
 * Next is the oldest plain one with another behind it that has begun and is durable up to there: it
 * is sealed, whatever happens now. Before the first, the superblock says that there may be packed
 * ones. The answer is a whole packed file, named and durable; then
 *
 *   1. the table names that file, in the same entry: id and sequences stay
 *   2. nobody who reads is in the old one any more (T3)
 *   3. the old one is a spare: it may be written over, since the packed one counts (scan_packed.c)
 *
 * If the segment has left the log meanwhile, the packed file goes as others that leave it.
 * A segment that is damaged, or became no smaller, stays, and is not tried again by this owner.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include "core/base/assert.h"
#include "core/base/bug.h"

#define RETRY_NS 1000000000ull
/* While something is asked of the packer, which wakes nobody. */
#define LOOK_NS 20000000ull

static bool may_ask(struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	struct wr_journal_packing *p = &j->packing;

	/* PREPARE names its file by the number that is next. */
	return p->wanted && !j->closing && !f->prepare.busy && !f->prepare.done &&
	       wr_clock_mono_ns(j->clock) >= p->retry_at_ns;
}

/* The next one to be packed: its place in the log; or the count of segments, and whether soon. */
static uint32_t find_next(struct wr_journal *j, bool *ret_soon)
{
	uint32_t count = wr_segment_live_count(j->table);

	*ret_soon = false;
	for (uint32_t n = 0; n + 1 < count; n++) {
		struct wr_segment *s = wr_segment_live(j->table, n);
		struct wr_segment *next = wr_segment_live(j->table, n + 1);
		if (wr_segment_is_packed(s) || s->stays_plain)
			continue;
		if (wr_load_relaxed(&next->first_seq) <= j->durable_seq)
			return n;
		*ret_soon = true;
	}
	return count;
}

static void ask(struct wr_journal *j, uint32_t n)
{
	struct wr_segment *s = wr_segment_live(j->table, n);
	struct wr_segment *next = wr_segment_live(j->table, n + 1);

	j->packing.index = (uint32_t)(s - j->table->segments);
	j->packer->job = (struct wr_pack_job){
		.file = wr_segment_file(s),
		.segment_id = wr_load_relaxed(&s->segment_id),
		.first_seq = wr_load_relaxed(&s->first_seq),
		.end_seq = wr_load_relaxed(&next->first_seq),
		.file_number = j->files.next_file_number++,
		.now_us = wr_clock_wall_ns(j->clock) / 1000,
	};
	wr_store_release(&j->packer->state, (uint32_t)WR_PACKER_ASKED); /* PA1 */
}

/* --- the answer ------------------------------------------------------------------------------- */

static void switch_over(struct wr_journal *j)
{
	const struct wr_packer *p = j->packer;
	struct wr_segment *s = &j->table->segments[j->packing.index];
	uint32_t number = p->job.file_number;
	uint32_t index = wr_segment_add(j->table, p->file, number);
	struct wr_segment *other = &j->table->segments[index];

	if (s->state != WR_SEGMENT_LIVE || wr_load_relaxed(&s->segment_id) != p->job.segment_id) {
		wr_store_relaxed(&other->file, p->file | WR_SEGMENT_PACKED);
		(void)wr_journal_file_keep(j, other, false);
		wr_journal_packed_retired(j, index, p->job.segment_id);
		return;
	}
	/* The two change places: the entry of the log is the one that readers look up. */
	wr_store_relaxed(&other->file, wr_segment_file(s));
	other->file_number = s->file_number;
	other->bytes = j->table->segment_bytes;
	s->file_number = number;
	s->bytes = p->file_bytes;
	wr_store_release(&s->file, p->file | WR_SEGMENT_PACKED); /* T1, T3 */
	(void)wr_journal_file_keep(j, s, false); /* S11: nothing more is written to it */
	wr_journal_packed_left(j, index);
	wr_journal_cell_add(&j->cells.segments_packed, 1);
}

static void take_answer(struct wr_journal *j)
{
	struct wr_packer *p = j->packer;
	int code = p->result;

	if (code == 0) {
		switch_over(j);
	} else if (code == WEIR_E_CORRUPT || code == WEIR_E_FULL) {
		struct wr_segment *s = &j->table->segments[j->packing.index];
		s->stays_plain = wr_load_relaxed(&s->segment_id) == p->job.segment_id;
	} else {
		j->packing.retry_at_ns = wr_clock_mono_ns(j->clock) + RETRY_NS;
	}
	if (code != 0)
		wr_journal_cell_add(&j->cells.pack_failures, 1);
	wr_store_relaxed(&p->state, (uint32_t)WR_PACKER_IDLE); /* own */
}

/* --- the step's share ------------------------------------------------------------------------- */

int wr_journal_packing_step(struct wr_journal *j)
{
	if (j->packer == NULL)
		return 0;
	switch (wr_load_acquire(&j->packer->state)) { /* PA1 */
	case WR_PACKER_DONE:
		take_answer(j);
		return 1;
	case WR_PACKER_IDLE:
		break;
	default:
		return 0;
	}
	if (!may_ask(j))
		return 0;
	bool soon;
	uint32_t next = find_next(j, &soon);
	if (next == wr_segment_live_count(j->table)) {
		j->packing.wanted = soon; /* else when another segment goes live */
		return 0;
	}
	/* A packed file is less than a segment, and comes before that one's is given back. */
	if (wr_segment_file_count(j->table) >= j->files.files_max || wr_journal_room_look(j) < 0) {
		j->packing.retry_at_ns = wr_clock_mono_ns(j->clock) + RETRY_NS;
		return 0;
	}
	if ((j->superblock.features_must & WR_SUPERBLOCK_PACKED) == 0 && !WR_BUG(PACKS_UNTOLD)) {
		j->packing.announce = true; /* the next write of the superblock says it */
		return 0;
	}
	ask(j, next);
	return 1;
}

uint64_t wr_journal_packing_idle_ns(struct wr_journal *j)
{
	if (j->packer == NULL)
		return UINT64_MAX;
	if (wr_load_acquire(&j->packer->state) != WR_PACKER_IDLE) /* PA1 */
		return LOOK_NS;
	uint64_t now_ns = wr_clock_mono_ns(j->clock);
	if (!j->packing.wanted || j->closing)
		return UINT64_MAX;
	return j->packing.retry_at_ns > now_ns ? j->packing.retry_at_ns - now_ns : LOOK_NS;
}
