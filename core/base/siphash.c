/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/siphash.h"

#include "core/base/bytes.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void rounds(struct state *s, unsigned count)
{
	while (count-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static inline void word(struct state *s, uint64_t m)
{
	s->v3 ^= m;
	rounds(s, 2);
	s->v0 ^= m;
}

void wr_siphash128(const uint8_t secret[WR_SIPHASH_SECRET_BYTES], const void *bytes, size_t count,
		   uint64_t ret_hash[2])
{
	const uint8_t *p = bytes;
	uint64_t k0 = wr_get_u64(secret), k1 = wr_get_u64(secret + 8);
	/* "somepseudorandomlygeneratedbytes"; 0xee marks the long output. */
	struct state s = {
		.v0 = k0 ^ 0x736f6d6570736575u,
		.v1 = k1 ^ 0x646f72616e646f6du ^ 0xee,
		.v2 = k0 ^ 0x6c7967656e657261u,
		.v3 = k1 ^ 0x7465646279746573u,
	};
	uint64_t last = (uint64_t)count << 56;

	for (; count >= 8; p += 8, count -= 8)
		word(&s, wr_get_u64(p));
	for (size_t i = 0; i < count; i++)
		last |= (uint64_t)p[i] << (8 * i);
	word(&s, last);
	s.v2 ^= 0xee;
	rounds(&s, 4);
	ret_hash[0] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	s.v1 ^= 0xdd;
	rounds(&s, 4);
	ret_hash[1] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
