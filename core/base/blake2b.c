/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/blake2b.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"

#define ROUNDS 12u

static const uint64_t iv[8] = {
	0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
	0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

/* The words of the message that a round takes, in its order; rounds 10 and 11 are 0 and 1 again. */
static const uint8_t sigma[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x >> n | x << (64 - n);
}

#define MIX(a, b, c, d, x, y)                                                                      \
	do {                                                                                       \
		v[a] = v[a] + v[b] + (x);                                                          \
		v[d] = rotate(v[d] ^ v[a], 32);                                                    \
		v[c] = v[c] + v[d];                                                                \
		v[b] = rotate(v[b] ^ v[c], 24);                                                    \
		v[a] = v[a] + v[b] + (y);                                                          \
		v[d] = rotate(v[d] ^ v[a], 16);                                                    \
		v[c] = v[c] + v[d];                                                                \
		v[b] = rotate(v[b] ^ v[c], 63);                                                    \
	} while (0)

static void compress(struct wr_blake2b *b, const uint8_t *block, bool is_last)
{
	uint64_t v[16], m[16];

	for (unsigned i = 0; i < 16; i++)
		m[i] = wr_get_u64(block + i * 8);
	memcpy(v, b->h, sizeof b->h);
	memcpy(v + 8, iv, sizeof iv);
	v[12] ^= b->count[0];
	v[13] ^= b->count[1];
	v[14] = is_last ? ~v[14] : v[14];
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint8_t *s = sigma[round % 10];
		MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
		MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
		MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
		MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
		MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
		MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
		MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
		MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
	}
	for (unsigned i = 0; i < 8; i++)
		b->h[i] ^= v[i] ^ v[i + 8];
}

static void count_up(struct wr_blake2b *b, uint32_t bytes)
{
	b->count[0] += bytes;
	b->count[1] += b->count[0] < bytes;
}

void wr_blake2b_begin(struct wr_blake2b *b, uint32_t output_bytes, const void *key,
		      uint32_t key_bytes, const char *person)
{
	uint8_t personal[WR_BLAKE2B_PERSON_BYTES] = {0};
	size_t person_bytes = person != NULL ? strlen(person) : 0;

	WR_ASSERT(output_bytes >= 1 && output_bytes <= 64 && key_bytes <= WR_BLAKE2B_KEY_MAX &&
		  person_bytes <= sizeof personal);
	*b = (struct wr_blake2b){.output_bytes = output_bytes};
	if (person_bytes > 0)
		memcpy(personal, person, person_bytes);
	memcpy(b->h, iv, sizeof iv);
	b->h[0] ^= 0x01010000u ^ (uint64_t)key_bytes << 8 ^ output_bytes;
	b->h[6] ^= wr_get_u64(personal);
	b->h[7] ^= wr_get_u64(personal + 8);
	if (key_bytes == 0)
		return;
	memcpy(b->held, key, key_bytes);
	b->held_bytes = WR_BLAKE2B_BLOCK_BYTES; /* a block, however short it is */
}

void wr_blake2b_feed(struct wr_blake2b *b, const void *bytes, size_t count)
{
	const uint8_t *from = bytes;

	/* The last block is known as the last: so a full one is held until more comes. */
	while (count > 0) {
		if (b->held_bytes == WR_BLAKE2B_BLOCK_BYTES) {
			count_up(b, WR_BLAKE2B_BLOCK_BYTES);
			compress(b, b->held, false);
			b->held_bytes = 0;
		}
		while (b->held_bytes == 0 && count > WR_BLAKE2B_BLOCK_BYTES) {
			count_up(b, WR_BLAKE2B_BLOCK_BYTES);
			compress(b, from, false);
			from += WR_BLAKE2B_BLOCK_BYTES;
			count -= WR_BLAKE2B_BLOCK_BYTES;
		}
		size_t room = WR_BLAKE2B_BLOCK_BYTES - b->held_bytes;
		size_t part = count < room ? count : room;
		memcpy(b->held + b->held_bytes, from, part);
		b->held_bytes += (uint32_t)part;
		from += part;
		count -= part;
	}
}

void wr_blake2b_end(struct wr_blake2b *b, void *to)
{
	uint8_t output[64];

	memset(b->held + b->held_bytes, 0, WR_BLAKE2B_BLOCK_BYTES - b->held_bytes);
	count_up(b, b->held_bytes);
	compress(b, b->held, true);
	for (unsigned i = 0; i < 8; i++)
		wr_put_u64(output + i * 8, b->h[i]);
	memcpy(to, output, b->output_bytes);
}
