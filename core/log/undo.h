/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo list of a run: every record of a run is decided with the effects of those before it in
 * force; when one is refused, all of them are taken back (L7). The writer's tables are made of
 * 64-bit cells, so that one kind of entry is enough. Cells are atomics because other threads read
 * some of them; there is one writer, and stores are relaxed: what orders them is the gate.
 *
 * What others must not see of a run that is refused after all is stored when the run is kept, and
 * not before: these entries stand at the list's other end.
 */
#ifndef WR_LOG_UNDO_H
#define WR_LOG_UNDO_H

#include <stddef.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"

/* Cells that one record of a run changes at most: progress with a gap. */
#define WR_UNDO_CELLS 10u

struct wr_undo_entry {
	wr_atomic_u64 *cell;
	uint64_t before;
};

struct wr_undo {
	struct wr_undo_entry *entries; /* NULL: nothing is kept (single records, replay) */
	uint32_t count;
	uint32_t later_count;
	uint32_t capacity;
};

static inline void wr_cell_set(struct wr_undo *undo, wr_atomic_u64 *cell, uint64_t value)
{
	if (undo->entries != NULL) {
		WR_ASSERT(undo->count + undo->later_count < undo->capacity);
		undo->entries[undo->count++] = (struct wr_undo_entry){
			.cell = cell,
			.before = wr_load_relaxed(cell),
		};
	}
	wr_store_relaxed(cell, value);
}

/* The same, for a cell that says that others were set: who sees it sees those. */
static inline void wr_cell_publish(struct wr_undo *undo, wr_atomic_u64 *cell, uint64_t value)
{
	wr_cell_set(undo, cell, wr_load_relaxed(cell));
	wr_store_release(cell, value); /* H3 */
}

/* Where the value of an entry stands that is stored later. */
static inline uint64_t *wr_cell_later_value(struct wr_undo *undo, uint32_t index)
{
	return &undo->entries[undo->capacity - 1 - index].before;
}

/* Stored when the run is kept; its index. */
static inline uint32_t wr_cell_set_later(struct wr_undo *undo, wr_atomic_u64 *cell, uint64_t value)
{
	uint32_t index = undo->later_count++;
	WR_ASSERT(undo->count + undo->later_count <= undo->capacity);
	undo->entries[undo->capacity - 1 - index].cell = cell;
	*wr_cell_later_value(undo, index) = value;
	return index;
}

static inline void wr_undo_keep(struct wr_undo *undo)
{
	for (uint32_t i = 0; i < undo->later_count; i++)
		wr_store_relaxed(undo->entries[undo->capacity - 1 - i].cell,
				 *wr_cell_later_value(undo, i));
	undo->later_count = 0;
}

static inline void wr_undo_all(struct wr_undo *undo)
{
	undo->later_count = 0;
	while (undo->count > 0) {
		undo->count--;
		wr_store_relaxed(undo->entries[undo->count].cell,
				 undo->entries[undo->count].before);
	}
}

#endif
