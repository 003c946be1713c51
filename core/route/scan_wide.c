/* SPDX-License-Identifier: Apache-2.0 */
/* '{' and '[' differ in the bit 0x20 only, and so do '}' and ']': one comparison finds both. */
#include "core/route/scan_wide.h"

#ifdef WR_SCAN_WIDE

#include <immintrin.h>

#define WIDE __attribute__((target("avx2")))

bool wr_scan_wide_is_here(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

WIDE static inline uint64_t equal(__m256i low, __m256i high, char c)
{
	__m256i wanted = _mm256_set1_epi8(c);
	uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
	uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
	return (uint64_t)b << 32 | a;
}

WIDE void wr_scan_wide(const uint8_t *bytes, struct wr_scan_block *ret_block)
{
	__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
	__m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
	__m256i bit = _mm256_set1_epi8(0x20);
	__m256i low_set = _mm256_or_si256(low, bit), high_set = _mm256_or_si256(high, bit);
	ret_block->quotes = equal(low, high, '"');
	ret_block->slashes = equal(low, high, '\\');
	ret_block->dots = equal(low, high, '.');
	ret_block->opens = equal(low_set, high_set, '{');
	ret_block->closes = equal(low_set, high_set, '}');
}

#else
/* A translation unit has to hold something. */
typedef int wr_scan_wide_is_empty;
#endif
