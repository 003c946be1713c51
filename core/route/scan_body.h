/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner's loops, once for each way that a CPU has of finding the bytes of 64 at once: part of
 * scan.c and scan_wide.c, which have before
 *
 *   SCAN_TARGET       the attribute that lets the compiler use that way's instructions, or nothing
 *   classify()        the raw masks of 64 bytes: quotes and brackets wherever they stand
 *   odd_up_to()       bit i: is the number of bits up to and with i odd?
 *
 * and get run() and end_of().
 */
/*
 * So far ahead a text is sent for, also beyond its end: there the next event's often lies, and has
 * come when it is asked for.
 */
#define AHEAD_BYTES 2048u

/* What stands behind a backslash that is not itself behind one. *carry: the next block's first. */
static inline SCAN_TARGET uint64_t escaped_of(uint64_t slashes, uint64_t *carry)
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

static SCAN_TARGET bool run(const uint8_t *text, size_t bytes, struct wr_scan_block *blocks)
{
	uint64_t carry = 0, inside = 0;
	size_t count = wr_scan_block_count(bytes);
	for (size_t i = 0; i < count; i++) {
		struct wr_scan_block *b = &blocks[i];
		size_t left = bytes - i * WR_SCAN_BLOCK_BYTES;
		uintptr_t ahead = (uintptr_t)text + i * WR_SCAN_BLOCK_BYTES + AHEAD_BYTES;
		__builtin_prefetch((const void *)ahead);
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

static SCAN_TARGET size_t end_of(const struct wr_scan_block *blocks, size_t at, size_t bytes)
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
