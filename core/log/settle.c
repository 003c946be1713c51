/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/settle.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define SETTLE_VERSION 1u
#define ROW_BYTES 40u

int wr_settle_init(struct wr_settle *s, struct wr_memory *memory, uint32_t rows_max)
{
	s->rows_max = rows_max;
	s->rows = memory->ops->alloc(memory, rows_max * sizeof *s->rows, 64);
	if (s->rows == NULL)
		return -ENOMEM;
	wr_settle_reset(s);
	return 0;
}

void wr_settle_fini(struct wr_settle *s, struct wr_memory *memory)
{
	if (s->rows != NULL)
		memory->ops->free(memory, s->rows, s->rows_max * sizeof *s->rows);
	s->rows = NULL;
}

void wr_settle_reset(struct wr_settle *s)
{
	s->rows_used = 0;
}

void wr_settle_start(struct wr_settle *s, uint32_t row_first, uint32_t row_count,
		     uint64_t start_seq)
{
	WR_ASSERT(row_count <= s->rows_max && row_first <= s->rows_max - row_count);
	for (uint32_t i = row_first; i < row_first + row_count; i++) {
		struct wr_settle_row *row = &s->rows[i];
		wr_store_relaxed(&row->position, start_seq);
		wr_store_relaxed(&row->generation, 0u);
		wr_store_relaxed(&row->events, 0u);
		wr_store_relaxed(&row->bytes, 0u);
		wr_store_relaxed(&row->moved, 0u);
		wr_store_relaxed(&row->anew_from, 0u);
		wr_store_relaxed(&row->anew_seq, 0u);
		wr_store_relaxed(&row->seen_seq, 0u);
		wr_store_relaxed(&row->later, 0u);
		wr_store_relaxed(&row->refused_generation, 0u);
		wr_store_relaxed(&row->base_events, 0u);
		wr_store_relaxed(&row->base_bytes, 0u);
		wr_store_relaxed(&row->to_events, 0u);
		wr_store_relaxed(&row->to_bytes, 0u);
	}
	if (row_first + row_count > s->rows_used)
		s->rows_used = row_first + row_count;
}

void wr_settle_no_position(struct wr_settle *s, uint32_t row)
{
	wr_store_relaxed(&s->rows[row].position, WR_POSITION_NONE);
}

void wr_settle_row_begin(struct wr_settle *s, uint32_t row, uint64_t seq)
{
	wr_store_relaxed(&s->rows[row].position, seq);
}

/*
 * In a run it waits until all of that is kept. The group takes what is settled for settled once and
 * for all, and would never hand out again what a refused run gave back.
 */
static void move_later(struct wr_undo *undo, struct wr_settle_row *r,
		       const struct wr_control_progress *progress)
{
	uint64_t later = wr_load_relaxed(&r->later); /* own */
	if (later == 0) {
		later = 1 + wr_cell_set_later(undo, &r->position, 0);
		(void)wr_cell_set_later(undo, &r->events, wr_load_relaxed(&r->events)); /* own */
		(void)wr_cell_set_later(undo, &r->bytes, wr_load_relaxed(&r->bytes));   /* own */
		(void)wr_cell_set_later(undo, &r->later, 0);
		wr_cell_set(undo, &r->later, later);
	}
	*wr_cell_later_value(undo, (uint32_t)later - 1) = progress->to;
	*wr_cell_later_value(undo, (uint32_t)later) += progress->events;
	*wr_cell_later_value(undo, (uint32_t)later + 1) += progress->bytes;
}

int wr_settle_progress(struct wr_settle *s, struct wr_undo *undo, uint32_t row,
		       const struct wr_control_progress *progress)
{
	if (row >= s->rows_used)
		return -EINVAL;
	struct wr_settle_row *r = &s->rows[row];
	if (progress->generation != wr_load_relaxed(&r->generation) && /* own */
	    !WR_BUG(OLD_GENERATION_TAKEN) && !(WR_BUG(FENCED_RUN_TAKEN) && undo->entries != NULL))
		return WEIR_E_FENCED;
	uint64_t later = wr_load_relaxed(&r->later);                   /* own */
	uint64_t position = later == 0 ? wr_load_relaxed(&r->position) /* own */
				       : *wr_cell_later_value(undo, (uint32_t)later - 1);
	if (progress->from != position) {
		/* What was in a run may come again, in order. */
		if (undo->entries == NULL)
			wr_store_relaxed(&r->refused_generation, progress->generation);
		return WEIR_E_OUT_OF_SEQUENCE;
	}
	if (undo->entries != NULL && progress->missed == 0) {
		move_later(undo, r, progress);
		return 0;
	}
	if (later != 0) /* a gap, behind what waits: nobody writes that */
		return -EINVAL;
	wr_cell_set(undo, &r->position, progress->to);
	wr_cell_set(undo, &r->events, wr_load_relaxed(&r->events) + progress->events);
	wr_cell_set(undo, &r->bytes, wr_load_relaxed(&r->bytes) + progress->bytes);
	return 0;
}

int wr_settle_generation(struct wr_settle *s, struct wr_undo *undo, uint32_t row,
			 const struct wr_control_generation *generation)
{
	if (row >= s->rows_used)
		return -EINVAL;
	struct wr_settle_row *r = &s->rows[row];
	if (generation->generation != wr_load_relaxed(&r->generation) + 1) /* own */
		return WEIR_E_FENCED;
	wr_cell_set(undo, &r->generation, generation->generation);
	if (generation->position != WR_POSITION_KEEP)
		wr_cell_set(undo, &r->position, generation->position);
	return 0;
}

uint64_t wr_settle_needed_seq(struct wr_settle *s)
{
	uint64_t needed = UINT64_MAX;
	for (uint32_t i = 0; i < s->rows_used; i++) {
		struct wr_settle_row *row = &s->rows[i];
		uint64_t position = wr_load_relaxed(&row->position); /* own */
		needed = wr_min_u64(needed, WR_BUG(DETACHED_IS_KEPT) ? wr_position_stood(position)
								     : position);
		if (wr_load_relaxed(&row->anew_seq) != wr_load_acquire(&row->seen_seq)) /* H3 */
			needed = wr_min_u64(needed, wr_load_relaxed(&row->anew_from));
	}
	return needed;
}

size_t wr_settle_save_bytes_max(uint32_t rows_max)
{
	return 64 + (size_t)rows_max * ROW_BYTES;
}

void wr_settle_save(struct wr_settle *s, struct wr_sink *sink)
{
	size_t place = wr_section_begin(sink, WR_SECTION_SETTLE, SETTLE_VERSION, 0);
	uint32_t rows = s->rows_used;
	if (WR_BUG(PROGRESS_NOT_SAVED) && rows > 0)
		rows--;
	wr_sink_u32(sink, rows);
	for (uint32_t i = 0; i < rows; i++) {
		wr_sink_u64(sink, wr_load_relaxed(&s->rows[i].position)); /* own, all five */
		wr_sink_u64(sink, wr_load_relaxed(&s->rows[i].generation));
		wr_sink_u64(sink, wr_load_relaxed(&s->rows[i].events));
		wr_sink_u64(sink, wr_load_relaxed(&s->rows[i].bytes));
		wr_sink_u64(sink, wr_load_relaxed(&s->rows[i].moved));
	}
	wr_section_end(sink, place);
}

int wr_settle_load(struct wr_settle *s, uint32_t version, const uint8_t *bytes,
		   uint32_t length_bytes)
{
	if (version != SETTLE_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t rows = wr_take_u32(&in);
	if (rows > s->rows_max)
		return WEIR_E_FULL;
	if (in.left_bytes != (size_t)rows * ROW_BYTES)
		return WEIR_E_CORRUPT;
	for (uint32_t i = 0; i < rows; i++) {
		wr_store_relaxed(&s->rows[i].position, wr_take_u64(&in));
		wr_store_relaxed(&s->rows[i].generation, wr_take_u64(&in));
		wr_store_relaxed(&s->rows[i].events, wr_take_u64(&in));
		wr_store_relaxed(&s->rows[i].bytes, wr_take_u64(&in));
		wr_store_relaxed(&s->rows[i].moved, wr_take_u64(&in));
		wr_store_relaxed(&s->rows[i].anew_from, 0u);
		wr_store_relaxed(&s->rows[i].anew_seq, 0u);
		wr_store_relaxed(&s->rows[i].seen_seq, 0u);
		wr_store_relaxed(&s->rows[i].later, 0u);
		wr_store_relaxed(&s->rows[i].refused_generation, 0u);
		wr_store_relaxed(&s->rows[i].base_events, 0u);
		wr_store_relaxed(&s->rows[i].base_bytes, 0u);
		wr_store_relaxed(&s->rows[i].to_events, 0u);
		wr_store_relaxed(&s->rows[i].to_bytes, 0u);
	}
	s->rows_used = rows;
	return in.failed ? WEIR_E_CORRUPT : 0;
}
