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
static inline size_t wr_ends_cell_number(const struct wr_ends_front *front, uint64_t window,
					 size_t place)
{
	return wr_window_hash(window, place) >> 40 & front->mask;
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
	return &e->front.cells[wr_ends_cell_number(&e->front, window, place)];
}

/* The text's cell; and how far it goes along with the trunk. */
static inline __attribute__((always_inline)) struct wr_ends_cell *
wr_ends_ask(const struct wr_ends *e, const uint8_t *text, size_t bytes, bool backwards,
	    size_t *ret_along)
{
	*ret_along = wr_ends_along(e, text, bytes, backwards);
	return wr_ends_cell_at(e, text, bytes, backwards, *ret_along);
}

/* The last four of the first `count` bytes; there are as many. */
static inline uint32_t wr_ends_tail(const uint8_t *text, size_t bytes, bool backwards, size_t count)
{
	uint32_t tail;
	memcpy(&tail, backwards ? text + bytes - count : text + count - sizeof tail, sizeof tail);
	return backwards ? __builtin_bswap32(tail) : tail;
}

/* The bits of a hash are in one of the cell's words. */
static inline unsigned wr_ends_word(uint64_t hash)
{
	return hash >> 25 & 3;
}

/* Of a text that has this cell: may it be one that was noted? 0: it is none. `hash`: as there. */
static inline uint64_t wr_ends_may_be_noted(const struct wr_ends_cell *cell, uint64_t hash)
{
	return wr_window_bits(cell->whole[hash >> 27 & 1], hash);
}

/*
 * Bits: which of the cell's few texts may it begin with? No branch hangs on any. One that is longer
 * is compared with the end of the text, where there is as much to read.
 */
static inline __attribute__((always_inline)) unsigned
wr_ends_ask_half(const struct wr_ends_cell *cell, bool backwards, const uint8_t *text, size_t bytes,
		 unsigned from)
{
	unsigned may = 0;
	for (unsigned i = from; i < from + WR_ENDS_HALF; i++) {
		size_t count = cell->few.counts[i] < bytes ? cell->few.counts[i] : bytes;
		uint32_t tail = wr_ends_tail(text, bytes, backwards, count);
		may |= (unsigned)(tail == cell->few.tails[i]) << i;
	}
	return may;
}

static inline __attribute__((always_inline)) unsigned
wr_ends_ask_few(const struct wr_ends_cell *cell, bool backwards, const uint8_t *text, size_t bytes)
{
	if (WR_UNLIKELY(bytes < WR_ENDS_TAIL_BYTES))
		return 0;
	unsigned may = wr_ends_ask_half(cell, backwards, text, bytes, 0);
	if (cell->text_count > WR_ENDS_HALF)
		may |= wr_ends_ask_half(cell, backwards, text, bytes, WR_ENDS_HALF);
	return may;
}

/* May it begin with a text that ends before its place? */
static inline bool wr_ends_may_be_short(const struct wr_ends_front *front, const uint8_t *text,
					size_t bytes, bool backwards, size_t along)
{
	if (along == bytes)
		return false;
	uint8_t first = backwards ? text[bytes - 1 - along] : text[along];
	return (front->short_firsts >> first % 64 & 1) != 0;
}

/* May a text begin with any of more than few? If not, that cost no call. */
static inline __attribute__((always_inline)) bool
wr_ends_may_begin(const struct wr_ends *e, const struct wr_ends_cell *cell, size_t along,
		  const uint8_t *text, size_t bytes)
{
	if (!e->front.has_texts || along >= e->trunk_least)
		return along >= e->trunk_least;
	return cell->is_many != 0 || wr_ends_may_be_short(&e->front, text, bytes, false, along) ||
	       wr_ends_ask_few(cell, false, text, bytes) != 0;
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
