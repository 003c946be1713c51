/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the quotes and brackets of a payload are: one bit for each byte, found 64 bytes at a time,
 * so that what nobody asks for is passed over without looking at its bytes again.
 *
 * On x86-64 with AVX2, which is asked for when a scanner is made, a block of 64 bytes takes some 20
 * instructions; elsewhere it is done byte by byte.
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

/* The raw masks of 64 bytes: quotes and brackets wherever they stand. */
typedef void wr_scan_classify(const uint8_t *bytes, struct wr_scan_block *ret_block);

/* The quickest one that this CPU has, and the one that every CPU has. */
wr_scan_classify *wr_scan_best(void);
wr_scan_classify *wr_scan_plain(void);

static inline size_t wr_scan_block_count(size_t bytes)
{
	return (bytes + WR_SCAN_BLOCK_BYTES - 1) / WR_SCAN_BLOCK_BYTES;
}

/* All blocks of the text; false: it ends inside a string. */
bool wr_scan_run(wr_scan_classify *classify, const uint8_t *text, size_t bytes,
		 struct wr_scan_block *blocks);

/* The first quote from `at` on, or `bytes`. */
size_t wr_scan_quote(const struct wr_scan_block *blocks, size_t at, size_t bytes);

/* Of the bracket at `at` the one that ends it, or `bytes`. Which kind it is is not looked at. */
size_t wr_scan_end(const struct wr_scan_block *blocks, size_t at, size_t bytes);

/* Is there a dot (a backslash) in [from, end)? */
bool wr_scan_has_dot(const struct wr_scan_block *blocks, size_t from, size_t end);
bool wr_scan_has_slash(const struct wr_scan_block *blocks, size_t from, size_t end);

#endif
