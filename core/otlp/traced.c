/* SPDX-License-Identifier: Apache-2.0 */
#include "core/otlp/traced.h"

#include <string.h>

#include <weir/sharing.h>
#include <weir/trace.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/siphash.h"

/* ---- ids ---- */

uint64_t wr_trace_ratio(double ratio)
{
	if (!(ratio > 0))
		return 0;
	return ratio >= 1 ? WR_RATIO_ALL : (uint64_t)(ratio * (double)WR_RATIO_ALL);
}

static uint64_t number_of(const uint8_t bytes[8])
{
	uint64_t n = 0;
	for (size_t i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

/* Of the flow that it is of. */
static void make_trace_id(const uint8_t *journal, const struct weir_item *item,
			  const struct weir_ids *ids, uint8_t *ret_trace_id)
{
	char place[WEIR_POS_TEXT_BYTES];
	const void *flow = ids->correlation_id;
	size_t flow_bytes = ids->correlation_id_bytes;
	if (flow_bytes == 0) {
		flow = ids->event_id;
		flow_bytes = ids->event_id_bytes;
	}
	if (flow_bytes == 0) {
		struct weir_pos pos = weir_item_pos(item);
		struct weir_origin from;
		if (weir_item_origin(item, &from)) /* a copy: what it is of */
			pos = (struct weir_pos){from.sequence, from.epoch, from.log};
		flow = place;
		flow_bytes = weir_pos_text(&pos, place);
	}
	uint64_t hash[2];
	wr_siphash128(journal, flow, flow_bytes, hash);
	hash[0] |= hash[0] == 0; /* an id of zeros is none */
	memcpy(ret_trace_id, hash, sizeof hash);
}

void wr_trace_of(const uint8_t *journal, const struct weir_item *item, const struct weir_ids *ids,
		 struct wr_trace *ret_trace)
{
	struct weir_traceparent parent;
	if (ids->traceparent_bytes > 0 &&
	    weir_traceparent_parse(ids->traceparent, ids->traceparent_bytes, &parent) == 0) {
		memcpy(ret_trace->trace_id, parent.trace_id, sizeof ret_trace->trace_id);
		ret_trace->parent_id = number_of(parent.parent_id);
		ret_trace->flags = parent.flags;
		return;
	}
	make_trace_id(journal, item, ids, ret_trace->trace_id);
	ret_trace->parent_id = 0;
	ret_trace->flags = 0;
}

bool wr_trace_sampled(const struct wr_trace *trace, uint64_t ratio)
{
	if (trace->parent_id != 0)
		return (trace->flags & WEIR_TRACE_SAMPLED) != 0;
	return number_of(trace->trace_id + 8) >> 1 < ratio;
}

uint64_t wr_span_id(const uint8_t *journal, enum wr_span_what what, uint32_t log, uint32_t epoch,
		    uint64_t sequence, uint32_t subscription, uint64_t attempt)
{
	const struct {
		uint32_t what, log, epoch, subscription;
		uint64_t sequence, attempt;
	} of = {(uint32_t)what, log, epoch, subscription, sequence, attempt};
	uint64_t hash[2];
	wr_siphash128(journal, &of, sizeof of, hash);
	return hash[0] != 0 ? hash[0] : 1;
}

#define UPPER_HALF 0xffffffff00000000u

static uint64_t process_ids(const uint8_t *journal, const struct weir_pos *pos)
{
	return wr_span_id(journal, WR_SPAN_PROCESS, pos->log, pos->epoch, pos->sequence, UINT32_MAX,
			  UINT64_MAX) &
	       UPPER_HALF;
}

uint64_t wr_span_process_id(const uint8_t *journal, const struct weir_pos *pos,
			    uint32_t subscription, uint32_t generation, uint32_t turn)
{
	uint64_t id = wr_span_id(journal, WR_SPAN_PROCESS, pos->log, pos->epoch, pos->sequence,
				 subscription, (uint64_t)turn << 32 | generation);
	id = process_ids(journal, pos) | (id & ~UPPER_HALF);
	return id != 0 ? id : 1;
}

bool wr_span_is_process_of(const uint8_t *journal, const struct weir_pos *pos, uint64_t span_id)
{
	return ((span_id ^ process_ids(journal, pos)) & UPPER_HALF) == 0;
}

/* ---- the table ---- */

static uint32_t buckets_for(uint32_t room)
{
	uint32_t buckets = 1;
	while (buckets < room)
		buckets *= 2;
	return buckets;
}

size_t wr_traced_bytes(uint32_t room)
{
	return room * sizeof(struct wr_traced) + buckets_for(room) * 2 * sizeof(uint32_t);
}

void wr_traced_init(struct wr_traced_table *t, uint32_t room, const uint8_t *journal, void *memory)
{
	*t = (struct wr_traced_table){.events = memory, .room = room, .buckets = buckets_for(room)};
	memcpy(t->journal, journal, sizeof t->journal);
	t->sequences = (uint32_t *)(t->events + room);
	t->ids = t->sequences + t->buckets;
	memset(t->sequences, 0xff, t->buckets * 2 * sizeof(uint32_t)); /* WR_TRACED_NONE */
}

static uint32_t bucket_of_sequence(const struct wr_traced_table *t, uint64_t sequence)
{
	return wr_spread(sequence, t->buckets - 1);
}

static uint32_t bucket_of_id(const struct wr_traced_table *t, const void *id, size_t id_bytes)
{
	uint64_t hash[2];
	wr_siphash128(t->journal, id, id_bytes, hash);
	return (uint32_t)hash[0] & (t->buckets - 1);
}

/* Takes the entry `index` out of a chain of either kind. */
static void unlink_from(struct wr_traced_table *t, uint32_t *head, uint32_t index, bool of_id)
{
	for (uint32_t *at = head; *at != WR_TRACED_NONE;) {
		struct wr_traced *e = &t->events[*at];
		uint32_t *next = of_id ? &e->next_of_id : &e->next_of_sequence;
		if (*at == index) {
			*at = *next;
			return;
		}
		at = next;
	}
}

static void forget(struct wr_traced_table *t, uint32_t index)
{
	struct wr_traced *e = &t->events[index];
	unlink_from(t, &t->sequences[bucket_of_sequence(t, e->sequence)], index, false);
	if (e->id_bucket != WR_TRACED_NONE)
		unlink_from(t, &t->ids[e->id_bucket], index, true);
}

static uint32_t find_id(const struct wr_traced_table *t, uint32_t bucket, const void *id,
			size_t id_bytes)
{
	uint32_t i = t->ids[bucket];
	while (i != WR_TRACED_NONE &&
	       (t->events[i].id_bytes != id_bytes || memcmp(t->events[i].id, id, id_bytes) != 0))
		i = t->events[i].next_of_id;
	return i;
}

/* In the place of an earlier one: a chain has each id once, so that it stays short. */
static void link_by_id(struct wr_traced_table *t, uint32_t index)
{
	struct wr_traced *e = &t->events[index];
	uint32_t bucket = bucket_of_id(t, e->id, e->id_bytes);
	uint32_t earlier = find_id(t, bucket, e->id, e->id_bytes);
	if (earlier != WR_TRACED_NONE) {
		unlink_from(t, &t->ids[bucket], earlier, true);
		t->events[earlier].id_bucket = WR_TRACED_NONE;
	}
	e->id_bucket = bucket;
	e->next_of_id = t->ids[bucket];
	t->ids[bucket] = index;
}

struct wr_traced *wr_traced_put(struct wr_traced_table *t, const struct weir_item *item,
				const struct weir_ids *ids, const struct wr_trace *trace)
{
	uint32_t index = (uint32_t)(t->count % t->room);
	struct wr_traced *e = &t->events[index];
	if (t->count >= t->room)
		forget(t, index);
	t->count++;
	*e = (struct wr_traced){
		.trace = *trace,
		.sequence = item->sequence,
		.append_us = item->append_time_us,
		.send_id = wr_span_id(t->journal, WR_SPAN_SEND, item->log, item->epoch,
				      item->sequence, UINT32_MAX, 0),
		.log = item->log,
		.epoch = item->epoch,
		.topic = item->topic,
		.partition = item->partition,
		.id_bucket = WR_TRACED_NONE,
	};
	uint32_t *head = &t->sequences[bucket_of_sequence(t, e->sequence)];
	e->next_of_sequence = *head;
	*head = index;
	if (ids->event_id_bytes > 0 && ids->event_id_bytes <= sizeof e->id) {
		e->id_bytes = ids->event_id_bytes;
		memcpy(e->id, ids->event_id, ids->event_id_bytes);
		link_by_id(t, index);
	}
	return e;
}

struct wr_traced *wr_traced_find(const struct wr_traced_table *t, uint64_t sequence)
{
	for (uint32_t i = t->sequences[bucket_of_sequence(t, sequence)]; i != WR_TRACED_NONE;
	     i = t->events[i].next_of_sequence)
		if (t->events[i].sequence == sequence)
			return &t->events[i];
	return NULL;
}

struct wr_traced *wr_traced_cause(const struct wr_traced_table *t, const void *id, size_t id_bytes)
{
	struct weir_pos pos;
	if (id_bytes == 0)
		return NULL;
	if (weir_pos_parse(id, id_bytes, &pos) == 0) {
		struct wr_traced *e = wr_traced_find(t, pos.sequence);
		return e != NULL && e->epoch == pos.epoch && e->log == pos.log ? e : NULL;
	}
	uint32_t i = find_id(t, bucket_of_id(t, id, id_bytes), id, id_bytes);
	return i != WR_TRACED_NONE ? &t->events[i] : NULL;
}

/* The first that is not below, by halves: they stand in the order of the log. */
struct wr_traced *wr_traced_next(const struct wr_traced_table *t, uint64_t from_sequence,
				 uint64_t *place)
{
	uint64_t low = t->count > t->room ? t->count - t->room : 0, high = t->count;
	if (*place != 0) {
		low = *place;
	} else {
		while (low < high) {
			uint64_t middle = low + (high - low) / 2;
			if (t->events[middle % t->room].sequence < from_sequence)
				low = middle + 1;
			else
				high = middle;
		}
	}
	*place = low + 1;
	return low < t->count ? &t->events[low % t->room] : NULL;
}
