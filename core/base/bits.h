/* SPDX-License-Identifier: Apache-2.0 */
/* Small arithmetic: alignment, powers of two, cache lines, branch hints. Pure functions. */
#ifndef WR_BASE_BITS_H
#define WR_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Two 64-byte lines: adjacent-line prefetchers move them in pairs, and some ARM64 cores have
 * 128-byte lines. Fields that different threads write are this far apart.
 */
#define WR_LINE_BYTES 128
#define WR_LINE_ALIGNED _Alignas(WR_LINE_BYTES)

#define WR_LIKELY(x) __builtin_expect(!!(x), 1)
#define WR_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WR_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline bool wr_is_power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* `to` is a power of two. The caller makes sure that n + to does not overflow. */
static inline uint64_t wr_round_up(uint64_t n, uint64_t to)
{
	return (n + (to - 1)) & ~(to - 1);
}

static inline uint64_t wr_round_down(uint64_t n, uint64_t to)
{
	return n & ~(to - 1);
}

/* A block of several parts, each from a line of its own on: where the next one begins. */
static inline size_t wr_add_part(size_t *total, size_t bytes)
{
	size_t at = (size_t)wr_round_up(*total, WR_LINE_BYTES);
	*total = at + bytes;
	return at;
}

/* Smallest power of two >= n; n in 1 .. 2^63. */
static inline uint64_t wr_power_of_two_above(uint64_t n)
{
	return n <= 1 ? 1 : 1ull << (64 - __builtin_clzll(n - 1));
}

/* n is a power of two. */
static inline uint32_t wr_log2(uint64_t n)
{
	return (uint32_t)__builtin_ctzll(n);
}

/*
 * The place of a number in a table of mask + 1 places, a power of two. The upper bits of the
 * product, since those of neighbours lie apart by the golden ratio: no place is taken by more than
 * two of as many neighbours as there are places. (Bits of its middle are no such thing: 65,536
 * neighbours had 7,598 places, and up to ten shared one.)
 */
static inline uint32_t wr_spread(uint64_t number, uint32_t mask)
{
	uint64_t product = number * 0x9e3779b97f4a7c15u;

	/* In two steps, as there are 64 bits to lose where there is one place. */
	return (uint32_t)(product >> 1 >> __builtin_clzll((uint64_t)mask << 1 | 1));
}

static inline uint64_t wr_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t wr_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
