/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding: a register of 128 bits stands for all bytes so far, as a polynomial that leaves the same
 * remainder. To move it over D bits, its two halves are multiplied by x^(D+32) and x^(D-32) modulo
 * the CRC's polynomial (bit-reflected and shifted by one, as the bytes are) and added to the bytes
 * that stand D bits on. Four registers of 512 bits, each of four such lanes, take 256 bytes a turn;
 * in the end lanes are folded into one, and the CRC instruction takes that as it would 16 bytes of
 * input with a register of 0.
 *
 * The method is that of "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction"
 * (Intel, 2009). tests/unit/base/test_crc32c.c compares it with a CRC bit by bit.
 */
#include "core/base/crc32c_wide.h"

#ifdef WR_CRC32C_WIDE

#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.2")))

bool wr_crc32c_wide_is_here(void)
{
	return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0;
}

/* x^(D+32) for the lower half of a lane, x^(D-32) for the upper. */
WIDE static inline __m512i by_2048(void)
{
	return _mm512_set4_epi64(0xb9e02b86, 0xdcb17aa4, 0xb9e02b86, 0xdcb17aa4);
}

WIDE static inline __m512i by_512(void)
{
	return _mm512_set4_epi64(0x9e4addf8, 0x740eef02, 0x9e4addf8, 0x740eef02);
}

WIDE static inline __m128i by_128(void)
{
	return _mm_set_epi64x(0x14cd00bd6, 0xf20c0dfe);
}

WIDE static inline __m512i load(const uint8_t *bytes)
{
	return _mm512_loadu_si512((const void *)bytes);
}

WIDE static inline __m512i fold(__m512i x, __m512i by, __m512i next)
{
	__m512i low = _mm512_clmulepi64_epi128(x, by, 0x00);
	__m512i high = _mm512_clmulepi64_epi128(x, by, 0x11);

	return _mm512_ternarylogic_epi64(low, high, next, 0x96); /* all three, exclusive-or */
}

WIDE static inline __m128i fold_lane(__m128i x, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(x, by_128(), 0x00);
	__m128i high = _mm_clmulepi64_si128(x, by_128(), 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

WIDE static inline uint32_t remainder_of(__m512i x)
{
	__m128i lane = fold_lane(_mm512_extracti32x4_epi32(x, 0), _mm512_extracti32x4_epi32(x, 1));

	lane = fold_lane(lane, _mm512_extracti32x4_epi32(x, 2));
	lane = fold_lane(lane, _mm512_extracti32x4_epi32(x, 3));
	uint64_t crc = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(lane, 0));
	return (uint32_t)_mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(lane, 1));
}

WIDE uint32_t wr_crc32c_wide(uint32_t crc, const uint8_t *bytes, size_t length_bytes,
			     size_t *ret_done)
{
	const uint8_t *p = bytes, *end = bytes + length_bytes;
	__m512i x0 = _mm512_xor_si512(
		load(p), _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
	__m512i x1 = load(p + 64), x2 = load(p + 128), x3 = load(p + 192);

	for (p += 256; (size_t)(end - p) >= 256; p += 256) {
		x0 = fold(x0, by_2048(), load(p));
		x1 = fold(x1, by_2048(), load(p + 64));
		x2 = fold(x2, by_2048(), load(p + 128));
		x3 = fold(x3, by_2048(), load(p + 192));
	}
	x3 = fold(fold(fold(x0, by_512(), x1), by_512(), x2), by_512(), x3);
	for (; (size_t)(end - p) >= 64; p += 64)
		x3 = fold(x3, by_512(), load(p));
	*ret_done = (size_t)(p - bytes);
	return remainder_of(x3);
}

#else
/* A translation unit has to hold something. */
typedef int wr_crc32c_wide_is_empty;
#endif
