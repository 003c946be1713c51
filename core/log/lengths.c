/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/lengths.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/log/decide.h"

size_t wr_lengths_bytes(uint32_t subscriptions_max, uint32_t topics_max)
{
	return subscriptions_max * (sizeof(struct wr_length) + sizeof(uint32_t)) +
	       topics_max * 2 * sizeof(uint32_t);
}

int wr_lengths_init(struct wr_lengths *l, struct wr_memory *memory, uint32_t subscriptions_max,
		    uint32_t topics_max)
{
	*l = (struct wr_lengths){.subscriptions_max = subscriptions_max, .topics_max = topics_max};
	l->of = memory->ops->alloc(memory, subscriptions_max * sizeof *l->of, 64);
	l->ids = memory->ops->alloc(memory, subscriptions_max * sizeof *l->ids, 8);
	l->first = memory->ops->alloc(memory, topics_max * sizeof *l->first, 8);
	l->topic_ones = memory->ops->alloc(memory, topics_max * sizeof *l->topic_ones, 8);
	if (l->of == NULL || l->ids == NULL || l->first == NULL || l->topic_ones == NULL) {
		wr_lengths_fini(l, memory);
		return -ENOMEM;
	}
	memset(l->of, 0, subscriptions_max * sizeof *l->of);
	memset(l->topic_ones, 0, topics_max * sizeof *l->topic_ones);
	return 0;
}

void wr_lengths_fini(struct wr_lengths *l, struct wr_memory *memory)
{
	if (l->of != NULL)
		memory->ops->free(memory, l->of, l->subscriptions_max * sizeof *l->of);
	if (l->ids != NULL)
		memory->ops->free(memory, l->ids, l->subscriptions_max * sizeof *l->ids);
	if (l->first != NULL)
		memory->ops->free(memory, l->first, l->topics_max * sizeof *l->first);
	if (l->topic_ones != NULL)
		memory->ops->free(memory, l->topic_ones, l->topics_max * sizeof *l->topic_ones);
	l->of = NULL;
	l->ids = l->first = l->topic_ones = NULL;
}

void wr_lengths_set(struct wr_lengths *l, uint32_t id, uint64_t events_max, uint64_t bytes_max)
{
	struct wr_length *of = &l->of[id];
	if (wr_load_relaxed(&of->events_max) == events_max && /* own */
	    wr_load_relaxed(&of->bytes_max) == bytes_max)
		return;
	wr_store_relaxed(&of->events_max, events_max);
	wr_store_relaxed(&of->bytes_max, bytes_max);
	wr_store_release(&l->changes, wr_load_relaxed(&l->changes) + 1); /* QF1 */
}

void wr_lengths_tell(struct wr_lengths *l, uint32_t id, uint64_t anew_seq, uint64_t events,
		     uint64_t bytes)
{
	struct wr_length *of = &l->of[id];
	if (wr_load_relaxed(&of->told_seq) == anew_seq + 1 && /* own */
	    wr_load_relaxed(&of->told_events) == events &&
	    wr_load_relaxed(&of->told_bytes) == bytes)
		return;
	wr_store_relaxed(&of->told_seq, 0u);
	wr_store_release(&of->told_events, events);     /* QF2 */
	wr_store_release(&of->told_bytes, bytes);       /* QF2 */
	wr_store_release(&of->told_seq, anew_seq + 1u); /* QF2 */
}

/* ---- the writer ---- */

bool wr_lengths_refuses(struct wr_lengths *l, uint32_t id)
{
	struct wr_length *of = &l->of[id];
	return (wr_load_relaxed(&of->events_max) | wr_load_relaxed(&of->bytes_max)) != 0;
}

static void list(struct wr_lengths *l, const struct wr_subscription *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->topic_count; i++)
		if (l->topic_ones[s->topics[i]]++ == 0)
			l->first[s->topics[i]] = l->count;
	l->of[id].room_events = l->of[id].room_bytes = l->of[id].full_at = 0;
	l->ids[l->count++] = id;
}

void wr_lengths_follow(struct wr_tables *t)
{
	struct wr_lengths *l = &t->lengths;
	uint32_t changes = wr_load_acquire(&l->changes); /* QF1 */
	if (changes == l->changes_seen)
		return;
	l->changes_seen = changes;
	l->count = 0;
	memset(l->topic_ones, 0, l->topics_max * sizeof *l->topic_ones);
	uint32_t count = wr_catalog_subscription_count(&t->catalog);
	for (uint32_t id = 0; id < count; id++)
		if (wr_lengths_refuses(l, id) && !WR_BUG(FULL_QUEUE_TAKES))
			list(l, &t->catalog.subscriptions[id], id);
}

/* The next one with the topic, from a place in the list on. */
static uint32_t next_with(const struct wr_tables *t, uint32_t topic, uint32_t at)
{
	const struct wr_lengths *l = &t->lengths;
	for (; at < l->count; at++) {
		const struct wr_subscription *s = &t->catalog.subscriptions[l->ids[at]];
		for (uint32_t i = 0; i < s->topic_count; i++)
			if (s->topics[i] == topic)
				return at;
	}
	return at;
}

/* Of what was counted anew: false: nobody knows now. */
static bool read_told(struct wr_length *of, uint64_t anew_seq, uint64_t *ret_events,
		      uint64_t *ret_bytes)
{
	uint64_t told = wr_load_acquire(&of->told_seq);  /* QF2 */
	*ret_events = wr_load_acquire(&of->told_events); /* QF2 */
	*ret_bytes = wr_load_acquire(&of->told_bytes);   /* QF2 */
	return told == anew_seq + 1 && wr_load_relaxed(&of->told_seq) == told;
}

/* Appended and not settled. False: nobody knows now. */
static bool measure(struct wr_tables *t, uint32_t id, uint64_t *ret_events, uint64_t *ret_bytes)
{
	struct wr_catalog *c = &t->catalog;
	const struct wr_subscription *s = &c->subscriptions[id];
	struct wr_settle_row *first = &t->settle.rows[s->row_first];
	uint64_t events = 0, bytes = 0; // as differences, which may be less than nothing
	/* A seek moves all rows of a queue, by one record. */
	if (wr_load_relaxed(&first->moved) != 0 && /* own */
	    !read_told(&t->lengths.of[id], wr_load_relaxed(&first->anew_seq), &events, &bytes))
		return false;
	for (uint32_t row = 0; row < s->row_count; row++) {
		struct wr_settle_row *r = &first[row];
		struct wr_partition_cells *cell = wr_catalog_row_cells(c, s, row);
		events += wr_load_relaxed(&cell->events) + wr_load_relaxed(&r->to_events) -
			  wr_load_relaxed(&r->events);
		bytes += wr_load_relaxed(&cell->bytes) + wr_load_relaxed(&r->to_bytes) -
			 wr_load_relaxed(&r->bytes);
	}
	*ret_events = events <= INT64_MAX ? events : 0;
	*ret_bytes = bytes <= INT64_MAX ? bytes : 0;
	return true;
}

static uint64_t room_of(uint64_t max, uint64_t used)
{
	return max == 0 ? UINT64_MAX : max > used ? max - used : 0;
}

/* Whether it has a place, or nobody knows. */
static bool has_room(struct wr_tables *t, uint32_t id, uint64_t seq, bool alone)
{
	struct wr_length *of = &t->lengths.of[id];
	uint64_t events, bytes;
	if (of->room_events > 0 && of->room_bytes > 0)
		return true;
	if (of->full_at == seq && alone)
		return false;
	/* Of what is detached nothing is kept for anybody. */
	uint64_t position = wr_load_relaxed(
		&t->settle.rows[t->catalog.subscriptions[id].row_first].position); /* own */
	if (wr_position_is_detached(position) || !measure(t, id, &events, &bytes))
		return true;
	of->room_events = room_of(wr_load_relaxed(&of->events_max), events);
	of->room_bytes = room_of(wr_load_relaxed(&of->bytes_max), bytes);
	bool is_full = of->room_events == 0 || of->room_bytes == 0;
	of->full_at = is_full && alone ? seq : 0;
	return !is_full;
}

uint32_t wr_lengths_full(struct wr_tables *t, const struct wr_record *r, uint64_t seq, bool alone)
{
	const struct wr_lengths *l = &t->lengths;
	uint32_t at = l->first[r->topic];
	for (uint32_t left = l->topic_ones[r->topic]; left > 0; left--, at++) {
		at = next_with(t, r->topic, at);
		if (!has_room(t, l->ids[at], seq, alone))
			return l->ids[at];
	}
	return UINT32_MAX;
}

void wr_lengths_take(struct wr_tables *t, const struct wr_record *r)
{
	struct wr_lengths *l = &t->lengths;
	uint32_t at = l->first[r->topic];
	for (uint32_t left = l->topic_ones[r->topic]; left > 0; left--, at++) {
		at = next_with(t, r->topic, at);
		struct wr_length *of = &l->of[l->ids[at]];
		of->room_events -= of->room_events > 0 ? 1 : 0;
		of->room_bytes -= wr_min_u64(of->room_bytes, r->bytes);
	}
}

bool wr_lengths_take_one(struct wr_tables *t, const struct wr_record *r, uint64_t seq)
{
	if (wr_lengths_full(t, r, seq, true) != UINT32_MAX)
		return false;
	wr_lengths_take(t, r);
	return true;
}

void wr_lengths_forget(struct wr_lengths *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct wr_length *of = &l->of[l->ids[i]];
		of->room_events = of->room_bytes = of->full_at = 0;
	}
}
