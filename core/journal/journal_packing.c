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
 *   3. the old one is a spare: it may be written over, since the packed one counts (scan_packed.c);
 *      one that was packed itself, and now is anew (journal_compaction.c), is removed
 *
 * If the segment has left the log meanwhile, the packed file goes as others that leave it.
 * A segment that is damaged, or became no smaller, stays, and is not tried again by this owner. One
 * that could not be packed for another reason is passed over, and those behind it are packed
 * meanwhile; then there is another round, for those that failed. From round to round it is longer,
 * until one is without a failure, and within one from failure to failure: five minutes at most.
 *
 * Where it is in the log is kept (`at`): each segment is looked at once, and once more in a round.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include "core/base/bits.h"
#include "core/base/bug.h"

#define RETRY_NS 1000000000ull
#define WAIT_MAX_NS (300 * RETRY_NS)
/* While something is asked of the packer, which wakes nobody. */
#define LOOK_NS 20000000ull

/* Whether it is time for those that failed. */
static bool is_round_due(const struct wr_journal *j, uint64_t now_ns)
{
	return j->packing.failed_at != WR_JOURNAL_NONE_FAILED && now_ns >= j->packing.round_at_ns;
}

static bool may_ask(struct wr_journal *j, uint64_t now_ns)
{
	const struct wr_journal_files *f = &j->files;
	const struct wr_journal_packing *p = &j->packing;

	/* PREPARE names its file by the number that is next. */
	return (p->wanted || is_round_due(j, now_ns)) && !j->closing && !f->prepare.busy &&
	       !f->prepare.done && now_ns >= p->retry_at_ns;
}

/* Once more from the first that failed; what failed before counts no more. */
static void begin_round(struct wr_journal *j)
{
	struct wr_journal_packing *p = &j->packing;

	p->round_end = p->at;
	p->at = p->failed_at;
	p->failed_at = WR_JOURNAL_NONE_FAILED;
	p->wanted = true;
}

/* `at` moves on to the next one to be packed. False: there is none; *ret_soon: one will be. */
static bool find_next(struct wr_journal *j, bool *ret_soon)
{
	struct wr_journal_packing *p = &j->packing;
	uint64_t oldest = wr_load_relaxed(&j->table->oldest); /* own, both */
	uint64_t end = wr_load_relaxed(&j->table->newest_end);

	*ret_soon = false;
	for (p->at = wr_max_u64(p->at, oldest); p->at + 1 < end; p->at++) {
		uint32_t n = (uint32_t)(p->at - oldest);
		struct wr_segment *s = wr_segment_live(j->table, n);
		struct wr_segment *next = wr_segment_live(j->table, n + 1);
		if (wr_segment_is_packed(s) || s->stays_plain)
			continue;
		*ret_soon = true; /* it is sealed when the batch behind it is durable */
		return wr_load_relaxed(&next->first_seq) <= j->durable_seq;
	}
	if (p->at >= p->round_end && p->failed_at == WR_JOURNAL_NONE_FAILED)
		p->round_ns = 0;
	return false;
}

static void ask(struct wr_journal *j)
{
	uint32_t n = (uint32_t)(j->packing.at - wr_load_relaxed(&j->table->oldest)); /* own */
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
	wr_journal_packer_ask(j, WR_PACKER_PACK);
}

void wr_journal_packer_ask(struct wr_journal *j, enum wr_packer_task task)
{
	j->packer->task = task;
	wr_store_release(&j->packer->state, (uint32_t)WR_PACKER_ASKED); /* PA1 */
}

void wr_journal_packing_anew(struct wr_journal *j, struct wr_segment *s, uint64_t end_seq)
{
	j->packer->job = (struct wr_pack_job){
		.is_packed = wr_segment_is_packed(s),
		.segment_id = wr_load_relaxed(&s->segment_id),
		.first_seq = wr_load_relaxed(&s->first_seq),
		.end_seq = end_seq,
		.file_number = j->files.next_file_number++,
		.now_us = wr_clock_wall_ns(j->clock) / 1000,
	};
	j->packer->source_number = s->file_number;
	j->packer->needed_seq = &j->link->needed_seq;
	j->packer->durable_seq = &j->link->durable_seq;
}

/* --- the answer ------------------------------------------------------------------------------- */

bool wr_journal_job_has_left(const struct wr_journal *j, uint32_t index)
{
	const struct wr_segment *s = &j->table->segments[index];

	return s->state != WR_SEGMENT_LIVE ||
	       wr_load_relaxed(&s->segment_id) != j->packer->job.segment_id; /* own */
}

void wr_journal_packing_switch(struct wr_journal *j, uint32_t live_index)
{
	const struct wr_packer *p = j->packer;
	struct wr_segment *s = &j->table->segments[live_index];
	uint32_t number = p->job.file_number;
	uint32_t index = wr_segment_add(j->table, p->file, number);
	struct wr_segment *other = &j->table->segments[index];

	if (wr_journal_job_has_left(j, live_index)) {
		wr_store_relaxed(&other->file, p->file | WR_SEGMENT_PACKED);
		(void)wr_journal_file_keep(j, other, false);
		wr_journal_packed_retired(j, index, p->job.segment_id);
		return;
	}
	/* The two change places: the entry of the log is the one that readers look up. */
	bool was_packed = wr_segment_is_packed(s);
	wr_store_relaxed(&other->file, wr_load_relaxed(&s->file)); /* own, all */
	wr_store_relaxed(&other->bytes, wr_load_relaxed(&s->bytes));
	other->file_number = s->file_number;
	wr_segment_set_packed(j->table, s, p->file, number, p->file_bytes);
	(void)wr_journal_file_keep(j, s, false); /* S11: nothing more is written to it */
	if (was_packed) {
		wr_journal_packed_retired(j, index, WR_JOURNAL_STOOD_FOR);
	} else {
		wr_journal_packed_left(j, index);
		wr_journal_cell_add(&j->cells.segments_packed, 1);
	}
	wr_journal_count_segments(j);
}

bool wr_journal_packing_has_room(struct wr_journal *j)
{
	return wr_segment_file_count(j->table) < j->files.files_max && wr_journal_room_look(j) == 0;
}

static uint64_t longer_ns(uint64_t wait_ns)
{
	return wr_min_u64(wr_max_u64(2 * wait_ns, RETRY_NS), WAIT_MAX_NS);
}

/* It failed for a reason that may pass: what comes next in a while, and it in its round. */
static void pass_over(struct wr_journal *j)
{
	struct wr_journal_packing *p = &j->packing;
	uint64_t now_ns = wr_clock_mono_ns(j->clock);

	bool is_first = p->failed_at == WR_JOURNAL_NONE_FAILED;
	p->retry_ns = is_first ? RETRY_NS : longer_ns(p->retry_ns);
	p->retry_at_ns = now_ns + p->retry_ns;
	if (is_first) {
		p->round_ns = longer_ns(p->round_ns);
		p->round_at_ns = now_ns + p->round_ns;
		p->failed_at = p->at;
	}
	p->failed_at = wr_min_u64(p->failed_at, p->at);
	p->at++;
}

static void take_answer(struct wr_journal *j)
{
	struct wr_packer *p = j->packer;
	int code = p->result;

	if (code == 0) {
		j->packing.retry_ns = 0;
		wr_journal_packing_switch(j, j->packing.index);
	} else if (code == WEIR_E_CORRUPT || code == WEIR_E_FULL) {
		struct wr_segment *s = &j->table->segments[j->packing.index];
		s->stays_plain = wr_load_relaxed(&s->segment_id) == p->job.segment_id;
	} else {
		pass_over(j);
	}
	j->packing.gives_way = true;
	if (code != 0)
		wr_journal_cell_add(&j->cells.pack_failures, 1);
	wr_store_relaxed(&p->state, (uint32_t)WR_PACKER_IDLE); /* own */
}

/* Passes that leave out events, by turns: how much they did. */
static int leave_out_step(struct wr_journal *j, uint64_t now_ns)
{
	bool retires = j->packing.retires_first;

	j->packing.retires_first = !retires;
	if (retires && wr_journal_retire_step(j, now_ns) > 0)
		return 1;
	if (wr_journal_compaction_step(j, now_ns) > 0)
		return 1;
	return retires ? 0 : wr_journal_retire_step(j, now_ns);
}

/* --- the step's share ------------------------------------------------------------------------- */

static void give_answer(struct wr_journal *j)
{
	/* A draft has what its segment had when it was made. */
	j->erasing.is_stuck |= j->packer->pack.has_left_one;
	switch (j->packer->task) {
	case WR_PACKER_PACK:
		take_answer(j);
		break;
	case WR_PACKER_TABLE:
	case WR_PACKER_COMPACT:
		wr_journal_compaction_answer(j);
		break;
	case WR_PACKER_ERASE:
	case WR_PACKER_BESIDE:
		wr_journal_erase_answer(j);
		break;
	default:
		wr_journal_retire_answer(j);
	}
}

int wr_journal_packing_step(struct wr_journal *j)
{
	if (j->packer == NULL)
		return 0;
	switch (wr_load_acquire(&j->packer->state)) { /* PA1 */
	case WR_PACKER_DONE:
		if (wr_packer_leaves_out(j->packer) && j->packer->result == 0 &&
		    wr_journal_compaction_is_held(j, j->packer->job.end_seq)) {
			if (j->packer->task == WR_PACKER_ERASE)
				wr_journal_erase_held(j);
			return 0;
		}
		give_answer(j);
		return 1;
	case WR_PACKER_IDLE:
		break;
	default:
		return 0;
	}
	uint64_t now_ns = wr_clock_mono_ns(j->clock);
	bool soon;
	if (wr_journal_erase_step(j, now_ns) > 0)
		return 1;
	/* By turns: where there is always something to be packed, too. */
	bool gave_way = j->packing.gives_way;
	j->packing.gives_way = false;
	if (gave_way && leave_out_step(j, now_ns) > 0)
		return 1;
	if (!may_ask(j, now_ns))
		return leave_out_step(j, now_ns);
	/* Behind a failure what comes next has its turn first. */
	bool is_due = is_round_due(j, now_ns);
	bool is_next = find_next(j, &soon);
	if (is_due && (!is_next || j->packing.retry_ns == 0)) {
		begin_round(j);
		is_next = find_next(j, &soon);
	}
	if (!is_next) {
		j->packing.wanted = soon; /* else when another segment goes live */
		return leave_out_step(j, now_ns);
	}
	/* A packed file is less than a segment, and comes before that one's is given back. */
	if (!wr_journal_packing_has_room(j)) {
		j->packing.retry_at_ns = now_ns + RETRY_NS;
		return leave_out_step(j, now_ns); /* what all topics are past needs none */
	}
	if ((j->superblock.features_must & WR_SUPERBLOCK_PACKED) == 0 && !WR_BUG(PACKS_UNTOLD)) {
		j->packing.announce |=
			WR_SUPERBLOCK_PACKED; /* the next write of the superblock says it */
		return 0;
	}
	ask(j);
	return 1;
}

uint64_t wr_journal_packing_idle_ns(struct wr_journal *j)
{
	if (j->packer == NULL)
		return UINT64_MAX;
	if (wr_load_acquire(&j->packer->state) != WR_PACKER_IDLE) /* PA1 */
		return LOOK_NS;
	const struct wr_journal_packing *p = &j->packing;
	uint64_t at_ns = p->retry_at_ns;
	uint64_t now_ns = wr_clock_mono_ns(j->clock);
	uint64_t others_ns = wr_min_u64(wr_journal_compaction_idle_ns(j, now_ns),
					wr_journal_erase_idle_ns(j, now_ns));
	others_ns = wr_min_u64(others_ns, wr_journal_retire_idle_ns(j, now_ns));
	if (j->closing || (!p->wanted && p->failed_at == WR_JOURNAL_NONE_FAILED))
		return others_ns;
	if (!p->wanted)
		at_ns = wr_max_u64(at_ns, p->round_at_ns);
	return wr_min_u64(at_ns > now_ns ? at_ns - now_ns : LOOK_NS, others_ns);
}
