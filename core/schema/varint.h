/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro's int and long: zigzag (0, -1, 1, -2 ... are 0, 1, 2, 3 ...), seven bits a byte, the lowest
 * first, the high bit set but in the last byte. Pure functions.
 */
#ifndef WR_SCHEMA_VARINT_H
#define WR_SCHEMA_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_VARINT_BYTES_MAX 10u

static inline size_t wr_varint_put(int64_t n, uint8_t to[WR_VARINT_BYTES_MAX])
{
	uint64_t bits = (uint64_t)n << 1 ^ (0 - ((uint64_t)n >> 63));
	size_t bytes = 0;

	for (; bits > 0x7f; bits >>= 7)
		to[bytes++] = (uint8_t)(bits | 0x80);
	to[bytes++] = (uint8_t)bits;
	return bytes;
}

/* Bytes that a number takes at `at`, before `end`; 0: it is cut, or longer than 64 bits. */
static inline size_t wr_varint_get(const uint8_t *at, const uint8_t *end, int64_t *ret_n)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < WR_VARINT_BYTES_MAX && at + i < end; i++) {
		uint8_t byte = at[i];
		if (i == 9 && byte > 1)
			return 0;
		bits |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret_n = (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
			return i + 1;
		}
	}
	return 0;
}

#endif
