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

/* How far the text goes along with the trunk. */
static inline __attribute__((always_inline)) size_t
wr_ends_along(const struct wr_ends *e, const uint8_t *text, size_t bytes, bool backwards)
{
	size_t most = e->trunk_bytes < bytes ? e->trunk_bytes : bytes, at = 0;
	uint64_t differs;
	if (most < WR_WINDOW_BYTES) {
		differs = wr_window_part(wr_window_head(text, bytes, backwards) ^
						 wr_window_head(e->trunk, e->trunk_bytes, false),
					 most);
		return differs != 0 ? (size_t)__builtin_ctzll(differs) / 8 : most;
	}
	for (;; at = at + 2 * WR_WINDOW_BYTES <= most ? at + WR_WINDOW_BYTES
						      : most - WR_WINDOW_BYTES) {
		differs = wr_window_at(text, bytes, backwards, at) ^
			  wr_window_at(e->trunk, e->trunk_bytes, false, at);
		if (differs != 0)
			return at + (size_t)__builtin_ctzll(differs) / 8;
		if (at + WR_WINDOW_BYTES == most)
			return most;
	}
}

/* As wr_ends_window() of one byte or more, without a branch, for a text of a window or more. */
static inline uint64_t wr_ends_window_of(const uint8_t *text, size_t bytes, bool backwards,
					 size_t count)
{
	size_t from = count > WR_WINDOW_BYTES ? count - WR_WINDOW_BYTES : 0;
	size_t beyond = (count < WR_WINDOW_BYTES ? WR_WINDOW_BYTES - count : 0) * 8;
	return wr_window_at(text, bytes, backwards, from) << beyond >> beyond;
}

/* Of the window that ends at the place. */
static inline struct wr_ends_cell *wr_ends_cell_of(const struct wr_ends_front *front,
						   uint64_t window, size_t place)
{
	return &front->cells[wr_window_hash(window, place) >> 40 & front->mask];
}

/* The cell of a text that goes along with the trunk so far. */
static inline __attribute__((always_inline)) struct wr_ends_cell *
wr_ends_cell_at(const struct wr_ends *e, const uint8_t *text, size_t bytes, bool backwards,
		size_t along)
{
	size_t place = along + e->front.behind;
	place = place < bytes ? place : bytes;
	uint64_t window = WR_LIKELY(bytes >= WR_WINDOW_BYTES)
				  ? wr_ends_window_of(text, bytes, backwards, place)
				  : wr_window_part(wr_window_head(text, bytes, backwards), place);
	return wr_ends_cell_of(&e->front, window, place);
}

/* The text's cell; and how far it goes along with the trunk. */
static inline __attribute__((always_inline)) struct wr_ends_cell *
wr_ends_ask(const struct wr_ends *e, const uint8_t *text, size_t bytes, bool backwards,
	    size_t *ret_along)
{
	*ret_along = wr_ends_along(e, text, bytes, backwards);
	return wr_ends_cell_at(e, text, bytes, backwards, *ret_along);
}

/* Of a text that has this cell: may it be one that was noted? 0: it is none. `hash`: as there. */
static inline uint64_t wr_ends_may_be_noted(const struct wr_ends_cell *cell, uint64_t hash)
{
	return wr_window_bits(cell->whole[hash >> 27 & 1], hash);
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
