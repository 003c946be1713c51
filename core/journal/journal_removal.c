/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room is given back: files that retention let go, and that the log does not use again soon, are
 * removed from the disk. What it keeps is what it has ready (segments_ahead and the reserve), and
 * as many files more as it used in the last ten seconds or so: or a log whose checkpoints free
 * several segments at once would remove files only to write the next ones full of zeros.
 *
 * A file of the log goes in this order, each step durable before the next, so that a crash leaves
 * what recovery knows:
 *
 *   the superblock, with an oldest segment above all that is retired   its id is no part of the log
 *   the file's name, then the directory (S12, by a helper thread)      it is there, or it is not
 *
 * One at a time and oldest first, and nothing retired gets a new header meanwhile (I4): whatever is
 * left of them has no hole. A file found at open comes before them, as it does where files are used
 * again. One that cannot be removed is used again like any other, and no other is tried until the
 * next open; nor is one where only the directory could not be synced, of which nobody knows whether
 * it comes back.
 *
 * Nothing waits for this: all that is wanted is ready when it begins.
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include "core/base/bits.h"
#include "core/base/bug.h"

#define WINDOW_NS 10000000000ull
#define STALE_LOOK_NS 1000000ull

/* --- what is used ----------------------------------------------------------------------------- */

/* Windows begin when a segment is entered; one that is over for as long as it took is forgotten. */
static void roll_window(struct wr_journal_removal *r, uint64_t now_ns)
{
	if (now_ns - r->window_ns < WINDOW_NS)
		return;
	r->window_before = now_ns - r->window_ns < 2 * WINDOW_NS ? r->window_count : 0;
	r->window_count = 0;
	r->window_ns = now_ns;
}

void wr_journal_removal_note_used(struct wr_journal *j)
{
	struct wr_journal_removal *r = &j->files.removal;

	roll_window(r, wr_clock_mono_ns(j->clock));
	r->window_count++;
}

static uint32_t used_in_a_while(const struct wr_journal_removal *r)
{
	if (WR_BUG(REMOVED_TOO_SOON))
		return 0;
	return r->window_count > r->window_before ? r->window_count : r->window_before;
}

/* --- what goes -------------------------------------------------------------------------------- */

bool wr_journal_removal_holds(const struct wr_journal *j)
{
	return j->files.removal.index != WR_JOURNAL_NONE && !WR_BUG(REMOVED_UNORDERED);
}

static void came_back(struct wr_journal *j)
{
	struct wr_journal_removal *r = &j->files.removal;
	uint32_t index = r->index;
	int code = r->task.io.result;

	r->task.done = false;
	r->index = WR_JOURNAL_NONE;
	if (code < 0)
		r->stopped = j->erasing.is_stuck = true;
	if (r->task.io.file != WR_STORAGE_NO_FILE) {
		wr_journal_spare_put_back(j, index);
		wr_journal_count_segments(j);
		return;
	}
	if (code < 0 && (wr_journal_was_in_log(j, index) || j->table->segments[index].trimmed))
		j->files.recycle_stopped = true; /* I4: it may come back, with what stood in it */
	wr_segment_remove(j->table, index);
	wr_journal_cell_add(&j->cells.segments_removed, 1);
	wr_journal_count_segments(j);
}

/* Whether a file is more than what is ready, and more than what is used again before long. */
static bool is_one_too_many(const struct wr_journal *j, uint64_t wanted_ready)
{
	const struct wr_journal_files *f = &j->files;

	/* None of these is used again: nothing that gets ready is in its way, nor is waited for. */
	if (wr_journal_stale_to_go(j) > 0)
		return !WR_BUG(ERASED_FILES_WAIT) || f->header_phase == WR_JOURNAL_READY_NONE;
	return f->header_phase == WR_JOURNAL_READY_NONE && f->ready - f->entered >= wanted_ready &&
	       wr_journal_pickable(j) > used_in_a_while(&f->removal);
}

static void begin(struct wr_journal *j, uint32_t index)
{
	struct wr_journal_removal *r = &j->files.removal;
	struct wr_segment *segment = &j->table->segments[index];

	r->task.io = (struct wr_io){
		.kind = WR_IO_REMOVE,
		.file = wr_segment_file(segment),
	};
	int code = wr_journal_task_submit(j, &r->task);
	if (code == 0) {
		wr_journal_spare_take(j, index);
		segment->state = WR_SEGMENT_REMOVING;
		r->index = index;
		wr_journal_count_segments(j);
	} else if (code != -EAGAIN) {
		r->stopped = j->erasing.is_stuck = true;
	}
}

int wr_journal_removal_step(struct wr_journal *j, uint64_t wanted_ready)
{
	struct wr_journal_removal *r = &j->files.removal;
	int work = 0;

	if (r->task.busy)
		return 0;
	if (r->task.done) {
		came_back(j);
		work++;
	}
	if (r->stopped || j->closing || j->failure.code != 0 ||
	    wr_journal_pickable(j) + wr_journal_stale_to_go(j) == 0)
		return work;
	roll_window(r, wr_clock_mono_ns(j->clock));
	if (!is_one_too_many(j, wanted_ready))
		return work;
	uint32_t index = wr_journal_spare_pick_to_remove(j);
	if (index == WR_JOURNAL_NONE)
		return work;
	if (wr_journal_was_in_log(j, index) &&
	    wr_journal_range_has(j, j->files.retired_id[index]) &&
	    !WR_BUG(REMOVED_STILL_RECORDED)) {
		if (j->files.header_phase != WR_JOURNAL_READY_NONE)
			return work; /* the write that is under way may say it, too */
		j->files.header_phase =
			WR_JOURNAL_READY_RELEASE; /* and then it is looked at again */
		wr_journal_range_begin(j, j->superblock.newest_segment_id);
	} else {
		begin(j, index);
	}
	return work + 1;
}

uint64_t wr_journal_removal_idle_ns(const struct wr_journal *j)
{
	const struct wr_journal_removal *r = &j->files.removal;
	uint64_t now_ns;

	if (!r->stopped && !j->closing && r->index == WR_JOURNAL_NONE &&
	    wr_journal_stale_to_go(j) > 0)
		return STALE_LOOK_NS;
	if (r->stopped || j->closing || r->index != WR_JOURNAL_NONE || wr_journal_pickable(j) == 0)
		return UINT64_MAX;
	now_ns = wr_clock_mono_ns(j->clock);
	return now_ns - r->window_ns < WINDOW_NS ? WINDOW_NS - (now_ns - r->window_ns) : 0;
}
