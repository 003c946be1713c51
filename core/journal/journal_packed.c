/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed segments that leave the log: their files are removed, since no other segment fits into
 * them. In three steps, each waited for by nobody: they are out of the table; the superblock on the
 * medium names an oldest segment above them (I7), which it is written for if no segment is getting
 * ready; nobody who reads is in them any more (T3). Then file and name go, one after the other, and
 * the entry in the table is free for the next packed segment.
 *
 * And files that packed ones stand for: they are spares as soon as nobody is in them.
 *
 * Who is inside is asked in rounds (inside.h): one is for all that was there when it began, and
 * what comes meanwhile has the next.
 *
 * What a crash leaves of this is found by the next open as what is below the oldest segment, and
 * removed there (journal_start.c).
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include <errno.h>

#include "core/base/bug.h"

/* While somebody is inside, who wakes nobody. */
#define LOOK_NS 20000000ull

static void put(struct wr_journal *j, struct wr_journal_spares *queue, uint32_t index)
{
	uint32_t *next = j->files.spare_next;

	next[index] = WR_JOURNAL_NONE;
	if (queue->count++ == 0)
		queue->first = index;
	else
		next[queue->last] = index;
	queue->last = index;
}

static uint32_t take(struct wr_journal *j, struct wr_journal_spares *queue)
{
	uint32_t index = queue->first;

	queue->first = j->files.spare_next[index];
	queue->count--;
	return index;
}

void wr_journal_packed_retired(struct wr_journal *j, uint32_t index, uint64_t segment_id)
{
	j->table->segments[index].state = WR_SEGMENT_NONE;
	j->files.retired_id[index] = segment_id;
	put(j, &j->files.going, index);
}

void wr_journal_packed_left(struct wr_journal *j, uint32_t index)
{
	j->table->segments[index].state = WR_SEGMENT_NONE;
	j->files.retired_id[index] = WR_JOURNAL_STOOD_FOR;
	put(j, &j->files.left, index);
}

bool wr_journal_packed_waits(const struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;

	/* Those that were packed anew wait for nothing, and may stand anywhere among the others. */
	return j->packing.announce != 0 || wr_journal_erase_waits(j) ||
	       (f->going.count > 0 && (wr_journal_range_has(j, f->retired_id[f->going.first]) ||
				       wr_journal_range_has(j, f->retired_id[f->going.last])));
}

/* --- files go --------------------------------------------------------------------------------- */

/* The next one that the superblock does not count to the log any more. */
static bool may_go(const struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;

	return f->going.count > 0 && !wr_journal_range_has(j, f->retired_id[f->going.first]);
}

static uint32_t waiting(const struct wr_journal_files *f)
{
	return f->going.count - f->going_left + f->left.count;
}

/* How many files nobody is in any more that had to wait for it. */
static uint32_t ask_who_is_inside(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	uint32_t count = f->round_going + f->round_left;

	if (count == 0) {
		count = waiting(f);
		if (count == 0)
			return 0;
		f->round_going = f->going.count - f->going_left;
		f->round_left = f->left.count;
		wr_inside_round_begin(&j->table->inside);
	}
	if (!wr_inside_round_ends(&j->table->inside) && !WR_BUG(READERS_NOT_ASKED))
		return 0;
	f->going_left += f->round_going;
	for (; f->round_left > 0; f->round_left--)
		wr_journal_spare_add(j, take(j, &f->left));
	f->round_going = 0;
	wr_journal_count_segments(j);
	return count;
}

uint64_t wr_journal_packed_idle_ns(const struct wr_journal *j)
{
	return waiting(&j->files) > 0 ? LOOK_NS : UINT64_MAX;
}

void wr_journal_packed_remove_now(struct wr_journal *j)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	while (may_go(j)) {
		uint32_t index = take(j, &j->files.going);
		struct wr_segment *segment = &j->table->segments[index];
		wr_segment_name(name, j->table->log_id, segment->file_number);
		(void)j->storage->ops->file_close(j->storage, wr_segment_file(segment));
		(void)j->storage->ops->file_remove(j->storage, name);
		wr_segment_remove(j->table, index);
	}
}

/* One that is still there is closed, and left to the next open. */
static void came_back(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;

	f->going_task.done = false;
	j->erasing.is_stuck |= f->going_task.io.result < 0;
	if (f->going_task.io.file != WR_STORAGE_NO_FILE)
		(void)j->storage->ops->file_close(j->storage, f->going_task.io.file);
	wr_segment_remove(j->table, f->going_index);
	f->going_index = WR_JOURNAL_NONE;
}

/* By a helper (S12): to free the room of a file takes time, in which nothing would be committed. */
static int begin_removal(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	struct wr_segment *segment = &j->table->segments[f->going.first];

	f->going_task.io = (struct wr_io){
		.kind = WR_IO_REMOVE,
		.file = wr_segment_file(segment),
	};
	int code = wr_journal_task_submit(j, &f->going_task);
	if (code == -EAGAIN)
		return 0;
	f->going_index = take(j, &f->going);
	f->going_left--;
	segment->state = WR_SEGMENT_REMOVING;
	if (code < 0)
		came_back(j);
	return 1;
}

int wr_journal_packed_step(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	int count = 0;

	if (f->going_task.done) {
		came_back(j);
		count++;
	}
	count += (int)ask_who_is_inside(j);
	if (f->going_left > 0 && may_go(j) && !f->going_task.busy && !j->closing &&
	    j->failure.code == 0)
		count += begin_removal(j);
	return count;
}
