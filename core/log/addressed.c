/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/addressed.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bug.h"
#include "core/record/batch.h"
#include "core/record/recipients.h"

#define ADDRESSED_VERSION 1u
#define ROW_BYTES 20u

/* The row of a subscription that gets it, or UINT32_MAX. */
static uint32_t row_of(struct wr_tables *t, uint32_t id, const struct wr_record *r)
{
	if (id >= wr_catalog_subscription_count(&t->catalog) || wr_filters_bind(&t->filters, id) ||
	    wr_filters_copy(&t->filters, id))
		return UINT32_MAX;
	const struct wr_subscription *s = &t->catalog.subscriptions[id];
	const struct wr_topic *topic = &t->catalog.topics[r->topic];
	uint32_t row = wr_catalog_row(&t->catalog, s, r->topic,
				      wr_record_partition(r, wr_topic_in_force(topic)));
	return row != UINT32_MAX ? s->row_first + row : UINT32_MAX;
}

static bool is_erased(struct wr_tables *t, const struct wr_record_view *view,
		      const struct wr_replay_mark *mark)
{
	const struct wr_record *r = view->head;
	struct wr_erasures *e = &t->erasures;
	if ((r->flags & WR_RECORD_KEYLESS) != 0)
		return false;
	return wr_erasures_has(e, view->key, r->key_bytes, r->topic, mark->seq) ||
	       wr_erasures_has(e, view->key, r->key_bytes, mark->topic, mark->seq);
}

int wr_decide_addressed(struct wr_tables *t, struct wr_undo *undo,
			const struct wr_record_view *view, struct wr_decision *d)
{
	const struct wr_record *r = view->head;
	struct wr_recipients address;
	struct wr_replay_mark mark;
	struct wr_option option;
	uint32_t rows[WR_RECIPIENTS_MAX];
	if (r->topic >= wr_catalog_topic_count(&t->catalog))
		return WEIR_E_UNKNOWN_NAME;
	if (!wr_options_valid(view) || !wr_recipients_read(view, &address) ||
	    !wr_replay_mark_read(view, &mark) || (r->flags & WR_RECORD_DECIDE) != 0 ||
	    wr_option_find(view, WR_OPTION_PRODUCER, &option))
		return -EINVAL;
	for (uint32_t i = 0; i < address.count; i++) {
		rows[i] = row_of(t, address.ids[i], r);
		if (rows[i] == UINT32_MAX)
			return WEIR_E_UNKNOWN_NAME;
	}
	if (is_erased(t, view, &mark))
		return -ESTALE;
	for (uint32_t i = 0; i < address.count; i++) {
		struct wr_settle_row *row = &t->settle.rows[rows[i]];
		uint64_t events = wr_load_relaxed(&row->to_events); /* own, both */
		uint64_t bytes = wr_load_relaxed(&row->to_bytes);
		wr_cell_set(undo, &row->to_events, events + 1);
		wr_cell_set(undo, &row->to_bytes, bytes + r->bytes);
	}
	/* Who replays to a queue is not refused; it is longer by it. */
	if (t->lengths.count > 0)
		wr_lengths_take(t, r);
	const struct wr_topic *topic = &t->catalog.topics[r->topic];
	d->tag = topic->tag_base + wr_record_partition(r, wr_topic_in_force(topic));
	d->features = WR_BATCH_ADDRESSED;
	return 0;
}

/* --- in a checkpoint -------------------------------------------------------------------------- */

size_t wr_addressed_save_bytes_max(uint32_t rows_max)
{
	return 64 + (size_t)rows_max * ROW_BYTES;
}

void wr_addressed_save(struct wr_settle *s, struct wr_sink *sink)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < s->rows_used; i++)
		count += wr_load_relaxed(&s->rows[i].to_events) != 0 ? 1 : 0; /* own */
	if (count == 0 || WR_BUG(ADDRESSED_NOT_SAVED))
		return;
	size_t place = wr_section_begin(sink, WR_SECTION_ADDRESSED, ADDRESSED_VERSION, 0);
	wr_sink_u32(sink, count);
	for (uint32_t i = 0; i < s->rows_used; i++) {
		uint64_t events = wr_load_relaxed(&s->rows[i].to_events); /* own, both */
		if (events == 0)
			continue;
		wr_sink_u32(sink, i);
		wr_sink_u64(sink, events);
		wr_sink_u64(sink, wr_load_relaxed(&s->rows[i].to_bytes));
	}
	wr_section_end(sink, place);
}

int wr_addressed_load(struct wr_settle *s, uint32_t version, const uint8_t *bytes,
		      uint32_t length_bytes)
{
	if (version != ADDRESSED_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t count = wr_take_u32(&in), end = 0;
	if (in.left_bytes != (size_t)count * ROW_BYTES)
		return WEIR_E_CORRUPT;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = wr_take_u32(&in);
		if (row < end || row >= s->rows_used)
			return WEIR_E_CORRUPT;
		end = row + 1;
		wr_store_relaxed(&s->rows[row].to_events, wr_take_u64(&in));
		wr_store_relaxed(&s->rows[row].to_bytes, wr_take_u64(&in));
	}
	return in.failed ? WEIR_E_CORRUPT : 0;
}
