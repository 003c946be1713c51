/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ends.c looks up by and ends_make.c puts in by: windows, and the hash of a beginning that
 * gets longer and longer.
 */
#ifndef WR_ROUTE_ENDS_HASH_H
#define WR_ROUTE_ENDS_HASH_H

#include "core/route/ends.h"

#define WR_ENDS_TAG 0xffffffff00000000u

/* The window that ends behind `count` bytes, which are there; `head`: of the text. */
static inline uint64_t wr_ends_window(const uint8_t *text, size_t bytes, bool backwards,
				      uint64_t head, size_t count)
{
	return count >= WR_WINDOW_BYTES
		       ? wr_window_at(text, bytes, backwards, count - WR_WINDOW_BYTES)
		       : wr_window_part(head, count);
}

/* Of a text that does not end before the place. */
static inline uint64_t *wr_ends_set(const struct wr_ends_front *front, const uint8_t *text,
				    size_t bytes, bool backwards, uint64_t head)
{
	uint64_t window = wr_ends_window(text, bytes, backwards, head, front->place);
	return &front->sets[wr_window_hash(window, front->place) >> 40 & front->mask];
}

struct wr_beginning {
	uint64_t state;
	size_t words; /* in it */
};

static inline uint64_t wr_ends_hash(struct wr_beginning *b, const uint8_t *text, size_t bytes,
				    bool backwards, size_t count)
{
	uint64_t last = 0;
	for (; b->words < count / WR_WINDOW_BYTES; b->words++) {
		b->state ^= wr_window_at(text, bytes, backwards, b->words * WR_WINDOW_BYTES);
		b->state *= 0x9e3779b97f4a7c15u;
		b->state ^= b->state >> 29;
	}
	size_t left = count % WR_WINDOW_BYTES;
	if (left > 0 && count > WR_WINDOW_BYTES)
		last = wr_window_at(text, bytes, backwards, count - WR_WINDOW_BYTES) >>
		       (WR_WINDOW_BYTES - left) * 8;
	else if (left > 0)
		last = wr_window_part(wr_window_head(text, bytes, backwards), left);
	uint64_t hash = (b->state ^ last) * 0x9e3779b97f4a7c15u;
	hash = (hash ^ hash >> 32 ^ count) * 0xd6e8feb86659fd93u;
	return hash ^ hash >> 32;
}

#endif
