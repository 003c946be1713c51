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

/* A string's text, from behind its first quote on. */
struct wr_scan_string {
	size_t end;       /* where its last quote is, or the end of the payload */
	uint64_t dots;    /* not 0: there are some in it */
	uint64_t slashes; /* backslashes */
};

struct wr_scan_string wr_scan_long_string(const struct wr_scan_block *blocks, size_t at,
					  size_t bytes);

/* Most strings end in the block that they begin in. `at`: in the payload, or its end. */
static inline struct wr_scan_string wr_scan_string(const struct wr_scan_block *blocks, size_t at,
						   size_t bytes)
{
	const struct wr_scan_block *b = &blocks[at / WR_SCAN_BLOCK_BYTES];
	size_t from = at % WR_SCAN_BLOCK_BYTES;
	uint64_t quotes = at < bytes ? b->quotes >> from : 0;
	if (quotes == 0)
		return wr_scan_long_string(blocks, at, bytes);
	uint64_t inside = (quotes & (0 - quotes)) - 1;
	return (struct wr_scan_string){.end = at + (size_t)__builtin_ctzll(quotes),
				       .dots = b->dots >> from & inside,
				       .slashes = b->slashes >> from & inside};
}

#endif
