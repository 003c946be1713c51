/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/producers.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bug.h"

#define PRODUCERS_VERSION 1u

int wr_producers_init(struct wr_producers *p, struct wr_memory *memory, uint32_t rows_max)
{
	p->rows_max = rows_max;
	p->rows = memory->ops->alloc(memory, rows_max * sizeof *p->rows, 64);
	if (p->rows == NULL)
		return -ENOMEM;
	wr_producers_reset(p);
	return 0;
}

void wr_producers_fini(struct wr_producers *p, struct wr_memory *memory)
{
	if (p->rows != NULL)
		memory->ops->free(memory, p->rows, p->rows_max * sizeof *p->rows);
	p->rows = NULL;
}

void wr_producers_reset(struct wr_producers *p)
{
	wr_store_relaxed(&p->count, 0u);
}

static bool find(struct wr_producers *p, const uint8_t *name, uint32_t name_bytes, uint64_t *ret_id)
{
	uint64_t count = wr_load_relaxed(&p->count); /* own */
	for (uint64_t i = 0; i < count; i++) {
		if (p->rows[i].name_bytes == name_bytes &&
		    memcmp(p->rows[i].name, name, name_bytes) == 0) {
			*ret_id = i;
			return true;
		}
	}
	return false;
}

static void add(struct wr_producers *p, struct wr_undo *undo, const uint8_t *name,
		uint32_t name_bytes)
{
	uint64_t id = wr_load_relaxed(&p->count); /* own */
	struct wr_producer_row *row = &p->rows[id];
	row->name_bytes = name_bytes;
	memcpy(row->name, name, name_bytes);
	row->name[name_bytes] = '\0';
	wr_store_relaxed(&row->epoch, 0u);
	wr_store_relaxed(&row->last_producer_seq, 0u);
	wr_store_relaxed(&row->last_seq, 0u);
	wr_cell_set(undo, &p->count, id + 1);
	wr_store_release(&p->count, id + 1); /* B1 */
}

int wr_producers_open(struct wr_producers *p, struct wr_undo *undo,
		      const struct wr_record_view *view, uint32_t *ret_id, uint32_t *ret_epoch)
{
	struct wr_control_producer control;
	uint64_t id;
	if (!wr_control_producer_read(view, &control) ||
	    !wr_name_valid(view->key, view->head->key_bytes))
		return -EINVAL;
	if (!find(p, view->key, view->head->key_bytes, &id)) {
		id = wr_load_relaxed(&p->count); /* own */
		if (id >= p->rows_max)
			return WEIR_E_FULL;
		add(p, undo, view->key, view->head->key_bytes);
	}
	uint64_t epoch = wr_load_relaxed(&p->rows[id].epoch) + 1; /* own */
	wr_cell_set(undo, &p->rows[id].epoch, epoch);
	*ret_id = (uint32_t)id;
	*ret_epoch = (uint32_t)epoch;
	return 0;
}

int wr_producers_check(struct wr_producers *p, const struct wr_producer_stamp *stamp)
{
	if (stamp->id >= wr_load_relaxed(&p->count)) /* own */
		return WEIR_E_UNKNOWN_NAME;
	struct wr_producer_row *row = &p->rows[stamp->id];
	if (stamp->epoch != wr_load_relaxed(&row->epoch)) /* own */
		return WEIR_E_FENCED;
	if (stamp->sequence != wr_load_relaxed(&row->last_producer_seq) + 1 && /* own */
	    !(WR_BUG(SEQUENCE_GAP_ACCEPTED) &&
	      stamp->sequence > wr_load_relaxed(&row->last_producer_seq)))
		return WEIR_E_OUT_OF_SEQUENCE;
	return 0;
}

void wr_producers_take(struct wr_producers *p, struct wr_undo *undo,
		       const struct wr_producer_stamp *stamp, uint64_t seq)
{
	struct wr_producer_row *row = &p->rows[stamp->id];
	wr_cell_set(undo, &row->last_producer_seq, stamp->sequence);
	wr_cell_set(undo, &row->last_seq, seq);
}

int wr_producers_skip(struct wr_producers *p, struct wr_undo *undo,
		      const struct wr_record_view *view)
{
	struct wr_control_skip skip;
	if (!wr_control_skip_read(view, &skip))
		return -EINVAL;
	if (view->head->topic >= wr_load_relaxed(&p->count)) /* own */
		return WEIR_E_UNKNOWN_NAME;
	struct wr_producer_row *row = &p->rows[view->head->topic];
	if (skip.epoch != wr_load_relaxed(&row->epoch)) /* own */
		return WEIR_E_FENCED;
	if (skip.sequence < wr_load_relaxed(&row->last_producer_seq)) /* own */
		return WEIR_E_OUT_OF_SEQUENCE;
	wr_cell_set(undo, &row->last_producer_seq, skip.sequence);
	return 0;
}

size_t wr_producers_save_bytes_max(uint32_t rows_max)
{
	return 64 + rows_max * (size_t)(28 + WR_NAME_BYTES_MAX);
}

void wr_producers_save(struct wr_producers *p, struct wr_sink *sink)
{
	size_t place = wr_section_begin(sink, WR_SECTION_PRODUCERS, PRODUCERS_VERSION, 0);
	uint64_t count = wr_load_relaxed(&p->count); /* own */
	wr_sink_u32(sink, (uint32_t)count);
	for (uint64_t i = 0; i < count; i++) {
		struct wr_producer_row *row = &p->rows[i];
		wr_sink_u32(sink, row->name_bytes);
		wr_sink_bytes(sink, row->name, row->name_bytes);
		wr_sink_u64(sink, wr_load_relaxed(&row->epoch));
		wr_sink_u64(sink, wr_load_relaxed(&row->last_producer_seq));
		wr_sink_u64(sink, wr_load_relaxed(&row->last_seq));
	}
	wr_section_end(sink, place);
}

int wr_producers_load(struct wr_producers *p, uint32_t version, const uint8_t *bytes,
		      uint32_t length_bytes)
{
	if (version != PRODUCERS_VERSION)
		return WEIR_E_FORMAT;
	struct wr_undo none = {0};
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t count = wr_take_u32(&in);
	if (count > p->rows_max)
		return WEIR_E_FULL;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t name_bytes = wr_take_u32(&in);
		const uint8_t *name = wr_take(&in, name_bytes);
		if (name == NULL || !wr_name_valid(name, name_bytes))
			return WEIR_E_CORRUPT;
		add(p, &none, name, name_bytes);
		wr_store_relaxed(&p->rows[i].epoch, wr_take_u64(&in));
		wr_store_relaxed(&p->rows[i].last_producer_seq, wr_take_u64(&in));
		wr_store_relaxed(&p->rows[i].last_seq, wr_take_u64(&in));
	}
	return in.failed || in.left_bytes != 0 ? WEIR_E_CORRUPT : 0;
}
