/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/scan.h"

#include <string.h>

#include "core/route/scan_wide.h"

static void classify_plain(const uint8_t *bytes, struct wr_scan_block *ret_block)
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

wr_scan_classify *wr_scan_plain(void)
{
	return classify_plain;
}

wr_scan_classify *wr_scan_best(void)
{
#ifdef WR_SCAN_WIDE
	if (wr_scan_wide_is_here())
		return wr_scan_wide;
#endif
	return classify_plain;
}

/* What stands behind a backslash that is not itself behind one. *carry: the next block's first. */
static uint64_t escaped_of(uint64_t slashes, uint64_t *carry)
{
	uint64_t escaped = *carry;
	slashes &= ~*carry;
	*carry = 0;
	while (slashes != 0) {
		unsigned at = (unsigned)__builtin_ctzll(slashes);
		if (at == 63) {
			*carry = 1;
			break;
		}
		escaped |= 2ull << at;
		slashes &= ~(3ull << at);
	}
	return escaped;
}

/* Bit i: is the number of bits up to and with i odd? */
static uint64_t odd_up_to(uint64_t bits)
{
	for (unsigned by = 1; by < 64; by *= 2)
		bits ^= bits << by;
	return bits;
}

bool wr_scan_run(wr_scan_classify *classify, const uint8_t *text, size_t bytes,
		 struct wr_scan_block *blocks)
{
	uint64_t carry = 0, inside = 0;
	size_t count = wr_scan_block_count(bytes);
	for (size_t i = 0; i < count; i++) {
		struct wr_scan_block *b = &blocks[i];
		size_t left = bytes - i * WR_SCAN_BLOCK_BYTES;
		if (left >= WR_SCAN_BLOCK_BYTES) {
			classify(text + i * WR_SCAN_BLOCK_BYTES, b);
		} else {
			uint8_t last[WR_SCAN_BLOCK_BYTES] = {0};
			memcpy(last, text + i * WR_SCAN_BLOCK_BYTES, left);
			classify(last, b);
		}
		if ((b->slashes | carry) != 0)
			b->quotes &= ~escaped_of(b->slashes, &carry);
		uint64_t in_string = odd_up_to(b->quotes) ^ inside;
		b->opens &= ~in_string;
		b->closes &= ~in_string;
		inside = 0 - (in_string >> 63);
	}
	return inside == 0;
}

size_t wr_scan_quote(const struct wr_scan_block *blocks, size_t at, size_t bytes)
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

size_t wr_scan_end(const struct wr_scan_block *blocks, size_t at, size_t bytes)
{
	size_t count = wr_scan_block_count(bytes);
	uint64_t mask = ~0ull << (at % WR_SCAN_BLOCK_BYTES);
	uint64_t depth = 0;
	for (size_t i = at / WR_SCAN_BLOCK_BYTES; i < count; i++, mask = ~0ull) {
		uint64_t opens = blocks[i].opens & mask, closes = blocks[i].closes & mask;
		uint64_t open_count = (uint64_t)__builtin_popcountll(opens);
		uint64_t close_count = (uint64_t)__builtin_popcountll(closes);
		if (close_count < depth) {
			depth += open_count - close_count;
			continue;
		}
		for (uint64_t closed = 1; closes != 0; closes &= closes - 1, closed++) {
			uint64_t below = (closes & (0 - closes)) - 1;
			if (depth + (uint64_t)__builtin_popcountll(opens & below) == closed)
				return i * WR_SCAN_BLOCK_BYTES + (size_t)__builtin_ctzll(closes);
		}
		depth += open_count - close_count;
	}
	return bytes;
}

static uint64_t part(size_t from, size_t end)
{
	uint64_t mask = ~0ull << (from % WR_SCAN_BLOCK_BYTES);
	if (end / WR_SCAN_BLOCK_BYTES == from / WR_SCAN_BLOCK_BYTES)
		mask &= ~(~0ull << (end % WR_SCAN_BLOCK_BYTES));
	return mask;
}

bool wr_scan_has_dot(const struct wr_scan_block *blocks, size_t from, size_t end)
{
	for (; from < end; from = (from | (WR_SCAN_BLOCK_BYTES - 1)) + 1)
		if ((blocks[from / WR_SCAN_BLOCK_BYTES].dots & part(from, end)) != 0)
			return true;
	return false;
}

bool wr_scan_has_slash(const struct wr_scan_block *blocks, size_t from, size_t end)
{
	for (; from < end; from = (from | (WR_SCAN_BLOCK_BYTES - 1)) + 1)
		if ((blocks[from / WR_SCAN_BLOCK_BYTES].slashes & part(from, end)) != 0)
			return true;
	return false;
}
