/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal does before its first step, and may block for: it looks at the spare files that
 * recovery found, makes up to two segments if there are none to go on in, and the checkpoint files.
 *
 * A full disk does not keep a journal from opening that has room of its own: the rest of the last
 * segment, where the log goes on also after a crash, or one more that is ready. It starts with that
 * as its reserve, starved, so that consumers can settle and retention can free others (L31). Only
 * when there is not one block does it fail.
 *
 * Thread: the one that opens.
 */
#include "core/journal/journal_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bug.h"

#define FILL_BYTES_MAX (1u << 20)
#define NAMES_TRIED_MAX 64u

/*
 * Whether this is what a PREPARE leaves when the process dies in it: zeros and holes, of any
 * length, that never had a header. What holds anything else is somebody's. What cannot be read is
 * found again at the next open.
 */
static bool is_unfinished(struct wr_journal *j, uint32_t file, uint64_t bytes)
{
	const struct wr_memory_ops *ops = j->memory->ops;
	bool is_zero = bytes < j->table->segment_bytes;
	uint64_t room_bytes = wr_min_u64(wr_round_up(bytes + 1, WR_BLOCK_BYTES), FILL_BYTES_MAX);
	uint8_t *room = is_zero ? ops->alloc(j->memory, room_bytes, WR_BLOCK_BYTES) : NULL;

	if (room == NULL)
		return false;
	for (uint64_t at = 0; is_zero && at < bytes; at += room_bytes) {
		uint64_t length = wr_min_u64(bytes - at, room_bytes);
		is_zero = j->storage->ops->read(j->storage, file, room, (uint32_t)room_bytes, at) ==
			  (int64_t)length;
		/* Each byte is the one before it, and the first is zero. */
		is_zero = is_zero && room[0] == 0 && memcmp(room, room + 1, length - 1) == 0;
	}
	ops->free(j->memory, room, room_bytes);
	return is_zero;
}

static bool remove_file(struct wr_journal *j, struct wr_segment *segment)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, j->table->log_id, segment->file_number);
	(void)j->storage->ops->file_close(j->storage, wr_segment_file(segment));
	return j->storage->ops->file_remove(j->storage, name) == 0;
}

/*
 * Where keys are erased, a file that is no part of the log: whatever stood in it, one may have been
 * erased since then (journal_erase.c). Nothing is asked of it that may fail, such as a sync. What
 * stays is of no more use, and is remembered until the next open.
 */
static bool remove_stale(struct wr_journal *j, uint32_t index)
{
	struct wr_segment *segment = &j->table->segments[index];

	segment->state = WR_SEGMENT_NONE;
	if (!remove_file(j, segment)) {
		j->erasing.is_stuck |= !WR_BUG(STALE_FORGOTTEN);
		j->files.recycle_stopped |= segment->trimmed; /* I4 */
		return false;
	}
	wr_segment_remove(j->table, index);
	return true;
}

/*
 * A spare of another size is never used: who knows whose it is. Only what is provably the rest of
 * a PREPARE is removed, since its room may be what a full disk lacks.
 *
 * One of the right size is synced before it gets a header: the process may have died between a
 * PREPARE's write and its sync, and a power cut could then leave a good header on a file that is
 * cut, which the next recovery has to call damage. (Its directory entry was synced by recovery.)
 */
static int sort_out_spares(struct wr_journal *j)
{
	const struct wr_storage_ops *ops = j->storage->ops;
	uint32_t count = wr_load_relaxed(&j->table->count);
	bool removed = false;

	for (uint32_t i = 0; i < count; i++) {
		struct wr_segment *segment = &j->table->segments[i];
		uint32_t file = wr_segment_file(segment);
		uint64_t bytes = 0;
		if (segment->state != WR_SEGMENT_SPARE)
			continue;
		if (segment->is_rest || wr_segment_is_packed(segment)) {
			segment->state = WR_SEGMENT_NONE;
			bool is_gone = segment->is_rest && remove_file(j, segment);
			j->erasing.is_stuck |= !is_gone;
			removed = is_gone || removed;
			continue;
		}
		int r = ops->file_bytes(j->storage, file, &bytes);
		bool is_whole = r == 0 && bytes == j->table->segment_bytes;
		if (is_whole && wr_journal_erases(j)) {
			removed = remove_stale(j, i) || removed;
			continue;
		}
		if (is_whole)
			r = ops->sync_file(j->storage, file);
		if (wr_journal_is_no_descriptor(r))
			return r;
		if (r == 0 && is_whole) {
			j->files.retired_id[i] =
				segment->cleared ? WR_JOURNAL_BLANK : WR_JOURNAL_FOUND;
			wr_journal_spare_add(j, i);
			continue;
		}
		segment->state = WR_SEGMENT_NONE; /* S5: of no more use */
		j->erasing.is_stuck |= r < 0;
		if (r < 0) {
			j->files.recycle_stopped |= segment->trimmed; /* I4 */
			continue;
		}
		if (is_unfinished(j, file, bytes)) {
			removed = remove_file(j, segment) || removed;
		}
	}
	if (removed)
		(void)ops->sync_dir(j->storage); /* else it is found, and removed, again */
	wr_journal_count_segments(j);
	return 0;
}

/* The same as a PREPARE, by blocking writes: there is no thread yet that could poll for one. */
static int fill_file(struct wr_journal *j, uint32_t file)
{
	const uint64_t segment_bytes = j->table->segment_bytes;
	const uint32_t fill_bytes = (uint32_t)wr_min_u64(segment_bytes, FILL_BYTES_MAX);
	uint8_t *zeros = j->memory->ops->alloc(j->memory, fill_bytes, WR_BLOCK_BYTES);
	int r = 0;

	if (zeros == NULL)
		return -ENOMEM;
	for (uint64_t at = 0; r == 0 && at < segment_bytes; at += fill_bytes) {
		uint32_t length = (uint32_t)wr_min_u64(segment_bytes - at, fill_bytes);
		r = j->storage->ops->write(j->storage, file, zeros, length, at);
	}
	j->memory->ops->free(j->memory, zeros, fill_bytes);
	return r;
}

static int make_file(struct wr_journal *j)
{
	const struct wr_storage_ops *ops = j->storage->ops;
	struct wr_journal_files *f = &j->files;
	uint32_t file = 0;
	int r = -EEXIST;

	if (wr_segment_file_count(j->table) == j->table->capacity)
		return WEIR_E_FULL;
	for (uint32_t tries = 0; r == -EEXIST && tries < NAMES_TRIED_MAX; tries++) {
		wr_segment_name(f->prepare_name, j->table->log_id, f->next_file_number);
		r = ops->file_open(j->storage, f->prepare_name,
				   WR_FILE_CREATE | WR_FILE_EXCLUSIVE | WR_FILE_KEEP, &file);
		if (r == -EEXIST)
			f->next_file_number++; /* somebody's file: it is left alone */
	}
	if (r < 0)
		return r;
	r = fill_file(j, file);
	if (r == 0)
		r = ops->sync_dir(j->storage);
	if (r < 0) {
		(void)ops->file_close(j->storage, file);
		(void)ops->file_remove(j->storage, f->prepare_name);
		return r;
	}
	wr_journal_file_add(j, file, f->next_file_number);
	f->next_file_number++;
	return 0;
}

/* What the phases ask for, blocking. 0, or the code of the write that failed. */
static int write_all(struct wr_journal *j)
{
	while (j->files.header_phase != WR_JOURNAL_READY_NONE) {
		struct wr_io io;
		wr_journal_ready_write(j, &io);
		int r = j->storage->ops->write(j->storage, io.file, io.buffer, io.length_bytes,
					       io.offset_bytes);
		wr_journal_ready_advance(j, r);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Files of packed segments that have just left the log go at once: their room is wanted. */
static void release_packed(struct wr_journal *j)
{
	if (wr_journal_packed_waits(j)) {
		j->files.header_phase = WR_JOURNAL_READY_RELEASE;
		wr_journal_range_begin(j, j->superblock.newest_segment_id);
		(void)write_all(j); /* a failure is noted */
	}
	wr_journal_packed_remove_now(j);
}

/* 0, or the code of the write that failed: then the file is of no more use. */
static int make_file_ready(struct wr_journal *j, uint32_t index)
{
	int opened = wr_journal_spare_open(j, index);
	if (opened < 0)
		return opened;
	wr_journal_ready_begin(j, index);
	return write_all(j);
}

/*
 * One more ready segment, of a spare file if there is one that can be written: a bad place on the
 * medium costs a file and not the journal. A new file is tried once.
 */
static int make_ready(struct wr_journal *j)
{
	uint32_t index;

	while ((index = wr_journal_spare_pick(j)) != WR_JOURNAL_NONE) {
		int made = make_file_ready(j, index);
		if (made == 0 || wr_journal_is_no_descriptor(made))
			return made; /* the latter is not the file's fault */
	}
	int r = make_file(j);
	return r < 0 ? r : make_file_ready(j, wr_journal_spare_pick(j));
}

static int start_problem(struct wr_journal *j, int code, const char *doing,
			 struct weir_problem *reterr_problem)
{
	if (reterr_problem == NULL)
		return code;
	*reterr_problem = (struct weir_problem){.code = code};
	(void)snprintf(reterr_problem->field, sizeof reterr_problem->field, "log %u",
		       j->table->log_id);
	(void)snprintf(reterr_problem->text, sizeof reterr_problem->text,
		       "%s failed: %.80s (a segment has %llu bytes)", doing, weir_strerror(code),
		       (unsigned long long)j->table->segment_bytes);
	return code;
}

/* Of a full disk the code says enough; of the limit on files it has to be said that it is one. */
static int no_room_problem(struct wr_journal *j, int code, struct weir_problem *reterr_problem)
{
	if (code != WEIR_E_FULL)
		return start_problem(j, code, "preparing the first segments", reterr_problem);
	if (reterr_problem == NULL)
		return -EINVAL;
	*reterr_problem = (struct weir_problem){.code = -EINVAL, .field = "segments_max"};
	(void)snprintf(reterr_problem->text, sizeof reterr_problem->text,
		       "this journal has %u segments, as many as are allowed: the last one is full "
		       "and none may go, open it with a larger limit",
		       wr_segment_file_count(j->table));
	return -EINVAL;
}

int wr_journal_start(struct wr_journal *journal, struct weir_problem *reterr_problem)
{
	struct wr_journal *j = journal;
	struct wr_journal_files *f = &j->files;
	bool resumes = f->current != WR_JOURNAL_NONE; /* which has room then */
	/*
	 * One to go on in, if there is none, and the reserve. And where the oldest is dropped, one
	 * more: of two, the one that is full has nothing behind it but the reserve, which data does
	 * not enter, so that it would never be the oldest of two.
	 */
	uint64_t wanted = (resumes ? 1u : 2u) + (j->options.drop_oldest ? 1u : 0u);

	/* First: retention may count on a checkpoint only when it is known to be durable. */
	int r = wr_journal_checkpoint_start(j);
	if (r < 0)
		return start_problem(j, r, "preparing the checkpoint files", reterr_problem);
	if (resumes)
		r = wr_journal_file_keep(j, &j->table->segments[f->current], true);
	if (r == 0)
		r = sort_out_spares(j);
	if (r < 0)
		return start_problem(j, r, "opening the segments", reterr_problem);
	if (wr_journal_segments_retire(j) > 0)
		release_packed(j);
	while (r == 0 && f->ready < wanted) {
		r = make_ready(j);
		wr_journal_drop_if_wanted(j, r);
		if (f->drop_wanted && wr_journal_segments_retire(j) > 0) {
			release_packed(j);
			r = 0; /* there is a file now, or room for one */
		}
	}
	/* No full disk: want of memory (L23), or a superblock that cannot be written. Said now. */
	if (r == -ENOMEM || j->failure.code != 0 || (r < 0 && f->ready == 0 && !resumes))
		return no_room_problem(j, r, reterr_problem);
	if (r < 0) {
		wr_journal_cell_add(&j->cells.prepare_failures, 1);
		f->prepare_code = r;
	}
	(void)wr_journal_extents_offer(j);
	wr_journal_room_note(j);
	return 0;
}
