/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding a FILTER record: what a subscription wants from here on. */
#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/log/decide.h"
#include "core/record/batch.h"

/*
 * Below it nothing of the subscription is unsettled. What was carried further on is the event still
 * that was appended there: what it is looked at with is the filter of then.
 */
static uint64_t lowest_of(struct wr_tables *t, const struct wr_subscription *s)
{
	uint64_t lowest = UINT64_MAX;
	uint32_t rows = s->order == WR_ORDER_PARTITION ? s->row_count : 1;
	for (uint32_t row = 0; row < rows; row++)
		lowest = wr_min_u64(lowest,
				    wr_load_relaxed(&t->settle.rows[s->row_first + row].position));
	if (s->order == WR_ORDER_PARTITION)
		return lowest;
	const struct wr_outstanding *o = &t->outstanding;
	uint32_t first = o->lists[s - t->catalog.subscriptions].first;
	return first != WR_NO_ENTRY ? wr_min_u64(lowest, o->entries[first].seq) : lowest;
}

static bool reads(const struct wr_subscription *s, uint32_t topic)
{
	for (uint32_t i = 0; i < s->topic_count; i++)
		if (s->topics[i] == topic)
			return true;
	return false;
}

static bool meets(const struct wr_subscription *a, const struct wr_subscription *b)
{
	for (uint32_t i = 0; i < b->topic_count; i++)
		if (reads(a, b->topics[i]))
			return true;
	return false;
}

/* What members of rings have still to read was shared with those who were members then. */
static uint64_t lowest_of_rings(struct wr_tables *t, const struct wr_subscription *s)
{
	uint64_t lowest = UINT64_MAX;
	uint32_t count = t->filters.sharing > 0 ? wr_catalog_subscription_count(&t->catalog) : 0;
	for (uint32_t id = 0; id < count && !WR_BUG(RING_FORGETS_MEMBERS); id++)
		if (wr_filters_share(&t->filters, id) && meets(s, &t->catalog.subscriptions[id]))
			lowest = wr_min_u64(lowest, lowest_of(t, &t->catalog.subscriptions[id]));
	return lowest;
}

/*
 * Below it nobody asks for its filters: nothing is unsettled of its own, and of what nobody wants
 * of its topics all is found out.
 */
static uint64_t lowest_position(struct wr_tables *t, const struct wr_subscription *s)
{
	uint64_t lowest = lowest_of(t, s);
	uint32_t count = t->filters.copying > 0 ? wr_catalog_subscription_count(&t->catalog) : 0;
	for (uint32_t id = 0; id < count && !WR_BUG(UNROUTED_FORGETS_FILTERS); id++) {
		const struct wr_subscription *copying = &t->catalog.subscriptions[id];
		if (wr_filters_copy(&t->filters, id) && reads(s, copying->topics[0]))
			lowest = wr_min_u64(lowest, lowest_of(t, copying));
	}
	return wr_min_u64(lowest, lowest_of_rings(t, s));
}

static bool is_target(struct wr_tables *t, uint32_t topic)
{
	return topic == WR_TARGET_NONE || topic < wr_catalog_topic_count(&t->catalog);
}

int wr_decide_filter_of(struct wr_tables *t, const struct wr_subscription *s,
			const struct wr_filter_view *filter, struct wr_decision *d)
{
	d->features = WR_BATCH_FILTERS | (wr_filter_shares(filter) ? WR_BATCH_RINGS : 0) |
		      (wr_filter_transforms_for_members(filter) ? WR_BATCH_MEMBERS_TRANSFORM : 0) |
		      (wr_filter_has_header_pattern(filter) ? WR_BATCH_HEADER_PATTERNS : 0);
	if (filter->join != WR_FILTER_JOIN_NOBODY && !filter->binds)
		return 0;
	d->features |= filter->binds ? WR_BATCH_BINDINGS : WR_BATCH_UNROUTED;
	if (s->topic_count != 1 || s->order != WR_ORDER_PARTITION || filter->target == s->topics[0])
		return -EINVAL;
	d->features |= filter->transform.text != NULL ? WR_BATCH_TRANSFORMS : 0;
	if (filter->transform.dead_letters == s->topics[0])
		return -EINVAL;
	return is_target(t, filter->target) && is_target(t, filter->transform.dead_letters)
		       ? 0
		       : WEIR_E_UNKNOWN_NAME;
}

void wr_decide_filter_given(struct wr_tables *t, const struct wr_filter_view *filter)
{
	if (filter->join == WR_FILTER_JOIN_NOBODY && t->filters.copying == 0)
		wr_catalog_forget_made(&t->catalog);
}

/*
 * The first filter of a subscription that had none: from here on it counts what it wants, and so
 * what is unsettled is counted anew. What is outstanding of a shared one is known.
 */
static void count_filtered(struct wr_tables *t, struct wr_undo *undo,
			   const struct wr_subscription *s, uint32_t id, uint64_t seq)
{
	struct wr_outstanding *o = &t->outstanding;
	bool shared = s->order != WR_ORDER_PARTITION;
	for (uint32_t row = 0; row < s->row_count; row++) {
		uint64_t position =
			wr_load_relaxed(&t->settle.rows[s->row_first + row].position); /* own */
		if (shared)
			position = o->lists[id].frontier;
		if (wr_position_is_nowhere(position))
			continue; /* it counts from the record that puts it somewhere */
		wr_tables_count_from(t, undo, s, row, position, seq);
	}
	for (uint32_t at = shared ? o->lists[id].first : WR_NO_ENTRY; at != WR_NO_ENTRY;
	     at = o->entries[at].next) {
		struct wr_settle_row *r = &t->settle.rows[s->row_first + o->entries[at].row];
		wr_cell_set(undo, &r->base_events, wr_load_relaxed(&r->base_events) + 1);
		wr_cell_set(undo, &r->base_bytes,
			    wr_load_relaxed(&r->base_bytes) + o->entries[at].bytes);
	}
}

int wr_decide_filter(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		     uint64_t seq, struct wr_decision *d)
{
	static const uint8_t everything[WR_FILTER_HEAD_BYTES];
	struct wr_filter_view filter;
	uint32_t id = view->head->topic;
	if (id >= wr_catalog_subscription_count(&t->catalog))
		return WEIR_E_UNKNOWN_NAME;
	const struct wr_subscription *s = &t->catalog.subscriptions[id];
	if (view->head->key_hash != 0 || undo->entries != NULL ||
	    !wr_filter_read(view->payload, view->payload_bytes, &filter))
		return -EINVAL;
	bool first = !wr_filters_any(&t->filters, id);
	/* What a subscription is for does not change. */
	if ((filter.join == WR_FILTER_JOIN_NOBODY) != wr_filters_copy(&t->filters, id) ||
	    filter.binds != wr_filters_bind(&t->filters, id))
		return -EINVAL;
	uint64_t position = lowest_position(t, s);
	int rc = wr_decide_filter_of(t, s, &filter, d);
	if (rc != 0)
		return rc;
	rc = wr_filters_fit(&t->filters, id,
			    view->payload_bytes + (first ? (uint32_t)sizeof everything : 0),
			    position);
	if (rc != 0)
		return rc;
	if (first)
		(void)wr_filters_give(&t->filters, id, everything, sizeof everything, 0, position);
	rc = wr_filters_give(&t->filters, id, view->payload, view->payload_bytes, seq, position);
	if (first)
		count_filtered(t, undo, s, id, seq);
	wr_filters_tell(&t->filters); /* of both at once */
	d->tag = s->tag;
	return rc;
}
