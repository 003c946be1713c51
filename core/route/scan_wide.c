/* SPDX-License-Identifier: Apache-2.0 */
/* '{' and '[' differ in the bit 0x20 only, and so do '}' and ']': one comparison finds both. */
#include "core/route/scan_wide.h"

#ifdef WR_SCAN_WIDE

#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

#define SCAN_TARGET __attribute__((target("avx2,pclmul,popcnt")))

bool wr_scan_wide_is_here(void)
{
	return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("pclmul") != 0 &&
	       __builtin_cpu_supports("popcnt") != 0;
}

static inline SCAN_TARGET uint64_t equal(__m256i low, __m256i high, char c)
{
	__m256i wanted = _mm256_set1_epi8(c);
	uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
	uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
	return (uint64_t)b << 32 | a;
}

static inline SCAN_TARGET void classify(const uint8_t *bytes, struct wr_scan_block *ret_block)
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

/* A product without carries by all ones. */
static inline SCAN_TARGET uint64_t odd_up_to(uint64_t bits)
{
	__m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits),
					       _mm_set1_epi8((char)0xff), 0);
	return (uint64_t)_mm_cvtsi128_si64(product);
}

#else

#include <arm_neon.h>

#define SCAN_TARGET

bool wr_scan_wide_is_here(void)
{
	return true;
}

/* Each byte has one bit of its own in a row of eight; three sums of neighbours make them a word. */
static inline uint64_t equal(const uint8x16_t row[4], uint8_t c)
{
	static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t wanted = vdupq_n_u8(c), own = vld1q_u8(bits);
	uint8x16_t first = vpaddq_u8(vandq_u8(vceqq_u8(row[0], wanted), own),
				     vandq_u8(vceqq_u8(row[1], wanted), own));
	uint8x16_t last = vpaddq_u8(vandq_u8(vceqq_u8(row[2], wanted), own),
				    vandq_u8(vceqq_u8(row[3], wanted), own));
	uint8x16_t sum = vpaddq_u8(first, last);
	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

static inline void classify(const uint8_t *bytes, struct wr_scan_block *ret_block)
{
	uint8x16_t row[4], set[4];
	for (int i = 0; i < 4; i++) {
		row[i] = vld1q_u8(bytes + 16 * i);
		set[i] = vorrq_u8(row[i], vdupq_n_u8(0x20));
	}
	ret_block->quotes = equal(row, '"');
	ret_block->slashes = equal(row, '\\');
	ret_block->dots = equal(row, '.');
	ret_block->opens = equal(set, '{');
	ret_block->closes = equal(set, '}');
}

/* Bit i: is the number of bits up to and with i odd? */
static inline uint64_t odd_up_to(uint64_t bits)
{
	for (unsigned by = 1; by < 64; by *= 2)
		bits ^= bits << by;
	return bits;
}

#endif

#include "core/route/scan_body.h"

const struct wr_scan_way wr_scan_wide = {run, end_of};

#else
/* A translation unit has to hold something. */
typedef int wr_scan_wide_is_empty;
#endif
