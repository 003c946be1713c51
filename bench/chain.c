/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the writer pays for a chain under a key: link and tag of batches of several sizes, CPU time,
 * the best of five rounds. One thread. It ends with a line of JSON.
 *
 *   bench_chain [BYTES]      to be hashed in a round; 100,000,000 without
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "core/base/bits.h"
#include "core/record/chain.h"

#define ROUNDS 5

static uint8_t batch[WR_BATCH_HEADER_BYTES + (1u << 19)];

static double ns_a_batch(const struct wr_chain_key *key, uint32_t body_bytes, uint64_t bytes)
{
	struct wr_batch_header *h = (void *)batch;
	uint64_t count = bytes / (body_bytes + WR_BATCH_HEADER_BYTES) + 1;
	uint8_t link[WR_CHAIN_LINK_BYTES] = {0};
	double best = 0;

	h->body_bytes = body_bytes;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin_ns = bench_thread_cpu_ns();
		for (uint64_t i = 0; i < count; i++) {
			wr_chain_seal(key, link, batch);
			memcpy(link, h->link, sizeof link);
		}
		double ns = (double)(bench_thread_cpu_ns() - begin_ns) / (double)count;
		best = round == 0 || ns < best ? ns : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {0, 88, 1024, 65536, 1u << 19};
	const struct wr_chain_secret secret = {.count = WR_CHAIN_SECRET_MIN};
	const uint8_t uuid[WR_UUID_BYTES] = {1};
	uint64_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000;
	double ns[WR_ARRAY_COUNT(sizes)];
	struct wr_chain_key key;

	wr_chain_key_make(&key, &secret, uuid, 0);
	for (size_t i = 0; i < WR_ARRAY_COUNT(sizes); i++) {
		ns[i] = ns_a_batch(&key, sizes[i], bytes);
		printf("%7" PRIu32 " bytes of records: %10.0f ns a batch, %.2f ns a byte\n",
		       sizes[i], ns[i], sizes[i] > 0 ? (ns[i] - ns[0]) / sizes[i] : 0);
	}
	printf("{\"batch_ns\": %.0f, \"byte_ns\": %.2f}\n", ns[0],
	       (ns[WR_ARRAY_COUNT(sizes) - 1] - ns[0]) / sizes[WR_ARRAY_COUNT(sizes) - 1]);
	return wr_chain_tag_is_good(&key, batch) ? 0 : 1;
}
