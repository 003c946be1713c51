/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a key goes to the partition that Kafka's own clients give it.
 * Method: the vectors of Kafka's unit tests; a second implementation, word by word as Kafka's Java
 *         spells it, over many lengths; every alignment.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "core/base/hash_murmur2.h"

/* org.apache.kafka.common.utils.Utils.murmur2, with Java's >>> as a shift of unsigned. */
static uint32_t murmur2_like_java(const uint8_t *data, uint32_t length)
{
	const uint32_t m = 0x5bd1e995u;
	uint32_t h = 0x9747b28cu ^ length;
	uint32_t words = length / 4;
	for (uint32_t i = 0; i < words; i++) {
		uint32_t i4 = i * 4;
		uint32_t k = (uint32_t)data[i4] + ((uint32_t)data[i4 + 1] << 8) +
			     ((uint32_t)data[i4 + 2] << 16) + ((uint32_t)data[i4 + 3] << 24);
		k *= m;
		k ^= k >> 24;
		k *= m;
		h *= m;
		h ^= k;
	}
	if (length % 4 == 3)
		h ^= (uint32_t)data[(length & ~3u) + 2] << 16;
	if (length % 4 >= 2)
		h ^= (uint32_t)data[(length & ~3u) + 1] << 8;
	if (length % 4 >= 1) {
		h ^= data[length & ~3u];
		h *= m;
	}
	h ^= h >> 13;
	h *= m;
	h ^= h >> 15;
	return h;
}

Test(hash_murmur2, gives_the_values_of_kafkas_own_tests)
{
	static const struct {
		const char *key;
		int32_t hash;
	} vectors[] = {
		{"21", -973932308},
		{"foobar", -790332482},
		{"a-little-bit-long-string", -985981536},
		{"a-little-bit-longer-string", -1486304829},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		{"abc", 479470107},
	};
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		cr_assert_eq(wr_hash_murmur2(vectors[i].key, strlen(vectors[i].key)),
			     (uint32_t)vectors[i].hash, "%s", vectors[i].key);
}

Test(hash_murmur2, takes_an_empty_key)
{
	cr_assert_eq(wr_hash_murmur2("", 0), murmur2_like_java((const uint8_t *)"", 0));
	cr_assert_eq(wr_hash_murmur2(NULL, 0), wr_hash_murmur2("", 0));
}

Test(hash_murmur2, agrees_with_the_java_spelling_at_every_length_and_alignment)
{
	uint8_t bytes[300];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 197 + 130);
	for (size_t at = 0; at < 8; at++)
		for (uint32_t length = 0; length <= 256; length++)
			cr_assert_eq(wr_hash_murmur2(bytes + at, length),
				     murmur2_like_java(bytes + at, length), "%u bytes at %zu",
				     length, at);
}
