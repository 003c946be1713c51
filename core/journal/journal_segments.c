/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments ahead of the log and behind it. A file is made (PREPARE) or retired from the log; it
 * waits as a spare; it gets an id and a durable header and is ready; its extents are offered; its
 * first batch makes it part of the log. So a roll takes nothing but extents that are there.
 *
 * The reserve (L31) is no particular file but the last ready segment: ids have to ascend with the
 * log, so a file that was set aside with an id of its own could not be entered later than others.
 * Its extents are offered as `reserve`, one at a time and only when nothing else is in the ring.
 * When another segment gets ready, that is the reserve, and the rest of this one is offered to
 * everything. An extent that was offered as reserve and is still in the ring then stands before
 * those: the writer may use it for anything as soon as `starved` is 0.
 *
 * Retired segments get their new headers oldest first (I4). A crash leaves any prefix of them
 * rewritten, and the ones that keep their old header are found as the oldest part of the log:
 * recovery sees no hole. When such a write fails, nobody knows which header is there; from then on
 * nothing is recycled until the next open.
 *
 * Before all of them come the spares that were found at open: whole batches of a trimmed tail may
 * stand in them, with sequences that were given again. Nothing but the start of the next epoch
 * excludes those from the log, and its segment is recycled in its turn; a file that still held them
 * by then would be taken for the oldest part of the log by the next open (R6). When one with such a
 * batch cannot be written, nothing that was retired is written over either.
 *
 * A spare that held batches has a durable zero over its first batch before it is ready (I5). When
 * it left the log in this life the header goes first: were the batch gone and the old header still
 * there, the file would look like the oldest part of the log with its beginning lost. When it was
 * found at open it is no part of the log whatever its header says, but a torn header might give it
 * back the id of its batch: so there the batch goes first.
 *
 * Before the header of a retired segment is written over, and before the segment is ready, the
 * superblock is written (I6, I7, journal_range.c): it is on record what is part of the log. That
 * alone keeps a retired segment out; the order and the zeros above are a second line, for a journal
 * whose record went with the superblock's newer copies.
 *
 * A file is kept open (S11) from when it is made, or taken to be used again, until the segment
 * behind it goes live: then nothing more is written to it.
 *
 * Invariants I3 to I7. Thread: the step's; the table is read by any (T1).
 */
#include "core/journal/journal_internal.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bug.h"
#include "core/port/park.h"

static struct wr_journal_assigned *assigned_at(struct wr_journal *j, uint64_t position)
{
	return &j->files.assigned[position & j->files.assigned_mask];
}

static uint64_t ready_count(const struct wr_journal *j)
{
	return j->files.ready - j->files.entered;
}

/* --- into the log and out of it --------------------------------------------------------------- */

void wr_journal_segment_goes_live(struct wr_journal *j, const struct wr_commit *first)
{
	struct wr_journal_files *f = &j->files;
	const struct wr_journal_assigned *a = assigned_at(j, f->live);
	uint32_t live_count = wr_segment_live_count(j->table);

	/* Batches come in the order in which extents were offered, and every extent is used. */
	WR_ASSERT(f->live < f->entered && a->segment_id == first->segment_id);
	/* S11: the last one is full. What of it is on its way to the medium holds it open. */
	if (live_count > 0)
		(void)wr_journal_file_keep(j, wr_segment_live(j->table, live_count - 1), false);
	wr_segment_set_live(j->table, a->index, first->segment_id, first->first_seq,
			    first->time_us);
	f->live++;
	f->newest_live_id = first->segment_id;
	f->retention_changed = true;
	wr_journal_removal_note_used(j);
	j->packing.wanted = j->packer != NULL;
	wr_journal_count_segments(j);
}

/*
 * The first sequence that must stay. One that a subscription needs, and the last one of the older
 * checkpoint: its batch has to be found where the checkpoint says, or the checkpoint counts for
 * nothing and with it all that it summed up.
 */
uint64_t wr_journal_gate(const struct wr_journal *j)
{
	uint64_t gate = wr_load_acquire(&j->link->needed_seq); /* D3 */

	if (WR_BUG(RETENTION_PASSES_SEEKS))
		gate = UINT64_MAX;

	for (uint32_t i = 0; i < WR_CHECKPOINT_COPIES && !WR_BUG(RETENTION_UNGATED); i++) {
		gate = wr_min_u64(gate, j->checkpoint.needed_seq[i]);
		gate = wr_min_u64(gate, j->checkpoint.last_seq[i]);
	}
	return gate;
}

/*
 * Whether nobody needs anything below `next_seq`, nor is about to (D4): says what is going to
 * leave, and only then looks once more. If it stays, it is looked at again by the next step.
 */
static bool may_leave(struct wr_journal *j, uint64_t next_seq)
{
	struct wr_journal_link *link = j->link;
	uint64_t left_seq = wr_load_relaxed(&link->leaving_seq); /* own */

	if (next_seq > wr_journal_gate(j))
		return false;
	wr_store_seq(&link->leaving_seq, next_seq); /* D4 */
	if ((wr_load_seq(&link->asking) == 0 || WR_BUG(PLACE_NOT_HELD)) &&
	    next_seq <= wr_journal_gate(j)) /* D4, then D3 */
		return true;
	wr_store_release(&link->leaving_seq, left_seq);
	j->files.retention_changed = true;
	return false;
}

int wr_journal_segments_retire(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	int count = 0;

	f->retention_changed = false;
	if (f->recycle_stopped || j->checkpoint.file_bytes == 0) {
		wr_store_relaxed(&j->link->wanted_seq, 0u); /* own */
		return 0;
	}
	for (;;) {
		/* The newest has none behind it: what is being written to stays in any case. */
		if (wr_segment_live_count(j->table) < 2)
			break;
		bool is_beyond = wr_journal_is_beyond_retention(j, 0, 0);
		if ((!is_beyond && !f->drop_wanted) ||
		    (!may_leave(j, wr_load_relaxed(&wr_segment_live(j->table, 1)->first_seq)) &&
		     !(f->drop_wanted && WR_BUG(DROPS_THE_NEEDED))))
			break;
		uint64_t segment_id = wr_load_relaxed(&wr_segment_live(j->table, 0)->segment_id);
		uint32_t index = wr_segment_retire(j->table);
		bool is_packed = wr_segment_is_packed(&j->table->segments[index]);
		if (is_packed)
			wr_journal_packed_retired(j, index, segment_id);
		else
			f->retired_id[index] = segment_id;
		if (!is_packed)
			wr_journal_spare_add(j, index);
		wr_journal_cell_add(&j->cells.segments_recycled, 1);
		if (!is_beyond)
			wr_journal_cell_add(&j->cells.segments_dropped, 1);
		f->drop_wanted = false; /* there is one now, or will be when it has gone */
		count++;
	}
	if (count > 0)
		wr_journal_count_segments(j);
	wr_journal_tell_wanted(j);
	return count;
}

/* --- spares get an id ------------------------------------------------------------------------- */

void wr_journal_ready_begin(struct wr_journal *j, uint32_t index)
{
	struct wr_journal_files *f = &j->files;
	struct wr_segment_table *t = j->table;
	struct wr_segment_header header = {
		.segment_id = t->next_segment_id++,
		.segment_bytes = t->segment_bytes,
		.log_id = t->log_id,
		.epoch = j->epoch,
		.chunk_bytes = t->chunk_bytes,
		.block_bytes = WR_BLOCK_BYTES,
		.assigned_us = wr_clock_wall_ns(j->clock) / 1000,
		.previous_segment_id = j->superblock.newest_segment_id,
	};

	memcpy(header.uuid, t->uuid, sizeof header.uuid);
	memset(j->blocks, 0, WR_BLOCK_BYTES);
	wr_segment_header_encode(&header, j->blocks);
	f->header_index = index;
	f->header_id = header.segment_id;
	f->header_phase = f->retired_id[index] == WR_JOURNAL_FOUND ? WR_JOURNAL_READY_ERASE_FIRST
								   : WR_JOURNAL_READY_HEADER;
	if (wr_journal_was_in_log(j, index) && wr_journal_range_has(j, f->retired_id[index])) {
		f->header_phase = WR_JOURNAL_READY_LEAVE;
		wr_journal_range_begin(j, j->superblock.newest_segment_id);
	}
	wr_journal_spare_take(j, index);
	t->segments[index].state = WR_SEGMENT_RECYCLING;
	wr_journal_count_segments(j);
}

void wr_journal_ready_write(struct wr_journal *j, struct wr_io *io)
{
	bool is_header = j->files.header_phase == WR_JOURNAL_READY_HEADER;

	if (j->files.header_phase == WR_JOURNAL_READY_LEAVE ||
	    j->files.header_phase == WR_JOURNAL_READY_ENTER ||
	    j->files.header_phase == WR_JOURNAL_READY_RELEASE) {
		wr_journal_range_write(j, io);
		return;
	}
	*io = (struct wr_io){
		.kind = WR_IO_WRITE,
		.flags = WR_BUG(HEADER_UNSYNCED) && is_header ? 0 : WR_IO_DURABLE,
		.file = wr_segment_file(&j->table->segments[j->files.header_index]),
		.length_bytes = WR_BLOCK_BYTES,
		.offset_bytes = is_header ? 0 : WR_BLOCK_BYTES,
		.buffer = is_header ? j->blocks : j->blocks + WR_JOURNAL_ZERO_BLOCK,
	};
}

static void is_ready(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;

	WR_ASSERT(f->ready - f->live <= f->assigned_mask);
	*assigned_at(j, f->ready) = (struct wr_journal_assigned){
		.segment_id = f->header_id,
		.index = f->header_index,
	};
	f->ready++;
	f->prepare_code = 0;
	f->header_phase = WR_JOURNAL_READY_NONE;
	f->retired_id[f->header_index] = WR_JOURNAL_BLANK;
	j->table->segments[f->header_index].trimmed = false;
	j->table->segments[f->header_index].state = WR_SEGMENT_READY;
	wr_journal_count_segments(j);
}

static void enter_begin(struct wr_journal *j)
{
	if (WR_BUG(SEGMENT_NOT_RECORDED)) {
		is_ready(j);
		return;
	}
	j->files.header_phase = WR_JOURNAL_READY_ENTER;
	wr_journal_range_begin(j, j->files.header_id);
}

static void release_advance(struct wr_journal *j, int result)
{
	if (result >= 0 && !wr_journal_range_advance(j))
		return;
	j->files.header_phase = WR_JOURNAL_READY_NONE;
	if (result >= 0)
		return;
	wr_journal_note_failure(j, result, "recording a segment in the superblock",
				&j->files.header.io);
	j->files.recycle_stopped = true; /* I4 */
}

void wr_journal_ready_advance(struct wr_journal *j, int result)
{
	struct wr_journal_files *f = &j->files;
	if (f->header_phase == WR_JOURNAL_READY_RELEASE) {
		release_advance(j, result);
		return;
	}
	bool retired = wr_journal_was_in_log(j, f->header_index);
	bool is_range = f->header_phase == WR_JOURNAL_READY_LEAVE ||
			f->header_phase == WR_JOURNAL_READY_ENTER;

	if (result < 0 && is_range) {
		/* S5: no segment can be recorded any more, so none would be used; better now. */
		wr_journal_note_failure(j, result, "recording a segment in the superblock",
					&f->header.io);
		f->header_phase = WR_JOURNAL_READY_NONE;
		j->table->segments[f->header_index].state = WR_SEGMENT_NONE;
		f->recycle_stopped = true; /* I4 */
		(void)wr_journal_file_keep(j, &j->table->segments[f->header_index], false);
		wr_journal_count_segments(j);
	} else if (result < 0) {
		/* S5: the file is of no more use, and this is not the log: it goes on. */
		if ((retired && f->header_phase == WR_JOURNAL_READY_HEADER) ||
		    j->table->segments[f->header_index].trimmed)
			f->recycle_stopped = true; /* I4 */
		f->header_phase = WR_JOURNAL_READY_NONE;
		j->table->segments[f->header_index].state = WR_SEGMENT_NONE;
		(void)wr_journal_file_keep(j, &j->table->segments[f->header_index], false);
		wr_journal_cell_add(&j->cells.prepare_failures, 1);
		wr_journal_count_segments(j);
	} else if (f->header_phase == WR_JOURNAL_READY_ERASE_FIRST) {
		f->header_phase = WR_JOURNAL_READY_HEADER;
	} else if (f->header_phase == WR_JOURNAL_READY_HEADER && retired) {
		f->header_phase = WR_JOURNAL_READY_ERASE_LAST;
	} else if (!is_range) {
		enter_begin(j);
	} else if (wr_journal_range_advance(j)) {
		if (f->header_phase == WR_JOURNAL_READY_LEAVE)
			f->header_phase = WR_JOURNAL_READY_HEADER;
		else
			is_ready(j);
	}
}

/* Segments to keep ready, the reserve among them. */
static uint64_t wanted_ready(struct wr_journal *j)
{
	if (!j->closing)
		return (uint64_t)j->options.segments_ahead + 1 + wr_journal_ahead_wanted(j);
	return wr_spsc_room_for(&j->link->extents_ring, WR_JOURNAL_EXTENTS_AHEAD) <
				       WR_JOURNAL_EXTENTS_AHEAD ||
			       wr_journal_current_has_extents(j)
		       ? 0
		       : 1;
}

void wr_journal_drop_if_wanted(struct wr_journal *j, int code)
{
	if (!j->options.drop_oldest || (code != -ENOSPC && code != -EDQUOT && code != WEIR_E_FULL))
		return;
	/* A packed one gives its room back only when it has gone: until then the next one stays. */
	if (wr_journal_packed_lingers(j) && !WR_BUG(DROPS_TOO_MANY))
		return;
	j->files.drop_wanted = true;
	j->files.retention_changed = true;
}

/* None can be made, or none that is there can be opened: tried again in a while. */
static void no_segment(struct wr_journal *j, int code)
{
	wr_journal_cell_add(&j->cells.prepare_failures, 1);
	j->files.retry_at_ns = wr_clock_mono_ns(j->clock) + WR_JOURNAL_RETRY_NS;
	j->files.prepare_code = code;
	wr_journal_room_made(j, code);
	wr_journal_drop_if_wanted(j, code);
}

static bool is_time(const struct wr_journal *j)
{
	return j->files.retry_at_ns == 0 || wr_clock_mono_ns(j->clock) >= j->files.retry_at_ns;
}

/* The next write of the segment that is getting ready; one at a time. */
static int ready_step(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	int work = 0;

	if (f->header.busy)
		return 0;
	if (f->header.done) {
		f->header.done = false;
		wr_journal_ready_advance(j, f->header.io.result);
		work++;
	}
	if (f->header_phase == WR_JOURNAL_READY_NONE && j->failure.code == 0 &&
	    wr_journal_packed_waits(j)) {
		f->header_phase = WR_JOURNAL_READY_RELEASE;
		wr_journal_range_begin(j, j->superblock.newest_segment_id);
	}
	if (f->header_phase == WR_JOURNAL_READY_NONE) {
		uint32_t index = wr_journal_spare_pick(j);
		if (j->failure.code != 0 || index == WR_JOURNAL_NONE ||
		    ready_count(j) >= wanted_ready(j)) {
			f->spare_refused = false;
			return work;
		}
		if (f->spare_refused && !is_time(j))
			return work;
		int opened = wr_journal_spare_open(j, index);
		f->spare_refused = wr_journal_is_no_descriptor(opened);
		if (f->spare_refused)
			no_segment(j, opened);
		if (opened < 0)
			return work + 1;
		wr_journal_ready_begin(j, index);
	}
	wr_journal_ready_write(j, &f->header.io);
	int r = wr_journal_task_submit(j, &f->header);
	if (r == 0)
		return work + 1;
	if (r != -EAGAIN) /* then at the next step */
		wr_journal_ready_advance(j, r);
	return work;
}

/* --- files are made --------------------------------------------------------------------------- */

static void prepare_failed(struct wr_journal *j, int code)
{
	if (code != -EEXIST) {
		no_segment(j, code);
		return;
	}
	wr_journal_cell_add(&j->cells.prepare_failures, 1);
	j->files.next_file_number++; /* somebody's file: it is left alone */
}

static void prepare_came_back(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;

	f->prepare.done = false;
	if (f->prepare.io.result != 0) {
		prepare_failed(j, f->prepare.io.result);
		return;
	}
	wr_journal_file_add(j, f->prepare.io.file, f->next_file_number);
	f->next_file_number++;
	f->drop_wanted = false;
	wr_journal_room_made(j, 0);
}

static int prepare_start(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;

	if (!is_time(j))
		return 0;
	f->retry_at_ns = 0;
	int room = wr_journal_room_look(j);
	if (room < 0) {
		no_segment(j, room);
		return 1;
	}
	wr_segment_name(f->prepare_name, j->table->log_id, f->next_file_number);
	f->prepare.io = (struct wr_io){
		.kind = WR_IO_PREPARE,
		.file_bytes = j->table->segment_bytes,
		.name = f->prepare_name,
	};
	int r = wr_journal_task_submit(j, &f->prepare);
	if (r == 0)
		return 1;
	if (r != -EAGAIN)
		prepare_failed(j, r);
	return 0;
}

/* --- extents are offered ---------------------------------------------------------------------- */

static void enter_next(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	const struct wr_journal_assigned *a = assigned_at(j, f->entered);

	f->current = a->index;
	f->current_id = a->segment_id;
	f->current_extent = 0;
	f->entered++;
}

static void offer_one(struct wr_journal *j, bool reserve)
{
	struct wr_journal_files *f = &j->files;
	struct wr_spsc *ring = &j->link->extents_ring;

	j->link->extents[wr_spsc_push_index(ring, 0)] = (struct wr_extent){
		.segment_id = f->current_id,
		.segment_offset = wr_extent_offset(j->table->chunk_bytes, f->current_extent),
		.file = wr_load_relaxed(&j->table->segments[f->current].file),
		.reserve = reserve ? 1 : 0,
		.used_bytes = f->current_used_bytes,
	};
	wr_spsc_push(ring, 1);
	f->current_extent++;
	f->current_used_bytes = 0;
	if (!reserve)
		f->normal_end = ring->tail_own;
}

int wr_journal_extents_offer(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	struct wr_spsc *ring = &j->link->extents_ring;
	uint64_t room = wr_spsc_room_for(ring, WR_JOURNAL_EXTENTS_AHEAD);
	bool starved = false;
	int count = 0;

	while (room > 0) {
		/* What is offered now is of the reserve if nothing would be ready behind it. */
		bool reserve = ready_count(j) <= (wr_journal_current_has_extents(j) ? 0u : 1u);
		if (reserve) {
			uint64_t taken = ring->tail_own - (WR_JOURNAL_EXTENTS_AHEAD - room);
			starved = taken >= f->normal_end;
			if (room < WR_JOURNAL_EXTENTS_AHEAD)
				break;
		}
		if (!wr_journal_current_has_extents(j)) {
			if (ready_count(j) == 0)
				break;
			enter_next(j);
		}
		offer_one(j, reserve);
		room--;
		count++;
	}
	if (starved != f->starved) {
		f->starved = starved;
		wr_publish_round_u32(&j->link->starved, starved ? 1u : 0u); /* PK1, D2 */
		count++;
	}
	if (count > 0)
		j->moved = true; /* a writer without an extent waits for this */
	return count;
}

/* --- the step's share ------------------------------------------------------------------------- */

int wr_journal_segments_step(struct wr_journal *j)
{
	struct wr_journal_files *f = &j->files;
	uint64_t wanted = wanted_ready(j);
	int work = 0;

	if (f->prepare.done) {
		prepare_came_back(j);
		work++;
	}
	if (f->retention_changed || wr_journal_age_is_past(j, 0))
		work += wr_journal_segments_retire(j);
	work += ready_step(j);
	work += wr_journal_packed_step(j);
	work += wr_journal_packing_step(j);
	uint64_t ahead =
		ready_count(j) + wr_journal_pickable(j) + (wr_journal_gets_ready(j) ? 1u : 0u);
	if (ahead < wanted && wr_segment_file_count(j->table) >= f->files_max) {
		f->retry_at_ns = 0;
		f->prepare_code = WEIR_E_FULL; /* until retention gives one back */
		wr_journal_drop_if_wanted(j, WEIR_E_FULL);
	} else if (ahead < wanted) {
		if (!f->prepare.busy)
			work += prepare_start(j);
	} else if (!f->spare_refused) {
		f->retry_at_ns = 0; /* nothing is missing: nothing to wake up for */
	}
	work += wr_journal_removal_step(j, wanted);
	work += wr_journal_extents_offer(j);
	wr_journal_ahead_publish(j);
	wr_journal_room_note(j);
	return work;
}
