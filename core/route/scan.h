/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the quotes and brackets of a payload are: one bit for each byte, found 64 bytes at a time,
 * so that what nobody asks for is passed over without looking at its bytes again.
 *
 * On x86-64 with AVX2, which is asked for when a matcher is made, and on ARM64 with NEON, which
 * every one has, a block of 64 bytes takes some 30 instructions; elsewhere it is done byte by byte.
 *
 * Brackets and dots inside strings are left out of `opens` and `closes`; `dots` and `slashes` are
 * all that there are. It does not know whether the text is JSON.
 *
 * Thread: one at a time for each set of masks.
 */
#ifndef WR_ROUTE_SCAN_H
#define WR_ROUTE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_scan_block {
	uint64_t quotes; /* that begin or end a string */
	uint64_t opens;  /* '{' and '[' */
	uint64_t closes;
	uint64_t dots;
	uint64_t slashes; /* backslashes */
};

#define WR_SCAN_BLOCK_BYTES 64u

struct wr_scan_way {
	/* All blocks of the text; false: it ends inside a string. */
	bool (*run)(const uint8_t *text, size_t bytes, struct wr_scan_block *blocks);
	/* Of the bracket at `at` the one that ends it, or `bytes`. Its kind is not looked at. */
	size_t (*end_of)(const struct wr_scan_block *blocks, size_t at, size_t bytes);
};

/* The quickest one that this CPU has, and the one that every CPU has. */
const struct wr_scan_way *wr_scan_best(void);
const struct wr_scan_way *wr_scan_plain(void);

static inline size_t wr_scan_block_count(size_t bytes)
{
	return (bytes + WR_SCAN_BLOCK_BYTES - 1) / WR_SCAN_BLOCK_BYTES;
}

/* The first quote from `at` on, or `bytes`. */
static inline size_t wr_scan_quote(const struct wr_scan_block *blocks, size_t at, size_t bytes)
{
	size_t i = at / WR_SCAN_BLOCK_BYTES, count = wr_scan_block_count(bytes);
	if (i >= count)
		return bytes;
	uint64_t bits = blocks[i].quotes >> (at % WR_SCAN_BLOCK_BYTES);
	if (bits != 0)
		return at + (size_t)__builtin_ctzll(bits);
	for (i++; i < count; i++)
		if (blocks[i].quotes != 0)
			return i * WR_SCAN_BLOCK_BYTES + (size_t)__builtin_ctzll(blocks[i].quotes);
	return bytes;
}

/* Of the block that `from` is in the bytes of [from, end). */
static inline uint64_t wr_scan_part(size_t from, size_t end)
{
	uint64_t mask = ~0ull << (from % WR_SCAN_BLOCK_BYTES);
	if (end / WR_SCAN_BLOCK_BYTES == from / WR_SCAN_BLOCK_BYTES)
		mask &= ~(~0ull << (end % WR_SCAN_BLOCK_BYTES));
	return mask;
}

/* Is there a dot (a backslash) in [from, end)? */
static inline bool wr_scan_has_dot(const struct wr_scan_block *blocks, size_t from, size_t end)
{
	for (; from < end; from = (from | (WR_SCAN_BLOCK_BYTES - 1)) + 1)
		if ((blocks[from / WR_SCAN_BLOCK_BYTES].dots & wr_scan_part(from, end)) != 0)
			return true;
	return false;
}

static inline bool wr_scan_has_slash(const struct wr_scan_block *blocks, size_t from, size_t end)
{
	for (; from < end; from = (from | (WR_SCAN_BLOCK_BYTES - 1)) + 1)
		if ((blocks[from / WR_SCAN_BLOCK_BYTES].slashes & wr_scan_part(from, end)) != 0)
			return true;
	return false;
}

#endif
