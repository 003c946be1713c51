/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter of bits in front of texts that are looked up: of each text its length and its last eight
 * bytes are in it, two bits of one word. Most texts that are not there it turns away for one load,
 * and without a look at the rest of them; and so it can be asked for every length of a beginning.
 *
 * Texts are read in one direction; ends of texts backwards.
 * Thread: any, once it is made.
 */
#ifndef WR_ROUTE_WINDOW_H
#define WR_ROUTE_WINDOW_H

#include <string.h>

#include "core/base/bits.h"
#include "core/route/arena.h"

#define WR_WINDOW_BYTES 8u

struct wr_window_filter {
	uint64_t *words; /* NULL: nothing is in it */
	uint64_t mask;   /* of numbers of words */
};

/* Eight bytes from `at` on; they are there. */
static inline uint64_t wr_window_at(const uint8_t *text, size_t bytes, bool backwards, size_t at)
{
	uint64_t word;
	memcpy(&word, backwards ? text + bytes - at - sizeof word : text + at, sizeof word);
	return backwards ? __builtin_bswap64(word) : word;
}

/* The first eight, or as many as there are and zeros. */
static inline uint64_t wr_window_head(const uint8_t *text, size_t bytes, bool backwards)
{
	uint64_t word = 0;
	if (bytes >= WR_WINDOW_BYTES)
		return wr_window_at(text, bytes, backwards, 0);
	for (size_t i = 0; i < bytes; i++)
		word |= (uint64_t)text[backwards ? bytes - 1 - i : i] << 8 * i;
	return word;
}

/* The first `count` bytes of a word, 0 to 7. */
static inline uint64_t wr_window_part(uint64_t word, size_t count)
{
	return word & ~(~0ull << count * 8);
}

/* Of a whole text. */
static inline uint64_t wr_window_last(const uint8_t *text, size_t bytes)
{
	return bytes >= WR_WINDOW_BYTES ? wr_window_at(text, bytes, false, bytes - WR_WINDOW_BYTES)
					: wr_window_head(text, bytes, false);
}

/* The last bytes of the window count most: they are turned to where they move all bits. */
static inline uint64_t wr_window_hash(uint64_t window, size_t count)
{
	return ((window << 32 | window >> 32) ^ count * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
}

/* The two bits of a hash in a word. */
static inline uint64_t wr_window_bits_of(uint64_t hash)
{
	return 1ull << (hash >> 28 & 63) | 1ull << (hash >> 34 & 63);
}

/* 1: the word has both; 0: it has not. */
static inline uint64_t wr_window_bits(uint64_t word, uint64_t hash)
{
	return word >> (hash >> 28 & 63) & word >> (hash >> 34 & 63) & 1;
}

/* 1: it may be there; 0: it is not. */
static inline uint64_t wr_window_has(const struct wr_window_filter *filter, uint64_t hash)
{
	return wr_window_bits(filter->words[hash >> 40 & filter->mask], hash);
}

static inline void wr_window_add(struct wr_window_filter *filter, uint64_t hash)
{
	filter->words[hash >> 40 & filter->mask] |= wr_window_bits_of(hash);
}

/* For so many texts: 16 bits each, or more. */
static inline bool wr_window_make(struct wr_window_filter *filter, struct wr_arena *arena,
				  size_t count)
{
	size_t words = (size_t)wr_power_of_two_above(count / 4 + 4);
	filter->words = wr_arena_take(arena, words, sizeof *filter->words);
	filter->mask = words - 1;
	return filter->words != NULL;
}

#endif
