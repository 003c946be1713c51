/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's random numbers: xoshiro256** seeded through splitmix64 (both public domain, by
 * Blackman and Vigna). The same seed gives the same numbers on every machine, which is all that a
 * seed printed by a failed run is worth. Not for secrets.
 */
#ifndef WR_SIM_PRNG_H
#define WR_SIM_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_prng {
	uint64_t state[4];
};

void wr_prng_init(struct wr_prng *prng, uint64_t seed);
uint64_t wr_prng_next(struct wr_prng *prng);
/* Uniform in [0, bound); bound > 0. The bias is under 2^-32 for the bounds used here. */
uint64_t wr_prng_below(struct wr_prng *prng, uint64_t bound);
/* Uniform in [low, high], both included. */
uint64_t wr_prng_between(struct wr_prng *prng, uint64_t low, uint64_t high);
/* True with ppm chances in a million. Draws nothing when the answer is certain. */
bool wr_prng_chance(struct wr_prng *prng, uint32_t ppm);
void wr_prng_fill(struct wr_prng *prng, void *bytes, size_t length_bytes);

#endif
