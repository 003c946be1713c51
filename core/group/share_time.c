/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due, and when: a binary heap. Leases are mostly as long as each other, so that the next
 * one is due last and stays where it is put.
 */
#include "core/group/share.h"

static void swap(struct wr_share *s, uint32_t a, uint32_t b)
{
	struct wr_share_due due = s->heap[a];
	s->heap[a] = s->heap[b];
	s->heap[b] = due;
	s->events[s->heap[a].event].heap = a;
	s->events[s->heap[b].event].heap = b;
}

static void rise(struct wr_share *s, uint32_t at)
{
	while (at > 0 && wr_share_before(s, at, (at - 1) / 2)) {
		swap(s, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void sink(struct wr_share *s, uint32_t at)
{
	for (;;) {
		uint32_t least = at, left = 2 * at + 1;
		if (left < s->heap_count && wr_share_before(s, left, least))
			least = left;
		if (left + 1 < s->heap_count && wr_share_before(s, left + 1, least))
			least = left + 1;
		if (least == at)
			return;
		swap(s, at, least);
		at = least;
	}
}

void wr_share_heap_put(struct wr_share *s, uint32_t event, uint64_t due_ns)
{
	uint32_t at = s->heap_count++;
	s->heap[at] = (struct wr_share_due){.due_ns = due_ns, .event = event};
	s->events[event].heap = at;
	s->events[event].due_ns = due_ns;
	rise(s, at);
}

void wr_share_heap_drop(struct wr_share *s, uint32_t event)
{
	uint32_t at = s->events[event].heap;
	if (at == WR_SHARE_NONE)
		return;
	s->events[event].heap = WR_SHARE_NONE;
	uint32_t last = --s->heap_count;
	if (at == last)
		return;
	s->heap[at] = s->heap[last];
	s->events[s->heap[at].event].heap = at;
	rise(s, at);
	sink(s, at); /* one of the two moves it, or what is there now does not move */
}

uint64_t wr_share_due_ns(const struct wr_share *s)
{
	return s->heap_count > 0 ? s->heap[0].due_ns : UINT64_MAX;
}
