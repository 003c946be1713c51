/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/carried.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/record/batch.h"
#include "core/record/carried.h"

#define CARRIED_VERSION 1u
#define LIST_BYTES 8u
#define PLACE_BYTES 16u

/* ---- places ---- */

/* The next one, from `at` on, that lies where it was. */
static uint32_t next_here(const struct wr_outstanding *o, uint32_t at)
{
	while (at != WR_NO_ENTRY && o->entries[at].place != 0)
		at = o->entries[at].next;
	return at;
}

void wr_carried_linked(struct wr_outstanding *o, uint32_t at)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	struct wr_outstanding_list *list = &o->lists[e->subscription];
	if (e->place == 0) {
		if (list->first_here == WR_NO_ENTRY || o->entries[list->first_here].seq > e->seq)
			list->first_here = at;
		return;
	}
	/* What is taken back finds its neighbours as it left them. */
	*(e->place_prev != WR_NO_ENTRY ? &o->entries[e->place_prev].place_next
				       : &list->carried_first) = at;
	*(e->place_next != WR_NO_ENTRY ? &o->entries[e->place_next].place_prev
				       : &list->carried_last) = at;
}

void wr_carried_unlinking(struct wr_outstanding *o, uint32_t at)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	struct wr_outstanding_list *list = &o->lists[e->subscription];
	if (e->place == 0) {
		if (list->first_here == at)
			list->first_here = next_here(o, e->next);
		return;
	}
	*(e->place_prev != WR_NO_ENTRY ? &o->entries[e->place_prev].place_next
				       : &list->carried_first) = e->place_next;
	*(e->place_next != WR_NO_ENTRY ? &o->entries[e->place_next].place_prev
				       : &list->carried_last) = e->place_prev;
}

uint64_t wr_carried_lowest(const struct wr_outstanding *o, const struct wr_outstanding_list *list)
{
	uint64_t lowest = UINT64_MAX;
	if (list->first_here != WR_NO_ENTRY)
		lowest = o->entries[list->first_here].seq;
	if (list->carried_first != WR_NO_ENTRY && !WR_BUG(CARRIED_NOT_HELD))
		lowest = wr_min_u64(lowest, o->entries[list->carried_first].place);
	return lowest;
}

/* It lies at `place`, behind all that were carried before. */
static void carry(struct wr_outstanding *o, uint32_t at, uint64_t place)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	wr_carried_unlinking(o, at);
	e->place = place;
	e->place_prev = o->lists[e->subscription].carried_last;
	e->place_next = WR_NO_ENTRY;
	wr_carried_linked(o, at);
}

/* ---- the record ---- */

static bool is_erased(struct wr_tables *t, const struct wr_record_view *view, uint64_t seq)
{
	const struct wr_record *r = view->head;
	struct wr_erasures *e = &t->erasures;
	if ((r->flags & WR_RECORD_KEYLESS) != 0 || WR_BUG(CARRIED_THOUGH_ERASED))
		return false;
	return wr_erasures_has(e, view->key, r->key_bytes, r->topic, seq) ||
	       wr_erasures_has_copied(e, view);
}

int wr_decide_carried(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		      uint64_t seq, struct wr_decision *d)
{
	struct wr_outstanding *o = &t->outstanding;
	struct wr_carried carried;
	if (!wr_options_valid(view) || !wr_carried_read(view, &carried) || undo->entries != NULL ||
	    (view->head->flags & WR_RECORD_DECIDE) != 0)
		return -EINVAL;
	if (view->head->topic >= wr_catalog_topic_count(&t->catalog) ||
	    carried.subscription >= wr_catalog_subscription_count(&t->catalog))
		return WEIR_E_UNKNOWN_NAME;
	const struct wr_subscription *s = &t->catalog.subscriptions[carried.subscription];
	if (s->order == WR_ORDER_PARTITION)
		return -EINVAL;
	struct wr_outstanding_entry *e = wr_outstanding_find(o, carried.subscription, carried.seq);
	if (e == NULL)
		return WEIR_E_FENCED;
	if (is_erased(t, view, carried.seq))
		return -ESTALE;
	carry(o, (uint32_t)(e - o->entries), seq);
	wr_outstanding_set_position(o, &t->settle, carried.subscription, s);
	d->features = WR_BATCH_CARRIED | (carried.text_bytes > 0 ? WR_BATCH_CARRIED_TEXT : 0);
	return 0;
}

/* ---- checkpoints ---- */

size_t wr_carried_save_bytes_max(const struct wr_outstanding_limits *l)
{
	return 64 + l->subscriptions_max * (size_t)LIST_BYTES +
	       l->entries_max * (size_t)PLACE_BYTES;
}

static uint32_t count_carried(const struct wr_outstanding *o, uint32_t id)
{
	uint32_t count = 0;
	for (uint32_t at = o->lists[id].carried_first; at != WR_NO_ENTRY;
	     at = o->entries[at].place_next)
		count++;
	return count;
}

void wr_carried_save(struct wr_outstanding *o, struct wr_catalog *catalog, struct wr_sink *sink)
{
	uint32_t subscription_count = wr_catalog_subscription_count(catalog);
	uint32_t lists = 0;
	for (uint32_t id = 0; id < subscription_count; id++)
		lists += o->lists[id].carried_first != WR_NO_ENTRY ? 1 : 0;
	if (lists == 0 || WR_BUG(CARRIED_NOT_SAVED))
		return; /* as it was before there were any */
	size_t place = wr_section_begin(sink, WR_SECTION_CARRIED, CARRIED_VERSION, 0);
	wr_sink_u32(sink, lists);
	for (uint32_t id = 0; id < subscription_count; id++) {
		if (o->lists[id].carried_first == WR_NO_ENTRY)
			continue;
		wr_sink_u32(sink, id);
		wr_sink_u32(sink, count_carried(o, id));
		for (uint32_t at = o->lists[id].carried_first; at != WR_NO_ENTRY;
		     at = o->entries[at].place_next) {
			wr_sink_u64(sink, o->entries[at].seq);
			wr_sink_u64(sink, o->entries[at].place);
		}
	}
	wr_section_end(sink, place);
}

static int load_list(struct wr_outstanding *o, uint32_t id, uint32_t count, struct wr_cursor *in)
{
	uint64_t last_place = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t seq = wr_take_u64(in), place = wr_take_u64(in);
		struct wr_outstanding_entry *e =
			in->failed ? NULL : wr_outstanding_find(o, id, seq);
		if (e == NULL || e->place != 0 || place <= seq || place <= last_place)
			return WEIR_E_CORRUPT;
		carry(o, (uint32_t)(e - o->entries), place);
		last_place = place;
	}
	return 0;
}

int wr_carried_load(struct wr_outstanding *o, struct wr_catalog *catalog, uint32_t version,
		    const uint8_t *bytes, uint32_t length_bytes)
{
	if (version != CARRIED_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t lists = wr_take_u32(&in), least_id = 0;
	for (uint32_t i = 0; i < lists; i++) {
		uint32_t id = wr_take_u32(&in), count = wr_take_u32(&in);
		if (in.failed || id < least_id || id >= wr_catalog_subscription_count(catalog) ||
		    count == 0)
			return WEIR_E_CORRUPT;
		least_id = id + 1;
		int rc = load_list(o, id, count, &in);
		if (rc != 0)
			return rc;
	}
	return in.failed || in.left_bytes != 0 ? WEIR_E_CORRUPT : 0;
}
