/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much room there is ahead of the log, before the reserve: what is ready, what is a spare, and
 * what can still be made as far as is known, which is what the limit of files and the medium leave,
 * unless the last attempt failed. The writer keeps a part of it from data (core/log/writer_room.c).
 *
 * What can be made is an estimate: others may take that room. So a few segments are made ready
 * ahead for what copies are sure to need, and only what is beyond hangs on the estimate. It is
 * looked at when a file came or went, and again and again while the writer holds data back.
 *
 * While segments come and go the writer may hold data back for a moment, until it has seen the next
 * one. When that lasts, though there are spares, or files could be made, all of that is kept for
 * others: it is a want of room like any other.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include <errno.h>

#include "core/base/bug.h"

#define HELD_LONG_NS 1000000000ull

/* Files that can be made. */
static uint64_t makeable(struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	uint64_t mark = j->options.low_space_bytes, one = j->table->segment_bytes, free_bytes;
	uint32_t count = wr_segment_file_count(j->table);

	if (f->prepare_code < 0 || count >= f->files_max)
		return 0;
	/* Who cannot say leaves it to the file that is made. */
	if (j->storage->ops->free_bytes(j->storage, &free_bytes) < 0)
		return f->files_max - count;
	return wr_min_u64(f->files_max - count, free_bytes > mark ? (free_bytes - mark) / one : 0);
}

static void look(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	struct wr_journal_ahead *a = &f->ahead;
	uint32_t count = wr_segment_file_count(j->table);
	bool is_held = wr_load_acquire(&j->link->held) != 0; /* D6 */

	if (a->looked && a->file_count == count && a->prepare_code == f->prepare_code &&
	    (!is_held || wr_clock_mono_ns(j->clock) < a->look_at_ns))
		return;
	a->looked = true;
	a->file_count = count;
	a->prepare_code = f->prepare_code;
	a->makeable = makeable(j);
	a->look_at_ns = wr_clock_mono_ns(j->clock) + WR_JOURNAL_RETRY_NS;
}

void wr_journal_ahead_publish(struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	uint64_t e = f->extent_count, end = j->link->extents_ring.tail_own;

	look(j);
	if (wr_journal_current_has_extents(j))
		end += e - f->current_extent;
	end += (f->ready - f->entered + wr_journal_pickable(j) + f->ahead.makeable) * e;
	end += wr_journal_gets_ready(j) ? e : 0;
	end = end > e ? end - e : 0; /* the last one is the reserve, L31 */
	uint64_t before = wr_load_relaxed(&j->link->room_end);    /* own */
	if (wr_load_acquire(&j->link->held) == 0 || end > before) /* D6 */
		j->files.ahead.held_ns = 0;
	else if (j->files.ahead.held_ns == 0)
		j->files.ahead.held_ns = wr_max_u64(wr_clock_mono_ns(j->clock), 1);
	if (end == before)
		return;
	wr_store_release(&j->link->room_end, end); /* D5 */
	if (end > before)
		j->moved = true; /* a writer that holds data back waits for this */
}

bool wr_journal_ahead_is_held(const struct wr_journal *j)
{
	uint64_t since_ns = j->files.ahead.held_ns;
	/* Who drops the oldest does not have producers wait for each segment anew. */
	uint64_t long_ns = j->options.drop_oldest ? WR_JOURNAL_RETRY_NS : HELD_LONG_NS;

	return since_ns != 0 && wr_clock_mono_ns(j->clock) - since_ns >= long_ns &&
	       !WR_BUG(HELD_NOT_TOLD);
}

int wr_journal_ahead_code(struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	uint64_t count = wr_segment_file_count(j->table);

	if (wr_load_acquire(&j->link->held) == 0) /* D6 */
		return 0;
	if (f->prepare_code < 0)
		return f->prepare_code;
	if ((f->ahead.makeable > 0 || f->prepare.busy) && !wr_journal_ahead_is_held(j))
		return 0;
	/* The limit of files, or less than that on the medium. */
	return count + f->ahead.makeable >= f->files_max ? WEIR_E_FULL : -ENOSPC;
}

uint64_t wr_journal_ahead_wanted(struct wr_journal *j)
{
	uint64_t kept = wr_load_acquire(&j->link->kept_extents); /* D6 */
	uint64_t e = j->files.extent_count;
	uint64_t wanted = kept > 0 ? (kept + e - 1) / e + 1 : 0;

	if (wanted <= j->options.segments_ahead)
		return 0;
	return wr_min_u64(wanted - j->options.segments_ahead, WR_JOURNAL_KEPT_MAX);
}

uint64_t wr_journal_ahead_idle_ns(struct wr_journal *j)
{
	return wr_load_acquire(&j->link->held) != 0 ? WR_JOURNAL_RETRY_NS : UINT64_MAX; /* D6 */
}
