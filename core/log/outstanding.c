/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/outstanding.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/log/carried.h"
#include "core/log/suspects.h"

/*
 * 1: without expires_us and a list's generations, and with a priority of 0; 2: without suspects;
 * 3: without said_seq.
 */
#define OUTSTANDING_VERSION 4u
#define LIST_BYTES 56u
#define SAVED_ENTRY_BYTES 80u
/* Beside the number of crashes. */
#define CRASH_FORGIVEN (1u << 31)

static uint32_t bucket_count_of(const struct wr_outstanding_limits *l)
{
	return (uint32_t)wr_power_of_two_above(wr_max_u64(l->entries_max, 2));
}

size_t wr_outstanding_bytes(const struct wr_outstanding_limits *l)
{
	return l->entries_max * sizeof(struct wr_outstanding_entry) +
	       bucket_count_of(l) * sizeof(uint32_t) +
	       l->subscriptions_max * sizeof(struct wr_outstanding_list);
}

int wr_outstanding_init(struct wr_outstanding *o, struct wr_memory *memory,
			const struct wr_outstanding_limits *limits)
{
	*o = (struct wr_outstanding){.limits = *limits, .bucket_mask = bucket_count_of(limits) - 1};
	o->entries = memory->ops->alloc(memory, limits->entries_max * sizeof *o->entries, 64);
	o->buckets = memory->ops->alloc(memory, (o->bucket_mask + 1) * sizeof *o->buckets, 64);
	o->lists = memory->ops->alloc(memory, limits->subscriptions_max * sizeof *o->lists, 64);
	if (o->entries == NULL || o->buckets == NULL || o->lists == NULL) {
		wr_outstanding_fini(o, memory);
		return -ENOMEM;
	}
	wr_outstanding_reset(o);
	return 0;
}

void wr_outstanding_fini(struct wr_outstanding *o, struct wr_memory *memory)
{
	if (o->entries != NULL)
		memory->ops->free(memory, o->entries, o->limits.entries_max * sizeof *o->entries);
	if (o->buckets != NULL)
		memory->ops->free(memory, o->buckets, (o->bucket_mask + 1) * sizeof *o->buckets);
	if (o->lists != NULL)
		memory->ops->free(memory, o->lists, o->limits.subscriptions_max * sizeof *o->lists);
	o->entries = NULL;
	o->buckets = NULL;
	o->lists = NULL;
}

static void clear_list(struct wr_outstanding_list *list)
{
	list->frontier = 0;
	list->first = list->last = WR_NO_ENTRY;
	list->first_here = list->carried_first = list->carried_last = WR_NO_ENTRY;
	list->first_generation = list->top_generation = 1;
	list->suspects_end = list->in_hand = 0;
	list->crashes = list->progress = list->forgiven = 0;
	wr_store_relaxed(&list->count, 0u);
}

void wr_outstanding_reset(struct wr_outstanding *o)
{
	for (uint32_t i = 0; i <= o->bucket_mask; i++)
		o->buckets[i] = WR_NO_ENTRY;
	for (uint32_t i = 0; i < o->limits.subscriptions_max; i++)
		clear_list(&o->lists[i]);
	o->free = o->pending = WR_NO_ENTRY;
	for (uint32_t i = o->limits.entries_max; i > 0; i--) {
		o->entries[i - 1].chain = o->free;
		o->free = i - 1;
	}
	o->free_count = o->limits.entries_max;
}

/* ---- the index ---- */

static uint32_t *bucket_of(struct wr_outstanding *o, uint32_t id, uint64_t seq)
{
	return &o->buckets[wr_spread(seq ^ (uint64_t)id << 40, o->bucket_mask)];
}

/* Where the index points at the entry of that event; *it is WR_NO_ENTRY when there is none. */
static uint32_t *place_of(struct wr_outstanding *o, uint32_t id, uint64_t seq)
{
	uint32_t *at = bucket_of(o, id, seq);
	while (*at != WR_NO_ENTRY &&
	       (o->entries[*at].seq != seq || o->entries[*at].subscription != id))
		at = &o->entries[*at].chain;
	return at;
}

struct wr_outstanding_entry *wr_outstanding_find(struct wr_outstanding *o, uint32_t id,
						 uint64_t seq)
{
	uint32_t at = *place_of(o, id, seq);
	return at != WR_NO_ENTRY ? &o->entries[at] : NULL;
}

static void index_entry(struct wr_outstanding *o, uint32_t at)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	uint32_t *bucket = bucket_of(o, e->subscription, e->seq);
	e->chain = *bucket;
	*bucket = at;
}

/* ---- the lists ---- */

static void count_entry(struct wr_outstanding_list *list, int64_t by)
{
	wr_store_relaxed(&list->count, wr_load_relaxed(&list->count) + (uint64_t)by); /* own */
}

/* Into its place between prev and next, which it has kept. */
static void link_entry(struct wr_outstanding *o, uint32_t at)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	struct wr_outstanding_list *list = &o->lists[e->subscription];
	*(e->prev != WR_NO_ENTRY ? &o->entries[e->prev].next : &list->first) = at;
	*(e->next != WR_NO_ENTRY ? &o->entries[e->next].prev : &list->last) = at;
	wr_carried_linked(o, at);
	count_entry(list, 1);
}

static void unlink_entry(struct wr_outstanding *o, uint32_t at)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	struct wr_outstanding_list *list = &o->lists[e->subscription];
	wr_carried_unlinking(o, at);
	*(e->prev != WR_NO_ENTRY ? &o->entries[e->prev].next : &list->first) = e->next;
	*(e->next != WR_NO_ENTRY ? &o->entries[e->next].prev : &list->last) = e->prev;
	count_entry(list, -1);
}

static uint32_t take_free(struct wr_outstanding *o)
{
	uint32_t at = o->free;
	o->free = o->entries[at].chain;
	o->free_count--;
	return at;
}

static void give_back(struct wr_outstanding *o, uint32_t at)
{
	o->entries[at].chain = o->free;
	o->free = at;
	o->free_count++;
}

/* The position of the subscription's first row stands for all of them. */
void wr_outstanding_set_position(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
				 const struct wr_subscription *s)
{
	const struct wr_outstanding_list *list = &o->lists[id];
	uint64_t position = wr_min_u64(list->frontier, wr_carried_lowest(o, list));
	if (WR_BUG(POSITION_IS_FRONTIER))
		position = list->frontier;
	wr_store_relaxed(&settle->rows[s->row_first].position, position);
}

void wr_outstanding_start(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			  const struct wr_subscription *s)
{
	clear_list(&o->lists[id]);
	o->lists[id].frontier = s->start_seq;
	wr_outstanding_set_position(o, settle, id, s);
	for (uint32_t row = 1; row < s->row_count; row++)
		wr_store_relaxed(&settle->rows[s->row_first + row].position, UINT64_MAX);
}

int wr_outstanding_mark(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			const struct wr_subscription *s, const struct wr_mark_view *mark)
{
	struct wr_outstanding_list *list = &o->lists[id];
	const struct wr_mark_head *head = &mark->head;
	if (head->from != list->frontier)
		return WEIR_E_OUT_OF_SEQUENCE;
	if (head->count > o->free_count ||
	    head->count + wr_load_relaxed(&list->count) > s->outstanding_max) /* own */
		return WEIR_E_FULL;
	struct wr_mark_view walk = *mark;
	struct wr_mark_event event;
	while (wr_mark_next(&walk, &event))
		if (event.row >= s->row_count)
			return -EINVAL;
	walk = *mark;
	while (wr_mark_next(&walk, &event)) {
		uint32_t at = take_free(o);
		o->entries[at] = (struct wr_outstanding_entry){
			.seq = event.seq,
			.key = event.key,
			.not_before_us = event.not_before_us,
			.expires_us = event.expires_us,
			.priority = (uint16_t)event.priority,
			.subscription = id,
			.row = event.row,
			.bytes = event.bytes,
			.generation = list->first_generation,
			.prev = list->last,
			.next = WR_NO_ENTRY,
		};
		if (WR_BUG(TERMS_NOT_KEPT))
			o->entries[at].not_before_us = o->entries[at].expires_us = 0;
		link_entry(o, at);
		index_entry(o, at);
	}
	list->frontier = head->to;
	wr_outstanding_set_position(o, settle, id, s);
	return 0;
}

/* What was settled of a row, one more or (when it is taken back) one less. */
static void count_settled(struct wr_settle *settle, const struct wr_subscription *s,
			  const struct wr_outstanding_entry *e, int64_t by)
{
	struct wr_settle_row *row = &settle->rows[s->row_first + e->row];
	uint64_t bytes = (uint64_t)(by * (int64_t)e->bytes);
	wr_store_relaxed(&row->events, wr_load_relaxed(&row->events) + (uint64_t)by); /* own */
	wr_store_relaxed(&row->bytes, wr_load_relaxed(&row->bytes) + bytes);
}

static uint32_t raise_generation(struct wr_outstanding *o, struct wr_outstanding_entry *e)
{
	struct wr_outstanding_list *list = &o->lists[e->subscription];
	if (++e->generation > list->top_generation)
		list->top_generation = e->generation;
	return e->generation;
}

/* The first that is outstanding at or above `seq`. */
static uint32_t first_from(struct wr_outstanding *o, uint32_t id, uint64_t seq)
{
	uint32_t at = *place_of(o, id, seq);
	if (at != WR_NO_ENTRY)
		return at;
	/* Only where something of the run was settled by others. */
	at = o->lists[id].first;
	while (at != WR_NO_ENTRY && o->entries[at].seq < seq)
		at = o->entries[at].next;
	return at;
}

static void settled_for_good(struct wr_outstanding *o, uint32_t at)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	wr_suspects_moved(&o->lists[e->subscription], e->seq, true);
	give_back(o, at);
}

static void settle_entry(struct wr_outstanding *o, struct wr_settle *settle,
			 const struct wr_subscription *s, uint32_t at, bool keep)
{
	struct wr_outstanding_entry *e = &o->entries[at];
	*place_of(o, e->subscription, e->seq) = e->chain;
	unlink_entry(o, at);
	count_settled(settle, s, e, 1);
	if (keep) {
		e->chain = o->pending;
		o->pending = at;
	} else {
		settled_for_good(o, at);
	}
}

int wr_outstanding_settle(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			  const struct wr_subscription *s, const struct wr_settle_view *view,
			  bool keep, uint32_t *ret_ignored)
{
	struct wr_settle_view walk = *view;
	struct wr_settle_run run;
	uint32_t named = 0, settled = 0;
	while (wr_settle_next(&walk, &run)) {
		named += run.count;
		uint32_t at = first_from(o, id, run.first);
		while (at != WR_NO_ENTRY && o->entries[at].seq <= run.last) {
			uint32_t next = o->entries[at].next;
			if (o->entries[at].generation == run.generation ||
			    WR_BUG(OLD_LEASE_SETTLES)) {
				settle_entry(o, settle, s, at, keep);
				settled++;
			}
			at = WR_BUG(RUN_SETTLES_ITS_FIRST) ? WR_NO_ENTRY : next;
		}
	}
	*ret_ignored = named > settled && !WR_BUG(RUN_SETTLES_ITS_FIRST) ? named - settled : 0;
	if (settled == 0)
		return WEIR_E_FENCED;
	wr_outstanding_set_position(o, settle, id, s);
	return 0;
}

/* A parked event is tried again from the first attempt, or settled. */
static int end_parked(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
		      const struct wr_subscription *s, const struct wr_reject *reject, bool keep,
		      uint32_t *ret_generation)
{
	uint32_t at = *place_of(o, id, reject->seq);
	if (at == WR_NO_ENTRY || (o->entries[at].dead & WR_ENTRY_PARKED) == 0)
		return WEIR_E_OUT_OF_SEQUENCE;
	struct wr_outstanding_entry *e = &o->entries[at];
	if (reject->verdict == WR_VERDICT_GIVEN_UP) {
		*ret_generation = 0;
		settle_entry(o, settle, s, at, keep);
		wr_outstanding_set_position(o, settle, id, s);
		return 0;
	}
	*ret_generation = raise_generation(o, e);
	e->attempts = e->reason = e->dead = 0;
	e->first_failed_us = e->last_failed_us = e->not_before_us = e->expires_us = 0;
	e->said_seq = 0;
	return 0;
}

int wr_outstanding_reject(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			  const struct wr_subscription *s, const struct wr_reject *reject,
			  uint64_t seq, bool keep, uint32_t *ret_generation)
{
	if (wr_suspects_is_verdict(reject->verdict))
		return wr_suspects_decide(o, id, reject, ret_generation);
	struct wr_outstanding_entry *e = wr_outstanding_find(o, id, reject->seq);
	*ret_generation = e != NULL ? e->generation : 0;
	if (reject->verdict == WR_VERDICT_REDRIVEN || reject->verdict == WR_VERDICT_GIVEN_UP)
		return end_parked(o, settle, id, s, reject, keep, ret_generation);
	if (e == NULL || e->generation != reject->generation || (e->dead & WR_ENTRY_PARKED) != 0)
		return WEIR_E_FENCED;
	*ret_generation = raise_generation(o, e);
	wr_suspects_moved(&o->lists[id], e->seq, reject->verdict != WR_VERDICT_RELEASED);
	if (reject->verdict == WR_VERDICT_RELEASED)
		return 0;
	if (reject->verdict == WR_VERDICT_PARKED) {
		e->dead |= WR_ENTRY_PARKED;
		return 0;
	}
	if (!WR_BUG(ATTEMPT_NOT_COUNTED))
		e->attempts++;
	if (e->first_failed_us == 0)
		e->first_failed_us = reject->failed_us;
	e->last_failed_us = reject->failed_us;
	e->not_before_us = reject->not_before_us;
	e->reason = reject->reason;
	e->said_seq = seq;
	e->dead = reject->verdict == WR_VERDICT_DEAD ? WR_ENTRY_DEAD : 0;
	return 0;
}

/* What it has failed is forgotten, and so is a delay that came of that. */
static void begin_anew(struct wr_outstanding_entry *e, uint32_t generation)
{
	if (e->first_failed_us != 0)
		e->not_before_us = 0;
	e->generation = generation;
	e->attempts = e->reason = e->dead = 0;
	e->first_failed_us = e->last_failed_us = e->said_seq = 0;
}

void wr_outstanding_move(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			 const struct wr_subscription *s, uint64_t position, bool carried_stay)
{
	struct wr_outstanding_list *list = &o->lists[id];
	if (!WR_BUG(OLD_LEASE_AFTER_MOVE))
		list->first_generation = ++list->top_generation;
	for (uint32_t at = list->first, next; at != WR_NO_ENTRY; at = next) {
		struct wr_outstanding_entry *e = &o->entries[at];
		next = e->next;
		if (carried_stay && e->place != 0 && e->seq < position && !WR_BUG(CARRIED_GO)) {
			begin_anew(e, list->first_generation);
			count_settled(settle, s, e, -1);
			continue;
		}
		*place_of(o, id, e->seq) = e->chain;
		unlink_entry(o, at);
		give_back(o, at);
	}
	list->frontier = position;
	list->suspects_end = list->in_hand = 0;
	list->crashes = list->progress = list->forgiven = 0;
	wr_outstanding_set_position(o, settle, id, s);
}

/* ---- runs ---- */

void wr_outstanding_undo(struct wr_outstanding *o, struct wr_settle *settle,
			 struct wr_catalog *catalog)
{
	if (WR_BUG(SETTLE_NOT_UNDONE))
		wr_outstanding_keep(o);
	/* The last one first: so each finds its neighbours as it left them. */
	while (o->pending != WR_NO_ENTRY) {
		uint32_t at = o->pending;
		struct wr_outstanding_entry *e = &o->entries[at];
		const struct wr_subscription *s = &catalog->subscriptions[e->subscription];
		o->pending = e->chain;
		link_entry(o, at);
		index_entry(o, at);
		count_settled(settle, s, e, -1);
		wr_outstanding_set_position(o, settle, e->subscription, s);
	}
}

void wr_outstanding_keep(struct wr_outstanding *o)
{
	while (o->pending != WR_NO_ENTRY) {
		uint32_t at = o->pending;
		o->pending = o->entries[at].chain;
		settled_for_good(o, at);
	}
}

/* ---- checkpoints ---- */

size_t wr_outstanding_save_bytes_max(const struct wr_outstanding_limits *l)
{
	return 64 + l->subscriptions_max * (size_t)LIST_BYTES +
	       l->entries_max * (size_t)SAVED_ENTRY_BYTES;
}

static void save_entry(const struct wr_outstanding_entry *e, struct wr_sink *sink)
{
	wr_sink_u64(sink, e->seq);
	wr_sink_u64(sink, e->key);
	wr_sink_u64(sink, e->first_failed_us);
	wr_sink_u64(sink, e->last_failed_us);
	wr_sink_u64(sink, e->not_before_us);
	wr_sink_u32(sink, e->row);
	wr_sink_u32(sink, e->bytes);
	wr_sink_u32(sink, e->generation);
	wr_sink_u32(sink, e->attempts);
	wr_sink_u32(sink, e->reason);
	wr_sink_u32(sink, e->dead | (uint32_t)e->priority << 16);
	wr_sink_u64(sink, e->expires_us);
	wr_sink_u64(sink, WR_BUG(SAID_NOT_SAVED) ? 0 : e->said_seq);
}

void wr_outstanding_save(struct wr_outstanding *o, struct wr_catalog *catalog, struct wr_sink *sink)
{
	uint32_t subscription_count = wr_catalog_subscription_count(catalog);
	uint32_t shared = 0;
	for (uint32_t id = 0; id < subscription_count; id++)
		shared += catalog->subscriptions[id].order != WR_ORDER_PARTITION;
	if (shared == 0)
		return; /* a log without any is as before there were any */
	size_t place = wr_section_begin(sink, WR_SECTION_OUTSTANDING, OUTSTANDING_VERSION, 0);
	wr_sink_u32(sink, shared);
	for (uint32_t id = 0; id < subscription_count; id++) {
		const struct wr_subscription *s = &catalog->subscriptions[id];
		const struct wr_outstanding_list *list = &o->lists[id];
		if (s->order == WR_ORDER_PARTITION)
			continue;
		wr_sink_u32(sink, id);
		wr_sink_u32(sink, s->order);
		wr_sink_u32(sink, s->outstanding_max);
		wr_sink_u32(sink, (uint32_t)wr_load_relaxed(&list->count)); /* own */
		wr_sink_u64(sink, list->frontier);
		wr_sink_u32(sink, list->first_generation);
		wr_sink_u32(sink, list->top_generation);
		wr_sink_u64(sink, list->suspects_end);
		wr_sink_u64(sink, list->in_hand);
		wr_sink_u32(sink, list->crashes | (list->forgiven != 0 ? CRASH_FORGIVEN : 0));
		wr_sink_u32(sink, list->progress);
		for (uint32_t at = list->first; at != WR_NO_ENTRY; at = o->entries[at].next)
			save_entry(&o->entries[at], sink);
	}
	wr_section_end(sink, place);
}

static int load_entry(struct wr_outstanding *o, uint32_t id, const struct wr_subscription *s,
		      uint32_t version, struct wr_cursor *in)
{
	struct wr_outstanding_list *list = &o->lists[id];
	uint64_t least = list->last != WR_NO_ENTRY ? o->entries[list->last].seq + 1 : 1;
	struct wr_outstanding_entry e = {.subscription = id};
	e.seq = wr_take_u64(in);
	e.key = wr_take_u64(in);
	e.first_failed_us = wr_take_u64(in);
	e.last_failed_us = wr_take_u64(in);
	e.not_before_us = wr_take_u64(in);
	e.row = wr_take_u32(in);
	e.bytes = wr_take_u32(in);
	e.generation = wr_take_u32(in);
	e.attempts = wr_take_u32(in);
	e.reason = wr_take_u32(in);
	uint32_t dead = wr_take_u32(in);
	e.dead = (uint16_t)dead;
	e.priority = (uint16_t)(dead >> 16);
	e.expires_us = version >= 2 ? wr_take_u64(in) : 0;
	e.said_seq = version >= 4 ? wr_take_u64(in) : 0;
	if (version == 1 && e.generation > list->top_generation)
		list->top_generation = e.generation;
	if (in->failed || e.seq < least || e.seq >= list->frontier || e.row >= s->row_count ||
	    e.generation < list->first_generation || e.generation > list->top_generation ||
	    e.dead > (WR_ENTRY_DEAD | WR_ENTRY_PARKED) || e.priority > WR_PRIORITY_MAX ||
	    (e.said_seq != 0 && e.said_seq <= e.seq))
		return WEIR_E_CORRUPT;
	if (o->free_count == 0)
		return WEIR_E_FULL;
	e.prev = list->last;
	e.next = WR_NO_ENTRY;
	uint32_t at = take_free(o);
	o->entries[at] = e;
	link_entry(o, at);
	index_entry(o, at);
	return 0;
}

int wr_outstanding_load(struct wr_outstanding *o, struct wr_catalog *catalog, uint32_t version,
			const uint8_t *bytes, uint32_t length_bytes)
{
	if (version == 0 || version > OUTSTANDING_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t shared = wr_take_u32(&in);
	uint32_t subscription_count = wr_catalog_subscription_count(catalog);
	uint32_t least_id = 0;
	for (uint32_t i = 0; i < shared; i++) {
		uint32_t id = wr_take_u32(&in);
		uint32_t order = wr_take_u32(&in);
		uint32_t outstanding_max = wr_take_u32(&in);
		uint32_t count = wr_take_u32(&in);
		uint64_t frontier = wr_take_u64(&in);
		uint32_t first_generation = version >= 2 ? wr_take_u32(&in) : 1;
		uint32_t top_generation = version >= 2 ? wr_take_u32(&in) : 1;
		struct wr_outstanding_list suspects = {0};
		if (version >= 3) {
			suspects.suspects_end = wr_take_u64(&in);
			suspects.in_hand = wr_take_u64(&in);
			suspects.crashes = wr_take_u32(&in);
			suspects.progress = wr_take_u32(&in);
		}
		if (in.failed || id < least_id || id >= subscription_count ||
		    (order != WR_ORDER_KEY && order != WR_ORDER_NONE) || outstanding_max == 0 ||
		    count > outstanding_max || first_generation == 0 ||
		    first_generation > top_generation || suspects.suspects_end > frontier ||
		    suspects.progress > 1 || catalog->subscriptions[id].order != WR_ORDER_PARTITION)
			return WEIR_E_CORRUPT;
		least_id = id + 1;
		struct wr_subscription *s = &catalog->subscriptions[id];
		s->order = order;
		s->outstanding_max = outstanding_max;
		clear_list(&o->lists[id]);
		o->lists[id].frontier = frontier;
		o->lists[id].first_generation = first_generation;
		o->lists[id].top_generation = top_generation;
		o->lists[id].suspects_end = suspects.suspects_end;
		o->lists[id].in_hand = suspects.in_hand;
		o->lists[id].crashes = suspects.crashes & ~CRASH_FORGIVEN;
		o->lists[id].forgiven = (suspects.crashes & CRASH_FORGIVEN) != 0;
		o->lists[id].progress = suspects.progress;
		for (uint32_t k = 0; k < count; k++) {
			int rc = load_entry(o, id, s, version, &in);
			if (rc != 0)
				return rc;
		}
	}
	return in.failed || in.left_bytes != 0 ? WEIR_E_CORRUPT : 0;
}
