/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that wait for an id, in three queues in which the next is always the first one (I4): what
 * was found at open, new files, and what left the log, oldest first. Nothing here depends on how
 * many segments there are.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include "core/base/assert.h"
#include "core/base/bug.h"

static enum wr_journal_spare_kind kind_of(const struct wr_journal *j, uint32_t index)
{
	uint64_t retired_id = j->files.retired_id[index];

	if (retired_id == WR_JOURNAL_FOUND)
		return WR_JOURNAL_SPARE_FOUND;
	return retired_id == WR_JOURNAL_BLANK ? WR_JOURNAL_SPARE_NEW : WR_JOURNAL_SPARE_RETIRED;
}

bool wr_journal_was_in_log(const struct wr_journal *j, uint32_t index)
{
	return kind_of(j, index) == WR_JOURNAL_SPARE_RETIRED;
}

void wr_journal_spare_add(struct wr_journal *j, uint32_t index)
{
	struct wr_journal_spares *spares = &j->files.spares[kind_of(j, index)];
	uint32_t *next = j->files.spare_next;

	j->table->segments[index].state = WR_SEGMENT_SPARE;
	next[index] = WR_JOURNAL_NONE;
	if (spares->count++ == 0) {
		spares->first = spares->last = index;
	} else {
		next[spares->last] = index;
		spares->last = index;
	}
}

void wr_journal_spare_put_back(struct wr_journal *j, uint32_t index)
{
	struct wr_journal_spares *spares = &j->files.spares[kind_of(j, index)];

	j->table->segments[index].state = WR_SEGMENT_SPARE;
	j->files.spare_next[index] = spares->count > 0 ? spares->first : WR_JOURNAL_NONE;
	if (spares->count++ == 0)
		spares->last = index;
	spares->first = index;
}

void wr_journal_file_add(struct wr_journal *j, uint32_t file, uint32_t file_number)
{
	uint32_t index = wr_segment_add(j->table, file, file_number);

	j->files.retired_id[index] = WR_JOURNAL_BLANK;
	wr_journal_spare_add(j, index);
	wr_journal_count_segments(j);
}

uint32_t wr_journal_spare_pick(const struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;

	for (uint32_t kind = 0; kind < WR_JOURNAL_SPARE_KINDS; kind++)
		if (f->spares[kind].count > 0 &&
		    (kind == WR_JOURNAL_SPARE_NEW || !wr_journal_erases(j)) &&
		    !(kind == WR_JOURNAL_SPARE_RETIRED &&
		      (f->recycle_stopped || wr_journal_removal_holds(j))))
			return f->spares[kind].first;
	return WR_JOURNAL_NONE;
}

/* A new one is worth the most: it is ready after one write. */
uint32_t wr_journal_spare_pick_to_remove(const struct wr_journal *j)
{
	static const enum wr_journal_spare_kind order[] = {
		WR_JOURNAL_SPARE_FOUND, WR_JOURNAL_SPARE_RETIRED, WR_JOURNAL_SPARE_NEW};
	const struct wr_journal_files *f = &j->files;

	for (uint32_t i = 0; i < WR_JOURNAL_SPARE_KINDS; i++)
		if (f->spares[order[i]].count > 0 &&
		    !(order[i] == WR_JOURNAL_SPARE_RETIRED && f->recycle_stopped))
			return f->spares[order[i]].first;
	return WR_JOURNAL_NONE;
}

void wr_journal_spare_take(struct wr_journal *j, uint32_t index)
{
	struct wr_journal_spares *spares = &j->files.spares[kind_of(j, index)];

	WR_ASSERT(spares->count > 0 && spares->first == index);
	spares->first = j->files.spare_next[index];
	spares->count--;
}

int wr_journal_spare_open(struct wr_journal *j, uint32_t index)
{
	struct wr_segment *segment = &j->table->segments[index];
	int code = wr_journal_file_keep(j, segment, true);

	if (code == 0 || wr_journal_is_no_descriptor(code))
		return code;
	/* It is gone, or bad: as if its header could not be written (I4). */
	j->files.recycle_stopped |= wr_journal_was_in_log(j, index) || segment->trimmed;
	wr_journal_spare_take(j, index);
	segment->state = WR_SEGMENT_NONE;
	wr_journal_count_segments(j);
	return code;
}

uint64_t wr_journal_pickable(const struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	uint64_t count = f->spares[WR_JOURNAL_SPARE_NEW].count;

	if (wr_journal_erases(j))
		return count;
	count += f->spares[WR_JOURNAL_SPARE_FOUND].count;
	return f->recycle_stopped ? count : count + f->spares[WR_JOURNAL_SPARE_RETIRED].count;
}

uint64_t wr_journal_stale(const struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;

	return !wr_journal_erases(j) || WR_BUG(ERASED_STILL_THERE)
		       ? 0
		       : f->spares[WR_JOURNAL_SPARE_FOUND].count +
				 (uint64_t)f->spares[WR_JOURNAL_SPARE_RETIRED].count;
}

uint64_t wr_journal_stale_to_go(const struct wr_journal *j)
{
	uint64_t stale = wr_journal_stale(j);

	if (j->files.recycle_stopped && stale > 0)
		stale = j->files.spares[WR_JOURNAL_SPARE_FOUND].count;
	return stale;
}

void wr_journal_count_segments(struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	uint64_t spares = f->ready - f->live + (wr_journal_gets_ready(j) ? 1u : 0u);

	for (uint32_t kind = 0; kind < WR_JOURNAL_SPARE_KINDS; kind++)
		spares += f->spares[kind].count;
	spares += f->removal.index != WR_JOURNAL_NONE ? 1u : 0u;
	wr_journal_cell_set(&j->cells.segments_live, wr_segment_live_count(j->table));
	wr_journal_cell_set(&j->cells.packed_live, j->table->packed_count);
	wr_journal_cell_set(&j->cells.packed_bytes, j->table->packed_bytes);
	wr_journal_cell_set(&j->cells.log_bytes, j->table->live_bytes);
	wr_journal_cell_set(&j->cells.segments_spare, spares);
}

int wr_journal_file_keep(struct wr_journal *j, struct wr_segment *segment, bool keep)
{
	return j->storage->ops->file_keep(j->storage, wr_segment_file(segment), keep);
}
