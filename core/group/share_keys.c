/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of a key, by sequence. The first of each stands in the index of keys, and knows the
 * last, so that adding costs one look however long the list is.
 */
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/group/share.h"

static uint32_t *place_of(struct wr_share *s, uint64_t key)
{
	uint32_t *at = &s->key_buckets[(key ^ key >> 32) & s->bucket_mask];
	while (*at != WR_SHARE_NONE && s->events[*at].key != key)
		at = &s->events[*at].key_chain;
	return at;
}

void wr_share_key_add(struct wr_share *s, uint32_t event)
{
	struct wr_share_event *e = &s->events[event];
	uint32_t *place = place_of(s, e->key);
	e->key_next = e->key_prev = WR_SHARE_NONE;
	if (*place == WR_SHARE_NONE) {
		e->key_chain = WR_SHARE_NONE;
		e->key_last = event;
		*place = event;
		return;
	}
	struct wr_share_event *first = &s->events[*place];
	e->key_prev = first->key_last;
	s->events[first->key_last].key_next = event;
	first->key_last = event;
}

uint32_t wr_share_key_remove(struct wr_share *s, uint32_t event)
{
	struct wr_share_event *e = &s->events[event];
	uint32_t *place = place_of(s, e->key);
	if (*place != event) {
		struct wr_share_event *first = &s->events[*place];
		s->events[e->key_prev].key_next = e->key_next;
		if (e->key_next != WR_SHARE_NONE)
			s->events[e->key_next].key_prev = e->key_prev;
		else
			first->key_last = e->key_prev;
		return WR_SHARE_NONE;
	}
	uint32_t next = e->key_next;
	if (next == WR_SHARE_NONE) {
		*place = e->key_chain;
		return WR_SHARE_NONE;
	}
	s->events[next].key_prev = WR_SHARE_NONE;
	s->events[next].key_last = e->key_last;
	s->events[next].key_chain = e->key_chain;
	*place = next;
	return next;
}

bool wr_share_key_is_first(const struct wr_share *s, uint32_t event)
{
	uint32_t before = s->events[event].key_prev;
	return before == WR_SHARE_NONE ||
	       (WR_BUG(PARKED_LETS_PASS) && s->events[before].state == WR_SHARE_PARKED);
}

uint32_t wr_share_key_first(struct wr_share *s, uint32_t event)
{
	return *place_of(s, s->events[event].key);
}

uint32_t wr_share_key_count(const struct wr_share *s, uint32_t first)
{
	uint32_t count = 0;
	for (uint32_t at = first; at != WR_SHARE_NONE; at = s->events[at].key_next)
		count++;
	return count;
}
