/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MurmurHash2, 32 bits, with the seed of Kafka's Java client. Kafka reads the key as little-endian
 * words; so does this, by bytes.h, at any alignment. Multiplications are modulo 2^32 as Java's are.
 * Thread: any. Pure function.
 */
#include "core/base/hash_murmur2.h"

#include "core/base/bytes.h"

#define SEED 0x9747b28cu
#define MULTIPLIER 0x5bd1e995u

uint32_t wr_hash_murmur2(const void *key, size_t key_bytes)
{
	const uint8_t *p = key;
	/* A key longer than 4 GiB cannot exist: records are smaller. */
	uint32_t hash = SEED ^ (uint32_t)key_bytes;
	size_t left_bytes = key_bytes;

	for (; left_bytes >= 4; p += 4, left_bytes -= 4) {
		uint32_t word = wr_get_u32(p) * MULTIPLIER;
		word ^= word >> 24;
		hash = (hash * MULTIPLIER) ^ (word * MULTIPLIER);
	}
	if (left_bytes > 0) {
		for (size_t i = 0; i < left_bytes; i++)
			hash ^= (uint32_t)p[i] << (8 * i);
		hash *= MULTIPLIER;
	}
	hash ^= hash >> 13;
	hash *= MULTIPLIER;
	hash ^= hash >> 15;
	return hash;
}
