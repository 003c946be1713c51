/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a line of numbers somebody has looked at: a few ranges, in order, which grow and join.
 * Who looks from several places, each of which goes on upwards, needs one range for each place;
 * where more are there than fit, the two that lie next to each other are joined, and what is
 * between them counts as seen.
 *
 * Thread: one at a time.
 */
#ifndef WR_BASE_SEEN_H
#define WR_BASE_SEEN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/bits.h"

#define WR_SEEN_RANGES 8u

/* Zeroed: nothing was seen. */
struct wr_seen {
	uint32_t count;
	struct wr_seen_range {
		uint64_t from, end;
	} ranges[WR_SEEN_RANGES + 1];
};

static inline bool wr_seen_has(const struct wr_seen *s, uint64_t n)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (n >= s->ranges[i].from && n < s->ranges[i].end)
			return true;
	return false;
}

/* The range `at` takes in the `count` behind it. */
static inline void wr_seen_join(struct wr_seen *s, uint32_t at, uint32_t count)
{
	s->ranges[at].end = wr_max_u64(s->ranges[at].end, s->ranges[at + count].end);
	s->count -= count;
	memmove(&s->ranges[at + 1], &s->ranges[at + 1 + count],
		(s->count - at - 1) * sizeof s->ranges[0]);
}

static inline void wr_seen_add(struct wr_seen *s, uint64_t from, uint64_t end)
{
	uint32_t at = 0, behind, least = 0;
	if (from >= end)
		return;
	while (at < s->count && s->ranges[at].end < from)
		at++;
	for (behind = at; behind < s->count && s->ranges[behind].from <= end;)
		behind++;
	if (behind > at) { /* it touches some */
		s->ranges[at].from = wr_min_u64(s->ranges[at].from, from);
		wr_seen_join(s, at, behind - at - 1);
		s->ranges[at].end = wr_max_u64(s->ranges[at].end, end);
		return;
	}
	memmove(&s->ranges[at + 1], &s->ranges[at], (s->count - at) * sizeof s->ranges[0]);
	s->ranges[at] = (struct wr_seen_range){from, end};
	if (++s->count <= WR_SEEN_RANGES)
		return;
	for (uint32_t i = 1; i + 1 < s->count; i++)
		if (s->ranges[i + 1].from - s->ranges[i].end <
		    s->ranges[least + 1].from - s->ranges[least].end)
			least = i;
	wr_seen_join(s, least, 1);
}

#endif
