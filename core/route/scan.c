/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/scan.h"

#include <string.h>

#include "core/route/scan_wide.h"

#define SCAN_TARGET

static inline void classify(const uint8_t *bytes, struct wr_scan_block *ret_block)
{
	struct wr_scan_block b = {0};
	for (unsigned i = 0; i < WR_SCAN_BLOCK_BYTES; i++) {
		uint8_t c = bytes[i];
		b.quotes |= (uint64_t)(c == '"') << i;
		b.opens |= (uint64_t)((c | 0x20) == '{') << i;
		b.closes |= (uint64_t)((c | 0x20) == '}') << i;
		b.dots |= (uint64_t)(c == '.') << i;
		b.slashes |= (uint64_t)(c == '\\') << i;
	}
	*ret_block = b;
}

/* Bit i: is the number of bits up to and with i odd? */
static inline uint64_t odd_up_to(uint64_t bits)
{
	for (unsigned by = 1; by < 64; by *= 2)
		bits ^= bits << by;
	return bits;
}

#include "core/route/scan_body.h"

static const struct wr_scan_way plain = {run, end_of};

const struct wr_scan_way *wr_scan_plain(void)
{
	return &plain;
}

const struct wr_scan_way *wr_scan_best(void)
{
#ifdef WR_SCAN_WIDE
	if (wr_scan_wide_is_here())
		return &wr_scan_wide;
#endif
	return &plain;
}

struct wr_scan_string wr_scan_long_string(const struct wr_scan_block *blocks, size_t at,
					  size_t bytes)
{
	struct wr_scan_string s = {.end = bytes};
	for (; at < bytes; at = (at | (WR_SCAN_BLOCK_BYTES - 1)) + 1) {
		const struct wr_scan_block *b = &blocks[at / WR_SCAN_BLOCK_BYTES];
		uint64_t here = ~0ull << at % WR_SCAN_BLOCK_BYTES;
		uint64_t quotes = b->quotes & here;
		if (quotes != 0)
			here &= (quotes & (0 - quotes)) - 1;
		s.dots |= b->dots & here;
		s.slashes |= b->slashes & here;
		if (quotes != 0) {
			s.end = at / WR_SCAN_BLOCK_BYTES * WR_SCAN_BLOCK_BYTES +
				(size_t)__builtin_ctzll(quotes);
			break;
		}
	}
	return s;
}
