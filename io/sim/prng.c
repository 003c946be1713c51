/* SPDX-License-Identifier: Apache-2.0 */
/* See prng.h. Thread: one per generator. */
#include "io/sim/prng.h"

#include <string.h>

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15ull);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

void wr_prng_init(struct wr_prng *prng, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		prng->state[i] = splitmix64(&seed);
}

uint64_t wr_prng_next(struct wr_prng *prng)
{
	uint64_t *s = prng->state;
	const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	const uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t wr_prng_below(struct wr_prng *prng, uint64_t bound)
{
	const uint64_t draw = wr_prng_next(prng);

	/* Small bounds by multiplication: no division, and the better high bits decide. */
	if (bound <= UINT32_MAX)
		return (draw >> 32) * bound >> 32;
	return draw % bound;
}

uint64_t wr_prng_between(struct wr_prng *prng, uint64_t low, uint64_t high)
{
	return low + wr_prng_below(prng, high - low + 1);
}

bool wr_prng_chance(struct wr_prng *prng, uint32_t ppm)
{
	if (ppm == 0)
		return false;
	if (ppm >= 1000000)
		return true;
	return wr_prng_below(prng, 1000000) < ppm;
}

void wr_prng_fill(struct wr_prng *prng, void *bytes, size_t length_bytes)
{
	uint8_t *at = bytes;

	while (length_bytes > 0) {
		const uint64_t draw = wr_prng_next(prng);
		const size_t n = length_bytes < sizeof draw ? length_bytes : sizeof draw;
		memcpy(at, &draw, n);
		at += n;
		length_bytes -= n;
	}
}
